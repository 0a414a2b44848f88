/// Rules that are looked for together in one kind of event: the literals to look for, and the rules that have none.
///
/// Plain memory that is only read once it is filled, owned by its `RuleGroupBuilder`: it is gone through for every packet,
/// so nothing in it is counted.
///
/// Which rules share a group decides how many literals are looked for in vain: packets are grouped by transport, and within
/// it by who sends, streams by transport and direction, transactions by protocol. A finer division goes here.
struct RuleGroup {
    /// One field that is searched for literals.
    struct Scan {
        /// Index into the fields of the subject.
        let field: Int
        /// Who sends it. Without one a field of a transaction is of both, and a packet of no conversation.
        let direction: Direction?
        /// When it is complete.
        let available: Progress
        /// Values may come until the transaction is complete, and each is searched for when it comes.
        let isOpen: Bool
        let matcher: LiteralMatcher
        /// Rules by literal: those of the first from `starts[0]` to `starts[1]`, and so on.
        let starts: FlatList<Int32>
        let rules: FlatList<Listed>
    }

    /// A rule in the list of a literal, with what is asked of it first: of those listed most fail at it, and little of the
    /// rules themselves is in the cache.
    struct Listed {
        let number: Int32
        /// The rule's filter, -1 for any traffic.
        let traffic: Int32
        let orientation: Direction
    }

    fileprivate(set) var scans = FlatList<Scan>()
    /// Rules without a literal.
    fileprivate(set) var unanchored = TrafficIndex()

    /// No rule is in it.
    @inline(__always) var isEmpty: Bool { scans.isEmpty && unanchored.isEmpty }

    /// Its rules.
    var ruleNumbers: Set<Int32> {
        var numbers = Set((0..<unanchored.rules.count).map { unanchored.rules[$0].pointee })
        for index in 0..<scans.count {
            let rules = scans[index].pointee.rules
            numbers.formUnion((0..<rules.count).map { rules[$0].pointee.number })
        }
        return numbers
    }
}

extension RuleGroup.Scan {
    /// Whether the field is complete at `now` and was not before.
    @inline(__always)
    func isDue(before: (Progress, Progress), now: (Progress, Progress)) -> Bool {
        guard !isOpen else { return false }
        let isNewServer = before.0 < available && available <= now.0
        let isNewClient = before.1 < available && available <= now.1
        return switch direction {
        case .toServer: isNewServer
        case .toClient: isNewClient
        case nil: isNewServer || isNewClient
        }
    }
}

/// Collects the rules of a group, builds it, and owns its memory.
final class RuleGroupBuilder {
    private(set) var group = RuleGroup()
    private var unanchored: [(number: Int32, traffic: Int32)] = []
    private var anchors: [Place: [LiteralMatcher.Literal: Entry]] = [:]

    /// What is known of a literal.
    private struct Entry {
        var rules: [RuleGroup.Listed] = []
        /// In how many bytes at the start of the field a rule needs it; all of them if `.max`.
        var reach = 0

        mutating func add(_ rule: RuleGroup.Listed, reach: Int) {
            rules.append(rule)
            self.reach = max(self.reach, reach)
        }
    }

    /// Where literals are looked for.
    private struct Place: Hashable {
        /// Index into the fields of the subject.
        var field: Int
        var direction: Direction?

        /// The order of the scans.
        var rank: (Int, Int) { (field, direction.map { 1 + Int($0.rawValue) } ?? 0) }
    }

    deinit {
        for index in 0..<group.scans.count {
            let scan = group.scans[index]
            scan.pointee.matcher.deallocate()
            scan.pointee.starts.deallocate()
            scan.pointee.rules.deallocate()
        }
        group.scans.deallocate()
        group.unanchored.deallocate()
    }

    /// Adds a rule that can only hold if one of some literals occurs in one of some fields.
    ///
    /// - Parameters:
    ///   - byteCountMax: how many bytes the field has at most if the rule holds.
    ///   - fields: the fields in which an anchor is looked for, and who sends them.
    func add(
        _ rule: RuleGroup.Listed, anchors: [Anchor], byteCountMax: Int,
        fields: (FieldID?) -> [(field: Int, direction: Direction?)]
    ) {
        for anchor in anchors {
            for (field, direction) in fields(anchor.field) {
                let place = Place(field: field, direction: direction)
                let reach = min(anchor.reach, byteCountMax)
                self.anchors[place, default: [:]][anchor.literal, default: Entry()]
                    .add(rule, reach: reach)
            }
        }
    }

    /// Adds a rule that is asked whenever traffic passes its filter, -1 for any.
    func add(unanchored rule: Int32, traffic: Int32) {
        unanchored.append((rule, traffic))
    }

    /// Builds the group. To be called once, when all rules are added.
    func complete(_ subject: ProtocolDefinition, _ traffic: TrafficTable) {
        group.unanchored = TrafficIndex(unanchored, traffic)
        group.scans = FlatList(
            anchors.sorted { $0.key.rank < $1.key.rank }.map { scan(subject, $0.key, $0.value) })
        anchors = [:]
    }

    private func scan(
        _ subject: ProtocolDefinition, _ place: Place, _ anchors: [LiteralMatcher.Literal: Entry]
    ) -> RuleGroup.Scan {
        // Literals in an order that does not depend on hashing.
        let literals = anchors.sorted { a, b in
            a.key.bytes == b.key.bytes
                ? !a.key.ignoresCase && b.key.ignoresCase
                : a.key.bytes.lexicographicallyPrecedes(b.key.bytes)
        }
        var starts: [Int32] = [0]
        var rules: [RuleGroup.Listed] = []
        for literal in literals {
            rules += literal.value.rules
            starts.append(Int32(truncatingIfNeeded: rules.count))
        }
        return RuleGroup.Scan(
            field: place.field, direction: place.direction,
            available: subject.fields[place.field].available,
            isOpen: subject.anomalyFields.contains(place.field),
            matcher: LiteralMatcher(
                literals.map(\.key), reaches: literals.map(\.value.reach)),
            starts: FlatList(starts), rules: FlatList(rules))
    }
}

/// Values in a row, in memory that `deallocate` gives back; an element is looked at where it lies.
struct FlatList<Element> {
    private let start: UnsafeMutablePointer<Element>?
    let count: Int

    init(_ elements: [Element] = []) {
        count = elements.count
        start = elements.isEmpty ? nil : .allocate(capacity: count)
        for (index, element) in elements.enumerated() {
            start?.advanced(by: index).initialize(to: element)
        }
    }

    func deallocate() {
        start?.deinitialize(count: count)
        start?.deallocate()
    }

    @inline(__always) var isEmpty: Bool { count == 0 }

    @inline(__always) subscript(index: Int) -> UnsafePointer<Element> {
        guard let start, index >= 0, index < count else {
            preconditionFailure("an index is within the list")
        }
        return UnsafePointer(start + index)
    }
}
