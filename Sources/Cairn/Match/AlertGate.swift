/// What decides behind the shards, in packet order, whether a candidate becomes an alert: state of flows and hosts, counters,
/// rates. Works on one thread.
///
/// For each candidate: tests of state and sets; counters, in the order of the rule; changes of state. When that is done for
/// all of a packet: how often each rule may alert. State changes even if the rate lets no alert through, as in Suricata.
final class AlertGate {
    private let compiled: CompiledRules
    private let rules: [GateRule?]
    private var bits: BoundedTable<BitKey, Int64>
    private var counters: BoundedTable<CounterKey, Int64>
    private var rates: AlertRates
    private var firedOnStream: BoundedTable<StreamKey, Bool>
    private var sets: ChangedSets
    /// Flows that a rule lets pass, drops or bypasses, with the frame that it held on, and the packet that was let pass last.
    private var settledFlows: BoundedTable<UInt64, UInt64>
    private var passedPacket: PacketKey?
    /// The packet of the last alert, and how many it has.
    private var alertedPacket: PacketKey?
    private var alertsOfPacket = 0
    /// What a rate filter lets the rule of the candidate at hand do.
    private var newAction: RuleAction?
    /// The candidates of the packet at hand whose state holds.
    private var held: [Candidate] = []

    private var alertCount: UInt64 = 0
    private var failedStateCount: UInt64 = 0
    private var suppressedCount: UInt64 = 0
    private var passedCount: UInt64 = 0
    private var overflowCount: UInt64 = 0

    init(_ compiled: CompiledRules) {
        self.compiled = compiled
        var names = NameTable()
        rules = compiled.detectionRules.enumerated().map { index, rule in
            GateRule(rule, variables: compiled.variables(ofRule: index), &names)
        }
        let countMax = compiled.settings.stateCountMax
        bits = BoundedTable(countMax: countMax)
        counters = BoundedTable(countMax: countMax)
        rates = AlertRates(countMax: countMax)
        firedOnStream = BoundedTable(countMax: countMax)
        sets = ChangedSets(compiled.program.sets)
        settledFlows = BoundedTable(countMax: countMax)
    }

    /// Takes the candidates of one packet in the order in which their state is applied, and hands on those whose alerts may
    /// become some, in the order of their rules: what passes takes the alerts of all rules behind it, whatever they look at.
    func admit(_ candidates: ArraySlice<Candidate>, _ body: (Candidate) -> Void) {
        for candidate in candidates where holds(candidate) { held.append(candidate) }
        if held.count > 1 {
            held.sort { ($0.order, $0.place) < ($1.order, $1.place) }
        }
        for candidate in held where admits(candidate) { body(candidate) }
        held.removeAll(keepingCapacity: true)
    }

    /// Whether the state lets a candidate's rule hold; then what the rule changes is changed.
    private func holds(_ candidate: Candidate) -> Bool {
        let alert = candidate.alert
        if isOfSettledFlow(alert) { return false }
        guard let rule = rules[alert.rule] else {
            let isHeld = sets.passes(candidate.setValues)
            if !isHeld { failedStateCount &+= 1 }
            return isHeld
        }
        guard passesState(rule, candidate) else {
            failedStateCount &+= 1
            return false
        }
        for change in rule.changes { apply(change, alert) }
        if rule.bypasses { settle(alert) }
        if candidate.isOfStream, rule.testsState, !isFirstOnStream(alert) { return false }
        return rule.alerts || rule.passes
    }

    private func admits(_ candidate: Candidate) -> Bool {
        newAction = nil
        if let rule = rules[candidate.alert.rule], !admits(candidate.alert, rule) { return false }
        if isPassed(candidate) || isBeyondLimit(candidate) { return false }
        alertCount &+= 1
        return true
    }

    /// Whether what is said of how often, and of whom, lets an alert pass.
    private func admits(_ alert: Alert, _ rule: GateRule) -> Bool {
        let isUnwanted = rule.suppressions.contains {
            $0.covers(source: alert.sourceAddress, destination: alert.destinationAddress)
        }
        guard !isUnwanted else {
            suppressedCount &+= 1
            return false
        }
        if let filter = rule.detectionFilter, !rates.exceeds(filter, alert) {
            suppressedCount &+= 1
            return false
        }
        if let threshold = rule.threshold, !rates.passes(threshold, alert) {
            suppressedCount &+= 1
            return false
        }
        if let filter = rule.rateFilter, rates.isReached(filter, alert) {
            newAction = filter.newAction
        }
        return true
    }

    /// The files that get the values of sets which rules have changed.
    var setFiles: [(path: String, bytes: [UInt8])] { sets.files }

    func report(into result: inout Counters) {
        result.add("detect.alerts", alertCount)
        result.add("detect.alerts_passed", passedCount)
        result.add("detect.alert_queue_overflow", overflowCount)
        result.add("detect.state_failed", failedStateCount)
        result.add("detect.alerts_suppressed", suppressedCount)
        result.add(
            "detect.state_evicted",
            bits.evictedCount &+ counters.evictedCount &+ rates.evictedCount
                &+ firedOnStream.evictedCount &+ settledFlows.evictedCount)
    }

    private struct StreamKey: Hashable {
        var rule: Int
        var flow: UInt64
        var direction: Direction?
    }

    private func isFirstOnStream(_ alert: Alert) -> Bool {
        let key = StreamKey(
            rule: alert.rule, flow: alert.flowID ?? 0, direction: alert.direction)
        guard firedOnStream[key] == nil else { return false }
        firedOnStream[key] = true
        return true
    }
}

// MARK: - Passing

/// A rule with the action `pass` takes the alerts behind it from its packet. Where it looked at more than the packet, or at
/// nothing but who talks to whom or what the flow speaks, nothing is looked for in the rest of the flow; so it is with rules
/// that drop or reject, behind which a flow would be no more. Rules that pass come first in the order of rules.
extension AlertGate {
    /// A packet: what tunnels carry has the frame of what carries it.
    private struct PacketKey: Equatable {
        var frameNumber: UInt64
        var layer: UInt8
        /// At the end of a flow there is no packet.
        var flow: UInt64?

        init(_ candidate: Candidate) {
            frameNumber = candidate.alert.frameNumber
            layer = candidate.layer
            flow = candidate.alert.flowID
        }
    }

    /// Whether a rule that held on an earlier packet has settled what becomes of the flow.
    private func isOfSettledFlow(_ alert: Alert) -> Bool {
        guard let frame = alert.flowID.flatMap({ settledFlows[$0] }) else { return false }
        return frame != alert.frameNumber
    }

    private func settle(_ alert: Alert) {
        guard let flow = alert.flowID, settledFlows[flow] == nil else { return }
        settledFlows[flow] = alert.frameNumber
    }

    /// Whether a candidate is let pass: by itself or by a rule before it on the same packet.
    private func isPassed(_ candidate: Candidate) -> Bool {
        let alert = candidate.alert
        let packet = PacketKey(candidate)
        guard passedPacket != packet else {
            passedCount &+= 1
            return true
        }
        let rule = compiled.rules.elements + Int(candidate.form)
        let action = newAction ?? rule.pointee.action
        guard action != .alert else { return false }
        if candidate.coversFlow || rule.pointee.isAboutFlow { settle(alert) }
        guard action == .pass else { return false }
        passedPacket = packet
        return newAction == .pass || !rule.pointee.alerts
    }

    /// Whether the packet has as many alerts as it may have.
    private func isBeyondLimit(_ candidate: Candidate) -> Bool {
        let limit = compiled.settings.alertCountMax
        guard limit > 0 else { return false }
        let packet = PacketKey(candidate)
        if alertedPacket != packet {
            alertedPacket = packet
            alertsOfPacket = 0
        }
        guard alertsOfPacket < limit else {
            overflowCount &+= 1
            return true
        }
        alertsOfPacket += 1
        return false
    }
}

extension DetectionRule {
    /// Where it holds, little or nothing is looked for in the rest of the flow.
    var settlesFlows: Bool { action != .alert || bypasses || rateFilter != nil }

    /// It looks at nothing but who talks to whom, or what the flow speaks.
    var isAboutFlow: Bool {
        traffic.inspection.contains(.end)
            || traffic.flow.contains { $0 == .first_packet || $0 == .protocol_known }
    }
}

// MARK: - State

extension AlertGate {
    /// Whom a bit belongs to.
    private struct BitKey: Hashable {
        var name: Int32
        var scope: StateScope
        var first: IPAddress
        var second: IPAddress
        var flow: UInt64
    }

    private struct CounterKey: Hashable {
        var name: Int32
        var flow: UInt64
    }

    /// nil where the scope is a flow and there is none.
    private func key(_ name: Int32, _ scope: StateScope, _ alert: Alert) -> BitKey? {
        var key = BitKey(name: name, scope: scope, first: .zero, second: .zero, flow: 0)
        switch scope {
        case .flow:
            guard let flow = alert.flowID else { return nil }
            key.flow = flow
        case .src: key.first = alert.sourceAddress
        case .dst:
            // A bit is the host's: what a rule sets for a source is there when the host is a destination.
            key.scope = .src
            key.first = alert.destinationAddress
        case .pair:
            key.first = min(alert.sourceAddress, alert.destinationAddress)
            key.second = max(alert.sourceAddress, alert.destinationAddress)
        }
        return key
    }

    private func isSet(_ key: BitKey, _ alert: Alert) -> Bool {
        guard let lastSecond = bits[key] else { return false }
        return Self.second(alert) <= lastSecond
    }

    /// Expiries are counted in whole seconds of the clock, as in Suricata.
    private static func second(_ alert: Alert) -> Int64 {
        alert.timestamp.nanoseconds / nanosecondsPerSecond
    }

    private func passesState(_ rule: GateRule, _ candidate: Candidate) -> Bool {
        let alert = candidate.alert
        for test in rule.tests {
            let isWanted = test.action == .isset
            let holds = test.names.contains { name in
                (key(name, test.scope, alert).map { isSet($0, alert) } ?? false) == isWanted
            }
            guard holds else { return false }
        }
        // What only looks comes before the sets, which change where a rule looks at them.
        for operation in rule.counters.prefix(rule.counterTestCount) {
            guard apply(operation, candidate) else { return false }
        }
        guard sets.passes(candidate.setValues) else { return false }
        for operation in rule.counters.dropFirst(rule.counterTestCount) {
            guard apply(operation, candidate) else { return false }
        }
        return true
    }

    private func apply(_ change: GateRule.Bit, _ alert: Alert) {
        for name in change.names {
            guard let key = key(name, change.scope, alert) else { continue }
            let isToBeSet =
                switch change.action {
                case .set: true
                case .toggle: !isSet(key, alert)
                default: false
                }
            guard isToBeSet else {
                bits[key] = nil
                continue
            }
            // Who sets what is set does not make it last longer.
            if isSet(key, alert) { continue }
            bits[key] = change.expireSeconds.map { Self.second(alert) &+ $0 } ?? .max
        }
    }

    /// Counters have 32 bits.
    private static func wrapped(_ value: Int64) -> Int64 {
        Int64(UInt32(truncatingIfNeeded: value))
    }

    /// Applies one operation on a counter; false if it is a comparison that does not hold.
    private func apply(_ operation: GateRule.Counter, _ candidate: Candidate) -> Bool {
        guard let flow = candidate.alert.flowID else { return operation.action == .isnotset }
        let key = CounterKey(name: operation.name, flow: flow)
        let value: Int64
        switch operation.value {
        case .number(let number): value = number
        case .variable(let place):
            value = candidate.variables.indices.contains(place) ? candidate.variables[place] : 0
        case .counter(let name): value = counters[CounterKey(name: name, flow: flow)] ?? 0
        }
        let current = counters[key]
        switch operation.action {
        case .add: counters[key] = Self.wrapped((current ?? 0) &+ value)
        // What was not set stays so.
        case .subtract: counters[key] = current.map { Self.wrapped($0 &- value) }
        case .set: counters[key] = Self.wrapped(value)
        case .isset: return current != nil
        case .isnotset: return current == nil
        case .less: return current.map { $0 < value } ?? false
        case .lessOrEqual: return current.map { $0 <= value } ?? false
        case .equal: return current.map { $0 == value } ?? false
        case .notEqual: return current.map { $0 != value } ?? false
        case .greaterOrEqual: return current.map { $0 >= value } ?? false
        case .greater: return current.map { $0 > value } ?? false
        }
        return true
    }
}

// MARK: - Rules

/// What the gate does for a rule, with numbers for names.
private final class GateRule {
    struct Bit {
        var action: StateOperation.Action
        var names: [Int32]
        var scope: StateScope
        var expireSeconds: Int64?
    }

    struct Counter {
        enum Value {
            case number(Int64)
            /// The place of a variable that a sequence of the rule sets.
            case variable(Int)
            case counter(Int32)
        }

        var name: Int32
        var action: CounterOperation.Action
        var value: Value
    }

    let tests: [Bit]
    let changes: [Bit]
    let counters: [Counter]
    /// Counters that are looked at before any is changed: the first so many.
    let counterTestCount: Int
    let threshold: Threshold?
    let detectionFilter: Threshold?
    let suppressions: [Suppression]
    let rateFilter: RateFilter?
    let alerts: Bool
    let passes: Bool
    let bypasses: Bool
    let testsState: Bool

    /// nil for a rule whose candidates all become alerts.
    init?(_ rule: DetectionRule, variables: [String], _ names: inout NameTable) {
        guard
            !rule.state.isEmpty || !rule.counters.isEmpty || rule.threshold != nil
                || rule.detectionFilter != nil || !rule.alerts || !rule.suppressions.isEmpty
                || rule.rateFilter != nil || rule.bypasses
        else { return nil }
        var tests: [Bit] = []
        var changes: [Bit] = []
        for operation in rule.state {
            let bit = Bit(
                action: operation.action, names: operation.names.map { names.number(of: $0) },
                scope: operation.scope, expireSeconds: operation.expireSeconds)
            if operation.isChange { changes.append(bit) } else { tests.append(bit) }
        }
        self.tests = tests
        self.changes = changes
        counters = rule.counters.map { operation in
            let value: Counter.Value =
                switch operation.value {
                case .number(let number): .number(number)
                case .variable(let name):
                    variables.firstIndex(of: name).map { .variable($0) }
                        ?? .counter(names.number(of: name))
                }
            return Counter(
                name: names.number(of: operation.name), action: operation.action, value: value)
        }
        counterTestCount = rule.counters.prefix { !$0.action.isChange }.count
        threshold = rule.threshold
        detectionFilter = rule.detectionFilter
        suppressions = rule.suppressions
        rateFilter = rule.rateFilter
        alerts = rule.alerts
        passes = rule.action == .pass
        bypasses = rule.bypasses
        testsState = !rule.state.isEmpty || !rule.counters.isEmpty
    }
}

/// Numbers for names.
private struct NameTable {
    private var numbers: [String: Int32] = [:]

    mutating func number(of name: String) -> Int32 {
        if let number = numbers[name] { return number }
        let number = Int32(truncatingIfNeeded: numbers.count)
        numbers[name] = number
        return number
    }
}
