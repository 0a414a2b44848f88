/// The four bytes after an 802.1Q EtherType: tag control information, then the EtherType of what
/// the tag encloses (IEEE 802.1Q §9.6).
///
///      0     3 4                     15 16                           31  bit
///     +-----+-+-----------------------+-------------------------------+
///     | PCP |D|        VLAN ID        |           EtherType           |
///     +-----+-+-----------------------+-------------------------------+
struct VLANTag: Equatable, Sendable {
    static let byteCount = 4

    /// VLAN identifier, 0 ("priority only") through 4095 (reserved, but seen in captures).
    let vlanID: UInt16
    /// What follows the tag: the payload, or another tag.
    let etherType: EtherType

    /// Decodes the tag at the start of `bytes`; anything after it is left alone.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than four bytes are present; every four-byte
    ///   value is a tag.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .vlanHeaderTooSmall)
        vlanID = bytes.bigEndian(UInt16.self, at: 0) & 0x0fff
        etherType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 2))
    }
}

extension PacketDecoder {
    /// Tags whose identifiers are kept.
    static let vlanCountMax: UInt8 = 3

    func decodeVLAN(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let tag = try VLANTag(decoding: bytes.extracting(position.range))
        switch packet.vlanCount {
        case 0:
            count(.vlan)
            packet.vlanIDs.0 = tag.vlanID
        case 1:
            count(.vlanQinQ)
            packet.vlanIDs.1 = tag.vlanID
        case 2:
            count(.vlanQinQinQ)
            packet.vlanIDs.2 = tag.vlanID
        default: note(.vlanTooManyLayers, &packet)
        }
        packet.vlanCount = min(packet.vlanCount &+ 1, Self.vlanCountMax)
        return afterEtherType(
            tag.etherType.rawValue, from: position.offset &+ VLANTag.byteCount, to: position.end,
            &packet)
    }
}
