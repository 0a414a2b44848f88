import Testing

@testable import Cairn

@Suite struct SequenceReaderTests {
    private func steps(_ text: String) -> (steps: [SequenceStep]?, messages: [String]) {
        let set = RuleFixtures.load(
            "title: T\nlogsource: {product: cairn, service: stream}\ndetection:\n  condition: s\n  s:\n"
                + "    payload|sequence:\n"
                + text.split(separator: "\n").map { "      \($0)\n" }.joined())
        var steps: [SequenceStep]?
        if case .match(let match)? = set.detections.first?.condition,
            case .sequence(let found) = match.predicate
        {
            steps = found
        }
        return (steps, RuleFixtures.messages(set))
    }

    private func check(
        _ text: String, _ expected: [SequenceStep],
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) {
        let (steps, messages) = steps(text)
        #expect(messages == [], sourceLocation: sourceLocation)
        #expect(steps == expected, sourceLocation: sourceLocation)
    }

    @Test
    func `contents have bytes and bounds`() {
        var first = ContentStep(bytes: Array("GET / ".utf8))
        first.startsWith = true
        var second = ContentStep(bytes: Array("/cgi".utf8))
        second.ignoresCase = true
        second.within = .number(64)
        second.isFast = true
        var third = ContentStep(bytes: [0x0d, 0x0a])
        third.isNegated = true
        third.distance = .number(-2)
        third.endsWith = true
        var fourth = ContentStep(bytes: Array("x".utf8))
        fourth.offset = .number(3)
        fourth.depth = .number(9)
        check(
            """
            - {content: 'GET /|20|', startswith: true}
            - {content: /cgi, nocase: true, within: 64, fast: true}
            - {content: '|0d 0A|', not: true, distance: -2, endswith: true}
            - {content: x, offset: 3, depth: 9}
            """, [.content(first), .content(second), .content(third), .content(fourth)])
    }

    @Test(arguments: [
        ("abc", "abc"), ("|61 62|c", "abc"), ("a|62|c|64 65|", "abcde"), (#"a\b"#, #"a\b"#),
        ("|7c|", "|"), ("|6162|", "ab"),
    ])
    func `bars enclose hexadecimal digits`(text: String, bytes: String) {
        #expect(SequenceReader.contentBytes(text) == Array(bytes.utf8))
    }

    @Test(arguments: ["a|", "|6|", "||", "|zz|", "|61 6|", "a|62"])
    func `bars that do not fit are refused`(text: String) {
        #expect(SequenceReader.contentBytes(text) == nil)
    }

    @Test
    func `expressions have flags`() {
        check(
            """
            - regex: a.b
            - regex: {pattern: '[^\\r\\n]{512}', relative: true, not: true, flags: imsxAEG}
            - {regex: '(a)', relative: true, capture: [user]}
            - {content: x, distance: user}
            """,
            [
                .regex(
                    RegexPattern(pattern: "a.b"), isRelative: false, isNegated: false, captures: []),
                .regex(
                    RegexPattern(
                        pattern: "[^\\r\\n]{512}", ignoresCase: true, isMultiline: true,
                        dotMatchesAll: true, isExtended: true, isAnchored: true,
                        dollarAtEndOnly: true, isUngreedy: true), isRelative: true, isNegated: true,
                    captures: []),
                .regex(
                    RegexPattern(pattern: "(a)"), isRelative: true, isNegated: false,
                    captures: ["user"]),
                .content(
                    {
                        var step = ContentStep(bytes: [0x78])
                        step.distance = .variable("user")
                        return step
                    }()),
            ])
    }

    @Test
    func `numbers are read, tested and computed with`() {
        var plain = ByteNumber(byteCount: .number(2), offset: .number(4))
        plain.isRelative = true
        var hex = ByteNumber(byteCount: .number(8), offset: .number(0))
        hex.text = .hexadecimal
        var little = ByteNumber(byteCount: .number(4), offset: .number(-4))
        little.isLittleEndian = true
        little.bitmask = 0xff
        var dce = ByteNumber(byteCount: .variable("n"), offset: .variable("n"))
        dce.isDCERPC = true
        check(
            """
            - byte_test: {bytes: 2, op: '>', value: 1024, offset: 4, relative: true, endian: big}
            - byte_test: {bytes: 8, op: '!=', value: 1, string: hex}
            - byte_extract: {bytes: 4, offset: -4, name: n, endian: little, bitmask: 0xff, multiplier: 2, align: 4}
            - byte_jump: {bytes: n, offset: n, endian: dce, multiplier: 2, align: true, from_beginning: true, post_offset: -1}
            - byte_math: {bytes: 2, offset: 4, relative: true, oper: '<<', rvalue: n, result: m}
            - {isdataat: 10, relative: true, not: true}
            - isdataat: {offset: m}
            """,
            [
                .byteTest(plain, .greater, .number(1024), isNegated: false),
                .byteTest(hex, .equal, .number(1), isNegated: true),
                .byteExtract(little, variable: "n", multiplier: 2, align: 4),
                .byteJump(
                    dce,
                    ByteJump(
                        multiplier: 2, postOffset: .number(-1), aligns: true, fromBeginning: true)),
                .byteMath(plain, .shiftLeft, .variable("n"), result: "m"),
                .isDataAt(.number(10), isRelative: true, isNegated: true),
                .isDataAt(.variable("m"), isRelative: false, isNegated: false),
            ])
    }

    @Test(arguments: [
        ("10", SequenceStep.size(.equal, 10)), ("'<10'", .size(.less, 10)),
        ("'>= 10'", .size(.greaterOrEqual, 10)), ("'<=10'", .size(.lessOrEqual, 10)),
        ("'>10'", .size(.greater, 10)), ("'!10'", .size(.notEqual, 10)),
        ("10<>20", .sizeRange(11, 19)),
    ])
    func `sizes are compared`(text: String, step: SequenceStep) {
        check("- bsize: \(text)", [step])
    }

    @Test
    func `lists of steps are alternatives`() throws {
        let set = RuleFixtures.rule(
            "stream", "s: {payload|sequence: [[{content: a}], [{content: b}]]}\ncondition: s")
        let parts = try ["a", "b"].map {
            try RuleFixtures.match(
                "payload", .sequence([.content(ContentStep(bytes: Array($0.utf8)))]), of: "stream")
        }
        #expect(set.detections.first?.condition == .any(parts))
        let all = RuleFixtures.rule(
            "stream", "s: {payload|sequence|all: [[{content: a}], [{content: b}]]}\ncondition: s")
        #expect(all.detections.first?.condition == .all(parts))
    }

    @Test(arguments: [
        ("- contnt: a", "7:9: error: unknown step 'contnt' — did you mean 'content'?"),
        (
            "- {content: a, ofset: 3}",
            "7:22: error: unknown option 'ofset' of 'content' — did you mean 'offset'?"
        ),
        (
            "- {content: 'a|', offset: 3}",
            "7:19: error: 'a|' is not a content; bytes stand as |0d 0a|, the character '|' as |7c|"
        ),
        ("- content: ''", "7:18: error: the content is empty"),
        (
            "- {content: abc, depth: 2}",
            "7:31: error: 'depth' of 2 is less than the content's 3 bytes"
        ),
        (
            "- {content: abc, within: 2}",
            "7:32: error: 'within' of 2 is less than the content's 3 bytes"
        ),
        (
            "- {content: a, depth: 2, within: 2}",
            "7:10: error: 'offset' and 'depth' count from the start, 'distance' and 'within' from the match before; a content takes one kind"
        ),
        (
            "- {content: a, startswith: true, offset: 2}",
            "7:10: error: 'startswith' cannot go with 'offset', 'depth', 'distance' or 'within'"
        ),
        ("- {content: a, distance: n}", "7:9: error: the variable 'n' is not set by a step before"),
        (
            "- {content: a, regex: b}",
            "7:22: error: 'content' and 'regex' are two steps; begin each with '- '"
        ),
        (
            "- regex: '('",
            "7:16: error: not a regular expression: missing closing parenthesis behind '(' (character 2)"
        ),
        ("- {regex: a, flags: iz}", "7:27: error: unknown flag 'z'; the flags are i m s x A E G"),
        ("- byte_test: {op: '>', value: 3}", "7:9: error: 'byte_test' needs 'bytes'"),
        ("- byte_test: {bytes: 9, op: '>', value: 3}", "7:28: error: 'bytes' must lie in 0...8"),
        (
            "- byte_test: {bytes: 2, op: '~', value: 3}",
            "7:35: error: unknown operator '~'; use < > = <= >= & or ^, with '!' before for not"
        ),
        ("- byte_test: {bytes: 2, op: '>'}", "7:9: error: 'byte_test' needs 'value'"),
        (
            "- byte_math: {bytes: 2, oper: /, rvalue: 0, result: x}",
            "7:48: warning: division by zero: the step never holds"
        ),
        (
            "- base64_decode: {}",
            "7:9: error: 'base64_decode' needs 'steps': a list of steps on what is decoded"
        ),
        (
            "- asn1: {offset: 2}",
            "7:9: error: 'asn1' needs 'oversize_length', 'bitstring_overflow' or 'double_overflow'"
        ),
        (
            "- entropy: {value: much}",
            "7:26: error: 'much' is no comparison with a number of bits; write '>= 7.2' or '1.5-2.5'"
        ),
        (
            "- entropy: {value: 2.5-1.5}",
            "7:26: error: '2.5-1.5' is no comparison with a number of bits; write '>= 7.2' or '1.5-2.5'"
        ),
        ("- bsize: x", "7:16: error: 'x' is not a size; write 10, '<10' or '10<>20'"),
        ("- isdataat: {relative: true}", "7:9: error: 'isdataat' needs 'offset'"),
        (
            "- GET",
            "7:9: error: a step must be a map like 'content: GET' or 'isdataat: 10', not text"
        ),
        ("content: a", "7:7: error: a sequence must be a list of steps, not a map"),
        ("- {content: a, nocase: yes}", "7:30: error: 'nocase' must be true or false, not text"),
    ])
    func `mistakes have their exact place`(text: String, message: String) {
        #expect(steps(text).messages == [message])
    }
}
