#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A thread that reads and decompresses while the pieces before are being worked on.
///
/// It fills a ring of buffers, each of the layout of `PieceLayout`. A piece is handed over by
/// exchanging memory with the batch that wants it, so nothing is copied. It waits when all buffers
/// are full: memory is bounded by `bufferCount`.
final class ReadAhead {
    private let shared: Shared

    /// Buffers of the ring.
    static let bufferCount = 3

    /// Starts reading. Where no thread can be had, nil.
    init?(_ source: any ByteSource, layout: PieceLayout) {
        shared = Shared(source, layout: layout)
        guard shared.start() else { return nil }
    }

    /// The thread is not waited for: it may hang in a read of a pipe. It holds what it needs until
    /// it sees the flag.
    deinit { shared.stop() }

    /// Waits for the next piece and gives its memory to the batch, for the memory that the batch
    /// had.
    ///
    /// - Returns: bytes of the piece, which begins at the layout's `pieceOffset`; 0 at the end.
    func next(for batch: FrameBatch) throws(ByteSourceError) -> Int {
        try shared.next(for: batch)
    }
}

/// How a batch's memory is divided when a file is read into it: the record that the last piece had
/// only the beginning of is put right before the new piece.
struct PieceLayout {
    /// Where pieces begin; no record that must be had in one piece is longer.
    static let pieceOffset = 512 << 10

    /// Bytes that are asked for at once.
    var pieceByteCount: Int

    var bufferByteCount: Int { Self.pieceOffset + pieceByteCount }

    /// Memory for one piece.
    func makeBuffer() -> UnsafeMutableRawBufferPointer {
        // One of many open files gets what it needs and no more.
        pieceByteCount < Self.standard.pieceByteCount
            ? .allocate(byteCount: bufferByteCount, alignment: 16)
            : allocateLarge(byteCount: bufferByteCount)
    }

    static let standard = PieceLayout(pieceByteCount: 1 << 20)
    /// For files that are one of many open at once.
    static let small = PieceLayout(pieceByteCount: 128 << 10)
}

/// What the thread and its owner share; both hold it, the last one to leave frees it. All that
/// changes does so under the lock, but for `source`, which is the thread's.
private final class Shared: @unchecked Sendable {
    private let source: any ByteSource
    private let layout: PieceLayout
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let change: UnsafeMutablePointer<pthread_cond_t>
    private var empty: [UnsafeMutableRawBufferPointer] = []
    private var full: [(buffer: UnsafeMutableRawBufferPointer, byteCount: Int)] = []
    private var failure: ByteSourceError?
    private var isAtEnd = false
    private var isStopped = false

    init(_ source: any ByteSource, layout: PieceLayout) {
        self.source = source
        self.layout = layout
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        change = .allocate(capacity: 1)
        change.initialize(to: pthread_cond_t())
        pthread_cond_init(change, nil)
        for _ in 0..<ReadAhead.bufferCount {
            empty.append(layout.makeBuffer())
        }
    }

    deinit {
        for buffer in empty { buffer.deallocate() }
        for piece in full { piece.buffer.deallocate() }
        pthread_cond_destroy(change)
        change.deallocate()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Starts the thread, with all signals blocked: they are for the threads that look at stop
    /// flags.
    func start() -> Bool {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let argument = Unmanaged.passRetained(self)
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let status = pthread_create(&thread, nil, readAheadThread, argument.toOpaque())
        guard status == 0 else {
            argument.release()
            return false
        }
        #if canImport(Darwin)
            if let thread { pthread_detach(thread) }
        #else
            pthread_detach(thread)
        #endif
        return true
    }

    func stop() {
        pthread_mutex_lock(lock)
        isStopped = true
        pthread_cond_broadcast(change)
        pthread_mutex_unlock(lock)
    }

    func next(for batch: FrameBatch) throws(ByteSourceError) -> Int {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while full.isEmpty, !isAtEnd { pthread_cond_wait(change, lock) }
        guard !full.isEmpty else {
            if let failure { throw failure }
            return 0
        }
        var piece = full.removeFirst()
        batch.exchangeStorage(with: &piece.buffer)
        empty.append(piece.buffer)
        pthread_cond_broadcast(change)
        return piece.byteCount
    }

    func run() {
        while let buffer = takeEmpty() {
            var usable = buffer
            if buffer.count < layout.bufferByteCount {
                // It came from a batch that was made smaller.
                buffer.deallocate()
                usable = layout.makeBuffer()
            }
            let start = PieceLayout.pieceOffset
            let piece = usable[start..<start + layout.pieceByteCount]
            var byteCount = 0
            var failure: ByteSourceError?
            do throws(ByteSourceError) {
                byteCount = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: piece))
            } catch {
                failure = error
            }
            give(usable, byteCount, failure)
            if byteCount == 0 { return }
        }
    }

    private func takeEmpty() -> UnsafeMutableRawBufferPointer? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while empty.isEmpty, !isStopped { pthread_cond_wait(change, lock) }
        return isStopped ? nil : empty.removeLast()
    }

    private func give(
        _ buffer: UnsafeMutableRawBufferPointer, _ byteCount: Int, _ failure: ByteSourceError?
    ) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if byteCount > 0 {
            full.append((buffer, byteCount))
        } else {
            empty.append(buffer)
            self.failure = failure
            isAtEnd = true
        }
        pthread_cond_broadcast(change)
    }
}

#if canImport(Darwin)
    private func readAheadThread(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().run()
        return nil
    }
#else
    private func readAheadThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let argument { Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
    }
#endif
