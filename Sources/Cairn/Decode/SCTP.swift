/// The common header of SCTP (RFC 9260 §3.1); chunks are its payload.
///
///      0                               16                              32  bit
///     +-------------------------------+-------------------------------+
///     |          source port          |       destination port        |
///     +-------------------------------+-------------------------------+
///     |                       verification tag                        |
///     +---------------------------------------------------------------+
///     |                           checksum                            |
///     +---------------------------------------------------------------+
struct SCTPHeader: Equatable, Sendable {
    static let byteCount = 12

    let sourcePort: UInt16
    let destinationPort: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than twelve bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .sctpTooSmall)
        sourcePort = bytes.bigEndian(UInt16.self, at: 0)
        destinationPort = bytes.bigEndian(UInt16.self, at: 2)
    }
}

extension PacketDecoder {
    func decodeSCTP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try SCTPHeader(decoding: bytes.extracting(position.range))
        count(.sctp)
        packet.transport = .sctp
        packet.sourcePort = header.sourcePort
        packet.destinationPort = header.destinationPort
        packet.payloadOffset = UInt32(
            truncatingIfNeeded: position.offset &+ SCTPHeader.byteCount)
        packet.payloadByteCount = UInt32(
            truncatingIfNeeded: position.byteCount &- SCTPHeader.byteCount)
        return .done
    }
}
