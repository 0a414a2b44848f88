@testable import Cairn

/// A flow table and a TCP engine, fed packet by packet, with a record of everything that they hand
/// on.
final class StreamHarness {
    let maker = PacketMaker()
    let table: FlowTable
    let tcp: TCPReassembler
    let client: Endpoint = "10.0.0.1:1025"
    let server: Endpoint = "10.0.0.2:80"
    private(set) var flow: FlowPointer?
    /// What was handed on in each direction: bytes as text, `[n]` for a gap, `$` for the end.
    private(set) var toServer = ""
    private(set) var toClient = ""
    /// Names of the anomalies of the last packet, without `stream.`, in the order of their cases.
    private(set) var anomalies: [String] = []
    private(set) var isEstablished = false
    private(set) var isAccepted = false
    private(set) var isInStream = false
    private(set) var chunkCount = 0
    private var offsets: [Direction: UInt64] = [:]
    /// Every chunk began where the one before it ended.
    private(set) var isContiguous = true

    init(_ settings: StreamSettings = StreamSettings(), shardCount: Int = 1) {
        var flows = FlowSettings()
        flows.prealloc = 0
        table = FlowTable(flows)
        tcp = TCPReassembler(settings, shardCount: shardCount)
    }

    /// Sends a packet from the client.
    func c(
        _ flags: TCPFlags, _ seq: UInt32, _ ack: UInt32 = 0, _ payload: String = "",
        window: UInt16 = 65535, options: [UInt8] = [], urgent: UInt16 = 0
    ) {
        feed(
            maker.tcp(
                client, server, flags, seq: seq, ack: ack, Array(payload.utf8), window: window,
                options: options, urgent: urgent))
    }

    /// Sends a packet from the server.
    func s(
        _ flags: TCPFlags, _ seq: UInt32, _ ack: UInt32 = 0, _ payload: String = "",
        window: UInt16 = 65535, options: [UInt8] = []
    ) {
        feed(
            maker.tcp(
                server, client, flags, seq: seq, ack: ack, Array(payload.utf8), window: window,
                options: options))
    }

    /// A three-way handshake: the client's data starts at 101, the server's at 501.
    func handshake() {
        c(.syn, 100)
        s([.syn, .ack], 500, 101)
        c(.ack, 101, 501)
    }

    func feed(_ packet: Packet) {
        withUnsafePointer(to: packet) { packet in
            while let flow = table.nextEnded(before: packet.pointee.clock) { finish(flow) }
            guard let tracked = table.track(packet) else { return }
            while let flow = table.nextDisplaced() { finish(flow) }
            flow = tracked.flow
            tcp.process(packet, tracked.flow, tracked.direction)
            take()
            table.settle(tracked.flow)
        }
    }

    /// Ends the input.
    func finish() {
        while let flow = table.nextRemaining(at: .epoch) { finish(flow) }
    }

    private func finish(_ ended: FlowPointer) {
        tcp.finish(ended)
        take()
        if ended == flow { flow = nil }
        table.free(ended)
    }

    private func take() {
        anomalies = StreamAnomaly.allCases.filter(tcp.anomalies.contains).map {
            String(String(describing: $0.name).dropFirst("stream.".count))
        }
        isEstablished = tcp.isEstablished
        isAccepted = tcp.isAccepted
        isInStream = tcp.isInStream
        chunkCount = tcp.deliveries.count
        for chunk in tcp.deliveries {
            let text =
                switch chunk.kind {
                case .data: String(decoding: chunk.bytes, as: UTF8.self)
                case .gap: "[\(chunk.gapByteCount)]"
                case .end: "$"
                }
            isContiguous = isContiguous && chunk.offset == offsets[chunk.direction, default: 0]
            offsets[chunk.direction, default: 0] +=
                UInt64(chunk.bytes.count) + chunk.gapByteCount
            if chunk.direction == .toServer { toServer += text } else { toClient += text }
        }
    }

    func counter(_ name: String) -> UInt64 {
        var counters = Counters()
        tcp.counts.report(into: &counters)
        return counters[name]
    }
}

/// TCP options as bytes.
enum Option {
    static func timestamp(_ value: UInt32, _ echo: UInt32 = 0) -> [UInt8] {
        [1, 1, 8, 10]
            + [value, echo].flatMap { number in
                withUnsafeBytes(of: number.bigEndian) { Array($0) }
            }
    }

    static func windowScale(_ shift: UInt8) -> [UInt8] { [1, 3, 3, shift] }
    static let fastOpen: [UInt8] = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8]
}
