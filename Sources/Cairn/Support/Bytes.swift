/// Reads of numbers at byte offsets. All are bounds-checked: decoders check lengths first and give a reason, the check
/// behind them turns a slip into a stop instead of a read outside the packet.
extension RawSpan {
    /// The byte at an offset.
    @inline(__always) func byte(at offset: Int) -> UInt8 {
        unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// A number in network byte order.
    @inline(__always)
    func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int)
        -> T
    {
        T(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// A number in little-endian order.
    @inline(__always)
    func littleEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type = T.self, at offset: Int
    ) -> T {
        T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// A three-byte number in network byte order (TLS lengths, LLC organisation codes).
    @inline(__always) func bigEndian24(at offset: Int) -> UInt32 {
        UInt32(byte(at: offset)) << 16 | UInt32(bigEndian(UInt16.self, at: offset &+ 1))
    }

    /// A copy of the bytes of a range, clamped to what is there.
    func array(from offset: Int = 0, count: Int = .max) -> [UInt8] {
        let start = min(max(0, offset), byteCount)
        let end = start + min(max(0, count), byteCount - start)
        return withUnsafeBytes { Array($0[start..<end]) }
    }

    /// Whether the bytes from an offset on begin with ASCII text.
    @inline(__always) func starts(with text: StaticString, at offset: Int = 0) -> Bool {
        let count = text.utf8CodeUnitCount
        guard offset >= 0, offset <= byteCount, byteCount &- offset >= count else { return false }
        for index in 0..<count where byte(at: offset &+ index) != text.utf8Start[index] {
            return false
        }
        return true
    }
}

extension UInt8 {
    /// The ASCII small letter of a capital; every other byte itself.
    @inline(__always) var asciiLowercased: UInt8 {
        self &- 0x41 < 26 ? self | 0x20 : self
    }

    /// The ASCII capital of a small letter; every other byte itself.
    @inline(__always) var asciiUppercased: UInt8 {
        self &- 0x61 < 26 ? self & 0xdf : self
    }

    /// The value of a hexadecimal digit.
    @inline(__always) var hexDigitValue: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x41 &+ 10
        case 0x61...0x66: self &- 0x61 &+ 10
        default: nil
        }
    }
}

/// The digits of lower-case hexadecimal text.
let hexDigits: StaticString = "0123456789abcdef"

extension Sequence<UInt8> {
    /// Lower-case hexadecimal text, two digits a byte.
    var hexText: String {
        var text: [UInt8] = []
        for byte in self {
            text.append(hexDigits.utf8Start[Int(byte >> 4)])
            text.append(hexDigits.utf8Start[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension String {
    /// Calls `body` with the bytes of the text where they lie.
    @inline(__always)
    func withUTF8Bytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let result = utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
        if let result { return result }
        return Array(utf8).withUnsafeBytes(body)
    }
}
