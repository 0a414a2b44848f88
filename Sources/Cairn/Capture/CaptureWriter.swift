#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes frames as pcapng: one section, nanoseconds, an interface for each source and link type.
///
/// A tick of the clock becomes an interface statistics block with a comment, which other tools pass
/// over (`PcapNGReader.tickComment`). Reading the file gives the same frames, stamps and ticks
/// again.
///
/// Blocks are written some 64 KiB at a time, and by `flush`. Where writing fails, the file is cut
/// behind its last whole block, and every further call throws the same. For a broken pipe, the
/// process must ignore SIGPIPE.
final class CaptureWriter {
    private let path: String
    private let sourceNames: [String]
    private let descriptor: CInt
    private var blocks = PcapNGBlocks()
    private var interfaces: [Interface] = []
    private var lastTimestamp = Timestamp.epoch
    private var writtenByteCount = 0
    private var failure: CaptureError?

    /// Bytes that are held back until they are written together.
    static let heldByteCountMax = 64 << 10

    private struct Interface: Equatable {
        var source: UInt32
        var linkType: LinkType
    }

    /// Creates the file, or empties it; `-` is standard output.
    ///
    /// - Parameter sourceNames: what `Frame.source` refers to; written as the names of interfaces.
    /// - Throws: `unwritable`, with the system's reason.
    init(path: String, sourceNames: [String]) throws(CaptureError) {
        descriptor =
            path == FileSource.standardInput
            ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: systemReason()) }
        self.path = path
        self.sourceNames = sourceNames
        blocks.addSection(application: "cairn")
    }

    /// Closes the file. Frames that were not flushed are written if they can be; `flush` tells.
    deinit {
        do throws(CaptureError) { try flush() } catch {}
        if descriptor != STDOUT_FILENO { close(descriptor) }
    }

    /// Gives the file to a user, for programs that give up their rights.
    func give(to user: String) { SystemUser(named: user)?.take(descriptor, at: path) }

    /// Writes the frames and ticks of a batch.
    func write(_ batch: FrameBatch) throws(CaptureError) {
        for frame in batch.frames { try write(frame) }
    }

    /// Writes one frame or tick. Stamps before 1970 are written as 1970, bytes beyond the longest
    /// snap length (`RecordLimit.capturedByteCountMax`) as cut off.
    func write(_ frame: Frame) throws(CaptureError) {
        let interface = try interfaceIndex(of: frame)
        lastTimestamp = frame.timestamp
        if frame.isTick {
            blocks.addStatistics(
                interface: interface, frame.timestamp, comment: PcapNGReader.tickComment)
        } else {
            blocks.addPacket(interface: interface, frame)
        }
        if blocks.bytes.count >= Self.heldByteCountMax { try flush() }
    }

    /// Ends the file with what the kernel lost, so that whoever reads it knows.
    func finish(_ losses: KernelLosses) throws(CaptureError) {
        if !interfaces.isEmpty {
            blocks.addStatistics(interface: 0, lastTimestamp, losses: losses)
        }
        try flush()
    }

    /// Hands everything to the system.
    func flush() throws(CaptureError) {
        if let failure { throw failure }
        var written = 0
        while written < blocks.bytes.count {
            let count = blocks.bytes.withUnsafeBytes { bytes in
                systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: bytes[written...]))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = CaptureError.unwritable(path: path, reason: systemReason())
                ftruncate(descriptor, off_t(writtenByteCount + blocks.wholeBlocks(in: written)))
                self.failure = failure
                throw failure
            }
            written += count
        }
        writtenByteCount += written
        blocks.removeAll()
    }

    private func interfaceIndex(of frame: Frame) throws(CaptureError) -> UInt32 {
        let wanted = Interface(source: frame.source, linkType: frame.linkType)
        if let known = interfaces.firstIndex(of: wanted) { return UInt32(known) }
        guard let linkType = UInt16(exactly: frame.linkType.rawValue) else {
            throw .unwritable(
                path: path, reason: "pcapng has no link type \(frame.linkType.rawValue)")
        }
        let source = Int(frame.source)
        blocks.addInterface(
            linkType: linkType, name: source < sourceNames.count ? sourceNames[source] : nil)
        interfaces.append(wanted)
        return UInt32(interfaces.count - 1)
    }
}

/// write(2), under a name that does not collide with the writer's method.
private func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

/// What the kernel saw of an interface, and lost, since the capture began.
struct KernelLosses: Equatable {
    /// Packets that passed the filter, lost ones included.
    var received: UInt64 = 0
    /// Packets for which the kernel's buffer had no room.
    var droppedBySystem: UInt64 = 0
    /// Packets that the interface or its driver lost.
    var droppedByInterface: UInt64 = 0
}
