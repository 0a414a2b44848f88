extension Flow {
    /// The Community ID of the flow, version 1 (github.com/corelight/community-id-spec): the same
    /// in every tool that sees the flow, whatever its direction. Computed on demand.
    func communityID(seed: UInt16 = 0) -> String {
        withCommunityID(seed: seed, sha1: Digest(.sha1)) { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes the Community ID as a member of a record.
    ///
    /// - Parameter sha1: a hash that is free for use.
    func writeCommunityID(sha1: Digest, into writer: inout JSONWriter) {
        withCommunityID(seed: 0, sha1: sha1) {
            writer.key("community_id")
            writer.string($0)
        }
    }

    private func withCommunityID<Result>(
        seed: UInt16, sha1: Digest, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
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
        return sha1.withFinished { withBase64($0, after: "1:", body) }
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

/// Calls `body` with base64 text with padding (RFC 4648 §4), behind other text.
private func withBase64<Result>(
    _ bytes: UnsafeRawBufferPointer, after prefix: StaticString,
    _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    let byteCount = prefix.utf8CodeUnitCount + (bytes.count + 2) / 3 * 4
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: byteCount) { text in
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
        return body(UnsafeRawBufferPointer(text))
    }
}
