import Testing

@testable import Cairn

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_795_454_400_123_456_789, "2026-11-23T17:20:00.123456789Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ])
    func `a moment is written with nine digits in UTC`(nanoseconds: Int, text: String) {
        #expect(Timestamp(nanoseconds: Int64(nanoseconds)).description == text)
    }

    @Test func `EVE records have microseconds and an offset`() {
        #expect(
            Timestamp(nanoseconds: 1_795_454_400_123_456_789).text(fractionDigits: 6, zone: "+0000")
                == "2026-11-23T17:20:00.123456+0000")
    }

    @Test(arguments: [Int64.min, -86_400_000_000_001, 0, 1_582_934_400_000_000_000, .max])
    func `calendar fields give the moment back`(nanoseconds: Int64) {
        let moment = Timestamp(nanoseconds: nanoseconds)
        #expect(Timestamp(civil: moment.civilTime) == moment)
    }

    @Test func `arithmetic saturates at the ends of the range`() {
        #expect(Timestamp.distantFuture.adding(nanoseconds: 1) == .distantFuture)
        #expect(Timestamp(nanoseconds: .min).nanoseconds(since: .distantFuture) == .min)
    }
}
