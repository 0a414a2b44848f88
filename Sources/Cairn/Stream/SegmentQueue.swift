#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The segments of one direction that wait for delivery, in the order of the stream and without
/// overlaps.
///
/// Where segments overlap, the receiver's policy decides which copy stays. At most
/// `segmentCountMax` segments wait; what comes beyond is lost, as it is at the memory limit of the
/// pool.
struct SegmentQueue {
    private(set) var first: SegmentPointer?
    private(set) var last: SegmentPointer?
    /// The block that new bytes are copied into.
    var fill: UnsafeMutablePointer<SegmentBlock>?
    private(set) var segmentCount: Int32 = 0

    /// Enough for a window of four megabytes in whole frames behind a lost one.
    static let segmentCountMax = 4096

    /// What an insertion met.
    struct Outcome {
        /// Bytes were there already; some of them differ.
        var overlaps = false
        var differs = false
        /// Bytes could not be kept.
        var isLost = false
        /// The segment that holds the last of the bytes, if they were kept or there already.
        var segment: SegmentPointer?
    }

    /// A segment that is to be inserted.
    struct New {
        /// Position of the first byte.
        var start: Int64
        /// nil for a place that holds no bytes.
        var bytes: UnsafeRawPointer?
        var byteCount: Int64
        /// Where the segment began and ended as it was sent.
        var originStart: Int64
        var originEnd: Int64
        /// The stream is long: copy into larger blocks.
        var isBulk: Bool

        @inline(__always) var end: Int64 { start &+ byteCount }
    }

    /// Adds a segment, resolving overlaps.
    @inline(__always)
    mutating func insert(_ new: New, _ policy: OverlapPolicy, _ pool: SegmentPool) -> Outcome {
        var outcome = Outcome()
        if last.map({ $0.pointee.end <= new.start }) ?? true {
            add(new, from: new.start, to: new.end, before: nil, pool, &outcome)
        } else {
            insertAmongOthers(new, policy, pool, &outcome)
        }
        return outcome
    }

    /// Removes the first `byteCount` bytes of the first segment.
    @inline(__always) mutating func removeFirst(_ byteCount: Int64, _ pool: SegmentPool) {
        guard let first else { return }
        if byteCount < first.pointee.byteCount {
            first.pointee.start &+= byteCount
            first.pointee.byteCount &-= byteCount
            first.pointee.bytes = first.pointee.bytes.map { $0 + Int(byteCount) }
        } else {
            remove(first, pool)
        }
    }

    /// Removes everything.
    mutating func removeAll(_ pool: SegmentPool) {
        while let first { remove(first, pool) }
    }

    private mutating func insertAmongOthers(
        _ new: New, _ policy: OverlapPolicy, _ pool: SegmentPool, _ outcome: inout Outcome
    ) {
        var cursor = new.start
        var next = firstSegment(endingAfter: new.start)
        while cursor < new.end {
            guard let old = next, old.pointee.start < new.end else {
                add(new, from: cursor, to: new.end, before: next, pool, &outcome)
                return
            }
            if cursor < old.pointee.start {
                add(new, from: cursor, to: old.pointee.start, before: old, pool, &outcome)
                cursor = old.pointee.start
            }
            next = old.pointee.next
            let overlapEnd = min(old.pointee.end, new.end)
            outcome.overlaps = true
            outcome.segment = old
            if differs(new, old, from: cursor, to: overlapEnd) {
                outcome.differs = true
                if policy.prefersNewer(
                    start: new.originStart &- old.pointee.originStart,
                    end: new.originEnd &- old.pointee.originEnd)
                {
                    replace(old, with: new, from: cursor, to: overlapEnd, pool, &outcome)
                }
            }
            cursor = overlapEnd
        }
    }

    /// New segments mostly belong near the end, so it is looked for from there.
    private func firstSegment(endingAfter position: Int64) -> SegmentPointer? {
        if let first, first.pointee.end > position { return first }
        var segment = last
        while let previous = segment?.pointee.previous, previous.pointee.end > position {
            segment = previous
        }
        return segment
    }

    private func differs(
        _ new: New, _ old: SegmentPointer, from start: Int64, to end: Int64
    ) -> Bool {
        guard let newBytes = new.bytes, let oldBytes = old.pointee.bytes else { return false }
        return memcmp(
            newBytes + Int(start &- new.start), oldBytes + Int(start &- old.pointee.start),
            Int(end &- start)) != 0
    }

    /// Copies a part of a segment to its place before another.
    private mutating func add(
        _ new: New, from start: Int64, to end: Int64, before next: SegmentPointer?,
        _ pool: SegmentPool, _ outcome: inout Outcome
    ) {
        guard segmentCount < Self.segmentCountMax,
            let segment = pool.makeSegment(
                new.bytes.map { $0 + Int(start &- new.start) }, byteCount: end &- start,
                for: &self, isBulk: new.isBulk)
        else {
            outcome.isLost = true
            return
        }
        segment.pointee.start = start
        segment.pointee.originStart = new.originStart
        segment.pointee.originEnd = new.originEnd
        link(segment, before: next)
        outcome.segment = segment
    }

    /// Puts a newer copy in the place of a part of a segment, which keeps what is before and behind
    /// it. At a limit the older copy stays.
    private mutating func replace(
        _ old: SegmentPointer, with new: New, from start: Int64, to end: Int64,
        _ pool: SegmentPool, _ outcome: inout Outcome
    ) {
        guard segmentCount &+ 2 <= Self.segmentCountMax else { return }
        if end < old.pointee.end {
            guard
                let rest = pool.makeSegment(
                    sharing: old, from: end, byteCount: old.pointee.end &- end)
            else { return }
            link(rest, before: old.pointee.next)
            old.pointee.byteCount = end &- old.pointee.start
        }
        add(new, from: start, to: end, before: old.pointee.next, pool, &outcome)
        guard outcome.segment != old else { return }
        old.pointee.byteCount = start &- old.pointee.start
        if old.pointee.byteCount == 0 { remove(old, pool) }
    }

    private mutating func link(_ segment: SegmentPointer, before next: SegmentPointer?) {
        let previous = next == nil ? last : next?.pointee.previous
        segment.pointee.previous = previous
        segment.pointee.next = next
        if let previous { previous.pointee.next = segment } else { first = segment }
        if let next { next.pointee.previous = segment } else { last = segment }
        segmentCount &+= 1
    }

    private mutating func remove(_ segment: SegmentPointer, _ pool: SegmentPool) {
        let (previous, next) = (segment.pointee.previous, segment.pointee.next)
        if let previous { previous.pointee.next = next } else { first = next }
        if let next { next.pointee.previous = previous } else { last = previous }
        segmentCount &-= 1
        pool.release(segment, of: &self)
    }
}
