import CBrotli
import CLZMA

/// Brotli (RFC 7932). The library cannot begin anew, so each body makes its own state.
///
/// The library keeps back what a call has decoded if the same call fails. Bytes are given to it one
/// by one, so that what comes before damage does not depend on how the bytes came.
final class BrotliDecompressor: Decompressor {
    private var decoder: OpaquePointer?

    deinit { BrotliDecoderDestroyInstance(decoder) }

    override func reset() {
        BrotliDecoderDestroyInstance(decoder)
        decoder = nil
        super.reset()
    }

    override func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        if decoder == nil { decoder = BrotliDecoderCreateInstance(nil, nil, nil) }
        guard let decoder else { return (0, .memoryLimit) }
        let givenCount = min(1, input.count)
        var inputCount = givenCount
        var nextInput = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var room = output.count
        var nextOutput = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let result = BrotliDecoderDecompressStream(
            decoder, &inputCount, &nextInput, &room, &nextOutput, nil)
        input = UnsafeRawBufferPointer(rebasing: input[(givenCount &- inputCount)...])
        let count = output.count &- room
        switch result {
        case BROTLI_DECODER_RESULT_SUCCESS:
            hasEnded = true
            return (count, .end)
        case BROTLI_DECODER_RESULT_ERROR: return (count, .failed)
        default: return (count, .more)
        }
    }
}

/// LZMA in its own file format (`.lzma`), as some servers send it under that name.
///
/// Its header names the dictionary's size, and encoders name far more than short bodies need: what
/// is named beyond half the memory that may be taken is cut to that, and only a body that refers
/// back farther fails.
///
///      0            1                  5                              13  byte
///     +------------+------------------+-------------------------------+
///     | properties | dictionary, LE   | bytes unpacked, LE, or all 1s |
///     +------------+------------------+-------------------------------+
final class LZMADecompressor: Decompressor {
    private static let headerByteCount = 13

    private let memoryByteCountMax: Int
    private let stream: UnsafeMutablePointer<lzma_stream>
    private let header = HTTPBuffer()
    private var isReady = false
    private var isDictionaryCut = false

    init(memoryByteCountMax: Int) {
        self.memoryByteCountMax = memoryByteCountMax
        stream = .allocate(capacity: 1)
        stream.initialize(to: lzma_stream())
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    override func reset() {
        lzma_end(stream)
        stream.pointee = lzma_stream()
        header.removeAll()
        isReady = false
        isDictionaryCut = false
        super.reset()
    }

    override func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        if !isReady {
            let count = min(input.count, Self.headerByteCount &- header.count)
            header.append(UnsafeRawBufferPointer(rebasing: input[..<count]))
            input = UnsafeRawBufferPointer(rebasing: input[count...])
            guard header.count == Self.headerByteCount else { return (0, .more) }
            let limit = UInt64(max(1, memoryByteCountMax))
            guard lzma_alone_decoder(stream, limit) == LZMA_OK else { return (0, .memoryLimit) }
            isReady = true
            cutDictionary()
            var start = header.bytes
            let (_, status) = run(&start, into: output)
            guard case .more = status else { return (0, status) }
        }
        return run(&input, into: output)
    }

    private func cutDictionary() {
        let bytes = header.mutableBytes
        var named: UInt32 = 0
        for index in 0..<4 { named |= UInt32(bytes[1 &+ index]) << UInt32(8 &* index) }
        let most = UInt32(clamping: memoryByteCountMax / 2)
        guard named > most else { return }
        isDictionaryCut = true
        // The library takes only 2^n and 2^n + 2^(n - 1).
        var size: UInt32 = 1
        while size <= most >> 1 { size <<= 1 }
        for index in 0..<4 {
            bytes[1 &+ index] = UInt8(truncatingIfNeeded: size >> UInt32(8 &* index))
        }
    }

    private func run(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = input.count
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = output.count
        let status = lzma_code(stream, LZMA_RUN)
        let count = output.count &- stream.pointee.avail_out
        input = UnsafeRawBufferPointer(
            rebasing: input[(input.count &- stream.pointee.avail_in)...])
        switch status {
        case LZMA_OK, LZMA_BUF_ERROR: return (count, .more)
        case LZMA_STREAM_END:
            hasEnded = true
            return (count, .end)
        case LZMA_MEMLIMIT_ERROR, LZMA_MEM_ERROR: return (count, .memoryLimit)
        default: return (count, isDictionaryCut ? .memoryLimit : .failed)
        }
    }
}

/// Zstandard (RFC 8878), with the window that HTTP allows (RFC 9659).
final class ZstandardDecompressor: Decompressor {
    private let stream = ZstandardStream(windowLogMax: 23)

    override func reset() {
        stream?.reset()
        super.reset()
    }

    override func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        guard let stream else { return (0, .memoryLimit) }
        let step = stream.step(input, into: output)
        input = UnsafeRawBufferPointer(rebasing: input[step.taken...])
        if step.isFrameEnd { hasEnded = true }
        return (step.count, step.failure == nil ? .more : .failed)
    }
}
