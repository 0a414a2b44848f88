/// Conditions over the window of a group (CORRELATION.md §5).
extension CorrelationTracker {
    /// Looks whether the rule fires for a group that holds the items of its window, and if so
    /// fires.
    ///
    /// - Parameter isWanted: whether this instant added a wanted item.
    mutating func evaluate(
        _ id: GroupID, at time: Timestamp, isWanted: Bool, in context: inout CorrelationContext
    ) {
        let group = groups[id]
        switch plan.mode {
        case .eager:
            guard isWanted, time > group.pointee.quietEnd, isMet(id) else { return }
            let start = time.adding(nanoseconds: 0 &- plan.spanNanoseconds)
            decide(id, at: time, from: start, anchor: time, in: &context)
        case .tumbling:
            guard let start = group.pointee.windowStart,
                start.adding(nanoseconds: plan.spanNanoseconds) == time
            else { return }
            group.pointee.windowStart = nil
            decide(id, at: time, from: start, anchor: nil, in: &context)
        case .sliding:
            let start = time.adding(nanoseconds: 0 &- plan.spanNanoseconds)
            guard start > group.pointee.quietEnd, hasWantedItem(id, at: start) else { return }
            decide(id, at: time, from: start, anchor: start, in: &context)
        }
    }

    /// Whether an eager condition can hold, by what is kept up to date item by item.
    @inline(__always) private mutating func isMet(_ id: GroupID) -> Bool {
        let group = groups[id]
        guard !group.pointee.ring.isEmpty else { return false }
        if plan.chain != nil {
            let first = group.pointee.ring.first
            for index in 0..<completedChains.count where completedChains[index].oldest >= first {
                return true
            }
            return false
        }
        guard case .limits(let limits, _) = plan.condition else {
            return true
        }
        switch plan.type {
        case .event_count: return group.pointee.ring.count >= countMin
        case .value_count: return distinctValues(of: id).pointee.count >= countMin
        case .value_sum: return limits.hold(sum(of: id).pointee)
        case .temporal: return Int(presence(of: id).count) >= countMin
        case .temporal_ordered, .value_avg, .value_percentile, .value_median: return false
        }
    }

    /// Which rules have an item in a group, where they are counted.
    func presence(of id: GroupID) -> RulePresence {
        groups.tail(id, as: RulePresence.self).pointee
    }

    private mutating func hasWantedItem(_ id: GroupID, at time: Timestamp) -> Bool {
        let ring = groups[id].pointee.ring
        var number = ring.first
        while number < ring.next, ring[number].time == time {
            if !plan.isNegated[Int(ring[number].tag)] { return true }
            number &+= 1
        }
        return false
    }

    /// Evaluates the condition over the items from `start` on, and fires if it holds.
    private mutating func decide(
        _ id: GroupID, at time: Timestamp, from start: Timestamp, anchor: Timestamp?,
        in context: inout CorrelationContext
    ) {
        evidence.removeAll()
        parts.reason.removeAll()
        parts.shownValue.removeAll()
        switch plan.condition {
        case .limits(let limits, let percentile):
            guard
                let (measured, size) = measure(id, from: start, anchor, percentile, context.items),
                !evidence.isEmpty, limits.hold(measured, per: size)
            else { return noteEnd(id, .decided(time), at: time, context.items) }
            parts.shownValue.append(millionths: measured / size)
            parts.reason.append(contentsOf: reasonStart)
            parts.reason.append(contentsOf: parts.shownValue.bytes(from: 0))
            parts.reason.append(contentsOf: reasonEnd)
        case .expression(let expression):
            guard let chosen = match(expression, id, anchor: anchor ?? time) else {
                return noteEnd(id, .decided(time), at: time, context.items)
            }
            parts.shownValue.append(decimal: Int64(chosen.nonzeroBitCount))
            appendReason(chosen, expression)
        }
        let firing = builder.fire(
            group: groups.key(of: id), at: time, from: start, evidence: evidence, in: &context)
        firings.append(firing)
        noteEnd(id, .fired, at: time, context.items)
        groups[id].pointee.quietEnd = time.adding(nanoseconds: plan.suppressNanoseconds)
        groups.listQuiet(id)
    }

    // MARK: Map conditions

    /// The value to compare, as millionths times `size`, and the items that it is made of in
    /// `evidence`.
    mutating func measure(
        _ id: GroupID, from start: Timestamp, _ anchor: Timestamp?, _ percentile: Int,
        _ items: borrowing ItemStore
    ) -> (value: Int128, size: Int128)? {
        let ring = groups[id].pointee.ring
        let numbers = ring.firstNumber(from: start)..<ring.next
        if plan.type == .temporal_ordered {
            for number in longestChain(ring, numbers, anchor: anchor) {
                evidence.append(ring[number].item)
            }
            return (Int128(evidence.count) * ExactNumber.perUnit, 1)
        }
        for number in numbers { evidence.append(ring[number].item) }
        // What is kept item by item says it for all items of a group.
        let isKept = plan.mode == .eager && numbers.lowerBound == ring.first
        if keepsNumbers, !isKept { takeMeasured(of: ring, numbers, items) }
        switch plan.type {
        case .event_count: return (Int128(evidence.count) * ExactNumber.perUnit, 1)
        case .value_count:
            let count = isKept ? distinctValues(of: id).pointee.count : distinctCount(items)
            return (Int128(count) * ExactNumber.perUnit, 1)
        case .temporal, .temporal_ordered:
            let sources = Set(numbers.map { ring[$0].tag })
            return (Int128(sources.count) * ExactNumber.perUnit, 1)
        case .value_sum: return (isKept ? sum(of: id).pointee : sumOfMeasured(), 1)
        case .value_avg: return (sumOfMeasured(), Int128(max(1, measured.count)))
        case .value_percentile, .value_median:
            measured.sort { $0 < $1 }
            // Nearest rank: a value that was really seen.
            let rank = max(1, (percentile * measured.count + 99) / 100)
            return measured.isEmpty ? nil : (measured[rank - 1].millionths, 1)
        }
    }

    /// Fills `measured` with the numbers of items.
    private mutating func takeMeasured(
        of ring: ItemRing, _ numbers: Range<UInt64>, _ items: borrowing ItemStore
    ) {
        measured.removeAll()
        for place in numbers {
            if let number = number(ring[place], items) { measured.append(number) }
        }
    }

    private mutating func sumOfMeasured() -> Int128 {
        var sum: Int128 = 0
        for index in 0..<measured.count { sum &+= measured[index].millionths }
        return sum
    }

    private mutating func distinctCount(_ items: borrowing ItemStore) -> Int {
        var distinct = DistinctValues()
        defer { distinct.deallocate() }
        for index in 0..<evidence.count {
            let item = evidence[index]
            _ = distinct.add(item, hash: items.hash(of: plan.countedFields, in: item)) {
                items.haveSame(plan.countedFields, $0, item)
            }
        }
        return distinct.count
    }

    /// The longest run of items of different rules in the order of `rules`, times not decreasing;
    /// with an anchor the last item is at the anchor. Among equals the latest items win, from the
    /// end backwards.
    ///
    /// - Returns: the numbers of its items.
    private mutating func longestChain(
        _ ring: ItemRing, _ window: Range<UInt64>, anchor: Timestamp?
    ) -> [UInt64] {
        let count = window.count
        guard count > 0 else { return [] }
        /// Longest chain that ends with each item, and the item before it in that chain.
        var lengths = [Int](repeating: 0, count: count)
        var previous = [Int](repeating: -1, count: count)
        /// Among the items up to each, of the rules looked at so far, the one that ends the longest
        /// chain, the latest of equals.
        var best = [Int](repeating: -1, count: count)
        let entries = window.map { ring[$0] }
        /// The last item of the instant of each item.
        var lastOfInstant = [Int](repeating: count - 1, count: count)
        for index in (0..<count - 1).reversed() {
            lastOfInstant[index] =
                entries[index].time == entries[index + 1].time ? lastOfInstant[index + 1] : index
        }
        for position in 0..<plan.referenceCount {
            for index in 0..<count where Int(entries[index].tag) == position {
                previous[index] = best[lastOfInstant[index]]
                lengths[index] = previous[index] < 0 ? 1 : lengths[previous[index]] + 1
            }
            var leader = -1
            for index in 0..<count {
                if lengths[index] > 0, leader < 0 || lengths[index] >= lengths[leader] {
                    leader = index
                }
                best[index] = leader
            }
        }
        let ends = (0..<count).filter { anchor == nil || entries[$0].time == anchor }
        guard var end = ends.max(by: { (lengths[$0], $0) < (lengths[$1], $1) }) else { return [] }
        var chain: [UInt64] = []
        while end >= 0 {
            chain.append(window.lowerBound + UInt64(end))
            end = previous[end]
        }
        return chain.reversed()
    }

    // MARK: Text conditions

    /// The first alternative of a text condition that the window satisfies with an item at the
    /// anchor; its evidence is then in `evidence`.
    private mutating func match(
        _ expression: ConditionExpression, _ id: GroupID, anchor: Timestamp
    ) -> UInt64? {
        let ring = groups[id].pointee.ring
        if plan.chain != nil {
            var first = Int.max
            for index in 0..<completedChains.count
            where completedChains[index].oldest >= ring.first {
                first = min(first, completedChains[index].alternative)
            }
            let known = alternatives(of: expression, present: 0)
            guard first < known.count,
                let chain = latestChain(ring, known[first], endingAt: anchor)
            else { return nil }
            for number in chain { evidence.append(ring[number].item) }
            return known[first]
        }
        let present = presence(of: id).rules
        guard expression.holds(present) else { return nil }
        let numbers = ring.first..<ring.next
        for chosen in alternatives(of: expression, present: present & expression.negated)
        where chosen & ~present == 0 {
            if plan.type == .temporal {
                guard anchored(ring, anchor) & chosen != 0 else { continue }
                for number in numbers where !plan.isNegated[Int(ring[number].tag)] {
                    evidence.append(ring[number].item)
                }
                return chosen
            }
            if let chain = earliestChain(ring, chosen, beginningAt: anchor) {
                for number in chain { evidence.append(ring[number].item) }
                return chosen
            }
        }
        return nil
    }

    private mutating func alternatives(
        of expression: ConditionExpression, present negated: UInt64
    ) -> [UInt64] {
        if let known = alternatives[negated] { return known }
        // Each combination of negated rules has its own alternatives; few occur.
        if alternatives.count >= 1024 { alternatives.removeAll() }
        let sets = expression.alternatives(present: negated)
        alternatives[negated] = sets
        return sets
    }

    /// The rules with an item at the anchor, which is at one end of the ring.
    private mutating func anchored(_ ring: ItemRing, _ anchor: Timestamp) -> UInt64 {
        var rules: UInt64 = 0
        var number = ring.first
        while number < ring.next, ring[number].time == anchor {
            rules |= 1 << UInt64(ring[number].tag)
            number &+= 1
        }
        number = ring.next
        while number > ring.first, ring[number &- 1].time == anchor {
            number &-= 1
            rules |= 1 << UInt64(ring[number].tag)
        }
        return rules
    }

    /// One item of each chosen rule, the last one at the anchor; going backwards each is the latest
    /// that fits.
    private mutating func latestChain(
        _ ring: ItemRing, _ chosen: UInt64, endingAt anchor: Timestamp
    ) -> [UInt64]? {
        var chain: [UInt64] = []
        var limit = anchor
        var number = ring.next
        for position in (0..<plan.referenceCount).reversed()
        where chosen >> UInt64(position) & 1 == 1 {
            // Items of one instant are simultaneous whatever their order: start again at the end of
            // the instant.
            while number < ring.next, ring[number].time <= limit { number &+= 1 }
            repeat {
                guard number > ring.first else { return nil }
                number &-= 1
            } while Int(ring[number].tag) != position
            limit = ring[number].time
            guard !chain.isEmpty || limit == anchor else { return nil }
            chain.append(number)
        }
        return chain.reversed()
    }

    /// One item of each chosen rule, the first one at the anchor; going forwards each is the
    /// earliest that fits.
    private mutating func earliestChain(
        _ ring: ItemRing, _ chosen: UInt64, beginningAt anchor: Timestamp
    ) -> [UInt64]? {
        var chain: [UInt64] = []
        var number = ring.first
        for position in 0..<plan.referenceCount where chosen >> UInt64(position) & 1 == 1 {
            if let last = chain.last {
                number = last
                while number > ring.first, ring[number &- 1].time == ring[last].time {
                    number &-= 1
                }
            }
            while number < ring.next, Int(ring[number].tag) != position { number &+= 1 }
            guard number < ring.next, !chain.isEmpty || ring[number].time == anchor else {
                return nil
            }
            chain.append(number)
        }
        return chain
    }

    private mutating func appendReason(_ chosen: UInt64, _ expression: ConditionExpression) {
        parts.reason.append(contentsOf: reasonStart)
        appendNames(of: chosen)
        if expression.negated != 0 {
            parts.reason.append(contentsOf: "; none of ".utf8)
            appendNames(of: expression.negated)
        }
        parts.reason.append(contentsOf: reasonEnd)
    }

    private mutating func appendNames(of rules: UInt64) {
        var rest = rules
        while rest != 0 {
            if rest != rules { parts.reason.append(contentsOf: ", ".utf8) }
            parts.reason.append(contentsOf: plan.referenceNames[rest.trailingZeroBitCount])
            rest &= rest &- 1
        }
    }
}
