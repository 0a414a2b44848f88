import Testing

@testable import Cairn

@Suite struct RegexLiteralsTests {
    @Test(arguments: [
        ("abc", ["abc"]), ("ab.cd", ["ab", "cd"]), ("abc?de", ["abcde|abde"]),
        ("abc+de", ["abc", "de"]), ("ab*cd", ["cd"]), ("abc{2,3}de", ["abc", "de"]),
        (#"a\.php\?id="#, ["a.php?id="]), (#"\x41\x42"#, ["AB"]), (#"a\db"#, []),
        ("ab(c|d)ef", ["abcef|abdef"]), ("ab(?:cd)?ef", ["abcdef|abef"]),
        ("ab[^]x]cd", ["ab", "cd"]), ("ab[[:alpha:]]cd", ["ab", "cd"]), ("ab[ -]", ["ab |ab-"]),
        ("ab[a-z]cd", ["ab", "cd"]), ("^abc$", ["abc"]), (#"\$\{jndi"#, ["${jndi"]), ("a", []),
        ("abc+?de", ["abc", "de"]), ("ab(?=cd)ef", ["abef"]), ("ab(?<n>cd)", ["abcd"]),
        ("ab|cd", ["ab|cd"]), ("ab|c", []), ("(wget|curl) .*sh", ["wget |curl ", "sh"]),
        ("ab.*cde|fg", ["cde|fg"]), ("(ab.)+cd", ["ab", "cd"]), ("(ab.)?cd", ["cd"]),
        ("x(ab.*cd|efg)y", ["ab|efg"]), ("a{0}bc", ["bc"]),
        (#"net (user|view)\b"#, ["net user|net view"]),
    ])
    func `texts one of which every match has`(pattern: String, expected: [String]) {
        let choices = RegexLiterals(RegexPattern(pattern: pattern)).choices
        let texts = choices.map { $0.map { String(decoding: $0, as: UTF8.self) } }
        #expect(texts.map { $0.joined(separator: "|") } == expected)
    }

    @Test(arguments: [
        "ab(?i)cd", "(?i)abcd", "ab{cd", #"ab\Qcd\E"#, #"(ab)cd\1"#, "ab(cd", "ab)cd", "(*UTF)abc",
        "ab(?#x)cd", "x{b|c}yz", "abc**", "ab(?R)", "ab{3,2}",
        String(repeating: "(", count: 40) + "ab" + String(repeating: ")", count: 40),
    ])
    func `what is not understood has no literals`(pattern: String) {
        #expect(RegexLiterals(RegexPattern(pattern: pattern)).choices.isEmpty)
    }

    @Test func `more alternatives than are told apart leave what is around them`() {
        let pattern = "ab" + String(repeating: "(c|d)", count: 7) + "ef"
        let choices = RegexLiterals(RegexPattern(pattern: pattern)).choices
        #expect(choices.map(\.count) == [64, 2])
    }

    @Test(arguments: [
        (#"\Aab"#, true), ("^ab", true), ("ab", false), (#"\Aab|\Acd"#, true), (#"\Aab|cd"#, false),
        (#"(\Aab|^cd)e"#, true), (#"(\Aa)?b"#, false), (#"(?=a)\Ab"#, true), (#"a\Ab"#, false),
    ])
    func `what can only match at the start`(pattern: String, expected: Bool) {
        #expect(RegexLiterals(RegexPattern(pattern: pattern)).isBoundToStart == expected)
    }

    @Test func `a line's start is anywhere`() {
        let pattern = RegexPattern(pattern: "^ab", isMultiline: true)
        #expect(!RegexLiterals(pattern).isBoundToStart)
        #expect(RegexLiterals(RegexPattern(pattern: "ab", isAnchored: true)).isBoundToStart)
    }

    @Test func `whatever matches contains the literals`() {
        let arena = Arena()
        defer { withExtendedLifetime(arena) {} }
        var random = SeededGenerator(seed: 21)
        for _ in 0..<3_000 {
            let pattern = String(
                decoding: random.bytes(1 + random.below(9), of: Array("aabb.+*?()[]|{2}^\\".utf8)),
                as: UTF8.self)
            let table = RegexTable()
            let regex = RegexPattern(pattern: pattern)
            guard let index = try? table.add(regex) else { continue }
            let choices = RegexLiterals(regex).choices
            let runner = RegexRunner(table, matchLimit: 10_000, depthLimit: 10_000)
            let text = random.bytes(random.below(10), of: Array("ab2{}".utf8))
            guard text.withUnsafeBytes({ runner.match(index, in: $0) }) != nil else { continue }
            for choice in choices {
                let isThere = choice.contains { literal in
                    let search = SearchText(literal, ignoresCase: false, in: arena)
                    return text.withUnsafeBytes {
                        search.firstOffset(in: $0, from: 0, to: $0.count) != nil
                    }
                }
                #expect(isThere, "\(pattern) on \(String(decoding: text, as: UTF8.self))")
            }
        }
    }

    @Test(arguments: [
        ("abc", 3), ("a|bcd", 3), ("a{2,5}", 5), ("a?b", 2), ("(ab|c){3}", 6), ("^ab$", 3),
        ("[a-z]b", 2), (#"a\d{2}"#, 3), ("a(?=bc)", 3), (#"a\R"#, 3), ("a+", .max), ("a.*b", .max),
        ("(?i)a", .max),
    ])
    func `how far a match can look`(pattern: String, expected: Int) {
        #expect(RegexLiterals(RegexPattern(pattern: pattern)).reach == expected)
    }

    @Test func `what matches only with more bytes begins within reach of them`() {
        var random = SeededGenerator(seed: 22)
        var seenCount = 0
        for _ in 0..<6_000 {
            let pattern = String(
                decoding: random.bytes(1 + random.below(9), of: Array("aabb.?()[]|{2}^\\$".utf8)),
                as: UTF8.self)
            let table = RegexTable()
            let regex = RegexPattern(pattern: pattern, isMultiline: random.below(2) == 0)
            let literals = RegexLiterals(regex)
            guard literals.reach < .max, !literals.isBoundToStart,
                let index = try? table.add(regex)
            else { continue }
            let runner = RegexRunner(table, matchLimit: 10_000, depthLimit: 10_000)
            let text = random.bytes(random.below(14), of: Array("ab2{}\n".utf8))
            for known in 0...text.count {
                text.withUnsafeBytes { text in
                    let before = UnsafeRawBufferPointer(rebasing: text[..<known])
                    guard runner.match(index, in: before) == nil,
                        let match = runner.match(index, in: text)
                    else { return }
                    seenCount += 1
                    let start = max(0, known - literals.reach)
                    #expect(runner.match(index, in: text, from: start) == match, "\(pattern)")
                }
            }
        }
        #expect(seenCount > 100)
    }
}
