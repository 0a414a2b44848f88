/// Keywords that test a buffer against a set of values: `dataset` and `datarep`.
extension SuricataDraft {
    /// `isset,name,type string,load file`
    mutating func dataset(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        guard parts.count >= 2 else {
            throw try option.required().error("'dataset' takes an action and the name of a set")
        }
        let action: SetTest.Action
        switch parts[0].text {
        case "isset": action = .isset
        case "isnotset": action = .isnotset
        case "set": action = .set
        case "unset": action = .unset
        default:
            throw parts[0].error("unknown action; use isset, isnotset, set or unset")
        }
        var test = SetTest(set: SetDefinition(name: parts[1].text), action: action)
        try readSet(parts.dropFirst(2), &test, option)
        append(test)
    }

    /// `name, >, 200, type string, load file`
    mutating func reputation(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        let comparisons: [String: Comparison] = [
            "<": .less, ">": .greater, "==": .equal, "<=": .lessOrEqual, ">=": .greaterOrEqual,
            "=": .equal,
        ]
        guard parts.count >= 3, let comparison = comparisons[parts[1].text],
            let number = parts[2].integer, (0...65_535).contains(number)
        else {
            throw try option.required().error(
                "'datarep' takes a set's name, a comparison and a number in 0...65535")
        }
        var test = SetTest(
            set: SetDefinition(name: parts[0].text), action: .reputation(comparison, number))
        try readSet(parts.dropFirst(3), &test, option)
        append(test)
    }

    private mutating func append(_ test: SetTest) {
        pendingTransforms = false
        buffers[current].predicates.append(.inSet(test))
    }

    private func readSet(
        _ parts: ArraySlice<SuricataValue>, _ test: inout SetTest, _ option: SuricataOption
    ) throws(SuricataProblem) {
        var given: Set<String> = []
        for part in parts {
            let words = part.words
            guard let key = words.first?.text else { continue }
            given.insert(key)
            try readSetOption(key, part, words.count > 1 ? words[1].text : "", &test, option)
        }
        guard !given.contains("state") || given.isDisjoint(with: ["load", "save"]) else {
            throw option.error("'state' says what 'load' and 'save' do; write it alone")
        }
    }

    private func readSetOption(
        _ key: String, _ part: SuricataValue, _ value: String, _ test: inout SetTest,
        _ option: SuricataOption
    ) throws(SuricataProblem) {
        switch key {
        case "type":
            guard let kind = SetDefinition.Kind(rawValue: value), kind != .sha1 else {
                throw part.error("'type' is one of string, md5, sha256, ipv4 and ip")
            }
            test.set.kind = kind
        case "load": test.set.path = path(value)
        case "state":
            test.set.path = path(value)
            test.set.isOptional = true
            test.set.savedName = value
        case "save": test.set.savedName = value
        case "memcap":
            guard let count = Setting.byteCount(value) else {
                throw part.error("'memcap' takes a size like 10mb")
            }
            test.set.byteCountMax = count
        case "format":
            // Suricata 8 has had two names for some things.
            let name = value == "jsonline" ? "ndjson" : value
            guard let format = SetDefinition.Format(rawValue: name), format != .hashes else {
                throw part.error("'format' is one of csv, json and ndjson")
            }
            test.set.format = format
        case "value_key": test.set.valueKey = value
        case "array_key": test.set.arrayKey = value
        case "context_key", "enrichment_key": test.set.contextKey = value
        case "remove_key": test.set.removesKey = true
        case "match":
            guard value == "subdomain" else { throw part.error("'match' takes 'subdomain'") }
            test.matchesSubdomains = true
        case "hashsize": break
        default: throw part.error("unknown option '\(key)' of '\(option.name)'")
        }
    }

    /// Files lie beside the rules.
    func path(_ name: String) -> String {
        guard !name.hasPrefix("/"), let slash = header.location.path.lastIndex(of: "/") else {
            return name
        }
        return header.location.path[...slash] + name
    }
}
