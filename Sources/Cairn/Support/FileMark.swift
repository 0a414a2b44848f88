#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How far a file was read or written, and what it was like up to there, so that it can be told
/// later whether a file is that one and still holds as much.
public struct FileMark: Equatable, Sendable {
    /// Bytes from the start of the file.
    public let byteCount: Int
    /// The SHA-256 of the first and of the last 4096 of them, or of all if there are fewer.
    let digest: [UInt8]

    private static let endByteCount = 4096

    /// A mark that was saved.
    init(byteCount: Int, digest: [UInt8]) {
        self.byteCount = byteCount
        self.digest = digest
    }

    /// Marks the first bytes of an open file; nil if it does not hold as many or cannot be read at
    /// any place, as a pipe cannot.
    init?(descriptor: Int32, byteCount: Int) {
        let digest = Digest(.sha256)
        let headCount = min(byteCount, Self.endByteCount)
        for (start, end) in [
            (0, headCount), (max(headCount, byteCount - Self.endByteCount), byteCount),
        ] {
            var bytes = [UInt8](repeating: 0, count: end - start)
            let isRead = bytes.withUnsafeMutableBytes { buffer in
                guard Self.fill(buffer, descriptor, from: start) else { return false }
                digest.update(UnsafeRawBufferPointer(buffer))
                return true
            }
            guard isRead else { return nil }
        }
        self.byteCount = byteCount
        self.digest = digest.finish()
    }

    /// Whether an open file begins with what was marked.
    func matches(descriptor: Int32) -> Bool {
        FileMark(descriptor: descriptor, byteCount: byteCount) == self
    }

    private static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, _ descriptor: Int32, from offset: Int
    ) -> Bool {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            filled += count
        }
        return true
    }
}
