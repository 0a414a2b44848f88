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

    /// The client's side of a flow, then the server's.
    private var sides = SlotTable<Side>(width: 2)
    let windows: StreamWindows
    let chunks: StreamWindows

    init(_ settings: MatchSettings) {
        windows = StreamWindows(
            keptByteCount: settings.streamWindowByteCount,
            byteCountMax: settings.streamMemoryByteCountMax)
        chunks = StreamWindows(
            keptByteCount: settings.chunkByteCountMax / 2,
            byteCountMax: settings.streamMemoryByteCountMax)
    }

    deinit {
        sides.forEach { side in
            windows.release(&side.pointee.window)
            chunks.release(&side.pointee.chunk)
        }
    }

    /// The side of a flow's direction; takes a slot if the flow has none.
    func side(of flow: FlowPointer, _ direction: Direction) -> UnsafeMutablePointer<Side> {
        if flow.pointee.matchState < 0 {
            flow.pointee.matchState = sides.take(orMake: Side())
        }
        return sides[flow.pointee.matchState] + Int(direction.rawValue)
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
        let side = sides[flow.pointee.matchState]
        Cairn.prefetch(side)
        Cairn.prefetch(side + 1)
    }

    /// Gives the slot of a flow back.
    func release(_ flow: FlowPointer) {
        guard flow.pointee.matchState >= 0 else { return }
        let client = sides[flow.pointee.matchState]
        for place in 0..<2 {
            windows.release(&client[place].window)
            chunks.release(&client[place].chunk)
            client[place].forget()
        }
        sides.give(flow.pointee.matchState)
        flow.pointee.matchState = -1
    }
}
