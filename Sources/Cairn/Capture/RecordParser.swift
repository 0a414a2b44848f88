/// Finds the frames in the bytes of one capture format, piece by piece. Called once a piece.
protocol RecordParser: AnyObject {
    /// Lists the frames of `bytes`, which begin where the last call stopped consuming, until
    /// `frames` has `countMax`.
    ///
    /// Frames point into `bytes`; their numbers are left to the caller.
    func parse(_ bytes: UnsafeRawBufferPointer, into frames: inout [Frame], countMax: Int)
        -> ParseOutcome

    /// Where the record begins that comes next, or that is being passed over, from the start of the
    /// content.
    var recordOffset: UInt64 { get }

    /// Whether bytes of a record have been consumed that is not complete: the input must not end
    /// here.
    var isWithinRecord: Bool { get }

    /// Adds what was passed over and lost.
    func report(into counters: inout Counters)
}

/// How far a parser came in a piece, and why no further.
struct ParseOutcome: Equatable {
    enum Stop: Equatable {
        /// The rest is less than one record.
        case needsMore
        /// As many frames as wanted are listed; the rest may hold more.
        case full
        /// The record at `recordOffset` contradicts the format.
        case damaged(String)
    }

    /// Bytes that need not be handed in again.
    var consumed: Int
    var stop: Stop
}

/// The limits that the readers of both formats share.
enum RecordLimit {
    /// Captured bytes of a frame: libpcap's MAXIMUM_SNAPLEN. More is damage, not data.
    static let capturedByteCountMax = 256 << 10
    /// Bytes of a record with its header and options; more than this is never needed in one piece.
    static let recordByteCountMax = capturedByteCountMax + (64 << 10)
}
