import Testing

@testable import Cairn

@Suite struct LiteralMatcherTests {
    private typealias Literal = LiteralMatcher.Literal

    /// What the matcher promises, by brute force: the literals with an occurrence that ends behind `start`.
    private static func naive(_ literals: [Literal], _ text: [UInt8], from start: Int = 0) -> [Int]
    {
        literals.indices.filter { index in
            let literal = literals[index]
            let fold = literal.ignoresCase
            let wanted = fold ? literal.bytes.map(\.asciiLowercased) : literal.bytes
            let text = fold ? text.map(\.asciiLowercased) : text
            return text.withUnsafeBytes { text in
                var offset = max(0, start + 1 - wanted.count)
                while offset + wanted.count <= text.count {
                    var count = 0
                    while count < wanted.count, text[offset + count] == wanted[count] { count += 1 }
                    if count == wanted.count { return true }
                    offset += 1
                }
                return false
            }
        }
    }

    private static func found(
        _ matcher: LiteralMatcher, _ hits: LiteralHits, _ text: [UInt8], from start: Int = 0
    ) -> [Int] {
        hits.begin()
        text.withUnsafeBytes { matcher.scan($0, from: start, into: hits) }
        return (0..<hits.count).map { hits[$0] }.sorted()
    }

    private static func texts(_ texts: [String], ignoresCase: Bool = false) -> [Literal] {
        texts.map { Literal(bytes: Array($0.utf8), ignoresCase: ignoresCase) }
    }

    @Test(arguments: [
        (["a"], "", []), (["a"], "a", [0]), (["ab", "b", "abc"], "ab", [0, 1]),
        (["abcd"], "abc", []), (["abcd"], "xabcd", [0]), (["abcd", "bcde"], "abcde", [0, 1]),
        (["aaaa", "aaaaaaaa"], "aaaaaaa", [0]), (["AB"], "ab", []),
        (["password="], "user=x&password=y", [0]),
        (["0123456789abcdef0123456789abcdef0123"], "_0123456789abcdef0123456789abcdef0123", [0]),
        (["0123456789abcdef0123456789abcdef0123"], "0123456789abcdef0123456789abcdef012", []),
    ])
    func `literals are found where they stand`(literals: [String], text: String, expected: [Int]) {
        for stride in 1...2 {
            let matcher = LiteralMatcher(Self.texts(literals), stride: stride)
            let hits = LiteralHits(literalCountMax: literals.count)
            #expect(Self.found(matcher, hits, Array(text.utf8)) == expected)
        }
    }

    @Test func `letters match either case only where the literal says so`() {
        let literals =
            Self.texts(["Host:", "x[y"], ignoresCase: true) + Self.texts(["Host:", "x[y"])
        let matcher = LiteralMatcher(literals)
        let hits = LiteralHits(literalCountMax: literals.count)
        #expect(Self.found(matcher, hits, Array("hOST:".utf8)) == [0])
        #expect(Self.found(matcher, hits, Array("Host:".utf8)) == [0, 2])
        // 0x5b and 0x7b differ in the bit that tells capitals from small letters, but are no letters.
        #expect(Self.found(matcher, hits, Array("X{Y".utf8)) == [])
        #expect(Self.found(matcher, hits, Array("X[Y".utf8)) == [1])
    }

    @Test func `no literals find nothing`() {
        let hits = LiteralHits(literalCountMax: 0)
        #expect(Self.found(LiteralMatcher([]), hits, [1, 2, 3]) == [])
    }

    @Test func `a literal found several times is reported once`() {
        let matcher = LiteralMatcher(Self.texts(["ab", "abab"]))
        let hits = LiteralHits(literalCountMax: 2)
        #expect(
            Self.found(matcher, hits, Array(repeating: [97, 98], count: 50).flatMap(\.self)) == [
                0, 1,
            ])
    }

    @Test func `several buffers share the hits until they begin anew`() {
        let matcher = LiteralMatcher(Self.texts(["one!", "two!"]))
        let hits = LiteralHits(literalCountMax: 2)
        hits.begin()
        Array("one!".utf8).withUnsafeBytes { matcher.scan($0, into: hits) }
        Array("one! two!".utf8).withUnsafeBytes { matcher.scan($0, into: hits) }
        #expect((0..<hits.count).map { hits[$0] } == [0, 1])
        hits.begin()
        #expect(hits.count == 0)
        #expect(!hits.contains(0))
    }

    /// Random literals over a small alphabet, so that prefixes, overlaps and near misses abound.
    private static func randomLiterals(
        _ random: inout SeededGenerator, lengths: ClosedRange<Int>, alphabet: [UInt8]
    ) -> [Literal] {
        (0..<1 + random.below(30)).map { _ in
            let count =
                random.oneIn(8) ? 33 + random.below(270) : Int.random(in: lengths, using: &random)
            let bytes =
                random.oneIn(6)
                ? Array(repeating: alphabet[random.below(alphabet.count)], count: count)
                : random.bytes(count, of: alphabet)
            return Literal(bytes: bytes, ignoresCase: random.oneIn(2))
        }
    }

    private static let alphabets: [[UInt8]] = [
        Array("ab".utf8), Array("aAbB@`[{".utf8), [0, 1, 0x20, 0xff], Array(0...255),
    ]

    @Test(arguments: [1...3, 2...6, 4...4, 4...12, 5...9], [1, 2])
    func `random sets find what a naive search finds`(lengths: ClosedRange<Int>, stride: Int) {
        var random = SeededGenerator(seed: UInt64(lengths.lowerBound * 100 + lengths.upperBound))
        for round in 0..<32 {
            let alphabet = Self.alphabets[round % 4]
            let literals = Self.randomLiterals(&random, lengths: lengths, alphabet: alphabet)
            let matcher = LiteralMatcher(literals, stride: stride)
            let hits = LiteralHits(literalCountMax: literals.count)
            for _ in 0..<4 {
                var text = random.bytes(random.below(80), of: alphabet)
                // Plant a literal, so that long ones occur too.
                text += literals[random.below(literals.count)].bytes
                text += random.bytes(random.below(20), of: alphabet)
                let start = random.oneIn(2) ? 0 : random.below(text.count)
                let expected = Self.naive(literals, text, from: start)
                #expect(Self.found(matcher, hits, text, from: start) == expected)
            }
        }
    }

    @Test(arguments: [40, 255, 256, 257, 300, 700])
    func `what may lie far is found anywhere, the rest at least near`(byteCount: Int) {
        var random = SeededGenerator(seed: UInt64(byteCount))
        for round in 0..<24 {
            let alphabet = Self.alphabets[round % 4]
            let literals = Self.randomLiterals(&random, lengths: 2...9, alphabet: alphabet)
            // All near, most of them, few.
            let reaches = literals.map { _ in random.oneIn(1 + round % 3) ? 256 : Int.max }
            let matcher = LiteralMatcher(literals, reaches: reaches)
            let hits = LiteralHits(literalCountMax: literals.count)
            var text = random.bytes(byteCount, of: alphabet)
            // One that stands on the border.
            let planted = literals[random.below(literals.count)].bytes.prefix(byteCount)
            let place = min(
                max(0, 250 + random.below(12) - planted.count), byteCount - planted.count)
            text.replaceSubrange(place..<place + planted.count, with: planted)
            let anywhere = Self.naive(literals, text)
            let near = Self.naive(literals, Array(text.prefix(256)))
            let found = Self.found(matcher, hits, text)
            #expect(Set(found).isSubset(of: anywhere))
            #expect(Set(found).isSuperset(of: near))
            #expect(Set(found).isSuperset(of: anywhere.filter { reaches[$0] == .max }))
        }
    }

    @Test func `a stream cut anywhere gives what the whole gives`() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<16 {
            let alphabet = Self.alphabets[random.below(4)]
            let literals = Self.randomLiterals(&random, lengths: 1...12, alphabet: alphabet)
            let matcher = LiteralMatcher(literals, stride: 1 + random.below(2))
            let hits = LiteralHits(literalCountMax: literals.count)
            let text = random.bytes(200, of: alphabet) + literals[0].bytes
            var seen: Set<Int> = []
            var start = 0
            while start < text.count {
                let end = min(text.count, start + 1 + random.below(40))
                let held = max(0, start - (matcher.byteCountMax - 1))
                seen.formUnion(
                    Self.found(matcher, hits, Array(text[held..<end]), from: start - held))
                start = end
            }
            #expect(seen.sorted() == Self.naive(literals, text))
        }
    }

    @Test func `a thousand literals are told apart`() {
        var random = SeededGenerator(seed: 11)
        let literals = (0..<1_000).map { _ in
            Literal(bytes: random.bytes(4 + random.below(8), of: Array("abcdefgh".utf8)))
        }
        let matcher = LiteralMatcher(literals)
        let hits = LiteralHits(literalCountMax: literals.count)
        let text = random.bytes(500, of: Array("abcdefgh".utf8))
        #expect(Self.found(matcher, hits, text) == Self.naive(literals, text))
    }

    @Test func `a literal is noted once`() {
        let hits = LiteralHits(literalCountMax: 3)
        hits.begin()
        hits.insert(1)
        hits.insert(1)
        #expect(hits.count == 1)
        #expect(hits[0] == 1)
        #expect(!hits.contains(0))
    }
}
