import Synchronization

/// How far reading has come, for a progress bar. Any thread may look at it while another one reads.
final class CaptureProgress: Sendable {
    /// The size of all inputs as they lie on disk (compressed); nil if one of them is a pipe.
    let byteCountTotal: UInt64?
    private let consumed = Atomic<UInt64>(0)

    init(byteCountTotal: UInt64?) { self.byteCountTotal = byteCountTotal }

    /// Bytes read so far, of the same kind. Reading runs some MiB ahead of what was analysed.
    var byteCount: UInt64 { consumed.load(ordering: .relaxed) }

    func add(_ byteCount: Int) {
        consumed.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
    }
}
