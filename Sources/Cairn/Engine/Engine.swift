/// Packets to incidents: the composition of all stages.
///
///     Capture → Decode → Flow → Stream → Protocol → Match → Correlate → Output
///
/// Frames come in batches. A batch is decoded in order, its packets are handed to a fixed number of shards by address
/// pair, the shards work independently, and what they found is merged back into packet order, so that everything behind
/// is the same for any number of threads. While the shards work on one batch, the next is decoded and the one before it
/// is merged.
public final class Engine {
    private let options: EngineOptions
    private let compiled: CompiledRules
    private let rules: RuleSet

    /// Shards, whatever the number of threads: enough that two cores share the work evenly, few enough that each keeps
    /// its tables in the cache.
    static let shardCount = 8

    /// Compiles rules. An engine can run any number of inputs, one after the other, each from a fresh state.
    public init(rules: RuleSet, options: EngineOptions = EngineOptions()) {
        self.rules = rules
        self.options = options
        compiled = CompiledRules(rules, settings: options.settings)
    }

    /// Analyses an input from its first frame to its last and hands records to `handler` as they become certain.
    ///
    /// - Throws: `CaptureError` if nothing of the input can be read; what ends it later is in the report.
    public func run(
        _ input: EngineInput, isStopped: @escaping @Sendable () -> Bool = { false },
        onProgress: (RunProgress) -> Void = { _ in }, handler: @escaping RecordHandler
    ) throws(CaptureError) -> RunReport {
        let source = try CaptureSource(input, isStopped: isStopped)
        let reader = BatchReader(source, options)
        let records = EventRecordWriter(source)
        let shards = (0..<Self.shardCount).map { _ in Shard(compiled, options, records) }
        let merger = Merger(rules, compiled, options, records, handler)

        var batches = Rotation(of: 3, shardCount: Self.shardCount)
        let pool = WorkerPool(threadCount: options.threadCount) { task in
            if task == 0 { reader.read(into: batches.next) } else { shards[task - 1].process(batches.current) }
        }
        defer { pool.stop() }
        while !batches.isFinished {
            pool.run(taskCount: 1 + shards.count) { merger.merge(batches.previous) }
            batches.rotate()
            onProgress(merger.progress)
        }
        return merger.finish(reader, shards)
    }
}
