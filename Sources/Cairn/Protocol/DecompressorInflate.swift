import CZlib

/// DEFLATE (RFC 1951), in gzip members (RFC 1952), in the zlib format (RFC 1950) or bare: whichever
/// comes.
///
/// Headers are read here, so that flags which mean nothing and checksums that are wrong do no harm;
/// what browsers show, rules see. Members that follow one another are one body.
final class InflateDecompressor: Decompressor {
    private enum State {
        /// Before the first byte, and behind it.
        case start
        case second(UInt8)
        /// In the gzip header: bytes still to come of its fixed part.
        case fixedHeader(Int)
        case extraLength(Int)
        case extra(Int)
        case name, comment
        case headerChecksum(Int)
        case body
        /// In what follows the data of a member; then perhaps another.
        case trailer(Int)
        case between
        case ended
    }

    private let stream: UnsafeMutablePointer<z_stream>
    private var state: State = .start
    private var isReady = false
    private var isGzip = false
    private var flags: UInt8 = 0
    private var extraByteCount = 0

    override init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        super.init()
        let status = inflateInit2_(
            stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        isReady = status == Z_OK
    }

    deinit {
        if isReady { inflateEnd(stream) }
        stream.deallocate()
    }

    override func reset() {
        if isReady { inflateReset(stream) }
        state = .start
        isGzip = false
        super.reset()
    }

    override func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        guard isReady else { return (0, .memoryLimit) }
        while true {
            switch state {
            case .body: return inflate(&input, into: output)
            case .ended:
                input = UnsafeRawBufferPointer(rebasing: input[input.count...])
                return (0, .end)
            default: break
            }
            guard let byte = input.first else { return (0, .more) }
            if case .between = state, byte != 0x1f {
                state = .ended
                continue
            }
            if case .second(let first) = state, !beginsHeader(first, byte) {
                return inflateBare(first, &input, into: output)
            }
            if case .start = state, byte != 0x1f, byte & 0x8f != 0x08 {
                state = .body
                continue
            }
            input = UnsafeRawBufferPointer(rebasing: input[1...])
            take(byte)
        }
    }

    /// Whether two bytes begin a gzip header or a zlib header (RFC 1950 §2.2) without a dictionary.
    private func beginsHeader(_ first: UInt8, _ second: UInt8) -> Bool {
        if first == 0x1f { return second == 0x8b }
        return (UInt16(first) << 8 | UInt16(second)) % 31 == 0 && second & 0x20 == 0
    }

    /// Takes a byte that is not of the compressed data.
    private func take(_ byte: UInt8) {
        switch state {
        case .start, .between:
            state = .second(byte)
        case .second(let first):
            isGzip = first == 0x1f
            state = isGzip ? .fixedHeader(8) : .body
        case .fixedHeader(let left):
            if left == 7 { flags = byte }
            if left > 1 {
                state = .fixedHeader(left &- 1)
            } else {
                enter(flags & 4 != 0 ? .extraLength(0) : .name)
            }
        case .extraLength(let count):
            extraByteCount = count == 0 ? Int(byte) : extraByteCount | Int(byte) << 8
            if count == 0 {
                state = .extraLength(1)
            } else {
                enter(extraByteCount > 0 ? .extra(extraByteCount) : .name)
            }
        case .extra(let left): enter(left > 1 ? .extra(left &- 1) : .name)
        case .name: if byte == 0 { enter(.comment) }
        case .comment: if byte == 0 { enter(.headerChecksum(2)) }
        case .headerChecksum(let left): state = left > 1 ? .headerChecksum(left &- 1) : .body
        case .trailer(let left):
            state = left > 1 ? .trailer(left &- 1) : isGzip ? .between : .ended
        case .body, .ended: break
        }
    }

    /// Goes on to a part of the header, or to the next one that the flags announce (RFC 1952
    /// §2.3.1).
    private func enter(_ next: State) {
        state = next
        if case .name = state, flags & 8 == 0 { state = .comment }
        if case .comment = state, flags & 16 == 0 { state = .headerChecksum(2) }
        if case .headerChecksum = state, flags & 2 == 0 { state = .body }
    }

    /// Begins data without header, whose first byte was taken already.
    private func inflateBare(
        _ first: UInt8, _ input: inout UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        // What follows the last member may begin like another.
        guard !hasEnded else {
            state = .ended
            return (0, .end)
        }
        state = .body
        let result = withUnsafeBytes(of: first) { start in
            var start = start
            return inflate(&start, into: output)
        }
        guard case .more = result.status else { return result }
        let room = UnsafeMutableRawBufferPointer(rebasing: output[result.count...])
        let rest = inflate(&input, into: room)
        return (result.count &+ rest.count, rest.status)
    }

    private func inflate(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        let inputCount = min(input.count, 1 << 30)
        let outputCount = min(output.count, 1 << 30)
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(truncatingIfNeeded: inputCount)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(truncatingIfNeeded: outputCount)
        let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
        let taken = inputCount &- Int(stream.pointee.avail_in)
        let count = outputCount &- Int(stream.pointee.avail_out)
        input = UnsafeRawBufferPointer(rebasing: input[taken...])
        switch status {
        case Z_OK, Z_BUF_ERROR: return (count, .more)
        case Z_STREAM_END:
            hasEnded = true
            inflateReset(stream)
            state = .trailer(isGzip ? 8 : 4)
            return (count, .more)
        default: return (count, status == Z_MEM_ERROR ? .memoryLimit : .failed)
        }
    }
}
