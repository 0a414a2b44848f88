/// The header of an IEEE 802.11 frame (IEEE 802.11 §9.2.3), as far as it takes to find the payload
/// of a data frame.
///
///      0               2          4        10       16       22         24      30
///     +---------------+----------+--------+--------+--------+----------+-------+-----+----------+
///     | frame control | duration |  addr1 |  addr2 |  addr3 | sequence | addr4 | QoS | HT ctrl  |
///     +---------------+----------+--------+--------+--------+----------+-------+-----+----------+
///                                                                 the last three where announced
struct IEEE80211Header: Equatable, Sendable {
    /// What can be done with the frame.
    enum Content: Equatable {
        /// Management, control, or data without a body.
        case none
        /// An LLC frame.
        case llc
        /// Encrypted.
        case protected
        /// A part of a frame that was split on the air.
        case fragment
        /// Several frames in one.
        case aggregate
    }

    static let byteCountMin = 24

    let byteCount: Int
    let content: Content

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes of a data frame end within its header. Frames
    ///   of other types are as short as two bytes.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(2, else: .ieee80211TooSmall)
        let control = bytes.littleEndian(UInt16.self, at: 0)
        let isData = control & 0x000c == 0x0008
        let hasNoBody = control & 0x0040 != 0
        guard isData, !hasNoBody else {
            content = .none
            byteCount = min(Self.byteCountMin, bytes.byteCount)
            return
        }
        let hasQoS = control & 0x0080 != 0
        var length = Self.byteCountMin
        if control & 0x0300 == 0x0300 { length &+= 6 }
        let qosOffset = length
        if hasQoS { length &+= control & 0x8000 != 0 ? 6 : 2 }
        try bytes.require(length, else: .ieee80211TooSmall)
        byteCount = length
        let fragmentNumber = bytes.byte(at: 22) & 0x0f
        if control & 0x4000 != 0 {
            content = .protected
        } else if control & 0x0400 != 0 || fragmentNumber != 0 {
            content = .fragment
        } else if hasQoS, bytes.byte(at: qosOffset) & 0x80 != 0 {
            content = .aggregate
        } else {
            content = .llc
        }
    }
}

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

    func decodeIEEE80211(
        _ bytes: RawSpan, at position: DecodePosition, hasDataPad: Bool = false,
        _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try IEEE80211Header(decoding: bytes.extracting(position.range))
        count(.ieee80211)
        packet.linkOffset = UInt32(truncatingIfNeeded: position.offset)
        let pad = hasDataPad ? header.byteCount & 3 : 0
        let body = DecodePosition(
            .llc, from: min(position.end, position.offset &+ header.byteCount &+ pad),
            to: position.end)
        switch header.content {
        case .llc: return body
        case .none: count(.ieee80211Control)
        case .protected: count(.ieee80211Protected)
        case .aggregate: count(.ieee80211Aggregate)
        case .fragment: note(.ieee80211Fragment, &packet)
        }
        setNetworkPayload(body, &packet)
        return .done
    }
}
