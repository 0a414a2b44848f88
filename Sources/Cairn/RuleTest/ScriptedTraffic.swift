/// Turns the traffic that a test describes into frames.
struct ScriptedTraffic {
    /// Between one entry without a time and the next.
    private static let pauseNanoseconds = nanosecondsPerSecond / 100
    /// Frames that one test may make.
    private static let frameCountMax = 2_000_000

    private var writer = TrafficWriter()
    private var time = testStart
    private var identifier: UInt16 = 0

    /// The frames in time order.
    var frames: [TrafficWriter.TimedFrame] { writer.framesInTimeOrder }

    /// Adds an entry with all its repetitions.
    ///
    /// - Returns: what is wrong with it; nil if nothing is.
    mutating func add(_ traffic: TestTraffic) -> String? {
        if let at = traffic.atNanoseconds { time = testStart.adding(nanoseconds: at) }
        let first = time
        for number in 0..<traffic.repeatCount {
            time = first.adding(nanoseconds: Int64(number) &* traffic.repeatNanoseconds)
            if let complaint = add(traffic.content, number: number) { return complaint }
            if writer.frames.count > Self.frameCountMax {
                return "the traffic is more than \(Self.frameCountMax) frames"
            }
        }
        time = (writer.frames.map(\.timestamp).max() ?? time).adding(
            nanoseconds: Self.pauseNanoseconds)
        return nil
    }

    private mutating func add(_ content: TestTraffic.Content, number: Int) -> String? {
        switch content {
        case .frames(let frames):
            for bytes in frames {
                writer.raw(bytes, at: time)
                time = time.adding(nanoseconds: TrafficWriter.stepNanoseconds)
            }
        case .echo(let echo):
            writer.ping(
                client: echo.client, server: echo.server, payload: echo.payload,
                answers: echo.isAnswered,
                at: time)
        case .conversation(let conversation): return add(conversation, number: number)
        case .capture: break
        }
        return nil
    }

    private mutating func add(_ conversation: TestConversation, number: Int) -> String? {
        var turns: [TrafficWriter.Turn] = []
        for turn in conversation.turns {
            guard let built = build(turn.numbered(number)) else {
                return "a message cannot be built from these fields"
            }
            turns += built
        }
        for server in conversation.server.all {
            for client in conversation.client.all {
                // Repetitions are connections of their own.
                let client = client.shifted(by: conversation.isTCP ? number : 0)
                write(conversation, client, server, turns)
            }
        }
        return nil
    }

    private mutating func write(
        _ conversation: TestConversation, _ client: TrafficWriter.Endpoint,
        _ server: TrafficWriter.Endpoint,
        _ turns: [TrafficWriter.Turn]
    ) {
        guard conversation.isTCP else {
            return writer.udp(client: client, server: server, turns: turns, at: time)
        }
        switch conversation.ending {
        case .refused, .unanswered:
            writer.tcpAttempt(
                client: client, server: server, isRefused: conversation.ending == .refused, at: time
            )
        case .fin: writer.tcp(client: client, server: server, turns: turns, ending: .fin, at: time)
        case .reset:
            writer.tcp(client: client, server: server, turns: turns, ending: .reset, at: time)
        case .open:
            writer.tcp(client: client, server: server, turns: turns, ending: .open, at: time)
        }
        time = time.adding(nanoseconds: TrafficWriter.stepNanoseconds)
    }

    private mutating func build(_ turn: TestTurn) -> [TrafficWriter.Turn]? {
        switch turn {
        case .bytes(let direction, let bytes): return [.init(direction: direction, bytes: bytes)]
        case .http(let exchange): return MessageBuilder.http(exchange)
        case .tls(let handshake): return MessageBuilder.tls(handshake)
        case .dns(let exchange):
            identifier &+= 1
            return MessageBuilder.dns(exchange, identifier: identifier)
        }
    }
}

extension TestEndpoint {
    /// Every address with every port.
    fileprivate var all: [TrafficWriter.Endpoint] {
        var endpoints: [TrafficWriter.Endpoint] = []
        var address = addresses.lowerBound
        while address <= addresses.upperBound {
            endpoints += ports.map { TrafficWriter.Endpoint(address: address, port: $0) }
            address.low &+= 1
            if address.low == 0 { break }
        }
        return endpoints
    }
}

extension TrafficWriter.Endpoint {
    fileprivate func shifted(by count: Int) -> Self {
        var copy = self
        copy.port &+= UInt16(truncatingIfNeeded: count)
        return copy
    }
}

extension TestTurn {
    /// The turn with `{n}` replaced by a number.
    fileprivate func numbered(_ number: Int) -> TestTurn {
        func fill(_ text: String) -> String { text.replacing("{n}", with: String(number)) }
        func fill(_ bytes: [UInt8]) -> [UInt8] {
            bytes.replacing("{n}".utf8, with: String(number).utf8)
        }
        func fill(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
            headers.map { ($0.name, fill($0.value)) }
        }
        switch self {
        case .bytes(let direction, let bytes): return .bytes(direction, fill(bytes))
        case .dns(var dns):
            dns.query = fill(dns.query)
            dns.answers = dns.answers.map(fill)
            return .dns(dns)
        case .http(var http):
            http.uri = fill(http.uri)
            http.host = http.host.map(fill)
            http.headers = fill(http.headers)
            http.body = fill(http.body)
            http.responseHeaders = fill(http.responseHeaders)
            http.responseBody = fill(http.responseBody)
            return .http(http)
        case .tls(var tls):
            tls.serverName = tls.serverName.map(fill)
            return .tls(tls)
        }
    }
}
