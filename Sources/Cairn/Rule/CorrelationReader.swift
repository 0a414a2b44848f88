/// Reads a document with `correlation` (Sigma correlation rules specification 2.1, CORRELATION
/// rules of Cairn). References stay as written until the rule set is complete.
struct CorrelationReader {
    let sink: DiagnosticSink

    static let keys: Set<String> = ["correlation", "generate"]
    private static let sectionKeys = [
        "type", "rules", "group-by", "timespan", "condition", "aliases", "generate", "cairn",
    ]
    private static let additionKeys = ["until", "suppress", "max-groups", "max-items", "evidence"]
    private static let operators: [(name: String, comparison: Comparison)] = [
        ("gt", .greater), ("gte", .greaterOrEqual), ("lt", .less), ("lte", .lessOrEqual),
        ("eq", .equal), ("neq", .notEqual),
    ]

    /// The rule with the places of what it refers to; nil if it has mistakes, which were reported.
    func read(_ document: YAMLNode) -> LoadedCorrelation? {
        let errorCount = sink.errorCount
        let header = HeaderReader(sink: sink).read(document, otherKeys: Self.keys)
        guard let section = document["correlation"], let entries = section.entries else {
            sink.error(
                at: (document["correlation"] ?? document).mark, "'correlation' must be a map")
            return nil
        }
        for entry in entries where !Self.sectionKeys.contains(entry.key) {
            if let meant = nearest(to: entry.key, among: Self.sectionKeys, within: 1) {
                sink.warning(
                    at: entry.keyMark, "unknown key '\(entry.key)' — did you mean '\(meant)'?")
            }
        }
        let type = type(section)
        let timespan = timespan(section)
        var rule = CorrelationRule(
            header: header ?? RuleHeader(id: "", title: "", location: sink.location(document.mark)),
            type: type ?? .event_count,
            rules: section["rules"].map { references($0, "'rules'") } ?? [],
            groupBy: section["group-by"].map { $0.isNull ? [] : sink.texts($0, "'group-by'") }
                ?? [],
            aliases: aliases(section), timespanNanoseconds: timespan ?? 1)
        // What the condition may say depends on the type.
        if let type { rule.condition = condition(section, type) }
        rule.generate = generate(document, section)
        readAdditions(section, into: &rule)
        if type != nil, timespan != nil { check(&rule, section) }
        guard header != nil, sink.errorCount == errorCount else { return nil }
        return LoadedCorrelation(rule: rule, section: section, path: sink.path)
    }

    // MARK: Parts

    private func type(_ section: YAMLNode) -> CorrelationType? {
        guard let node = section["type"] else {
            sink.error(at: section.mark, "the correlation has no 'type'")
            return nil
        }
        return sink.choice(node, "type")
    }

    private func timespan(_ section: YAMLNode) -> Int64? {
        guard let node = section["timespan"] else {
            sink.error(at: section.mark, "the correlation has no 'timespan'")
            return nil
        }
        return span(node, "'timespan'", isZeroAllowed: false)
    }

    private func span(_ node: YAMLNode, _ what: String, isZeroAllowed: Bool) -> Int64? {
        if let text = node.text, let span = Self.nanoseconds(ofSpan: text),
            span > 0 || isZeroAllowed
        {
            return span
        }
        sink.error(
            at: node.mark,
            "\(what) must be a number and one of s m h d w M y, like 30s or 5m,"
                + " not '\(node.text ?? node.kind)'")
        return nil
    }

    /// A number and a unit: `30s`, `5m`, `2h`, `1d`, `1w`, `1M` (2,629,746 s), `1y` (31,556,952 s).
    /// Zero needs no unit.
    static func nanoseconds(ofSpan text: String) -> Int64? {
        if text == "0" { return 0 }
        let units: [Character: Int64] = [
            "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_629_746,
            "y": 31_556_952,
        ]
        let digits = text.dropLast()
        guard let unit = text.last.flatMap({ units[$0] }), !digits.isEmpty,
            digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int64(digits)
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        let (span, overflows) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        return overflows ? nil : span
    }

    /// Names of rules, each once.
    private func references(_ node: YAMLNode, _ what: String) -> [String] {
        var names: [String] = []
        for element in node.listOrSelf {
            guard let name = sink.text(element, "a rule in \(what)") else { continue }
            if names.contains(name) {
                sink.error(at: element.mark, "\(what) names '\(name)' twice")
            } else {
                names.append(name)
            }
        }
        return names
    }

    private func aliases(
        _ section: YAMLNode
    ) -> [(name: String, fields: [(rule: String, field: String)])] {
        guard let node = section["aliases"], !node.isNull else { return [] }
        guard let entries = node.entries else {
            sink.error(at: node.mark, "'aliases' must be a map of aliases, not \(node.kind)")
            return []
        }
        return entries.map { alias in
            guard let fields = alias.value.entries else {
                sink.error(
                    at: alias.value.mark,
                    "the alias '\(alias.key)' must be a map of rules to fields")
                return (alias.key, [])
            }
            return (
                alias.key,
                fields.compactMap { entry in
                    sink.text(entry.value, "a field").map { (entry.key, $0) }
                }
            )
        }
    }

    /// In `correlation` or at top level; both given must agree.
    private func generate(_ document: YAMLNode, _ section: YAMLNode) -> Bool {
        let nodes = [section["generate"], document["generate"]].compactMap(\.self)
        let values = nodes.compactMap { sink.bool($0, "'generate'") }
        if values.count == 2, values[0] != values[1] {
            sink.error(
                at: nodes[1].mark, "'generate' differs from the one inside 'correlation'")
        }
        return values.first ?? false
    }

    private func readAdditions(_ section: YAMLNode, into rule: inout CorrelationRule) {
        guard let node = section["cairn"], !node.isNull,
            sink.entries(node, "'cairn'", keys: Self.additionKeys) != nil
        else { return }
        func count(_ key: String, _ initial: Int) -> Int {
            node[key].flatMap { sink.integer($0, "'\(key)'", in: 1...Int64(Int32.max)) }
                .map { Int($0) } ?? initial
        }
        if let until = node["until"] { rule.until = references(until, "'until'") }
        if let suppress = node["suppress"] {
            rule.suppressNanoseconds = span(suppress, "'suppress'", isZeroAllowed: true)
        }
        rule.groupCountMax = count("max-groups", rule.groupCountMax)
        rule.itemCountMax = count("max-items", rule.itemCountMax)
        rule.evidenceCountMax = count("evidence", rule.evidenceCountMax)
    }

    // MARK: Condition

    private func condition(_ section: YAMLNode, _ type: CorrelationType) -> CorrelationCondition? {
        guard let node = section["condition"], !node.isNull else {
            if !type.isTemporal {
                sink.error(
                    at: section.mark,
                    "the type '\(type.rawValue)' needs a 'condition' like '{gte: 10}'")
            }
            return nil
        }
        if node.entries != nil { return operators(node, type) }
        guard let text = sink.text(node, "'condition'") else { return nil }
        guard type.isTemporal else {
            sink.error(
                at: node.mark,
                "a condition in words needs the type temporal or temporal_ordered;"
                    + " '\(type.rawValue)' takes one like '{gte: 10}'")
            return nil
        }
        do throws(ConditionError) {
            return .expression(try Self.expression(SigmaCondition(parsing: text)))
        } catch {
            sink.error(at: node.mark(ofCharacter: error.offset), error.message)
            return nil
        }
    }

    private static func expression(
        _ condition: SigmaCondition
    ) throws(ConditionError) -> CorrelationExpression {
        func expressions(
            _ parts: [SigmaCondition]
        ) throws(ConditionError) -> [CorrelationExpression] {
            var results: [CorrelationExpression] = []
            for part in parts { results.append(try expression(part)) }
            return results
        }
        switch condition {
        case .selection(let name, _): return .rule(name)
        case .all(let parts): return .and(try expressions(parts))
        case .any(let parts): return .or(try expressions(parts))
        case .not(let part): return .not(try expression(part))
        case .selections(_, _, let offset):
            throw ConditionError(
                offset: offset, message: "a correlation names its rules one by one, without 'of'")
        }
    }

    private func operators(_ node: YAMLNode, _ type: CorrelationType) -> CorrelationCondition? {
        let keys = Self.operators.map(\.name) + ["field", "percentile"]
        guard let entries = sink.entries(node, "'condition'", keys: keys) else { return nil }
        var limits: [(Comparison, Int64)] = []
        // In a fixed order, so that the order of writing does not matter.
        for (name, comparison) in Self.operators {
            guard let entry = entries.first(where: { $0.key == name }) else { continue }
            if let limit = Self.millionths(entry.value) {
                limits.append((comparison, limit))
            } else {
                sink.error(
                    at: entry.value.mark, "'\(name)' must be a number, not \(entry.value.kind)")
            }
        }
        if limits.isEmpty,
            !entries.contains(where: { entry in
                Self.operators.contains { $0.name == entry.key }
            })
        {
            sink.error(
                at: node.mark,
                "the condition compares nothing; it needs one of"
                    + " \(alternatives(Self.operators.map(\.name)))")
        }
        let fields = node["field"].map { sink.texts($0, "'field'") } ?? []
        var percentile: Int64 = 50
        if let given = node["percentile"] {
            percentile = sink.integer(given, "'percentile'", in: 0...100) ?? 50
        }
        if type.isNumeric, fields.count != 1 {
            sink.error(at: node.mark, "the type '\(type.rawValue)' needs one 'field'")
        } else if type == .value_count, fields.isEmpty {
            sink.error(at: node.mark, "the type 'value_count' needs a 'field'")
        }
        return .operators(
            limits, fields: fields, percentile: type == .value_median ? 50 : Int(percentile))
    }

    /// A number as an integer of 10^-6, rounded half to even; nil for anything else.
    static func millionths(_ node: YAMLNode) -> Int64? {
        guard let text = node.text else { return nil }
        switch YAMLScalar.value(ofPlain: text) {
        case .integer(let integer):
            let (product, overflow) = integer.multipliedReportingOverflow(by: 1_000_000)
            return overflow ? nil : product
        case .float(let float):
            return Int64(exactly: (float * 1_000_000).rounded(.toNearestOrEven))
        default: return nil
        }
    }

    // MARK: Checks

    private func check(_ rule: inout CorrelationRule, _ section: YAMLNode) {
        let mark = section["condition"]?.mark ?? section.mark
        if case .operators(let limits, _, _)? = rule.condition,
            rule.type == .event_count || rule.type == .value_count
        {
            let most = Int64(rule.itemCountMax) * 1_000_000
            if limits.contains(where: { $0.1 > most }) {
                sink.error(
                    at: mark,
                    "the condition asks for more than the \(rule.itemCountMax) items that are"
                        + " kept; raise 'cairn: {max-items: …}'")
            }
        }
        if case .expression(let expression)? = rule.condition { check(expression, &rule, mark) }
        if rule.rules.isEmpty {
            sink.error(at: section["rules"]?.mark ?? section.mark, "'rules' names no rule")
        }
        for name in rule.until where rule.rules.contains(name) {
            sink.error(
                at: section["cairn"]?["until"]?.mark ?? mark,
                "'\(name)' is both in 'rules' and in 'until'")
        }
    }

    private func check(
        _ expression: CorrelationExpression, _ rule: inout CorrelationRule, _ mark: YAMLMark
    ) {
        let signs = expression.signs()
        var names: [String] = []
        for sign in signs where !names.contains(sign.name) { names.append(sign.name) }
        if rule.rules.isEmpty { rule.rules = names }
        for name in names where !rule.rules.contains(name) {
            sink.error(
                at: mark,
                "the condition names '\(name)', which is not in 'rules'"
                    + suggestion(for: name, among: rule.rules))
        }
        for name in rule.rules where !names.contains(name) {
            sink.error(at: mark, "the condition does not name '\(name)' of 'rules'")
        }
        let wanted = Set(signs.filter { !$0.isNegated }.map(\.name))
        for name in names where wanted.contains(name) {
            if signs.contains(where: { $0.name == name && $0.isNegated }) {
                sink.error(at: mark, "'\(name)' is both wanted and negated")
            }
        }
        if expression.holds({ _ in false }) {
            sink.error(at: mark, "the condition holds when nothing happens")
        }
        if wanted.count > Self.wantedCountMax, expression.usesOr {
            sink.error(
                at: mark,
                "a condition with 'or' can want at most \(Self.wantedCountMax) rules")
        }
    }

    /// Rules that a condition with `or` can want: each set of them is an alternative.
    static let wantedCountMax = 10
}

/// A correlation rule with what it takes to report a reference that leads nowhere.
struct LoadedCorrelation: Sendable {
    var rule: CorrelationRule
    var section: YAMLNode
    var path: String

    /// Where a rule is named; the section if it is named by the condition alone.
    func location(of name: String) -> SourceLocation {
        let places =
            (section["rules"]?.listOrSelf ?? []) + (section["cairn"]?["until"]?.listOrSelf ?? [])
        var mark = (places.first { $0.text == name } ?? section["condition"] ?? section).mark
        if !places.contains(where: { $0.text == name }) {
            for alias in section["aliases"]?.entries ?? [] {
                for entry in alias.value.entries ?? [] where entry.key == name {
                    mark = entry.keyMark
                }
            }
        }
        return SourceLocation(path: path, line: Int(mark.line), column: Int(mark.column))
    }
}

extension CorrelationType {
    var isTemporal: Bool { self == .temporal || self == .temporal_ordered }

    /// Whether it computes with the values of one field.
    var isNumeric: Bool {
        switch self {
        case .value_sum, .value_avg, .value_percentile, .value_median: true
        default: false
        }
    }
}

extension CorrelationExpression {
    /// The rules in order of appearance, and whether each stands under an odd number of `not`.
    func signs(isNegated: Bool = false) -> [(name: String, isNegated: Bool)] {
        switch self {
        case .rule(let name): [(name, isNegated)]
        case .and(let parts), .or(let parts): parts.flatMap { $0.signs(isNegated: isNegated) }
        case .not(let part): part.signs(isNegated: !isNegated)
        }
    }

    func holds(_ isTrue: (String) -> Bool) -> Bool {
        switch self {
        case .rule(let name): isTrue(name)
        case .and(let parts): parts.allSatisfy { $0.holds(isTrue) }
        case .or(let parts): parts.contains { $0.holds(isTrue) }
        case .not(let part): !part.holds(isTrue)
        }
    }

    var usesOr: Bool {
        switch self {
        case .rule: false
        case .or: true
        case .and(let parts): parts.contains(where: \.usesOr)
        case .not(let part): part.usesOr
        }
    }

    /// With other names for the rules.
    func renamed(_ name: (String) -> String) -> CorrelationExpression {
        switch self {
        case .rule(let rule): .rule(name(rule))
        case .and(let parts): .and(parts.map { $0.renamed(name) })
        case .or(let parts): .or(parts.map { $0.renamed(name) })
        case .not(let part): .not(part.renamed(name))
        }
    }
}
