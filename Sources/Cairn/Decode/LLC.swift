/// The logical link control header (IEEE 802.2 §3.2), with the SNAP extension where it has one
/// (IEEE 802 §9.2).
///
///      0      1      2         3                6           8  byte
///     +------+------+---------+----------------+-----------+
///     | DSAP | SSAP | control |  organisation  | EtherType |
///     +------+------+---------+----------------+-----------+
struct LLCHeader: Equatable, Sendable {
    static let byteCountMin = 3
    static let snapByteCount = 8

    /// Bytes of the header: 8 with SNAP, else 3.
    let byteCount: Int
    /// What is enclosed, if it can be told.
    let etherType: EtherType?

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than three bytes are present, or fewer than eight
    ///   of one with SNAP.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .llcTooSmall)
        switch bytes.bigEndian24(at: 0) {
        case 0xaaaa03:
            try bytes.require(Self.snapByteCount, else: .llcTooSmall)
            byteCount = Self.snapByteCount
            // Organisation 0 is RFC 1042, 0x0000f8 the bridge tunnel of IEEE 802.1H.
            let organisation = bytes.bigEndian24(at: 3)
            etherType =
                organisation == 0 || organisation == 0xf8
                ? EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 6)) : nil
        case 0x060603:
            byteCount = Self.byteCountMin
            etherType = .ipv4
        default:
            byteCount = Self.byteCountMin
            etherType = nil
        }
    }
}

extension PacketDecoder {
    func decodeLLC(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try LLCHeader(decoding: bytes.extracting(position.range))
        count(.llc)
        let offset = position.offset &+ header.byteCount
        guard let etherType = header.etherType, etherType.rawValue > EtherType.lengthMax else {
            setNetworkPayload(DecodePosition(.none, from: offset, to: position.end), &packet)
            return .done
        }
        return afterEtherType(etherType.rawValue, from: offset, to: position.end, &packet)
    }
}
