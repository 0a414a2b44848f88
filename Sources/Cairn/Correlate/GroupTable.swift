/// A group of one correlation rule, by its place in the rule's `GroupTable`.
typealias GroupID = UInt32

/// What a correlation rule keeps for the items that share their `group-by` values (CORRELATION.md
/// §2, §5).
struct CorrelationGroup {
    /// The values, as `GroupKey` writes them: here if they fit, else in memory of their own.
    var shortKey: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var longKey: UnsafeMutableRawPointer?
    var keyByteCount: Int32
    /// Place in the rule's timers; -1 without one.
    var timer: Int32 = -1
    var hash: UInt32
    /// When an item last came, whether it was kept or not: what eviction goes by.
    var touched: Timestamp
    /// Neither a firing nor the start of a window at this time or before.
    var quietEnd = Timestamp(nanoseconds: .min)
    /// Tumbling: start of the open window.
    var windowStart: Timestamp?
    var ring = ItemRing()
    /// Sliding: number of the first item that was not yet looked at as the start of a window.
    var anchor: UInt64 = 1
    /// `value_sum`, eager: millionths of the items held.
    var sum: Int128 = 0
    /// `value_count`, eager.
    var distinct = DistinctValues()
    /// Temporal types: one bit for each of the first 64 rules with an item, and how many rules have
    /// one.
    var present: UInt64 = 0
    var presentCount: Int32 = 0

    /// The time of the latest item held; the distant past without one.
    @inline(__always) var lastItemTime: Timestamp {
        ring.isEmpty ? Timestamp(nanoseconds: .min) : ring[ring.next &- 1].time
    }
}

/// The groups of one correlation rule: found by key, listed in the order of their last items and of
/// the ends of their quiet times.
///
/// Groups have slots of one size in chunks that stay where they are; behind each group its rule has
/// a tail of counters. `max-groups` and `memcap` bound the table, and a group that holds nothing
/// any more goes away.
struct GroupTable: ~Copyable {
    struct Links {
        var previous: GroupID
        var next: GroupID
        var previousQuiet: GroupID
        var nextQuiet: GroupID
        var isQuietListed: Bool
    }

    static let none: GroupID = .max
    private static let groupsPerChunk = 256
    private static let tailOffset = (MemoryLayout<CorrelationGroup>.size + 15) & ~15

    private let tailByteCount: Int
    private let stride: Int
    private var chunks: ChunkedMemory
    private var links: UnsafeMutablePointer<Links>
    private var linkCapacity = 0
    private var used = 0
    private var firstFree = GroupTable.none

    private var index = HashIndex()

    /// Live groups, and the bytes that they take apart from their items.
    private(set) var count = 0
    private(set) var byteCount = 0

    /// The group with the earliest last item, the smallest key first among equals; then the others
    /// in that order.
    private(set) var first = GroupTable.none
    private(set) var last = GroupTable.none
    /// In that order, the first group whose last item may still be in its window.
    private(set) var firstInWindow = GroupTable.none
    /// The group whose quiet time ends first, and the last.
    private(set) var firstQuiet = GroupTable.none
    private var lastQuiet = GroupTable.none

    /// A table whose groups have `tailByteCount` bytes behind them, zero at first.
    init(tailByteCount: Int) {
        self.tailByteCount = tailByteCount
        stride = Self.tailOffset + ((tailByteCount + 15) & ~15)
        chunks = ChunkedMemory(chunkByteCount: Self.groupsPerChunk * stride)
        links = .allocate(capacity: 1)
    }

    deinit {
        var group = first
        while group != Self.none {
            Self.freeMemory(self[group])
            group = links[Int(group)].next
        }
        links.deallocate()
        index.freeMemory()
    }

    @inline(__always)
    subscript(group: GroupID) -> UnsafeMutablePointer<CorrelationGroup> {
        (chunks[Int(group) / Self.groupsPerChunk] + Int(group) % Self.groupsPerChunk &* stride)
            .assumingMemoryBound(to: CorrelationGroup.self)
    }

    /// The counters behind a group.
    @inline(__always)
    func tail<T: BitwiseCopyable>(_ group: GroupID, as type: T.Type) -> UnsafeMutablePointer<T> {
        (UnsafeMutableRawPointer(self[group]) + Self.tailOffset).assumingMemoryBound(to: T.self)
    }

    /// Accounts for memory that a group took or gave back.
    @inline(__always) mutating func addBytes(_ difference: Int) { byteCount &+= difference }

    // MARK: Keys

    /// The group of a key.
    @inline(__always) func find(_ key: UnsafeRawBufferPointer, hash: UInt32) -> GroupID? {
        index.find(hash) { candidate in
            GroupKey.areEqual(self.key(of: candidate), key)
        }
    }

    /// Asks for where the group of a hash will be looked for.
    @inline(__always) func prefetch(hash: UInt32) { index.prefetch(hash) }

    /// The group that likely is the one of a hash, whose memory is asked for; `none` without one.
    @inline(__always) func prefetchGroup(hash: UInt32) -> GroupID {
        guard let group = index.find(hash, where: { _ in true }) else { return Self.none }
        Cairn.prefetch(UnsafeRawPointer(self[group]), byteCount: stride)
        Cairn.prefetch(links + Int(group))
        return group
    }

    /// Asks for the items of a group and for its neighbours in the order of last items. The group may
    /// be gone meanwhile.
    @inline(__always) func prefetchItems(_ group: GroupID) {
        self[group].pointee.ring.prefetch()
        let link = links[Int(group)]
        if link.previous != Self.none { Cairn.prefetch(links + Int(link.previous)) }
        if link.next != Self.none { Cairn.prefetch(links + Int(link.next)) }
    }

    /// The oldest item of a group, which will be let go of first; nil without one.
    @inline(__always) func firstItem(_ group: GroupID) -> ItemID? {
        let ring = self[group].pointee.ring
        return ring.isEmpty ? nil : ring[ring.first].item
    }

    /// Asks for what the end of the first group in its window needs, and for the group behind it.
    @inline(__always) private mutating func prefetchEnd() {
        guard firstInWindow != Self.none else { return }
        self[firstInWindow].pointee.ring.prefetch()
        index.prefetch(self[firstInWindow].pointee.hash)
        let next = links[Int(firstInWindow)].next
        guard next != Self.none else { return }
        Cairn.prefetch(UnsafeRawPointer(self[next]), byteCount: stride)
        Cairn.prefetch(links + Int(next))
    }

    /// The key of a group, valid while the group is there.
    @inline(__always) func key(of group: GroupID) -> UnsafeRawBufferPointer {
        // A short key is the first of the group's stored properties.
        let place = self[group].pointee.longKey ?? UnsafeMutableRawPointer(self[group])
        return UnsafeRawBufferPointer(
            start: place, count: Int(self[group].pointee.keyByteCount))
    }

    /// Makes the group of a key that is not there, last in the order of items.
    mutating func insert(_ key: UnsafeRawBufferPointer, hash: UInt32, at time: Timestamp) -> GroupID
    {
        if firstFree == Self.none { addChunk() }
        let group = firstFree
        firstFree = links[Int(group)].next
        self[group].initialize(
            to: CorrelationGroup(
                keyByteCount: Int32(truncatingIfNeeded: key.count), hash: hash, touched: time))
        var place = UnsafeMutableRawPointer(self[group])
        if key.count > MemoryLayout.size(ofValue: self[group].pointee.shortKey) {
            place = .allocate(byteCount: key.count, alignment: 8)
            self[group].pointee.longKey = place
        }
        if let base = key.baseAddress { place.copyMemory(from: base, byteCount: key.count) }
        if tailByteCount > 0 {
            tail(group, as: UInt8.self).update(repeating: 0, count: tailByteCount)
        }
        links[Int(group)].isQuietListed = false
        append(group)
        index.insert(group, hash: hash)
        count += 1
        byteCount &+= stride &+ key.count &+ MemoryLayout<Links>.stride
        return group
    }

    /// Takes a group out; its items and its timer must be gone.
    mutating func remove(_ group: GroupID) {
        index.remove(group, hash: self[group].pointee.hash)
        unlink(group)
        removeFromQuiet(group)
        byteCount &-=
            stride &+ Int(self[group].pointee.keyByteCount) &+ MemoryLayout<Links>.stride
        Self.freeMemory(self[group])
        links[Int(group)].next = firstFree
        firstFree = group
        count -= 1
    }

    private static func freeMemory(_ group: UnsafeMutablePointer<CorrelationGroup>) {
        group.pointee.longKey?.deallocate()
        group.pointee.ring.deallocate()
        group.pointee.distinct.deallocate()
    }

    private mutating func addChunk() {
        chunks.append()
        let end = used + Self.groupsPerChunk
        if end > linkCapacity {
            linkCapacity = max(2 * linkCapacity, end)
            let moved = UnsafeMutablePointer<Links>.allocate(capacity: linkCapacity)
            moved.update(from: links, count: used)
            links.deallocate()
            links = moved
        }
        for index in (used..<end).reversed() {
            links[index] = Links(
                previous: Self.none, next: firstFree, previousQuiet: Self.none,
                nextQuiet: Self.none, isQuietListed: false)
            firstFree = GroupID(truncatingIfNeeded: index)
        }
        used = end
    }

    // MARK: Order of last items

    /// Puts a group last, as an item came.
    @inline(__always) mutating func touch(_ group: GroupID, at time: Timestamp) {
        self[group].pointee.touched = time
        guard group != last || group == firstInWindow || firstInWindow == Self.none else { return }
        unlink(group)
        append(group)
    }

    /// Says that the last item of the first group in its window has left it.
    mutating func passFirstInWindow() {
        firstInWindow = links[Int(firstInWindow)].next
        prefetchEnd()
    }

    @inline(__always) private mutating func append(_ group: GroupID) {
        links[Int(group)].previous = last
        links[Int(group)].next = Self.none
        if last == Self.none { first = group } else { links[Int(last)].next = group }
        last = group
        if firstInWindow == Self.none { firstInWindow = group }
    }

    @inline(__always) private mutating func unlink(_ group: GroupID) {
        let link = links[Int(group)]
        if firstInWindow == group { firstInWindow = link.next }
        if link.previous == Self.none {
            first = link.next
        } else {
            links[Int(link.previous)].next = link.next
        }
        if link.next == Self.none {
            last = link.previous
        } else {
            links[Int(link.next)].previous = link.previous
        }
    }

    // MARK: Order of quiet ends

    /// Puts a group last in the order of quiet ends, as it fired.
    mutating func listQuiet(_ group: GroupID) {
        removeFromQuiet(group)
        links[Int(group)].previousQuiet = lastQuiet
        links[Int(group)].nextQuiet = Self.none
        links[Int(group)].isQuietListed = true
        if lastQuiet == Self.none {
            firstQuiet = group
        } else {
            links[Int(lastQuiet)].nextQuiet = group
        }
        lastQuiet = group
    }

    /// Takes a group out of the order of quiet ends.
    mutating func removeFromQuiet(_ group: GroupID) {
        let link = links[Int(group)]
        guard link.isQuietListed else { return }
        links[Int(group)].isQuietListed = false
        if link.previousQuiet == Self.none {
            firstQuiet = link.nextQuiet
        } else {
            links[Int(link.previousQuiet)].nextQuiet = link.nextQuiet
        }
        if link.nextQuiet == Self.none {
            lastQuiet = link.previousQuiet
        } else {
            links[Int(link.nextQuiet)].previousQuiet = link.previousQuiet
        }
    }

    /// The group that follows in the order of last items; `none` behind the last.
    func next(after group: GroupID) -> GroupID { links[Int(group)].next }

    /// The group that comes before in that order; `none` before the first.
    func previous(before group: GroupID) -> GroupID { links[Int(group)].previous }
}

// MARK: - Checkpoint

extension GroupTable {
    /// Whether a group is in the order of quiet ends.
    func isQuietListed(_ group: GroupID) -> Bool { links[Int(group)].isQuietListed }
}
