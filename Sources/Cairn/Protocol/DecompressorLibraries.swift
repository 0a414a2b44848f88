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
final class LZMADecompressor: Decompressor {
    private let memoryByteCountMax: Int
    private let stream: UnsafeMutablePointer<lzma_stream>
    private var isReady = false

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
        isReady = false
        super.reset()
    }

    override func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        if !isReady {
            let limit = UInt64(max(1, memoryByteCountMax))
            guard lzma_alone_decoder(stream, limit) == LZMA_OK else { return (0, .memoryLimit) }
            isReady = true
        }
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
        default: return (count, .failed)
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
