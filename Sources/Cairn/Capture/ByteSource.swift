#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the bytes of a capture come from: a file, a pipe, memory, or a decompressor over one of
/// them.
protocol ByteSource: AnyObject {
    /// Reads the next bytes into `buffer`, as many as are there without waiting, at least one.
    ///
    /// - Returns: how many; 0 at the end of the input.
    /// - Throws: `ByteSourceError`; all bytes before it have been returned.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int
}

/// Why no more bytes can be had. It knows neither path nor offset; `CaptureFile` does.
enum ByteSourceError: Error, Equatable {
    /// The system's reason.
    case unreadable(String)
    /// A compressed stream ends before its end mark.
    case cutOff
    /// A compressed stream contradicts its format: the library's reason.
    case damaged(String)
}

/// The system's text for an error number.
func systemReason(_ number: CInt = errno) -> String {
    String(cString: strerror(number))
}

/// A file, or standard input, by read(2).
///
/// Files are not mapped: a mapped file that is cut while it is read kills the process.
final class FileSource: ByteSource {
    /// The size of a regular file; nil for what can only be read once (a pipe, a terminal).
    let byteCount: UInt64?
    private let descriptor: CInt
    private let progress: CaptureProgress?

    /// The path that means standard input.
    static let standardInput = "-"

    /// Opens a file, or standard input for `-`.
    ///
    /// - Throws: `unreadable` if it cannot be opened, or is a directory.
    init(opening path: String, progress: CaptureProgress? = nil) throws(ByteSourceError) {
        let descriptor =
            path == Self.standardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(systemReason()) }
        var status = stat()
        let failure = fstat(descriptor, &status) == 0 ? 0 : errno
        let kind = status.st_mode & S_IFMT
        if failure != 0 || kind == S_IFDIR {
            if descriptor != STDIN_FILENO { close(descriptor) }
            throw .unreadable(systemReason(failure != 0 ? failure : EISDIR))
        }
        #if os(Linux)
            if kind == S_IFREG { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
        #endif
        self.descriptor = descriptor
        self.progress = progress
        byteCount = kind == S_IFREG ? UInt64(max(0, status.st_size)) : nil
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        var filled = 0
        while filled < buffer.count, filled == 0 || isReadable {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = SystemFile.read(descriptor, into: rest)
            if count < 0 {
                if errno == EINTR { continue }
                if filled > 0 { break }
                throw .unreadable(systemReason())
            }
            if count == 0 { break }
            filled += count
        }
        progress?.add(filled)
        return filled
    }

    /// Whether more can be read without waiting: a pipe gives 64 KiB at a time however much is
    /// behind it.
    private var isReadable: Bool {
        if byteCount != nil { return true }
        var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&query, 1, 0) > 0
    }
}

/// A source whose first bytes can be looked at before they are read, since content decides what a
/// file is.
final class PeekingSource: ByteSource {
    /// The first bytes: up to 4 KiB, at least 32 unless the source ends before.
    private(set) var head: [UInt8]
    private var headOffset = 0
    private let source: any ByteSource
    private var failure: ByteSourceError?

    /// Reads the first bytes. What goes wrong is thrown by `read`, behind what was had.
    init(_ source: any ByteSource) {
        self.source = source
        head = [UInt8](repeating: 0, count: 4_096)
        var filled = 0
        while filled < 32, failure == nil {
            let count = head.withUnsafeMutableBytes { bytes in
                readOn(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...]))
            }
            if count == 0 { break }
            filled += count
        }
        head.removeSubrange(filled...)
    }

    private func readOn(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        do throws(ByteSourceError) {
            return try source.read(into: buffer)
        } catch {
            failure = error
            return 0
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        guard headOffset == head.count else {
            let count = min(buffer.count, head.count - headOffset)
            head.withUnsafeBytes { bytes in
                let piece = bytes[headOffset..<headOffset + count]
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
            }
            headOffset += count
            return count
        }
        if let failure { throw failure }
        return try source.read(into: buffer)
    }
}
