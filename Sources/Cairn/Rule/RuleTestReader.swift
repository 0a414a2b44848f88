/// Reads the `tests` of a document.
struct RuleTestReader {
    let sink: DiagnosticSink
    let source: YAMLSource

    private static let keys = [
        "name", "rules", "load", "set", "traffic", "alerts-in", "alerts", "firings", "incidents",
        "more", "evasions",
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
        let alerts = TestAlertReader(sink: sink)
        test.alertsIn = (node["alerts-in"]?.listOrSelf ?? []).compactMap(alerts.read)
        if node["traffic"] == nil, node["alerts-in"] == nil {
            sink.error(at: node.mark, "the test has neither 'traffic' nor 'alerts-in'")
        } else if test.traffic.isEmpty, test.alertsIn.isEmpty, sink.errorCount == errorCount {
            sink.error(at: node.mark, "the test has no traffic and no alerts")
        }
        TestExpectationReader(sink: sink).read(node, into: &test)
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
}
