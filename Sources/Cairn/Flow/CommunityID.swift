extension Flow {
    /// The Community ID of the flow, version 1 (github.com/corelight/community-id-spec): the same
    /// in every tool that sees the flow, whatever its direction. Computed on demand.
    func communityID(seed: UInt16 = 0) -> String {
        var (first, second) = (client, server)
        var ports: (UInt16, UInt16)? = communityPorts
        let isOrdered =
            first < second || first == second && (ports?.0 ?? 0) <= (ports?.1 ?? 0)
        if !isOrdered, !isOneWay {
            swap(&first, &second)
            ports = ports.map { ($0.1, $0.0) }
        }
        var input = bigEndianBytes(seed) + bytes(of: first) + bytes(of: second) + [ipProtocol, 0]
        if let ports { input += bigEndianBytes(ports.0) + bigEndianBytes(ports.1) }
        return "1:" + base64(Digest.hash(.sha1, input))
    }

    /// Ports, or for ICMP the type and what answers it (the code, if nothing does); nil for other
    /// protocols.
    private var communityPorts: (UInt16, UInt16)? {
        switch transport {
        case .tcp, .udp, .sctp: (clientPort, serverPort)
        case .icmp, .icmpv6:
            (
                UInt16(icmpType),
                UInt16(
                    ICMPPair.counterpart(of: icmpType, isV6: transport == .icmpv6) ?? icmpCode)
            )
        case .none, .other: nil
        }
    }

    /// An ICMP message that nothing answers keeps its direction.
    private var isOneWay: Bool {
        (transport == .icmp || transport == .icmpv6)
            && ICMPPair.counterpart(of: icmpType, isV6: transport == .icmpv6) == nil
    }

    /// The address as long as its IP version says: an IPv6 header may hold an IPv4-mapped address.
    private func bytes(of address: IPAddress) -> [UInt8] {
        ipVersion == 6
            ? [address.high, address.low].flatMap(bigEndianBytes) : address.bytes
    }
}

private func bigEndianBytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// Base64 text with padding (RFC 4648 §4).
private func base64(_ bytes: [UInt8]) -> String {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var value: UInt32 = 0
        for index in 0..<3 {
            value = value << 8 | (index < group.count ? UInt32(group[start + index]) : 0)
        }
        for index in 0..<4 {
            text.append(
                index <= group.count
                    ? digits.utf8Start[Int(value >> (18 - 6 * UInt32(index)) & 63)]
                    : UInt8(ascii: "="))
        }
    }
    return String(decoding: text, as: UTF8.self)
}
