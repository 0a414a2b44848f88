/// Turns checked correlation rules into plans (CORRELATION.md §3, §7).
struct CorrelationCompiler {
    private(set) var plans: [CorrelationPlan] = []
    private(set) var fieldNames: [String] = []
    private(set) var identities: [CorrelationProgram.Identity] = []
    private(set) var diagnostics: [Diagnostic] = []
    /// Ids and names of rules to their identities.
    private(set) var names: [String: Int] = [:]

    private let rules: [CorrelationRule]
    private let detections: [RuleHeader]
    private let fieldName: (String) -> String
    private var places: [String: Int] = [:]
    /// The file of each identity that has a document.
    private var files: [Int: String] = [:]

    /// A rule on its way to a plan: what it refers to is known.
    private struct Draft {
        var rule: CorrelationRule
        var identity: Int
        var references: [Int]
        var until: [Int]
        var aliases: [String: [Int: String]]
        var condition: CorrelationPlan.Condition
        var isNegated: [Bool]
        var depth = 0
    }

    private struct Mistake: Error { var message: String }

    init(
        rules: [CorrelationRule], detections: [RuleHeader], fieldName: @escaping (String) -> String
    ) {
        self.rules = rules
        self.detections = detections
        self.fieldName = fieldName
    }

    mutating func compile() {
        var accepted: [(rule: CorrelationRule, identity: Int)] = []
        for header in detections { _ = register(header, isCorrelation: false) }
        for rule in rules {
            if let identity = register(rule.header, isCorrelation: true) {
                accepted.append((rule, identity))
            }
        }
        var drafts: [Draft] = []
        for (rule, identity) in accepted {
            do throws(Mistake) {
                drafts.append(try draft(rule, identity: identity))
            } catch { report(error.message, rule.header) }
        }
        drafts = withDepths(drafts, correlations: Set(accepted.map(\.identity)))
        markEvidence(drafts)
        finish(
            drafts.sorted { a, b in
                a.depth != b.depth
                    ? a.depth < b.depth : a.rule.header.id.utf8Precedes(b.rule.header.id)
            })
    }

    private mutating func report(_ message: String, _ header: RuleHeader) {
        diagnostics.append(
            Diagnostic(.error, at: header.location, rule: header.id, message))
    }

    // MARK: Names

    private mutating func identity(_ text: String) -> Int {
        if let known = places[text] { return known }
        places[text] = identities.count
        identities.append(CorrelationProgram.Identity(text: text))
        return identities.count - 1
    }

    /// Enters a document's id and name; nil if another rule has one of them.
    private mutating func register(_ header: RuleHeader, isCorrelation: Bool) -> Int? {
        if let known = places[header.id], files[known] != nil {
            if isCorrelation { report("another rule has the id '\(header.id)'", header) }
            return nil
        }
        let identity = identity(header.id)
        for name in [header.id, header.name].compactMap(\.self) where names[name] != identity {
            if names[name] != nil {
                if isCorrelation { report("another rule has the name '\(name)'", header) }
                return nil
            }
        }
        files[identity] = header.location.path
        names[header.id] = identity
        if let name = header.name { names[name] = identity }
        return identity
    }

    /// The identity that a reference means: a rule by id or name, or a Suricata signature by `sid`
    /// or `gid:sid`.
    private mutating func resolve(_ reference: String) throws(Mistake) -> Int {
        if let known = names[reference] { return known }
        let parts = reference.split(separator: ":", omittingEmptySubsequences: false)
        let isSignature =
            (1...2).contains(parts.count)
            && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 48 < 10 } }
        guard isSignature else {
            let near = nearest(to: reference, among: names.keys.sorted())
            throw Mistake(
                message: "no rule has the id or name '\(reference)'"
                    + (near.map { "; did you mean '\($0)'?" } ?? ""))
        }
        let sid = parts.count == 2 && parts[0] == "1" ? String(parts[1]) : reference
        return names[sid] ?? identity(sid)
    }

    // MARK: One rule

    private mutating func draft(_ rule: CorrelationRule, identity: Int) throws(Mistake) -> Draft {
        var written = rule.rules
        if written.isEmpty, case .expression(let expression)? = rule.condition {
            written = Self.names(in: expression).uniqued()
        }
        var references: [Int] = []
        for name in written { references.append(try resolve(name)) }
        guard !references.isEmpty else { throw Mistake(message: "it refers to no rules") }
        guard Set(references).count == references.count else {
            throw Mistake(message: "it refers to a rule twice")
        }
        var until: [Int] = []
        for name in rule.until { until.append(try resolve(name)) }
        if until.contains(where: references.contains) {
            throw Mistake(message: "a rule is both in 'rules' and in 'until'")
        }
        var aliases: [String: [Int: String]] = [:]
        for alias in rule.aliases {
            for field in alias.fields {
                aliases[alias.name, default: [:]][try resolve(field.rule)] = field.field
            }
        }
        var draft = Draft(
            rule: rule, identity: identity, references: references, until: until.uniqued(),
            aliases: aliases, condition: .limits(LimitSet([]), percentile: 50),
            isNegated: Array(repeating: false, count: references.count))
        try addCondition(to: &draft)
        return draft
    }

    private mutating func addCondition(to draft: inout Draft) throws(Mistake) {
        let rule = draft.rule
        let isTemporal = rule.type == .temporal || rule.type == .temporal_ordered
        switch rule.condition {
        case nil:
            guard isTemporal else { throw Mistake(message: "a condition is needed") }
            let all = Int64(draft.references.count) * Int64(ExactNumber.perUnit)
            draft.condition = .limits(LimitSet([(.greaterOrEqual, all)]), percentile: 50)
        case .operators(let limits, let fields, let percentile):
            try check(limits, fields: fields, of: rule)
            draft.condition = .limits(
                LimitSet(limits),
                percentile: rule.type == .value_median ? 50 : min(max(percentile, 0), 100))
        case .expression(let expression):
            guard isTemporal else {
                throw Mistake(message: "a text condition needs a temporal type")
            }
            let compiled = try compile(expression, draft.references)
            draft.condition = .expression(compiled)
            for position in draft.isNegated.indices {
                draft.isNegated[position] = compiled.negated >> UInt64(position) & 1 == 1
            }
        }
    }

    private func check(
        _ limits: [(Comparison, Int64)], fields: [String], of rule: CorrelationRule
    ) throws(Mistake) {
        guard !limits.isEmpty else {
            throw Mistake(message: "the condition has no comparison (gt, gte, lt, lte, eq, neq)")
        }
        switch rule.type {
        case .event_count, .value_count:
            let most = Int64(clamping: Int128(rule.itemCountMax) * ExactNumber.perUnit)
            if limits.contains(where: { $0.1 > most }) {
                throw Mistake(message: "the threshold is above max-items")
            }
        default: break
        }
        switch rule.type {
        case .event_count, .temporal, .temporal_ordered: break
        case .value_count:
            if fields.isEmpty { throw Mistake(message: "the condition needs 'field'") }
        case .value_sum, .value_avg, .value_percentile, .value_median:
            if fields.count != 1 { throw Mistake(message: "the condition needs one 'field'") }
        }
    }

    private mutating func compile(
        _ expression: CorrelationExpression, _ references: [Int]
    ) throws(Mistake) -> ConditionExpression {
        guard references.count <= ConditionExpression.ruleCountMax else {
            let most = ConditionExpression.ruleCountMax
            throw Mistake(message: "a text condition may name at most \(most) rules")
        }
        let root = try node(expression, references)
        let all = references.indices.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        guard ConditionExpression.names(in: root) == all else {
            throw Mistake(message: "'rules' and 'condition' name different rules")
        }
        let (wanted, negated) = ConditionExpression.signs(of: root)
        guard wanted & negated == 0 else {
            throw Mistake(message: "a rule is both wanted and negated")
        }
        let compiled = ConditionExpression(root: root, negated: negated)
        guard !compiled.holds(0) else {
            throw Mistake(message: "the condition holds when nothing happens")
        }
        let most = ConditionExpression.wantedCountMax
        guard wanted.nonzeroBitCount <= most || !compiled.usesOr else {
            throw Mistake(message: "a condition with 'or' may name at most \(most) wanted rules")
        }
        return compiled
    }

    private mutating func node(
        _ expression: CorrelationExpression, _ references: [Int]
    ) throws(Mistake) -> ConditionExpression.Node {
        func nodes(
            _ parts: [CorrelationExpression]
        ) throws(Mistake) -> [ConditionExpression.Node] {
            var nodes: [ConditionExpression.Node] = []
            for part in parts { nodes.append(try node(part, references)) }
            return nodes
        }
        switch expression {
        case .rule(let name):
            guard let position = references.firstIndex(of: try resolve(name)) else {
                throw Mistake(message: "'rules' and 'condition' name different rules")
            }
            return .rule(position)
        case .and(let parts): return .and(try nodes(parts))
        case .or(let parts): return .or(try nodes(parts))
        case .not(let part): return .not(try node(part, references))
        }
    }

    private static func names(in expression: CorrelationExpression) -> [String] {
        switch expression {
        case .rule(let name): [name]
        case .and(let parts), .or(let parts): parts.flatMap(names)
        case .not(let part): names(in: part)
        }
    }

    // MARK: All rules together

    /// Finds the depth of every rule; leaves out those that refer to themselves in the end, or to a
    /// rule left out.
    private mutating func withDepths(_ drafts: [Draft], correlations: Set<Int>) -> [Draft] {
        let places = Dictionary(
            uniqueKeysWithValues: drafts.enumerated().map { ($1.identity, $0) })
        let needs = drafts.enumerated().map { place, draft in
            (draft.references + draft.until).filter(correlations.contains)
                // What has a mistake never comes to be: as if the rule waited for itself.
                .map { places[$0] ?? place }
        }
        var finished: [Draft] = []
        var waiting: [Draft] = []
        for (draft, depth) in zip(drafts, dependencyDepths(needs)) {
            if let depth {
                finished.append(draft)
                finished[finished.count - 1].depth = 1 + depth
            } else {
                waiting.append(draft)
            }
        }
        let drafted = Set(drafts.map(\.identity))
        for draft in waiting {
            let lost = (draft.references + draft.until).first {
                correlations.contains($0) && !drafted.contains($0)
            }
            report(
                lost.map { "it refers to '\(identities[$0].text)', which has a mistake" }
                    ?? "it refers to itself, or to rules that do or have a mistake",
                draft.rule.header)
        }
        return finished
    }

    /// Without `generate`, the referred rules of the same file are evidence only; if two
    /// correlations of the file differ, `true` wins. Other files are out of reach, so that adding a
    /// correlation silences no detection (§7).
    private mutating func markEvidence(_ drafts: [Draft]) {
        var isAsked: [Int: Bool] = [:]
        for draft in drafts {
            for reference in draft.references where files[reference] == files[draft.identity] {
                isAsked[reference, default: false] =
                    isAsked[reference] ?? false || draft.rule.generate
            }
        }
        for (identity, isAsked) in isAsked { identities[identity].isEvidenceOnly = !isAsked }
    }

    private mutating func finish(_ drafts: [Draft]) {
        var fields = Set<String>()
        for draft in drafts {
            fields.formUnion(countedFields(of: draft))
            for name in draft.rule.groupBy {
                fields.formUnion(
                    (draft.aliases[name].map { Array($0.values) } ?? [name]).map(fieldName))
            }
        }
        fieldNames = fields.sorted { $0.utf8Precedes($1) }
        let indices = Dictionary(
            uniqueKeysWithValues: fieldNames.enumerated().map { ($1, $0) })
        for draft in drafts {
            for (source, identity) in (draft.references + draft.until).enumerated() {
                identities[identity].listeners.append(.init(plan: plans.count, source: source))
            }
            plans.append(plan(draft, indices))
        }
    }

    private func countedFields(of draft: Draft) -> [String] {
        guard case .operators(_, let fields, _)? = draft.rule.condition else { return [] }
        return fields.map(fieldName)
    }

    private func plan(_ draft: Draft, _ indices: [String: Int]) -> CorrelationPlan {
        let rule = draft.rule
        let sources = draft.references + draft.until
        let mode = Self.mode(of: draft)
        let groupFields = sources.map { source in
            rule.groupBy.map { name in
                let field = draft.aliases[name].map { $0[source] } ?? name
                return field.flatMap { indices[fieldName($0)] } ?? -1
            }
        }
        let counted =
            rule.type == .value_count || Self.isNumeric(rule.type)
            ? countedFields(of: draft).compactMap { indices[$0] } : []
        return CorrelationPlan(
            identity: Int32(truncatingIfNeeded: draft.identity), id: Array(rule.header.id.utf8),
            title: Array(rule.header.title.utf8), level: rule.header.level,
            tags: rule.header.tags.map { Array($0.utf8) }, depth: draft.depth,
            isStandalone: !identities[draft.identity].isEvidenceOnly, type: rule.type, mode: mode,
            spanNanoseconds: rule.timespanNanoseconds,
            suppressNanoseconds: rule.suppressNanoseconds
                ?? (mode == .eager ? rule.timespanNanoseconds : 0),
            groupCountMax: rule.groupCountMax, itemCountMax: rule.itemCountMax,
            evidenceCountMax: rule.evidenceCountMax,
            sources: sources.map { Int32(truncatingIfNeeded: $0) },
            referenceCount: draft.references.count,
            referenceNames: draft.references.map { Array(identities[$0].text.utf8) },
            isNegated: draft.isNegated, groupNames: rule.groupBy, groupFields: groupFields,
            groupNameOfField: fieldNames.map { field in
                rule.groupBy.lastIndex { fieldName($0) == field } ?? -1
            },
            countedFields: counted, condition: draft.condition,
            chain: Self.chain(of: draft, mode: mode))
    }

    private static func isNumeric(_ type: CorrelationType) -> Bool {
        switch type {
        case .value_sum, .value_avg, .value_percentile, .value_median: true
        case .event_count, .value_count, .temporal, .temporal_ordered: false
        }
    }

    private static func mode(of draft: Draft) -> CorrelationPlan.Mode {
        switch draft.condition {
        case .expression(let expression): return expression.negated == 0 ? .eager : .sliding
        case .limits(let limits, _):
            switch draft.rule.type {
            case .value_avg, .value_percentile, .value_median: return .tumbling
            default: return limits.isOnlyLower ? .eager : .tumbling
            }
        }
    }

    private static func chain(of draft: Draft, mode: CorrelationPlan.Mode) -> ChainPlan? {
        guard draft.rule.type == .temporal_ordered, mode == .eager else { return nil }
        let ruleCount = draft.references.count
        return switch draft.condition {
        case .expression(let expression):
            ChainPlan(ruleCount: ruleCount, sets: expression.alternatives(present: 0))
        case .limits(let limits, _): ChainPlan(ruleCount: ruleCount, length: limits.countMin)
        }
    }
}

extension String {
    /// Whether this text comes first in the order of UTF-8 bytes.
    fileprivate func utf8Precedes(_ other: String) -> Bool {
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}

extension Array where Element: Hashable {
    /// Each element once, where it comes first.
    fileprivate func uniqued() -> [Element] {
        var seen = Set<Element>()
        return filter { seen.insert($0).inserted }
    }
}
