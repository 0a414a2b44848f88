/// The UDP header (RFC 768).
///
///      0                               16                              32  bit
///     +-------------------------------+-------------------------------+
///     |          source port          |       destination port        |
///     +-------------------------------+-------------------------------+
///     |            length             |           checksum            |
///     +-------------------------------+-------------------------------+
struct UDPHeader: Equatable, Sendable {
    static let byteCount = 8

    let sourcePort: UInt16
    let destinationPort: UInt16
    /// Header and payload, as sent; may be a lie.
    let datagramByteCount: Int
    /// 0 if the sender computed none.
    let checksum: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than eight bytes are present.
    @inline(__always)
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .udpTooSmall)
        sourcePort = bytes.bigEndian(UInt16.self, at: 0)
        destinationPort = bytes.bigEndian(UInt16.self, at: 2)
        datagramByteCount = Int(bytes.bigEndian(UInt16.self, at: 4))
        checksum = bytes.bigEndian(UInt16.self, at: 6)
    }
}

extension PacketDecoder {
    @inline(__always)
    func decodeUDP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try UDPHeader(decoding: bytes.extracting(position.range))
        count(.udp)
        packet.transport = .udp
        packet.sourcePort = header.sourcePort
        packet.destinationPort = header.destinationPort
        let end = try udpEnd(header, at: position, &packet)
        let payloadOffset = position.offset &+ UDPHeader.byteCount
        packet.payloadOffset = UInt32(truncatingIfNeeded: payloadOffset)
        packet.payloadByteCount = UInt32(truncatingIfNeeded: end &- payloadOffset)
        if checksums.verifies, header.checksum != 0 {
            verifyTransportChecksum(
                bytes.extracting(position.offset..<end), IPProtocol.udp, bytes,
                badCount: .badChecksumUDP, &packet)
        }
        guard tunnelPorts.mayContain(header.sourcePort, header.destinationPort) else {
            return .done
        }
        return decodeUDPTunnel(bytes, from: payloadOffset, to: end, &packet)
    }

    /// Where a datagram ends by its length field: within the IP payload, of which it may leave
    /// bytes over.
    ///
    /// - Throws: `DecodeError.malformed` for a length shorter than the header, `.truncated` for one
    ///   beyond the IP payload unless a snap length cut that.
    @inline(__always)
    private func udpEnd(
        _ header: UDPHeader, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> Int {
        let available = position.byteCount
        if header.datagramByteCount == available { return position.end }
        // Jumbograms say 0 (RFC 2675 §4).
        if header.datagramByteCount == 0, available > 65535 { return position.end }
        guard header.datagramByteCount >= UDPHeader.byteCount else {
            throw .malformed(.udpLengthInvalid)
        }
        if header.datagramByteCount > available {
            guard frameIsCut, packet.flags.contains(.truncated) else {
                throw .truncated(
                    .udpTooSmall, needed: header.datagramByteCount, available: available)
            }
            return position.end
        }
        note(.udpHeaderLengthInvalid, &packet)
        return position.offset &+ header.datagramByteCount
    }
}
