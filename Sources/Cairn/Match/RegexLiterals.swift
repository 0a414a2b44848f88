/// Finds literal text without which a regular expression does not match. It understands the plain parts of PCRE2's
/// language and gives up on everything else: no literal is always right.
///
/// An expression is read into what it can match: a few texts exactly (`(GET|POST) /`), or anything that has one text out of
/// each of several choices (`(wget|curl) [^ ]*\.sh` has `wget ` or `curl `, and `.sh`).
struct RegexLiterals {
    /// Texts one of which every match contains.
    typealias Choice = [[UInt8]]

    private let pattern: [UInt8]
    private let isMultiline: Bool
    private let rarity: ([UInt8]) -> Int
    private var offset = 0
    private var depth = 0

    /// Groups within groups that are followed.
    private static let depthMax = 32
    /// Texts that are told apart; with more only parts of them are.
    private static let textCountMax = 64
    /// Bytes of such a text.
    private static let textByteCountMax = 64
    /// Bytes of a class that are taken for as many texts.
    private static let classByteCountMax = 4

    /// The choices of an expression, in order; texts have at least two bytes.
    ///
    /// - Parameter rarity: how rare a text is, in bits: of several choices within an alternative one is kept.
    static func required(
        by pattern: RegexPattern, rarity: @escaping ([UInt8]) -> Int = { $0.count }
    ) -> [Choice] {
        guard let match = read(pattern, rarity) else { return [] }
        guard let texts = match.texts else { return match.choices }
        return [texts].filter(isUseful)
    }

    /// Whether every match begins at the first byte of the text.
    static func isBoundToStart(_ pattern: RegexPattern) -> Bool {
        pattern.isAnchored || read(pattern) { $0.count }?.beginsAtStart ?? false
    }

    private static func read(
        _ pattern: RegexPattern, _ rarity: @escaping ([UInt8]) -> Int
    ) -> Match? {
        // Options within the expression could change what its letters mean.
        guard !pattern.isExtended, !pattern.pattern.hasPrefix("(*") else { return nil }
        var reader = RegexLiterals(
            pattern: Array(pattern.pattern.utf8), isMultiline: pattern.isMultiline, rarity: rarity)
        guard let match = reader.readAlternatives(), reader.offset == reader.pattern.count else {
            return nil
        }
        return match
    }

    private init(
        pattern: [UInt8], isMultiline: Bool, rarity: @escaping ([UInt8]) -> Int
    ) {
        self.pattern = pattern
        self.isMultiline = isMultiline
        self.rarity = rarity
    }

    /// What a part of an expression can match.
    private struct Match {
        /// All texts that it can match, if they are few.
        var texts: Choice?
        /// What every match has; empty where `texts` says all.
        var choices: [Choice] = []
        /// It matches at the first byte of the value only.
        var beginsAtStart = false

        static let nothing = Match(texts: [[]])
        static let anything = Match()
    }

    private static func isUseful(_ choice: Choice) -> Bool {
        !choice.isEmpty && choice.allSatisfy { $0.count >= 2 }
    }

    // MARK: Structure

    /// Reads alternatives up to a closing bracket or the end; nil if something was met that is not understood here.
    private mutating func readAlternatives() -> Match? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax, var matches = readSequence().map({ [$0] }) else { return nil }
        while next == UInt8(ascii: "|") {
            offset += 1
            guard let match = readSequence() else { return nil }
            matches.append(match)
        }
        return matches.count == 1 ? matches[0] : either(of: matches)
    }

    private func either(of matches: [Match]) -> Match {
        var either = Match(beginsAtStart: matches.allSatisfy(\.beginsAtStart))
        let texts = matches.reduce(into: Choice()) { $0 += $1.texts ?? [] }
        if matches.allSatisfy({ $0.texts != nil }), texts.count <= Self.textCountMax {
            either.texts = texts
            return either
        }
        var choice: Choice = []
        for match in matches {
            let choices = match.texts.map { [$0] } ?? match.choices
            let best = choices.filter(Self.isUseful).max { score($0) < score($1) }
            guard let best else { return either }
            choice += best
        }
        if choice.count <= Self.textCountMax { either.choices = [choice] }
        return either
    }

    /// How rare the most frequent text of a choice is.
    private func score(_ choice: Choice) -> Int { choice.map(rarity).min() ?? 0 }

    private mutating func readSequence() -> Match? {
        var sequence = SequenceBuilder()
        while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            guard var match = readAtom(), let count = readQuantifier() else { return nil }
            if count.lowerBound == 0 { match.beginsAtStart = false }
            switch (count.lowerBound, count.upperBound) {
            case (1, 1): sequence.append(match)
            case (0, 1): sequence.append(match.texts.map { Match(texts: $0 + [[]]) } ?? .anything)
            case (0, _): sequence.append(.anything)
            default:
                sequence.append(match)
                sequence.append(.anything)
            }
        }
        return sequence.finish()
    }

    /// Puts together what follows each other.
    private struct SequenceBuilder {
        /// What the bytes behind the last gap can be.
        private var texts: Choice = [[]]
        private var choices: [Choice] = []
        private var hasGap = false
        private var beginsAtStart = false
        private var isFirst = true

        mutating func append(_ match: Match) {
            if isFirst, match.beginsAtStart { beginsAtStart = true }
            // What stands before the first byte of the value takes no room.
            isFirst = isFirst && match.texts == [[]]
            guard let added = match.texts else {
                endTexts()
                choices += match.choices
                return
            }
            let isSmall =
                texts.count * added.count <= textCountMax
                && (texts.map(\.count).max() ?? 0) + (added.map(\.count).max() ?? 0)
                    <= textByteCountMax
            if isSmall {
                texts = texts.flatMap { text in added.map { text + $0 } }
            } else {
                endTexts()
                texts = added
            }
        }

        private mutating func endTexts() {
            hasGap = true
            if isUseful(texts) { choices.append(texts) }
            texts = [[]]
        }

        func finish() -> Match {
            guard hasGap else { return Match(texts: texts, beginsAtStart: beginsAtStart) }
            return Match(
                choices: isUseful(texts) ? choices + [texts] : choices,
                beginsAtStart: beginsAtStart)
        }
    }

    // MARK: Parts

    private var next: UInt8? { offset < pattern.count ? pattern[offset] : nil }

    private mutating func readAtom() -> Match? {
        guard let byte = next else { return nil }
        switch byte {
        case UInt8(ascii: "("): return readGroup()
        case UInt8(ascii: "["): return readClass()
        case UInt8(ascii: "\\"): return readEscape()
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): return nil
        default: break
        }
        offset += 1
        switch byte {
        case UInt8(ascii: "."): return .anything
        case UInt8(ascii: "^"): return Match(texts: [[]], beginsAtStart: !isMultiline)
        case UInt8(ascii: "$"): return .nothing
        default: return Match(texts: [[byte]])
        }
    }

    /// How often the part before comes: `1...1` without a quantifier; nil for what is not understood.
    private mutating func readQuantifier() -> ClosedRange<Int>? {
        let range: ClosedRange<Int>
        switch next {
        case UInt8(ascii: "*"): range = 0...Int.max
        case UInt8(ascii: "+"): range = 1...Int.max
        case UInt8(ascii: "?"): range = 0...1
        case UInt8(ascii: "{"):
            offset += 1
            // Another brace is a literal; what follows it could be anything.
            guard let counts = readCounts() else { return nil }
            range = counts
        default: return 1...1
        }
        offset += 1
        // Lazy or possessive.
        if next == UInt8(ascii: "?") || next == UInt8(ascii: "+") { offset += 1 }
        // PCRE2 takes a quantifier of a quantifier.
        switch next {
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"): return nil
        default: return range
        }
    }

    /// Reads `2`, `2,` or `2,3` up to the closing brace.
    private mutating func readCounts() -> ClosedRange<Int>? {
        guard let low = readNumber() else { return nil }
        var high = low
        if next == UInt8(ascii: ",") {
            offset += 1
            high = next == UInt8(ascii: "}") ? .max : readNumber() ?? -1
        }
        return next == UInt8(ascii: "}") && low <= high ? low...high : nil
    }

    private mutating func readNumber() -> Int? {
        var number: Int?
        while let byte = next, byte &- 0x30 < 10 {
            number = min(1 << 20, (number ?? 0) * 10 + Int(byte &- 0x30))
            offset += 1
        }
        return number
    }

    /// Reads a group with all that is in it; nil for groups that change options or do something else.
    private mutating func readGroup() -> Match? {
        offset += 1
        var takesRoom = true
        if next == UInt8(ascii: "*") { return nil }
        if next == UInt8(ascii: "?") {
            let head = String(decoding: pattern[(offset + 1)...].prefix(2), as: UTF8.self)
            let rest = pattern[offset...]
            if head.hasPrefix(":") || head.hasPrefix(">") {
                offset += 2
            } else if head.hasPrefix("=") || head.hasPrefix("!") {
                takesRoom = false
                offset += 2
            } else if head == "<=" || head == "<!" {
                takesRoom = false
                offset += 3
            } else if head == "P<" || head.hasPrefix("<") || head.hasPrefix("'") {
                let close = UInt8(ascii: head.hasPrefix("'") ? "'" : ">")
                guard let end = rest.dropFirst(3).firstIndex(of: close) else { return nil }
                offset = end + 1
            } else {
                return nil
            }
        }
        guard let match = readAlternatives(), next == UInt8(ascii: ")") else { return nil }
        offset += 1
        return takesRoom ? match : .nothing
    }

    /// Reads `[…]`; a bracket right behind the opening one belongs to the class.
    private mutating func readClass() -> Match? {
        offset += 1
        var bytes: [UInt8]? = []
        if next == UInt8(ascii: "^") {
            bytes = nil
            offset += 1
        }
        let first = offset
        while let byte = next, byte != UInt8(ascii: "]") || offset == first {
            offset += 1
            switch byte {
            case UInt8(ascii: "\\"):
                offset -= 1
                guard let match = readEscape(isInClass: true) else { return nil }
                if let text = match.texts?.first, text.count == 1 {
                    bytes?.append(text[0])
                } else {
                    bytes = nil
                }
            case UInt8(ascii: "["):
                // [:alpha:] and its like.
                if [UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "=")].contains(next) {
                    bytes = nil
                    while let byte = next, byte != UInt8(ascii: "]") { offset += 1 }
                    guard next != nil else { return nil }
                    offset += 1
                } else {
                    bytes?.append(byte)
                }
            // A range may be more than a few; at either end it stands for itself.
            case UInt8(ascii: "-") where offset - 1 != first && next != UInt8(ascii: "]"):
                bytes = nil
            default: bytes?.append(byte)
            }
        }
        guard next == UInt8(ascii: "]") else { return nil }
        offset += 1
        guard let bytes, bytes.count <= Self.classByteCountMax else { return .anything }
        return Match(texts: bytes.map { [$0] })
    }

    /// Reads an escape; nil for those that are not known here.
    private mutating func readEscape(isInClass: Bool = false) -> Match? {
        guard offset + 1 < pattern.count else { return nil }
        let byte = pattern[offset + 1]
        offset += 2
        switch byte {
        case UInt8(ascii: "x"):
            guard offset + 1 < pattern.count, let high = pattern[offset].hexDigitValue,
                let low = pattern[offset + 1].hexDigitValue
            else { return nil }
            offset += 2
            return Match(texts: [[high << 4 | low]])
        case UInt8(ascii: "n"): return Match(texts: [[0x0a]])
        case UInt8(ascii: "r"): return Match(texts: [[0x0d]])
        case UInt8(ascii: "t"): return Match(texts: [[0x09]])
        case UInt8(ascii: "d"), UInt8(ascii: "D"), UInt8(ascii: "s"), UInt8(ascii: "S"),
            UInt8(ascii: "w"), UInt8(ascii: "W"), UInt8(ascii: "h"), UInt8(ascii: "R"):
            return .anything
        case UInt8(ascii: "b"), UInt8(ascii: "B"), UInt8(ascii: "z"), UInt8(ascii: "Z"):
            return isInClass ? nil : .nothing
        case UInt8(ascii: "A"): return isInClass ? nil : Match(texts: [[]], beginsAtStart: true)
        default:
            // Punctuation stands for itself; letters and digits could mean anything.
            return byte.isASCIILetter || byte &- 0x30 < 10 ? nil : Match(texts: [[byte]])
        }
    }
}
