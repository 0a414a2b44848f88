/// The ordered end of the engine: puts what the shards found into packet order, applies what crosses flows, writes alerts
/// and events, and feeds the correlation. Works on one thread.
final class Merger {
    private let rules: RuleSet
    private let records: EventRecordWriter
    private let gate: AlertGate
    private let correlator: Correlator
    private let writesAlerts: Bool
    private let handler: RecordHandler
    private var writer = JSONWriter()
    private var order: [(key: OrderKey, shard: Int, entry: Int)] = []
    private(set) var alertCount: UInt64 = 0

    init(
        _ rules: RuleSet, _ compiled: CompiledRules, _ options: EngineOptions, _ records: EventRecordWriter,
        _ handler: @escaping RecordHandler
    ) {
        self.rules = rules
        self.records = records
        self.handler = handler
        gate = AlertGate(compiled)
        correlator = Correlator(rules, CorrelationSettings(options.settings), finalOnly: options.finalIncidentsOnly)
        writesAlerts = options.writesAlerts
    }

    /// Takes in what the shards found in one batch.
    func merge(_ batch: Batch) {
        order.removeAll(keepingCapacity: true)
        for (shard, findings) in batch.findings.enumerated() {
            for (entry, content) in findings.entries.enumerated() { order.append((content.key, shard, entry)) }
        }
        // Keys are unique: a frame belongs to one shard, and so does a flow.
        order.sort { $0.key < $1.key }
        for (_, shard, entry) in order { take(batch.findings[shard], entry) }
        correlator.advance(clock: batch.clock)
    }

    private func take(_ findings: Findings, _ entry: Int) {
        switch findings.entries[entry].content {
        case .record(let range): handler(.event, findings.text[range])
        case .candidate(let index):
            gate.admit(findings.candidates[index]) { alert in self.raise(alert) }
        }
    }

    private func raise(_ alert: Alert) {
        alertCount &+= 1
        let rule = rules.detections[alert.rule]
        if writesAlerts {
            writer.removeAll()
            records.writeAlert(alert, rule: rule, communityID: alert.communityID, into: &writer)
            handler(.alert, writer.bytes[...])
        }
        correlator.add(alert, rule.header)
    }
}
