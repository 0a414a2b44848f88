extension DetectionRule {
    /// The rule as it is matched: as written, or, where it looks at each direction by itself, once for the client's and once
    /// for the server's.
    func forms(_ subjects: [ProtocolDefinition]) -> [DetectionRule] {
        guard traffic.isEachWay else { return [self] }
        return [Direction.toServer, .toClient].map { direction in
            var form = self
            form.traffic.isEachWay = false
            if form.traffic.direction == nil {
                form.traffic.flow.append(direction == .toServer ? .to_server : .to_client)
            }
            form.condition = condition.seen(going: direction, subjects[subject], subject)
            return form
        }
    }
}

extension Condition {
    /// The same about one direction: fields that have both directions' values become those of one.
    fileprivate func seen(
        going direction: Direction, _ definition: ProtocolDefinition, _ subject: Int
    ) -> Condition {
        switch self {
        case .all(let parts):
            return .all(parts.map { $0.seen(going: direction, definition, subject) })
        case .any(let parts):
            return .any(parts.map { $0.seen(going: direction, definition, subject) })
        case .not(let part): return .not(part.seen(going: direction, definition, subject))
        case .match(var match):
            guard let field = match.field, Int(field.subject) == subject else { return self }
            let index = definition.field(direction, of: Int(field.index))
            match.field = FieldID(subject: field.subject, index: UInt16(truncatingIfNeeded: index))
            return .match(match)
        }
    }
}
