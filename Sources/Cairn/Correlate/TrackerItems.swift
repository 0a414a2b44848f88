/// The items of a group, and what each type of rule keeps up to date with them so that no window is
/// looked at twice.
extension CorrelationTracker {
    /// Adds an item to a group, letting go of the oldest above `max-items`.
    @inline(__always)
    mutating func append(
        _ arrival: Arrival, to id: GroupID, at time: Timestamp, in items: inout ItemStore
    ) {
        let group = groups[id]
        let before = group.pointee.ring.byteCount
        items.retain(arrival.item)
        let tag = enter(arrival, into: id, in: items)
        group.pointee.ring.append(.init(time: time, item: arrival.item, tag: tag))
        let grown = group.pointee.ring.byteCount &- before
        if grown != 0 { groups.addBytes(grown) }
        if group.pointee.ring.count > plan.itemCountMax {
            droppedItemCount += 1
            removeFirstItem(of: id, in: &items)
        }
    }

    /// Lets go of items that have left the window.
    @inline(__always)
    mutating func trim(_ id: GroupID, at time: Timestamp, in items: inout ItemStore) {
        let start = time.adding(nanoseconds: 0 &- plan.spanNanoseconds)
        let group = groups[id]
        while !group.pointee.ring.isEmpty,
            group.pointee.ring[group.pointee.ring.first].time < start
        {
            removeFirstItem(of: id, in: &items)
        }
    }

    @inline(__always)
    private mutating func removeFirstItem(of id: GroupID, in items: inout ItemStore) {
        let group = groups[id]
        let entry = group.pointee.ring[group.pointee.ring.first]
        leave(entry, from: id, in: items)
        group.pointee.ring.removeFirst()
        items.release(entry.item)
    }

    /// Counts an item in what the rule's type keeps; returns the tag to leave by.
    @inline(__always)
    private mutating func enter(
        _ arrival: Arrival, into id: GroupID, in items: borrowing ItemStore
    ) -> UInt32 {
        let source = UInt32(bitPattern: arrival.source)
        if keepsNumbers {
            let number = items.number(arrival.item, plan.countedFields[0])
            if plan.mode == .eager { sum(of: id).pointee &+= number?.millionths ?? 0 }
            return NumberTag.tag(number)
        } else if usesPresence {
            RulePresence.add(source, to: groups.tail(id, as: RulePresence.self))
        } else if countsValues {
            return addValue(arrival.item, to: id, in: items)
        }
        return source
    }

    /// `value_sum`, eager: millionths of the items held.
    @inline(__always) func sum(of id: GroupID) -> UnsafeMutablePointer<Int128> {
        groups.tail(id, as: Int128.self)
    }

    /// `value_count`, eager: the values of the items held.
    @inline(__always) func distinctValues(of id: GroupID) -> UnsafeMutablePointer<DistinctValues> {
        groups.tail(id, as: DistinctValues.self)
    }

    /// The number of an item that a group holds, in a rule that counts numbers.
    @inline(__always)
    func number(_ entry: ItemRing.Entry, _ items: borrowing ItemStore) -> ExactNumber? {
        NumberTag.number(entry.tag) ?? items.number(entry.item, plan.countedFields[0])
    }

    @inline(__always)
    private mutating func leave(
        _ entry: ItemRing.Entry, from id: GroupID, in items: borrowing ItemStore
    ) {
        if keepsNumbers {
            guard plan.mode == .eager else { return }
            sum(of: id).pointee &-= number(entry, items)?.millionths ?? 0
        } else if usesPresence {
            RulePresence.remove(entry.tag, from: groups.tail(id, as: RulePresence.self))
        } else if countsValues {
            distinctValues(of: id).pointee.remove(at: entry.tag)
        }
    }

    private mutating func addValue(
        _ item: ItemID, to id: GroupID, in items: borrowing ItemStore
    ) -> UInt32 {
        let values = distinctValues(of: id)
        let before = values.pointee.byteCount
        let fields = plan.countedFields
        let place = values.pointee.add(item, hash: items.hash(of: fields, in: item)) {
            items.haveSame(fields, $0, item)
        }
        let grown = values.pointee.byteCount &- before
        if grown != 0 { groups.addBytes(grown) }
        return place
    }

    /// Lets go of all items of a group.
    mutating func clearItems(of id: GroupID, in items: inout ItemStore) {
        let group = groups[id]
        while !group.pointee.ring.isEmpty { removeFirstItem(of: id, in: &items) }
        groups.addBytes(0 &- group.pointee.ring.byteCount)
        group.pointee.ring.deallocate()
        guard countsValues else { return }
        groups.addBytes(0 &- distinctValues(of: id).pointee.byteCount)
        distinctValues(of: id).pointee.deallocate()
    }

    /// Takes a group away.
    mutating func remove(_ id: GroupID, in items: inout ItemStore) {
        clearItems(of: id, in: &items)
        timers.remove(id)
        groups.remove(id)
    }

    // MARK: Chains

    /// Moves the chains on by the items of the batch, which are the last in the ring.
    mutating func followChains(of id: GroupID) {
        completedChains.removeAll()
        var number = groups[id].pointee.ring.next &- UInt64(batch.count)
        var lowest = Int.max
        var highest = 0
        for index in 0..<batch.count {
            let position = Int(batch[index].source)
            latestOfPosition[position] = number
            lowest = min(lowest, position)
            highest = max(highest, position)
            number &+= 1
        }
        // All of one instant counts as simultaneous, so an earlier rule's item may come later in
        // item order.
        for position in lowest...max(lowest, highest) where latestOfPosition[position] > 0 {
            followChains(of: id, position, latest: latestOfPosition[position])
            latestOfPosition[position] = 0
        }
    }

    private mutating func followChains(of id: GroupID, _ position: Int, latest: UInt64) {
        guard let chain = plan.chain else { return }
        let state = groups.tail(id, as: UInt64.self)
        for node in chain.nodesOfPosition[position] {
            var oldest = latest
            if !chain.nodes[node].parents.isEmpty {
                var best: UInt64 = 0
                for parent in chain.nodes[node].parents { best = max(best, state[parent]) }
                oldest = min(latest, best)
            }
            state[node] = max(state[node], oldest)
            if chain.nodes[node].completes >= 0 {
                completedChains.append((chain.nodes[node].completes, oldest))
            }
        }
    }
}

/// Which rules of a temporal type have an item in a group, kept behind the group: the number of items of
/// each rule follows.
struct RulePresence {
    /// One bit for each of the first 64 rules.
    private(set) var rules: UInt64
    /// How many rules have an item.
    private(set) var count: UInt32

    private static let itemCountsOffset = 12

    static func byteCount(ruleCount: Int) -> Int {
        itemCountsOffset + ruleCount * MemoryLayout<UInt32>.stride
    }

    /// How many items each rule has.
    @inline(__always)
    static func itemCounts(
        of presence: UnsafeMutablePointer<RulePresence>
    ) -> UnsafeMutablePointer<UInt32> {
        (UnsafeMutableRawPointer(presence) + itemCountsOffset).assumingMemoryBound(to: UInt32.self)
    }

    /// Adds an item of the rule at a position.
    @inline(__always)
    static func add(_ position: UInt32, to presence: UnsafeMutablePointer<RulePresence>) {
        let counts = itemCounts(of: presence)
        counts[Int(position)] &+= 1
        guard counts[Int(position)] == 1 else { return }
        presence.pointee.count &+= 1
        if position < 64 { presence.pointee.rules |= 1 << UInt64(position) }
    }

    /// Takes away an item of the rule at a position.
    @inline(__always)
    static func remove(_ position: UInt32, from presence: UnsafeMutablePointer<RulePresence>) {
        let counts = itemCounts(of: presence)
        counts[Int(position)] &-= 1
        guard counts[Int(position)] == 0 else { return }
        presence.pointee.count &-= 1
        if position < 64 { presence.pointee.rules &= ~(1 << UInt64(position)) }
    }
}

/// Numbers as tags of items: a whole one from zero on is its own tag if it fits, so that the item, which
/// is old and in memory by then, need not be read as it leaves the window.
enum NumberTag {
    private static let other: UInt32 = .max

    /// The tag of a number.
    @inline(__always) static func tag(_ number: ExactNumber?) -> UInt32 {
        guard let number, let small = Int64(exactly: number.millionths), small >= 0 else {
            return other
        }
        let (whole, rest) = small.quotientAndRemainder(dividingBy: perUnit)
        return rest == 0 && whole < Int64(other) ? UInt32(truncatingIfNeeded: whole) : other
    }

    /// The number of a tag; nil if only the item tells it.
    @inline(__always) static func number(_ tag: UInt32) -> ExactNumber? {
        tag == other ? nil : ExactNumber(Int64(tag))
    }

    private static let perUnit = Int64(truncatingIfNeeded: ExactNumber.perUnit)
}

extension ItemStore {
    /// The number in a field of an item.
    @inline(__always) func number(_ item: ItemID, _ field: Int) -> ExactNumber? {
        let value = value(item, field)
        guard value.kind == .number else { return nil }
        return ExactNumber(plain: text(item, value))
    }

    /// A hash of some fields of an item.
    @inline(__always) func hash(of fields: [Int], in item: ItemID) -> UInt32 {
        var hash: UInt32 = 0
        for field in fields { hash = GroupKey.combine(hash, value(item, field).hash) }
        return hash
    }

    /// Whether two items have the same texts in some fields.
    func haveSame(_ fields: [Int], _ a: ItemID, _ b: ItemID) -> Bool {
        for field in fields {
            let (first, second) = (text(a, value(a, field)), text(b, value(b, field)))
            guard GroupKey.areEqual(first, second) else { return false }
        }
        return true
    }
}
