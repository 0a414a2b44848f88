/// Text of a Sigma rule, cut into literal bytes, wildcards and placeholders (Sigma rules
/// specification, "Escaping").
///
/// `*` and `?` are wildcards. A backslash before `*`, `?` or another backslash makes that character
/// literal; before anything else, and at the end, it is itself literal.
struct SigmaString: Equatable, Sendable {
    enum Part: Equatable, Sendable {
        case literal([UInt8])
        case anyOne
        case anyMany
        /// `%name%`, made by the modifier `expand`.
        case placeholder(String)
    }

    private(set) var parts: [Part]
    var isCased = false

    /// Parses text as written in a rule.
    init(_ text: String) {
        parts = []
        var literal: [UInt8] = []
        var isEscaped = false
        func isSpecial(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
        }
        for byte in text.utf8 {
            if isEscaped {
                if !isSpecial(byte), byte != UInt8(ascii: "\\") {
                    literal.append(UInt8(ascii: "\\"))
                }
                literal.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if isSpecial(byte) {
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal.removeAll()
                parts.append(byte == UInt8(ascii: "*") ? .anyMany : .anyOne)
            } else {
                literal.append(byte)
            }
        }
        if isEscaped { literal.append(UInt8(ascii: "\\")) }
        if !literal.isEmpty { parts.append(.literal(literal)) }
    }

    /// Literal bytes without wildcards.
    init(literal bytes: [UInt8], isCased: Bool = false) {
        parts = bytes.isEmpty ? [] : [.literal(bytes)]
        self.isCased = isCased
    }

    init(parts: [Part], isCased: Bool) {
        self.parts = []
        self.isCased = isCased
        for part in parts { append(part) }
    }

    /// Appends a part; literals next to each other become one, as do wildcards for any text.
    private mutating func append(_ part: Part) {
        switch (parts.last, part) {
        case (.literal(let head), .literal(let tail)):
            parts[parts.count - 1] = .literal(head + tail)
        case (.anyMany, .anyMany), (_, .literal([])): break
        default: parts.append(part)
        }
    }

    /// The literal bytes; nil if there are wildcards or placeholders.
    var literal: [UInt8]? {
        switch parts.count {
        case 0: return []
        case 1: if case .literal(let bytes) = parts[0] { return bytes } else { return nil }
        default: return nil
        }
    }

    /// With wildcards where they are missing: `contains` is both, `startswith` one at the end.
    func open(atStart: Bool, atEnd: Bool) -> SigmaString {
        var parts = parts
        if atStart, parts.first != .anyMany { parts.insert(.anyMany, at: 0) }
        if atEnd, parts.last != .anyMany { parts.append(.anyMany) }
        return SigmaString(parts: parts, isCased: isCased)
    }

    /// With every literal replaced.
    func mapLiterals(_ transform: ([UInt8]) -> [UInt8]) -> SigmaString {
        SigmaString(
            parts: parts.map { part in
                if case .literal(let bytes) = part { .literal(transform(bytes)) } else { part }
            }, isCased: isCased)
    }

    /// The pattern to match; placeholders must be gone.
    var pattern: TextPattern {
        var pattern = TextPattern(parts: [], isCased: isCased)
        for part in parts {
            switch part {
            case .literal(let bytes): pattern.parts.append(.literal(bytes))
            case .anyOne: pattern.parts.append(.anyOne)
            case .anyMany:
                if pattern.parts.last != .anyMany { pattern.parts.append(.anyMany) }
            case .placeholder: break
            }
        }
        return pattern
    }
}

// MARK: Placeholders

extension SigmaString {
    /// With `%name%` in literals turned into placeholders.
    func insertingPlaceholders() -> SigmaString {
        var result: [Part] = []
        for part in parts {
            guard case .literal(let bytes) = part else {
                result.append(part)
                continue
            }
            var start = 0
            var index = 0
            while index < bytes.count {
                guard bytes[index] == UInt8(ascii: "%"),
                    let end = bytes[(index + 1)...].firstIndex(of: UInt8(ascii: "%")),
                    end > index + 1, !bytes[index + 1..<end].contains(UInt8(ascii: "\\"))
                else {
                    index += 1
                    continue
                }
                result.append(.literal(Array(bytes[start..<index])))
                result.append(
                    .placeholder(String(decoding: bytes[index + 1..<end], as: UTF8.self)))
                index = end + 1
                start = index
            }
            result.append(.literal(Array(bytes[start...])))
        }
        return SigmaString(parts: result, isCased: isCased)
    }

    /// Every string that results from putting one of its values in the place of each placeholder.
    func replacingPlaceholders(_ values: (String) -> [SigmaString]) -> [SigmaString] {
        var results: [[Part]] = [[]]
        for part in parts {
            if case .placeholder(let name) = part {
                let values = values(name)
                results = results.flatMap { head in values.map { head + $0.parts } }
            } else {
                for index in results.indices { results[index].append(part) }
            }
        }
        return results.map { SigmaString(parts: $0, isCased: isCased) }
    }
}

// MARK: Encodings

extension SigmaString {
    /// UTF-16 of the literals.
    func utf16(isBigEndian: Bool) -> SigmaString {
        mapLiterals { bytes in
            String(decoding: bytes, as: UTF8.self).utf16.flatMap { unit in
                let high = UInt8(truncatingIfNeeded: unit >> 8)
                let low = UInt8(truncatingIfNeeded: unit)
                return isBigEndian ? [high, low] : [low, high]
            }
        }
    }

    /// With the byte order mark of little-endian UTF-16 before everything.
    func withByteOrderMark() -> SigmaString {
        SigmaString(parts: [.literal([0xff, 0xfe])] + parts, isCased: isCased)
    }

    /// Every way in which `-` and `/` that begin a word can be written (`windash`); nil if there
    /// are more than three.
    func windashVariants() -> [SigmaString]? {
        let dashes: [[UInt8]] = ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"].map {
            Array($0.utf8)
        }
        var dashCount = 0
        var marked: [Part] = []
        for part in parts {
            guard case .literal(let bytes) = part else {
                marked.append(part)
                continue
            }
            var start = 0
            for index in bytes.indices where Self.isWordDash(bytes, at: index) {
                marked.append(.literal(Array(bytes[start..<index])))
                marked.append(.placeholder("-"))
                dashCount += 1
                start = index + 1
            }
            marked.append(.literal(Array(bytes[start...])))
        }
        guard dashCount <= 3 else { return nil }
        return SigmaString(parts: marked, isCased: isCased).replacingPlaceholders { _ in
            dashes.map { SigmaString(literal: $0) }
        }
    }

    /// `-` or `/` with no word character before and one behind it. Bytes of non-ASCII characters
    /// count as letters.
    private static func isWordDash(_ bytes: [UInt8], at index: Int) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), 0x80...:
                true
            default: false
            }
        }
        guard bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "/") else {
            return false
        }
        return (index == 0 || !isWord(bytes[index - 1]))
            && index + 1 < bytes.count && isWord(bytes[index + 1])
    }
}

/// Base64 (RFC 4648 §4) for values of rules.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                text.append(
                    index <= group.count
                        ? alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
            }
        }
        return text
    }

    /// The three texts of which one occurs in the base64 text of anything that holds `bytes`, by
    /// the offset of the bytes modulo 3. Characters that depend on neighbours are left out.
    static func encodeAtEveryOffset(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<3).map { offset in
            let text = encode([UInt8](repeating: 0x20, count: offset) + bytes)
            let start = [0, 2, 3][offset]
            let end = text.count - [0, 3, 2][(bytes.count + offset) % 3]
            return Array(text[min(start, end)..<end])
        }
    }

    /// The bytes of base64 text, white space ignored; nil if it is none.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        var isPadded = false
        for byte in text where ![0x20, 0x09, 0x0a, 0x0d].contains(byte) {
            if byte == UInt8(ascii: "=") {
                isPadded = true
                continue
            }
            guard !isPadded, let value = alphabet.firstIndex(of: byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bitCount == 6 ? nil : bytes
    }
}
