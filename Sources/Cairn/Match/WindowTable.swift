/// Windows of literals by their exact bytes: a hash table with the entries of a slot in a row.
struct WindowTable {
    struct Entry {
        var window: UInt32
        var check: UInt32
        var literal: UInt32
        /// Where the window, and the check word, begin within the literal.
        var offset: UInt8
        var checkOffset: UInt8
        var hasCheck: Bool
        /// Bytes of the literal, or 255 if it has more: known here, as little of what is known of literals is in the cache.
        var byteCount: UInt8
    }

    /// For each slot a bit for each eighth of it that has an entry: what most windows do not get past.
    private let marks: UnsafeMutablePointer<UInt8>
    /// Where the entries of each slot begin in `entries`; one more than there are slots.
    let starts: UnsafeMutablePointer<UInt32>
    let entries: UnsafeMutablePointer<Entry>
    private let entryCount: Int
    /// The bits of a hash behind those that number the slot.
    private let shift: UInt32

    init(_ windows: [LiteralPlan.Window]) {
        let bitCount = min(15, max(4, Int.bitWidth - windows.count.leadingZeroBitCount + 2))
        shift = UInt32(32 - bitCount)
        entryCount = windows.count
        let slotCount = 1 << bitCount
        marks = .allocate(capacity: slotCount)
        marks.initialize(repeating: 0, count: slotCount)
        starts = .allocate(capacity: slotCount + 1)
        starts.initialize(repeating: 0, count: slotCount + 1)
        entries = .allocate(capacity: max(1, windows.count))
        let slots = windows.map { slot(of: $0.bytes) }
        for slot in slots { starts[slot + 1] += 1 }
        for slot in 0..<slotCount { starts[slot + 1] += starts[slot] }
        var filled = [UInt32](repeating: 0, count: slotCount)
        for (slot, window) in zip(slots, windows) {
            let index = Int(starts[slot] + filled[slot])
            filled[slot] += 1
            marks[slot] |= mark(of: window.bytes)
            (entries + index).initialize(
                to: Entry(
                    window: window.bytes, check: window.check?.bytes ?? 0,
                    literal: UInt32(truncatingIfNeeded: window.literal),
                    offset: UInt8(truncatingIfNeeded: window.offset),
                    checkOffset: UInt8(truncatingIfNeeded: window.check?.offset ?? 0),
                    hasCheck: window.check != nil,
                    byteCount: UInt8(clamping: window.byteCount)))
        }
    }

    func deallocate() {
        marks.deallocate()
        starts.deallocate()
        entries.deallocate()
    }

    private var slotCount: Int { 1 << Int(32 - shift) }

    /// Bytes of memory that the table takes.
    var byteCount: Int {
        slotCount + (slotCount + 1) * MemoryLayout<UInt32>.stride
            + entryCount * MemoryLayout<Entry>.stride
    }

    /// Whether there may be an entry for a window; of windows that have none some thirtieth part.
    @inline(__always) func mayHold(_ window: UInt32) -> Bool {
        marks[slot(of: window)] & mark(of: window) != 0
    }

    @inline(__always) func slot(of window: UInt32) -> Int {
        Int(truncatingIfNeeded: Self.hash(window) &>> shift)
    }

    @inline(__always) private func mark(of window: UInt32) -> UInt8 {
        1 &<< UInt8(truncatingIfNeeded: Self.hash(window) &>> (shift &- 3) & 7)
    }

    /// The high bits of a product spread windows that differ in any byte (Fibonacci hashing).
    @inline(__always) private static func hash(_ window: UInt32) -> UInt32 {
        window &* 0x9e37_79b1
    }
}
