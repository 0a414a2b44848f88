/// Turns what a shard sees into event records: finished transactions, files, ended flows, anomalies.
final class EventRecorder {
    private let records: EventRecordWriter
    private var writer = JSONWriter()
    private let sha1 = Digest(.sha1)

    init(_ records: EventRecordWriter) { self.records = records }

    /// Records a transaction in which nothing more will happen.
    func finished(
        _ transaction: Transaction, _ place: CommonFields.Context, into findings: Findings
    ) {
        writer.removeAll()
        let isFile = transaction.definition === FileTable.definition
        var header = EventHeader(
            place,
            from: isFile && transaction.fileDirection == .toClient ? place.ends.swapped : place.ends
        )
        if !isFile {
            header.applicationProtocol = (transaction.spoken ?? transaction.definition).name
        }
        header.transactionID = transaction.id
        records.writeTransaction(transaction, header, into: &writer)
        findings.add(record: writer.bytes)
    }

    /// Records a flow that ended.
    func ended(
        _ flow: FlowPointer, applicationProtocol: String?, into findings: Findings
    ) {
        writer.removeAll()
        var header = EventHeader(flow, at: flow.pointee.end)
        header.applicationProtocol = applicationProtocol
        records.writeFlow(
            flow.pointee, endedAt: flow.pointee.end, reason: "\(flow.pointee.endReason)",
            header: header, sha1: sha1, into: &writer)
        findings.add(record: writer.bytes)
    }

    /// Records the oddities of a packet's headers.
    func anomalies(
        _ anomalies: DecodeAnomalySet, _ place: CommonFields.Context, into findings: Findings
    ) {
        guard !anomalies.isEmpty else { return }
        for anomaly in DecodeAnomaly.allCases where anomalies.contains(anomaly) {
            self.anomaly("\(anomaly.name)", layer: "decode", place, into: findings)
        }
    }

    /// Records what was odd about a segment in its stream.
    func anomalies(
        _ anomalies: StreamAnomalySet, _ place: CommonFields.Context, into findings: Findings
    ) {
        guard !anomalies.isEmpty else { return }
        for anomaly in StreamAnomaly.allCases where anomalies.contains(anomaly) {
            self.anomaly("\(anomaly.name)", layer: "stream", place, into: findings)
        }
    }

    /// Records what was odd about what a flow speaks.
    func anomalies(
        _ anomalies: ProtocolAnomalySet, _ place: CommonFields.Context, into findings: Findings
    ) {
        guard !anomalies.isEmpty else { return }
        for anomaly in ProtocolAnomaly.allCases where anomalies.contains(anomaly) {
            self.anomaly("\(anomaly.name)", layer: "proto_detect", place, into: findings)
        }
    }

    /// Records one oddity under its name.
    func anomaly(
        _ name: String, layer: String, _ place: CommonFields.Context, into findings: Findings
    ) {
        writer.removeAll()
        records.writeAnomaly(name, layer: layer, header: EventHeader(place), into: &writer)
        findings.add(record: writer.bytes)
    }
}

extension EventHeader {
    /// The header of a record about what was seen at a place.
    init(_ place: CommonFields.Context) {
        if let packet = place.packet {
            self.init(packet)
            flowID = place.flow?.pointee.id
            applicationProtocol = place.applicationProtocol?.name
        } else if let flow = place.flow {
            self.init(flow, at: place.timestamp)
        } else {
            preconditionFailure("a place has a packet or a flow")
        }
    }

    /// The header of a record about what one end sent, or asked for, whichever packet made it certain.
    init(_ place: CommonFields.Context, from ends: FlowEnds) {
        self.init(place)
        sourceAddress = ends.client
        destinationAddress = ends.server
        sourcePort = ends.clientPort
        destinationPort = ends.serverPort
    }

    private init(_ packet: UnsafePointer<Packet>) {
        self.init(
            timestamp: packet.pointee.timestamp, frameNumber: packet.pointee.frameNumber,
            source: packet.pointee.source, sourceAddress: packet.pointee.sourceAddress,
            destinationAddress: packet.pointee.destinationAddress,
            sourcePort: packet.pointee.sourcePort,
            destinationPort: packet.pointee.destinationPort, ipProtocol: packet.pointee.ipProtocol,
            transport: packet.pointee.transport, hasAddresses: packet.pointee.ipVersion != 0,
            vlanIDs: list(packet.pointee.vlanIDs, count: packet.pointee.vlanCount))
    }

    /// The header of a record about a flow, seen from its client.
    init(_ flow: FlowPointer, at time: Timestamp) {
        self.init(
            timestamp: time, source: flow.pointee.source, flowID: flow.pointee.id,
            sourceAddress: flow.pointee.client, destinationAddress: flow.pointee.server,
            sourcePort: flow.pointee.clientPort, destinationPort: flow.pointee.serverPort,
            ipProtocol: flow.pointee.ipProtocol, transport: flow.pointee.transport,
            vlanIDs: list(flow.pointee.vlanIDs, count: flow.pointee.vlanCount))
    }
}

private func list(_ identifiers: (UInt16, UInt16, UInt16), count: UInt8) -> [UInt16] {
    Array([identifiers.0, identifiers.1, identifiers.2].prefix(Int(count)))
}
