/// The IPv4 header without its options (RFC 791 §3.1).
///
///      0       4       8               16    19                        32  bit
///     +-------+-------+---------------+-------------------------------+
///     |version|  IHL  |      TOS      |         total length          |
///     +-------+-------+---------------+-----+-------------------------+
///     |        identification         |flags|     fragment offset     |
///     +---------------+---------------+-----+-------------------------+
///     |      TTL      |   protocol    |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |                        source address                         |
///     +---------------------------------------------------------------+
///     |                      destination address                      |
///     +---------------------------------------------------------------+
struct IPv4Header: Equatable, Sendable {
    static let byteCountMin = 20

    /// 20...60, options included.
    let byteCount: Int
    /// Header and payload; at least `byteCount`, but maybe more than is present.
    let totalByteCount: Int
    let typeOfService: UInt8
    let identification: UInt16
    /// Whether more fragments follow.
    let hasMoreFragments: Bool
    /// Where a fragment belongs in its datagram, in bytes: 0...65528.
    let fragmentOffset: Int
    let timeToLive: UInt8
    let ipProtocol: UInt8
    let source: IPAddress
    let destination: IPAddress

    @inline(__always) var isFragment: Bool { hasMoreFragments || fragmentOffset > 0 }

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header, `.malformed` for
    ///   another version and for lengths that exclude each other. Bytes missing behind the header
    ///   are not an error here.
    @inline(__always)
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .ipv4TooSmall)
        let first = bytes.byte(at: 0)
        guard first >> 4 == 4 else { throw .malformed(.ipv4WrongVersion) }
        byteCount = Int(first & 0x0f) &* 4
        guard byteCount >= Self.byteCountMin else { throw .malformed(.ipv4HeaderLengthTooSmall) }
        totalByteCount = Int(bytes.bigEndian(UInt16.self, at: 2))
        guard totalByteCount >= byteCount else { throw .malformed(.ipv4LengthSmallerThanHeader) }
        try bytes.require(byteCount, else: .ipv4Truncated)
        typeOfService = bytes.byte(at: 1)
        identification = bytes.bigEndian(UInt16.self, at: 4)
        let fragment = bytes.bigEndian(UInt16.self, at: 6)
        hasMoreFragments = fragment & 0x2000 != 0
        fragmentOffset = Int(fragment & 0x1fff) &* 8
        timeToLive = bytes.byte(at: 8)
        ipProtocol = bytes.byte(at: 9)
        source = IPAddress(v4In: bytes, at: 12)
        destination = IPAddress(v4In: bytes, at: 16)
    }
}

extension PacketDecoder {
    @inline(__always)
    func decodeIPv4(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try IPv4Header(decoding: bytes.extracting(position.range))
        count(.ipv4)
        let payload = DecodePosition(
            .none, from: position.offset &+ header.byteCount,
            to: position.offset &+ header.totalByteCount)
        setIPv4(header, at: position, &packet)
        if header.byteCount > IPv4Header.byteCountMin {
            let options = bytes.extracting(
                position.offset &+ IPv4Header.byteCountMin..<payload.offset)
            note(IPv4Options(decoding: options).anomalies, &packet)
        }
        if checksums.verifies {
            let isRight =
                InternetChecksum.fold(
                    InternetChecksum.sum(bytes.extracting(position.offset..<payload.offset)))
                == 0xffff
            recordIPChecksum(isRight: isRight, &packet)
        }
        let available = try clip(
            payload, to: position.end, truncation: .ipv4Truncated, &packet)
        if header.isFragment { return noteIPv4Fragment(header, available, &packet) }
        return try decodeTransport(header.ipProtocol, bytes, at: available, &packet)
    }

    @inline(__always)
    private func setIPv4(
        _ header: IPv4Header, at position: DecodePosition, _ packet: inout Packet
    ) {
        packet.ipVersion = 4
        packet.ipProtocol = header.ipProtocol
        packet.timeToLive = header.timeToLive
        packet.typeOfService = header.typeOfService
        packet.ipOffset = UInt32(truncatingIfNeeded: position.offset)
        packet.sourceAddress = header.source
        packet.destinationAddress = header.destination
    }

    /// Sets the end of the datagram and its payload: by its own length, or where the bytes end if
    /// that is sooner.
    ///
    /// - Throws: `DecodeError.truncated` if the length lies: more than the whole frame could hold,
    ///   so that no receiver takes the packet. Where a snap length cut the frame, decoding goes on
    ///   with what is there.
    @inline(__always)
    func clip(
        _ payload: DecodePosition, to end: Int, truncation: DecodeAnomaly,
        _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        var clipped = payload
        clipped.end = min(payload.end, end)
        packet.ipEnd = UInt32(truncatingIfNeeded: clipped.end)
        packet.payloadOffset = UInt32(truncatingIfNeeded: clipped.offset)
        packet.payloadByteCount = UInt32(truncatingIfNeeded: clipped.byteCount)
        if payload.end > end {
            packet.flags.insert(.truncated)
            guard frameIsCut else {
                throw .truncated(
                    truncation, needed: payload.byteCount, available: clipped.byteCount)
            }
            note(truncation, &packet)
        }
        return clipped
    }

    private func noteIPv4Fragment(
        _ header: IPv4Header, _ payload: DecodePosition, _ packet: inout Packet
    ) -> DecodePosition {
        packet.flags.insert(.fragment)
        if header.hasMoreFragments,
            isTinyFragment(
                header.ipProtocol, offset: header.fragmentOffset, byteCount: payload.byteCount)
        {
            note(.ipv4FragmentTiny, &packet)
        }
        return .done
    }

    /// Whether a fragment looks made to split the transport header, so that filters cannot read it
    /// (RFC 1858 §3).
    func isTinyFragment(_ ipProtocol: UInt8, offset: Int, byteCount: Int) -> Bool {
        switch ipProtocol {
        case IPProtocol.tcp: offset == 0 && byteCount < TCPHeader.byteCountMin || offset == 8
        case IPProtocol.udp, IPProtocol.icmp, IPProtocol.icmpv6: offset == 0 && byteCount < 8
        default: false
        }
    }
}
