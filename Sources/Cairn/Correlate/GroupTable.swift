/// A group of one correlation rule, by its place in the rule's `GroupTable`.
typealias GroupID = UInt32

/// What a correlation rule keeps for the items that share their `group-by` values (CORRELATION.md
/// §2, §5).
///
/// It fills two lines of the processor's cache. What only rules of one type keep is in the tail
/// behind it (`GroupTable.tail`).
struct CorrelationGroup {
    /// The values, as `GroupKey` writes them: here if they fit, else the place of memory of their own.
    fileprivate var shortKey: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    fileprivate let keyByteCount: Int32
    let hash: UInt32
    /// It is in the order of quiet ends.
    fileprivate(set) var isQuietListed = false
    /// When an item last came, whether it was kept or not: what eviction goes by.
    var touched: Timestamp
    /// Neither a firing nor the start of a window at this time or before.
    var quietEnd = Timestamp(nanoseconds: .min)
    var ring = ItemRing()
    /// Sliding: number of the first item that was not yet looked at as the start of a window.
    var anchor: UInt64 = 1
    /// The distant past without a window.
    private var windowStartOrPast = Timestamp(nanoseconds: .min)

    fileprivate init(keyByteCount: Int32, hash: UInt32, touched: Timestamp) {
        self.keyByteCount = keyByteCount
        self.hash = hash
        self.touched = touched
    }

    /// Tumbling: start of the open window.
    @inline(__always) var windowStart: Timestamp? {
        get { windowStartOrPast > Timestamp(nanoseconds: .min) ? windowStartOrPast : nil }
        set { windowStartOrPast = newValue ?? Timestamp(nanoseconds: .min) }
    }

    @inline(__always) fileprivate var longKey: UnsafeMutableRawPointer? {
        keyByteCount > MemoryLayout.size(ofValue: shortKey)
            ? UnsafeMutableRawPointer(bitPattern: UInt(shortKey.0)) : nil
    }

    /// The time of the latest item held; the distant past without one.
    @inline(__always) var lastItemTime: Timestamp {
        ring.isEmpty ? Timestamp(nanoseconds: .min) : ring[ring.next &- 1].time
    }
}

/// The groups of one correlation rule: found by key, listed in the order of their last items and of
/// the ends of their quiet times.
///
/// Groups have slots of one size in chunks that stay where they are; behind each group its rule has
/// a tail for what it counts. `max-groups` and `memcap` bound the table, and a group that holds nothing
/// any more goes away.
struct GroupTable: ~Copyable {
    struct Links {
        var previous: GroupID
        var next: GroupID
    }

    static let none: GroupID = .max
    private static let groupsPerChunk = 256
    private static let tailOffset = MemoryLayout<CorrelationGroup>.stride

    private let tailByteCount: Int
    private let tailsAreDistinctValues: Bool
    private let stride: Int
    private var chunks: ChunkedMemory
    /// The order of last items, and that of quiet ends: apart from the groups, as the neighbours of
    /// a group in it are seldom in the cache.
    private var links: UnsafeMutablePointer<Links>
    private var quietLinks: UnsafeMutablePointer<Links>
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
    ///
    /// - Parameter tailsAreDistinctValues: the tail is a `DistinctValues` with memory of its own.
    init(tailByteCount: Int, tailsAreDistinctValues: Bool = false) {
        self.tailByteCount = tailByteCount
        self.tailsAreDistinctValues = tailsAreDistinctValues
        stride = wholeCacheLines(Self.tailOffset + tailByteCount)
        chunks = ChunkedMemory(chunkByteCount: Self.groupsPerChunk * stride)
        links = .allocate(capacity: 1)
        quietLinks = .allocate(capacity: 1)
    }

    deinit {
        var group = first
        while group != Self.none {
            freeMemory(of: group)
            group = links[Int(group)].next
        }
        links.deallocate()
        quietLinks.deallocate()
        index.freeMemory()
    }

    @inline(__always)
    subscript(group: GroupID) -> UnsafeMutablePointer<CorrelationGroup> {
        (chunks[Int(group) / Self.groupsPerChunk] + Int(group) % Self.groupsPerChunk &* stride)
            .assumingMemoryBound(to: CorrelationGroup.self)
    }

    /// What is kept behind a group.
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
        prefetchGroup(group)
        Cairn.prefetch(links + Int(group))
        return group
    }

    /// Asks for the memory of a group.
    @inline(__always) func prefetchGroup(_ group: GroupID) {
        Cairn.prefetch(UnsafeRawPointer(self[group]), byteCount: stride)
    }

    /// Asks for the items of a group, for where a value with a hash is counted, and for its neighbours in
    /// the order of last items. The group may be gone meanwhile.
    @inline(__always) func prefetchItems(_ group: GroupID, valueHash: UInt32) {
        self[group].pointee.ring.prefetch()
        if tailsAreDistinctValues {
            tail(group, as: DistinctValues.self).pointee.prefetch(hash: valueHash)
        }
        let link = links[Int(group)]
        if link.previous != Self.none { Cairn.prefetch(links + Int(link.previous)) }
        if link.next != Self.none { Cairn.prefetch(links + Int(link.next)) }
    }

    /// Asks for what letting go of the oldest items of a group needs. The group may be gone meanwhile.
    @inline(__always) func prefetchReleases(_ group: GroupID, _ items: borrowing ItemStore) {
        let ring = self[group].pointee.ring
        ring.prefetchReleases(items)
        guard tailsAreDistinctValues, !ring.isEmpty else { return }
        tail(group, as: DistinctValues.self).pointee.prefetchValue(at: ring[ring.first].tag)
    }

    /// Asks for what the ends of the next groups in their windows need, the nearer a group the more of
    /// it, as each step needs what the one before asked for.
    @inline(__always) mutating func prefetchEnds(_ items: borrowing ItemStore) {
        guard firstInWindow != Self.none else { return }
        self[firstInWindow].pointee.ring.prefetchReleases(items)
        let second = links[Int(firstInWindow)].next
        guard second != Self.none else { return }
        self[second].pointee.ring.prefetch()
        index.prefetch(self[second].pointee.hash)
        let third = links[Int(second)].next
        guard third != Self.none else { return }
        prefetchGroup(third)
        Cairn.prefetch(links + Int(third))
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
            self[group].pointee.shortKey.0 = UInt64(UInt(bitPattern: place))
        }
        if let base = key.baseAddress { place.copyMemory(from: base, byteCount: key.count) }
        if tailByteCount > 0 {
            tail(group, as: UInt8.self).update(repeating: 0, count: tailByteCount)
        }
        append(group)
        index.insert(group, hash: hash)
        count += 1
        byteCount &+= stride &+ key.count &+ 2 &* MemoryLayout<Links>.stride
        return group
    }

    /// Takes a group out; its items and its timer must be gone.
    mutating func remove(_ group: GroupID) {
        index.remove(group, hash: self[group].pointee.hash)
        unlink(group)
        removeFromQuiet(group)
        byteCount &-=
            stride &+ Int(self[group].pointee.keyByteCount) &+ 2 &* MemoryLayout<Links>.stride
        freeMemory(of: group)
        links[Int(group)].next = firstFree
        firstFree = group
        count -= 1
    }

    private func freeMemory(of group: GroupID) {
        self[group].pointee.longKey?.deallocate()
        self[group].pointee.ring.deallocate()
        if tailsAreDistinctValues { tail(group, as: DistinctValues.self).pointee.deallocate() }
    }

    private mutating func addChunk() {
        chunks.append()
        let end = used + Self.groupsPerChunk
        if end > linkCapacity {
            linkCapacity = max(2 * linkCapacity, end)
            links = moved(links)
            quietLinks = moved(quietLinks)
        }
        for index in (used..<end).reversed() {
            links[index] = Links(previous: Self.none, next: firstFree)
            firstFree = GroupID(truncatingIfNeeded: index)
        }
        used = end
    }

    private func moved(_ old: UnsafeMutablePointer<Links>) -> UnsafeMutablePointer<Links> {
        let moved = UnsafeMutablePointer<Links>.allocate(capacity: linkCapacity)
        moved.update(from: old, count: used)
        old.deallocate()
        return moved
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
    @inline(__always) mutating func passFirstInWindow() {
        firstInWindow = links[Int(firstInWindow)].next
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
        quietLinks[Int(group)] = Links(previous: lastQuiet, next: Self.none)
        self[group].pointee.isQuietListed = true
        if lastQuiet == Self.none {
            firstQuiet = group
        } else {
            quietLinks[Int(lastQuiet)].next = group
        }
        lastQuiet = group
    }

    /// Takes a group out of the order of quiet ends.
    mutating func removeFromQuiet(_ group: GroupID) {
        guard self[group].pointee.isQuietListed else { return }
        self[group].pointee.isQuietListed = false
        let link = quietLinks[Int(group)]
        if link.previous == Self.none {
            firstQuiet = link.next
        } else {
            quietLinks[Int(link.previous)].next = link.next
        }
        if link.next == Self.none {
            lastQuiet = link.previous
        } else {
            quietLinks[Int(link.next)].previous = link.previous
        }
    }

    /// The group that follows in the order of last items; `none` behind the last.
    func next(after group: GroupID) -> GroupID { links[Int(group)].next }

    /// The group that comes before in that order; `none` before the first.
    func previous(before group: GroupID) -> GroupID { links[Int(group)].previous }
}
