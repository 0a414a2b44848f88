/// What Teredo puts between UDP and IPv6 (RFC 4380 §5.1.1): authentication, then the origin, both
/// optional.
struct TeredoHeader: Equatable, Sendable {
    let byteCount: Int

    /// Finds the IPv6 packet in a datagram; nil unless its length is exactly that of the datagram.
    /// Any datagram may use the port.
    init?(decoding bytes: RawSpan) {
        var offset = 0
        if bytes.byteCount >= 4, bytes.bigEndian(UInt16.self, at: 0) == 1 {
            offset = 13 &+ Int(bytes.byte(at: 2)) &+ Int(bytes.byte(at: 3))
        }
        if bytes.byteCount &- offset >= 8, bytes.bigEndian(UInt16.self, at: offset) == 0 {
            offset &+= 8
        }
        guard bytes.byteCount &- offset >= IPv6Header.byteCount,
            bytes.byte(at: offset) >> 4 == 6,
            Int(bytes.bigEndian(UInt16.self, at: offset &+ 4)) &+ IPv6Header.byteCount
                == bytes.byteCount &- offset
        else { return nil }
        byteCount = offset
    }
}
