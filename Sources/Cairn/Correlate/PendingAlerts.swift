/// Alerts that wait until their instant is complete, in the order of their times.
///
/// What comes in order goes into a queue; only what comes out of order costs a heap. The lateness
/// bounds how long an alert waits, a limit of bytes how many do
/// (`CorrelationSettings.waitingByteCountMax`).
struct PendingAlerts: ~Copyable {
    struct Entry {
        var time: Timestamp
        var item: ItemID
    }

    private var queue = PlainList<Entry>()
    private var queueStart = 0
    /// Alerts that were in the queue and went.
    private(set) var takenCount = 0
    private var heap = PlainList<Entry>()

    /// The earliest time of a waiting alert.
    @inline(__always) var next: Timestamp? {
        let queued = queueStart < queue.count ? queue[queueStart].time : nil
        if heap.isEmpty { return queued }
        guard let queued else { return heap[0].time }
        return min(queued, heap[0].time)
    }

    /// The alert that came into the queue with a number and has not gone; nil if none is there yet.
    @inline(__always) subscript(number: Int) -> ItemID? {
        let index = number &- takenCount &+ queueStart
        return index < queue.count ? queue[index].item : nil
    }

    @inline(__always) mutating func append(_ item: ItemID, at time: Timestamp) {
        if queueStart == queue.count || time >= queue[queue.count - 1].time {
            queue.append(Entry(time: time, item: item))
        } else {
            push(Entry(time: time, item: item))
        }
    }

    /// Moves the alerts of a time, which is the earliest, to a list.
    mutating func take(at time: Timestamp, into items: inout PlainList<ItemID>) {
        while queueStart < queue.count, queue[queueStart].time == time {
            items.append(queue[queueStart].item)
            queueStart += 1
            takenCount &+= 1
        }
        while !heap.isEmpty, heap[0].time == time {
            items.append(heap[0].item)
            pop()
        }
        if queueStart == queue.count {
            queue.removeAll()
            queueStart = 0
        } else if queueStart >= 4096, 2 * queueStart >= queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
    }

    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var place = heap.count - 1
        while place > 0, entry.time < heap[(place - 1) / 2].time {
            heap[place] = heap[(place - 1) / 2]
            place = (place - 1) / 2
        }
        heap[place] = entry
    }

    private mutating func pop() {
        let entry = heap.removeLast()
        guard !heap.isEmpty else { return }
        var place = 0
        while true {
            var below = 2 * place + 1
            guard below < heap.count else { break }
            if below + 1 < heap.count, heap[below + 1].time < heap[below].time { below += 1 }
            guard heap[below].time < entry.time else { break }
            heap[place] = heap[below]
            place = below
        }
        heap[place] = entry
    }
}

// MARK: - Checkpoint

extension PendingAlerts {
    /// Writes what waits: the queue in its order, the heap as it lies.
    func save(_ items: borrowing ItemStore, to writer: inout CheckpointWriter) {
        writer.count(queue.count - queueStart)
        for index in queueStart..<queue.count { items.save(queue[index].item, to: &writer) }
        writer.count(heap.count)
        for index in 0..<heap.count { items.save(heap[index].item, to: &writer) }
    }

    /// Fills an empty list, retaining the items.
    mutating func restore(
        _ items: inout ItemStore, from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        for _ in 0..<(try reader.length()) {
            let entry = try restoreEntry(&items, from: &reader)
            guard queue.isEmpty || queue[queue.count - 1].time <= entry.time else {
                throw .inconsistent("alerts wait in the wrong order")
            }
            queue.append(entry)
        }
        for _ in 0..<(try reader.length()) {
            let entry = try restoreEntry(&items, from: &reader)
            guard heap.isEmpty || heap[(heap.count - 1) / 2].time <= entry.time else {
                throw .inconsistent("alerts wait in the wrong order")
            }
            heap.append(entry)
        }
    }

    private func restoreEntry(
        _ items: inout ItemStore, from reader: inout CheckpointReader
    ) throws(CheckpointError) -> Entry {
        let item = try items.restoreItem(from: &reader)
        guard items.detail(item) == nil else { throw .inconsistent("a firing waits") }
        items.retain(item)
        return Entry(time: items.header(item).pointee.time, item: item)
    }

    /// The latest time of a waiting alert.
    var last: Timestamp? {
        var last = queueStart < queue.count ? queue[queue.count - 1].time : nil
        for index in 0..<heap.count { last = max(last ?? heap[index].time, heap[index].time) }
        return last
    }

    /// Calls `body` with each alert that waits.
    func forEach(_ body: (ItemID) -> Void) {
        for index in queueStart..<queue.count { body(queue[index].item) }
        for index in 0..<heap.count { body(heap[index].item) }
    }
}
