/// The state of a correlator: one value that owns all of its parts, so that they reach each other
/// without reference counts.
struct CorrelatorCore: ~Copyable {
    private let settings: CorrelationSettings
    var context: CorrelationContext
    /// In running order; plain memory, as arrays do not hold such values.
    let trackers: UnsafeMutableBufferPointer<CorrelationTracker>
    var incidents: IncidentTable
    private(set) var counts = Correlator.Counts()

    /// Looks on, if somebody wants to.
    var observer: CorrelationObserver?

    /// The largest event time seen; nil before the first.
    private var clock: Timestamp?
    /// The last instant that is done; alerts up to it are late if it was completed early.
    private var doneThrough = Timestamp(nanoseconds: .min)
    var pending = PendingAlerts()
    var ahead = LookAhead()
    private var waitingByteCount = 0
    /// No window and no incident ends before this.
    private var nextTimer = Timestamp.distantFuture

    /// A tracker that looks at the items of an identity.
    struct Listener {
        var tracker: Int
        var source: Int32
    }

    /// For each identity of the program where its listeners begin; one more for the end.
    private var listenerStarts = PlainList<Int>()
    var listeners = PlainList<Listener>()
    /// When the next window of each tracker ends.
    private var dues: DueTable
    /// Those of the present instant.
    private var due = PlainList<Int>()
    /// One bit for each tracker that has something to do in this instant.
    private var active = PlainList<UInt64>()
    private var items = PlainList<ItemID>()
    private var signals = PlainList<ItemID>()
    /// The tracker whose idle groups go next.
    private var sweepIndex = 0
    /// Of each tracker when the group that would be evicted next had its last item, and until when all
    /// of its groups hold something; kept from when all rules together first held too much.
    private var firstTouches: DueTable
    private var firstEnds: DueTable
    private var isTight = false

    init(
        program: CorrelationProgram, settings: CorrelationSettings, catalog: RuleCatalog,
        sink: @escaping (borrowing [UInt8]) -> Void
    ) {
        self.settings = settings
        context = CorrelationContext(
            catalog: catalog,
            items: ItemStore(fieldCount: program.fieldNames.count, catalog: catalog),
            records: RecordWriter(capture: settings.capture, sink: sink))
        trackers = .allocate(capacity: program.plans.count)
        let parts = FiringParts()
        for (index, plan) in program.plans.enumerated() {
            trackers.initializeElement(
                at: index,
                to: CorrelationTracker(
                    plan: plan, fieldNames: program.fieldNames, parts: parts))
            if index % 64 == 0 { active.append(0) }
        }
        dues = DueTable(count: program.plans.count)
        firstTouches = DueTable(count: program.plans.count)
        firstEnds = DueTable(count: program.plans.count)
        incidents = IncidentTable(settings: settings)
        for identity in program.identities {
            listenerStarts.append(listeners.count)
            for listener in identity.listeners {
                listeners.append(
                    Listener(
                        tracker: listener.plan, source: Int32(truncatingIfNeeded: listener.source)))
            }
        }
        listenerStarts.append(listeners.count)
    }

    deinit {
        trackers.deinitialize()
        trackers.deallocate()
    }

    // MARK: Input

    mutating func add(_ alert: borrowing CorrelationAlert) {
        counts.alerts += 1
        let time = alert.time
        guard !isLate(time) else {
            counts.late += 1
            return
        }
        if looks(at: alert.label) {
            let item = context.items.add(alert)
            pending.append(item, at: time)
            waitingByteCount &+= context.items.byteCount(of: item)
        }
        move(clock: time)
        while waitingByteCount > settings.waitingByteCountMax, let next = pending.next {
            counts.hurried += 1
            complete(through: next)
        }
    }

    mutating func finish() {
        if let clock {
            complete(through: clock)
            if let observer { observer.atEnd(&self, clock) }
            incidents.finish(at: clock, in: &context)
        }
        writeSummary()
        context.records.flush()
    }

    @inline(__always) private mutating func isLate(_ time: Timestamp) -> Bool {
        guard let clock else { return false }
        return time < clock.adding(nanoseconds: 0 &- settings.latenessNanoseconds)
            || counts.hurried > 0 && time <= doneThrough
    }

    /// Whether somebody looks at the alerts of a label: a rule or an incident.
    @inline(__always) mutating func looks(at label: RuleLabelID) -> Bool {
        isSignal(label) || !listeners(of: context.catalog[label].identity).isEmpty
    }

    @inline(__always) mutating func listeners(of identity: Int32) -> Range<Int> {
        Int(identity) &+ 1 < listenerStarts.count
            ? listenerStarts[Int(identity)]..<listenerStarts[Int(identity) &+ 1] : 0..<0
    }

    mutating func move(clock time: Timestamp) {
        if let clock, time <= clock { return }
        clock = time
        // An instant is complete when the watermark is beyond it.
        complete(
            through: time.adding(nanoseconds: 0 &- settings.latenessNanoseconds)
                .adding(nanoseconds: -1))
    }

    // MARK: Instants

    /// Processes all instants up to a time, in order.
    private mutating func complete(through end: Timestamp) {
        while true {
            let next = min(pending.next ?? .distantFuture, nextTimer)
            guard next <= end else { return }
            run(at: next)
            if let observer { observer.afterInstant(&self, next) }
        }
    }

    private mutating func run(at time: Timestamp) {
        lookAhead()
        takeItems(at: time)
        if time >= nextTimer { wakeTrackers(at: time) }
        for index in 0..<items.count { dispatch(items[index]) }
        runTrackers(at: time)
        incidents.run(at: time, signals: signals, in: &context)
        for index in 0..<items.count { context.items.release(items[index]) }
        signals.removeAll()
        items.removeAll()
        doneThrough = time
        enforceMemoryLimit(at: time)
        updateTimer()
    }

    /// Whether incidents look at what has a label.
    @inline(__always) mutating func isSignal(_ label: RuleLabelID) -> Bool {
        let facts = context.catalog[label]
        return facts.isStandalone && facts.level >= settings.signalLevelMin
    }

    /// Fills `items` with the alerts of an instant, in item order (§2).
    private mutating func takeItems(at time: Timestamp) {
        pending.take(at: time, into: &items)
        for index in 0..<items.count {
            waitingByteCount &-= context.items.byteCount(of: items[index])
        }
        if items.count > 1 { sortItems() }
        for index in 0..<items.count { context.items.dropSource(of: items[index]) }
    }

    private mutating func sortItems() {
        var order: [ItemID] = []
        for index in 0..<items.count { order.append(items[index]) }
        order.sort { context.items.precedes($0, $1) }
        items.removeAll()
        for item in order { items.append(item) }
    }

    private mutating func wakeTrackers(at time: Timestamp) {
        due.removeAll()
        dues.append(dueAt: time, to: &due)
        for index in 0..<due.count { wake(due[index]) }
    }

    @inline(__always) private mutating func wake(_ tracker: Int) {
        active[tracker >> 6] |= 1 << UInt64(tracker & 63)
    }

    /// Hands an item to the rules and incidents that look at it.
    @inline(__always) private mutating func dispatch(_ item: ItemID) {
        let facts = context.catalog[context.items.header(item).pointee.label]
        if facts.isStandalone { signals.append(item) }
        for index in listeners(of: facts.identity) {
            let listener = listeners[index]
            trackers[listener.tracker].receive(item, source: listener.source)
            wake(listener.tracker)
        }
    }

    /// Runs the trackers that have something to do; those that refer to others come after them, so
    /// that they see the firings of the same instant.
    private mutating func runTrackers(at time: Timestamp) {
        for word in 0..<active.count {
            while active[word] != 0 {
                let index = word << 6 + active[word].trailingZeroBitCount
                active[word] &= active[word] - 1
                trackers[index].run(at: time, in: &context)
                noteTimes(of: index)
                for firing in 0..<trackers[index].firings.count {
                    counts.firings += 1
                    items.append(trackers[index].firings[firing])
                    dispatch(trackers[index].firings[firing])
                }
            }
        }
    }

    private mutating func updateTimer() {
        nextTimer = min(incidents.nextDeadline ?? .distantFuture, dues.first)
    }

    // MARK: Memory

    /// Evicts the groups with the earliest last items over all rules while all together hold too
    /// much (§8). Groups that hold nothing any more go in turn, one rule in each instant.
    private mutating func enforceMemoryLimit(at time: Timestamp) {
        if trackers.isEmpty { return }
        sweepIndex = sweepIndex + 1 < trackers.count ? sweepIndex + 1 : 0
        sweep(sweepIndex, before: time)
        guard memoryByteCount > settings.memoryByteCountMax else { return }
        if !isTight {
            isTight = true
            for index in trackers.indices { noteTimes(of: index) }
        }
        due.removeAll()
        firstEnds.append(dueAt: time.adding(nanoseconds: -1), to: &due)
        for index in 0..<due.count { sweep(due[index], before: time) }
        while memoryByteCount > settings.memoryByteCountMax, firstTouches.first < .distantFuture {
            let index = firstTouches.firstRule
            trackers[index].evict(in: &context)
            noteTimes(of: index)
        }
    }

    private mutating func sweep(_ index: Int, before time: Timestamp) {
        trackers[index].sweep(before: time, in: &context)
        noteTimes(of: index)
    }

    /// Notes when something happens next in a tracker that has changed.
    @inline(__always) private mutating func noteTimes(of index: Int) {
        dues.set(index, to: trackers[index].timers.next)
        guard isTight else { return }
        firstTouches.set(index, to: trackers[index].firstTouched)
        firstEnds.set(index, to: trackers[index].firstEnd)
    }

    /// Bytes that groups hold, items included, without the alerts that wait.
    private var memoryByteCount: Int {
        @inline(__always) mutating get {
            context.items.byteCount &- waitingByteCount &+ context.groupByteCount
        }
    }

    // MARK: Summary

    private mutating func writeSummary() {
        context.records.json.beginObject()
        context.records.json.member("alerts", counts.alerts)
        context.records.writeCapture()
        let end = clock ?? .distantFuture
        writePerRule("dropped_items", trackers.indices.map { trackers[$0].droppedItemCount })
        context.records.json.key("end")
        if let clock { context.records.json.time(clock) } else { context.records.json.null() }
        writePerRule("evicted_groups", trackers.indices.map { trackers[$0].evictedGroupCount })
        context.records.json.member("evicted_incidents", incidents.evictedCount)
        context.records.json.member("firings", counts.firings)
        context.records.json.member("incidents", incidents.openedCount)
        context.records.json.member("kind", "summary")
        context.records.json.member("late", counts.late)
        writePerRule("pending", trackers.indices.map { trackers[$0].pendingCount(at: end) })
        writePerRule("uncounted", trackers.indices.map { trackers[$0].uncountedCount })
        writePerRule("ungrouped", trackers.indices.map { trackers[$0].ungroupedCount })
        context.records.json.endObject()
        context.records.endRecord()
    }

    /// Writes the counts that are not zero, by rule id.
    private mutating func writePerRule(_ name: StaticString, _ counts: [Int]) {
        context.records.json.key(name)
        context.records.json.beginObject()
        let order = trackers.indices.sorted {
            trackers[$0].plan.id.lexicographicallyPrecedes(trackers[$1].plan.id)
        }
        for index in order where counts[index] > 0 {
            context.records.json.key(String(decoding: trackers[index].plan.id, as: UTF8.self))
            context.records.json.integer(counts[index])
        }
        context.records.json.endObject()
    }
}

// MARK: - Checkpoint

extension CorrelatorCore {
    mutating func save(to writer: inout CheckpointWriter) {
        for count in [counts.alerts, counts.late, counts.firings, counts.hurried, sweepIndex] {
            writer.count(count)
        }
        writer.optional(clock) { $0.time($1) }
        writer.time(doneThrough)
        pending.save(context.items, to: &writer)
        writer.count(trackers.count)
        for index in trackers.indices { trackers[index].save(context.items, to: &writer) }
        incidents.save(context.catalog, to: &writer)
    }

    /// Fills a core that has seen nothing; useless if it throws.
    mutating func restore(from reader: inout CheckpointReader) throws(CheckpointError) {
        counts.alerts = try reader.count()
        counts.late = try reader.count()
        counts.firings = try reader.count()
        counts.hurried = try reader.count()
        sweepIndex = try reader.count()
        clock = try reader.optional { reader throws(CheckpointError) in try reader.time() }
        doneThrough = try reader.time()
        let (items, overflow) = settings.memoryByteCountMax.addingReportingOverflow(
            settings.waitingByteCountMax)
        reader.itemByteCountMax = overflow ? .max : items
        try pending.restore(&context.items, from: &reader)
        guard try reader.count() == trackers.count, sweepIndex < max(1, trackers.count) else {
            throw .inconsistent("it is of another number of rules")
        }
        for index in trackers.indices {
            try trackers[index].restore(
                from: &reader, in: &context, through: doneThrough,
                byteCountMax: settings.memoryByteCountMax)
        }
        try incidents.restore(context.catalog, from: &reader)
        guard reader.byteCount == 0 else { throw .inconsistent("it goes on after its end") }
        releaseMentions(of: reader)
        var waiting = 0
        pending.forEach { waiting &+= context.items.byteCount(of: $0) }
        waitingByteCount = waiting
        for index in trackers.indices { dues.set(index, to: trackers[index].timers.next) }
        updateTimer()
        try checkTimes()
    }

    /// Lets go of what the reader kept; who refers to it keeps it from now on.
    private mutating func releaseMentions(of reader: borrowing CheckpointReader) {
        for item in reader.items { context.items.release(item) }
        for label in reader.labels { context.catalog.release(label) }
        for identity in reader.identities { context.catalog.releaseIdentity(identity) }
        for host in reader.hosts { incidents.hosts.release(host) }
    }

    /// Time goes on from where it was: nothing that is still to be done may lie before what is done.
    private func checkTimes() throws(CheckpointError) {
        let clock = clock ?? Timestamp(nanoseconds: .min)
        guard clock < .distantFuture, doneThrough <= clock, pending.last ?? clock <= clock,
            nextTimer > doneThrough, pending.next ?? .distantFuture > doneThrough
        else { throw .inconsistent("its times contradict each other") }
    }
}
