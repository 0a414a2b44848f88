import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Threads that share out numbered tasks: whoever is free takes the next number. The caller's thread is one of them.
///
/// Tasks of one round must not depend on each other; the next round starts when all are done. With one thread the tasks
/// run in order on the caller's.
final class WorkerPool: @unchecked Sendable {
    private let work: @Sendable (Int) -> Void
    private let next = Atomic<Int>(0)
    private let taskCount = Atomic<Int>(0)
    private var threads: [pthread_t] = []

    // Guarded by `lock`: workers sleep until the round number changes.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let roundBegan = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let roundEnded = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var round = 0
    private var busyWorkerCount = 0
    private var isStopping = false

    /// Starts `threadCount - 1` threads that run `work` with task numbers.
    init(threadCount: Int, work: @escaping @Sendable (Int) -> Void) {
        self.work = work
        pthread_mutex_init(lock, nil)
        pthread_cond_init(roundBegan, nil)
        pthread_cond_init(roundEnded, nil)
        for _ in 1..<max(1, threadCount) { startThread() }
    }

    deinit {
        pthread_cond_destroy(roundBegan)
        pthread_cond_destroy(roundEnded)
        pthread_mutex_destroy(lock)
        roundBegan.deallocate()
        roundEnded.deallocate()
        lock.deallocate()
    }

    /// Runs tasks 0..<count and returns when all are done; meanwhile `own` runs first on the caller's thread.
    func run(taskCount count: Int, own: () -> Void = {}) {
        next.store(0, ordering: .relaxed)
        taskCount.store(count, ordering: .releasing)
        if !threads.isEmpty {
            pthread_mutex_lock(lock)
            round &+= 1
            busyWorkerCount = threads.count
            pthread_cond_broadcast(roundBegan)
            pthread_mutex_unlock(lock)
        }
        own()
        takeTasks()
        if !threads.isEmpty {
            pthread_mutex_lock(lock)
            while busyWorkerCount > 0 { pthread_cond_wait(roundEnded, lock) }
            pthread_mutex_unlock(lock)
        }
    }

    /// Ends the threads. The pool cannot be used afterwards.
    func stop() {
        pthread_mutex_lock(lock)
        isStopping = true
        pthread_cond_broadcast(roundBegan)
        pthread_mutex_unlock(lock)
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    private func takeTasks() {
        let count = taskCount.load(ordering: .acquiring)
        while true {
            let task = next.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            guard task < count else { return }
            work(task)
        }
    }

    private func startThread() {
        let pool = Unmanaged.passRetained(self)
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let status = pthread_create(&thread, nil, workerMain, pool.toOpaque())
        guard status == 0 else {
            // Fewer threads change the speed, not the results.
            pool.release()
            return
        }
        #if canImport(Darwin)
            if let thread { threads.append(thread) }
        #else
            threads.append(thread)
        #endif
    }

    fileprivate func workerLoop() {
        var seenRound = 0
        pthread_mutex_lock(lock)
        while true {
            while round == seenRound, !isStopping { pthread_cond_wait(roundBegan, lock) }
            if isStopping { break }
            seenRound = round
            pthread_mutex_unlock(lock)
            takeTasks()
            pthread_mutex_lock(lock)
            busyWorkerCount &-= 1
            if busyWorkerCount == 0 { pthread_cond_signal(roundEnded) }
        }
        pthread_mutex_unlock(lock)
    }
}

#if canImport(Darwin)
    private func workerMain(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        runWorker(context)
    }
#else
    private func workerMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        context.map(runWorker) ?? nil
    }
#endif

private func runWorker(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    Unmanaged<WorkerPool>.fromOpaque(context).takeRetainedValue().workerLoop()
    return nil
}
