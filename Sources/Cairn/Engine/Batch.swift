/// One round's work on its way through the stages: frames, their packets, and what the shards found in them.
final class Batch {
    let frames = FrameBatch()
    let packets = PacketBatch()
    /// Which packets belong to which shard, in order: a list for each.
    let packetsOfShard: UnsafeMutablePointer<PlainList<Int32>>
    /// About how long each shard will take.
    private let loads: UnsafeMutablePointer<Int>
    /// The shards, those that will take longest first: so threads that share them out are done at about the same time.
    private(set) var shardOrder: [Int]
    private let shardCount: Int
    /// What each shard found.
    let findings: [Findings]
    /// The event clock behind the last frame.
    var clock: Timestamp = .epoch
    /// Nothing follows: flows still open end here.
    var isLast = false

    init(shardCount: Int) {
        self.shardCount = shardCount
        packetsOfShard = .allocate(capacity: shardCount)
        loads = .allocate(capacity: shardCount)
        loads.initialize(repeating: 0, count: shardCount)
        shardOrder = Array(0..<shardCount)
        for shard in 0..<shardCount {
            (packetsOfShard + shard).initialize(to: PlainList(capacity: 1024))
        }
        findings = (0..<shardCount).map { _ in Findings() }
    }

    deinit {
        packetsOfShard.deinitialize(count: shardCount)
        packetsOfShard.deallocate()
        loads.deallocate()
    }

    /// Forgets everything, keeps the memory.
    func removeAll() {
        packets.removeAll()
        for shard in 0..<shardCount { packetsOfShard[shard].removeAll() }
        loads.update(repeating: 0, count: shardCount)
        for findings in findings { findings.removeAll() }
        clock = .epoch
        isLast = false
    }

    /// Hands the packets behind `start` to their shards.
    @inline(__always) func assign(packetsFrom start: Int) {
        let packets = packets.packets
        for index in start..<self.packets.count {
            let shard = Int(packets[index].shardHash % UInt32(truncatingIfNeeded: shardCount))
            packetsOfShard[shard].append(Int32(truncatingIfNeeded: index))
            loads[shard] &+= Self.packetLoad &+ packets[index].payload.count
        }
    }

    /// What a packet without payload takes, in bytes of payload that take as long.
    private static let packetLoad = 500

    /// Orders the shards, when all packets are handed out.
    func orderShards() { shardOrder.sort { (loads[$0], $1) > (loads[$1], $0) } }
}

/// What one shard found in one batch, in the order of its packets: candidate alerts, and records that are text already.
final class Findings {
    struct Entry {
        enum Content {
            /// Those of one packet, or of the end of a flow: in `candidates`.
            case candidates(Range<Int>)
            /// A line in `text`.
            case record(Range<Int>)
        }

        var key: OrderKey
        var content: Content
    }

    private(set) var entries: [Entry] = []
    private var place = OrderKey()
    private(set) var candidates: [Candidate] = []
    private(set) var text: [UInt8] = []

    /// Forgets everything, keeps the memory.
    func removeAll() {
        entries.removeAll(keepingCapacity: true)
        candidates.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
    }

    /// Says what the following findings come from.
    func begin(_ key: OrderKey) { place = key }

    func add(_ found: [Candidate]) {
        append(.candidates(candidates.count..<candidates.count + found.count))
        candidates += found
    }

    /// Adds a record that is text already: one line.
    func add(record line: [UInt8]) {
        append(.record(text.count..<text.count + line.count))
        text.append(contentsOf: line)
    }

    private func append(_ content: Entry.Content) {
        entries.append(Entry(key: place, content: content))
        place.sequence &+= 1
    }
}
