extension Flow {
    /// The Community ID of the flow, version 1 (github.com/corelight/community-id-spec): the same
    /// in every tool that sees the flow, whatever its direction. Computed on demand.
    ///
    /// - Parameter sha1: a hash that is free for use.
    func communityID(seed: UInt16 = 0, sha1: Digest = Digest(.sha1)) -> String {
        var (first, second) = (client, server)
        var ports: (UInt16, UInt16)? = communityPorts
        let isOrdered =
            first < second || first == second && (ports?.0 ?? 0) <= (ports?.1 ?? 0)
        if !isOrdered, !isOneWay {
            swap(&first, &second)
            ports = ports.map { ($0.1, $0.0) }
        }
        sha1.reset()
        withUnsafeTemporaryAllocation(byteCount: Self.inputByteCountMax, alignment: 8) { input in
            var end = 0
            func add(_ value: some FixedWidthInteger) {
                input.storeBytes(of: value.bigEndian, toByteOffset: end, as: type(of: value).self)
                end &+= value.bitWidth / 8
            }
            /// As long as the IP version of the flow says: an IPv6 header may hold an IPv4-mapped address.
            func add(_ address: IPAddress) {
                if ipVersion != 6, address.isV4 { return add(address.v4) }
                add(address.high)
                add(address.low)
            }
            add(seed)
            add(first)
            add(second)
            add(UInt16(ipProtocol) << 8)
            if let ports {
                add(ports.0)
                add(ports.1)
            }
            sha1.update(UnsafeRawBufferPointer(rebasing: input[..<end]))
        }
        return sha1.withFinished { base64($0, after: "1:") }
    }

    /// Seed, two addresses, protocol and padding, two ports.
    private static let inputByteCountMax = 2 + 16 + 16 + 2 + 4

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
}

/// Base64 text with padding (RFC 4648 §4), behind other text.
private func base64(_ bytes: UnsafeRawBufferPointer, after prefix: StaticString) -> String {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    let textByteCount = (bytes.count + 2) / 3 * 4
    return String(
        unsafeUninitializedCapacity: prefix.utf8CodeUnitCount + textByteCount
    ) { text in
        var count = 0
        while count < prefix.utf8CodeUnitCount {
            text[count] = prefix.utf8Start[count]
            count += 1
        }
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let rest = min(3, bytes.count - start)
            var value: UInt32 = 0
            for index in 0..<3 {
                value = value << 8 | (index < rest ? UInt32(bytes[start + index]) : 0)
            }
            for index in 0..<4 {
                text[count] =
                    index <= rest
                    ? digits.utf8Start[Int(value >> (18 - 6 * UInt32(index)) & 63)]
                    : UInt8(ascii: "=")
                count += 1
            }
        }
        return count
    }
}
