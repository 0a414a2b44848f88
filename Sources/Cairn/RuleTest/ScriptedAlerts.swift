/// Turns the alerts that a test gives into lines of an alert file.
struct ScriptedAlerts {
    /// Behind the alerts of the entry before, for an entry without a time.
    private static let pauseNanoseconds = nanosecondsPerSecond
    /// Alerts that one test may give.
    private static let alertCountMax = 1_000_000
    /// Names of one field, of which a test needs to give one: `src` is the client of the flow
    /// (CORRELATION.md §4).
    private static let twins = [
        "src.ip": "client.ip", "dst.ip": "server.ip", "src.port": "client.port",
        "dst.port": "server.port",
    ]

    private let rules: RuleSet
    /// Fields that the rules under test look at.
    private let fieldNames: [String]
    private(set) var lines: [AlertLine] = []
    /// Up to where time passes without alerts.
    private(set) var clock: Timestamp?
    private var time = testStart

    /// - Parameters:
    ///   - rules: all rules that are loaded.
    ///   - fieldNames: the fields that the rules under test look at.
    init(rules: RuleSet, fieldNames: [String]) {
        self.rules = rules
        self.fieldNames = fieldNames
    }

    /// Adds an entry with all its repetitions.
    mutating func add(_ entry: TestAlertsIn) throws(RuleTestFailure) {
        switch entry {
        case .clock(let nanoseconds):
            let moment = testStart.adding(nanoseconds: nanoseconds)
            clock = max(clock ?? moment, moment)
            time = max(time, moment)
        case .alert(let alert): try add(alert)
        }
    }

    private mutating func add(_ alert: TestAlert) throws(RuleTestFailure) {
        let label = try label(of: alert)
        let fields = try canonical(alert.fields)
        if let at = alert.atNanoseconds { time = testStart.adding(nanoseconds: at) }
        let first = time
        for number in 0..<alert.repeatCount {
            let (delay, overflow) = Int64(number).multipliedReportingOverflow(
                by: alert.repeatNanoseconds)
            time = first.adding(nanoseconds: overflow ? .max : delay)
            guard time.nanoseconds < Int64.max - nanosecondsPerSecond else {
                throw RuleTestFailure(alert.location, "the repetitions go on beyond the year 2262")
            }
            guard lines.count < Self.alertCountMax else {
                throw RuleTestFailure(
                    alert.location, "the test gives more than \(Self.alertCountMax) alerts")
            }
            write(label, fields, number)
        }
        time = time.adding(nanoseconds: Self.pauseNanoseconds)
    }

    private mutating func write(_ label: Label, _ fields: [TestField], _ number: Int) {
        var json = JSONWriter()
        json.beginObject()
        json.key("time")
        json.time(time)
        json.key("rule")
        json.beginObject()
        json.member("id", label.id)
        if let title = label.title { json.member("title", title) }
        json.member("level", label.level.name)
        json.member("tags", label.tags)
        json.endObject()
        for field in fields {
            json.key(field.name)
            switch field.value(number) {
            case .text(let text): json.string(text)
            case .number(let text): json.raw(text.utf8)
            case .bool(let bool): json.bool(bool)
            }
        }
        json.endObject()
        lines.append(AlertLine(time: time, bytes: json.bytes))
    }

    // MARK: Rules

    private struct Label {
        var id: String
        var title: String?
        var level: Level
        var tags: [String]
    }

    /// What the rule of an alert says about itself, changed by what the test says.
    private func label(of alert: TestAlert) throws(RuleTestFailure) -> Label {
        let header = rules.header(named: alert.rule)
        guard let id = header?.id ?? RuleHeader.signature(named: alert.rule) else {
            throw RuleTestFailure(
                alert.ruleLocation,
                "no rule has the id or name '\(alert.rule)'"
                    + (nearest(to: alert.rule, among: rules.names).map {
                        " — did you mean '\($0)'?"
                    }
                        ?? "; name its file on the command line or in 'load', or give the number"
                        + " of a Suricata rule"))
        }
        return Label(
            id: id, title: alert.title ?? header?.title,
            level: alert.level ?? header?.level ?? .medium, tags: alert.tags ?? header?.tags ?? [])
    }

    // MARK: Fields

    /// The fields under the registry's names, each also under its other name.
    private func canonical(_ fields: [TestField]) throws(RuleTestFailure) -> [TestField] {
        var named: [TestField] = []
        for var field in fields {
            field.name = FieldRegistry.canonicalName(of: field.name)
            if let twice = named.first(where: { $0.name == field.name }) {
                throw RuleTestFailure(
                    field.location, "the alert has '\(field.name)' twice: \(twice.location)")
            }
            try checkName(field)
            named.append(field)
        }
        for (one, other) in Self.twins.sorted(by: { $0.key < $1.key }) {
            for (name, twin) in [(one, other), (other, one)] {
                guard let field = named.first(where: { $0.name == name }),
                    !named.contains(where: { $0.name == twin })
                else { continue }
                var copy = field
                copy.name = twin
                named.append(copy)
            }
        }
        return named
    }

    /// A name that nobody knows and that is near to one that a rule looks at is a slip of the pen;
    /// others may be whatever the alert had.
    private func checkName(_ field: TestField) throws(RuleTestFailure) {
        guard !fieldNames.contains(field.name), !["actor", "victim"].contains(field.name),
            !FieldRegistry.isKnown(field.name),
            let meant = nearest(to: field.name, among: fieldNames)
        else { return }
        throw RuleTestFailure(
            field.location, "no rule looks at '\(field.name)' — did you mean '\(meant)'?")
    }
}

extension FieldRegistry {
    /// Whether a field of some subject has this name.
    fileprivate static func isKnown(_ name: String) -> Bool {
        subjects.indices.contains { field(named: name, subject: $0) != nil }
    }
}

/// One line of alerts, with its time.
struct AlertLine {
    var time: Timestamp
    var bytes: [UInt8]
}
