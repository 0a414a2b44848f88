extension Matcher {
    /// Evaluates the rules on a transaction (or file, or flow) that has come further: looks for literals in the fields that
    /// are complete now and were not before, then asks the rules that may hold.
    ///
    /// - Parameter place: the packet that brought it further; none if time did.
    func inspect(_ transaction: Transaction, _ place: CommonFields.Context) {
        let before = (transaction.inspectedToServer, transaction.inspectedToClient)
        let now = (transaction.toServer, transaction.toClient)
        let hasNewAnomaly = transaction.hasNewAnomaly
        guard before != now || hasNewAnomaly else { return }
        transaction.hasNewAnomaly = false
        if transaction.answerHasTrailers { noteTrailers(transaction, place, before.1) }
        if let flow = place.flow?.pointee {
            if now.0 == .complete, before.0 != .complete {
                transaction.packetCounts.toServer =
                    flow.toServer.packetCount &- (place.direction == .toServer ? 1 : 0)
            }
            if now.1 == .complete, before.1 != .complete {
                transaction.packetCounts.toClient =
                    flow.toClient.packetCount &- (place.direction == .toClient ? 1 : 0)
            }
        }
        transaction.inspectedToServer = now.0
        transaction.inspectedToClient = now.1
        guard let subject = compiled.subjectIndex(of: transaction.definition) else { return }
        let group = compiled.transactionGroups.elements + subject
        guard !group.pointee.isEmpty else { return }
        let traffic = TransactionTraffic(transaction, place, isFile: subject == subjects.file)
        takeUpRules(group, transaction, before: before, now: now, traffic)
        if hasNewAnomaly {
            takeUpRulesOnAnomalies(
                group, transaction, before: stillAsked(transaction, before, place), traffic)
        }
        guard !transaction.candidates.isEmpty else { return }
        var place = place
        if let spoken = transaction.spoken { place.applicationProtocol = spoken }
        evaluator.event.begin(
            transaction, subject: subject, place, chunks: streams.chunks(of: place))
        askCandidates(transaction)
    }

    /// Adds the rules that may hold from now on to the candidates of the transaction.
    private func takeUpRules(
        _ group: UnsafePointer<RuleGroup>, _ transaction: Transaction, before: (Progress, Progress),
        now: (Progress, Progress), _ traffic: TransactionTraffic
    ) {
        let isFirst = before == (.none, .none) && now != before
        if isFirst {
            let unanchored = group.pointee.unanchored.rules
            for index in 0..<unanchored.count {
                let rule = unanchored[index].pointee
                if passes(compiled.listed(Int(rule)), traffic) {
                    transaction.candidates.append(rule)
                }
            }
        }
        if isFirst, transaction.isOneOfSeveral {
            takeUpRulesAcrossFiles(transaction) { passes(compiled.listed(Int($0)), traffic) }
        }
        var hasBegun = false
        for index in 0..<group.pointee.scans.count {
            let scan = group.pointee.scans[index]
            guard scan.pointee.isDue(before: before, now: now) else { continue }
            search(scan, transaction, &hasBegun, where: { passes($0, traffic) }) { rule in
                transaction.candidates.append(Int32(truncatingIfNeeded: rule))
            }
        }
    }

    /// Makes candidates again of rules that count trailers by themselves, where the head of the answer was looked at before
    /// its end came: Suricata looks with the server's packets.
    private func noteTrailers(
        _ transaction: Transaction, _ place: CommonFields.Context, _ before: Progress
    ) {
        guard let packetCount = place.flow?.pointee.toClient.packetCount else { return }
        if before < .headers { transaction.answerHeadPacketCount = packetCount }
        guard before >= .headers, before < .complete, transaction.toClient == .complete,
            packetCount > transaction.answerHeadPacketCount || place.packet == nil
        else { return }
        transaction.fired.removeAll { number in
            let rule = compiled.rules.elements + Int(number)
            guard rule.pointee.trailers == .again, rule.pointee.orientation == .toClient else {
                return false
            }
            transaction.candidates.append(number)
            return true
        }
    }

    /// How far the directions had come for rules on anomalies. Suricata looks at a direction with its
    /// packets: what the other direction's message says by the first packet after the end of this
    /// one's is seen too.
    private func stillAsked(
        _ transaction: Transaction, _ before: (Progress, Progress), _ place: CommonFields.Context
    ) -> (Progress, Progress) {
        guard let flow = place.flow?.pointee, place.packet != nil else { return before }
        let isNext =
            place.direction == .toServer
            ? flow.toServer.packetCount == transaction.packetCounts.toServer &+ 1
            : flow.toClient.packetCount == transaction.packetCounts.toClient &+ 1
        guard isNext else { return before }
        return place.direction == .toServer ? (.none, before.1) : (before.0, .none)
    }

    /// Adds the rules that name an anomaly which came since the last look, unless the direction that they are about was
    /// complete before.
    private func takeUpRulesOnAnomalies(
        _ group: UnsafePointer<RuleGroup>, _ transaction: Transaction,
        before: (Progress, Progress), _ traffic: TransactionTraffic
    ) {
        var hasBegun = false
        for index in 0..<group.pointee.scans.count {
            let scan = group.pointee.scans[index]
            guard transaction.definition.anomalyFields.contains(scan.pointee.field) else {
                continue
            }
            search(scan, transaction, &hasBegun, where: { passes($0, traffic) }) { rule in
                let final = compiled.rules.elements[rule].final
                if !final.isReached(before.0, before.1) {
                    transaction.candidates.append(Int32(truncatingIfNeeded: rule))
                }
            }
        }
    }

    /// Searches the values of a field, and calls `body` with the rules of what was found on which a condition holds, and that
    /// neither wait already nor have fired.
    private func search(
        _ scan: UnsafePointer<RuleGroup.Scan>, _ transaction: Transaction, _ hasBegun: inout Bool,
        where condition: (RuleGroup.Listed) -> Bool, _ body: (Int) -> Void
    ) {
        hits.begin()
        let field = scan.pointee.field
        var cursor = transaction.fields.first(of: field)
        while let value = cursor {
            scan.pointee.matcher.scan(transaction.fields.bytes(value), into: hits)
            cursor = transaction.fields.next(after: value, of: field)
        }
        guard hits.count > 0 else { return }
        if !hasBegun {
            beginLook()
            for rule in transaction.candidates { _ = takeUp(Int(rule)) }
            for rule in transaction.fired { _ = takeUp(Int(rule)) }
            hasBegun = true
        }
        forEachHit(scan, where: condition, body)
    }

    /// Evaluates the rules on an anomaly that belongs to no transaction: of those on the protocol only the ones that name it
    /// can hold.
    func inspect(
        anomaly index: Int, _ direction: Direction, of definition: ProtocolDefinition,
        _ place: CommonFields.Context
    ) {
        guard let subject = compiled.subjectIndex(of: definition) else { return }
        let group = compiled.transactionGroups.elements + subject
        guard !group.pointee.isEmpty, !definition.anomalyFields.isEmpty else { return }
        let transaction = Transaction(definition)
        transaction.note(anomaly: index, direction)
        let traffic = TransactionTraffic(transaction, place, isFile: false)
        takeUpRulesOnAnomalies(group, transaction, before: (.none, .none), traffic)
        guard !transaction.candidates.isEmpty else { return }
        transaction.toServer = direction == .toServer ? .complete : .none
        transaction.toClient = direction == .toServer ? .none : .complete
        evaluator.event.begin(
            transaction, subject: subject, place, chunks: streams.chunks(of: place))
        askCandidates(transaction)
    }

    /// Asks the candidates; those that hold and those that cannot hold any more are candidates no longer.
    private func askCandidates(_ transaction: Transaction) {
        let (toServer, toClient) = (transaction.toServer, transaction.toClient)
        var keptCount = 0
        for index in transaction.candidates.indices {
            let number = transaction.candidates[index]
            let rule = compiled.rules.elements + Int(number)
            var isKept = true
            if let awaited = rule.pointee.awaited, transaction.isSilent(awaited) {
                isKept = false
            } else if rule.pointee.need.isReached(toServer, toClient) {
                let isHeld =
                    transaction.isOneOfSeveral && rule.pointee.files != .each
                    ? holdsAmongFiles(number, transaction) : evaluator.holds(rule)
                if isHeld {
                    transaction.fired.append(number)
                    fire(Int(number))
                    isKept = false
                } else {
                    isKept = !rule.pointee.final.isReached(toServer, toClient)
                }
            }
            if isKept {
                transaction.candidates[keptCount] = number
                keptCount += 1
            }
        }
        if keptCount < transaction.candidates.count {
            transaction.candidates.removeSubrange(keptCount...)
        }
    }

    private func passes(_ rule: RuleGroup.Listed, _ traffic: TransactionTraffic) -> Bool {
        guard rule.traffic >= 0 else { return true }
        guard let seen = traffic.seen(by: rule.orientation) else { return true }
        return compiled.traffic.passes(Int(rule.traffic), seen)
    }
}

/// Who sends in a transaction, which two ways there are to see it, and which of them rules take.
private struct TransactionTraffic {
    private let place: CommonFields.Context
    /// Of a file only one end is the sender, whatever a rule says.
    private let sender: Direction?

    init(_ transaction: Transaction, _ place: CommonFields.Context, isFile: Bool) {
        self.place = place
        sender = isFile ? transaction.fileDirection : nil
    }

    func seen(by orientation: Direction) -> Traffic? {
        Traffic(place, sending: sender ?? orientation, isReversed: place.isReversed)
    }
}
