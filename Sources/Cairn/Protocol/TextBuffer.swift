/// Text under construction, in memory that is used again: what parsers write values into that are
/// not found as they are on the wire (names with compression, addresses, numbers), without a
/// `String` each.
///
/// Its capacity is fixed; what does not fit is cut off.
final class TextBuffer {
    private let start: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    /// Bytes of text so far. Changed by this class alone, so that accesses need no checks at run
    /// time.
    @exclusivity(unchecked) private(set) var count = 0

    /// Room for the text form of the largest value: a DNS record of 65,535 bytes in hexadecimal,
    /// with space to spare.
    init(capacity: Int = 136 * 1024) {
        self.capacity = capacity
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    /// The text so far, valid until the next change.
    @inline(__always) var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: count)
    }

    /// The text from an offset on, valid until the next change.
    @inline(__always) func bytes(from offset: Int) -> UnsafeRawBufferPointer {
        let offset = min(max(0, offset), count)
        return UnsafeRawBufferPointer(start: start + offset, count: count &- offset)
    }

    @inline(__always) func removeAll() { count = 0 }

    /// Cuts the text to its first bytes.
    func truncate(to byteCount: Int) { count = min(count, max(0, byteCount)) }

    // MARK: Bytes

    @inline(__always) func append(_ byte: UInt8) {
        guard count < capacity else { return }
        start[count] = byte
        count &+= 1
    }

    func append(_ source: UnsafeRawBufferPointer) {
        let fitting = min(source.count, capacity &- count)
        guard fitting > 0, let first = source.baseAddress else { return }
        UnsafeMutableRawPointer(start + count).copyMemory(from: first, byteCount: fitting)
        count &+= fitting
    }

    func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func append(_ text: String) {
        text.withUTF8Bytes { append($0) }
    }

    /// Appends the bytes of a range, which must lie within the span.
    func append(_ span: RawSpan, _ range: Range<Int>) {
        span.extracting(range).withUnsafeBytes { append($0) }
    }

    /// Makes ASCII capitals small.
    func lowercase() { lowercase(0..<count) }

    /// Makes ASCII capitals of a range small.
    func lowercase(_ range: Range<Int>) {
        var index = max(0, range.lowerBound)
        let end = min(count, range.upperBound)
        while index < end {
            start[index] = start[index].asciiLowercased
            index &+= 1
        }
    }

    // MARK: Numbers

    func appendDecimal(_ number: some BinaryInteger) {
        if number < 0 { append(UInt8(ascii: "-")) }
        appendDecimal(magnitude: UInt64(truncatingIfNeeded: number.magnitude), digitCountMin: 1)
    }

    /// Appends a number with leading zeros up to a digit count.
    func appendDecimal(magnitude: UInt64, digitCountMin: Int) {
        var digitCount = 1
        var rest = magnitude / 10
        while rest > 0 || digitCount < digitCountMin {
            rest /= 10
            digitCount &+= 1
        }
        guard digitCount <= capacity &- count else { return }
        rest = magnitude
        count &+= digitCount
        for place in 1...digitCount {
            start[count &- place] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Appends two lower-case hexadecimal digits.
    @inline(__always) func appendHex(_ byte: UInt8) {
        append(hexDigits.utf8Start[Int(byte >> 4)])
        append(hexDigits.utf8Start[Int(byte & 15)])
    }

    /// Appends four lower-case hexadecimal digits.
    @inline(__always) func appendHex(_ number: UInt16) {
        appendHex(UInt8(truncatingIfNeeded: number >> 8))
        appendHex(UInt8(truncatingIfNeeded: number))
    }

    /// Appends bytes in lower-case hexadecimal; the range must lie within the span.
    func appendHex(_ span: RawSpan, _ range: Range<Int>) {
        var index = range.lowerBound
        while index < range.upperBound {
            appendHex(span.byte(at: index))
            index &+= 1
        }
    }

    /// Appends bytes in base64 (RFC 4648 §4); the range must lie within the span.
    func appendBase64(_ span: RawSpan, _ range: Range<Int>) {
        let alphabet: StaticString =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        var index = range.lowerBound
        while index < range.upperBound {
            let available = min(3, range.upperBound &- index)
            var group: UInt32 = 0
            for place in 0..<3 {
                let byte = place < available ? span.byte(at: index &+ place) : 0
                group = group << 8 | UInt32(byte)
            }
            for place in 0..<4 {
                let digit = group >> (18 &- 6 &* UInt32(place)) & 63
                append(place <= available ? alphabet.utf8Start[Int(digit)] : UInt8(ascii: "="))
            }
            index &+= 3
        }
    }

    // MARK: Addresses

    /// Appends dotted decimal, or the canonical IPv6 text of RFC 5952.
    func append(_ address: IPAddress) {
        guard !address.isV4 else { return appendIPv4(address.v4) }
        appendIPv6(high: address.high, low: address.low)
    }

    func appendIPv4(_ address: UInt32) {
        for shift in stride(from: 24, through: 0, by: -8) {
            appendDecimal(UInt8(truncatingIfNeeded: address >> UInt32(shift)))
            if shift > 0 { append(UInt8(ascii: ".")) }
        }
    }

    /// Appends an IPv6 address; unlike `append(_:)` one that maps an IPv4 address too.
    func appendIPv6(high: UInt64, low: UInt64) {
        func group(_ index: Int) -> UInt16 {
            UInt16(
                truncatingIfNeeded: (index < 4 ? high : low) >> (48 &- 16 &* UInt64(index & 3)))
        }
        // RFC 5952 §4.2: the longest run of at least two zero groups becomes "::", the first of
        // equals.
        var best = 0..<0
        var runStart = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index &- runStart > max(best.count, 1) { best = runStart..<index }
            runStart = index &+ 1
        }
        var index = 0
        while index < 8 {
            if !best.isEmpty, index == best.lowerBound {
                append("::")
                index = best.upperBound
                continue
            }
            if index > 0, index != best.upperBound || best.isEmpty { append(UInt8(ascii: ":")) }
            appendHexWithoutLeadingZeros(group(index))
            index &+= 1
        }
    }

    private func appendHexWithoutLeadingZeros(_ number: UInt16) {
        var shift = 12
        while shift > 0, number >> UInt16(shift) == 0 { shift &-= 4 }
        while shift >= 0 {
            append(hexDigits.utf8Start[Int(number >> UInt16(shift) & 15)])
            shift &-= 4
        }
    }
}
