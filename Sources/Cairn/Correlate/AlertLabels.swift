/// The labels of rules as alert files describe them: parsed once for each wording, then found by
/// its bytes.
///
/// Holds at most `wordingCountMax` wordings; beyond that it starts anew.
struct AlertLabels {
    private struct Wording {
        var bytes: [UInt8]
        var label: RuleLabelID
    }

    private static let wordingCountMax = 1 << 16

    private let catalog: RuleCatalog
    private var wordings: [Wording] = []
    private var places: [UInt64: Int] = [:]
    private var key: [UInt8] = []

    init(catalog: RuleCatalog) {
        self.catalog = catalog
    }

    /// The label of a `rule` object in registry form: `{"id": …, "title": …, "level": …, "tags":
    /// […]}`.
    mutating func label(ofRule rule: UnsafeRawBufferPointer) -> RuleLabelID {
        key.removeAll(keepingCapacity: true)
        key.append(contentsOf: rule)
        return label { catalog in
            let rule = JSONValue(parsing: rule)
            let names = ["id", "name", "title"].lazy.compactMap { Self.name(rule?[$0]) }
            return catalog.label(
                rule: Array((names.first ?? "").utf8),
                title: rule?["title"]?.text.map { Array($0.utf8) },
                level: rule?["level"]?.text.flatMap(Level.init) ?? .medium,
                tags: Self.tags(rule?["tags"]))
        }
    }

    /// The label of an EVE record: its `alert` object, and what Cairn says beyond it in `cairn`.
    mutating func label(
        ofSignature signature: UnsafeRawBufferPointer, rule: UnsafeRawBufferPointer,
        level: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer
    ) -> RuleLabelID {
        key.removeAll(keepingCapacity: true)
        for part in [signature, rule, level, tags] {
            key.append(contentsOf: part)
            key.append(0)
        }
        return label { catalog in
            let alert = JSONValue(parsing: signature)
            let written = String(decoding: level, as: UTF8.self)
            let severity = Self.level(ofSeverity: alert?["severity"]?.integer)
            return catalog.label(
                rule: rule.isEmpty ? Self.signatureName(alert, catalog) : Self.text(rule),
                title: alert?["signature"]?.text.map { Array($0.utf8) },
                level: Level(name: written) ?? severity,
                tags: tags.isEmpty ? Self.attackTags(alert?["metadata"]) : Self.tags(tags))
        }
    }

    private mutating func label(_ make: (RuleCatalog) -> RuleLabelID) -> RuleLabelID {
        let hash = key.withUnsafeBytes(GroupKey.hash)
        if let place = places[hash], wordings[place].bytes == key { return wordings[place].label }
        if wordings.count >= Self.wordingCountMax {
            for wording in wordings { catalog.release(wording.label) }
            wordings.removeAll()
            places.removeAll()
        }
        let label = make(catalog)
        // Of two wordings with one hash the later is found; both keep their labels.
        places[hash] = wordings.count
        wordings.append(Wording(bytes: key, label: label))
        return label
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
