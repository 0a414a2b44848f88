/// Saving and restoring the open incidents (CORRELATION.md §11), between instants: each in the
/// order of opening, then the order of their last signals. Who owns a key and who was hit where
/// follows from them.
extension IncidentTable {
    func save(_ catalog: RuleCatalog, to writer: inout CheckpointWriter) {
        writer.count(openedCount)
        writer.count(evictedCount)
        ended.save(to: &writer)
        writer.count(openCount)
        var ordinals: [Int32: Int] = [:]
        var slot = byOpening.first
        while slot >= 0 {
            ordinals[slot] = ordinals.count
            save(self[slot].pointee, catalog, to: &writer)
            slot = byOpening.next(after: slot)
        }
        slot = byLast.first
        while slot >= 0 {
            writer.count(ordinals[slot] ?? 0)
            slot = byLast.next(after: slot)
        }
    }

    private func save(
        _ incident: borrowing Incident, _ catalog: RuleCatalog, to writer: inout CheckpointWriter
    ) {
        writer.id(incident.id)
        writer.time(incident.opened)
        writer.time(incident.last)
        writer.count(incident.keys.count)
        for key in incident.keys { save(key, to: &writer) }
        writer.count(incident.actors.count)
        for place in 0..<incident.actors.count { hosts.save(incident.actors[place], to: &writer) }
        writer.count(incident.victims.count)
        for place in 0..<incident.victims.count {
            hosts.save(incident.victims[place], to: &writer)
            let hit = incident.hits[place]
            writer.optional(hit >= 0 ? hosts.hits[Int(hit)].time : nil) {
                $0.time($1)
            }
        }
        incident.save(catalog, to: &writer)
    }

    private func save(_ key: IncidentKey, to writer: inout CheckpointWriter) {
        switch key {
        case .actor(let host):
            writer.byte(0)
            hosts.save(host, to: &writer)
            writer.flag(hosts.hasAllRelatives(host))
        case .victim(let host):
            writer.byte(1)
            hosts.save(host, to: &writer)
        case .other(let text):
            writer.byte(2)
            writer.text(text)
        }
    }

    // MARK: Restoring

    /// Fills an empty table.
    mutating func restore(
        _ catalog: RuleCatalog, from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        openedCount = try reader.count()
        evictedCount = try reader.count()
        try ended.restore(from: &reader)
        var complete: [HostID] = []
        // One instant may open more than `max-open`.
        let count = try reader.length()
        for _ in 0..<count { try restoreIncident(catalog, from: &reader, &complete) }
        var listed = [Bool](repeating: false, count: count)
        for _ in 0..<count { try restoreLast(from: &reader, &listed) }
        // Hits make relatives; so what was complete is only known now.
        for host in complete { hosts.markRelated(host) }
    }

    private mutating func restoreIncident(
        _ catalog: RuleCatalog, from reader: inout CheckpointReader, _ complete: inout [HostID]
    ) throws(CheckpointError) {
        let id = try reader.id()
        let opened = try reader.time()
        guard byOpening.last < 0 || self[byOpening.last].pointee.opened <= opened else {
            throw .inconsistent("incidents are in the wrong order")
        }
        let incident = UnsafeMutablePointer<Incident>.allocate(capacity: 1)
        incident.initialize(to: Incident(id: id, at: opened))
        let slot = Int32(truncatingIfNeeded: slots.count)
        slots.append(incident)
        byOpening.append(slot)
        openCount += 1
        incident.pointee.last = try reader.time()
        for _ in 0..<(try reader.length()) {
            try restoreKey(of: slot, from: &reader, &complete)
        }
        for _ in 0..<(try reader.length()) {
            let actor = try hosts.restore(from: &reader)
            if incident.pointee.addActor(actor) { hosts.retain(actor) }
        }
        for _ in 0..<(try reader.length(atMost: Incident.victimCountMax)) {
            let victim = try hosts.restore(from: &reader)
            let hit = try reader.optional { reader throws(CheckpointError) in try reader.time() }
            incident.pointee.addVictim(victim)
            hosts.retain(victim)
            if let hit {
                incident.pointee.hits[incident.pointee.hits.count - 1] =
                    hosts.addHit(on: victim, in: slot, at: hit)
            }
        }
        try incident.pointee.restore(catalog, from: &reader)
        guard !incident.pointee.keys.isEmpty,
            incident.pointee.listedSignalCount <= settings.signalsListedMax
        else { throw .inconsistent("an incident without key, or with too many signals") }
        byteCount += incident.pointee.byteCount
    }

    private mutating func restoreKey(
        of slot: Int32, from reader: inout CheckpointReader, _ complete: inout [HostID]
    ) throws(CheckpointError) {
        let key: IncidentKey
        switch try reader.byte() {
        case 0:
            let host = try hosts.restore(from: &reader)
            if try reader.flag() { complete.append(host) }
            key = .actor(host)
        case 1: key = .victim(try hosts.restore(from: &reader))
        case 2: key = .other(try reader.text())
        default: throw .inconsistent("a key is of no kind")
        }
        guard owner(of: key) < 0 else { throw .inconsistent("a key has two owners") }
        own(key, slot)
    }

    /// Puts the incident that is named next last in the order of last signals.
    private mutating func restoreLast(
        from reader: inout CheckpointReader, _ listed: inout [Bool]
    ) throws(CheckpointError) {
        let slot = try reader.count()
        guard slot < listed.count, !listed[slot] else {
            throw .inconsistent("an incident is missing")
        }
        listed[slot] = true
        let last = Int32(truncatingIfNeeded: slot)
        guard byLast.last < 0 || self[byLast.last].pointee.last <= self[last].pointee.last
        else {
            throw .inconsistent("incidents are in the wrong order")
        }
        byLast.append(last)
    }
}
