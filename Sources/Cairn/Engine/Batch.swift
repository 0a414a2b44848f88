/// One round's work on its way through the stages: frames, their packets, and what the shards found in them.
final class Batch {
    let frames = FrameBatch()
    let packets = PacketBatch()
    /// Which packets belong to which shard, in order.
    let packetsOfShard: [IndexList]
    /// What each shard found.
    let findings: [Findings]
    /// The event clock behind the last frame.
    var clock: Timestamp = .epoch
    /// Nothing follows: flows still open end here.
    var isLast = false

    init(shardCount: Int) {
        packetsOfShard = (0..<shardCount).map { _ in IndexList() }
        findings = (0..<shardCount).map { _ in Findings() }
    }

    /// Forgets everything, keeps the memory.
    func removeAll() {
        packets.removeAll()
        for list in packetsOfShard { list.removeAll() }
        for findings in findings { findings.removeAll() }
        isLast = false
    }

    /// Hands the packets behind `start` to their shards.
    func assign(packetsFrom start: Int) {
        for index in start..<packets.count {
            let shard = Int(
                packets.packets[index].shardHash % UInt32(truncatingIfNeeded: packetsOfShard.count))
            packetsOfShard[shard].append(index)
        }
    }
}

/// Numbers in a row, in memory that is used again.
final class IndexList {
    private var elements: UnsafeMutablePointer<Int32>
    private(set) var count = 0
    private var capacity = 64

    init() { elements = .allocate(capacity: capacity) }
    deinit { elements.deallocate() }

    @inline(__always) subscript(place: Int) -> Int {
        precondition(place >= 0 && place < count)
        return Int(elements[place])
    }

    @inline(__always) func append(_ index: Int) {
        if count == capacity { grow() }
        elements[count] = Int32(truncatingIfNeeded: index)
        count &+= 1
    }

    /// Forgets the numbers, keeps the memory.
    func removeAll() { count = 0 }

    private func grow() {
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: capacity * 2)
        larger.update(from: elements, count: count)
        elements.deallocate()
        elements = larger
        capacity *= 2
    }
}

/// What one shard found in one batch, in the order of its packets: candidate alerts, and records that are text already.
final class Findings {
    struct Entry {
        enum Content {
            /// Index into `candidates`.
            case candidate(Int)
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

    func add(_ candidate: Candidate) {
        append(.candidate(candidates.count))
        candidates.append(candidate)
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

/// The batches on their way: one is read into, one is worked on, one is merged. They go round.
final class BatchRotation: @unchecked Sendable {
    private var batches: [Batch]
    private var position = 0
    /// The last batch has been merged.
    private(set) var isFinished = false

    init(shardCount: Int) {
        batches = (0..<3).map { _ in Batch(shardCount: shardCount) }
    }

    var next: Batch { batches[position % 3] }
    var current: Batch { batches[(position + 2) % 3] }
    var previous: Batch { batches[(position + 1) % 3] }

    /// What was read is worked on next, what was worked on is merged next.
    func rotate() {
        isFinished = previous.isLast
        previous.removeAll()
        position += 1
    }
}
