/// The opening of connections: three-way and four-way handshake, Fast Open, and what starts in the
/// middle.
extension TCPReassembler {
    /// The window of a connection whose handshake was not seen: the largest that RFC 7323 §2.3
    /// allows.
    private static let unknownWindow: Int64 = 65_535 << 14

    /// The first packet of a flow that has no connection yet.
    func open(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ direction: Direction
    ) -> Bool {
        let flags = packet.pointee.tcpFlags
        if flags.contains(.rst) {
            anomalies.insert(.rstWithoutSession)
        } else if flags.contains(.fin), !settings.midstream || packet.pointee.payloadByteCount == 0
        {
            anomalies.insert(.finWithoutSession)
        } else if flags.contains(.syn), !flags.contains(.ack) {
            return openBySYN(packet, flow, direction)
        } else if flags.contains(.syn), settings.midstream || settings.asyncOneside {
            return openBySYNACK(packet, flow, direction)
        } else if flags.contains(.ack), settings.midstream {
            return openMidstream(packet, flow, direction)
        }
        counts.withoutSession &+= 1
        return false
    }

    private func allocate(_ flow: FlowPointer) -> ConnectionPointer? {
        guard let slot = connections.allocate() else {
            counts.sessionMemcapDrop &+= 1
            return nil
        }
        counts.sessions &+= 1
        flow.pointee.connection = slot
        let connection = connections.connection(slot)
        connection.pointee.client.policy = settings.hostPolicies.policy(of: flow.pointee.server)
        connection.pointee.server.policy = settings.hostPolicies.policy(of: flow.pointee.client)
        return connection
    }

    private func openBySYN(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ direction: Direction
    ) -> Bool {
        guard direction == .toServer, let connection = allocate(flow) else { return false }
        connection.pointee.state = .synSent
        connection.pointee.client.initialSequence = packet.pointee.tcpSequence
        let segment = TCPSegment(packet, flow, connection, direction)
        takeSYN(segment)
        if segment.options.hasFastOpen { connection.pointee.flags.insert(.fastOpen) }
        storeSYNData(segment)
        note(.synSent, of: connection, in: flow)
        // Without Fast Open (RFC 7413) a receiver may well drop the data: rules look at them here, as Suricata does.
        return segment.options.hasFastOpen || !segment.hasPayload
    }

    private func openBySYNACK(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ direction: Direction
    ) -> Bool {
        guard direction == .toClient, let connection = allocate(flow) else { return false }
        counts.midstreamPickups &+= 1
        connection.pointee.state = .synReceived
        connection.pointee.flags.insert(.midstream)
        connection.pointee.client.initialSequence = packet.pointee.tcpAcknowledgment &- 1
        connection.pointee.server.initialSequence = packet.pointee.tcpSequence
        let segment = TCPSegment(packet, flow, connection, direction)
        takeSYN(segment)
        // What the client's SYN said is not known: the server answers with an option only if the
        // client had it too.
        connection.pointee.client.windowScale =
            segment.options.windowScale == nil ? 0 : SegmentOptions.windowScaleMax
        connection.pointee.client.windowEnd = segment.sender.pointee.window
        connection.pointee.server.windowEnd = Self.unknownWindow
        if segment.options.hasTimestamp { connection.pointee.flags.insert(.timestamps) }
        note(.synReceived, of: connection, in: flow)
        return true
    }

    /// Picks up a connection by a packet in its middle: what it says of both ends is taken for
    /// granted.
    private func openMidstream(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ direction: Direction
    ) -> Bool {
        guard let connection = allocate(flow) else { return false }
        counts.midstreamPickups &+= 1
        connection.pointee.flags = [.midstream, .timestamps]
        connection.stream(direction).pointee.initialSequence = packet.pointee.tcpSequence &- 1
        connection.stream(direction.reversed).pointee.initialSequence =
            packet.pointee.tcpAcknowledgment &- 1
        for stream in [connection.stream(.toServer), connection.stream(.toClient)] {
            stream.pointee.windowScale = SegmentOptions.windowScaleMax
            stream.pointee.windowEnd = Self.unknownWindow
        }
        establish(connection, flow)
        let isAccepted = processOpen(TCPSegment(packet, flow, connection, direction))
        note(connection.pointee.state, of: connection, in: flow)
        return isAccepted
    }

    private func establish(_ connection: ConnectionPointer, _ flow: FlowPointer) {
        connection.pointee.state = .established
        connection.pointee.flags.insert(.established)
        if settings.asyncOneside, !flow.pointee.hasSeenBothDirections {
            connection.pointee.flags.insert(.oneSided)
        }
    }

    /// Window, scale and timestamp of a SYN or SYN/ACK. The window in them is never scaled (RFC
    /// 7323 §2.2).
    private func takeSYN(_ segment: TCPSegment) {
        takeWindow(segment)
        if segment.options.hasTimestamp { takeTimestamp(segment) }
    }

    private func takeWindow(_ segment: TCPSegment) {
        segment.sender.pointee.window = Int64(segment.packet.pointee.tcpWindow)
        segment.sender.pointee.offersWindowScale = segment.options.windowScale != nil
        segment.sender.pointee.windowScale = segment.options.windowScale ?? 0
    }

    /// Data on a SYN (RFC 9293 §3.4, RFC 7413): it counts if the SYN/ACK acknowledges it.
    private func storeSYNData(_ segment: TCPSegment) {
        let start = segment.sender.pointee.position(
            of: segment.packet.pointee.tcpSequence &+ 1)
        store(segment.moved(to: start))
    }
}

// MARK: - SYN-SENT

extension TCPReassembler {
    /// A packet after the SYN, before the SYN/ACK.
    func processSYNSent(_ segment: TCPSegment) -> Bool {
        let flags = segment.flags
        // Nothing is acknowledged yet, and Suricata takes the number 0 for what is.
        if segment.hasPayload,
            Int32(truncatingIfNeeded: segment.packet.pointee.tcpSequence)
                &+ Int32(
                    truncatingIfNeeded: segment.packet.pointee.payloadByteCount) <= 0
        {
            anomalies.insert(.spuriousRetransmission)
        }
        if segment.direction == .toClient, flags.isSuperset(of: [.syn, .ack]),
            !flags.contains(.rst)
        {
            return processSYNACK(segment)
        }
        guard hasValidEcho(segment) else {
            anomalies.insert(.invalidTimestamp)
            return false
        }
        if flags.contains(.rst) { return processResetBeforeSYNACK(segment) }
        switch (flags.contains(.syn), flags.contains(.ack), segment.direction) {
        case (true, true, .toServer):
            anomalies.insert(.handshakeSYNACKInWrongDirection)
            return false
        case (true, false, .toServer): return processSYNAgain(segment)
        case (true, false, .toClient):
            processSYNFromServer(segment)
            return true
        case (false, true, .toServer) where settings.asyncOneside:
            return openOneSided(segment)
        default: return false
        }
    }

    /// Whether what the server answers to a SYN echoes its timestamp (RFC 7323 §3.2), or none where it
    /// had none: whoever makes up an answer cannot know it. Of SYNs that were sent more than once
    /// any may be the one.
    private func hasValidEcho(_ segment: TCPSegment) -> Bool {
        let (client, echo) = (segment.receiver, segment.options.timestampEcho)
        guard segment.direction == .toClient, segment.options.hasTimestamp, echo != 0 else {
            return true
        }
        if client.pointee.hasTimestamp,
            client.pointee.timestamp == 0 || client.pointee.timestamp == echo
        {
            return true
        }
        return segment.connection.pointee.isCandidate(timestamp: echo)
    }

    private func processResetBeforeSYNACK(_ segment: TCPSegment) -> Bool {
        if segment.direction == .toServer {
            guard segment.start == 0 || segment.start == -1 else { return false }
        } else {
            // Only a RST that acknowledges the SYN is one (RFC 9293 §3.10.7.3).
            guard segment.flags.contains(.ack) else { return false }
            guard segment.ack >= 0, segment.ack <= segment.receiver.pointee.expected else {
                anomalies.insert(.invalidAck)
                anomalies.insert(.rstInvalidAck)
                return false
            }
        }
        reset(segment)
        return true
    }

    private func processSYNAgain(_ segment: TCPSegment) -> Bool {
        let client = segment.sender
        let first = TCPConnection.Candidate(
            sequence: client.pointee.initialSequence, timestamp: client.pointee.timestamp)
        // Which of several timestamps counts shows in the answer.
        if segment.candidate.sequence == first.sequence { takeWindow(segment) }
        guard segment.candidate != first else { return true }
        if !segment.connection.pointee.addCandidate(
            segment.candidate, limit: settings.synQueuedMax)
        {
            anomalies.insert(.handshakeSYNFlood)
        }
        return true
    }

    /// The server sends a SYN of its own: simultaneous open, or a split handshake (RFC 9293 §3.5).
    private func processSYNFromServer(_ segment: TCPSegment) {
        segment.connection.pointee.flags.insert(.fourWay)
        segment.sender.pointee.initialSequence = segment.packet.pointee.tcpSequence
        takeSYN(segment)
        agree(segment)
        segment.connection.pointee.state = .synReceived
    }

    private func processSYNACK(_ segment: TCPSegment) -> Bool {
        let client = segment.receiver
        var ack = segment.ack
        if segment.connection.pointee.isCandidate(
            sequence: segment.packet.pointee.tcpAcknowledgment &- 1)
        {
            client.pointee.initialSequence = segment.packet.pointee.tcpAcknowledgment &- 1
            ack = 0
        }
        guard ack >= 0, ack <= client.pointee.expected else {
            anomalies.insert(.handshakeSYNACKWithWrongAck)
            return false
        }
        guard hasValidEcho(segment) else {
            anomalies.insert(.invalidTimestamp)
            return false
        }
        if segment.options.timestampEcho != 0,
            !client.pointee.hasTimestamp || client.pointee.timestamp != 0
        {
            client.pointee.timestamp = segment.options.timestampEcho
            client.pointee.hasTimestamp = true
        }
        if ack < client.pointee.expected {
            // The server did not take the SYN's data.
            if segment.connection.pointee.flags.contains(.fastOpen) {
                anomalies.insert(.handshakeFastOpenDataIgnored)
            }
            client.pointee.queue.removeAll(pool)
            client.pointee.expected = ack
        }
        client.pointee.acked = ack
        segment.connection.pointee.candidateCount = 0
        segment.sender.pointee.initialSequence = segment.packet.pointee.tcpSequence
        takeSYN(segment)
        agree(segment)
        storeSYNData(TCPSegment(segment.packet, segment.flow, segment.connection, .toClient))
        segment.connection.pointee.state = .synReceived
        return true
    }

    /// Both SYNs were seen: which options hold, and how much each end may send.
    private func agree(_ segment: TCPSegment) {
        let (a, b) = (segment.sender, segment.receiver)
        if !a.pointee.offersWindowScale || !b.pointee.offersWindowScale {
            a.pointee.windowScale = 0
            b.pointee.windowScale = 0
        }
        if a.pointee.hasTimestamp, b.pointee.hasTimestamp {
            segment.connection.pointee.flags.insert(.timestamps)
        }
        a.pointee.windowEnd = b.pointee.window
        b.pointee.windowEnd = b.pointee.acked &+ a.pointee.window
    }

    /// The client's acknowledgement shows that the server answered, though the answer is not seen.
    private func openOneSided(_ segment: TCPSegment) -> Bool {
        guard segment.start >= 0,
            segment.start <= segment.sender.pointee.expected &+ Self.unknownWindow
        else {
            anomalies.insert(.handshakeAsyncWrongSequence)
            return false
        }
        segment.receiver.pointee.initialSequence = segment.packet.pointee.tcpAcknowledgment &- 1
        segment.sender.pointee.windowEnd = Self.unknownWindow
        segment.receiver.pointee.windowEnd = Self.unknownWindow
        segment.receiver.pointee.windowScale = SegmentOptions.windowScaleMax
        establish(segment.connection, segment.flow)
        return processOpen(
            TCPSegment(segment.packet, segment.flow, segment.connection, segment.direction))
    }
}

// MARK: - SYN-RECEIVED

extension TCPReassembler {
    /// A packet after the SYN/ACK, before the client's acknowledgement.
    func processSYNReceived(_ segment: TCPSegment) -> Bool {
        let flags = segment.flags
        if flags.contains(.rst) {
            guard isAcceptableReset(segment) else { return false }
            reset(segment)
            return true
        }
        if segment.connection.pointee.flags.contains(.fourWay) { return processFourWay(segment) }
        switch (flags.contains(.syn), flags.contains(.ack), segment.direction) {
        case (true, true, .toServer):
            anomalies.insert(.handshakeSYNACKToServer)
            return false
        case (true, true, .toClient): return processSYNACKAgain(segment)
        case (true, false, .toServer):
            guard segment.start == -1 else {
                anomalies.insert(.handshakeSYNResentWithOtherSequence)
                return false
            }
            return true
        case (true, false, .toClient):
            anomalies.insert(.handshakeSYNToClient)
            return false
        case (false, true, .toServer): return processAckOfSYNACK(segment)
        case (false, true, .toClient): return processServerBeforeAck(segment)
        case (false, false, _): return false
        }
    }

    private func processSYNACKAgain(_ segment: TCPSegment) -> Bool {
        guard segment.ack == segment.receiver.pointee.acked else {
            anomalies.insert(.handshakeSYNACKResentWithOtherAck)
            return false
        }
        guard segment.start != -1 else { return true }
        if !segment.connection.pointee.addCandidate(
            segment.candidate, limit: settings.synackQueuedMax)
        {
            anomalies.insert(.handshakeSYNACKFlood)
            return false
        }
        return true
    }

    private func processAckOfSYNACK(_ segment: TCPSegment) -> Bool {
        var segment = segment
        let server = segment.receiver
        if segment.ack < 0 || segment.ack > server.pointee.expected,
            segment.connection.pointee.isCandidate(
                sequence: segment.packet.pointee.tcpAcknowledgment &- 1)
        {
            server.pointee.queue.removeAll(pool)
            server.pointee.expected = 0
            server.pointee.initialSequence = segment.packet.pointee.tcpAcknowledgment &- 1
            segment = TCPSegment(
                segment.packet, segment.flow, segment.connection, segment.direction)
        }
        let isInWindow =
            segment.start >= 0 && segment.end <= segment.sender.pointee.windowEnd
        guard segment.ack >= 0, segment.ack <= server.pointee.expected else {
            anomalies.insert(
                segment.start == segment.sender.pointee.expected
                    ? .handshakeRightSequenceWrongAck : .handshakeWrongSequenceWrongAck)
            return false
        }
        guard isInWindow, hasValidTimestamp(segment) else {
            anomalies.insert(isInWindow ? .invalidTimestamp : .handshakeWrongSequenceWrongAck)
            return false
        }
        establish(segment.connection, segment.flow)
        if segment.options.hasTimestamp, segment.start == 0 { takeTimestamp(segment) }
        return processOpen(segment)
    }

    /// The server goes on before the client's acknowledgement was seen. If it sends data, it has
    /// seen it; with Fast Open it need not have.
    private func processServerBeforeAck(_ segment: TCPSegment) -> Bool {
        let isPlausible =
            segment.start >= 0 && segment.end <= segment.sender.pointee.windowEnd
            && segment.ack >= 0 && segment.ack <= segment.receiver.pointee.ackEnd
        guard isPlausible else {
            anomalies.insert(
                segment.hasPayload ? .handshakeAckDataInject : .handshakeAckInWrongDirection)
            return false
        }
        guard
            segment.hasPayload || segment.flags.contains(.fin) || settings.asyncOneside
        else { return true }
        establish(segment.connection, segment.flow)
        return processOpen(segment)
    }

    /// Both ends sent a SYN: each now acknowledges the other's, with a SYN/ACK or an ACK.
    private func processFourWay(_ segment: TCPSegment) -> Bool {
        let isSYN = segment.flags.contains(.syn)
        guard segment.flags.contains(.ack) else { return isSYN && segment.start == -1 }
        let isRightSequence = isSYN ? segment.start == -1 : segment.start == 0
        guard isRightSequence else {
            // The server's SYN/ACK is an ordinary one as well, that chose another number.
            guard !isSYN || segment.direction == .toServer else { return false }
            anomalies.insert(isSYN ? .fourWaySYNACKWithWrongSYN : .fourWayWrongSequence)
            return false
        }
        guard segment.ack == 0 else {
            anomalies.insert(isSYN ? .fourWaySYNACKWithWrongAck : .fourWayInvalidAck)
            return false
        }
        // The client's SYN/ACK is one half; what the server says after it completes the handshake.
        if segment.direction == .toServer, isSYN { return true }
        establish(segment.connection, segment.flow)
        return isSYN || processOpen(segment)
    }
}
