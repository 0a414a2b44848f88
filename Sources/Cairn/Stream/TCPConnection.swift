/// One direction of a TCP connection: what its sender sent, and how far the other end acknowledged
/// it.
///
/// Positions count bytes of the stream in 64 bits from the first byte behind the SYN, so nothing
/// wraps.
struct TCPStream {
    /// The sequence number of the SYN; position 0 is the next one.
    var initialSequence: UInt32 = 0
    /// The next position in order: all before it was sent, a FIN included.
    var expected: Int64 = 0
    /// What the other end acknowledged.
    var acked: Int64 = 0
    /// The end of the window that the other end offers.
    var windowEnd: Int64 = 0
    /// All before it was handed on, or given up as a gap.
    var delivered: Int64 = 0
    /// Urgent bytes before `delivered` that are not part of the stream.
    var leftOutByteCount: Int64 = 0
    /// Where the FIN is, if one was sent.
    var fin: Int64?
    /// The end of what was sent when a RST came.
    var resetPosition: Int64 = 0
    /// The window that this end offers for the other direction, in bytes.
    var window: Int64 = 0
    /// The latest timestamp (TS.Recent of RFC 7323 §4.3), and the packet time in seconds when it
    /// came.
    var timestamp: UInt32 = 0
    var timestampSeconds: Int64 = 0
    /// The shift of `window`; only counts once both ends announced one.
    var windowScale: UInt8 = 0
    var offersWindowScale = false
    /// The timestamp is known.
    var hasTimestamp = false
    /// The receiver's way with overlaps.
    var policy = OverlapPolicy.bsd
    /// The end was handed on; nothing follows.
    var isEnded = false
    /// More bytes than the depth were sent.
    var isDepthReached = false
    /// No more bytes are handed on.
    var isStopped = false
    var queue = SegmentQueue()

    /// The position of a sequence number, the one nearest to what is expected.
    @inline(__always) func position(of sequence: UInt32) -> Int64 {
        expected &+ Int64(Int32(truncatingIfNeeded: sequence &- self.sequence(at: expected)))
    }

    @inline(__always) func sequence(at position: Int64) -> UInt32 {
        initialSequence &+ 1 &+ UInt32(truncatingIfNeeded: position)
    }

    /// How many bytes are handed on before the one at a position.
    @inline(__always) func offset(of position: Int64) -> UInt64 {
        UInt64(truncatingIfNeeded: position &- leftOutByteCount)
    }

    /// Sequence numbers that were used in order: the SYN's, those of the bytes, the FIN's.
    @inline(__always) var sequenceCount: UInt32 { UInt32(truncatingIfNeeded: expected &+ 1) }

    /// The end of all that was sent, in order or not.
    var sentEnd: Int64 { max(expected, queue.last?.pointee.end ?? 0) }

    /// The end of what the other end may acknowledge.
    @inline(__always) var ackEnd: Int64 { max(windowEnd, expected) }

    /// Whether `position` is the place of a RST that its receiver believes (RFC 9293 §3.10.7.4, RFC
    /// 5961 §3.2).
    @inline(__always) func acceptsReset(at position: Int64) -> Bool {
        switch policy.resetCheck {
        case .exact:
            position == expected || position == acked || position == fin
        case .inWindow:
            position >= min(expected, acked) && position < max(windowEnd, expected &+ 1)
        case .notBefore:
            position >= min(expected, acked)
        }
    }
}

typealias StreamPointer = UnsafeMutablePointer<TCPStream>

/// A TCP connection as an observer between its ends sees it.
struct TCPConnection {
    var state: TCPState = .none
    var flags: Flags = []
    var client = TCPStream()
    var server = TCPStream()
    /// Which end sent a RST, and how the connection was before.
    var resetDirection = Direction.toServer
    var stateBeforeReset: TCPState = .none
    /// Other ways that the handshake may turn out to have begun: SYNs before the SYN/ACK, SYN/ACKs
    /// before its acknowledgement.
    var candidates = InlineArray<10, Candidate>(repeating: Candidate())
    var candidateCount: UInt8 = 0
    /// The next free slot, while this one is free.
    var nextFree: Int32 = -1

    struct Flags: OptionSet {
        let rawValue: UInt8

        /// The handshake was not seen.
        static let midstream = Flags(rawValue: 1)
        /// Only one side is seen.
        static let oneSided = Flags(rawValue: 2)
        /// Both ends send timestamps.
        static let timestamps = Flags(rawValue: 4)
        /// Both ends sent a SYN (RFC 9293 §3.5, figure 8), or the server split its answer.
        static let fourWay = Flags(rawValue: 8)
        /// A RST ended it.
        static let reset = Flags(rawValue: 16)
        /// The SYN had the option of Fast Open.
        static let fastOpen = Flags(rawValue: 32)
        /// The connection was established at some time.
        static let established = Flags(rawValue: 64)
    }

    /// A SYN or SYN/ACK other than the first.
    struct Candidate: Equatable {
        var sequence: UInt32 = 0
        /// Its timestamp, 0 if it has none.
        var timestamp: UInt32 = 0
    }

    /// Remembers a SYN or SYN/ACK; false if it took the place of another, as there are `limit` of
    /// them.
    mutating func addCandidate(_ candidate: Candidate, limit: Int) -> Bool {
        for index in 0..<Int(candidateCount) where candidates[index] == candidate { return true }
        let limit = max(1, min(limit, candidates.count))
        guard Int(candidateCount) < limit else {
            candidates[limit &- 1] = candidate
            return false
        }
        candidates[Int(candidateCount)] = candidate
        candidateCount &+= 1
        return true
    }

    func isCandidate(sequence: UInt32) -> Bool {
        for index in 0..<Int(candidateCount) where candidates[index].sequence == sequence {
            return true
        }
        return false
    }

    func isCandidate(timestamp: UInt32) -> Bool {
        for index in 0..<Int(candidateCount) where candidates[index].timestamp == timestamp {
            return true
        }
        return false
    }
}

typealias ConnectionPointer = UnsafeMutablePointer<TCPConnection>

extension ConnectionPointer {
    /// The stream of a direction, in place.
    @inline(__always) func stream(_ direction: Direction) -> StreamPointer {
        guard let client = pointer(to: \.client), let server = pointer(to: \.server) else {
            preconditionFailure("stored properties have an address")
        }
        return direction == .toServer ? client : server
    }
}

/// A packet on its way through its connection.
struct TCPSegment {
    let packet: UnsafePointer<Packet>
    let flow: FlowPointer
    let connection: ConnectionPointer
    let direction: Direction
    /// The direction that the packet belongs to, and the one that it acknowledges.
    let sender: StreamPointer
    let receiver: StreamPointer
    let options: SegmentOptions
    /// Positions in the sender's stream; without what SYN and FIN count for.
    private(set) var start: Int64
    private(set) var end: Int64
    /// Position in the receiver's stream.
    let ack: Int64

    @inline(__always)
    init(
        _ packet: UnsafePointer<Packet>, _ flow: FlowPointer, _ connection: ConnectionPointer,
        _ direction: Direction
    ) {
        self.packet = packet
        self.flow = flow
        self.connection = connection
        self.direction = direction
        sender = connection.stream(direction)
        receiver = connection.stream(direction.reversed)
        options = SegmentOptions(packet)
        start = sender.pointee.position(of: packet.pointee.tcpSequence)
        end = start &+ Int64(packet.pointee.payloadByteCount)
        ack = receiver.pointee.position(of: packet.pointee.tcpAcknowledgment)
    }

    /// The same packet with its payload at another position.
    func moved(to start: Int64) -> TCPSegment {
        var segment = self
        segment.start = start
        segment.end = start &+ Int64(packet.pointee.payloadByteCount)
        return segment
    }

    /// How the handshake may turn out to have begun, if it is with this SYN or SYN/ACK.
    var candidate: TCPConnection.Candidate {
        TCPConnection.Candidate(
            sequence: packet.pointee.tcpSequence, timestamp: options.timestampValue)
    }

    /// A packet that repeats the last byte, or has none and is one before the next, to be answered
    /// (RFC 9293 §3.8.4).
    @inline(__always) var isKeepAlive: Bool {
        start == sender.pointee.expected &- 1 && packet.pointee.payloadByteCount <= 1
            && !flags.contains(.fin)
    }

    @inline(__always) var flags: TCPFlags { packet.pointee.tcpFlags }
    @inline(__always) var hasPayload: Bool { packet.pointee.payloadByteCount > 0 }
}

extension TCPState {
    /// The handshake is done.
    @inline(__always) var isEstablished: Bool { rawValue >= TCPState.established.rawValue }

    /// The handshake is done, and more may come.
    @inline(__always) var isOpen: Bool { isEstablished && self != .closed }
}

/// The connections of one shard, in slots that stay where they are.
final class ConnectionTable {
    private let countMax: Int
    private let slabs: UnsafeMutablePointer<ConnectionPointer>
    private var slabCount = 0
    private var firstFree: Int32 = -1
    private(set) var count = 0

    private static let slabSize = 256

    init(byteCountMax: Int) {
        countMax = min(
            Int(Int32.max), max(1, byteCountMax / MemoryLayout<TCPConnection>.stride))
        slabs = .allocate(capacity: countMax / Self.slabSize + 1)
    }

    deinit {
        for index in 0..<slabCount { slabs[index].deallocate() }
        slabs.deallocate()
    }

    @inline(__always) func connection(_ slot: Int32) -> ConnectionPointer {
        slabs[Int(slot) / Self.slabSize] + Int(slot) % Self.slabSize
    }

    /// Asks for the memory of a flow's connection, which will be needed soon.
    @inline(__always) func prefetch(of flow: FlowPointer) {
        guard flow.pointee.connection >= 0 else { return }
        Cairn.prefetch(connection(flow.pointee.connection))
    }

    /// A slot for a new connection; nil at the memory limit.
    func allocate() -> Int32? {
        guard count < countMax else { return nil }
        if firstFree < 0 { addSlab() }
        let slot = firstFree
        firstFree = connection(slot).pointee.nextFree
        connection(slot).initialize(to: TCPConnection())
        count += 1
        return slot
    }

    func free(_ slot: Int32) {
        connection(slot).pointee.nextFree = firstFree
        firstFree = slot
        count -= 1
    }

    /// Visits all slots, also those that are free.
    func forEach(_ visit: (ConnectionPointer) -> Void) {
        for slab in 0..<slabCount {
            for index in 0..<Self.slabSize { visit(slabs[slab] + index) }
        }
    }

    private func addSlab() {
        let slab = ConnectionPointer.allocate(capacity: Self.slabSize)
        slab.initialize(repeating: TCPConnection(), count: Self.slabSize)
        slabs[slabCount] = slab
        for index in (0..<Self.slabSize).reversed() {
            slab[index].nextFree = firstFree
            firstFree = Int32(slabCount * Self.slabSize + index)
        }
        slabCount += 1
    }
}
