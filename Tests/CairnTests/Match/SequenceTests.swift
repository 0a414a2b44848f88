import Testing

@testable import Cairn

@Suite struct SequenceTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var steps: [SequenceStep]
        var text: String
        var holds: Bool

        init(_ steps: [SequenceStep], _ text: String, _ holds: Bool) {
            self.steps = steps
            self.text = text
            self.holds = holds
        }

        var testDescription: String { "\(text): \(steps.count) steps, \(holds)" }
    }

    @Test(arguments: [
        Case([.content("bc")], "abcd", true),
        Case([.content("BC")], "abcd", false),
        Case([.content("BC", nocase: true)], "abcd", true),
        Case([.content("x", not: true)], "abcd", true),
        Case([.content("bc", not: true)], "abcd", false),
        Case([.content("ab", startsWith: true)], "abab", true),
        Case([.content("ba", startsWith: true)], "abab", false),
        Case([.content("ab", endsWith: true)], "abxab", true),
        Case([.content("ab", endsWith: true)], "abxabc", false),
        Case([.content("ab", not: true, endsWith: true)], "abxabc", true),
        Case([.content("ab", not: true, endsWith: true)], "xxxab", false),
        Case([.content("ab", not: true)], "", true),
        Case([.content("ab")], "", false),
    ])
    func `contents`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        Case([.content("cd", offset: 2)], "abcd", true),
        Case([.content("cd", offset: 3)], "abcd", false),
        Case([.content("bc", depth: 3)], "abcd", true),
        Case([.content("bc", depth: 2)], "abcd", false),
        // The depth counts from the offset.
        Case([.content("cd", offset: 2, depth: 2)], "abcd", true),
        Case([.content("cd", offset: 1, depth: 2)], "abcd", false),
        Case([.content("cd", offset: 9)], "abcd", false),
        Case([.content("cd", offset: 9, not: true)], "abcd", true),
        Case([.content("cd", depth: 3, not: true)], "abcd", true),
    ])
    func `absolute bounds`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        Case([.content("a"), .content("b", distance: 0)], "a..b", true),
        Case([.content("a"), .content("b", distance: 3)], "a..b", false),
        Case([.content("a"), .content("b", distance: 2)], "a..b", true),
        Case([.content("a"), .content("b", within: 3)], "a..b", true),
        Case([.content("a"), .content("b", within: 2)], "a..b", false),
        // What is within counts from behind the distance.
        Case([.content("a"), .content("b", distance: 2, within: 1)], "a..b", true),
        Case([.content("a"), .content("b", distance: 1, within: 1)], "a..b", false),
        Case([.content("b"), .content("a", distance: -4)], "a..b", true),
        Case([.content("b"), .content("a", distance: 0)], "a..b", false),
        // The first step counts from the start.
        Case([.content("b", within: 4)], "a..b", true),
        Case([.content("b", within: 3)], "a..b", false),
        Case([.content("a"), .content("b", within: 2, not: true)], "a..b", true),
        Case([.content("a"), .content("b", within: 3, not: true)], "a..b", false),
        // A negated step does not move the cursor.
        Case(
            [
                .content("a"), .content("x", within: 3, not: true),
                .content("b", distance: 2, within: 1),
            ],
            "a..b", true),
    ])
    func `relative bounds`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        // The first "a" is followed by the wrong thing, the second by the right one.
        Case([.content("a"), .content("b", within: 1)], "axab", true),
        Case([.content("a"), .content("b", within: 1), .content("c", within: 1)], "abxabc", true),
        Case(
            [.content("a"), .content("b", within: 2), .content("c", within: 1)], "a.b.abbc", true),
        Case([.regex("a."), .content("b", within: 1)], "axxayb", true),
        Case([.content("a"), .regex("^b", relative: true)], "axab", true),
        Case([.content("a"), .isDataAt(2, relative: true, not: true)], "axxxa.", true),
        Case(
            [
                .content("a"),
                .byteTest(
                    ByteNumber(1, at: 0, relative: true), .equal, .number(0x62),
                    isNegated: false),
            ], "axab", true),
        // Nothing behind depends on the place of the first, so only its first place counts.
        Case([.content("a"), .content("x"), .content("b", within: 1)], "a.xb", true),
        Case([.content("b", offset: 2), .content("b", within: 1)], "b.bb", true),
    ])
    func `earlier steps are tried again`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        Case([.isDataAt(3)], "abcd", true), Case([.isDataAt(4)], "abcd", false),
        Case([.isDataAt(4, not: true)], "abcd", true),
        Case([.content("b"), .isDataAt(2, relative: true)], "abcd", true),
        Case([.content("b"), .isDataAt(3, relative: true)], "abcd", false),
        Case([.size(.equal, 4)], "abcd", true), Case([.size(.less, 4)], "abcd", false),
        Case([.size(.greater, 3)], "abcd", true), Case([.size(.notEqual, 4)], "abcd", false),
        Case([.sizeRange(2, 4)], "abcd", true), Case([.sizeRange(5, 2)], "abcd", false),
        Case([.regex("^b")], "ab", false),
        Case([.content("a"), .regex("^b", relative: true)], "ab", true),
        Case([.regex("x", not: true)], "ab", true), Case([.regex("a(?=c)")], "ab", false),
    ])
    func `sizes and expressions`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        Case(
            [.byteTest(ByteNumber(2, at: 0), .equal, .number(0x4142), isNegated: false)], "AB", true
        ),
        Case(
            [
                .byteTest(
                    ByteNumber(2, at: 0, little: true), .equal, .number(0x4241), isNegated: false)
            ],
            "AB", true),
        // Of no number of bytes, a text's digits are all that there are.
        Case(
            [
                .byteTest(
                    ByteNumber(0, at: 1, text: .decimal), .equal, .number(12), isNegated: false)
            ],
            "A12 3", true),
        Case(
            [.byteTest(ByteNumber(0, at: 0, text: .decimal), .equal, .number(0), isNegated: false)],
            "A12", false),
        Case(
            [.byteTest(ByteNumber(0, at: 0, text: .decimal), .equal, .number(7), isNegated: false)],
            "0000000000000000000000000007", true),
        Case([.byteTest(ByteNumber(2, at: 1), .equal, .number(0), isNegated: false)], "AB", false),
        // What is not there is neither equal nor different.
        Case([.byteTest(ByteNumber(2, at: 1), .equal, .number(0), isNegated: true)], "AB", false),
        Case(
            [.byteTest(ByteNumber(1, at: 0), .greater, .number(0x40), isNegated: false)], "AB", true
        ),
        Case([.byteTest(ByteNumber(1, at: 0), .less, .number(0x41), isNegated: true)], "AB", true),
        Case([.byteTest(ByteNumber(1, at: 0), .and, .number(0x40), isNegated: false)], "AB", true),
        Case([.byteTest(ByteNumber(1, at: 0), .or, .number(0x41), isNegated: false)], "AB", false),
        Case(
            [.byteTest(ByteNumber(1, at: 0, mask: 0xf0), .equal, .number(4), isNegated: false)],
            "AB", true),
        Case(
            [
                .byteTest(
                    ByteNumber(3, at: 1, text: .decimal), .equal, .number(123), isNegated: false)
            ],
            "x123", true),
        Case(
            [
                .byteTest(
                    ByteNumber(4, at: 0, text: .hexadecimal), .equal, .number(255),
                    isNegated: false)
            ], "0xFF", true),
        Case(
            [.byteTest(ByteNumber(3, at: 0, text: .octal), .equal, .number(8), isNegated: false)],
            "108", true),
        Case(
            [.byteTest(ByteNumber(2, at: 0, text: .decimal), .equal, .number(0), isNegated: false)],
            "xy", false),
    ])
    func `byte tests`(_ test: Case) { #expect(asExpected(test)) }

    @Test(arguments: [
        // A length, then what follows that many bytes.
        Case(
            [
                .byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump()),
                .content("b", within: 1),
            ],
            "2aab", true),
        Case(
            [
                .byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump()),
                .content("a", within: 1),
            ],
            "2aab", false),
        Case(
            [
                .byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump()),
                .content("c", within: 1),
            ],
            "2aabc", false),
        Case(
            [
                .byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump(fromBeginning: true)),
                .content("a", within: 1),
            ], "2xa", true),
        Case(
            [
                .byteJump(
                    ByteNumber(1, at: 0, text: .decimal),
                    ByteJump(
                        postOffset: .number(-3),
                        fromEnd: true)), .content("x", within: 1),
            ], "2ax", true),
        Case([.byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump())], "9aab", false),
        Case(
            [
                .byteExtract(
                    ByteNumber(1, at: 0, text: .decimal), variable: "n", multiplier: 1, align: 0),
                .content("b", offset: 0),
                .isDataAt(.variable("n"), isRelative: false, isNegated: false),
            ],
            "3abb", true),
        Case(
            [
                .byteExtract(
                    ByteNumber(1, at: 0, text: .decimal), variable: "n", multiplier: 2, align: 4),
                .isDataAt(.variable("n"), isRelative: false, isNegated: false),
            ], "3bbbbbbb", false),
        Case(
            [
                .byteMath(ByteNumber(1, at: 0, text: .decimal), .multiply, .number(2), result: "n"),
                .byteTest(
                    ByteNumber(1, at: 1, text: .decimal), .equal, .variable("n"), isNegated: false),
            ],
            "48", true),
        Case([.byteMath(ByteNumber(1, at: 0), .divide, .number(0), result: "n")], "48", false),
        Case(
            [
                .byteMath(ByteNumber(1, at: 0), .shiftLeft, .number(64), result: "n"),
                .byteTest(ByteNumber(1, at: 0), .equal, .variable("n"), isNegated: true),
            ], "4", true),
    ])
    func `jumps and variables`(_ test: Case) { #expect(asExpected(test)) }

    /// Each of these was asked of Suricata 7.0.10 too.
    @Test(arguments: [
        // What counts from the test before it does not count from the content before that.
        Case(
            [.content("a"), .isDataAt(1), .isDataAt(2, relative: true, not: true)], "ac1ab", false),
        Case([.content("a"), .content("b", within: 1)], "ac1ab1", true),
        Case([.content("a"), .isDataAt(1), .content("b", within: 1)], "ac1ab1", true),
        Case(
            [.content("a"), .content("z", not: true), .content("b", within: 1)], "ac1ab1", false),
        Case(
            [.content("a"), .content("z", within: 9, not: true), .content("b", within: 1)],
            "ac1ab1",
            true),
        // A negated content without bounds takes room before what counts from it.
        Case([.content("bb", not: true), .content("b", distance: 5)], "aaaaab", false),
        Case([.content("bb", not: true), .content("b", distance: 5)], "11b1ab1ba11aa", true),
        Case([.content("1", not: true), .content("bb", within: 7)], "bb", true),
        // An end before the start is no bound.
        Case([.content("b", distance: -2, within: 1)], "a1b", true),
        // With "endswith" a negated content is looked for once, from its offset.
        Case([.content("1", offset: 3, not: true, endsWith: true)], "aaaaaa1aaa", false),
        Case([.content("1", offset: 3, not: true, endsWith: true)], "aaaaaaaaa1", true),
        Case([.content("1", offset: 0, not: true, endsWith: true)], "1aaaaaaaa1", true),
        // No data one byte behind a content is its end.
        Case(
            [.content("a11", not: true), .isDataAt(1, relative: true, not: true)], "ab11a", true),
        // A jump to before the start leads to the start, one to the end is fine.
        Case(
            [
                .byteJump(
                    ByteNumber(1, at: 0, text: .decimal), ByteJump(postOffset: .number(-9))),
                .content("1", within: 1),
            ], "1bbc", true),
        Case(
            [.byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump(postOffset: .number(2)))],
            "1bbc", true),
        Case(
            [.byteJump(ByteNumber(1, at: 0, text: .decimal), ByteJump(postOffset: .number(3)))],
            "1bbc", false),
        // Relative numbers need data where they begin.
        Case(
            [
                .content("c"),
                .byteTest(
                    ByteNumber(0, at: 0, relative: true), .equal, .number(0), isNegated: false),
            ], "abc", false),
        // Jumps do not.
        Case(
            [
                .content("c"),
                .byteJump(ByteNumber(0, at: 0, relative: true), ByteJump(postOffset: .number(-3))),
                .content("a", within: 1),
            ], "abc", true),
        Case(
            [
                .byteJump(
                    ByteNumber(0, at: 1, text: .decimal), ByteJump(postOffset: .number(1))),
                .content("c", within: 1),
            ], "abc", true),
    ])
    func `bounds and retries are Suricata's`(_ test: Case) { #expect(asExpected(test)) }

    @Test func `depths from variables count from the offset`() {
        let read = SequenceStep.byteExtract(
            ByteNumber(1, at: 0, text: .decimal), variable: "v", multiplier: 1, align: 0)
        func content(offset: Operand? = nil, depth: Operand? = nil) -> SequenceStep {
            var step = ContentStep(bytes: [0x62])
            (step.offset, step.depth) = (offset, depth)
            return .content(step)
        }
        let steps = [read, content(offset: .variable("v"), depth: .number(3))]
        #expect((0..<9).filter { holds(steps, Self.single("b", at: $0 + 1)) } == [2, 3, 4])
        let other = [read, content(offset: .number(2), depth: .variable("v"))]
        #expect((0..<9).filter { holds(other, Self.single("b", at: $0 + 1)) } == [1, 2, 3])
    }

    /// `3` and nine letters, one of which is another.
    private static func single(_ letter: Character, at place: Int) -> String {
        String((0..<10).map { $0 == 0 ? "3" : $0 == place ? letter : "a" })
    }

    @Test(arguments: [
        Case([.base64(steps: [.content("bc")])], "", false),
        Case([.base64(steps: [.content("bc", endsWith: true)])], "YWJj", true),
        Case([.base64(steps: [.content("bc", offset: 2)])], "YWJj", false),
        Case(
            [.content("x="), .base64(relative: true, steps: [.content("abc", depth: 3)])], "x=YWJj",
            true),
        Case([.base64(Base64Decoding(offset: 2), steps: [.content("abc")])], "x=YWJj", true),
        Case([.base64(Base64Decoding(byteCount: 4), steps: [.content("abcd")])], "YWJjZA==", false),
        Case([.base64(steps: [.content("abcd", endsWith: true)])], "YWJjZA==", true),
        Case([.base64(steps: [.content("ab")])], "????", false),
        // What stands before a byte of no alphabet counts; padding within does too.
        Case([.base64(steps: [.content("abca", endsWith: true)])], "YWJjY!YWJj", false),
        Case([.base64(steps: [.size(.equal, 4)])], "YWJjYW!YWJj", true),
        Case([.base64(steps: [.size(.equal, 4)])], "YW==YWJj", true),
        Case([.base64(steps: [.size(.equal, 5)])], "YWJjYQ=", true),
    ])
    func `base64 in values`(_ test: Case) { #expect(asExpected(test)) }

    @Test func `encodings that are wrong`() {
        func holds(_ test: ASN1Test, _ bytes: [UInt8]) -> Bool {
            CairnTests.holds([.asn1(test)], bytes)
        }
        func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            content.count < 128
                ? [tag, UInt8(content.count)] + content
                : [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
        }
        let long = ASN1Test(oversizeLength: 10)
        let text = element(4, Array("elevenbytes".utf8))
        let cut = Array(text.dropLast())
        let letters = [UInt8](repeating: 0x41, count: 11)
        let wrong: [[UInt8]] = [
            text, element(0x30, text), element(0x31, element(0x30, text)), element(5, []) + text,
            text + [0x78], element(0xa0, text), element(0x24, text), [0x30, 0x80] + text + [0, 0],
            [0x04, 0x84, 0, 0, 0] + text.dropFirst(), [0x1f, 0x81, 0x01] + text.dropFirst(),
            element(6, letters),
        ]
        for bytes in wrong { #expect(holds(long, bytes), "\(bytes)") }
        // Not as long, not all there, or not what the type says, also of what lies in it.
        let others: [[UInt8]] = [
            element(4, Array(letters.dropLast())), cut, [0x30, 0x80] + text, element(0x30, cut),
            element(0x30, text + [0x78]), element(0x10, text),
            element(12, Array(repeating: 0xff, count: 11)), element(1, letters),
            element(0x30, text + element(5, [0])), element(23, letters), [], [0x30],
            Array(repeating: 0x30, count: 600), [0x1f, 0x81],
        ]
        for bytes in others { #expect(!holds(long, bytes), "\(bytes)") }
        let bits = ASN1Test(bitstringOverflow: true)
        #expect(holds(bits, [0x03, 0x01, 0x09]))
        #expect(holds(bits, [0x30, 0x04, 0x03, 0x02, 0x11, 0x00]))
        #expect(!holds(bits, [0x03, 0x01, 0x08]))
        #expect(!holds(bits, [0x03, 0x02, 0x10, 0x00]))
        let real = ASN1Test(doubleOverflow: true)
        let zeros = [UInt8](repeating: 0, count: 256)
        #expect(holds(real, element(9, [0x03] + zeros)))
        #expect(!holds(real, element(9, zeros)))
        #expect(!holds(real, element(9, [0x80] + zeros)))
    }

    @Test func `how disordered bytes are`() {
        func holds(_ test: EntropyTest, _ text: String) -> Bool {
            CairnTests.holds([.entropy(test)], text)
        }
        #expect(holds(EntropyTest(comparison: .equal, value: 2), "abcd"))
        #expect(holds(EntropyTest(comparison: .equal, value: 0), "aaaa"))
        #expect(holds(EntropyTest(byteCount: 2, offset: 2, comparison: .equal, value: 1), "aacd"))
        #expect(!holds(EntropyTest(byteCount: 3, offset: 2, comparison: .less, value: 9), "aacd"))
        // The ends of a range are not in it.
        #expect(holds(EntropyTest(value: 1.5, rangeEnd: 2.5), "abcd"))
        #expect(!holds(EntropyTest(value: 1.5, rangeEnd: 2), "abcd"))
        #expect(holds(EntropyTest(comparison: .notEqual, value: 2, rangeEnd: 2.5), "abcd"))
        #expect(!holds(EntropyTest(comparison: .notEqual, value: 1, rangeEnd: 2.5), "abcd"))
    }

    private func asExpected(_ test: Case) -> Bool { holds(test.steps, test.text) == test.holds }

    @Test func `absolute offsets count from the start of a stream`() {
        #expect(holds([.content("cd", offset: 102)], "abcd", base: 100))
        #expect(!holds([.content("cd", offset: 103)], "abcd", base: 100))
        #expect(holds([.content("cd", depth: 104)], "abcd", base: 100))
        #expect(!holds([.content("cd", depth: 103)], "abcd", base: 100))
        #expect(!holds([.content("ab", startsWith: true)], "abcd", base: 100))
        #expect(holds([.content("ab"), .content("cd", within: 2)], "abcd", base: 100))
        #expect(!holds([.content("ab", within: 10)], "abcd", base: 100))
        #expect(!holds([.regex("^ab")], "abcd", base: 100))
        #expect(holds([.isDataAt(103)], "abcd", base: 100))
        #expect(!holds([.isDataAt(104)], "abcd", base: 100))
    }

    @Test func `what takes too many steps does not match`() {
        // Each "a" is tried with the "b" behind it, and only the last is followed by a "c".
        let text = Array(String(repeating: "ab", count: 400).utf8) + Array("c".utf8)
        let steps: [SequenceStep] = [
            .content("a"), .content("b", within: 1), .content("c", within: 1),
        ]
        #expect(!holds(steps, text, recursionLimit: 100))
        #expect(holds(steps, text))
    }

    /// All ways to place the steps, by brute force.
    private static func naive(
        _ steps: ArraySlice<ContentStep>, _ text: [UInt8], cursor: Int
    ) -> Bool {
        guard let step = steps.first else { return true }
        func number(_ operand: Operand?) -> Int? {
            if case .number(let value) = operand { Int(value) } else { nil }
        }
        let isRelative = step.distance != nil || step.within != nil
        let origin = isRelative ? cursor + (number(step.distance) ?? 0) : number(step.offset) ?? 0
        let bound = (isRelative ? step.within : step.depth).flatMap { number($0) }
        // An end before the start is no bound.
        let limit = bound.map { origin + $0 < 0 ? text.count : origin + $0 } ?? text.count
        let places = text.indices.filter { start in
            let end = start + step.bytes.count
            return start >= origin && end <= min(limit, text.count)
                && Array(text[start..<end]) == step.bytes
        }
        if step.isNegated {
            return places.isEmpty && naive(steps.dropFirst(), text, cursor: cursor)
        }
        return places.contains {
            naive(steps.dropFirst(), text, cursor: $0 + step.bytes.count)
        }
    }

    @Test func `random chains match where some placing of them does`() {
        var random = SeededGenerator(seed: 3)
        let alphabet = Array("ab".utf8)
        var heldCount = 0
        for _ in 0..<3_000 {
            let steps = (0..<1 + random.below(4)).map { index in
                var step = ContentStep(bytes: random.bytes(1 + random.below(2), of: alphabet))
                step.isNegated = index > 0 && random.oneIn(4)
                if index > 0 {
                    step.distance = .number(Int64(random.below(6) - 2))
                    if random.oneIn(2) { step.within = .number(Int64(random.below(5))) }
                } else if random.oneIn(2) {
                    step.offset = .number(Int64(random.below(4)))
                    step.depth = .number(Int64(random.below(6)))
                }
                return step
            }
            let text = random.bytes(random.below(12), of: alphabet)
            let expected = Self.naive(steps[...], text, cursor: 0)
            heldCount += expected ? 1 : 0
            let isHeld = holds(steps.map { .content($0) }, text)
            #expect(isHeld == expected, "\(steps) on \(String(decoding: text, as: UTF8.self))")
        }
        #expect((500...2_500).contains(heldCount))
    }

    @Test func `random steps on random bytes never trap`() {
        var random = SeededGenerator(seed: 5)
        let extremes: [Int64] = [0, 1, -1, 3, 8, 23, 24, .max, .min, 1 << 33, -(1 << 33)]
        func operand(_ random: inout SeededGenerator) -> Operand {
            random.oneIn(4) ? .variable("v") : .number(random.element(of: extremes))
        }
        func number(_ random: inout SeededGenerator) -> ByteNumber {
            ByteNumber(
                byteCount: .number(Int64(random.below(25))), offset: operand(&random),
                isRelative: random.oneIn(2), isLittleEndian: random.oneIn(2),
                text: random.oneIn(2) ? random.element(of: [.decimal, .hexadecimal, .octal]) : nil,
                bitmask: random.oneIn(2) ? UInt64(random.below(3)) : nil)
        }
        func step(_ random: inout SeededGenerator) -> SequenceStep {
            switch random.below(8) {
            case 0:
                return .byteTest(
                    number(&random), .greater, operand(&random), isNegated: random.oneIn(2))
            case 1:
                return .byteJump(
                    number(&random),
                    ByteJump(
                        multiplier: random.element(of: extremes), postOffset: operand(&random),
                        aligns: random.oneIn(2), fromBeginning: random.oneIn(3),
                        fromEnd: random.oneIn(3)))
            case 2:
                return .byteExtract(
                    number(&random), variable: "v", multiplier: random.element(of: extremes),
                    align: random.element(of: [0, 2, 4]))
            case 3:
                return .byteMath(
                    number(&random), random.element(of: [.add, .divide, .shiftLeft, .shiftRight]),
                    operand(&random), result: "v")
            case 4:
                return .isDataAt(
                    operand(&random), isRelative: random.oneIn(2), isNegated: random.oneIn(2))
            case 5: return .regex("1.", relative: random.oneIn(2))
            case 6:
                return .size(
                    random.element(of: [.less, .greater, .equal]), random.element(of: extremes))
            default:
                var step = ContentStep(bytes: [0x31], isNegated: random.oneIn(4))
                if random.oneIn(2) { step.offset = operand(&random) }
                if random.oneIn(2) { step.depth = operand(&random) }
                if random.oneIn(2) { step.distance = operand(&random) }
                if random.oneIn(2) { step.within = operand(&random) }
                step.endsWith = random.oneIn(4)
                return .content(step)
            }
        }
        for _ in 0..<2_000 {
            let steps = (0..<1 + random.below(5)).map { _ in step(&random) }
            let text = random.bytes(random.below(30), of: [0x30, 0x31, 0x39, 0xff, 0x20, 0x2d])
            _ = holds(steps, text, base: random.oneIn(2) ? 0 : UInt64.max)
        }
    }
}
