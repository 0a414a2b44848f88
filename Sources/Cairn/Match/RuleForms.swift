extension DetectionRule {
    /// The rule as it is matched: as written, or, where it looks at each direction by itself, once for the client's and once
    /// for the server's.
    func forms(_ subjects: [ProtocolDefinition]) -> [DetectionRule] {
        guard traffic.isEachWay else { return [self] }
        return [Direction.toServer, .toClient].compactMap { direction in
            guard let condition = condition.seen(going: direction, subjects, subject)
            else { return nil }
            var form = self
            form.traffic.isEachWay = false
            if form.traffic.direction == nil {
                form.traffic.flow.append(direction == .toServer ? .to_server : .to_client)
            }
            form.condition = condition
            return form
        }
    }
}

extension Condition {
    /// The same about one direction: fields that have both directions' values become those of one. nil if a field has none.
    fileprivate func seen(
        going direction: Direction, _ subjects: [ProtocolDefinition], _ subject: Int
    ) -> Condition? {
        func each(_ parts: [Condition]) -> [Condition]? {
            let seen = parts.compactMap { $0.seen(going: direction, subjects, subject) }
            return seen.count == parts.count ? seen : nil
        }
        switch self {
        case .all(let parts): return each(parts).map { .all($0) }
        case .any(let parts): return each(parts).map { .any($0) }
        case .not(let part):
            return part.seen(going: direction, subjects, subject).map { .not($0) }
        case .match(var match):
            guard let field = match.field else { return self }
            if direction == .toClient, Int(field.subject) == FieldRegistry.common,
                let swapped = CommonFields.swapped(Int(field.index))
            {
                match.field?.index = UInt16(truncatingIfNeeded: swapped)
                return .match(match)
            }
            let definition = subjects[Int(field.subject)]
            guard Int(field.subject) == subject || definition.makeParser != nil else { return self }
            let index = definition.field(direction, of: Int(field.index))
            guard definition.fields[index].isSeen(direction) else { return nil }
            match.field = FieldID(subject: field.subject, index: UInt16(truncatingIfNeeded: index))
            return .match(match)
        }
    }
}
