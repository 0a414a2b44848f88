/// The values of a group as one run of bytes: each text with a zero byte behind it, zero bytes
/// within a text followed by 0xff, which no text contains as all are UTF-8. So keys compare as
/// their values do, first by the first value, each by UTF-8 bytes.
enum GroupKey {
    /// Appends one value.
    @inline(__always)
    static func append(_ text: UnsafeRawBufferPointer, to key: inout PlainList<UInt8>) {
        key.append(contentsOf: text)
        if hasZero(text) {
            key.truncate(to: key.count &- text.count)
            for byte in text {
                key.append(byte)
                if byte == 0 { key.append(0xff) }
            }
        }
        key.append(0)
    }

    @inline(__always) private static func hasZero(_ text: UnsafeRawBufferPointer) -> Bool {
        // Eight bytes at a time: taking one from each byte turns over the highest bit of a zero.
        var index = 0
        while index &+ 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { return true }
            index &+= 8
        }
        while index < text.count {
            if text[index] == 0 { return true }
            index &+= 1
        }
        return false
    }

    /// The values of a key.
    static func values(_ key: some Sequence<UInt8>) -> [[UInt8]] {
        var values: [[UInt8]] = []
        var value: [UInt8] = []
        forEachByte(of: key) { byte in
            if let byte { return value.append(byte) }
            values.append(value)
            value = []
        }
        return values
    }

    /// Calls `body` with each byte of the values of a key, and with nil behind each value.
    @inline(__always)
    static func forEachByte(of key: some Sequence<UInt8>, _ body: (UInt8?) -> Void) {
        var isZeroPending = false
        for byte in key {
            if isZeroPending {
                isZeroPending = false
                body(byte == 0xff ? 0 : nil)
                if byte == 0xff { continue }
            }
            if byte == 0 { isZeroPending = true } else { body(byte) }
        }
        if isZeroPending { body(nil) }
    }

    /// Whether one key comes before, with or after another: below, at or above zero.
    @inline(__always)
    static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        var index = 0
        while index < count {
            if a[index] != b[index] { return a[index] < b[index] ? -1 : 1 }
            index &+= 1
        }
        return a.count - b.count
    }

    /// Whether two runs of bytes are the same.
    @inline(__always)
    static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        var index = 0
        while index &+ 8 < a.count {
            if a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                != b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            {
                return false
            }
            index &+= 8
        }
        // Of so few the end says all.
        return end(of: a) == end(of: b)
    }

    /// A hash of bytes, eight at a time: multiplied to 128 bits, both halves folded together.
    @inline(__always) static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9e37_79b9_7f4a_7c15
        var index = 0
        while index &+ 8 < bytes.count {
            hash = mix(hash, bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        return mix(mix(hash, end(of: bytes)), 0x2d35_8dcc_aa6c_78a5)
    }

    /// The last eight bytes, or all if they are fewer: loads that overlap take the place of a loop.
    @inline(__always) private static func end(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        let count = bytes.count
        if count >= 8 {
            return bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        }
        if count >= 4 {
            let first = bytes.loadUnaligned(as: UInt32.self)
            let last = bytes.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return UInt64(first) << 32 | UInt64(last)
        }
        guard count > 0 else { return 0 }
        return UInt64(bytes[0]) << 16 | UInt64(bytes[count / 2]) << 8 | UInt64(bytes[count &- 1])
    }

    /// A hash of bytes as tables keep it.
    @inline(__always) static func shortHash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: hash(bytes) >> 32)
    }

    /// The hash of several values, from that of all but the last and that of the last; of none it is
    /// zero.
    @inline(__always) static func combine(_ hash: UInt32, _ valueHash: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: mix(UInt64(hash), UInt64(valueHash)) >> 32)
    }

    /// The hash of several values.
    static func shortHash(ofValues values: [[UInt8]]) -> UInt32 {
        values.reduce(0) { hash, value in
            combine(hash, value.withUnsafeBytes { shortHash($0) })
        }
    }

    @inline(__always) static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(
            by: word ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }
}
