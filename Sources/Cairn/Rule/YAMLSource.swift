/// The text of a YAML file, for what its trees do not tell: which characters were written as bytes.
final class YAMLSource {
    private let source: UnsafeBufferPointer<UInt8>
    /// Offsets of the lines, found when first needed.
    private lazy var lineStarts = Self.lineStarts(of: source)

    /// Reads from memory that must outlive this object.
    init(_ source: UnsafeBufferPointer<UInt8>) {
        self.source = source
    }

    /// The bytes that a scalar stands for: its UTF-8, but `"\x80"` ... `"\xff"` are the single
    /// bytes.
    func bytes(of node: YAMLNode) -> [UInt8]? {
        guard let scalar = node.scalar else { return nil }
        let utf8 = Array(scalar.text.utf8)
        guard scalar.style == .doubleQuoted, utf8.contains(where: { $0 == 0xc2 || $0 == 0xc3 }),
            let areBytes = byteEscapes(of: node.mark)
        else { return utf8 }
        var bytes: [UInt8] = []
        var index = 0
        for character in scalar.text.unicodeScalars {
            if (0x80...0xff).contains(character.value) {
                let isByte = index < areBytes.count && areBytes[index]
                index += 1
                if isByte {
                    bytes.append(UInt8(truncatingIfNeeded: character.value))
                    continue
                }
            }
            bytes += Array(String(character).utf8)
        }
        return bytes
    }

    /// For each character from U+0080 to U+00FF of a double-quoted scalar, whether it was written
    /// as `\x` and two digits (YAML 1.2 §5.7).
    private func byteEscapes(of mark: YAMLMark) -> [Bool]? {
        guard var offset = offset(of: mark) else { return nil }
        while offset < source.count, source[offset] != UInt8(ascii: "\"") { offset += 1 }
        offset += 1
        var areBytes: [Bool] = []
        while offset < source.count, source[offset] != UInt8(ascii: "\"") {
            let byte = source[offset]
            offset += 1
            if byte == 0xc2 || byte == 0xc3 { areBytes.append(false) }
            guard byte == UInt8(ascii: "\\"), offset < source.count else { continue }
            let kind = source[offset]
            offset += 1
            let digitCount: Int
            switch kind {
            case UInt8(ascii: "x"): digitCount = 2
            case UInt8(ascii: "u"): digitCount = 4
            case UInt8(ascii: "U"): digitCount = 8
            case UInt8(ascii: "N"), UInt8(ascii: "_"):
                areBytes.append(false)
                continue
            default: continue
            }
            guard source.count - offset >= digitCount else { return nil }
            let digits = source[offset..<offset + digitCount]
            let value = digits.reduce(UInt32(0)) { $0 << 4 | UInt32($1.hexDigitValue ?? 0) }
            if (0x80...0xff).contains(value) { areBytes.append(digitCount == 2) }
            offset += digitCount
        }
        return areBytes
    }

    private func offset(of mark: YAMLMark) -> Int? {
        let line = Int(mark.line) - 1
        guard lineStarts.indices.contains(line) else { return nil }
        var offset = lineStarts[line]
        for _ in 1..<max(1, mark.column) {
            guard offset < source.count else { return nil }
            offset += 1
            while offset < source.count, source[offset] & 0xc0 == 0x80 { offset += 1 }
        }
        return offset
    }

    /// Lines as libyaml counts them: besides CR and LF also NEL, LS and PS end one (YAML 1.1
    /// §4.1.4).
    private static func lineStarts(of source: UnsafeBufferPointer<UInt8>) -> [Int] {
        var starts = [0]
        var offset = 0
        while offset < source.count {
            let byte = source[offset]
            let next = offset + 1 < source.count ? source[offset + 1] : 0
            let afterNext = offset + 2 < source.count ? source[offset + 2] : 0
            switch (byte, next, afterNext) {
            case (0x0d, 0x0a, _), (0xc2, 0x85, _): offset += 2
            case (0x0a, _, _), (0x0d, _, _): offset += 1
            case (0xe2, 0x80, 0xa8), (0xe2, 0x80, 0xa9): offset += 3
            default:
                offset += 1
                continue
            }
            starts.append(offset)
        }
        return starts
    }
}
