/// The protocol number before a PPP payload, with address and control in front of it unless they
/// are compressed away (RFC 1661 §2, RFC 1662 §3.1).
struct PPPHeader: Equatable, Sendable {
    /// Bytes in front of the payload, 1...4.
    let byteCount: Int
    let protocolNumber: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end before the protocol number does.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(2, else: .pppTooSmall)
        let start = bytes.bigEndian(UInt16.self, at: 0) == 0xff03 ? 2 : 0
        try bytes.require(start &+ 2, else: .pppTooSmall)
        // Protocol field compression (RFC 1661 §6.5): numbers are odd, their high bytes even.
        if bytes.byte(at: start) & 1 == 1 {
            protocolNumber = UInt16(bytes.byte(at: start))
            byteCount = start &+ 1
        } else {
            protocolNumber = bytes.bigEndian(UInt16.self, at: start)
            byteCount = start &+ 2
        }
    }
}

/// The header of Cisco's HDLC: address 0x0f (unicast) or 0x8f (broadcast), control 0, EtherType.
struct CiscoHDLCHeader: Equatable, Sendable {
    static let byteCount = 4

    let etherType: EtherType

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than four bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .ciscoHDLCTooSmall)
        etherType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 2))
    }
}

extension PacketDecoder {
    func decodePPP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        // PPP links that carry Cisco's HDLC are told by its address byte (RFC 1662 has 0xff there).
        if position.byteCount >= CiscoHDLCHeader.byteCount, packet.linkType == .pppHDLC,
            bytes.byte(at: position.offset) & 0x7f == 0x0f,
            bytes.byte(at: position.offset &+ 1) == 0
        {
            return try decodeCiscoHDLC(bytes, at: position, &packet)
        }
        let header = try PPPHeader(decoding: bytes.extracting(position.range))
        count(.ppp)
        let offset = position.offset &+ header.byteCount
        let available = position.end &- offset
        let rest = DecodePosition(.none, from: offset, to: position.end)
        switch header.protocolNumber {
        case 0x0021:
            guard available >= IPv4Header.byteCountMin else {
                throw .truncated(
                    .pppIPv4TooSmall, needed: IPv4Header.byteCountMin, available: available)
            }
            packet.etherType = EtherType.ipv4.rawValue
            return DecodePosition(.ipv4, from: offset, to: position.end)
        case 0x0057:
            guard available >= IPv6Header.byteCount else {
                throw .truncated(
                    .pppIPv6TooSmall, needed: IPv6Header.byteCount, available: available)
            }
            packet.etherType = EtherType.ipv6.rawValue
            return DecodePosition(.ipv6, from: offset, to: position.end)
        case 0x0281: return DecodePosition(.mpls, from: offset, to: position.end)
        case 0x002f where available < IPv4Header.byteCountMin:
            throw .truncated(
                .pppVJUTooSmall, needed: IPv4Header.byteCountMin, available: available)
        case 0x002d, 0x002f,  // Van Jacobson's compression
            0x0023...0x0069, 0x00fb, 0x00fd,  // other network protocols, compression
            0x0201...0x020f, 0x8021...0x80ff, 0xc021...0xc2ff:  // control protocols
            note(.pppUnsupportedProtocol, &packet)
            setNetworkPayload(rest, &packet)
            return .done
        default:
            note(.pppWrongType, &packet)
            setNetworkPayload(rest, &packet)
            return .done
        }
    }

    func decodeCiscoHDLC(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try CiscoHDLCHeader(decoding: bytes.extracting(position.range))
        count(.ciscoHDLC)
        packet.etherType = header.etherType.rawValue
        return DecodePosition(
            NextHeader(header.etherType), from: position.offset &+ CiscoHDLCHeader.byteCount,
            to: position.end)
    }
}
