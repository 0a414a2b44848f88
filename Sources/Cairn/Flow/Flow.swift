/// Which way bytes of a flow go.
enum Direction: UInt8, Sendable {
    case toServer = 0
    case toClient = 1

    @inline(__always) var reversed: Direction { self == .toServer ? .toClient : .toServer }
}

/// A bidirectional 5-tuple with its state: the client opened it, the other end is the server.
///
/// Flows live in slots of their shard's table and are reached by pointer; a slot is used again after its flow ended.
struct Flow {
    /// A hash of the tuple and the first frame number, below 2^53, so that JSON readers keep it exact.
    var id: UInt64 = 0
    var client: IPAddress = .zero
    var server: IPAddress = .zero
    var clientPort: UInt16 = 0
    var serverPort: UInt16 = 0
    var ipVersion: UInt8 = 0
    var ipProtocol: UInt8 = 0
    var transport: Transport = .none
    var state: FlowState = .new
    var vlanIDs: (UInt16, UInt16, UInt16) = (0, 0, 0)
    var vlanCount: UInt8 = 0
    /// Source of the first frame: an index into `FrameSource.sourceNames`.
    var source: UInt32 = 0
    var firstFrameNumber: UInt64 = 0
    var start: Timestamp = .epoch
    var last: Timestamp = .epoch
    /// The event clock at the last packet: what the time-out counts from.
    var lastClock: Timestamp = .epoch
    var toServer = FlowCounts()
    var toClient = FlowCounts()
    /// The packets before this one went both ways.
    var hasSeenBothDirections: Bool { toServer.packetCount > 0 && toClient.packetCount > 0 }

    // What other stages keep for this flow, in tables of their own; -1 where there is nothing.
    /// Slot of the TCP connection in `TCPReassembler`.
    var connection: Int32 = -1
    /// Slot of the application-layer session in `ProtocolSessions`.
    var session: Int32 = -1
    /// Slot of the matcher's per-flow state.
    var matchState: Int32 = -1
}

/// Packets and bytes of one direction of a flow.
struct FlowCounts {
    var packetCount: UInt64 = 0
    /// Bytes of frames on the wire.
    var byteCount: UInt64 = 0
    /// Bytes of transport payload.
    var payloadByteCount: UInt64 = 0
    /// All TCP flags seen.
    var tcpFlags: TCPFlags = []
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
