/// What there is to say of one incident, and the words for it (CORRELATION.md §9).
struct IncidentExplanation {
    private static let hostsShownMax = 10
    private static let missesShownMax = 10
    /// Groups that had less of what their rules ask for are not worth a line.
    private static let closenessMin = 0.25

    let rules: RuleSet
    let program: CorrelationProgram
    let settings: CorrelationSettings
    /// The closing record.
    let record: JSONValue
    var trace: JoinTrace
    private var history: [JSONValue] = []
    private var firings: [String: JSONValue] = [:]
    private var relatives: [String: String] = [:]
    /// How near rules came that concern its hosts, while it was open and at the end of the input.
    var past: [Standing] = []
    var open: [Standing] = []
    /// The end of the input.
    var clock: Timestamp?

    init(
        rules: RuleSet, program: CorrelationProgram, settings: CorrelationSettings,
        record: JSONValue, trace: JoinTrace
    ) {
        self.rules = rules
        self.program = program
        self.settings = settings
        self.record = record
        self.trace = trace
    }

    /// Takes in what another run found.
    mutating func take(_ findings: [IncidentExplainer.Finding]) {
        for finding in findings {
            switch finding {
            case .history(let record): history.append(record)
            case .firing(let id, let record): firings[id] = record
            case .relative(let id, let line): relatives[id] = line
            }
        }
    }

    /// Everybody that acts or suffers in it.
    var hosts: Set<[UInt8]> {
        Set((texts(record["actors"]) + texts(record["victims"])).map { Array($0.utf8) })
    }

    /// From its first signal to its end.
    var period: ClosedRange<Timestamp> {
        let start = moment(record["opened"]) ?? .epoch
        return start...max(start, moment(record["time"]) ?? start)
    }

    // MARK: Text

    /// The explanation, with a line feed at its end.
    var text: String {
        var lines = head
        lines += ["", "Why each signal is in it:"] + joins
        lines += ["", "Why it is \(string("severity")):"] + score
        lines += ["", "How far it came:"] + killChain
        lines += relations
        lines += misses
        return lines.joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        let id = string("id")
        let last = string("updated")
        let length = moment(record["updated"]).map { $0.nanoseconds(since: period.lowerBound) } ?? 0
        let isEnd = string("reason") == "end-of-input"
        var lines = [
            "Incident \(id): \(string("severity")),"
                + " \(count(record["signal_count"]?.integer ?? 0, "signal")) of"
                + " \(count(Int64(ruleRecords.count), "rule"))",
            "  opened   \(string("opened"))",
            "  last     \(last), \(roundedSpan(length)) later",
            isEnd
                ? "  open     at the end of the input, \(string("time"))"
                : "  closed   \(string("time")), \(endWords)",
            "  actors   \(list(texts(record["actors"])))",
            "  victims  \(list(texts(record["victims"])))",
        ]
        if case .bool(true)? = record["more_victims"] {
            lines[lines.count - 1] += ", and more than are kept"
        }
        return lines
    }

    private var endWords: String {
        switch string("reason") {
        case "quiet":
            "after \(spanText(nanoseconds: settings.incidentGapNanoseconds)) without a signal"
        case "max-duration":
            "as it had lasted \(spanText(nanoseconds: settings.incidentDurationMaxNanoseconds))"
        default: "as there were more open incidents than are kept"
        }
    }

    // MARK: Signals

    private var joins: [String] {
        var lines: [String] = []
        for join in trace.joins {
            let name = ruleName(join.rule)
            let title = join.title.map { String(decoding: $0, as: UTF8.self) } ?? name
            lines.append(
                "  \(join.first)  \(title) (\(title == name ? "" : name + ", ")\(join.level.name))"
                    + repetition(join))
            lines.append(
                "      \(list(join.actors.map(string))) → \(list(join.victims.map(string)))")
            if let id = join.firing.map({ $0.hexadecimal }), let firing = firings[id] {
                lines.append("      firing \(id): " + reason(of: firing))
            }
            lines.append("      " + words(for: join.reason))
        }
        if trace.moreCount > 0 { lines.append("  and \(trace.moreCount) more signals") }
        return lines
    }

    private func repetition(_ join: JoinTrace.Join) -> String {
        join.count == 1 ? "" : ", \(join.count) times until \(join.last)"
    }

    private func reason(of firing: JSONValue) -> String {
        let group: String =
            if case .object(let members)? = firing["group"], !members.isEmpty {
                " for "
                    + members.map { "\($0.key) \($0.value.text ?? "")" }.joined(separator: ", ")
            } else {
                ""
            }
        let count = self.count(firing["evidence_count"]?.integer ?? 0, "item")
        return "\(firing["reason"]?.text ?? "")\(group), \(count) as evidence"
    }

    private func words(for reason: JoinTrace.Reason) -> String {
        switch reason {
        case .opened(let key): "opened the incident, as no open one had \(keyWords(key))"
        case .owned(let key): "joined, as the incident has \(keyWords(key))"
        case .pivot(let actor, let hit):
            "joined, as its actor \(string(actor)) was hit in this incident at \(hit), not more than"
                + " \(spanText(nanoseconds: settings.incidentGapNanoseconds)) before"
        }
    }

    /// `the actor 10.0.0.5`, out of the elements of a key as JSON.
    private func keyWords(_ key: [UInt8]) -> String {
        let parts = JSONValue(parsing: [UInt8(ascii: "[")] + key + [UInt8(ascii: "]")])
        let texts = self.texts(parts)
        guard let kind = texts.first else { return "its key" }
        let rest = texts.dropFirst()
        switch kind {
        case "actor": return "the actor \(rest.joined())"
        case "victim": return "the victim \(rest.joined()), and nobody is known to act"
        case "pair":
            return "the pair \(rest.joined(separator: " → ")), whose actor is a shared host"
        default:
            let name = rest.first.map { ruleName(Array($0.utf8)) } ?? ""
            let values = rest.dropFirst()
            return "the rule \(name)"
                + (values.isEmpty ? "" : " with \(values.joined(separator: ", "))")
                + ", and no host of its own"
        }
    }

    // MARK: Severity

    private var ruleRecords: [JSONValue] { record["rules"]?.elements ?? [] }

    private var score: [String] {
        var lines = ruleRecords.map { rule in
            let level = rule["level"]?.text.flatMap(Level.init(name:)) ?? .informational
            let name = rule["title"]?.text ?? ruleName(Array((rule["id"]?.text ?? "").utf8))
            let times = rule["count"]?.integer ?? 1
            return "  \(padded(Incident.points(of: level)))  \(name) (\(level.name)"
                + (times > 1 ? ", \(times) signals count once)" : ")")
        }
        let tacticCount = record["tactics"]?.elements?.count ?? 0
        if tacticCount > 1 {
            lines.append(
                "  \(padded(Incident.tacticPoints * (tacticCount - 1)))  \(tacticCount) tactics,"
                    + " \(Incident.tacticPoints) for each beyond the first")
        }
        let score = Int(record["score"]?.integer ?? 0)
        let severity = Level(name: string("severity")) ?? .informational
        lines.append(
            "  \(padded(score))  in all: \(severity.name) takes \(Incident.points(of: severity))"
                + next(after: severity, score))
        return lines + changes
    }

    private func next(after severity: Level, _ score: Int) -> String {
        guard let level = Level(rawValue: severity.rawValue + 1) else { return "" }
        let points = Incident.points(of: level)
        return ", \(level.name) \(points), which are \(points - score) more"
    }

    /// When it became more severe.
    private var changes: [String] {
        var before: String?
        var steps: [String] = []
        for record in history {
            guard let severity = record["severity"]?.text, severity != before else { continue }
            steps.append("\(severity) from \(record["time"]?.text ?? "") on")
            before = severity
        }
        return steps.count > 1 ? ["  it was \(steps.joined(separator: ", "))"] : []
    }

    private func padded(_ points: Int) -> String {
        let text = String(points)
        return String(repeating: " ", count: max(0, 4 - text.count)) + text
    }

    // MARK: Kill chain

    private var killChain: [String] {
        let tactics = record["tactics"]?.elements ?? []
        guard !tactics.isEmpty else { return ["  its rules name no tactic of ATT&CK"] }
        var lines = tactics.map { "  \($0["first"]?.text ?? "")  \($0["tactic"]?.text ?? "")" }
        let progress = record["progress"]?.integer ?? 0
        lines.append(
            "  the furthest is \(string("stage")); \(count(progress, "signal")) moved it forward")
        let techniques = texts(record["techniques"])
        if !techniques.isEmpty {
            lines.append("  techniques \(techniques.joined(separator: ", "))")
        }
        return lines
    }

    // MARK: Relations

    private var relations: [String] {
        var lines: [String] = []
        if let id = record["continues"]?.text {
            lines += [
                "", "It continues an incident that had lasted too long:",
                "  " + (relatives[id] ?? id),
            ]
        }
        let related = texts(record["related"])
        guard !related.isEmpty else { return lines }
        lines += ["", "Others that its signals would have fitted as well:"]
        for id in related {
            lines.append("  " + (relatives[id] ?? id))
            if let relative = trace.relatives.first(where: { $0.id.hexadecimal == id }) {
                lines.append("      at \(relative.time): " + fit(relative.reason))
            }
        }
        return lines
    }

    private func fit(_ reason: JoinTrace.Reason) -> String {
        switch reason {
        case .opened(let key), .owned(let key): "it has \(keyWords(key))"
        case .pivot(let actor, let hit): "\(string(actor)) was hit in it at \(hit)"
        }
    }

    // MARK: What did not come

    private var misses: [String] {
        let words = StandingText(
            program: program, ruleName: { rules.displayName(of: $0) }, moment: { "\($0)" })
        let table = NearMisses(program: program)
        func lines(_ standings: [Standing], _ heading: String) -> [String] {
            let near = standings.filter {
                $0.quietEnd == nil && table.closeness(of: $0) >= Self.closenessMin
            }
            guard !near.isEmpty else { return [] }
            var lines = ["", heading]
            for standing in near.prefix(Self.missesShownMax) {
                let name = ruleName(program.plans[standing.plan].id)
                lines.append("  \(name) \(words.text(standing))")
            }
            if near.count > Self.missesShownMax {
                lines.append("  and \(near.count - Self.missesShownMax) more that were not nearer")
            }
            return lines
        }
        let stillOpen = Set(open.map { Place(plan: $0.plan, key: $0.key, last: $0.last) })
        let over = past.filter {
            !stillOpen.contains(Place(plan: $0.plan, key: $0.key, last: $0.last))
        }
        return lines(over, "What its hosts began and did not complete:")
            + lines(open, "What was still going on when the alerts ended, at \(end):")
    }

    private struct Place: Hashable {
        var plan: Int
        var key: [UInt8]
        var last: Timestamp
    }

    private var end: String { clock.map { "\($0)" } ?? "?" }

    // MARK: Words

    private func string(_ name: String) -> String { record[name]?.text ?? "" }

    private func string(_ text: [UInt8]) -> String { String(decoding: text, as: UTF8.self) }

    private func texts(_ value: JSONValue?) -> [String] {
        (value?.elements ?? []).compactMap(\.text)
    }

    private func moment(_ value: JSONValue?) -> Timestamp? {
        value?.text.flatMap(TimeParser.moment)
    }

    private func ruleName(_ id: [UInt8]) -> String { rules.displayName(of: string(id)) }

    private func count(_ number: Int64, _ word: String) -> String {
        "\(number) \(word)\(number == 1 ? "" : "s")"
    }

    private func list(_ hosts: [String]) -> String {
        guard !hosts.isEmpty else { return "nobody" }
        let shown = hosts.prefix(Self.hostsShownMax).joined(separator: ", ")
        return hosts.count > Self.hostsShownMax
            ? "\(shown) and \(hosts.count - Self.hostsShownMax) more" : shown
    }

    /// A span in whole seconds, unless it is shorter than one.
    private func roundedSpan(_ nanoseconds: Int64) -> String {
        let seconds = nanoseconds / nanosecondsPerSecond
        return spanText(
            nanoseconds: seconds > 0 ? seconds * nanosecondsPerSecond : nanoseconds)
    }
}

extension RecordID {
    /// As records write it: 24 hexadecimal digits.
    var hexadecimal: String {
        func digits(_ value: UInt64, _ count: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: count - text.count) + text
        }
        return digits(high, 16) + digits(UInt64(low), 8)
    }
}
