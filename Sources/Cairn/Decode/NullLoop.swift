/// The address family before a packet on BSD loopback: in the byte order of the capturing machine
/// (LINKTYPE_NULL) or in network order (LINKTYPE_LOOP).
struct LoopbackHeader: Equatable, Sendable {
    static let byteCount = 4

    let etherType: EtherType

    /// Decodes the header at the start of `bytes`. Families are small numbers, which tells the byte
    /// order.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than four bytes are present, `.malformed` for a
    ///   family that is neither IPv4 nor IPv6.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .nullTooSmall)
        let family = bytes.bigEndian(UInt32.self, at: 0)
        switch min(family, family.byteSwapped) {
        case 2: etherType = .ipv4
        // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS; Windows (Npcap) writes 23 or 24.
        case 10, 23, 24, 28, 30: etherType = .ipv6
        default: throw .malformed(.nullUnsupportedType)
        }
    }
}

extension PacketDecoder {
    func decodeLoopback(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        count(position.next == .null ? .null : .loop)
        let header = try LoopbackHeader(decoding: bytes.extracting(position.range))
        packet.etherType = header.etherType.rawValue
        return DecodePosition(
            NextHeader(header.etherType), from: position.offset &+ LoopbackHeader.byteCount,
            to: position.end)
    }
}
