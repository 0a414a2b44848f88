extension Matcher {
    /// Whether there are rules on packets of a transport.
    @inline(__always) func looks(at transport: Transport) -> Bool {
        !compiled.packetGroups.elements[Int(transport.rawValue)].isEmpty
            || transport == .tcp && compiled.looksAtChunks
    }

    /// Evaluates the rules on packets. A rule holds once on a packet, whether on the payload or on the chunk of its stream
    /// that is due with it.
    ///
    /// - Parameter isInStream: the payload is part of a stream that is put together.
    func inspect(
        _ packet: UnsafePointer<Packet>, _ place: CommonFields.Context, isInStream: Bool = false
    ) {
        guard place.opacity != .packets else { return }
        let transport = packet.pointee.transport
        let due = transport == .tcp ? takeDueChunk(place) : nil
        var traffic = Traffic(packet, place, hasDueData: due != nil)
        traffic.flow.formIntersection(askedTests)
        var firedCount = 0
        if let due, let direction = place.direction {
            let first = candidates.count
            inspectChunk(due, direction, packet, place, traffic)
            if candidates.count > first { firedCount = candidates.count }
        }
        let group = compiled.packetGroups.elements + Int(traffic.transport.rawValue)
        inspect(
            packet, place, traffic, UnsafePointer(group), packetMemo, firedCount, isStray: false)
        if transport == .tcp, !isInStream, place.opacity == .clear {
            let group = UnsafePointer(compiled.strayGroups.elements)
            inspect(packet, place, traffic, group, strayMemo, firedCount, isStray: true)
        }
    }

    /// - Parameters:
    ///   - firedCount: how many candidates there are already whose rules are not asked again.
    ///   - isStray: the group is that of segments which are in no stream.
    private func inspect(
        _ packet: UnsafePointer<Packet>, _ place: CommonFields.Context, _ traffic: Traffic,
        _ group: UnsafePointer<RuleGroup>, _ memo: TrafficMemo, _ firedCount: Int, isStray: Bool
    ) {
        guard !group.pointee.isEmpty else { return }
        var hasBegun = false
        if packet.pointee.inspectedByteCount > 0, place.opacity == .clear {
            for index in 0..<group.pointee.scans.count {
                let scan = group.pointee.scans[index]
                guard scan.pointee.direction == place.direction else { continue }
                scanOnce(packet.pointee.inspectedPayload, scan, traffic) { rule in
                    ask(rule, packet, place, firedCount, &hasBegun)
                }
            }
        }
        let kind = isStray ? nil : RulelessPackets.kind(of: packet, place)
        if let kind, let flow = place.flow {
            guard !flow.pointee.ruleless.contain(kind, traffic.flow.rawValue) else { return }
        }
        let count = memo.forEachRule(of: group.pointee.unanchored, passedBy: traffic) { rule in
            passes(rule, traffic)
        } _: { rule in
            ask(rule, packet, place, firedCount, &hasBegun)
        }
        if count == 0, let kind, let flow = place.flow {
            flow.pointee.ruleless.insert(kind, traffic.flow.rawValue)
        }
    }

    /// Asks a rule about a packet.
    ///
    /// - Parameter hasBegun: the packet is the present event of the evaluator.
    @inline(__always)
    private func ask(
        _ rule: Int, _ packet: UnsafePointer<Packet>, _ place: CommonFields.Context,
        _ firedCount: Int, _ hasBegun: inout Bool
    ) {
        if firedCount > 0, candidates[..<firedCount].contains(where: { $0.form == rule }) { return }
        if !hasBegun {
            hasBegun = true
            evaluator.event.begin(packet, subject: subjects.packet, place)
        }
        ask(rule) {}
    }
}

extension RulelessPackets {
    /// By who sends, and with payload or without; nil for packets that do not go from one end of their flow to the other: an
    /// ICMP error belongs to the flow of the packet that it quotes.
    @inline(__always) fileprivate static func kind(
        of packet: UnsafePointer<Packet>, _ place: CommonFields.Context
    ) -> Int? {
        let transport = packet.pointee.transport
        guard transport == .tcp || transport == .udp, place.flow?.pointee.transport == transport
        else { return nil }
        return (place.direction == .toClient ? 2 : 0)
            | (packet.pointee.inspectedByteCount > 0 ? 1 : 0)
    }
}

// MARK: - Chunks

/// A chunk is what a direction of a TCP stream has come to since the last look. It is looked at with the next packet that
/// goes the same way when a message has ended in it, when it is large enough, or when the connection is about to close;
/// what is left, when the flow ends. So rules find what stands in several segments, and find it once.
extension Matcher {
    /// Bytes that make a chunk due (Suricata's `stream.reassembly.toserver-chunk-size` and `toclient-chunk-size`).
    private static let dueByteCount = 2560

    /// Adds the next piece of a direction to its chunk.
    func collect(_ piece: StreamChunk, _ place: CommonFields.Context) {
        guard let flow = place.flow else { return }
        note(piece, &flow.pointee[unseen: piece.direction])
        let direction = Int(piece.direction.rawValue)
        guard compiled.looksAtChunks,
            let traffic = Traffic(place, sending: piece.direction, isReversed: false),
            compiled.chunkFilters.elements[direction]
                .letsPass(traffic.sourcePort, traffic.destinationPort)
        else { return }
        let side = streams.side(of: flow, piece.direction)
        switch piece.kind {
        case .data:
            var rest = piece.bytes
            while !rest.isEmpty {
                let room = streams.chunks.byteCountMax &- side.pointee.chunk.byteCount
                let part = UnsafeRawBufferPointer(rebasing: rest.prefix(room))
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(room))
                if !streams.chunks.append(part, to: &side.pointee.chunk) {
                    // Without memory for a chunk the piece is looked at by itself.
                    inspect(chunk: part, piece.direction, nil, place, traffic)
                } else if side.pointee.chunk.byteCount == streams.chunks.byteCountMax {
                    inspectChunk(side, piece.direction, nil, place, traffic)
                }
            }
        case .gap: inspectChunk(side, piece.direction, nil, place, traffic)
        case .end: break
        }
    }

    /// Also where no rule wants the bytes: what rules without payload ask does not depend on other rules.
    private func note(_ piece: StreamChunk, _ unseen: inout UnseenData) {
        switch piece.kind {
        case .data:
            unseen.byteCount &+= UInt32(
                truncatingIfNeeded: min(piece.bytes.count, Self.dueByteCount))
        case .gap: unseen.byteCount = 0
        case .end: unseen.isDue = true
        }
    }

    /// Makes a direction's chunk due: a message ended in it.
    func endMessage(_ flow: FlowPointer, _ direction: Direction) {
        flow.pointee[unseen: direction].isDue = true
    }

    /// Evaluates the rules on what is left of a direction of a flow that ends.
    func inspectChunk(
        endOf flow: FlowPointer, _ direction: Direction, _ place: CommonFields.Context
    ) {
        guard flow.pointee.matchState >= 0,
            let traffic = Traffic(place, sending: direction, isReversed: false)
        else { return }
        inspectChunk(streams.side(of: flow, direction), direction, nil, place, traffic)
    }

    /// Evaluates the rules that look at the end of a connection too, as if a last packet of a direction came that holds
    /// nothing.
    func inspect(lastOf direction: Direction, _ place: CommonFields.Context) {
        let group = UnsafePointer(compiled.endGroups.elements)
        guard !group.pointee.isEmpty, place.opacity != .packets,
            let traffic = Traffic(place, sending: direction, isReversed: false)
        else { return }
        var place = place
        place.direction = direction
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        evaluator.event.begin(chunk: nothing, nil, subject: subjects.packet, place)
        group.pointee.unanchored.forEachRule(about: traffic) { rule in
            ask(rule, traffic) {}
        }
    }

    /// The side whose chunk is looked at with a packet of its direction; nil if none is due, or no rule wants it.
    private func takeDueChunk(
        _ place: CommonFields.Context
    ) -> UnsafeMutablePointer<StreamStates.Side>? {
        guard place.opacity == .clear, let flow = place.flow, let direction = place.direction
        else { return nil }
        let unseen = flow.pointee[unseen: direction]
        guard
            unseen.isDue || unseen.byteCount >= Self.dueByteCount
                || flow.pointee.tcpState.isClosing
        else { return nil }
        flow.pointee[unseen: direction] = UnseenData()
        guard flow.pointee.matchState >= 0 else { return nil }
        let side = streams.side(of: flow, direction)
        return side.pointee.chunk.byteCount > 0 ? side : nil
    }

    private func inspectChunk(
        _ side: UnsafeMutablePointer<StreamStates.Side>, _ direction: Direction,
        _ packet: UnsafePointer<Packet>?, _ place: CommonFields.Context, _ traffic: Traffic
    ) {
        guard side.pointee.chunk.byteCount > 0 else { return }
        inspect(chunk: side.pointee.chunk.bytes, direction, packet, place, traffic)
        streams.chunks.release(&side.pointee.chunk)
    }

    private func inspect(
        chunk: UnsafeRawBufferPointer, _ direction: Direction, _ packet: UnsafePointer<Packet>?,
        _ place: CommonFields.Context, _ traffic: Traffic
    ) {
        let group = UnsafePointer(compiled.chunkGroups.elements + Int(direction.rawValue))
        guard !group.pointee.isEmpty else { return }
        var place = place
        place.direction = direction
        var traffic = traffic
        traffic.flow.remove([.noStream, .firstPacket, .protocolKnown, .withoutPayload])
        traffic.flow.insert([.onlyStream, .withPayload])
        var hasBegun = false
        func ask(_ rule: Int) {
            self.ask(rule) {
                guard !hasBegun else { return }
                hasBegun = true
                evaluator.event.begin(chunk: chunk, packet, subject: subjects.packet, place)
            }
        }
        for index in 0..<group.pointee.scans.count {
            scanOnce(chunk, group.pointee.scans[index], traffic) { ask($0) }
        }
        group.pointee.unanchored.forEachRule(about: traffic) { rule in
            if passes(rule, traffic) { ask(rule) }
        }
    }
}

extension TCPState {
    /// Little more will come: what came need not wait for more.
    fileprivate var isClosing: Bool {
        switch self {
        case .lastAck, .closeWait, .closing, .closed: true
        default: false
        }
    }
}
