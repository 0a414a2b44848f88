#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#endif

/// Files and folders of rules on disk.
enum RuleFiles {
    /// Folders within each other that are looked into.
    static let depthMax = 64
    /// Files of one run.
    static let fileCountMax = 1_000_000

    /// The rule files that paths name: files as they are, folders with everything in them, in order
    /// of their path's bytes. What cannot be read is a diagnostic.
    static func find(_ paths: [String]) -> (files: [String], diagnostics: [Diagnostic]) {
        var files: [String] = []
        var diagnostics: [Diagnostic] = []
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: SourceLocation(path: path), "cannot be read: \(systemError())"))
                continue
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                files.append(path)
                continue
            }
            var found: [String] = []
            var open: Set<Folder> = []
            search(path, depth: 0, open: &open, into: &found, &diagnostics)
            files += found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        var seen: Set<String> = []
        return (files.filter { seen.insert($0).inserted }, diagnostics)
    }

    private struct Folder: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    private static func search(
        _ folder: String, depth: Int, open: inout Set<Folder>, into files: inout [String],
        _ diagnostics: inout [Diagnostic]
    ) {
        func complain(_ path: String, _ message: String) {
            diagnostics.append(Diagnostic(.error, at: SourceLocation(path: path), message))
        }
        var status = stat()
        guard stat(folder, &status) == 0, let directory = opendir(folder) else {
            return complain(folder, "cannot be read: \(systemError())")
        }
        defer { closedir(directory) }
        let identity = Folder(
            device: UInt64(truncatingIfNeeded: status.st_dev),
            inode: UInt64(truncatingIfNeeded: status.st_ino))
        // A link back to a folder that is being searched leads nowhere new.
        guard open.insert(identity).inserted else { return }
        defer { open.remove(identity) }
        guard depth < depthMax else {
            return complain(folder, "folders are nested more than \(depthMax) deep")
        }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard !name.hasPrefix(".") else { continue }
            let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
            var status = stat()
            guard stat(path, &status) == 0 else {
                complain(path, "cannot be read: \(systemError())")
                continue
            }
            if status.st_mode & S_IFMT == S_IFDIR {
                search(path, depth: depth + 1, open: &open, into: &files, &diagnostics)
            } else if isRuleFile(path) {
                guard files.count < fileCountMax else {
                    return complain(path, "more than \(fileCountMax) rule files")
                }
                files.append(path)
            }
        }
    }

    static func isYAML(_ path: String) -> Bool { path.hasSuffix(".yml") || path.hasSuffix(".yaml") }

    /// Whether there is a file.
    static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

    /// Whether a file holds Suricata rules.
    static func isSuricata(_ path: String) -> Bool { path.hasSuffix(".rules") }

    private static func isRuleFile(_ path: String) -> Bool {
        isYAML(path) || isSuricata(path)
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }

    /// All bytes of a file, if they are not more than the limit for YAML.
    static func contents(
        of path: String, byteCountMax: Int = YAMLLimits().byteCountMax
    ) -> Result<[UInt8], ReadFailure> {
        func failure(_ message: String) -> Result<[UInt8], ReadFailure> {
            .failure(
                ReadFailure(
                    diagnostic: Diagnostic(.error, at: SourceLocation(path: path), message)))
        }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return failure("cannot be read: \(systemError())") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
            return failure("cannot be read: it is a folder")
        }
        var bytes: [UInt8] = []
        let expected = max(4096, Int(status.st_size) + 1)
        while true {
            guard bytes.count <= byteCountMax else {
                return failure("the file is larger than \(byteCountMax >> 20) MiB; split it")
            }
            let chunk = bytes.isEmpty ? min(expected, byteCountMax + 1) : 1 << 16
            var readCount = 0
            let piece = [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
                readCount = read(file, buffer.baseAddress, chunk)
                count = max(0, readCount)
            }
            if readCount < 0 {
                if errno == EINTR { continue }
                return failure("cannot be read: \(systemError())")
            }
            if readCount == 0 { return .success(bytes) }
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
        }
    }

    struct ReadFailure: Error {
        var diagnostic: Diagnostic
    }
}
