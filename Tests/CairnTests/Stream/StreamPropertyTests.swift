import Testing

@testable import Cairn

@Suite struct StreamPropertyTests {
    /// A conversation of two texts, sent in random pieces: out of order within the window,
    /// repeated, overlapping with the same bytes, acknowledged at random.
    @Test(arguments: 0..<60)
    func `any segmentation of a conversation gives the same streams`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let tcp = StreamHarness()
        let (request, reply) = (text(3000, "abcdefgh"), text(5000, "0123456789"))
        let clientStart = UInt32.random(in: .min ... .max, using: &random)
        let serverStart = UInt32.random(in: .min ... .max, using: &random)
        tcp.c(.syn, clientStart &- 1)
        tcp.s([.syn, .ack], serverStart &- 1, clientStart)
        tcp.c(.ack, clientStart, serverStart)
        var a = Sender(bytes: request, start: clientStart)
        var b = Sender(bytes: reply, start: serverStart)
        while !a.isDone || !b.isDone {
            if Bool.random(using: &random) {
                a.send(b, &random) { tcp.c(.ack, $0, $1, $2) }
            } else {
                b.send(a, &random) { tcp.s(.ack, $0, $1, $2) }
            }
            #expect(tcp.anomalies.allSatisfy(Self.isRepetition))
            #expect(request.hasPrefix(tcp.toServer) && reply.hasPrefix(tcp.toClient))
        }
        tcp.c([.fin, .ack], clientStart &+ 3000, serverStart &+ 5000)
        tcp.s([.fin, .ack], serverStart &+ 5000, clientStart &+ 3001)
        tcp.c(.ack, clientStart &+ 3001, serverStart &+ 5001)
        #expect(tcp.toServer == request + "$")
        #expect(tcp.toClient == reply + "$")
        #expect(tcp.isContiguous)
        #expect(tcp.flow?.pointee.tcpState == .closed)
    }

    /// Packets of real connections with random changes.
    @Test(arguments: 0..<8)
    func `no packets can break the engine`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var settings = StreamSettings()
        settings.midstream = seed & 1 == 1
        settings.asyncOneside = seed & 2 == 2
        settings.urgentPolicy = seed & 4 == 4 ? .outOfBand : .gap
        settings.memcap = MemoryLayout<TCPConnection>.stride * 8
        settings.reassemblyMemcap = 200_000
        settings.depth = seed == 0 ? 0 : 3000
        settings.hostPolicies.networks = [
            HostPolicies.Entry(
                network: IPNetwork("0.0.0.0/0"),
                policy: OverlapPolicy(rawValue: UInt8(seed) % 15) ?? .bsd)
        ].compactMap { $0 }
        let tcp = StreamHarness(settings)
        var fromClient: UInt32 = 0xffff_ff00
        var fromServer: UInt32 = 0x7fff_ff00
        for _ in 0..<3000 {
            let isFromClient = Bool.random(using: &random)
            var flags: TCPFlags = .ack
            switch Int.random(in: 0..<40, using: &random) {
            case 0: flags = .syn
            case 1: flags = [.syn, .ack]
            case 2: flags = [.fin, .ack]
            case 3: flags = .rst
            case 4: flags = TCPFlags(rawValue: UInt8.random(in: 0...255, using: &random))
            default: break
            }
            let payload = String(repeating: "x", count: Int.random(in: 0...1500, using: &random))
            var options: [UInt8] = []
            if Int.random(in: 0..<4, using: &random) == 0 {
                options = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    UInt8.random(in: 0...12, using: &random)
                }
            }
            func near(_ value: UInt32) -> UInt32 {
                switch Int.random(in: 0..<8, using: &random) {
                case 0: value &+ UInt32.random(in: 0...5000, using: &random)
                case 1: value &- UInt32.random(in: 0...5000, using: &random)
                case 2: UInt32.random(in: .min ... .max, using: &random)
                default: value
                }
            }
            let window = UInt16.random(in: .min ... .max, using: &random)
            let port = UInt16.random(in: 1...12, using: &random)
            let client = Endpoint(tcp.client.address, port)
            let (from, to) = isFromClient ? (client, tcp.server) : (tcp.server, client)
            let (seq, ack) = isFromClient ? (fromClient, fromServer) : (fromServer, fromClient)
            tcp.maker.step = Int64.random(in: 0...nanosecondsPerSecond, using: &random)
            var packet = tcp.maker.tcp(
                from, to, flags, seq: near(seq), ack: near(ack), Array(payload.utf8),
                window: window, options: options,
                urgent: UInt16.random(in: 0...2000, using: &random))
            if Int.random(in: 0..<50, using: &random) == 0 {
                packet.payloadOffset = UInt32.random(in: 0...20, using: &random)
                packet.payloadByteCount = 0
            }
            tcp.feed(packet)
            if isFromClient {
                fromClient &+= UInt32.random(in: 0...300, using: &random)
            } else {
                fromServer &+= UInt32.random(in: 0...300, using: &random)
            }
            #expect(tcp.tcp.pool.byteCount <= 200_000)
        }
        tcp.finish()
        #expect(tcp.table.flowCount == 0)
        #expect(tcp.tcp.connections.count == 0)
    }

    private static func isRepetition(_ anomaly: String) -> Bool {
        anomaly == "pkt_spurious_retransmission" || anomaly == "est_pkt_before_last_ack"
    }

    private func text(_ count: Int, _ alphabet: String) -> String {
        var random = SeededGenerator(seed: UInt64(count))
        return String((0..<count).map { _ in alphabet.randomElement(using: &random) ?? "?" })
    }
}

/// One end that sends a text in a window of its own.
private struct Sender {
    let bytes: [UInt8]
    let start: UInt32
    /// Received in order by the other end; the other end may acknowledge this.
    private var received = 0
    /// Pieces that were sent beyond it.
    private var sent: [Range<Int>] = []

    init(bytes: String, start: UInt32) {
        self.bytes = Array(bytes.utf8)
        self.start = start
    }

    var isDone: Bool { received == bytes.count }

    mutating func send(
        _ other: Sender, _ random: inout SeededGenerator,
        _ transmit: (UInt32, UInt32, String) -> Void
    ) {
        // At, behind or before what the other end expects, in a window of 1000 bytes.
        let from = max(0, min(bytes.count, received + Int.random(in: -100...600, using: &random)))
        let first = Bool.random(using: &random) ? received : from
        let last = min(bytes.count, first + Int.random(in: 0...400, using: &random))
        let text = String(decoding: bytes[first..<last], as: UTF8.self)
        transmit(
            start &+ UInt32(first), other.start &+ UInt32(other.received), text)
        sent.append(first..<last)
        while let next = sent.first(where: { $0.contains(received) }) { received = next.upperBound }
        sent.removeAll { $0.upperBound <= received }
    }
}
