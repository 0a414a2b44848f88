/// The open incidents: signals join one of them or open a new one, silence and age close them
/// (CORRELATION.md §9).
///
/// Bounded by `max-open` and by a limit of bytes; at either the incident with the earliest last
/// signal closes and is counted. What closed by `max-duration` is remembered for one `gap`, up to a
/// limit, to name its continuation.
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

    // Ends of the lists by last signal and by opening; while an incident has a signal in the
    // present instant it is out of the first one.
    var firstByLast: Int32 = -1
    var lastByLast: Int32 = -1
    var firstByOpening: Int32 = -1
    var lastByOpening: Int32 = -1

    /// Incidents with a signal in this instant, and those that it closed.
    private var touched = PlainList<Int32>()
    private var closed = PlainList<Int32>()
    /// Those whose records the instant writes.
    private var changed = PlainList<Int32>()
    /// Hosts of the signal in hand.
    private(set) var actors = PlainList<HostID>()
    private(set) var victims = PlainList<HostID>()

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
        guard firstByLast >= 0, firstByOpening >= 0 else { return nil }
        return min(quietEnd(of: firstByLast), ageEnd(of: firstByOpening))
    }

    @inline(__always) private func quietEnd(of slot: Int32) -> Timestamp {
        self[slot].pointee.last.adding(nanoseconds: settings.incidentGapNanoseconds)
    }

    @inline(__always) private func ageEnd(of slot: Int32) -> Timestamp {
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
        while byteCount > settings.incidentByteCountMax, firstByLast >= 0 { evictFirst(at: time) }
        if touched.count > 0 || closed.count > 0 { finishInstant(at: time, in: &context) }
    }

    /// Closes all open incidents at the end of input.
    mutating func finish(at clock: Timestamp, in context: inout CorrelationContext) {
        while firstByOpening >= 0 { close(firstByOpening, at: clock, reason: .endOfInput) }
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
            appendByLast(touched[index])
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
        let status = !isOpen ? "closed" : isNew ? "open" : "update"
        writeRecord(
            of: incident, status: status, at: time, context.catalog, &context.records)
    }

    // MARK: Placing a signal

    private mutating func place(
        _ signal: ItemID, at time: Timestamp, in context: inout CorrelationContext
    ) {
        let label = context.items.header(signal).pointee.label
        let facts = context.catalog[label]
        guard facts.level >= settings.signalLevelMin else { return }
        takeHosts(of: signal, context.items)
        let slot = takingIncident(of: signal, facts, at: time, in: &context)
        if trace != nil { noteJoin(signal, to: slot, context) }
        let incident = self[slot]
        let before = incident.pointee.byteCount
        for index in 0..<actors.count { add(actor: actors[index], to: incident) }
        let isPivot = facts.level >= settings.pivotLevelMin
        for index in 0..<victims.count {
            add(victim: victims[index], to: slot, isPivot: isPivot, at: time)
        }
        if incident.pointee.count(facts.identity, level: facts.level, at: time) {
            context.catalog.retainIdentity(facts.identity)
            incident.pointee.addRule(
                facts.identity, title: context.catalog.title(of: label), level: facts.level,
                at: time)
        }
        if facts.hasATTACK {
            incident.pointee.addTags(
                tactics: context.catalog.tactics(of: label),
                techniques: context.catalog.techniques(of: label), at: time)
        }
        incident.pointee.signalCount += 1
        if incident.pointee.signals.count < settings.signalsListedMax {
            incident.pointee.signals.append(ItemReference(signal, in: context.items))
            incident.pointee.addBytes(MemoryLayout<ItemReference>.stride)
        }
        byteCount += incident.pointee.byteCount - before
        for index in 0..<actors.count { hosts.release(actors[index]) }
        for index in 0..<victims.count { hosts.release(victims[index]) }
    }

    /// Finds or opens the incident that a signal belongs to; it then owns the signal's keys that
    /// nobody owned.
    private mutating func takingIncident(
        of signal: ItemID, _ facts: RuleCatalog.Facts, at time: Timestamp,
        in context: inout CorrelationContext
    ) -> Int32 {
        if actors.count == 1 {
            // Mostly an actor goes on: nothing new since its incident's relatives were completed.
            let host = hosts[actors[0]]
            if host.actorOwner >= 0, !host.isShared, host.relatedVersion == host.hitVersion {
                if trace != nil { noteReason([.actor(actors[0])], [host.actorOwner]) }
                touch(host.actorOwner, at: time)
                return host.actorOwner
            }
            // Or begins, and was nobody's victim.
            if host.actorOwner < 0, host.firstHit < 0, !host.isShared {
                let key = IncidentKey.actor(actors[0])
                if trace != nil { noteReason([key], []) }
                let slot = open(key, at: time, &context.records)
                let before = self[slot].pointee.byteCount
                own(key, slot)
                byteCount += self[slot].pointee.byteCount - before
                return slot
            }
        }
        let keys = keys(of: signal, identity: facts.identity, context)
        let candidates = candidates(for: keys, at: time)
        if trace != nil { noteReason(keys, candidates) }
        let slot = candidates.first ?? open(keys[0], at: time, &context.records)
        touch(slot, at: time)
        let before = self[slot].pointee.byteCount
        for key in keys where owner(of: key) < 0 { own(key, slot) }
        for candidate in candidates.dropFirst() {
            self[slot].pointee.addRelated(self[candidate].pointee.id)
        }
        byteCount += self[slot].pointee.byteCount - before
        return slot
    }

    /// Fills `actors` and `victims`, each host retained once.
    private mutating func takeHosts(of signal: ItemID, _ items: borrowing ItemStore) {
        actors.removeAll()
        victims.removeAll()
        if let detail = items.detail(signal) {
            for actor in detail.actors {
                actor.withUnsafeBytes { actors.append(hosts.retained($0)) }
            }
            for victim in detail.victims {
                victim.withUnsafeBytes { victims.append(hosts.retained($0)) }
            }
            return
        }
        let actor = items.value(signal, items.fieldCount)
        if actor.kind != .none { actors.append(hosts.retained(items.text(signal, actor))) }
        let victim = items.value(signal, items.fieldCount + 1)
        if victim.kind != .none { victims.append(hosts.retained(items.text(signal, victim))) }
    }

    private func keys(
        of signal: ItemID, identity: Int32, _ context: borrowing CorrelationContext
    ) -> [IncidentKey] {
        var acting: [IncidentKey] = []
        for index in 0..<actors.count where !hosts[actors[index]].isShared {
            acting.append(.actor(actors[index]))
        }
        if !acting.isEmpty { return acting }
        let rule = context.catalog.text(ofIdentity: identity)
        if actors.count > 0 {
            let actor = hosts.text(actors[0])
            return victims.count == 1
                ? [IncidentKey("pair", [actor, hosts.text(victims[0])])]
                : [IncidentKey("rule", [rule, actor])]
        }
        if victims.count == 1, !hosts[victims[0]].isShared { return [.victim(victims[0])] }
        return [IncidentKey("rule", [rule] + (context.items.detail(signal)?.group ?? []))]
    }

    func owner(of key: IncidentKey) -> Int32 {
        switch key {
        case .actor(let host): hosts[host].actorOwner
        case .victim(let host): hosts[host].victimOwner
        case .other(let text): otherOwners[text] ?? -1
        }
    }

    mutating func own(_ key: IncidentKey, _ slot: Int32) {
        self[slot].pointee.keys.append(key)
        self[slot].pointee.addBytes(48)
        switch key {
        case .actor(let host):
            hosts.retain(host)
            hosts.setActorOwner(slot, of: host)
        case .victim(let host):
            hosts.retain(host)
            hosts.setVictimOwner(slot, of: host)
        case .other(let text):
            otherOwners[text] = slot
            self[slot].pointee.addBytes(2 * text.count + 64)
        }
    }

    /// The open incidents that could take a signal with these keys, the one that does first.
    private mutating func candidates(for keys: [IncidentKey], at time: Timestamp) -> [Int32] {
        var owners: [Int32] = []
        for key in keys {
            let owner = owner(of: key)
            if owner >= 0, !owners.contains(owner) { owners.append(owner) }
        }
        if keys.count == 1, !owners.isEmpty, case .actor(let host) = keys[0] {
            hosts.markRelated(host)
        }
        return owners + pivots(for: keys, without: owners, at: time)
    }

    /// Open incidents in which an actor was hit as a victim at most `gap` ago, the latest hit
    /// first.
    private func pivots(
        for keys: [IncidentKey], without owners: [Int32], at time: Timestamp
    ) -> [Int32] {
        var latest: [Int32: Timestamp] = [:]
        for case .actor(let host) in keys {
            hosts.forEachHit(on: host) { hit in
                if hit.time.adding(nanoseconds: settings.incidentGapNanoseconds) >= time {
                    latest[hit.incident] = max(latest[hit.incident] ?? hit.time, hit.time)
                }
            }
        }
        for owner in owners { latest[owner] = nil }
        if latest.isEmpty { return [] }
        return latest.sorted { a, b in
            let (first, second) = (self[a.key], self[b.key])
            if a.value != b.value { return a.value > b.value }
            return first.pointee.opened != second.pointee.opened
                ? first.pointee.opened < second.pointee.opened
                : first.pointee.id < second.pointee.id
        }.map(\.key)
    }

    private mutating func add(actor: HostID, to incident: UnsafeMutablePointer<Incident>) {
        guard !incident.pointee.actors.contains(actor) else { return }
        incident.pointee.addActor(actor)
        hosts.retain(actor)
    }

    private mutating func add(victim: HostID, to slot: Int32, isPivot: Bool, at time: Timestamp) {
        let incident = self[slot]
        var place = incident.pointee.victims.firstIndex { $0.host == victim }
        if place == nil {
            guard incident.pointee.victims.count < Incident.victimCountMax else {
                incident.pointee.hasMoreVictims = true
                return
            }
            place = incident.pointee.victims.count
            append(victim: victim, to: incident)
        }
        guard let place, isPivot, !hosts[victim].isShared, !isActor(victim) else { return }
        let hit = incident.pointee.victims[place].hit
        if hit >= 0 {
            hosts.renewHit(hit, at: time, gap: settings.incidentGapNanoseconds)
        } else {
            incident.pointee.victims[place].hit = hosts.addHit(on: victim, in: slot, at: time)
        }
    }

    func append(victim: HostID, to incident: UnsafeMutablePointer<Incident>) {
        incident.pointee.victims.append(Incident.Victim(host: victim))
        incident.pointee.addBytes(96)
        hosts.retain(victim)
    }

    private func isActor(_ host: HostID) -> Bool {
        for index in 0..<actors.count where actors[index] == host { return true }
        return false
    }

    // MARK: Opening and closing

    private mutating func open(
        _ key: IncidentKey, at time: Timestamp, _ records: inout RecordWriter
    ) -> Int32 {
        while openCount >= settings.openIncidentCountMax, firstByLast >= 0 { evictFirst(at: time) }
        records.idSource.beginArray()
        records.idSource.string("incident")
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
        appendByOpening(slot)
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

    private mutating func touch(_ slot: Int32, at time: Timestamp) {
        self[slot].pointee.last = time
        guard !self[slot].pointee.isTouched else { return }
        self[slot].pointee.isTouched = true
        touched.append(slot)
        unlinkByLast(slot)
    }

    private mutating func evictFirst(at time: Timestamp) {
        evictedCount += 1
        close(firstByLast, at: time, reason: .evicted)
    }

    private mutating func closeWhatIsOver(at time: Timestamp) {
        while firstByOpening >= 0, ageEnd(of: firstByOpening) <= time {
            close(firstByOpening, at: time, reason: .maxDuration)
        }
        while firstByLast >= 0, quietEnd(of: firstByLast) <= time {
            close(firstByLast, at: time, reason: .quiet)
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
        if !incident.pointee.isTouched { unlinkByLast(slot) }
        unlinkByOpening(slot)
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
                ended.remember(incident.pointee, text(of: key), at: time)
            } else if !ended.isEmpty {
                ended.forget(text(of: key))
            }
        }
        for victim in incident.pointee.victims where victim.hit >= 0 { hosts.removeHit(victim.hit) }
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
        for host in incident.pointee.actors { hosts.release(host) }
        for victim in incident.pointee.victims { hosts.release(victim.host) }
        for rule in incident.pointee.rules { catalog.releaseIdentity(rule.identity) }
        if spare.count < Self.spareCountMax {
            spare.append(incident)
        } else {
            incident.deinitialize(count: 1)
            incident.deallocate()
        }
        slots[Int(slot)] = nil
        freeSlots.append(slot)
    }

    // MARK: Lists

    mutating func appendByLast(_ slot: Int32) {
        self[slot].pointee.previousByLast = lastByLast
        self[slot].pointee.nextByLast = -1
        if lastByLast >= 0 {
            self[lastByLast].pointee.nextByLast = slot
        } else {
            firstByLast = slot
        }
        lastByLast = slot
    }

    private mutating func unlinkByLast(_ slot: Int32) {
        let previous = self[slot].pointee.previousByLast
        let next = self[slot].pointee.nextByLast
        if previous >= 0 { self[previous].pointee.nextByLast = next } else { firstByLast = next }
        if next >= 0 { self[next].pointee.previousByLast = previous } else { lastByLast = previous }
    }

    mutating func appendByOpening(_ slot: Int32) {
        self[slot].pointee.previousByOpening = lastByOpening
        if lastByOpening >= 0 {
            self[lastByOpening].pointee.nextByOpening = slot
        } else {
            firstByOpening = slot
        }
        lastByOpening = slot
    }

    private mutating func unlinkByOpening(_ slot: Int32) {
        let previous = self[slot].pointee.previousByOpening
        let next = self[slot].pointee.nextByOpening
        if previous >= 0 {
            self[previous].pointee.nextByOpening = next
        } else {
            firstByOpening = next
        }
        if next >= 0 {
            self[next].pointee.previousByOpening = previous
        } else {
            lastByOpening = previous
        }
    }
}
