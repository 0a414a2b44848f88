extension PacketDecoder {
    /// Decodes what an IP header's protocol number announces.
    @inline(__always)
    func decodeTransport(
        _ ipProtocol: UInt8, _ bytes: RawSpan, at position: DecodePosition,
        _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        packet.transportOffset = UInt32(truncatingIfNeeded: position.offset)
        switch ipProtocol {
        case IPProtocol.tcp: return try decodeTCP(bytes, at: position, &packet)
        case IPProtocol.udp: return try decodeUDP(bytes, at: position, &packet)
        default: return try decodeRareTransport(ipProtocol, bytes, at: position, &packet)
        }
    }

    @inline(never)
    private func decodeRareTransport(
        _ ipProtocol: UInt8, _ bytes: RawSpan, at position: DecodePosition,
        _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        packet.transport = .other
        switch ipProtocol {
        case IPProtocol.icmp: return try decodeICMP(bytes, at: position, &packet)
        case IPProtocol.icmpv6: return try decodeICMPv6(bytes, at: position, &packet)
        case IPProtocol.sctp: return try decodeSCTP(bytes, at: position, &packet)
        case IPProtocol.gre: return try decodeGRE(bytes, at: position, &packet)
        case IPProtocol.esp: return try decodeESP(bytes, at: position, &packet)
        case IPProtocol.authentication where packet.ipVersion == 4:
            return try decodeAuthentication(bytes, at: position, &packet)
        case IPProtocol.ipv4 where packet.ipVersion == 6 || decodesIPv4InIPv4:
            return try decodeInnerIP(4, bytes, at: position, packet)
        case IPProtocol.ipv6: return try decodeInnerIP(6, bytes, at: position, packet)
        case IPProtocol.mplsInIP: return .inner(.mpls, from: position.offset, to: position.end)
        default:
            otherTransports[Int(ipProtocol)] &+= 1
            return .done
        }
    }

    /// IP in IP (RFC 2003, RFC 2473, RFC 4213).
    private func decodeInnerIP(
        _ version: UInt8, _ bytes: RawSpan, at position: DecodePosition, _ packet: Packet
    ) throws(DecodeError) -> DecodePosition {
        let needed = version == 4 ? IPv4Header.byteCountMin : IPv6Header.byteCount
        if packet.ipVersion == 6 {
            try bytes.extracting(position.range).require(
                needed, else: version == 4 ? .ipv4InIPv6TooSmall : .ipv6InIPv6TooSmall)
            guard bytes.byte(at: position.offset) >> 4 == version else {
                throw .malformed(
                    version == 4 ? .ipv4InIPv6WrongVersion : .ipv6InIPv6WrongVersion)
            }
            count(version == 4 ? .ipv4InIPv6 : .ipv6InIPv6)
        } else {
            count(version == 4 ? .ipv4InIPv4 : .ipv6InIPv4)
        }
        return .inner(version == 4 ? .ipv4 : .ipv6, from: position.offset, to: position.end)
    }

    /// Bytes of an encapsulating security payload before what is encrypted (RFC 4303 §2).
    static let espByteCount = 8

    private func decodeESP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        try bytes.extracting(position.range).require(Self.espByteCount, else: .espTooSmall)
        count(.esp)
        packet.payloadOffset = UInt32(truncatingIfNeeded: position.offset &+ Self.espByteCount)
        packet.payloadByteCount = UInt32(
            truncatingIfNeeded: position.byteCount &- Self.espByteCount)
        return .done
    }

    /// An authentication header over IPv4 (RFC 4302 §2): what it protects follows in the clear.
    private func decodeAuthentication(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = bytes.extracting(position.range)
        try header.require(12, else: .authenticationHeaderTooSmall)
        count(.authentication)
        let byteCount = (Int(header.byte(at: 1)) &+ 2) &* 4
        let next = header.byte(at: 0)
        // A second one protects nothing that the first does not; it is left as it is.
        guard next != IPProtocol.authentication, byteCount >= 12 else { return .done }
        try header.require(byteCount, else: .authenticationHeaderTooSmall)
        packet.ipProtocol = next
        packet.payloadOffset &+= UInt32(truncatingIfNeeded: byteCount)
        packet.payloadByteCount &-= UInt32(truncatingIfNeeded: byteCount)
        let rest = DecodePosition(.none, from: position.offset &+ byteCount, to: position.end)
        packet.transport = .none
        return try decodeTransport(next, bytes, at: rest, &packet)
    }
}
