/// The IPv6 header (RFC 8200 §3).
///
///      0       4               12      16              24              32  bit
///     +-------+---------------+---------------------------------------+
///     |version| traffic class |              flow label               |
///     +-------+---------------+-------+---------------+---------------+
///     |        payload length         |  next header  |   hop limit   |
///     +-------------------------------+---------------+---------------+
///     |               source address, 16 bytes                        |
///     +---------------------------------------------------------------+
///     |             destination address, 16 bytes                     |
///     +---------------------------------------------------------------+
struct IPv6Header: Equatable, Sendable {
    static let byteCount = 40

    let trafficClass: UInt8
    /// Bytes behind the header; 0 also in jumbograms.
    let payloadByteCount: Int
    let nextHeader: UInt8
    let hopLimit: UInt8
    let source: IPAddress
    let destination: IPAddress

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than forty bytes are present, `.malformed` for
    ///   another version.
    @inline(__always)
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .ipv6TooSmall)
        let first = bytes.bigEndian(UInt16.self, at: 0)
        guard first >> 12 == 6 else { throw .malformed(.ipv6WrongVersion) }
        trafficClass = UInt8(truncatingIfNeeded: first >> 4)
        payloadByteCount = Int(bytes.bigEndian(UInt16.self, at: 4))
        nextHeader = bytes.byte(at: 6)
        hopLimit = bytes.byte(at: 7)
        source = IPAddress(v6In: bytes, at: 8)
        destination = IPAddress(v6In: bytes, at: 24)
    }
}

extension PacketDecoder {
    @inline(__always)
    func decodeIPv6(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try IPv6Header(decoding: bytes.extracting(position.range))
        count(.ipv6)
        packet.ipVersion = 6
        packet.ipProtocol = header.nextHeader
        packet.timeToLive = header.hopLimit
        packet.typeOfService = header.trafficClass
        packet.ipOffset = UInt32(truncatingIfNeeded: position.offset)
        packet.sourceAddress = header.source
        packet.destinationAddress = header.destination
        let offset = position.offset &+ IPv6Header.byteCount
        var end = offset &+ header.payloadByteCount
        if header.payloadByteCount == 0, header.nextHeader == IPProtocol.hopByHop {
            end = offset &+ jumboPayloadByteCount(bytes, from: offset, to: position.end)
        }
        let payload = try clip(
            DecodePosition(.none, from: offset, to: end), to: position.end,
            truncation: .ipv6Truncated, &packet)
        switch header.nextHeader {
        case IPProtocol.tcp, IPProtocol.udp, IPProtocol.icmpv6:
            return try decodeTransport(header.nextHeader, bytes, at: payload, &packet)
        default: return try decodeIPv6Extensions(bytes, at: payload, &packet)
        }
    }

    /// The length in the jumbo payload option (RFC 2675 §2), or 0 without one.
    private func jumboPayloadByteCount(_ bytes: RawSpan, from offset: Int, to end: Int) -> Int {
        guard end &- offset >= 8, bytes.bigEndian(UInt16.self, at: offset &+ 2) == 0xc204 else {
            return 0
        }
        return Int(bytes.bigEndian(UInt32.self, at: offset &+ 4))
    }
}
