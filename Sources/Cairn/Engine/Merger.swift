/// The ordered end of the engine: puts what the shards found into packet order, applies what crosses flows, writes alerts
/// and events, and feeds the correlation. Works on one thread.
final class Merger {
    private let records: AlertRecordWriter
    private let gate: AlertGate
    private let correlator: Correlator
    private let feed: AlertFeed
    private let writesAlerts: Bool
    private let output: RecordOutput
    /// Unrelated captures in one output have no common time.
    private let writesClock: Bool
    private let latenessNanoseconds: Int64
    /// What the correlation goes by, and what somebody who reads the alerts knows of it.
    private var clock = Timestamp.epoch
    private var writtenClock = Timestamp.epoch
    private var order: [(key: OrderKey, shard: Int32, entry: Int32)] = []
    private(set) var alertCount: UInt64 = 0

    /// Whether what is open stays so at the end of the input, for the next run.
    private let staysOpen: Bool

    init(
        _ rules: RuleSet, _ compiled: CompiledRules, _ correlations: CorrelationProgram,
        _ options: EngineOptions, _ records: EventRecordWriter, captureName: String?,
        resumed: ResumedCorrelation? = nil, handler: @escaping RecordHandler
    ) {
        self.records = AlertRecordWriter(records, rules.detections)
        let output = RecordOutput(handler)
        self.output = output
        gate = AlertGate(compiled)
        var settings = CorrelationSettings(options)
        settings.capture = captureName
        let sink: (borrowing [UInt8]) -> Void = { output.emit(.incident, $0[...]) }
        if let resumed {
            correlator = resumed.correlator
            resumed.sink = sink
        } else {
            correlator = Correlator(program: correlations, settings: settings, sink: sink)
        }
        staysOpen = resumed.map { !$0.checkpoint.isLast } ?? false
        feed = AlertFeed(rules, correlator)
        writesAlerts = options.writesAlerts
        writesClock = options.writesAlerts && captureName == nil
        latenessNanoseconds = settings.latenessNanoseconds
    }

    /// Incidents that this run opened.
    var incidentCount: UInt64 { UInt64(correlator.counts.incidents) }
    var highestSeverity: Level? { correlator.highestSeverity }

    /// Takes in what the shards found in one batch.
    func merge(_ batch: Batch) {
        order.removeAll(keepingCapacity: true)
        for (shard, findings) in batch.findings.enumerated() {
            for index in findings.entries.indices {
                order.append((findings.entries[index].key, Int32(shard), Int32(index)))
            }
        }
        // Keys are unique: a frame's address pair belongs to one shard, and so does a flow.
        order.sort { $0.key < $1.key }
        for (key, shard, entry) in order {
            // What became certain before comes before, so that lines that share a file stand in order of time.
            advance(to: Timestamp(nanoseconds: key.clock))
            take(batch.findings[Int(shard)], Int(entry))
        }
        if batch.clock > .epoch { advance(to: batch.clock) }
        output.flush()
    }

    /// Closes what is open at the end of the input, unless another run is to go on.
    func finish() {
        writeClock()
        if staysOpen { correlator.flush() } else { correlator.finish() }
    }

    /// The files that rules let be written at the end.
    var savedSets: [SavedSet] { gate.setFiles.map { SavedSet(path: $0.path, bytes: $0.bytes) } }

    /// Adds what came of the alerts.
    func report(into counters: inout Counters) {
        gate.report(into: &counters)
        counters.add("alerts", alertCount)
        counters.add("correlation.late", UInt64(correlator.counts.late))
        counters.add("correlation.firings", UInt64(correlator.counts.firings))
        counters.add("correlation.incidents", incidentCount)
    }

    private func advance(to clock: Timestamp) {
        self.clock = max(self.clock, clock)
        correlator.advance(clock: clock)
        correlator.flush()
    }

    private func take(_ findings: Findings, _ entry: Int) {
        switch findings.entries[entry].content {
        case .record(let range): output.emit(.event, findings.text[range])
        case .candidates(let range):
            gate.admit(findings.candidates[range]) { raise($0.alert) }
        }
    }

    private func raise(_ alert: Alert) {
        alertCount &+= 1
        if writesAlerts { write(alert) }
        feed.add(alert)
    }

    private func write(_ alert: Alert) {
        // It may be late by what packets without alerts showed of the time.
        if alert.timestamp.adding(nanoseconds: latenessNanoseconds) < clock { writeClock() }
        records.write(alert, into: &output.alerts)
        writtenClock = max(writtenClock, alert.timestamp)
        output.flushIfFull()
    }

    /// Says among the alerts how far time has come, so that who correlates them comes to what this
    /// run does.
    private func writeClock() {
        guard writesClock, clock > writtenClock else { return }
        output.emit(.clock, records.record(clock: clock)[...])
        writtenClock = clock
    }
}

/// Hands records on in their order. Alerts that follow each other go together.
private final class RecordOutput {
    /// Lines not yet handed on.
    var alerts = JSONWriter()
    private let handler: RecordHandler

    init(_ handler: @escaping RecordHandler) { self.handler = handler }

    /// Hands on lines of another kind.
    func emit(_ kind: RecordKind, _ lines: ArraySlice<UInt8>) {
        flush()
        handler(kind, lines)
    }

    /// Hands on the alerts that wait, if they are many.
    func flushIfFull() {
        if alerts.byteCount >= Self.waitingByteCountMax { flush() }
    }

    private static let waitingByteCountMax = 1 << 16

    /// Hands on the alerts that wait.
    func flush() {
        guard alerts.byteCount > 0 else { return }
        handler(.alert, alerts.bytes[...])
        alerts.removeAll()
    }
}
