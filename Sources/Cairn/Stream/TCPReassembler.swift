/// Follows the TCP connections of one shard and puts each direction's bytes in order (RFC 9293).
///
/// `process` looks at one packet of a flow; then `deliveries` holds the bytes that became certain
/// with it, valid until the next call, `anomalies` what was odd, and `isEstablished` and
/// `isAccepted` what rules on packets ask. Bytes are handed on when the other end acknowledges
/// them: then the receiver's application has seen exactly them. What is left is handed on by
/// `finish`, also after a RST, which may be made up. The end of a direction is handed on when its
/// FIN is acknowledged, otherwise by `finish`. Where acknowledged bytes were never captured, a gap
/// is handed on as soon as bytes behind it are acknowledged; until then late packets can still fill
/// it.
///
/// Memory: connections within the shard's share of `stream.memcap`; beyond it new connections are
/// not followed (`tcp.ssn_memcap_drop`). Segments within its share of `stream.reassembly.memcap`
/// and `SegmentQueue.segmentCountMax` in each direction; beyond either a segment is lost and leaves
/// a gap (`tcp.segment_memcap_drop`).
final class TCPReassembler {
    let settings: StreamSettings
    let connections: ConnectionTable
    let pool: SegmentPool
    var counts = StreamCounts()
    private var chunks: UnsafeMutablePointer<StreamChunk>
    private var chunkCapacity = 64
    private var chunkCount = 0

    /// The oddities of the packet that was processed last.
    var anomalies = StreamAnomalySet()
    /// The packet belongs to a connection whose handshake was complete before it, or completes it
    /// with its payload.
    private(set) var isEstablished = false
    /// The packet is a valid part of its connection.
    private(set) var isAccepted = false
    /// Rules on streams see its payload, which the byte of a keep-alive is no part of.
    private(set) var isInStream = false

    /// Makes an engine without connections, with an even share of the limits.
    init(_ settings: StreamSettings = StreamSettings(), shardCount: Int = 1) {
        self.settings = settings
        connections = ConnectionTable(byteCountMax: settings.memcap / max(1, shardCount))
        pool = SegmentPool(byteCountMax: settings.reassemblyMemcap / max(1, shardCount))
        chunks = .allocate(capacity: chunkCapacity)
    }

    deinit {
        connections.forEach { connection in
            connection.stream(.toServer).pointee.queue.removeAll(pool)
            connection.stream(.toClient).pointee.queue.removeAll(pool)
        }
        chunks.deallocate()
    }

    /// What the last call of `process` or `finish` handed on, in order; valid until the next call.
    @inline(__always) var deliveries: UnsafeBufferPointer<StreamChunk> {
        UnsafeBufferPointer(start: chunks, count: chunkCount)
    }

    /// Looks at the next packet of a TCP flow. Sets the flow's states.
    func process(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ direction: Direction
    ) {
        begin()
        counts.add(packet)
        guard !packet.pointee.isChecksumBad else {
            counts.invalidChecksum &+= 1
            return
        }
        if !packet.pointee.tcpFlags.contains(.ack), packet.pointee.tcpAcknowledgment != 0 {
            anomalies.insert(.brokenAck)
        }
        guard flow.pointee.connection >= 0 else {
            isAccepted = open(packet, flow, direction)
            isInStream = isAccepted
            guard flow.pointee.connection >= 0 else { return }
            let stream = connections.connection(flow.pointee.connection).stream(direction)
            let count = stream.pointee.sequenceCount
            if direction == .toServer {
                flow.pointee.toServer.sequenceCount = count
            } else {
                flow.pointee.toClient.sequenceCount = count
            }
            return
        }
        let connection = connections.connection(flow.pointee.connection)
        let before = connection.pointee.state
        let segment = TCPSegment(packet, flow, connection, direction)
        let isKeepAlive = segment.hasPayload && segment.isKeepAlive
        isAccepted = process(segment)
        isInStream = isAccepted && !isKeepAlive
        flow.pointee.toServer.sequenceCount = connection.stream(.toServer).pointee.sequenceCount
        let after = connection.pointee.state
        // Until the server answers it has used none.
        if after != .synSent {
            flow.pointee.toClient.sequenceCount = connection.stream(.toClient).pointee.sequenceCount
        }
        isEstablished =
            before.isEstablished
            || after.isEstablished && direction == .toServer && segment.hasPayload
                && segment.start == 0
        if after != before { note(after, of: connection, in: flow) }
    }

    /// What the state of the connection makes of a packet; true if it takes it.
    @inline(__always) func process(_ segment: TCPSegment) -> Bool {
        switch segment.connection.pointee.state {
        case .none: false
        case .synSent: processSYNSent(segment)
        case .synReceived: processSYNReceived(segment)
        case .closed: processClosed(segment)
        default: processOpen(segment)
        }
    }

    /// Hands on no more bytes of a direction, only its end: nobody wants them.
    func stop(_ flow: FlowPointer, _ direction: Direction) {
        guard flow.pointee.connection >= 0 else { return }
        let stream = connections.connection(flow.pointee.connection).stream(direction)
        stream.pointee.isStopped = true
        stream.pointee.queue.removeAll(pool)
    }

    /// Ends a flow's connection: hands on what is left of both directions, and their ends.
    func finish(_ flow: FlowPointer) {
        begin()
        guard flow.pointee.connection >= 0 else { return }
        flush(connections.connection(flow.pointee.connection))
        connections.free(flow.pointee.connection)
        flow.pointee.connection = -1
    }

    private func begin() {
        pool.releaseRetired()
        chunkCount = 0
        anomalies = StreamAnomalySet()
        isEstablished = false
        isAccepted = false
        isInStream = false
    }

    /// Copies to the flow what the flow table and flow records need.
    func note(_ state: TCPState, of connection: ConnectionPointer, in flow: FlowPointer) {
        flow.pointee.tcpState = state
        flow.pointee.clientInitialSequence = connection.pointee.client.initialSequence
        switch state {
        case .none, .synSent, .synReceived: flow.pointee.state = .new
        case .established, .finWait1, .finWait2, .closing, .closeWait:
            flow.pointee.state = .established
        case .lastAck, .timeWait, .closed: flow.pointee.state = .closed
        }
    }
}

extension Packet {
    /// The urgent pointer (RFC 9293 §3.1); 0 without one.
    fileprivate var urgentPointer: UInt16 {
        let offset = Int(transportOffset) &+ 18
        guard tcpFlags.contains(.urg), offset &+ 2 <= bytes.count else { return 0 }
        return bytes.bytes.bigEndian(at: offset)
    }
}

// MARK: - Data

extension TCPReassembler {
    /// Bytes behind a hole after which a connection that is seen from one side only gives the hole
    /// up: there is no acknowledgement that would say that the bytes were received.
    private static let oneSidedHoleByteCountMax: Int64 = 65_536
    /// A direction that is longer than this gets larger blocks of memory.
    private static let bulkStart: Int64 = 8192

    /// Keeps the payload of a segment until it is acknowledged.
    @inline(__always) func store(_ segment: TCPSegment) {
        let payload = segment.packet.pointee.payload
        guard let bytes = payload.baseAddress, segment.hasPayload else { return }
        if segment.flags.contains(.urg),
            settings.urgentPolicy == .outOfBand || settings.urgentPolicy == .gap
        {
            storeUrgent(segment, bytes)
        } else {
            store(segment, bytes, from: segment.start, to: segment.end)
        }
    }

    /// Keeps a payload without the urgent byte, which is the one before the urgent pointer (RFC
    /// 6093 §3.1).
    private func storeUrgent(_ segment: TCPSegment, _ bytes: UnsafeRawPointer) {
        let pointer = Int64(segment.packet.pointee.urgentPointer)
        let urgent = segment.start &+ pointer &- 1
        guard pointer > 0, urgent < segment.end else {
            store(segment, bytes, from: segment.start, to: segment.end)
            return
        }
        store(segment, bytes, from: segment.start, to: urgent)
        if settings.urgentPolicy == .outOfBand {
            store(segment, nil, from: urgent, to: urgent &+ 1)
        }
        store(segment, bytes, from: urgent &+ 1, to: segment.end)
    }

    private func store(
        _ segment: TCPSegment, _ bytes: UnsafeRawPointer?, from start: Int64, to end: Int64
    ) {
        let stream = segment.sender
        var kept = end
        if settings.depth > 0, end > Int64(settings.depth) {
            kept = Int64(settings.depth)
            reachDepth(stream)
        }
        let first = max(start, stream.pointee.delivered)
        var last: SegmentPointer?
        if first < kept, !stream.pointee.isEnded, !stream.pointee.isStopped {
            let outcome = stream.pointee.queue.insert(
                SegmentQueue.New(
                    start: first, bytes: bytes.map { $0 + Int(first &- segment.start) },
                    byteCount: kept &- first, originStart: segment.start,
                    originEnd: segment.end, isBulk: first > Self.bulkStart),
                stream.pointee.policy, pool)
            if outcome.overlaps || outcome.isLost { note(outcome) }
            last = outcome.segment
        }
        if start <= stream.pointee.expected, end > stream.pointee.expected {
            advance(stream, to: end, last)
        }
    }

    /// Moves on what is expected next, over what came before its turn.
    @inline(__always)
    func advance(_ stream: StreamPointer, to position: Int64, _ segment: SegmentPointer?) {
        var expected = position
        // Every step leaves one of the segments behind that the queue may hold.
        var next = segment
        while let segment = next, segment.pointee.start <= expected {
            expected = max(expected, segment.pointee.end)
            next = segment.pointee.next
        }
        if stream.pointee.fin == expected { expected &+= 1 }
        stream.pointee.expected = expected
    }

    private func note(_ outcome: SegmentQueue.Outcome) {
        if outcome.overlaps { counts.overlap &+= 1 }
        if outcome.isLost { counts.segmentMemcapDrop &+= 1 }
        if outcome.differs, settings.checksOverlaps {
            counts.overlapDifferentData &+= 1
            anomalies.insert(.overlapWithOtherData)
        }
    }

    private func reachDepth(_ stream: StreamPointer) {
        guard !stream.pointee.isDepthReached else { return }
        stream.pointee.isDepthReached = true
        counts.depthReached &+= 1
        anomalies.insert(.depthReached)
    }

    /// Hands on what is acknowledged of a direction.
    @inline(__always) func deliver(_ stream: StreamPointer, _ direction: Direction) {
        var limit = stream.pointee.acked
        if let fin = stream.pointee.fin {
            if limit > fin &+ 1 {
                // The receiver acknowledges bytes behind the FIN, so it never took the FIN for one.
                stream.pointee.fin = nil
            } else {
                limit = min(limit, fin)
            }
        }
        deliver(stream, direction, upTo: limit)
        if stream.pointee.isDepthReached, stream.pointee.delivered >= Int64(settings.depth) {
            stream.pointee.isStopped = true
        }
        if stream.pointee.isStopped {
            stream.pointee.delivered = max(stream.pointee.delivered, limit)
        }
        if stream.pointee.fin == stream.pointee.delivered,
            stream.pointee.acked > stream.pointee.delivered
        {
            end(stream, direction)
        }
    }

    /// Hands on a one-sided connection's bytes, which nobody acknowledges.
    func deliverOneSided(_ stream: StreamPointer, _ direction: Direction) {
        if let last = stream.pointee.queue.last,
            last.pointee.end &- stream.pointee.expected > Self.oneSidedHoleByteCountMax
        {
            advance(stream, to: last.pointee.end, nil)
        }
        stream.pointee.acked = max(stream.pointee.acked, stream.pointee.expected)
        deliver(stream, direction)
    }

    /// Hands on what is left of both directions, and their ends.
    func flush(_ connection: ConnectionPointer) {
        for direction in [Direction.toServer, .toClient] {
            let stream = connection.stream(direction)
            guard connection.pointee.flags.contains(.established) else {
                stream.pointee.queue.removeAll(pool)
                continue
            }
            // What was sent after a RST or a FIN is nobody's any more.
            let isReset = connection.pointee.flags.contains(.reset)
            let limit = min(
                stream.pointee.fin ?? .max, isReset ? stream.pointee.resetPosition : .max)
            deliver(stream, direction, upTo: limit)
            let seen = min(stream.pointee.acked, limit)
            if seen > stream.pointee.delivered, !stream.pointee.isStopped,
                !stream.pointee.isEnded
            {
                skip(stream, direction, to: seen)
            }
            end(stream, direction)
        }
    }

    private func deliver(_ stream: StreamPointer, _ direction: Direction, upTo limit: Int64) {
        while let segment = stream.pointee.queue.first, segment.pointee.start < limit {
            if segment.pointee.start > stream.pointee.delivered {
                skip(stream, direction, to: segment.pointee.start)
            }
            let byteCount = min(segment.pointee.end, limit) &- segment.pointee.start
            if let bytes = segment.pointee.bytes {
                append(
                    UnsafeRawBufferPointer(start: bytes, count: Int(byteCount)), direction,
                    offset: stream.pointee.offset(of: segment.pointee.start))
            } else {
                stream.pointee.leftOutByteCount &+= byteCount
            }
            stream.pointee.delivered = segment.pointee.start &+ byteCount
            stream.pointee.queue.removeFirst(byteCount, pool)
        }
        if stream.pointee.delivered > stream.pointee.expected {
            advance(stream, to: stream.pointee.delivered, stream.pointee.queue.first)
        }
    }

    private func skip(_ stream: StreamPointer, _ direction: Direction, to position: Int64) {
        counts.gap &+= 1
        anomalies.insert(.gap)
        var chunk = StreamChunk(
            kind: .gap, direction: direction,
            offset: stream.pointee.offset(of: stream.pointee.delivered),
            bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        chunk.gapByteCount = UInt64(truncatingIfNeeded: position &- stream.pointee.delivered)
        append(chunk)
        stream.pointee.delivered = position
    }

    private func end(_ stream: StreamPointer, _ direction: Direction) {
        guard !stream.pointee.isEnded else { return }
        stream.pointee.isEnded = true
        stream.pointee.queue.removeAll(pool)
        append(
            StreamChunk(
                kind: .end, direction: direction,
                offset: stream.pointee.offset(of: stream.pointee.delivered),
                bytes: UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    /// Adds bytes to what is handed on, as one chunk with those before them where both lie next to
    /// each other.
    @inline(__always)
    private func append(_ bytes: UnsafeRawBufferPointer, _ direction: Direction, offset: UInt64) {
        if chunkCount > 0 {
            let last = chunks + (chunkCount &- 1)
            let lastBytes = last.pointee.bytes
            if last.pointee.kind == .data, last.pointee.direction == direction,
                let start = lastBytes.baseAddress, start + lastBytes.count == bytes.baseAddress
            {
                last.pointee.bytes = UnsafeRawBufferPointer(
                    start: start, count: lastBytes.count &+ bytes.count)
                return
            }
        }
        append(
            StreamChunk(
                kind: .data, direction: direction, offset: offset, bytes: bytes))
    }

    private func append(_ chunk: StreamChunk) {
        if chunkCount == chunkCapacity { growChunks() }
        (chunks + chunkCount).initialize(to: chunk)
        chunkCount &+= 1
    }

    /// Twice the room. What one call hands on is bounded by what the queues of a connection hold.
    private func growChunks() {
        let larger = UnsafeMutablePointer<StreamChunk>.allocate(capacity: chunkCapacity * 2)
        larger.moveInitialize(from: chunks, count: chunkCount)
        chunks.deallocate()
        chunks = larger
        chunkCapacity *= 2
    }
}
