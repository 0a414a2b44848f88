/// Builds correct Ethernet frames from the application's bytes down: what the traffic of rule tests is made of.
///
/// Everything that a host would choose freely (MAC addresses, identification, initial sequence numbers) is derived from
/// the addresses, so that the same script gives the same bytes.
struct PacketBuilder {
    /// One end of a conversation.
    struct Endpoint: Equatable, Sendable {
        var address: IPAddress
        var port: UInt16
    }

    /// Payload bytes of a TCP segment at most, as on Ethernet.
    static let segmentByteCountMax = 1460
    /// Bytes of an IP datagram at most; longer ones are sent as fragments.
    static let datagramByteCountMax = 1500

    private var identification: UInt16 = 1

    // MARK: TCP

    /// The header fields of a TCP segment that change from one to the next.
    struct Segment {
        var flags: TCPFlags
        var sequence: UInt32
        var acknowledgment: UInt32
        var options: [UInt8] = []
        var payload: [UInt8] = []
    }

    /// The frame of one TCP segment (RFC 9293 §3.1).
    mutating func tcp(from source: Endpoint, to destination: Endpoint, _ segment: Segment)
        -> [[UInt8]]
    {
        let headerByteCount = 20 + segment.options.count
        var bytes = bigEndian(source.port) + bigEndian(destination.port)
        bytes += bigEndian(segment.sequence) + bigEndian(segment.acknowledgment)
        bytes += [UInt8(truncatingIfNeeded: headerByteCount / 4) << 4, segment.flags.rawValue]
        bytes += bigEndian(UInt16(64_240)) + [0, 0, 0, 0] + segment.options + segment.payload
        setChecksum(in: &bytes, at: 16, ipProtocol: 6, source.address, destination.address)
        return ip(6, from: source.address, to: destination.address, bytes)
    }

    // MARK: UDP

    /// The frames of one datagram (RFC 768): several if it has to be fragmented.
    mutating func udp(from source: Endpoint, to destination: Endpoint, _ payload: [UInt8])
        -> [[UInt8]]
    {
        let payload = payload.prefix(65_507)
        var bytes = bigEndian(source.port) + bigEndian(destination.port)
        bytes += bigEndian(UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0] + payload
        setChecksum(in: &bytes, at: 6, ipProtocol: 17, source.address, destination.address)
        // RFC 768: a checksum that comes out as zero is sent as all ones, zero means none.
        if bytes[6] == 0, bytes[7] == 0 { (bytes[6], bytes[7]) = (0xff, 0xff) }
        return ip(17, from: source.address, to: destination.address, bytes)
    }

    // MARK: ICMP

    /// The frames of one ICMP or ICMPv6 message (RFC 792, RFC 4443).
    mutating func icmp(
        from source: IPAddress, to destination: IPAddress, type: UInt8, code: UInt8, rest: [UInt8]
    ) -> [[UInt8]] {
        var bytes = [type, code, 0, 0] + rest
        if source.isV4 {
            let sum = onesComplementSum(bytes)
            (bytes[2], bytes[3]) = (
                UInt8(truncatingIfNeeded: ~sum >> 8), UInt8(truncatingIfNeeded: ~sum)
            )
        } else {
            setChecksum(in: &bytes, at: 2, ipProtocol: 58, source, destination)
        }
        return ip(source.isV4 ? 1 : 58, from: source, to: destination, bytes)
    }

    // MARK: IP and Ethernet

    private mutating func ip(
        _ ipProtocol: UInt8, from source: IPAddress, to destination: IPAddress, _ payload: [UInt8]
    ) -> [[UInt8]] {
        let identifier = identification
        identification &+= 1
        let headerByteCount = source.isV4 ? 20 : 40
        let room = Self.datagramByteCountMax - headerByteCount
        guard payload.count > room else {
            return [
                frame(
                    source, destination,
                    datagram(ipProtocol, source, destination, payload, identifier, nil))
            ]
        }
        // RFC 791 §3.2, RFC 8200 §4.5: fragments but the last carry a multiple of eight bytes.
        let step = (room - (source.isV4 ? 0 : 8)) & ~7
        return stride(from: 0, to: payload.count, by: step).map { offset in
            let piece = Array(payload[offset..<min(payload.count, offset + step)])
            let isLast = offset + step >= payload.count
            let fragment = UInt16(truncatingIfNeeded: offset) | (isLast ? 0 : 1)
            return frame(
                source, destination,
                datagram(ipProtocol, source, destination, piece, identifier, fragment))
        }
    }

    /// `fragment`: the offset in bytes with bit 0 as "more fragments"; nil for a whole datagram.
    private func datagram(
        _ ipProtocol: UInt8, _ source: IPAddress, _ destination: IPAddress, _ payload: [UInt8],
        _ identifier: UInt16, _ fragment: UInt16?
    ) -> [UInt8] {
        guard source.isV4 else {
            var body = payload
            if let fragment {
                body =
                    [ipProtocol, 0] + bigEndian(fragment) + [0, 0] + bigEndian(identifier) + payload
            }
            return [0x60, 0, 0, 0] + bigEndian(UInt16(truncatingIfNeeded: body.count))
                + [fragment == nil ? ipProtocol : 44, 64] + source.bytes + destination.bytes + body
        }
        var header: [UInt8] = [0x45, 0] + bigEndian(UInt16(truncatingIfNeeded: 20 + payload.count))
        header += bigEndian(identifier)
        if let fragment {
            header += bigEndian(fragment >> 3 | (fragment & 1) << 13)
        } else {
            header += [0x40, 0]
        }
        header += [64, ipProtocol, 0, 0] + source.bytes + destination.bytes
        let sum = onesComplementSum(header)
        (header[10], header[11]) = (
            UInt8(truncatingIfNeeded: ~sum >> 8), UInt8(truncatingIfNeeded: ~sum)
        )
        return header + payload
    }

    private func frame(_ source: IPAddress, _ destination: IPAddress, _ datagram: [UInt8])
        -> [UInt8]
    {
        hardwareAddress(destination) + hardwareAddress(source)
            + (source.isV4 ? [0x08, 0x00] : [0x86, 0xdd])
            + datagram
    }

    /// A locally administered address (IEEE 802 §8.4.3) that ends like the IP address.
    private func hardwareAddress(_ address: IPAddress) -> [UInt8] {
        [0x02, 0x00] + bigEndian(UInt32(truncatingIfNeeded: address.low))
    }

    // MARK: Checksums

    /// Fills in the checksum over the pseudo-header and `bytes` (RFC 9293 §3.1, RFC 8200 §8.1).
    private func setChecksum(
        in bytes: inout [UInt8], at offset: Int, ipProtocol: UInt8, _ source: IPAddress,
        _ destination: IPAddress
    ) {
        let pseudoHeader =
            source.bytes + destination.bytes + bigEndian(UInt32(truncatingIfNeeded: bytes.count))
            + bigEndian(UInt32(ipProtocol))
        let sum = ~onesComplementSum(pseudoHeader + bytes)
        bytes[offset] = UInt8(truncatingIfNeeded: sum >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: sum)
    }

    /// The 16-bit one's complement sum of RFC 1071, an odd byte padded with zero.
    private func onesComplementSum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt64 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum +=
                UInt64(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt64(bytes[index + 1]) : 0)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return UInt16(sum)
    }
}

/// The bytes of a number in network order.
func bigEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
