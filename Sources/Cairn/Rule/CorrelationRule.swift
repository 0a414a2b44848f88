/// A correlation rule as written, checked by itself; references are resolved when the rule set is
/// complete (CORRELATION.md §3).
public struct CorrelationRule: Sendable {
    /// What it says about itself.
    public var header: RuleHeader
    var type: CorrelationType
    /// Referenced rules in order: by id or name as written, by identity (`header.id`) once the rule
    /// set is complete.
    var rules: [String]
    /// Field names as written.
    var groupBy: [String]
    /// alias -> (rule -> field).
    var aliases: [(name: String, fields: [(rule: String, field: String)])]
    var timespanNanoseconds: Int64
    var condition: CorrelationCondition?
    /// `generate`: referenced rules of the same file stay stand-alone.
    var generate = false

    // Cairn's additions.
    var until: [String] = []
    var suppressNanoseconds: Int64?
    var groupCountMax = 100_000
    var itemCountMax = 10_000
    var evidenceCountMax = 100

    /// Firings are signals of incidents by themselves. False where another correlation of the same
    /// file uses the rule as evidence only (CORRELATION.md §7).
    var isStandalone = true
}

enum CorrelationType: String, CaseIterable, Sendable {
    case event_count, value_count, value_sum, value_avg, value_percentile, value_median, temporal,
        temporal_ordered
}

enum CorrelationCondition: Sendable {
    /// All operators must hold. Limits are integers of 10^-6.
    case operators([(Comparison, Int64)], fields: [String], percentile: Int)
    /// A text condition over rules, for the temporal types.
    case expression(CorrelationExpression)
}

indirect enum CorrelationExpression: Equatable, Sendable {
    case rule(String)
    case and([CorrelationExpression])
    case or([CorrelationExpression])
    case not(CorrelationExpression)
}
