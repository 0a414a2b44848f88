/// The header of PPP over Ethernet, for discovery and session stage alike (RFC 2516 §4).
///
///      0       4       8               16                              32  bit
///     +-------+-------+---------------+-------------------------------+
///     |  ver  | type  |     code      |          session id           |
///     +-------+-------+---------------+-------------------------------+
///     |            length             |
///     +-------------------------------+
struct PPPoEHeader: Equatable, Sendable {
    static let byteCount = 6

    let code: UInt8
    let sessionID: UInt16
    /// Bytes behind the header.
    let payloadByteCount: Int

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than six bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .pppoeTooSmall)
        code = bytes.byte(at: 1)
        sessionID = bytes.bigEndian(UInt16.self, at: 2)
        payloadByteCount = Int(bytes.bigEndian(UInt16.self, at: 4))
    }
}

extension PacketDecoder {
    func decodePPPoESession(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try PPPoEHeader(decoding: bytes.extracting(position.range))
        count(.pppoe)
        if header.code != 0 { note(.pppoeWrongCode, &packet) }
        let offset = position.offset &+ PPPoEHeader.byteCount
        return DecodePosition(
            .ppp, from: offset, to: min(position.end, offset &+ header.payloadByteCount))
    }

    /// A discovery frame carries tags, no packet; they are walked for damage only.
    func decodePPPoEDiscovery(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try PPPoEHeader(decoding: bytes.extracting(position.range))
        count(.pppoe)
        switch header.code {
        case 0x07, 0x09, 0x19, 0x65, 0xa7: break  // PADO, PADI, PADR, PADS, PADT
        default: note(.pppoeWrongCode, &packet)
        }
        var offset = position.offset &+ PPPoEHeader.byteCount
        let end = offset &+ header.payloadByteCount
        setNetworkPayload(
            DecodePosition(.none, from: offset, to: min(end, position.end)), &packet)
        guard end <= position.end else { throw .malformed(.pppoeMalformedTags) }
        // Each tag moves on by four bytes at least, so the frame bounds the loop.
        while offset < end {
            guard end &- offset >= 4 else { throw .malformed(.pppoeMalformedTags) }
            offset &+= 4 &+ Int(bytes.bigEndian(UInt16.self, at: offset &+ 2))
        }
        if offset > end { note(.pppoeMalformedTags, &packet) }
        return .done
    }
}
