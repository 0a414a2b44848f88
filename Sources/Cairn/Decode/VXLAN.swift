/// The header of a virtual extensible LAN (RFC 7348 §5).
///
///      0               8                                              32  bit
///     +---------------+-----------------------------------------------+
///     | flags, bit I  |                   reserved                    |
///     +---------------+-----------------------------------------------+
///     |             network identifier                |   reserved    |
///     +-----------------------------------------------+---------------+
struct VXLANHeader: Equatable, Sendable {
    static let byteCount = 8

    let networkID: UInt32

    /// Decodes the header at the start of `bytes`; nil if this is none: cut short, without its I
    /// bit, or with bits that must be zero. Any datagram may use the port.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.byte(at: 0) & 0x08 != 0,
            bytes.byte(at: 7) == 0
        else { return nil }
        networkID = bytes.bigEndian24(at: 4)
    }
}

extension PacketDecoder {
    /// The frame inside says whether this can be a tunnel: its EtherType is one that is decoded.
    func decodeVXLAN(
        _ bytes: RawSpan, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        count(.vxlan)
        let frame = try? EthernetHeader(decoding: bytes.extracting(offset..<end))
        guard let frame,
            frame.typeOrLength <= EtherType.lengthMax
                || NextHeader(EtherType(rawValue: frame.typeOrLength)) != .otherNetwork
        else {
            note(.vxlanUnknownPayloadType, &packet)
            return .done
        }
        return .inner(.ethernet, from: offset, to: end)
    }
}
