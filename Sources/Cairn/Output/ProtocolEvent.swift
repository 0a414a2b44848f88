extension EventRecordWriter {
    /// Writes a finished transaction as a line: event type and object named after its protocol.
    func writeTransaction(
        _ transaction: Transaction, _ header: EventHeader, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writeHeader(header, type: transaction.definition.eveKey, into: &writer)
        transaction.writeMember(into: &writer)
        writer.endObject()
        writer.endLine()
    }

    /// Writes a flow that ended.
    ///
    /// - Parameter sha1: a hash that is free for use.
    func writeFlow(
        _ flow: Flow, endedAt end: Timestamp, reason: String, header: EventHeader,
        sha1: Digest, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writeHeader(header, type: "flow", into: &writer)
        flow.writeCommunityID(sha1: sha1, into: &writer)
        writer.key("flow")
        writer.beginObject()
        writer.member("pkts_toserver", flow.toServer.packetCount)
        writer.member("pkts_toclient", flow.toClient.packetCount)
        writer.member("bytes_toserver", flow.toServer.byteCount)
        writer.member("bytes_toclient", flow.toClient.byteCount)
        writer.member("start", eveTime: flow.start)
        writer.member("end", eveTime: flow.last)
        writer.member("age", flow.last.nanoseconds(since: flow.start) / nanosecondsPerSecond)
        writer.member("state", "\(flow.state)")
        writer.member("reason", reason)
        writer.endObject()
        if flow.transport == .tcp { writeTCP(flow, into: &writer) }
        writer.endObject()
        writer.endLine()
    }

    private func writeTCP(_ flow: Flow, into writer: inout JSONWriter) {
        let all = flow.toServer.tcpFlags.union(flow.toClient.tcpFlags)
        writer.key("tcp")
        writer.beginObject()
        for (key, flags) in [
            ("tcp_flags", all), ("tcp_flags_ts", flow.toServer.tcpFlags),
            ("tcp_flags_tc", flow.toClient.tcpFlags),
        ] {
            writer.key(key)
            writer.string([flags.rawValue].hexText)
        }
        for (name, flag) in TCPFlags.named where all.contains(flag) {
            writer.key(name)
            writer.bool(true)
        }
        writer.endObject()
    }

    /// Writes an oddity of a packet, stream or protocol under its name.
    func writeAnomaly(
        _ event: String, layer: String, header: EventHeader, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writeHeader(header, type: "anomaly", into: &writer)
        writer.key("anomaly")
        writer.beginObject()
        writer.member("type", layer)
        writer.member("event", event)
        writer.endObject()
        writer.endObject()
        writer.endLine()
    }
}

extension TCPFlags {
    /// The flags by the names of flow records.
    static let named: [(String, TCPFlags)] = [
        ("syn", .syn), ("fin", .fin), ("rst", .rst), ("psh", .psh), ("ack", .ack), ("urg", .urg),
        ("ece", .ece),
        ("cwr", .cwr),
    ]
}
