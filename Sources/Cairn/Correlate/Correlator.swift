/// The correlation stage: alerts in, firings and incidents out as JSON lines, in event time
/// (CORRELATION.md).
///
/// One thread. Alerts come in packet order, or any order within the lateness; the output is a
/// function of rules, settings, the alerts that are not late, and the final clock.
final class Correlator {
    /// What happened, as the summary record and the statistics say it.
    struct Counts {
        var alerts = 0
        var late = 0
        var firings = 0
        /// Incidents that were opened.
        var incidents = 0
        /// Instants that were completed early, as too many alerts were waiting.
        var hurried = 0

        static func - (a: Counts, b: Counts) -> Counts {
            Counts(
                alerts: a.alerts - b.alerts, late: a.late - b.late, firings: a.firings - b.firings,
                incidents: a.incidents - b.incidents, hurried: a.hurried - b.hurried)
        }
    }

    let program: CorrelationProgram
    /// Names the rules of alerts; whoever makes alerts asks it for labels.
    let catalog: RuleCatalog
    private var core: CorrelatorCore
    /// What had happened when the saved state was that this run goes on from.
    private var countsBefore = Counts()

    /// Starts with nothing seen.
    ///
    /// - Parameter sink: takes blocks of whole lines.
    init(
        program: CorrelationProgram, settings: CorrelationSettings,
        sink: @escaping (borrowing [UInt8]) -> Void
    ) {
        self.program = program
        catalog = RuleCatalog(program: program)
        core = CorrelatorCore(program: program, settings: settings, catalog: catalog, sink: sink)
    }

    /// Goes on where a saved state ends.
    ///
    /// - Throws: what is wrong with the state; then there is no correlator.
    convenience init(
        program: CorrelationProgram, settings: CorrelationSettings,
        state reader: inout CheckpointReader, sink: @escaping (borrowing [UInt8]) -> Void
    ) throws(CheckpointError) {
        self.init(program: program, settings: settings, sink: sink)
        try core.restore(from: &reader)
        countsBefore = allCounts
    }

    /// Writes everything that decides how the output goes on; what was put out so far is handed on
    /// before.
    func save(to writer: inout CheckpointWriter) {
        flush()
        core.save(to: &writer)
    }

    /// What happened so far, in earlier runs too.
    private var allCounts: Counts {
        var counts = core.counts
        counts.incidents = core.incidents.openedCount
        return counts
    }

    /// What happened in this run.
    var counts: Counts { allCounts - countsBefore }

    /// The most severe incident that was recorded in this run.
    var highestSeverity: Level? { core.incidents.highestSeverity }

    /// An empty alert with room for the carried fields.
    func makeAlert() -> CorrelationAlert {
        CorrelationAlert(fieldCount: program.fieldNames.count)
    }

    /// Whether anybody looks at alerts of a label: of others the time is enough.
    @inline(__always) func looks(at label: RuleLabelID) -> Bool { core.looks(at: label) }

    /// Takes an alert; writes what is complete by it.
    func add(_ alert: borrowing CorrelationAlert) { core.add(alert) }

    /// From now on notes why signals join an incident.
    func trace(incident id: RecordID) { core.incidents.trace = JoinTrace(incident: id) }

    /// What was noted so far.
    var trace: JoinTrace? { core.incidents.trace }

    /// From now on lets somebody look on, for whom groups keep what they had when their windows were
    /// decided against them (`Standing`).
    func observe(_ observer: CorrelationObserver) {
        core.keepMisses()
        core.observer = observer
    }

    /// Moves the clock to a time up to which everything was handed over, as if there were an alert.
    func advance(clock time: Timestamp) { core.move(clock: time) }

    /// Completes everything up to the clock, closes what is open, and writes the summary.
    func finish() { core.finish() }

    /// Hands on the records written so far, which otherwise come in large blocks.
    func flush() { core.context.records.flush() }
}

/// What somebody who looks on is told.
struct CorrelationObserver {
    /// Called behind each instant that is complete.
    var afterInstant: (inout CorrelatorCore, Timestamp) -> Void
    /// Called with the clock when nothing more comes, before what is open is closed.
    var atEnd: (inout CorrelatorCore, Timestamp) -> Void
}
