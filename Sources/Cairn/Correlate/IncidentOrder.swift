/// The open incidents by their last signals and by their openings, as links between slots.
///
/// Apart from the incidents, so that moving one does not fetch its neighbours from memory.
struct IncidentOrder: ~Copyable {
    struct Links {
        var previousByLast: Int32 = -1
        var nextByLast: Int32 = -1
        var previousByOpening: Int32 = -1
        var nextByOpening: Int32 = -1
    }

    private var links = PlainList<Links>()

    // Ends of the two lists; -1 while they are empty.
    private(set) var firstByLast: Int32 = -1
    private(set) var lastByLast: Int32 = -1
    private(set) var firstByOpening: Int32 = -1
    private(set) var lastByOpening: Int32 = -1

    /// The slot that follows in the order of last signals; -1 behind the last.
    @inline(__always) func nextByLast(after slot: Int32) -> Int32 { links[Int(slot)].nextByLast }

    /// The slot that follows in the order of openings; -1 behind the last.
    @inline(__always) func nextByOpening(after slot: Int32) -> Int32 {
        links[Int(slot)].nextByOpening
    }

    // MARK: Last signals

    mutating func appendByLast(_ slot: Int32) {
        links[Int(slot)].previousByLast = lastByLast
        links[Int(slot)].nextByLast = -1
        if lastByLast >= 0 {
            links[Int(lastByLast)].nextByLast = slot
        } else {
            firstByLast = slot
        }
        lastByLast = slot
    }

    mutating func unlinkByLast(_ slot: Int32) {
        let link = links[Int(slot)]
        if link.previousByLast >= 0 {
            links[Int(link.previousByLast)].nextByLast = link.nextByLast
        } else {
            firstByLast = link.nextByLast
        }
        if link.nextByLast >= 0 {
            links[Int(link.nextByLast)].previousByLast = link.previousByLast
        } else {
            lastByLast = link.previousByLast
        }
    }

    // MARK: Openings

    mutating func appendByOpening(_ slot: Int32) {
        while links.count <= Int(slot) { links.append(Links()) }
        links[Int(slot)].previousByOpening = lastByOpening
        links[Int(slot)].nextByOpening = -1
        if lastByOpening >= 0 {
            links[Int(lastByOpening)].nextByOpening = slot
        } else {
            firstByOpening = slot
        }
        lastByOpening = slot
    }

    mutating func unlinkByOpening(_ slot: Int32) {
        let link = links[Int(slot)]
        if link.previousByOpening >= 0 {
            links[Int(link.previousByOpening)].nextByOpening = link.nextByOpening
        } else {
            firstByOpening = link.nextByOpening
        }
        if link.nextByOpening >= 0 {
            links[Int(link.nextByOpening)].previousByOpening = link.previousByOpening
        } else {
            lastByOpening = link.previousByOpening
        }
    }
}
