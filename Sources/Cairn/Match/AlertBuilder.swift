/// Makes alerts of events on which rules hold. This is where memory is allocated: alerts are rare.
enum AlertBuilder {
    /// The candidate for a rule on the present event of an evaluator, whose notes say what matched.
    static func candidate(
        _ number: Int, _ compiled: CompiledRules, _ evaluator: RuleEvaluator
    ) -> Candidate {
        let event = evaluator.event
        let rule = compiled.rules.elements + number
        let ruleNumber = Int(rule.pointee.number)
        let alert = Self.alert(ruleNumber, event, rule.pointee.orientation)
        if rule.pointee.alerts { describe(alert, rule, compiled, evaluator) }
        let candidate = Candidate(
            alert: alert, form: Int32(truncatingIfNeeded: number), order: rule.pointee.order)
        candidate.phase =
            event.isOfTransaction ? .transactions : rule.pointee.isAboutEnds ? .ends : .packet
        if rule.pointee.waitsWithState, alert.transport == .tcp {
            candidate.stateDirection =
                event.place.isReversed ? alert.direction?.reversed : alert.direction
        }
        candidate.isOfStream = event.isOfStream
        candidate.coversFlow = event.coversFlow
        candidate.layer = event.place.packet?.pointee.layer ?? 0
        if rule.pointee.testsSets { candidate.setValues = evaluator.setValues(of: rule) }
        if rule.pointee.hasCounters {
            let count = rule.pointee.variables.count
            candidate.variables = (0..<count).map { evaluator.sequences.variables[$0] }
        }
        return candidate
    }

    /// Adds what only those ask for who get the alert.
    private static func describe(
        _ alert: Alert, _ rule: UnsafePointer<CompiledRules.Rule>, _ compiled: CompiledRules,
        _ evaluator: RuleEvaluator
    ) {
        let event = evaluator.event
        alert.captures = evaluator.notes.labelTexts.map {
            (compiled.program.sequences.labels[$0.name], $0.text)
        }
        alert.actor = rule.pointee.actor.flatMap { event.copy(of: $0)?.first }
        alert.victim = rule.pointee.victim.flatMap { event.copy(of: $0)?.first }
        alert.fields = carriedFields(compiled.carriedFields[alert.rule], event)
        if rule.pointee.testsSets { alert.contexts = evaluator.contexts(of: rule) }
        if compiled.settings.writesEvents { alert.excerpt = excerpt(alert, compiled, evaluator) }
    }

    private static func excerpt(
        _ alert: Alert, _ compiled: CompiledRules, _ evaluator: RuleEvaluator
    ) -> Alert.Excerpt {
        let event = evaluator.event
        var excerpt = Alert.Excerpt()
        evaluator.writer.removeAll()
        event.place.flow?.pointee.writeCommunityID(sha1: evaluator.sha1, into: &evaluator.writer)
        excerpt.communityIDEnd = evaluator.writer.beginPart()
        event.write(into: &evaluator.writer)
        excerpt.eventEnd = evaluator.writer.beginPart()
        write(alert.fields, compiled, into: &evaluator.writer)
        write(evaluator.notes, compiled, of: event, into: &evaluator.writer)
        excerpt.json = evaluator.writer.bytes
        return excerpt
    }

    private static func write(
        _ fields: [Alert.CarriedField], _ compiled: CompiledRules, into writer: inout JSONWriter
    ) {
        writer.key("fields")
        writer.beginObject()
        for field in fields {
            writer.key(compiled.name(of: field.field))
            field.value.write(into: &writer)
        }
        writer.endObject()
    }

    private static func write(
        _ notes: MatchNotes, _ compiled: CompiledRules, of event: Event,
        into writer: inout JSONWriter
    ) {
        writer.key("matches")
        writer.beginArray()
        for index in 0..<notes.count {
            let note = notes[index]
            let test = compiled.program.tests.elements[Int(note.test)]
            writer.beginObject()
            writer.key("field")
            writer.string(test.field.map { compiled.name(of: $0) } ?? event.definition.name)
            writer.member("offset", note.offset)
            writer.member("length", note.byteCount)
            writer.key("text")
            writer.string(notes.text(of: note))
            writer.endObject()
        }
        writer.endArray()
    }

    /// What correlation wants to know of the event. For it source and destination are the ends of the flow, whatever the
    /// subject.
    private static func carriedFields(_ carried: [CarriedField], _ event: Event)
        -> [Alert.CarriedField]
    {
        guard !carried.isEmpty else { return [] }
        let isOfPacket = event.place.isOfPacket
        event.place.isOfPacket = isOfPacket && event.place.flow == nil
        defer { event.place.isOfPacket = isOfPacket }
        var fields: [Alert.CarriedField] = []
        fields.reserveCapacity(carried.count)
        for field in carried {
            guard let value = event.copy(of: field) else { continue }
            fields.append(.init(field: field.field, value: value))
        }
        return fields
    }

    private static func alert(_ rule: Int, _ event: Event, _ orientation: Direction) -> Alert {
        let place = event.place
        let (packet, flow) = (place.packet, place.flow)
        let ends = place.ends
        let direction = event.direction(orientation)
        let sending = sending(event, direction)
        let alert = Alert(rule: rule, timestamp: place.timestamp)
        alert.frameNumber = packet?.pointee.frameNumber ?? 0
        alert.source = packet?.pointee.source ?? flow?.pointee.source ?? 0
        alert.flowID = flow?.pointee.id
        alert.sourceAddress = sending.client
        alert.destinationAddress = sending.server
        alert.sourcePort = sending.clientPort
        alert.destinationPort = sending.serverPort
        alert.ipProtocol = packet?.pointee.ipProtocol ?? flow?.pointee.ipProtocol ?? 0
        alert.transport = packet?.pointee.transport ?? flow?.pointee.transport ?? .none
        alert.direction = flow == nil ? nil : direction
        alert.client = ends.client
        alert.server = ends.server
        alert.vlanIDs = vlanIDs(place)
        alert.transactionID = event.transactionID
        alert.applicationProtocol =
            place.applicationProtocol?.name ?? (place.hasFailed ? "failed" : nil)
        return alert
    }

    /// Who sent what the rule looked at, and to whom. That need not be the packet's sender: a request is certain with the
    /// acknowledgement that the server sends.
    private static func sending(_ event: Event, _ direction: Direction?) -> FlowEnds {
        if event.place.isOfPacket, let packet = event.place.packet {
            return FlowEnds(senderOf: packet)
        }
        // Streams go the flow's way, transactions the protocol's.
        let isReversed = event.isOfStream && event.place.isReversed
        let isFromClient = ((direction ?? .toServer) == .toServer) != isReversed
        return isFromClient ? event.place.ends : event.place.ends.swapped
    }

    private static func vlanIDs(_ place: CommonFields.Context) -> [UInt16] {
        let ids = place.packet?.pointee.vlanIDs ?? place.flow?.pointee.vlanIDs ?? (0, 0, 0)
        let count = place.packet?.pointee.vlanCount ?? place.flow?.pointee.vlanCount ?? 0
        return count == 0 ? [] : Array([ids.0, ids.1, ids.2].prefix(Int(count)))
    }
}

extension FieldValue {
    /// The value itself; of a list the first.
    fileprivate var first: FieldValue? {
        if case .list(let values) = self { values.first } else { self }
    }
}
