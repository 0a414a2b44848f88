#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file of alerts that cannot be opened or read.
public struct AlertFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    public let path: String
    /// The system's reason.
    public let reason: String

    /// `cannot read FILE: No such file or directory`.
    public var description: String { "cannot read \(path): \(reason)" }

    fileprivate init(_ path: String) {
        self.path = path == "-" ? "standard input" : path
        reason = String(cString: strerror(errno))
    }
}

/// An open file of alerts, which may grow, be moved away or be cut while it is read.
struct AlertFile: ~Copyable {
    /// What became of a file since it was opened.
    enum Change: ~Copyable {
        case none
        /// It is shorter than what was read of it.
        case cut
        /// Its name is another file's now.
        case moved(AlertFile)
    }

    private let path: String
    private let descriptor: Int32
    private let identity: stat

    /// Opens a file; `-` is standard input.
    init(path: String) throws(AlertFileError) {
        self.path = path
        let descriptor = path == "-" ? STDIN_FILENO : SystemFile.open(path, O_RDONLY)
        var identity = stat()
        guard descriptor >= 0, fstat(descriptor, &identity) == 0 else {
            let error = AlertFileError(path)
            if descriptor > STDIN_FILENO { close(descriptor) }
            throw error
        }
        self.descriptor = descriptor
        self.identity = identity
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// A file on a disk: of a pipe an end is the end.
    var canGrow: Bool { identity.st_mode & S_IFMT == S_IFREG }

    /// A later run may go on with it: it is on a disk and has a name.
    var canBeFoundAgain: Bool { canGrow && path != "-" }

    /// Reads the next bytes; 0 at the present end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(AlertFileError) -> Int {
        while true {
            let count = SystemFile.read(descriptor, into: buffer)
            if count >= 0 { return count }
            guard errno == EINTR else { throw AlertFileError(path) }
        }
    }

    /// Goes back to the start.
    func rewind() throws(AlertFileError) {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw AlertFileError(path) }
    }

    /// Skips what was read before; false if the file does not begin with it, and so is another.
    func skip(_ known: FileMark) -> Bool {
        guard canBeFoundAgain, known.matches(descriptor: descriptor) else { return false }
        return lseek(descriptor, off_t(known.byteCount), SEEK_SET) == known.byteCount
    }

    /// Marks its first bytes; nil if it is none on a disk or has become shorter.
    func mark(byteCount: Int) -> FileMark? {
        canBeFoundAgain ? FileMark(descriptor: descriptor, byteCount: byteCount) : nil
    }

    /// The file that had a path before another came there, and was moved to a name that begins like
    /// its own, as log rotation does; it goes on behind what was read of it.
    static func moved(from path: String, _ known: FileMark) -> AlertFile? {
        let split = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        let folder = String(path[..<split])
        let name = String(path[split...])
        // Every file begins with nothing.
        guard known.byteCount > 0 else { return nil }
        for other in names(in: folder.isEmpty ? "." : folder, beginningWith: name) {
            if let file = try? AlertFile(path: folder + other), file.skip(known) { return file }
        }
        return nil
    }

    private static func names(in folder: String, beginningWith name: String) -> [String] {
        guard let open = opendir(folder) else { return [] }
        defer { closedir(open) }
        var names: [String] = []
        while names.count < rotatedCountMax, let entry = readdir(open) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
            }
            if found != name, found.hasPrefix(name) { names.append(found) }
        }
        return names.sorted()
    }

    /// Names in a folder that are looked at.
    private static let rotatedCountMax = 1_000

    /// It holds nothing yet.
    var isEmpty: Bool {
        var now = stat()
        return fstat(descriptor, &now) == 0 && now.st_size == 0
    }

    /// Looks at what became of the file.
    func change() -> Change {
        var now = stat()
        if stat(path, &now) == 0, now.st_ino != identity.st_ino || now.st_dev != identity.st_dev,
            let next = try? AlertFile(path: path)
        {
            return .moved(next)
        }
        if fstat(descriptor, &now) == 0, now.st_size < lseek(descriptor, 0, SEEK_CUR) {
            return .cut
        }
        return .none
    }
}
