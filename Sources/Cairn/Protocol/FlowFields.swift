/// The fields of rules on flows, evaluated when a flow ends.
enum FlowFields {
    static let definition = ProtocolDefinition(
        name: "flow", summary: "a flow when it ends: bytes, packets, duration, state, both ends",
        aliases: ["conn", "netflow"],
        fields: [FieldDefinition](rows: countRows + stateRows))

    /// What the flow itself does not know.
    struct Knowledge {
        var applicationProtocol: String?
        /// The name under which the client addressed the server (SNI, Host).
        var serverName: [UInt8] = []
        var hasAlerted = false
    }
}

/// Indices into the table of flow fields.
enum FlowField: Int, CaseIterable {
    case packetsToServer, packetsToClient, packets
    case bytesToServer, bytesToClient, bytes
    case payloadToServer, payloadToClient
    case start, end, age, milliseconds
    case state, reason, connectionState, service, serverName, hasAlerted
    case tcpFlags, tcpFlagsToServer, tcpFlagsToClient
}

// MARK: - Values

extension FlowFields {
    /// Sets all fields of a flow; `store` has room for this table.
    static func fill(
        _ store: inout FieldStore, _ flow: FlowPointer, _ knowledge: Knowledge, _ text: TextBuffer
    ) {
        store.removeAll()
        fillCounts(&store, flow)
        fillTimes(&store, flow)
        append(stateName(flow.pointee.state), .state, &store)
        append(reasonName(flow.pointee.endReason), .reason, &store)
        append(connectionState(flow), .connectionState, &store)
        if let name = knowledge.applicationProtocol {
            store.append(name, to: FlowField.service.rawValue)
        }
        if !knowledge.serverName.isEmpty {
            text.removeAll()
            knowledge.serverName.withUnsafeBytes { text.append($0) }
            text.lowercase()
            store.append(text.bytes, to: FlowField.serverName.rawValue)
        }
        append(knowledge.hasAlerted ? 1 : 0, .hasAlerted, &store)
    }

    private static func append(
        _ number: some BinaryInteger, _ field: FlowField, _ store: inout FieldStore
    ) {
        store.append(Int64(clamping: number), to: field.rawValue)
    }

    private static func append(
        _ text: StaticString, _ field: FlowField, _ store: inout FieldStore
    ) {
        store.append(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            to: field.rawValue)
    }

    private static func fillCounts(_ store: inout FieldStore, _ flow: FlowPointer) {
        let (server, client) = (flow.pointee.toServer, flow.pointee.toClient)
        append(server.packetCount, .packetsToServer, &store)
        append(client.packetCount, .packetsToClient, &store)
        append(server.packetCount &+ client.packetCount, .packets, &store)
        append(server.byteCount, .bytesToServer, &store)
        append(client.byteCount, .bytesToClient, &store)
        append(server.byteCount &+ client.byteCount, .bytes, &store)
        append(server.payloadByteCount, .payloadToServer, &store)
        append(client.payloadByteCount, .payloadToClient, &store)
        guard flow.pointee.transport == .tcp else { return }
        let all = server.tcpFlags.union(client.tcpFlags)
        append(Int64(all.rawValue), .tcpFlags, &store)
        append(Int64(server.tcpFlags.rawValue), .tcpFlagsToServer, &store)
        append(Int64(client.tcpFlags.rawValue), .tcpFlagsToClient, &store)
    }

    private static func fillTimes(_ store: inout FieldStore, _ flow: FlowPointer) {
        let duration = flow.pointee.last.nanoseconds(since: flow.pointee.start)
        append(flow.pointee.start.nanoseconds, .start, &store)
        append(flow.pointee.last.nanoseconds, .end, &store)
        append(duration / nanosecondsPerSecond, .age, &store)
        append(duration / 1_000_000, .milliseconds, &store)
    }

    private static func stateName(_ state: FlowState) -> StaticString {
        switch state {
        case .new: "new"
        case .established: "established"
        case .closed: "closed"
        }
    }

    private static func reasonName(_ reason: FlowEndReason) -> StaticString {
        switch reason {
        case .timeout: "timeout"
        case .shutdown: "shutdown"
        case .tcpReuse: "tcp_reuse"
        case .evicted: "evicted"
        }
    }

    /// The state of a connection in Zeek's words (conn.log): which flags each end has sent says it
    /// all.
    static func connectionState(_ flow: FlowPointer) -> StaticString {
        let (client, server) = (flow.pointee.toServer, flow.pointee.toClient)
        guard flow.pointee.transport == .tcp else {
            if client.packetCount == 0 { return "SHR" }
            return server.packetCount == 0 ? "S0" : "SF"
        }
        let (clientFlags, serverFlags) = (client.tcpFlags, server.tcpFlags)
        if !clientFlags.contains(.syn) {
            guard serverFlags.contains(.syn) else { return "OTH" }
            if serverFlags.contains(.rst) { return "RSTRH" }
            return serverFlags.contains(.fin) ? "SHR" : "OTH"
        }
        if !serverFlags.contains(.syn) {
            if serverFlags.contains(.rst) { return "REJ" }
            if clientFlags.contains(.rst) { return "RSTOS0" }
            if clientFlags.contains(.fin) { return "SH" }
            return server.packetCount == 0 ? "S0" : "OTH"
        }
        // An end that has sent its FIN and then a reset has closed in good order.
        let (clientFIN, serverFIN) = (clientFlags.contains(.fin), serverFlags.contains(.fin))
        if clientFIN, serverFIN { return "SF" }
        if clientFlags.contains(.rst) { return "RSTO" }
        if serverFlags.contains(.rst) { return "RSTR" }
        if clientFIN { return "S2" }
        return serverFIN ? "S3" : "S1"
    }
}

// MARK: - Table

extension FlowFields {
    private typealias Row = (FlowField, FieldDefinition)

    private static let countRows: [Row] = [
        (
            .packetsToServer,
            FieldDefinition(
                "flow.pkts_toserver", .integer, aliases: ["orig_pkts", "source.packets"],
                "packets from the client")
        ),
        (
            .packetsToClient,
            FieldDefinition(
                "flow.pkts_toclient", .integer, aliases: ["resp_pkts", "destination.packets"],
                "packets from the server")
        ),
        (
            .packets,
            FieldDefinition(
                "flow.pkts", .integer, aliases: ["network.packets"], "packets of both ends")
        ),
        (
            .bytesToServer,
            FieldDefinition(
                "flow.bytes_toserver", .integer, aliases: ["orig_ip_bytes", "source.bytes"],
                "bytes of the client's frames")
        ),
        (
            .bytesToClient,
            FieldDefinition(
                "flow.bytes_toclient", .integer, aliases: ["resp_ip_bytes", "destination.bytes"],
                "bytes of the server's frames")
        ),
        (
            .bytes,
            FieldDefinition(
                "flow.bytes", .integer, aliases: ["network.bytes"], "bytes of all frames")
        ),
        (
            .payloadToServer,
            FieldDefinition(
                "flow.payload_toserver", .integer, aliases: ["orig_bytes"],
                "payload bytes from the client")
        ),
        (
            .payloadToClient,
            FieldDefinition(
                "flow.payload_toclient", .integer, aliases: ["resp_bytes"],
                "payload bytes from the server")
        ),
        (
            .start,
            FieldDefinition(
                "flow.start", .integer, "time of the first packet in nanoseconds since 1970 UTC")
        ),
        (
            .end,
            FieldDefinition(
                "flow.end", .integer, "time of the last packet in nanoseconds since 1970 UTC")
        ),
        (
            .age,
            FieldDefinition(
                "flow.age", .integer, aliases: ["duration"],
                "whole seconds between first and last packet")
        ),
        (
            .milliseconds,
            FieldDefinition(
                "flow.duration_ms", .integer, "milliseconds between first and last packet")
        ),
    ]

    private static let stateRows: [Row] = [
        (
            .state,
            FieldDefinition(
                "flow.state", .text, aliases: ["state"], "new, established or closed")
        ),
        (
            .reason,
            FieldDefinition(
                "flow.reason", .text, aliases: ["reason"],
                "why it ended: timeout, shutdown, tcp_reuse, evicted")
        ),
        (
            .connectionState,
            FieldDefinition(
                "flow.conn_state", .text, aliases: ["conn_state"],
                "Zeek's word for what became of it: S0, S1, SF, REJ, RSTO, OTH")
        ),
        (
            .service,
            FieldDefinition(
                "flow.service", .text, aliases: ["service"], "protocol that it spoke: http, dns")
        ),
        (
            .serverName,
            FieldDefinition(
                "server.name", .text,
                aliases: ["DestinationHostname", "destination.domain", "dst_host"],
                "name under which the client addressed the server (SNI, Host), in lower case")
        ),
        (
            .hasAlerted,
            FieldDefinition("flow.alerted", .bool, "whether a rule has fired on it")
        ),
        (
            .tcpFlags,
            FieldDefinition("flow.tcp_flags", .integer, "all TCP flags of both ends")
        ),
        (
            .tcpFlagsToServer,
            FieldDefinition("flow.tcp_flags_ts", .integer, "all TCP flags of the client")
        ),
        (
            .tcpFlagsToClient,
            FieldDefinition("flow.tcp_flags_tc", .integer, "all TCP flags of the server")
        ),
    ]
}
