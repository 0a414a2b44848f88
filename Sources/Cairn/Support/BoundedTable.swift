/// A table with room for a fixed number of entries: what was added first goes first. It is looked into by key only, never
/// gone through, so nothing depends on the order of hashing.
struct BoundedTable<Key: Hashable, Value> {
    private struct Entry {
        var value: Value
        /// Tells an entry from an earlier one of the same key.
        var serial: UInt64
    }

    private let countMax: Int
    private var entries: [Key: Entry] = [:]
    /// Keys in the order in which they were added; those that were removed since are still in it.
    private var ages: [(key: Key, serial: UInt64)] = []
    private var oldest = 0
    private var serial: UInt64 = 0
    /// Entries that made room for others.
    private(set) var evictedCount: UInt64 = 0

    init(countMax: Int) { self.countMax = max(1, countMax) }

    var isEmpty: Bool { entries.isEmpty }

    /// The value of a key; setting nil removes it.
    subscript(key: Key) -> Value? {
        get { entries[key]?.value }
        set {
            guard let newValue else {
                entries[key] = nil
                return
            }
            if entries[key] != nil {
                entries[key]?.value = newValue
            } else {
                insert(newValue, for: key)
            }
        }
    }

    private mutating func insert(_ value: Value, for key: Key) {
        while entries.count >= countMax, oldest < ages.count {
            let age = ages[oldest]
            oldest += 1
            guard entries[age.key]?.serial == age.serial else { continue }
            entries[age.key] = nil
            evictedCount &+= 1
        }
        serial &+= 1
        entries[key] = Entry(value: value, serial: serial)
        if oldest > countMax || ages.count > 4 * countMax { forgetRemoved() }
        ages.append((key, serial))
    }

    private mutating func forgetRemoved() {
        ages = ages[oldest...].filter { entries[$0.key]?.serial == $0.serial }
        oldest = 0
    }
}
