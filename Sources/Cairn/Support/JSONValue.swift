/// A JSON text (RFC 8259) as a tree, for small things: settings, tests, and lines that are looked
/// at closely.
///
/// Numbers keep their text, so that none loses precision. Of members with the same key the last one
/// counts.
indirect enum JSONValue: Equatable, Sendable {
    case null
    case bool(Bool)
    /// As written, and whether without fraction and exponent.
    case number(String, isInteger: Bool)
    case string(String)
    case array([JSONValue])
    /// In the order of the text, each key once.
    case object([Member])

    struct Member: Equatable, Sendable {
        var key: String
        var value: JSONValue
    }

    /// How deeply arrays and objects may nest: each level costs stack.
    static let nestingMax = 128

    /// Parses one value; nil if the bytes are not exactly one JSON text.
    init?(parsing text: UnsafeRawBufferPointer) {
        var scanner = JSONScanner(text)
        guard let value = Self.parse(&scanner, depth: 0), scanner.isAtEnd() else { return nil }
        self = value
    }

    /// Parses one value; nil if the bytes are not exactly one JSON text.
    init?(parsing text: some Sequence<UInt8>) {
        guard let value = Array(text).withUnsafeBytes({ JSONValue(parsing: $0) }) else {
            return nil
        }
        self = value
    }

    /// The member of an object; nil if there is none, or this is no object.
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The text of a string.
    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The elements of an array.
    var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The number, if it is a whole one that fits.
    var integer: Int64? {
        guard case .number(let text, isInteger: true) = self else { return nil }
        return Int64(text)
    }

    private static func parse(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard depth < nestingMax, let kind = scanner.kind() else { return nil }
        switch kind {
        case .null: return scanner.word("null") ? .null : nil
        case .true: return scanner.word("true") ? .bool(true) : nil
        case .false: return scanner.word("false") ? .bool(false) : nil
        case .number:
            guard let number = scanner.number() else { return nil }
            let text = String(decoding: scanner.bytes(number.start, number.end), as: UTF8.self)
            return .number(text, isInteger: number.isInteger)
        case .string: return string(&scanner).map(JSONValue.string)
        case .array: return array(&scanner, depth: depth)
        case .object: return object(&scanner, depth: depth)
        }
    }

    private static func string(_ scanner: inout JSONScanner) -> String? {
        guard let text = scanner.string() else { return nil }
        var bytes: [UInt8] = []
        scanner.appendUnescaped(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func array(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard scanner.take(UInt8(ascii: "[")) else { return nil }
        var elements: [JSONValue] = []
        if scanner.take(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            guard let element = parse(&scanner, depth: depth + 1) else { return nil }
            elements.append(element)
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "]")) ? .array(elements) : nil
    }

    private static func object(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        var members: [Member] = []
        var places: [String: Int] = [:]
        if scanner.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            guard scanner.kind() == .string, let key = string(&scanner),
                scanner.take(UInt8(ascii: ":")), let value = parse(&scanner, depth: depth + 1)
            else { return nil }
            if let place = places[key] {
                members[place].value = value
            } else {
                places[key] = members.count
                members.append(Member(key: key, value: value))
            }
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "}")) ? .object(members) : nil
    }
}

extension JSONValue {
    /// This value in one fixed form: keys in the order of their UTF-8 bytes, no spaces, only
    /// necessary escapes, whole numbers as written, others in the shortest text that gives the same
    /// `Double`.
    var canonicalText: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    private func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .number(let text, let isInteger):
            let isShort = isInteger && text != "-0"
            writer.raw((isShort ? text : isInteger ? "0" : "\(Double(text) ?? 0)").utf8)
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.beginArray()
            for element in elements { element.write(to: &writer) }
            writer.endArray()
        case .object(let members):
            writer.beginObject()
            for member in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
            {
                writer.key(member.key)
                member.value.write(to: &writer)
            }
            writer.endObject()
        }
    }
}
