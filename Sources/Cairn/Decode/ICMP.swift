/// The part of the ICMP header that all messages share (RFC 792, RFC 4443 §2.1).
///
///      0               8               16                              32  bit
///     +---------------+---------------+-------------------------------+
///     |     type      |     code      |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |               depends on type: identifier, sequence, …        |
///     +---------------------------------------------------------------+
struct ICMPHeader: Equatable, Sendable {
    /// With the second word, that every message of both versions has.
    static let byteCount = 8

    let type: UInt8
    let code: UInt8

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than eight bytes are present.
    init(decoding bytes: RawSpan, ifTruncated anomaly: DecodeAnomaly) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: anomaly)
        type = bytes.byte(at: 0)
        code = bytes.byte(at: 1)
    }
}

extension PacketDecoder {
    func decodeICMP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        guard packet.ipVersion == 4 else {
            note(.ipv6WithICMPv4, &packet)
            return .done
        }
        let header = try ICMPHeader(
            decoding: bytes.extracting(position.range), ifTruncated: .icmpv4TooSmall)
        count(.icmpv4)
        setICMP(header, .icmp, at: position, &packet)
        switch Self.icmpCodeMax(of: header.type) {
        case nil: note(.icmpv4UnknownType, &packet)
        // Mobile IP agents (RFC 5944 §2.1.1) advertise with code 16.
        case let max? where header.code > max && !(header.type == 9 && header.code == 16):
            note(.icmpv4UnknownCode, &packet)
        default: break
        }
        if checksums.verifies, !packet.flags.contains(.truncated) {
            recordTransportChecksum(
                InternetChecksum.sum(bytes.extracting(position.range)), .badChecksumICMPv4,
                &packet)
        }
        if packet.isICMPError {
            noteQuote(bytes, at: position, &packet)
        }
        return .done
    }

    func decodeICMPv6(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        guard packet.ipVersion == 6 else {
            note(.ipv4WithICMPv6, &packet)
            return .done
        }
        let header = try ICMPHeader(
            decoding: bytes.extracting(position.range), ifTruncated: .icmpv6TooSmall)
        count(.icmpv6)
        setICMP(header, .icmpv6, at: position, &packet)
        noteICMPv6Type(header, &packet)
        if checksums.verifies {
            verifyTransportChecksum(
                bytes.extracting(position.range), IPProtocol.icmpv6, bytes,
                badCount: .badChecksumICMPv6, &packet)
        }
        if packet.isICMPError { noteQuote(bytes, at: position, &packet) }
        return .done
    }

    private func setICMP(
        _ header: ICMPHeader, _ transport: Transport, at position: DecodePosition,
        _ packet: inout Packet
    ) {
        packet.transport = transport
        packet.icmpType = header.type
        packet.icmpCode = header.code
        packet.payloadOffset = UInt32(
            truncatingIfNeeded: position.offset &+ ICMPHeader.byteCount)
        packet.payloadByteCount = UInt32(
            truncatingIfNeeded: position.byteCount &- ICMPHeader.byteCount)
    }

    /// The largest code of an ICMP type (IANA registry), nil for types that are unassigned.
    private static func icmpCodeMax(of type: UInt8) -> UInt8? {
        switch type {
        case 0, 4, 8, 9, 10, 13...18, 30...41: 0
        case 3: 15
        case 5: 3
        case 11: 1
        case 12: 2
        case 42: 0
        case 43: 4
        default: nil
        }
    }

    private func noteICMPv6Type(_ header: ICMPHeader, _ packet: inout Packet) {
        let codeMax: UInt8
        switch header.type {
        case 1: codeMax = 8
        case 2, 128, 129, 133...137, 141, 142, 144...147, 151...153: codeMax = 0
        case 3: codeMax = 1
        case 4: codeMax = 10
        case 130...132, 143:
            codeMax = 0
            // Multicast listener messages never leave their link (RFC 2710 §3, RFC 3810 §5).
            if packet.timeToLive != 1 { note(.icmpv6MLDInvalidHopLimit, &packet) }
        case 138...140, 148...150, 154...161: codeMax = 255
        case 100, 101, 200, 201: return note(.icmpv6ExperimentationType, &packet)
        case 127, 255: return note(.icmpv6UnknownType, &packet)
        default: return note(.icmpv6UnassignedType, &packet)
        }
        if header.code > codeMax { note(.icmpv6UnknownCode, &packet) }
    }

    /// Notes what is wrong with the packet that an error message quotes; the message itself stands.
    private func noteQuote(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) {
        do throws(DecodeError) {
            _ = try QuotedPacket(
                decoding: bytes.extracting(
                    position.offset &+ ICMPHeader.byteCount..<position.end),
                in: packet.transport)
        } catch {
            note(error.anomaly, &packet)
        }
    }
}

extension Packet {
    /// Whether this is a message about another packet, which it quotes.
    var isICMPError: Bool {
        switch transport {
        case .icmp: [3, 4, 5, 11, 12].contains(icmpType)
        case .icmpv6: (1...4).contains(icmpType)
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

/// The start of the packet that an ICMP error is about (RFC 792, RFC 4443 §2.4 (c)): header and at
/// least eight bytes more.
struct QuotedPacket: Equatable, Sendable {
    let ipVersion: UInt8
    let ipProtocol: UInt8
    /// Who sent the quoted packet: usually whom the error goes to.
    let source: IPAddress
    let destination: IPAddress
    /// TCP, UDP and SCTP; 0 for others, and if the quote ends before them.
    let sourcePort: UInt16
    let destinationPort: UInt16
    /// Where the quoted transport header begins, counted in the quote.
    let transportOffset: Int

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
            (sourcePort, destinationPort) =
                isFirst ? Self.ports(bytes, ipProtocol, at: headerByteCount) : (0, 0)
        } else {
            try bytes.require(IPv6Header.byteCount, else: .icmpv6QuoteTruncated)
            guard bytes.byte(at: 0) >> 4 == 6 else {
                throw .malformed(.icmpv6QuoteUnknownVersion)
            }
            ipVersion = 6
            source = IPAddress(v6In: bytes, at: 8)
            destination = IPAddress(v6In: bytes, at: 24)
            (ipProtocol, transportOffset) = Self.skipExtensions(bytes)
            (sourcePort, destinationPort) = Self.ports(bytes, ipProtocol, at: transportOffset)
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

    private static func ports(
        _ bytes: RawSpan, _ ipProtocol: UInt8, at offset: Int
    ) -> (UInt16, UInt16) {
        let hasPorts =
            ipProtocol == IPProtocol.tcp || ipProtocol == IPProtocol.udp
            || ipProtocol == IPProtocol.sctp
        guard hasPorts, bytes.byteCount &- offset >= 4 else { return (0, 0) }
        return (
            bytes.bigEndian(UInt16.self, at: offset), bytes.bigEndian(UInt16.self, at: offset &+ 2)
        )
    }
}
