/// Which incident a signal joins, and what it adds to it (CORRELATION.md §9).
extension IncidentTable {
    mutating func place(
        _ signal: ItemID, at time: Timestamp, in context: inout CorrelationContext
    ) {
        let label = context.items.header(signal).pointee.label
        let facts = context.catalog[label]
        guard facts.level >= settings.signalLevelMin else { return }
        takeHosts(of: signal, context.items)
        let (slot, isActorKnown) = takingIncident(of: signal, facts, at: time, in: &context)
        if trace != nil { noteJoin(signal, to: slot, context) }
        let incident = self[slot]
        let before = incident.pointee.byteCount
        if !isActorKnown {
            for index in 0..<actors.count where incident.pointee.addActor(actors[index]) {
                hosts.retain(actors[index])
            }
        }
        let isPivot = facts.level >= settings.pivotLevelMin
        for index in 0..<victims.count {
            add(victim: victims[index], to: slot, isPivot: isPivot, at: time)
        }
        if incident.pointee.count(facts.identity, level: facts.level, at: time) {
            context.catalog.retain(label)
            incident.pointee.addRule(
                facts.identity, label: label, level: facts.level, at: time,
                titleByteCount: context.catalog[label].titleText.count)
        }
        if facts.hasATTACK {
            incident.pointee.addTags(
                tactics: context.catalog.tactics(of: label),
                techniques: context.catalog.techniques(of: label), at: time)
        }
        incident.pointee.signalCount += 1
        if incident.pointee.listedSignalCount < settings.signalsListedMax {
            incident.pointee.list(
                ItemReference(signal, in: context.items), context.catalog, &context.records)
        }
        byteCount += incident.pointee.byteCount - before
        for index in 0..<actors.count { hosts.release(actors[index]) }
        for index in 0..<victims.count { hosts.release(victims[index]) }
    }

    // What comes soon is asked for, the nearer an alert the more of it, as each step needs what the
    // one before asked for.

    /// Asks for where the hosts of an alert will be looked for.
    mutating func prefetchBuckets(for alert: ItemID, in items: borrowing ItemStore) {
        hosts.prefetch(hash: items.actor(alert).hash)
        hosts.prefetch(hash: items.victim(alert).hash)
    }

    /// Asks for the hosts of an alert.
    mutating func prefetchHosts(of alert: ItemID, in items: borrowing ItemStore) {
        hosts.prefetchHost(hash: items.actor(alert).hash)
        hosts.prefetchHost(hash: items.victim(alert).hash)
    }

    /// Asks for the incident that an alert will likely join, or for its lists.
    mutating func prefetchIncident(of alert: ItemID, lists: Bool, in items: borrowing ItemStore) {
        let actor = items.actor(alert)
        guard let host = hosts.find(items.text(alert, actor), hash: actor.hash),
            hosts[host].actorOwner >= 0
        else { return }
        let incident = self[hosts[host].actorOwner]
        if lists { incident.pointee.prefetchLists() } else { prefetch(incident) }
    }

    /// Finds or opens the incident that a signal belongs to; it then owns the signal's keys that
    /// nobody owned. Says too whether the incident is known to have the signal's actors.
    private mutating func takingIncident(
        of signal: ItemID, _ facts: RuleCatalog.Facts, at time: Timestamp,
        in context: inout CorrelationContext
    ) -> (slot: Int32, isActorKnown: Bool) {
        if actors.count == 1 {
            // Mostly an actor goes on: nothing new since its incident's relatives were completed.
            let host = hosts[actors[0]]
            if host.actorOwner >= 0, !host.isShared, host.relatedVersion == host.hitVersion {
                if trace != nil { noteReason([.actor(actors[0])], [host.actorOwner]) }
                touch(host.actorOwner, at: time)
                return (host.actorOwner, true)
            }
            // Or begins, and was nobody's victim.
            if host.actorOwner < 0, host.firstHit < 0, !host.isShared {
                let key = IncidentKey.actor(actors[0])
                if trace != nil { noteReason([key], []) }
                let slot = open(key, at: time, &context.records)
                let before = self[slot].pointee.byteCount
                own(key, slot)
                byteCount += self[slot].pointee.byteCount - before
                return (slot, false)
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
        return (slot, false)
    }

    /// Fills `actors` and `victims`, each host retained once.
    private mutating func takeHosts(of signal: ItemID, _ items: borrowing ItemStore) {
        actors.removeAll()
        victims.removeAll()
        if let detail = items.detail(signal) {
            detail.forEachActor { actors.append(hosts.retained($0)) }
            detail.forEachVictim { victims.append(hosts.retained($0)) }
            return
        }
        let actor = items.actor(signal)
        if !actor.isMissing {
            actors.append(hosts.retained(items.text(signal, actor), hash: actor.hash))
        }
        let victim = items.victim(signal)
        if !victim.isMissing {
            victims.append(hosts.retained(items.text(signal, victim), hash: victim.hash))
        }
    }

    private mutating func keys(
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

    mutating func owner(of key: IncidentKey) -> Int32 {
        switch key {
        case .actor(let host): hosts[host].actorOwner
        case .victim(let host): hosts[host].victimOwner
        case .other(let text): otherOwners[text] ?? -1
        }
    }

    mutating func own(_ key: IncidentKey, _ slot: Int32) {
        self[slot].pointee.addKey(key)
        switch key {
        case .actor(let host):
            hosts.retain(host)
            hosts.setActorOwner(slot, of: host)
        case .victim(let host):
            hosts.retain(host)
            hosts.setVictimOwner(slot, of: host)
        case .other(let text): otherOwners[text] = slot
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
    private mutating func pivots(
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

    private mutating func add(victim: HostID, to slot: Int32, isPivot: Bool, at time: Timestamp) {
        let incident = self[slot]
        if incident.pointee.hasMoreVictims, !isPivot { return }
        var place = incident.pointee.victims.firstIndex(of: victim)
        if place == nil {
            guard incident.pointee.victims.count < Incident.victimCountMax else {
                incident.pointee.hasMoreVictims = true
                return
            }
            place = incident.pointee.victims.count
            incident.pointee.addVictim(victim)
            hosts.retain(victim)
        }
        guard let place, isPivot, !hosts[victim].isShared, !isActor(victim) else { return }
        let hit = incident.pointee.hits[place]
        if hit >= 0 {
            hosts.renewHit(hit, at: time, gap: settings.incidentGapNanoseconds)
        } else {
            incident.pointee.hits[place] = hosts.addHit(on: victim, in: slot, at: time)
        }
    }

    private mutating func isActor(_ host: HostID) -> Bool { actors.firstIndex(of: host) != nil }
}
