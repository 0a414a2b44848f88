/// A mistake in a Suricata rule, or the reason why a rule that is fine cannot apply here.
struct SuricataProblem: Error {
    /// Where, in bytes of the rule's text.
    var offset: Int
    var message: String
    /// The rule is skipped: it is fine, but asks for what is not there.
    var isSkip = false
}

/// One rule of a file, its lines joined, with the places that its bytes come from.
///
/// A line that ends in `\` goes on in the next one, without the `\` and the line end.
struct SuricataText {
    var bytes: [UInt8] = []
    /// Where joined lines begin: their offset in `bytes`, and their line in the file. The first is at 0.
    private(set) var lines: [(offset: Int, line: Int)] = []

    mutating func append(_ line: some Collection<UInt8>, number: Int) {
        lines.append((bytes.count, number))
        bytes += line
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
    }

    /// Line and column, in characters, of a byte.
    func mark(at offset: Int) -> YAMLMark {
        let start = lines.last { $0.offset <= offset } ?? (0, 1)
        let end = min(max(offset, start.offset), bytes.count)
        let column = bytes[start.offset..<end].count { $0 & 0xc0 != 0x80 } + 1
        return YAMLMark(
            line: UInt32(truncatingIfNeeded: start.line),
            column: UInt32(truncatingIfNeeded: column))
    }
}

/// Divides a file of Suricata rules into rules. What is behind `#` is a comment; a comment that holds a rule is a
/// disabled one.
struct SuricataFile {
    /// Bytes of one rule.
    static let ruleByteCountMax = 1 << 20

    enum Line {
        /// The rule is in `text`.
        case rule
        /// A rule in a comment, also in `text`.
        case disabled
        /// It begins with white space, which Suricata takes for no rule.
        case indented(YAMLMark)
        /// Longer than is allowed.
        case tooLong(YAMLMark)
    }

    private let source: UnsafeBufferPointer<UInt8>
    private var offset = 0
    private var number: Int
    private(set) var text = SuricataText()

    init(_ source: UnsafeBufferPointer<UInt8>, lineOffset: Int) {
        self.source = source
        number = lineOffset
    }

    /// The next line that is more than a comment or empty; nil at the end.
    mutating func next() -> Line? {
        while let line = nextLine() {
            guard let first = line.first else { continue }
            switch first {
            case UInt8(ascii: ";"), UInt8(ascii: "\r"): continue
            case UInt8(ascii: "#"):
                let rest = line.drop { $0 == UInt8(ascii: "#") || $0.isSuricataSpace }
                guard Self.looksLikeRule(rest) else { continue }
                text.clear()
                text.append(rest, number: number)
                return .disabled
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                let rest = line.drop { $0.isSuricataSpace }
                guard Self.looksLikeRule(rest) else { continue }
                return .indented(mark)
            default: return rule(line)
            }
        }
        return nil
    }

    /// The next line of a configuration file that is no comment, also in `text`.
    mutating func nextConfigLine() -> SuricataValue? {
        while let line = nextLine() {
            let trimmed = line.trimmedOfSpace
            guard let first = trimmed.first, first != UInt8(ascii: "#") else { continue }
            guard case .rule = rule(line) else { continue }
            return SuricataValue(bytes: text.bytes[...].trimmedOfSpace)
        }
        return nil
    }

    private var mark: YAMLMark { YAMLMark(line: UInt32(truncatingIfNeeded: number), column: 1) }

    private mutating func rule(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Line {
        text.clear()
        let start = mark
        var line = line
        while true {
            guard text.bytes.count + line.count <= Self.ruleByteCountMax else {
                return .tooLong(start)
            }
            let end = line.trimmedOfSpace
            guard end.last == UInt8(ascii: "\\") else {
                text.append(line, number: number)
                return .rule
            }
            text.append(line[line.startIndex..<end.endIndex - 1], number: number)
            guard let next = nextLine() else { return .rule }
            line = next
        }
    }

    private mutating func nextLine() -> Slice<UnsafeBufferPointer<UInt8>>? {
        guard offset < source.count else { return nil }
        let rest = source[offset...]
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? source.count
        offset = end + 1
        number += 1
        let line = source[rest.startIndex..<end]
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }

    /// Whether text begins like a rule: an action, a word, and a parenthesis somewhere.
    static func looksLikeRule(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        let word = text.prefix { !$0.isSuricataSpace }
        guard word.count <= 16, word.count < text.count,
            SuricataHeaderReader.action(String(decoding: word, as: UTF8.self)) != nil
        else { return false }
        return text.contains(UInt8(ascii: "(")) && text.trimmedOfSpace.last == UInt8(ascii: ")")
    }
}

extension UInt8 {
    /// White space between the words of a rule.
    var isSuricataSpace: Bool { self == 32 || self >= 9 && self <= 13 }
}

extension BidirectionalCollection where Element == UInt8, SubSequence == Self {
    /// Without white space at both ends.
    var trimmedOfSpace: Self {
        var bytes = drop { $0.isSuricataSpace }
        while let last = bytes.last, last.isSuricataSpace { bytes.removeLast() }
        return bytes
    }
}

/// One option of a rule, `name` or `name:value`, with its place.
struct SuricataOption {
    var name: String
    /// Where the name begins, in bytes of the rule.
    var offset: Int
    /// What follows the colon, without white space around it; nil if there is no colon.
    var value: SuricataValue?
}

/// A part of a rule's text that knows where it stands.
struct SuricataValue {
    var bytes: ArraySlice<UInt8>

    var offset: Int { bytes.startIndex }
    var isEmpty: Bool { bytes.isEmpty }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var trimmed: SuricataValue { SuricataValue(bytes: bytes.trimmedOfSpace) }

    func error(_ message: String) -> SuricataProblem {
        SuricataProblem(offset: offset, message: message)
    }

    /// The parts between separators, without white space around them.
    func split(_ separator: Character, maxSplits: Int = .max) -> [SuricataValue] {
        let separator = separator.asciiValue ?? 0
        var parts: [SuricataValue] = []
        var start = bytes.startIndex
        for index in bytes.indices where bytes[index] == separator && parts.count < maxSplits {
            parts.append(SuricataValue(bytes: bytes[start..<index].trimmedOfSpace))
            start = index + 1
        }
        parts.append(SuricataValue(bytes: bytes[start...].trimmedOfSpace))
        return parts
    }

    /// The words between white space.
    var words: [SuricataValue] {
        bytes.split { $0.isSuricataSpace }.map { SuricataValue(bytes: $0) }
    }

    /// Without a `!` in front, and whether there was one.
    var negatable: (value: SuricataValue, isNegated: Bool) {
        guard bytes.first == UInt8(ascii: "!") else { return (self, false) }
        return (SuricataValue(bytes: bytes.dropFirst().trimmedOfSpace), true)
    }

    /// Without quotation marks at both ends; nil if there are none.
    var unquoted: SuricataValue? {
        guard bytes.count >= 2, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"")
        else { return nil }
        return SuricataValue(bytes: bytes.dropFirst().dropLast())
    }

    /// A number in decimal digits, with a sign if it may be negative, or hexadecimal behind `0x`.
    var integer: Int64? {
        var digits = bytes
        var isNegative = false
        if digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") {
            isNegative = digits.first == UInt8(ascii: "-")
            digits = digits.dropFirst()
        }
        guard !digits.isEmpty, digits.count <= 20 else { return nil }
        if digits.count > 2, digits.first == 48, digits.dropFirst().first.map({ $0 | 0x20 }) == 120
        {
            return Int64(String(decoding: digits.dropFirst(2), as: UTF8.self), radix: 16)
                .map { isNegative ? -$0 : $0 }
        }
        var number: Int64 = 0
        for digit in digits {
            guard digit.isDigit else { return nil }
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int64(digit - 48))
            guard !overflow, !overflow2 else { return nil }
            number = sum
        }
        return isNegative ? -number : number
    }

    /// The text with `\` taken away before what it protects.
    func unescaped() throws(SuricataProblem) -> String {
        guard bytes.contains(UInt8(ascii: "\\")) else { return text }
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var isEscaped = false
        for byte in bytes {
            if !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                plain.append(byte)
                isEscaped = false
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

/// The parts of a rule: its header's words and its options.
struct SuricataParts {
    var header: [SuricataValue] = []
    var options: [SuricataOption] = []
    /// What is wrong with the text but does not change what it says.
    var remark: SuricataProblem?

    /// Options of one rule.
    static let optionCountMax = 4096

    init(_ text: SuricataText) throws(SuricataProblem) {
        let bytes = text.bytes[...]
        let open = bytes.firstIndex(of: UInt8(ascii: "("))
        header = Self.words(bytes[..<(open ?? bytes.endIndex)])
        var remark: SuricataProblem?
        let start: Int
        if let first = missedOption {
            start = first
            header.removeLast(header.count - Self.headerWordCount)
            remark = SuricataProblem(
                offset: first, message: "the '(' before the options is missing; add it")
        } else if let open {
            start = open + 1
        } else {
            throw SuricataProblem(
                offset: 0, message: "the rule has no options; they stand in parentheses at its end")
        }
        try readOptions(inner(bytes[start...].trimmedOfSpace))
        if let remark { self.remark = remark }
    }

    private static let headerWordCount = 7

    /// Where the options begin if no parenthesis stands before them, which Suricata takes.
    private var missedOption: Int? {
        guard header.count > Self.headerWordCount else { return nil }
        let first = header[Self.headerWordCount].bytes
        return first.contains(UInt8(ascii: ":")) ? first.startIndex : nil
    }

    /// The options without the parenthesis behind them. Suricata takes a rule that lacks it, or has two.
    private mutating func inner(
        _ bytes: ArraySlice<UInt8>
    ) throws(SuricataProblem) -> ArraySlice<UInt8> {
        let last = max(bytes.startIndex - 1, bytes.endIndex - 1)
        switch bytes.last {
        case UInt8(ascii: ")"):
            let rest = bytes.dropLast().trimmedOfSpace
            guard rest.last == UInt8(ascii: ")") else { return rest }
            remark = SuricataProblem(
                offset: last, message: "the rule ends with ')' twice; take one away")
            return rest.dropLast()
        case UInt8(ascii: ";"):
            remark = SuricataProblem(
                offset: last, message: "the ')' at the end of the rule is missing; add it")
            return bytes
        default:
            throw SuricataProblem(
                offset: last,
                message: bytes.contains(UInt8(ascii: ")"))
                    ? "the rule must end with ')'; take away what stands behind it"
                    : "the rule must end with ')'; add ';' and ')'")
        }
    }

    /// Words of the header; lists in brackets are one word, also with white space in them.
    private static func words(_ bytes: ArraySlice<UInt8>) -> [SuricataValue] {
        var words: [SuricataValue] = []
        var start: Int?
        var depth = 0
        for (index, byte) in zip(bytes.indices, bytes) {
            if byte.isSuricataSpace, depth == 0 {
                if let first = start { words.append(SuricataValue(bytes: bytes[first..<index])) }
                start = nil
                continue
            }
            if start == nil { start = index }
            if byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: "]") { depth = max(0, depth - 1) }
        }
        if let first = start {
            words.append(SuricataValue(bytes: bytes[first...].trimmedOfSpace))
        }
        return words
    }

    /// Options end at a `;` without `\` before it.
    private mutating func readOptions(_ bytes: ArraySlice<UInt8>) throws(SuricataProblem) {
        options.reserveCapacity(24)
        var start = bytes.startIndex
        var index = start
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: ";"), index == start || bytes[index - 1] != 92 {
                try append(bytes[start..<index].trimmedOfSpace)
                start = index + 1
            }
            index += 1
        }
        let rest = bytes[start...].trimmedOfSpace
        guard rest.isEmpty else {
            throw SuricataProblem(
                offset: rest.startIndex, message: "';' is missing behind the last option")
        }
    }

    /// Keywords may be written in capitals.
    private static func name(_ bytes: ArraySlice<UInt8>) -> String {
        let name = String(decoding: bytes, as: UTF8.self)
        return bytes.contains { $0 >= 65 && $0 <= 90 } ? name.lowercased() : name
    }

    private mutating func append(_ option: ArraySlice<UInt8>) throws(SuricataProblem) {
        guard !option.isEmpty else { return }
        guard options.count < Self.optionCountMax else {
            throw SuricataProblem(
                offset: option.startIndex,
                message: "the rule has more than \(Self.optionCountMax) options")
        }
        guard let colon = option.firstIndex(of: UInt8(ascii: ":")) else {
            let name = Self.name(option)
            options.append(SuricataOption(name: name, offset: option.startIndex, value: nil))
            return
        }
        let name = Self.name(option[..<colon].trimmedOfSpace)
        let value = option[(colon + 1)...].trimmedOfSpace
        options.append(
            SuricataOption(
                name: name, offset: option.startIndex, value: SuricataValue(bytes: value)))
    }
}
