import Testing

@testable import Cairn

@Suite struct RegexLiteralsTests {
    @Test(arguments: [
        ("abc", ["abc"]), ("ab.cd", ["ab", "cd"]), ("abc?de", ["ab", "de"]),
        ("abc+de", ["abc", "de"]),
        ("ab*cd", ["cd"]), ("abc{2,3}de", ["ab", "de"]), (#"a\.php\?id="#, ["a.php?id="]),
        (#"\x41\x42"#, ["AB"]), (#"a\db"#, []), ("ab|cd", []), ("ab(c|d)ef", ["ab", "ef"]),
        ("ab(?:cd)?ef", ["ab", "ef"]), ("ab[^]x]cd", ["ab", "cd"]),
        ("ab[[:alpha:]]cd", ["ab", "cd"]),
        ("ab(?i)cd", []), ("(?i)abcd", []), ("ab{cd", []), (#"ab\Qcd\E"#, []), (#"(ab)cd\1"#, []),
        ("^abc$", ["abc"]), (#"\$\{jndi"#, ["${jndi"]), ("a", []), ("ab(cd", []), ("ab)cd", []),
        ("(*UTF)abc", []), ("ab(?#x)cd", []), ("abc+?de", ["abc", "de"]), ("x{b|c}yz", []),
    ])
    func `literals that every match has`(pattern: String, expected: [String]) {
        let literals = RegexLiterals.required(by: RegexPattern(pattern: pattern))
        #expect(literals.map { String(decoding: $0, as: UTF8.self) } == expected)
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
            let literals = RegexLiterals.required(by: regex)
            let runner = RegexRunner(table, matchLimit: 10_000, depthLimit: 10_000)
            let text = random.bytes(random.below(10), of: Array("ab2{}".utf8))
            guard text.withUnsafeBytes({ runner.match(index, in: $0) }) != nil else { continue }
            for literal in literals {
                let search = SearchText(literal, ignoresCase: false, in: arena)
                let place = text.withUnsafeBytes {
                    search.firstOffset(in: $0, from: 0, to: $0.count)
                }
                #expect(place != nil, "\(pattern) on \(String(decoding: text, as: UTF8.self))")
            }
        }
    }
}
