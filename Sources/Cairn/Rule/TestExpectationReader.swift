/// Reads what a test expects: `alerts`, `firings` and `incidents`.
struct TestExpectationReader {
    let sink: DiagnosticSink

    private static let countMax = Int64(Int32.max)
    private static let statuses = ["open", "closed"]

    func read(_ node: YAMLNode, into test: inout RuleTest) {
        let errorCount = sink.errorCount
        test.allowsMore = node["more"].flatMap { sink.bool($0, "'more'") } ?? false
        test.alerts = node["alerts"].flatMap(alerts)
        if node["alerts"] != nil, test.traffic.isEmpty, !test.alertsIn.isEmpty {
            sink.error(
                at: node["alerts"]?.mark ?? node.mark,
                "'alerts' are what rules make of 'traffic'; here the alerts are given, and only"
                    + " 'firings' and 'incidents' can be expected")
        }
        test.firings = node["firings"].flatMap(firings)
        test.incidents = node["incidents"].flatMap(incidents)
        let isEmpty = test.alerts == nil && test.firings == nil && test.incidents == nil
        if isEmpty, sink.errorCount == errorCount {
            sink.error(
                at: node.mark, "the test expects neither 'alerts' nor 'firings' nor 'incidents'")
        }
    }

    private func alerts(_ node: YAMLNode) -> AlertExpectation? {
        if node.text == "any" { return .any }
        if let elements = node.elements {
            return .list(elements.compactMap(expectation), location: sink.location(node.mark))
        }
        guard node.scalar != nil else {
            sink.error(at: node.mark, "'alerts' must be a number, a list or 'any'")
            return nil
        }
        return count(node, "'alerts'").map { .count($0, location: sink.location(node.mark)) }
    }

    /// A number, a list, or a map of rules to numbers.
    private func firings(_ node: YAMLNode) -> CountedExpectation? {
        if let entries = node.entries {
            return .list(
                entries.map { entry in
                    var expectation = RecordExpectation(location: sink.location(entry.keyMark))
                    expectation.rule = entry.key
                    expectation.count = count(
                        entry.value, "the number of firings of '\(entry.key)'")
                    return expectation
                }, location: sink.location(node.mark))
        }
        return counted(node, "'firings'", "a number, a list or a map of rules to numbers")
    }

    private func incidents(_ node: YAMLNode) -> CountedExpectation? {
        let incidents = counted(node, "'incidents'", "a number or a list")
        guard let elements = node.elements else { return incidents }
        for element in elements {
            guard let status = element["status"], let text = status.text else { continue }
            if !Self.statuses.contains(text) {
                sink.error(
                    at: status.mark,
                    "'status' is what an incident is at the end of the test: open or closed, not"
                        + " '\(text)'")
            }
        }
        return incidents
    }

    private func counted(
        _ node: YAMLNode, _ what: String, _ forms: String
    ) -> CountedExpectation? {
        if let elements = node.elements {
            return .list(elements.compactMap(expectation), location: sink.location(node.mark))
        }
        guard node.scalar != nil, !node.isNull else {
            sink.error(at: node.mark, "\(what) must be \(forms), not \(node.kind)")
            return nil
        }
        return count(node, what).map { .count($0, location: sink.location(node.mark)) }
    }

    private func count(_ node: YAMLNode, _ what: String) -> Int? {
        sink.integer(node, what, in: 0...Self.countMax).map { Int($0) }
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
            case "count": expectation.count = count(entry.value, "'count'")
            case "at": expectation.atNanoseconds = sink.time(entry.value, "'at'")
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
