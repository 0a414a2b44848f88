@testable import Cairn

/// Literals of a rule set in the texts of a field.
func literalBenchmarks() {
    literals("2,000 paths in URIs", count: 2000, textCount: 10_000, hits: 200, bytes: 382_663) {
        "/\($0.word())/\($0.hexadecimal(6)).php"
    } text: {
        uri(&$0)
    }
    literals(
        "2,000 paths of common words in URIs", count: 2000, textCount: 10_000, hits: 200,
        bytes: 383_040
    ) {
        "/\($0.word())/\($0.word())\($0.below(100)).php"
    } text: {
        uri(&$0)
    }
    literals("2,000 names in DNS names", count: 2000, textCount: 10_000, hits: 200, bytes: 323_006)
    {
        "\($0.word())-\($0.word())\($0.below(10))."
    } text: {
        "\($0.word()).\($0.hostName())"
    }
    literals(
        "1,000 names in server names", count: 1000, textCount: 10_000, hits: 200, bytes: 301_532
    ) {
        "\($0.word()).\($0.word())-\($0.word())."
    } text: {
        "www.\($0.hostName())"
    }
    literals("2,000 texts in segments", count: 2000, textCount: 2000, hits: 40, bytes: 2_880_565) {
        "\($0.word())\($0.below(1000))=\($0.word())"
    } text: {
        String(decoding: Traffic.page(&$0, byteCount: 1440), as: UTF8.self)
    }
}

private func uri(_ random: inout Generator) -> String {
    let path = "/\(random.word())/\(random.word()).php"
    return "\(path)?id=\(random.below(100_000))&\(random.word())=\(random.word())"
}

/// Declares the benchmark of a set of literals, all made by `literal`, in texts of which every
/// fiftieth ends in one.
private func literals(
    _ name: String, count: Int, textCount: Int, hits: Int, bytes: Int,
    literal: @escaping @Sendable (inout Generator) -> String,
    text: @escaping @Sendable (inout Generator) -> String
) {
    stage(
        "literals: \(name)", units: (textCount, "text"),
        expected: Outcome(hits: hits, bytes: bytes), allocates: false
    ) {
        var random = Generator(seed: 11)
        let literals = (0..<count).map { _ in literal(&random) }
        let texts = (0..<textCount).map { number in
            text(&random) + (number % 50 == 0 ? literals[random.below(literals.count)] : "")
        }
        return literalPass(literals, texts: texts)
    }
}

private func literalPass(_ literals: [String], texts: [String]) -> () -> Outcome {
    let matcher = LiteralMatcher(
        Set(literals).sorted().map { .init(bytes: Array($0.utf8), ignoresCase: true) })
    let hits = LiteralHits(literalCountMax: matcher.literalCount)
    let arena = Arena()
    let texts = texts.map { text in
        let memory = arena.allocate(byteCount: text.utf8.count)
        memory.copyBytes(from: text.utf8)
        return UnsafeRawBufferPointer(memory)
    }
    return {
        withExtendedLifetime(arena) {
            var outcome = Outcome()
            for text in texts {
                hits.begin()
                matcher.scan(text, into: hits)
                outcome.hits += hits.count
                outcome.bytes += text.count
            }
            return outcome
        }
    }
}
