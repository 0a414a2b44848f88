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

    /// Sets of texts; every match has one of each, in order. The texts have at least two bytes.
    private(set) var choices: [Choice] = []
    /// Whether every match begins at the first byte of the value.
    private(set) var isBoundToStart = false
    /// Bytes from where a match begins that it can depend on, at most; `Int.max` if that is not known.
    private(set) var reach = Int.max

    /// - Parameter rarity: how rare a text is, in bits: of several choices within an alternative one is kept.
    init(_ pattern: RegexPattern, rarity: @escaping ([UInt8]) -> Int = { $0.count }) {
        self.pattern = Array(pattern.pattern.utf8)
        isMultiline = pattern.isMultiline
        self.rarity = rarity
        isBoundToStart = pattern.isAnchored
        // Options within the expression could change what its letters mean.
        guard !pattern.isExtended, !pattern.pattern.hasPrefix("(*"),
            let match = readAlternatives(), offset == self.pattern.count
        else { return }
        choices = match.texts.map { [$0].filter(Self.isUseful) } ?? match.choices
        isBoundToStart = isBoundToStart || match.beginsAtStart
        reach = match.reach
    }

    /// What a part of an expression can match.
    private struct Match {
        /// All texts that it can match, if they are few.
        var texts: Choice?
        /// What every match has; empty where `texts` says all.
        var choices: [Choice] = []
        /// It matches at the first byte of the value only.
        var beginsAtStart = false
        /// Bytes that it looks at, at most.
        var reach = 0

        /// Looks at the bytes around a place, and takes none.
        static let nothing = Match(texts: [[]], reach: 1)
        static let anyCharacter = Match(reach: 1)

        /// One of a few texts.
        static func texts(_ texts: Choice) -> Match {
            Match(texts: texts, reach: texts.map(\.count).max() ?? 0)
        }

        /// Of a number of repetitions none need be there.
        func optional(_ countMax: Int) -> Match {
            let reach = product(reach, countMax)
            guard countMax == 1, let texts else { return Match(reach: reach) }
            return Match(texts: texts + [[]], reach: reach)
        }
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, isTooMuch) = a.addingReportingOverflow(b)
        return isTooMuch ? .max : sum
    }

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (product, isTooMuch) = a.multipliedReportingOverflow(by: b)
        return isTooMuch ? .max : product
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
        var either = Match(
            beginsAtStart: matches.allSatisfy(\.beginsAtStart),
            reach: matches.map(\.reach).max() ?? 0)
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
            if isPlain(byte), !isQuantifier(at: offset + 1) {
                offset += 1
                sequence.append(byte)
                continue
            }
            guard var match = readAtom(), let count = readQuantifier() else { return nil }
            if count.lowerBound == 0 { match.beginsAtStart = false }
            switch (count.lowerBound, count.upperBound) {
            case (1, 1): sequence.append(match)
            case (0, let most): sequence.append(match.optional(most))
            case (_, let most):
                sequence.append(match)
                sequence.append(Match(reach: Self.product(match.reach, most - 1)))
            }
        }
        return sequence.finish()
    }

    /// Puts together what follows each other.
    private struct SequenceBuilder {
        /// What the bytes behind the last gap can be.
        private var texts: Choice = [[]]
        /// Bytes of the longest of them.
        private var byteCount = 0
        private var choices: [Choice] = []
        private var hasGap = false
        private var beginsAtStart = false
        private var isFirst = true
        private var reach = 0

        mutating func append(_ match: Match) {
            reach = sum(reach, match.reach)
            if isFirst, match.beginsAtStart { beginsAtStart = true }
            // What stands before the first byte of the value takes no room.
            isFirst = isFirst && match.texts == [[]]
            guard let added = match.texts else {
                endTexts()
                choices += match.choices
                return
            }
            let addedByteCount = added.map(\.count).max() ?? 0
            if texts.count * added.count > textCountMax
                || byteCount + addedByteCount > textByteCountMax
            {
                endTexts()
            }
            texts = texts.flatMap { text in added.map { text + $0 } }
            byteCount += addedByteCount
        }

        mutating func append(_ byte: UInt8) {
            isFirst = false
            reach = sum(reach, 1)
            if byteCount >= textByteCountMax { endTexts() }
            for index in texts.indices { texts[index].append(byte) }
            byteCount += 1
        }

        private mutating func endTexts() {
            hasGap = true
            if isUseful(texts) { choices.append(texts) }
            texts = [[]]
            byteCount = 0
        }

        func finish() -> Match {
            guard hasGap else {
                return Match(texts: texts, beginsAtStart: beginsAtStart, reach: reach)
            }
            return Match(
                choices: isUseful(texts) ? choices + [texts] : choices,
                beginsAtStart: beginsAtStart, reach: reach)
        }
    }

    // MARK: Parts

    private var next: UInt8? { offset < pattern.count ? pattern[offset] : nil }

    /// Whether a byte stands for itself.
    private func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "\\"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "$"):
            false
        default: !Self.isQuantifier(byte)
        }
    }

    private func isQuantifier(at offset: Int) -> Bool {
        offset < pattern.count && Self.isQuantifier(pattern[offset])
    }

    private static func isQuantifier(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "*") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "?")
            || byte == UInt8(ascii: "{")
    }

    private mutating func readAtom() -> Match? {
        guard let byte = next else { return nil }
        switch byte {
        case UInt8(ascii: "("): return readGroup()
        case UInt8(ascii: "["): return readClass()
        case UInt8(ascii: "\\"): return readEscape()
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): return nil
        default: offset += 1
        }
        switch byte {
        case UInt8(ascii: "."): return .anyCharacter
        case UInt8(ascii: "^"): return Match(texts: [[]], beginsAtStart: !isMultiline)
        case UInt8(ascii: "$"): return .nothing
        default: return .texts([[byte]])
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
        return isQuantifier(at: offset) ? nil : range
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
        return takesRoom ? match : Match(texts: [[]], reach: match.reach)
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
        guard let bytes, bytes.count <= Self.classByteCountMax else { return .anyCharacter }
        return .texts(bytes.map { [$0] })
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
            return .texts([[high << 4 | low]])
        case UInt8(ascii: "n"): return .texts([[0x0a]])
        case UInt8(ascii: "r"): return .texts([[0x0d]])
        case UInt8(ascii: "t"): return .texts([[0x09]])
        case UInt8(ascii: "d"), UInt8(ascii: "D"), UInt8(ascii: "s"), UInt8(ascii: "S"),
            UInt8(ascii: "w"), UInt8(ascii: "W"), UInt8(ascii: "h"):
            return .anyCharacter
        // CR and LF are one line end.
        case UInt8(ascii: "R"): return isInClass ? nil : Match(reach: 2)
        case UInt8(ascii: "b"), UInt8(ascii: "B"), UInt8(ascii: "z"), UInt8(ascii: "Z"):
            return isInClass ? nil : .nothing
        case UInt8(ascii: "A"): return isInClass ? nil : Match(texts: [[]], beginsAtStart: true)
        default:
            // Punctuation stands for itself; letters and digits could mean anything.
            return byte.isASCIILetter || byte &- 0x30 < 10 ? nil : .texts([[byte]])
        }
    }
}
