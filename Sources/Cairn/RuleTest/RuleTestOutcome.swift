/// What came of a test's traffic, to be compared with what was expected.
struct RuleTestOutcome {
    private let rules: RuleSet
    private var alerts: [JSONValue] = []
    private var incidents: [JSONValue] = []

    init(rules: RuleSet) { self.rules = rules }

    mutating func take(_ collected: RecordCollector) {
        alerts = collected.alerts
        incidents = collected.incidents
    }

    /// What is different from what the test expects; empty if nothing is.
    func failures(of test: RuleTest) -> [String] {
        var failures: [String] = []
        switch test.alerts {
        case nil, .any: break
        case .count(let count):
            if alerts.count != count {
                failures.append("expected \(count) alerts, got \(describedAlerts)")
            }
        case .list(let expectations, let allowsMore):
            failures += alertFailures(expectations, allowsMore: allowsMore)
        }
        if let expectations = test.incidents { failures += incidentFailures(expectations) }
        return failures
    }

    // MARK: Alerts

    private func alertFailures(_ expectations: [RecordExpectation], allowsMore: Bool) -> [String] {
        var failures: [String] = []
        var rest = alerts
        for expectation in expectations {
            let fits: (JSONValue) -> Bool = { alert in self.alert(alert, fits: expectation) }
            let count = rest.count(where: fits)
            let isFine = expectation.count.map { $0 == count } ?? (count >= 1)
            if !isFine {
                let wanted = expectation.count.map(String.init) ?? "at least 1"
                failures.append(
                    "expected \(wanted) of \(expectation.text), got \(count); in all \(describedAlerts)"
                )
            }
            rest.removeAll(where: fits)
        }
        if !allowsMore, !rest.isEmpty {
            failures.append("alerts that were not expected: \(described(rest))")
        }
        return failures
    }

    private func alert(_ alert: JSONValue, fits expectation: RecordExpectation) -> Bool {
        if let rule = expectation.rule {
            guard alert["cairn"]?["rule"]?.text == rules.identifier(of: rule) ?? rule else {
                return false
            }
        }
        return expectation.members.allSatisfy { name, values in
            Self.texts(Self.member(of: alert, name)) == values
        }
    }

    /// A member of an alert record by the names of tests: `packet`, `level`, a dotted path, or a field's name.
    private static func member(of alert: JSONValue, _ name: String) -> JSONValue? {
        switch name {
        case "packet": alert["pcap_cnt"]
        case "level", "actor", "victim", "time": alert["cairn"]?[name]
        default: path(name, in: alert) ?? alert["cairn"]?["fields"]?[name]
        }
    }

    // MARK: Incidents

    private func incidentFailures(_ expectations: [RecordExpectation]) -> [String] {
        var failures: [String] = []
        var rest = incidents
        for expectation in expectations {
            let count = expectation.count ?? 1
            for _ in 0..<count {
                guard let index = rest.firstIndex(where: { incident($0, fits: expectation) }) else {
                    failures.append(
                        "expected an incident with \(expectation.text), got \(describedIncidents)")
                    break
                }
                rest.remove(at: index)
            }
        }
        if failures.isEmpty, !rest.isEmpty {
            failures.append(
                "expected \(incidents.count - rest.count) incidents, got \(describedIncidents)")
        }
        return failures
    }

    private func incident(_ incident: JSONValue, fits expectation: RecordExpectation) -> Bool {
        expectation.members.allSatisfy { name, values in
            switch name {
            case "level", "severity": return incident["severity"]?.text == values.first
            case "rules":
                let ids = (incident["rules"]?.elements ?? []).compactMap { $0["id"]?.text }
                return values.allSatisfy { ids.contains(rules.identifier(of: $0) ?? $0) }
            case "client.ip", "actor": return holds(incident["actors"], values)
            case "server.ip", "victim": return holds(incident["victims"], values)
            case "tactics":
                return (incident["tactics"]?.elements ?? []).compactMap { $0["tactic"]?.text }
                    == values
            default: return Self.texts(Self.path(name, in: incident)) == values
            }
        }
    }

    private func holds(_ list: JSONValue?, _ values: [String]) -> Bool {
        let texts = Self.texts(list)
        return values.allSatisfy { texts.contains($0) }
    }

    // MARK: Words

    private var describedAlerts: String { described(alerts) }

    /// `2 × http_shellshock, 1 × port_scan`, or `none`.
    private func described(_ alerts: [JSONValue]) -> String {
        var counts: [(name: String, count: Int)] = []
        for alert in alerts {
            let name = ruleName(alert["cairn"]?["rule"]?.text ?? "?")
            if let index = counts.firstIndex(where: { $0.name == name }) {
                counts[index].count += 1
            } else {
                counts.append((name, 1))
            }
        }
        return counts.isEmpty
            ? "none" : counts.map { "\($0.count) × \($0.name)" }.joined(separator: ", ")
    }

    private var describedIncidents: String {
        let texts = incidents.map { incident -> String in
            let names = (incident["rules"]?.elements ?? []).compactMap { $0["id"]?.text }.map(
                ruleName)
            let tactics = (incident["tactics"]?.elements ?? []).compactMap { $0["tactic"]?.text }
            let actors = Self.texts(incident["actors"])
            return
                "{level: \(incident["severity"]?.text ?? "?"), rules: [\(names.joined(separator: ", "))], "
                + "actors: [\(actors.joined(separator: ", "))], tactics: [\(tactics.joined(separator: ", "))]}"
        }
        return texts.isEmpty ? "none" : texts.joined(separator: "; ")
    }

    private func ruleName(_ id: String) -> String {
        rules.detections.first { $0.header.id == id }?.header.name
            ?? rules.correlations.first { $0.header.id == id }?.header.name ?? id
    }

    // MARK: JSON

    private static func path(_ name: String, in value: JSONValue) -> JSONValue? {
        if let direct = value[name] { return direct }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        return value[String(name[..<dot])].flatMap {
            path(String(name[name.index(after: dot)...]), in: $0)
        }
    }

    /// The texts of a value, of each element of a list; nothing for what is missing.
    private static func texts(_ value: JSONValue?) -> [String] {
        switch value {
        case nil: []
        case .null?: ["null"]
        case .bool(let bool)?: [String(bool)]
        case .number(let text, _)?: [text]
        case .string(let text)?: [text]
        case .array(let elements)?: elements.flatMap { texts($0) }
        case .object?: []
        }
    }
}

extension RecordExpectation {
    /// The expectation as it was written, for messages.
    fileprivate var text: String {
        let members = members.map { "\($0.name): \($0.values.joined(separator: ", "))" }
        return ((rule.map { ["rule: \($0)"] } ?? []) + members).joined(separator: ", ")
    }
}
