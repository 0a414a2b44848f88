/// The items of one group in item order, numbered from 1 for as long as the group lives.
///
/// A plain value inside a group's slot: whoever owns the slot frees it. The capacity is a power of
/// two that doubles as needed; `max-items` bounds it.
struct ItemRing {
    struct Entry {
        var time: Timestamp
        var item: ItemID
        /// What the rule's type keeps with an item: its source, its place among the distinct
        /// values, or its number (`NumberTag`).
        var tag: UInt32
    }

    private static let capacityMin = 4

    /// The only item, until a second one comes and memory is taken.
    private var single = Entry(time: .epoch, item: 0, tag: 0)
    private var entries: UnsafeMutablePointer<Entry>?
    private var mask: UInt64 = 0
    /// Number of the oldest item that is held, and of the next one that comes.
    private(set) var first: UInt64 = 1
    private(set) var next: UInt64 = 1

    @inline(__always) var count: Int { Int(truncatingIfNeeded: next &- first) }
    @inline(__always) var isEmpty: Bool { next == first }
    /// Bytes of memory that the entries take.
    @inline(__always) var byteCount: Int {
        entries == nil ? 0 : Int(truncatingIfNeeded: mask &+ 1) &* MemoryLayout<Entry>.stride
    }

    /// The entry of an item that is held.
    @inline(__always) subscript(number: UInt64) -> Entry {
        entries?[Int(truncatingIfNeeded: number & mask)] ?? single
    }

    @inline(__always) mutating func append(_ entry: Entry) {
        if next &- first > mask { grow() }
        if let entries {
            entries[Int(truncatingIfNeeded: next & mask)] = entry
        } else {
            single = entry
        }
        next &+= 1
    }

    @inline(__always) mutating func removeFirst() { first &+= 1 }

    /// Asks for the oldest entry and for the place of the next one.
    @inline(__always) func prefetch() {
        guard let entries else { return }
        Cairn.prefetch(entries + Int(truncatingIfNeeded: first & mask))
        Cairn.prefetch(entries + Int(truncatingIfNeeded: next & mask))
    }

    /// Asks for what letting go of the oldest items needs.
    @inline(__always) func prefetchReleases(_ items: borrowing ItemStore) {
        var number = first
        while number < min(next, first &+ 2) {
            items.prefetchRelease(self[number].item)
            number &+= 1
        }
    }

    /// Gives the memory back; the numbering goes on.
    mutating func deallocate() {
        entries?.deallocate()
        entries = nil
        mask = 0
        first = next
    }

    /// The number of the first item at or after a time.
    func firstNumber(from time: Timestamp) -> UInt64 {
        let count = Int(truncatingIfNeeded: next &- first)
        return first
            &+ UInt64(partitionPoint(below: count) { self[first &+ UInt64($0)].time >= time })
    }

    private mutating func grow() {
        let capacity = entries == nil ? Self.capacityMin : 2 * Int(mask &+ 1)
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        let largerMask = UInt64(capacity) &- 1
        var number = first
        while number < next {
            larger[Int(truncatingIfNeeded: number & largerMask)] = self[number]
            number &+= 1
        }
        entries?.deallocate()
        entries = larger
        mask = largerMask
    }
}

// MARK: - Checkpoint

extension ItemRing {
    /// An empty ring whose next item has the number `first`, with the memory of a saved one: what
    /// groups take decides which of them are evicted.
    ///
    /// - Parameter capacity: zero or a power of two.
    init(first: UInt64, capacity: Int) {
        self.first = first
        next = first
        guard capacity > 0 else { return }
        entries = .allocate(capacity: capacity)
        mask = UInt64(capacity) &- 1
    }

    /// Items that fit without more memory; zero while none was taken.
    var capacity: Int { byteCount / MemoryLayout<Entry>.stride }
}
