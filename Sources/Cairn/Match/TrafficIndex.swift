/// Rules that no literal leads to, by the traffic that they are about: of a thousand rules on lists of addresses a packet
/// asks those that may hold on it.
///
/// Rules that want the same of transport and flow are a class, which traffic passes or not as a whole. Within a class each
/// rule is listed by the addresses or the ports of one of its ends. What is found is still to be asked whether traffic
/// passes.
///
/// A handle on memory that `deallocate` gives back: to use it touches no reference count.
struct TrafficIndex {
    private struct Class {
        var transports: UInt8
        var flow: FlowTests
        /// Rules that neither addresses nor ports tell apart.
        var others: FlatList<Int32>
        var sources: RangeIndex<IPAddress>
        var destinations: RangeIndex<IPAddress>
        var sourcePorts: RangeIndex<UInt16>
        var destinationPorts: RangeIndex<UInt16>
    }

    private let classes: FlatList<Class>
    /// All its rules, in the order in which they were added.
    let rules: FlatList<Int32>

    /// An index of no rules.
    init() {
        classes = FlatList()
        rules = FlatList()
    }

    /// - Parameter rules: each with its index into `table`, -1 for any traffic.
    init(_ rules: [(number: Int32, traffic: Int32)], _ table: TrafficTable) {
        struct Key: Hashable {
            var transports: UInt8
            var flow: FlowTests.RawValue
        }
        var members: [Key: [Member]] = [:]
        var keys: [Key] = []
        for rule in rules {
            let test = rule.traffic < 0 ? TrafficTest() : table.test(Int(rule.traffic))
            let key = Key(transports: test.transports, flow: test.flow.rawValue)
            if members[key] == nil { keys.append(key) }
            members[key, default: []].append(Member(number: rule.number, test: test))
        }
        self.rules = FlatList(rules.map(\.number))
        classes = FlatList(
            keys.map { key in
                Self.makeClass(
                    key.transports, FlowTests(rawValue: key.flow), members[key] ?? [], table)
            })
    }

    private struct Member {
        let number: Int32
        let test: TrafficTest
    }

    private static func makeClass(
        _ transports: UInt8, _ flow: FlowTests, _ members: [Member], _ table: TrafficTable
    ) -> Class {
        let ends = Ends(members.map(\.test), table)
        var sources: [RangeIndex<IPAddress>.Entry] = []
        var destinations: [RangeIndex<IPAddress>.Entry] = []
        var sourcePorts: [RangeIndex<UInt16>.Entry] = []
        var destinationPorts: [RangeIndex<UInt16>.Entry] = []
        var others: [Int32] = []
        for member in members {
            let number = member.number
            switch ends.mostTelling(of: member.test) {
            case .source(let set): sources.append((number, table.addressRanges(set)))
            case .destination(let set): destinations.append((number, table.addressRanges(set)))
            case .sourcePort(let set): sourcePorts.append((number, table.portRanges(set)))
            case .destinationPort(let set): destinationPorts.append((number, table.portRanges(set)))
            case nil: others.append(number)
            }
        }
        others += RangeIndex.removeWide(from: &sources)
        others += RangeIndex.removeWide(from: &destinations)
        return Class(
            transports: transports, flow: flow, others: FlatList(others.sorted()),
            sources: RangeIndex(sources), destinations: RangeIndex(destinations),
            sourcePorts: RangeIndex(sourcePorts), destinationPorts: RangeIndex(destinationPorts))
    }

    /// The ends of the rules of a class, to tell which of a rule's it is best listed by: the set of addresses or ports that
    /// the fewest rules share.
    private struct Ends {
        /// One end of a rule, with its set.
        enum End {
            case source(Int32), destination(Int32), sourcePort(Int32), destinationPort(Int32)
        }

        private var addressUseCounts: [Int32: Int] = [:]
        private var portUseCounts: [Int32: Int] = [:]

        /// A set of more ports tells little.
        private static let portCountMax = 1024

        init(_ tests: [TrafficTest], _ table: TrafficTable) {
            for test in tests {
                for set in [test.sourceAddresses, test.destinationAddresses] where set >= 0 {
                    addressUseCounts[set, default: 0] += 1
                }
                for set in [test.sourcePorts, test.destinationPorts] where set >= 0 {
                    portUseCounts[set, default: 0] += 1
                }
            }
            portUseCounts = portUseCounts.filter { set, _ in
                table.portRanges(set).reduce(0) { $0 + $1.count } <= Self.portCountMax
            }
        }

        /// nil if none of them tells anything.
        func mostTelling(of test: TrafficTest) -> End? {
            guard !test.isBothWays else { return nil }
            let ends: [(end: End, useCount: Int?)] = [
                (.source(test.sourceAddresses), addressUseCounts[test.sourceAddresses]),
                (
                    .destination(test.destinationAddresses),
                    addressUseCounts[test.destinationAddresses]
                ),
                (.sourcePort(test.sourcePorts), portUseCounts[test.sourcePorts]),
                (.destinationPort(test.destinationPorts), portUseCounts[test.destinationPorts]),
            ]
            return ends.filter { $0.useCount != nil }
                .min { ($0.useCount ?? 0) < ($1.useCount ?? 0) }?.end
        }
    }

    func deallocate() {
        for index in 0..<classes.count {
            let members = classes[index].pointee
            members.others.deallocate()
            members.sources.deallocate()
            members.destinations.deallocate()
            members.sourcePorts.deallocate()
            members.destinationPorts.deallocate()
        }
        classes.deallocate()
        rules.deallocate()
    }

    @inline(__always) var isEmpty: Bool { rules.isEmpty }

    /// Calls `body` with each rule that may be about the traffic.
    @inline(__always)
    func forEachRule(about traffic: Traffic, _ body: (Int) -> Void) {
        for index in 0..<classes.count {
            let members = classes[index]
            guard members.pointee.transports >> traffic.transport.rawValue & 1 != 0,
                traffic.flow.isSuperset(of: members.pointee.flow)
            else { continue }
            for place in 0..<members.pointee.others.count {
                body(Int(members.pointee.others[place].pointee))
            }
            members.pointee.sources.forEachRule(on: traffic.source, body)
            members.pointee.destinations.forEachRule(on: traffic.destination, body)
            members.pointee.sourcePorts.forEachRule(on: traffic.sourcePort, body)
            members.pointee.destinationPorts.forEachRule(on: traffic.destinationPort, body)
        }
    }
}

/// Rules by address or port: all values are cut into ranges on each of which the same rules apply.
private struct RangeIndex<Bound: SteppableBound> {
    typealias Entry = (rule: Int32, ranges: [ClosedRange<Bound>])

    /// Where each range begins; it ends where the next one does.
    private let lowerBounds: FlatList<Bound>
    /// The rules of the first range are those from `starts[0]` to `starts[1]`, and so on.
    private let starts: FlatList<Int32>
    private let rules: FlatList<Int32>

    init(_ entries: [Entry]) {
        var changes: [(bound: Bound, rule: Int32, begins: Bool)] = []
        for entry in entries {
            for range in entry.ranges {
                changes.append((range.lowerBound, entry.rule, true))
                guard range.upperBound < .greatest else { continue }
                changes.append((range.upperBound.successor, entry.rule, false))
            }
        }
        changes.sort { $0.bound == $1.bound ? !$0.begins && $1.begins : $0.bound < $1.bound }
        var bounds: [Bound] = []
        var present: [Int32] = []
        var starts: [Int32] = [0]
        var rules: [Int32] = []
        for (index, change) in changes.enumerated() {
            if change.begins {
                present.append(change.rule)
            } else if let place = present.firstIndex(of: change.rule) {
                present.remove(at: place)
            }
            let isLast = index + 1 == changes.count || changes[index + 1].bound != change.bound
            guard isLast else { continue }
            bounds.append(change.bound)
            rules += present
            starts.append(Int32(truncatingIfNeeded: rules.count))
        }
        lowerBounds = FlatList(bounds)
        self.starts = FlatList(starts)
        self.rules = FlatList(rules)
    }

    func deallocate() {
        lowerBounds.deallocate()
        starts.deallocate()
        rules.deallocate()
    }

    @inline(__always)
    func forEachRule(on value: Bound, _ body: (Int) -> Void) {
        let next = partitionPoint(below: lowerBounds.count) { lowerBounds[$0].pointee > value }
        guard next > 0 else { return }
        for place in Int(starts[next &- 1].pointee)..<Int(starts[next].pointee) {
            body(Int(rules[place].pointee))
        }
    }

    /// Ranges of other rules that one range of a rule may hold, on the average, before the rule is better asked every time.
    private static var heldRangeCountMax: Int { 64 }

    /// Removes the rules on so many values that they would stand in most of the lists, and returns them.
    static func removeWide(from entries: inout [Entry]) -> [Int32] {
        let bounds = entries.flatMap { $0.ranges.map(\.lowerBound) }.sorted()
        func countBelow(_ value: Bound) -> Int {
            partitionPoint(below: bounds.count) { bounds[$0] >= value }
        }
        let narrowCount = entries.partition { entry in
            let heldCount = entry.ranges.reduce(0) {
                $0 + countBelow($1.upperBound) - countBelow($1.lowerBound)
            }
            return heldCount > heldRangeCountMax * entry.ranges.count
        }
        defer { entries.removeSubrange(narrowCount...) }
        return entries[narrowCount...].map(\.rule)
    }
}
