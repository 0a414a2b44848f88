@testable import Cairn

/// A conversation of one protocol, as a script has it: every cut of it must give the same, nothing
/// may be left over, and every record must be JSON.
///
/// | choice | meaning |
/// | --- | --- |
/// | 1 | the client is where servers are: the flow was seen from its middle |
/// | 2 | over UDP, where the protocol knows both |
/// | 4 | limits are so small that they are met |
/// | 8 | files are given to libmagic |
/// | 16 | at a port that says nothing |
/// | 32 | at the port of multicast DNS |
struct FuzzedFlow {
    /// Bytes that a transaction may hold.
    private static let storedByteCountMax = 16 << 20
    /// Fields that say what was known when packets came, and so depend on how bytes are cut.
    static let fieldsOfPackets: Set<String> = ["tls.client.state", "tls.server.state"]

    private let sessions = ProtocolSessions()
    private let output: ParserOutput
    private let tuple: Flow
    private var seen = Seen()

    /// What came of a conversation.
    private struct Seen {
        /// Complete transactions, each field on a line, and anomalies.
        var text: [UInt8] = []
        var problem: String?
        var isDNS = false

        mutating func add(_ line: some Sequence<UInt8>) {
            text += line
            text.append(UInt8(ascii: "\n"))
        }
    }

    static func run(_ script: FuzzScript, _ definition: ProtocolDefinition) -> String? {
        var flow = FuzzedFlow(script.choices, definition)
        let whole = flow.run(script.steps)
        if let problem = whole.problem { return problem }
        // With the parsers and transactions of the first run, which must not show.
        let again = flow.run(flow.dependsOnPieces(script) ? script.steps : script.inPieces)
        if let problem = again.problem { return "in pieces: \(problem)" }
        return whole.text == again.text ? nil : fuzzDifference(whole.text, again.text)
    }

    private init(_ choices: UInt8, _ definition: ProtocolDefinition) {
        var limits = ProtocolLimits()
        if choices & 4 != 0 { limits.makeSmall() }
        let needs: FileNeeds = choices & 8 != 0 ? .all : [.files, .data, .sha256]
        output = ParserOutput(limits: limits, fileNeeds: needs)
        var tuple = Flow()
        let isDatagrams = definition.overUDP && (choices & 2 != 0 || !definition.overTCP)
        tuple.transport = isDatagrams ? .udp : .tcp
        tuple.clientPort = 40_000
        tuple.serverPort = choices & 16 != 0 ? 9_999 : definition.ports.first ?? 0
        if choices & 32 != 0 { tuple.serverPort = DNS.multicastDefinition.ports.first ?? 0 }
        if choices & 1 != 0 {
            (tuple.clientPort, tuple.serverPort) = (tuple.serverPort, tuple.clientPort)
        }
        self.tuple = tuple
    }

    /// A datagram is one piece; and DNS finds its messages again at the beginning of a piece where
    /// bytes were lost.
    private func dependsOnPieces(_ script: FuzzScript) -> Bool {
        if tuple.transport == .udp { return true }
        let hasGaps = script.steps.contains { if case .gap = $0 { true } else { false } }
        return hasGaps && seen.isDNS
    }

    // MARK: One run

    private mutating func run(_ steps: [FuzzScript.Step]) -> Seen {
        seen = Seen()
        var flow = tuple
        withUnsafeMutablePointer(to: &flow) { flow in
            var ended: Set<Bool> = []
            for step in steps where !ended.contains(step.isFromClient) {
                take(step, flow)
                if case .end(let isFromClient) = step { ended.insert(isFromClient) }
                collect(flow)
            }
            sessions.finish(flow, output: output)
            collect(flow)
            seen.isDNS = sessions.definition(of: flow) === DNS.definition
            sessions.release(flow)
        }
        if output.openTransactionCount != 0 {
            seen.problem = "\(output.openTransactionCount) transactions are left over"
        }
        return seen
    }

    private func take(_ step: FuzzScript.Step, _ flow: FlowPointer) {
        let direction: Direction = step.isFromClient ? .toServer : .toClient
        func consume(
            _ kind: StreamChunk.Kind, _ bytes: UnsafeRawBufferPointer, gap byteCount: Int = 0
        ) {
            let chunk = StreamChunk(
                kind: kind, direction: direction, offset: 0, bytes: bytes,
                gapByteCount: UInt64(byteCount))
            sessions.consume(chunk, flow: flow, output: output)
        }
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let isDatagrams = flow.pointee.transport == .udp
        switch step {
        case .data(let bytes, _) where isDatagrams:
            withExactCopy(bytes) {
                sessions.datagram($0, direction, flow: flow, output: output)
            }
        case .data(let bytes, _): withExactCopy(bytes) { consume(.data, $0) }
        case .gap(let byteCount, _) where byteCount > 0 && !isDatagrams:
            consume(.gap, nothing, gap: byteCount)
        case .end where !isDatagrams: consume(.end, nothing)
        case .gap, .end: break
        }
    }

    private mutating func collect(_ flow: FlowPointer) {
        var storedByteCount = 0
        for (index, event) in output.events.enumerated() {
            switch event.kind {
            case .anomaly(let index):
                let definition = event.transaction?.definition ?? sessions.definition(of: flow)
                let name = definition?.anomalies[index] ?? "?"
                seen.add("\(event.direction) anomaly \(name)".utf8)
            case .chunkEnd: break
            case .progress:
                guard let transaction = event.transaction else { continue }
                storedByteCount = max(storedByteCount, transaction.fields.storedByteCount)
                // What completes a transaction is the last that is said of its progress.
                let isLast = !output.events[(index + 1)...].contains {
                    $0.kind == .progress && $0.transaction === transaction
                }
                if isLast, transaction.isComplete { record(transaction) }
            }
        }
        if storedByteCount > Self.storedByteCountMax {
            seen.problem = "\(storedByteCount) bytes are stored"
        }
        output.drain()
    }

    private mutating func record(_ transaction: Transaction) {
        seen.add("\(transaction.definition.name) \(transaction.id)".utf8)
        for (index, field) in transaction.definition.fields.enumerated()
        where !Self.fieldsOfPackets.contains(field.name) {
            var cursor = transaction.fields.first(of: index)
            while let value = cursor {
                seen.text += field.name.utf8
                seen.text += " = ".utf8
                if transaction.fields.isNumber(value) {
                    seen.add(String(transaction.fields.number(value)).utf8)
                } else {
                    seen.add(transaction.fields.bytes(value))
                }
                cursor = transaction.fields.next(after: value, of: index)
            }
        }
        var writer = JSONWriter()
        writer.beginObject()
        transaction.writeMember(into: &writer)
        writer.endObject()
        if JSONValue(parsing: writer.bytes) == nil {
            seen.problem = "no JSON: \(String(decoding: writer.bytes, as: UTF8.self))"
        }
    }
}

extension ProtocolLimits {
    /// Limits that short inputs meet.
    fileprivate mutating func makeSmall() {
        requestBodyByteCountMax = 48
        responseBodyByteCountMax = 64
        headerLineByteCountMax = 96
        headersByteCountMax = 256
        headerCountMax = 8
        openTransactionCountMax = 3
        waitingTransactionCountMax = 2
        decompressedByteCountMax = 1 << 10
        multipartFileCountMax = 2
        fileNameByteCountMax = 8
        fileMagicByteCount = 64
        decodesPathTwice = true
        decodesQueryTwice = true
    }
}
