/// Rules that no literal leads to, by the traffic that they are about: of a thousand rules on lists of addresses a packet
/// asks those that may hold on it.
///
/// Rules that want the same of transport and flow are a class, which traffic passes or not as a whole. Within a class the
/// rules are listed by the addresses of one of their ends. What is found is still to be asked whether traffic passes.
///
/// A handle on memory that `deallocate` gives back: to use it touches no reference count.
struct TrafficIndex {
    private struct Class {
        var transports: UInt8
        var flow: FlowTests
        /// Rules that addresses do not tell apart.
        var others: FlatList<Int32>
        var sources: AddressIndex
        var destinations: AddressIndex
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
        var members: [Key: [(number: Int32, test: TrafficTest)]] = [:]
        var keys: [Key] = []
        for rule in rules {
            let test = rule.traffic < 0 ? TrafficTest() : table.test(Int(rule.traffic))
            let key = Key(transports: test.transports, flow: test.flow.rawValue)
            if members[key] == nil { keys.append(key) }
            members[key, default: []].append((rule.number, test))
        }
        self.rules = FlatList(rules.map(\.number))
        classes = FlatList(
            keys.map { key in
                Self.makeClass(
                    key.transports, FlowTests(rawValue: key.flow), members[key] ?? [], table)
            })
    }

    private static func makeClass(
        _ transports: UInt8, _ flow: FlowTests, _ members: [(number: Int32, test: TrafficTest)],
        _ table: TrafficTable
    ) -> Class {
        // The end whose set of addresses fewer rules share tells more.
        var useCounts: [Int32: Int] = [-1: .max]
        for member in members {
            for set in [member.test.sourceAddresses, member.test.destinationAddresses]
            where set >= 0 { useCounts[set, default: 0] += 1 }
        }
        var sources: [AddressIndex.Entry] = []
        var destinations: [AddressIndex.Entry] = []
        var others: [Int32] = []
        for (number, test) in members {
            let (source, destination) = (test.sourceAddresses, test.destinationAddresses)
            let isBySource = useCounts[source, default: 0] <= useCounts[destination, default: 0]
            let set = isBySource ? source : destination
            guard set >= 0, !test.isBothWays else {
                others.append(number)
                continue
            }
            let entry = AddressIndex.Entry(rule: number, ranges: table.addressRanges(set))
            if isBySource { sources.append(entry) } else { destinations.append(entry) }
        }
        others += sources.removeWide() + destinations.removeWide()
        return Class(
            transports: transports, flow: flow, others: FlatList(others.sorted()),
            sources: AddressIndex(sources), destinations: AddressIndex(destinations))
    }

    func deallocate() {
        for index in 0..<classes.count {
            let members = classes[index].pointee
            members.others.deallocate()
            members.sources.deallocate()
            members.destinations.deallocate()
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
        }
    }
}

/// Rules by address: the addresses are cut into ranges on each of which the same rules apply.
private struct AddressIndex {
    struct Entry {
        var rule: Int32
        var ranges: [ClosedRange<IPAddress>]
    }

    /// Where each range begins; it ends where the next one does.
    private let lowerBounds: FlatList<IPAddress>
    /// The rules of the first range are those from `starts[0]` to `starts[1]`, and so on.
    private let starts: FlatList<Int32>
    private let rules: FlatList<Int32>

    init(_ entries: [Entry]) {
        var changes: [(bound: IPAddress, rule: Int32, begins: Bool)] = []
        for entry in entries {
            for range in entry.ranges {
                changes.append((range.lowerBound, entry.rule, true))
                guard range.upperBound < .greatest else { continue }
                changes.append((range.upperBound.successor, entry.rule, false))
            }
        }
        changes.sort { $0.bound == $1.bound ? !$0.begins && $1.begins : $0.bound < $1.bound }
        var bounds: [IPAddress] = []
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
    func forEachRule(on address: IPAddress, _ body: (Int) -> Void) {
        let next = partitionPoint(below: lowerBounds.count) { lowerBounds[$0].pointee > address }
        guard next > 0 else { return }
        for place in Int(starts[next &- 1].pointee)..<Int(starts[next].pointee) {
            body(Int(rules[place].pointee))
        }
    }
}

extension [AddressIndex.Entry] {
    /// Ranges of other rules that one range of a rule may hold, on the average, before the rule is better asked every time.
    private static let heldRangeCountMax = 64

    /// Removes the rules on so many addresses that they would stand in most of the lists, and returns them.
    fileprivate mutating func removeWide() -> [Int32] {
        let bounds = flatMap { $0.ranges.map(\.lowerBound) }.sorted()
        func countBelow(_ address: IPAddress) -> Int {
            partitionPoint(below: bounds.count) { bounds[$0] >= address }
        }
        let narrowCount = partition { entry in
            let heldCount = entry.ranges.reduce(0) {
                $0 + countBelow($1.upperBound) - countBelow($1.lowerBound)
            }
            return heldCount > Self.heldRangeCountMax * entry.ranges.count
        }
        defer { removeSubrange(narrowCount...) }
        return self[narrowCount...].map(\.rule)
    }
}
