/// One correlation rule, compiled: references are numbers of identities, fields are indices into
/// the carried fields.
struct CorrelationPlan: Sendable {
    /// When a rule looks at its window (CORRELATION.md §5).
    enum Mode: Sendable {
        /// In every instant that adds an item: nothing later can undo the condition.
        case eager
        /// Once, when a window that the first item opened is over.
        case tumbling
        /// When the window that each wanted item starts is over.
        case sliding
    }

    /// Number of the rule's identity in the program.
    let identity: Int32
    let id: [UInt8]
    let title: [UInt8]
    /// Nil: the highest level of the evidence.
    let level: Level?
    /// None: those of the evidence.
    let tags: [[UInt8]]
    /// 1 + the largest depth of a rule referred to; detection rules have 0.
    let depth: Int
    /// Its firings are signals of incidents by themselves.
    let isStandalone: Bool

    let type: CorrelationType
    let mode: Mode
    let spanNanoseconds: Int64
    let suppressNanoseconds: Int64
    let groupCountMax: Int
    let itemCountMax: Int
    let evidenceCountMax: Int

    /// Identities of `rules`, in order, then those of `until`: what an item came from is an index
    /// into this list.
    let sources: [Int32]
    /// How many of the sources are `rules`.
    let referenceCount: Int
    /// Texts of the identities in `rules`.
    let referenceNames: [[UInt8]]
    /// For each of `rules`, whether a text condition negates it.
    let isNegated: [Bool]
    let groupNames: [String]
    /// For each source the carried field of each group name; -1 where an alias says nothing about
    /// the rule.
    let groupFields: [[Int]]
    /// For each carried field the group name that is the same field; -1 if none is.
    let groupNameOfField: [Int]
    /// Carried fields that an item must have to count.
    let countedFields: [Int]
    let condition: Condition

    enum Condition: Sendable {
        case limits(LimitSet, percentile: Int)
        case expression(ConditionExpression)
    }

    /// For `temporal_ordered` in eager mode: how chains are followed as items come.
    let chain: ChainPlan?

    var isTemporal: Bool { type == .temporal || type == .temporal_ordered }

    /// Whether an item must have a number to count.
    var isNumeric: Bool {
        switch type {
        case .value_sum, .value_avg, .value_percentile, .value_median: true
        case .event_count, .value_count, .temporal, .temporal_ordered: false
        }
    }
}

/// The comparisons of a map condition, all of which must hold.
struct LimitSet: Sendable {
    /// In the order in which reasons list them, limits in millionths.
    let limits: [(comparison: Comparison, limit: Int64)]

    private static let order: [Comparison] = [
        .greater, .greaterOrEqual, .less, .lessOrEqual, .equal, .notEqual,
    ]

    init(_ limits: [(Comparison, Int64)]) {
        self.limits = Self.order.flatMap { comparison in
            limits.filter { $0.0 == comparison }.map { (comparison: $0.0, limit: $0.1) }
        }
    }

    /// Whether only more can be asked for: such a condition, once true, stays true while its window
    /// grows.
    var isOnlyLower: Bool {
        limits.allSatisfy { $0.comparison == .greater || $0.comparison == .greaterOrEqual }
    }

    /// Whether `value / size` satisfies all; no division, so nothing is rounded.
    func hold(_ value: Int128, per size: Int128 = 1) -> Bool {
        limits.allSatisfy { limit in
            let bound = Int128(limit.limit) &* size
            return switch limit.comparison {
            case .greater: value > bound
            case .greaterOrEqual: value >= bound
            case .less: value < bound
            case .lessOrEqual: value <= bound
            case .equal: value == bound
            case .notEqual: value != bound
            }
        }
    }

    /// The smallest count, at least 1, that satisfies lower limits.
    var countMin: Int {
        var least: Int64 = 1
        for limit in limits {
            let unit = Int64(ExactNumber.perUnit)
            let floor = limit.limit >= 0 ? limit.limit / unit : -1
            let isWhole = limit.limit % unit == 0
            switch limit.comparison {
            case .greater: least = max(least, floor + 1)
            default: least = max(least, isWhole ? floor : floor + 1)
            }
        }
        return Int(least)
    }

    /// `gte 3 and lte 5`, as reasons say it.
    var text: String {
        limits.map { limit in
            let name =
                switch limit.comparison {
                case .greater: "gt"
                case .greaterOrEqual: "gte"
                case .less: "lt"
                case .lessOrEqual: "lte"
                case .equal: "eq"
                case .notEqual: "neq"
                }
            return "\(name) \(plainText(ofMillionths: Int128(limit.limit)))"
        }.joined(separator: " and ")
    }
}

/// A text condition over the rules of a correlation, by their positions in `rules`.
///
/// Each rule is either wanted or negated, so that more wanted rules never make it false and more
/// negated ones never make it true.
struct ConditionExpression: Sendable {
    indirect enum Node: Equatable, Sendable {
        case rule(Int)
        case and([Node])
        case or([Node])
        case not(Node)
    }

    /// Rules that a text condition may name: one bit each.
    static let ruleCountMax = 64
    /// Wanted rules that a condition with `or` may name, which bounds its alternatives by 252.
    static let wantedCountMax = 10

    let root: Node
    /// One bit for each negated rule.
    let negated: UInt64

    /// Whether it is true when the rules of a bit set are present.
    func holds(_ present: UInt64) -> Bool { Self.holds(root, present) }

    private static func holds(_ node: Node, _ present: UInt64) -> Bool {
        switch node {
        case .rule(let position): present >> UInt64(position) & 1 == 1
        case .and(let parts): parts.allSatisfy { holds($0, present) }
        case .or(let parts): parts.contains { holds($0, present) }
        case .not(let part): !holds(part, present)
        }
    }

    /// The minimal sets of wanted rules that make it true while the negated rules in `present` are
    /// there: larger sets first, then by position.
    func alternatives(present: UInt64) -> [UInt64] {
        let sets = Self.minimalSets(root, isPositive: true, negated: negated, present: present)
        return sets.filter { $0 != 0 }.sorted { a, b in
            if a.nonzeroBitCount != b.nonzeroBitCount {
                return a.nonzeroBitCount > b.nonzeroBitCount
            }
            // Of two sets of one size, the one whose lowest differing position is smaller comes
            // first.
            let difference = a ^ b
            return a & (difference & (0 &- difference)) != 0
        }
    }

    private static func minimalSets(
        _ node: Node, isPositive: Bool, negated: UInt64, present: UInt64
    ) -> [UInt64] {
        func sets(_ part: Node) -> [UInt64] {
            minimalSets(part, isPositive: isPositive, negated: negated, present: present)
        }
        switch node {
        case .rule(let position):
            let bit = UInt64(1) << UInt64(position)
            guard negated & bit != 0 else { return [bit] }
            return (present & bit != 0) == isPositive ? [0] : []
        case .not(let part):
            return minimalSets(
                part, isPositive: !isPositive, negated: negated, present: present)
        case .and(let parts):
            return isPositive ? product(parts.map(sets)) : union(parts.map(sets))
        case .or(let parts):
            return isPositive ? union(parts.map(sets)) : product(parts.map(sets))
        }
    }

    private static func union(_ parts: [[UInt64]]) -> [UInt64] { minimal(parts.flatMap(\.self)) }

    private static func product(_ parts: [[UInt64]]) -> [UInt64] {
        parts.reduce([0]) { sets, part in
            minimal(sets.flatMap { set in part.map { set | $0 } })
        }
    }

    /// Without the sets that contain another one.
    private static func minimal(_ sets: [UInt64]) -> [UInt64] {
        var kept: [UInt64] = []
        for set in Set(sets).sorted(by: { $0.nonzeroBitCount < $1.nonzeroBitCount })
        where !kept.contains(where: { $0 & set == $0 }) {
            kept.append(set)
        }
        return kept
    }

    /// Whether some rules are wanted as alternatives to each other, or the condition says `or`.
    var usesOr: Bool { Self.usesOr(root, isPositive: true, wanted: ~negated) }

    private static func usesOr(_ node: Node, isPositive: Bool, wanted: UInt64) -> Bool {
        switch node {
        case .rule: false
        case .not(let part): usesOr(part, isPositive: !isPositive, wanted: wanted)
        case .or: true
        case .and(let parts):
            !isPositive && parts.contains { names(in: $0) & wanted != 0 }
                || parts.contains { usesOr($0, isPositive: isPositive, wanted: wanted) }
        }
    }

    /// The positions that a part names.
    static func names(in node: Node) -> UInt64 {
        switch node {
        case .rule(let position): UInt64(1) << UInt64(position)
        case .and(let parts), .or(let parts): parts.reduce(0) { $0 | names(in: $1) }
        case .not(let part): names(in: part)
        }
    }

    /// The positions named under an even and under an odd number of `not`.
    static func signs(of node: Node, isPositive: Bool = true) -> (even: UInt64, odd: UInt64) {
        switch node {
        case .rule(let position):
            let bit = UInt64(1) << UInt64(position)
            return isPositive ? (bit, 0) : (0, bit)
        case .not(let part): return signs(of: part, isPositive: !isPositive)
        case .and(let parts), .or(let parts):
            return parts.reduce((0, 0)) { sum, part in
                let signs = signs(of: part, isPositive: isPositive)
                return (sum.0 | signs.even, sum.1 | signs.odd)
            }
        }
    }
}

/// How chains of `temporal_ordered` are recognised as items come, without looking at the window
/// again.
///
/// A node stands for "a chain that ends with an item of this rule, having come this way". Its state
/// in a group is, over all such chains, the largest number of a chain's oldest item; the chain is
/// in the window as long as that item is.
struct ChainPlan: Sendable {
    struct Node: Sendable {
        /// Nodes whose chains this one prolongs; none for the first rule of a chain.
        var parents: [Int]
        /// The alternative that is complete with this node; -1 if none is.
        var completes: Int
    }

    /// By position in `rules`, so that parents come before their children.
    let nodes: [Node]
    /// For each position in `rules` its nodes.
    let nodesOfPosition: [Range<Int>]

    /// Chains through all rules of one of several sets, each in the order of `rules`.
    init(ruleCount: Int, sets: [UInt64]) {
        // Sets with the same beginning share the nodes of it: one node for each beginning that
        // occurs.
        var completes: [UInt64: Int] = [:]
        for (index, set) in sets.enumerated() {
            var prefix: UInt64 = 0
            for position in 0..<ruleCount where set >> UInt64(position) & 1 == 1 {
                prefix |= 1 << UInt64(position)
                completes[prefix] = prefix == set ? index : completes[prefix] ?? -1
            }
        }
        let prefixes = completes.keys.sorted {
            ($0.leadingZeroBitCount, $1) > ($1.leadingZeroBitCount, $0)
        }
        let places = Dictionary(uniqueKeysWithValues: prefixes.enumerated().map { ($1, $0) })
        nodes = prefixes.map { prefix in
            let last = UInt64(1) << UInt64(63 - prefix.leadingZeroBitCount)
            return Node(
                parents: places[prefix & ~last].map { [$0] } ?? [],
                completes: completes[prefix] ?? -1)
        }
        nodesOfPosition = Self.ranges(ruleCount, prefixes.map { 63 - $0.leadingZeroBitCount })
    }

    /// Chains through any `length` of the rules; none if there are fewer rules.
    init(ruleCount: Int, length: Int) {
        let length = min(length, ruleCount + 1)
        var nodes: [Node] = []
        var positions: [Int] = []
        var places = Array(
            repeating: [Int?](repeating: nil, count: length), count: max(1, ruleCount))
        for position in 0..<ruleCount {
            // The rest of the chain must fit into the rules that follow.
            let first = max(0, length - (ruleCount - position))
            for step in first..<max(first, min(length, position + 1)) {
                let parents = step == 0 ? [] : (0..<position).compactMap { places[$0][step - 1] }
                places[position][step] = nodes.count
                positions.append(position)
                nodes.append(Node(parents: parents, completes: step == length - 1 ? 0 : -1))
            }
        }
        self.nodes = nodes
        nodesOfPosition = Self.ranges(ruleCount, positions)
    }

    private static func ranges(_ ruleCount: Int, _ positions: [Int]) -> [Range<Int>] {
        (0..<ruleCount).map { position in
            let start = positions.firstIndex { $0 >= position } ?? positions.count
            let end = positions.firstIndex { $0 > position } ?? positions.count
            return start..<end
        }
    }
}
