/// The network service header (RFC 8300 §2.2, §2.3).
///
///      0   2 3 4         10        16        20        24              32  bit
///     +---+-+-+---------+---------+---------+---------+---------------+
///     |ver|O|U|   TTL   | length  | unassig.| MD type | next protocol |
///     +---+-+-+---------+---------+---------+---------+---------------+
///     |           service path identifier             | service index |
///     +-----------------------------------------------+---------------+
struct NSHHeader: Equatable, Sendable {
    static let byteCountMin = 8

    let byteCount: Int
    /// 1 IPv4, 2 IPv6, 3 Ethernet, 4 another NSH, 5 MPLS.
    let nextProtocol: UInt8

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header, `.malformed` for a
    ///   version other than 0, a length that its metadata type does not have, and metadata types
    ///   that are reserved or unknown.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .nshHeaderTooSmall)
        let first = bytes.bigEndian(UInt16.self, at: 0)
        guard first >> 14 == 0 else { throw .malformed(.nshUnsupportedVersion) }
        byteCount = Int(first & 0x3f) &* 4
        switch bytes.byte(at: 2) & 0x0f {
        case 0, 0x0f: throw .malformed(.nshReservedType)
        case 1 where byteCount != 24: throw .malformed(.nshBadHeaderLength)
        case 2 where byteCount < Self.byteCountMin: throw .malformed(.nshBadHeaderLength)
        case 1, 2: break
        default: throw .malformed(.nshUnsupportedType)
        }
        try bytes.require(byteCount, else: .nshBadHeaderLength)
        nextProtocol = bytes.byte(at: 3)
    }
}

extension PacketDecoder {
    func decodeNSH(
        _ bytes: RawSpan, at position: DecodePosition
    ) throws(DecodeError) -> DecodePosition {
        let header = try NSHHeader(decoding: bytes.extracting(position.range))
        count(.nsh)
        let offset = position.offset &+ header.byteCount
        let next: NextHeader? =
            switch header.nextProtocol {
            case 1: .ipv4
            case 2: .ipv6
            case 3: .ethernet
            case 4: .nsh
            case 5: .mpls
            default: nil
            }
        guard let next else { throw .malformed(.nshUnknownPayload) }
        return DecodePosition(next, from: offset, to: position.end)
    }
}
