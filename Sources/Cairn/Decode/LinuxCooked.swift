/// The header that Linux writes in place of a link header when it captures on all interfaces
/// (LINKTYPE_LINUX_SLL).
///
///      0             2             4             6                   14         16  byte
///     +-------------+-------------+-------------+-------------------+----------+
///     | packet type | ARPHRD type | addr length |      address      | protocol |
///     +-------------+-------------+-------------+-------------------+----------+
struct LinuxCookedHeader: Equatable, Sendable {
    static let byteCount = 16

    /// An EtherType, or one of Linux's numbers below 1536 (4 is LLC).
    let protocolNumber: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than sixteen bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .sllTooSmall)
        protocolNumber = bytes.bigEndian(UInt16.self, at: 14)
    }
}

/// The second version of that header, with the interface (LINKTYPE_LINUX_SLL2).
///
///      0          2          4           8        10            11            12        20  byte
///     +----------+----------+-----------+--------+-------------+-------------+---------+
///     | protocol | reserved | interface | ARPHRD | packet type | addr length | address |
///     +----------+----------+-----------+--------+-------------+-------------+---------+
struct LinuxCooked2Header: Equatable, Sendable {
    static let byteCount = 20

    /// As in the first version.
    let protocolNumber: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than twenty bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .sll2TooSmall)
        protocolNumber = bytes.bigEndian(UInt16.self, at: 0)
    }
}

extension PacketDecoder {
    func decodeLinuxCooked(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try LinuxCookedHeader(decoding: bytes.extracting(position.range))
        count(.linuxCooked)
        return afterLinuxProtocol(
            header.protocolNumber, from: position.offset &+ LinuxCookedHeader.byteCount,
            to: position.end, &packet)
    }

    func decodeLinuxCooked2(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try LinuxCooked2Header(decoding: bytes.extracting(position.range))
        count(.linuxCooked2)
        return afterLinuxProtocol(
            header.protocolNumber, from: position.offset &+ LinuxCooked2Header.byteCount,
            to: position.end, &packet)
    }

    private func afterLinuxProtocol(
        _ number: UInt16, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        if number == 4 { return DecodePosition(.llc, from: offset, to: end) }
        packet.etherType = number
        return DecodePosition(NextHeader(EtherType(rawValue: number)), from: offset, to: end)
    }
}
