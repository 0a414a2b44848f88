/// The one's complement sum of 16-bit words (RFC 1071).
///
/// The sum does not depend on byte order (§2 (B)), so words are added as the machine loads them, 32
/// bits of each at a time into 64-bit lanes that cannot overflow within a packet.
enum InternetChecksum {
    /// Adds up bytes; an odd last byte counts as the first of its word.
    ///
    /// - Returns: a sum that fits 40 bits for up to 1 MiB; sums of several runs may be added.
    @inline(__always)
    static func sum(_ bytes: RawSpan) -> UInt64 {
        bytes.withUnsafeBytes { sum($0) }
    }

    private static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return 0 }
        let count = bytes.count
        var low = SIMD4<UInt64>.zero
        var high = SIMD4<UInt64>.zero
        let mask = SIMD4<UInt64>(repeating: 0xffff_ffff)
        var offset = 0
        while count &- offset >= 32 {
            let words = base.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
            low &+= words & mask
            high &+= words &>> 32
            offset &+= 32
        }
        var total = (low &+ high).wrappedSum()
        while count &- offset >= 4 {
            total &+= UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            offset &+= 4
        }
        if count &- offset >= 2 {
            total &+= UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            offset &+= 2
        }
        if offset < count {
            let last = base.load(fromByteOffset: offset, as: UInt8.self)
            total &+= UInt64(UInt16(littleEndian: UInt16(last)))
        }
        return total
    }

    /// A number of network order as it adds to a sum.
    @inline(__always)
    static func word(_ value: UInt16) -> UInt64 { UInt64(value.bigEndian) }

    /// Folds carries back in until 16 bits are left; 0xffff says that a sum which includes its
    /// checksum is right.
    @inline(__always)
    static func fold(_ sum: UInt64) -> UInt16 {
        var sum = sum
        sum = (sum & 0xffff_ffff) &+ sum >> 32
        sum = (sum & 0xffff) &+ sum >> 16
        sum = (sum & 0xffff) &+ sum >> 16
        sum = (sum & 0xffff) &+ sum >> 16
        return UInt16(truncatingIfNeeded: sum)
    }
}
