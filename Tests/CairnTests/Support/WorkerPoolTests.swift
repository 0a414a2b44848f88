import Synchronization
import Testing

@testable import Cairn

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3])
    func `every task of every round runs exactly once`(threadCount: Int) {
        let runs = Counts(64)
        let pool = WorkerPool(threadCount: threadCount) { runs.increment($0) }
        for round in 1...50 {
            var ownRan = false
            pool.run(taskCount: 64) { ownRan = true }
            #expect(ownRan)
            #expect(runs.values.allSatisfy { $0 == round })
        }
        pool.stop()
    }

    /// Numbers that threads count up.
    private final class Counts: Sendable {
        private let counts: Mutex<[Int]>

        init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

        func increment(_ index: Int) { counts.withLock { $0[index] += 1 } }
        var values: [Int] { counts.withLock { $0 } }
    }
}
