/// The fields that rules on any subject can name: who talks to whom, over what.
enum CommonFields {
    static let definition = ProtocolDefinition(
        name: "common", summary: "both ends, transport and time of every event",
        fields: [FieldDefinition](rows: endRows + otherRows + flowRows))

    /// Where the values come from.
    struct Context {
        /// The packet that is looked at, or that made the event certain; nil when time made it so.
        var packet: UnsafePointer<Packet>?
        var flow: FlowPointer?
        /// The subject is the packet: source and destination are its sender and receiver. On every
        /// other subject they are the client and the server.
        var isOfPacket = false
        /// The flow's client is the protocol's server (`ProtocolSessions.isReversed`).
        var isReversed = false
        /// Which way the packet went in its flow, or the bytes of a stream.
        var direction: Direction?
        /// What was odd about the packet in its stream.
        var streamAnomalies = StreamAnomalySet()
        /// What became odd with the packet about what its flow speaks.
        var protocolAnomalies = ProtocolAnomalySet()
        var timestamp: Timestamp = .epoch
        /// What the flow speaks, and what it spoke first if it has changed since; `hasFailed` if nobody knows. Definitions
        /// live as long as the sessions that found them, so that a place need not hold on to one.
        var spoken: Unmanaged<ProtocolDefinition>?
        var spokenFirst: Unmanaged<ProtocolDefinition>?
        var hasFailed = false
        /// What the sender of the packet speaks by itself, or that nobody knows it.
        var spokenBySender: Unmanaged<ProtocolDefinition>?
        var isSenderUnknown = false
        var opacity = Opacity.clear
        /// The packet is the first of its direction with which it is known what the flow speaks.
        var isNewlyKnown = false
        /// It is known what the flow speaks, with packets of the direction up to this one.
        var isKnown = false
        /// TCP: the handshake was complete before the packet, or is with its payload. nil if the flow's state says it.
        var isEstablished: Bool?

        var applicationProtocol: ProtocolDefinition? {
            get { spoken?.takeUnretainedValue() }
            set { spoken = newValue.map { .passUnretained($0) } }
        }
        var originalProtocol: ProtocolDefinition? { spokenFirst?.takeUnretainedValue() }
    }
}

/// Both ends of a conversation.
struct FlowEnds {
    var client = IPAddress.zero
    var server = IPAddress.zero
    var clientPort: UInt16 = 0
    var serverPort: UInt16 = 0

    /// Nobody.
    init() {}

    /// The ends with the packet's sender as client.
    init(senderOf packet: UnsafePointer<Packet>) {
        client = packet.pointee.sourceAddress
        server = packet.pointee.destinationAddress
        clientPort = packet.pointee.sourcePort
        serverPort = packet.pointee.destinationPort
    }

    init(_ flow: FlowPointer) {
        client = flow.pointee.client
        server = flow.pointee.server
        clientPort = flow.pointee.clientPort
        serverPort = flow.pointee.serverPort
    }

    /// The same with the roles exchanged.
    var swapped: FlowEnds {
        var ends = self
        swap(&ends.client, &ends.server)
        swap(&ends.clientPort, &ends.serverPort)
        return ends
    }
}

extension CommonFields.Context {
    /// Client and server as the protocol has them; without a flow the packet's sender and receiver.
    var ends: FlowEnds {
        if let flow { return isReversed ? FlowEnds(flow).swapped : FlowEnds(flow) }
        return packet.map { FlowEnds(senderOf: $0) } ?? FlowEnds()
    }
}

/// Indices into the table of common fields.
enum CommonField: Int, CaseIterable {
    case sourceAddress, sourcePort, destinationAddress, destinationPort
    case clientAddress, clientPort, serverAddress, serverPort
    case ipVersion, isIPv6, proto, ipProtocol, applicationProtocol, originalProtocol,
        senderProtocol, vlanID, vlanLayers, direction,
        flowID
    case communityID, time
    case flowAge, flowPackets, flowPacketsToServer, flowPacketsToClient
    case flowBytes, flowBytesToServer, flowBytesToClient
    case streamSizeOfClient, streamSizeOfServer
}

// MARK: - Values

extension CommonFields {
    /// The number of an integer or bool field; of a list its element, counted from 0.
    static func number(_ index: Int, _ context: Context, at element: Int = 0) -> Int64? {
        guard let field = CommonField(rawValue: index) else { return nil }
        if field == .vlanID { return vlanID(context, element).map(Int64.init) }
        guard element == 0 else { return nil }
        switch field {
        case .sourcePort: return ports(context, asClient: !context.isOfPacket)?.0
        case .destinationPort: return ports(context, asClient: !context.isOfPacket)?.1
        case .clientPort: return ports(context, asClient: true)?.0
        case .serverPort: return ports(context, asClient: true)?.1
        case .ipVersion: return version(context)
        case .isIPv6: return version(context).map { $0 == 6 ? 1 : 0 }
        case .ipProtocol:
            guard version(context) != nil else { return nil }
            return Int64(
                context.packet?.pointee.ipProtocol ?? context.flow?.pointee.ipProtocol ?? 0)
        case .flowID:
            return context.flow.map { Int64(truncatingIfNeeded: $0.pointee.id) }
        case .time: return context.timestamp.nanoseconds
        case .vlanLayers: return Int64(vlanCount(context))
        default: return context.flow.flatMap { flowNumber(field, $0) }
        }
    }

    /// What the flow has come to, the present packet included.
    private static func flowNumber(_ field: CommonField, _ flow: FlowPointer) -> Int64? {
        let (server, client) = (flow.pointee.toServer, flow.pointee.toClient)
        switch field {
        case .flowAge:
            // Suricata counts from the one second to the other, whatever the fractions.
            return flow.pointee.last.nanoseconds / nanosecondsPerSecond
                &- flow.pointee.start.nanoseconds / nanosecondsPerSecond
        case .flowPackets: return Int64(clamping: server.packetCount &+ client.packetCount)
        case .flowPacketsToServer: return Int64(clamping: server.packetCount)
        case .flowPacketsToClient: return Int64(clamping: client.packetCount)
        case .flowBytes: return Int64(clamping: server.byteCount &+ client.byteCount)
        case .flowBytesToServer: return Int64(clamping: server.byteCount)
        case .flowBytesToClient: return Int64(clamping: client.byteCount)
        case .streamSizeOfClient:
            return flow.pointee.tcpState == .none ? nil : Int64(server.sequenceCount)
        case .streamSizeOfServer:
            return flow.pointee.tcpState == .none ? nil : Int64(client.sequenceCount)
        default: return nil
        }
    }

    /// The field of the other end, of one that says source or destination; nil for others.
    static func swapped(_ index: Int) -> Int? {
        switch CommonField(rawValue: index) {
        case .sourceAddress: CommonField.destinationAddress.rawValue
        case .destinationAddress: CommonField.sourceAddress.rawValue
        case .sourcePort: CommonField.destinationPort.rawValue
        case .destinationPort: CommonField.sourcePort.rawValue
        default: nil
        }
    }

    /// The address of an ip field.
    static func address(_ index: Int, _ context: Context) -> IPAddress? {
        guard let field = CommonField(rawValue: index) else { return nil }
        switch field {
        case .sourceAddress: return addresses(context, asClient: !context.isOfPacket)?.0
        case .destinationAddress: return addresses(context, asClient: !context.isOfPacket)?.1
        case .clientAddress: return addresses(context, asClient: true)?.0
        case .serverAddress: return addresses(context, asClient: true)?.1
        default: return nil
        }
    }

    /// The bytes of a text field, put together in `text`; valid until that is used again.
    static func bytes(_ index: Int, _ context: Context, _ text: TextBuffer)
        -> UnsafeRawBufferPointer?
    {
        text.removeAll()
        switch CommonField(rawValue: index) {
        case .proto:
            guard let transport = transport(context) else { return nil }
            appendName(of: transport, context, to: text)
        case .applicationProtocol:
            guard append(context.applicationProtocol, orFailed: context.hasFailed, to: text)
            else { return nil }
        case .senderProtocol:
            let isUnknown = context.isSenderUnknown
            let own = context.spokenBySender?.takeUnretainedValue()
            guard
                append(
                    isUnknown ? nil : own ?? context.applicationProtocol,
                    orFailed: isUnknown || context.hasFailed, to: text)
            else { return nil }
        case .originalProtocol:
            guard let definition = context.originalProtocol ?? context.applicationProtocol else {
                return nil
            }
            text.append(definition.name)
        case .direction:
            guard let direction = context.direction else { return nil }
            text.append(direction == .toServer ? "to_server" : "to_client")
        case .communityID:
            guard let flow = context.flow else { return nil }
            text.append(flow.pointee.communityID())
        default: return nil
        }
        return text.bytes
    }

    /// Appends what is spoken, or that nobody knows it; false if neither is known yet.
    private static func append(
        _ definition: ProtocolDefinition?, orFailed hasFailed: Bool, to text: TextBuffer
    ) -> Bool {
        if let definition {
            text.append(definition.name)
        } else if hasFailed {
            text.append("failed")
        }
        return definition != nil || hasFailed
    }

    /// Adds all values of a field to a store of this table.
    static func append(
        _ index: Int, _ context: Context, to store: inout FieldStore, _ text: TextBuffer
    ) {
        switch definition.fields[index].type {
        case .ip: if let address = address(index, context) { store.append(address, to: index) }
        case .integer, .bool:
            var element = 0
            while let number = number(index, context, at: element) {
                store.append(number, to: index)
                element += 1
            }
        case .text, .bytes:
            if let bytes = bytes(index, context, text) { store.append(bytes, to: index) }
        }
    }

    /// Source and destination of the packet; or client and server, as the protocol sees them.
    private static func addresses(_ context: Context, asClient: Bool) -> (IPAddress, IPAddress)? {
        if asClient, let flow = context.flow {
            let ends = (flow.pointee.client, flow.pointee.server)
            return context.isReversed ? (ends.1, ends.0) : ends
        }
        guard let packet = context.packet, packet.pointee.ipVersion != 0 else { return nil }
        return (packet.pointee.sourceAddress, packet.pointee.destinationAddress)
    }

    private static func ports(_ context: Context, asClient: Bool) -> (Int64, Int64)? {
        if asClient, let flow = context.flow {
            guard hasPorts(flow.pointee.transport) else { return nil }
            let ends = (Int64(flow.pointee.clientPort), Int64(flow.pointee.serverPort))
            return context.isReversed ? (ends.1, ends.0) : ends
        }
        guard let packet = context.packet, hasPorts(packet.pointee.transport) else { return nil }
        return (Int64(packet.pointee.sourcePort), Int64(packet.pointee.destinationPort))
    }

    private static func hasPorts(_ transport: Transport) -> Bool {
        transport == .tcp || transport == .udp || transport == .sctp
    }

    /// nil without an IP header, or with one whose length is more than there is.
    private static func version(_ context: Context) -> Int64? {
        if let packet = context.packet, packet.pointee.flags.contains(.undecoded),
            packet.pointee.anomalies.contains(.ipv4Truncated)
                || packet.pointee.anomalies.contains(.ipv6Truncated)
        {
            return nil
        }
        let version = context.packet?.pointee.ipVersion ?? context.flow?.pointee.ipVersion ?? 0
        return version == 0 ? nil : Int64(version)
    }

    private static func transport(_ context: Context) -> Transport? {
        let transport =
            context.packet?.pointee.transport ?? context.flow?.pointee.transport ?? Transport.none
        return transport == Transport.none ? nil : transport
    }

    private static func appendName(
        of transport: Transport, _ context: Context, to text: TextBuffer
    ) {
        switch transport {
        case .tcp: text.append("tcp")
        case .udp: text.append("udp")
        case .icmp: text.append("icmp")
        case .icmpv6: text.append("icmpv6")
        case .sctp: text.append("sctp")
        case .none, .other:
            text.appendDecimal(
                context.packet?.pointee.ipProtocol ?? context.flow?.pointee.ipProtocol ?? 0)
        }
    }

    private static func vlanID(_ context: Context, _ element: Int) -> UInt16? {
        let ids = context.packet?.pointee.vlanIDs ?? context.flow?.pointee.vlanIDs ?? (0, 0, 0)
        guard element < vlanCount(context) else { return nil }
        return element == 0 ? ids.0 : element == 1 ? ids.1 : element == 2 ? ids.2 : nil
    }

    private static func vlanCount(_ context: Context) -> UInt8 {
        context.packet?.pointee.vlanCount ?? context.flow?.pointee.vlanCount ?? 0
    }
}

// MARK: - Table

extension CommonFields {
    private typealias Row = (CommonField, FieldDefinition)

    private static let endRows: [Row] = [
        (
            .sourceAddress,
            FieldDefinition(
                "src.ip", .ip, aliases: ["src_ip", "SourceIp", "source.ip", "src"],
                "address of the client; on packets, of the sender")
        ),
        (
            .sourcePort,
            FieldDefinition(
                "src.port", .integer, aliases: ["src_port", "SourcePort", "source.port"],
                "port of the client; on packets, of the sender")
        ),
        (
            .destinationAddress,
            FieldDefinition(
                "dst.ip", .ip,
                aliases: ["dst_ip", "dest_ip", "DestinationIp", "destination.ip", "dst"],
                "address of the server; on packets, of the receiver")
        ),
        (
            .destinationPort,
            FieldDefinition(
                "dst.port", .integer,
                aliases: ["dst_port", "dest_port", "DestinationPort", "destination.port"],
                "port of the server; on packets, of the receiver")
        ),
        (
            .clientAddress,
            FieldDefinition(
                "client.ip", .ip, aliases: ["id.orig_h", "c-ip", "client_ip"],
                "address of the end that opened the flow")
        ),
        (
            .clientPort,
            FieldDefinition(
                "client.port", .integer, aliases: ["id.orig_p", "c-port", "client_port"],
                "port of the end that opened the flow")
        ),
        (
            .serverAddress,
            FieldDefinition(
                "server.ip", .ip, aliases: ["id.resp_h", "s-ip", "server_ip"],
                "address of the other end")
        ),
        (
            .serverPort,
            FieldDefinition(
                "server.port", .integer, aliases: ["id.resp_p", "s-port", "server_port"],
                "port of the other end")
        ),
    ]

    private static let flowRows: [Row] = [
        (
            .flowAge,
            FieldDefinition(
                "flow.current.age", .integer, "seconds since the flow's first packet")
        ),
        (
            .flowPackets,
            FieldDefinition("flow.current.pkts", .integer, "packets of the flow up to now")
        ),
        (
            .flowPacketsToServer,
            FieldDefinition(
                "flow.current.pkts_toserver", .integer, "packets of the client up to now")
        ),
        (
            .flowPacketsToClient,
            FieldDefinition(
                "flow.current.pkts_toclient", .integer, "packets of the server up to now")
        ),
        (
            .flowBytes,
            FieldDefinition("flow.current.bytes", .integer, "bytes of the flow's frames up to now")
        ),
        (
            .flowBytesToServer,
            FieldDefinition(
                "flow.current.bytes_toserver", .integer, "bytes of the client's frames up to now")
        ),
        (
            .flowBytesToClient,
            FieldDefinition(
                "flow.current.bytes_toclient", .integer, "bytes of the server's frames up to now")
        ),
        (
            .streamSizeOfClient,
            FieldDefinition(
                "stream_size.client", .integer,
                "sequence numbers that the client of a TCP connection has used up to now")
        ),
        (
            .streamSizeOfServer,
            FieldDefinition(
                "stream_size.server", .integer,
                "sequence numbers that the server of a TCP connection has used up to now")
        ),
    ]

    private static let otherRows: [Row] = [
        (.ipVersion, FieldDefinition("ip.version", .integer, "4 or 6")),
        (
            .isIPv6,
            FieldDefinition(
                "ip.is_v6", .bool, aliases: ["SourceIsIpv6", "DestinationIsIpv6"],
                "whether it is IPv6")
        ),
        (
            .proto,
            FieldDefinition(
                "proto", .text, aliases: ["Protocol", "network.transport"],
                "tcp, udp, icmp, icmpv6, sctp, or the number of another protocol")
        ),
        (
            .ipProtocol,
            FieldDefinition(
                "ip.proto", .integer, aliases: ["ip_proto", "network.iana_number"],
                "number of the protocol above IP")
        ),
        (
            .applicationProtocol,
            FieldDefinition(
                "app_proto", .text, aliases: ["app-layer-protocol", "network.protocol"],
                "protocol that the flow speaks; failed if none was recognised")
        ),
        (
            .originalProtocol,
            FieldDefinition(
                "app_proto.original", .text,
                "protocol that the flow spoke first; another than now where it was changed")
        ),
        (
            .senderProtocol,
            FieldDefinition(
                "app_proto.sender", .text,
                "protocol that the sender of a packet speaks, whatever the other end does; failed if"
                    + " none was recognised")
        ),
        (
            .vlanID,
            FieldDefinition(
                "vlan.id", .integer, list: true, aliases: ["vlan"], "VLAN identifiers, outer first")
        ),
        (.vlanLayers, FieldDefinition("vlan.layers", .integer, "number of VLAN tags")),
        (
            .direction,
            FieldDefinition(
                "direction", .text, aliases: ["network.direction"],
                "to_server or to_client: which way the packet went")
        ),
        (
            .flowID,
            FieldDefinition(
                "flow.id", .integer, aliases: ["flow_id"], "number of the flow in all records")
        ),
        (
            .communityID,
            FieldDefinition(
                "community_id", .text, aliases: ["network.community_id"],
                "the flow's name in every tool that knows Community ID, version 1")
        ),
        (
            .time,
            FieldDefinition(
                "time", .integer, aliases: ["ts", "timestamp", "@timestamp", "UtcTime"],
                "time of the event in nanoseconds since 1970 UTC")
        ),
    ]
}
