/// What a firing is made of, filled anew for each: one for all rules, as there may be thousands.
final class FiringParts {
    /// The group's values, and those of them that the firing passes on.
    var group = TextList()
    var ownGroup = TextList()
    var actors = TextList()
    var victims = TextList()
    /// For each carried field, whether all evidence has the same value.
    var common = PlainList<Bool>()
    var values = PlainList<CorrelationAlert.Value>()
    var text = PlainList<UInt8>()
    /// Its value in plain decimal notation, and why it fired.
    var shownValue = PlainList<UInt8>()
    var reason = PlainList<UInt8>()
}

/// Makes the firings of one correlation rule: what all evidence shares, who acts and who suffers,
/// the record, and the item that other correlations and incidents see (CORRELATION.md §4, §6, §9).
struct FiringBuilder: ~Copyable {
    /// Victims that a firing passes on.
    static let victimCountMax = 100

    private let plan: CorrelationPlan
    private let fieldNames: [String]
    /// Group names in the order in which records list them, with their places in the key.
    private let groupNames: [(name: String, place: Int)]
    /// The places of different group names, in the order of the rule.
    private let ownPlaces: [Int]
    /// The labels of firings that have no tags of their evidence, by level; each made with the first
    /// firing that has it.
    private var labels = PlainList<RuleLabelID>()

    private let parts: FiringParts

    /// - Parameter parts: memory for the firing in hand, which all rules may share.
    init(plan: CorrelationPlan, fieldNames: [String], parts: FiringParts) {
        self.parts = parts
        self.plan = plan
        self.fieldNames = fieldNames
        groupNames = Dictionary(
            plan.groupNames.enumerated().map { ($1, $0) }, uniquingKeysWith: { max($0, $1) }
        )
        .map { (name: $0.key, place: $0.value) }
        .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        ownPlaces = plan.groupNames.indices.filter {
            plan.groupNames.firstIndex(of: plan.groupNames[$0]) == $0
        }
        for _ in Level.allCases { labels.append(.none) }
    }

    /// Writes the record of a firing and returns its item, retained once.
    ///
    /// - Parameter evidence: in item order, not empty.
    mutating func fire(
        group key: UnsafeRawBufferPointer, at time: Timestamp, from start: Timestamp,
        evidence: borrowing PlainList<ItemID>, in context: inout CorrelationContext
    ) -> ItemID {
        parts.group.removeAll()
        parts.group.append(valuesOf: key)
        parts.ownGroup.removeAll()
        for place in ownPlaces { parts.ownGroup.append(parts.group[place]) }
        takeCommon(of: evidence, context.items)
        takeActors(of: evidence, context.items)
        takeVictims(of: evidence, context.items)
        let label = label(of: evidence, context.items)
        let detail = FiringDetail(
            id: makeID(at: time, &context.records), group: parts.ownGroup,
            actors: parts.actors, victims: parts.victims)
        write(
            detail.id, label, at: time, from: start, evidence: evidence, in: &context)
        let item = makeItem(detail, label, at: time, evidence[0], &context.items)
        context.catalog.release(label)
        return item
    }

    private mutating func makeID(
        at time: Timestamp, _ records: inout RecordWriter
    ) -> RecordID {
        records.idSource.beginArray()
        records.idSource.raw(#""firing""#)
        records.idSource.string(plan.id)
        records.idSource.time(time)
        records.idSource.beginArray()
        for place in 0..<parts.group.count { records.idSource.string(parts.group[place]) }
        records.idSource.endArray()
        records.idSource.endArray()
        return records.makeID()
    }

    /// The label of a firing, to be released.
    private mutating func label(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) -> RuleLabelID {
        let level = plan.level ?? level(of: evidence, items)
        let takesTags = plan.tags.isEmpty && hasTags(evidence, items)
        let known = labels[Int(level.rawValue)]
        if !takesTags, known != .none {
            items.catalog.retain(known)
            return known
        }
        let label = items.catalog.label(
            identity: plan.identity, title: plan.title, level: level,
            tags: takesTags ? tags(of: evidence, items) : plan.tags)
        if !takesTags {
            items.catalog.retain(label)
            labels[Int(level.rawValue)] = label
        }
        return label
    }

    // MARK: What the evidence shares

    /// Whether all evidence has one value of a field, of one kind.
    private func isCommon(
        _ field: Int, to evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) -> Bool {
        let first = items.value(evidence[0], field)
        guard !first.isMissing else { return false }
        let text = items.text(evidence[0], first)
        for index in 1..<max(1, evidence.count) {
            let value = items.value(evidence[index], field)
            guard value.kind == first.kind,
                GroupKey.areEqual(items.text(evidence[index], value), text)
            else { return false }
        }
        return true
    }

    private mutating func takeCommon(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) {
        parts.common.removeAll()
        for field in 0..<items.fieldCount {
            parts.common.append(isCommon(field, to: evidence, items))
        }
    }

    private mutating func level(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) -> Level {
        var level = Level.informational
        for index in 0..<evidence.count {
            level = max(level, items.catalog[items.header(evidence[index]).pointee.label].level)
        }
        return level
    }

    private mutating func hasTags(
        _ evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) -> Bool {
        for index in 0..<evidence.count
        where items.catalog[items.header(evidence[index]).pointee.label].hasTags { return true }
        return false
    }

    /// The union of the evidence's tags, in the order of their bytes.
    private func tags(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) -> [[UInt8]] {
        var labels = Set<RuleLabelID>()
        var tags = Set<[UInt8]>()
        for index in 0..<evidence.count {
            let label = items.header(evidence[index]).pointee.label
            if labels.insert(label).inserted { tags.formUnion(items.catalog.label(label).tags) }
        }
        return tags.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// The different actors of the evidence; none if there are more than may act together: as many
    /// as rules for the temporal types, else one.
    private mutating func takeActors(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) {
        let countMax = plan.isTemporal ? plan.referenceCount : 1
        parts.actors.removeAll()
        for index in 0..<evidence.count {
            items.forEachActor(of: evidence[index]) { parts.actors.insert($0, hash: $1) }
            if parts.actors.count > countMax { return parts.actors.removeAll() }
        }
    }

    /// The first different victims of the evidence.
    private mutating func takeVictims(
        of evidence: borrowing PlainList<ItemID>, _ items: borrowing ItemStore
    ) {
        parts.victims.removeAll()
        for index in 0..<evidence.count {
            items.forEachVictim(of: evidence[index]) {
                if parts.victims.count < Self.victimCountMax { parts.victims.insert($0, hash: $1) }
            }
            if parts.victims.count == Self.victimCountMax { break }
        }
    }

    // MARK: Item and record

    /// A firing answers a field with the value that all its evidence agrees on, else with its own
    /// group value of that name, else nothing.
    private mutating func makeItem(
        _ detail: FiringDetail, _ label: RuleLabelID, at time: Timestamp, _ first: ItemID,
        _ items: inout ItemStore
    ) -> ItemID {
        parts.values.removeAll()
        parts.text.removeAll()
        for field in 0..<items.fieldCount {
            var value = CorrelationAlert.Value()
            value.offset = UInt32(truncatingIfNeeded: parts.text.count)
            if parts.common[field] {
                let shared = items.value(first, field)
                value.kind = shared.kind
                parts.text.append(contentsOf: items.text(first, shared))
            } else if plan.groupNameOfField[field] >= 0 {
                value.kind = .text
                parts.text.append(contentsOf: parts.group[plan.groupNameOfField[field]])
            }
            value.byteCount = UInt32(truncatingIfNeeded: parts.text.count) &- value.offset
            parts.values.append(value)
        }
        return items.add(
            firing: detail, time: time, label: label, values: parts.values.elements,
            text: parts.text.bytes(from: 0))
    }

    private mutating func write(
        _ id: RecordID, _ label: RuleLabelID, at time: Timestamp, from start: Timestamp,
        evidence: borrowing PlainList<ItemID>, in context: inout CorrelationContext
    ) {
        context.records.json.beginObject()
        context.records.writeCapture()
        writeCommon(of: evidence[0], context.items, &context.records.json)
        writeEvidence(evidence, in: &context)
        context.records.json.member("evidence_count", evidence.count)
        context.records.json.key("group")
        context.records.json.beginObject()
        for (name, place) in groupNames {
            context.records.json.key(name)
            context.records.json.string(parts.group[place])
        }
        context.records.json.endObject()
        context.records.json.key("id")
        context.records.json.id(id)
        context.records.json.key("kind")
        context.records.json.raw(#""firing""#)
        context.records.json.key("reason")
        context.records.json.string(parts.reason.bytes(from: 0))
        writeRule(label, context.catalog, &context.records.json)
        context.records.json.member("standalone", plan.isStandalone)
        context.records.json.key("time")
        context.records.json.time(time)
        context.records.json.member("type", plan.type.rawValue)
        context.records.json.key("value")
        context.records.json.raw(parts.shownValue.bytes(from: 0))
        context.records.json.key("window")
        context.records.json.beginObject()
        context.records.json.key("end")
        context.records.json.time(time)
        context.records.json.key("start")
        context.records.json.time(start)
        context.records.json.endObject()
        context.records.json.endObject()
        context.records.endRecord()
    }

    private mutating func writeCommon(
        of first: ItemID, _ items: borrowing ItemStore, _ json: inout JSONWriter
    ) {
        json.key("common")
        json.beginObject()
        for field in 0..<items.fieldCount where parts.common[field] {
            json.key(fieldNames[field])
            let value = items.value(first, field)
            if value.kind == .text {
                json.string(items.text(first, value))
            } else {
                json.raw(items.text(first, value))
            }
        }
        json.endObject()
    }

    /// Above the limit n: the first n - 1 and the last.
    private func writeEvidence(
        _ evidence: borrowing PlainList<ItemID>, in context: inout CorrelationContext
    ) {
        context.records.json.key("evidence")
        context.records.json.beginArray()
        let listedCount = min(evidence.count, plan.evidenceCountMax)
        for index in 0..<listedCount {
            let item = evidence[index == listedCount - 1 ? evidence.count - 1 : index]
            context.records.json.reference(
                ItemReference(item, in: context.items), context.catalog)
        }
        context.records.json.endArray()
    }

    private func writeRule(
        _ label: RuleLabelID, _ catalog: RuleCatalog, _ json: inout JSONWriter
    ) {
        json.key("rule")
        json.beginObject()
        json.key("id")
        json.raw(catalog[label].idText)
        json.key("level")
        json.raw(catalog[label].level.json)
        json.key("tags")
        json.beginArray()
        for tag in catalog.label(label).tags { json.string(tag) }
        json.endArray()
        json.key("title")
        json.raw(catalog[label].titleText)
        json.endObject()
    }
}

extension ItemStore {
    /// Calls `body` with each host that acts in an item, and its hash.
    fileprivate func forEachActor(
        of item: ItemID, _ body: (UnsafeRawBufferPointer, UInt32) -> Void
    ) {
        if let detail = detail(item) {
            detail.forEachActor { body($0, GroupKey.shortHash($0)) }
        } else {
            let value = actor(item)
            if !value.isMissing { body(text(item, value), value.hash) }
        }
    }

    /// Calls `body` with each host that suffers in an item, and its hash.
    fileprivate func forEachVictim(
        of item: ItemID, _ body: (UnsafeRawBufferPointer, UInt32) -> Void
    ) {
        if let detail = detail(item) {
            detail.forEachVictim { body($0, GroupKey.shortHash($0)) }
        } else {
            let value = victim(item)
            if !value.isMissing { body(text(item, value), value.hash) }
        }
    }
}
