/// One share of the flows with everything that is kept for them.
///
/// A shard is worked on by one thread at a time and knows nothing of the others, so what it finds does not depend on the
/// number of threads.
final class Shard: @unchecked Sendable {
    /// Where something is seen: the packet that makes it certain, its flow, which way it goes.
    typealias Place = CommonFields.Context

    private let flows: FlowTable
    private let streams: TCPReassembler
    private let sessions: ProtocolSessions
    private let parsed: ParserOutput
    private let matcher: Matcher
    private let recorder: EventRecorder?
    /// Flow hashes of the packet that is looked at and of those ahead, in turns.
    private let hashes = UnsafeMutablePointer<UInt64>.allocate(capacity: hashCount)
    private static let hashCount = 16

    init(
        _ compiled: CompiledRules, _ options: EngineOptions, _ records: EventRecordWriter,
        count: Int
    ) {
        flows = FlowTable(FlowSettings(options.settings), shardCount: count)
        streams = TCPReassembler(StreamSettings(options.settings), shardCount: count)
        sessions = ProtocolSessions(definitions: Protocols.enabled(options.settings))
        parsed = ParserOutput(
            limits: ProtocolLimits(options.settings),
            fileNeeds: options.writesEvents ? .all : compiled.fileNeeds)
        matcher = Matcher(compiled)
        recorder = options.writesEvents ? EventRecorder(records) : nil
    }

    deinit { hashes.deallocate() }

    /// Takes a batch's packets through flows, streams, protocols and rules, and ends the flows that the clock leaves
    /// behind.
    func process(_ batch: Batch, as index: Int) {
        let findings = batch.findings[index]
        let numbers = batch.packetsOfShard + index
        let packets = batch.packets.packets
        for place in 0..<numbers.pointee.count {
            lookAhead(from: place, packets, numbers)
            let packet = packets + Int(numbers.pointee[place])
            while let flow = flows.nextEnded(before: packet.pointee.clock) { end(flow, findings) }
            inspect(packet, hash: hash(at: place), findings)
        }
        while let flow = flows.nextEnded(before: batch.clock) { end(flow, findings) }
        guard batch.isLast else { return }
        while let flow = flows.nextRemaining(at: batch.clock) { end(flow, findings) }
    }

    /// How many packets ahead each is asked for, and in the order of what has to be there to know the next: its place in
    /// the flow table, its flow, and what other stages keep for that.
    private enum Ahead {
        static let packet = 16
        static let bucket = 12
        static let flow = 8
        static let states = 4
    }

    /// Asks for the memory that the packets ahead need. Nearly all of it lies where it takes hundreds of cycles to get it
    /// from.
    @inline(__always) private func lookAhead(
        from place: Int, _ packets: UnsafeMutablePointer<Packet>,
        _ numbers: UnsafeMutablePointer<PlainList<Int32>>
    ) {
        let count = numbers.pointee.count
        if place == 0 {
            for early in 0..<min(Ahead.bucket, count) {
                prefetchBucket(packets + Int(numbers.pointee[early]), early)
            }
        }
        if place &+ Ahead.packet < count {
            prefetch(packets + Int(numbers.pointee[place &+ Ahead.packet]))
        }
        if place &+ Ahead.bucket < count {
            let place = place &+ Ahead.bucket
            prefetchBucket(packets + Int(numbers.pointee[place]), place)
        }
        if place &+ Ahead.flow < count { flows.prefetchFlow(of: hash(at: place &+ Ahead.flow)) }
        if place &+ Ahead.states < count,
            let flow = flows.probableFlow(of: hash(at: place &+ Ahead.states))
        {
            streams.connections.prefetch(of: flow)
            sessions.prefetch(of: flow)
            matcher.streams.prefetch(of: flow)
        }
    }

    /// Asks for a packet's bucket and its first payload bytes, and keeps its hash.
    @inline(__always)
    private func prefetchBucket(_ packet: UnsafePointer<Packet>, _ place: Int) {
        let hash = flows.hash(of: packet)
        hashes[place & (Self.hashCount - 1)] = hash
        flows.prefetchBucket(of: hash)
        let payload = packet.pointee.payload
        prefetch(payload.baseAddress, byteCount: min(payload.count, 128))
    }

    @inline(__always) private func hash(at place: Int) -> UInt64 {
        hashes[place & (Self.hashCount - 1)]
    }

    /// Adds what the shard's stages counted.
    func report(into counters: inout Counters) {
        flows.report(into: &counters)
        streams.counts.report(into: &counters)
        sessions.report(into: &counters)
        matcher.report(into: &counters)
    }

    // MARK: Packets

    private func inspect(
        _ packet: UnsafePointer<Packet>, hash: UInt64, _ findings: Findings
    ) {
        let tracked = flows.track(packet, hash: hash)
        while let flow = flows.nextDisplaced() { end(flow, findings) }
        findings.begin(OrderKey(packet))
        if let recorder, !packet.pointee.anomalies.isEmpty {
            recorder.anomalies(packet.pointee.anomalies, place(packet, tracked), into: findings)
        }
        if let tracked {
            switch packet.pointee.transport {
            case .tcp: inspectSegment(packet, tracked, findings)
            case .udp: inspectDatagram(packet, tracked, findings)
            default: inspectPacket(packet, tracked)
            }
            flows.settle(tracked.flow)
            if packet.pointee.transport == .tcp {
                matcher.settle(tracked.flow, tracked.direction, packet)
            }
        } else {
            inspectPacket(packet, nil)
        }
        matcher.drain { findings.add($0) }
    }

    private func inspectPacket(
        _ packet: UnsafePointer<Packet>, _ tracked: TrackedFlow?,
        _ segment: SegmentView = SegmentView()
    ) {
        guard matcher.looks(at: packet.pointee.namedTransport) else { return }
        var place = place(packet, tracked)
        place.isOfPacket = true
        place.isEstablished = segment.isEstablished
        place.streamAnomalies = segment.anomalies
        place.protocolAnomalies = segment.protocolAnomalies
        if let opacity = segment.opacity { place.opacity = opacity }
        if let tracked {
            place.isNewlyKnown = sessions.takeNews(of: tracked.flow, tracked.direction)
            place.isKnown = sessions.isKnown(tracked.flow, tracked.direction)
            if place.isKnown {
                sessions.describeSender(tracked.flow, tracked.direction, in: &place)
            }
        }
        matcher.inspect(packet, place, isInStream: segment.isInStream)
    }

    private func inspectSegment(
        _ packet: UnsafePointer<Packet>, _ tracked: TrackedFlow, _ findings: Findings
    ) {
        let wasEstablished = tracked.flow.pointee.state == .established
        let opacity = sessions.opacity(of: tracked.flow)
        let wasOpen = tracked.flow.pointee.tcpState.isOpen
        tracked.flow.pointee[unseen: tracked.direction].hasMessage = false
        streams.process(packet, tracked.flow, tracked.direction)
        if wasOpen, !tracked.flow.pointee.tcpState.isOpen { noteClosing(tracked) }
        if let recorder, !streams.anomalies.isEmpty {
            recorder.anomalies(streams.anomalies, place(packet, tracked), into: findings)
        }
        if !streams.deliveries.isEmpty {
            deliver(place(packet, tracked), tracked.flow, findings)
        }
        let protocolAnomalies = sessions.takeAnomalies(of: tracked.flow)
        recorder?.anomalies(protocolAnomalies, place(packet, tracked), into: findings)
        // Behind the protocols, so that rules know what the flow speaks.
        inspectPacket(
            packet, tracked,
            SegmentView(
                isEstablished: wasEstablished || streams.isEstablished,
                isInStream: streams.isInStream, anomalies: streams.anomalies,
                protocolAnomalies: protocolAnomalies, opacity: opacity))
    }

    /// Notes that the packet which closes a connection ends a transaction, whose other direction has no packet any more.
    private func noteClosing(_ tracked: TrackedFlow) {
        guard sessions.definition(of: tracked.flow)?.lastsToEnd ?? false else { return }
        tracked.flow.pointee[unseen: tracked.direction.reversed].hasMessage = true
    }

    /// What rules on packets ask of a segment.
    private struct SegmentView {
        /// The connection was established before the packet, or is with its payload.
        var isEstablished: Bool?
        /// The payload is part of a stream that is put together.
        var isInStream = false
        /// What was odd about it.
        var anomalies = StreamAnomalySet()
        /// What became odd about what the flow speaks.
        var protocolAnomalies = ProtocolAnomalySet()
        /// What rules could not look at before it: a packet that makes a stream opaque is looked at itself.
        var opacity: Opacity?
    }

    private func inspectDatagram(
        _ packet: UnsafePointer<Packet>, _ tracked: TrackedFlow, _ findings: Findings
    ) {
        // Also with a wrong checksum: nothing is put together of datagrams that one too many could spoil.
        let payload = packet.pointee.payload
        sessions.datagram(payload, tracked.direction, flow: tracked.flow, output: parsed)
        let place = place(packet, tracked)
        matcher.inspect(datagram: payload, tracked.direction, place)
        inspectTransactions(place, findings)
        inspectPacket(packet, tracked)
    }

    /// Takes what became certain of a stream to its protocol and to the rules.
    private func deliver(_ place: Place, _ flow: FlowPointer, _ findings: Findings) {
        var place = place
        for index in streams.deliveries.indices {
            let chunk = streams.deliveries[index]
            let opacity = place.opacity
            sessions.consume(chunk, flow: flow, output: parsed)
            sessions.describe(flow, in: &place)
            matcher.inspect(chunk, place)
            if isCollected(place, before: opacity) { matcher.collect(chunk, place) }
            inspectTransactions(place, findings)
        }
    }

    /// Whether rules on payload look at the piece of a stream that was consumed last. What makes a stream opaque is looked at
    /// where it ends a message, or where messages end no chunk.
    private func isCollected(_ place: Place, before opacity: Opacity) -> Bool {
        guard opacity == .clear else { return false }
        return place.opacity == .clear || !parsed.events.isEmpty
            || place.applicationProtocol?.chunkEnds == .never
    }

    private func inspectTransactions(_ place: Place, _ findings: Findings) {
        for index in parsed.events.indices {
            switch parsed.events[index].kind {
            case .progress:
                guard let transaction = parsed.events[index].transaction else { continue }
                noteSurprise(in: transaction, place)
                matcher.inspect(transaction, place)
                endChunk(transaction, parsed.events[index].direction, place)
                // Both directions may have become complete at once: two events, one record.
                if transaction.isComplete, !transaction.isRecorded {
                    transaction.isRecorded = true
                    recorder?.finished(transaction, place, into: findings)
                }
            case .chunkEnd:
                endChunk(parsed.events[index].direction, place)
            case .anomaly(let number):
                inspect(anomaly: number, parsed.events[index], place, findings)
            }
        }
        parsed.drain()
    }

    private func inspect(
        anomaly index: Int, _ event: ParserOutput.Event, _ place: Place, _ findings: Findings
    ) {
        let definition = event.transaction?.definition ?? place.applicationProtocol
        guard let definition else { return }
        if let transaction = event.transaction {
            matcher.inspect(transaction, place)
        } else {
            matcher.inspect(anomaly: index, event.direction, of: definition, place)
        }
        recorder?.anomaly(
            definition.anomalyName(index), layer: "applayer", place, into: findings)
    }

    /// Notes the sides of a transaction that became complete at once and not with a packet of their own: no rule on such
    /// packets could see them.
    private func noteSurprise(in transaction: Transaction, _ place: Place) {
        guard transaction.definition.chunkEnds == .messages else { return }
        noteSurprise(transaction, .toServer, place)
        noteSurprise(transaction, .toClient, place)
    }

    @inline(__always)
    private func noteSurprise(_ transaction: Transaction, _ direction: Direction, _ place: Place) {
        guard transaction.progress(direction) == .complete,
            transaction.inspectedProgress(direction) == .none
        else { return }
        let direction = place.isReversed ? direction.reversed : direction
        place.flow?.pointee[unseen: direction].hasMessage = place.direction != direction
    }

    /// Lets rules on payload look at a direction's stream where the protocol ends a chunk.
    private func endChunk(_ transaction: Transaction, _ direction: Direction, _ place: Place) {
        switch place.applicationProtocol?.chunkEnds ?? .never {
        case .never: return
        case .messages
        where transaction.progress(direction) != .complete || transaction.opensTunnel:
            return
        case .messages, .steps: endChunk(direction, place)
        }
    }

    /// What is spoken inside of another protocol does not count.
    private func endChunk(_ direction: Direction, _ place: Place) {
        guard let flow = place.flow, place.applicationProtocol?.isKept != true else { return }
        matcher.endMessage(flow, place.isReversed ? direction.reversed : direction)
    }

    // MARK: Places

    private func place(_ packet: UnsafePointer<Packet>, _ tracked: TrackedFlow?) -> Place {
        var place = Place(
            packet: packet, flow: tracked?.flow, direction: tracked?.direction,
            timestamp: packet.pointee.timestamp)
        if let flow = tracked?.flow { sessions.describe(flow, in: &place) }
        return place
    }

    // MARK: Ends of flows

    /// Lets rules look at what they have not seen of a direction of a flow that ends.
    ///
    /// - Parameter opacity: what could still be looked at before the flow ended.
    private func inspectRest(
        _ direction: Direction, _ isOpen: Bool, _ opacity: Opacity, _ place: Place
    ) {
        guard let flow = place.flow else { return }
        let unseen = flow.pointee[unseen: direction]
        if opacity == .clear || place.applicationProtocol?.chunkEnds == .never {
            matcher.inspectChunk(endOf: flow, direction, place)
        }
        if isOpen || !unseen.isEmpty { matcher.inspect(lastOf: direction, place) }
    }

    private func end(_ flow: FlowPointer, _ findings: Findings) {
        findings.begin(OrderKey(endOf: flow))
        var place = Place(flow: flow, direction: .toServer, timestamp: flow.pointee.end)
        let isOpen = flow.pointee.tcpState.isOpen
        let opacity = sessions.opacity(of: flow)
        if flow.pointee.transport == .tcp {
            streams.finish(flow)
            deliver(place, flow, findings)
        }
        sessions.finish(flow, output: parsed)
        sessions.describe(flow, in: &place)
        inspectTransactions(place, findings)
        inspectRest(.toServer, isOpen, opacity, place)
        inspectRest(.toClient, isOpen, opacity, place)
        let knowledge = FlowFields.Knowledge(
            applicationProtocol: place.applicationProtocol?.name
                ?? (place.hasFailed ? "failed" : nil),
            serverName: sessions.serverName(of: flow))
        matcher.inspect(endOf: flow, knowledge, place)
        matcher.settle(endOf: flow)
        recorder?.ended(flow, applicationProtocol: knowledge.applicationProtocol, into: findings)
        matcher.drain { findings.add($0) }
        sessions.release(flow)
        matcher.release(flow)
        flows.free(flow)
    }
}
