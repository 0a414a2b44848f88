import CIntrinsics

/// Numbers found by the hash of what they stand for: open addressing with linear probing, at most
/// half full; what goes leaves no trace.
///
/// A plain value that may lie in raw memory: whoever owns it calls `deallocate`. Nothing is
/// allocated before the first insertion.
struct HashIndex {
    struct Bucket {
        var hash: UInt32
        var number: UInt32
    }

    private static let none: UInt32 = .max
    private static let capacityMin = 8

    private var buckets: UnsafeMutablePointer<Bucket>?
    private var mask: UInt32 = 0
    private var count: UInt32 = 0

    /// Bytes of memory.
    var byteCount: Int {
        buckets == nil ? 0 : (Int(mask) + 1) * MemoryLayout<Bucket>.stride
    }

    /// The number with a hash that is the right one.
    @inline(__always) func find(_ hash: UInt32, where isRight: (UInt32) -> Bool) -> UInt32? {
        guard let buckets else { return nil }
        var position = hash & mask
        while true {
            let bucket = buckets[Int(position)]
            if bucket.number == Self.none { return nil }
            if bucket.hash == hash, isRight(bucket.number) { return bucket.number }
            position = (position &+ 1) & mask
        }
    }

    /// Asks for where a hash will be looked for.
    @inline(__always) func prefetch(_ hash: UInt32) {
        guard let buckets else { return }
        cairn_prefetch(buckets + Int(hash & mask))
    }

    /// Calls `body` with each number that may be one with a hash, the right ones among them.
    @inline(__always) func forEachCandidate(_ hash: UInt32, _ body: (UInt32) -> Void) {
        guard let buckets else { return }
        var position = hash & mask
        while buckets[Int(position)].number != Self.none {
            if buckets[Int(position)].hash == hash { body(buckets[Int(position)].number) }
            position = (position &+ 1) & mask
        }
    }

    /// Enters a number that is not there, below 2^32 - 1.
    mutating func insert(_ number: UInt32, hash: UInt32) {
        if buckets == nil || 2 &* (count &+ 1) > mask { grow() }
        enter(Bucket(hash: hash, number: number))
        count &+= 1
    }

    /// Takes out a number that is there.
    mutating func remove(_ number: UInt32, hash: UInt32) {
        guard let buckets else { return }
        var hole = hash & mask
        while buckets[Int(hole)].number != number { hole = (hole &+ 1) & mask }
        // Entries behind the hole that it would cut off from their first choice move into it.
        var position = hole
        while true {
            position = (position &+ 1) & mask
            let other = buckets[Int(position)]
            if other.number == Self.none { break }
            let ideal = other.hash & mask
            if (position &- ideal) & mask >= (position &- hole) & mask {
                buckets[Int(hole)] = other
                hole = position
            }
        }
        buckets[Int(hole)].number = Self.none
        count &-= 1
    }

    /// Forgets everything and gives the memory back.
    mutating func deallocate() {
        freeMemory()
        self = HashIndex()
    }

    /// Gives the memory back as the owner ends.
    func freeMemory() { buckets?.deallocate() }

    @inline(__always) private func enter(_ bucket: Bucket) {
        guard let buckets else { return }
        var position = bucket.hash & mask
        while buckets[Int(position)].number != Self.none { position = (position &+ 1) & mask }
        buckets[Int(position)] = bucket
    }

    private mutating func grow() {
        let old = UnsafeBufferPointer(start: buckets, count: buckets == nil ? 0 : Int(mask) + 1)
        let capacity = max(Self.capacityMin, 2 * old.count)
        let larger = UnsafeMutablePointer<Bucket>.allocate(capacity: capacity)
        larger.initialize(repeating: Bucket(hash: 0, number: Self.none), count: capacity)
        buckets = larger
        mask = UInt32(truncatingIfNeeded: capacity - 1)
        for bucket in old where bucket.number != Self.none { enter(bucket) }
        old.deallocate()
    }
}

// MARK: - Checkpoint

extension HashIndex {
    /// Places, of which at most half are taken.
    var capacity: Int { byteCount / MemoryLayout<Bucket>.stride }

    /// An empty index with the memory of a saved one.
    ///
    /// - Parameter capacity: zero or a power of two.
    init(capacity: Int) {
        guard capacity > 0 else { return }
        let places = UnsafeMutablePointer<Bucket>.allocate(capacity: capacity)
        places.initialize(repeating: Bucket(hash: 0, number: Self.none), count: capacity)
        buckets = places
        mask = UInt32(truncatingIfNeeded: capacity - 1)
    }
}
