/// Writes conversations as the frames that two well-behaved hosts would exchange, in time order.
struct TrafficWriter {
    typealias Endpoint = PacketBuilder.Endpoint

    /// A frame and when it is on the wire.
    struct TimedFrame: Equatable {
        var timestamp: Timestamp
        var bytes: [UInt8]
    }

    /// What one side says before the other answers.
    struct Turn: Equatable {
        var direction: Direction
        var bytes: [UInt8]
    }

    /// How a TCP conversation ends.
    enum Ending { case fin, reset, open }

    /// Between one frame and the next of the same conversation.
    static let stepNanoseconds: Int64 = 500_000

    private(set) var frames: [TimedFrame] = []
    private var builder = PacketBuilder()
    private var connectionCount: UInt32 = 0

    /// All frames ordered by time; those of the same time in the order written.
    var framesInTimeOrder: [TimedFrame] {
        frames.enumerated().sorted {
            ($0.element.timestamp, $0.offset) < ($1.element.timestamp, $1.offset)
        }.map(\.element)
    }

    /// Writes a frame as it is.
    mutating func raw(_ bytes: [UInt8], at time: Timestamp) {
        frames.append(TimedFrame(timestamp: time, bytes: bytes))
    }

    /// Writes a UDP exchange, one datagram a turn.
    mutating func udp(client: Endpoint, server: Endpoint, turns: [Turn], at start: Timestamp) {
        var time = start
        for turn in turns {
            let (source, destination) =
                turn.direction == .toServer ? (client, server) : (server, client)
            add(builder.udp(from: source, to: destination, turn.bytes), at: &time)
        }
    }

    /// Writes ICMP echo requests, each with its reply if `answers`.
    mutating func ping(
        client: IPAddress, server: IPAddress, payload: [UInt8], answers: Bool, at start: Timestamp
    ) {
        var time = start
        let (request, reply): (UInt8, UInt8) = client.isV4 ? (8, 0) : (128, 129)
        let rest = [0, 1, 0, 1] + payload
        add(builder.icmp(from: client, to: server, type: request, code: 0, rest: rest), at: &time)
        if answers {
            add(builder.icmp(from: server, to: client, type: reply, code: 0, rest: rest), at: &time)
        }
    }

    /// Writes a TCP connection: handshake, the turns in segments that the other side acknowledges, teardown.
    mutating func tcp(
        client: Endpoint, server: Endpoint, turns: [Turn], ending: Ending = .fin,
        at start: Timestamp
    ) {
        var time = start
        var connection = Connection(client: client, server: server, number: connectionCount)
        connectionCount &+= 1
        send(&connection, .toServer, [.syn], at: &time)
        send(&connection, .toClient, [.syn, .ack], at: &time)
        send(&connection, .toServer, [.ack], at: &time)
        for turn in turns {
            var rest = turn.bytes[...]
            var segmentCount = 0
            while !rest.isEmpty {
                let piece = rest.prefix(PacketBuilder.segmentByteCountMax)
                rest = rest.dropFirst(piece.count)
                send(
                    &connection, turn.direction, rest.isEmpty ? [.psh, .ack] : [.ack], Array(piece),
                    at: &time)
                segmentCount += 1
                // RFC 9293 §3.8.6.3: at least every second segment is acknowledged.
                if rest.isEmpty || segmentCount % 2 == 0 {
                    send(&connection, turn.direction.reversed, [.ack], at: &time)
                }
            }
        }
        switch ending {
        case .fin:
            send(&connection, .toServer, [.fin, .ack], at: &time)
            send(&connection, .toClient, [.fin, .ack], at: &time)
            send(&connection, .toServer, [.ack], at: &time)
        case .reset: send(&connection, .toServer, [.rst, .ack], at: &time)
        case .open: break
        }
    }

    /// A SYN that is answered by a reset, or by nothing: what a scan looks like.
    mutating func tcpAttempt(
        client: Endpoint, server: Endpoint, isRefused: Bool, at start: Timestamp
    ) {
        var time = start
        var connection = Connection(client: client, server: server, number: connectionCount)
        connectionCount &+= 1
        send(&connection, .toServer, [.syn], at: &time)
        if isRefused { send(&connection, .toClient, [.rst, .ack], at: &time) }
    }

    // MARK: Parts

    private struct Connection {
        let client: Endpoint
        let server: Endpoint
        /// The next sequence number of each direction.
        var next: (toServer: UInt32, toClient: UInt32)

        init(client: Endpoint, server: Endpoint, number: UInt32) {
            self.client = client
            self.server = server
            let seed =
                UInt32(client.port) &* 2_654_435_761 &+ UInt32(server.port) &* 40_503 &+ number
                &* 65_537
            next = (seed, seed ^ 0x5bd1_e995)
        }
    }

    private mutating func send(
        _ connection: inout Connection, _ direction: Direction, _ flags: TCPFlags,
        _ payload: [UInt8] = [],
        at time: inout Timestamp
    ) {
        let isToServer = direction == .toServer
        let sequence = isToServer ? connection.next.toServer : connection.next.toClient
        let acknowledgment = isToServer ? connection.next.toClient : connection.next.toServer
        // RFC 9293 §3.7.1: each side says how large its segments may be.
        let options: [UInt8] =
            flags.contains(.syn)
            ? [2, 4] + bigEndian(UInt16(PacketBuilder.segmentByteCountMax)) : []
        let segment = PacketBuilder.Segment(
            flags: flags, sequence: sequence,
            acknowledgment: flags.contains(.ack) ? acknowledgment : 0,
            options: options, payload: payload)
        let (source, destination) =
            isToServer
            ? (connection.client, connection.server) : (connection.server, connection.client)
        add(builder.tcp(from: source, to: destination, segment), at: &time)
        let used =
            UInt32(truncatingIfNeeded: payload.count)
            &+ (flags.contains(.syn) || flags.contains(.fin) ? 1 : 0)
        if isToServer {
            connection.next.toServer &+= used
        } else {
            connection.next.toClient &+= used
        }
    }

    private mutating func add(_ built: [[UInt8]], at time: inout Timestamp) {
        for bytes in built {
            frames.append(TimedFrame(timestamp: time, bytes: bytes))
            time = time.adding(nanoseconds: Self.stepNanoseconds)
        }
    }
}
