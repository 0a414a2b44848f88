/// Connections that are open: acknowledgements, windows, data, and the ways to close.
extension TCPReassembler {
    /// A packet of an open or closing connection.
    @inline(__always) func processOpen(_ segment: TCPSegment) -> Bool {
        let flags = segment.flags
        if !flags.isDisjoint(with: [.syn, .rst]) {
            return flags.contains(.rst) ? processReset(segment) : processLateSYN(segment)
        }
        guard hasValidTimestamp(segment) else {
            anomalies.insert(.invalidTimestamp)
            return false
        }
        // Without ACK a segment is dropped (RFC 9293 §3.10.7.4, fifth), but some take its FIN.
        guard !flags.isDisjoint(with: [.ack, .fin]), isAcceptable(segment) else { return false }
        if segment.connection.pointee.flags.contains(.timestamps), segment.options.hasTimestamp,
            !segment.hasPayload || flags.contains(.fin),
            segment.start == segment.sender.pointee.sentEnd
        {
            takeTimestamp(segment)
        }
        if flags.contains(.ack) { acknowledge(segment) }
        if !segment.isKeepAlive { store(segment) }
        if flags.contains(.fin) { takeFIN(segment) }
        deliver(segment.receiver, segment.direction.reversed)
        if segment.connection.pointee.flags.contains(.oneSided) {
            if segment.flow.pointee.hasSeenBothDirections {
                segment.connection.pointee.flags.remove(.oneSided)
            } else {
                deliverOneSided(segment.sender, segment.direction)
            }
        }
        if segment.connection.pointee.state != .established || flags.contains(.fin) {
            close(segment)
        }
        return true
    }

    /// Whether acknowledgement and sequence numbers are within the windows; names what is wrong.
    @inline(__always) private func isAcceptable(_ segment: TCPSegment) -> Bool {
        let sender = segment.sender
        if segment.end <= 0, segment.hasPayload, !segment.isKeepAlive {
            anomalies.insert(.spuriousRetransmission)
            return false
        }
        guard !segment.flags.contains(.ack) || isAcceptableAck(segment) else {
            anomalies.insert(.invalidAck)
            anomalies.insert(StateNames(segment).invalidAck)
            return false
        }
        if segment.end > sender.pointee.windowEnd, !isWindowProbe(segment) {
            anomalies.insert(StateNames(segment).outOfWindow)
            return false
        }
        // The usual case: it starts where the last one ended.
        return segment.start == sender.pointee.expected || isAcceptableOld(segment)
    }

    /// Whether a packet acknowledges nothing beyond the window, and nothing that is older than the
    /// window of its sender (RFC 5961 §5.2); a bare acknowledgement may be late.
    @inline(__always) private func isAcceptableAck(_ segment: TCPSegment) -> Bool {
        let receiver = segment.receiver
        guard segment.ack <= receiver.pointee.ackEnd else { return false }
        return segment.ack >= receiver.pointee.acked &- segment.sender.pointee.window
            || !segment.hasPayload && segment.flags.isDisjoint(with: [.fin, .rst])
    }

    /// One byte beyond a closed window (RFC 9293 §3.8.6.1).
    private func isWindowProbe(_ segment: TCPSegment) -> Bool {
        segment.start == segment.sender.pointee.expected
            && segment.packet.pointee.payloadByteCount <= 1
            && segment.receiver.pointee.window == 0
    }

    /// A segment that does not start where the last one ended.
    private func isAcceptableOld(_ segment: TCPSegment) -> Bool {
        let sender = segment.sender
        if segment.isKeepAlive { return true }
        if segment.flags.contains(.fin), segment.end < sender.pointee.expected,
            segment.end != sender.pointee.fin
        {
            anomalies.insert(StateNames(segment).outOfWindow)
            return false
        }
        if segment.hasPayload, segment.end <= sender.pointee.acked {
            anomalies.insert(.spuriousRetransmission)
        }
        if isRetransmission(segment) { anomalies.insert(.retransmission) }
        guard let name = oldName(segment) else { return true }
        anomalies.insert(name)
        return false
    }

    /// Whether a segment repeats bytes, all of them or some that are acknowledged already. While the
    /// connection is established this is too common to be an oddity, and once both ends have sent
    /// their FIN that comes again with its bytes.
    private func isRetransmission(_ segment: TCPSegment) -> Bool {
        let (start, end, acked) = (segment.start, segment.end, segment.sender.pointee.acked)
        switch segment.connection.pointee.state {
        case .established: return false
        case .closing, .lastAck, .timeWait:
            if segment.flags.contains(.fin) { return false }
        default: break
        }
        return segment.hasPayload
            && (end <= segment.sender.pointee.expected || start < acked && end > acked)
    }

    /// What a segment is called that repeats what is long past; nil if it does not, or if that is
    /// nothing odd.
    private func oldName(_ segment: TCPSegment) -> StreamAnomaly? {
        switch segment.connection.pointee.state {
        case .established:
            let isOld =
                segment.hasPayload
                ? segment.end < segment.sender.pointee.delivered
                : segment.start < segment.sender.pointee.acked
            return isOld ? .establishedBeforeLastAck : nil
        case .closeWait:
            let isOld =
                segment.hasPayload && segment.end <= segment.sender.pointee.acked
                && !segment.flags.contains(.fin)
            return isOld ? .closeWaitBeforeLastAck : nil
        default: return nil
        }
    }

    /// Takes over what a packet says about the other direction: what arrived, and how much may
    /// come.
    @inline(__always) func acknowledge(_ segment: TCPSegment) {
        let (sender, receiver) = (segment.sender, segment.receiver)
        sender.pointee.window =
            Int64(segment.packet.pointee.tcpWindow) << Int64(sender.pointee.windowScale)
        if segment.ack > receiver.pointee.acked {
            if segment.ack > receiver.pointee.expected { counts.ackUnseenData &+= 1 }
            receiver.pointee.acked = segment.ack
        }
        // What is acknowledged selectively has left the window for the sender.
        receiver.pointee.windowEnd = max(
            receiver.pointee.windowEnd,
            segment.ack &+ sender.pointee.window &+ Int64(segment.options.selectiveByteCount))
    }

    private func takeFIN(_ segment: TCPSegment) {
        let sender = segment.sender
        guard sender.pointee.fin == nil else { return }
        sender.pointee.fin = segment.end
        if sender.pointee.expected == segment.end { sender.pointee.expected &+= 1 }
    }
}

// MARK: - Timestamps

extension TCPReassembler {
    /// A timestamp that is older than this is no measure any more (RFC 7323 §5.5).
    private static let timestampAgeSecondsMax: Int64 = 24 * 86_400

    /// Protection against wrapped sequence numbers (RFC 7323 §5.3): a segment with an older
    /// timestamp is not taken.
    @inline(__always) func hasValidTimestamp(_ segment: TCPSegment) -> Bool {
        guard segment.options.hasTimestamp, segment.sender.pointee.hasTimestamp,
            segment.connection.pointee.flags.contains(.timestamps)
        else { return true }
        var difference = Int32(
            truncatingIfNeeded: segment.options.timestampValue
                &- segment.sender.pointee.timestamp)
        // Linux and Windows let one tick pass.
        switch segment.sender.pointee.policy {
        case .linux, .oldLinux, .windows, .windows2k3, .vista: difference &+= 1
        default: break
        }
        if difference >= 0 { return true }
        return seconds(segment) &- segment.sender.pointee.timestampSeconds
            > Self.timestampAgeSecondsMax
    }

    @inline(__always) func takeTimestamp(_ segment: TCPSegment) {
        segment.sender.pointee.timestamp = segment.options.timestampValue
        segment.sender.pointee.timestampSeconds = seconds(segment)
        segment.sender.pointee.hasTimestamp = true
    }

    @inline(__always) private func seconds(_ segment: TCPSegment) -> Int64 {
        segment.packet.pointee.clock.nanoseconds / nanosecondsPerSecond
    }
}

// MARK: - Ends

extension TCPReassembler {
    /// Follows the FINs and their acknowledgements (RFC 9293 §3.6).
    private func close(_ segment: TCPSegment) {
        let connection = segment.connection
        let (client, server) = (connection.stream(.toServer), connection.stream(.toClient))
        let hasClientClosed = client.pointee.fin != nil
        let hasServerClosed = server.pointee.fin != nil
        switch connection.pointee.state {
        case .established:
            if hasClientClosed {
                connection.pointee.state = .closeWait
            } else if hasServerClosed {
                connection.pointee.state = .finWait1
            }
        case .closeWait:
            if hasServerClosed { connection.pointee.state = .lastAck }
        case .finWait1:
            let isAcked = server.pointee.isFINAcked
            if hasClientClosed {
                connection.pointee.state = isAcked ? .timeWait : .closing
            } else if isAcked {
                connection.pointee.state = .finWait2
            }
        case .finWait2:
            if hasClientClosed { connection.pointee.state = .timeWait }
        case .closing, .lastAck, .timeWait:
            if client.pointee.isFINAcked, server.pointee.isFINAcked {
                connection.pointee.state = .closed
            }
        case .none, .synSent, .synReceived, .closed: break
        }
    }

    /// Whether the receiver believes a RST; names what is wrong.
    func isAcceptableReset(_ segment: TCPSegment) -> Bool {
        guard hasValidTimestamp(segment) else {
            anomalies.insert(.invalidTimestamp)
            return false
        }
        if segment.flags.contains(.ack), !isAcceptableAck(segment) {
            anomalies.insert(.invalidAck)
            anomalies.insert(.rstInvalidAck)
            return false
        }
        return segment.sender.pointee.acceptsReset(at: segment.start)
    }

    private func processReset(_ segment: TCPSegment) -> Bool {
        guard isAcceptableReset(segment) else { return false }
        reset(segment)
        if segment.flags.contains(.ack) {
            acknowledge(segment)
            deliver(segment.receiver, segment.direction.reversed)
        }
        return true
    }

    /// Takes the connection for closed. What it holds stays for now: an attacker may have made up
    /// the RST.
    func reset(_ segment: TCPSegment) {
        let connection = segment.connection
        connection.pointee.flags.insert(.reset)
        connection.pointee.resetDirection = segment.direction
        segment.sender.pointee.resetPosition = segment.sender.pointee.sentEnd
        segment.receiver.pointee.resetPosition = segment.receiver.pointee.sentEnd
        connection.pointee.stateBeforeReset = connection.pointee.state
        connection.pointee.state = .closed
    }

    /// A packet after the end. After a RST the connection is followed on the side, and is taken up
    /// again if the other end acknowledges what the sender of the RST sent after it, or the server
    /// accepts a connection that it refused: then the RST never arrived, or was none of theirs.
    func processClosed(_ segment: TCPSegment) -> Bool {
        let connection = segment.connection
        guard connection.pointee.flags.contains(.reset) else { return !segment.hasPayload }
        let known = anomalies
        connection.pointee.state = connection.pointee.stateBeforeReset
        let isAccepted = process(segment)
        let isAlive =
            segment.direction == .toClient && connection.pointee.resetDirection == .toClient
            && segment.flags.isSuperset(of: [.syn, .ack])
            || segment.direction != connection.pointee.resetDirection
                && segment.ack > segment.receiver.pointee.resetPosition
        anomalies = known
        guard connection.pointee.state != .closed else { return isAccepted }
        if isAccepted, isAlive {
            anomalies.insert(.suspectedRSTInjection)
            connection.pointee.flags.remove(.reset)
        } else {
            connection.pointee.stateBeforeReset = connection.pointee.state
            connection.pointee.state = .closed
        }
        return isAccepted
    }

    /// A SYN on a connection that is open.
    private func processLateSYN(_ segment: TCPSegment) -> Bool {
        let flags = segment.flags
        if flags.contains(.fin) {
            anomalies.insert(.finWithSYN)
        } else if segment.connection.pointee.state != .established {
            anomalies.insert(.closingSYNResent)
        } else if flags.contains(.ack) {
            return processLateSYNACK(segment)
        } else if segment.direction == .toClient {
            anomalies.insert(.establishedSYNToClient)
        } else {
            let isSame =
                segment.packet.pointee.tcpSequence == segment.sender.pointee.initialSequence
            anomalies.insert(
                isSame ? .establishedSYNResent : .establishedSYNResentWithOtherSequence)
        }
        return false
    }

    private func processLateSYNACK(_ segment: TCPSegment) -> Bool {
        if segment.direction == .toServer {
            anomalies.insert(.establishedSYNACKToServer)
        } else if segment.ack != segment.receiver.pointee.acked {
            anomalies.insert(.establishedSYNACKResentWithOtherAck)
        } else if segment.packet.pointee.tcpSequence != segment.sender.pointee.initialSequence {
            anomalies.insert(.establishedSYNACKResentWithOtherSequence)
        } else if segment.receiver.pointee.acked > 0 {
            anomalies.insert(.establishedSYNACKResent)
        } else {
            // The client's acknowledgement was lost on the way to the server.
            return true
        }
        return false
    }
}

extension TCPStream {
    /// The other end has acknowledged the FIN.
    fileprivate var isFINAcked: Bool { fin.map { acked > $0 } ?? false }
}

/// What goes wrong has a name of its own in each state.
private struct StateNames {
    let invalidAck: StreamAnomaly
    let outOfWindow: StreamAnomaly

    init(_ segment: TCPSegment) {
        let isFIN = segment.flags.contains(.fin)
        switch segment.connection.pointee.state {
        case .closeWait:
            invalidAck = .closeWaitInvalidAck
            outOfWindow = isFIN ? .closeWaitFINOutOfWindow : .closeWaitAckOutOfWindow
        case .finWait1:
            invalidAck = .finWait1InvalidAck
            outOfWindow = isFIN ? .finWait1FINWrongSequence : .finWait1AckWrongSequence
        case .finWait2:
            invalidAck = .finWait2InvalidAck
            outOfWindow = isFIN ? .finWait2FINWrongSequence : .finWait2AckWrongSequence
        case .closing:
            invalidAck = .closingInvalidAck
            outOfWindow = .closingAckWrongSequence
        case .lastAck:
            invalidAck = .lastAckInvalidAck
            outOfWindow = .lastAckAckWrongSequence
        case .timeWait:
            invalidAck = .timeWaitInvalidAck
            outOfWindow = .timeWaitAckWrongSequence
        default:
            invalidAck = isFIN ? .finInvalidAck : .establishedInvalidAck
            outOfWindow = isFIN ? .finOutOfWindow : .establishedOutOfWindow
        }
    }
}
