/// Reads the alerts that a test hands to the correlation.
struct TestAlertReader {
    let sink: DiagnosticSink

    private static let keys = ["rule", "at", "repeat", "every", "level", "tags", "title"]
    /// Keys that a slip of the pen would turn into a field.
    private static let confusableKeys = ["repeat", "every", "level", "tags", "actor", "victim"]

    func read(_ node: YAMLNode) -> TestAlertsIn? {
        let errorCount = sink.errorCount
        guard let entries = node.entries else {
            sink.error(
                at: node.mark,
                "an entry of 'alerts-in' must be a map like '{rule: NAME, src.ip: 10.0.0.5}', not"
                    + " \(node.kind)")
            return nil
        }
        if let clock = node["clock"] {
            guard sink.entries(node, "an entry with 'clock'", keys: ["clock"]) != nil else {
                return nil
            }
            return sink.time(clock, "'clock'").map { .clock(nanoseconds: $0) }
        }
        guard let rule = node["rule"], let name = sink.text(rule, "'rule'") else {
            if node["rule"] == nil {
                sink.error(
                    at: node.mark,
                    "the alert has no 'rule'; name the rule that would make it, or a Suricata rule"
                        + " by its number")
            }
            return nil
        }
        var alert = TestAlert(
            location: sink.location(node.mark), rule: name,
            ruleLocation: sink.location(rule.mark))
        if let at = node["at"] { alert.atNanoseconds = sink.time(at, "'at'") }
        readLabel(node, into: &alert)
        for entry in entries where !Self.keys.contains(entry.key) {
            alert.fields += fields(entry, prefix: "")
        }
        readRepetition(node, into: &alert)
        return sink.errorCount == errorCount ? .alert(alert) : nil
    }

    private func readLabel(_ node: YAMLNode, into alert: inout TestAlert) {
        alert.title = node["title"].flatMap { sink.text($0, "'title'") }
        alert.tags = node["tags"].map { sink.texts($0, "'tags'") }
        alert.level = node["level"].flatMap(sink.level)
    }

    /// `repeat: 20, every: 3s`, or as in traffic `repeat: {count: 20, every: 3s}`. Without a count
    /// each value of the longest list or range comes once.
    private func readRepetition(_ node: YAMLNode, into alert: inout TestAlert) {
        let repetition = node["repeat"]
        var every = node["every"]
        let most = TestTrafficReader.repeatCountMax
        if let repetition {
            var count: YAMLNode? = repetition
            if repetition.entries != nil {
                _ = sink.entries(repetition, "'repeat'", keys: ["count", "every"])
                count = repetition["count"]
                every = repetition["every"] ?? every
            }
            guard let count else {
                return sink.error(at: repetition.mark, "'repeat' needs a 'count'")
            }
            alert.repeatCount = sink.integer(count, "'repeat'", in: 1...most).map { Int($0) } ?? 1
        } else if let longest = alert.fields.map(\.count).max(), longest > 1 {
            guard longest <= UInt64(most) else {
                return sink.error(
                    at: node.mark,
                    "a range has \(longest) values; say with 'repeat' how many alerts there are, at"
                        + " most \(most)")
            }
            alert.repeatCount = Int(longest)
        }
        guard let every else { return }
        alert.repeatNanoseconds = sink.time(every, "'every'") ?? 0
        if alert.repeatCount == 1, repetition == nil {
            sink.error(at: every.mark, "'every' needs a 'repeat', or a list or range of values")
        }
    }

    // MARK: Fields

    private func fields(_ entry: YAMLEntry, prefix: String) -> [TestField] {
        let name = prefix + entry.key
        if let inner = entry.value.entries {
            return inner.flatMap { fields($0, prefix: name + ".") }
        }
        if let meant = nearest(to: name, among: Self.confusableKeys), meant != name {
            sink.error(at: entry.keyMark, "unknown key '\(name)' — did you mean '\(meant)'?")
            return []
        }
        guard let values = values(of: entry.value, name) else { return [] }
        return [TestField(name: name, location: sink.location(entry.keyMark), values: values)]
    }

    private func values(of node: YAMLNode, _ name: String) -> TestField.Values? {
        if let elements = node.elements {
            let values = elements.compactMap { scalar($0, name) }
            if elements.isEmpty { sink.error(at: node.mark, "the list of '\(name)' is empty") }
            return values.isEmpty ? nil : .list(values)
        }
        if let text = node.text, let range = range(text, name, node.mark) { return range }
        return scalar(node, name).map { .list([$0]) }
    }

    private func scalar(_ node: YAMLNode, _ name: String) -> TestField.Scalar? {
        guard let scalar = node.scalar, let value = node.value, value != .null else {
            sink.error(
                at: node.mark,
                "'\(name)' must be a value or a list of values, not \(node.kind); leave out what"
                    + " the alert does not have")
            return nil
        }
        switch value {
        case .bool(let bool): return .bool(bool)
        case .integer(let integer): return .number(String(integer))
        case .float(let float) where float.isFinite: return .number("\(float)")
        case .float, .text, .null: return .text(scalar.text)
        }
    }

    /// `10.0.0.1-20`, `2001:db8::1-2001:db8::ff`; for fields that hold numbers `1-1024`.
    private func range(_ text: String, _ name: String, _ mark: YAMLMark) -> TestField.Values? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        if IPAddress(String(ends[0])) != nil {
            guard let addresses = IPAddress.range(text),
                addresses.lowerBound.high == addresses.upperBound.high
            else {
                sink.error(
                    at: mark,
                    "'\(text)' is no range of addresses; write 10.0.0.1-20, or both ends")
                return nil
            }
            let (first, last) = (addresses.lowerBound, addresses.upperBound)
            return .addresses(from: first, count: (last.low &- first.low) &+ 1)
        }
        guard FieldRegistry.holdsNumbers(name), let low = Int64(ends[0]), let high = Int64(ends[1])
        else { return nil }
        guard low <= high else {
            sink.error(at: mark, "the range '\(text)' ends before it begins")
            return nil
        }
        return .numbers(low...high)
    }
}

extension FieldRegistry {
    /// Whether a field of that name holds whole numbers, in whatever subject.
    fileprivate static func holdsNumbers(_ name: String) -> Bool {
        subjects.indices.contains { subject in
            field(named: name, subject: subject).map { definition(of: $0).type == .integer }
                ?? false
        }
    }
}
