/// One correlation rule at work: its groups, their items, and the moments at which windows end.
///
/// Runs once for each instant that brings it an item or ends one of its windows. Memory is bounded
/// by `max-groups` and `max-items`, and over all rules by `memcap`; what goes at a limit is
/// counted.
final class CorrelationTracker {
    /// An item on its way into a group.
    struct Arrival {
        var item: ItemID
        /// Index into the plan's sources.
        var source: Int32
    }

    /// What this instant brings to the group of one key: an item, or the end of a window.
    private struct Matter {
        var keyOffset: Int
        var keyByteCount: Int
        var hash: UInt64
        /// Nil at the end of a window.
        var arrival: Arrival?
    }

    let plan: CorrelationPlan
    let store: ItemStore
    let groups: GroupTable
    private var timers = TimerHeap()
    private let builder: FiringBuilder

    /// Items without a value for a `group-by` name, and items without what is counted.
    private(set) var ungroupedCount = 0
    private(set) var uncountedCount = 0
    /// Groups and items that went at a limit.
    private(set) var evictedGroupCount = 0
    private(set) var droppedItemCount = 0
    /// The firings of the present instant, each retained once for the receiver.
    private(set) var firings: [ItemID] = []

    private var inbox: [Arrival] = []
    private var matters: [Matter] = []
    private var batch: [Arrival] = []
    private var keys = KeyBuffer()
    private let keyFields: [Int]
    private let sourceIsNegated: [Bool]
    private let usesPresence: Bool
    /// The count that an eager map condition asks for.
    let countMin: Int
    /// Alternatives of a chain that this instant completed, with the number of the chain's oldest
    /// item.
    var completedChains: [(alternative: Int, oldest: UInt64)] = []
    private var latestOfPosition: [UInt64]
    var evidence: [ItemID] = []
    /// Alternatives of a text condition by the negated rules that are present.
    var alternatives: [UInt64: [UInt64]] = [:]

    init(plan: CorrelationPlan, store: ItemStore, catalog: RuleCatalog, records: RecordWriter) {
        self.plan = plan
        self.store = store
        keyFields = plan.groupFields.flatMap(\.self)
        sourceIsNegated = plan.isNegated
        if case .limits(let limits, _) = plan.condition {
            countMin = limits.countMin
        } else {
            countMin = 1
        }
        usesPresence = plan.isTemporal && plan.mode != .tumbling && plan.chain == nil
        let tailByteCount =
            plan.chain.map { $0.nodes.count * 8 }
            ?? (usesPresence ? plan.referenceCount * 4 : 0)
        groups = GroupTable(tailByteCount: tailByteCount)
        latestOfPosition = Array(repeating: 0, count: plan.chain == nil ? 0 : plan.referenceCount)
        builder = FiringBuilder(plan: plan, store: store, catalog: catalog, records: records)
    }

    deinit { groups.forEach { clearItems(of: $0) } }

    /// When the next window ends; nil if none is waiting.
    var nextTimer: Timestamp? { timers.next }

    /// Hands over an item of the present instant.
    @inline(__always) func receive(_ item: ItemID, source: Int) {
        inbox.append(Arrival(item: item, source: Int32(truncatingIfNeeded: source)))
    }

    /// Does what the present instant asks for; firings are then in `firings`, in the order of their
    /// groups.
    func run(at time: Timestamp) {
        firings.removeAll(keepingCapacity: true)
        keys.removeAll()
        matters.removeAll(keepingCapacity: true)
        takeDueTimers(at: time)
        expire(before: time)
        if inbox.count == 1, matters.isEmpty {
            runOne(inbox[0], at: time)
        } else {
            runSeveral(at: time)
        }
        inbox.removeAll(keepingCapacity: true)
    }

    // MARK: Sorting into groups

    private func runOne(_ arrival: Arrival, at time: Timestamp) {
        guard appendKey(of: arrival) else { return ungroupedCount += 1 }
        let isReset = Int(arrival.source) >= plan.referenceCount
        guard isReset || counts(arrival.item) else { return uncountedCount += 1 }
        batch.removeAll(keepingCapacity: true)
        if !isReset { batch.append(arrival) }
        let key = keys.bytes()
        process(key, hash: GroupKey.hash(key), isReset: isReset, at: time)
    }

    private func runSeveral(at time: Timestamp) {
        for arrival in inbox {
            let offset = keys.count
            guard appendKey(of: arrival) else {
                ungroupedCount += 1
                continue
            }
            guard Int(arrival.source) >= plan.referenceCount || counts(arrival.item) else {
                uncountedCount += 1
                continue
            }
            addMatter(keyOffset: offset, arrival)
        }
        // Indices make the order of equal keys that of arrival.
        let order = matters.indices.sorted { a, b in
            let order = GroupKey.compare(key(of: matters[a]), key(of: matters[b]))
            return order != 0 ? order < 0 : a < b
        }
        var index = 0
        while index < order.count {
            let first = matters[order[index]]
            batch.removeAll(keepingCapacity: true)
            var isReset = false
            while index < order.count {
                let matter = matters[order[index]]
                guard matter.hash == first.hash,
                    GroupKey.compare(key(of: matter), key(of: first)) == 0
                else { break }
                if let arrival = matter.arrival {
                    if Int(arrival.source) >= plan.referenceCount {
                        isReset = true
                    } else {
                        batch.append(arrival)
                    }
                }
                index += 1
            }
            process(key(of: first), hash: first.hash, isReset: isReset, at: time)
        }
    }

    private func addMatter(keyOffset: Int, _ arrival: Arrival?) {
        let key = keys.bytes(from: keyOffset)
        matters.append(
            Matter(
                keyOffset: keyOffset, keyByteCount: key.count, hash: GroupKey.hash(key),
                arrival: arrival))
    }

    private func key(of matter: Matter) -> UnsafeRawBufferPointer {
        keys.bytes(matter.keyOffset, matter.keyByteCount)
    }

    /// Appends the group key of an item; false, leaving nothing, if it belongs to no group.
    @inline(__always) private func appendKey(of arrival: Arrival) -> Bool {
        let start = keys.count
        let nameCount = plan.groupNames.count
        for index in 0..<nameCount {
            let field = keyFields[Int(arrival.source) &* nameCount &+ index]
            let value =
                field < 0 ? CorrelationAlert.Value() : store.value(arrival.item, field)
            guard value.kind != .none else {
                keys.removeLast(keys.count &- start)
                return false
            }
            GroupKey.append(store.text(arrival.item, value), to: &keys)
        }
        return true
    }

    /// Whether an item has what its rule counts.
    @inline(__always) private func counts(_ item: ItemID) -> Bool {
        for field in plan.countedFields {
            let value = store.value(item, field)
            if value.kind == .none { return false }
            if plan.isNumeric, number(item, field) == nil { return false }
        }
        return true
    }

    /// The number in a field of an item.
    @inline(__always) func number(_ item: ItemID, _ field: Int) -> ExactNumber? {
        let value = store.value(item, field)
        guard value.kind == .number else { return nil }
        return ExactNumber(plain: store.text(item, value))
    }

    // MARK: One group

    /// Brings the batch to the group of a key, or resets it, and looks whether the rule fires.
    private func process(
        _ key: UnsafeRawBufferPointer, hash: UInt64, isReset: Bool, at time: Timestamp
    ) {
        let known = groups.find(key, hash: hash)
        if isReset {
            if let known { reset(known, at: time) }
            return
        }
        let isWanted = batch.contains { !sourceIsNegated[Int($0.source)] }
        guard known != nil || isWanted else { return }
        let group = known ?? insert(key, hash: hash, at: time)
        if !batch.isEmpty {
            if known != nil { groups.touch(group, at: time) }
            if plan.mode == .tumbling, groups[group].pointee.windowStart == nil {
                openWindow(of: group, at: time)
            }
        }
        trim(group, at: time)
        for arrival in batch { append(arrival, to: group, at: time) }
        if plan.chain != nil, !batch.isEmpty { followChains(of: group) }
        evaluate(group, at: time, isWanted: isWanted)
        if plan.mode == .sliding { setNextAnchor(of: group, at: time) }
    }

    private func insert(
        _ key: UnsafeRawBufferPointer, hash: UInt64, at time: Timestamp
    ) -> GroupID {
        while groups.count >= plan.groupCountMax { evictFirst() }
        return groups.insert(key, hash: hash, at: time)
    }

    /// When the last item of the first group to go came.
    var firstTouched: Timestamp {
        groups.first == GroupTable.none ? .distantFuture : groups[groups.first].pointee.touched
    }

    /// Takes away the group with the earliest last item.
    func evictFirst() {
        guard groups.first != GroupTable.none else { return }
        evictedGroupCount += 1
        remove(groups.first)
    }

    /// Forgets items and window, not the quiet time.
    private func reset(_ group: GroupID, at time: Timestamp) {
        groups[group].pointee.windowStart = nil
        timers.remove(group, in: groups)
        clearItems(of: group)
        if groups[group].pointee.quietEnd < time { remove(group) }
    }

    private func openWindow(of group: GroupID, at time: Timestamp) {
        if time > groups[group].pointee.quietEnd {
            groups[group].pointee.windowStart = time
            timers.set(group, at: time.adding(nanoseconds: plan.spanNanoseconds), in: groups)
        } else {
            batch.removeAll(keepingCapacity: true)
        }
    }

    // MARK: Items of a group

    private func append(_ arrival: Arrival, to id: GroupID, at time: Timestamp) {
        let group = groups[id]
        let before = group.pointee.ring.byteCount
        store.retain(arrival.item)
        let tag = enter(arrival, into: id)
        group.pointee.ring.append(.init(time: time, item: arrival.item, tag: tag))
        let grown = group.pointee.ring.byteCount &- before
        if grown != 0 { groups.addBytes(grown) }
        if group.pointee.ring.count > plan.itemCountMax {
            droppedItemCount += 1
            removeFirstItem(of: id)
        }
    }

    /// Lets go of items that have left the window.
    @inline(__always) private func trim(_ id: GroupID, at time: Timestamp) {
        let start = time.adding(nanoseconds: 0 &- plan.spanNanoseconds)
        let group = groups[id]
        while !group.pointee.ring.isEmpty,
            group.pointee.ring[group.pointee.ring.first].time < start
        {
            removeFirstItem(of: id)
        }
    }

    private func removeFirstItem(of id: GroupID) {
        let group = groups[id]
        let entry = group.pointee.ring[group.pointee.ring.first]
        leave(entry, from: id)
        group.pointee.ring.removeFirst()
        store.release(entry.item)
    }

    /// Counts an item in what the rule's type keeps; returns the tag to leave by.
    @inline(__always) private func enter(_ arrival: Arrival, into id: GroupID) -> UInt32 {
        let group = groups[id]
        guard plan.mode != .tumbling else { return UInt32(bitPattern: arrival.source) }
        if usesPresence {
            let position = Int(arrival.source)
            let counts = groups.tail(id, as: UInt32.self)
            counts[position] &+= 1
            if counts[position] == 1 {
                group.pointee.presentCount &+= 1
                if position < 64 { group.pointee.present |= 1 << UInt64(position) }
            }
        } else if plan.type == .value_count {
            let before = group.pointee.distinct.byteCount
            let item = arrival.item
            let place = group.pointee.distinct.add(item, hash: valueHash(item)) {
                hasSameValues($0, item)
            }
            let grown = group.pointee.distinct.byteCount &- before
            if grown != 0 { groups.addBytes(grown) }
            return place
        } else if plan.type == .value_sum {
            group.pointee.sum &+= number(arrival.item, plan.countedFields[0])?.millionths ?? 0
        }
        return UInt32(bitPattern: arrival.source)
    }

    @inline(__always) private func leave(_ entry: ItemRing.Entry, from id: GroupID) {
        let group = groups[id]
        guard plan.mode != .tumbling else { return }
        if usesPresence {
            let position = Int(entry.tag)
            let counts = groups.tail(id, as: UInt32.self)
            counts[position] &-= 1
            if counts[position] == 0 {
                group.pointee.presentCount &-= 1
                if position < 64 { group.pointee.present &= ~(1 << UInt64(position)) }
            }
        } else if plan.type == .value_count {
            group.pointee.distinct.remove(at: entry.tag)
        } else if plan.type == .value_sum {
            group.pointee.sum &-= number(entry.item, plan.countedFields[0])?.millionths ?? 0
        }
    }

    private func clearItems(of id: GroupID) {
        let group = groups[id]
        while !group.pointee.ring.isEmpty { removeFirstItem(of: id) }
        groups.addBytes(
            0 &- (group.pointee.ring.byteCount &+ group.pointee.distinct.byteCount))
        group.pointee.ring.deallocate()
        group.pointee.distinct.deallocate()
    }

    private func remove(_ group: GroupID) {
        clearItems(of: group)
        timers.remove(group, in: groups)
        groups.remove(group)
    }

    /// A hash of what `value_count` counts of an item.
    func valueHash(_ item: ItemID) -> UInt64 {
        var hash: UInt64 = 0
        for field in plan.countedFields {
            hash = GroupKey.mix(hash, GroupKey.hash(store.text(item, store.value(item, field))))
        }
        return hash
    }

    /// Whether two items have the same values in what is counted.
    func hasSameValues(_ a: ItemID, _ b: ItemID) -> Bool {
        plan.countedFields.allSatisfy { field in
            let first = store.text(a, store.value(a, field))
            let second = store.text(b, store.value(b, field))
            return first.count == second.count && GroupKey.compare(first, second) == 0
        }
    }

    // MARK: Chains

    /// Moves the chains on by the items of the batch, which are the last in the ring.
    private func followChains(of id: GroupID) {
        guard let chain = plan.chain else { return }
        let state = groups.tail(id, as: UInt64.self)
        completedChains.removeAll(keepingCapacity: true)
        var number = groups[id].pointee.ring.next &- UInt64(batch.count)
        var positions = 0..<0
        for arrival in batch {
            let position = Int(arrival.source)
            latestOfPosition[position] = number
            positions =
                positions.isEmpty
                ? position..<position + 1
                : min(positions.lowerBound, position)..<max(positions.upperBound, position + 1)
            number &+= 1
        }
        // All of one instant counts as simultaneous, so an earlier rule's item may come later in
        // item order.
        for position in positions where latestOfPosition[position] > 0 {
            let latest = latestOfPosition[position]
            latestOfPosition[position] = 0
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

    // MARK: Time

    /// Takes the timers that are due now: ends of windows become matters, groups that hold nothing
    /// go away.
    private func takeDueTimers(at time: Timestamp) {
        while let timer = timers.first, timer.due <= time {
            let group = timer.group
            timers.remove(group, in: groups)
            if plan.mode == .tumbling, groups[group].pointee.windowStart == nil {
                if !isLive(group, at: time) { remove(group) }
                continue
            }
            let offset = keys.count
            keys.append(groups[group].pointee.keyBytes)
            addMatter(keyOffset: offset, nil)
        }
    }

    private func setNextAnchor(of id: GroupID, at time: Timestamp) {
        let group = groups[id]
        let decided = max(
            time.adding(nanoseconds: 0 &- plan.spanNanoseconds), group.pointee.quietEnd)
        var number = max(group.pointee.anchor, group.pointee.ring.first)
        while number < group.pointee.ring.next {
            let entry = group.pointee.ring[number]
            if entry.time > decided, !sourceIsNegated[Int(entry.tag)] { break }
            number &+= 1
        }
        group.pointee.anchor = number
        if number < group.pointee.ring.next {
            let due = group.pointee.ring[number].time.adding(nanoseconds: plan.spanNanoseconds)
            timers.set(id, at: due, in: groups)
        } else {
            timers.remove(id, in: groups)
        }
    }

    /// Whether a group holds an item of the last timespan, an open window, or quiet time (§8).
    private func isLive(_ id: GroupID, at time: Timestamp) -> Bool {
        let group = groups[id]
        return group.pointee.windowStart != nil || group.pointee.quietEnd >= time
            || !group.pointee.ring.isEmpty
                && group.pointee.lastItemTime.adding(nanoseconds: plan.spanNanoseconds) >= time
    }

    /// Lets go of the groups that are no longer live.
    func expire(before time: Timestamp) {
        while groups.firstInWindow != GroupTable.none {
            let id = groups.firstInWindow
            let end = groups[id].pointee.touched.adding(nanoseconds: plan.spanNanoseconds)
            guard end < time else { break }
            groups.passFirstInWindow()
            if groups[id].pointee.quietEnd >= time { clearItems(of: id) } else { remove(id) }
        }
        while groups.firstQuiet != GroupTable.none {
            let id = groups.firstQuiet
            guard groups[id].pointee.quietEnd < time else { break }
            groups.removeFromQuiet(id)
            if !isLive(id, at: time) {
                remove(id)
            } else if plan.mode == .tumbling, groups[id].pointee.windowStart == nil,
                groups[id].pointee.touched > groups[id].pointee.lastItemTime
            {
                // The last item to come was not kept, so the order of last items does not tell when
                // this group ends.
                let end = groups[id].pointee.lastItemTime
                    .adding(nanoseconds: plan.spanNanoseconds).adding(nanoseconds: 1)
                timers.set(id, at: end, in: groups)
            }
        }
    }

    /// Windows whose ends lie after the clock.
    func pendingCount(at clock: Timestamp) -> Int {
        var count = 0
        groups.forEach { id in
            let group = groups[id]
            if let start = group.pointee.windowStart,
                start.adding(nanoseconds: plan.spanNanoseconds) > clock
            {
                count += 1
            }
            guard plan.mode == .sliding else { return }
            var number = group.pointee.ring.first
            var counted: Timestamp?
            while number < group.pointee.ring.next {
                let entry = group.pointee.ring[number]
                if !sourceIsNegated[Int(entry.tag)], entry.time > group.pointee.quietEnd,
                    entry.time != counted,
                    entry.time.adding(nanoseconds: plan.spanNanoseconds) > clock
                {
                    count += 1
                    counted = entry.time
                }
                number &+= 1
            }
        }
        return count
    }

    // MARK: Firing

    /// Fires for a group, with what is in `evidence`.
    func fire(
        _ id: GroupID, at time: Timestamp, from start: Timestamp, value: Int128, reason: [UInt8]
    ) {
        let firing = builder.fire(
            group: groups[id].pointee.keyBytes, at: time, from: start, value: value,
            reason: reason, evidence: evidence)
        firings.append(firing)
        groups[id].pointee.quietEnd = time.adding(nanoseconds: plan.suppressNanoseconds)
        groups.listQuiet(id)
    }
}
