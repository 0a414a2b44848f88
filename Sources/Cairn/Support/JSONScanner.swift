import CIntrinsics

/// Walks over JSON text (RFC 8259) without building anything: what is wanted is taken by its place,
/// the rest is skipped.
///
/// Text may be cut or broken anywhere: every step says whether it found what it looked for, and
/// none reads past the end. The buffer must stay valid while the scanner is used.
struct JSONScanner {
    /// How deeply arrays and objects may nest.
    static let nestingMax = 512

    /// What a value begins as.
    enum Kind: UInt8 {
        case object, array, string, number, `true`, `false`, null
    }

    /// A string's place between its quotes.
    struct Text {
        var start: Int
        var end: Int
        /// Whether the bytes stand for themselves: no escapes, ASCII only.
        var isPlain: Bool
    }

    /// A number's place.
    struct Number {
        var start: Int
        var end: Int
        /// Whether it has neither a fraction nor an exponent.
        var isInteger: Bool
    }

    private let base: UnsafeRawBufferPointer
    private let count: Int
    /// From here up to `count` there are sixteen bytes to be read.
    private let wideEnd: Int
    private(set) var offset: Int

    /// Starts at a byte offset of a buffer.
    ///
    /// - Parameter slackByteCount: bytes behind the text that may be read, whatever they are: with
    ///   sixteen of them its end is looked at as fast as the rest.
    init(_ text: UnsafeRawBufferPointer, at offset: Int = 0, slackByteCount: Int = 0) {
        base = text
        count = text.count
        wideEnd = text.count &+ slackByteCount &- Self.wideByteCount
        self.offset = offset
    }

    private static let wideByteCount = 16

    /// All of the text.
    var text: UnsafeRawBufferPointer { base }

    /// The bytes of a range that this scanner returned.
    @inline(__always) func bytes(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: base[start..<end])
    }

    /// All that is left.
    @inline(__always) var rest: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: base[offset..<count])
    }

    /// The next sixteen bytes, some of them perhaps behind the text; nil near its end.
    @inline(__always) var sixteenBytes: SIMD2<UInt64>? {
        widePlace?.loadUnaligned(as: SIMD2<UInt64>.self)
    }

    /// Moves over bytes; false if there are not so many.
    @inline(__always) mutating func skip(_ byteCount: Int) -> Bool {
        guard byteCount <= count &- offset else { return false }
        offset &+= byteCount
        return true
    }

    @inline(__always) mutating func skipSpace() {
        while offset < count {
            switch base[offset] {
            case 0x20, 0x09, 0x0a, 0x0d: offset &+= 1
            default: return
            }
        }
    }

    /// Whether nothing but white space is left.
    mutating func isAtEnd() -> Bool {
        skipSpace()
        return offset == count
    }

    /// Takes one byte of punctuation after white space, if it is next.
    @inline(__always) mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard offset < count, base[offset] == byte else { return false }
        offset &+= 1
        return true
    }

    /// What the next value begins as; nil if no value begins here.
    @inline(__always) mutating func kind() -> Kind? {
        skipSpace()
        guard offset < count else { return nil }
        switch base[offset] {
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "t"): return .true
        case UInt8(ascii: "f"): return .false
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), 0x30...0x39: return .number
        default: return nil
        }
    }

    // MARK: Scalars

    /// Takes a string, which `kind` announced.
    @inline(__always) mutating func string() -> Text? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = offset
        var isPlain = true
        while true {
            skipOrdinary()
            guard offset < count else { return nil }
            let byte = base[offset]
            if byte == UInt8(ascii: "\"") {
                offset &+= 1
                return Text(start: start, end: offset &- 1, isPlain: isPlain)
            }
            isPlain = false
            if byte >= 0x80 {
                offset &+= 1
            } else if byte == UInt8(ascii: "\\") {
                offset &+= 2
            } else {
                return nil
            }
        }
    }

    /// A string or a whole number as most are, at its place.
    enum ShortScalar {
        case string(Text)
        case number(Number)
    }

    /// Takes a string of less than sixteen bytes that stand for themselves, or a whole number of less
    /// than sixteen digits, if that is what comes at once; else moves nowhere.
    @inline(__always) mutating func shortScalar() -> ShortScalar? {
        guard offset < wideEnd, offset < count, let place = widePlace else { return nil }
        if base[offset] == UInt8(ascii: "\"") {
            let end = offset &+ 1 &+ Int(cairn_count_plain(place + 1))
            guard end < count, base[end] == UInt8(ascii: "\"") else { return nil }
            defer { offset = end &+ 1 }
            return .string(Text(start: offset &+ 1, end: end, isPlain: true))
        }
        let end = offset &+ Int(cairn_count_digits(place))
        guard end > offset, end < count, base[offset] != 0x30, endsValue(base[end]) else {
            return nil
        }
        defer { offset = end }
        return .number(Number(start: offset, end: end, isInteger: true))
    }

    @inline(__always) private func endsValue(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
    }

    /// Moves over ASCII that needs no attention.
    @inline(__always) private mutating func skipOrdinary() {
        while let place = widePlace {
            let plainCount = Int(cairn_count_plain(place))
            offset &+= plainCount
            if plainCount < Self.wideByteCount { return }
        }
        while offset < count {
            let byte = base[offset]
            guard byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5c else { return }
            offset &+= 1
        }
    }

    /// Where sixteen bytes lie that may be looked at together; nil near the end.
    @inline(__always) private var widePlace: UnsafeRawPointer? {
        guard offset <= wideEnd, let start = base.baseAddress else { return nil }
        return start + offset
    }

    /// Takes a number, which `kind` announced.
    @inline(__always) mutating func number() -> Number? {
        let start = offset
        if offset < count, base[offset] == UInt8(ascii: "-") { offset &+= 1 }
        let isZero = offset < count && base[offset] == 0x30
        let digitCount = skipDigits()
        guard digitCount > 0, !isZero || digitCount == 1 else { return nil }
        var isInteger = true
        if offset < count, base[offset] == UInt8(ascii: ".") {
            isInteger = false
            offset &+= 1
            guard skipDigits() > 0 else { return nil }
        }
        if offset < count, base[offset] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset &+= 1
            if offset < count, base[offset] == 0x2b || base[offset] == 0x2d { offset &+= 1 }
            guard skipDigits() > 0 else { return nil }
        }
        return Number(start: start, end: offset, isInteger: isInteger)
    }

    @inline(__always) private mutating func skipDigits() -> Int {
        let start = offset
        if let place = widePlace {
            let digitCount = min(Int(cairn_count_digits(place)), count &- offset)
            offset &+= digitCount
            if digitCount < Self.wideByteCount { return digitCount }
        }
        while offset < count, base[offset] &- 0x30 < 10 { offset &+= 1 }
        return offset &- start
    }

    /// Takes one of the words `true`, `false`, `null`.
    mutating func word(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count &- offset >= length else { return false }
        for index in 0..<length where base[offset &+ index] != text.utf8Start[index] {
            return false
        }
        offset &+= length
        return true
    }

    // MARK: Skipping

    /// Moves over a value, which `kind` announced; false if it is broken, cut, or nested too deeply.
    @inline(__always) mutating func skip(_ kind: Kind) -> Bool {
        guard kind == .object || kind == .array else { return skipScalar(kind) }
        guard let behind = skippingNested() else { return false }
        self = behind
        return true
    }

    /// The scanner behind an array or object; nil if that is broken. A value, so that the scanner at
    /// work stays in registers.
    private func skippingNested() -> JSONScanner? {
        var scanner = self
        // Whether each enclosing level is an object, as bits would cost more to read than they
        // save.
        var depth = 0
        var isObject: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
            (0, 0, 0, 0, 0, 0, 0, 0)
        let isWhole = withUnsafeMutableBytes(of: &isObject) { levels in
            while true {
                guard let kind = scanner.kind() else { return false }
                switch kind {
                case .object, .array:
                    guard depth < Self.nestingMax else { return false }
                    scanner.offset &+= 1
                    let closing = kind == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")
                    if scanner.take(closing) { break }
                    let bit = UInt8(1) << UInt8(depth & 7)
                    if kind == .object {
                        levels[depth >> 3] |= bit
                        guard scanner.skipKey() else { return false }
                    } else {
                        levels[depth >> 3] &= ~bit
                    }
                    depth &+= 1
                    continue
                default:
                    guard scanner.skipScalar(kind) else { return false }
                }
                // A value has ended: close what ends with it, or go on to the next one of its
                // level.
                while true {
                    if depth == 0 { return true }
                    let inObject = levels[(depth &- 1) >> 3] >> UInt8((depth &- 1) & 7) & 1 == 1
                    if scanner.take(UInt8(ascii: ",")) {
                        if inObject, !scanner.skipKey() { return false }
                        break
                    }
                    guard scanner.take(inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                        return false
                    }
                    depth &-= 1
                }
            }
        }
        return isWhole ? scanner : nil
    }

    private mutating func skipKey() -> Bool { string() != nil && take(UInt8(ascii: ":")) }

    @inline(__always) private mutating func skipScalar(_ kind: Kind) -> Bool {
        switch kind {
        case .string: string() != nil
        case .number: number() != nil
        case .true: word("true")
        case .false: word("false")
        case .null: word("null")
        case .object, .array: false
        }
    }

    // MARK: Escapes

    /// Appends what a string stands for as well-formed UTF-8: escapes resolved (RFC 8259 §7),
    /// U+FFFD in place of broken escapes, lone surrogates and bytes that are not UTF-8.
    func appendUnescaped(_ text: Text, to output: inout [UInt8]) {
        let raw = bytes(text.start, text.end)
        if text.isPlain {
            output.append(contentsOf: raw)
            return
        }
        var index = 0
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "\\") else {
                let length = raw[index] < 0x80 ? 1 : utf8SequenceLength(raw, at: index)
                output.append(
                    contentsOf: length > 0 ? Array(raw[index..<index &+ length]) : replacement)
                index &+= max(1, length)
                continue
            }
            index = appendEscape(raw, at: index &+ 1, to: &output)
        }
    }

    /// Resolves the escape whose letter is at `index`; returns where the text goes on.
    private func appendEscape(
        _ raw: UnsafeRawBufferPointer, at index: Int, to output: inout [UInt8]
    ) -> Int {
        guard index < raw.count else {
            output.append(contentsOf: replacement)
            return index
        }
        switch raw[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(raw[index])
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0c)
        case UInt8(ascii: "n"): output.append(0x0a)
        case UInt8(ascii: "r"): output.append(0x0d)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "u"):
            guard let first = hexUnit(raw, at: index &+ 1) else { break }
            if first >> 10 == 0x36, index &+ 6 < raw.count, raw[index &+ 5] == UInt8(ascii: "\\"),
                raw[index &+ 6] == UInt8(ascii: "u"), let second = hexUnit(raw, at: index &+ 7),
                second >> 10 == 0x37
            {
                appendScalar(0x10000 &+ (first & 0x3ff) << 10 &+ (second & 0x3ff), to: &output)
                return index &+ 11
            }
            appendScalar(first, to: &output)
            return index &+ 5
        default: break
        }
        if !"\"\\/bfnrt".utf8.contains(raw[index]) { output.append(contentsOf: replacement) }
        return index &+ 1
    }

    private func hexUnit(_ raw: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
        guard index &+ 4 <= raw.count else { return nil }
        var unit: UInt32 = 0
        for digit in raw[index..<index &+ 4] {
            guard let value = digit.hexDigitValue else { return nil }
            unit = unit << 4 | UInt32(value)
        }
        return unit
    }

    private func appendScalar(_ value: UInt32, to output: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(value) else {
            return output.append(contentsOf: replacement)
        }
        output.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? replacement)
    }
}

/// U+FFFD, in place of what is no text.
private let replacement: [UInt8] = [0xef, 0xbf, 0xbd]
