import Testing

@testable import Cairn

@Suite struct YAMLParserTests {
    private func parse(
        _ text: String, limits: YAMLLimits = YAMLLimits()
    ) -> (documents: [YAMLNode], messages: [String]) {
        let parser = YAMLParser(path: "f.yml", limits: limits)
        Array(text.utf8).withUnsafeBufferPointer { parser.parse($0) }
        return (parser.documents, RuleFixtures.messages(parser.diagnostics))
    }

    /// JSON-like text of a tree: quoted scalars in quotes, others bare.
    private func show(_ node: YAMLNode) -> String {
        switch node.content {
        case .scalar(let scalar): scalar.style == .plain ? scalar.text : "'\(scalar.text)'"
        case .list(let elements): "[\(elements.map(show).joined(separator: ", "))]"
        case .map(let entries):
            "{\(entries.map { "\($0.key): \(show($0.value))" }.joined(separator: ", "))}"
        }
    }

    @Test(arguments: [
        ("a: 1", "{a: 1}"), ("- a\n- 'b'\n- \"c\"", "[a, 'b', 'c']"),
        ("a: {b: [1, 2]}", "{a: {b: [1, 2]}}"),
        ("a: |\n  x\n  y\n", "{a: 'x\ny\n'}"), ("a: >-\n  x\n  y\n", "{a: 'x y'}"),
        ("a: &x {k: v}\nb: *x", "{a: {k: v}, b: {k: v}}"),
        ("a: &x {k: v, l: w}\nb: {<<: *x, k: z}", "{a: {k: v, l: w}, b: {k: z, l: w}}"),
        (
            "a: &x {k: v}\nb: &y {m: n}\nc: {<<: [*x, *y]}",
            "{a: {k: v}, b: {m: n}, c: {k: v, m: n}}"
        ),
        ("a: !!str 12", "{a: '12'}"), ("a: \"\\x41\\u00e9\\n\"", "{a: 'Aé\n'}"),
        ("{\"a\": [true, null]}", "{a: [true, null]}"),
        ("%YAML 1.1\n---\na: 1\n...\n", "{a: 1}"), ("a:", "{a: }"),
    ])
    func `documents become trees`(text: String, tree: String) {
        let (documents, messages) = parse(text)
        #expect(messages == [])
        #expect(documents.map(show) == [tree])
    }

    @Test
    func `every node knows where it was written`() throws {
        let (documents, _) = parse("a: 1\n'büx': [x,\n  'y']\n")
        let entries = try #require(documents.first?.entries)
        #expect(entries[0].keyMark == YAMLMark(line: 1, column: 1))
        #expect(entries[0].value.mark == YAMLMark(line: 1, column: 4))
        #expect(entries[1].keyMark == YAMLMark(line: 2, column: 2))
        let list = try #require(entries[1].value.elements)
        #expect(list[0].mark == YAMLMark(line: 2, column: 9))
        #expect(list[1].mark == YAMLMark(line: 3, column: 3))
        #expect(list[1].mark(ofCharacter: 0) == YAMLMark(line: 3, column: 4))
    }

    @Test
    func `a bad document does not cost the others`() {
        let (documents, messages) = parse(
            "a: 1\n---\nb: [1\n---\nc: 3\n---\nd: 'open\n---\ne: 5\n---\nf: 1\nf: 2\n---\ng: 7\n")
        #expect(documents.map(show) == ["{a: 1}", "{c: 3}", "{e: 5}", "{g: 7}"])
        #expect(
            messages == [
                "4:1: error: not valid YAML: did not find expected ',' or ']' while parsing a flow"
                    + " sequence (begun in line 3); a comma or bracket is missing, or text with"
                    + " brackets and commas needs quotes",
                "8:1: error: not valid YAML: found unexpected document indicator while scanning a"
                    + " quoted scalar (begun in line 7); a quote or bracket is not closed",
                "12:1: error: the key 'f' stands here twice",
            ])
    }

    @Test(arguments: [
        ("a: *b", "1:4: error: unknown alias '*b'; put text that begins with '*' in quotes"),
        (
            "x: &ab 1\na: *ac",
            "2:4: error: unknown alias '*ac' — did you mean 'ab'?; put text that begins with '*' in quotes"
        ),
        (
            "a: !8443",
            "1:4: error: '!8443' at the beginning of a value is a YAML tag; put the value in quotes"
        ),
        (
            "a: !x [1]",
            "1:4: error: '!x' at the beginning of a value is a YAML tag; put the value in quotes"
        ),
        ("? [a]\n: b", "1:3: error: a key must be text, not a list"),
        ("a: {<<: 1}", "1:9: error: '<<' takes a map or a list of maps, not a number"),
        (
            "a: b: c",
            "1:5: error: not valid YAML: mapping values are not allowed in this context; put text that contains ': ' in quotes, or check the indentation"
        ),
        (
            "a:\n\tb: 1",
            "2:1: error: not valid YAML: found character that cannot start any token while scanning for the next token; indent with spaces, not tabs, and put values that begin with @ % ` in quotes"
        ),
        (
            "a: @b",
            "1:4: error: not valid YAML: found character that cannot start any token while scanning for the next token; indent with spaces, not tabs, and put values that begin with @ % ` in quotes"
        ),
        (
            "a: \"\\q\"",
            "1:5: error: not valid YAML: found unknown escape character while parsing a quoted scalar; put text with backslashes in single quotes"
        ),
    ])
    func `mistakes have a place and a remedy`(text: String, message: String) {
        #expect(parse(text).messages == [message])
    }

    @Test
    func `bytes that are not text are refused`() {
        let parser = YAMLParser(path: "f.yml")
        ([0x61, 0x3a, 0x20, 0xff, 0x0a] as [UInt8]).withUnsafeBufferPointer { parser.parse($0) }
        #expect(parser.documents.isEmpty)
        #expect(parser.diagnostics.first?.message.hasSuffix("save it as UTF-8") == true)
    }

    @Test
    func `nesting, size and aliases are limited`() {
        var limits = YAMLLimits()
        limits.depthMax = 3
        limits.nodeCountMax = 20
        limits.aliasNodeCountMax = 10
        limits.byteCountMax = 200
        #expect(
            parse("[[[[[]]]]]", limits: limits).messages
                == ["1:5: error: lists and maps are nested more than 3 deep"])
        #expect(
            parse("[\(String(repeating: "1,", count: 30))]", limits: limits).messages
                == ["1:40: error: the document has more than 20 values; split it"])
        #expect(
            parse("[&a [1,2,3], &b [*a], [*b,*b]]", limits: limits).messages
                == ["1:27: error: aliases add more than 10 values to the document"])
        #expect(
            parse(String(repeating: "#", count: 201), limits: limits).messages
                == ["0:0: error: the file is larger than 0 MiB; split it"])
    }

    @Test
    func `aliases cannot blow up a document`() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let (documents, messages) = parse(text + "---\nb: 1\n")
        #expect(documents.map(show) == ["{b: 1}"])
        #expect(messages.count == 1)
    }

    @Test(arguments: [
        ("1", YAMLValue.integer(1)), ("-7", .integer(-7)), ("+7", .integer(7)),
        ("0x1F", .integer(31)), ("0o17", .integer(15)),
        ("007", .integer(7)), ("9223372036854775808", .float(9_223_372_036_854_775_808)),
        ("1.5", .float(1.5)), (".5", .float(0.5)),
        ("5.", .float(5)), ("1e3", .float(1000)), ("-1.5E-1", .float(-0.15)),
        (".inf", .float(.infinity)), ("-.INF", .float(-.infinity)),
        ("true", .bool(true)), ("False", .bool(false)), ("yes", .text), ("on", .text),
        ("null", .null), ("~", .null), ("", .null), ("Null", .null),
        ("nULL", .text), ("1.2.3", .text), ("1_000", .text), ("10.0.0.1", .text), ("12:30", .text),
        ("0x", .text), ("-", .text), (".", .text), ("e5", .text),
        ("1e", .text), ("8BB00EE", .text), ("2020-01-01", .text), ("+.nan", .text),
    ])
    func `plain scalars mean what the core schema says`(text: String, value: YAMLValue) {
        #expect(YAMLScalar.value(ofPlain: text) == value)
    }

    @Test
    func `what is quoted is text`() {
        #expect(YAMLScalar(text: "1", style: .singleQuoted).value == .text)
        #expect(YAMLScalar(text: "", style: .doubleQuoted).value == .text)
    }

    @Test(arguments: 0..<40)
    func `mutated files are read or refused`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let original = Array(
            "a: &x {b: [1, 'two', \"\\x03\"], <<: {q: r}}\n--- \nc: *x\nd: |\n  text\n...\n".utf8)
        for _ in 0..<50 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch UInt8.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default:
                    bytes.insert(
                        original[Int.random(in: 0..<original.count, using: &random)], at: index)
                }
            }
            let parser = YAMLParser(path: "f.yml")
            bytes.withUnsafeBufferPointer { parser.parse($0) }
            #expect(parser.documents.count <= 8)
        }
    }
}
