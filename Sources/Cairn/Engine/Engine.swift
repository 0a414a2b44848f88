/// Packets to incidents: the composition of all stages.
///
///     Capture → Decode → Flow → Stream → Protocol → Match → Correlate → Output
///
/// Frames come in batches. A batch is decoded in order, its packets are handed to a fixed number of shards by address
/// pair, the shards work independently, and what they found is merged back into packet order, so that everything behind
/// is the same for any number of threads.
public final class Engine {
    private let options: EngineOptions
    /// The rules that it runs, without their conditions, which are compiled.
    public let rules: RuleSet
    private let compiled: CompiledRules
    private let correlations: CorrelationProgram

    /// Shards, whatever the number of threads: enough that a few cores share the work evenly, few enough that the tables
    /// of each stay useful.
    static let shardCount = 8

    /// Compiles rules. An engine can run any number of inputs, one after the other, each from a fresh state.
    public init(rules: RuleSet, options: EngineOptions = EngineOptions()) {
        self.options = options
        correlations = CorrelationProgram(rules)
        let fieldNames = correlations.fieldNames
        compiled = CompiledRules(
            rules.detections,
            carriedFields: rules.detections.map { rule in
                fieldNames.compactMap { FieldRegistry.field(named: $0, subject: rule.subject) }
            },
            settings: MatchSettings(options))
        var rules = rules
        rules.detections = compiled.detectionRules
        self.rules = rules
    }

    /// Mistakes that show only when rules are put together: expressions that do not compile, correlations that refer
    /// to nothing.
    public var diagnostics: [Diagnostic] { compiled.diagnostics + correlations.diagnostics }

    /// Analyses an input from its first frame to its last and hands records to `handler` as they become certain.
    ///
    /// - Parameters:
    ///   - captureName: the name of the capture in records of incidents, where unrelated captures share an output.
    ///   - resumed: goes on with the correlation of an earlier run.
    ///   - stop: ends a live input.
    ///   - onProgress: called between batches.
    /// - Throws: `CaptureError` if nothing of the input can be read; what ends it later is in the report.
    public func run(
        _ input: EngineInput, captureName: String? = nil, resumed: ResumedCorrelation? = nil,
        stop: StopFlag = StopFlag(),
        onProgress: (RunProgress) -> Void = { _ in }, handler: @escaping RecordHandler
    ) throws(CaptureError) -> RunReport {
        let source = try EngineSource(input, stop: stop)
        return run(
            source, captureName: captureName, resumed: resumed, onProgress: onProgress,
            handler: handler)
    }

    /// The correlation that goes on from where an earlier run has left it.
    ///
    /// - Throws: why there is no going on from there.
    public func resume(_ checkpoint: CheckpointFile) throws(CheckpointError) -> ResumedCorrelation {
        try ResumedCorrelation(checkpoint, correlations, CorrelationSettings(options))
    }

    /// Analyses frames of any source.
    func run(
        _ source: EngineSource, captureName: String? = nil, resumed: ResumedCorrelation? = nil,
        onProgress: (RunProgress) -> Void = { _ in },
        handler: @escaping RecordHandler
    ) -> RunReport {
        let reader = BatchReader(source, options)
        let records = EventRecordWriter(
            sourceNames: source.frames.sourceNames, isLive: source.isLive)
        let shards = (0..<Self.shardCount).map { _ in
            Shard(compiled, options, records, count: Self.shardCount)
        }
        let merger = Merger(
            rules, compiled, correlations, options, records, captureName: captureName,
            resumed: resumed, handler: handler)
        let pipeline = BatchPipeline(reader, shards, merger, threadCount: options.threadCount)
        var statistics = StatisticsSchedule(
            intervalNanoseconds: options.statisticsIntervalNanoseconds)
        while !pipeline.isFinished {
            pipeline.advance()
            onProgress(progress(source, reader, merger))
            if statistics.isDue(at: reader.end) {
                pipeline.settle()
                handler(.statistics, report(source, reader, shards, merger).statisticsRecord[...])
            }
        }
        merger.finish()
        var report = report(source, reader, shards, merger)
        report.savedSets = merger.savedSets
        return report
    }

    private func progress(_ source: EngineSource, _ reader: BatchReader, _ merger: Merger)
        -> RunProgress
    {
        var progress = RunProgress()
        (progress.byteCount, progress.totalByteCount) = source.byteCounts
        progress.packetCount = reader.frameCount
        progress.alertCount = merger.alertCount
        progress.incidentCount = merger.incidentCount
        return progress
    }

    private func report(
        _ source: EngineSource, _ reader: BatchReader, _ shards: [Shard], _ merger: Merger
    ) -> RunReport {
        var report = RunReport()
        report.progress = progress(source, reader, merger)
        reader.report(into: &report.counters)
        for shard in shards { shard.report(into: &report.counters) }
        merger.report(into: &report.counters)
        report.end = reader.end
        report.highestSeverity = merger.highestSeverity
        report.notes = reader.notes
        report.problems = source.problems
        report.failure = reader.failure
        return report
    }
}

/// When statistics are to be written, by the event clock.
private struct StatisticsSchedule {
    let intervalNanoseconds: Int64?
    private var last: Timestamp?

    init(intervalNanoseconds: Int64?) { self.intervalNanoseconds = intervalNanoseconds }

    mutating func isDue(at clock: Timestamp?) -> Bool {
        guard let intervalNanoseconds, let clock else { return false }
        guard let last else {
            self.last = clock
            return false
        }
        guard clock.nanoseconds(since: last) >= intervalNanoseconds else { return false }
        self.last = clock
        return true
    }
}
