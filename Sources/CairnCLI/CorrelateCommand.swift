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
            """)

    @OptionGroup var rules: RuleOptionGroup
    @OptionGroup var incidents: IncidentOptionGroup

    @Flag(
        help: """
            Go on as the last file grows; it may be moved away for a new one, or be cut to its start.
            """)
    var follow = false

    @Argument(help: "Files of alerts; - for standard input.", completion: .file())
    var files: [String]

    func run() throws {
        let start = ProgressBar.now()
        let settings = try rules.loadSettings()
        let set = try rules.load(settings, for: .alerts)
        let outputs = try Outputs(incidents: incidents.path)
        let correlation = AlertCorrelation(rules: set, options: options(settings)) {
            outputs.write(.incident, $0)
        }
        for diagnostic in correlation.diagnostics { printError("\(diagnostic)") }
        if rules.strict, correlation.diagnostics.contains(where: { $0.severity == .error }) {
            throw Failure(.rules)
        }
        Signals.shared.install()
        let failures = try read(into: correlation, outputs)
        let report = correlation.finish()
        do throws(OutputError) { try outputs.flush() } catch { throw Failure(error) }
        print(report, failures, seconds: ProgressBar.now() - start)
        if let failure = failures.first { throw Failure(failure) }
        if report.isStopped { throw Failure(.input, "a broken line ended the run") }
        try incidents.check(report.highestSeverity)
    }

    private func options(_ settings: Settings) -> AlertCorrelation.Options {
        var options = AlertCorrelation.Options(settings: settings)
        options.finalIncidentsOnly = incidents.finalOnly
        options.isStrict = rules.strict
        return options
    }

    /// Reads all files; one that cannot be read does not stop the others.
    private func read(
        into correlation: AlertCorrelation, _ outputs: Outputs
    ) throws -> [AlertFileError] {
        let stop = Signals.shared.stop
        var outputFailure: OutputError?
        func handOn() {
            do throws(OutputError) {
                if Signals.shared.takeReopen() { try outputs.reopen() }
                try outputs.flush()
            } catch {
                outputFailure = error
                stop.set()
            }
        }
        var failures: [AlertFileError] = []
        for (index, file) in files.enumerated() where !stop.isSet {
            do throws(AlertFileError) {
                let isLast = index == files.count - 1
                try correlation.read(
                    path: file, following: follow && isLast, stop: stop, onChunk: handOn)
            } catch { failures.append(error) }
        }
        if let outputFailure { throw Failure(outputFailure) }
        return failures
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
