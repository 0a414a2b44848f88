#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads files of alerts, one JSON object a line, into a correlator.
///
/// Lines that are no alerts are skipped and counted, broken ones with their numbers. Memory is
/// bounded by the longest line, up to `lineByteCountMax`.
final class AlertFileReader {
    /// Longer lines count as broken.
    static let lineByteCountMax = 1 << 24
    /// Broken lines whose places are kept.
    static let brokenLinesListedMax = 100
    /// Read at once: what fits into the cache beside all else.
    private static let chunkByteCount = 1 << 17
    /// Bytes behind a chunk that may be read, so that its last line is no slower than the others.
    private static let slackByteCount = 16
    /// Microseconds between two looks at a file that may grow.
    private static let pauseMicroseconds: UInt32 = 100_000

    private(set) var lineCount = 0
    /// Records of other kinds.
    private(set) var otherCount = 0
    private(set) var brokenCount = 0
    /// The first broken lines.
    private(set) var brokenLines: [Diagnostic] = []
    /// Files that are others than an earlier run has read, whose rest was not found.
    private(set) var lostPaths: [String] = []
    /// A broken line was met, and broken lines end the reading.
    var isStopped: Bool { isStrict && brokenCount > 0 }

    private let correlator: Correlator
    private let isStrict: Bool
    /// Keeps how far files were read, where another run is to go on.
    private let checkpoint: CheckpointFile?
    private var parser: AlertLineParser
    private var path = ""
    private var lineOfFile = 0
    /// The beginning of a line whose end has not come yet.
    private var carry: [UInt8] = []
    private var isSkippingLine = false
    /// Bytes of this file that came, those of them that are complete lines, and how many lines.
    private var byteCount = 0
    private var completeByteCount = 0
    private var completeLineCount = 0

    /// - Parameters:
    ///   - isStrict: the first broken line ends the reading.
    ///   - checkpoint: says where files were left by earlier runs, and is told where this one leaves
    ///     them. With it the beginning of a line waits for the rest until the last run.
    init(correlator: Correlator, isStrict: Bool = false, checkpoint: CheckpointFile? = nil) {
        self.correlator = correlator
        self.isStrict = isStrict
        self.checkpoint = checkpoint
        parser = AlertLineParser(
            fieldNames: correlator.program.fieldNames, catalog: correlator.catalog)
    }

    // MARK: Files

    /// Reads a file until its end or until it is to stop; `-` is standard input.
    ///
    /// - Parameters:
    ///   - following: goes on as the file grows. One that was moved away is read to its end before
    ///     the one that has its name now; one that was cut is read from its start.
    ///   - onChunk: called after every piece, when what it completed has been handed on, and while
    ///     there is none.
    func read(
        path: String, following: Bool, stop: StopFlag, onChunk: () -> Void
    ) throws(AlertFileError) {
        var file = try AlertFile(path: path)
        begin(path: path)
        guard try catchUp(file, following, stop, onChunk) else { return }
        while true {
            try drain(file, stop, onChunk)
            guard following, file.canGrow, !stop.isSet, !isStopped else { break }
            switch file.change() {
            case .none:
                onChunk()
                usleep(Self.pauseMicroseconds)
            case .cut:
                finish(file)
                try file.rewind()
                begin(path: path)
            case .moved(let next):
                // What was written between the last look and the move.
                try drain(file, stop, onChunk)
                finish(file)
                file = next
                begin(path: path)
            }
        }
        let isOver = checkpoint?.isLast ?? true && !stop.isSet && !isStopped
        if isOver || checkpoint == nil || !file.canBeFoundAgain { finish(file) }
    }

    /// Goes to where an earlier run has left a file. If another file has its name now, reads the rest
    /// of the one before first.
    ///
    /// - Returns: whether it is the turn of the file itself.
    private func catchUp(
        _ file: borrowing AlertFile, _ following: Bool, _ stop: StopFlag, _ onChunk: () -> Void
    ) throws(AlertFileError) -> Bool {
        guard let known = checkpoint?.input(path) else { return true }
        if file.skip(known.mark) {
            goOn(behind: known)
        } else if let before = AlertFile.moved(from: path, known.mark) {
            goOn(behind: known)
            try drain(before, stop, onChunk)
            // Whoever writes it opens the new file last.
            let isOver = !file.isEmpty || following || checkpoint?.isLast == true
            guard isOver, !stop.isSet, !isStopped else { return false }
            finish(before)
            begin(path: path)
        } else {
            lostPaths.append(path)
        }
        return true
    }

    /// Nothing more comes of a file: what is left is its last line.
    private func finish(_ file: borrowing AlertFile) {
        end()
        (completeByteCount, completeLineCount) = (byteCount, lineOfFile)
        notePlace(in: file)
    }

    private func goOn(behind known: InputMark) {
        lineOfFile = known.lineCount
        completeLineCount = known.lineCount
        byteCount = known.mark.byteCount
        completeByteCount = known.mark.byteCount
    }

    private func notePlace(in file: borrowing AlertFile) {
        checkpoint?.note(
            path, lineCount: completeLineCount, file.mark(byteCount: completeByteCount))
    }

    private func drain(
        _ file: borrowing AlertFile, _ stop: StopFlag, _ onChunk: () -> Void
    ) throws(AlertFileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.chunkByteCount + Self.slackByteCount, alignment: 16)
        defer { buffer.deallocate() }
        let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.chunkByteCount])
        while !isStopped, !stop.isSet {
            let count = try file.read(into: chunk)
            if count == 0 { return }
            add(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                slackByteCount: Self.slackByteCount)
            correlator.flush()
            notePlace(in: file)
            onChunk()
        }
    }

    // MARK: Bytes

    /// Starts a file whose bytes come by `add`.
    func begin(path: String) {
        self.path = path
        lineOfFile = 0
        carry.removeAll(keepingCapacity: true)
        isSkippingLine = false
        (byteCount, completeByteCount, completeLineCount) = (0, 0, 0)
    }

    /// Takes the next bytes of a file.
    ///
    /// - Parameter slackByteCount: bytes behind them that may be read.
    func add(_ bytes: UnsafeRawBufferPointer, slackByteCount: Int = 0) {
        var start = 0
        while start < bytes.count, !isStopped, let end = lineEnd(in: bytes, from: start) {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            start = end + 1
            if isSkippingLine {
                isSkippingLine = false
            } else if carry.isEmpty {
                addLine(rest, slackByteCount: bytes.count &- end &+ slackByteCount)
            } else {
                carry.append(contentsOf: rest)
                carry.withUnsafeBytes { addLine($0) }
                carry.removeAll(keepingCapacity: true)
            }
        }
        if start > 0 { (completeByteCount, completeLineCount) = (byteCount + start, lineOfFile) }
        byteCount += bytes.count
        guard !isSkippingLine else { return }
        carry.append(contentsOf: bytes[start...])
        if carry.count > Self.lineByteCountMax {
            startLine()
            addBroken(.tooLong)
            carry.removeAll()
            isSkippingLine = true
        }
    }

    /// Ends a file: what is left is its last line.
    func end() {
        if !carry.isEmpty, !isStopped { carry.withUnsafeBytes { addLine($0) } }
        carry.removeAll()
    }

    @inline(__always)
    private func lineEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress,
            let found = memchr(base + start, 0x0a, bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    // MARK: Lines

    private func startLine() {
        lineCount += 1
        lineOfFile += 1
    }

    private func addLine(_ line: UnsafeRawBufferPointer, slackByteCount: Int = 0) {
        startLine()
        guard line.count <= Self.lineByteCountMax else { return addBroken(.tooLong) }
        guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) else { return }
        switch parser.parse(line, slackByteCount: slackByteCount) {
        case .alert:
            if correlator.looks(at: parser.alert.label) { parser.takeValues(of: line) }
            correlator.add(parser.alert)
        case .clock(let time): correlator.advance(clock: time)
        case .other: otherCount += 1
        case .broken(let fault): addBroken(fault)
        }
    }

    private func addBroken(_ fault: AlertLineParser.Fault) {
        brokenCount += 1
        guard brokenLines.count < Self.brokenLinesListedMax else { return }
        let place = SourceLocation(
            path: path == "-" ? "standard input" : path, line: lineOfFile, column: 1)
        brokenLines.append(
            Diagnostic(isStrict ? .error : .warning, at: place, "the line \(fault.rawValue)"))
    }
}
