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
