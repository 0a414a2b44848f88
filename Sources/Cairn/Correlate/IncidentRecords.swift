/// Records of incidents: full snapshots in canonical JSON (CORRELATION.md §9, §10). What is between
/// the values is written in one piece, as there are many records of one form.
extension IncidentTable {
    /// Writes the present state of an incident.
    mutating func writeRecord(
        of incident: UnsafeMutablePointer<Incident>, status: StaticString, at time: Timestamp,
        _ catalog: RuleCatalog, _ records: inout RecordWriter
    ) {
        writeActors(of: incident, to: &records.json)
        records.writeCapture()
        writeOpening(of: incident, to: &records.json)
        writeRelated(of: incident, to: &records.json)
        writeRules(of: incident, catalog, to: &records.json)
        writeSignals(of: incident, to: &records.json)
        writeKillChain(of: incident, status: status, to: &records.json)
        writeEnd(of: incident, at: time, to: &records.json)
        records.endRecord()
    }

    private mutating func writeActors(
        of incident: UnsafeMutablePointer<Incident>, to json: inout JSONWriter
    ) {
        json.fragment(#"{"actors":["#)
        for place in 0..<incident.pointee.actors.count {
            hosts.write(incident.pointee.actors[place], to: &json)
        }
        json.endArray()
    }

    private mutating func writeOpening(
        of incident: UnsafeMutablePointer<Incident>, to json: inout JSONWriter
    ) {
        if let continues = incident.pointee.continues {
            json.key("continues")
            json.id(continues)
        }
        json.fragment(#","id":"#)
        json.id(incident.pointee.id)
        json.fragment(#","key":["#)
        if let key = incident.pointee.keys.first { write(key, to: &json) }
        json.fragment(#"],"kind":"incident","more_victims":"#)
        json.bool(incident.pointee.hasMoreVictims)
        json.fragment(#","opened":"#)
        json.time(incident.pointee.opened)
        json.fragment(#","progress":"#)
        json.integer(incident.pointee.progress)
        if let end = incident.pointee.end {
            json.fragment(#","reason":"#)
            json.raw(end.json)
        }
    }

    private func writeRelated(
        of incident: UnsafeMutablePointer<Incident>, to json: inout JSONWriter
    ) {
        json.fragment(#","related":["#)
        for id in incident.pointee.related { json.id(id) }
        json.fragment(#"],"revision":"#)
        json.integer(incident.pointee.revision)
    }

    private func writeRules(
        of incident: UnsafeMutablePointer<Incident>, _ catalog: RuleCatalog,
        to json: inout JSONWriter
    ) {
        json.fragment(#","rules":["#)
        for place in 0..<incident.pointee.rules.count {
            let rule = incident.pointee.rules[place]
            let facts = catalog[rule.label]
            json.fragment(place == 0 ? #"{"count":"# : #",{"count":"#)
            json.integer(rule.count)
            json.fragment(#","first":"#)
            json.time(rule.first)
            json.fragment(#","id":"#)
            json.raw(facts.idText)
            json.fragment(#","last":"#)
            json.time(rule.last)
            json.fragment(#","level":"#)
            json.raw(rule.level.json)
            json.fragment(#","title":"#)
            json.raw(facts.titleText)
            json.fragment("}")
        }
        json.fragment(#"],"score":"#)
        json.integer(incident.pointee.score)
        json.fragment(#","severity":"#)
        json.raw(incident.pointee.severity.json)
    }

    private func writeSignals(
        of incident: UnsafeMutablePointer<Incident>, to json: inout JSONWriter
    ) {
        json.fragment(#","signal_count":"#)
        json.integer(incident.pointee.signalCount)
        json.fragment(#","signals":["#)
        json.fragment(incident.pointee.signals.bytes(from: 0))
        json.endArray()
    }

    private func writeKillChain(
        of incident: UnsafeMutablePointer<Incident>, status: StaticString,
        to json: inout JSONWriter
    ) {
        json.fragment(#","stage":"#)
        if incident.pointee.stage >= 0 { json.tactic(incident.pointee.stage) } else { json.null() }
        json.fragment(#","status":""#)
        json.fragment(status)
        json.fragment(#"","tactics":["#)
        for (tactic, first) in incident.pointee.tactics {
            json.beginObject()
            json.key("first")
            json.time(first)
            json.key("tactic")
            json.tactic(Int(tactic))
            json.endObject()
        }
        json.fragment(#"],"techniques":["#)
        for technique in incident.pointee.techniques { json.string(technique) }
        json.endArray()
    }

    private mutating func writeEnd(
        of incident: UnsafeMutablePointer<Incident>, at time: Timestamp,
        to json: inout JSONWriter
    ) {
        json.fragment(#","time":"#)
        json.time(time)
        json.fragment(#","updated":"#)
        json.time(incident.pointee.last)
        json.fragment(#","victims":["#)
        for place in 0..<incident.pointee.victims.count {
            hosts.write(incident.pointee.victims[place], to: &json)
        }
        json.fragment("]}")
    }

    /// Writes the elements of a key.
    mutating func write(_ key: IncidentKey, to json: inout JSONWriter) {
        switch key {
        case .actor(let host):
            json.raw(#""actor""#)
            hosts.write(host, to: &json)
        case .victim(let host):
            json.raw(#""victim""#)
            hosts.write(host, to: &json)
        case .other(let text): json.raw(text)
        }
    }

    /// The elements of a key as canonical JSON, separated by commas.
    mutating func text(of key: IncidentKey) -> [UInt8] {
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

extension Incident.EndReason {
    /// Its name as JSON text.
    fileprivate var json: StaticString {
        switch self {
        case .quiet: #""quiet""#
        case .maxDuration: #""max-duration""#
        case .evicted: #""evicted""#
        case .endOfInput: #""end-of-input""#
        }
    }
}
