/// One entry of an MPLS label stack (RFC 3032 §2.1).
///
///      0                                      20    23 24             31  bit
///     +---------------------------------------+-----+-+---------------+
///     |                 label                 | TC  |S|      TTL      |
///     +---------------------------------------+-----+-+---------------+
struct MPLSLabel: Equatable, Sendable {
    static let byteCount = 4

    /// 0 through 1,048,575; those below 16 are reserved.
    let label: UInt32
    /// Whether this is the last entry.
    let isBottom: Bool

    /// Decodes the entry at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than four bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .mplsHeaderTooSmall)
        let entry = bytes.bigEndian(UInt32.self, at: 0)
        label = entry >> 12
        isBottom = entry & 0x100 != 0
    }
}

extension PacketDecoder {
    /// Decodes one entry; what the last one encloses is guessed from its label and first four bits,
    /// as routers do (RFC 4928 §3).
    func decodeMPLS(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let entry = try MPLSLabel(decoding: bytes.extracting(position.range))
        count(.mpls)
        let offset = position.offset &+ MPLSLabel.byteCount
        guard entry.isBottom else { return DecodePosition(.mpls, from: offset, to: position.end) }
        switch entry.label {
        case 0: return DecodePosition(.ipv4, from: offset, to: position.end)
        case 1: note(.mplsBadLabelRouterAlert, &packet)
        case 2: return DecodePosition(.ipv6, from: offset, to: position.end)
        case 3: note(.mplsBadLabelImplicitNull, &packet)
        case 4...6, 8...12, 15: note(.mplsBadLabelReserved, &packet)
        default: break
        }
        guard offset < position.end else {
            throw .truncated(.mplsTooSmall, needed: 1, available: 0)
        }
        switch bytes.byte(at: offset) >> 4 {
        case 4: return DecodePosition(.ipv4, from: offset, to: position.end)
        case 6: return DecodePosition(.ipv6, from: offset, to: position.end)
        case 0 where position.end &- offset >= 4 &+ EthernetHeader.byteCount:
            // The control word of a pseudo-wire (RFC 4385 §3), then a frame.
            return DecodePosition(.ethernet, from: offset &+ 4, to: position.end)
        default: throw .malformed(.mplsUnknownPayloadType)
        }
    }
}
