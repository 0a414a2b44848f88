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
    /// The same, if the loader was told to list them.
    public internal(set) var disabledRules: [DisabledRule] = []

    /// What is said about alerts outside of the rules.
    var alertLimits: [AlertLimit] = []
    /// Lines that say so with mistakes.
    public internal(set) var failedLimitCount = 0
    /// The texts of Suricata rules by their ids, if they are wanted.
    var signatureTexts: [String: [UInt8]] = [:]

    /// An empty set.
    public init() {}

    /// Whether anything is wrong that makes `--strict` fail.
    public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

extension RuleSet {
    /// What all rules say about themselves, those that are skipped too.
    var headers: [RuleHeader] {
        detections.map(\.header) + correlations.map(\.header) + skipped.map(\.header)
    }

    /// The names and ids of all rules.
    var names: [String] { headers.flatMap { [$0.name, $0.id].compactMap(\.self) } }

    /// What the rule of an id or name says about itself.
    func header(named name: String) -> RuleHeader? {
        func isIt(_ header: RuleHeader) -> Bool { header.id == name || header.name == name }
        return detections.first { isIt($0.header) }?.header
            ?? correlations.first { isIt($0.header) }?.header
            ?? skipped.first { isIt($0.header) }?.header
    }

    /// The name of a rule, or its id if it has none.
    func displayName(of id: String) -> String { header(named: id)?.name ?? id }
}

/// A rule in a comment: somebody has turned it off.
public struct DisabledRule: Sendable, CustomStringConvertible {
    /// Where it was written.
    public var location: SourceLocation
    /// Its number, as far as it can be read.
    public var id: String?
    /// Its title.
    public var title: String?

    /// `path:line:column: disabled: id: title`.
    public var description: String {
        let words = [id, title].compactMap { $0 }.joined(separator: ": ")
        return "\(location): disabled" + (words.isEmpty ? "" : ": " + words)
    }
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
