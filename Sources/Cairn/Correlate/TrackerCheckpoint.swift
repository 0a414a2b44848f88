/// Saving and restoring a correlation rule's groups (CORRELATION.md §11), between instants.
///
/// Sums, presence and distinct values are not saved: they come back as the items do. How much
/// memory a group has taken is, since `memcap` decides by it which groups are evicted.
extension CorrelationTracker {
    private enum Part {
        static let quiet: UInt8 = 1
        static let quietListed: UInt8 = 2
        static let window: UInt8 = 4
        static let timer: UInt8 = 8
    }

    mutating func save(_ items: borrowing ItemStore, to writer: inout CheckpointWriter) {
        for count in [ungroupedCount, uncountedCount, evictedGroupCount, droppedItemCount] {
            writer.count(count)
        }
        writer.count(groups.count)
        var passedCount = groups.count
        var ordinal = 0
        var group = groups.first
        while group != GroupTable.none {
            if group == groups.firstInWindow { passedCount = ordinal }
            save(group, items, to: &writer)
            ordinal += 1
            group = groups.next(after: group)
        }
        writer.count(passedCount)
    }

    private mutating func save(
        _ id: GroupID, _ items: borrowing ItemStore, to writer: inout CheckpointWriter
    ) {
        let group = groups[id].pointee
        let due = timers.due(id)
        let isQuiet = group.quietEnd > Timestamp(nanoseconds: .min)
        writer.byte(
            (isQuiet ? Part.quiet : 0) | (group.isQuietListed ? Part.quietListed : 0)
                | (group.windowStart != nil ? Part.window : 0) | (due != nil ? Part.timer : 0))
        writer.text(groups.key(of: id))
        writer.time(group.touched)
        if isQuiet { writer.time(group.quietEnd) }
        if let start = group.windowStart { writer.time(start) }
        if let due { writer.time(due) }
        writer.number(group.anchor)
        if countsValues {
            let capacities = distinctValues(of: id).pointee.capacities
            writer.count(capacities.values)
            writer.count(capacities.index)
        }
        if let chain = plan.chain {
            let state = groups.tail(id, as: UInt64.self)
            for node in chain.nodes.indices { writer.number(state[node]) }
        }
        writer.count(group.ring.capacity)
        writer.number(group.ring.first)
        writer.count(group.ring.count)
        for number in group.ring.first..<group.ring.next {
            items.save(group.ring[number].item, to: &writer)
            if !countsValues { writer.number(keepsNumbers ? 0 : UInt64(group.ring[number].tag)) }
        }
    }

    // MARK: Restoring

    /// Fills a tracker that has seen nothing.
    ///
    /// - Parameters:
    ///   - end: the last instant that is done.
    ///   - byteCountMax: bytes that all groups may take.
    mutating func restore(
        from reader: inout CheckpointReader, in context: inout CorrelationContext,
        through end: Timestamp, byteCountMax: Int
    ) throws(CheckpointError) {
        ungroupedCount = try reader.count()
        uncountedCount = try reader.count()
        evictedGroupCount = try reader.count()
        droppedItemCount = try reader.count()
        let groupsMax = byteCountMax - context.groupByteCount
        var quiet: [GroupID] = []
        var touched = Timestamp(nanoseconds: .min)
        for _ in 0..<(try reader.length(atMost: plan.groupCountMax)) {
            let parts = try reader.byte()
            guard parts < 16 else { throw .inconsistent("a group has unknown parts") }
            let id = try restoreGroup(parts, from: &reader, groupsMax)
            try restoreItems(of: id, from: &reader, &context.items, through: end, groupsMax)
            guard touched <= groups[id].pointee.touched, groups[id].pointee.touched <= end else {
                throw .inconsistent("groups are in the wrong order")
            }
            touched = groups[id].pointee.touched
            if parts & Part.quietListed != 0 { quiet.append(id) }
        }
        let passedCount = try reader.count()
        guard passedCount <= groups.count else { throw .inconsistent("groups are missing") }
        for _ in 0..<passedCount { groups.passFirstInWindow() }
        quiet.sort { groups[$0].pointee.quietEnd < groups[$1].pointee.quietEnd }
        for id in quiet { groups.listQuiet(id) }
        context.groupByteCount += groups.byteCount
    }

    private mutating func restoreGroup(
        _ parts: UInt8, from reader: inout CheckpointReader, _ byteCountMax: Int
    ) throws(CheckpointError) -> GroupID {
        let key = try reader.text()
        let id = try makeGroup(key, touched: try reader.time())
        if parts & Part.quiet != 0 { groups[id].pointee.quietEnd = try reader.time() }
        if parts & Part.window != 0 { groups[id].pointee.windowStart = try reader.time() }
        if parts & Part.timer != 0 {
            let due = try reader.time()
            guard plan.mode != .eager else { throw .inconsistent("a timer without a window") }
            timers.set(id, at: due)
        }
        groups[id].pointee.anchor = try reader.number()
        if countsValues {
            let values = try restoreCapacity(from: &reader)
            let index = try restoreCapacity(from: &reader)
            groups.addBytes(
                values * MemoryLayout<DistinctValues.Value>.stride
                    + index * MemoryLayout<HashIndex.Bucket>.stride)
            try check(byteCountMax)
            distinctValues(of: id).pointee = DistinctValues(capacities: (values, index))
        }
        if let chain = plan.chain {
            let state = groups.tail(id, as: UInt64.self)
            for node in chain.nodes.indices { state[node] = try reader.number() }
        }
        return id
    }

    private mutating func makeGroup(
        _ key: [UInt8], touched: Timestamp
    ) throws(CheckpointError) -> GroupID {
        var written = PlainList<UInt8>()
        let values = GroupKey.values(key)
        for value in values { value.withUnsafeBytes { GroupKey.append($0, to: &written) } }
        guard values.count == plan.groupNames.count, written.bytes(from: 0).elementsEqual(key)
        else { throw .inconsistent("a group has other values than its rule asks for") }
        let hash = GroupKey.shortHash(ofValues: values)
        guard groups.find(written.bytes(from: 0), hash: hash) == nil else {
            throw .inconsistent("a group comes twice")
        }
        return groups.insert(written.bytes(from: 0), hash: hash, at: touched)
    }

    /// A number of places: a power of two, no more than the items of a group can have caused.
    private func restoreCapacity(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> Int {
        let capacity = try reader.count()
        // Tables double, and keep half of their places free where they are searched.
        guard capacity & (capacity - 1) == 0, capacity / 8 <= max(1, plan.itemCountMax),
            capacity < 1 << 31
        else { throw .inconsistent("a table has \(capacity) places") }
        return capacity
    }

    private mutating func restoreItems(
        of id: GroupID, from reader: inout CheckpointReader, _ items: inout ItemStore,
        through end: Timestamp, _ byteCountMax: Int
    ) throws(CheckpointError) {
        let capacity = try restoreCapacity(from: &reader)
        let first = try reader.number()
        guard first > 0, first < 1 << 60 else { throw .inconsistent("an item has number \(first)") }
        let group = groups[id]
        groups.addBytes(capacity * MemoryLayout<ItemRing.Entry>.stride)
        try check(byteCountMax)
        group.pointee.ring = ItemRing(first: first, capacity: capacity)
        for _ in 0..<(try reader.length(atMost: plan.itemCountMax)) {
            let item = try items.restoreItem(from: &reader)
            let source = countsValues ? 0 : try reader.number()
            let time = items.header(item).pointee.time
            guard source < UInt64(plan.referenceCount), group.pointee.lastItemTime <= time,
                time <= end
            else { throw .inconsistent("an item is not where it belongs") }
            let arrival = Arrival(item: item, source: Int32(truncatingIfNeeded: source))
            append(arrival, to: id, at: time, in: &items)
            try check(byteCountMax)
        }
        let next = group.pointee.ring.next
        var isOrdered = group.pointee.anchor <= next
        if let chain = plan.chain {
            let state = groups.tail(id, as: UInt64.self)
            for node in chain.nodes.indices where state[node] >= next { isOrdered = false }
        }
        guard isOrdered else { throw .inconsistent("a group looks at items that never came") }
    }

    private func check(_ byteCountMax: Int) throws(CheckpointError) {
        guard groups.byteCount <= byteCountMax else {
            throw .inconsistent("its groups take more memory than they may")
        }
    }
}
