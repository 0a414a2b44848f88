/// The fields of rules on single packets: what their headers say, and their payload.
enum PacketFields {
    static let definition = ProtocolDefinition(
        name: "packet", summary: "one packet: link, IP and transport headers, payload",
        fields: [FieldDefinition](rows: generalRows + ipRows + tcpRows + icmpRows))
}

/// Indices into the table of packet fields.
enum PacketField: Int, CaseIterable {
    case payload, payloadSize, size, anomaly, streamAnomaly, protocolAnomaly, isIPChecksumValid,
        isChecksumValid
    case etherSource, etherDestination, etherType, etherHeader
    case ipSource, ipDestination, timeToLive, typeOfService, ipID, ipFlags, fragmentBits
    case fragmentOffset, isFragment, ipOptions, isSameAddress, ipv4Header, ipv6Header
    case tcpFlags, tcpFlagsText, tcpSequence, tcpAcknowledgment, tcpWindow, tcpMSS, tcpUrgent
    case tcpHeader, udpHeader
    case icmpType, icmpCode, icmpID, icmpSequence, icmpMTU, icmpHeader, icmpv6Header
}

// MARK: - Numbers

extension PacketFields {
    /// The number of an integer or bool field, nil if the packet has no such thing.
    static func number(_ index: Int, _ packet: UnsafePointer<Packet>) -> Int64? {
        switch PacketField(rawValue: index) {
        case .payloadSize: return Int64(packet.pointee.sizedByteCount)
        case .size: return Int64(packet.pointee.originalByteCount)
        case .etherType:
            return packet.pointee.etherType == 0 ? nil : Int64(packet.pointee.etherType)
        case .isIPChecksumValid:
            guard packet.pointee.ipVersion == 4 else { return nil }
            return isIPChecksumValid(packet) ? 1 : 0
        case .isChecksumValid:
            guard packet.pointee.transport != .none else { return nil }
            return isTransportChecksumValid(packet) ? 1 : 0
        case .timeToLive, .typeOfService, .ipID, .ipFlags, .fragmentOffset, .isFragment,
            .isSameAddress:
            guard packet.pointee.ipVersion != 0 else { return nil }
            return ipNumber(index, packet)
        case .tcpFlags, .tcpSequence, .tcpAcknowledgment, .tcpWindow, .tcpMSS, .tcpUrgent:
            guard packet.pointee.transport == .tcp else { return nil }
            return tcpNumber(index, packet)
        case .icmpType, .icmpCode, .icmpID, .icmpSequence, .icmpMTU:
            let transport = packet.pointee.transport
            guard transport == .icmp || transport == .icmpv6 else { return nil }
            return icmpNumber(index, packet)
        default: return nil
        }
    }

    /// The address of an ip field.
    static func address(_ index: Int, _ packet: UnsafePointer<Packet>) -> IPAddress? {
        guard packet.pointee.ipVersion != 0 else { return nil }
        switch PacketField(rawValue: index) {
        case .ipSource: return packet.pointee.sourceAddress
        case .ipDestination: return packet.pointee.destinationAddress
        default: return nil
        }
    }

    private static func ipNumber(_ index: Int, _ packet: UnsafePointer<Packet>) -> Int64? {
        let header = packet.pointee.ipVersion == 4 ? ipv4Header(packet) : nil
        switch PacketField(rawValue: index) {
        case .timeToLive: return Int64(packet.pointee.timeToLive)
        case .typeOfService: return Int64(packet.pointee.typeOfService)
        case .ipID: return header.map { Int64(number16($0, at: 4)) }
        case .ipFlags: return header.map { Int64(number16($0, at: 6) >> 13) }
        case .fragmentOffset: return header.map { Int64(number16($0, at: 6) & 0x1fff) }
        case .isFragment: return packet.pointee.flags.contains(.fragment) ? 1 : 0
        case .isSameAddress:
            return packet.pointee.sourceAddress == packet.pointee.destinationAddress ? 1 : 0
        default: return nil
        }
    }

    private static func tcpNumber(_ index: Int, _ packet: UnsafePointer<Packet>) -> Int64? {
        switch PacketField(rawValue: index) {
        case .tcpFlags: return Int64(packet.pointee.tcpFlags.rawValue)
        case .tcpSequence: return Int64(packet.pointee.tcpSequence)
        case .tcpAcknowledgment: return Int64(packet.pointee.tcpAcknowledgment)
        case .tcpWindow: return Int64(packet.pointee.tcpWindow)
        case .tcpMSS: return tcpHeader(packet).flatMap(maximumSegmentSize)
        case .tcpUrgent:
            return tcpHeader(packet).flatMap { $0.count >= 20 ? Int64(number16($0, at: 18)) : nil }
        default: return nil
        }
    }

    /// The value of the maximum segment size option (RFC 9293 §3.2). A header has at most 40 bytes
    /// of options, which bounds the loop.
    private static func maximumSegmentSize(_ header: UnsafeRawBufferPointer) -> Int64? {
        var position = 20
        while position < header.count, header[position] != 0 {
            if header[position] == 1 {
                position &+= 1
                continue
            }
            guard position &+ 1 < header.count else { return nil }
            let byteCount = Int(header[position &+ 1])
            guard byteCount >= 2, position &+ byteCount <= header.count else { return nil }
            if header[position] == 2, byteCount == 4 {
                return Int64(number16(header, at: position &+ 2))
            }
            position &+= byteCount
        }
        return nil
    }

    private static func icmpNumber(_ index: Int, _ packet: UnsafePointer<Packet>) -> Int64? {
        let isV6 = packet.pointee.transport == .icmpv6
        let type = packet.pointee.icmpType
        switch PacketField(rawValue: index) {
        case .icmpType: return Int64(type)
        case .icmpCode: return Int64(packet.pointee.icmpCode)
        case .icmpID, .icmpSequence:
            // Echo, timestamp, information and address mask messages (RFC 792, RFC 950, RFC 4443
            // §4).
            let hasIdentifier =
                isV6 ? type == 128 || type == 129 : [0, 8, 13, 14, 15, 16, 17, 18].contains(type)
            guard hasIdentifier, let header = transportHeader(packet), header.count >= 8 else {
                return nil
            }
            let offset = index == PacketField.icmpID.rawValue ? 4 : 6
            return Int64(number16(header, at: offset))
        case .icmpMTU:
            guard isV6, type == 2, let header = transportHeader(packet), header.count >= 8 else {
                return nil
            }
            return Int64(number16(header, at: 4)) << 16 | Int64(number16(header, at: 6))
        default: return nil
        }
    }

    /// A number in network byte order; the caller has checked that it is there.
    static func number16(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt16 {
        bytes.bytes.bigEndian(at: offset)
    }
}

// MARK: - Bytes

extension PacketFields {
    /// The bytes of a bytes or text field; of a list its element, counted from 0. Texts are put
    /// together in `text` and valid until that is used again.
    static func bytes(
        _ index: Int, _ packet: UnsafePointer<Packet>, at element: Int = 0, _ text: TextBuffer
    ) -> UnsafeRawBufferPointer? {
        let field = PacketField(rawValue: index)
        if field == .anomaly { return anomaly(packet, element) }
        if field == .ipOptions { return ipOption(packet, element) }
        guard element == 0 else { return nil }
        switch field {
        case .payload: return packet.pointee.inspectedPayload
        case .etherHeader: return etherHeader(packet)
        case .ipv4Header: return packet.pointee.ipVersion == 4 ? ipv4Header(packet) : nil
        case .ipv6Header: return packet.pointee.ipVersion == 6 ? ipv6Header(packet) : nil
        case .tcpHeader: return tcpHeader(packet)
        case .udpHeader: return packet.pointee.transport == .udp ? transportHeader(packet) : nil
        case .icmpHeader: return packet.pointee.transport == .icmp ? transportHeader(packet) : nil
        case .icmpv6Header:
            return packet.pointee.transport == .icmpv6 ? transportHeader(packet) : nil
        case .etherSource: return etherAddress(packet, at: 6, text)
        case .etherDestination: return etherAddress(packet, at: 0, text)
        case .tcpFlagsText: return tcpFlagsText(packet, text)
        case .fragmentBits: return fragmentBits(packet, text)
        default: return nil
        }
    }

    static func slice(_ packet: UnsafePointer<Packet>, _ start: Int, _ end: Int)
        -> UnsafeRawBufferPointer?
    {
        guard start >= 0, start < end, end <= packet.pointee.bytes.count else { return nil }
        return UnsafeRawBufferPointer(rebasing: packet.pointee.bytes[start..<end])
    }

    static func ipv4Header(_ packet: UnsafePointer<Packet>) -> UnsafeRawBufferPointer? {
        let start = Int(packet.pointee.ipOffset)
        guard let fixed = slice(packet, start, start &+ 20) else { return nil }
        let byteCount = Int(fixed[0] & 15) &* 4
        return byteCount > 20 ? slice(packet, start, start &+ byteCount) ?? fixed : fixed
    }

    /// The fixed header with the extension headers behind it.
    private static func ipv6Header(_ packet: UnsafePointer<Packet>) -> UnsafeRawBufferPointer? {
        let start = Int(packet.pointee.ipOffset)
        let end = max(start &+ 40, Int(packet.pointee.transportOffset))
        return slice(packet, start, end) ?? slice(packet, start, start &+ 40)
    }

    private static func transportHeader(_ packet: UnsafePointer<Packet>)
        -> UnsafeRawBufferPointer?
    {
        slice(packet, Int(packet.pointee.transportOffset), Int(packet.pointee.payloadOffset))
    }

    private static func tcpHeader(_ packet: UnsafePointer<Packet>) -> UnsafeRawBufferPointer? {
        packet.pointee.transport == .tcp ? transportHeader(packet) : nil
    }

    private static func etherHeader(_ packet: UnsafePointer<Packet>) -> UnsafeRawBufferPointer? {
        guard packet.pointee.linkType == .ethernet else { return nil }
        let start = Int(packet.pointee.linkOffset)
        return slice(packet, start, start &+ 14)
    }

    private static func etherAddress(
        _ packet: UnsafePointer<Packet>, at offset: Int, _ text: TextBuffer
    ) -> UnsafeRawBufferPointer? {
        guard let header = etherHeader(packet) else { return nil }
        text.removeAll()
        for index in offset..<offset &+ 6 {
            if index > offset { text.append(UInt8(ascii: ":")) }
            text.appendHex(header[index])
        }
        return text.bytes
    }

    /// The letters of set flags in the order in which rules write them.
    private static func tcpFlagsText(_ packet: UnsafePointer<Packet>, _ text: TextBuffer)
        -> UnsafeRawBufferPointer?
    {
        guard packet.pointee.transport == .tcp else { return nil }
        let letters: StaticString = "FSRPAUEC"
        text.removeAll()
        for bit in 0..<8 where packet.pointee.tcpFlags.rawValue >> UInt8(bit) & 1 != 0 {
            text.append(letters.utf8Start[bit])
        }
        return text.bytes
    }

    /// R, D and M for the reserved bit, don't fragment and more fragments.
    private static func fragmentBits(_ packet: UnsafePointer<Packet>, _ text: TextBuffer)
        -> UnsafeRawBufferPointer?
    {
        guard let flags = number(PacketField.ipFlags.rawValue, packet) else { return nil }
        text.removeAll()
        if flags & 4 != 0 { text.append("R") }
        if flags & 2 != 0 { text.append("D") }
        if flags & 1 != 0 { text.append("M") }
        return text.bytes
    }

    private static func anomaly(_ packet: UnsafePointer<Packet>, _ element: Int)
        -> UnsafeRawBufferPointer?
    {
        guard !packet.pointee.anomalies.isEmpty else { return nil }
        var remaining = element
        for anomaly in DecodeAnomaly.allCases where packet.pointee.anomalies.contains(anomaly) {
            if remaining == 0 { return bytes(of: anomaly.name) }
            remaining &-= 1
        }
        return nil
    }

    /// The name of an oddity of a segment in its stream, counted from 0.
    static func streamAnomaly(
        _ anomalies: StreamAnomalySet, at element: Int
    ) -> UnsafeRawBufferPointer? {
        guard !anomalies.isEmpty else { return nil }
        var remaining = element
        for anomaly in StreamAnomaly.allCases where anomalies.contains(anomaly) {
            if remaining == 0 { return bytes(of: anomaly.name) }
            remaining &-= 1
        }
        return nil
    }

    /// The name of an oddity in what the flow speaks, counted from 0.
    static func protocolAnomaly(
        _ anomalies: ProtocolAnomalySet, at element: Int
    ) -> UnsafeRawBufferPointer? {
        guard !anomalies.isEmpty else { return nil }
        var remaining = element
        for anomaly in ProtocolAnomaly.allCases where anomalies.contains(anomaly) {
            if remaining == 0 { return bytes(of: anomaly.name) }
            remaining &-= 1
        }
        return nil
    }

    /// The name of an option of the IPv4 header (RFC 791 §3.1), as Suricata's `ipopts` calls it.
    /// There are at most 40 bytes of options, which bounds the loop.
    private static func ipOption(_ packet: UnsafePointer<Packet>, _ element: Int)
        -> UnsafeRawBufferPointer?
    {
        guard packet.pointee.ipVersion == 4, let header = ipv4Header(packet) else { return nil }
        var position = 20
        var remaining = element
        while position < header.count {
            let type = header[position]
            if remaining == 0 { return bytes(of: ipOptionName(type)) }
            remaining &-= 1
            if type == 0 { return nil }
            if type == 1 {
                position &+= 1
                continue
            }
            guard position &+ 1 < header.count, header[position &+ 1] >= 2 else { return nil }
            position &+= Int(header[position &+ 1])
        }
        return nil
    }

    private static func ipOptionName(_ type: UInt8) -> StaticString {
        switch type {
        case 0: "eol"
        case 1: "nop"
        case 7: "rr"
        case 68: "ts"
        case 130: "sec"
        case 131: "lsrr"
        case 133: "esec"
        case 134: "cipso"
        case 136: "satid"
        case 137: "ssrr"
        case 148: "rtralt"
        default: "other"
        }
    }

    private static func bytes(of text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }
}

// MARK: - Table

extension PacketFields {
    private typealias Row = (PacketField, FieldDefinition)

    private static let generalRows: [Row] = [
        (
            .payload,
            FieldDefinition(
                "payload", .bytes, aliases: ["pkt_data"],
                "bytes behind the transport header; none in fragments")
        ),
        (
            .payloadSize,
            FieldDefinition(
                "payload.size", .integer, aliases: ["dsize"], "number of payload bytes")
        ),
        (.size, FieldDefinition("packet.size", .integer, "bytes of the frame on the wire")),
        (
            .anomaly,
            FieldDefinition(
                "packet.anomaly", .text, list: true, aliases: ["decode-event"],
                "names of oddities in the headers: ipv4.trunc_pkt")
        ),
        (
            .streamAnomaly,
            FieldDefinition(
                "stream.anomaly", .text, list: true, aliases: ["stream-event"],
                "names of oddities of a segment in its stream: stream.est_invalid_ack")
        ),
        (
            .protocolAnomaly,
            FieldDefinition(
                "protocol.anomaly", .text, list: true,
                "names of oddities that show with the packet in what its flow speaks: "
                    + "applayer_mismatch_protocol_both_directions")
        ),
        (
            .isIPChecksumValid,
            FieldDefinition(
                "packet.ip_checksum_valid", .bool, "whether the IPv4 header checksum is right")
        ),
        (
            .isChecksumValid,
            FieldDefinition(
                "packet.checksum_valid", .bool,
                "whether the TCP, UDP, ICMP or ICMPv6 checksum is right")
        ),
        (.etherSource, FieldDefinition("ether.src", .text, "hardware address of the sender")),
        (
            .etherDestination,
            FieldDefinition("ether.dst", .text, "hardware address of the receiver")
        ),
        (
            .etherType,
            FieldDefinition("ether.type", .integer, "EtherType of what follows the link header")
        ),
        (.etherHeader, FieldDefinition("ether.hdr", .bytes, "Ethernet header, 14 bytes")),
    ]

    private static let ipRows: [Row] = [
        (.ipSource, FieldDefinition("ip.src", .ip, "source address of the packet")),
        (.ipDestination, FieldDefinition("ip.dst", .ip, "destination address of the packet")),
        (
            .timeToLive,
            FieldDefinition("ip.ttl", .integer, aliases: ["ttl"], "time to live, or hop limit")
        ),
        (
            .typeOfService,
            FieldDefinition("ip.tos", .integer, aliases: ["tos"], "type of service, traffic class")
        ),
        (.ipID, FieldDefinition("ip.id", .integer, aliases: ["id"], "IPv4 identification")),
        (
            .ipFlags,
            FieldDefinition(
                "ip.flags", .integer, "IPv4 flags: 4 reserved, 2 don't fragment, 1 more fragments")
        ),
        (
            .fragmentBits,
            FieldDefinition(
                "ip.fragbits", .text, aliases: ["fragbits"], "IPv4 flags as letters R, D and M")
        ),
        (
            .fragmentOffset,
            FieldDefinition(
                "ip.fragoffset", .integer, aliases: ["fragoffset"],
                "place of an IPv4 fragment in units of eight bytes")
        ),
        (
            .isFragment,
            FieldDefinition("ip.is_fragment", .bool, "whether the packet is a fragment")
        ),
        (
            .ipOptions,
            FieldDefinition(
                "ip.options", .text, list: true, aliases: ["ipopts"],
                "options of the IPv4 header: rr, ts, lsrr, ssrr")
        ),
        (
            .isSameAddress,
            FieldDefinition(
                "ip.is_same", .bool, aliases: ["sameip"], "source and destination are equal")
        ),
        (.ipv4Header, FieldDefinition("ipv4.hdr", .bytes, "IPv4 header with its options")),
        (
            .ipv6Header,
            FieldDefinition("ipv6.hdr", .bytes, "IPv6 header with its extension headers")
        ),
    ]

    private static let tcpRows: [Row] = [
        (.tcpFlags, FieldDefinition("tcp.flags", .integer, "flags: 2 SYN, 16 ACK, 18 both")),
        (
            .tcpFlagsText,
            FieldDefinition(
                "tcp.flags.text", .text, aliases: ["flags"],
                "flags as letters: SA, in order FSRPAUEC")
        ),
        (.tcpSequence, FieldDefinition("tcp.seq", .integer, aliases: ["seq"], "sequence number")),
        (
            .tcpAcknowledgment,
            FieldDefinition("tcp.ack", .integer, aliases: ["ack"], "acknowledgment number")
        ),
        (
            .tcpWindow,
            FieldDefinition("tcp.window", .integer, aliases: ["window"], "window, not scaled")
        ),
        (.tcpMSS, FieldDefinition("tcp.mss", .integer, "maximum segment size option")),
        (.tcpUrgent, FieldDefinition("tcp.urgent", .integer, "urgent pointer")),
        (.tcpHeader, FieldDefinition("tcp.hdr", .bytes, "TCP header with its options")),
        (.udpHeader, FieldDefinition("udp.hdr", .bytes, "UDP header")),
    ]

    private static let icmpRows: [Row] = [
        (.icmpType, FieldDefinition("icmp.type", .integer, aliases: ["itype"], "type")),
        (.icmpCode, FieldDefinition("icmp.code", .integer, aliases: ["icode"], "code")),
        (
            .icmpID,
            FieldDefinition(
                "icmp.id", .integer, aliases: ["icmp_id"], "identifier of an echo or its like")
        ),
        (
            .icmpSequence,
            FieldDefinition(
                "icmp.seq", .integer, aliases: ["icmp_seq"], "sequence number of an echo")
        ),
        (
            .icmpMTU,
            FieldDefinition(
                "icmp.mtu", .integer, aliases: ["icmpv6.mtu"],
                "what an ICMPv6 packet too big message allows")
        ),
        (.icmpHeader, FieldDefinition("icmp.hdr", .bytes, "ICMP header")),
        (.icmpv6Header, FieldDefinition("icmpv6.hdr", .bytes, "ICMPv6 header")),
    ]
}
