/// What Teredo puts between UDP and IPv6 (RFC 4380 §5.1.1): nothing or the origin. What has an authentication before it is
/// the negotiation of a client with its server (§5.2.1), no traffic that a tunnel carries.
struct TeredoHeader: Equatable, Sendable {
    let byteCount: Int

    /// Finds the IPv6 packet in a datagram; nil unless its length is exactly that of the datagram.
    /// Any datagram may use the port.
    init?(decoding bytes: RawSpan) {
        var offset = 0
        if bytes.byteCount >= 8, bytes.bigEndian(UInt16.self, at: 0) == 0 { offset = 8 }
        guard bytes.byteCount &- offset >= IPv6Header.byteCount,
            bytes.byte(at: offset) >> 4 == 6,
            Int(bytes.bigEndian(UInt16.self, at: offset &+ 4)) &+ IPv6Header.byteCount
                == bytes.byteCount &- offset
        else { return nil }
        byteCount = offset
    }
}
