/// Keywords about the flow, what is remembered of it and of hosts, and how often a rule may alert.
extension SuricataDraft {
    // MARK: Flow

    mutating func flow(_ option: SuricataOption) throws(SuricataProblem) {
        if hasFlow { throw option.error("'flow' was given before; write all words behind one") }
        hasFlow = true
        for part in try option.required().split(",") {
            let name = part.text.lowercased()
            switch name {
            case "no_frag", "only_frag", "established", "not_established", "stateless",
                "to_server", "to_client", "from_server", "from_client", "only_stream", "no_stream":
                guard let condition = FlowCondition(rawValue: name) else { continue }
                try add(condition, part)
            default:
                throw part.error(
                    "unknown word '\(part.text)' in 'flow'"
                        + suggestion(for: name, among: FlowCondition.allCases.map(\.rawValue)))
            }
        }
    }

    private static let flowOpposites: [(FlowCondition, FlowCondition)] = [
        (.to_server, .to_client), (.to_server, .from_server), (.to_client, .from_client),
        (.from_server, .from_client), (.established, .not_established),
        (.established, .stateless), (.not_established, .stateless),
        (.only_stream, .no_stream), (.only_frag, .no_frag),
    ]

    private mutating func add(
        _ condition: FlowCondition, _ part: SuricataValue
    ) throws(SuricataProblem) {
        for (one, other) in Self.flowOpposites {
            let opposite = condition == one ? other : condition == other ? one : nil
            if let opposite, traffic.flow.contains(opposite) {
                throw part.error("'\(opposite.rawValue)' and '\(part.text)' cannot both hold")
            }
        }
        if traffic.flow.contains(condition) {
            throw part.error("'\(part.text)' was given before")
        }
        if condition == .no_stream { requiresPacket = true }
        if condition == .only_stream { requiresStream = true }
        traffic.flow.append(condition)
    }

    // MARK: Bits

    mutating func flowBits(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",", maxSplits: 1)
        if parts.count == 1, parts[0].text == "noalert" {
            alerts = false
            return
        }
        let action = try bitAction(parts[0], option)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw parts[0].error("'flowbits:\(parts[0].text)' needs the name of a bit")
        }
        state.append(StateOperation(action: action, names: try bitNames(parts[1], action)))
    }

    private func bitAction(
        _ value: SuricataValue, _ option: SuricataOption
    ) throws(SuricataProblem) -> StateOperation.Action {
        if let action = StateOperation.Action(rawValue: value.text) { return action }
        throw value.error(
            "unknown operation '\(value.text)' of '\(option.name)'; use"
                + " \(alternatives(StateOperation.Action.allCases.map(\.rawValue)))")
    }

    /// Names of bits; `|` stands between alternatives.
    private func bitNames(
        _ value: SuricataValue, _ action: StateOperation.Action
    ) throws(SuricataProblem) -> [String] {
        let names = value.split("|")
        guard names.allSatisfy({ !$0.isEmpty }) else { throw value.error("a name is empty") }
        if names.count > 1, action != .isset, action != .isnotset {
            throw value.error("only 'isset' and 'isnotset' take several names")
        }
        return names.map(\.text)
    }

    mutating func xBits(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        if parts.count == 1, parts[0].text == "noalert" {
            alerts = false
            return
        }
        guard parts.count >= 3 else {
            throw parts[0].error(
                "'xbits' takes an operation, a name and 'track ip_src' or the like")
        }
        let action = try bitAction(parts[0], option)
        var operation = StateOperation(
            action: action, names: [parts[1].text], scope: .src, isXbit: true)
        for part in parts.dropFirst(2) {
            let words = part.words
            guard words.count == 2 else { throw part.error("expected 'track' or 'expire'") }
            switch words[0].text {
            case "track":
                let scopes: [String: StateScope] = [
                    "ip_src": .src, "ip_dst": .dst, "ip_pair": .pair,
                ]
                guard let scope = scopes[words[1].text] else {
                    throw words[1].error("'track' takes ip_src, ip_dst or ip_pair")
                }
                operation.scope = scope
            case "expire":
                guard let seconds = words[1].integer, seconds > 0, seconds <= 0xffff_ffff else {
                    throw words[1].error("'expire' takes seconds, at least 1")
                }
                operation.expireSeconds = seconds
            default: throw part.error("unknown word '\(words[0].text)'; use 'track' or 'expire'")
            }
        }
        if action == .set || action == .toggle {
            operation.expireSeconds = operation.expireSeconds ?? Self.bitExpirySeconds
        } else {
            operation.expireSeconds = nil
        }
        state.append(operation)
    }

    /// Suricata's default for bits of hosts.
    private static let bitExpirySeconds: Int64 = 30

    mutating func hostBits(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        if parts.count == 1, parts[0].text == "noalert" {
            alerts = false
            return
        }
        let action = try bitAction(parts[0], option)
        guard parts.count >= 2, !parts[1].isEmpty else {
            throw parts[0].error("'hostbits:\(parts[0].text)' needs the name of a bit")
        }
        // A '|' in it is a part of the name.
        var operation = StateOperation(action: action, names: [parts[1].text], scope: .src)
        if parts.count >= 3 {
            switch parts[2].text {
            case "src": operation.scope = .src
            case "dst": operation.scope = .dst
            default: throw parts[2].error("the host must be 'src' or 'dst'")
            }
        }
        if action == .set || action == .toggle { operation.expireSeconds = 300 }
        state.append(operation)
    }

    // MARK: Counters

    mutating func flowInt(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        guard parts.count >= 2, !parts[0].isEmpty else {
            throw try option.required().error("'flowint' takes a name and an operation")
        }
        let name = parts[1].text
        let action: CounterOperation.Action
        switch name {
        case "=": action = .set
        case "notset": action = .isnotset
        default:
            guard let known = CounterOperation.Action(rawValue: name) else {
                throw parts[1].error(
                    "unknown operation '\(name)' of 'flowint'; use"
                        + " \(alternatives(CounterOperation.Action.allCases.map(\.rawValue)))")
            }
            action = known
        }
        var operation = CounterOperation(name: parts[0].text, action: action)
        if action != .isset, action != .isnotset {
            guard parts.count == 3, !parts[2].isEmpty else {
                throw parts[1].error("'flowint' needs a value behind '\(name)'")
            }
            if let number = parts[2].integer {
                guard (0...0xffff_ffff).contains(number) else {
                    throw parts[2].error("the value must lie in 0...4294967295")
                }
                operation.value = .number(number)
            } else if let first = parts[2].bytes.first, first | 0x20 >= 97, first | 0x20 <= 122 {
                operation.value = .variable(parts[2].text)
            } else {
                throw parts[2].error("the value must be a number or the name of a counter")
            }
        }
        counters.append(operation)
    }

    // MARK: Rates

    mutating func threshold(_ option: SuricataOption) throws(SuricataProblem) {
        if threshold != nil { throw option.error("'threshold' was given before") }
        threshold = try SuricataRate(option.required(), takesType: true).threshold
    }

    mutating func detectionFilter(_ option: SuricataOption) throws(SuricataProblem) {
        if detectionFilter != nil { throw option.error("'detection_filter' was given before") }
        detectionFilter = try SuricataRate(option.required(), takesType: false).threshold
    }
}

/// `type limit, track by_src, count 1, seconds 60`, in any order.
struct SuricataRate {
    let threshold: Threshold

    init(_ value: SuricataValue, takesType: Bool) throws(SuricataProblem) {
        var words: [String: SuricataValue] = [:]
        for part in value.split(",") {
            let pair = part.words
            guard pair.count == 2 else { throw part.error("expected a word and its value") }
            words[pair[0].text] = pair[1]
        }
        let kind: Threshold.Kind = takesType ? try Self.choice(words["type"]) : .threshold
        let isBackoff = kind == .backoff
        let needed = ["track", "count", isBackoff ? "multiplier" : "seconds"]
        let known = needed + (takesType ? ["type"] : ["unique_on"])
        for name in words.keys.sorted() where !known.contains(name) {
            throw value.error("unknown word '\(name)'" + suggestion(for: name, among: known))
        }
        for name in needed where words[name] == nil {
            throw value.error("'\(name)' is missing")
        }
        var threshold = Threshold(
            kind: kind, track: try Self.choice(words["track"]),
            count: try Self.number(words["count"], "count", from: takesType ? 0 : 1),
            seconds: isBackoff ? 0 : try Self.number(words["seconds"], "seconds", from: 0))
        if isBackoff {
            threshold.multiplier = try Self.number(words["multiplier"], "multiplier")
            guard threshold.track == .by_flow else {
                throw value.error("'backoff' counts alerts of flows; write 'track by_flow'")
            }
        }
        if let port = words["unique_on"] { threshold.uniquePort = try Self.choice(port) }
        self.threshold = threshold
    }

    private static func choice<T: RawRepresentable<String> & CaseIterable>(
        _ value: SuricataValue?
    ) throws(SuricataProblem) -> T {
        let name = value?.text ?? ""
        if let choice = T(rawValue: name) { return choice }
        throw SuricataProblem(
            offset: value?.offset ?? 0,
            message: "unknown '\(name)'; use \(alternatives(T.allCases.map(\.rawValue)))")
    }

    private static func number(
        _ value: SuricataValue?, _ what: String, from lowest: Int64 = 1
    ) throws(SuricataProblem) -> Int64 {
        if let number = value?.integer, (lowest...0xffff_ffff).contains(number) { return number }
        throw SuricataProblem(
            offset: value?.offset ?? 0, message: "'\(what)' must lie in \(lowest)...4294967295")
    }
}
