/// The application-layer side of a shard's flows: which protocol a flow speaks, and its parser.
///
/// Until the protocol is known the first bytes of each direction are kept, and every definition
/// that may apply looks at them, those at whose ports the flow is first. Either direction may
/// decide; then a parser from the pool gets what was kept and everything that follows. Protocols
/// that are only recognised have no parser, and what follows is not looked at. A flow has one slot,
/// named by `Flow.session`; slots, buffers and parsers are used again.
final class ProtocolSessions {
    /// What bounds the search for a protocol.
    struct Limits: Sendable {
        /// Bytes of one direction that are kept and looked at.
        var detectionByteCountMax = 4096
        /// Directions of undecided flows whose bytes are kept at once; beyond it a direction
        /// decides nothing.
        var bufferCountMax = 8192
        /// Times that a flow may change its protocol (CONNECT within CONNECT).
        var handoverCountMax = 4
    }

    private let definitions: [ProtocolDefinition]
    /// Sets of definitions: those over TCP, over UDP, those that are looked for at any port, those
    /// that come after all others, and those at a port of either end or of the server.
    private let overTCP: UInt64
    private let overUDP: UInt64
    private let atAnyPort: UInt64
    private let lastResorts: UInt64
    private let atPorts: [UInt16: UInt64]
    private let atServerPorts: [UInt16: UInt64]
    private let limits: Limits
    private var sessions: UnsafeMutablePointer<Session>
    private var sessionCount = 0
    private var sessionCapacity = 1024
    private var freeSessions: [Int32] = []
    private var parsers: [[ProtocolParser]]
    private var buffers: [UnsafeMutablePointer<UInt8>] = []
    private var freeBuffers: [Int32] = []
    /// Data connections that were announced, and the place of their definition.
    private let announced = AnnouncedConnections()
    private let dataPlace: Int?

    // Counted by transport, then by definition.
    private var tcpFlowCounts: [UInt64]
    private var udpFlowCounts: [UInt64]
    private var failedTCPCount: UInt64 = 0
    private var failedUDPCount: UInt64 = 0
    private var noBufferCount: UInt64 = 0

    init(definitions: [ProtocolDefinition] = Protocols.all, limits: Limits = Limits()) {
        precondition(definitions.count <= 64, "the sets of definitions are words of 64 bits")
        self.definitions = definitions
        self.limits = limits
        func set(_ isMember: (ProtocolDefinition) -> Bool) -> UInt64 {
            definitions.indices.reduce(0) { isMember(definitions[$1]) ? $0 | 1 << UInt64($1) : $0 }
        }
        overTCP = set { $0.overTCP }
        dataPlace = definitions.firstIndex { $0 === FTP.dataDefinition }
        overUDP = set { $0.overUDP }
        atAnyPort = set { $0.portUse == .hint }
        lastResorts = set { $0.portUse == .lastResort }
        func sets(_ isMember: (ProtocolDefinition) -> Bool) -> [UInt16: UInt64] {
            let ports = Set(definitions.filter(isMember).flatMap(\.ports))
            return Dictionary(
                uniqueKeysWithValues: ports.map { port in
                    (port, set { isMember($0) && $0.ports.contains(port) })
                })
        }
        atPorts = sets { $0.portUse != .lastResort }
        atServerPorts = sets { $0.portUse == .lastResort }
        sessions = .allocate(capacity: sessionCapacity)
        parsers = Array(repeating: [], count: definitions.count)
        tcpFlowCounts = Array(repeating: 0, count: definitions.count)
        udpFlowCounts = tcpFlowCounts
    }

    deinit {
        sessions.deinitialize(count: sessionCount)
        sessions.deallocate()
        for buffer in buffers { buffer.deallocate() }
    }
}

// MARK: - For the engine

extension ProtocolSessions {
    /// Takes the next piece of a TCP stream. What the parser says about it is in `output`, to be
    /// drained before the next call.
    func consume(
        _ chunk: StreamChunk, flow: UnsafeMutablePointer<Flow>, output: ParserOutput
    ) {
        let session = session(of: flow)
        switch chunk.kind {
        case .data: take(chunk.bytes, chunk.direction, session, output)
        case .gap: lose(chunk.gapByteCount, chunk.direction, session, output)
        case .end: end(chunk.direction, session, output)
        }
        if !output.announcements.isEmpty {
            for announcement in output.announcements { announced.add(announcement, by: flow) }
            output.drainAnnouncements()
        }
        noteNews(chunk.direction, session)
    }

    /// Takes a UDP datagram.
    func datagram(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction,
        flow: UnsafeMutablePointer<Flow>, output: ParserOutput
    ) {
        let session = session(of: flow)
        if session.pointee.state == .detecting {
            look(atDatagram: bytes, direction, session)
        }
        noteNews(direction, session)
        guard session.pointee.state == .parsing, let parser = session.pointee.parser else { return }
        let eventCount = output.events.count
        parser.parseDatagram(bytes.bytes, seen(direction, session), into: output)
        noteServerName(since: eventCount, session, output)
    }

    /// Ends both directions: the parser completes its open transactions. What is known of the flow
    /// stays until `release`.
    func finish(_ flow: UnsafeMutablePointer<Flow>, output: ParserOutput) {
        guard flow.pointee.session >= 0 else { return }
        let session = sessions + Int(flow.pointee.session)
        end(session.pointee.isReversed ? .toClient : .toServer, session, output)
        end(session.pointee.isReversed ? .toServer : .toClient, session, output)
        // The datagrams that came say nothing; more of a stream might have.
        if session.pointee.state == .detecting, session.pointee.hasSpoken,
            session.pointee.isDatagrams
        {
            fail(session)
        }
    }

    /// Forgets the flow; `finish` must have been called, and its output drained.
    func release(_ flow: UnsafeMutablePointer<Flow>) {
        guard flow.pointee.session >= 0 else { return }
        let index = flow.pointee.session
        let session = sessions + Int(index)
        freeBuffers(of: session)
        returnParser(of: session)
        session.pointee.forget()
        freeSessions.append(index)
        flow.pointee.session = -1
    }

    /// Asks for the memory of a flow's slot, which will be needed soon.
    @inline(__always) func prefetch(of flow: UnsafeMutablePointer<Flow>) {
        guard flow.pointee.session >= 0 else { return }
        Cairn.prefetch(sessions + Int(flow.pointee.session))
    }

    /// The protocol that a flow speaks, nil if it is not known (yet); the last one if it changed.
    @inline(__always)
    func definition(of flow: UnsafeMutablePointer<Flow>) -> ProtocolDefinition? {
        guard flow.pointee.session >= 0 else { return nil }
        let index = Int(sessions[Int(flow.pointee.session)].definition)
        return index >= 0 ? definitions[index] : nil
    }

    /// The protocol that a flow spoke before it changed to another; nil if it did not.
    @inline(__always)
    func originalDefinition(of flow: UnsafeMutablePointer<Flow>) -> ProtocolDefinition? {
        guard flow.pointee.session >= 0 else { return nil }
        let index = Int(sessions[Int(flow.pointee.session)].original)
        return index >= 0 ? definitions[index] : nil
    }

    /// Whether everything was looked at and no protocol found: EVE's `app_proto: failed`. Of
    /// datagrams that is said once one direction's was of no use, though the other's may yet be.
    func hasFailed(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        guard flow.pointee.session >= 0 else { return false }
        let session = sessions + Int(flow.pointee.session)
        return session.pointee.state == .failed
            || session.pointee.state == .detecting && session.pointee.isDatagrams
                && session.pointee.hasSpoken
    }

    /// Whether the flow's client is the protocol's server (a flow seen from its middle). Directions
    /// in the parser's output are then the other way round.
    func isReversed(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        flow.pointee.session >= 0 && sessions[Int(flow.pointee.session)].isReversed
    }

    /// Whether it has become known what the flow speaks, or that nobody knows, with bytes of a direction; true once.
    @inline(__always)
    func takeNews(of flow: UnsafeMutablePointer<Flow>, _ direction: Direction) -> Bool {
        guard flow.pointee.session >= 0 else { return false }
        let session = sessions + Int(flow.pointee.session)
        guard session.pointee.hasNews else { return false }
        let isNew = session.pointee[direction].news == .untold
        if isNew { session.pointee[direction].news = .told }
        return isNew
    }

    @inline(__always) private func noteNews(_ direction: Direction, _ session: SessionPointer) {
        guard session.pointee.state != .detecting, session.pointee[direction].news == .none
        else { return }
        session.pointee[direction].news = .untold
        session.pointee.hasNews = true
    }

    /// What became odd about what a flow speaks since this was asked last.
    @inline(__always)
    func takeAnomalies(of flow: UnsafeMutablePointer<Flow>) -> ProtocolAnomalySet {
        guard flow.pointee.session >= 0 else { return ProtocolAnomalySet() }
        let session = sessions + Int(flow.pointee.session)
        guard !session.pointee.anomalies.isEmpty else { return ProtocolAnomalySet() }
        defer { session.pointee.anomalies = ProtocolAnomalySet() }
        return session.pointee.anomalies
    }

    /// What of a flow is still to be looked at.
    @inline(__always) func opacity(of flow: UnsafeMutablePointer<Flow>) -> Opacity {
        flow.pointee.session >= 0 ? sessions[Int(flow.pointee.session)].opacity : .clear
    }

    /// The name under which the client addressed the server (SNI, Host), empty if it is not known.
    func serverName(of flow: UnsafeMutablePointer<Flow>) -> [UInt8] {
        flow.pointee.session >= 0 ? sessions[Int(flow.pointee.session)].serverName : []
    }

    /// Adds what was counted, under Suricata's names.
    func report(into counters: inout Counters) {
        for (index, definition) in definitions.enumerated() {
            let isBoth = definition.overTCP && definition.overUDP
            if definition.overTCP {
                let name = isBoth ? definition.name + "_tcp" : definition.name
                counters.add("app_layer.flow.\(name)", tcpFlowCounts[index])
            }
            if definition.overUDP {
                let name = isBoth ? definition.name + "_udp" : definition.name
                counters.add("app_layer.flow.\(name)", udpFlowCounts[index])
            }
        }
        counters.add("app_layer.flow.failed_tcp", failedTCPCount)
        counters.add("app_layer.flow.failed_udp", failedUDPCount)
        counters.add("app_layer.detection.no_buffer", noBufferCount)
    }
}

// MARK: - Slots

extension ProtocolSessions {
    private struct Session {
        enum State: UInt8 { case detecting, parsing, failed }

        var state: State = .detecting
        var opacity = Opacity.clear
        /// What was odd about what the flow speaks, and was not asked for yet.
        var anomalies = ProtocolAnomalySet()
        /// Index of the definition that was announced to follow, -1 if none was.
        var expected: Int16 = -1
        /// Some direction's `news` is not `none`.
        var hasNews = false
        var isDatagrams = false
        var isReversed = false
        var handoverCount: UInt8 = 0
        /// Index of the definition, -1 while unknown.
        var definition: Int16 = -1
        /// Index of the definition before the first handover, -1 if there was none.
        var original: Int16 = -1
        /// Sets of definitions: those over the flow's transport, and of them those at one of its
        /// ports.
        var candidates: UInt64 = 0
        var atPort: UInt64 = 0
        var serverPort: UInt16 = 0
        /// Something came, or got lost, since the protocol is looked for.
        var hasSpoken = false
        var toServer = Side()
        var toClient = Side()
        var parser: ProtocolParser?
        var serverName: [UInt8] = []
        var client = IPAddress.zero
        var server = IPAddress.zero
        /// What another flow said about this one.
        var announcement: FTP.Announcement?
        /// Who sent what is kept while the protocol is not known, oldest first.
        var turns: [Turn] = []

        mutating func forget() {
            serverName.removeAll(keepingCapacity: true)
            turns.removeAll(keepingCapacity: true)
            let kept = (serverName, turns)
            self = Session()
            (serverName, turns) = kept
        }

        subscript(direction: Direction) -> Side {
            @inline(__always) get { direction == .toServer ? toServer : toClient }
            @inline(__always) set {
                if direction == .toServer {
                    toServer = newValue
                } else {
                    toClient = newValue
                }
            }
        }
    }

    /// What is kept of one direction while the protocol is not known.
    private struct Side {
        /// Whether it is known, with this direction's bytes, what the flow speaks, and was said.
        enum News: UInt8 { case none, untold, told }

        var news = News.none
        /// It is known whether the direction agrees with what the flow speaks.
        var isSettled = false
        /// Definitions that this direction cannot be.
        var ruledOut: UInt64 = 0
        /// Index of the buffer with the first bytes, -1 if there is none.
        var buffer: Int32 = -1
        var bufferedByteCount: Int32 = 0
        /// Bytes behind those in the buffer that were not kept.
        var lostByteCount: UInt64 = 0
        /// This direction decides nothing any more.
        var isExhausted = false
        var hasEnded = false

        /// Bytes that came while the protocol was not known.
        var byteCount: UInt64 { UInt64(max(0, bufferedByteCount)) &+ lostByteCount }
    }

    /// What one direction sent before the other did.
    private struct Turn {
        var direction: Direction
        /// Bytes in the direction's buffer, and bytes behind them that were not kept.
        var keptByteCount = 0
        var lostByteCount: UInt64 = 0
    }

    /// Turns that are told apart while the protocol is not known.
    private static let turnCountMax = 32

    private typealias SessionPointer = UnsafeMutablePointer<Session>

    /// The direction as the protocol sees it.
    @inline(__always)
    private func seen(_ direction: Direction, _ session: SessionPointer) -> Direction {
        session.pointee.isReversed ? direction.reversed : direction
    }

    private func session(of flow: UnsafeMutablePointer<Flow>) -> SessionPointer {
        if flow.pointee.session < 0 { flow.pointee.session = makeSession(flow) }
        return sessions + Int(flow.pointee.session)
    }

    private func makeSession(_ flow: UnsafeMutablePointer<Flow>) -> Int32 {
        let index = freeSessions.popLast() ?? appendSession()
        let session = sessions + Int(index)
        session.pointee.isDatagrams = flow.pointee.transport == .udp
        session.pointee.serverPort = flow.pointee.serverPort
        let over = session.pointee.isDatagrams ? overUDP : overTCP
        let atPort =
            (atPorts[flow.pointee.serverPort] ?? 0) | (atPorts[flow.pointee.clientPort] ?? 0)
            | (atServerPorts[flow.pointee.serverPort] ?? 0)
        session.pointee.atPort = over & atPort
        session.pointee.candidates = over & (atPort | atAnyPort)
        session.pointee.client = flow.pointee.client
        session.pointee.server = flow.pointee.server
        if !session.pointee.isDatagrams { session.pointee.announcement = announced.take(for: flow) }
        return index
    }

    private func appendSession() -> Int32 {
        if sessionCount == sessionCapacity {
            let larger = SessionPointer.allocate(capacity: sessionCapacity * 2)
            larger.moveInitialize(from: sessions, count: sessionCount)
            sessions.deallocate()
            sessions = larger
            sessionCapacity *= 2
        }
        (sessions + sessionCount).initialize(to: Session())
        sessionCount += 1
        return Int32(truncatingIfNeeded: sessionCount - 1)
    }

    private func returnParser(of session: SessionPointer) {
        guard let parser = session.pointee.parser else { return }
        session.pointee.parser = nil
        parser.reset()
        parser.handsOver = false
        parser.successor = nil
        parser.announced = nil
        parser.opacity = .clear
        parser.leftoverByteCount = 0
        parsers[Int(session.pointee.definition)].append(parser)
    }

    private func takeBuffer() -> Int32? {
        if let index = freeBuffers.popLast() { return index }
        guard buffers.count < limits.bufferCountMax else { return nil }
        buffers.append(.allocate(capacity: limits.detectionByteCountMax))
        return Int32(truncatingIfNeeded: buffers.count - 1)
    }

    private func freeBuffers(of session: SessionPointer) {
        for direction in [Direction.toServer, .toClient] { freeBuffer(of: direction, session) }
    }

    private func freeBuffer(of direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].buffer >= 0 else { return }
        freeBuffers.append(session.pointee[direction].buffer)
        session.pointee[direction].buffer = -1
        session.pointee[direction].bufferedByteCount = 0
    }
}

// MARK: - Parsing

extension ProtocolSessions {
    private func take(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        switch session.pointee.state {
        case .parsing: parse(bytes, direction, session, output)
        case .detecting: look(at: bytes, direction, session, output)
        case .failed: return
        }
    }

    private func lose(
        _ byteCount: UInt64, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        switch session.pointee.state {
        case .parsing:
            session.pointee[direction].isSettled = true
            session.pointee.parser?.skip(gap: byteCount, seen(direction, session), into: output)
        case .detecting:
            session.pointee.hasSpoken = true
            session.pointee[direction].lostByteCount &+= byteCount
            note(direction, kept: 0, lost: byteCount, session)
            exhaust(direction, session)
        case .failed: return
        }
    }

    private func end(
        _ direction: Direction, _ session: SessionPointer, _ output: ParserOutput
    ) {
        guard !session.pointee[direction].hasEnded else { return }
        session.pointee[direction].hasEnded = true
        guard session.pointee.state == .parsing else { return }
        session.pointee.parser?.finish(seen(direction, session), into: output)
        // Another flow can have it, long before this one is forgotten.
        if session.pointee[direction.reversed].hasEnded { returnParser(of: session) }
    }

    private func parse(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        if !session.pointee[direction].isSettled { settle(bytes, direction, session) }
        guard let parser = session.pointee.parser else { return }
        let eventCount = output.events.count
        parser.parse(bytes.bytes, seen(direction, session), into: output)
        session.pointee.opacity = parser.opacity
        noteServerName(since: eventCount, session, output)
        guard parser.handsOver else { return }
        let leftover = min(bytes.count, max(0, parser.leftoverByteCount))
        let successor = parser.successor
        handOver(session, output)
        if let successor { begin(successor.name, successor.legacy, session, output) }
        take(
            UnsafeRawBufferPointer(rebasing: bytes.suffix(leftover)), direction, session, output)
    }

    /// Looks for another protocol from here on.
    private func handOver(_ session: SessionPointer, _ output: ParserOutput) {
        if let parser = session.pointee.parser {
            if !session.pointee.toServer.hasEnded {
                parser.finish(seen(.toServer, session), into: output)
            }
            if !session.pointee.toClient.hasEnded {
                parser.finish(seen(.toClient, session), into: output)
            }
        }
        let announced = session.pointee.parser?.announced?.description
        session.pointee.expected = Int16(
            truncatingIfNeeded: definitions.firstIndex { $0.name == announced } ?? -1)
        returnParser(of: session)
        freeBuffers(of: session)
        for direction in [Direction.toServer, .toClient] {
            let hasEnded = session.pointee[direction].hasEnded
            session.pointee[direction] = Side()
            session.pointee[direction].hasEnded = hasEnded
        }
        session.pointee.turns.removeAll(keepingCapacity: true)
        session.pointee.hasSpoken = false
        session.pointee.isReversed = false
        session.pointee.handoverCount &+= 1
        if session.pointee.original < 0 { session.pointee.original = session.pointee.definition }
        session.pointee.state = .detecting
        if session.pointee.handoverCount > limits.handoverCountMax { fail(session) }
    }

    /// Begins a protocol that the one before has agreed on; one that is not looked for is found as others are.
    private func begin(
        _ name: String, _ legacy: HTTPBuffer, _ session: SessionPointer, _ output: ParserOutput
    ) {
        guard session.pointee.state == .detecting,
            let place = definitions.firstIndex(where: { $0.name == name })
        else { return }
        begin(place, session)
        session.pointee.toServer.isSettled = true
        session.pointee.toClient.isSettled = true
        session.pointee.parser?.inherit(legacy.bytes.bytes, into: output)
    }

    /// Keeps the first name under which the client addresses the server.
    private func noteServerName(
        since eventCount: Int, _ session: SessionPointer, _ output: ParserOutput
    ) {
        guard session.pointee.serverName.isEmpty, output.events.count > eventCount else { return }
        for event in output.events[eventCount...] where event.kind == .progress {
            guard let transaction = event.transaction,
                let field = transaction.definition.serverNameField,
                let name = transaction.fields.bytes(of: field), !name.isEmpty
            else { continue }
            session.pointee.serverName.append(contentsOf: name)
            return
        }
    }
}

// MARK: - Detection

extension ProtocolSessions {
    /// Asks what the first bytes of a direction are, and keeps them while nobody is sure.
    private func look(
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
        guard let found = find(start, context, ruledOut: ruledOut, session) else { return false }
        if found.isReversed { session.pointee.isReversed = true }
        begin(found.place, session)
        return true
    }

    /// Asks the definitions that are still possible, those at the flow's ports first, those that
    /// ask for little last, for one that is sure.
    private func find(
        _ start: RawSpan, _ context: DetectionContext, ruledOut: UInt64,
        _ session: SessionPointer
    ) -> (place: Int, isReversed: Bool)? {
        let open = session.pointee.candidates & ~ruledOut
        let atPort = session.pointee.atPort
        return find(start, context, among: open & atPort & ~lastResorts, true, session)
            ?? find(start, context, among: open & ~atPort, false, session)
            ?? find(start, context, among: open & atPort & lastResorts, true, session)
    }

    private func find(
        _ start: RawSpan, _ context: DetectionContext, among set: UInt64, _ isAtPort: Bool,
        _ session: SessionPointer
    ) -> (place: Int, isReversed: Bool)? {
        var (set, context) = (set, context)
        context.isAtPort = isAtPort
        while set != 0 {
            let place = set.trailingZeroBitCount
            set &= set &- 1
            switch definitions[place].detector(start, context) {
            case .yes: return (place, false)
            case .yesReversed: return (place, true)
            case .no: session.pointee[context.direction].ruledOut |= 1 << UInt64(place)
            case .needMore: break
            }
        }
        return nil
    }

    private func begin(_ place: Int, _ session: SessionPointer) {
        let definition = definitions[place]
        session.pointee.definition = Int16(truncatingIfNeeded: place)
        session.pointee.parser = parsers[place].popLast() ?? definition.makeParser?()
        session.pointee.parser?.serverPort = session.pointee.serverPort
        session.pointee.parser?.clientAddress =
            session.pointee.isReversed ? session.pointee.server : session.pointee.client
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
    private func note(
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

    private func exhaust(_ direction: Direction, _ session: SessionPointer) {
        session.pointee[direction].isExhausted = true
        if session.pointee[direction.reversed].isExhausted { fail(session) }
    }

    private func fail(_ session: SessionPointer) {
        session.pointee.state = .failed
        freeBuffers(of: session)
        if session.pointee.isDatagrams {
            failedUDPCount &+= 1
        } else {
            failedTCPCount &+= 1
        }
    }

    /// The first datagram of each direction decides.
    private func look(
        atDatagram bytes: UnsafeRawBufferPointer, _ direction: Direction,
        _ session: SessionPointer
    ) {
        guard bytes.count > 0, !session.pointee[direction].isExhausted else { return }
        session.pointee.hasSpoken = true
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
        direction == .toServer ? 25 : 9
    }

    /// One direction has decided what the flow speaks: what the other has said so far may have been
    /// nothing that anybody knows. What a client says must be known for the server's answer to be
    /// looked at, in protocols where the client leads.
    private func settle(deciding direction: Direction, _ session: SessionPointer) {
        session.pointee[direction].isSettled = true
        let other = session.pointee[direction.reversed]
        guard !session.pointee.isReversed else {
            session.pointee[direction.reversed].isSettled = true
            return
        }
        guard other.byteCount > 0 else { return }
        session.pointee[direction.reversed].isSettled = true
        let isKnownToNobody =
            other.isExhausted || session.pointee.candidates & ~other.ruledOut == 0
        guard isKnownToNobody, other.byteCount >= Self.openingByteCountMax(direction.reversed)
        else { return }
        session.pointee.anomalies.insert(.onlyOneDirection)
        if direction == .toClient, definitions[Int(session.pointee.definition)].isLedByClient {
            returnParser(of: session)
        }
    }

    /// Looks at the first bytes of the direction that did not decide: whether it speaks the same.
    /// They are kept while that is not certain, as many as while the protocol is not known.
    private func settle(
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
        case .yes, .yesReversed: isCertain = true
        case .needMore: break
        case .no:
            if let found = find(start.bytes, context, ruledOut: before.ruledOut, session) {
                isCertain = true
                if found.place != known {
                    session.pointee.anomalies.insert(.mismatchBothDirections)
                }
            } else if start.count >= Self.openingByteCountMax(direction) {
                isCertain = true
                session.pointee.anomalies.insert(.onlyOneDirection)
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
