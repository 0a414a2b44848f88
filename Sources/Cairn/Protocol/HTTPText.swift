import CIntrinsics

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Bytes that grow at the end and whose memory is used again: unfinished lines, text under
/// construction.
///
/// How much is kept is bounded by whoever fills it.
final class HTTPBuffer {
    private var start: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 0) {
        self.capacity = capacity
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    var isEmpty: Bool { count == 0 }

    /// The bytes, valid until the buffer is changed.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// The bytes, to be changed in place; valid until the buffer is changed otherwise.
    var mutableBytes: UnsafeMutableBufferPointer<UInt8> {
        UnsafeMutableBufferPointer(start: start, count: count)
    }

    func append(_ source: UnsafeRawBufferPointer) {
        guard let first = source.baseAddress, source.count > 0 else { return }
        reserve(source.count)
        UnsafeMutableRawPointer(start + count).copyMemory(from: first, byteCount: source.count)
        count &+= source.count
    }

    func append(_ span: RawSpan) {
        span.withUnsafeBytes { append($0) }
    }

    func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ byte: UInt8) {
        reserve(1)
        start[count] = byte
        count &+= 1
    }

    /// Forgets what lies behind the first `newCount` bytes.
    func truncate(to newCount: Int) { count = min(count, max(0, newCount)) }

    /// Forgets the first bytes.
    func removeFirst(_ removed: Int) {
        let removed = min(count, max(0, removed))
        start.update(from: start + removed, count: count &- removed)
        count &-= removed
    }

    /// Forgets everything; memory beyond what messages usually need is given back.
    func removeAll() {
        count = 0
        guard capacity > 1 << 16 else { return }
        start.deallocate()
        capacity = 0
        start = .allocate(capacity: 0)
    }

    private func reserve(_ added: Int) {
        guard count &+ added > capacity else { return }
        capacity = max(256, capacity &* 2, count &+ added)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }
}

/// Bytes of messages that mean something.
enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")
    static let percent = UInt8(ascii: "%")
    static let comma = UInt8(ascii: ",")
    static let semicolon = UInt8(ascii: ";")
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
}

extension UInt8 {
    /// Space or tab (RFC 9110 §5.6.3).
    @inline(__always) var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// What servers take for white space in a start line: also line ends, vertical tab and form
    /// feed.
    @inline(__always) var isWhitespace: Bool { self == 0x20 || self &- 0x09 < 5 }

    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }

    /// A character of names and methods (RFC 9110 §5.6.2).
    @inline(__always) var isToken: Bool {
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        guard self < 128 else { return false }
        return (self < 64 ? low : high) >> UInt64(self & 63) & 1 == 1
    }
}

extension RawSpan {
    /// Where a byte is first found in a range; nil if nowhere.
    @inline(__always) func index(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        guard start >= 0, start < end, end <= byteCount else { return nil }
        return withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress,
                let hit = memchr(base + start, Int32(byte), end &- start)
            else { return nil }
            return base.distance(to: UnsafeRawPointer(hit))
        }
    }

    /// Whether some byte of a range is white space other than a space.
    func hasOddSpace(in range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if index &+ 16 <= byteCount {
                let count = withUnsafeBytes { bytes in
                    bytes.baseAddress.map { Int(cairn_count_before_odd_space($0 + index)) } ?? 0
                }
                if count < 16 { return index &+ count < range.upperBound }
                index &+= 16
            } else {
                let byte = byte(at: index)
                if byte != ASCII.space, byte.isWhitespace { return true }
                index &+= 1
            }
        }
        return false
    }

    @inline(__always) func index(of byte: UInt8, from start: Int = 0) -> Int? {
        index(of: byte, from: start, to: byteCount)
    }

    /// Whether the bytes of a range are ASCII text, which is given in small letters, in any case.
    @inline(__always) func matches(_ text: StaticString, at offset: Int, count: Int) -> Bool {
        guard count == text.utf8CodeUnitCount, offset >= 0, count <= byteCount &- offset
        else { return false }
        for index in 0..<count
        where byte(at: offset &+ index).asciiLowercased != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// Whether the whole is ASCII text, which is given in small letters, in any case.
    func matches(_ text: StaticString) -> Bool { matches(text, at: 0, count: byteCount) }

    /// Whether it begins with ASCII text, which is given in small letters, in any case.
    func hasPrefix(_ text: StaticString, at offset: Int = 0) -> Bool {
        let count = text.utf8CodeUnitCount
        return byteCount &- offset >= count && matches(text, at: offset, count: count)
    }

    /// A range without spaces and tabs at its ends.
    @inline(__always) func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, byte(at: start).isBlank { start &+= 1 }
        while end > start, byte(at: end &- 1).isBlank { end &-= 1 }
        return start..<end
    }

    /// Where the first white space of a range is, or its end.
    func endOfWord(from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, !byte(at: index).isWhitespace { index &+= 1 }
        return index
    }

    /// Where the first byte of a range is that is not white space, or its end.
    func endOfWhitespace(from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, byte(at: index).isWhitespace { index &+= 1 }
        return index
    }

    /// A decimal number, alone in a range but for blanks; nil if it is none or too large for 63
    /// bits.
    func decimal(in range: Range<Int>) -> UInt64? {
        var digits = trimmed(range)
        guard !digits.isEmpty else { return nil }
        while digits.count > 1, byte(at: digits.lowerBound) == 0x30 {
            digits = digits.lowerBound &+ 1..<digits.upperBound
        }
        guard digits.count <= 19 else { return nil }
        var value: UInt64 = 0
        for index in digits {
            let digit = byte(at: index)
            guard digit.isDigit else { return nil }
            value = value &* 10 &+ UInt64(digit &- 0x30)
        }
        return value >> 63 == 0 ? value : nil
    }
}
