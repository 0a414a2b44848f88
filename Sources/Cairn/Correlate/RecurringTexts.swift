/// JSON values that come again and again, such as what EVE says about the rule of an alert: each is
/// scanned once, then known by its bytes.
///
/// One place for each hash of a value's beginning: a value that comes there takes the place of the
/// one before. So looking one up takes the same time whatever the input is, and the memory is
/// bounded.
struct RecurringTexts: ~Copyable {
    /// A text that is known.
    struct Text {
        /// Where it is kept; another text may come there.
        var slot: Int32 = -1
        /// Never given twice.
        var number: UInt32 = 0
    }

    private struct Slot {
        var byteCount: UInt32 = 0
        var number: UInt32 = 0
    }

    static let slotCount = 1 << 10
    /// Longer texts are not kept.
    static let textByteCountMax = 1 << 10
    /// What is hashed; shorter texts are not kept.
    private static let headByteCount = 64

    private let slots: UnsafeMutableBufferPointer<Slot>
    private let bytes: UnsafeMutableRawBufferPointer
    private var number: UInt32 = 0

    init() {
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: Slot())
        bytes = .allocate(byteCount: Self.slotCount * Self.textByteCountMax, alignment: 64)
    }

    deinit {
        slots.deallocate()
        bytes.deallocate()
    }

    /// The text that is kept and with which `bytes` begins, and how long it is.
    @inline(__always)
    func find(at bytes: UnsafeRawBufferPointer) -> (text: Text, byteCount: Int)? {
        guard bytes.count >= Self.headByteCount else { return nil }
        let slot = Self.slot(of: bytes)
        let byteCount = Int(slots[slot].byteCount)
        guard byteCount > 0, byteCount <= bytes.count,
            GroupKey.areEqual(
                UnsafeRawBufferPointer(rebasing: bytes[..<byteCount]), text(slot, byteCount))
        else { return nil }
        let number = slots[slot].number
        return (Text(slot: Int32(truncatingIfNeeded: slot), number: number), byteCount)
    }

    /// Keeps a text, if it is one to be kept.
    mutating func keep(_ text: UnsafeRawBufferPointer) -> Text {
        guard text.count >= Self.headByteCount, text.count <= Self.textByteCountMax,
            number < .max
        else { return Text() }
        let slot = Self.slot(of: text)
        number += 1
        slots[slot] = Slot(byteCount: UInt32(truncatingIfNeeded: text.count), number: number)
        UnsafeMutableRawBufferPointer(rebasing: bytes[(slot &* Self.textByteCountMax)...])
            .copyMemory(from: text)
        return Text(slot: Int32(truncatingIfNeeded: slot), number: number)
    }

    @inline(__always) private func text(_ slot: Int, _ byteCount: Int) -> UnsafeRawBufferPointer {
        let start = slot &* Self.textByteCountMax
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start &+ byteCount])
    }

    @inline(__always) private static func slot(of bytes: UnsafeRawBufferPointer) -> Int {
        let hash = GroupKey.hash(UnsafeRawBufferPointer(rebasing: bytes[..<headByteCount]))
        return Int(truncatingIfNeeded: hash >> 32) & (slotCount &- 1)
    }
}
