/// Reads what all documents say about themselves.
struct HeaderReader {
    let sink: DiagnosticSink

    /// Keys of Sigma's header and of Cairn's, for every kind of document.
    static let keys: Set<String> = [
        "title", "id", "name", "related", "taxonomy", "status", "description", "license",
        "references", "author", "date", "modified", "tags", "level", "fields", "falsepositives",
        "scope", "action", "logsource", "tests", "rev", "gid", "category", "severity", "metadata",
        "original",
    ]

    /// The header; nil if it has mistakes, which were reported.
    func read(_ document: YAMLNode, otherKeys: Set<String>) -> RuleHeader? {
        let errorCount = sink.errorCount
        var header = RuleHeader(id: "", title: "", location: sink.location(document.mark))
        var id: String?
        var title: String?
        for entry in document.entries ?? [] {
            let value = entry.value
            if value.isNull { continue }
            switch entry.key {
            case "id": id = identifier(value)
            case "name": header.name = sink.text(value, "'name'")
            case "title": title = sink.text(value, "'title'")
            case "description": header.description = value.text
            case "status": header.status = value.text
            case "level": header.level = sink.level(value)
            case "tags": header.tags = sink.texts(value, "a tag")
            case "references": header.references = value.listOrSelf.compactMap(\.text)
            case "rev": header.revision = number(value, "'rev'") ?? 0
            case "gid": header.generatorID = number(value, "'gid'") ?? 1
            case "category": header.category = value.text
            case "severity":
                header.severity = sink.integer(value, "'severity'", in: 0...65_535).map { Int($0) }
            case "metadata": header.metadata = metadata(value)
            case let key where Self.keys.contains(key) || otherKeys.contains(key): break
            default: warnIfMisspelt(entry, otherKeys)
            }
        }
        guard let identity = id ?? header.name ?? title, !identity.isEmpty else {
            sink.error(at: document.mark, "the rule has no 'title'")
            return nil
        }
        header.id = identity
        header.title = title ?? header.name ?? identity
        header.signatureID = Self.signatureID(of: identity)
        return sink.errorCount == errorCount ? header : nil
    }

    /// What the document is called in messages, before it was read.
    static func label(of document: YAMLNode) -> String? {
        (document["id"] ?? document["name"] ?? document["title"])?.text
    }

    private func identifier(_ node: YAMLNode) -> String? {
        guard let id = sink.text(node, "'id'") else { return nil }
        if id.isEmpty { sink.error(at: node.mark, "'id' is empty") }
        return id
    }

    private func number(_ node: YAMLNode, _ what: String) -> UInt32? {
        sink.integer(node, what, in: 0...Int64(UInt32.max)).map { UInt32($0) }
    }

    /// A map, or a list of maps where a key has several values.
    private func metadata(_ node: YAMLNode) -> [(key: String, value: String)] {
        node.listOrSelf.flatMap { node in
            (node.entries ?? []).flatMap { entry in
                entry.value.listOrSelf.compactMap(\.text).map { (entry.key, $0) }
            }
        }
    }

    /// Sigma allows keys of one's own; one that is a slip away from a known key was probably meant
    /// to be that.
    private func warnIfMisspelt(_ entry: YAMLEntry, _ otherKeys: Set<String>) {
        let known = Self.keys.union(otherKeys).sorted()
        guard let meant = nearest(to: entry.key, among: known, within: 1) else { return }
        sink.warning(
            at: entry.keyMark, "unknown key '\(entry.key)' — did you mean '\(meant)'?")
    }

    /// The number itself if the identity is one, else a number from its SHA-256, from 3,000,000,000
    /// up to 2^32 - 1: above the ranges that rule writers use.
    static func signatureID(of identity: String) -> UInt64 {
        if let number = UInt64(identity) { return number }
        // A signature of another generator, `3:2001`.
        let parts = identity.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, UInt32(parts[0]) != nil, let number = UInt32(parts[1]) {
            return UInt64(number)
        }
        let first: UInt64 = 3_000_000_000
        let prefix = Digest.hash(.sha256, identity.utf8).prefix(8)
        let number = prefix.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return first + number % ((1 << 32) - first)
    }
}

extension RuleHeader {
    /// The identity of the Suricata rule that a name means, `sid` or `gid:sid`, which need not have a
    /// document; nil for other names. Generator 1 is that of all ordinary rules.
    static func signature(named name: String) -> String? {
        let generator = name.utf8.prefix { $0 != UInt8(ascii: ":") }
        let rest = name.utf8.dropFirst(generator.count + 1)
        func isNumber(_ text: Substring.UTF8View) -> Bool {
            !text.isEmpty && text.allSatisfy { (48...57).contains($0) }
        }
        guard isNumber(generator) else { return nil }
        if generator.endIndex == name.utf8.endIndex { return name }
        guard isNumber(rest) else { return nil }
        return generator.elementsEqual("1".utf8) ? String(Substring(rest)) : name
    }
}
