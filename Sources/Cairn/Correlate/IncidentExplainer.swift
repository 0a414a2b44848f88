/// Correlates alert files again to say in plain words what an incident is made of, and why (`cairn
/// explain`).
///
/// Correlation is deterministic, so that the same alerts, rules and settings give the same ids as
/// when the incident was written. The files are read twice: once to find the incident, once to
/// follow how it came about. So memory is bounded as it is for correlation.
public struct IncidentExplainer {
    /// Why there is no explanation.
    public enum Problem: Error, CustomStringConvertible {
        case unreadable(AlertFileError)
        /// What can only be read once.
        case notAFile(path: String)
        /// No incident has an id that begins like this; some that are like it.
        case unknown(id: String, incidentCount: Int, near: [String])
        case ambiguous(id: String, candidates: [String])

        /// The files cannot be used, whatever incident is asked for.
        public var isAboutFiles: Bool {
            switch self {
            case .unreadable, .notAFile: true
            case .unknown, .ambiguous: false
            }
        }

        /// A sentence with a remedy.
        public var description: String {
            switch self {
            case .unreadable(let error): return "\(error)"
            case .notAFile(let path):
                return "\(path == "-" ? "standard input" : path) can be read only once, and an"
                    + " explanation needs the alerts twice: write them to a file"
            case .unknown(let id, let count, let near):
                let remedy =
                    near.isEmpty
                    ? "; without --incident all are listed"
                    : "; did you mean \(alternatives(near))?"
                return count == 0
                    ? "these alerts make no incident; are the rules and settings those of the run"
                        + " that wrote '\(id)'?"
                    : "no incident has the id '\(id)'" + remedy
            case .ambiguous(let id, let candidates):
                return "several incidents begin with '\(id)': \(candidates.joined(separator: ", "))"
            }
        }
    }

    private static let candidatesShownMax = 5
    private static let idCountMax = 100_000

    private let rules: RuleSet
    private let program: CorrelationProgram
    private let settings: CorrelationSettings

    /// - Parameters:
    ///   - rules: the rules of the run that wrote the incidents.
    ///   - settings: its settings.
    public init(rules: RuleSet, settings: Settings) {
        self.rules = rules
        program = CorrelationProgram(rules)
        self.settings = CorrelationSettings(settings)
    }

    /// What is wrong with the correlation rules.
    public var diagnostics: [Diagnostic] { program.diagnostics }

    // MARK: All incidents

    /// Says each incident in one line, in the order in which they end.
    ///
    /// - Returns: the first lines that are broken.
    public func list(
        _ files: [String], output: (String) -> Void
    ) throws(Problem) -> [Diagnostic] {
        try withoutActuallyEscaping(output) { (output) throws(Problem) in
            try run(files, finalOnly: true) { record in
                if record.isIncident { output(Self.line(record) + "\n") }
            }
        }
    }

    /// `d14cf67d1217afb6b9c416d6  critical  2026-01-01T00:01:00Z  4m  203.0.113.66 → 10.0.0.80: …`.
    private static func line(_ incident: JSONValue) -> String {
        let opened = incident["opened"]?.text ?? ""
        let last = incident["updated"]?.text.flatMap(TimeParser.moment)
        let seconds = TimeParser.moment(opened).flatMap { start in
            last.map { $0.nanoseconds(since: start) / nanosecondsPerSecond }
        }
        let rules = incident["rules"]?.elements ?? []
        let stage = incident["stage"]?.text
        return [
            incident["id"]?.text ?? "", incident["severity"]?.text ?? "", opened,
            spanText(nanoseconds: (seconds ?? 0) * nanosecondsPerSecond),
            "\(first(incident["actors"])) → \(first(incident["victims"]))",
            "\(incident["signal_count"]?.integer ?? 0) signals of \(rules.count) rules"
                + (stage.map { ", up to \($0)" } ?? ""),
        ].joined(separator: "  ")
    }

    /// The first host of a list, and how many more there are.
    private static func first(_ hosts: JSONValue?) -> String {
        let texts = (hosts?.elements ?? []).compactMap(\.text)
        guard let first = texts.first else { return "nobody" }
        return texts.count > 1 ? "\(first) (+\(texts.count - 1))" : first
    }

    // MARK: One incident

    /// Says why an incident is what it is.
    ///
    /// - Parameters:
    ///   - id: its id, or the beginning of it.
    ///   - files: read twice.
    /// - Returns: the explanation, and the first lines that are broken.
    public func explain(
        _ id: String, _ files: [String]
    ) throws(Problem) -> (text: String, brokenLines: [Diagnostic]) {
        for file in files { try check(file) }
        let record = try find(id, files)
        guard let text = record["id"]?.text, let identifier = RecordID(hexadecimal: text) else {
            throw .unknown(id: id, incidentCount: 0, near: [])
        }
        var explanation = IncidentExplanation(
            rules: rules, program: program, settings: settings, record: record,
            trace: JoinTrace(incident: identifier))
        let wanted = Set((record["signals"]?.elements ?? []).compactMap { $0["firing"]?.text })
        let related = Set(
            ((record["related"]?.elements ?? []) + [record["continues"]].compactMap(\.self))
                .compactMap(\.text))
        let brokenLines = try run(files, tracing: identifier, explanation: &explanation) { record in
            guard let id = record["id"]?.text else { return nil }
            if id == text { return .history(record) }
            if wanted.contains(id) { return .firing(id, record) }
            if related.contains(id), record["status"]?.text == "closed" {
                return .relative(id, Self.line(record))
            }
            return nil
        }
        return (explanation.text, brokenLines)
    }

    /// The last record of the incident whose id begins like this.
    private func find(_ id: String, _ files: [String]) throws(Problem) -> JSONValue {
        let wanted = id.lowercased()
        var found: [JSONValue] = []
        var ids: [String] = []
        var count = 0
        _ = try run(files, finalOnly: true) { record in
            guard record.isIncident, let id = record["id"]?.text else { return }
            count += 1
            if ids.count < Self.idCountMax { ids.append(id) }
            if id.hasPrefix(wanted), found.count <= Self.candidatesShownMax { found.append(record) }
        }
        guard let record = found.first else {
            throw .unknown(id: id, incidentCount: count, near: Self.near(wanted, ids))
        }
        guard found.count == 1 else {
            let candidates = found.compactMap { $0["id"]?.text }
            let isMore = candidates.count > Self.candidatesShownMax
            throw .ambiguous(
                id: id,
                candidates: candidates.prefix(Self.candidatesShownMax) + (isMore ? ["…"] : []))
        }
        return record
    }

    /// Ids that share most of their beginning with a text, or differ from it by a slip.
    private static func near(_ id: String, _ ids: [String]) -> [String] {
        if let slip = nearest(to: id, among: ids) { return [slip] }
        let shared = ids.map { ($0, zip($0, id).prefix { $0 == $1 }.count) }
        guard let most = shared.map(\.1).max(), most >= 2 else { return [] }
        return shared.filter { $0.1 == most }.prefix(3).map(\.0)
    }

    // MARK: Runs

    /// Correlates the files and hands over each record.
    private func run(
        _ files: [String], finalOnly: Bool, _ take: @escaping (JSONValue) -> Void
    ) throws(Problem) -> [Diagnostic] {
        var settings = settings
        settings.writesFinalRecordsOnly = finalOnly
        let correlator = Correlator(program: program, settings: settings) { lines in
            forEachRecord(in: lines, take)
        }
        let reader = AlertFileReader(correlator: correlator)
        try read(files, reader)
        correlator.finish()
        return reader.brokenLines
    }

    /// A record that an explanation needs.
    enum Finding {
        case history(JSONValue)
        case firing(String, JSONValue)
        case relative(String, String)
    }

    /// Correlates the files once more, following one incident.
    private func run(
        _ files: [String], tracing id: RecordID, explanation: inout IncidentExplanation,
        _ find: @escaping (JSONValue) -> Finding?
    ) throws(Problem) -> [Diagnostic] {
        let findings = FindingList()
        let correlator = Correlator(program: program, settings: settings) { lines in
            forEachRecord(in: lines) { record in
                if let finding = find(record) { findings.all.append(finding) }
            }
        }
        correlator.trace(incident: id)
        let hosts = explanation.hosts
        let period = explanation.period
        let misses = MissList(program: program)
        correlator.observe(
            CorrelationObserver(
                afterInstant: { core, instant in
                    core.forEachStanding(at: instant) { standing in
                        guard period.contains(instant), standing.concerns(hosts) else { return }
                        misses.past.take(standing)
                    }
                },
                atEnd: { core, clock in
                    core.forEachOpenStanding(at: clock) { standing in
                        if standing.concerns(hosts) { misses.open.take(standing) }
                    }
                    misses.clock = clock
                }))
        let reader = AlertFileReader(correlator: correlator)
        try read(files, reader)
        correlator.finish()
        explanation.take(findings.all)
        explanation.past = misses.past.nearest()
        explanation.open = misses.open.nearest()
        explanation.clock = misses.clock
        if let trace = correlator.trace { explanation.trace = trace }
        return reader.brokenLines
    }

    private func read(_ files: [String], _ reader: AlertFileReader) throws(Problem) {
        for file in files {
            do throws(AlertFileError) {
                try reader.read(path: file, following: false, stop: StopFlag(), onChunk: {})
            } catch {
                throw .unreadable(error)
            }
        }
    }

    /// Whether a file can be read twice.
    private func check(_ path: String) throws(Problem) {
        do throws(AlertFileError) {
            if path != "-" {
                let file = try AlertFile(path: path)
                if file.canGrow { return }
            }
        } catch {
            throw .unreadable(error)
        }
        throw .notAFile(path: path)
    }
}

/// Calls `body` with each record of whole lines.
private func forEachRecord(in lines: borrowing [UInt8], _ body: (JSONValue) -> Void) {
    for line in (copy lines).split(separator: UInt8(ascii: "\n")) {
        if let record = JSONValue(parsing: line) { body(record) }
    }
}

private final class FindingList {
    var all: [IncidentExplainer.Finding] = []
}

/// What was near while an incident was open, and what still is at the end.
private final class MissList {
    var past: NearMisses
    var open: NearMisses
    var clock: Timestamp?

    init(program: CorrelationProgram) {
        past = NearMisses(program: program)
        open = NearMisses(program: program)
    }
}

extension Standing {
    /// Whether one of the group's values names one of some hosts.
    fileprivate func concerns(_ hosts: Set<[UInt8]>) -> Bool {
        GroupKey.values(key).contains { hosts.contains($0) }
    }
}

extension JSONValue {
    fileprivate var isIncident: Bool { self["kind"]?.text == "incident" }
}

extension RecordID {
    /// The identifier that 24 hexadecimal digits give.
    init?(hexadecimal text: String) {
        guard text.utf8.count == 24, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt32(text.dropFirst(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
