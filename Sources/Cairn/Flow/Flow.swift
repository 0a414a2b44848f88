/// Which way bytes of a flow go.
enum Direction: UInt8, Sendable {
    case toServer = 0
    case toClient = 1

    @inline(__always) var reversed: Direction { self == .toServer ? .toClient : .toServer }
}

/// A flow in its table: valid until `FlowTable.free` is called for it.
typealias FlowPointer = UnsafeMutablePointer<Flow>

/// A bidirectional 5-tuple with its state: the client opened it, the other end is the server.
///
/// Flows live in slots of their shard's table and are reached by pointer; a slot is used again
/// after its flow ended.
struct Flow {
    // The key and the links come first: a look-up touches only this part.
    /// The tuple as the table looks for it, in the direction of the client.
    var key = FlowKey()
    /// The hash of `key`.
    var hash: UInt64 = 0
    /// The next flow of the same bucket (of the free list, while the slot is free).
    var next: FlowPointer?
    /// Neighbours among the flows of the same time-out, and the clock when it came between them.
    var older: FlowPointer?
    var newer: FlowPointer?
    var filedClock: Timestamp = .epoch
    /// The event clock at the last packet: what the time-out counts from.
    var lastClock: Timestamp = .epoch
    /// Which list of equal time-outs the flow is in.
    var timeoutClass: UInt8 = 0
    /// The flow is not in that list any more: its end is near.
    var isDue = false
    /// TCP: what rules have not looked at yet, by direction.
    private var unseenToServer = UnseenData()
    private var unseenToClient = UnseenData()

    var state: FlowState = .new
    /// Why the flow ended; meaningful once the table has handed it out as ended.
    var endReason: FlowEndReason = .timeout
    var transport: Transport = .none
    /// The state of the TCP connection as the reassembler follows it.
    var tcpState: TCPState = .none
    /// The sequence number of the client's SYN: the same one again is no new connection.
    var clientInitialSequence: UInt32 = 0

    /// A hash of the tuple and the first frame number, below 2^53, so that JSON readers keep it
    /// exact.
    var id: UInt64 = 0
    var vlanIDs: (UInt16, UInt16, UInt16) = (0, 0, 0)
    var vlanCount: UInt8 = 0
    /// ICMP and ICMPv6: type and code of the first packet, and of the first reply.
    var icmpType: UInt8 = 0
    var icmpCode: UInt8 = 0
    var icmpReplyType: UInt8 = 0
    var icmpReplyCode: UInt8 = 0
    /// Source of the first frame: an index into `FrameSource.sourceNames`.
    var source: UInt32 = 0
    var firstFrameNumber: UInt64 = 0
    var start: Timestamp = .epoch
    var last: Timestamp = .epoch
    /// The event clock when the flow ended: its deadline if it timed out.
    var end: Timestamp = .epoch
    var toServer = FlowCounts()
    var toClient = FlowCounts()

    // What other stages keep for this flow, in tables of their own; -1 where there is nothing.
    /// Slot of the TCP connection in `TCPReassembler`.
    var connection: Int32 = -1
    /// Slot of the application-layer session in `ProtocolSessions`.
    var session: Int32 = -1
    /// Slot of the matcher's per-flow state.
    var matchState: Int32 = -1
    /// What of its packets no rule is on.
    var ruleless = RulelessPackets()
}

extension Flow {
    var client: IPAddress {
        @inline(__always) get { key.source }
        set { key.source = newValue }
    }
    var server: IPAddress {
        @inline(__always) get { key.destination }
        set { key.destination = newValue }
    }
    /// TCP, UDP and SCTP; 0 otherwise.
    var clientPort: UInt16 {
        @inline(__always) get { hasPorts ? key.sourceSelector : 0 }
        set { key.sourceSelector = newValue }
    }
    var serverPort: UInt16 {
        @inline(__always) get { hasPorts ? key.destinationSelector : 0 }
        set { key.destinationSelector = newValue }
    }
    var ipVersion: UInt8 {
        @inline(__always) get { key.ipVersion }
        set { key.ipVersion = newValue }
    }
    var ipProtocol: UInt8 {
        @inline(__always) get { key.ipProtocol }
        set { key.ipProtocol = newValue }
    }

    @inline(__always) private var hasPorts: Bool {
        transport == .tcp || transport == .udp || transport == .sctp
    }

    @inline(__always) subscript(unseen direction: Direction) -> UnseenData {
        get { direction == .toServer ? unseenToServer : unseenToClient }
        set {
            if direction == .toServer {
                unseenToServer = newValue
            } else {
                unseenToClient = newValue
            }
        }
    }

    /// The packets up to the present one went both ways.
    @inline(__always) var hasSeenBothDirections: Bool {
        toServer.packetCount > 0 && toClient.packetCount > 0
    }
}

/// What a direction of a TCP stream has come to since rules looked at it, which they do with packets that go the same way:
/// at the end of the flow some may be left.
struct UnseenData {
    var byteCount: UInt32 = 0
    /// However few bytes there are, rules look at them with the next packet.
    var isDue = false
    /// A message became complete, and no packet came since.
    var hasMessage = false

    var isEmpty: Bool { byteCount == 0 && !hasMessage }
}

/// What the matcher found out about the packets of a flow: those for which it is known that none of the rules that are asked
/// whatever a packet holds is on their addresses, ports and state. So nearly all packets are done with at a glance.
struct RulelessPackets {
    /// Of each kind of packets what the last without rules was like, with a mark; 0 while there was none.
    private var tests: InlineArray<4, UInt16> = InlineArray(repeating: 0)
    private static let mark: UInt16 = 1 << 15

    /// - Parameters:
    ///   - kind: numbers packets that take turns in a flow, to 4.
    ///   - tests: all that rules look at and that packets of a flow and kind may differ in, in 15 bits.
    @inline(__always) func contain(_ kind: Int, _ tests: UInt16) -> Bool {
        self.tests[kind] == tests | Self.mark
    }

    @inline(__always) mutating func insert(_ kind: Int, _ tests: UInt16) {
        self.tests[kind] = tests | Self.mark
    }
}

/// Packets and bytes of one direction of a flow.
struct FlowCounts {
    var packetCount: UInt64 = 0
    /// Bytes of frames on the wire; of the IP datagram where it came in a tunnel or in fragments.
    var byteCount: UInt64 = 0
    /// Bytes of transport payload.
    var payloadByteCount: UInt64 = 0
    /// TCP: sequence numbers used in order, those of SYN and FIN included.
    var sequenceCount: UInt32 = 0
    /// All TCP flags seen.
    var tcpFlags: TCPFlags = []
    /// Smallest and largest time to live (hop limit); the smallest is 255 before the first packet.
    var timeToLiveMin: UInt8 = .max
    var timeToLiveMax: UInt8 = 0
}

/// Where a flow is in its life. Raw names are those of flow events.
enum FlowState: UInt8, Sendable {
    /// One side has spoken.
    case new
    /// Both have; for TCP the handshake is done.
    case established
    /// TCP: an orderly or abrupt end was seen.
    case closed
}

/// Why a flow ended.
enum FlowEndReason: UInt8, Sendable {
    /// Nothing came for as long as its state allows.
    case timeout
    /// The input ended.
    case shutdown
    /// A SYN opened another connection between the same ports.
    case tcpReuse
    /// It made room for another flow: the memory limit, or too many flows of one bucket.
    case evicted
}

/// The states of a TCP connection, as an observer sees them (RFC 9293 §3.3.2): the ends' two states
/// in one. Names in which the two ends differ are those of the end that closes first.
enum TCPState: UInt8, Sendable {
    /// No handshake was seen.
    case none
    case synSent, synReceived, established
    /// The first FIN came; it was acknowledged; both ends sent theirs at once.
    case finWait1, finWait2, closing
    /// The server closed first; then the client did.
    case closeWait, lastAck
    case timeWait, closed
}
