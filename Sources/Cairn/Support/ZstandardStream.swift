import CZstd

/// Decompresses Zstandard frames one after the other (RFC 8878), and loses nothing that stands
/// before damage.
///
/// The library forgets what a call has put out if the same call fails, so each call is given no
/// more than one block, or one header.
final class ZstandardStream {
    /// What one step did.
    struct Step {
        /// Bytes of the input that were taken, and bytes that were put out.
        var taken: Int
        var count: Int
        /// A frame is complete, and all of it has been put out.
        var isFrameEnd = false
        /// The library's reason if the input contradicts the format.
        var failure: String?
    }

    private let context: OpaquePointer
    /// Bytes that the next call shall be given.
    private var wantedByteCount = ZstandardStream.headerByteCountMin

    /// The least bytes of a frame header with its magic number (§3.1.1), and those of a block
    /// header (§3.1.1.2).
    private static let headerByteCountMin = 5
    private static let blockHeaderByteCount = 3

    /// Makes a stream whose frames may need a window of 2^`windowLogMax` bytes; the library's
    /// default is 27. Without memory for it, nil.
    init?(windowLogMax: CInt? = nil) {
        guard let context = ZSTD_createDCtx() else { return nil }
        self.context = context
        if let windowLogMax {
            ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLogMax)
        }
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Begins anew.
    func reset() {
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        wantedByteCount = Self.headerByteCountMin
    }

    /// Takes input from the front of `input` and writes what it stands for to the front of
    /// `output`.
    func step(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Step {
        var source = ZSTD_inBuffer(
            src: input.baseAddress, size: min(input.count, wantedByteCount), pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let hint = ZSTD_decompressStream(context, &target, &source)
        var step = Step(taken: source.pos, count: target.pos)
        if ZSTD_isError(hint) != 0 {
            step.failure = String(cString: ZSTD_getErrorName(hint))
        } else if hint == 0 {
            step.isFrameEnd = true
            wantedByteCount = Self.headerByteCountMin
        } else {
            // The hint counts the header of the next block with the block at hand.
            let blockByteCount = hint &- Self.blockHeaderByteCount
            wantedByteCount = blockByteCount > 0 ? blockByteCount : hint
        }
        return step
    }
}
