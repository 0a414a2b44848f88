/// The header that a bridge port extender adds before the EtherType (IEEE 802.1BR; Cisco's VN-Tag).
///
///      0                           4           6
///     +---------------------------+-----------+
///     | direction, ports, version | EtherType |
///     +---------------------------+-----------+
struct VNTag: Equatable, Sendable {
    static let byteCount = 6

    let etherType: EtherType

    /// Decodes the tag at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than six bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .vntagHeaderTooSmall)
        etherType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 4))
    }
}

extension PacketDecoder {
    /// Bytes of a backbone service instance tag (IEEE 802.1Q §9.7) before the customer's frame.
    static let backboneTagByteCount = 4
    /// Bytes between the EtherType of Cisco's FabricPath and the enclosed frame: forwarding tag and
    /// hop count.
    static let fabricPathByteCount = 2

    func decodeVNTag(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let tag = try VNTag(decoding: bytes.extracting(position.range))
        count(.vntag)
        let next = NextHeader(tag.etherType)
        if next == .otherNetwork { note(.vntagUnknownType, &packet) }
        return afterEtherType(
            tag.etherType.rawValue, from: position.offset &+ VNTag.byteCount, to: position.end,
            &packet)
    }

    /// The customer's frame behind a backbone tag takes the place of the outer one.
    func decodeBackboneTag(
        _ bytes: RawSpan, at position: DecodePosition
    ) throws(DecodeError) -> DecodePosition {
        try bytes.extracting(position.range).require(
            Self.backboneTagByteCount &+ EthernetHeader.byteCount, else: .ieee8021ahHeaderTooSmall)
        count(.ieee8021ah)
        return DecodePosition(
            .ethernet, from: position.offset &+ Self.backboneTagByteCount, to: position.end)
    }

    func decodeFabricPath(
        _ bytes: RawSpan, at position: DecodePosition
    ) throws(DecodeError) -> DecodePosition {
        try bytes.extracting(position.range).require(
            Self.fabricPathByteCount &+ EthernetHeader.byteCount, else: .fabricPathTooSmall)
        count(.fabricPath)
        return DecodePosition(
            .ethernet, from: position.offset &+ Self.fabricPathByteCount, to: position.end)
    }
}
