/// Reads a test of a set: `{isset: name, type: string, load: file}`.
struct SetReader {
    let sink: DiagnosticSink

    private static let actions: [(String, SetTest.Action)] = [
        ("isset", .isset), ("isnotset", .isnotset), ("set", .set), ("unset", .unset),
    ]

    func read(_ node: YAMLNode) -> SetTest? {
        let names = Self.actions.map(\.0) + ["reputation"]
        let keys =
            names + [
                "type", "load", "state", "save", "memcap", "format", "value_key", "array_key",
                "context_key", "remove_key", "match", "op", "value",
            ]
        guard let entries = sink.entries(node, "a test of a set", keys: keys),
            entries.allSatisfy({ keys.contains($0.key) })
        else { return nil }
        let chosen = entries.filter { names.contains($0.key) }
        guard chosen.count == 1, let name = sink.text(chosen[0].value, "the name of a set") else {
            sink.error(at: node.mark, "a test of a set needs one of \(alternatives(names))")
            return nil
        }
        let plain = Self.actions.first { $0.0 == chosen[0].key }?.1
        guard let action = plain ?? reputation(node) else { return nil }
        var test = SetTest(set: SetDefinition(name: name), action: action)
        if let kind = node["type"] { test.set.kind = sink.choice(kind, "'type'") }
        if let format = node["format"] { test.set.format = sink.choice(format, "'format'") ?? .csv }
        if let key = node["value_key"] { test.set.valueKey = sink.text(key, "'value_key'") }
        if let key = node["array_key"] { test.set.arrayKey = sink.text(key, "'array_key'") }
        if let key = node["context_key"] { test.set.contextKey = sink.text(key, "'context_key'") }
        if let removes = node["remove_key"] {
            test.set.removesKey = sink.bool(removes, "'remove_key'") ?? false
        }
        if let file = node["save"] { test.set.savedName = sink.text(file, "'save'") }
        if let match = node["match"] {
            guard sink.text(match, "'match'") == "subdomain" else {
                sink.error(at: match.mark, "'match' takes 'subdomain'")
                return nil
            }
            test.matchesSubdomains = true
        }
        if let cap = node["memcap"], let text = sink.text(cap, "'memcap'") {
            guard let count = Setting.byteCount(text) else {
                sink.error(at: cap.mark, "'memcap' takes a size like 10mb")
                return nil
            }
            test.set.byteCountMax = count
        }
        for key in ["load", "state"] {
            guard let file = node[key], let text = sink.text(file, "'\(key)'") else { continue }
            test.set.path = path(text, at: file.mark)
            test.set.isOptional = key == "state"
            if key == "state" { test.set.savedName = text }
        }
        return test
    }

    private func reputation(_ node: YAMLNode) -> SetTest.Action? {
        let comparisons: [String: Comparison] = [
            "<": .less, ">": .greater, "=": .equal, "<=": .lessOrEqual, ">=": .greaterOrEqual,
        ]
        guard let op = node["op"].flatMap({ sink.text($0, "'op'") }),
            let comparison = comparisons[op],
            let value = node["value"].flatMap({ sink.integer($0, "'value'", in: 0...65_535) })
        else {
            sink.error(at: node.mark, "'reputation' needs 'op', one of < > = <= >=, and 'value'")
            return nil
        }
        return .reputation(comparison, value)
    }

    /// Files lie beside the rules.
    private func path(_ name: String, at mark: YAMLMark) -> String {
        let rule = sink.location(mark).path
        guard !name.hasPrefix("/"), let slash = rule.lastIndex(of: "/") else { return name }
        return rule[...slash] + name
    }
}
