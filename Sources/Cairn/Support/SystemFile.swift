#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files by their descriptors, under names that do not collide with methods. What fails leaves its
/// reason in `errno`.
enum SystemFile {
    /// open(2), never passed on to other programs; what is made is readable by all.
    static func open(_ path: String, _ flags: CInt) -> CInt {
        #if canImport(Glibc)
            Glibc.open(path, flags | O_CLOEXEC, 0o644)
        #elseif canImport(Musl)
            Musl.open(path, flags | O_CLOEXEC, 0o644)
        #else
            Darwin.open(path, flags | O_CLOEXEC, 0o644)
        #endif
    }

    /// read(2).
    static func read(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
            Musl.read(descriptor, buffer.baseAddress, buffer.count)
        #else
            Darwin.read(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }

    /// Writes all of it; false if that fails.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = write(UnsafeRawBufferPointer(rebasing: bytes[offset...]), descriptor)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, _ descriptor: CInt) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }

    /// Makes a folder and those that it lies in; false if it is not there then.
    static func makeFolder(_ path: String) -> Bool {
        for end in path.indices.dropFirst() where path[end] == "/" {
            _ = mkdir(String(path[..<end]), 0o777)
        }
        guard mkdir(path, 0o777) != 0 else { return true }
        var status = stat()
        let reason = errno
        let isThere = stat(path, &status) == 0
        errno = isThere ? ENOTDIR : reason
        return isThere && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Forces the names in a file's folder to the disk; false if that fails.
    static func syncFolder(of path: String) -> Bool {
        let end = path.lastIndex(of: "/")
        let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
