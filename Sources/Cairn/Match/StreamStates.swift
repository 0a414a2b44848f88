/// What the matcher keeps of flows with streams: a slot each, named by `Flow.matchState`.
final class StreamStates {
    /// A rule that may hold once more bytes have come.
    struct Pending {
        var rule: Int32
        /// It is given up when the stream has come this far.
        var deadline: UInt64
        /// Its tests that have held, by their place.
        var seen: UInt64 = 0
        /// The end of the bytes that it was asked about.
        var known: UInt64 = 0
    }

    /// One direction of a stream.
    struct Side {
        var window = StreamWindow()
        var pending: [Pending] = []
        /// Rules that have fired.
        var fired: [Int32] = []
        /// What waits for the next packet of the direction (`Matcher.settle`).
        var waiting: [Candidate] = []
        var hasStarted = false
        /// What came since the last look of the rules on packets (`Matcher.collect`).
        var chunk = StreamWindow()
        /// No rule can apply, or the direction has ended.
        var isIgnored = false

        fileprivate mutating func forget() {
            if !pending.isEmpty { pending.removeAll(keepingCapacity: true) }
            if !fired.isEmpty { fired.removeAll(keepingCapacity: true) }
            if !waiting.isEmpty { waiting.removeAll() }
            hasStarted = false
            isIgnored = false
        }
    }

    private var sides: UnsafeMutablePointer<Side>
    private var slotCount = 0
    private var slotCapacity = 64
    private var freeSlots: [Int32] = []
    let windows: StreamWindows
    let chunks: StreamWindows

    init(_ settings: MatchSettings) {
        sides = .allocate(capacity: 2 * slotCapacity)
        windows = StreamWindows(
            keptByteCount: settings.streamWindowByteCount,
            byteCountMax: settings.streamMemoryByteCountMax)
        chunks = StreamWindows(
            keptByteCount: settings.chunkByteCountMax / 2,
            byteCountMax: settings.streamMemoryByteCountMax)
    }

    deinit {
        for index in 0..<2 * slotCount {
            windows.release(&sides[index].window)
            chunks.release(&sides[index].chunk)
        }
        sides.deinitialize(count: 2 * slotCount)
        sides.deallocate()
    }

    /// The side of a flow's direction; takes a slot if the flow has none. Valid until a slot is taken.
    func side(of flow: FlowPointer, _ direction: Direction) -> UnsafeMutablePointer<Side> {
        if flow.pointee.matchState < 0 {
            flow.pointee.matchState = freeSlots.popLast() ?? appendSlot()
        }
        return sides + (2 * Int(flow.pointee.matchState) + Int(direction.rawValue))
    }

    /// The chunks of a flow's directions, as far as they have come; a flow that is seen the other way round has the
    /// directions of its protocol.
    func chunks(
        of place: CommonFields.Context
    ) -> (toServer: UnsafeRawBufferPointer, toClient: UnsafeRawBufferPointer) {
        guard let flow = place.flow, flow.pointee.matchState >= 0 else {
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            return (none, none)
        }
        let client = side(of: flow, .toServer).pointee.chunk.bytes
        let server = side(of: flow, .toClient).pointee.chunk.bytes
        return place.isReversed ? (server, client) : (client, server)
    }

    /// Asks for the memory of a flow's slot, which will be needed soon.
    @inline(__always) func prefetch(of flow: FlowPointer) {
        guard flow.pointee.matchState >= 0 else { return }
        Cairn.prefetch(sides + 2 * Int(flow.pointee.matchState))
        Cairn.prefetch(sides + (2 * Int(flow.pointee.matchState) + 1))
    }

    /// Gives the slot of a flow back.
    func release(_ flow: FlowPointer) {
        guard flow.pointee.matchState >= 0 else { return }
        let slot = Int(flow.pointee.matchState)
        for side in [sides + 2 * slot, sides + (2 * slot + 1)] {
            windows.release(&side.pointee.window)
            chunks.release(&side.pointee.chunk)
            side.pointee.forget()
        }
        freeSlots.append(flow.pointee.matchState)
        flow.pointee.matchState = -1
    }

    private func appendSlot() -> Int32 {
        if slotCount == slotCapacity {
            let larger = UnsafeMutablePointer<Side>.allocate(capacity: 4 * slotCapacity)
            larger.moveInitialize(from: sides, count: 2 * slotCount)
            sides.deallocate()
            sides = larger
            slotCapacity *= 2
        }
        (sides + 2 * slotCount).initialize(repeating: Side(), count: 2)
        slotCount += 1
        return Int32(truncatingIfNeeded: slotCount - 1)
    }
}
