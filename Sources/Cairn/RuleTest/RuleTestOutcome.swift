/// What came of a test's traffic and alerts, to be compared with what was expected.
struct RuleTestOutcome {
    private let rules: RuleSet
    private let alerts: [JSONValue]
    private let firings: [JSONValue]
    private let incidents: [JSONValue]

    init(rules: RuleSet, records: RecordCollector) {
        self.rules = rules
        alerts = records.alerts
        firings = records.firings
        incidents = records.incidents
    }

    /// What is different from what the test expects; empty if nothing is.
    func failures(of test: RuleTest) -> [RuleTestFailure] {
        var failures: [RuleTestFailure] = []
        switch test.alerts {
        case nil, .any: break
        case .count(let count, let location):
            if alerts.count != count {
                failures.append(
                    RuleTestFailure(
                        location, "expected \(count) alerts, got \(described(alerts))"))
            }
        case .list(let expectations, let location):
            failures += alertFailures(expectations, location, test)
        }
        failures += firingFailures(test)
        failures += incidentFailures(test)
        return failures
    }

    // MARK: Alerts

    private func alertFailures(
        _ expectations: [RecordExpectation], _ location: SourceLocation, _ test: RuleTest
    ) -> [RuleTestFailure] {
        var failures: [RuleTestFailure] = []
        var rest = alerts
        for expectation in expectations {
            let fits: (JSONValue) -> Bool = { alert in self.alert(alert, fits: expectation) }
            let count = rest.count(where: fits)
            let isFine = expectation.count.map { $0 == count } ?? (count >= 1)
            if !isFine {
                let wanted = expectation.count.map(String.init) ?? "at least 1"
                failures.append(
                    RuleTestFailure(
                        expectation.location,
                        "expected \(wanted) of \(expectation.text), got \(count); in all"
                            + " \(described(alerts))"))
            }
            rest.removeAll(where: fits)
        }
        if !test.allowsMore, !rest.isEmpty {
            failures.append(
                RuleTestFailure(
                    location, "alerts that were not expected: \(described(rest))"))
        }
        return failures
    }

    private func alert(_ alert: JSONValue, fits expectation: RecordExpectation) -> Bool {
        if let rule = expectation.rule {
            guard alert["cairn"]?["rule"]?.text == rules.identifier(of: rule) ?? rule else {
                return false
            }
        }
        guard expectation.fits(time: alert["cairn"]?["time"]) else { return false }
        return expectation.members.allSatisfy { name, values in
            Self.member(ofAlert: alert, name).texts == values
        }
    }

    /// A member of an alert record by the names of tests: `packet`, `level`, a dotted path, or a
    /// field's name.
    private static func member(ofAlert alert: JSONValue, _ name: String) -> JSONValue? {
        switch name {
        case "packet": alert["pcap_cnt"]
        case "level", "actor", "victim", "time": alert["cairn"]?[name]
        default: alert.member(at: name) ?? alert["cairn"]?["fields"]?[name]
        }
    }

    /// `2 × http_shellshock, 1 × port_scan`, or `none`.
    private func described(_ alerts: [JSONValue]) -> String {
        counts(of: alerts.map { $0["cairn"]?["rule"]?.text ?? "?" })
    }

    private func counts(of ids: [String]) -> String {
        var counts: [(name: String, count: Int)] = []
        for id in ids {
            let name = rules.displayName(of: id)
            if let index = counts.firstIndex(where: { $0.name == name }) {
                counts[index].count += 1
            } else {
                counts.append((name, 1))
            }
        }
        return counts.isEmpty
            ? "none" : counts.map { "\($0.count) × \($0.name)" }.joined(separator: ", ")
    }

    // MARK: Firings

    private func firingFailures(_ test: RuleTest) -> [RuleTestFailure] {
        let described = firings.isEmpty ? "none" : firings.map(firingText).joined(separator: "; ")
        switch test.firings {
        case nil: return []
        case .count(let count, let location):
            guard firings.count != count else { return [] }
            let missed = firings.count < count ? rules.correlations.map(\.header.id) : []
            return [
                RuleTestFailure(
                    location, "expected \(count) firings, got \(described)", missedRules: missed)
            ]
        case .list(let expectations, let location):
            let matched = match(expectations, firings) { self.firing($0, fits: $1) }
            var failures = matched.missing.map { missing in
                let expectation = missing.expectation
                let wanted =
                    missing.wanted == 1 ? "a firing" : "\(missing.wanted) firings"
                let missed = expectation.rule.map { [rules.identifier(of: $0) ?? $0] }
                return RuleTestFailure(
                    expectation.location,
                    "expected \(wanted) with \(expectation.text), got"
                        + " \(missing.wanted == 1 ? described : "\(missing.got): \(described)")",
                    missedRules: missed ?? rules.correlations.map(\.header.id))
            }
            if !test.allowsMore, !matched.rest.isEmpty {
                failures.append(
                    RuleTestFailure(
                        location,
                        "firings that were not expected: "
                            + matched.rest.map(firingText).joined(separator: "; ")))
            }
            return failures
        }
    }

    private func firing(_ firing: JSONValue, fits expectation: RecordExpectation) -> Bool {
        if let rule = expectation.rule {
            guard firing["rule"]?["id"]?.text == rules.identifier(of: rule) ?? rule else {
                return false
            }
        }
        guard expectation.fits(time: firing["time"]) else { return false }
        return expectation.members.allSatisfy { name, values in
            let names = [name, FieldRegistry.canonicalName(of: name)]
            let inGroup = names.lazy.compactMap { firing["group"]?[$0] ?? firing["common"]?[$0] }
            let value =
                name == "level" || name == "tags"
                ? firing["rule"]?[name] : firing.member(at: name) ?? inGroup.first
            return value.texts == values
        }
    }

    /// `ssh_brute_force at 57s for src.ip 10.0.0.5 (event_count 20 gte 20 within 300s)`.
    private func firingText(_ firing: JSONValue) -> String {
        let name = rules.displayName(of: firing["rule"]?["id"]?.text ?? "?")
        var text = name + (firing["time"].moment.map { " at \(testMoment($0))" } ?? "")
        if case .object(let members)? = firing["group"], !members.isEmpty {
            text +=
                " for "
                + members.map { "\($0.key) \($0.value.text ?? "")" }
                .joined(separator: ", ")
        }
        return text + " (\(firing["reason"]?.text ?? ""))"
    }

    // MARK: Incidents

    private func incidentFailures(_ test: RuleTest) -> [RuleTestFailure] {
        let described =
            incidents.isEmpty ? "none" : incidents.map(incidentText).joined(separator: "; ")
        switch test.incidents {
        case nil: return []
        case .count(let count, let location):
            if incidents.count == count { return [] }
            return [RuleTestFailure(location, "expected \(count) incidents, got \(described)")]
        case .list(let expectations, let location):
            let matched = match(expectations, incidents) { self.incident($0, fits: $1) }
            var failures = matched.missing.map { missing in
                RuleTestFailure(
                    missing.expectation.location,
                    "expected \(missing.wanted == 1 ? "an incident" : "\(missing.wanted) incidents")"
                        + " with \(missing.expectation.text), got \(described)"
                        + difference(missing.expectation, matched.rest),
                    missedRules: missedRules(missing.expectation))
            }
            if failures.isEmpty, !test.allowsMore, !matched.rest.isEmpty {
                failures.append(
                    RuleTestFailure(
                        location,
                        "expected \(incidents.count - matched.rest.count) incidents, got"
                            + " \(described)"))
            }
            return failures
        }
    }

    private func incident(_ incident: JSONValue, fits expectation: RecordExpectation) -> Bool {
        expectation.fits(time: incident["opened"])
            && expectation.members.allSatisfy { fits(incident, $0.name, $0.values) }
    }

    private func fits(_ incident: JSONValue, _ name: String, _ values: [String]) -> Bool {
        switch name {
        case "rules":
            let ids = (incident["rules"]?.elements ?? []).compactMap { $0["id"]?.text }
            return values.allSatisfy { ids.contains(rules.identifier(of: $0) ?? $0) }
        case "client.ip", "actor", "actors", "server.ip", "victim", "victims", "techniques":
            let texts = value(of: incident, name)
            return values.allSatisfy(texts.contains)
        default: return value(of: incident, name) == values
        }
    }

    /// A member of an incident by the names of tests.
    private func value(of incident: JSONValue, _ name: String) -> [String] {
        switch name {
        case "level", "severity": incident["severity"].texts
        case "rules":
            (incident["rules"]?.elements ?? []).compactMap { $0["id"]?.text }
                .map(rules.displayName)
        case "client.ip", "actor", "actors": incident["actors"].texts
        case "server.ip", "victim", "victims": incident["victims"].texts
        case "tactics": (incident["tactics"]?.elements ?? []).compactMap { $0["tactic"]?.text }
        // All are closed in the end; those that only the end of input closed were open.
        case "status": [incident["reason"]?.text == "end-of-input" ? "open" : "closed"]
        default: incident.member(at: name).texts
        }
    }

    /// Where the nearest incident differs.
    private func difference(_ expectation: RecordExpectation, _ rest: [JSONValue]) -> String {
        let differences = rest.map { incident in
            expectation.members.filter { !fits(incident, $0.name, $0.values) }.map {
                let value = self.value(of: incident, $0.name)
                return "\($0.name) is \(value.isEmpty ? "empty" : value.joined(separator: ", "))"
            }
        }
        guard let least = differences.min(by: { $0.count < $1.count }), !least.isEmpty,
            least.count < expectation.members.count || rest.count == 1
        else { return "" }
        return "; in the nearest \(least.joined(separator: ", "))"
    }

    /// Rules that an incident should have and that never fired.
    private func missedRules(_ expectation: RecordExpectation) -> [String] {
        let fired = Set(firings.compactMap { $0["rule"]?["id"]?.text })
        let wanted = expectation.members.filter { $0.name == "rules" }.flatMap(\.values)
        return wanted.map { rules.identifier(of: $0) ?? $0 }.filter { !fired.contains($0) }
    }

    private func incidentText(_ incident: JSONValue) -> String {
        let parts = ["level", "rules", "actors", "tactics"].map {
            $0 == "level"
                ? "level: \(value(of: incident, $0).first ?? "?")"
                : "\($0): [\(value(of: incident, $0).joined(separator: ", "))]"
        }
        return "{\(parts.joined(separator: ", "))}"
    }

    // MARK: Matching

    /// An expectation that too few records fit.
    private struct Missing {
        var expectation: RecordExpectation
        var wanted: Int
        var got: Int
    }

    /// Gives each record to one expectation, to the one that says most of those that it fits.
    private func match(
        _ expectations: [RecordExpectation], _ records: [JSONValue],
        _ fits: (JSONValue, RecordExpectation) -> Bool
    ) -> (missing: [Missing], rest: [JSONValue]) {
        var rest = records
        var missing: [Missing] = []
        let order = expectations.indices.sorted {
            (-expectations[$0].detailCount, $0) < (-expectations[$1].detailCount, $1)
        }
        for index in order {
            let expectation = expectations[index]
            let wanted = expectation.count ?? 1
            var got = 0
            // None at all means none that fits.
            while got < wanted || wanted == 0 && expectation.count == 0,
                let place = rest.firstIndex(where: { fits($0, expectation) })
            {
                rest.remove(at: place)
                got += 1
            }
            if got != wanted {
                missing.append(Missing(expectation: expectation, wanted: wanted, got: got))
            }
        }
        return (missing, rest)
    }
}

extension RecordExpectation {
    /// The expectation as it was written, for messages.
    fileprivate var text: String {
        let members = members.map { "\($0.name): \($0.values.joined(separator: ", "))" }
        let at = atNanoseconds.map { ["at: \(spanText(nanoseconds: $0))"] } ?? []
        return ((rule.map { ["rule: \($0)"] } ?? []) + at + members).joined(separator: ", ")
    }

    fileprivate var detailCount: Int {
        members.count + (rule == nil ? 0 : 1) + (atNanoseconds == nil ? 0 : 1)
    }

    /// Whether a record's time is the one expected, if one is.
    fileprivate func fits(time: JSONValue?) -> Bool {
        guard let atNanoseconds else { return true }
        return time.moment == testStart.adding(nanoseconds: atNanoseconds)
    }
}

extension JSONValue {
    /// The member at a dotted path, or under that name as it is.
    fileprivate func member(at path: String) -> JSONValue? {
        if let direct = self[path] { return direct }
        guard let dot = path.firstIndex(of: ".") else { return nil }
        return self[String(path[..<dot])]?.member(at: String(path[path.index(after: dot)...]))
    }
}

extension JSONValue? {
    /// The texts of a value, of each element of a list; nothing for what is missing.
    fileprivate var texts: [String] {
        switch self {
        case nil: []
        case .null?: ["null"]
        case .bool(let bool)?: [String(bool)]
        case .number(let text, _)?: [text]
        case .string(let text)?: [text]
        case .array(let elements)?: elements.flatMap { Optional($0).texts }
        case .object?: []
        }
    }

    /// The moment that a text gives.
    fileprivate var moment: Timestamp? { self?.text.flatMap(TimeParser.moment) }
}
