/// The header of mirrored frames in GRE, types II and III (draft-foschiano-erspan §4.2, §4.3).
///
///      0       4                       16                              32  bit
///     +-------+-----------------------+-------------------------------+
///     |  ver  |         VLAN          |  class, truncated, session    |
///     +-------+-----------------------+-------------------------------+
///     |  type II: port index; type III: time, 4 bytes of flags, optional 8 bytes |
///     +--------------------------------------------------------------------------+
struct ERSPANHeader: Equatable, Sendable {
    static let byteCountMin = 8

    let byteCount: Int

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header, `.malformed` for
    ///   versions other than 1 (type II) and 2 (type III).
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .erspanHeaderTooSmall)
        switch bytes.byte(at: 0) >> 4 {
        case 1: byteCount = Self.byteCountMin
        case 2:
            try bytes.require(12, else: .erspanHeaderTooSmall)
            byteCount = bytes.byte(at: 11) & 1 == 0 ? 12 : 20
            try bytes.require(byteCount, else: .erspanHeaderTooSmall)
        default: throw .malformed(.erspanUnsupportedVersion)
        }
    }
}

extension PacketDecoder {
    func decodeERSPAN(
        _ bytes: RawSpan, from offset: Int, to end: Int
    ) throws(DecodeError) -> DecodePosition {
        let header = try ERSPANHeader(decoding: bytes.extracting(offset..<end))
        count(.erspan)
        return .inner(.ethernet, from: offset &+ header.byteCount, to: end)
    }
}
