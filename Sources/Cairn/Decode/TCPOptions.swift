/// The options of a TCP header that matter to streams and rules (RFC 9293 §3.2), read when they are
/// asked for.
struct TCPOptions: Equatable, Sendable {
    struct Timestamps: Equatable, Sendable {
        let value: UInt32
        let echo: UInt32
    }

    /// Largest segment that the sender takes (RFC 9293 §3.7.1).
    private(set) var maximumSegmentSize: UInt16?
    /// The shift of the window field (RFC 7323 §2), as sent; more than 14 counts as 14.
    private(set) var windowScale: UInt8?
    /// Selective acknowledgment may be used (RFC 2018 §2).
    private(set) var permitsSACK = false
    /// The sender's clock and the echo of the other's (RFC 7323 §3).
    private(set) var timestamp: Timestamps?
    /// Where in the options a Fast Open cookie lies (RFC 7413 §4.1.1); empty for the request of
    /// one.
    private(set) var fastOpenCookie: Range<Int>?
    /// Where in the options blocks of selective acknowledgment lie (RFC 2018 §3), eight bytes each.
    private(set) var sackBlocks: Range<Int>?
    /// Whether an MD5 signature or an authentication option is present (RFC 2385, RFC 5925).
    private(set) var hasSignature = false
    private(set) var anomalies = DecodeAnomalySet()

    /// Walks the options, which fill `bytes`, up to the first that hides where the next begins.
    ///
    /// Every option takes a byte at least, so the header's 40 bytes bound the loop.
    init(decoding bytes: RawSpan) {
        var offset = 0
        while offset < bytes.byteCount {
            let kind = bytes.byte(at: offset)
            if kind == 0 { return }
            if kind == 1 {
                offset &+= 1
                continue
            }
            let available = bytes.byteCount &- offset
            let length = available >= 2 ? Int(bytes.byte(at: offset &+ 1)) : 0
            guard length >= 2, length <= available else {
                anomalies.insert(.tcpOptionInvalidLength)
                return
            }
            if !read(kind, bytes, at: offset, length: length) {
                anomalies.insert(.tcpOptionInvalidLength)
            }
            offset &+= length
        }
    }

    /// Whether the options are a timestamp alone, in the usual layout: nothing can be wrong with
    /// them.
    @inline(__always)
    static func isTimestampAlone(_ segment: RawSpan, headerByteCount: Int) -> Bool {
        headerByteCount == TCPHeader.byteCountMin &+ 12
            && segment.bigEndian(UInt32.self, at: TCPHeader.byteCountMin) == 0x0101_080a
    }

    /// - Returns: false if the length is none that the option can have.
    private mutating func read(_ kind: UInt8, _ bytes: RawSpan, at offset: Int, length: Int) -> Bool
    {
        switch kind {
        case 2:
            guard length == 4 else { return false }
            noteDuplicate(maximumSegmentSize != nil)
            maximumSegmentSize = bytes.bigEndian(UInt16.self, at: offset &+ 2)
        case 3:
            guard length == 3 else { return false }
            noteDuplicate(windowScale != nil)
            windowScale = bytes.byte(at: offset &+ 2)
        case 4:
            guard length == 2 else { return false }
            noteDuplicate(permitsSACK)
            permitsSACK = true
        case 5:
            guard (length &- 2) % 8 == 0 else { return false }
            noteDuplicate(sackBlocks != nil)
            sackBlocks = offset &+ 2..<offset &+ length
        case 8:
            guard length == 10 else { return false }
            noteDuplicate(timestamp != nil)
            timestamp = Timestamps(
                value: bytes.bigEndian(UInt32.self, at: offset &+ 2),
                echo: bytes.bigEndian(UInt32.self, at: offset &+ 6))
        case 19:
            hasSignature = true
            return length == 18
        case 29:
            hasSignature = true
            return length >= 4
        case 34:
            guard isCookieLength(length &- 2) else { return false }
            noteDuplicate(fastOpenCookie != nil)
            fastOpenCookie = offset &+ 2..<offset &+ length
        // The experiment that came before RFC 7413 says so by a magic number.
        case 253, 254:
            guard length >= 4, bytes.bigEndian(UInt16.self, at: offset &+ 2) == 0xf989 else {
                break
            }
            guard isCookieLength(length &- 4) else { return false }
            noteDuplicate(fastOpenCookie != nil)
            fastOpenCookie = offset &+ 4..<offset &+ length
        default: break
        }
        return true
    }

    /// Cookies have 4 to 16 bytes, an even number; a request has none.
    private func isCookieLength(_ count: Int) -> Bool {
        count == 0 || (4...16).contains(count) && count % 2 == 0
    }

    private mutating func noteDuplicate(_ isDuplicate: Bool) {
        if isDuplicate { anomalies.insert(.tcpOptionDuplicate) }
    }
}

extension Packet {
    /// The bytes of the TCP options; empty for other transports.
    var tcpOptionBytes: UnsafeRawBufferPointer {
        let start = Int(transportOffset) &+ TCPHeader.byteCountMin
        guard transport == .tcp, start < Int(payloadOffset) else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<Int(payloadOffset)])
    }

    /// The TCP options, read anew at every call.
    var tcpOptions: TCPOptions { TCPOptions(decoding: tcpOptionBytes.bytes) }
}
