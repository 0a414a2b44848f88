import Testing

@testable import Cairn

@Suite struct IntegerTestTests {
    @Test(
        arguments: [
            ("5", [5]), ("=5", [5]), ("0x5", [5]), ("!5", [0, 1, 4, 6, 9]),
            ("!=5", [0, 1, 4, 6, 9]),
            (">4", [5, 6, 9]), (">= 5", [5, 6, 9]), ("<4", [0, 1]), ("<=4", [0, 1, 4]),
            ("1-5", [4]), ("1<>5", [4]), ("!1-5", [0, 1, 5, 6, 9]), ("&4=4", [4, 5, 6]),
            ("&0x4!=4", [0, 1, 9]), ("&6=0", [0, 1, 9]), ("&1=0x1", [1, 5, 9]), ("odd", [9]),
            ("!odd", [0, 1, 4, 5, 6]), ("<1kb", [0, 1, 4, 5, 6, 9]),
        ] as [(String, [Int64])])
    func `tests of numbers`(text: String, expected: [Int64]) throws {
        let test = try #require(IntegerTest(text, names: ["odd": 9]))
        #expect([0, 1, 4, 5, 6, 9].filter(test.holds) == expected)
        #expect(IntegerTest(test.text) == test)
    }

    @Test(arguments: [
        "", "x", "!", "5-", "1<>", "&4", "&4=8", "&=4", "0x", "5 mm", "99999999999999999999kb",
    ])
    func `tests that are none`(text: String) {
        #expect(IntegerTest(text) == nil)
    }

    @Test(arguments: [("2kb", 2048), ("1MiB", 1 << 20), ("1gb", 1 << 30), ("0xFF", 255)])
    func `numbers have units`(text: String, number: Int64) {
        #expect(IntegerTest.number(text) == number)
    }

    @Test(
        arguments: [
            ("any", [false, true], true), ("any", [false], false), ("any", [], false),
            ("all", [true, true], true), ("all", [true, false], false), ("all", [], false),
            ("all_or_absent", [], true), ("all_or_absent", [false], false),
            ("or_absent", [], true), ("or_absent", [false], false),
            ("or_absent", [false, true], true),
            ("0", [true, false], true), ("1", [true, false], false), ("-1", [false, true], true),
            ("2", [true, true], false), ("-3", [true, true], false),
            ("oob_or 2", [false, false], true),
            ("oob_or 1", [false, false], false), ("nb>1", [true, false, true], true),
            ("nb>1", [true, false], false), ("nb<1", [], true),
            ("all,1:-1", [false, true, false], true),
            ("nb=2,1:3", [true, true, true], true), ("0,1:3", [false, true, false], true),
            ("any,2:9", [true, true, true], false),
        ] as [(String, [Bool], Bool)])
    func `which of the values`(text: String, values: [Bool], holds: Bool) throws {
        let choice = try #require(ElementChoice(text))
        let places = choice.places(of: values.count)
        let held = places.filter { values[$0] }.count
        #expect(choice.isMet(held: held, of: places.count) == holds)
    }

    @Test(arguments: ["", "some", "1,2", "1,2:", "nb", "all,0:1,2", "100000"])
    func `choices that are none`(text: String) {
        #expect(ElementChoice(text) == nil)
    }
}
