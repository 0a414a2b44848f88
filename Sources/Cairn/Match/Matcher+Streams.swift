extension Matcher {
    /// Evaluates the rules on streams for a UDP datagram, which is a stream of its own.
    func inspect(
        datagram bytes: UnsafeRawBufferPointer, _ direction: Direction,
        _ place: CommonFields.Context
    ) {
        guard let index = CompiledRules.streamIndex(.udp, direction) else { return }
        let group = compiled.streamGroups.elements + index
        guard !group.pointee.isEmpty,
            let traffic = Traffic(place, sending: direction, isReversed: false),
            compiled.streamFilters.elements[index]
                .letsPass(traffic.sourcePort, traffic.destinationPort)
        else { return }
        var place = place
        place.direction = direction
        var hasBegun = false
        func ask(_ rule: Int) {
            self.ask(rule) {
                guard !hasBegun else { return }
                hasBegun = true
                evaluator.event.begin(
                    stream: bytes, base: 0, hasEnded: true, subject: subjects.stream, place)
            }
        }
        for index in 0..<group.pointee.scans.count {
            scanOnce(bytes, group.pointee.scans[index], traffic) { ask($0) }
        }
        group.pointee.unanchored.forEachRule(about: traffic) { rule in
            if passes(rule, traffic) { ask(rule) }
        }
    }

    /// Evaluates the rules on streams for the next piece of a TCP connection's direction.
    ///
    /// Rules see the newest bytes of the direction, at least `streamWindowByteCount` where that many have come, and offsets
    /// count from its start. A rule fires once in a direction.
    func inspect(_ chunk: StreamChunk, _ place: CommonFields.Context) {
        guard let flow = place.flow,
            let index = CompiledRules.streamIndex(flow.pointee.transport, chunk.direction)
        else { return }
        let group = UnsafePointer(compiled.streamGroups.elements + index)
        guard !group.pointee.isEmpty,
            let traffic = Traffic(place, sending: chunk.direction, isReversed: false)
        else { return }
        let side = streams.side(of: flow, chunk.direction)
        if !side.pointee.hasStarted {
            let isIgnored = !compiled.streamFilters.elements[index]
                .letsPass(traffic.sourcePort, traffic.destinationPort)
            start(side, group, isIgnored: isIgnored, at: chunk.offset)
        }
        guard !side.pointee.isIgnored else { return }
        var place = place
        place.direction = chunk.direction
        let look = StreamLook(side: side, group: group, traffic: traffic, place: place)
        switch chunk.kind {
        case .data:
            var rest = chunk.bytes
            while !rest.isEmpty {
                guard looksOn(look, index) else {
                    let end = side.pointee.window.end &+ UInt64(rest.count)
                    windows.release(&side.pointee.window)
                    windows.reset(&side.pointee.window, to: end)
                    return
                }
                let count = min(rest.count, windows.keptByteCount)
                take(UnsafeRawBufferPointer(rebasing: rest.prefix(count)), look)
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        case .gap:
            // What stands before the gap and behind it is not next to each other.
            windows.reset(
                &side.pointee.window, to: chunk.offset &+ chunk.gapByteCount)
        case .end:
            askPending(look, side.pointee.window.bytes, hasEnded: true)
            windows.release(&side.pointee.window)
            side.pointee.pending.removeAll(keepingCapacity: true)
            side.pointee.isIgnored = true
        }
    }

    /// One call of `inspect`: what its parts hand each other.
    private struct StreamLook {
        let side: UnsafeMutablePointer<StreamStates.Side>
        let group: UnsafePointer<RuleGroup>
        let traffic: Traffic
        let place: CommonFields.Context
    }

    private func start(
        _ side: UnsafeMutablePointer<StreamStates.Side>, _ group: UnsafePointer<RuleGroup>,
        isIgnored: Bool, at offset: UInt64
    ) {
        side.pointee.hasStarted = true
        side.pointee.isIgnored = isIgnored
        windows.reset(&side.pointee.window, to: offset)
        guard !isIgnored else { return }
        let unanchored = group.pointee.unanchored.rules
        for index in 0..<unanchored.count {
            wait(unanchored[index].pointee, until: .max, side)
        }
    }

    /// Whether a rule may come to hold with the next bytes; if none may, they need not be looked at or kept.
    @inline(__always) private func looksOn(_ look: StreamLook, _ streamIndex: Int) -> Bool {
        guard look.side.pointee.pending.isEmpty else { return true }
        return (compiled.streamFilters.elements + streamIndex).pointee.looksOn(
            at: look.side.pointee.window.end, look.traffic.sourcePort,
            look.traffic.destinationPort, isKnown: look.place.spoken != nil)
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ look: StreamLook) {
        let side = look.side
        let held: UnsafeRawBufferPointer
        if windows.append(bytes, to: &side.pointee.window) {
            held = side.pointee.window.bytes
        } else {
            // Without memory for a window the piece is looked at by itself.
            held = bytes
        }
        for index in 0..<look.group.pointee.scans.count {
            let scan = look.group.pointee.scans[index]
            hits.begin()
            scan.pointee.matcher.scan(held, from: held.count &- bytes.count, into: hits)
            guard hits.count > 0 else { continue }
            beginLook()
            for rule in side.pointee.fired { _ = takeUp(Int(rule)) }
            let end = side.pointee.window.end
            forEachHit(scan, where: { passes($0, look.traffic) }) { number in
                let rule = compiled.rules.elements + number
                // What follows the literal may come with later pieces.
                let deadline =
                    rule.pointee.remembersTests
                    ? .max : end &+ UInt64(windows.keptByteCount)
                wait(Int32(truncatingIfNeeded: number), until: deadline, side)
            }
        }
        askPending(look, held, hasEnded: false)
    }

    /// Lets a rule be asked about every piece until the stream has come to an offset.
    private func wait(
        _ rule: Int32, until deadline: UInt64, _ side: UnsafeMutablePointer<StreamStates.Side>
    ) {
        if let index = side.pointee.pending.firstIndex(where: { $0.rule == rule }) {
            side.pointee.pending[index].deadline = deadline
        } else if compiled.settings.isExhaustive
            || side.pointee.pending.count < compiled.settings.pendingRuleCountMax
        {
            side.pointee.pending.append(.init(rule: rule, deadline: deadline))
        } else {
            pendingLimitCount &+= 1
        }
    }

    /// Asks the rules that wait; those that hold and those whose time is over wait no longer.
    private func askPending(
        _ look: StreamLook, _ held: UnsafeRawBufferPointer, hasEnded: Bool
    ) {
        let side = look.side
        guard !side.pointee.pending.isEmpty else { return }
        let end = side.pointee.window.end
        let base = end &- UInt64(held.count)
        evaluator.event.begin(
            stream: held, base: base, hasEnded: hasEnded, subject: subjects.stream, look.place)
        var keptCount = 0
        for index in side.pointee.pending.indices {
            var pending = side.pointee.pending[index]
            let rule = compiled.rules.elements + Int(pending.rule)
            let known = hasEnded || pending.known <= base ? 0 : Int(clamping: pending.known &- base)
            pending.known = end
            let isHeld =
                passes(Int(pending.rule), look.traffic)
                && (rule.pointee.remembersTests
                    ? evaluator.holds(rule, seen: &pending.seen, known: known)
                    : evaluator.holds(rule, known: rule.pointee.testsState ? 0 : known))
            if isHeld {
                fire(Int(pending.rule))
                // A rule that looks at state may fail behind the matcher, and hold again later.
                if !rule.pointee.testsState {
                    side.pointee.fired.append(pending.rule)
                    continue
                }
            }
            let isKept =
                isHeld
                ? pending.deadline == .max
                : end < pending.deadline && evaluator.canHoldLater(rule, seen: pending.seen)
            if isKept {
                side.pointee.pending[keptCount] = pending
                keptCount += 1
            }
        }
        if keptCount < side.pointee.pending.count {
            side.pointee.pending.removeSubrange(keptCount...)
        }
    }
}
