#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The values of a set at the end of a run, for the file that a rule (`state`, `save`) or a setting (`datasets`) names.
public struct SavedSet: Sendable {
    /// Where they are to be written.
    public let path: String
    let bytes: [UInt8]

    /// Writes the file as a whole: whoever reads it sees the old values or the new ones.
    public func write() throws(OutputError) {
        let part = path + ".part"
        do throws(OutputError) {
            let writer = try LineWriter(path: part)
            writer.write(bytes)
            try writer.flush()
        } catch {
            unlink(part)
            throw OutputError(path: path, reason: error.reason, isBrokenPipe: false)
        }
        guard rename(part, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(part)
            throw OutputError(path: path, reason: reason, isBrokenPipe: false)
        }
    }
}
