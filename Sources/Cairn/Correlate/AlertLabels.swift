/// The labels of rules as alert files describe them: parsed once for each wording, then found by
/// its bytes.
///
/// Holds at most `wordingCountMax` wordings of `byteCountMax` bytes; beyond that it starts anew.
final class AlertLabels {
    /// What of an alert describes its rule: parts of its line, empty where it has none.
    struct Parts {
        private static var none: UnsafeRawBufferPointer { .init(start: nil, count: 0) }

        /// In registry form `{"id": …, "title": …, "level": …, "tags": […]}`, else EVE's `alert`.
        var description: UnsafeRawBufferPointer
        /// What Cairn says beyond EVE in `cairn`.
        var rule = none
        var level = none
        var tags = none

        var byteCount: Int { description.count &+ rule.count &+ level.count &+ tags.count }

        fileprivate var hash: UInt32 {
            var hash = GroupKey.shortHash(description)
            if rule.count &+ level.count &+ tags.count > 0 {
                hash = GroupKey.combine(hash, GroupKey.shortHash(rule))
                hash = GroupKey.combine(hash, GroupKey.shortHash(level))
                hash = GroupKey.combine(hash, GroupKey.shortHash(tags))
            }
            return hash
        }
    }

    struct Wording {
        var start: Int
        var descriptionEnd: Int
        var ruleEnd: Int
        var levelEnd: Int
        var tagsEnd: Int
        var label: RuleLabelID
    }

    private static let wordingCountMax = 1 << 16
    private static let byteCountMax = 1 << 26

    private let catalog: RuleCatalog
    private var wordings = PlainList<Wording>()
    private var bytes = PlainList<UInt8>()
    private var index = HashIndex()
    /// For each slot of recurring texts, the one whose label it is.
    private var recurring = PlainList<(number: UInt32, label: RuleLabelID)>()

    init(catalog: RuleCatalog) {
        self.catalog = catalog
        for _ in 0..<RecurringTexts.slotCount { recurring.append((0, .none)) }
    }

    deinit { index.freeMemory() }

    /// The label of a rule in registry form.
    func label(ofRule rule: UnsafeRawBufferPointer) -> RuleLabelID {
        label(Parts(description: rule)) { catalog, parts in
            let rule = JSONValue(parsing: parts.description)
            let names = ["id", "name", "title"].lazy.compactMap { Self.name(rule?[$0]) }
            return catalog.label(
                rule: Array((names.first ?? "").utf8),
                title: rule?["title"]?.text.map { Array($0.utf8) },
                level: rule?["level"]?.text.flatMap(Level.init) ?? .medium,
                tags: Self.tags(rule?["tags"]))
        }
    }

    /// The label of an EVE record in which `alert` is all that describes the rule.
    ///
    /// - Parameter text: what `alert` is known as.
    @inline(__always)
    func label(
        ofSignature alert: UnsafeRawBufferPointer, knownAs text: RecurringTexts.Text
    ) -> RuleLabelID {
        let slot = Int(text.slot)
        guard slot >= 0 else { return label(ofSignature: Parts(description: alert)) }
        if recurring[slot].number == text.number { return recurring[slot].label }
        let label = label(ofSignature: Parts(description: alert))
        recurring[slot] = (text.number, label)
        return label
    }

    /// The label of an EVE record.
    func label(ofSignature parts: Parts) -> RuleLabelID {
        label(parts) { catalog, parts in
            let alert = JSONValue(parsing: parts.description)
            let written = String(decoding: parts.level, as: UTF8.self)
            let severity = Self.level(ofSeverity: alert?["severity"]?.integer)
            return catalog.label(
                rule: parts.rule.isEmpty
                    ? Self.signatureName(alert, catalog) : Self.text(parts.rule),
                title: alert?["signature"]?.text.map { Array($0.utf8) },
                level: Level(name: written) ?? severity,
                tags: parts.tags.isEmpty
                    ? Self.attackTags(alert?["metadata"]) : Self.tags(parts.tags))
        }
    }

    private func label(
        _ parts: Parts, _ make: (RuleCatalog, Parts) -> RuleLabelID
    ) -> RuleLabelID {
        let hash = parts.hash
        if let known = index.find(hash, where: { isWording($0, parts) }) {
            return wordings[Int(known)].label
        }
        if wordings.count >= Self.wordingCountMax
            || bytes.count &+ parts.byteCount > Self.byteCountMax
        {
            removeAll()
        }
        let label = make(catalog, parts)
        index.insert(UInt32(truncatingIfNeeded: wordings.count), hash: hash)
        add(parts, label)
        return label
    }

    private func add(_ parts: Parts, _ label: RuleLabelID) {
        var wording = Wording(
            start: bytes.count, descriptionEnd: 0, ruleEnd: 0, levelEnd: 0, tagsEnd: 0,
            label: label)
        bytes.append(contentsOf: parts.description)
        wording.descriptionEnd = bytes.count
        bytes.append(contentsOf: parts.rule)
        wording.ruleEnd = bytes.count
        bytes.append(contentsOf: parts.level)
        wording.levelEnd = bytes.count
        bytes.append(contentsOf: parts.tags)
        wording.tagsEnd = bytes.count
        wordings.append(wording)
    }

    @inline(__always)
    private func isWording(_ number: UInt32, _ parts: Parts) -> Bool {
        let wording = wordings[Int(number)]
        return has(parts.description, wording.start, wording.descriptionEnd)
            && has(parts.rule, wording.descriptionEnd, wording.ruleEnd)
            && has(parts.level, wording.ruleEnd, wording.levelEnd)
            && has(parts.tags, wording.levelEnd, wording.tagsEnd)
    }

    @inline(__always)
    private func has(_ part: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        GroupKey.areEqual(
            part, UnsafeRawBufferPointer(rebasing: bytes.bytes(from: start)[..<(end &- start)]))
    }

    private func removeAll() {
        for number in 0..<wordings.count { catalog.release(wordings[number].label) }
        wordings.removeAll()
        bytes = PlainList()
        index.deallocate()
        for slot in 0..<recurring.count { recurring[slot] = (0, .none) }
    }

    /// A name that a rule gave; a number passes as its text.
    private static func name(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text)? where !text.isEmpty: text
        case .number(let text, isInteger: true)?: text
        default: nil
        }
    }

    private static func text(_ raw: UnsafeRawBufferPointer) -> [UInt8] {
        // The place of a string is between its quotes.
        var text: [UInt8] = []
        JSONScanner(raw).appendUnescaped(
            .init(start: 0, end: raw.count, isPlain: false), to: &text)
        return text
    }

    private static func tags(_ raw: UnsafeRawBufferPointer) -> [[UInt8]] {
        tags(JSONValue(parsing: raw))
    }

    private static func tags(_ value: JSONValue?) -> [[UInt8]] {
        (value?.elements ?? []).compactMap { $0.text.map { Array($0.utf8) } }
    }

    /// The id of a Suricata rule: its sid in decimal; `gid:sid` where a correlation names that.
    private static func signatureName(_ alert: JSONValue?, _ catalog: RuleCatalog) -> [UInt8] {
        let sid = Array((name(alert?["signature_id"]) ?? "").utf8)
        guard let gid = alert?["gid"]?.integer, gid != 1 else { return sid }
        let pair = Array("\(gid):".utf8) + sid
        return catalog.isKnown(pair) ? pair : sid
    }

    private static func level(ofSeverity severity: Int64?) -> Level {
        switch severity {
        case 1: .high
        case 2, nil: .medium
        case 3: .low
        default: .informational
        }
    }

    /// What rule sets for Suricata say about ATT&CK in their metadata, as tags.
    private static func attackTags(_ metadata: JSONValue?) -> [[UInt8]] {
        let names = ["mitre_tactic_name", "mitre_technique_id"].flatMap { key in
            (metadata?[key]?.elements ?? []).compactMap(\.text)
        }
        return names.map { Array("attack.".utf8) + $0.utf8.map(\.asciiLowercased) }
    }
}
