import CZlib

/// How a capture is compressed, by its first bytes.
enum Compression: String {
    /// RFC 1952; several members one after the other are one file (§2.2).
    case gzip
    /// RFC 8878; several frames are one file, skippable frames (§3.1.2) are passed over.
    case zstd

    init?(head: [UInt8]) {
        if head.starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if head.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else if head.count >= 4, head[0] & 0xf0 == 0x50, head[1...3] == [0x2a, 0x4d, 0x18] {
            self = .zstd
        } else {
            return nil
        }
    }

    func decompressor(over source: any ByteSource) -> any ByteSource {
        switch self {
        case .gzip: GzipSource(source)
        case .zstd: ZstdSource(source)
        }
    }
}

/// What both decompressors need of their input: a buffer that is refilled, and the error behind it.
private struct CompressedInput {
    let source: any ByteSource
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private(set) var failure: ByteSourceError?
    private(set) var isAtEnd = false

    init(_ source: any ByteSource) { self.source = source }

    /// Reads the next compressed bytes; 0 at the end, and where reading failed.
    mutating func refill() -> Int {
        guard !isAtEnd else { return 0 }
        var count = 0
        do throws(ByteSourceError) {
            count = try source.read(into: buffer)
        } catch {
            failure = error
        }
        isAtEnd = count == 0
        return count
    }
}

/// Decompresses gzip files of one or several members (RFC 1952), through zlib.
final class GzipSource: ByteSource {
    private var input: CompressedInput
    /// At a fixed address, since zlib's state points back at it.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isBetweenMembers = false
    private var mayHoldOutput = false
    private var failure: ByteSourceError?

    /// The window size of gzip, and 16 to have zlib read gzip's header and check sums.
    private static let windowBits: CInt = 15 + 16

    init(_ source: any ByteSource) {
        input = CompressedInput(source)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = CInt(MemoryLayout<z_stream>.size)
        let status = inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, size)
        precondition(status == Z_OK, "zlib cannot be started")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.buffer.deallocate()
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        if let failure { throw failure }
        guard buffer.count > 0 else { return 0 }
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: buffer.count)
        let room = Int(stream.pointee.avail_out)
        repeat {
            if stream.pointee.avail_in == 0, !mayHoldOutput {
                if Int(stream.pointee.avail_out) < room { break }
                guard refill() else { break }
            }
            inflateOn()
        } while stream.pointee.avail_out > 0 && failure == nil
        let produced = room - Int(stream.pointee.avail_out)
        if produced == 0, let failure { throw failure }
        return produced
    }

    /// Hands the next compressed bytes to zlib; false at the end of the file, and where it should
    /// not be.
    private func refill() -> Bool {
        let count = input.refill()
        stream.pointee.next_in = input.buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(clamping: count)
        if count == 0 { failure = input.failure ?? (isBetweenMembers ? nil : .cutOff) }
        return count > 0
    }

    private func inflateOn() {
        if isBetweenMembers {
            guard skipPadding() else { return }
            isBetweenMembers = false
            inflateReset(stream)
        }
        let status = inflate(stream, Z_NO_FLUSH)
        mayHoldOutput = stream.pointee.avail_out == 0 && status != Z_STREAM_END
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isBetweenMembers = true
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)"
            failure = .damaged("gzip: \(reason)")
        }
    }

    /// Passes over zeros between and behind members, with which tapes and block devices fill up, as
    /// gzip(1) does; false if nothing else is left of the input at hand.
    private func skipPadding() -> Bool {
        while stream.pointee.avail_in > 0, let next = stream.pointee.next_in {
            if next.pointee != 0 { return true }
            stream.pointee.next_in = next + 1
            stream.pointee.avail_in -= 1
        }
        return false
    }
}

/// Decompresses Zstandard files of one or several frames (RFC 8878), through libzstd.
///
/// The window of a frame, and with it the memory, is bounded by the library's default of 128 MiB.
final class ZstdSource: ByteSource {
    private var input: CompressedInput
    private var filled = 0
    private var position = 0
    private let stream: ZstandardStream
    private var isBetweenFrames = true
    private var mayHoldOutput = false
    private var failure: ByteSourceError?

    init(_ source: any ByteSource) {
        guard let stream = ZstandardStream() else {
            preconditionFailure("libzstd cannot be started")
        }
        input = CompressedInput(source)
        self.stream = stream
    }

    deinit { input.buffer.deallocate() }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        if let failure { throw failure }
        var count = 0
        while count < buffer.count, failure == nil {
            if position == filled, !mayHoldOutput {
                if count > 0 { break }
                guard refill() else { break }
            }
            count += decompressOn(UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
        }
        if count == 0, let failure { throw failure }
        return count
    }

    private func refill() -> Bool {
        filled = input.refill()
        position = 0
        if filled == 0 { failure = input.failure ?? (isBetweenFrames ? nil : .cutOff) }
        return filled > 0
    }

    private func decompressOn(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let rest = UnsafeRawBufferPointer(rebasing: input.buffer[position..<filled])
        let step = stream.step(rest, into: room)
        position += step.taken
        if let reason = step.failure { failure = .damaged("zstd: \(reason)") }
        isBetweenFrames = step.isFrameEnd
        mayHoldOutput = step.count == room.count && !step.isFrameEnd
        return step.count
    }
}
