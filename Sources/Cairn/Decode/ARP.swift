/// An address resolution message for IPv4 over Ethernet (RFC 826, "Packet format").
///
///      0          2          4           5           6           8
///     +----------+----------+-----------+-----------+-----------+
///     | hardware | protocol | hw length | p. length | operation |
///     +----------+----------+-----------+-----------+-----------+
///     |  sender hardware 8…14  |  sender protocol 14…18         |
///     |  target hardware 18…24 |  target protocol 24…28         |
///     +--------------------------------------------------------+
struct ARPMessage: Equatable, Sendable {
    static let byteCount = 28

    /// 1 request, 2 reply; 3, 4 reverse (RFC 903), 8, 9 inverse (RFC 2390).
    let operation: UInt16
    /// Addresses of six bytes, as big-endian numbers.
    let senderHardware: UInt64
    let targetHardware: UInt64
    let senderAddress: IPAddress
    let targetAddress: IPAddress

    /// Decodes the message at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than 28 bytes are present, `.malformed` for
    ///   hardware other than Ethernet, protocols other than IPv4, and sizes or operations that do
    ///   not belong to them.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(8, else: .arpTooSmall)
        guard bytes.bigEndian(UInt16.self, at: 0) == 1 else {
            throw .malformed(.arpUnsupportedHardware)
        }
        guard bytes.bigEndian(UInt16.self, at: 2) == EtherType.ipv4.rawValue else {
            throw .malformed(.arpUnsupportedProtocol)
        }
        guard bytes.byte(at: 4) == 6 else { throw .malformed(.arpInvalidHardwareSize) }
        guard bytes.byte(at: 5) == 4 else { throw .malformed(.arpInvalidProtocolSize) }
        try bytes.require(Self.byteCount, else: .arpTooSmall)
        operation = bytes.bigEndian(UInt16.self, at: 6)
        guard case 1...9 = operation else { throw .malformed(.arpUnsupportedOpcode) }
        senderHardware = bytes.bigEndian(UInt64.self, at: 6) & 0xffff_ffff_ffff
        senderAddress = IPAddress(v4In: bytes, at: 14)
        targetHardware = bytes.bigEndian(UInt64.self, at: 18) >> 16
        targetAddress = IPAddress(v4In: bytes, at: 24)
    }
}

extension PacketDecoder {
    /// Keeps the message as the payload of a frame without an IP header.
    func decodeARP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        count(.arp)
        setNetworkPayload(position, &packet)
        _ = try ARPMessage(decoding: bytes.extracting(position.range))
        return .done
    }
}
