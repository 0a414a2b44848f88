/// When the tests of a rule can be asked, and which way its traffic filter looks.
///
/// A test that holds on a complete field holds for good; the opposite of a test is certain when nothing can be added that
/// would make it hold. So a rule on request fields fires with the request, and one that negates when its transaction is
/// complete. A rule that is about one direction (`flow: to_server`) never waits for the other.
struct RuleTiming {
    /// Which way the sender of the traffic filter sends.
    let orientation: Direction
    private let subjects: [ProtocolDefinition]
    private let subject: Int
    private let isStream: Bool
    /// The direction that the rule is about, if its traffic filter says one.
    let bound: Direction?

    init(_ rule: DetectionRule, _ subjects: [ProtocolDefinition], isStream: Bool) {
        self.subjects = subjects
        subject = rule.subject
        self.isStream = isStream
        let flow = FlowTests(rule.traffic.flow)
        bound = flow.contains(.toServer) ? .toServer : flow.contains(.toClient) ? .toClient : nil
        let directions = RuleCondition(rule.condition).tests.compactMap { test in
            test.match.field.flatMap {
                Int($0.subject) == rule.subject
                    ? subjects[Int($0.subject)].fields[Int($0.index)].direction : nil
            }
        }
        let isOfResponse = directions.contains(.toClient) && !directions.contains(.toServer)
        orientation = bound ?? (isOfResponse ? .toClient : .toServer)
    }

    /// When nothing more comes in the direction that the rule is about.
    var end: Readiness { bound.map { only($0, Progress.complete.rawValue) } ?? .complete }

    /// How far the event must have come for a test, or its opposite, to be certain.
    ///
    /// - Parameter needsEnd: bytes behind those that are there could change the outcome.
    func readiness(of match: FieldMatch, _ isNegated: Bool, needsEnd: Bool) -> Readiness {
        if let field = match.field, Int(field.subject) != subject { return .always }
        // Which element is at a place, or the last, is certain when all are there.
        let waits = isNegated != match.predicate.isAbsence || match.elements != nil
        if isStream { return waits || needsEnd ? .complete : .always }
        guard let field = match.field else {
            // A keyword may be in any field; it is asked with every step.
            let end = Progress.complete.rawValue
            if !waits { return Readiness(toServer: 1, toClient: 1, isEither: true) }
            return bound.map { only($0, end) } ?? .complete
        }
        let definition = subjects[Int(field.subject)].fields[Int(field.index)]
        if subjects[subject].anomalyFields.contains(Int(field.index)) {
            return anomalyReadiness(waits: waits)
        }
        let available = definition.available.rawValue
        if case .fieldReference(let other, _, _) = match.predicate, !waits {
            return ready(definition).and(
                Int(other.subject) == subject
                    ? ready(subjects[subject].fields[Int(other.index)]) : .always)
        }
        if waits {
            if let bound, definition.direction ?? bound == bound { return only(bound, available) }
            return .complete
        }
        return ready(definition)
    }

    /// An anomaly is looked for from the first step on, in the direction that the rule is about.
    private func anomalyReadiness(waits: Bool) -> Readiness {
        if waits { return end }
        return bound.map { only($0, Progress.line.rawValue) } ?? .always
    }

    /// When a field can be complete: one of both directions can be so in either.
    private func ready(_ definition: FieldDefinition) -> Readiness {
        let available = definition.available.rawValue
        guard let direction = definition.direction else {
            return Readiness(toServer: available, toClient: available, isEither: true)
        }
        let own = only(direction, available)
        guard let bound, bound != direction else { return own }
        // Something must have come in the direction that the rule is about.
        return own.and(only(bound, Progress.line.rawValue))
    }

    private func only(_ direction: Direction, _ progress: UInt8) -> Readiness {
        direction == .toServer
            ? Readiness(toServer: progress) : Readiness(toClient: progress)
    }
}

extension Predicate {
    /// Holds as long as a field has no value.
    var isAbsence: Bool {
        switch self {
        case .isAbsent, .exists(false): true
        default: false
        }
    }
}
