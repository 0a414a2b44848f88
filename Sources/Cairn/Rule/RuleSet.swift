/// Everything that was loaded, and everything that was not with the reason.
public struct RuleSet: Sendable {
    /// Detection rules in the order of the files, and of the documents in them.
    public internal(set) var detections: [DetectionRule] = []
    /// Correlation rules, each behind those that it refers to.
    public internal(set) var correlations: [CorrelationRule] = []
    /// Detection rules that are fine, but about something that is not on the wire.
    public internal(set) var skipped: [SkippedRule] = []
    /// Tests of all documents.
    var tests: [RuleTest] = []
    /// All mistakes and remarks, by path and line.
    public internal(set) var diagnostics: [Diagnostic] = []
    /// Files that were read.
    public internal(set) var fileCount = 0
    /// Rules with mistakes, which are not in the set.
    public internal(set) var failedRuleCount = 0

    /// Suricata rules in comments.
    public internal(set) var disabledRuleCount = 0

    /// What is said about alerts outside of the rules.
    var alertLimits: [AlertLimit] = []
    /// The texts of Suricata rules by their ids, if they are wanted.
    var signatureTexts: [String: [UInt8]] = [:]

    /// An empty set.
    public init() {}

    /// Whether anything is wrong that makes `--strict` fail.
    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// A rule that cannot apply here.
public struct SkippedRule: Sendable {
    /// What it says about itself.
    public var header: RuleHeader
    /// Why it cannot apply; empty where only its name was wanted.
    public var reason: String
    /// As in `DetectionRule`: for alerts that somebody else made of this rule.
    public internal(set) var isStandalone = true
}
