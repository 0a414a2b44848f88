import Testing

@testable import Cairn

@Suite struct EventClockTests {
    /// Stamps in seconds, the clock at each, and how many were not believed.
    static let cases: [([Int64], [Int64], UInt64)] = [
        ([100, 101, 103], [100, 101, 103], 0),
        ([100, 90, 101], [100, 100, 101], 0),
        ([100, 3700, 7300], [100, 3700, 7300], 0),
        // One wild stamp between others.
        ([100, 90_000, 101, 102], [100, 100, 101, 102], 1),
        // A capture that was interrupted.
        ([100, 90_000, 90_001], [100, 90_000, 90_001], 0),
        // A quiet network: every frame is hours behind the one before.
        ([0, 7200, 14_400, 21_600, 21_601], [0, 7200, 14_400, 21_600, 21_601], 0),
        // The last frame has nothing that could agree with it.
        ([100, 90_000], [100, 100], 1),
        // The first frame is the wild one.
        ([90_000, 100, 101], [100, 100, 101], 1),
        ([90_000], [90_000], 0),
        // The second is, and lies far back.
        ([90_000, 100, 90_001], [90_000, 90_000, 90_001], 0),
        ([90_000, 100, 100_000, 100_001], [90_000, 90_000, 100_000, 100_001], 0),
        // Two wild ones, the second further back.
        ([100, 900_000, 90_000, 101], [100, 100, 100, 101], 2),
    ]

    @Test(arguments: cases)
    func `the clock goes forward and ignores wild stamps`(
        stamps: [Int64], expected: [Int64], jumps: UInt64
    ) {
        var clock = EventClock()
        let times = stamps.map { Timestamp(nanoseconds: $0 * nanosecondsPerSecond) }
        let seen = times.indices.map { index in
            clock.advance(
                to: times[index], next: times[(index + 1)...].first,
                afterNext: times.dropFirst(index + 2).first)
        }
        #expect(seen.map { $0.clock.nanoseconds / nanosecondsPerSecond } == expected)
        #expect(seen.count { $0.isJump } == Int(jumps) && clock.jumpCount == jumps)
        #expect(clock.now == seen.last?.clock)
    }

    @Test func `stamps at the ends of time do not trap`() {
        var clock = EventClock()
        for stamp in [Int64.min, .max, 0, .min, .max] {
            _ = clock.advance(to: Timestamp(nanoseconds: stamp), next: .distantFuture)
            _ = clock.advance(to: Timestamp(nanoseconds: stamp), next: nil)
        }
    }
}
