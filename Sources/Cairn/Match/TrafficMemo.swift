/// The rules of a `TrafficIndex` that traffic passes, remembered: to a filter the packets that go one way in a flow look
/// alike, so for all but the first of them the answer is there.
///
/// A table of fixed size. Traffic that falls into a place takes it from what was there, and what is not remembered is
/// found again, so that what comes out never depends on it.
final class TrafficMemo {
    private struct Entry {
        var traffic: Traffic?
        var count: UInt8 = 0
        /// The first `count` are rules; as many as fill a cache line.
        var rules: InlineArray<5, Int32> = InlineArray(repeating: 0)
    }

    private let entries: UnsafeMutablePointer<Entry>
    /// For each shard, so that all of them fit the cache of a core.
    private static let bitCount = 9

    init() {
        let byteCount = MemoryLayout<Entry>.stride << Self.bitCount
        entries = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
            .bindMemory(to: Entry.self, capacity: 1 << Self.bitCount)
        entries.initialize(repeating: Entry(), count: 1 << Self.bitCount)
    }

    deinit { UnsafeMutableRawPointer(entries).deallocate() }

    /// Calls `body` with each rule of an index that traffic passes. A memo is asked about one index of each transport only.
    ///
    /// - Parameter passes: whether the traffic passes the filter of a rule.
    /// - Returns: how many there were.
    @inline(__always) @discardableResult
    func forEachRule(
        of index: TrafficIndex, passedBy traffic: Traffic, _ passes: (Int) -> Bool,
        _ body: (Int) -> Void
    ) -> Int {
        let entry = entries + place(of: traffic)
        if entry.pointee.traffic == traffic {
            let count = Int(entry.pointee.count)
            for place in 0..<count { body(Int(entry.pointee.rules[place])) }
            return count
        }
        entry.pointee.traffic = traffic
        entry.pointee.count = 0
        var found = 0
        index.forEachRule(about: traffic) { rule in
            guard passes(rule) else { return }
            found &+= 1
            let count = Int(entry.pointee.count)
            if count < entry.pointee.rules.count {
                entry.pointee.rules[count] = Int32(truncatingIfNeeded: rule)
                entry.pointee.count &+= 1
            } else {
                // There is no room for all.
                entry.pointee.traffic = nil
            }
            body(rule)
        }
        return found
    }

    /// The high bits of a product of all that a filter looks at (Fibonacci hashing).
    @inline(__always) private func place(of traffic: Traffic) -> Int {
        let factor: UInt64 = 0x9e37_79b9_7f4a_7c15
        var hash = (traffic.source.high ^ traffic.source.low) &* factor
        hash ^= traffic.destination.high ^ traffic.destination.low
        hash &*= factor
        hash ^=
            UInt64(traffic.sourcePort) << 48 | UInt64(traffic.destinationPort) << 32
            | UInt64(traffic.transport.rawValue) << 16 | UInt64(traffic.flow.rawValue)
        return Int(truncatingIfNeeded: (hash &* factor) &>> UInt64(64 &- Self.bitCount))
    }
}
