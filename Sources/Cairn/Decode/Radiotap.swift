/// The radiotap header before a captured IEEE 802.11 frame (radiotap.org): length, and fields
/// announced by a bit map.
///
///      0         1     2        4              8
///     +---------+-----+--------+--------------+-------------------+
///     | version | pad | length | present bits | more bits, fields |    little-endian
///     +---------+-----+--------+--------------+-------------------+
struct RadiotapHeader: Equatable, Sendable {
    static let byteCountMin = 8
    /// Words of the bit map that are followed.
    static let presentWordCountMax = 16

    let byteCount: Int
    /// Whether the frame ends with its check sequence of four bytes.
    let hasFrameCheckSequence: Bool
    /// Whether the 802.11 header is padded to a multiple of four bytes.
    let hasDataPad: Bool

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header, `.malformed` for a
    ///   version other than 0 or a length below eight.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .radiotapTooSmall)
        guard bytes.byte(at: 0) == 0 else { throw .malformed(.radiotapWrongVersion) }
        byteCount = Int(bytes.littleEndian(UInt16.self, at: 2))
        guard byteCount >= Self.byteCountMin else { throw .malformed(.radiotapTooSmall) }
        try bytes.require(byteCount, else: .radiotapTooSmall)
        var offset = 8
        let present = bytes.littleEndian(UInt32.self, at: 4)
        var more = present
        for _ in 0..<Self.presentWordCountMax
        where more & 0x8000_0000 != 0 && offset &+ 4 <= byteCount {
            more = bytes.littleEndian(UInt32.self, at: offset)
            offset &+= 4
        }
        // Bit 0 is a time of eight bytes, aligned; bit 1 the flags.
        if present & 1 != 0 { offset = (offset &+ 7) & ~7 &+ 8 }
        let flags = present & 2 != 0 && offset < byteCount ? bytes.byte(at: offset) : 0
        hasFrameCheckSequence = flags & 0x10 != 0
        hasDataPad = flags & 0x20 != 0
    }
}

extension PacketDecoder {
    func decodeRadiotap(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try RadiotapHeader(decoding: bytes.extracting(position.range))
        count(.radiotap)
        let offset = position.offset &+ header.byteCount
        let checkByteCount = header.hasFrameCheckSequence && !frameIsCut ? 4 : 0
        let frame = DecodePosition(
            .ieee80211, from: offset, to: max(offset, position.end &- checkByteCount))
        return try decodeIEEE80211(bytes, at: frame, hasDataPad: header.hasDataPad, &packet)
    }
}
