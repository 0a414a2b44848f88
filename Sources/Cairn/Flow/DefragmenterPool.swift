/// Slots of one size, taken and given back in any order: one allocation, of which the system only
/// backs what was used.
///
/// Values are neither initialised nor destroyed here, so their type must be trivial.
struct SlotPool<Value>: ~Copyable {
    let slots: UnsafeMutablePointer<Value>
    let capacity: Int
    /// Slots that can be taken.
    private(set) var freeCount: Int
    /// For each slot given back, the one given back before it.
    private let nextFree: UnsafeMutablePointer<Int32>
    private var firstFree: Int32 = -1
    private var everUsedCount = 0

    init(capacity: Int) {
        self.capacity = capacity
        freeCount = capacity
        slots = .allocate(capacity: capacity)
        nextFree = .allocate(capacity: capacity)
    }

    deinit {
        slots.deallocate()
        nextFree.deallocate()
    }

    /// Takes a slot. The caller has seen that one is free.
    mutating func take() -> Int32 {
        precondition(freeCount > 0, "no slot is free")
        freeCount &-= 1
        if firstFree >= 0 {
            defer { firstFree = nextFree[Int(firstFree)] }
            return firstFree
        }
        defer { everUsedCount &+= 1 }
        return Int32(truncatingIfNeeded: everUsedCount)
    }

    mutating func giveBack(_ slot: Int32) {
        nextFree[Int(slot)] = firstFree
        firstFree = slot
        freeCount &+= 1
    }
}
