/// Puts IP datagrams together from their fragments (RFC 791 §3.2, RFC 8200 §4.5), as the receiving
/// host would.
///
/// A datagram that waits for fragments has a tracker: its key, a list of pieces that do not
/// overlap, and pages with their bytes. Memory is bounded by `DefragmentationSettings`: three
/// quarters of `memoryByteCountMax` are pages, one quarter pieces; trackers come on top. At a limit
/// the oldest tracker is dropped. Used by one thread at a time.
final class Defragmenter {
    /// Bytes of a datagram with its header (RFC 791 §3.1); for IPv6, of the payload (RFC 8200 §3).
    static let datagramByteCountMax = 65_535
    static let pageByteCount = 512
    /// What the limits cannot be set below: room for one datagram.
    static let memoryByteCountMin = 1 << 20

    /// Bytes of a datagram that came with one fragment.
    struct Piece {
        var range: Range<UInt32>
        /// The whole range of that fragment: overlap policies go by it.
        var fragment: Range<UInt32>
        var next: Int32
    }

    /// 512 bytes of the payload of a datagram.
    struct Page {
        /// Offset in the payload / 512.
        var number: Int32
        var next: Int32
    }

    struct Tracker {
        var key: FragmentKey
        var deadline: Timestamp
        var policy: DefragmentationPolicy
        /// Bytes that are there.
        var byteCount: UInt32 = 0
        /// Bytes that there must be, once the last fragment has come.
        var totalByteCount: UInt32 = .max
        /// Page that holds what stands before the payload, or -1.
        var headerPage: Int32 = -1
        var headerByteCount: UInt16 = 0
        /// Pieces in order of their ranges.
        var firstPiece: Int32 = -1
        var pieceCount: Int32 = 0
        /// The piece that was added last, where the search for the next place begins.
        var recentPiece: Int32 = -1
        /// Pages, the one that was added last first.
        var firstPage: Int32 = -1
        var older: Int32 = -1
        var newer: Int32 = -1
        var nextInBucket: Int32 = -1
    }

    /// What came of one fragment.
    struct Outcome {
        /// The datagram that it completed.
        var datagram: UnsafeRawBufferPointer?
        var anomalies = DecodeAnomalySet()
    }

    let settings: DefragmentationSettings
    var trackers: SlotPool<Tracker>
    var pieces: SlotPool<Piece>
    var pages: SlotPool<Page>
    let pageBytes: UnsafeMutableRawPointer
    /// Made with the first fragment: most captures have none.
    private var madeBuckets: UnsafeMutablePointer<Int32>?
    private let bucketMask: UInt32
    private var oldest: Int32 = -1
    private var newest: Int32 = -1
    private var counts = Counts()

    private struct Counts {
        var fragments: (v4: UInt64, v6: UInt64) = (0, 0)
        var reassembled: (v4: UInt64, v6: UInt64) = (0, 0)
        var overlapping: UInt64 = 0
        var timedOut: UInt64 = 0
        var evictedForTrackers: UInt64 = 0
        var evictedForMemory: UInt64 = 0
        var ignored: UInt64 = 0
        var truncated: UInt64 = 0
        var badChecksum: UInt64 = 0
    }

    init(_ settings: DefragmentationSettings = DefragmentationSettings()) {
        self.settings = settings
        let memory = max(settings.memoryByteCountMax, Self.memoryByteCountMin)
        let trackerCount = min(max(settings.trackerCountMax, 1), 1 << 24)
        let pageCount = min(memory / 4 * 3 / Self.pageByteCount, 1 << 28)
        trackers = SlotPool(capacity: trackerCount)
        pieces = SlotPool(
            capacity: min(memory / 4 / MemoryLayout<Piece>.stride, Int(Int32.max) - 1))
        pages = SlotPool(capacity: pageCount)
        pageBytes = .allocate(byteCount: pageCount * Self.pageByteCount, alignment: 16)
        var bucketCount = 1024
        while bucketCount < trackerCount { bucketCount *= 2 }
        bucketMask = UInt32(truncatingIfNeeded: bucketCount - 1)
    }

    deinit {
        pageBytes.deallocate()
        madeBuckets?.deallocate()
    }

    private var buckets: UnsafeMutablePointer<Int32> {
        if let madeBuckets { return madeBuckets }
        let count = Int(bucketMask) + 1
        let buckets = UnsafeMutablePointer<Int32>.allocate(capacity: count)
        buckets.initialize(repeating: -1, count: count)
        madeBuckets = buckets
        return buckets
    }

    /// Takes in a fragment; the datagram that it completes lies in `arena`.
    func add(_ packet: Packet, arena: Arena) -> Outcome {
        var outcome = Outcome()
        expire(before: packet.clock)
        if packet.ipVersion == 4 { counts.fragments.v4 &+= 1 } else { counts.fragments.v6 &+= 1 }
        // The host does not get such a packet, or gets other bytes than were captured.
        if packet.isChecksumBad {
            counts.badChecksum &+= 1
            return outcome
        }
        if packet.flags.contains(.truncated) {
            counts.truncated &+= 1
            return outcome
        }
        guard var fragment = Fragment(packet, usesVLAN: settings.usesVLAN) else { return outcome }
        if let anomaly = check(&fragment) {
            outcome.anomalies.insert(anomaly)
            counts.ignored &+= 1
            return outcome
        }
        let tracker = tracker(for: fragment, at: packet.clock)
        if let anomaly = insert(fragment, of: packet, into: tracker) {
            outcome.anomalies.insert(anomaly)
        }
        if isComplete(tracker) { complete(tracker, arena: arena, &outcome) }
        return outcome
    }

    private func complete(_ slot: Int32, arena: Arena, _ outcome: inout Outcome) {
        let isV4 = trackers.slots[Int(slot)].key.ipVersion == 4
        outcome.datagram = assemble(slot, arena: arena)
        remove(slot)
        if outcome.datagram == nil {
            outcome.anomalies.insert(isV4 ? .ipv4FragmentTooLarge : .ipv6FragmentTooLarge)
        } else if isV4 {
            counts.reassembled.v4 &+= 1
        } else {
            counts.reassembled.v6 &+= 1
        }
    }

    /// Gives up datagrams whose time is over.
    @inline(__always)
    func expire(before clock: Timestamp) {
        while oldest >= 0, trackers.slots[Int(oldest)].deadline < clock {
            counts.timedOut &+= 1
            remove(oldest)
        }
    }

    /// Adds everything that was counted.
    func report(into counters: inout Counters) {
        let values: [(String, UInt64)] = [
            ("ipv4.fragments", counts.fragments.v4), ("ipv6.fragments", counts.fragments.v6),
            ("ipv4.reassembled", counts.reassembled.v4),
            ("ipv6.reassembled", counts.reassembled.v6), ("overlapping", counts.overlapping),
            ("mgr.tracker_timeout", counts.timedOut), ("ignored", counts.ignored),
            ("max_trackers_reached", counts.evictedForTrackers),
            ("memcap.evicted", counts.evictedForMemory), ("truncated", counts.truncated),
            ("bad_checksum", counts.badChecksum),
            ("incomplete", UInt64(trackers.capacity - trackers.freeCount)),
        ]
        for (name, value) in values { counters.add("defrag.\(name)", value) }
    }

    // MARK: Fragments

    /// - Returns: why the receiver drops the fragment, if it does.
    private func check(_ fragment: inout Fragment) -> DecodeAnomaly? {
        let isV4 = fragment.key.ipVersion == 4
        let before = isV4 ? fragment.header.count : fragment.header.count - IPv6Header.byteCount
        if Int(fragment.range.upperBound) + before > Self.datagramByteCountMax {
            return isV4 ? .ipv4FragmentTooLarge : .ipv6FragmentTooLarge
        }
        if fragment.header.count > Self.pageByteCount { return .ipv6FragmentIgnored }
        guard fragment.hasMoreFragments else { return nil }
        // RFC 8200 §4.5: in IPv6 that is an error; Linux cuts such IPv4 fragments, others drop
        // them.
        if fragment.range.count % 8 != 0, isV4,
            settings.policy(for: fragment.key.destination) == .linux
        {
            let end = fragment.range.upperBound & ~7
            fragment.range = fragment.range.lowerBound..<max(fragment.range.lowerBound, end)
        }
        guard !fragment.range.isEmpty, fragment.range.count % 8 == 0 else {
            return isV4 ? .ipv4FragmentInvalidLength : .ipv6FragmentInvalidLength
        }
        return nil
    }

    /// Adds the bytes of a fragment to a datagram.
    ///
    /// - Returns: what is wrong with it; nothing is added if there is no room even without all
    ///   other datagrams, or if it contradicts the end of the datagram.
    private func insert(
        _ fragment: Fragment, of packet: Packet, into slot: Int32
    ) -> DecodeAnomaly? {
        let isV4 = fragment.key.ipVersion == 4
        let tracker = trackers.slots + Int(slot)
        guard makeRoom(for: fragment, keeping: slot) else {
            counts.ignored &+= 1
            return isV4 ? .ipv4FragmentIgnored : .ipv6FragmentIgnored
        }
        guard fixEnd(fragment, of: tracker) else {
            counts.ignored &+= 1
            return isV4 ? .ipv4FragmentOverlap : .ipv6FragmentOverlap
        }
        let payload = UnsafeRawBufferPointer(
            rebasing: packet.bytes[
                fragment.payloadOffset..<fragment.payloadOffset &+ fragment.range.count])
        let change = insertPieces(fragment.range, payload, into: tracker)
        if fragment.range.lowerBound == 0,
            change.wroteFirstByte || tracker.pointee.headerPage < 0
        {
            saveHeader(fragment, of: packet, in: tracker)
        }
        guard change.isOverlap else { return nil }
        counts.overlapping &+= 1
        return isV4 ? .ipv4FragmentOverlap : .ipv6FragmentOverlap
    }

    /// Lets the first fragment that claims to be the last fix the end of the datagram.
    ///
    /// - Returns: false for a fragment that lies behind the end, or claims another one.
    private func fixEnd(
        _ fragment: Fragment, of tracker: UnsafeMutablePointer<Tracker>
    ) -> Bool {
        let end = fragment.range.upperBound
        let total = tracker.pointee.totalByteCount
        if fragment.hasMoreFragments { return end <= total }
        guard total == .max ? lastEnd(tracker) <= end : end == total else { return false }
        tracker.pointee.totalByteCount = end
        return true
    }

    // MARK: Trackers

    /// The tracker of a datagram, a new one if it has none.
    private func tracker(for fragment: Fragment, at clock: Timestamp) -> Int32 {
        let bucket = Int(fragment.key.hash & bucketMask)
        var slot = buckets[bucket]
        while slot >= 0 {
            let tracker = trackers.slots + Int(slot)
            if tracker.pointee.key == fragment.key {
                // Where time-outs differ, the oldest need not be the first to end.
                guard tracker.pointee.deadline < clock else { return slot }
                counts.timedOut &+= 1
                remove(slot)
                break
            }
            slot = tracker.pointee.nextInBucket
        }
        if trackers.freeCount == 0 {
            counts.evictedForTrackers &+= 1
            remove(oldest)
        }
        let destination = fragment.key.destination
        let new = trackers.take()
        var tracker = Tracker(
            key: fragment.key,
            deadline: clock.adding(
                nanoseconds: settings.timeoutNanoseconds(for: destination)),
            policy: settings.policy(for: destination))
        tracker.nextInBucket = buckets[bucket]
        tracker.older = newest
        (trackers.slots + Int(new)).initialize(to: tracker)
        buckets[bucket] = new
        if newest >= 0 { trackers.slots[Int(newest)].newer = new } else { oldest = new }
        newest = new
        return new
    }

    /// Gives back everything that a datagram holds.
    private func remove(_ slot: Int32) {
        let tracker = trackers.slots[Int(slot)]
        var piece = tracker.firstPiece
        while piece >= 0 {
            let next = pieces.slots[Int(piece)].next
            pieces.giveBack(piece)
            piece = next
        }
        var page = tracker.firstPage
        while page >= 0 {
            let next = pages.slots[Int(page)].next
            pages.giveBack(page)
            page = next
        }
        if tracker.headerPage >= 0 { pages.giveBack(tracker.headerPage) }
        unlink(slot, tracker)
        trackers.giveBack(slot)
    }

    private func unlink(_ slot: Int32, _ tracker: Tracker) {
        let bucket = Int(tracker.key.hash & bucketMask)
        if buckets[bucket] == slot {
            buckets[bucket] = tracker.nextInBucket
        } else {
            var before = buckets[bucket]
            while trackers.slots[Int(before)].nextInBucket != slot {
                before = trackers.slots[Int(before)].nextInBucket
            }
            trackers.slots[Int(before)].nextInBucket = tracker.nextInBucket
        }
        if tracker.older >= 0 {
            trackers.slots[Int(tracker.older)].newer = tracker.newer
        } else {
            oldest = tracker.newer
        }
        if tracker.newer >= 0 {
            trackers.slots[Int(tracker.newer)].older = tracker.older
        } else {
            newest = tracker.older
        }
    }

    /// Drops the oldest datagrams until there is room for one more fragment.
    ///
    /// - Returns: false if there is none even with `slot` alone.
    private func makeRoom(for fragment: Fragment, keeping slot: Int32) -> Bool {
        let byteCount = fragment.range.count
        let pagesNeeded = byteCount / Self.pageByteCount + 3
        // A piece that is overlapped may be split and filled up in front; there are no more than
        // there are multiples of eight in the range.
        let pieceCount = Int(trackers.slots[Int(slot)].pieceCount)
        let piecesNeeded = min(byteCount / 4, 2 &* pieceCount) &+ 4
        while pages.freeCount < pagesNeeded || pieces.freeCount < piecesNeeded {
            let victim = oldest == slot ? trackers.slots[Int(slot)].newer : oldest
            guard victim >= 0 else { return false }
            counts.evictedForMemory &+= 1
            remove(victim)
        }
        return true
    }
}
