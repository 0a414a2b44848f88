/// Rules that are looked for together in one kind of event: the literals to look for, and the rules that have none.
///
/// Which rules share a group decides how many literals are looked for in vain: packets are grouped by transport, streams by
/// transport and direction, transactions by protocol. A finer division goes here.
final class RuleGroup: @unchecked Sendable {
    /// One field that is searched for literals.
    struct Scan {
        /// Index into the fields of the subject.
        let field: Int
        /// Who sends it; nil for both.
        let direction: Direction?
        /// When it is complete.
        let available: Progress
        let matcher: LiteralMatcher
        /// Rules by literal: those of the first from `starts[0]` to `starts[1]`, and so on.
        let starts: [Int32]
        let rules: [Int32]
    }

    private(set) var scans: [Scan] = []
    /// Rules without a literal, in the order in which they are asked.
    private(set) var unanchored: [Int32] = []
    /// Literals of the largest matcher.
    var literalCountMax: Int { scans.lazy.map(\.matcher.literalCount).max() ?? 0 }
    /// Rules in the group.
    private(set) var ruleCount = 0

    // While rules are added.
    private var anchors: [Int: [LiteralMatcher.Literal: [Int32]]] = [:]

    /// Adds a rule that can only hold if one of some literals occurs in one of some fields.
    func add(_ rule: Int32, anchors: [Anchor], fields: (FieldID?) -> [Int]) {
        ruleCount += 1
        for anchor in anchors {
            for field in fields(anchor.field) {
                self.anchors[field, default: [:]][anchor.literal, default: []].append(rule)
            }
        }
    }

    /// Adds a rule that is asked every time.
    func add(unanchored rule: Int32) {
        ruleCount += 1
        unanchored.append(rule)
    }

    /// Builds the matchers. To be called once, when all rules are added.
    func complete(_ subject: ProtocolDefinition) {
        for field in anchors.keys.sorted() {
            let definition = subject.fields[field]
            // Literals in an order that does not depend on hashing.
            let literals = (anchors[field] ?? [:]).sorted { a, b in
                a.key.bytes == b.key.bytes
                    ? !a.key.ignoresCase && b.key.ignoresCase
                    : a.key.bytes.lexicographicallyPrecedes(b.key.bytes)
            }
            var starts: [Int32] = [0]
            var rules: [Int32] = []
            for literal in literals {
                rules += literal.value
                starts.append(Int32(truncatingIfNeeded: rules.count))
            }
            scans.append(
                Scan(
                    field: field, direction: definition.direction,
                    available: definition.available, matcher: LiteralMatcher(literals.map(\.key)),
                    starts: starts, rules: rules))
        }
        anchors = [:]
    }
}

extension RuleGroup.Scan {
    /// Whether the field is complete at `now` and was not before.
    @inline(__always)
    func isDue(before: (Progress, Progress), now: (Progress, Progress)) -> Bool {
        let isNewServer = before.0 < available && available <= now.0
        let isNewClient = before.1 < available && available <= now.1
        return switch direction {
        case .toServer: isNewServer
        case .toClient: isNewClient
        case nil: isNewServer || isNewClient
        }
    }
}
