/// Slots that are used again, each of one or several elements side by side. They stay where they are: the table grows by
/// slabs, so that nothing moves and nothing is there twice meanwhile.
struct SlotTable<Element>: ~Copyable {
    private static var slabBitCount: Int { 7 }
    private static var slabSlotCount: Int { 1 << slabBitCount }

    private let width: Int
    private var slabs = PlainList<UnsafeMutablePointer<Element>>(capacity: 8)
    private var free = PlainList<Int32>(capacity: 64)
    private var slotCount = 0

    /// - Parameter width: elements of a slot.
    init(width: Int = 1) { self.width = width }

    deinit {
        for index in 0..<slabs.count {
            let used = min(Self.slabSlotCount, slotCount - index * Self.slabSlotCount)
            slabs[index].deinitialize(count: used * width)
            slabs[index].deallocate()
        }
    }

    /// The first element of a slot.
    @inline(__always) subscript(slot: Int32) -> UnsafeMutablePointer<Element> {
        let slot = Int(slot)
        return slabs[slot >> Self.slabBitCount] + (slot & (Self.slabSlotCount - 1)) &* width
    }

    /// Takes a slot: one that was given back, as it is, or a new one.
    mutating func take(orMake element: @autoclosure () -> Element) -> Int32 {
        if free.count > 0 { return free.removeLast() }
        if slotCount == slabs.count * Self.slabSlotCount {
            slabs.append(.allocate(capacity: Self.slabSlotCount * width))
        }
        let slot = Int32(truncatingIfNeeded: slotCount)
        slotCount += 1
        self[slot].initialize(repeating: element(), count: width)
        return slot
    }

    mutating func give(_ slot: Int32) { free.append(slot) }

    /// Visits the elements of all slots.
    func forEach(_ body: (UnsafeMutablePointer<Element>) -> Void) {
        for slot in 0..<slotCount {
            let first = self[Int32(truncatingIfNeeded: slot)]
            for place in 0..<width { body(first + place) }
        }
    }
}
