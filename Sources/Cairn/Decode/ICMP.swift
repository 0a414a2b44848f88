/// The part of the ICMP header that all messages share (RFC 792, RFC 4443 §2.1).
///
///      0               8               16                              32  bit
///     +---------------+---------------+-------------------------------+
///     |     type      |     code      |           checksum            |
///     +---------------+---------------+-------------------------------+
///     |               depends on type: identifier, sequence, …        |
///     +---------------------------------------------------------------+
struct ICMPHeader: Equatable, Sendable {
    /// With the second word, that every message of both versions has.
    static let byteCount = 8

    let type: UInt8
    let code: UInt8

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than eight bytes are present.
    init(decoding bytes: RawSpan, ifTruncated anomaly: DecodeAnomaly) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: anomaly)
        type = bytes.byte(at: 0)
        code = bytes.byte(at: 1)
    }
}

extension PacketDecoder {
    func decodeICMP(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        guard packet.ipVersion == 4 else {
            note(.ipv6WithICMPv4, &packet)
            return .done
        }
        let header = try ICMPHeader(
            decoding: bytes.extracting(position.range), ifTruncated: .icmpv4TooSmall)
        count(.icmpv4)
        setICMP(header, .icmp, at: position, &packet)
        switch Self.icmpCodeMax(of: header.type) {
        case nil: note(.icmpv4UnknownType, &packet)
        // Mobile IP agents (RFC 5944 §2.1.1) advertise with code 16.
        case let max? where header.code > max && !(header.type == 9 && header.code == 16):
            note(.icmpv4UnknownCode, &packet)
        default: break
        }
        if checksums.verifies, !packet.flags.contains(.truncated) {
            recordTransportChecksum(
                InternetChecksum.sum(bytes.extracting(position.range)), .badChecksumICMPv4,
                &packet)
        }
        if packet.isICMPError {
            noteQuote(bytes, at: position, &packet)
        }
        return .done
    }

    func decodeICMPv6(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        guard packet.ipVersion == 6 else {
            note(.ipv4WithICMPv6, &packet)
            return .done
        }
        let header = try ICMPHeader(
            decoding: bytes.extracting(position.range), ifTruncated: .icmpv6TooSmall)
        count(.icmpv6)
        setICMP(header, .icmpv6, at: position, &packet)
        noteICMPv6Type(header, &packet)
        if checksums.verifies {
            verifyTransportChecksum(
                bytes.extracting(position.range), IPProtocol.icmpv6, bytes,
                badCount: .badChecksumICMPv6, &packet)
        }
        if packet.isICMPError { noteQuote(bytes, at: position, &packet) }
        return .done
    }

    private func setICMP(
        _ header: ICMPHeader, _ transport: Transport, at position: DecodePosition,
        _ packet: inout Packet
    ) {
        packet.transport = transport
        packet.icmpType = header.type
        packet.icmpCode = header.code
        packet.payloadOffset = UInt32(
            truncatingIfNeeded: position.offset &+ ICMPHeader.byteCount)
        packet.payloadByteCount = UInt32(
            truncatingIfNeeded: position.byteCount &- ICMPHeader.byteCount)
    }

    /// The largest code of an ICMP type (IANA registry), nil for types that are unassigned.
    private static func icmpCodeMax(of type: UInt8) -> UInt8? {
        switch type {
        case 0, 4, 8, 9, 10, 13...18, 30...41: 0
        case 3: 15
        case 5: 3
        case 11: 1
        case 12: 2
        case 42: 0
        case 43: 4
        default: nil
        }
    }

    private func noteICMPv6Type(_ header: ICMPHeader, _ packet: inout Packet) {
        let codeMax: UInt8
        switch header.type {
        case 1: codeMax = 8
        case 2, 128, 129, 133...137, 141, 142, 144...147, 151...153: codeMax = 0
        case 3: codeMax = 1
        case 4: codeMax = 10
        case 130...132, 143:
            codeMax = 0
            // Multicast listener messages never leave their link (RFC 2710 §3, RFC 3810 §5).
            if packet.timeToLive != 1 { note(.icmpv6MLDInvalidHopLimit, &packet) }
        case 138...140, 148...150, 154...161: codeMax = 255
        case 100, 101, 200, 201: return note(.icmpv6ExperimentationType, &packet)
        case 127, 255: return note(.icmpv6UnknownType, &packet)
        default: return note(.icmpv6UnassignedType, &packet)
        }
        if header.code > codeMax { note(.icmpv6UnknownCode, &packet) }
    }

    /// Notes what is wrong with the packet that an error message quotes; the message itself stands.
    private func noteQuote(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) {
        do throws(DecodeError) {
            _ = try QuotedPacket(
                decoding: bytes.extracting(
                    position.offset &+ ICMPHeader.byteCount..<position.end),
                in: packet.transport)
        } catch {
            note(error.anomaly, &packet)
        }
    }
}
