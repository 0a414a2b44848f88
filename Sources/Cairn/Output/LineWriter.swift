#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why results cannot be written. The run stops: a loss is never silent.
public struct OutputError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    public let path: String
    /// The system's reason.
    public let reason: String
    /// The reader of a pipe went away, as `head` does.
    public let isBrokenPipe: Bool

    /// `cannot write FILE: No space left on device`.
    public var description: String { "cannot write \(path): \(reason)" }
}

/// Makes a folder for files that are to be written, and those that it lies in; one that is there is fine.
///
/// - Throws: the system's reason.
public func makeFolder(_ path: String) throws(OutputError) {
    guard !SystemFile.makeFolder(path) else { return }
    throw OutputError(
        path: path, reason: "the folder cannot be made: \(String(cString: strerror(errno)))",
        isBrokenPipe: false)
}

/// A destination of records: whole lines, collected and written in large pieces.
///
/// Several outputs may share one destination. A failure is kept and thrown at the next `flush`, so that the callers on
/// the way need no error handling for every line.
public final class LineWriter {
    /// The file as the user named it; `-` is standard output.
    public let path: String
    private var descriptor: Int32
    private let ownsDescriptor: Bool
    /// How it is opened: to say later what a file holds takes reading it.
    private let access: Int32
    private var pending: [UInt8] = []
    private var failure: OutputError?
    /// What of the file stays when it is cut back.
    private var cutByteCount: Int?

    /// Bytes collected before they are written.
    static let pendingByteCount = 1 << 18

    /// Opens a file for writing from its start, or standard output for `-`.
    public init(path: String) throws(OutputError) {
        self.path = path
        ownsDescriptor = path != "-"
        // Behind the end even if the file is emptied meanwhile, as log rotation does that copies it.
        access = O_WRONLY | O_APPEND
        descriptor =
            ownsDescriptor ? SystemFile.open(path, access | O_CREAT | O_TRUNC) : STDOUT_FILENO
        guard descriptor >= 0 else { throw Self.error(path) }
        pending.reserveCapacity(Self.pendingByteCount + 4096)
    }

    /// Opens a file to go on behind what is there, or behind what is acknowledged of it; for `-` and
    /// what is no file on a disk the same as opening it for writing. Nothing is cut back yet.
    ///
    /// - Throws: that it cannot be opened, is missing, or does not hold what is acknowledged.
    public init(path: String, goingOnBehind mark: FileMark?) throws(OutputError) {
        self.path = path
        ownsDescriptor = path != "-"
        access = O_RDWR
        descriptor = STDOUT_FILENO
        if ownsDescriptor {
            descriptor = SystemFile.open(path, access | O_APPEND | (mark == nil ? O_CREAT : 0))
            guard descriptor >= 0 else { throw Self.error(path) }
        }
        if let mark, !mark.matches(descriptor: descriptor) {
            throw OutputError(
                path: path,
                reason:
                    "it does not hold the \(mark.byteCount) bytes that the state goes on behind",
                isBrokenPipe: false)
        }
        cutByteCount = mark?.byteCount
        pending.reserveCapacity(Self.pendingByteCount + 4096)
    }

    /// Takes away what is behind the acknowledged bytes: it was written after the state was saved,
    /// and will be written again.
    public func cutBack() throws(OutputError) {
        guard let cutByteCount else { return }
        guard ftruncate(descriptor, off_t(cutByteCount)) == 0 else { throw Self.error(path) }
        self.cutByteCount = nil
    }

    /// Hands everything to the system and waits until it is on the disk.
    ///
    /// - Returns: what the file holds now; nil if it is none on a disk, of which nothing can be cut
    ///   back.
    public func acknowledge() throws(OutputError) -> FileMark? {
        try flush()
        var status = stat()
        guard ownsDescriptor, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        guard fsync(descriptor) == 0 else { throw Self.error(path) }
        // The name of a new file; where folders cannot be read, without.
        _ = SystemFile.syncFolder(of: path)
        return FileMark(descriptor: descriptor, byteCount: Int(status.st_size))
    }

    deinit { if ownsDescriptor, descriptor >= 0 { close(descriptor) } }

    /// Adds text that consists of whole lines.
    public func write(_ lines: some Collection<UInt8>) {
        guard failure == nil else { return }
        pending.append(contentsOf: lines)
        if pending.count >= Self.pendingByteCount { writePending() }
    }

    /// Hands everything to the system.
    ///
    /// - Throws: the first failure since the file was opened.
    public func flush() throws(OutputError) {
        if failure == nil, !pending.isEmpty { writePending() }
        if let failure { throw failure }
    }

    /// Gives the file to a user, for programs that give up their rights: it can be opened again then.
    public func give(to user: String) {
        guard ownsDescriptor else { return }
        SystemUser(named: user)?.take(descriptor, at: path)
    }

    /// Flushes, then opens the path again: after a log file was moved away.
    ///
    /// - Throws: the first failure to write; or that the path cannot be opened, and then what follows goes on into the
    ///   file that was moved away.
    public func reopen() throws(OutputError) {
        try flush()
        guard ownsDescriptor else { return }
        let fresh = SystemFile.open(path, access | O_CREAT | O_APPEND)
        guard fresh >= 0 else { throw Self.error(path) }
        close(descriptor)
        descriptor = fresh
    }

    private func writePending() {
        let isWritten = pending.withUnsafeBytes { SystemFile.write($0, to: descriptor) }
        if !isWritten { failure = Self.error(path) }
        pending.removeAll(keepingCapacity: true)
    }

    private static func error(_ path: String) -> OutputError {
        let code = errno
        return OutputError(
            path: path == "-" ? "standard output" : path, reason: String(cString: strerror(code)),
            isBrokenPipe: code == EPIPE)
    }
}
