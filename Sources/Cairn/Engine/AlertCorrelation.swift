/// The correlation stage alone: files of alerts in, firings and incidents out.
///
/// Files are one stream, read one after the other. What it writes are the bytes that the run which
/// raised the alerts wrote itself.
public final class AlertCorrelation {
    /// How files are read.
    public struct Options: Sendable {
        /// Settings by name.
        public var settings: Settings
        /// Of incidents, only the records that close them.
        public var finalIncidentsOnly = false
        /// The first broken line ends the run.
        public var isStrict = false

        /// The defaults, with some settings.
        public init(settings: Settings = Settings()) { self.settings = settings }
    }

    /// What a run saw.
    public struct Report: Sendable {
        /// Lines, of all kinds.
        public var lineCount = 0
        /// Alerts.
        public var alertCount = 0
        /// Alerts that came too late to take part.
        public var lateCount = 0
        /// Records that are no alerts.
        public var otherCount = 0
        /// Lines that are broken.
        public var brokenCount = 0
        /// The first hundred of them.
        public var brokenLines: [Diagnostic] = []
        /// Firings that were written.
        public var firingCount = 0
        /// Incidents that were opened.
        public var incidentCount = 0
        /// Instants that were decided early, as too many alerts were waiting.
        public var hurriedCount = 0
        /// That of the most severe incident.
        public var highestSeverity: Level?
        /// A broken line ended the run.
        public var isStopped = false
        /// Files that are others than an earlier run has read, whose rest was not found.
        public var lostPaths: [String] = []
    }

    private let correlator: Correlator
    private let reader: AlertFileReader
    private let checkpoint: CheckpointFile?
    /// Lines that the saved state has seen.
    private var savedLineCount = 0

    /// Correlations that cannot be used.
    public let diagnostics: [Diagnostic]

    /// - Parameters:
    ///   - rules: correlation rules; detection rules among them name what alerts refer to.
    ///   - checkpoint: where an earlier run has left its state, to go on from.
    ///   - handler: takes whole lines as they become certain.
    /// - Throws: why there is no going on from the state.
    public init(
        rules: RuleSet, options: Options, checkpoint: CheckpointFile? = nil,
        handler: @escaping (ArraySlice<UInt8>) -> Void
    ) throws(CheckpointError) {
        let program = CorrelationProgram(rules)
        let settings = CorrelationSettings(
            options.settings, finalRecordsOnly: options.finalIncidentsOnly)
        diagnostics = program.diagnostics
        self.checkpoint = checkpoint
        let sink: (borrowing [UInt8]) -> Void = { handler($0[...]) }
        correlator =
            try checkpoint?.correlator(program: program, settings: settings, sink: sink)
            ?? Correlator(program: program, settings: settings, sink: sink)
        reader = AlertFileReader(
            correlator: correlator, isStrict: options.isStrict, checkpoint: checkpoint)
    }

    /// Reads a file; `-` is standard input.
    ///
    /// - Parameters:
    ///   - following: goes on as the file grows, is cut or is replaced by another.
    ///   - stop: ends the reading.
    ///   - onChunk: called after every piece, when what it completed has been handed on, and while
    ///     there is none.
    public func read(
        path: String, following: Bool = false, stop: StopFlag = StopFlag(),
        onChunk: () -> Void = {}
    ) throws(AlertFileError) {
        try reader.read(path: path, following: following, stop: stop, onChunk: onChunk)
    }

    /// Whether lines came that the saved state has not seen. A strict run that met a broken line
    /// has nothing to save: the next one is to meet it again.
    public var isUnsaved: Bool { reader.lineCount > savedLineCount && !reader.isStopped }

    /// Saves the state. What was handed on must be on the disk, as `CheckpointFile.outputs` says.
    public func save() throws(CheckpointError) {
        try checkpoint?.save(correlator)
        savedLineCount = reader.lineCount
    }

    /// Closes what is open, unless another run is to go on.
    public func finish() {
        if checkpoint.map(\.isLast) ?? true { correlator.finish() } else { correlator.flush() }
    }

    /// What this run has seen.
    public var report: Report {
        let counts = correlator.counts
        var report = Report()
        report.lineCount = reader.lineCount
        report.alertCount = counts.alerts
        report.lateCount = counts.late
        report.otherCount = reader.otherCount
        report.brokenCount = reader.brokenCount
        report.brokenLines = reader.brokenLines
        report.firingCount = counts.firings
        report.incidentCount = counts.incidents
        report.hurriedCount = counts.hurried
        report.highestSeverity = correlator.highestSeverity
        report.isStopped = reader.isStopped
        report.lostPaths = reader.lostPaths
        return report
    }
}
