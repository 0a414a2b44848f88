/// The clock of a run, moved by the stamps of frames: it never goes back, and a wild stamp does not
/// move it.
///
/// A frame stamped more than an hour ahead of the clock moves it only if the next frame agrees,
/// that is, is not stamped an hour or more before it; so the caller looks one frame ahead. Frames
/// behind the clock leave it where it is.
struct EventClock {
    /// How far a frame may be ahead without a second one that agrees.
    static let leapMax = 3600 * nanosecondsPerSecond

    private(set) var now: Timestamp?
    /// Frames whose stamps were too far ahead to be believed: `time.jump`.
    private(set) var jumpCount: UInt64 = 0

    /// Takes in the stamp of a frame.
    ///
    /// - Parameters:
    ///   - next: the stamp of the frame behind it, nil if it is the last one.
    ///   - afterNext: the stamp of the frame behind that, if it is known; only the first frame asks.
    /// - Returns: the clock when that frame is looked at, and whether its stamp was not believed.
    @inline(__always)
    mutating func advance(
        to stamp: Timestamp, next: Timestamp?, afterNext: Timestamp? = nil
    ) -> (clock: Timestamp, isJump: Bool) {
        guard let now, stamp.nanoseconds(since: now) <= Self.leapMax else {
            return leap(to: stamp, next: next, afterNext: afterNext)
        }
        let clock = max(now, stamp)
        self.now = clock
        return (clock, false)
    }

    /// A stamp far ahead, or the first one.
    private mutating func leap(
        to stamp: Timestamp, next: Timestamp?, afterNext: Timestamp?
    ) -> (clock: Timestamp, isJump: Bool) {
        var agrees = next.map { stamp.nanoseconds(since: $0) < Self.leapMax }
        if now == nil, agrees == false, let afterNext {
            // Of the first frame and its successor one is wild: the third says which.
            agrees = stamp.nanoseconds(since: afterNext) < Self.leapMax
        }
        if agrees ?? (now == nil) {
            now = stamp
            return (stamp, false)
        }
        jumpCount &+= 1
        // The very first frame cannot be held against anything but its successors.
        let clock = now ?? next ?? stamp
        now = clock
        return (clock, true)
    }
}
