/// Asks for the memory that alerts will need which come soon, so that it need not be waited for then:
/// more is held than fits into the cache.
///
/// What waits in the queue is gone through in steps, the nearer an alert the later the step, as each
/// needs what the one before asked for. What a step finds out is kept for the next one; nothing but
/// time depends on it.
struct LookAhead: ~Copyable {
    /// The group of an alert in one of the rules that look at it.
    struct Expected {
        var tracker: Int32
        var hash: UInt32
        var group = GroupTable.none
    }

    struct Entry {
        var item: ItemID = 0
        var isSignal = false
        var expectedCount = 0
    }

    /// How many places before its turn an alert takes each step.
    enum Distance {
        static let item = 16
        static let bucket = 12
        static let group = 8
        static let list = 4
        static let release = 2
    }

    /// Rules looked at for one alert; more would crowd each other out.
    static let trackersMax = 4
    /// A power of two: those between the first step and the last.
    private static let entryCount = 16

    private var entries = PlainList<Entry>(capacity: LookAhead.entryCount)
    private var expected = PlainList<Expected>(
        capacity: LookAhead.entryCount * LookAhead.trackersMax)
    /// The alert that takes each step next, by its number in the queue.
    var items = 0
    var buckets = 0
    var groups = 0
    var lists = 0
    var releases = 0

    init() {
        for _ in 0..<Self.entryCount {
            entries.append(Entry())
            for _ in 0..<Self.trackersMax { expected.append(Expected(tracker: 0, hash: 0)) }
        }
    }

    /// The alerts that take a step now: from where it was left, or else from the next alert, up to `end`.
    @inline(__always)
    static func take(_ step: inout Int, from next: Int, to end: Int) -> Range<Int> {
        let start = max(step, next)
        step = max(start, end)
        return start..<step
    }

    /// What is known of the alert with a number.
    @inline(__always) subscript(number: Int) -> Entry {
        get { entries[number & (Self.entryCount &- 1)] }
        nonmutating set { entries[number & (Self.entryCount &- 1)] = newValue }
    }

    /// Its group in one of the rules.
    @inline(__always) subscript(number: Int, place: Int) -> Expected {
        get { expected[(number & (Self.entryCount &- 1)) &* Self.trackersMax &+ place] }
        nonmutating set {
            expected[(number & (Self.entryCount &- 1)) &* Self.trackersMax &+ place] = newValue
        }
    }
}

extension CorrelatorCore {
    /// Takes what waits as many steps further as it has come nearer.
    mutating func lookAhead() {
        let next = pending.takenCount
        ahead.items = max(ahead.items, next)
        while ahead.items < next &+ LookAhead.Distance.item, let item = pending[ahead.items] {
            context.items.prefetch(item)
            ahead.items &+= 1
        }
        let buckets = min(ahead.items, next &+ LookAhead.Distance.bucket)
        for number in LookAhead.take(&ahead.buckets, from: next, to: buckets) {
            expectGroups(of: number)
        }
        let groups = min(ahead.buckets, next &+ LookAhead.Distance.group)
        for number in LookAhead.take(&ahead.groups, from: next, to: groups) {
            findGroups(of: number)
        }
        let lists = min(ahead.groups, next &+ LookAhead.Distance.list)
        for number in LookAhead.take(&ahead.lists, from: next, to: lists) {
            prefetchLists(of: number)
        }
        let releases = min(ahead.lists, next &+ LookAhead.Distance.release)
        for number in LookAhead.take(&ahead.releases, from: next, to: releases) {
            prefetchReleases(of: number)
        }
    }

    /// Asks for where the groups and hosts of an alert will be looked for.
    private mutating func expectGroups(of number: Int) {
        guard let item = pending[number] else { return }
        let label = context.items.header(item).pointee.label
        var entry = LookAhead.Entry(item: item, isSignal: isSignal(label))
        if entry.isSignal { incidents.prefetchBuckets(for: item, in: context.items) }
        for index in listeners(of: context.catalog[label].identity).prefix(LookAhead.trackersMax) {
            let (tracker, source) = (listeners[index].tracker, listeners[index].source)
            let hash = trackers[tracker].keyHash(of: item, source: source, in: context.items)
            trackers[tracker].groups.prefetch(hash: hash)
            ahead[number, entry.expectedCount] = LookAhead.Expected(
                tracker: Int32(truncatingIfNeeded: tracker), hash: hash)
            entry.expectedCount &+= 1
        }
        ahead[number] = entry
    }

    /// Asks for the groups and hosts of an alert.
    private mutating func findGroups(of number: Int) {
        let entry = ahead[number]
        if entry.isSignal { incidents.prefetchHosts(of: entry.item, in: context.items) }
        for place in 0..<entry.expectedCount {
            var expected = ahead[number, place]
            expected.group =
                trackers[Int(expected.tracker)].groups.prefetchGroup(hash: expected.hash)
            ahead[number, place] = expected
        }
    }

    /// Asks for what the groups of an alert hold, and for the incident that it will likely join.
    private mutating func prefetchLists(of number: Int) {
        let entry = ahead[number]
        if entry.isSignal {
            incidents.prefetchIncident(of: entry.item, lists: false, in: context.items)
        }
        for place in 0..<entry.expectedCount {
            let expected = ahead[number, place]
            guard expected.group != GroupTable.none else { continue }
            trackers[Int(expected.tracker)].prefetchItems(
                of: expected.group, for: entry.item, in: context.items)
        }
    }

    /// Asks for what letting go of the oldest items of the groups needs, and for the lists of the
    /// incident.
    private mutating func prefetchReleases(of number: Int) {
        let entry = ahead[number]
        if entry.isSignal {
            incidents.prefetchIncident(of: entry.item, lists: true, in: context.items)
        }
        for place in 0..<entry.expectedCount {
            let expected = ahead[number, place]
            guard expected.group != GroupTable.none else { continue }
            trackers[Int(expected.tracker)].groups.prefetchReleases(expected.group, context.items)
        }
    }
}
