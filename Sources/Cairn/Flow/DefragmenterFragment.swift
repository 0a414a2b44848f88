/// What tells the fragments of one datagram from those of others (RFC 791 §3.2, RFC 8200 §4.5).
struct FragmentKey: Equatable, Sendable {
    var source: IPAddress
    var destination: IPAddress
    var identification: UInt32
    /// 0 for IPv6, where protocol numbers of later fragments are not looked at.
    var ipProtocol: UInt8
    var ipVersion: UInt8
    /// VLAN identifiers and their number, 0 if they are not to matter.
    var vlan: UInt64

    @inline(__always) var hash: UInt32 {
        func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
            (hash ^ word ^ hash >> 29) &* 0xd1b5_4a32_d192_ed03
        }
        let rest =
            UInt64(identification) << 16 ^ UInt64(ipProtocol) << 8 ^ UInt64(ipVersion) ^ vlan
        var hash = mix(0x9e37_79b9_7f4a_7c15, source.low)
        hash = mix(hash, source.high)
        hash = mix(hash, destination.low)
        hash = mix(hash, destination.high)
        hash = mix(hash, rest)
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}

/// A fragment as its headers describe it: where its bytes lie in the packet, and where they belong
/// in the datagram.
struct Fragment {
    let key: FragmentKey
    /// First byte and end in the datagram's payload.
    var range: Range<UInt32>
    let hasMoreFragments: Bool
    /// Offset of the payload in the packet's bytes.
    let payloadOffset: Int
    /// What stands before the payload in the whole datagram: the IPv4 header, or the unfragmentable
    /// part of IPv6.
    let header: Range<Int>
    /// IPv6: where in the header the protocol number is to be replaced, and by what.
    let nextHeaderOffset: Int
    let nextHeader: UInt8

    /// Reads the headers of a packet that is marked as a fragment; nil if they cannot be read
    /// again.
    init?(_ packet: Packet, usesVLAN: Bool) {
        let bytes = packet.bytes.bytes
        let start = Int(packet.ipOffset)
        let count = packet.payloadByteCount
        payloadOffset = Int(packet.payloadOffset)
        var key = FragmentKey(
            source: packet.sourceAddress, destination: packet.destinationAddress,
            identification: 0, ipProtocol: 0, ipVersion: packet.ipVersion,
            vlan: usesVLAN ? packet.vlanKey : 0)
        let offset: Int
        if packet.ipVersion == 4 {
            guard
                let header = try? IPv4Header(
                    decoding: bytes.extracting(start..<Int(packet.ipEnd)))
            else { return nil }
            key.identification = UInt32(header.identification)
            key.ipProtocol = header.ipProtocol
            offset = header.fragmentOffset
            hasMoreFragments = header.hasMoreFragments
            self.header = start..<start &+ header.byteCount
            (nextHeaderOffset, nextHeader) = (0, 0)
        } else {
            let at = Int(packet.transportOffset)
            guard
                let header = try? IPv6FragmentHeader(
                    decoding: bytes.extracting(at..<Int(packet.ipEnd)))
            else { return nil }
            key.identification = header.identification
            offset = header.offset
            hasMoreFragments = header.hasMoreFragments
            self.header = start..<at
            nextHeader = header.nextHeader
            nextHeaderOffset = Self.lastNextHeaderOffset(bytes.extracting(start..<at))
        }
        self.key = key
        range = UInt32(offset)..<UInt32(offset) &+ count
    }

    /// Where in the unfragmentable part the number of the fragment header stands: in its last
    /// header.
    private static func lastNextHeaderOffset(_ part: RawSpan) -> Int {
        var field = 6
        var offset = IPv6Header.byteCount
        for _ in 0..<PacketDecoder.ipv6ExtensionCountMax {
            guard part.byteCount &- offset >= 8 else { break }
            let isAuthentication = part.byte(at: field) == IPProtocol.authentication
            field = offset
            let length = Int(part.byte(at: offset &+ 1))
            offset &+= isAuthentication ? (length &+ 2) &* 4 : (length &+ 1) &* 8
        }
        return field
    }
}

extension Packet {
    /// The VLAN identifiers and their number as one number.
    @inline(__always) var vlanKey: UInt64 {
        UInt64(vlanIDs.0) | UInt64(vlanIDs.1) << 16 | UInt64(vlanIDs.2) << 32
            | UInt64(vlanCount) << 48
    }
}
