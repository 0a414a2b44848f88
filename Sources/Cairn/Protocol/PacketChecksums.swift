/// Checksums as rules ask for them: what the decoder has found, or, where it was told not to look, what the bytes say.
extension PacketFields {
    /// Whether the checksum of an IPv4 header is right.
    static func isIPChecksumValid(_ packet: UnsafePointer<Packet>) -> Bool {
        guard packet.pointee.flags.contains(.unverified) else {
            return !packet.pointee.flags.contains(.badIPChecksum)
        }
        return ipv4Header(packet).map { isRight(InternetChecksum.sum($0.bytes)) } ?? true
    }

    /// Whether the checksum of TCP, UDP, ICMP or ICMPv6 is right, as far as all is there that it covers.
    static func isTransportChecksumValid(_ packet: UnsafePointer<Packet>) -> Bool {
        guard packet.pointee.flags.contains(.unverified) else {
            return !packet.pointee.flags.contains(.badTransportChecksum)
        }
        let start = Int(packet.pointee.transportOffset)
        guard !packet.pointee.flags.contains(.truncated),
            var segment = slice(packet, start, Int(packet.pointee.ipEnd))
        else { return true }
        if packet.pointee.transport == .udp {
            guard segment.count >= 8, number16(segment, at: 6) != 0 else { return true }
            let byteCount = min(segment.count, max(8, Int(number16(segment, at: 4))))
            segment = UnsafeRawBufferPointer(rebasing: segment.prefix(byteCount))
        }
        let sum = InternetChecksum.sum(segment.bytes)
        guard packet.pointee.transport != .icmp else { return isRight(sum) }
        return isRight(sum &+ pseudoHeaderSum(packet, segment.count))
    }

    private static func isRight(_ sum: UInt64) -> Bool { InternetChecksum.fold(sum) == 0xffff }

    /// Addresses, protocol and length (RFC 9293 §3.1, RFC 8200 §8.1).
    private static func pseudoHeaderSum(
        _ packet: UnsafePointer<Packet>, _ byteCount: Int
    ) -> UInt64 {
        let start = Int(packet.pointee.ipOffset)
        let addresses =
            packet.pointee.ipVersion == 4
            ? slice(packet, start &+ 12, start &+ 20) : slice(packet, start &+ 8, start &+ 40)
        return (addresses.map { InternetChecksum.sum($0.bytes) } ?? 0)
            &+ InternetChecksum.word(UInt16(packet.pointee.ipProtocol))
            &+ InternetChecksum.word(UInt16(truncatingIfNeeded: byteCount))
            &+ InternetChecksum.word(UInt16(truncatingIfNeeded: byteCount >> 16))
    }
}
