/// The header of an Ethernet II or IEEE 802.3 frame (IEEE 802.3 §3.1.1).
///
///      0                6                12               14  byte
///     +----------------+----------------+----------------+
///     |  destination   |     source     | type or length |
///     +----------------+----------------+----------------+
struct EthernetHeader: Equatable, Sendable {
    static let byteCount = 14

    /// What follows: an EtherType from 0x0600 on, up to 1500 the length of an IEEE 802.3 frame.
    let typeOrLength: UInt16

    /// Decodes the header at the start of `bytes`; anything after it is left alone.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than fourteen bytes are present.
    @inline(__always)
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .ethernetTooSmall)
        typeOrLength = bytes.bigEndian(UInt16.self, at: 12)
    }
}

extension PacketDecoder {
    @inline(__always)
    func decodeEthernet(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try EthernetHeader(decoding: bytes.extracting(position.range))
        count(.ethernet)
        packet.linkType = .ethernet
        packet.linkOffset = UInt32(truncatingIfNeeded: position.offset)
        return afterEtherType(
            header.typeOrLength, from: position.offset &+ EthernetHeader.byteCount,
            to: position.end, &packet)
    }

    /// What follows a field that holds an EtherType, or the length of an LLC frame.
    @inline(__always)
    func afterEtherType(
        _ typeOrLength: UInt16, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        if typeOrLength > EtherType.lengthMax {
            packet.etherType = typeOrLength
            return DecodePosition(
                NextHeader(EtherType(rawValue: typeOrLength)), from: offset, to: end)
        }
        return DecodePosition(.llc, from: offset, to: min(end, offset &+ Int(typeOrLength)))
    }

    /// An EtherType that is not decoded: the frame is kept, counted by number.
    func noteUnknownNetwork(_ position: DecodePosition, _ packet: inout Packet) -> DecodePosition {
        let etherType = EtherType(rawValue: packet.etherType)
        unknownEtherTypes.add(UInt32(etherType.rawValue))
        if !etherType.isLinkControl {
            let anomaly: DecodeAnomaly =
                packet.vlanCount > 0 ? .vlanUnknownType : .ethernetUnknownEtherType
            note(anomaly, &packet)
        }
        setNetworkPayload(position, &packet)
        return .done
    }

    /// Lets the payload be what follows the link headers, for frames without an IP header.
    func setNetworkPayload(_ position: DecodePosition, _ packet: inout Packet) {
        packet.ipOffset = UInt32(truncatingIfNeeded: position.offset)
        packet.ipEnd = UInt32(truncatingIfNeeded: position.end)
        packet.payloadOffset = packet.ipOffset
        packet.payloadByteCount = UInt32(truncatingIfNeeded: position.byteCount)
    }
}
