#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file in which a run leaves the state of correlation for the next one (CORRELATION.md §11):
///
///     magic 8 | format 4 | closed 1 | rules 32 | settings 32 | outputs, inputs, correlator | SHA-256 32
///
/// A stream that is closed leaves a state without a correlator, so that the run which closed it can be
/// repeated and finds its work done.
/// It is replaced as a whole: written beside, forced to the disk, renamed. One run at a time has
/// it: the lock is on the file that has the name.
public final class CheckpointFile {
    static let magic: [UInt8] = [0x89] + Array("CAIRN".utf8) + [0x0d, 0x0a]
    static let format: UInt32 = 2
    private static let digestByteCount = 32

    /// The file as the user named it.
    public let path: String
    /// There was none, so everything begins.
    public let isNew: Bool
    /// The stream has ended: nothing goes on from here.
    public private(set) var isClosed = false
    /// What the outputs of each kind hold that is acknowledged: the state goes on behind it. To be
    /// set before saving.
    public var outputs: [String: FileMark] = [:]
    /// Nothing is to go on from this run: at its end what is open is closed.
    public var isLast = false
    /// How far the inputs were read, the one read last at the end.
    private var inputs: [InputMark] = []
    /// Inputs that are remembered.
    private static let inputCountMax = 10_000

    /// The file that has the name; while there is none, the draft that will get it.
    private var descriptor: Int32
    private var isDraft: Bool
    /// SHA-256 of the rules and of the settings.
    private var fingerprints: [UInt8] = []
    /// Where the correlator begins and ends.
    private var content = 0..<0

    /// Takes hold of a state, or of the place for a new one.
    ///
    /// - Throws: why the file is of no use: another run has it, it cannot be read, is of another
    ///   kind or format, or damaged.
    public init(path: String) throws(CheckpointError) {
        self.path = path
        let known = try LockedFile.open(path, creating: false)
        isNew = known == nil
        isDraft = known == nil
        if let known {
            descriptor = known
        } else {
            descriptor = try LockedFile.open(Self.draft(of: path), creating: true) ?? -1
        }
        if !isNew { try readHead() }
    }

    deinit { close(descriptor) }

    private static func draft(of path: String) -> String { path + ".new" }

    // MARK: Reading

    /// Checks the bytes as such, and reads what comes before the correlator.
    private func readHead() throws(CheckpointError) {
        let byteCount = Int(lseek(descriptor, 0, SEEK_END))
        let end = byteCount - Self.digestByteCount
        guard end > Self.magic.count else { throw CheckpointError("is no saved state") }
        var reader = reader(of: 0..<end)
        guard try reader.raw(byteCount: Self.magic.count) == Self.magic else {
            throw CheckpointError("is no saved state")
        }
        let format = try reader.fixed(UInt32.self)
        guard format == Self.format else {
            throw CheckpointError(
                "was saved in format \(format), and this version of cairn reads \(Self.format)")
        }
        try checkDigest(of: 0..<end)
        isClosed = try reader.flag()
        fingerprints = try reader.raw(byteCount: 64)
        for _ in 0..<(try reader.length()) {
            let kind = String(decoding: try reader.text(), as: UTF8.self)
            outputs[kind] = try FileMark(from: &reader)
        }
        for _ in 0..<(try reader.length()) { inputs.append(try InputMark(from: &reader)) }
        content = end - reader.byteCount..<end
    }

    private func checkDigest(of range: Range<Int>) throws(CheckpointError) {
        let digest = Digest(.sha256)
        var all = reader(of: range)
        while all.byteCount > 0 {
            let block = try all.raw(byteCount: min(all.byteCount, 1 << 16))
            block.withUnsafeBytes { digest.update($0) }
        }
        var saved = reader(of: range.upperBound..<range.upperBound + Self.digestByteCount)
        guard try saved.raw(byteCount: Self.digestByteCount) == digest.finish() else {
            throw CheckpointError("is damaged: its checksum is wrong")
        }
    }

    private func reader(of range: Range<Int>) -> CheckpointReader {
        var offset = range.lowerBound
        return CheckpointReader(byteCount: range.count) { [descriptor] buffer in
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            offset += max(0, count)
            return count
        }
    }

    /// The correlator that goes on from the state, or a new one.
    ///
    /// - Throws: what speaks against the state: other rules, other settings, or that it makes no
    ///   sense.
    func correlator(
        program: CorrelationProgram, settings: CorrelationSettings,
        sink: @escaping (borrowing [UInt8]) -> Void
    ) throws(CheckpointError) -> Correlator {
        let saved = fingerprints
        fingerprints = program.fingerprint + settings.fingerprint
        if isNew { return Correlator(program: program, settings: settings, sink: sink) }
        guard saved[..<32] == fingerprints[..<32] else {
            throw CheckpointError("was saved with other correlation rules")
        }
        guard saved == fingerprints else { throw CheckpointError("was saved with other settings") }
        var reader = reader(of: content)
        return try Correlator(program: program, settings: settings, state: &reader, sink: sink)
    }

    // MARK: Writing

    /// How far an input was read.
    func input(_ path: String) -> InputMark? { inputs.last { $0.path == path } }

    /// Remembers how far an input was read; forgets it if there is no mark.
    func note(_ path: String, lineCount: Int, _ mark: FileMark?) {
        inputs.removeAll { $0.path == path }
        guard let mark else { return }
        if inputs.count >= Self.inputCountMax { inputs.removeFirst() }
        inputs.append(InputMark(path: path, lineCount: lineCount, mark: mark))
    }

    /// Replaces the state by the present one of a correlator. What the correlator put out must be
    /// on the disk, and `outputs` say so.
    func save(_ correlator: Correlator) throws(CheckpointError) { try replace(by: correlator) }

    /// Leaves a state from which nothing goes on, under the same condition.
    public func closeStream() throws(CheckpointError) {
        isClosed = true
        try replace(by: nil)
    }

    private func replace(by correlator: Correlator?) throws(CheckpointError) {
        let draft = Self.draft(of: path)
        let fresh = isDraft ? descriptor : try LockedFile.open(draft, creating: true) ?? -1
        do throws(CheckpointError) {
            try write(correlator, to: fresh)
            guard rename(draft, path) == 0 else { throw .unwritable() }
        } catch {
            if fresh != descriptor { close(fresh) }
            throw error
        }
        // Until now the lock on the old one kept others away.
        if fresh != descriptor { close(descriptor) }
        descriptor = fresh
        isDraft = false
        guard SystemFile.syncFolder(of: path) else { throw .unwritable() }
    }

    private func write(_ correlator: Correlator?, to file: Int32) throws(CheckpointError) {
        guard ftruncate(file, 0) == 0, lseek(file, 0, SEEK_SET) == 0 else { throw .unwritable() }
        var failure: CheckpointError?
        var writer = CheckpointWriter { bytes in
            if failure == nil, !SystemFile.write(bytes, to: file) { failure = .unwritable() }
        }
        Self.magic.withUnsafeBytes { writer.raw($0) }
        writer.fixed(Self.format)
        writer.flag(isClosed)
        fingerprints.withUnsafeBytes { writer.raw($0) }
        writer.count(outputs.count)
        for (kind, mark) in outputs.sorted(by: { $0.key < $1.key }) {
            writer.text(Array(kind.utf8))
            mark.save(to: &writer)
        }
        writer.count(inputs.count)
        for input in inputs { input.save(to: &writer) }
        correlator?.save(to: &writer)
        let digest = writer.finish()
        if let failure { throw failure }
        guard digest.withUnsafeBytes({ SystemFile.write($0, to: file) }), fsync(file) == 0 else {
            throw .unwritable()
        }
    }
}

/// How far an input was read: the bytes of its complete lines, and how many lines those are.
struct InputMark {
    var path: String
    var lineCount: Int
    var mark: FileMark

    init(path: String, lineCount: Int, mark: FileMark) {
        self.path = path
        self.lineCount = lineCount
        self.mark = mark
    }

    fileprivate init(from reader: inout CheckpointReader) throws(CheckpointError) {
        path = String(decoding: try reader.text(), as: UTF8.self)
        lineCount = try reader.count()
        mark = try FileMark(from: &reader)
    }

    fileprivate func save(to writer: inout CheckpointWriter) {
        writer.text(Array(path.utf8))
        writer.count(lineCount)
        mark.save(to: &writer)
    }
}

extension FileMark {
    fileprivate init(from reader: inout CheckpointReader) throws(CheckpointError) {
        let byteCount = try reader.count()
        self.init(byteCount: byteCount, digest: try reader.raw(byteCount: 32))
    }

    fileprivate func save(to writer: inout CheckpointWriter) {
        writer.count(byteCount)
        digest.withUnsafeBytes { writer.raw($0) }
    }
}

extension CheckpointError {
    /// The system's reason why the file cannot be written.
    fileprivate static func unwritable() -> CheckpointError {
        CheckpointError("cannot be written: \(String(cString: strerror(errno)))")
    }
}

/// A file that one process has at a time.
private enum LockedFile {
    /// Opens a file for reading and writing, locked for this process; nil if there is none.
    static func open(_ path: String, creating: Bool) throws(CheckpointError) -> Int32? {
        // It may be replaced between being opened and being locked; that does not go on for long.
        for _ in 0..<100 {
            let flags = O_RDWR | (creating ? O_CREAT | O_NOFOLLOW : 0)
            let descriptor = SystemFile.open(path, flags)
            if descriptor < 0 {
                if errno == ENOENT, !creating { return nil }
                throw CheckpointError("cannot be opened: \(String(cString: strerror(errno)))")
            }
            var opened = stat()
            var named = stat()
            guard fstat(descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG else {
                close(descriptor)
                throw CheckpointError("is no file")
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let isTaken = errno == EWOULDBLOCK
                let reason = String(cString: strerror(errno))
                close(descriptor)
                throw CheckpointError(
                    isTaken ? "is in use by another run" : "cannot be locked: \(reason)")
            }
            if stat(path, &named) == 0, named.st_ino == opened.st_ino,
                named.st_dev == opened.st_dev
            {
                return descriptor
            }
            close(descriptor)
        }
        throw CheckpointError("cannot be opened: it is replaced again and again")
    }
}
