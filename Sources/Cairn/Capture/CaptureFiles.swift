/// Opens captures as one run of frames: files, folders (`CaptureList.expand`), `-` for standard
/// input.
///
/// - Parameter filter: an expression of pcap-filter(7); frames that do not pass are counted, not
///   numbered.
/// - Parameter onProblem: told what is wrong with one capture of several; the run goes on without
///   it, or without its rest. Called from here and from `fill`, on the thread that calls these.
/// - Throws: `badFilter`; of a single capture, or if none can be opened, the reason.
func openCaptures(
    _ paths: [String], filter: String? = nil, options: CaptureFile.Options = .init(),
    onProblem: @escaping (CaptureError) -> Void
) throws(CaptureError) -> CaptureFiles {
    var compiled: PacketFilter?
    if let filter { compiled = try PacketFilter(filter) }
    return try CaptureFiles(paths, filter: compiled, options: options, onProblem: onProblem)
}

/// Several captures as one run of frames, in the order of their first packets (ties: by name).
///
/// Captures that follow each other in time are read one after the other, each open only while it is
/// read. Captures that overlap are merged by packet time: the next frame is always the one with the
/// least stamp among the next of each (ties: the earlier capture). Pipes cannot be looked at
/// beforehand; they come at their place in the list, by themselves, and what stands before and
/// behind them is not merged.
final class CaptureFiles: FrameSource {
    private(set) var sourceNames: [String] = []
    /// How much of the files has been read, readable from any thread.
    let progress: CaptureProgress
    private let filter: PacketFilter?
    private let options: CaptureFile.Options
    private let onProblem: (CaptureError) -> Void
    /// Whether there is one capture only, so that its errors are those of the run.
    private let isSingle: Bool
    /// Captures that are not open yet, the next one last.
    private var waiting: [Waiting] = []
    /// Captures that are open, in their order.
    private var open: [Cursor] = []
    private var fileCounts = FileCounts()
    private var frameCounts = FrameCounts()
    /// What the readers of captures that are closed told.
    private var fileCounters = Counters()

    /// Captures that are open at once while they overlap. More wait until one ends; their frames
    /// come late.
    static let openCountMax = 256
    /// Open captures that have large buffers and a thread.
    static let readAheadCountMax = 4

    /// A capture to be opened when time has come to its first frame.
    private struct Waiting {
        var index: UInt32 = 0
        var path: String
        /// The stamp of its first frame; nil for a file without frames, and a pipe.
        var first: Timestamp?
        var isPipe = false
        /// Whether it had to wait because of `openCountMax`.
        var isLate = false
    }

    /// An open capture. Its batch holds frames only while it is merged with others.
    private final class Cursor {
        let index: UInt32
        let file: CaptureFile
        let isPipe: Bool
        let batch = FrameBatch(byteCapacity: 0)
        var position = 0

        init(_ file: CaptureFile, _ waiting: Waiting) {
            index = waiting.index
            isPipe = waiting.isPipe
            self.file = file
        }

        /// The place of its next frame in the run; nil if its batch is used up.
        var place: Place? {
            guard position < batch.frames.count else { return nil }
            return Place(time: batch.frames[position].timestamp, index: index)
        }
    }

    /// The order in which frames of different captures come.
    private struct Place: Comparable {
        var time: Timestamp
        var index: UInt32

        static func < (a: Place, b: Place) -> Bool {
            a.time != b.time ? a.time < b.time : a.index < b.index
        }
    }

    private struct FileCounts {
        var opened: UInt64 = 0
        var unreadable: UInt64 = 0
        var broken: UInt64 = 0
        var late: UInt64 = 0
    }

    /// Lists the captures and puts them in order; a single one is opened.
    init(
        _ paths: [String], filter: PacketFilter? = nil, options: CaptureFile.Options = .init(),
        onProblem: @escaping (CaptureError) -> Void
    ) throws(CaptureError) {
        let (expanded, problems) = CaptureList.expand(paths)
        self.filter = filter
        self.options = options
        self.onProblem = onProblem
        isSingle = expanded.count == 1 && problems.isEmpty
        progress = CaptureProgress(byteCountTotal: CaptureList.byteCount(of: expanded))
        if isSingle {
            sourceNames = expanded
            let only = Waiting(path: expanded[0], isPipe: CaptureList.isPipe(expanded[0]))
            open = [Cursor(try openFile(only), only)]
        } else {
            try arrange(expanded, problems)
        }
    }

    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
        batch.removeAll()
        while batch.frames.isEmpty {
            if open.isEmpty {
                if waiting.isEmpty { return false }
                openNext()
                continue
            }
            if open.count == 1, open[0].place == nil {
                guard try refill(open[0], batch) else {
                    close(at: 0)
                    continue
                }
                if !isOverlapped(batch) { break }
                open[0].batch.exchangeFrames(with: batch)
                open[0].position = 0
                batch.removeAll()
            }
            try merge(into: batch)
        }
        frameCounts.number(&batch.frames)
        return true
    }

    func report(into counters: inout Counters) {
        for (name, value) in fileCounters.values { counters.add(name, value) }
        for cursor in open { cursor.file.report(into: &counters) }
        filter?.report(into: &counters)
        frameCounts.report(into: &counters)
        counters.add("capture.bytes", progress.byteCount)
        counters.add("capture.files.opened", fileCounts.opened)
        counters.add("capture.files.unreadable", fileCounts.unreadable)
        counters.add("capture.files.broken", fileCounts.broken)
        counters.add("capture.files.late", fileCounts.late)
    }
}

// MARK: - Order

extension CaptureFiles {
    /// Orders the captures between two pipes by their first frames. What cannot be read is told
    /// now.
    private func arrange(_ paths: [String], _ listProblems: [CaptureError]) throws(CaptureError) {
        var problems = listProblems
        var arranged: [Waiting] = []
        var run: [Waiting] = []
        func endRun() {
            run.sort { a, b in
                let (first, second) = (
                    a.first ?? Timestamp(nanoseconds: .min), b.first ?? Timestamp(nanoseconds: .min)
                )
                return first != second
                    ? first < second : a.path.utf8.lexicographicallyPrecedes(b.path.utf8)
            }
            arranged += run
            run = []
        }
        let scratch = FrameBatch(byteCapacity: 0)
        for path in paths {
            if CaptureList.isPipe(path) {
                endRun()
                arranged.append(Waiting(path: path, isPipe: true))
                continue
            }
            do throws(CaptureError) {
                let first = try Self.firstTimestamp(of: path, scratch)
                run.append(Waiting(path: path, first: first))
            } catch {
                problems.append(error)
            }
        }
        endRun()
        if arranged.isEmpty, !problems.isEmpty {
            let reason = problems.removeFirst()
            problems.forEach(onProblem)
            throw reason
        }
        for problem in problems { tell(problem) }
        for index in arranged.indices { arranged[index].index = UInt32(clamping: index) }
        sourceNames = arranged.map(\.path)
        waiting = arranged.reversed()
    }

    /// When a capture begins; nil if it has no frame. What is wrong behind its first bytes is found
    /// when it is read.
    private static func firstTimestamp(
        of path: String, _ scratch: FrameBatch
    ) throws(CaptureError) -> Timestamp? {
        let options = CaptureFile.Options(layout: .small, readsAhead: false)
        let file = try CaptureFile(path: path, options: options)
        do throws(CaptureError) {
            return try file.fill(scratch) ? scratch.frames.first?.timestamp : nil
        } catch {
            return nil
        }
    }

    private func tell(_ problem: CaptureError) {
        count(problem)
        onProblem(problem)
    }

    private func count(_ problem: CaptureError) {
        switch problem {
        case .cutOff, .damaged: fileCounts.broken &+= 1
        default: fileCounts.unreadable &+= 1
        }
    }

    private func openFile(_ waiting: Waiting) throws(CaptureError) -> CaptureFile {
        let isOneOfMany = open.count >= Self.readAheadCountMax
        let file = try CaptureFile(
            path: waiting.path, sourceIndex: waiting.index, filter: filter, progress: progress,
            options: isOneOfMany
                ? CaptureFile.Options(layout: .small, readsAhead: false) : options)
        fileCounts.opened &+= 1
        return file
    }

    /// Opens the capture that comes next; if that fails, it is told and passed over.
    private func openNext() {
        guard let next = waiting.popLast() else { return }
        do throws(CaptureError) {
            open.append(Cursor(try openFile(next), next))
        } catch {
            tell(error)
        }
    }

    private func close(at index: Int) {
        open.remove(at: index).file.report(into: &fileCounters)
    }

    /// The first frame of the next capture, if that may be merged with those that are open.
    private var nextPlace: Place? {
        guard let next = waiting.last, let time = next.first, open.last?.isPipe != true else {
            return nil
        }
        return Place(time: time, index: next.index)
    }

    private func isOverlapped(_ batch: FrameBatch) -> Bool {
        guard let nextPlace else { return false }
        return batch.frames.contains { $0.timestamp > nextPlace.time }
    }
}

// MARK: - Merge

extension CaptureFiles {
    /// Fills a batch from one capture.
    ///
    /// - Returns: false at its end.
    /// - Throws: what is wrong with the only capture; of several, it is told, and is the end of
    ///   that capture.
    private func refill(_ cursor: Cursor, _ batch: FrameBatch) throws(CaptureError) -> Bool {
        do throws(CaptureError) {
            return try cursor.file.fill(batch)
        } catch {
            count(error)
            if isSingle { throw error }
            onProblem(error)
            return false
        }
    }

    /// Copies frames of the open captures in order, until the batch is full, or one capture is left
    /// whose batch is used up, so that its next batches need no copying.
    private func merge(into batch: FrameBatch) throws(CaptureError) {
        batch.grow(to: FrameBatch.defaultByteCapacity, keeping: 0)
        var used = 0
        while try refillOpen(), let cursor = next() {
            // Where a capture joins, or another one has the next frame, is looked at again.
            var limit = open.lazy.filter { $0 !== cursor }.compactMap(\.place).min()
            if let joining = nextPlace, isRoomToOpen() {
                if let place = cursor.place, joining < place {
                    openNext()
                    continue
                }
                limit = min(limit ?? joining, joining)
            }
            while let place = cursor.place, limit.map({ place < $0 }) ?? true {
                guard copyFrame(of: cursor, to: batch, &used) else { return }
            }
        }
    }

    /// Refills the used-up batches; false if there is nothing more to merge.
    private func refillOpen() throws(CaptureError) -> Bool {
        for index in open.indices.reversed() where open[index].place == nil && open.count > 1 {
            open[index].position = 0
            if try !refill(open[index], open[index].batch) { close(at: index) }
        }
        return open.count > 1 || open.first?.place != nil
    }

    private func next() -> Cursor? {
        open.min { a, b in
            guard let first = a.place, let second = b.place else { return a.place != nil }
            return first < second
        }
    }

    private func isRoomToOpen() -> Bool {
        if open.count < Self.openCountMax { return true }
        if waiting.last?.isLate == false {
            waiting[waiting.count - 1].isLate = true
            fileCounts.late &+= 1
        }
        return false
    }

    /// Copies the next frame; false if the batch is full.
    private func copyFrame(of cursor: Cursor, to batch: FrameBatch, _ used: inout Int) -> Bool {
        var frame = cursor.batch.frames[cursor.position]
        let end = used + frame.bytes.count
        guard batch.frames.count < FrameBatch.frameCountMax, end <= batch.storage.count else {
            return false
        }
        let copy = UnsafeMutableRawBufferPointer(rebasing: batch.storage[used..<end])
        copy.copyMemory(from: frame.bytes)
        frame.bytes = UnsafeRawBufferPointer(copy)
        batch.frames.append(frame)
        cursor.position += 1
        used = end
        return true
    }
}
