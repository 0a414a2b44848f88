import CZlib

/// A transform with what was compiled for it.
struct TransformCode {
    var transform: Transform
    /// Index of its expression; -1 if it has none.
    var regex = -1
}

/// Applies the transforms of a rule to a value, into memory that is used again. One a shard.
final class TransformRunner {
    private var current: [UInt8] = []
    private var next: [UInt8] = []
    private let regexes: RegexRunner
    private let md5 = Digest(.md5)
    private let sha1 = Digest(.sha1)
    private let sha256 = Digest(.sha256)

    init(_ regexes: RegexRunner) { self.regexes = regexes }

    /// Calls `body` with the changed value.
    func apply<Result>(
        _ transforms: UnsafeBufferPointer<TransformCode>, to value: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        current.removeAll(keepingCapacity: true)
        current.append(contentsOf: value)
        for transform in transforms { apply(transform) }
        return current.withUnsafeBytes(body)
    }

    private func apply(_ code: TransformCode) {
        switch code.transform {
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
        case .fromBase64(let decoding): decodeBase64(decoding)
        case .stripPseudoHeaders: stripPseudoHeaders()
        case .pcrexform: extract(code.regex)
        case .gunzip(let byteCountMax): inflate(windowBits: 31, byteCountMax)
        case .zlibDeflate(let byteCountMax): inflate(windowBits: 15, byteCountMax)
        case .subslice(let part): keep(part.range(of: current.count))
        case .domain: keep(domain)
        case .tld:
            let domain = domain
            let dot = current[domain].firstIndex(of: UInt8(ascii: "."))
            keep((dot.map { $0 &+ 1 } ?? 0)..<current.count)
        }
    }

    /// What can be registered of a host's name; nothing of a name without a dot.
    private var domain: Range<Int> {
        guard current.contains(UInt8(ascii: ".")) else { return 0..<0 }
        return current.withUnsafeBytes { DNSName.registrableDomainOffset($0)..<$0.count }
    }

    private func keep(_ range: Range<Int>) {
        current.removeSubrange(range.upperBound...)
        current.removeSubrange(..<range.lowerBound)
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

    private func decodeBase64(_ decoding: Base64Decoding) {
        next.removeAll(keepingCapacity: true)
        current.withUnsafeBytes { decoding.decode($0, into: &next) }
        // What is no base64 stays as it is.
        if !next.isEmpty { swap(&current, &next) }
    }

    /// Lines of HTTP/2's pseudo headers (RFC 9113 §8.3), which begin with a colon.
    private func stripPseudoHeaders() {
        rewrite {
            var start = 0
            while start < current.count {
                let end =
                    current[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
                    ?? current.count
                if current[start] != UInt8(ascii: ":") {
                    next.append(contentsOf: current[start..<end])
                }
                start = end
            }
        }
    }

    private func extract(_ regex: Int) {
        next.removeAll(keepingCapacity: true)
        let hasMatched = current.withUnsafeBytes { bytes in
            guard regexes.match(regex, in: bytes) != nil, let group = regexes.group(1),
                !group.isEmpty
            else {
                return false
            }
            next.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[group]))
            return true
        }
        if hasMatched { swap(&current, &next) }
    }

    /// Puts what is unpacked in the place of the value, as far as there is room for it.
    private func inflate(windowBits: Int32, _ byteCountMax: Int) {
        var stream = z_stream()
        guard !current.isEmpty,
            inflateInit2_(
                &stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return }
        defer { inflateEnd(&stream) }
        next.removeAll(keepingCapacity: true)
        next.append(contentsOf: repeatElement(0, count: max(1, byteCountMax)))
        var status: Int32 = Z_OK
        current.withUnsafeMutableBytes { input in
            next.withUnsafeMutableBytes { output in
                stream.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_in = UInt32(clamping: input.count)
                stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(clamping: output.count)
                status = CZlib.inflate(&stream, Z_SYNC_FLUSH)
            }
        }
        let count = next.count &- Int(stream.avail_out)
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, count > 0 else {
            return
        }
        next.removeLast(next.count &- count)
        swap(&current, &next)
    }
}
