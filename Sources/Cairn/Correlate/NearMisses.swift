/// For each group of each correlation rule, how near it came to firing: what `cairn test` says of
/// firings that did not come, and `cairn explain` of rules that are not done.
///
/// Holds at most `groupCountMax` groups; those beyond are counted.
struct NearMisses {
    private struct Group: Hashable {
        var plan: Int
        var key: [UInt8]
    }

    private static let groupCountMax = 10_000

    let program: CorrelationProgram
    private var best: [Group: Standing] = [:]
    private(set) var forgottenCount = 0

    init(program: CorrelationProgram) { self.program = program }

    /// Keeps a standing if none of its group came nearer since it last fired; of equals the later
    /// one.
    mutating func take(_ standing: Standing) {
        let group = Group(plan: standing.plan, key: standing.key)
        if standing.end == .fired {
            best[group] = nil
        } else if let known = best[group] {
            if closeness(of: standing) >= closeness(of: known) { best[group] = standing }
        } else if best.count < Self.groupCountMax {
            best[group] = standing
        } else {
            forgottenCount += 1
        }
    }

    /// The nearest misses, the nearest first.
    ///
    /// - Parameter plan: of this rule only, by its place in the program.
    func nearest(ofPlan plan: Int? = nil) -> [Standing] {
        best.values.filter { plan == nil || $0.plan == plan }
            .map { (closeness: closeness(of: $0), standing: $0) }
            .sorted { a, b in
                if a.closeness != b.closeness { return a.closeness > b.closeness }
                let (one, other) = (a.standing, b.standing)
                if one.plan != other.plan { return one.plan < other.plan }
                if one.last != other.last { return one.last > other.last }
                return one.key.lexicographicallyPrecedes(other.key)
            }
            .map(\.standing)
    }

    // MARK: How near

    /// From 0 to 1, for comparisons: what part there was of what the condition asks for.
    func closeness(of standing: Standing) -> Double {
        let plan = program.plans[standing.plan]
        switch (standing.progress, plan.condition) {
        case (.value(let value, let size), .limits(let limits, _)):
            return limits.limits.map { limit in
                switch limit.comparison {
                case .greater, .greaterOrEqual:
                    limit.limit <= 0
                        ? 1 : min(1, max(0, Double(value) / Double(size) / Double(limit.limit)))
                // Who has too much is as near as who has the wrong number.
                case .less, .lessOrEqual, .equal, .notEqual: 0.5
                }
            }.min() ?? 0
        case (.rules(let positions), .limits(let limits, _)):
            return min(1, Double(positions.count) / Double(max(1, limits.countMin)))
        case (.rules(let positions), .expression(let expression)):
            let lack = Lack(positions, of: expression)
            let part = Double(lack.present.count) / Double(lack.present.count + lack.missing.count)
            return lack.unwanted.isEmpty ? part : part / 2
        case (.value, .expression): return 0
        }
    }

    /// What a text condition still asks for: of its alternatives the one with the fewest rules
    /// missing, the first of equals.
    struct Lack {
        var present: [Int]
        var missing: [Int] = []
        /// Rules that must not come and did.
        var unwanted: [Int]

        init(_ positions: [Int], of expression: ConditionExpression) {
            func isNegated(_ position: Int) -> Bool {
                expression.negated >> UInt64(position) & 1 == 1
            }
            func list(_ rules: UInt64) -> [Int] { (0..<64).filter { rules >> UInt64($0) & 1 == 1 } }
            present = positions.filter { !isNegated($0) }
            unwanted = positions.filter(isNegated)
            let bits = present.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
            // Without the unwanted ones: they are named by themselves.
            let nearest = expression.alternatives(present: 0)
                .map { list($0 & ~bits) }.min { $0.count < $1.count }
            missing = nearest ?? []
        }
    }
}

/// Puts standings into words.
struct StandingText {
    let program: CorrelationProgram
    /// What people call a rule, by its id.
    let ruleName: (String) -> String
    /// How moments are written.
    let moment: (Timestamp) -> String

    /// `for src.ip 10.0.0.5, dst.ip 10.0.0.9: 14 of 20 alerts within 5m, the last at 54s`.
    func text(_ standing: Standing) -> String {
        let group = self.group(of: standing)
        return (group.isEmpty ? "" : "for \(group): ") + progress(standing) + end(standing)
    }

    /// `src.ip 10.0.0.5, dst.ip 10.0.0.9`.
    func group(of standing: Standing) -> String {
        let values = GroupKey.values(standing.key).map { String(decoding: $0, as: UTF8.self) }
        return zip(program.plans[standing.plan].groupNames, values).map { "\($0) \($1)" }
            .joined(separator: ", ")
    }

    private func progress(_ standing: Standing) -> String {
        let plan = program.plans[standing.plan]
        let span = spanText(nanoseconds: plan.spanNanoseconds)
        let last = ", the last at \(moment(standing.last))"
        switch (standing.progress, plan.condition) {
        case (.value(let value, let size), .limits(let limits, _)):
            return measured(value / max(1, size), limits, plan) + " within \(span)" + last
        case (.rules(let positions), .limits(let limits, _)):
            let missing = plan.referenceNames.indices.filter { !positions.contains($0) }
            let need =
                limits.countMin >= plan.referenceCount
                ? "lacks \(names(missing, plan))"
                : "\(positions.count) of \(limits.countMin) different rules"
            return "\(present(positions, plan)), \(need) within \(span)" + last
        case (.rules(let positions), .expression(let expression)):
            return self.expression(positions, expression, plan, span) + last
        case (.value, .expression): return ""
        }
    }

    /// `14 of 20 alerts`, `3 of 15 different server.port`, `a sum of bytes of 900, which must be gte
    /// 1000`.
    private func measured(_ value: Int128, _ limits: LimitSet, _ plan: CorrelationPlan) -> String {
        let fields = plan.countedFields.map { program.fieldNames[$0] }.joined(separator: ", ")
        let number = plainText(ofMillionths: value)
        let isCount = plan.type == .event_count || plan.type == .value_count
        if isCount, limits.isOnlyLower {
            let what = plan.type == .event_count ? "alerts" : "different \(fields)"
            return "\(number) of \(limits.countMin) \(what)"
        }
        let what =
            switch plan.type {
            case .event_count: "\(number) alerts"
            case .value_count: "\(number) different \(fields)"
            case .value_sum: "a sum of \(fields) of \(number)"
            case .value_avg: "an average \(fields) of \(number)"
            case .value_percentile: "a percentile of \(fields) of \(number)"
            case .value_median: "a median \(fields) of \(number)"
            case .temporal, .temporal_ordered: "\(number) different rules"
            }
        return "\(what), which must be \(limits.text),"
    }

    private func expression(
        _ positions: [Int], _ expression: ConditionExpression, _ plan: CorrelationPlan,
        _ span: String
    ) -> String {
        let lack = NearMisses.Lack(positions, of: expression)
        var text = present(lack.present, plan)
        if !lack.missing.isEmpty { text += ", lacks \(names(lack.missing, plan))" }
        if !lack.unwanted.isEmpty {
            text += ", but also \(names(lack.unwanted, plan)), which must not come,"
        }
        return "\(text) within \(span)"
    }

    private func present(_ positions: [Int], _ plan: CorrelationPlan) -> String {
        let separator = plan.type == .temporal_ordered ? ", then " : " and "
        return "has "
            + (positions.isEmpty
                ? "nothing"
                : positions.map { name($0, plan) }.joined(separator: separator))
    }

    private func end(_ standing: Standing) -> String {
        let plan = program.plans[standing.plan]
        if let quietEnd = standing.quietEnd {
            return "; it fired before and is quiet until \(moment(quietEnd))"
        }
        switch standing.end {
        case .reset(let time): return "; a rule in 'until' reset it at \(moment(time))"
        case .decided(let time): return "; decided at the end of its window at \(moment(time))"
        case .none, .fired: break
        }
        guard let deadline = standing.deadline else { return "" }
        if case .expression(let expression) = plan.condition, expression.negated != 0 {
            let negated = plan.referenceNames.indices.filter { plan.isNegated[$0] }
            return "; waits until \(moment(deadline)) that no \(names(negated, plan, "or")) comes"
        }
        return "; to be decided at \(moment(deadline)), when its window ends"
    }

    private func names(
        _ positions: [Int], _ plan: CorrelationPlan, _ word: String = "and"
    ) -> String {
        let names = positions.map { name($0, plan) }
        guard let last = names.last, names.count > 1 else { return names.first ?? "nothing" }
        return names.dropLast().joined(separator: ", ") + " \(word) \(last)"
    }

    private func name(_ position: Int, _ plan: CorrelationPlan) -> String {
        ruleName(String(decoding: plan.referenceNames[position], as: UTF8.self))
    }
}

/// A span of time as people write it: `90s`, `5m`, `1h`, `2d`.
func spanText(nanoseconds: Int64) -> String {
    let units: [(String, Int64)] = [
        ("d", 86_400 * nanosecondsPerSecond), ("h", 3_600 * nanosecondsPerSecond),
        ("m", 60 * nanosecondsPerSecond), ("s", nanosecondsPerSecond), ("ms", 1_000_000),
    ]
    for (name, unit) in units where nanoseconds >= unit && nanoseconds % unit == 0 {
        return "\(nanoseconds / unit)\(name)"
    }
    return "\(plainText(ofMillionths: Int128(nanoseconds / 1_000)))s"
}
