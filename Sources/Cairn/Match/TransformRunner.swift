/// Applies the transforms of a rule to a value, into memory that is used again. One a shard.
final class TransformRunner {
    private var current: [UInt8] = []
    private var next: [UInt8] = []
    private let md5 = Digest(.md5)
    private let sha1 = Digest(.sha1)
    private let sha256 = Digest(.sha256)

    /// Calls `body` with the changed value.
    func apply<Result>(
        _ transforms: UnsafeBufferPointer<Transform>, to value: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        current.removeAll(keepingCapacity: true)
        current.append(contentsOf: value)
        for transform in transforms { apply(transform) }
        return current.withUnsafeBytes(body)
    }

    private func apply(_ transform: Transform) {
        switch transform {
        case .toLowercase:
            for index in current.indices { current[index] = current[index].asciiLowercased }
        case .toUppercase:
            for index in current.indices where current[index] &- 0x61 < 26 {
                current[index] &-= 0x20
            }
        case .stripWhitespace: current.removeAll { $0.isASCIISpace }
        case .compressWhitespace: compressWhitespace()
        case .urlDecode: urlDecode()
        case .dotprefix: current.insert(UInt8(ascii: "."), at: 0)
        case .headerLowercase: lowercaseHeaderNames()
        case .toMD5: hash(md5)
        case .toSHA1: hash(sha1)
        case .toSHA256: hash(sha256)
        case .xor(let key):
            guard !key.isEmpty else { return }
            for index in current.indices { current[index] ^= key[index % key.count] }
        case .fromBase64: decodeBase64()
        }
    }

    private func hash(_ digest: Digest) {
        digest.reset()
        current.withUnsafeBytes { digest.update($0) }
        current.removeAll(keepingCapacity: true)
        current.append(contentsOf: digest.finish())
    }

    /// Puts what `body` writes into `next` in the place of the value.
    private func rewrite(_ body: () -> Void) {
        next.removeAll(keepingCapacity: true)
        body()
        swap(&current, &next)
    }

    /// Runs of white space become one space.
    private func compressWhitespace() {
        rewrite {
            var isBehindSpace = false
            for byte in current {
                let isSpace = byte.isASCIISpace
                if !isSpace || !isBehindSpace { next.append(isSpace ? 0x20 : byte) }
                isBehindSpace = isSpace
            }
        }
    }

    /// `%41` becomes `A`, `+` a space; what is no escape stays (RFC 3986 §2.1, HTML forms).
    private func urlDecode() {
        rewrite {
            var index = 0
            while index < current.count {
                let byte = current[index]
                if byte == UInt8(ascii: "%"), index &+ 2 < current.count,
                    let high = current[index &+ 1].hexDigitValue,
                    let low = current[index &+ 2].hexDigitValue
                {
                    next.append(high << 4 | low)
                    index &+= 3
                } else {
                    next.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
                    index &+= 1
                }
            }
        }
    }

    /// The part of each line before its colon.
    private func lowercaseHeaderNames() {
        var isInName = true
        for index in current.indices {
            switch current[index] {
            case UInt8(ascii: ":"): isInName = false
            case UInt8(ascii: "\n"): isInName = true
            default: if isInName { current[index] = current[index].asciiLowercased }
            }
        }
    }

    /// RFC 4648 §4, up to the padding or the first byte of another alphabet; white space is skipped.
    private func decodeBase64() {
        rewrite {
            var bits: UInt32 = 0
            var bitCount = 0
            for byte in current where !byte.isASCIISpace {
                guard let digit = Self.base64Value(byte) else { break }
                bits = bits << 6 | digit
                bitCount &+= 6
                if bitCount >= 8 {
                    bitCount &-= 8
                    next.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
                }
            }
        }
    }

    private static func base64Value(_ byte: UInt8) -> UInt32? {
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
