extension SetTest {
    /// The test as `SetReader` reads it: `{isset: name, type: string, load: file}`.
    var yaml: String {
        var entries: [(String, String)] = []
        switch action {
        case .isset: entries = [("isset", set.name)]
        case .isnotset: entries = [("isnotset", set.name)]
        case .set: entries = [("set", set.name)]
        case .unset: entries = [("unset", set.name)]
        case .reputation(let comparison, let value):
            entries = [
                ("reputation", set.name), ("op", comparison.sign), ("value", String(value)),
            ]
        }
        if let kind = set.kind { entries.append(("type", kind.rawValue)) }
        if let path = set.path { entries.append((set.isOptional ? "state" : "load", path)) }
        if !set.isOptional, let name = set.savedName { entries.append(("save", name)) }
        if set.format != .csv { entries.append(("format", set.format.rawValue)) }
        if let key = set.valueKey { entries.append(("value_key", key)) }
        if let key = set.arrayKey { entries.append(("array_key", key)) }
        if let key = set.contextKey { entries.append(("context_key", key)) }
        if matchesSubdomains { entries.append(("match", "subdomain")) }
        if let count = set.byteCountMax { entries.append(("memcap", String(count))) }
        let texts = entries.map { "\($0): \(YAMLText.scalar($1))" }
        return "{" + (texts + (set.removesKey ? ["remove_key: true"] : [])).joined(separator: ", ")
            + "}"
    }
}

extension Comparison {
    fileprivate var sign: String {
        switch self {
        case .less: "<"
        case .lessOrEqual: "<="
        case .equal: "="
        case .notEqual: "!="
        case .greaterOrEqual: ">="
        case .greater: ">"
        }
    }
}
