/// Records of incidents: full snapshots in canonical JSON (CORRELATION.md §9, §10).
extension IncidentTable {
    /// Writes the present state of an incident.pointee.
    func writeRecord(
        of incident: UnsafeMutablePointer<Incident>, status: String, at time: Timestamp,
        _ catalog: RuleCatalog,
        _ records: inout RecordWriter
    ) {
        records.json.beginObject()
        records.json.key("actors")
        records.json.beginArray()
        for place in 0..<incident.pointee.actors.count {
            write(incident.pointee.actors[place], to: &records.json)
        }
        records.json.endArray()
        records.writeCapture()
        if let continues = incident.pointee.continues {
            records.json.key("continues")
            records.json.id(continues)
        }
        records.json.key("id")
        records.json.id(incident.pointee.id)
        records.json.key("key")
        records.json.beginArray()
        if let key = incident.pointee.keys.first { write(key, to: &records.json) }
        records.json.endArray()
        records.json.member("kind", "incident")
        records.json.member("more_victims", incident.pointee.hasMoreVictims)
        records.json.key("opened")
        records.json.time(incident.pointee.opened)
        records.json.member("progress", incident.pointee.progress)
        if let end = incident.pointee.end { records.json.member("reason", end.rawValue) }
        records.json.key("related")
        records.json.beginArray()
        for id in incident.pointee.related { records.json.id(id) }
        records.json.endArray()
        records.json.member("revision", incident.pointee.revision)
        writeRules(of: incident, catalog, &records)
        records.json.member("score", incident.pointee.score)
        records.json.member("severity", incident.pointee.severity.name)
        records.json.member("signal_count", incident.pointee.signalCount)
        records.json.key("signals")
        records.json.beginArray()
        if !incident.pointee.signals.isEmpty {
            records.json.raw(incident.pointee.signals.bytes(from: 0))
        }
        records.json.endArray()
        writeKillChain(of: incident, status: status, &records)
        records.json.key("time")
        records.json.time(time)
        records.json.key("updated")
        records.json.time(incident.pointee.last)
        records.json.key("victims")
        records.json.beginArray()
        for place in 0..<incident.pointee.victims.count {
            write(incident.pointee.victims[place], to: &records.json)
        }
        records.json.endArray()
        records.json.endObject()
        records.endRecord()
    }

    private func write(_ host: HostID, to json: inout JSONWriter) {
        hosts.withText(host) { json.string($0) }
    }

    private func writeRules(
        of incident: UnsafeMutablePointer<Incident>, _ catalog: RuleCatalog,
        _ records: inout RecordWriter
    ) {
        records.json.key("rules")
        records.json.beginArray()
        for place in 0..<incident.pointee.rules.count {
            let rule = incident.pointee.rules[place]
            records.json.beginObject()
            records.json.member("count", rule.count)
            records.json.key("first")
            records.json.time(rule.first)
            records.json.key("id")
            catalog.write(
                identity: incident.pointee.ruleIdentities[place], to: &records.json)
            records.json.key("last")
            records.json.time(rule.last)
            records.json.member("level", rule.level.name)
            records.json.key("title")
            if let title = catalog.title(of: rule.label) {
                records.json.string(title)
            } else {
                records.json.null()
            }
            records.json.endObject()
        }
        records.json.endArray()
    }

    private func writeKillChain(
        of incident: UnsafeMutablePointer<Incident>, status: String, _ records: inout RecordWriter
    ) {
        records.json.key("stage")
        if incident.pointee.stage >= 0 {
            records.json.tactic(incident.pointee.stage)
        } else {
            records.json.null()
        }
        records.json.member("status", status)
        records.json.key("tactics")
        records.json.beginArray()
        for (tactic, first) in incident.pointee.tactics {
            records.json.beginObject()
            records.json.key("first")
            records.json.time(first)
            records.json.key("tactic")
            records.json.tactic(Int(tactic))
            records.json.endObject()
        }
        records.json.endArray()
        records.json.key("techniques")
        records.json.beginArray()
        for technique in incident.pointee.techniques { records.json.string(technique) }
        records.json.endArray()
    }

    /// Writes the elements of a key.
    func write(_ key: IncidentKey, to json: inout JSONWriter) {
        switch key {
        case .actor(let host):
            json.string("actor")
            write(host, to: &json)
        case .victim(let host):
            json.string("victim")
            write(host, to: &json)
        case .other(let text): json.raw(text)
        }
    }

    /// The elements of a key as canonical JSON, separated by commas.
    func text(of key: IncidentKey) -> [UInt8] {
        if case .other(let text) = key { return text }
        var json = JSONWriter()
        write(key, to: &json)
        return json.bytes
    }
}

extension JSONWriter {
    /// Writes the name of a tactic.
    fileprivate mutating func tactic(_ index: Int) {
        let name = Tactic.names[index]
        string(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
}
