/// The start of the packet that an ICMP error is about (RFC 792, RFC 4443 §2.4 (c)): header and at
/// least eight bytes more.
struct QuotedPacket: Equatable, Sendable {
    let ipVersion: UInt8
    let ipProtocol: UInt8
    /// Who sent the quoted packet: usually whom the error goes to.
    let source: IPAddress
    let destination: IPAddress
    /// Where the quoted transport header begins, counted in the quote.
    let transportOffset: Int
    /// TCP, UDP and SCTP; 0 for others, and if the quote ends before them.
    private(set) var sourcePort: UInt16 = 0
    private(set) var destinationPort: UInt16 = 0
    /// ICMP and ICMPv6; 0 for others, and if the quote ends before them.
    private(set) var icmpType: UInt8 = 0
    private(set) var icmpCode: UInt8 = 0
    /// Whether the quote reaches as far as the ports, or type and code, if its protocol has them.
    private(set) var hasTransport = true

    /// Decodes the quote at the start of `bytes`, the body of an error of the given kind.
    ///
    /// - Throws: `DecodeError.truncated` if its IP header is cut, `.malformed` if it is one of
    ///   another version.
    init(decoding bytes: RawSpan, in transport: Transport) throws(DecodeError) {
        if transport == .icmp {
            try bytes.require(IPv4Header.byteCountMin, else: .icmpv4QuoteTruncated)
            let first = bytes.byte(at: 0)
            guard first >> 4 == 4 else { throw .malformed(.icmpv4QuoteUnknownVersion) }
            let headerByteCount = max(Int(first & 0x0f) &* 4, IPv4Header.byteCountMin)
            try bytes.require(headerByteCount, else: .icmpv4QuoteTruncated)
            ipVersion = 4
            ipProtocol = bytes.byte(at: 9)
            source = IPAddress(v4In: bytes, at: 12)
            destination = IPAddress(v4In: bytes, at: 16)
            transportOffset = headerByteCount
            let isFirst = bytes.bigEndian(UInt16.self, at: 6) & 0x1fff == 0
            readTransport(bytes, count: isFirst ? bytes.byteCount : headerByteCount)
        } else {
            try bytes.require(IPv6Header.byteCount, else: .icmpv6QuoteTruncated)
            guard bytes.byte(at: 0) >> 4 == 6 else {
                throw .malformed(.icmpv6QuoteUnknownVersion)
            }
            ipVersion = 6
            source = IPAddress(v6In: bytes, at: 8)
            destination = IPAddress(v6In: bytes, at: 24)
            (ipProtocol, transportOffset) = Self.skipExtensions(bytes)
            readTransport(bytes, count: bytes.byteCount)
        }
    }

    /// The upper-layer protocol behind option, routing and first-fragment headers; it stays in
    /// front of what is cut.
    private static func skipExtensions(_ bytes: RawSpan) -> (ipProtocol: UInt8, offset: Int) {
        var next = bytes.byte(at: 6)
        var offset = IPv6Header.byteCount
        for _ in 0..<PacketDecoder.ipv6ExtensionCountMax {
            guard bytes.byteCount &- offset >= 8 else { break }
            let byteCount: Int
            switch next {
            case IPProtocol.hopByHop, IPProtocol.routing, IPProtocol.destinationOptions:
                byteCount = (Int(bytes.byte(at: offset &+ 1)) &+ 1) &* 8
            case IPProtocol.fragment where bytes.bigEndian(UInt16.self, at: offset &+ 2) < 8:
                byteCount = IPv6FragmentHeader.byteCount
            default: return (next, offset)
            }
            guard bytes.byteCount &- offset >= byteCount else { break }
            next = bytes.byte(at: offset)
            offset &+= byteCount
        }
        return (next, offset)
    }

    /// Reads what tells flows apart, within the first `count` bytes.
    private mutating func readTransport(_ bytes: RawSpan, count: Int) {
        let rest = count &- transportOffset
        switch ipProtocol {
        case IPProtocol.tcp, IPProtocol.udp, IPProtocol.sctp:
            hasTransport = rest >= 4
            guard hasTransport else { return }
            sourcePort = bytes.bigEndian(UInt16.self, at: transportOffset)
            destinationPort = bytes.bigEndian(UInt16.self, at: transportOffset &+ 2)
        case IPProtocol.icmp, IPProtocol.icmpv6:
            hasTransport = rest >= 2
            guard hasTransport else { return }
            icmpType = bytes.byte(at: transportOffset)
            icmpCode = bytes.byte(at: transportOffset &+ 1)
        default: return
        }
    }
}

extension Packet {
    /// Whether this is a message about another packet, which it quotes (RFC 792; RFC 4443 §2.1).
    var isICMPError: Bool {
        switch transport {
        case .icmp:
            icmpType == 3 || icmpType == 4 || icmpType == 5 || icmpType == 11 || icmpType == 12
        case .icmpv6: icmpType < 128
        default: false
        }
    }

    /// The packet that an ICMP error is about; nil for other packets, and if the quote cannot be
    /// read.
    var quotedPacket: QuotedPacket? {
        guard isICMPError else { return nil }
        return try? QuotedPacket(decoding: payload.bytes, in: transport)
    }
}
