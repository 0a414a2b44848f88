/// Finds literal text that every match of a regular expression contains. It understands the plain parts of PCRE2's language
/// and gives up on everything else: no literal is always right.
struct RegexLiterals {
    private let pattern: [UInt8]
    private var offset = 0
    private var run: [UInt8] = []
    private var literals: [[UInt8]] = []
    /// Something was met that is not understood here.
    private var isUnclear = false

    /// Runs of at least two bytes that every match contains, in order.
    static func required(by pattern: RegexPattern) -> [[UInt8]] {
        guard !pattern.isExtended else { return [] }
        var reader = RegexLiterals(pattern: Array(pattern.pattern.utf8))
        return reader.read() ? reader.literals : []
    }

    private init(pattern: [UInt8]) { self.pattern = pattern }

    /// Reads the whole expression; false if something could mean that nothing of it is required.
    private mutating func read() -> Bool {
        // Options within the expression could change what its letters mean.
        if pattern.starts(with: Array("(*".utf8)) { return false }
        while offset < pattern.count, !isUnclear {
            let byte = pattern[offset]
            switch byte {
            case UInt8(ascii: "|"): return false
            case UInt8(ascii: "("):
                guard skipGroup() else { return false }
                endRun()
                skipQuantifier()
            case UInt8(ascii: "["):
                guard skipClass() else { return false }
                endRun()
                skipQuantifier()
            case UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"):
                offset += 1
                endRun()
                skipQuantifier()
            case UInt8(ascii: "\\"):
                guard let literal = readEscape() else { return false }
                take(literal)
            case UInt8(ascii: ")"): return false
            default:
                offset += 1
                take(.byte(byte))
            }
        }
        endRun()
        return !isUnclear
    }

    private enum Element {
        case byte(UInt8)
        /// Some byte or none.
        case other
    }

    /// Adds an element, unless what follows says that it may be missing or come more than once.
    private mutating func take(_ element: Element) {
        let isBare = !isQuantifierNext
        let isRequired = isBare || pattern[offset] == UInt8(ascii: "+")
        if case .byte(let byte) = element, isRequired { run.append(byte) }
        if !isBare { skipQuantifier() }
        if case .byte = element, isBare { return }
        endRun()
    }

    private mutating func endRun() {
        if run.count >= 2 { literals.append(run) }
        run = []
    }

    private var isQuantifierNext: Bool {
        guard offset < pattern.count else { return false }
        return [UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{")]
            .contains(pattern[offset])
    }

    private mutating func skipQuantifier() {
        guard isQuantifierNext else { return }
        if pattern[offset] == UInt8(ascii: "{") {
            offset += 1
            while offset < pattern.count,
                pattern[offset] &- 0x30 < 10 || pattern[offset] == UInt8(ascii: ",")
            { offset += 1 }
            // Another brace is a literal; what follows it could be anything.
            guard offset < pattern.count, pattern[offset] == UInt8(ascii: "}") else {
                isUnclear = true
                return
            }
        }
        offset += 1
        // Lazy or possessive.
        if offset < pattern.count,
            [UInt8(ascii: "?"), UInt8(ascii: "+")].contains(pattern[offset])
        {
            offset += 1
        }
        // PCRE2 takes a quantifier of a quantifier.
        if isQuantifierNext { isUnclear = true }
    }

    /// Skips a group with all that is in it.
    ///
    /// - Returns: false for groups that change options for what follows, and for broken ones.
    private mutating func skipGroup() -> Bool {
        offset += 1
        if offset < pattern.count, pattern[offset] == UInt8(ascii: "?") {
            let kinds = Array(":=!<>P'".utf8)
            guard offset + 1 < pattern.count, kinds.contains(pattern[offset + 1]) else {
                return false
            }
        } else if offset < pattern.count, pattern[offset] == UInt8(ascii: "*") {
            return false
        }
        while offset < pattern.count {
            switch pattern[offset] {
            case UInt8(ascii: ")"):
                offset += 1
                return true
            case UInt8(ascii: "("): guard skipGroup() else { return false }
            case UInt8(ascii: "["): guard skipClass() else { return false }
            case UInt8(ascii: "\\"): guard skipEscape() else { return false }
            default: offset += 1
            }
        }
        return false
    }

    /// Skips `[…]`; a bracket right behind the opening one belongs to the class.
    private mutating func skipClass() -> Bool {
        offset += 1
        if offset < pattern.count, pattern[offset] == UInt8(ascii: "^") { offset += 1 }
        if offset < pattern.count, pattern[offset] == UInt8(ascii: "]") { offset += 1 }
        while offset < pattern.count {
            switch pattern[offset] {
            case UInt8(ascii: "]"):
                offset += 1
                return true
            case UInt8(ascii: "\\"): guard skipEscape() else { return false }
            case UInt8(ascii: "["):
                // [:alpha:] and its like.
                if offset + 1 < pattern.count,
                    [UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "=")]
                        .contains(pattern[offset + 1])
                {
                    while offset < pattern.count, pattern[offset] != UInt8(ascii: "]") {
                        offset += 1
                    }
                }
                offset += 1
            default: offset += 1
            }
        }
        return false
    }

    private mutating func skipEscape() -> Bool {
        // \Q…\E and control characters would hide brackets.
        guard offset + 1 < pattern.count,
            ![UInt8(ascii: "Q"), UInt8(ascii: "E"), UInt8(ascii: "c")].contains(pattern[offset + 1])
        else { return false }
        offset += 2
        return true
    }

    /// Reads an escape; nil for those that are not known here.
    private mutating func readEscape() -> Element? {
        guard offset + 1 < pattern.count else { return nil }
        let byte = pattern[offset + 1]
        offset += 2
        switch byte {
        case UInt8(ascii: "x"):
            guard offset + 1 < pattern.count, let high = pattern[offset].hexDigitValue,
                let low = pattern[offset + 1].hexDigitValue
            else { return nil }
            offset += 2
            return .byte(high << 4 | low)
        case UInt8(ascii: "n"): return .byte(0x0a)
        case UInt8(ascii: "r"): return .byte(0x0d)
        case UInt8(ascii: "t"): return .byte(0x09)
        case UInt8(ascii: "d"), UInt8(ascii: "D"), UInt8(ascii: "s"), UInt8(ascii: "S"),
            UInt8(ascii: "w"), UInt8(ascii: "W"), UInt8(ascii: "b"), UInt8(ascii: "B"),
            UInt8(ascii: "A"), UInt8(ascii: "z"), UInt8(ascii: "Z"), UInt8(ascii: "h"),
            UInt8(ascii: "R"):
            return .other
        default:
            // Punctuation stands for itself; letters and digits could mean anything.
            return byte.isASCIILetter || byte &- 0x30 < 10 ? nil : .byte(byte)
        }
    }
}
