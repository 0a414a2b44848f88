/// Reads what a rule remembers and how often it may alert: `state`, `counters`, `threshold`,
/// `detection_filter`.
struct StateReader {
    let sink: DiagnosticSink

    // MARK: State

    func state(_ node: YAMLNode) -> [StateOperation] {
        node.listOrSelf.compactMap(stateOperation)
    }

    private func stateOperation(_ node: YAMLNode) -> StateOperation? {
        let actions = StateOperation.Action.allCases.map(\.rawValue)
        let keys = actions + ["scope", "expire", "xbit"]
        guard let entries = sink.entries(node, "an operation of 'state'", keys: keys),
            entries.allSatisfy({ keys.contains($0.key) })
        else { return nil }
        let chosen = entries.filter { actions.contains($0.key) }
        guard chosen.count == 1, let action = StateOperation.Action(rawValue: chosen[0].key) else {
            sink.error(
                at: node.mark, "an operation of 'state' needs one of \(alternatives(actions))")
            return nil
        }
        let names = sink.texts(chosen[0].value, "the name of a state")
        guard !names.isEmpty else { return nil }
        if names.count > 1, action != .isset, action != .isnotset {
            sink.error(
                at: chosen[0].value.mark, "only 'isset' and 'isnotset' take several names")
            return nil
        }
        var operation = StateOperation(action: action, names: names)
        if let scope = node["scope"], let choice = sink.choice(scope, "scope", StateScope.self) {
            operation.scope = choice
        }
        if let expire = node["expire"] { operation.expireSeconds = expiry(expire, operation) }
        if let xbit = node["xbit"] { operation.isXbit = isXbit(xbit, operation) }
        return operation
    }

    private func isXbit(_ node: YAMLNode, _ operation: StateOperation) -> Bool {
        guard operation.scope != .flow else {
            sink.error(at: node.mark, "'xbit' goes with the scopes src, dst and pair")
            return false
        }
        return sink.bool(node, "'xbit'") ?? false
    }

    private func expiry(_ node: YAMLNode, _ operation: StateOperation) -> Int64? {
        guard operation.scope != .flow, operation.action == .set || operation.action == .toggle
        else {
            sink.error(
                at: node.mark,
                "'expire' goes with 'set' and 'toggle' in the scopes src, dst and pair; a flow's"
                    + " state ends with the flow")
            return nil
        }
        return seconds(node, "'expire'", from: 1)
    }

    private func seconds(_ node: YAMLNode, _ what: String, from lowest: Int64) -> Int64? {
        guard let text = sink.text(node, what) else { return nil }
        guard let nanoseconds = Setting.nanoseconds(text),
            nanoseconds >= lowest * nanosecondsPerSecond,
            nanoseconds % nanosecondsPerSecond == 0
        else {
            sink.error(at: node.mark, "\(what) must be whole seconds like 60, 60s or 5m")
            return nil
        }
        return nanoseconds / nanosecondsPerSecond
    }

    // MARK: Counters

    func counters(_ node: YAMLNode) -> [CounterOperation] {
        node.listOrSelf.compactMap { node in
            guard sink.entries(node, "a counter", keys: ["name", "op", "value"]) != nil,
                let name = node["name"].flatMap({ sink.text($0, "'name'") }),
                let op = node["op"].flatMap({
                    sink.choice($0, "operation", CounterOperation.Action.self)
                })
            else {
                if node["name"] == nil || node["op"] == nil {
                    sink.error(at: node.mark, "a counter needs 'name' and 'op'")
                }
                return nil
            }
            var operation = CounterOperation(name: name, action: op)
            if op == .isset || op == .isnotset { return operation }
            guard let value = node["value"] else {
                sink.error(at: node.mark, "'op: \(op.rawValue)' needs a 'value'")
                return nil
            }
            // Another counter by its name.
            if let text = value.text, let first = text.utf8.first, first > 57 {
                operation.value = .variable(text)
                return operation
            }
            guard let number = sink.integer(value, "'value'", in: 0...0xffff_ffff) else {
                return nil
            }
            operation.value = .number(number)
            return operation
        }
    }

    // MARK: Rates

    func threshold(_ node: YAMLNode) -> Threshold? {
        rate(
            node, "'threshold'",
            keys: [
                "type", "track", "count",
                node["type"]?.text == Threshold.Kind.backoff.rawValue ? "multiplier" : "seconds",
            ])
    }

    /// Alerts only behind the first `count` matches.
    func detectionFilter(_ node: YAMLNode) -> Threshold? {
        rate(
            node, "'detection_filter'", keys: ["track", "count", "seconds"], others: ["unique_on"])
    }

    private func rate(
        _ node: YAMLNode, _ what: String, keys: [String], others: [String] = []
    ) -> Threshold? {
        guard sink.entries(node, what, keys: keys + others) != nil else { return nil }
        for key in keys where node[key] == nil {
            sink.error(at: node.mark, "\(what) needs '\(key)'")
            return nil
        }
        var kind: Threshold.Kind? = .threshold
        if let type = node["type"] { kind = sink.choice(type, "type") }
        guard let kind, let track = node["track"], let count = node["count"],
            let tracked = sink.choice(track, "track", Threshold.Track.self),
            let number = sink.integer(count, "'count'", in: 0...0xffff_ffff)
        else { return nil }
        var threshold = Threshold(kind: kind, track: tracked, count: number, seconds: 0)
        if let unique = node["unique_on"] { threshold.uniquePort = sink.choice(unique, "port") }
        if let multiplier = node["multiplier"] {
            guard tracked == .by_flow else {
                sink.error(at: track.mark, "'backoff' counts alerts of flows; write 'by_flow'")
                return nil
            }
            threshold.multiplier =
                sink.integer(multiplier, "'multiplier'", in: 1...0xffff_ffff) ?? 1
        }
        if let seconds = node["seconds"] {
            guard let span = self.seconds(seconds, "'seconds'", from: 0) else { return nil }
            threshold.seconds = span
        }
        return threshold
    }
}
