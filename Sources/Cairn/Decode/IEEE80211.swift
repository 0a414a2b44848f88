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

extension PacketDecoder {
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
