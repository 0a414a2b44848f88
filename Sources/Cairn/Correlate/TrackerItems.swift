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
        guard plan.mode != .tumbling else { return source }
        if usesPresence {
            addPresence(Int(source), to: id)
        } else if plan.type == .value_count {
            return addValue(arrival.item, to: id, in: items)
        } else if plan.type == .value_sum {
            let number = items.number(arrival.item, plan.countedFields[0])
            groups[id].pointee.sum &+= number?.millionths ?? 0
        }
        return source
    }

    @inline(__always)
    private mutating func leave(
        _ entry: ItemRing.Entry, from id: GroupID, in items: borrowing ItemStore
    ) {
        guard plan.mode != .tumbling else { return }
        if usesPresence {
            removePresence(Int(entry.tag), from: id)
        } else if plan.type == .value_count {
            groups[id].pointee.distinct.remove(at: entry.tag)
        } else if plan.type == .value_sum {
            let number = items.number(entry.item, plan.countedFields[0])
            groups[id].pointee.sum &-= number?.millionths ?? 0
        }
    }

    private mutating func addPresence(_ position: Int, to id: GroupID) {
        let counts = groups.tail(id, as: UInt32.self)
        counts[position] &+= 1
        guard counts[position] == 1 else { return }
        groups[id].pointee.presentCount &+= 1
        if position < 64 { groups[id].pointee.present |= 1 << UInt64(position) }
    }

    private mutating func removePresence(_ position: Int, from id: GroupID) {
        let counts = groups.tail(id, as: UInt32.self)
        counts[position] &-= 1
        guard counts[position] == 0 else { return }
        groups[id].pointee.presentCount &-= 1
        if position < 64 { groups[id].pointee.present &= ~(1 << UInt64(position)) }
    }

    private mutating func addValue(
        _ item: ItemID, to id: GroupID, in items: borrowing ItemStore
    ) -> UInt32 {
        let group = groups[id]
        let before = group.pointee.distinct.byteCount
        let fields = plan.countedFields
        let place = group.pointee.distinct.add(item, hash: items.hash(of: fields, in: item)) {
            items.haveSame(fields, $0, item)
        }
        let grown = group.pointee.distinct.byteCount &- before
        if grown != 0 { groups.addBytes(grown) }
        return place
    }

    /// Lets go of all items of a group.
    mutating func clearItems(of id: GroupID, in items: inout ItemStore) {
        let group = groups[id]
        while !group.pointee.ring.isEmpty { removeFirstItem(of: id, in: &items) }
        groups.addBytes(0 &- (group.pointee.ring.byteCount &+ group.pointee.distinct.byteCount))
        group.pointee.ring.deallocate()
        group.pointee.distinct.deallocate()
    }

    /// Takes a group away.
    mutating func remove(_ id: GroupID, in items: inout ItemStore) {
        clearItems(of: id, in: &items)
        timers.remove(id, in: groups)
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
