/// A condition in the form that rules are compiled from: negation only at the tests, no constants below the root, nothing
/// nested that need not be, cheap tests first.
indirect enum RuleCondition {
    case constant(Bool)
    case test(FieldMatch, isNegated: Bool)
    case all([RuleCondition])
    case any([RuleCondition])

    init(_ condition: Condition, isNegated: Bool = false) {
        switch condition {
        case .match(let match): self = .test(match, isNegated: isNegated)
        case .not(let inner): self.init(inner, isNegated: !isNegated)
        case .all(let parts):
            self = Self.join(parts.map { Self($0, isNegated: isNegated) }, isAll: !isNegated)
        case .any(let parts):
            self = Self.join(parts.map { Self($0, isNegated: isNegated) }, isAll: isNegated)
        }
    }

    private static func join(_ parts: [RuleCondition], isAll: Bool) -> RuleCondition {
        var joined: [RuleCondition] = []
        for part in parts {
            switch part {
            case .constant(let value):
                if value != isAll { return part }
            case .all(let inner) where isAll: joined += inner
            case .any(let inner) where !isAll: joined += inner
            default: joined.append(part)
            }
        }
        if joined.count <= 1 { return joined.first ?? .constant(isAll) }
        // Sorting must be stable, so that what is reported as having matched does not depend on the sort.
        let costs = joined.map(\.cost)
        let sorted = joined.indices
            .sorted { (costs[$0], $0) < (costs[$1], $1) }
            .map { joined[$0] }
        return isAll ? .all(sorted) : .any(sorted)
    }

    /// What it takes to look, roughly: for the order of tests.
    private var cost: Int {
        switch self {
        case .constant: 0
        case .test(let match, _): match.cost
        case .all(let parts), .any(let parts): parts.reduce(0) { $0 + $1.cost }
        }
    }

    var testCount: Int {
        switch self {
        case .constant: 0
        case .test: 1
        case .all(let parts), .any(let parts): parts.reduce(0) { $0 + $1.testCount }
        }
    }

    /// All tests, in order.
    var tests: [(match: FieldMatch, isNegated: Bool)] {
        switch self {
        case .constant: []
        case .test(let match, let isNegated): [(match, isNegated)]
        case .all(let parts), .any(let parts): parts.flatMap(\.tests)
        }
    }
}

extension RuleCondition {
    /// Whether it can hold on what is said in a protocol.
    func canHold(speaking definition: ProtocolDefinition) -> Bool {
        switch self {
        case .constant(let value): value
        case .test(let match, let isNegated):
            match.holds(speaking: definition).map { $0 != isNegated } ?? true
        case .all(let parts): parts.allSatisfy { $0.canHold(speaking: definition) }
        case .any(let parts): parts.contains { $0.canHold(speaking: definition) }
        }
    }
}

extension RuleCondition {
    /// How many bytes of payload a packet has at most if it holds on it; `Int.max` if it does not say.
    func payloadByteCountMax(_ packetSubject: Int) -> Int {
        switch self {
        case .test(let match, isNegated: false):
            guard let field = match.field, Int(field.subject) == packetSubject,
                field.index == PacketField.payloadSize.rawValue,
                case .number(let comparison, let size) = match.predicate
            else { return .max }
            return comparison.greatest(comparedWith: size)
        case .all(let parts):
            return parts.map { $0.payloadByteCountMax(packetSubject) }.min() ?? .max
        case .any(let parts):
            return parts.map { $0.payloadByteCountMax(packetSubject) }.max() ?? .max
        case .constant, .test: return .max
        }
    }
}

extension Comparison {
    /// The greatest number that holds when compared with `number`; `Int.max` if there is none.
    fileprivate func greatest(comparedWith number: Int64) -> Int {
        switch self {
        case .equal, .lessOrEqual, .less: Int(clamping: max(0, number))
        case .notEqual, .greater, .greaterOrEqual: .max
        }
    }
}

extension FieldMatch {
    /// Whether it holds on what is said in a protocol; nil if the protocol does not tell.
    fileprivate func holds(speaking definition: ProtocolDefinition) -> Bool? {
        guard let field, Int(field.subject) == FieldRegistry.common, transforms.isEmpty,
            field.index == CommonField.applicationProtocol.rawValue
        else { return nil }
        switch predicate {
        case .exists(let exists): return exists
        case .isAbsent: return false
        case .text(let pattern):
            let test = TextTest(pattern, in: Arena())
            return Array(definition.name.utf8).withUnsafeBytes { test.match($0) != nil }
        default: return nil
        }
    }

    /// Reads variables that another sequence must have set before.
    private var isDependent: Bool {
        guard case .sequence(let steps) = predicate else { return false }
        return !steps.foreignVariables.isEmpty
    }

    fileprivate var cost: Int {
        let base =
            switch predicate {
            case .number, .bits, .integer, .exists, .isAbsent, .timePart, .past: 1
            case .network: 2
            case .country, .reputation: 8
            case .text(let pattern): pattern.parts.contains(.anyMany) ? 8 : 4
            case .fieldReference: 8
            case .sequence: 16
            case .inSet: 32
            case .regex: 64
            }
        return base + 16 * transforms.count + (field == nil ? 128 : 0) + (isDependent ? 4096 : 0)
    }
}
