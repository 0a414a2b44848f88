import Testing

@testable import Cairn

/// Feeds a parser or the sessions of a flow, and writes down what comes out as lines of text.
final class ParserHarness {
    let output: ParserOutput
    let sessions: ProtocolSessions
    let flow: UnsafeMutablePointer<Flow>
    private(set) var lines: [String] = []
    private(set) var transactions: [[String: [String]]] = []
    private(set) var anomalies: [String] = []
    private var offsets: [UInt64] = [0, 0]

    init(
        transport: Transport = .tcp, clientPort: UInt16 = 40000, serverPort: UInt16,
        limits: ProtocolLimits = ProtocolLimits(), fileNeeds: FileNeeds = .all,
        sessionLimits: ProtocolSessions.Limits = .init()
    ) {
        output = ParserOutput(limits: limits, fileNeeds: fileNeeds)
        sessions = ProtocolSessions(limits: sessionLimits)
        flow = .allocate(capacity: 1)
        var value = Flow()
        value.transport = transport
        value.clientPort = clientPort
        value.serverPort = serverPort
        flow.initialize(to: value)
    }

    deinit { flow.deallocate() }

    func send(_ bytes: [UInt8], _ direction: Direction) {
        // An exact copy on the heap: reads past the end are found by the address sanitizer.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        let view = UnsafeRawBufferPointer(copy)
        if flow.pointee.transport == .udp {
            sessions.datagram(view, direction, flow: flow, output: output)
        } else {
            let chunk = StreamChunk(
                kind: .data, direction: direction, offset: offsets[Int(direction.rawValue)],
                bytes: view)
            offsets[Int(direction.rawValue)] += UInt64(bytes.count)
            sessions.consume(chunk, flow: flow, output: output)
        }
        collect()
    }

    func sendGap(_ byteCount: UInt64, _ direction: Direction) {
        let chunk = StreamChunk(
            kind: .gap, direction: direction, offset: offsets[Int(direction.rawValue)],
            bytes: UnsafeRawBufferPointer(start: nil, count: 0), gapByteCount: byteCount)
        offsets[Int(direction.rawValue)] += byteCount
        sessions.consume(chunk, flow: flow, output: output)
        collect()
    }

    /// Says that one end has nothing more to send.
    func end(_ direction: Direction) {
        let chunk = StreamChunk(
            kind: .end, direction: direction, offset: offsets[Int(direction.rawValue)],
            bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        sessions.consume(chunk, flow: flow, output: output)
        collect()
    }

    func finish() {
        sessions.finish(flow, output: output)
        collect()
    }

    func release() { sessions.release(flow) }

    /// Sends each message in pieces whose sizes `next` chooses.
    func send(_ messages: [([UInt8], Direction)], pieces next: () -> Int) {
        for (bytes, direction) in messages {
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(max(1, next()))
                rest = rest.dropFirst(piece.count)
                send(Array(piece), direction)
            }
        }
    }

    private func collect() {
        for event in output.events {
            let name = event.direction == .toServer ? "toServer" : "toClient"
            switch event.kind {
            case .anomaly(let index):
                guard
                    let definition = event.transaction?.definition ?? sessions.definition(of: flow)
                else { continue }
                let anomaly = definition.anomalies[index]
                anomalies.append(anomaly)
                lines.append("\(name) anomaly \(anomaly)")
            // Some of these follow the pieces in which bytes come.
            case .chunkEnd: break
            case .progress:
                guard let transaction = event.transaction else { continue }
                lines.append("\(name) \(transaction.id) progress")
                if transaction.isComplete, !transaction.isPooled { record(transaction) }
            }
        }
        output.drain()
        recorded.removeAll()
    }

    /// Transactions that were complete in the call of which the events are collected.
    private var recorded: Set<ObjectIdentifier> = []

    private func record(_ transaction: Transaction) {
        guard recorded.insert(ObjectIdentifier(transaction)).inserted else { return }
        let fields = Self.fields(of: transaction)
        transactions.append(fields)
        for key in fields.keys.sorted() {
            lines.append("\(transaction.id) \(key) = \(fields[key, default: []])")
        }
    }

    /// All values of a transaction by field name.
    static func fields(of transaction: Transaction) -> [String: [String]] {
        var values: [String: [String]] = [:]
        for (index, field) in transaction.definition.fields.enumerated() {
            let texts = transaction.fields.texts(of: index)
            if !texts.isEmpty { values[field.name] = texts }
        }
        return values
    }
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension [UInt8] {
    /// Bytes written as hexadecimal digits, white space between them ignored.
    init(hex: String) {
        let digits = hex.utf8.compactMap(\.hexDigitValue)
        precondition(digits.count.isMultiple(of: 2))
        self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// The same bytes with some changed, added or cut off.
    func mutated(_ numbers: inout SeededNumbers) -> [UInt8] {
        var bytes = self
        for _ in 0..<Int.random(in: 1...4, using: &numbers) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &numbers)
            switch Int.random(in: 0..<6, using: &numbers) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &numbers)
            case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &numbers), at: place)
            case 3: bytes.remove(at: place)
            case 4: bytes.removeSubrange(place...)
            default: bytes[place] = [0, 1, 0x7f, 0x80, 0xc0, 0xff][place % 6]
            }
        }
        return bytes
    }
}
