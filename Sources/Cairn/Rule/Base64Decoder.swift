extension Base64Decoding {
    /// Adds what some bytes stand for. Digits without the rest of their group give what bytes they are enough for.
    func decode(_ input: UnsafeRawBufferPointer, into result: inout [UInt8]) {
        let offset = Int(clamping: offset)
        guard offset >= 0, offset < input.count else { return }
        var byteCount = input.count &- offset
        if let count = self.byteCount { byteCount = min(byteCount, max(0, Int(clamping: count))) }
        let field = UnsafeRawBufferPointer(rebasing: input[offset..<offset &+ byteCount])
        let first = result.count
        if !decode(field, &result), mode == .strict { result.removeLast(result.count &- first) }
    }

    /// False where something is wrong with it.
    private func decode(_ field: UnsafeRawBufferPointer, _ result: inout [UInt8]) -> Bool {
        var bits: UInt32 = 0
        var digitCount = 0
        var paddingCount = 0
        for byte in field {
            let digit = Self.value(of: byte)
            if digit == nil, byte != UInt8(ascii: "=") {
                if mode == .rfc2045 { continue }
                if mode == .strict { return false }
                break
            }
            if digit == nil { paddingCount &+= 1 }
            bits = bits << 6 | (digit ?? 0)
            digitCount &+= 1
            guard digitCount == 4 else { continue }
            for index in 0..<max(0, 3 &- paddingCount) {
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 &- 8 &* index)))
            }
            (bits, digitCount, paddingCount) = (0, 0, 0)
        }
        guard digitCount > 0 else { return true }
        if mode == .strict { return false }
        bits <<= UInt32(6 &* (4 &- digitCount))
        for index in 0..<digitCount &- 1 {
            result.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 &- 8 &* index)))
        }
        return true
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5a: UInt32(byte) - 0x41
        case 0x61...0x7a: UInt32(byte) - 0x61 + 26
        case 0x30...0x39: UInt32(byte) - 0x30 + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
