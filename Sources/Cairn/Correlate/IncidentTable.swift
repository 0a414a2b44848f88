/// The open incidents: signals join one of them or open a new one, silence and age close them
/// (CORRELATION.md §9).
///
/// Bounded by `max-open` and by a limit of bytes; at either the incident with the earliest last
/// signal closes and is counted. What closed by `max-duration` is remembered for one `gap`, up to a
/// limit, to name its continuation.
final class IncidentTable {
    /// Keys of closed incidents that are remembered.
    private static let endedCountMax = 100_000

    private struct Ended {
        var id: RecordID
        var last: Timestamp
        var serial: UInt64
    }

    private let settings: CorrelationSettings
    private let store: ItemStore
    let catalog: RuleCatalog
    let records: RecordWriter
    let hosts: IncidentHosts

    private var incidents: [Incident?] = []
    private var freeSlots: [Int32] = []
    private var openCount = 0
    private var byteCount = 0
    private var otherOwners: [[UInt8]: Int32] = [:]
    /// Ends of the lists by last signal and by opening; an incident with a signal in this instant
    /// is in neither place of the first list.
    private var firstByLast: Int32 = -1
    private var lastByLast: Int32 = -1
    private var firstByOpening: Int32 = -1
    private var lastByOpening: Int32 = -1

    private var ended: [[UInt8]: Ended] = [:]
    private var endedQueue: [(key: [UInt8], serial: UInt64, closed: Timestamp)] = []
    private var endedQueueStart = 0
    private var endedSerial: UInt64 = 0

    /// Incidents with a signal in this instant, and those that it closed.
    private var touched: [Int32] = []
    private var closed: [Int32] = []
    private var actors: [HostID] = []
    private var victims: [HostID] = []

    private(set) var openedCount = 0
    private(set) var evictedCount = 0
    /// Closed incidents whose continuations could not be told, as too many were remembered.
    private(set) var forgottenCount = 0
    private(set) var highestSeverity: Level?

    init(
        settings: CorrelationSettings, store: ItemStore, catalog: RuleCatalog,
        records: RecordWriter
    ) {
        self.settings = settings
        self.store = store
        self.catalog = catalog
        self.records = records
        hosts = IncidentHosts(shared: settings.sharedHosts)
    }

    /// When the next incident closes by itself; nil without open ones. Not to be asked within an
    /// instant.
    var nextDeadline: Timestamp? {
        guard let idle = self[firstByLast], let oldest = self[firstByOpening] else { return nil }
        return min(
            idle.last.adding(nanoseconds: settings.incidentGapNanoseconds),
            oldest.opened.adding(nanoseconds: settings.incidentDurationMaxNanoseconds))
    }

    private subscript(slot: Int32) -> Incident? { slot < 0 ? nil : incidents[Int(slot)] }

    // MARK: An instant

    /// Places the signals of an instant, which come in item order, closes what is over, and writes
    /// the records.
    func run(at time: Timestamp, signals: [ItemID]) {
        for signal in signals { place(signal, at: time) }
        closeWhatIsOver(at: time)
        while byteCount > settings.incidentByteCountMax, firstByLast >= 0 {
            evictFirst(at: time)
        }
        finishInstant(at: time)
    }

    /// Closes all open incidents at the end of input.
    func finish(at clock: Timestamp) {
        while firstByOpening >= 0 { close(firstByOpening, at: clock, reason: .endOfInput) }
        finishInstant(at: clock)
    }

    private func finishInstant(at time: Timestamp) {
        touched.removeAll { self[$0]?.end != nil }
        if !touched.isEmpty || !closed.isEmpty { write(at: time) }
        if touched.count > 1 { touched.sort { idPrecedes($0, $1) } }
        for slot in touched {
            guard let incident = self[slot] else { continue }
            incident.isTouched = false
            incident.isChanged = false
            appendByLast(slot, incident)
        }
        touched.removeAll(keepingCapacity: true)
        for slot in closed { free(slot) }
        closed.removeAll(keepingCapacity: true)
    }

    private func idPrecedes(_ a: Int32, _ b: Int32) -> Bool {
        guard let first = self[a], let second = self[b] else { return false }
        return first.id < second.id
    }

    private func write(at time: Timestamp) {
        var changed = closed
        for slot in touched where self[slot]?.isChanged == true { changed.append(slot) }
        if changed.count > 1 {
            changed.sort { a, b in
                guard let first = self[a], let second = self[b] else { return false }
                return first.opened != second.opened
                    ? first.opened < second.opened : first.id < second.id
            }
        }
        for slot in changed {
            guard let incident = self[slot] else { continue }
            let isNew = incident.revision == 0
            incident.revision += 1
            if let severity = highestSeverity {
                highestSeverity = max(severity, incident.severity)
            } else {
                highestSeverity = incident.severity
            }
            if settings.writesFinalRecordsOnly, incident.end == nil { continue }
            let status = incident.end != nil ? "closed" : isNew ? "open" : "update"
            writeRecord(of: incident, status: status, at: time)
        }
    }

    // MARK: Placing a signal

    private func place(_ signal: ItemID, at time: Timestamp) {
        let label = store.header(signal).pointee.label
        let facts = catalog.facts[Int(label.index)]
        guard facts.level >= settings.signalLevelMin else { return }
        takeHosts(of: signal)
        defer {
            for host in actors { hosts.release(host) }
            for host in victims { hosts.release(host) }
        }
        let keys = keys(of: signal, identity: facts.identity)
        let candidates = candidates(for: keys, at: time)
        let slot = candidates.first ?? open(keys[0], at: time)
        guard let incident = self[slot] else { return }
        let before = incident.byteCount
        touch(slot, incident, at: time)
        for key in keys where owner(of: key) < 0 { own(key, slot, incident) }
        for candidate in candidates.dropFirst() {
            if let relative = self[candidate] { incident.addRelated(relative.id) }
        }
        for actor in actors where !incident.actors.contains(actor) {
            incident.addActor(actor)
            hosts.retain(actor)
        }
        let isPivot = facts.level >= settings.pivotLevelMin
        for victim in victims { add(victim, to: slot, incident, isPivot: isPivot, at: time) }
        let title = catalog.labels[Int(label.index)].title
        if incident.addSignal(of: facts.identity, title: title, level: facts.level, at: time) {
            catalog.retainIdentity(facts.identity)
        }
        if facts.hasATTACK {
            incident.addTags(
                tactics: catalog.labels[Int(label.index)].tactics,
                techniques: catalog.labels[Int(label.index)].techniques, at: time)
        }
        incident.signalCount += 1
        if incident.signals.count < settings.signalsListedMax {
            incident.signals.append(ItemReference(signal, in: store, catalog))
            incident.addBytes(MemoryLayout<ItemReference>.stride)
        }
        byteCount += incident.byteCount - before
    }

    /// Fills `actors` and `victims`, each host retained once.
    private func takeHosts(of signal: ItemID) {
        actors.removeAll(keepingCapacity: true)
        victims.removeAll(keepingCapacity: true)
        if let detail = store.detail(signal) {
            for actor in detail.actors {
                actor.withUnsafeBytes { actors.append(hosts.retained($0)) }
            }
            for victim in detail.victims {
                victim.withUnsafeBytes { victims.append(hosts.retained($0)) }
            }
            return
        }
        let actor = store.value(signal, store.fieldCount)
        if actor.kind != .none { actors.append(hosts.retained(store.text(signal, actor))) }
        let victim = store.value(signal, store.fieldCount + 1)
        if victim.kind != .none { victims.append(hosts.retained(store.text(signal, victim))) }
    }

    private func keys(of signal: ItemID, identity: Int32) -> [IncidentKey] {
        let acting = actors.filter { !hosts[$0].isShared }
        if !acting.isEmpty { return acting.map(IncidentKey.actor) }
        var json = JSONWriter()
        func rule(_ values: [[UInt8]]) -> IncidentKey {
            json.string("rule")
            json.string(catalog.text(ofIdentity: identity))
            for value in values { json.string(value) }
            return .other(json.bytes)
        }
        if let actor = actors.first {
            guard victims.count == 1 else { return [rule([hosts[actor].text])] }
            json.string("pair")
            json.string(hosts[actor].text)
            json.string(hosts[victims[0]].text)
            return [.other(json.bytes)]
        }
        if victims.count == 1, !hosts[victims[0]].isShared { return [.victim(victims[0])] }
        return [rule(store.detail(signal)?.group ?? [])]
    }

    private func owner(of key: IncidentKey) -> Int32 {
        switch key {
        case .actor(let host): hosts[host].actorOwner
        case .victim(let host): hosts[host].victimOwner
        case .other(let text): otherOwners[text] ?? -1
        }
    }

    private func own(_ key: IncidentKey, _ slot: Int32, _ incident: Incident) {
        incident.keys.append(key)
        incident.addBytes(48)
        switch key {
        case .actor(let host):
            hosts.retain(host)
            hosts[host].actorOwner = slot
            hosts[host].relatedVersion = 0
        case .victim(let host):
            hosts.retain(host)
            hosts[host].victimOwner = slot
        case .other(let text):
            otherOwners[text] = slot
            incident.addBytes(2 * text.count + 64)
        }
    }

    private func disown(_ key: IncidentKey) {
        switch key {
        case .actor(let host): hosts[host].actorOwner = -1
        case .victim(let host): hosts[host].victimOwner = -1
        case .other(let text): otherOwners[text] = nil
        }
    }

    /// The open incidents that could take a signal with these keys, the one that does first.
    private func candidates(for keys: [IncidentKey], at time: Timestamp) -> [Int32] {
        if keys.count == 1, case .actor(let host) = keys[0], hosts[host].actorOwner >= 0 {
            // Nothing new since the owner's relatives were completed: it is alone.
            guard hosts[host].relatedVersion != hosts[host].hitVersion else {
                return [hosts[host].actorOwner]
            }
            hosts[host].relatedVersion = hosts[host].hitVersion
        }
        var owners: [Int32] = []
        for key in keys {
            let owner = owner(of: key)
            if owner >= 0, !owners.contains(owner) { owners.append(owner) }
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
            var place = hosts[host].firstHit
            while place >= 0 {
                let hit = hosts.hits[Int(place)]
                if hit.time.adding(nanoseconds: settings.incidentGapNanoseconds) >= time {
                    latest[hit.incident] = max(latest[hit.incident] ?? hit.time, hit.time)
                }
                place = hit.next
            }
        }
        for owner in owners { latest[owner] = nil }
        return latest.sorted { a, b in
            if a.value != b.value { return a.value > b.value }
            guard let first = self[a.key], let second = self[b.key] else { return false }
            return first.opened != second.opened
                ? first.opened < second.opened : first.id < second.id
        }.map(\.key)
    }

    private func add(
        _ victim: HostID, to slot: Int32, _ incident: Incident, isPivot: Bool, at time: Timestamp
    ) {
        var place = incident.victims.firstIndex { $0.host == victim }
        if place == nil {
            guard incident.victims.count < Incident.victimCountMax else {
                incident.hasMoreVictims = true
                return
            }
            place = incident.victims.count
            incident.victims.append(Incident.Victim(host: victim))
            incident.addBytes(96)
            hosts.retain(victim)
        }
        guard let place, isPivot, !hosts[victim].isShared, !actors.contains(victim) else { return }
        if incident.victims[place].hit >= 0 {
            hosts.renewHit(
                incident.victims[place].hit, at: time, gap: settings.incidentGapNanoseconds)
        } else {
            incident.victims[place].hit = hosts.addHit(on: victim, in: slot, at: time)
        }
    }

    // MARK: Opening and closing

    private func open(_ key: IncidentKey, at time: Timestamp) -> Int32 {
        while openCount >= settings.openIncidentCountMax, firstByLast >= 0 { evictFirst(at: time) }
        let id = records.makeID { json in
            json.beginArray()
            json.string("incident")
            records.time(time, to: &json)
            write(key, to: &json)
            json.endArray()
        }
        let incident = Incident(id: id, at: time)
        if !ended.isEmpty, let previous = ended.removeValue(forKey: text(of: key)),
            previous.last.adding(nanoseconds: settings.incidentGapNanoseconds) >= time
        {
            incident.continues = previous.id
        }
        let slot: Int32
        if let free = freeSlots.popLast() {
            slot = free
            incidents[Int(slot)] = incident
        } else {
            slot = Int32(truncatingIfNeeded: incidents.count)
            incidents.append(incident)
        }
        appendByOpening(slot, incident)
        incident.isTouched = true
        incident.isChanged = true
        touched.append(slot)
        openCount += 1
        openedCount += 1
        byteCount += incident.byteCount
        return slot
    }

    private func touch(_ slot: Int32, _ incident: Incident, at time: Timestamp) {
        incident.last = time
        guard !incident.isTouched else { return }
        incident.isTouched = true
        touched.append(slot)
        unlinkByLast(incident)
    }

    private func evictFirst(at time: Timestamp) {
        evictedCount += 1
        close(firstByLast, at: time, reason: .evicted)
    }

    private func closeWhatIsOver(at time: Timestamp) {
        while let oldest = self[firstByOpening],
            oldest.opened.adding(nanoseconds: settings.incidentDurationMaxNanoseconds) <= time
        {
            close(firstByOpening, at: time, reason: .maxDuration)
        }
        while let idle = self[firstByLast],
            idle.last.adding(nanoseconds: settings.incidentGapNanoseconds) <= time
        {
            close(firstByLast, at: time, reason: .quiet)
        }
        // Without a gap an incident is over with its instant.
        guard settings.incidentGapNanoseconds == 0 else { return }
        for slot in touched where self[slot]?.end == nil { close(slot, at: time, reason: .quiet) }
    }

    private func close(_ slot: Int32, at time: Timestamp, reason: Incident.EndReason) {
        guard let incident = self[slot] else { return }
        incident.end = reason
        if !incident.isTouched { unlinkByLast(incident) }
        unlinkByOpening(incident)
        openCount -= 1
        byteCount -= incident.byteCount
        forgetEnded(before: time)
        let isCut = reason == .maxDuration
        for key in incident.keys {
            disown(key)
            if isCut || !ended.isEmpty { remember(key, of: incident, at: time, isCut: isCut) }
        }
        for victim in incident.victims where victim.hit >= 0 { hosts.removeHit(victim.hit) }
        closed.append(slot)
    }

    private func free(_ slot: Int32) {
        guard let incident = self[slot] else { return }
        for key in incident.keys {
            switch key {
            case .actor(let host), .victim(let host): hosts.release(host)
            case .other: break
            }
        }
        for host in incident.actors { hosts.release(host) }
        for victim in incident.victims { hosts.release(victim.host) }
        for rule in incident.rules { catalog.releaseIdentity(rule.identity) }
        incidents[Int(slot)] = nil
        freeSlots.append(slot)
    }

    // MARK: Lists

    private func appendByLast(_ slot: Int32, _ incident: Incident) {
        incident.previousByLast = lastByLast
        incident.nextByLast = -1
        if let last = self[lastByLast] { last.nextByLast = slot } else { firstByLast = slot }
        lastByLast = slot
    }

    private func unlinkByLast(_ incident: Incident) {
        if let previous = self[incident.previousByLast] {
            previous.nextByLast = incident.nextByLast
        } else {
            firstByLast = incident.nextByLast
        }
        if let next = self[incident.nextByLast] {
            next.previousByLast = incident.previousByLast
        } else {
            lastByLast = incident.previousByLast
        }
    }

    private func appendByOpening(_ slot: Int32, _ incident: Incident) {
        incident.previousByOpening = lastByOpening
        if let last = self[lastByOpening] {
            last.nextByOpening = slot
        } else {
            firstByOpening = slot
        }
        lastByOpening = slot
    }

    private func unlinkByOpening(_ incident: Incident) {
        if let previous = self[incident.previousByOpening] {
            previous.nextByOpening = incident.nextByOpening
        } else {
            firstByOpening = incident.nextByOpening
        }
        if let next = self[incident.nextByOpening] {
            next.previousByOpening = incident.previousByOpening
        } else {
            lastByOpening = incident.previousByOpening
        }
    }

    // MARK: Closed by age

    /// Remembers a key of an incident that is cut by `max-duration`; forgets who had the key
    /// before.
    private func remember(
        _ key: IncidentKey, of incident: Incident, at time: Timestamp, isCut: Bool
    ) {
        let text = text(of: key)
        guard isCut else {
            ended[text] = nil
            return
        }
        if ended.count >= Self.endedCountMax {
            forgottenCount += 1
            ended[endedQueue[endedQueueStart].key] = nil
            endedQueueStart += 1
        }
        endedSerial += 1
        ended[text] = Ended(id: incident.id, last: incident.last, serial: endedSerial)
        endedQueue.append((text, endedSerial, time))
    }

    /// Forgets what closed too long ago to be continued.
    private func forgetEnded(before time: Timestamp) {
        while endedQueueStart < endedQueue.count {
            let oldest = endedQueue[endedQueueStart]
            let end = oldest.closed.adding(nanoseconds: settings.incidentGapNanoseconds)
            guard end < time || ended[oldest.key]?.serial != oldest.serial else { break }
            if ended[oldest.key]?.serial == oldest.serial { ended[oldest.key] = nil }
            endedQueueStart += 1
        }
        if endedQueueStart > 1024, 2 * endedQueueStart > endedQueue.count {
            endedQueue.removeFirst(endedQueueStart)
            endedQueueStart = 0
        }
    }
}
