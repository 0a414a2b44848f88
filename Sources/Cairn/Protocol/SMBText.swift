extension TextBuffer {
    /// Appends UTF-16LE as UTF-8, up to a number of bytes; what is no character becomes the
    /// replacement character. The range must lie within the span.
    func appendUTF16(_ span: RawSpan, _ range: Range<Int>, byteCountMax: Int) {
        let limit = count &+ byteCountMax
        var index = range.lowerBound
        while index &+ 2 <= range.upperBound, count &+ 4 <= limit {
            var scalar = UInt32(span.littleEndian(UInt16.self, at: index))
            index &+= 2
            if scalar & 0xf800 == 0xd800 {
                let isPair =
                    scalar < 0xdc00 && index &+ 2 <= range.upperBound
                    && span.byte(at: index &+ 1) & 0xfc == 0xdc
                if isPair {
                    let low = UInt32(span.littleEndian(UInt16.self, at: index))
                    index &+= 2
                    scalar = 0x10000 &+ (scalar & 0x3ff) << 10 &+ (low & 0x3ff)
                } else {
                    scalar = 0xfffd
                }
            }
            appendUTF8(scalar)
        }
    }

    /// Appends a character by its number, up to 0x10ffff.
    private func appendUTF8(_ scalar: UInt32) {
        func continuation(_ shift: UInt32) -> UInt8 {
            0x80 | UInt8(truncatingIfNeeded: scalar >> shift & 0x3f)
        }
        if scalar < 0x80 {
            append(UInt8(truncatingIfNeeded: scalar))
        } else if scalar < 0x800 {
            append(0xc0 | UInt8(truncatingIfNeeded: scalar >> 6))
            append(continuation(0))
        } else if scalar < 0x10000 {
            append(0xe0 | UInt8(truncatingIfNeeded: scalar >> 12))
            append(continuation(6))
            append(continuation(0))
        } else {
            append(0xf0 | UInt8(truncatingIfNeeded: scalar >> 18))
            append(continuation(12))
            append(continuation(6))
            append(continuation(0))
        }
    }

    /// Makes the text that of a name in a message: UTF-16LE or bytes as they are, without zeros at
    /// its end.
    func setName(_ span: RawSpan, _ range: Range<Int>, isUnicode: Bool, byteCountMax: Int) {
        removeAll()
        if isUnicode {
            appendUTF16(span, range, byteCountMax: byteCountMax)
        } else {
            append(span, range.lowerBound..<min(range.upperBound, range.lowerBound &+ byteCountMax))
        }
        var end = count
        while end > 0, bytes[end &- 1] == 0 { end &-= 1 }
        truncate(to: end)
    }
}

extension RawSpan {
    /// The place of bytes that a message announces by offset and count; nil if they are not all
    /// there.
    func place(_ offset: Int, _ count: Int) -> Range<Int>? {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount &- offset else {
            return nil
        }
        return offset..<offset &+ count
    }

    /// The bytes of a text that ends with a zero (two for UTF-16LE), from an offset on and without
    /// it; up to the end if there is none. Then the offset is behind the zero.
    func text(at offset: inout Int, isUnicode: Bool, end: Int) -> Range<Int> {
        let end = min(end, byteCount)
        let start = min(max(0, offset), end)
        var index = start
        if isUnicode {
            while index &+ 2 <= end, littleEndian(UInt16.self, at: index) != 0 { index &+= 2 }
            if index &+ 2 > end {
                offset = end
                return start..<end
            }
        } else {
            while index < end, byte(at: index) != 0 { index &+= 1 }
        }
        offset = min(end, index &+ (isUnicode ? 2 : 1))
        return start..<index
    }
}
