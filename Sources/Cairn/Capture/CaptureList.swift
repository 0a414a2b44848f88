#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which captures a list of paths names, and in which order they are read.
enum CaptureList {
    /// Folders within folders, at most this deep.
    static let depthMax = 32

    /// Replaces each folder by its files and those of the folders in it, in the order of their names' bytes.
    ///
    /// - Returns: paths as they can be opened, and what could not be listed: unreadable folders, folders without files,
    ///   folders too deep.
    static func expand(_ paths: [String]) -> (paths: [String], problems: [CaptureError]) {
        var list = Expansion()
        for path in paths { list.add(path, depth: 0) }
        return (list.paths, list.problems)
    }

    private struct Expansion {
        var paths: [String] = []
        var problems: [CaptureError] = []
        /// Folders on the way to the present one: links may lead back to them.
        private var ancestors: [Place] = []

        private struct Place: Equatable {
            var device: UInt64
            var number: UInt64
        }

        mutating func add(_ path: String, depth: Int) {
            var status = stat()
            guard path != FileSource.standardInput, stat(path, &status) == 0,
                status.st_mode & S_IFMT == S_IFDIR
            else { return paths.append(path) }
            let place = Place(
                device: UInt64(truncatingIfNeeded: status.st_dev),
                number: UInt64(truncatingIfNeeded: status.st_ino))
            guard !ancestors.contains(place) else { return }
            guard depth < depthMax else {
                return problems.append(.unreadable(path: path, reason: "folders nested too deep"))
            }
            guard let names = names(in: path) else {
                return problems.append(.unreadable(path: path, reason: systemReason()))
            }
            if names.isEmpty {
                problems.append(.unreadable(path: path, reason: "the folder is empty"))
            }
            ancestors.append(place)
            for name in names {
                add(path.hasSuffix("/") ? path + name : "\(path)/\(name)", depth: depth + 1)
            }
            ancestors.removeLast()
        }
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
