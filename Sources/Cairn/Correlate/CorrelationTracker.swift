/// One correlation rule at work: its groups, their items, and the moments at which windows end.
///
/// Runs once for each instant that brings it an item or ends one of its windows. Memory is bounded
/// by `max-groups` and `max-items`, and over all rules by `memcap`; what goes at a limit is
/// counted.
struct CorrelationTracker: ~Copyable {
    /// An item on its way into a group.
    struct Arrival {
        var item: ItemID
        /// Index into the plan's sources.
        var source: Int32
    }

    /// What this instant brings to the group of one key: an item, or the end of a window.
    struct Matter {
        var keyOffset: Int
        var keyByteCount: Int
        var hash: UInt32
        /// Negative at the end of a window.
        var source: Int32
        var item: ItemID
        /// When it came among those of this instant.
        var order: Int
    }

    let plan: CorrelationPlan
    /// The count that an eager map condition asks for.
    let countMin: Int
    /// Rules with an item are counted group by group.
    let usesPresence: Bool
    /// Different values are counted group by group.
    let countsValues: Bool
    /// The tags of items are their numbers.
    let keepsNumbers: Bool
    var builder: FiringBuilder

    var groups: GroupTable
    /// When windows end.
    var timers = TimerHeap()

    /// Items without a value for a `group-by` name, and items without what is counted.
    var ungroupedCount = 0
    var uncountedCount = 0
    /// Groups and items that went at a limit.
    var evictedGroupCount = 0
    var droppedItemCount = 0
    /// The firings of the present instant, each retained once for the receiver.
    var firings = PlainList<ItemID>()

    /// What groups had whose windows were decided against them or that were reset, kept if somebody
    /// wants to know (`Standing`).
    var keepsMisses = false
    var misses: [Standing] = []

    private var inbox = PlainList<Arrival>()
    private var matters = PlainList<Matter>()
    private var keys = PlainList<UInt8>()
    /// The new items of the group in hand.
    var batch = PlainList<Arrival>()
    /// For each source its fields for the group names.
    private let keyFields: [Int]

    /// Alternatives of a chain that this instant completed, with the number of the chain's oldest
    /// item.
    var completedChains = PlainList<(alternative: Int, oldest: UInt64)>()
    var latestOfPosition: [UInt64]
    /// The items that make up a firing, in item order.
    var evidence = PlainList<ItemID>()
    /// The numbers in the window at hand.
    var measured = PlainList<ExactNumber>()
    /// What its firings say beside value and rules: `event_count `, ` gte 20 within 300s`.
    let reasonStart: [UInt8]
    let reasonEnd: [UInt8]
    /// Of the firing in hand.
    let parts: FiringParts
    /// Alternatives of a text condition by the negated rules that are present.
    var alternatives: [UInt64: [UInt64]] = [:]

    /// - Parameter parts: memory for the firing in hand, which all rules may share.
    init(plan: CorrelationPlan, fieldNames: [String], parts: FiringParts) {
        self.parts = parts
        self.plan = plan
        if case .limits(let limits, _) = plan.condition {
            countMin = limits.countMin
        } else {
            countMin = 1
        }
        let span = "within \(plan.spanNanoseconds / nanosecondsPerSecond)s"
        switch plan.condition {
        case .limits(let limits, _):
            reasonStart = Array("\(plan.type.rawValue) ".utf8)
            reasonEnd = Array(" \(limits.text) \(span)".utf8)
        case .expression:
            reasonStart = Array("\(plan.type.rawValue) matched ".utf8)
            reasonEnd = Array(" \(span)".utf8)
        }
        usesPresence = plan.isTemporal && plan.mode != .tumbling && plan.chain == nil
        builder = FiringBuilder(plan: plan, fieldNames: fieldNames, parts: parts)
        keepsNumbers = plan.isNumeric
        countsValues = plan.type == .value_count && plan.mode != .tumbling
        groups = GroupTable(
            tailByteCount: Self.tailByteCount(plan, usesPresence: usesPresence),
            tailsAreDistinctValues: countsValues)
        keyFields = plan.groupFields.flatMap(\.self)
        latestOfPosition = Array(repeating: 0, count: plan.chain == nil ? 0 : plan.referenceCount)
    }

    /// Bytes of what a rule keeps behind each group.
    private static func tailByteCount(_ plan: CorrelationPlan, usesPresence: Bool) -> Int {
        if let chain = plan.chain { return chain.nodes.count * MemoryLayout<UInt64>.stride }
        if usesPresence { return RulePresence.byteCount(ruleCount: plan.referenceCount) }
        guard plan.mode != .tumbling else { return 0 }
        return switch plan.type {
        case .value_count: MemoryLayout<DistinctValues>.stride
        case .value_sum: MemoryLayout<Int128>.stride
        default: 0
        }
    }

    /// Hands over an item of the present instant.
    @inline(__always) mutating func receive(_ item: ItemID, source: Int32) {
        inbox.append(Arrival(item: item, source: source))
    }

    /// Does what the present instant asks for; firings are then in `firings`, in the order of their
    /// groups.
    mutating func run(at time: Timestamp, in context: inout CorrelationContext) {
        let before = groups.byteCount
        firings.removeAll()
        keys.removeAll()
        matters.removeAll()
        takeDueTimers(at: time, in: &context.items)
        expire(before: time, in: &context.items)
        if inbox.count == 1, matters.isEmpty {
            runOne(inbox[0], at: time, in: &context)
        } else {
            runSeveral(at: time, in: &context)
        }
        inbox.removeAll()
        context.groupByteCount &+= groups.byteCount &- before
    }

    /// Lets go of groups that hold nothing any more, between instants.
    mutating func sweep(before time: Timestamp, in context: inout CorrelationContext) {
        let before = groups.byteCount
        expire(before: time, in: &context.items)
        context.groupByteCount &+= groups.byteCount &- before
    }

    /// When the group that would be evicted next had its last item; nil without groups.
    var firstTouched: Timestamp? {
        mutating get {
            groups.first == GroupTable.none ? nil : groups[groups.first].pointee.touched
        }
    }

    /// Until when no group loses all that it holds; nil without groups.
    var firstEnd: Timestamp? {
        mutating get {
            var end: Timestamp?
            if groups.firstInWindow != GroupTable.none {
                let touched = groups[groups.firstInWindow].pointee.touched
                end = touched.adding(nanoseconds: plan.spanNanoseconds)
            }
            guard groups.firstQuiet != GroupTable.none else { return end }
            let quietEnd = groups[groups.firstQuiet].pointee.quietEnd
            return min(end ?? quietEnd, quietEnd)
        }
    }

    /// Takes away the group with the earliest last item, as all rules together hold too much.
    mutating func evict(in context: inout CorrelationContext) {
        let before = groups.byteCount
        evictFirst(in: &context.items)
        context.groupByteCount &+= groups.byteCount &- before
    }

    // MARK: Sorting into groups

    private mutating func runOne(
        _ arrival: Arrival, at time: Timestamp, in context: inout CorrelationContext
    ) {
        guard let hash = appendKey(of: arrival, in: context.items) else {
            return ungroupedCount += 1
        }
        let isReset = Int(arrival.source) >= plan.referenceCount
        guard isReset || counts(arrival.item, in: context.items) else {
            return uncountedCount += 1
        }
        batch.removeAll()
        if !isReset { batch.append(arrival) }
        process(keys.bytes(from: 0), hash: hash, isReset: isReset, at: time, in: &context)
    }

    private mutating func runSeveral(at time: Timestamp, in context: inout CorrelationContext) {
        for index in 0..<inbox.count {
            let arrival = inbox[index]
            let offset = keys.count
            guard let hash = appendKey(of: arrival, in: context.items) else {
                ungroupedCount += 1
                continue
            }
            guard
                Int(arrival.source) >= plan.referenceCount
                    || counts(arrival.item, in: context.items)
            else {
                uncountedCount += 1
                continue
            }
            addMatter(keyOffset: offset, hash: hash, arrival)
        }
        sortMatters()
        var index = 0
        while index < matters.count {
            let first = matters[index]
            batch.removeAll()
            var isReset = false
            while index < matters.count {
                let matter = matters[index]
                guard matter.hash == first.hash,
                    GroupKey.areEqual(key(of: matter), key(of: first))
                else { break }
                if Int(matter.source) >= plan.referenceCount {
                    isReset = true
                } else if matter.source >= 0 {
                    batch.append(Arrival(item: matter.item, source: matter.source))
                }
                index += 1
            }
            process(key(of: first), hash: first.hash, isReset: isReset, at: time, in: &context)
        }
    }

    private mutating func addMatter(keyOffset: Int, hash: UInt32, _ arrival: Arrival?) {
        matters.append(
            Matter(
                keyOffset: keyOffset, keyByteCount: keys.count &- keyOffset, hash: hash,
                source: arrival?.source ?? -1, item: arrival?.item ?? 0, order: matters.count))
    }

    @inline(__always) private mutating func key(of matter: Matter) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: keys.bytes(from: matter.keyOffset)[..<matter.keyByteCount])
    }

    /// Groups in the order of their keys; within a group things stay in their order.
    private mutating func sortMatters() {
        guard matters.count > 1 else { return }
        let all = keys.bytes(from: 0)
        matters.sort { a, b in
            let first = UnsafeRawBufferPointer(
                rebasing: all[a.keyOffset..<a.keyOffset &+ a.keyByteCount])
            let second = UnsafeRawBufferPointer(
                rebasing: all[b.keyOffset..<b.keyOffset &+ b.keyByteCount])
            let order = GroupKey.compare(first, second)
            return order != 0 ? order < 0 : a.order < b.order
        }
    }

    /// Appends the group key of an item and returns its hash; nil, leaving nothing, if it belongs to
    /// no group.
    @inline(__always)
    private mutating func appendKey(
        of arrival: Arrival, in items: borrowing ItemStore
    ) -> UInt32? {
        let start = keys.count
        var hash: UInt32 = 0
        let nameCount = plan.groupNames.count
        for index in 0..<nameCount {
            let field = keyFields[Int(arrival.source) &* nameCount &+ index]
            let value = field < 0 ? .none : items.value(arrival.item, field)
            guard !value.isMissing else {
                keys.truncate(to: start)
                return nil
            }
            GroupKey.append(items.text(arrival.item, value), to: &keys)
            hash = GroupKey.combine(hash, value.hash)
        }
        return hash
    }

    /// The hash of an item's key, if it has one.
    @inline(__always)
    mutating func keyHash(
        of item: ItemID, source: Int32, in items: borrowing ItemStore
    ) -> UInt32 {
        var hash: UInt32 = 0
        let nameCount = plan.groupNames.count
        for index in 0..<nameCount {
            let field = keyFields[Int(source) &* nameCount &+ index]
            if field >= 0 { hash = GroupKey.combine(hash, items.value(item, field).hash) }
        }
        return hash
    }

    /// Asks for what a group holds, as an item will come to it.
    @inline(__always)
    func prefetchItems(of group: GroupID, for item: ItemID, in items: borrowing ItemStore) {
        let hash = countsValues ? items.hash(of: plan.countedFields, in: item) : 0
        groups.prefetchItems(group, valueHash: hash)
    }

    /// Whether an item has what its rule counts.
    @inline(__always)
    private mutating func counts(_ item: ItemID, in items: borrowing ItemStore) -> Bool {
        for field in plan.countedFields {
            let value = items.value(item, field)
            if value.isMissing { return false }
            if plan.isNumeric, items.number(item, field) == nil { return false }
        }
        return true
    }

    // MARK: One group

    /// Brings the batch to the group of a key, or resets it, and looks whether the rule fires.
    private mutating func process(
        _ key: UnsafeRawBufferPointer, hash: UInt32, isReset: Bool, at time: Timestamp,
        in context: inout CorrelationContext
    ) {
        let known = groups.find(key, hash: hash)
        if isReset {
            if let known { reset(known, at: time, in: &context.items) }
            return
        }
        let isWanted = batchIsWanted()
        guard known != nil || isWanted else { return }
        let group: GroupID
        if let known {
            group = known
            if !batch.isEmpty { groups.touch(group, at: time) }
        } else {
            while groups.count >= plan.groupCountMax { evictFirst(in: &context.items) }
            group = groups.insert(key, hash: hash, at: time)
        }
        if plan.mode == .tumbling, !batch.isEmpty { openWindow(of: group, at: time) }
        trim(group, at: time, in: &context.items)
        for index in 0..<batch.count {
            append(batch[index], to: group, at: time, in: &context.items)
        }
        if plan.chain != nil, !batch.isEmpty { followChains(of: group) }
        evaluate(group, at: time, isWanted: isWanted, in: &context)
        if plan.mode == .sliding { setNextAnchor(of: group, at: time) }
    }

    @inline(__always) private mutating func batchIsWanted() -> Bool {
        for index in 0..<batch.count where !plan.isNegated[Int(batch[index].source)] { return true }
        return false
    }

    /// Takes away the group with the earliest last item.
    private mutating func evictFirst(in items: inout ItemStore) {
        guard groups.first != GroupTable.none else { return }
        evictedGroupCount += 1
        remove(groups.first, in: &items)
    }

    /// Forgets items and window, not the quiet time.
    private mutating func reset(_ group: GroupID, at time: Timestamp, in items: inout ItemStore) {
        noteEnd(group, .reset(time), at: time, items)
        groups[group].pointee.windowStart = nil
        timers.remove(group)
        clearItems(of: group, in: &items)
        if groups[group].pointee.quietEnd < time { remove(group, in: &items) }
    }

    /// Opens a window with the batch if none is open; in quiet time the batch goes.
    private mutating func openWindow(of group: GroupID, at time: Timestamp) {
        guard groups[group].pointee.windowStart == nil else { return }
        if time > groups[group].pointee.quietEnd {
            groups[group].pointee.windowStart = time
            timers.set(group, at: time.adding(nanoseconds: plan.spanNanoseconds))
        } else {
            batch.removeAll()
        }
    }

    // MARK: Time

    /// Takes the timers that are due now: ends of windows become matters, groups that hold nothing
    /// go away.
    private mutating func takeDueTimers(at time: Timestamp, in items: inout ItemStore) {
        while let timer = timers.first, timer.due <= time {
            let group = timer.group
            timers.remove(group)
            if let next = timers.first { groups.prefetchGroup(next.group) }
            if plan.mode == .tumbling, groups[group].pointee.windowStart == nil {
                if !isLive(group, at: time) { remove(group, in: &items) }
                continue
            }
            let offset = keys.count
            keys.append(contentsOf: groups.key(of: group))
            addMatter(keyOffset: offset, hash: groups[group].pointee.hash, nil)
        }
    }

    /// Sliding: sets the timer for the end of the next window that is not decided.
    private mutating func setNextAnchor(of id: GroupID, at time: Timestamp) {
        let group = groups[id]
        let decided = max(
            time.adding(nanoseconds: 0 &- plan.spanNanoseconds), group.pointee.quietEnd)
        var number = max(group.pointee.anchor, group.pointee.ring.first)
        while number < group.pointee.ring.next {
            let entry = group.pointee.ring[number]
            if entry.time > decided, !plan.isNegated[Int(entry.tag)] { break }
            number &+= 1
        }
        group.pointee.anchor = number
        if number < group.pointee.ring.next {
            let due = group.pointee.ring[number].time.adding(nanoseconds: plan.spanNanoseconds)
            timers.set(id, at: due)
        } else {
            timers.remove(id)
        }
    }

    /// Whether a group holds an item of the last timespan, an open window, or quiet time (§8).
    private mutating func isLive(_ id: GroupID, at time: Timestamp) -> Bool {
        let group = groups[id]
        return group.pointee.windowStart != nil || group.pointee.quietEnd >= time
            || !group.pointee.ring.isEmpty
                && group.pointee.lastItemTime.adding(nanoseconds: plan.spanNanoseconds) >= time
    }

    /// Lets go of the groups that are no longer live.
    private mutating func expire(before time: Timestamp, in items: inout ItemStore) {
        while groups.firstInWindow != GroupTable.none {
            let id = groups.firstInWindow
            let end = groups[id].pointee.touched.adding(nanoseconds: plan.spanNanoseconds)
            guard end < time else { break }
            groups.passFirstInWindow()
            groups.prefetchEnds(items)
            if groups[id].pointee.quietEnd >= time {
                clearItems(of: id, in: &items)
            } else {
                remove(id, in: &items)
            }
        }
        while groups.firstQuiet != GroupTable.none {
            let id = groups.firstQuiet
            guard groups[id].pointee.quietEnd < time else { break }
            groups.removeFromQuiet(id)
            if !isLive(id, at: time) {
                remove(id, in: &items)
            } else if plan.mode == .tumbling, groups[id].pointee.windowStart == nil,
                groups[id].pointee.touched > groups[id].pointee.lastItemTime
            {
                // The last item to come was not kept, so the order of last items does not tell when
                // this group ends.
                let end = groups[id].pointee.lastItemTime
                    .adding(nanoseconds: plan.spanNanoseconds).adding(nanoseconds: 1)
                timers.set(id, at: end)
            }
        }
    }

    /// Windows whose ends lie after the clock.
    mutating func pendingCount(at clock: Timestamp) -> Int {
        var count = 0
        var id = groups.first
        while id != GroupTable.none {
            if plan.mode == .sliding {
                count += pendingAnchorCount(of: id, at: clock)
            } else if let start = groups[id].pointee.windowStart,
                start.adding(nanoseconds: plan.spanNanoseconds) > clock
            {
                count += 1
            }
            id = groups.next(after: id)
        }
        return count
    }

    private mutating func pendingAnchorCount(of id: GroupID, at clock: Timestamp) -> Int {
        let group = groups[id]
        var count = 0
        var number = group.pointee.ring.first
        var counted: Timestamp?
        while number < group.pointee.ring.next {
            let entry = group.pointee.ring[number]
            if !plan.isNegated[Int(entry.tag)], entry.time > group.pointee.quietEnd,
                entry.time != counted,
                entry.time.adding(nanoseconds: plan.spanNanoseconds) > clock
            {
                count += 1
                counted = entry.time
            }
            number &+= 1
        }
        return count
    }
}
