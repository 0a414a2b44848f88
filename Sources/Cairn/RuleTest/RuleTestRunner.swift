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
    private func failures(of test: RuleTest, _ index: Int) -> [String] {
        var settings = settings
        for (name, value) in test.settings {
            for complaint in settings.set("\(name)=\(value)") { return ["\(complaint)"] }
        }
        switch selection(for: test, settings) {
        case .failure(let problem): return [problem.text]
        case .success(let selected):
            var outcome = RuleTestOutcome(rules: selected)
            do throws(RuleTestProblem) {
                try run(test, index, selected, settings, into: &outcome)
            } catch {
                return [error.text]
            }
            return outcome.failures(of: test)
        }
    }

    /// The rules of a test: those that it names with all that they refer to, or those of its own file; and what it loads.
    private func selection(for test: RuleTest, _ settings: Settings) -> Result<
        RuleSet, RuleTestProblem
    > {
        var all = rules
        if !test.load.isEmpty {
            all = RuleLoader(settings: settings).load(
                paths: test.load.map { Self.path($0, besides: test) })
            if let mistake = all.diagnostics.first(where: { $0.severity == .error }) {
                return .failure(RuleTestProblem(text: "\(mistake)"))
            }
        }
        if test.rules.isEmpty {
            let isWanted: (RuleHeader) -> Bool = { header in
                !test.load.isEmpty || header.location.path == test.location.path
            }
            var wanted = Set(all.detections.map(\.header).filter(isWanted).map(\.id))
            wanted.formUnion(all.correlations.map(\.header).filter(isWanted).map(\.id))
            return .success(all.subset(withReferencesOf: wanted))
        }
        var wanted: Set<String> = []
        for name in test.rules {
            guard let id = all.identifier(of: name) else {
                return .failure(
                    RuleTestProblem(
                        text:
                            "the rule '\(name)' is not loaded; name its file in 'load' or on the command line"
                    ))
            }
            wanted.insert(id)
        }
        return .success(all.subset(withReferencesOf: wanted))
    }

    private func run(
        _ test: RuleTest, _ index: Int, _ selected: RuleSet, _ settings: Settings,
        into outcome: inout RuleTestOutcome
    ) throws(RuleTestProblem) {
        var options = EngineOptions(settings: settings)
        options.writesAlerts = true
        options.finalIncidentsOnly = true
        options.checksums = .all
        let engine = Engine(rules: selected, options: options)
        let collected = RecordCollector()
        do throws(CaptureError) {
            let report = engine.run(try source(of: test, index)) { kind, lines in
                collected.add(kind, lines)
            }
            if let failure = report.failure { throw failure }
        } catch {
            throw RuleTestProblem(text: "\(error)")
        }
        outcome.take(collected)
    }

    private func source(of test: RuleTest, _ index: Int) throws(CaptureError) -> EngineSource {
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

/// Why a test cannot run.
struct RuleTestProblem: Error {
    let text: String
}

/// Records of one run, parsed.
final class RecordCollector {
    private(set) var alerts: [JSONValue] = []
    private(set) var incidents: [JSONValue] = []

    func add(_ kind: RecordKind, _ lines: ArraySlice<UInt8>) {
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let record = JSONValue(parsing: line) else { continue }
            if kind == .alert { alerts.append(record) }
            if kind == .incident, record["kind"]?.text == "incident" { incidents.append(record) }
        }
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
