/// How many items of one group have each value, for `value_count`: a counting table that grows and
/// shrinks with the window.
///
/// A plain value behind a group in its slot: whoever owns the slot frees it. Zeroes are an empty
/// table. Each value is stood for by its latest item, which is in the group's ring as long as the
/// value counts; so `max-items` bounds the table.
struct DistinctValues {
    struct Value {
        var hash: UInt32
        /// Items that have it; of a free place what `firstFree` was before.
        var count: UInt32
        /// The latest of them.
        var item: ItemID
    }

    private static let capacityMin: UInt32 = 4

    private var values: UnsafeMutablePointer<Value>?
    private var capacity: UInt32 = 0
    private var used: UInt32 = 0
    /// One more than the place that was freed last; zero without one.
    private var firstFree: UInt32 = 0
    private var index = HashIndex()
    /// Different values with an item.
    private(set) var count = 0

    /// Bytes of memory.
    var byteCount: Int { Int(capacity) * MemoryLayout<Value>.stride + index.byteCount }

    /// Asks for where a value will be looked for.
    @inline(__always) func prefetch(hash: UInt32) {
        index.prefetch(hash)
        if let values { Cairn.prefetch(values) }
    }

    /// Asks for a value.
    @inline(__always) func prefetchValue(at place: UInt32) {
        if let values, place < used { Cairn.prefetch(values + Int(place)) }
    }

    /// Counts an item; `isSame` tells whether another item has the same value. Returns the value's
    /// place.
    @inline(__always)
    mutating func add(_ item: ItemID, hash: UInt32, isSame: (ItemID) -> Bool) -> UInt32 {
        if let values,
            let place = index.find(
                hash, where: { values[Int($0)].hash == hash && isSame(values[Int($0)].item) })
        {
            values[Int(place)].count &+= 1
            values[Int(place)].item = item
            return place
        }
        return insert(item, hash: hash)
    }

    /// Takes away one item of the value at a place.
    @inline(__always) mutating func remove(at place: UInt32) {
        guard let values else { return }
        values[Int(place)].count &-= 1
        guard values[Int(place)].count == 0 else { return }
        index.remove(place, hash: values[Int(place)].hash)
        values[Int(place)].count = firstFree
        firstFree = place &+ 1
        count &-= 1
    }

    /// Gives the memory back.
    mutating func deallocate() {
        values?.deallocate()
        index.deallocate()
        self = DistinctValues()
    }

    private mutating func insert(_ item: ItemID, hash: UInt32) -> UInt32 {
        if used == capacity, firstFree == 0 { grow() }
        guard let values else { preconditionFailure("a grown table has memory") }
        let place: UInt32
        if firstFree > 0 {
            place = firstFree &- 1
            firstFree = values[Int(place)].count
        } else {
            place = used
            used &+= 1
        }
        values[Int(place)] = Value(hash: hash, count: 1, item: item)
        index.insert(place, hash: hash)
        count &+= 1
        return place
    }

    private mutating func grow() {
        let larger = max(Self.capacityMin, 2 &* capacity)
        let moved = UnsafeMutablePointer<Value>.allocate(capacity: Int(larger))
        if let values {
            moved.update(from: values, count: Int(used))
            values.deallocate()
        }
        values = moved
        capacity = larger
    }
}

// MARK: - Checkpoint

extension DistinctValues {
    /// Room for values, and for finding them.
    var capacities: (values: Int, index: Int) { (Int(capacity), index.capacity) }

    /// An empty table with the memory of a saved one.
    ///
    /// - Parameter capacities: each zero or a power of two.
    init(capacities: (values: Int, index: Int)) {
        index = HashIndex(capacity: capacities.index)
        guard capacities.values > 0 else { return }
        values = .allocate(capacity: capacities.values)
        capacity = UInt32(truncatingIfNeeded: capacities.values)
    }
}
