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

    let definitions: [ProtocolDefinition]
    /// The same, for who need not hold on to one.
    private let references: UnsafeMutablePointer<Unmanaged<ProtocolDefinition>>
    /// Sets of definitions: those over TCP, over UDP, those that are looked for at any port, those
    /// that come after all others, and those at a port of either end or of the server.
    private let overTCP: UInt64
    private let overUDP: UInt64
    private let atAnyPort: UInt64
    let lastResorts: UInt64
    private let atPorts: [UInt16: UInt64]
    private let atServerPorts: [UInt16: UInt64]
    let limits: Limits
    private var sessions = SlotTable<Session>()
    var parsers: [[ProtocolParser]]
    var buffers: [UnsafeMutablePointer<UInt8>] = []
    var freeBuffers: [Int32] = []
    /// Data connections that were announced, and the place of their definition.
    private var announced = AnnouncedConnections()
    let dataPlace: Int?

    // Counted by transport, then by definition.
    var tcpFlowCounts: [UInt64]
    var udpFlowCounts: [UInt64]
    var failedTCPCount: UInt64 = 0
    var failedUDPCount: UInt64 = 0
    var noBufferCount: UInt64 = 0

    init(definitions: [ProtocolDefinition] = Protocols.all, limits: Limits = Limits()) {
        precondition(definitions.count <= 64, "the sets of definitions are words of 64 bits")
        self.definitions = definitions
        references = .allocate(capacity: definitions.count)
        for (index, definition) in definitions.enumerated() {
            (references + index).initialize(to: .passUnretained(definition))
        }
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
        parsers = Array(repeating: [], count: definitions.count)
        tcpFlowCounts = Array(repeating: 0, count: definitions.count)
        udpFlowCounts = tcpFlowCounts
    }

    deinit {
        references.deallocate()
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
        noteNews(.toServer, session)
        noteNews(.toClient, session)
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
        noteNewsOfDatagram(direction, session)
        guard session.pointee.state == .parsing, let parser = session.pointee.parser else { return }
        let eventCount = output.events.count
        parser.parseDatagram(bytes.bytes, seen(direction, session), into: output)
        noteServerName(since: eventCount, session, output)
    }

    /// Ends both directions: the parser completes its open transactions. What is known of the flow
    /// stays until `release`.
    func finish(_ flow: UnsafeMutablePointer<Flow>, output: ParserOutput) {
        guard flow.pointee.session >= 0 else { return }
        let session = sessions[flow.pointee.session]
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
        let session = sessions[index]
        freeBuffers(of: session)
        returnParser(of: session)
        session.pointee.forget()
        sessions.give(index)
        flow.pointee.session = -1
    }

    /// Asks for the memory of a flow's slot, which will be needed soon.
    @inline(__always) func prefetch(of flow: UnsafeMutablePointer<Flow>) {
        guard flow.pointee.session >= 0 else { return }
        Cairn.prefetch(sessions[flow.pointee.session])
    }

    /// The protocol that a flow speaks, nil if it is not known (yet); the last one if it changed.
    func definition(of flow: UnsafeMutablePointer<Flow>) -> ProtocolDefinition? {
        guard flow.pointee.session >= 0 else { return nil }
        let index = Int(sessions[flow.pointee.session].pointee.named)
        return index >= 0 ? definitions[index] : nil
    }

    /// Adds to a place what is known by now of what its flow speaks.
    @inline(__always)
    func describe(_ flow: UnsafeMutablePointer<Flow>, in place: inout CommonFields.Context) {
        guard flow.pointee.session >= 0 else { return }
        let session = sessions[flow.pointee.session]
        let (last, first) = (Int(session.pointee.named), Int(session.pointee.original))
        if last >= 0 { place.spoken = references[last] }
        if first >= 0 { place.spokenFirst = references[first] }
        place.hasFailed = Self.hasFailed(session)
        place.isReversed = session.pointee.isReversed
        place.opacity = session.pointee.opacity
    }

    /// Whether everything was looked at and no protocol found: EVE's `app_proto: failed`.
    func hasFailed(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        flow.pointee.session >= 0 && Self.hasFailed(sessions[flow.pointee.session])
    }

    /// Of datagrams that is said once one direction's was of no use, though the other's may yet be.
    @inline(__always) private static func hasFailed(_ session: SessionPointer) -> Bool {
        session.pointee.state == .failed
            || session.pointee.state == .detecting && session.pointee.isDatagrams
                && session.pointee.hasSpoken
    }

    /// Whether the flow's client is the protocol's server (a flow seen from its middle). Directions
    /// in the parser's output are then the other way round.
    func isReversed(_ flow: UnsafeMutablePointer<Flow>) -> Bool {
        flow.pointee.session >= 0 && sessions[flow.pointee.session].pointee.isReversed
    }

    /// Whether it has become known what the flow speaks, or that nobody knows, with bytes of a direction; true
    /// once, of datagrams once more after it has become known with either direction.
    @inline(__always)
    func takeNews(of flow: UnsafeMutablePointer<Flow>, _ direction: Direction) -> Bool {
        guard flow.pointee.session >= 0 else { return false }
        let session = sessions[flow.pointee.session]
        guard session.pointee.hasNews else { return false }
        passOnFailure(session)
        guard let count = session.pointee[direction].newsCount, count > 0 else { return false }
        session.pointee[direction].newsCount = count &- 1
        return true
    }

    /// Whether it is known what the flow speaks, or that nobody knows, with bytes of a direction.
    @inline(__always)
    func isKnown(_ flow: UnsafeMutablePointer<Flow>, _ direction: Direction) -> Bool {
        flow.pointee.session >= 0
            && sessions[flow.pointee.session].pointee[direction].newsCount != nil
    }

    /// Each direction of datagrams decides with its first, which is news, as is the next one of either direction.
    @inline(__always)
    private func noteNewsOfDatagram(_ direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].newsCount == nil else { return }
        session.pointee[direction].newsCount = 2
        if session.pointee[direction.reversed].newsCount != nil {
            session.pointee[direction.reversed].newsCount = 1
        }
        session.pointee.hasNews = true
    }

    @inline(__always) func noteNews(_ direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].newsCount == nil,
            session.pointee[direction].own != .unknown
        else { return }
        session.pointee[direction].newsCount = 1
        session.pointee.hasNews = true
    }

    /// Adds to a place what the sender of a packet speaks by itself.
    @inline(__always)
    func describeSender(
        _ flow: UnsafeMutablePointer<Flow>, _ direction: Direction,
        in place: inout CommonFields.Context
    ) {
        guard flow.pointee.session >= 0 else { return }
        switch sessions[flow.pointee.session].pointee[direction].own {
        case .unknown: break
        case .nothingKnown: place.isSenderUnknown = true
        case .known(let definition): place.spokenBySender = references[Int(definition)]
        }
    }

    /// What became odd about what a flow speaks since this was asked last.
    @inline(__always)
    func takeAnomalies(of flow: UnsafeMutablePointer<Flow>) -> ProtocolAnomalySet {
        guard flow.pointee.session >= 0 else { return ProtocolAnomalySet() }
        let session = sessions[flow.pointee.session]
        guard !session.pointee.anomalies.isEmpty else { return ProtocolAnomalySet() }
        defer { session.pointee.anomalies = ProtocolAnomalySet() }
        return session.pointee.anomalies
    }

    /// What of a flow is still to be looked at.
    @inline(__always) func opacity(of flow: UnsafeMutablePointer<Flow>) -> Opacity {
        flow.pointee.session >= 0 ? sessions[flow.pointee.session].pointee.opacity : .clear
    }

    /// The name under which the client addressed the server (SNI, Host), empty if it is not known.
    func serverName(of flow: UnsafeMutablePointer<Flow>) -> [UInt8] {
        flow.pointee.session >= 0 ? sessions[flow.pointee.session].pointee.serverName : []
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
        counters.add("app_layer.announced.evicted", announced.evictedCount)
    }
}

// MARK: - Slots

extension ProtocolSessions {
    typealias SessionPointer = UnsafeMutablePointer<Session>

    /// The direction as the protocol sees it.
    @inline(__always)
    func seen(_ direction: Direction, _ session: SessionPointer) -> Direction {
        session.pointee.isReversed ? direction.reversed : direction
    }

    private func session(of flow: UnsafeMutablePointer<Flow>) -> SessionPointer {
        if flow.pointee.session < 0 { flow.pointee.session = makeSession(flow) }
        return sessions[flow.pointee.session]
    }

    private func makeSession(_ flow: UnsafeMutablePointer<Flow>) -> Int32 {
        let index = sessions.take(orMake: Session())
        let session = sessions[index]
        session.pointee.isDatagrams = flow.pointee.transport == .udp
        session.pointee.flow = flow
        let over = session.pointee.isDatagrams ? overUDP : overTCP
        let atPort =
            (atPorts[flow.pointee.serverPort] ?? 0) | (atPorts[flow.pointee.clientPort] ?? 0)
            | (atServerPorts[flow.pointee.serverPort] ?? 0)
        session.pointee.atPort = over & atPort
        session.pointee.candidates = over & (atPort | atAnyPort)
        if !session.pointee.isDatagrams { session.pointee.announcement = announced.take(for: flow) }
        return index
    }

    func returnParser(of session: SessionPointer) {
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

    func takeBuffer() -> Int32? {
        if let index = freeBuffers.popLast() { return index }
        guard buffers.count < limits.bufferCountMax else { return nil }
        buffers.append(.allocate(capacity: limits.detectionByteCountMax))
        return Int32(truncatingIfNeeded: buffers.count - 1)
    }

    func freeBuffers(of session: SessionPointer) {
        for direction in [Direction.toServer, .toClient] { freeBuffer(of: direction, session) }
    }

    func freeBuffer(of direction: Direction, _ session: SessionPointer) {
        guard session.pointee[direction].buffer >= 0 else { return }
        freeBuffers.append(session.pointee[direction].buffer)
        session.pointee[direction].buffer = -1
        session.pointee[direction].bufferedByteCount = 0
    }
}

// MARK: - Parsing

extension ProtocolSessions {
    func take(
        _ bytes: UnsafeRawBufferPointer, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        switch session.pointee.state {
        case .parsing: parse(bytes, direction, session, output)
        case .detecting: look(at: bytes, direction, session, output)
        case .failed: count(bytes.count, direction, session)
        }
    }

    /// Counts what comes of a stream that nobody knows, until it is enough to tell.
    private func count(_ byteCount: Int, _ direction: Direction, _ session: SessionPointer) {
        guard session.pointee.failure == .untold else { return }
        session.pointee[direction].lostByteCount &+= UInt64(byteCount)
        tellFailure(session)
    }

    func lose(
        _ byteCount: UInt64, _ direction: Direction, _ session: SessionPointer,
        _ output: ParserOutput
    ) {
        switch session.pointee.state {
        case .parsing:
            if !session.pointee[direction].isSettled { agree(direction, session) }
            session.pointee.parser?.skip(gap: byteCount, seen(direction, session), into: output)
        case .detecting:
            session.pointee.hasSpoken = true
            conclude(direction, session, output)
            guard session.pointee.state == .detecting else {
                return lose(byteCount, direction, session, output)
            }
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
        if !session.pointee.isDatagrams { conclude(direction, session, output) }
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
        let before = session.pointee.definition
        let isKept = before >= 0 && definitions[Int(before)].isKept
        if isKept, session.pointee.outer < 0 { session.pointee.outer = before }
        for direction in [Direction.toServer, .toClient] {
            let side = session.pointee[direction]
            session.pointee[direction] = Side()
            session.pointee[direction].hasEnded = side.hasEnded
            // What is known of it stays so until something else is.
            session.pointee[direction].own = side.own
            session.pointee[direction].newsCount = side.newsCount
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
        agree(.toServer, session)
        agree(.toClient, session)
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
