/// Slots in an order, as links between them: any of them goes and a new last one comes in a few steps.
///
/// Apart from what is in the slots, so that moving one does not fetch its neighbours from memory.
struct SlotList: ~Copyable {
    /// Not private, as the compiler (6.3) then does not find it in the list.
    struct Link {
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    private var links = PlainList<Link>()
    /// Both ends; -1 while it is empty.
    private(set) var first: Int32 = -1
    private(set) var last: Int32 = -1

    /// The slot that follows; -1 behind the last.
    @inline(__always) func next(after slot: Int32) -> Int32 { links[Int(slot)].next }

    mutating func append(_ slot: Int32) {
        while links.count <= Int(slot) { links.append(Link()) }
        links[Int(slot)] = Link(previous: last)
        if last >= 0 { links[Int(last)].next = slot } else { first = slot }
        last = slot
    }

    mutating func remove(_ slot: Int32) {
        let link = links[Int(slot)]
        if link.previous >= 0 {
            links[Int(link.previous)].next = link.next
        } else {
            first = link.next
        }
        if link.next >= 0 {
            links[Int(link.next)].previous = link.previous
        } else {
            last = link.previous
        }
    }
}
