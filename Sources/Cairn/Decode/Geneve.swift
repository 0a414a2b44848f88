/// The header of generic network virtualisation encapsulation (RFC 8926 §3.4).
///
///      0   2          8               16                              32  bit
///     +---+----------+---------------+-------------------------------+
///     |ver| options  |   O, C, zero  |         protocol type         |
///     +---+----------+---------------+---------------+---------------+
///     |             network identifier               |   reserved    |
///     +----------------------------------------------+---------------+
struct GeneveHeader: Equatable, Sendable {
    static let byteCountMin = 8

    let byteCount: Int
    let protocolType: EtherType
    let networkID: UInt32

    /// Decodes the header at the start of `bytes`; nil if this is none: cut short, of another
    /// version, or with bits that must be zero.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCountMin, bytes.byte(at: 0) >> 6 == 0,
            bytes.byte(at: 1) & 0x3f == 0, bytes.byte(at: 7) == 0
        else { return nil }
        byteCount = Self.byteCountMin &+ Int(bytes.byte(at: 0) & 0x3f) &* 4
        guard byteCount <= bytes.byteCount else { return nil }
        protocolType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 2))
        networkID = bytes.bigEndian24(at: 4)
    }
}

extension PacketDecoder {
    func decodeGeneve(
        _ header: GeneveHeader, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        count(.geneve)
        let next = NextHeader(header.protocolType)
        guard next != .otherNetwork else {
            note(.geneveUnknownPayloadType, &packet)
            return .done
        }
        return .inner(next, from: offset &+ header.byteCount, to: end)
    }
}
