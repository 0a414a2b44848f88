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
    }

    /// Where the entries of each slot begin in `entries`; one more than there are slots.
    let starts: UnsafeMutablePointer<UInt32>
    let entries: UnsafeMutablePointer<Entry>
    private let entryCount: Int
    private let bitCount: Int

    init(_ windows: [LiteralPlan.Window]) {
        let bitCount = min(15, max(4, Int.bitWidth - windows.count.leadingZeroBitCount + 2))
        self.bitCount = bitCount
        entryCount = windows.count
        let slotCount = 1 << bitCount
        starts = .allocate(capacity: slotCount + 1)
        starts.initialize(repeating: 0, count: slotCount + 1)
        entries = .allocate(capacity: max(1, windows.count))
        let slots = windows.map { Self.slot(of: $0.bytes, bitCount: bitCount) }
        for slot in slots { starts[slot + 1] += 1 }
        for slot in 0..<slotCount { starts[slot + 1] += starts[slot] }
        var filled = [UInt32](repeating: 0, count: slotCount)
        for (slot, window) in zip(slots, windows) {
            let index = Int(starts[slot] + filled[slot])
            filled[slot] += 1
            (entries + index).initialize(
                to: Entry(
                    window: window.bytes, check: window.check?.bytes ?? 0,
                    literal: UInt32(truncatingIfNeeded: window.literal),
                    offset: UInt8(truncatingIfNeeded: window.offset),
                    checkOffset: UInt8(truncatingIfNeeded: window.check?.offset ?? 0),
                    hasCheck: window.check != nil))
        }
    }

    func deallocate() {
        starts.deallocate()
        entries.deallocate()
    }

    /// Bytes of memory that the table takes.
    var byteCount: Int {
        (1 << bitCount + 1) * MemoryLayout<UInt32>.stride
            + entryCount * MemoryLayout<Entry>.stride
    }

    @inline(__always) func slot(of window: UInt32) -> Int {
        Self.slot(of: window, bitCount: bitCount)
    }

    /// The high bits of a product spread windows that differ in any byte (Fibonacci hashing).
    @inline(__always) private static func slot(of window: UInt32, bitCount: Int) -> Int {
        Int(truncatingIfNeeded: (window &* 0x9e37_79b1) &>> UInt32(32 &- bitCount))
    }
}
