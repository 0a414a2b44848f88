import CIntrinsics
import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What `read` and `watch` share: settings, rules and outputs, set up from the options, and how a run ends.
final class Session {
    let options: EngineOptionGroup
    let settings: Settings
    let rules: RuleSet
    let outputs: Outputs
    let filter: String?
    /// Where the final statistics go, opened before rights are given up.
    private let statistics: LineWriter?
    private let start = ProgressBar.now()
    private let engine: Engine
    /// The correlation that goes on from an earlier run, and where it is kept.
    private var resumed: ResumedCorrelation?
    private var checkpoints: Checkpoints?

    init(
        _ options: EngineOptionGroup, state: StateOptionGroup? = nil,
        statisticsInterval: Int64? = nil
    ) throws {
        self.options = options
        let threadCount = options.threads ?? coreCount()
        // What was freed in the pool of one thread is of no use to another.
        cairn_limit_memory_pools(Int32(clamping: threadCount))
        let checkpoint = try state?.open()
        settings = try options.rules.loadSettings()
        let rules = try options.rules.load(settings)
        filter = try options.loadFilter()
        outputs = try Outputs(
            incidents: options.incidents.path, alerts: options.alerts, events: options.events,
            checkpoint: checkpoint)
        statistics = try Self.open(statistics: options.stats)
        var engineOptions = EngineOptions(settings: settings)
        engineOptions.threadCount = threadCount
        engineOptions.checksums = options.checksums
        engineOptions.writesAlerts = outputs.wants(.alert)
        engineOptions.writesEvents = outputs.wants(.event)
        engineOptions.finalIncidentsOnly = options.incidents.finalOnly
        engineOptions.statisticsIntervalNanoseconds = statisticsInterval
        engine = Engine(rules: rules, options: engineOptions)
        // From here on without conditions, so that the memory of these is free.
        self.rules = engine.rules
        for diagnostic in engine.diagnostics { printError("\(diagnostic)") }
        if let checkpoint { try resume(checkpoint) }
    }

    private func resume(_ checkpoint: CheckpointFile) throws {
        let resumed: ResumedCorrelation
        do throws(CheckpointError) { resumed = try engine.resume(checkpoint) } catch {
            throw Failure(unusable: checkpoint.path, error)
        }
        self.resumed = resumed
        var checkpoints = Checkpoints(file: checkpoint, outputs: outputs)
        try checkpoints.begin(resumed.save)
        self.checkpoints = checkpoints
    }

    /// Runs one input through the engine, with progress on a terminal.
    func run(
        _ input: EngineInput, captureName: String? = nil, stop: StopFlag = StopFlag(),
        betweenBatches: () -> Void = {}
    ) throws(CaptureError) -> RunReport {
        var bar = ProgressBar()
        defer { bar.clear() }
        return try engine.run(
            input, captureName: captureName, resumed: resumed, stop: stop,
            onProgress: {
                bar.update($0)
                betweenBatches()
            }
        ) { [outputs] kind, lines in outputs.write(kind, lines) }
    }

    /// Writes what is left, says what was seen, and ends with the exit code that the outcome asks for.
    func finish(_ report: RunReport) throws {
        var report = report
        report.counters.add("rules.loaded", UInt64(rules.detections.count))
        report.counters.add("rules.skipped", UInt64(rules.skipped.count))
        report.counters.add("rules.failed", UInt64(rules.failedRuleCount))
        do throws(OutputError) {
            try outputs.flush()
            statistics?.write(report.statisticsRecord)
            try statistics?.flush()
            for set in report.savedSets { try set.write() }
        } catch {
            throw Failure(error)
        }
        try keepState()
        RunSummary(report: report, rules: rules, seconds: ProgressBar.now() - start).print()
        let failure = report.failure ?? report.problems.first(where: \.isEndOfReadable)
        if let failure { throw Failure(Failure(failure).code) }
        try options.incidents.check(report.highestSeverity)
    }

    /// Leaves the state for the next run, or says in it that there is none.
    private func keepState() throws {
        guard let resumed else { return }
        if resumed.isLast { try checkpoints?.close() } else { try checkpoints?.save(resumed.save) }
    }

    private static func open(statistics path: String?) throws -> LineWriter? {
        guard let path else { return nil }
        do throws(OutputError) { return try LineWriter(path: path) } catch { throw Failure(error) }
    }

    /// Gives the files that are written to a user.
    func give(to user: String) {
        outputs.give(to: user)
        statistics?.give(to: user)
    }
}

extension EngineOptionGroup {
    /// The filter expression, read from its file if it is in one.
    func loadFilter() throws -> String? {
        guard let filterFile else { return filter }
        guard let text = textOfFile(filterFile) else {
            throw Failure(.usage, "cannot read \(filterFile): \(String(cString: strerror(errno)))")
        }
        return text
    }
}

extension RuleOptionGroup {
    /// The settings; mistakes are printed, and end the run only with `--strict`.
    func loadSettings() throws -> Settings { try settings.load(strict: strict) }

    /// Loads the rules that the options name; mistakes are printed, and end the run only with `--strict`.
    func load(_ settings: Settings, for purpose: RuleLoader.Purpose = .packets) throws -> RuleSet {
        let paths = try (rules.isEmpty ? [defaultRules()] : rules) + addedRules
        var loader = RuleLoader(settings: settings, for: purpose)
        loader.readsTests = false
        let set = loader.load(paths: paths)
        for diagnostic in set.diagnostics where diagnostic.severity != .skipped {
            printError("\(diagnostic)")
        }
        let errorCount = set.diagnostics.count { $0.severity == .error }
        if strict, errorCount > 0 { throw Failure(.rules, "\(errorCount) mistakes in rules") }
        if set.detections.isEmpty, set.skipped.isEmpty, set.correlations.isEmpty {
            throw Failure(.rules, "no rule could be loaded from \(paths.joined(separator: ", "))")
        }
        return set
    }

    /// `Rules/` in the working directory, else the installed rules.
    private func defaultRules() throws -> String {
        let candidates = ["Rules", "/usr/local/share/cairn/Rules", "/usr/share/cairn/Rules"]
        guard let path = candidates.first(where: { access($0, R_OK) == 0 }) else {
            throw Failure(
                .rules,
                "there is no folder Rules here and no rules are installed; name some with --rules")
        }
        return path
    }
}

extension IncidentOptionGroup {
    /// Ends the run with its exit code if an incident was as severe as asked for.
    func check(_ highest: Level?) throws {
        if let failOn, let highest, highest >= failOn {
            throw Failure(.testsFailed, "an incident reached \(highest.name)")
        }
    }
}

extension SettingsOptionGroup {
    /// The settings of the options; mistakes are printed, and end the run only with `strict`.
    func load(strict: Bool) throws -> Settings {
        var settings = Settings()
        var diagnostics: [Diagnostic] = []
        if let config { diagnostics += settings.read(path: config) }
        for assignment in assignments { diagnostics += settings.set(assignment) }
        for diagnostic in diagnostics { printError("\(diagnostic)") }
        let errorCount = diagnostics.count { $0.severity == .error }
        if strict, errorCount > 0 { throw Failure(.rules, "\(errorCount) mistakes in settings") }
        return settings
    }
}

/// The text of a file, nil if it cannot be read.
private func textOfFile(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var text = ""
    var buffer = [CChar](repeating: 0, count: 4096)
    while fgets(&buffer, Int32(buffer.count), file) != nil {
        text += String(
            decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return text
}

/// Cores that may be used.
func coreCount() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
