/// Incidents that closed by `max-duration`, by their keys: for one `gap` a new incident whose first
/// key is one of them names them as what it continues.
///
/// Holds at most `keyCountMax` keys; beyond that the oldest is forgotten and counted.
struct EndedIncidents {
    private struct Ended {
        var id: RecordID
        var last: Timestamp
        var serial: UInt64
    }

    private static let keyCountMax = 100_000

    private var byKey: [[UInt8]: Ended] = [:]
    private var queue: [(key: [UInt8], serial: UInt64, closed: Timestamp)] = []
    private var queueStart = 0
    private var serial: UInt64 = 0
    private(set) var forgottenCount = 0

    var isEmpty: Bool { byKey.isEmpty }

    /// The incident that a new one with this first key continues; it is then forgotten for the key.
    mutating func continued(_ key: [UInt8], at time: Timestamp, gap: Int64) -> RecordID? {
        guard let previous = byKey.removeValue(forKey: key),
            previous.last.adding(nanoseconds: gap) >= time
        else { return nil }
        return previous.id
    }

    /// Remembers an incident that closes now for one of its keys.
    mutating func remember(
        _ id: RecordID, last: Timestamp, _ key: [UInt8], at time: Timestamp
    ) {
        serial += 1
        byKey[key] = Ended(id: id, last: last, serial: serial)
        queue.append((key, serial, time))
        while byKey.count > Self.keyCountMax {
            forgottenCount += forgetFirst() ? 1 : 0
        }
    }

    /// Forgets who had a key, as its present owner closed.
    mutating func forget(_ key: [UInt8]) { byKey[key] = nil }

    /// Forgets what closed too long ago to be continued.
    mutating func forget(before time: Timestamp, gap: Int64) {
        while queueStart < queue.count,
            queue[queueStart].closed.adding(nanoseconds: gap) < time
                || byKey[queue[queueStart].key]?.serial != queue[queueStart].serial
        {
            _ = forgetFirst()
        }
        if queueStart > 1024, 2 * queueStart > queue.count {
            queue.removeFirst(queueStart)
            queueStart = 0
        }
    }

    /// Takes the first one off the queue; whether it was still remembered.
    private mutating func forgetFirst() -> Bool {
        let first = queue[queueStart]
        queueStart += 1
        guard byKey[first.key]?.serial == first.serial else { return false }
        byKey[first.key] = nil
        return true
    }
}

// MARK: - Checkpoint

extension EndedIncidents {
    /// Writes what is remembered, the oldest first.
    func save(to writer: inout CheckpointWriter) {
        writer.count(forgottenCount)
        writer.count(byKey.count)
        for (key, serial, closed) in queue[queueStart...] {
            guard let ended = byKey[key], ended.serial == serial else { continue }
            writer.text(key)
            writer.id(ended.id)
            writer.time(ended.last)
            writer.time(closed)
        }
    }

    /// Fills an empty memory.
    mutating func restore(from reader: inout CheckpointReader) throws(CheckpointError) {
        forgottenCount = try reader.count()
        for _ in 0..<(try reader.length(atMost: Self.keyCountMax)) {
            let key = try reader.text()
            let id = try reader.id()
            let last = try reader.time()
            remember(id, last: last, key, at: try reader.time())
        }
    }
}
