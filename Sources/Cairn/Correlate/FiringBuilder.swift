/// Makes the firings of one correlation rule: what all evidence shares, who acts and who suffers,
/// the record, and the item that other correlations and incidents see (CORRELATION.md §4, §6, §9).
final class FiringBuilder {
    /// Victims that a firing passes on.
    static let victimCountMax = 100

    private let plan: CorrelationPlan
    private let store: ItemStore
    private let catalog: RuleCatalog
    private let records: RecordWriter
    private let fieldNames: [String]
    /// Group names in the order in which records list them, with their places in the key.
    private let groupNames: [(name: String, place: Int)]
    /// The places of different group names, in the order of the rule.
    private let ownPlaces: [Int]

    init(
        plan: CorrelationPlan, store: ItemStore, catalog: RuleCatalog, records: RecordWriter
    ) {
        self.plan = plan
        self.store = store
        self.catalog = catalog
        self.records = records
        fieldNames = catalog.fieldNames
        groupNames = Dictionary(
            plan.groupNames.enumerated().map { ($1, $0) }, uniquingKeysWith: { max($0, $1) }
        )
        .map { (name: $0.key, place: $0.value) }
        .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        ownPlaces = plan.groupNames.indices.filter {
            plan.groupNames.firstIndex(of: plan.groupNames[$0]) == $0
        }
    }

    /// Writes the record of a firing and returns its item, retained once.
    ///
    /// - Parameter evidence: in item order, not empty.
    func fire(
        group key: UnsafeRawBufferPointer, at time: Timestamp, from start: Timestamp,
        value: Int128, reason: [UInt8], evidence: [ItemID]
    ) -> ItemID {
        let group = GroupKey.values(key)
        let id = records.makeID { json in
            json.beginArray()
            json.string("firing")
            json.string(plan.id)
            records.time(time, to: &json)
            json.beginArray()
            for text in group { json.string(text) }
            json.endArray()
            json.endArray()
        }
        let common = (0..<store.fieldCount).map { isCommon($0, to: evidence) }
        let label = catalog.label(
            identity: plan.identity, title: plan.title, level: plan.level ?? level(of: evidence),
            tags: plan.tags.isEmpty ? tags(of: evidence) : plan.tags)
        defer { catalog.release(label) }
        let actorCountMax = plan.isTemporal ? plan.referenceCount : 1
        let detail = FiringDetail(
            id: id, group: ownPlaces.map { group[$0] },
            actors: actors(of: evidence, countMax: actorCountMax),
            victims: victims(of: evidence))
        write(
            detail, group, common, label, at: time, from: start, value: value, reason: reason,
            evidence: evidence)
        return makeItem(detail, group, common, label, at: time, evidence[0])
    }

    // MARK: What the evidence shares

    /// Whether all evidence has one value of a field, of one kind.
    private func isCommon(_ field: Int, to evidence: [ItemID]) -> Bool {
        let first = store.value(evidence[0], field)
        guard first.kind != .none else { return false }
        let text = store.text(evidence[0], first)
        return evidence.allSatisfy { item in
            let value = store.value(item, field)
            guard value.kind == first.kind, value.byteCount == first.byteCount else {
                return false
            }
            return GroupKey.compare(store.text(item, value), text) == 0
        }
    }

    private func level(of evidence: [ItemID]) -> Level {
        evidence.reduce(.informational) { level, item in
            max(level, catalog.facts[Int(store.header(item).pointee.label.index)].level)
        }
    }

    /// The union of the evidence's tags, in the order of their bytes.
    private func tags(of evidence: [ItemID]) -> [[UInt8]] {
        var labels = Set<RuleLabelID>()
        var tags = Set<[UInt8]>()
        for item in evidence where labels.insert(store.header(item).pointee.label).inserted {
            tags.formUnion(catalog.labels[Int(store.header(item).pointee.label.index)].tags)
        }
        return tags.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The different actors of the evidence; none if there are more than may act together.
    private func actors(of evidence: [ItemID], countMax: Int) -> [[UInt8]] {
        var actors = HostList()
        for item in evidence {
            forEachActor(of: item) { actors.insert($0) }
            if actors.hosts.count > countMax { return [] }
        }
        return actors.hosts
    }

    /// The first different victims of the evidence.
    private func victims(of evidence: [ItemID]) -> [[UInt8]] {
        var victims = HostList()
        for item in evidence {
            forEachVictim(of: item) { host in
                if victims.hosts.count < Self.victimCountMax { victims.insert(host) }
            }
            if victims.hosts.count == Self.victimCountMax { break }
        }
        return victims.hosts
    }

    private func forEachActor(of item: ItemID, _ body: (UnsafeRawBufferPointer) -> Void) {
        if let detail = store.detail(item) {
            for actor in detail.actors { actor.withUnsafeBytes(body) }
        } else {
            let value = store.value(item, store.fieldCount)
            if value.kind != .none { body(store.text(item, value)) }
        }
    }

    private func forEachVictim(of item: ItemID, _ body: (UnsafeRawBufferPointer) -> Void) {
        if let detail = store.detail(item) {
            for victim in detail.victims { victim.withUnsafeBytes(body) }
        } else {
            let value = store.value(item, store.fieldCount + 1)
            if value.kind != .none { body(store.text(item, value)) }
        }
    }

    // MARK: Item and record

    /// A firing answers a field with the value that all its evidence agrees on, else with its own
    /// group value of that name, else nothing.
    private func makeItem(
        _ detail: FiringDetail, _ group: [[UInt8]], _ common: [Bool], _ label: RuleLabelID,
        at time: Timestamp, _ first: ItemID
    ) -> ItemID {
        var values: [CorrelationAlert.Value] = []
        var text: [UInt8] = []
        for field in 0..<store.fieldCount {
            var value = CorrelationAlert.Value()
            value.offset = UInt32(truncatingIfNeeded: text.count)
            if common[field] {
                let shared = store.value(first, field)
                value.kind = shared.kind
                text.append(contentsOf: store.text(first, shared))
            } else if plan.groupNameOfField[field] >= 0 {
                value.kind = .text
                text.append(contentsOf: group[plan.groupNameOfField[field]])
            }
            value.byteCount = UInt32(truncatingIfNeeded: text.count) &- value.offset
            values.append(value)
        }
        return store.add(firing: detail, time: time, label: label, values: values, text: text)
    }

    private func write(
        _ detail: FiringDetail, _ group: [[UInt8]], _ common: [Bool], _ label: RuleLabelID,
        at time: Timestamp, from start: Timestamp, value: Int128, reason: [UInt8],
        evidence: [ItemID]
    ) {
        records.json.beginObject()
        records.writeCapture()
        writeCommon(common, of: evidence[0])
        writeEvidence(evidence)
        records.json.member("evidence_count", evidence.count)
        records.json.key("group")
        records.json.beginObject()
        for (name, place) in groupNames {
            records.json.key(name)
            records.json.string(group[place])
        }
        records.json.endObject()
        records.json.key("id")
        records.id(detail.id)
        records.json.member("kind", "firing")
        records.json.key("reason")
        records.json.string(reason)
        writeRule(label)
        records.json.member("standalone", plan.isStandalone)
        records.json.key("time")
        records.time(time)
        records.json.member("type", plan.type.rawValue)
        records.json.key("value")
        records.number(value)
        records.json.key("window")
        records.json.beginObject()
        records.json.key("end")
        records.time(time)
        records.json.key("start")
        records.time(start)
        records.json.endObject()
        records.json.endObject()
        records.endRecord()
    }

    private func writeCommon(_ common: [Bool], of first: ItemID) {
        records.json.key("common")
        records.json.beginObject()
        for field in 0..<store.fieldCount where common[field] {
            records.json.key(fieldNames[field])
            let value = store.value(first, field)
            let text = store.text(first, value)
            if value.kind == .text {
                records.json.string(text)
            } else {
                records.json.raw(text)
            }
        }
        records.json.endObject()
    }

    /// Above the limit n: the first n - 1 and the last.
    private func writeEvidence(_ evidence: [ItemID]) {
        records.json.key("evidence")
        records.json.beginArray()
        let listedCount = min(evidence.count, plan.evidenceCountMax)
        for index in 0..<listedCount {
            let item = index == listedCount - 1 ? evidence[evidence.count - 1] : evidence[index]
            records.reference(ItemReference(item, in: store, catalog), catalog)
        }
        records.json.endArray()
    }

    private func writeRule(_ label: RuleLabelID) {
        let description = catalog.labels[Int(label.index)]
        records.json.key("rule")
        records.json.beginObject()
        records.json.key("id")
        records.json.string(plan.id)
        records.json.member("level", catalog.facts[Int(label.index)].level.name)
        records.json.key("tags")
        records.json.beginArray()
        for tag in description.tags { records.json.string(tag) }
        records.json.endArray()
        records.json.key("title")
        records.json.string(plan.title)
        records.json.endObject()
    }
}

/// Different host names in the order in which they came, for as many as a firing may name.
struct HostList {
    private(set) var hosts: [[UInt8]] = []
    private var hashes: [UInt64] = []

    /// Adds a host if it is new.
    mutating func insert(_ host: UnsafeRawBufferPointer) {
        let hash = GroupKey.hash(host)
        for index in hashes.indices where hashes[index] == hash {
            if hosts[index].elementsEqual(host) { return }
        }
        hosts.append(Array(host))
        hashes.append(hash)
    }
}
