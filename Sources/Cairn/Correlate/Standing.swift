/// How far one group of a correlation rule had come at a moment: what it had of what its condition
/// asks for. For people who wonder why a rule did not fire.
struct Standing {
    enum Progress: Equatable {
        /// What was measured, as millionths times `size`.
        case value(Int128, size: Int128)
        /// The rules with an item, by their positions; of a chain those that it has, in order.
        case rules([Int])
    }

    enum End: Equatable {
        /// More items may come.
        case none
        /// The window was over and the condition did not hold.
        case decided(Timestamp)
        /// A rule in `until` came.
        case reset(Timestamp)
        /// The rule fired.
        case fired
    }

    /// Which rule, by its place in the program.
    var plan = 0
    /// Bytes of the group's key.
    var key: [UInt8]
    var progress: Progress
    /// When the first and the last of the items came.
    var first: Timestamp
    var last: Timestamp
    /// When the window ends that is to be decided then; nil for rules that look at every item.
    var deadline: Timestamp?
    /// The rule fired before, and does not fire again up to here.
    var quietEnd: Timestamp?
    var end = End.none
}

extension Standing {
    /// The same with its rule.
    fileprivate func of(_ plan: Int) -> Standing {
        var copy = self
        copy.plan = plan
        return copy
    }
}

extension CorrelationTracker {
    /// Calls `body` with how far each group has come whose last item came in this instant and that
    /// did not fire in it.
    mutating func forEachStanding(
        touchedAt time: Timestamp, _ items: borrowing ItemStore, _ body: (Standing) -> Void
    ) {
        var id = groups.last
        // What is quiet from now on has just fired.
        let fired = time.adding(nanoseconds: plan.suppressNanoseconds)
        while id != GroupTable.none, groups[id].pointee.touched == time {
            if groups[id].pointee.quietEnd != fired,
                let standing = standing(of: id, at: time, items)
            {
                body(standing)
            }
            id = groups.previous(before: id)
        }
    }

    /// Calls `body` with how far each group has come that could still fire with what it holds.
    mutating func forEachOpenStanding(
        at clock: Timestamp, _ items: borrowing ItemStore, _ body: (Standing) -> Void
    ) {
        var id = groups.first
        while id != GroupTable.none {
            let end = groups[id].pointee.lastItemTime.adding(nanoseconds: plan.spanNanoseconds)
            if end >= clock || groups[id].pointee.windowStart != nil,
                let standing = standing(of: id, at: clock, items)
            {
                body(standing)
            }
            id = groups.next(after: id)
        }
    }

    /// How far a group has come; nil if it holds nothing.
    mutating func standing(of id: GroupID, at time: Timestamp, _ items: borrowing ItemStore)
        -> Standing?
    {
        let ring = groups[id].pointee.ring
        let start = time.adding(nanoseconds: 0 &- plan.spanNanoseconds)
        var first = ring.firstNumber(from: groups[id].pointee.windowStart ?? start)
        if plan.mode == .sliding {
            // The window begins with a wanted item.
            while first < ring.next, plan.isNegated[Int(ring[first].tag)] { first &+= 1 }
        }
        guard first < ring.next else { return nil }
        var standing = Standing(
            key: Array(groups.key(of: id)), progress: progress(of: id, from: first, items),
            first: ring[first].time, last: ring[ring.next &- 1].time)
        if plan.mode != .eager {
            standing.deadline = standing.first.adding(nanoseconds: plan.spanNanoseconds)
        }
        if groups[id].pointee.quietEnd >= time { standing.quietEnd = groups[id].pointee.quietEnd }
        return standing
    }

    /// Keeps what a group had when its window was decided, or when it was reset.
    mutating func noteEnd(
        _ id: GroupID, _ end: Standing.End, at time: Timestamp, _ items: borrowing ItemStore
    ) {
        guard keepsMisses, var standing = standing(of: id, at: time, items) else { return }
        standing.end = end
        misses.append(standing)
    }

    private mutating func progress(of id: GroupID, from first: UInt64, _ items: borrowing ItemStore)
        -> Standing.Progress
    {
        let ring = groups[id].pointee.ring
        if plan.chain != nil { return .rules(chainPositions(of: id, from: first)) }
        let isWhole = plan.mode == .eager && first == ring.first
        if usesPresence {
            return .rules(isWhole ? presentPositions(of: id) : positions(ring, from: first))
        }
        switch plan.type {
        case .event_count:
            return .value(Int128(ring.next &- first) * ExactNumber.perUnit, size: 1)
        case .value_count where isWhole:
            let count = distinctValues(of: id).pointee.count
            return .value(Int128(count) * ExactNumber.perUnit, size: 1)
        case .value_sum where isWhole: return .value(sum(of: id).pointee, size: 1)
        default:
            guard case .limits(_, let percentile) = plan.condition,
                let (value, size) = measure(id, from: ring[first].time, nil, percentile, items)
            else { return .rules(positions(ring, from: first)) }
            return .value(value, size: size)
        }
    }

    private mutating func presentPositions(of id: GroupID) -> [Int] {
        let counts = RulePresence.itemCounts(of: groups.tail(id, as: RulePresence.self))
        return (0..<plan.referenceCount).filter { counts[$0] > 0 }
    }

    /// The rules with an item, in the order of `rules`.
    private func positions(_ ring: ItemRing, from first: UInt64) -> [Int] {
        var isThere = [Bool](repeating: false, count: plan.referenceCount)
        var number = first
        while number < ring.next {
            isThere[Int(ring[number].tag)] = true
            number &+= 1
        }
        return isThere.indices.filter { isThere[$0] }
    }

    /// The rules of the longest chain in the window so far.
    private mutating func chainPositions(of id: GroupID, from oldest: UInt64) -> [Int] {
        guard let chain = plan.chain else { return [] }
        let state = groups.tail(id, as: UInt64.self)
        var paths = [[Int]](repeating: [], count: chain.nodes.count)
        var longest: [Int] = []
        for position in 0..<plan.referenceCount {
            for node in chain.nodesOfPosition[position] where state[node] >= oldest {
                let before =
                    chain.nodes[node].parents.filter { state[$0] >= oldest }
                    .map { paths[$0] }.max { $0.count < $1.count } ?? []
                paths[node] = before + [position]
                if paths[node].count > longest.count { longest = paths[node] }
            }
        }
        return longest
    }
}

extension CorrelatorCore {
    /// Calls `body` with how far groups had come: those that got an item in the instant just
    /// completed, and those whose windows it decided against them.
    mutating func forEachStanding(at time: Timestamp, _ body: (Standing) -> Void) {
        for index in trackers.indices {
            let misses = trackers[index].misses
            trackers[index].misses.removeAll()
            for miss in misses { body(miss.of(index)) }
            guard trackers[index].plan.mode == .eager else { continue }
            trackers[index].forEachStanding(touchedAt: time, context.items) { body($0.of(index)) }
        }
    }

    /// Calls `body` with how far groups have come that could still fire.
    mutating func forEachOpenStanding(at clock: Timestamp, _ body: (Standing) -> Void) {
        for index in trackers.indices {
            trackers[index].forEachOpenStanding(at: clock, context.items) { body($0.of(index)) }
        }
    }

    /// From now on keeps what windows that are decided against their groups had.
    mutating func keepMisses() {
        for index in trackers.indices { trackers[index].keepsMisses = true }
    }
}
