/// Takes batches through the stages: read, worked on by the shards, merged.
///
/// With one thread a batch goes through all of them while it is in the processor's cache. With more, three are on their
/// way: while the shards work on one, the next is read and the one before it is merged. What comes out is the same.
final class BatchPipeline {
    private let stages: Stages
    private let merger: Merger
    private let pool: WorkerPool

    init(_ reader: BatchReader, _ shards: [Shard], _ merger: Merger, threadCount: Int) {
        let stages = Stages(reader, shards, batchCount: threadCount > 1 ? 3 : 1)
        self.stages = stages
        self.merger = merger
        pool = WorkerPool(threadCount: threadCount) { stages.run(task: $0) }
    }

    deinit { pool.stop() }

    /// The last batch has been merged.
    var isFinished: Bool { stages.isFinished }

    /// Takes every batch on its way one stage further, and reads another one.
    func advance() {
        if stages.hasOneBatch {
            // Each needs what the one before it has done.
            for task in 0..<stages.taskCount { stages.run(task: task) }
            merger.merge(stages.previous)
        } else {
            pool.run(taskCount: stages.taskCount) { merger.merge(stages.previous) }
        }
        stages.rotate()
    }

    /// Merges what was read, so that what all stages count is about the same packets.
    func settle() {
        guard !stages.hasOneBatch else { return }
        stages.isReading = false
        for _ in 0..<2 where !isFinished { advance() }
        stages.isReading = true
    }
}

/// What the threads share: the stages and the batches, which go round.
private final class Stages: @unchecked Sendable {
    private let reader: BatchReader
    private let shards: [Shard]
    private let batches: [Batch]
    private var position = 0
    /// False while no more is read: empty batches go their way.
    var isReading = true
    private(set) var isFinished = false

    init(_ reader: BatchReader, _ shards: [Shard], batchCount: Int) {
        self.reader = reader
        self.shards = shards
        batches = (0..<batchCount).map { _ in Batch(shardCount: shards.count) }
    }

    var hasOneBatch: Bool { batches.count == 1 }
    /// The batch that is read into, the one that the shards work on, and the one that is merged: all the same if there is
    /// one.
    var next: Batch { batches[position % batches.count] }
    var current: Batch { batches[(position + batches.count - 1) % batches.count] }
    var previous: Batch { batches[(position + 1) % batches.count] }

    /// Reading, and each shard's work.
    var taskCount: Int { 1 + shards.count }

    func run(task: Int) {
        if task > 0 {
            let shard = current.shardOrder[task - 1]
            shards[shard].process(current, as: shard)
        } else if isReading {
            reader.read(into: next)
        }
    }

    /// What was read is worked on next, what was worked on is merged next.
    func rotate() {
        isFinished = previous.isLast
        previous.removeAll()
        position += 1
    }
}
