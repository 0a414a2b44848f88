/// Matches events against a rule set. One a shard; what it finds waits in it as candidates until it is drained.
///
/// The engine calls `inspect` for every packet, piece of a stream, datagram, step of a transaction and end of a flow, then
/// `drain`. `release` lets go of a flow that is gone.
final class Matcher {
    let compiled: CompiledRules
    /// What rules ask of flows and packets; here, as every packet needs it.
    let askedTests: FlowTests
    let evaluator: RuleEvaluator
    let hits: LiteralHits
    let streams: StreamStates
    /// Those of the streams.
    let windows: StreamWindows
    /// Candidates since the last drain.
    private(set) var candidates: [Candidate] = []
    /// Candidates that wait for packets of their direction.
    private var waitingCount = 0
    private let flowTransaction = Transaction(FlowFields.definition)
    private let flowText = TextBuffer()
    let subjects: Subjects
    /// For each rule the number of the look in which it was taken up last.
    private let taken: UnsafeMutablePointer<UInt32>
    private var look: UInt32 = 0
    /// What packets of the same traffic ask, and those whose segments are in no stream.
    let packetMemo = TrafficMemo()
    let strayMemo = TrafficMemo()

    // Counted for statistics.
    var pendingLimitCount: UInt64 = 0
    private var candidateCount: UInt64 = 0

    /// Indices of the subjects that are not protocols; -1 where there is no such subject, and so no rule on it.
    struct Subjects {
        let packet: Int
        let stream: Int
        let flow: Int
        let file: Int
    }

    init(_ compiled: CompiledRules) {
        self.compiled = compiled
        askedTests = compiled.traffic.askedTests
        evaluator = RuleEvaluator(compiled)
        hits = LiteralHits(literalCountMax: compiled.literalCountMax)
        streams = StreamStates(compiled.settings)
        windows = streams.windows
        func index(_ definition: ProtocolDefinition) -> Int {
            compiled.subjects.firstIndex { $0 === definition } ?? -1
        }
        subjects = Subjects(
            packet: index(PacketFields.definition), stream: index(StreamFields.definition),
            flow: index(FlowFields.definition), file: index(FileTable.definition))
        taken = .allocate(capacity: max(1, compiled.rules.count))
        taken.initialize(repeating: 0, count: compiled.rules.count)
    }

    deinit { taken.deallocate() }

    /// Hands over the candidates since the last drain, in the order in which their state is applied.
    func drain(_ take: ([Candidate]) -> Void) {
        guard !candidates.isEmpty else { return }
        if candidates.count > 1 {
            // A stable order: what one rule found stays in the order found.
            for (place, candidate) in candidates.enumerated() { candidate.place = place }
            candidates.sort { $0.precedes($1) }
            for (place, candidate) in candidates.enumerated() { candidate.place = place }
        }
        take(candidates)
        candidates.removeAll(keepingCapacity: true)
    }

    /// Lets candidates wait whose state is applied with the next packet of the direction that they look at, and takes up
    /// those that have waited for this packet: a transaction becomes certain with the acknowledgement, which goes the other
    /// way.
    func settle(_ flow: FlowPointer, _ direction: Direction, _ packet: UnsafePointer<Packet>) {
        guard waitingCount > 0 || !candidates.isEmpty else { return }
        candidates.removeAll { candidate in
            guard let own = candidate.stateDirection, own != direction else { return false }
            streams.side(of: flow, own).pointee.waiting.append(candidate)
            waitingCount += 1
            return true
        }
        takeUpWaiting(flow, direction, packet, at: packet.pointee.timestamp)
    }

    /// Takes up the candidates that still wait when a flow ends.
    func settle(endOf flow: FlowPointer) {
        for direction in [Direction.toServer, .toClient] {
            takeUpWaiting(flow, direction, nil, at: flow.pointee.end)
        }
    }

    private func takeUpWaiting(
        _ flow: FlowPointer, _ direction: Direction, _ packet: UnsafePointer<Packet>?,
        at timestamp: Timestamp
    ) {
        guard waitingCount > 0, flow.pointee.matchState >= 0 else { return }
        let side = streams.side(of: flow, direction)
        guard !side.pointee.waiting.isEmpty else { return }
        waitingCount -= side.pointee.waiting.count
        for candidate in side.pointee.waiting {
            candidate.move(to: packet, at: timestamp)
            candidates.append(candidate)
        }
        side.pointee.waiting.removeAll(keepingCapacity: true)
    }

    /// Lets go of a flow. What is left of its streams must have been inspected before.
    func release(_ flow: FlowPointer) { streams.release(flow) }

    func report(into counters: inout Counters) {
        counters.add("detect.candidates", candidateCount)
        counters.add("detect.pending_limit", pendingLimitCount)
        counters.add(
            "detect.stream_memcap", windows.limitCount &+ streams.chunks.limitCount)
        evaluator.report(into: &counters)
    }

    // MARK: Looks

    /// Searches one value and calls `body` with each rule whose literal was found and whose filter the traffic passes, once.
    func scanOnce(
        _ bytes: UnsafeRawBufferPointer, _ scan: UnsafePointer<RuleGroup.Scan>,
        _ traffic: Traffic, _ body: (Int) -> Void
    ) {
        hits.begin()
        scan.pointee.matcher.scan(bytes, into: hits)
        guard hits.count > 0 else { return }
        beginLook()
        forEachHit(scan, where: { passes($0, traffic) }, body)
    }

    /// Calls `body` with each rule of which a literal was found, on which a condition holds, and that was not taken up in this
    /// look.
    func forEachHit(
        _ scan: UnsafePointer<RuleGroup.Scan>, where condition: (RuleGroup.Listed) -> Bool,
        _ body: (Int) -> Void
    ) {
        for index in 0..<hits.count {
            let literal = hits[index]
            let first = Int(scan.pointee.starts[literal].pointee)
            for place in first..<Int(scan.pointee.starts[literal &+ 1].pointee) {
                let rule = scan.pointee.rules[place].pointee
                if condition(rule), takeUp(Int(rule.number)) { body(Int(rule.number)) }
            }
        }
    }

    /// Begins a look, in which each rule is taken up once.
    func beginLook() {
        look &+= 1
        if look == 0 {
            taken.update(repeating: 0, count: compiled.rules.count)
            look = 1
        }
    }

    /// Whether a rule is taken up for the first time in this look.
    @inline(__always) func takeUp(_ rule: Int) -> Bool {
        guard taken[rule] != look else { return false }
        taken[rule] = look
        return true
    }

    /// Asks a rule about an event, which is all there is to know.
    ///
    /// - Parameter begin: makes it the present event of the evaluator, if it is not yet.
    @inline(__always) func ask(_ number: Int, _ traffic: Traffic, _ begin: () -> Void) {
        if passes(number, traffic) { ask(number, begin) }
    }

    /// Asks a rule whose filter the traffic passes.
    @inline(__always) func ask(_ number: Int, _ begin: () -> Void) {
        begin()
        if evaluator.holds(compiled.rules.elements + number) { fire(number) }
    }

    @inline(__always) func passes(_ rule: Int, _ traffic: Traffic) -> Bool {
        passes(compiled.listed(rule), traffic)
    }

    @inline(__always) func passes(_ rule: RuleGroup.Listed, _ traffic: Traffic) -> Bool {
        rule.traffic < 0 || compiled.traffic.passes(Int(rule.traffic), traffic)
    }

    /// Makes a candidate of a rule whose condition holds on the present event.
    func fire(_ rule: Int) {
        candidateCount &+= 1
        candidates.append(AlertBuilder.candidate(rule, compiled, evaluator))
    }

    // MARK: Flows

    /// Evaluates the rules on flows, when one ends.
    ///
    /// - Parameter place: without a packet, if time ended it.
    func inspect(
        endOf flow: FlowPointer, _ knowledge: FlowFields.Knowledge, _ place: CommonFields.Context
    ) {
        let subject = subjects.flow
        guard subject >= 0, !compiled.transactionGroups.elements[subject].isEmpty else { return }
        flowTransaction.reset()
        FlowFields.fill(&flowTransaction.fields, flow, knowledge, flowText)
        flowTransaction.toServer = .complete
        flowTransaction.toClient = .complete
        inspect(flowTransaction, place)
    }
}

extension Traffic {
    /// What a packet says about itself.
    ///
    /// - Parameter hasDueData: with it something of its stream is looked at.
    init(_ packet: UnsafePointer<Packet>, _ place: CommonFields.Context, hasDueData: Bool) {
        source = packet.pointee.sourceAddress
        destination = packet.pointee.destinationAddress
        sourcePort = packet.pointee.sourcePort
        destinationPort = packet.pointee.destinationPort
        transport = packet.pointee.namedTransport
        flow = [.noStream]
        // As in Suricata a packet of no flow goes to the server, and has nothing else of a flow.
        let isInFlow = place.flow != nil && packet.pointee.hasOwnFlow
        if isInFlow {
            flow.formUnion(
                place.isEstablished.map { $0 ? .established : .notEstablished }
                    ?? Self.state(of: place.flow))
            flow.insert(.inFlow)
            flow.insert(packet.pointee.flags.contains(.reassembled) ? .onlyFragments : .noFragments)
        }
        if !packet.pointee.flags.contains(.fragment) { flow.insert(.withPorts) }
        if isFirst(packet, place) { flow.insert(.firstPacket) }
        if place.isNewlyKnown { flow.insert(.protocolKnown) }
        if place.isKnown { flow.insert(.protocolSeen) }
        let hasPayload =
            packet.pointee.inspectedByteCount > 0 && place.opacity == .clear || hasDueData
        flow.insert(hasPayload ? .withPayload : .withoutPayload)
        let goesToClient = isInFlow && place.direction == .toClient
        flow.insert(goesToClient ? .toClient : .toServer)
    }

    /// Whether a packet is the first of its direction, or of no conversation: rules on ends ask each packet of a protocol
    /// that has none, such as GRE or IGMP.
    private func isFirst(
        _ packet: UnsafePointer<Packet>, _ place: CommonFields.Context
    ) -> Bool {
        guard let flow = place.flow, let direction = place.direction, packet.pointee.hasOwnFlow
        else { return true }
        let counts = direction == .toServer ? flow.pointee.toServer : flow.pointee.toClient
        return counts.packetCount <= 1
    }

    /// What a flow says, seen by a sender who sends in `direction`; nil without a flow.
    ///
    /// - Parameter isReversed: the flow's client is the server of its protocol.
    init?(_ place: CommonFields.Context, sending direction: Direction, isReversed: Bool) {
        guard let flow = place.flow else { return nil }
        let fromClient = (direction == .toServer) != isReversed
        let (client, server) = (flow.pointee.client, flow.pointee.server)
        let ports = (flow.pointee.clientPort, flow.pointee.serverPort)
        source = fromClient ? client : server
        destination = fromClient ? server : client
        sourcePort = fromClient ? ports.0 : ports.1
        destinationPort = fromClient ? ports.1 : ports.0
        transport = flow.pointee.transport
        self.flow = Self.state(of: flow)
        self.flow.formUnion([
            .onlyStream, .onlyFragments, .noFragments, .protocolSeen, .withPayload, .withoutPayload,
            .withPorts, .inFlow,
        ])
        self.flow.insert(direction == .toServer ? .toServer : .toClient)
    }

    private static func state(of flow: FlowPointer?) -> FlowTests {
        guard let flow, flow.pointee.state != .new else { return .notEstablished }
        return .established
    }
}
