/// Runs the tests that rules carry: traffic through the engine, then what came against what was expected.
public struct RuleTestRunner: Sendable {
    /// Mistakes in rules and tests.
    public var diagnostics: [Diagnostic] { rules.diagnostics }
    private let rules: RuleSet
    private let settings: Settings
    private let tests: [RuleTest]
    /// Where the traffic of each test is written to as a capture.
    private let captureFolder: String?

    /// Loads rules and tests.
    ///
    /// - Parameters:
    ///   - nameFilter: only tests whose name contains this.
    ///   - captureFolder: an existing folder that gets the traffic of each test as a capture.
    public init(
        _ paths: [String], settings: Settings, nameFilter: String? = nil,
        captureFolder: String? = nil
    ) {
        rules = RuleLoader(settings: settings).load(paths: paths)
        self.settings = settings
        self.captureFolder = captureFolder
        tests = rules.tests.filter { test in nameFilter.map { test.name.contains($0) } ?? true }
    }

    /// Runs all tests, several at a time; the results are in the order of the files.
    public func run(threadCount: Int) -> RuleTestResults {
        let results = ResultTable(count: tests.count)
        let pool = WorkerPool(threadCount: threadCount) { index in
            results.set(
                index,
                RuleTestResult(test: tests[index], failures: failures(of: tests[index], index)))
        }
        pool.run(taskCount: tests.count)
        pool.stop()
        return RuleTestResults(results: results.all)
    }

    // MARK: One test

    /// What is wrong; empty if the test passes.
    private func failures(of test: RuleTest, _ index: Int) -> [RuleTestFailure] {
        var settings = settings
        for (name, value) in test.settings {
            for complaint in settings.set("\(name)=\(value)") {
                return [RuleTestFailure(complaint.location, complaint.message)]
            }
        }
        do throws(RuleTestFailure) {
            let all = try loadedRules(for: test, settings)
            let selected = try selection(from: all, for: test)
            let collected = try run(test, index, selected, settings)
            let correlation = TestCorrelation(rules: selected, settings: settings)
            var given = ScriptedAlerts(rules: all, fieldNames: correlation.program.fieldNames)
            for entry in test.alertsIn { try given.add(entry) }
            let clock = [given.clock, collected.end].compactMap(\.self).max()
            let missed = {
                MissedFirings(
                    rules: selected,
                    outcome: correlation.run(collected.alertLines + given.lines, clock: clock))
            }
            if test.alertsIn.isEmpty {
                return explained(failures(of: test, collected, selected), by: missed)
            }
            let correlated = missed()
            collected.replaceCorrelation(by: correlated.outcome.records)
            return explained(failures(of: test, collected, selected)) { correlated }
        } catch {
            return [error]
        }
    }

    private func failures(
        of test: RuleTest, _ collected: RecordCollector, _ selected: RuleSet
    ) -> [RuleTestFailure] {
        RuleTestOutcome(rules: selected, records: collected).failures(of: test)
    }

    /// Adds to each missing firing what its rule still lacked.
    private func explained(
        _ failures: [RuleTestFailure], by missed: () -> MissedFirings
    ) -> [RuleTestFailure] {
        guard failures.contains(where: { !$0.missedRules.isEmpty }) else { return failures }
        let missed = missed()
        return failures.map { failure in
            var failure = failure
            let texts = failure.missedRules.compactMap(missed.text)
            if !texts.isEmpty { failure.text += "; nearest: " + texts.joined(separator: "; ") }
            return failure
        }
    }

    /// The rules that were loaded for all tests, or those that the test loads instead.
    private func loadedRules(
        for test: RuleTest, _ settings: Settings
    ) throws(RuleTestFailure) -> RuleSet {
        if test.load.isEmpty { return rules }
        let loaded = RuleLoader(settings: settings).load(
            paths: test.load.map { Self.path($0, besides: test) })
        if let mistake = loaded.diagnostics.first(where: { $0.severity == .error }) {
            throw RuleTestFailure(mistake.location, mistake.message)
        }
        return loaded
    }

    /// The rules of a test: those that it names with all that they refer to, or those of its own
    /// file, or all that it loads.
    private func selection(
        from all: RuleSet, for test: RuleTest
    ) throws(RuleTestFailure) -> RuleSet {
        if test.rules.isEmpty {
            let isWanted: (RuleHeader) -> Bool = { header in
                !test.load.isEmpty || header.location.path == test.location.path
            }
            var wanted = Set(all.detections.map(\.header).filter(isWanted).map(\.id))
            wanted.formUnion(all.correlations.map(\.header).filter(isWanted).map(\.id))
            return all.subset(withReferencesOf: wanted)
        }
        var wanted: Set<String> = []
        for name in test.rules {
            guard let id = all.identifier(of: name) else {
                let names = (all.detections.map(\.header) + all.correlations.map(\.header))
                    .flatMap { [$0.name, $0.id].compactMap(\.self) }
                throw RuleTestFailure(
                    test.location,
                    "the rule '\(name)' is not loaded"
                        + (nearest(to: name, among: names).map { " — did you mean '\($0)'?" }
                            ?? "; name its file in 'load' or on the command line"))
            }
            wanted.insert(id)
        }
        return all.subset(withReferencesOf: wanted)
    }

    /// What the engine makes of the traffic of a test.
    private func run(
        _ test: RuleTest, _ index: Int, _ selected: RuleSet, _ settings: Settings
    ) throws(RuleTestFailure) -> RecordCollector {
        let collected = RecordCollector()
        guard !test.traffic.isEmpty else { return collected }
        var options = EngineOptions(settings: settings)
        options.writesAlerts = true
        options.finalIncidentsOnly = true
        options.checksums = .all
        let engine = Engine(rules: selected, options: options)
        do throws(CaptureError) {
            let report = engine.run(try source(of: test, index, collected)) { kind, lines in
                collected.add(kind, lines)
            }
            if let failure = report.failure { throw failure }
        } catch {
            throw RuleTestFailure(test.location, "\(error)")
        }
        return collected
    }

    private func source(
        of test: RuleTest, _ index: Int, _ collected: RecordCollector
    ) throws(CaptureError) -> EngineSource {
        var script = ScriptedTraffic()
        var captures: [String] = []
        for traffic in test.traffic {
            if case .capture(let path) = traffic.content {
                captures.append(Self.path(path, besides: test))
            } else if let complaint = script.add(traffic) {
                throw .unreadable(path: "\(traffic.location)", reason: complaint)
            }
        }
        let frames = script.frames
        collected.end = frames.last?.timestamp
        if captures.isEmpty {
            if let captureFolder { try save(frames, of: test, index, in: captureFolder) }
            return EngineSource(ScriptedSource(frames))
        }
        guard frames.isEmpty else {
            throw .unreadable(
                path: "\(test.location)",
                reason: "a test takes its traffic from captures or writes it, not both")
        }
        return try EngineSource(.captures(captures, filter: nil))
    }

    private func save(
        _ frames: [TrafficWriter.TimedFrame], of test: RuleTest, _ index: Int, in folder: String
    ) throws(CaptureError) {
        let base = test.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "-" }
            .joined()
        let isUnique = tests.count { $0.name == test.name } == 1
        let path = "\(folder)/\(base)\(isUnique ? "" : "-\(index + 1)").pcapng"
        let writer = try CaptureWriter(path: path, sourceNames: ["test"])
        let source = ScriptedSource(frames)
        let batch = FrameBatch(byteCapacity: 0)
        while try source.fill(batch) { try writer.write(batch) }
        try writer.flush()
    }

    /// A path as the test's file means it.
    private static func path(_ path: String, besides test: RuleTest) -> String {
        guard !path.hasPrefix("/"), let slash = test.location.path.lastIndex(of: "/") else {
            return path
        }
        return test.location.path[...slash] + path
    }
}

/// Records of one run, parsed.
final class RecordCollector {
    private(set) var alerts: [JSONValue] = []
    private(set) var firings: [JSONValue] = []
    private(set) var incidents: [JSONValue] = []
    /// The alerts as they were written.
    private(set) var alertLines: [AlertLine] = []
    /// When the last frame was on the wire, where that is known.
    var end: Timestamp?

    func add(_ kind: RecordKind, _ lines: ArraySlice<UInt8>) {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let record = JSONValue(parsing: line) else { continue }
            switch kind {
            case .alert:
                alerts.append(record)
                let time = record["cairn"]?["time"]?.text.flatMap(TimeParser.moment)
                alertLines.append(AlertLine(time: time ?? testStart, bytes: Array(line)))
            case .incident: take(record)
            default: break
            }
        }
    }

    private func take(_ record: JSONValue) {
        switch record["kind"]?.text {
        case "firing": firings.append(record)
        case "incident": incidents.append(record)
        default: break
        }
    }

    /// Forgets firings and incidents, and takes those of other lines.
    func replaceCorrelation(by lines: [UInt8]) {
        firings.removeAll()
        incidents.removeAll()
        add(.incident, lines[...])
    }
}

/// Results that threads fill in.
private final class ResultTable: @unchecked Sendable {
    private let results: UnsafeMutableBufferPointer<RuleTestResult?>

    init(count: Int) {
        results = .allocate(capacity: count)
        results.initialize(repeating: nil)
    }

    deinit {
        results.deinitialize()
        results.deallocate()
    }

    /// Each index is set by one thread, once.
    func set(_ index: Int, _ result: RuleTestResult) { results[index] = result }

    var all: [RuleTestResult] { results.compactMap(\.self) }
}

extension RuleSet {
    /// The id of a rule by its id or name.
    func identifier(of name: String) -> String? {
        let headers = detections.lazy.map(\.header)
        if let header = headers.first(where: { $0.id == name || $0.name == name }) {
            return header.id
        }
        return correlations.first { $0.header.id == name || $0.header.name == name }?.header.id
    }

    /// Only the rules of these ids, and what they refer to.
    func subset(withReferencesOf ids: Set<String>) -> RuleSet {
        var wanted = ids
        // Correlations stand behind what they refer to, so going backwards finds everything.
        for correlation in correlations.reversed() where wanted.contains(correlation.header.id) {
            for reference in correlation.rules + correlation.until {
                if let id = identifier(of: reference) { wanted.insert(id) }
            }
        }
        var subset = self
        subset.detections.removeAll { !wanted.contains($0.header.id) }
        subset.correlations.removeAll { !wanted.contains($0.header.id) }
        return subset
    }
}
