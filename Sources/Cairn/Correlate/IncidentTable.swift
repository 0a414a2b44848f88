/// The open incidents: signals join one of them or open a new one, silence and age close them
/// (CORRELATION.md §9).
///
/// Bounded by `max-open` and by a limit of bytes; at either the incident with the earliest last
/// signal closes and is counted. What closed by `max-duration` is remembered for one `gap`, up to a
/// limit, to name its continuation.
///
/// What runs for every signal is `mutating` even where it only reads: for any other function the
/// compiler (6.3) copies the table.
struct IncidentTable: ~Copyable {
    let settings: CorrelationSettings
    var hosts: IncidentHosts
    var slots = PlainList<UnsafeMutablePointer<Incident>?>()
    private var freeSlots = PlainList<Int32>()
    /// Incidents that are over, whose memory the next ones take.
    private var spare = PlainList<UnsafeMutablePointer<Incident>>()
    private static let spareCountMax = 64
    var openCount = 0
    var byteCount = 0
    /// The incidents that own keys which are no single hosts.
    var otherOwners: [[UInt8]: Int32] = [:]
    var ended = EndedIncidents()

    /// While an incident has a signal in the present instant it is not among those by last signal.
    var byLast = SlotList()
    var byOpening = SlotList()

    /// Incidents with a signal in this instant, and those that it closed.
    private var touched = PlainList<Int32>()
    private var closed = PlainList<Int32>()
    /// Those whose records the instant writes.
    private var changed = PlainList<Int32>()
    /// Hosts of the signal in hand.
    var actors = PlainList<HostID>()
    var victims = PlainList<HostID>()

    /// Why signals joined the incident that somebody asks about; nil if nobody does.
    var trace: JoinTrace?

    var openedCount = 0
    var evictedCount = 0
    /// Of this run.
    private(set) var highestSeverity: Level?

    init(settings: CorrelationSettings) {
        self.settings = settings
        hosts = IncidentHosts(shared: settings.sharedHosts)
    }

    deinit {
        for index in 0..<slots.count {
            guard let incident = slots[index] else { continue }
            incident.deinitialize(count: 1)
            incident.deallocate()
        }
        for index in 0..<spare.count {
            spare[index].deinitialize(count: 1)
            spare[index].deallocate()
        }
    }

    /// Closed incidents whose continuations could not be told, as too many were remembered.
    var forgottenCount: Int { ended.forgottenCount }

    /// When the next incident closes by itself; nil without open ones. Not to be asked within an
    /// instant.
    var nextDeadline: Timestamp? {
        mutating get {
            guard byLast.first >= 0, byOpening.first >= 0 else { return nil }
            return min(quietEnd(of: byLast.first), ageEnd(of: byOpening.first))
        }
    }

    @inline(__always) private mutating func quietEnd(of slot: Int32) -> Timestamp {
        self[slot].pointee.last.adding(nanoseconds: settings.incidentGapNanoseconds)
    }

    @inline(__always) private mutating func ageEnd(of slot: Int32) -> Timestamp {
        self[slot].pointee.opened.adding(nanoseconds: settings.incidentDurationMaxNanoseconds)
    }

    @inline(__always) subscript(slot: Int32) -> UnsafeMutablePointer<Incident> {
        guard let incident = slots[Int(slot)] else { preconditionFailure("no such incident") }
        return incident
    }

    // MARK: An instant

    /// Places the signals of an instant, which come in item order, closes what is over, and writes
    /// the records.
    mutating func run(
        at time: Timestamp, signals: borrowing PlainList<ItemID>,
        in context: inout CorrelationContext
    ) {
        for index in 0..<signals.count { place(signals[index], at: time, in: &context) }
        closeWhatIsOver(at: time)
        while byteCount > settings.incidentByteCountMax, byLast.first >= 0 {
            evictFirst(at: time)
        }
        if touched.count > 0 || closed.count > 0 { finishInstant(at: time, in: &context) }
    }

    /// Closes all open incidents at the end of input.
    mutating func finish(at clock: Timestamp, in context: inout CorrelationContext) {
        while byOpening.first >= 0 {
            close(byOpening.first, at: clock, reason: .endOfInput)
        }
        finishInstant(at: clock, in: &context)
    }

    private mutating func finishInstant(at time: Timestamp, in context: inout CorrelationContext) {
        write(at: time, in: &context)
        changed.removeAll()
        // In the order of ids, so that the list by last signal is one of ids among equals.
        if touched.count > 1 {
            let incidents = slots.elements
            touched.sort {
                guard let a = incidents[Int($0)], let b = incidents[Int($1)] else { return false }
                return a.pointee.id < b.pointee.id
            }
        }
        for index in 0..<touched.count where self[touched[index]].pointee.end == nil {
            self[touched[index]].pointee.isTouched = false
            self[touched[index]].pointee.isChanged = false
            byLast.append(touched[index])
        }
        touched.removeAll()
        for index in 0..<closed.count { free(closed[index], context.catalog) }
        closed.removeAll()
    }

    private mutating func write(at time: Timestamp, in context: inout CorrelationContext) {
        for index in 0..<closed.count { changed.append(closed[index]) }
        for index in 0..<touched.count {
            let incident = self[touched[index]]
            if incident.pointee.isChanged, incident.pointee.end == nil {
                changed.append(touched[index])
            }
        }
        if changed.count > 1 {
            let incidents = slots.elements
            changed.sort {
                guard let a = incidents[Int($0)], let b = incidents[Int($1)] else { return false }
                return a.pointee.opened != b.pointee.opened
                    ? a.pointee.opened < b.pointee.opened : a.pointee.id < b.pointee.id
            }
        }
        for index in 0..<changed.count { write(self[changed[index]], at: time, in: &context) }
    }

    private mutating func write(
        _ incident: UnsafeMutablePointer<Incident>, at time: Timestamp,
        in context: inout CorrelationContext
    ) {
        let severity = incident.pointee.severity
        highestSeverity = max(highestSeverity ?? severity, severity)
        let isNew = incident.pointee.revision == 0
        incident.pointee.revision += 1
        let isOpen = incident.pointee.end == nil
        if isOpen, settings.writesFinalRecordsOnly { return }
        let status: StaticString = !isOpen ? "closed" : isNew ? "open" : "update"
        writeRecord(
            of: incident, status: status, at: time, context.catalog, &context.records)
    }

    // MARK: Opening and closing

    mutating func open(
        _ key: IncidentKey, at time: Timestamp, _ records: inout RecordWriter
    ) -> Int32 {
        while openCount >= settings.openIncidentCountMax, byLast.first >= 0 {
            evictFirst(at: time)
        }
        records.idSource.beginArray()
        records.idSource.raw(#""incident""#)
        records.idSource.time(time)
        write(key, to: &records.idSource)
        records.idSource.endArray()
        let incident = makeIncident(id: records.makeID(), at: time)
        if !ended.isEmpty {
            incident.pointee.continues = ended.continued(
                text(of: key), at: time, gap: settings.incidentGapNanoseconds)
        }
        let slot: Int32
        if freeSlots.isEmpty {
            slot = Int32(truncatingIfNeeded: slots.count)
            slots.append(incident)
        } else {
            slot = freeSlots.removeLast()
            slots[Int(slot)] = incident
        }
        byOpening.append(slot)
        incident.pointee.isTouched = true
        incident.pointee.isChanged = true
        touched.append(slot)
        openCount += 1
        openedCount += 1
        byteCount += incident.pointee.byteCount
        return slot
    }

    private mutating func makeIncident(
        id: RecordID, at time: Timestamp
    ) -> UnsafeMutablePointer<Incident> {
        if spare.isEmpty {
            let incident = UnsafeMutablePointer<Incident>.allocate(capacity: 1)
            incident.initialize(to: Incident(id: id, at: time))
            return incident
        }
        let incident = spare.removeLast()
        incident.pointee.begin(id: id, at: time)
        return incident
    }

    mutating func touch(_ slot: Int32, at time: Timestamp) {
        self[slot].pointee.last = time
        guard !self[slot].pointee.isTouched else { return }
        self[slot].pointee.isTouched = true
        touched.append(slot)
        byLast.remove(slot)
    }

    private mutating func evictFirst(at time: Timestamp) {
        evictedCount += 1
        close(byLast.first, at: time, reason: .evicted)
        // Those that go next were not looked at for long.
        let next = byLast.first
        guard next >= 0 else { return }
        prefetchHosts(of: next)
        let second = byLast.next(after: next)
        guard second >= 0 else { return }
        self[second].pointee.prefetchLists()
        let third = byLast.next(after: second)
        if third >= 0 { prefetch(self[third]) }
    }

    private mutating func prefetchHosts(of slot: Int32) {
        let incident = self[slot]
        for place in 0..<incident.pointee.actors.count {
            hosts.prefetch(incident.pointee.actors[place])
        }
        for place in 0..<incident.pointee.victims.count {
            hosts.prefetch(incident.pointee.victims[place])
        }
    }

    private mutating func closeWhatIsOver(at time: Timestamp) {
        while byOpening.first >= 0, ageEnd(of: byOpening.first) <= time {
            close(byOpening.first, at: time, reason: .maxDuration)
        }
        while byLast.first >= 0, quietEnd(of: byLast.first) <= time {
            close(byLast.first, at: time, reason: .quiet)
        }
        // Without a gap an incident is over with its instant.
        guard settings.incidentGapNanoseconds == 0 else { return }
        for index in 0..<touched.count where self[touched[index]].pointee.end == nil {
            close(touched[index], at: time, reason: .quiet)
        }
    }

    private mutating func close(_ slot: Int32, at time: Timestamp, reason: Incident.EndReason) {
        let incident = self[slot]
        incident.pointee.end = reason
        if !incident.pointee.isTouched { byLast.remove(slot) }
        byOpening.remove(slot)
        openCount -= 1
        byteCount -= incident.pointee.byteCount
        ended.forget(before: time, gap: settings.incidentGapNanoseconds)
        for key in incident.pointee.keys {
            switch key {
            case .actor(let host): hosts.setActorOwner(-1, of: host)
            case .victim(let host): hosts.setVictimOwner(-1, of: host)
            case .other(let text): otherOwners[text] = nil
            }
            if reason == .maxDuration {
                ended.remember(
                    incident.pointee.id, last: incident.pointee.last, text(of: key), at: time)
            } else if !ended.isEmpty {
                ended.forget(text(of: key))
            }
        }
        for place in 0..<incident.pointee.hits.count {
            let hit = incident.pointee.hits[place]
            if hit >= 0 { hosts.removeHit(hit) }
        }
        closed.append(slot)
    }

    private mutating func free(_ slot: Int32, _ catalog: RuleCatalog) {
        let incident = self[slot]
        for key in incident.pointee.keys {
            switch key {
            case .actor(let host), .victim(let host): hosts.release(host)
            case .other: break
            }
        }
        for place in 0..<incident.pointee.actors.count {
            hosts.release(incident.pointee.actors[place])
        }
        for place in 0..<incident.pointee.victims.count {
            hosts.release(incident.pointee.victims[place])
        }
        for place in 0..<incident.pointee.rules.count {
            catalog.release(incident.pointee.rules[place].label)
        }
        if spare.count < Self.spareCountMax {
            spare.append(incident)
        } else {
            incident.deinitialize(count: 1)
            incident.deallocate()
        }
        slots[Int(slot)] = nil
        freeSlots.append(slot)
    }
}
