import Testing

@testable import Cairn

@Suite struct TrackerItemsTests {
    @Test(arguments: [0, 1, 443, 65_535, Int64(UInt32.max) - 1])
    func `a whole number that fits is its own tag`(number: Int64) {
        let tag = NumberTag.tag(ExactNumber(number))
        #expect(tag == UInt32(number))
        #expect(NumberTag.number(tag) == ExactNumber(number))
    }

    @Test(arguments: [
        ExactNumber(-1), ExactNumber(Int64(UInt32.max)), ExactNumber(.max), ExactNumber(0.5),
        ExactNumber(1e20), nil,
    ])
    func `any other number is told by its item only`(number: ExactNumber?) {
        #expect(NumberTag.number(NumberTag.tag(number)) == nil)
    }
}
