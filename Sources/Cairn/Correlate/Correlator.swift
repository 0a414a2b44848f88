/// The correlation stage: alerts in, firings and incidents out as JSON lines, in event time
/// (CORRELATION.md).
///
/// One thread. Alerts come in packet order, or any order within the lateness; the output is a
/// function of rules, settings, the alerts that are not late, and the final clock.
final class Correlator {
    /// What happened, as the summary record and the statistics say it.
    struct Counts {
        var alerts = 0
        var late = 0
        var firings = 0
        /// Instants that were completed early, as too many alerts were waiting.
        var hurried = 0
    }

    let program: CorrelationProgram
    /// Names the rules of alerts; whoever makes alerts asks it for labels.
    let catalog: RuleCatalog
    private(set) var counts = Counts()

    private let settings: CorrelationSettings
    private let store: ItemStore
    private let records: RecordWriter
    private let trackers: [CorrelationTracker]
    private let incidents: IncidentTable

    /// The largest event time seen; nil before the first.
    private var clock: Timestamp?
    /// The last instant that is done; alerts up to it are late if it was completed early.
    private var doneThrough = Timestamp(nanoseconds: .min)
    private var pending = PendingAlerts()
    private var waitingByteCount = 0
    /// No window and no incident ends before this.
    private var nextTimer = Timestamp.distantFuture

    /// For each identity of the program, where its listeners begin and end in `listeners`.
    private let listenerRanges: [Range<Int>]
    private let listeners: [CorrelationProgram.Listener]
    /// One bit for each tracker that has something to do in this instant.
    private var active: [UInt64]
    private var items: [ItemID] = []
    private var signals: [ItemID] = []
    /// The tracker whose idle groups go next.
    private var sweepIndex = 0

    /// Starts with nothing seen.
    ///
    /// - Parameter sink: takes blocks of whole lines.
    init(
        program: CorrelationProgram, settings: CorrelationSettings,
        sink: @escaping (borrowing [UInt8]) -> Void
    ) {
        let catalog = RuleCatalog(program: program)
        let store = ItemStore(fieldCount: program.fieldNames.count, catalog: catalog)
        let records = RecordWriter(capture: settings.capture, sink: sink)
        self.program = program
        self.settings = settings
        self.catalog = catalog
        self.store = store
        self.records = records
        trackers = program.plans.map {
            CorrelationTracker(plan: $0, store: store, catalog: catalog, records: records)
        }
        incidents = IncidentTable(
            settings: settings, store: store, catalog: catalog, records: records)
        var ranges: [Range<Int>] = []
        var listeners: [CorrelationProgram.Listener] = []
        for identity in program.identities {
            ranges.append(listeners.count..<listeners.count + identity.listeners.count)
            listeners += identity.listeners
        }
        listenerRanges = ranges
        self.listeners = listeners
        active = Array(repeating: 0, count: (program.plans.count + 63) / 64)
    }

    /// An empty alert with room for the carried fields.
    func makeAlert() -> CorrelationAlert {
        CorrelationAlert(fieldCount: program.fieldNames.count)
    }

    /// The most severe incident that was recorded.
    var highestSeverity: Level? { incidents.highestSeverity }

    /// Incidents that were opened.
    var incidentCount: Int { incidents.openedCount }

    // MARK: Input

    /// Takes an alert; writes what is complete by it.
    func add(_ alert: borrowing CorrelationAlert) {
        counts.alerts += 1
        let time = alert.time
        guard !isLate(time) else {
            counts.late += 1
            return
        }
        if matters(alert.label) {
            let item = store.add(alert)
            pending.append(item, at: time)
            waitingByteCount &+= store.byteCount(of: item)
        }
        move(clock: time)
        while waitingByteCount > settings.waitingByteCountMax, let next = pending.next {
            counts.hurried += 1
            complete(through: next)
        }
    }

    /// Moves the clock to a time up to which everything was handed over, as if there were an alert.
    func advance(clock time: Timestamp) { move(clock: time) }

    /// Completes everything up to the clock, closes what is open, and writes the summary.
    func finish() {
        if let clock {
            complete(through: clock)
            incidents.finish(at: clock)
        }
        writeSummary()
        records.flush()
    }

    /// Hands on the records written so far, which otherwise come in large blocks.
    func flush() { records.flush() }

    private func isLate(_ time: Timestamp) -> Bool {
        guard let clock else { return false }
        return time < clock.adding(nanoseconds: 0 &- settings.latenessNanoseconds)
            || counts.hurried > 0 && time <= doneThrough
    }

    /// Whether somebody looks at the alerts of a label: a rule or an incident.
    @inline(__always) private func matters(_ label: RuleLabelID) -> Bool {
        let facts = catalog.facts[Int(label.index)]
        if facts.isStandalone, facts.level >= settings.signalLevelMin { return true }
        return Int(facts.identity) < listenerRanges.count
            && !listenerRanges[Int(facts.identity)].isEmpty
    }

    private func move(clock time: Timestamp) {
        if let clock, time <= clock { return }
        clock = time
        // An instant is complete when the watermark is beyond it.
        complete(
            through: time.adding(nanoseconds: 0 &- settings.latenessNanoseconds)
                .adding(nanoseconds: -1))
    }

    // MARK: Instants

    /// Processes all instants up to a time, in order.
    private func complete(through end: Timestamp) {
        while true {
            let next = min(pending.next ?? .distantFuture, nextTimer)
            guard next <= end else { return }
            run(at: next)
        }
    }

    private func run(at time: Timestamp) {
        takeItems(at: time)
        if time >= nextTimer { wakeTrackers(at: time) }
        for item in items { dispatch(item) }
        runTrackers(at: time)
        incidents.run(at: time, signals: signals)
        for item in items { store.release(item) }
        signals.removeAll(keepingCapacity: true)
        items.removeAll(keepingCapacity: true)
        doneThrough = time
        enforceMemoryLimit(at: time)
        updateTimer(after: time)
    }

    /// Fills `items` with the alerts of an instant, in item order (§2).
    private func takeItems(at time: Timestamp) {
        pending.take(at: time, into: &items)
        for item in items { waitingByteCount &-= store.byteCount(of: item) }
        if items.count > 1 { sortItems() }
        for item in items { store.dropSource(of: item) }
    }

    private func sortItems() {
        let order = ItemOrder(store: store, catalog: catalog)
        items.sort { order.precedes($0, $1) }
    }

    private func wakeTrackers(at time: Timestamp) {
        for (index, tracker) in trackers.enumerated() {
            if let due = tracker.nextTimer, due <= time { wake(index) }
        }
    }

    @inline(__always) private func wake(_ tracker: Int) {
        active[tracker >> 6] |= 1 << UInt64(tracker & 63)
    }

    /// Hands an item to the rules and incidents that look at it.
    @inline(__always) private func dispatch(_ item: ItemID) {
        let label = store.header(item).pointee.label
        let facts = catalog.facts[Int(label.index)]
        if facts.isStandalone { signals.append(item) }
        guard Int(facts.identity) < listenerRanges.count else { return }
        for index in listenerRanges[Int(facts.identity)] {
            let listener = listeners[index]
            trackers[listener.plan].receive(item, source: listener.source)
            wake(listener.plan)
        }
    }

    /// Runs the trackers that have something to do; those that refer to others come after them, so
    /// that they see the firings of the same instant.
    private func runTrackers(at time: Timestamp) {
        for word in active.indices {
            while active[word] != 0 {
                let index = word << 6 + active[word].trailingZeroBitCount
                active[word] &= active[word] - 1
                let tracker = trackers[index]
                tracker.run(at: time)
                for firing in tracker.firings {
                    counts.firings += 1
                    items.append(firing)
                    dispatch(firing)
                }
            }
        }
    }

    private func updateTimer(after time: Timestamp) {
        nextTimer = incidents.nextDeadline ?? .distantFuture
        for tracker in trackers {
            if let due = tracker.nextTimer { nextTimer = min(nextTimer, due) }
        }
    }

    // MARK: Memory

    /// Evicts the groups with the earliest last items over all rules while all together hold too
    /// much (§8). Groups that hold nothing any more go in turn, one rule in each instant.
    private func enforceMemoryLimit(at time: Timestamp) {
        guard !trackers.isEmpty else { return }
        sweepIndex = (sweepIndex + 1) % trackers.count
        trackers[sweepIndex].expire(before: time)
        guard memoryByteCount > settings.memoryByteCountMax else { return }
        for tracker in trackers { tracker.expire(before: time) }
        while memoryByteCount > settings.memoryByteCountMax {
            let held = trackers.filter { $0.groups.count > 0 }
            guard let idle = held.min(by: { $0.firstTouched < $1.firstTouched }) else { return }
            idle.evictFirst()
        }
    }

    /// Bytes that groups hold, items included, without the alerts that wait.
    private var memoryByteCount: Int {
        trackers.reduce(store.byteCount - waitingByteCount) { $0 + $1.groups.byteCount }
    }

    // MARK: Summary

    private func writeSummary() {
        records.json.beginObject()
        records.json.member("alerts", counts.alerts)
        records.writeCapture()
        writePerRule("dropped_items") { $0.droppedItemCount }
        records.json.key("end")
        if let clock { records.time(clock) } else { records.json.null() }
        writePerRule("evicted_groups") { $0.evictedGroupCount }
        records.json.member("evicted_incidents", incidents.evictedCount)
        records.json.member("firings", counts.firings)
        records.json.member("incidents", incidents.openedCount)
        records.json.member("kind", "summary")
        records.json.member("late", counts.late)
        let clock = clock ?? .distantFuture
        writePerRule("pending") { $0.pendingCount(at: clock) }
        writePerRule("uncounted") { $0.uncountedCount }
        writePerRule("ungrouped") { $0.ungroupedCount }
        records.json.endObject()
        records.endRecord()
    }

    private func writePerRule(_ name: StaticString, _ count: (CorrelationTracker) -> Int) {
        records.json.key(name)
        records.json.beginObject()
        let counted = trackers.map { (id: $0.plan.id, count: count($0)) }
        for entry in counted.sorted(by: { $0.id.lexicographicallyPrecedes($1.id) })
        where entry.count > 0 {
            records.json.key(String(decoding: entry.id, as: UTF8.self))
            records.json.integer(entry.count)
        }
        records.json.endObject()
    }
}

/// The order in which alerts of one instant are listed (CORRELATION.md §2): packet, flow, rule,
/// then what they say.
private struct ItemOrder {
    let store: ItemStore
    let catalog: RuleCatalog

    func precedes(_ a: ItemID, _ b: ItemID) -> Bool {
        let first = store.header(a).pointee
        let second = store.header(b).pointee
        if first.packet != second.packet { return first.packet < second.packet }
        if first.flowID != second.flowID { return first.flowID < second.flowID }
        let firstIdentity = catalog.facts[Int(first.label.index)].identity
        let secondIdentity = catalog.facts[Int(second.label.index)].identity
        if firstIdentity != secondIdentity {
            return catalog.text(ofIdentity: firstIdentity)
                .lexicographicallyPrecedes(catalog.text(ofIdentity: secondIdentity))
        }
        if first.source != nil || second.source != nil {
            let (one, other) = (canonicalSource(first), canonicalSource(second))
            if one != other { return one.lexicographicallyPrecedes(other) }
        }
        return contentPrecedes(a, b)
    }

    private func canonicalSource(_ header: ItemHeader) -> [UInt8] {
        let text = UnsafeRawBufferPointer(start: header.source, count: header.sourceByteCount)
        return JSONValue(parsing: text)?.canonicalText ?? Array(text)
    }

    /// Orders alerts by what is carried of them; alerts that are equal in it are the same to
    /// correlation.
    private func contentPrecedes(_ a: ItemID, _ b: ItemID) -> Bool {
        for field in 0..<store.fieldCount + 2 {
            let (first, second) = (store.value(a, field), store.value(b, field))
            if first.kind != second.kind { return first.kind.rawValue < second.kind.rawValue }
            let order = GroupKey.compare(store.text(a, first), store.text(b, second))
            if order != 0 { return order < 0 }
        }
        let first = catalog.labels[Int(store.header(a).pointee.label.index)].key
        let second = catalog.labels[Int(store.header(b).pointee.label.index)].key
        return first.lexicographicallyPrecedes(second)
    }
}
