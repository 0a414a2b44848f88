/// Where a rule stands among those that are applied on one event, as Suricata sorts them: by what they do, those that let pass
/// first, then those that drop and reject, unless settings say otherwise. Within these, those that set state come before those
/// that look at it, so that a rule sees what others set on the same event; then the more severe ones; then by number, or by
/// their place in the files.
struct RuleRank: Comparable {
    /// What it does, two bits for each kind of doing, the first that counts highest.
    private let kind: UInt64
    private let severity: UInt64
    private let signatureID: UInt64

    init(_ rule: DetectionRule, _ actionOrder: ActionOrder = ActionOrder()) {
        let counters = rule.counters.map(\.action.isChange)
        let flow = rule.state.filter { $0.scope == .flow }
        let hosts = rule.state.filter { $0.scope == .src || $0.scope == .dst }
        let pairs = rule.state.filter { $0.scope == .pair }
        let isSignature = RuleHeader.signature(named: rule.header.id) != nil
        let ranks = [
            actionOrder.rank(of: rule.action),
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

/// Which rules come first on one packet, by what they do (Suricata's `action-order`).
struct ActionOrder: Sendable {
    static let usual: [RuleAction] = [.pass, .drop, .reject, .alert]

    private let actions: [RuleAction]

    /// - Parameter first: what comes first; the rest follows as usual.
    init(_ first: [RuleAction] = []) {
        actions = (first + Self.usual).reduce(into: []) { actions, action in
            if !actions.contains(action) { actions.append(action) }
        }
    }

    /// 0...3; whom a rule rejects does not count.
    func rank(of action: RuleAction) -> UInt64 {
        let kind = Self.usual.contains(action) ? action : .reject
        return actions.firstIndex(of: kind).map { UInt64($0) } ?? 0
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
