import Testing

@testable import Cairn

@Suite struct TextTestTests {
    /// Owns what the tests compile; they do not keep it alive themselves.
    private let arena = Arena()

    private func matches(_ pattern: TextPattern, _ value: String) -> Bool {
        let test = TextTest(pattern, in: arena)
        return Array(value.utf8).withUnsafeBytes { test.match($0) } != nil
    }

    @Test(arguments: [
        ("abc", "ABC", true), ("abc", "abcd", false), ("abc*", "abcd", true),
        ("abc*", "xabc", false),
        ("*abc", "xabc", true), ("*abc", "abcx", false), ("*abc*", "xAbCx", true),
        ("*abc*", "ab", false), ("", "", true), ("", "a", false), ("*", "", true), ("*", "x", true),
        ("a*c", "ac", true), ("a*c", "abbc", true), ("a*c", "abcb", false),
        ("a*b*c", "a..b..c", true),
        ("a*b*c", "acb", false), ("*a*b*", "xbxaxbx", true), ("*a*b*", "b.a", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false), ("a?c", "aéc", true), ("?", "é", true), ("??", "é", false),
        ("*?c", "c", false),
        ("*?c", "xxc", true), ("*a?b*", "aab", true), ("*ab", "aab", true), ("*a?", "aaab", true),
        ("a*a", "a", false), ("*[x*", "a{X[xb", true),
    ])
    func `patterns match whole values`(pattern: String, value: String, expected: Bool) {
        #expect(matches(TextPattern(pattern), value) == expected)
    }

    @Test func `cased patterns tell letters apart`() {
        #expect(matches(TextPattern("*aB*", isCased: true), "xaBx"))
        #expect(!matches(TextPattern("*aB*", isCased: true), "xabx"))
        #expect(!matches(TextPattern("a?C", isCased: true), "abc"))
    }

    @Test func `the place of a literal is given`() {
        let test = TextTest(TextPattern("*abc*"), in: arena)
        let place = Array("xxabcabc".utf8).withUnsafeBytes { test.match($0) }
        #expect(place == 2..<5)
    }

    private static func naive(_ parts: ArraySlice<TextPattern.Part>, _ value: ArraySlice<UInt8>)
        -> Bool
    {
        guard let part = parts.first else { return value.isEmpty }
        switch part {
        case .literal(let bytes):
            return value.starts(with: bytes)
                && naive(parts.dropFirst(), value.dropFirst(bytes.count))
        case .anyOne: return !value.isEmpty && naive(parts.dropFirst(), value.dropFirst())
        case .anyMany:
            return naive(parts.dropFirst(), value)
                || (!value.isEmpty && naive(parts, value.dropFirst()))
        }
    }

    @Test func `random patterns match as the definition says`() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<2_000 {
            let text = String(
                decoding: random.bytes(random.below(7), of: Array("ab*?*".utf8)), as: UTF8.self)
            let pattern = TextPattern(text, isCased: true)
            let value = random.bytes(random.below(8), of: Array("ab".utf8))
            let expected = Self.naive(pattern.parts[...], value[...])
            let isMatch = value.withUnsafeBytes { TextTest(pattern, in: arena).match($0) } != nil
            #expect(isMatch == expected, "\(text) on \(value)")
        }
    }

    @Test func `searches find what is there, wherever it is`() {
        var random = SeededGenerator(seed: 10)
        for _ in 0..<1_500 {
            let ignoresCase = random.oneIn(2)
            let needle = random.bytes(1 + random.below(3), of: Array("aAbB[{".utf8))
            let text = random.bytes(random.below(40), of: Array("aAbB[{x".utf8))
            let search = SearchText(needle, ignoresCase: ignoresCase, in: arena)
            func fold(_ bytes: [UInt8]) -> [UInt8] {
                ignoresCase ? bytes.map(\.asciiLowercased) : bytes
            }
            let start = random.below(5)
            let end = random.below(45)
            let expected = text.indices.first {
                $0 >= start && $0 + needle.count <= min(end, text.count)
                    && fold(Array(text[$0..<$0 + needle.count])) == fold(needle)
            }
            let found = text.withUnsafeBytes { search.firstOffset(in: $0, from: start, to: end) }
            #expect(found == expected)
        }
    }
}
