/// Where a rule stands among those that are applied on one event, as Suricata sorts them: those that let pass first, then
/// those that drop and reject. Within these, those that set state come before those that look at it, so that a rule sees what
/// others set on the same event; then the more severe ones; then by number, or by their place in the files.
struct RuleRank: Comparable {
    /// What it does, two bits for each kind of doing, the first that counts highest.
    private let kind: UInt64
    private let severity: UInt64
    private let signatureID: UInt64

    init(_ rule: DetectionRule) {
        let counters = rule.counters.map(\.action.isChange)
        let flow = rule.state.filter { $0.scope == .flow }
        let hosts = rule.state.filter { $0.scope == .src || $0.scope == .dst }
        let pairs = rule.state.filter { $0.scope == .pair }
        let isSignature = RuleHeader.signature(named: rule.header.id) != nil
        let ranks = [
            rule.action.rank,
            Self.rank(
                changes: flow.contains(where: \.isChange), tests: !flow.allSatisfy(\.isChange)),
            Self.rank(changes: counters.contains(true), tests: counters.contains(false)),
            Self.rank(ofShared: hosts), Self.rank(ofShared: pairs),
        ]
        kind = ranks.reduce(0) { $0 << 2 | $1 }
        severity = rule.header.severity.map { UInt64(clamping: $0) } ?? .max
        signatureID = isSignature ? rule.header.signatureID : .max
    }

    static func < (a: RuleRank, b: RuleRank) -> Bool {
        (a.kind, a.severity, a.signatureID) < (b.kind, b.severity, b.signatureID)
    }

    private static func rank(changes: Bool, tests: Bool) -> UInt64 {
        if changes { return tests ? 1 : 0 }
        return tests ? 2 : 3
    }

    /// Suricata looks at what `xbits` test, and at what `hostbits` change.
    private static func rank(ofShared operations: [StateOperation]) -> UInt64 {
        rank(
            changes: operations.contains { $0.isChange && !$0.isXbit },
            tests: operations.contains { !$0.isChange && $0.isXbit })
    }
}

extension RuleAction {
    fileprivate var rank: UInt64 {
        switch self {
        case .pass: 0
        case .drop: 1
        case .reject, .rejectsrc, .rejectdst, .rejectboth: 2
        case .alert: 3
        }
    }
}

extension StateOperation {
    /// Changes state instead of looking at it.
    var isChange: Bool {
        switch action {
        case .set, .unset, .toggle: true
        case .isset, .isnotset: false
        }
    }
}

extension CounterOperation.Action {
    /// Changes the counter instead of looking at it.
    var isChange: Bool {
        switch self {
        case .add, .subtract, .set: true
        default: false
        }
    }
}
