/// The TCP header without its options (RFC 9293 §3.1).
///
///      0       4       8               16                              32  bit
///     +-------------------------------+-------------------------------+
///     |          source port          |       destination port        |
///     +-------------------------------+-------------------------------+
///     |                        sequence number                        |
///     +---------------------------------------------------------------+
///     |                     acknowledgment number                     |
///     +-------+-------+---------------+-------------------------------+
///     |offset | rsrvd |     flags     |            window             |
///     +-------+-------+---------------+-------------------------------+
///     |           checksum            |        urgent pointer         |
///     +-------------------------------+-------------------------------+
struct TCPHeader: Equatable, Sendable {
    static let byteCountMin = 20

    /// 20...60, options included.
    let byteCount: Int
    let sourcePort: UInt16
    let destinationPort: UInt16
    let sequence: UInt32
    let acknowledgment: UInt32
    let flags: TCPFlags
    let window: UInt16

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header or its options,
    ///   `.malformed` for a data offset below five words.
    @inline(__always)
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .tcpTooSmall)
        byteCount = Int(bytes.byte(at: 12) >> 4) &* 4
        guard byteCount >= Self.byteCountMin else { throw .malformed(.tcpHeaderLengthTooSmall) }
        try bytes.require(byteCount, else: .tcpInvalidHeaderLength)
        sourcePort = bytes.bigEndian(UInt16.self, at: 0)
        destinationPort = bytes.bigEndian(UInt16.self, at: 2)
        sequence = bytes.bigEndian(UInt32.self, at: 4)
        acknowledgment = bytes.bigEndian(UInt32.self, at: 8)
        flags = TCPFlags(rawValue: bytes.byte(at: 13))
        window = bytes.bigEndian(UInt16.self, at: 14)
    }
}

extension PacketDecoder {
    @inline(__always)
    func decodeTCP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let segment = bytes.extracting(position.range)
        let header = try TCPHeader(decoding: segment)
        count(.tcp)
        packet.transport = .tcp
        packet.sourcePort = header.sourcePort
        packet.destinationPort = header.destinationPort
        packet.tcpFlags = header.flags
        packet.tcpWindow = header.window
        packet.tcpSequence = header.sequence
        packet.tcpAcknowledgment = header.acknowledgment
        let payloadOffset = position.offset &+ header.byteCount
        packet.payloadOffset = UInt32(truncatingIfNeeded: payloadOffset)
        packet.payloadByteCount = UInt32(truncatingIfNeeded: position.end &- payloadOffset)
        if header.byteCount > TCPHeader.byteCountMin,
            !TCPOptions.isTimestampAlone(segment, headerByteCount: header.byteCount)
        {
            let options = segment.extracting(TCPHeader.byteCountMin..<header.byteCount)
            note(TCPOptions(decoding: options).anomalies, &packet)
        }
        if checksums.verifies {
            verifyTransportChecksum(
                segment, IPProtocol.tcp, bytes, badCount: .badChecksumTCP, &packet)
        }
        return .done
    }
}
