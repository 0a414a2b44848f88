/// Reads the `tests` of a document.
struct RuleTestReader {
    let sink: DiagnosticSink
    let source: YAMLSource

    private static let keys = [
        "name", "rules", "load", "set", "traffic", "alerts", "more", "incidents", "evasions",
    ]

    func read(_ node: YAMLNode) -> [RuleTest] {
        guard let tests = node.elements else {
            sink.error(at: node.mark, "'tests' must be a list, not \(node.kind)")
            return []
        }
        return tests.compactMap(test)
    }

    private func test(_ node: YAMLNode) -> RuleTest? {
        let errorCount = sink.errorCount
        guard sink.entries(node, "a test", keys: Self.keys) != nil else { return nil }
        guard let name = node["name"].flatMap({ sink.text($0, "'name'") }) else {
            if node["name"] == nil { sink.error(at: node.mark, "the test has no 'name'") }
            return nil
        }
        var test = RuleTest(name: name, location: sink.location(node.mark))
        if let rules = node["rules"] { test.rules = sink.texts(rules, "'rules'") }
        if let load = node["load"] { test.load = sink.texts(load, "'load'") }
        if let settings = node["set"] { test.settings = self.settings(settings, prefix: "") }
        if let evasions = node["evasions"] {
            sink.warning(at: evasions.mark, "'evasions' are not tried yet")
        }
        let traffic = TestTrafficReader(sink: sink, source: source)
        test.traffic = (node["traffic"]?.listOrSelf ?? []).compactMap(traffic.read)
        if test.traffic.isEmpty, sink.errorCount == errorCount {
            sink.error(at: node.mark, "the test has no 'traffic'")
        }
        test.alerts = alerts(node)
        test.incidents = incidents(node)
        if test.alerts == nil, test.incidents == nil, sink.errorCount == errorCount {
            sink.error(at: node.mark, "the test expects neither 'alerts' nor 'incidents'")
        }
        return sink.errorCount == errorCount ? test : nil
    }

    /// Dotted names or nested maps, as in a settings file.
    private func settings(_ node: YAMLNode, prefix: String) -> [(name: String, value: String)] {
        guard let entries = node.entries else {
            sink.error(at: node.mark, "'set' must be a map of settings, not \(node.kind)")
            return []
        }
        return entries.flatMap { entry -> [(name: String, value: String)] in
            let name = prefix + entry.key
            if entry.value.entries != nil { return settings(entry.value, prefix: name + ".") }
            let texts = entry.value.listOrSelf.compactMap(\.text)
            guard let setting = Setting.named(name) else {
                sink.error(
                    at: entry.keyMark,
                    "unknown setting '\(name)'"
                        + suggestion(for: name, among: Setting.all.map(\.name)))
                return []
            }
            if let complaint = setting.complaint(about: texts) {
                sink.error(at: entry.value.mark, "'\(name)' \(complaint)")
                return []
            }
            let value =
                texts.count == 1 ? texts[0] : "[" + texts.joined(separator: ", ") + "]"
            return [(name, value)]
        }
    }

    // MARK: Expectations

    private func alerts(_ node: YAMLNode) -> AlertExpectation? {
        guard let alerts = node["alerts"] else { return nil }
        if alerts.text == "any" { return .any }
        if let elements = alerts.elements {
            let more = node["more"].flatMap { sink.bool($0, "'more'") } ?? false
            return .list(elements.compactMap(expectation), more: more)
        }
        guard alerts.scalar != nil else {
            sink.error(at: alerts.mark, "'alerts' must be a number, a list or 'any'")
            return nil
        }
        return sink.integer(alerts, "'alerts'", in: 0...Int64(Int32.max)).map { .count(Int($0)) }
    }

    private func incidents(_ node: YAMLNode) -> [RecordExpectation]? {
        guard let incidents = node["incidents"] else { return nil }
        guard let elements = incidents.elements else {
            sink.error(at: incidents.mark, "'incidents' must be a list, not \(incidents.kind)")
            return nil
        }
        return elements.compactMap(expectation)
    }

    private func expectation(_ node: YAMLNode) -> RecordExpectation? {
        guard let entries = node.entries else {
            sink.error(
                at: node.mark, "an expectation must be a map like '{rule: NAME}', not \(node.kind)")
            return nil
        }
        var expectation = RecordExpectation(location: sink.location(node.mark))
        for entry in entries {
            switch entry.key {
            case "rule": expectation.rule = sink.text(entry.value, "'rule'")
            case "count":
                expectation.count =
                    sink.integer(entry.value, "'count'", in: 0...Int64(Int32.max)).map { Int($0) }
            default: expectation.members += members(entry, prefix: "")
            }
        }
        return expectation
    }

    private func members(
        _ entry: YAMLEntry, prefix: String
    ) -> [(name: String, values: [String])] {
        if let inner = entry.value.entries {
            return inner.flatMap { members($0, prefix: prefix + entry.key + ".") }
        }
        return [(prefix + entry.key, entry.value.listOrSelf.map { $0.text ?? "null" })]
    }
}
