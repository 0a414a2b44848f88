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

extension PacketDecoder {
    func decodePPP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        // Serial links that carry Cisco's HDLC are told by its address byte (RFC 1662 has 0xff
        // there).
        if position.offset == 0, position.byteCount >= CiscoHDLCHeader.byteCount,
            bytes.byte(at: position.offset) & 0x7f == 0x0f,
            bytes.byte(at: position.offset &+ 1) == 0
        {
            return try decodeCiscoHDLC(bytes, at: position, &packet)
        }
        let header = try PPPHeader(decoding: bytes.extracting(position.range))
        count(.ppp)
        let offset = position.offset &+ header.byteCount
        let available = position.end &- offset
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
        case 0x0281, 0x0283: return DecodePosition(.mpls, from: offset, to: position.end)
        case 0x002f where available < IPv4Header.byteCountMin:
            throw .truncated(
                .pppVJUTooSmall, needed: IPv4Header.byteCountMin, available: available)
        default:
            notePPPWithoutIP(header.protocolNumber, &packet)
            setNetworkPayload(
                DecodePosition(.none, from: offset, to: position.end), &packet)
            return .done
        }
    }

    private func notePPPWithoutIP(_ number: UInt16, _ packet: inout Packet) {
        switch number {
        // Control of networks and of the link, authentication, link quality.
        case 0x8021...0x82ff, 0xc021...0xc4ff: count(.pppControl)
        // Compressed TCP, networks other than IP, multilink, compressed datagrams.
        case 0x0023...0x0069, 0x00c1, 0x00cf, 0x00fb, 0x00fd, 0x0201...0x02ff:
            note(.pppUnsupportedProtocol, &packet)
        default: note(.pppWrongType, &packet)
        }
    }
}
