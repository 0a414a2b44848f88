#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which captures a list of paths names, and in which order they are read.
enum CaptureList {
    /// Replaces each folder by its files, one level deep, in the order of their names' bytes.
    ///
    /// - Returns: paths as they can be opened, and what could not be listed: unreadable folders,
    ///   folders within folders, and folders without files.
    static func expand(_ paths: [String]) -> (paths: [String], problems: [CaptureError]) {
        var expanded: [String] = []
        var problems: [CaptureError] = []
        for path in paths {
            guard path != FileSource.standardInput, kind(of: path) == S_IFDIR else {
                expanded.append(path)
                continue
            }
            guard let names = names(in: path) else {
                problems.append(.unreadable(path: path, reason: systemReason()))
                continue
            }
            let prefix = path.hasSuffix("/") ? path : path + "/"
            let before = (expanded.count, problems.count)
            for name in names {
                if kind(of: prefix + name) == S_IFDIR {
                    problems.append(
                        .unreadable(path: prefix + name, reason: "a folder within a folder"))
                } else {
                    expanded.append(prefix + name)
                }
            }
            if before == (expanded.count, problems.count) {
                problems.append(.unreadable(path: path, reason: "the folder is empty"))
            }
        }
        return (expanded, problems)
    }

    /// Whether a path names something that can be read only once: standard input, a named pipe, a
    /// device.
    static func isPipe(_ path: String) -> Bool {
        if path == FileSource.standardInput { return true }
        guard let kind = kind(of: path) else { return false }
        return kind != S_IFREG
    }

    /// The size of all files together; nil if one of them is a pipe.
    static func byteCount(of paths: [String]) -> UInt64? {
        var total: UInt64 = 0
        for path in paths {
            var status = stat()
            if isPipe(path) { return nil }
            if stat(path, &status) == 0 { total &+= UInt64(max(0, status.st_size)) }
        }
        return total
    }

    /// The file type bits of a path's mode; nil if there is no such file.
    private static func kind(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func names(in directory: String) -> [String]? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
