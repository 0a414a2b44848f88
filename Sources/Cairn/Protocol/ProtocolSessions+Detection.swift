extension ProtocolSessions {
    /// Turns that are told apart while the protocol is not known.
    private static let turnCountMax = 32

    /// Asks what the first bytes of a direction are, and keeps them while nobody is sure.
    func look(
        at bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        guard bytes.count > 0 else { return }
        session.pointee.hasSpoken = true
        let context = DetectionContext(direction: direction)
        let before = session.pointee[direction]
        let isStart = before.buffer < 0 && before.lostByteCount == 0
        if isStart, !before.isExhausted {
            let start = UnsafeRawBufferPointer(
                rebasing: bytes.prefix(limits.detectionByteCountMax))
            if decide(start.bytes, context, ruledOut: before.ruledOut, session) {
                settle(deciding: direction, session)
                return replay(bytes, direction, session, output)
            }
        }
        let kept = keep(bytes, direction, session)
        note(direction, kept: kept, lost: 0, session)
        if !isStart, !before.isExhausted {
            let start = keptBytes(session.pointee[direction])
            if decide(start.bytes, context, ruledOut: before.ruledOut, session) {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[kept...])
                settle(deciding: direction, session)
                return replay(rest, direction, session, output)
            }
        }
        session.pointee[direction].lostByteCount &+= UInt64(bytes.count &- kept)
        note(direction, kept: 0, lost: UInt64(bytes.count &- kept), session)
        let after = session.pointee[direction]
        let isFull = Int(after.bufferedByteCount) >= limits.detectionByteCountMax
        let isHopeless = session.pointee.candidates & ~after.ruledOut == 0
        guard isFull || isHopeless || after.lostByteCount > 0 else { return }
        conclude(direction, session, output)
        guard session.pointee.state == .detecting else { return }
        exhaust(direction, session)
        if after.byteCount > Self.unansweredByteCountMax,
            session.pointee[direction.reversed].byteCount == 0,
            session.pointee.state == .detecting
        {
            session.pointee.anomalies.insert(.detectionSkipped)
            fail(session)
        }
    }

    private func keptBytes(_ side: Side) -> UnsafeRawBufferPointer {
        guard side.buffer >= 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(
            start: buffers[Int(side.buffer)], count: Int(side.bufferedByteCount))
    }

    /// Copies what fits into the direction's buffer, and says how many bytes that are.
    private func keep(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer
    ) -> Int {
        guard session.pointee[direction].lostByteCount == 0 else { return 0 }
        if session.pointee[direction].buffer < 0 {
            guard let buffer = takeBuffer() else {
                noBufferCount &+= 1
                return 0
            }
            session.pointee[direction].buffer = buffer
        }
        let used = Int(session.pointee[direction].bufferedByteCount)
        let count = min(bytes.count, limits.detectionByteCountMax &- used)
        if count > 0, let source = bytes.baseAddress {
            let buffer = buffers[Int(session.pointee[direction].buffer)]
            UnsafeMutableRawPointer(buffer + used).copyMemory(from: source, byteCount: count)
        }
        session.pointee[direction].bufferedByteCount = Int32(truncatingIfNeeded: used &+ count)
        return count
    }

    /// Looks for what the first bytes of a direction are; if that is known the flow has it. What another flow has announced
    /// is not looked for.
    private func decide(
        _ start: RawSpan, _ context: DetectionContext, ruledOut: UInt64,
        _ session: SessionPointer
    ) -> Bool {
        if session.pointee.announcement != nil, let dataPlace {
            begin(dataPlace, session)
            return true
        }
        return begin(find(start, context, ruledOut: ruledOut, session), session)
    }

    /// Begins what was found; false if nothing was.
    private func begin(_ finding: Finding, _ session: SessionPointer) -> Bool {
        guard case .found(let place, let isReversed) = finding else { return false }
        if isReversed { session.pointee.isReversed = true }
        begin(place, session)
        return true
    }

    /// What came of asking definitions.
    private enum Finding {
        case found(place: Int, isReversed: Bool)
        /// With more bytes it could be one of them.
        case undecided
        case nobody
    }

    /// Asks the definitions that are still possible, those at the flow's ports first, those that
    /// ask for little last, for one that is sure.
    private func find(
        _ start: RawSpan, _ context: DetectionContext, ruledOut: UInt64,
        _ session: SessionPointer
    ) -> Finding {
        let open = session.pointee.candidates & ~ruledOut
        let atPort = session.pointee.atPort
        var finding = ask(open & atPort & ~lastResorts, start, context, true, session)
        if case .nobody = finding { finding = ask(open & ~atPort, start, context, false, session) }
        if case .nobody = finding {
            finding = ask(open & atPort & lastResorts, start, context, true, session)
        }
        return finding
    }

    /// Asks definitions in their order. While one could be it nobody behind it is asked: who is
    /// found must not depend on how many bytes come at once, and `USER ` begins a command of FTP or
    /// a request of HTTP. A datagram is all that comes.
    private func ask(
        _ set: UInt64, _ start: RawSpan, _ context: DetectionContext, _ isAtPort: Bool,
        _ session: SessionPointer
    ) -> Finding {
        var (set, context) = (set, context)
        context.isAtPort = isAtPort
        while set != 0 {
            let place = set.trailingZeroBitCount
            set &= set &- 1
            switch definitions[place].detector(start, context) {
            case .yes: return .found(place: place, isReversed: false)
            case .yesReversed: return .found(place: place, isReversed: true)
            case .no: session.pointee[context.direction].ruledOut |= 1 << UInt64(place)
            case .needMore: if !context.isDatagram { return .undecided }
            }
        }
        return .nobody
    }

    /// No more bytes of a direction are looked at: those that come after all others need not wait
    /// for them any longer.
    func conclude(_ direction: Direction, _ session: SessionPointer, _ output: ParserOutput) {
        let side = session.pointee[direction]
        guard session.pointee.state == .detecting, !side.isExhausted, side.buffer >= 0 else {
            return
        }
        let set = session.pointee.candidates & session.pointee.atPort & lastResorts & ~side.ruledOut
        let context = DetectionContext(direction: direction)
        guard begin(ask(set, keptBytes(side).bytes, context, true, session), session) else {
            return
        }
        settle(deciding: direction, session)
        replay(UnsafeRawBufferPointer(start: nil, count: 0), direction, session, output)
    }

    func begin(_ place: Int, _ session: SessionPointer) {
        let definition = definitions[place]
        session.pointee.definition = Int16(truncatingIfNeeded: place)
        session.pointee.parser = parsers[place].popLast() ?? definition.makeParser?()
        if let flow = session.pointee.flow {
            session.pointee.parser?.serverPort = flow.pointee.serverPort
            session.pointee.parser?.clientAddress =
                session.pointee.isReversed ? flow.pointee.server : flow.pointee.client
        }
        session.pointee.parser?.announcement = session.pointee.announcement
        session.pointee.state = .parsing
        noteExpectation(place, session)
        if session.pointee.isDatagrams {
            udpFlowCounts[place] &+= 1
        } else {
            tcpFlowCounts[place] &+= 1
        }
    }

    /// Adds to what was kept, or not kept, of the newest turn. Beyond `turnCountMax` it counts as
    /// part of the direction's turn before.
    func note(
        _ direction: Direction, kept: Int, lost: UInt64, _ session: SessionPointer
    ) {
        guard kept > 0 || lost > 0 else { return }
        var place = session.pointee.turns.count &- 1
        if place >= 0, session.pointee.turns[place].direction != direction {
            let isFull = session.pointee.turns.count >= Self.turnCountMax
            place = isFull ? place &- 1 : -1
        }
        if place < 0 {
            session.pointee.turns.append(Turn(direction: direction))
            place = session.pointee.turns.count &- 1
        }
        session.pointee.turns[place].keptByteCount &+= kept
        session.pointee.turns[place].lostByteCount &+= lost
    }

    /// Hands the parser what was kept, in the order in which it came, then the rest of the piece
    /// that decided.
    private func replay(
        _ rest: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        let handovers = session.pointee.handoverCount
        let (toServer, toClient) = (session.pointee.toServer, session.pointee.toClient)
        for side in [Direction.toServer, .toClient] {
            session.pointee[side].buffer = -1
            session.pointee[side].bufferedByteCount = 0
        }
        // Another protocol may begin meanwhile, and keep turns of its own.
        var turns: [Turn] = []
        swap(&turns, &session.pointee.turns)
        func finish(_ side: Direction) {
            let isSame =
                session.pointee.state == .parsing && session.pointee.handoverCount == handovers
            guard isSame, (side == .toServer ? toServer : toClient).hasEnded else { return }
            session.pointee.parser?.finish(seen(side, session), into: output)
        }
        var offsets = (toServer: 0, toClient: 0)
        for (index, turn) in turns.enumerated() {
            let isClient = turn.direction == .toServer
            let start = isClient ? offsets.toServer : offsets.toClient
            let end = start &+ turn.keptByteCount
            if isClient { offsets.toServer = end } else { offsets.toClient = end }
            if start < end {
                let kept = keptBytes(isClient ? toServer : toClient)
                take(
                    UnsafeRawBufferPointer(rebasing: kept[start..<end]), turn.direction, session,
                    output)
            }
            if turn.lostByteCount > 0 {
                lose(turn.lostByteCount, turn.direction, session, output)
            }
            let isLast = !turns[(index &+ 1)...].contains { $0.direction == turn.direction }
            if isLast, turn.direction != direction { finish(turn.direction) }
        }
        if rest.count > 0 { take(rest, direction, session, output) }
        finish(direction)
        if !turns.contains(where: { $0.direction != direction }) { finish(direction.reversed) }
        for buffer in [toServer.buffer, toClient.buffer] where buffer >= 0 {
            freeBuffers.append(buffer)
        }
        turns.removeAll(keepingCapacity: true)
        if session.pointee.turns.isEmpty { swap(&turns, &session.pointee.turns) }
    }

    func exhaust(_ direction: Direction, _ session: SessionPointer) {
        session.pointee[direction].isExhausted = true
        if session.pointee[direction.reversed].isExhausted { fail(session) }
    }

    func fail(_ session: SessionPointer) {
        session.pointee.state = .failed
        session.pointee.failure = session.pointee.isDatagrams ? .told : .untold
        tellFailure(session)
        for direction in [Direction.toServer, .toClient] {
            // What was kept still counts.
            session.pointee[direction].lostByteCount = session.pointee[direction].byteCount
        }
        freeBuffers(of: session)
        if session.pointee.isDatagrams {
            failedUDPCount &+= 1
        } else {
            failedTCPCount &+= 1
        }
    }

    /// The first datagram of each direction decides.
    func look(
        atDatagram bytes: UnsafeRawBufferPointer, _ direction: Direction,
        _ session: SessionPointer
    ) {
        guard !session.pointee[direction].isExhausted else { return }
        session.pointee.hasSpoken = true
        // An empty one says that it is nothing known, and the next may say more.
        guard bytes.count > 0 else { return }
        let context = DetectionContext(direction: direction, isDatagram: true)
        if decide(bytes.bytes, context, ruledOut: 0, session) { return }
        exhaust(direction, session)
    }
}

// MARK: - The other direction

extension ProtocolSessions {
    /// Bytes of one direction after which nobody waits for the other that has sent nothing.
    private static let unansweredByteCountMax: UInt64 = 100_000

    /// Bytes of a direction with which every opening that Suricata looks for is told from others.
    private static func openingByteCountMax(_ direction: Direction) -> UInt64 {
        direction == .toServer ? 17 : 8
    }

    /// One direction has decided what the flow speaks: what the other has said so far may have been
    /// nothing that anybody knows.
    private func settle(deciding direction: Direction, _ session: SessionPointer) {
        agree(direction, session)
        let reversed = direction.reversed
        guard session.pointee.outer < 0 else { return agree(reversed, session) }
        let other = session.pointee[reversed]
        guard !session.pointee.isReversed else { return agree(reversed, session) }
        guard other.byteCount > 0 else { return }
        session.pointee[reversed].isSettled = true
        let known = session.pointee.definition
        var context = DetectionContext(direction: reversed)
        context.isAtPort = true
        switch definitions[Int(known)].detector(keptBytes(other).bytes, context) {
        case .yes, .yesReversed: say(.known(known), reversed, session)
        case .no, .needMore:
            guard other.byteCount >= Self.openingByteCountMax(reversed) else { return }
            say(.nothingKnown, reversed, session)
        }
        let isKnownToNobody =
            other.isExhausted || session.pointee.candidates & ~other.ruledOut == 0
        if isKnownToNobody, other.byteCount >= Self.openingByteCountMax(reversed) {
            session.pointee.anomalies.insert(.onlyOneDirection)
        }
    }

    /// Notes what a direction is by itself, which is news where it is not what was known.
    private func say(_ own: Own, _ direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].own != own else { return }
        session.pointee[direction].own = own
        session.pointee[direction].newsCount = nil
    }

    /// A direction speaks what the flow does.
    func agree(_ direction: Direction, _ session: SessionPointer) {
        session.pointee[direction].isSettled = true
        say(.known(session.pointee.named), direction, session)
    }

    /// Nobody knows what the flow speaks: rules are told when no direction that has sent something has sent too little to
    /// tell, and both have if one has not sent very much.
    func tellFailure(_ session: SessionPointer) {
        guard session.pointee.failure == .untold, session.pointee.outer < 0 else { return }
        func hasSaidTooLittle(_ direction: Direction) -> Bool {
            let byteCount = session.pointee[direction].byteCount
            return byteCount > 0 && byteCount < Self.openingByteCountMax(direction)
        }
        guard !hasSaidTooLittle(.toServer), !hasSaidTooLittle(.toClient) else { return }
        session.pointee.failure = .ofThisPacket
        session.pointee.hasNews = true
    }

    /// Suricata's rules see with the packet behind the one that has decided that nobody knows what the flow speaks.
    ///
    /// To be called once for each packet, behind what it has brought.
    func passOnFailure(_ session: SessionPointer) {
        switch session.pointee.failure {
        case .untold, .told: return
        case .ofThisPacket: session.pointee.failure = .ofLastPacket
        case .ofLastPacket:
            session.pointee.failure = .told
            noteFailure(.toServer, session)
            noteFailure(.toClient, session)
        }
    }

    /// Says of a direction that has sent something that it is nothing known.
    private func noteFailure(_ direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].byteCount > 0, session.pointee[direction].own == .unknown
        else { return }
        session.pointee[direction].own = .nothingKnown
        noteNews(direction, session)
    }

    /// Looks at the first bytes of the direction that did not decide: whether it speaks the same.
    /// They are kept while that is not certain, as many as while the protocol is not known.
    func settle(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer
    ) {
        let before = session.pointee[direction]
        var start = UnsafeRawBufferPointer(rebasing: bytes.prefix(limits.detectionByteCountMax))
        if before.buffer >= 0 {
            _ = keep(bytes, direction, session)
            start = keptBytes(session.pointee[direction])
        }
        let known = Int(session.pointee.definition)
        var context = DetectionContext(direction: direction)
        // Less evidence is enough for what is known already.
        context.isAtPort = true
        let own = definitions[known].detector(start.bytes, context)
        context.isAtPort = false
        var isCertain = start.count >= limits.detectionByteCountMax
        switch own {
        case .yes, .yesReversed:
            agree(direction, session)
            return freeBuffer(of: direction, session)
        case .needMore:
            if start.count >= Self.openingByteCountMax(direction) {
                say(.nothingKnown, direction, session)
            }
        case .no:
            switch find(start.bytes, context, ruledOut: before.ruledOut, session) {
            case .found(let place, _):
                isCertain = true
                if place != known { session.pointee.anomalies.insert(.mismatchBothDirections) }
                say(.known(Int16(truncatingIfNeeded: place)), direction, session)
            case .nobody where start.count >= Self.openingByteCountMax(direction):
                isCertain = true
                session.pointee.anomalies.insert(.onlyOneDirection)
                say(.nothingKnown, direction, session)
            case .nobody, .undecided: break
            }
        }
        if isCertain {
            session.pointee[direction].isSettled = true
            freeBuffer(of: direction, session)
        } else if before.buffer < 0, keep(bytes, direction, session) == 0 {
            session.pointee[direction].isSettled = true
        }
    }

    /// What follows an announcement should be what was announced.
    private func noteExpectation(_ place: Int, _ session: SessionPointer) {
        let expected = Int(session.pointee.expected)
        session.pointee.expected = -1
        guard expected >= 0, expected != place else { return }
        session.pointee.anomalies.insert(.unexpectedProtocol)
        if definitions[expected].name == "tls" {
            session.pointee.anomalies.insert(.noTLSAfterSTARTTLS)
        }
    }
}
