import ArgumentParser
import Cairn

/// `cairn correlate`: the correlation stage alone.
struct CorrelateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "correlate",
        abstract: "Correlate alerts of Cairn or Suricata into incidents.",
        discussion: """
            Reads alerts as JSON lines: what cairn read --alerts wrote, or an eve.json of Suricata, whose \
            other records are skipped and counted. Several files are one stream, one after the other; - is \
            standard input. Time comes from the alerts: they may come as late as the setting lateness says.

            A correlation rule refers to a rule of Suricata by its number, which needs no rule file. A \
            line {"clock": "2026-01-02T03:04:05Z"} says that time has passed without an alert.

            SIGINT and SIGTERM end the run with everything written; SIGHUP opens the output again, after \
            it was moved away.

            With --state the stream goes on with the next run: what is open stays open, each file is read \
            from where it was left, also if log rotation has put a .1 or the like behind its name since, and \
            -o is appended to. A run that was killed is repeated by the same \
            command: what it wrote after it last saved its state is cut off and written again, so that no \
            record is lost or there twice. Of standard output nothing can be cut off: after a kill, the records \
            since then come again; and what came by standard input has to be handed in again from where the \
            state was saved. --close ends such a stream.
            """)

    @OptionGroup var rules: RuleOptionGroup
    @OptionGroup var incidents: IncidentOptionGroup

    @Flag(
        help: """
            Go on as the last file grows; it may be moved away for a new one, or be cut to its start.
            """)
    var follow = false

    @OptionGroup var state: StateOptionGroup

    @Option(
        help: ArgumentHelp(
            "Seconds after which the state is saved while there is something new.",
            valueName: "seconds"))
    var stateInterval = 30.0

    @Argument(help: "Files of alerts; - for standard input.", completion: .file())
    var files: [String]

    func run() throws {
        let start = ProgressBar.now()
        let settings = try rules.loadSettings()
        let set = try rules.load(settings, for: .alerts)
        let checkpoint = try state.open()
        let outputs = try Outputs(incidents: incidents.path, checkpoint: checkpoint)
        let correlation = try correlation(set, settings, checkpoint, outputs)
        for diagnostic in correlation.diagnostics { printError("\(diagnostic)") }
        if rules.strict, correlation.diagnostics.contains(where: { $0.severity == .error }) {
            throw Failure(.rules)
        }
        Signals.shared.install()
        var checkpoints = checkpoint.map {
            Checkpoints(file: $0, outputs: outputs, interval: stateInterval)
        }
        try checkpoints?.begin(correlation.save)
        let failures = try read(into: correlation, outputs, &checkpoints)
        if !failures.isEmpty || Signals.shared.stop.isSet || correlation.report.isStopped {
            checkpoint?.isLast = false
        }
        correlation.finish()
        do throws(OutputError) { try outputs.flush() } catch { throw Failure(error) }
        let report = correlation.report
        if correlation.isUnsaved, checkpoint?.isLast == false {
            try checkpoints?.save(correlation.save)
        }
        print(report, failures, seconds: ProgressBar.now() - start)
        if checkpoint?.isLast == true { try checkpoints?.close() }
        if let failure = failures.first { throw Failure(failure) }
        if report.isStopped { throw Failure(.input, "a broken line ended the run") }
        try incidents.check(report.highestSeverity)
    }

    private func correlation(
        _ rules: RuleSet, _ settings: Settings, _ checkpoint: CheckpointFile?, _ outputs: Outputs
    ) throws -> AlertCorrelation {
        do throws(CheckpointError) {
            return try AlertCorrelation(
                rules: rules, options: options(settings), checkpoint: checkpoint
            ) { outputs.write(.incident, $0) }
        } catch {
            throw Failure(unusable: checkpoint?.path ?? "", error)
        }
    }

    private func options(_ settings: Settings) -> AlertCorrelation.Options {
        var options = AlertCorrelation.Options(settings: settings)
        options.finalIncidentsOnly = incidents.finalOnly
        options.isStrict = rules.strict
        return options
    }

    /// Reads all files; one that cannot be read does not stop the others.
    private func read(
        into correlation: AlertCorrelation, _ outputs: Outputs, _ checkpoints: inout Checkpoints?
    ) throws -> [AlertFileError] {
        let stop = Signals.shared.stop
        var failure: (any Error)?
        func afterChunk() {
            do {
                try handOn(correlation, outputs, &checkpoints)
            } catch {
                failure = error
                stop.set()
            }
        }
        var failures: [AlertFileError] = []
        for (index, file) in files.enumerated() where !stop.isSet {
            do throws(AlertFileError) {
                let isLast = index == files.count - 1
                try correlation.read(
                    path: file, following: follow && isLast, stop: stop, onChunk: afterChunk)
            } catch { failures.append(error) }
        }
        if let failure { throw failure }
        return failures
    }

    /// Hands on what became certain, opens the output again if asked to, saves the state if it is
    /// time.
    private func handOn(
        _ correlation: AlertCorrelation, _ outputs: Outputs, _ checkpoints: inout Checkpoints?
    ) throws {
        let isMoved = Signals.shared.takeReopen()
        guard checkpoints != nil else {
            do throws(OutputError) {
                if isMoved { try outputs.reopenWherePossible() }
                try outputs.flush()
            } catch { throw Failure(error) }
            return
        }
        if isMoved {
            try checkpoints?.reopen(correlation.save)
        } else if correlation.isUnsaved, checkpoints?.isDue == true {
            try checkpoints?.save(correlation.save)
        } else {
            do throws(OutputError) { try outputs.flush() } catch { throw Failure(error) }
        }
    }

    /// Says what was seen, and everything that took no part and why.
    private func print(
        _ report: AlertCorrelation.Report, _ failures: [AlertFileError], seconds: Double
    ) {
        for line in report.brokenLines { printError("\(line)") }
        let speed = seconds > 0 ? Int(Double(report.alertCount) / seconds) : 0
        printError(
            "\(report.lineCount) lines, \(report.alertCount) alerts, \(report.firingCount) firings, "
                + "\(report.incidentCount) incidents in \((seconds * 1000).rounded() / 1000) s "
                + "(\(speed) alerts/s)")
        for failure in failures { printError("not read: \(failure)") }
        for path in report.lostPaths {
            printError(
                "not read: what \(path) held behind what was read before, if it did: the file that has "
                    + "the name now is another, and none beside it is the one before")
        }
        let gaps = [
            (report.brokenCount, "broken lines"),
            (report.otherCount, "records that are no alerts"),
            (report.lateCount, "alerts that came later than the lateness allows"),
            (report.hurriedCount, "instants decided early, as too many alerts were waiting"),
        ]
        let listed = gaps.filter { $0.0 > 0 }.map { "\n  \($0.0) \($0.1)" }
        if !listed.isEmpty { printError("not looked at:" + listed.joined()) }
    }
}
