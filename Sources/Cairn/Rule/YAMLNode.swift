/// A place in a document. Lines and columns count from 1, columns in characters.
struct YAMLMark: Hashable, Sendable {
    var line: UInt32
    var column: UInt32

    /// The place some characters further on the same line.
    func advanced(by characterCount: Int) -> YAMLMark {
        YAMLMark(line: line, column: column &+ UInt32(truncatingIfNeeded: characterCount))
    }
}

/// A value of a YAML document (YAML 1.2) with the place where it was written.
struct YAMLNode: Sendable {
    enum Content: Sendable {
        case scalar(YAMLScalar)
        case list([YAMLNode])
        case map([YAMLEntry])
    }

    var content: Content
    var mark: YAMLMark
}

/// A key of a map with its value.
struct YAMLEntry: Sendable {
    var key: String
    /// Where the key's first character was written.
    var keyMark: YAMLMark
    var value: YAMLNode
}

/// Text as written, and whether it was quoted: `80` is a number, `'80'` is text.
struct YAMLScalar: Sendable {
    enum Style: UInt8, Sendable { case plain, singleQuoted, doubleQuoted, block }

    var text: String
    var style: Style
    /// Written on several lines, so that places inside of it are not known.
    var spansLines = false
}

/// What a scalar means in the core schema (YAML 1.2 §10.3).
enum YAMLValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case float(Double)
    case text
}

extension YAMLScalar {
    /// The meaning of the scalar; everything in quotes is text.
    var value: YAMLValue { style == .plain ? Self.value(ofPlain: text) : .text }

    /// The meaning of a plain scalar. Integers beyond 64 bits are floats.
    static func value(ofPlain text: String) -> YAMLValue {
        guard let first = text.utf8.first else { return .null }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            return number(text) ?? .text
        case UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "~"):
            return ["null", "Null", "NULL", "~"].contains(text) ? .null : .text
        case UInt8(ascii: "t"), UInt8(ascii: "T"):
            return ["true", "True", "TRUE"].contains(text) ? .bool(true) : .text
        case UInt8(ascii: "f"), UInt8(ascii: "F"):
            return ["false", "False", "FALSE"].contains(text) ? .bool(false) : .text
        default:
            return .text
        }
    }

    private static func number(_ text: String) -> YAMLValue? {
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map { .integer($0) } }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8).map { .integer($0) } }
        var digits = Substring(text)
        if let sign = digits.first, sign == "+" || sign == "-" { digits = digits.dropFirst() }
        switch digits {
        case ".inf", ".Inf", ".INF": return .float(text.hasPrefix("-") ? -.infinity : .infinity)
        case ".nan", ".NaN", ".NAN": return digits.count == text.count ? .float(.nan) : nil
        default: break
        }
        guard isDecimal(digits) else { return nil }
        if let integer = Int64(text) { return .integer(integer) }
        return Double(text).map { .float($0) }
    }

    /// Digits with at most one point and an exponent, at least one digit before it.
    private static func isDecimal(_ text: Substring) -> Bool {
        var mantissaDigits = 0
        var points = 0
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): mantissaDigits += 1
            case UInt8(ascii: "."): points += 1
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                var exponentDigits = 0
                var isFirst = true
                while let byte = bytes.next() {
                    let isSign = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                    guard isFirst && isSign || (48...57).contains(byte) else { return false }
                    if !isSign { exponentDigits += 1 }
                    isFirst = false
                }
                return mantissaDigits > 0 && points <= 1 && exponentDigits > 0
            default: return false
            }
        }
        return mantissaDigits > 0 && points <= 1
    }
}

extension YAMLNode {
    /// The entries of a map, nil for anything else.
    var entries: [YAMLEntry]? {
        if case .map(let entries) = content { entries } else { nil }
    }

    /// The elements of a list, nil for anything else.
    var elements: [YAMLNode]? {
        if case .list(let elements) = content { elements } else { nil }
    }

    /// The scalar, nil for lists and maps.
    var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }

    /// The text of a scalar as written, quoted or not; nil for lists, maps and null.
    var text: String? {
        guard let scalar, scalar.value != .null else { return nil }
        return scalar.text
    }

    /// The meaning of a scalar; nil for lists and maps.
    var value: YAMLValue? { scalar?.value }

    var isNull: Bool { value == .null }

    /// Elements of a list, or the node itself as the only one.
    var listOrSelf: [YAMLNode] { elements ?? [self] }

    /// The value of a key of a map.
    subscript(key: String) -> YAMLNode? {
        entries?.first { $0.key == key }?.value
    }

    /// Where a character of a scalar's text was written; the beginning of the scalar if that is not
    /// known.
    func mark(ofCharacter offset: Int) -> YAMLMark {
        guard let scalar, !scalar.spansLines else { return mark }
        return mark.advanced(by: offset + (scalar.style == .plain ? 0 : 1))
    }

    /// A word for messages.
    var kind: String {
        switch content {
        case .list: "a list"
        case .map: "a map"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "nothing"
            case .bool: "true or false"
            case .integer, .float: "a number"
            case .text: "text"
            }
        }
    }
}
