/// Turns what a shard sees into event records: finished transactions, files, ended flows, anomalies.
final class EventRecorder {
    private let records: EventRecordWriter
    private var writer = JSONWriter()

    init(_ records: EventRecordWriter) { self.records = records }

    /// Records a transaction in which nothing more will happen.
    func finished(_ transaction: Transaction, _ place: EventPlace, applicationProtocol: String?, into findings: Findings) {
        writer.removeAll()
        var header = EventHeader(place, applicationProtocol: applicationProtocol)
        header.transactionID = transaction.id
        records.writeTransaction(transaction, header, into: &writer)
        findings.add(record: writer.bytes)
    }

    /// Records a flow that ended.
    func ended(_ flow: FlowPointer, hasAlerted: Bool, applicationProtocol: String?, into findings: Findings) {
        writer.removeAll()
        var header = EventHeader(flow, at: flow.pointee.end)
        header.applicationProtocol = applicationProtocol
        records.writeFlow(
            flow.pointee, endedAt: flow.pointee.end, reason: flow.pointee.endReason.name, header: header,
            alerted: hasAlerted, communityID: flow.pointee.communityID(), into: &writer)
        findings.add(record: writer.bytes)
    }

    /// Records the oddities of a packet's headers.
    func anomalies(of packet: UnsafePointer<Packet>, _ place: EventPlace, into findings: Findings) {
        guard !packet.pointee.anomalies.isEmpty else { return }
        for anomaly in DecodeAnomaly.allCases where packet.pointee.anomalies.contains(anomaly) {
            self.anomaly("\(anomaly.name)", layer: "decode", place, into: findings)
        }
    }

    /// Records one oddity under its name.
    func anomaly(_ name: String, layer: String, _ place: EventPlace, into findings: Findings) {
        writer.removeAll()
        records.writeAnomaly(name, layer: layer, header: EventHeader(place), into: &writer)
        findings.add(record: writer.bytes)
    }
}
