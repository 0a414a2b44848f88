/// Says in words why a rule did not fire as often as a test wants.
struct MissedFirings {
    private static let groupsShownMax = 2

    let rules: RuleSet
    let outcome: TestCorrelation.Outcome

    /// What a rule still lacked, for its nearest groups; why it has no group if it has none.
    ///
    /// - Parameter id: a correlation rule under test; nil for another rule.
    func text(ofRule id: String) -> String? {
        let program = outcome.misses.program
        guard let plan = program.plans.firstIndex(where: { $0.id.elementsEqual(id.utf8) }) else {
            return nil
        }
        let words = StandingText(
            program: program, ruleName: { rules.displayName(of: $0) }, moment: testMoment)
        let standings = outcome.misses.nearest(ofPlan: plan)
        var parts = standings.prefix(Self.groupsShownMax).map(words.text)
        if standings.count > parts.count {
            parts.append("\(standings.count - parts.count) more groups were no nearer")
        }
        if let waiting = standings.prefix(Self.groupsShownMax).first(where: \.isWaiting),
            let deadline = waiting.deadline
        {
            parts.append("'- clock: \(testMoment(deadline))' in 'alerts-in' lets time pass")
        }
        parts += outsiders(id, program.plans[plan])
        if parts.isEmpty {
            let names = program.plans[plan].referenceNames.map {
                rules.displayName(of: String(decoding: $0, as: UTF8.self))
            }
            parts = ["nothing of \(alternatives(names)) came"]
        }
        return "\(rules.displayName(of: id)) \(parts.joined(separator: "; "))"
    }

    /// Alerts that no group took.
    private func outsiders(_ id: String, _ plan: CorrelationPlan) -> [String] {
        let lines = outcome.records.split(separator: UInt8(ascii: "\n"))
        let summary = lines.last.flatMap { JSONValue(parsing: $0) }
        var parts: [String] = []
        if let count = summary?["ungrouped"]?[id]?.integer {
            let names = plan.groupNames.joined(separator: ", ")
            parts.append("\(count) alerts have no value for \(names) and join no group")
        }
        if let count = summary?["uncounted"]?[id]?.integer {
            let names = plan.countedFields.map { outcome.misses.program.fieldNames[$0] }
                .joined(separator: ", ")
            parts.append(
                "\(count) alerts have no \(plan.isNumeric ? "number" : "value") in \(names)")
        }
        return parts
    }
}

extension Standing {
    /// Whether only time is missing for a decision.
    fileprivate var isWaiting: Bool { end == .none && deadline != nil && quietEnd == nil }
}

/// A moment of a test, after its start.
func testMoment(_ time: Timestamp) -> String {
    spanText(nanoseconds: time.nanoseconds(since: testStart))
}
