/// The flow of a packet, and which way the packet goes in it.
struct TrackedFlow {
    let flow: FlowPointer
    let direction: Direction
}

/// The flows of one shard: finds the flow of each packet, opens new ones, and hands out those that
/// ended.
///
/// For each packet the engine (1) finishes and frees what `nextEnded(before: packet.clock)` gives,
/// (2) calls `track`, (3) finishes and frees what `nextDisplaced` gives, (4) lets the later stages
/// work, and (5) calls `settle`. At the end of input it finishes and frees what
/// `nextRemaining(at:)` gives. A flow that was handed out as ended is no longer found, but its
/// memory and pointer stay until `free`.
///
/// Memory is bounded by the shard's share of `flow.memcap`. At the limit the flow with the earliest
/// deadline is ended early (`flow.memcap_evicted`); a flood of new flows so displaces itself, since
/// flows that were never answered have the shortest time-outs. A bucket holds at most
/// `chainLengthMax` flows; a flow beyond it ends the one of them with the earliest deadline
/// (`flow.collision_evicted`), so that crafted collisions of the hash cost little.
final class FlowTable {
    private let settings: FlowSettings
    private let flowCountMax: Int
    private var buckets: UnsafeMutablePointer<FlowPointer?>
    private var bucketMask: UInt64
    private let timeouts: FlowTimeouts
    /// Flows that had to make room and were not yet handed out, linked by `next`.
    private var displaced: FlowPointer?
    /// Memory for flows; that behind the first `usedSlabCount` slabs and the first
    /// `usedOfSlabCount` flows of the last of them was not touched yet.
    private var slabs: [FlowPointer] = []
    private var usedSlabCount = 0
    private var usedOfSlabCount = slabFlowCount
    private var freeFlows: FlowPointer?
    private(set) var flowCount = 0
    private var counts = FlowTableCounts()

    /// Flows of one bucket. There are at least as many buckets as flows, so without design a bucket
    /// never gets there.
    static let chainLengthMax = 32
    /// What a flow counts for in `flow.memcap`: itself and its share of the buckets.
    static let flowByteCount = MemoryLayout<Flow>.stride + MemoryLayout<FlowPointer?>.stride
    /// Flows whose memory is taken at once.
    private static let slabFlowCount = 256
    /// Buckets of an empty table.
    private static let bucketCountMin = 1024

    /// Makes an empty table with an even share of the limits.
    init(_ settings: FlowSettings = FlowSettings(), shardCount: Int = 1) {
        self.settings = settings
        flowCountMax = max(1, settings.memcap / max(1, shardCount) / Self.flowByteCount)
        bucketMask = UInt64(Self.bucketCountMin - 1)
        buckets = .allocate(capacity: Self.bucketCountMin)
        buckets.initialize(repeating: nil, count: Self.bucketCountMin)
        timeouts = FlowTimeouts(settings)
        let prealloc = min(settings.prealloc / max(1, shardCount), flowCountMax)
        for _ in 0..<(prealloc + Self.slabFlowCount - 1) / Self.slabFlowCount {
            slabs.append(.allocate(capacity: Self.slabFlowCount))
        }
    }

    deinit {
        buckets.deallocate()
        for slab in slabs { slab.deallocate() }
    }
}

// MARK: - Packets

extension FlowTable {
    /// Finds the flow of a packet, or opens it, and counts the packet in it.
    ///
    /// An ICMP error belongs to the flow of the packet that it quotes, in the direction against
    /// that packet, but is not counted in it and does not prolong it.
    ///
    /// - Returns: nil for a packet that has no flow: not IP, a fragment, a transport header that
    ///   could not be decoded, a tunnel's IP header, or an ICMP error that quotes no known flow.
    ///
    /// - Parameter hash: what `hash(of:)` gives for the packet.
    func track(_ packet: UnsafePointer<Packet>, hash: UInt64) -> TrackedFlow? {
        guard hasFlow(packet) else { return nil }
        if packet.pointee.isICMPError { return quoted(by: packet) }
        let key = FlowKey(packet, usesVLAN: settings.usesVLAN)
        var chainLength = 0
        if let known = find(key, hash, &chainLength) {
            guard isReused(known, by: packet) else {
                count(packet, in: known.flow, known.direction)
                return known
            }
            counts.tcpReuse &+= 1
            displace(known.flow, .tcpReuse, at: packet.pointee.clock)
            chainLength &-= 1
        }
        return open(key, hash, packet, chainLength: chainLength)
    }

    /// Finds the flow of a packet, or opens it, and counts the packet in it.
    func track(_ packet: UnsafePointer<Packet>) -> TrackedFlow? {
        track(packet, hash: hash(of: packet))
    }

    /// Where the table looks for the flow of a packet.
    @inline(__always) func hash(of packet: UnsafePointer<Packet>) -> UInt64 {
        FlowKey(packet, usesVLAN: settings.usesVLAN).hash
    }

    /// Asks for the memory of a bucket, which will be looked into soon.
    @inline(__always) func prefetchBucket(of hash: UInt64) {
        prefetch(buckets + Int(truncatingIfNeeded: hash & bucketMask))
    }

    /// Asks for the memory of the flow that is probably the one with a hash.
    @inline(__always) func prefetchFlow(of hash: UInt64) {
        if let flow = buckets[Int(truncatingIfNeeded: hash & bucketMask)] { prefetch(flow) }
    }

    /// The flow that is probably the one with a hash.
    @inline(__always) func probableFlow(of hash: UInt64) -> FlowPointer? {
        let flow = buckets[Int(truncatingIfNeeded: hash & bucketMask)]
        return flow?.pointee.hash == hash ? flow : flow?.pointee.next
    }

    /// Files the flow under the time-out of its present state. To be called when all stages have
    /// seen a packet.
    @inline(__always) func settle(_ flow: FlowPointer) {
        timeouts.update(flow)
    }

    @inline(__always) private func hasFlow(_ packet: UnsafePointer<Packet>) -> Bool {
        switch packet.pointee.transport {
        case .none: false
        case .other: packet.pointee.flags.isDisjoint(with: [.fragment, .undecoded, .tunnel])
        default: packet.pointee.flags.isDisjoint(with: [.fragment, .undecoded])
        }
    }

    @inline(__always)
    private func find(_ key: FlowKey, _ hash: UInt64, _ chainLength: inout Int) -> TrackedFlow? {
        var next = buckets[Int(truncatingIfNeeded: hash & bucketMask)]
        while let flow = next {
            if flow.pointee.hash == hash {
                if flow.pointee.key == key { return TrackedFlow(flow: flow, direction: .toServer) }
                if flow.pointee.key == key.reversed {
                    return TrackedFlow(flow: flow, direction: .toClient)
                }
            }
            next = flow.pointee.next
            chainLength &+= 1
        }
        return nil
    }

    private func quoted(by packet: UnsafePointer<Packet>) -> TrackedFlow? {
        guard let key = FlowKey(quotedBy: packet, usesVLAN: settings.usesVLAN) else { return nil }
        var chainLength = 0
        guard let known = find(key, key.hash, &chainLength) else { return nil }
        return TrackedFlow(flow: known.flow, direction: known.direction.reversed)
    }

    /// Whether a SYN opens a new connection on the ports of one that is over (RFC 9293 §3.10.7.4,
    /// TIME-WAIT), or whose own SYN was not seen. A repeated SYN has the old sequence number.
    @inline(__always)
    private func isReused(_ known: TrackedFlow, by packet: UnsafePointer<Packet>) -> Bool {
        guard packet.pointee.transport == .tcp,
            packet.pointee.tcpFlags.intersection([.syn, .ack, .rst, .fin]) == .syn
        else { return false }
        let flow = known.flow
        switch flow.pointee.tcpState {
        case .closeWait, .closing, .lastAck, .timeWait, .closed:
            return packet.pointee.tcpSequence != flow.pointee.clientInitialSequence
        case .none:
            return known.direction == .toClient || !flow.pointee.toServer.tcpFlags.contains(.syn)
        case .synSent, .synReceived, .established, .finWait1, .finWait2: return false
        }
    }

    private func open(
        _ key: FlowKey, _ hash: UInt64, _ packet: UnsafePointer<Packet>, chainLength: Int
    ) -> TrackedFlow {
        if chainLength >= Self.chainLengthMax { displaceFromChain(hash, at: packet.pointee.clock) }
        if flowCount > bucketMask { addBuckets() }
        if flowCount >= flowCountMax { displaceEarliest(at: packet.pointee.clock) }
        // A SYN/ACK comes from the server: its SYN was missed.
        let isAnswer =
            packet.pointee.transport == .tcp
            && packet.pointee.tcpFlags.isSuperset(of: [.syn, .ack])
        let flow = allocate()
        flow.pointee.key = isAnswer ? key.reversed : key
        flow.pointee.hash = hash
        flow.pointee.transport = packet.pointee.transport
        flow.pointee.id = mixed(hash ^ 0xe703_7ed1_a0b4_28db, ~packet.pointee.frameNumber) >> 11
        flow.pointee.vlanIDs = packet.pointee.vlanIDs
        flow.pointee.vlanCount = packet.pointee.vlanCount
        flow.pointee.icmpType = packet.pointee.icmpType
        flow.pointee.icmpCode = packet.pointee.icmpCode
        flow.pointee.source = packet.pointee.source
        flow.pointee.firstFrameNumber = packet.pointee.frameNumber
        flow.pointee.start = packet.pointee.timestamp
        flow.pointee.last = packet.pointee.timestamp
        flow.pointee.lastClock = packet.pointee.clock
        let bucket = Int(truncatingIfNeeded: hash & bucketMask)
        flow.pointee.next = buckets[bucket]
        buckets[bucket] = flow
        flowCount &+= 1
        counts.open(packet.pointee.transport)
        timeouts.add(flow)
        let direction: Direction = isAnswer ? .toClient : .toServer
        count(packet, in: flow, direction)
        return TrackedFlow(flow: flow, direction: direction)
    }

    @inline(__always)
    private func count(
        _ packet: UnsafePointer<Packet>, in flow: FlowPointer, _ direction: Direction
    ) {
        if direction == .toServer {
            flow.pointee.toServer.add(packet)
        } else {
            flow.pointee.toClient.add(packet)
        }
        flow.pointee.last = max(flow.pointee.last, packet.pointee.timestamp)
        flow.pointee.lastClock = packet.pointee.clock
        if flow.pointee.state == .new, flow.pointee.hasSeenBothDirections { answered(flow, packet) }
        timeouts.update(flow)
    }

    /// Both sides have spoken. That makes a flow established, but TCP has its handshake for this.
    private func answered(_ flow: FlowPointer, _ packet: UnsafePointer<Packet>) {
        guard flow.pointee.transport != .tcp else { return }
        flow.pointee.state = .established
        flow.pointee.icmpReplyType = packet.pointee.icmpType
        flow.pointee.icmpReplyCode = packet.pointee.icmpCode
    }
}

// MARK: - Ends

extension FlowTable {
    /// The next flow whose deadline is earlier than `clock`, in the order of (deadline, flow id);
    /// nil if there is none. `Flow.end` is its deadline.
    @inline(__always) func nextEnded(before clock: Timestamp) -> FlowPointer? {
        timeouts.earliestDeadline < clock ? expire(before: clock) : nil
    }

    /// The next flow that had to make room for the packet that was tracked last, the latest first.
    @inline(__always) func nextDisplaced() -> FlowPointer? {
        guard let flow = displaced else { return nil }
        displaced = flow.pointee.next
        return flow
    }

    /// At the end of input: the next of all flows that are left, in the order of (deadline, flow
    /// id).
    func nextRemaining(at clock: Timestamp) -> FlowPointer? {
        var next = timeouts.removeExpired(before: .distantFuture)
        if next == nil, let endless = timeouts.earliest() {
            timeouts.remove(endless)
            next = endless
        }
        guard let flow = next else { return nil }
        end(flow, .shutdown, at: clock)
        return flow
    }

    private func expire(before clock: Timestamp) -> FlowPointer? {
        guard let flow = timeouts.removeExpired(before: clock) else { return nil }
        end(flow, .timeout, at: timeouts.deadline(of: flow))
        return flow
    }

    /// Takes back the memory of a flow that was handed out as ended.
    func free(_ flow: FlowPointer) {
        counts.close(flow)
        flow.pointee.next = freeFlows
        freeFlows = flow
    }

    private func displace(_ flow: FlowPointer, _ reason: FlowEndReason, at clock: Timestamp) {
        timeouts.remove(flow)
        end(flow, reason, at: clock)
        flow.pointee.next = displaced
        displaced = flow
    }

    private func displaceEarliest(at clock: Timestamp) {
        guard let earliest = timeouts.earliest() else { return }
        counts.memcapEvicted &+= 1
        displace(earliest, .evicted, at: clock)
    }

    private func displaceFromChain(_ hash: UInt64, at clock: Timestamp) {
        var earliest: FlowPointer?
        var next = buckets[Int(truncatingIfNeeded: hash & bucketMask)]
        while let flow = next {
            next = flow.pointee.next
            if let other = earliest,
                (timeouts.deadline(of: other), other.pointee.id)
                    < (timeouts.deadline(of: flow), flow.pointee.id)
            {
                continue
            }
            earliest = flow
        }
        guard let earliest else { return }
        counts.collisionEvicted &+= 1
        displace(earliest, .evicted, at: clock)
    }

    private func end(_ flow: FlowPointer, _ reason: FlowEndReason, at clock: Timestamp) {
        removeFromBucket(flow)
        flow.pointee.endReason = reason
        flow.pointee.end = clock
        flowCount &-= 1
    }
}

// MARK: - Memory

extension FlowTable {
    private func removeFromBucket(_ flow: FlowPointer) {
        let bucket = Int(truncatingIfNeeded: flow.pointee.hash & bucketMask)
        guard var previous = buckets[bucket] else { return }
        if previous == flow {
            buckets[bucket] = flow.pointee.next
            return
        }
        while let next = previous.pointee.next, next != flow { previous = next }
        previous.pointee.next = flow.pointee.next
    }

    /// Twice the buckets, so that there is one for each flow.
    private func addBuckets() {
        let (old, oldCount) = (buckets, Int(bucketMask) + 1)
        buckets = .allocate(capacity: oldCount * 2)
        buckets.initialize(repeating: nil, count: oldCount * 2)
        bucketMask = UInt64(oldCount * 2 - 1)
        for index in 0..<oldCount {
            var next = old[index]
            while let flow = next {
                next = flow.pointee.next
                let bucket = Int(truncatingIfNeeded: flow.pointee.hash & bucketMask)
                flow.pointee.next = buckets[bucket]
                buckets[bucket] = flow
            }
        }
        old.deallocate()
    }

    private func allocate() -> FlowPointer {
        let flow: FlowPointer
        if let free = freeFlows {
            freeFlows = free.pointee.next
            flow = free
        } else {
            if usedOfSlabCount == Self.slabFlowCount { takeSlab() }
            flow = slabs[usedSlabCount - 1] + usedOfSlabCount
            usedOfSlabCount += 1
        }
        flow.initialize(to: Flow())
        return flow
    }

    private func takeSlab() {
        if usedSlabCount == slabs.count { slabs.append(.allocate(capacity: Self.slabFlowCount)) }
        usedSlabCount += 1
        usedOfSlabCount = 0
    }
}

extension FlowCounts {
    @inline(__always) fileprivate mutating func add(_ packet: UnsafePointer<Packet>) {
        packetCount &+= 1
        // What an inner packet is alone on the wire is not known; a reassembled one had several
        // frames.
        let isWholeFrame =
            packet.pointee.layer == 0 && !packet.pointee.flags.contains(.reassembled)
        byteCount &+= UInt64(
            isWholeFrame
                ? packet.pointee.originalByteCount
                : packet.pointee.ipEnd &- packet.pointee.ipOffset)
        payloadByteCount &+= UInt64(packet.pointee.payloadByteCount)
        tcpFlags.formUnion(packet.pointee.tcpFlags)
        timeToLiveMin = min(timeToLiveMin, packet.pointee.timeToLive)
        timeToLiveMax = max(timeToLiveMax, packet.pointee.timeToLive)
    }
}

// MARK: - Counters

/// What the table did, in plain integers.
private struct FlowTableCounts {
    var opened = InlineArray<7, UInt64>(repeating: 0)
    var endStates = InlineArray<3, UInt64>(repeating: 0)
    var tcpReuse: UInt64 = 0
    var memcapEvicted: UInt64 = 0
    var collisionEvicted: UInt64 = 0

    mutating func open(_ transport: Transport) { opened[Int(transport.rawValue)] &+= 1 }

    mutating func close(_ flow: FlowPointer) {
        endStates[Int(flow.pointee.state.rawValue)] &+= 1
    }
}

extension FlowTable {
    /// Adds what was counted, under Suricata's names where it has them.
    func report(into counters: inout Counters) {
        var total: UInt64 = 0
        for (transport, name) in [
            (Transport.tcp, "tcp"), (.udp, "udp"), (.icmp, "icmpv4"), (.icmpv6, "icmpv6"),
            (.sctp, "sctp"), (.other, "other"),
        ] {
            let opened = counts.opened[Int(transport.rawValue)]
            counters.add("flow.\(name)", opened)
            total &+= opened
        }
        counters.add("flow.total", total)
        counters.add("flow.tcp_reuse", counts.tcpReuse)
        counters.add("flow.memcap_evicted", counts.memcapEvicted)
        counters.add("flow.collision_evicted", counts.collisionEvicted)
        for (state, name) in [
            (FlowState.new, "new"), (.established, "established"), (.closed, "closed"),
        ] {
            counters.add("flow.end.state.\(name)", counts.endStates[Int(state.rawValue)])
        }
    }
}
