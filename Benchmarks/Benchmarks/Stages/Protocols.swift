@testable import Cairn

/// Ordered bytes to transactions, with the search for the protocol. TCP comes in pieces as segments
/// bring it.
func protocolBenchmarks() {
    stage(
        "protocol: HTTP", units: (2000, "transaction"),
        // Large bodies give their memory back.
        expected: Outcome(flows: 500, transactions: 2000, bytes: 10_146_101)
    ) {
        let player = Player(Traffic.web(500))
        return { player.play { _, _ in } }
    }
    stage(
        "protocol: DNS", units: (5000, "transaction"),
        expected: Outcome(flows: 5000, transactions: 5000, bytes: 1_554_460), allocates: false
    ) {
        let player = Player(Traffic.names(5000))
        return { player.play { _, _ in } }
    }
    stage(
        "protocol: TLS", units: (500, "transaction"),
        expected: Outcome(flows: 500, transactions: 500, bytes: 383_826)
    ) {
        let player = Player(Traffic.handshakes(500))
        return { player.play { _, _ in } }
    }
}

/// Takes conversations to their parsers, one after the other.
final class Player {
    private let conversations: [Conversation]
    private let sessions = ProtocolSessions()
    let output = ParserOutput(fileNeeds: [])
    private let flow = FlowPointer.allocate(capacity: 1)

    init(_ conversations: [Conversation]) {
        self.conversations = conversations
        flow.initialize(to: Flow())
    }

    deinit { flow.deallocate() }

    /// Plays all conversations.
    ///
    /// - Parameter inspect: gets every step of every transaction, like the rules.
    func play(_ inspect: (Transaction, CommonFields.Context) -> Void) -> Outcome {
        var outcome = Outcome()
        for conversation in conversations {
            outcome.flows += 1
            play(conversation) { take($0, &outcome, inspect) }
        }
        return outcome
    }

    /// Plays all conversations and gives back the transactions that they make, not to be used
    /// again.
    func transactions() -> [Transaction] {
        for conversation in conversations { play(conversation) { _ in } }
        return output.events.compactMap(\.transaction).filter { transaction in
            defer { transaction.isRecorded = true }
            return transaction.isComplete && !transaction.isRecorded
        }
    }

    /// Plays a conversation; after each piece its output is to be taken.
    private func play(_ conversation: Conversation, _ take: (Direction) -> Void) {
        begin(conversation)
        for turn in conversation.turns {
            turn.bytes.withUnsafeBytes { bytes in
                guard conversation.isTCP else {
                    sessions.datagram(bytes, turn.direction, flow: flow, output: output)
                    return take(turn.direction)
                }
                let step = PacketBuilder.segmentByteCountMax
                for start in stride(from: 0, to: bytes.count, by: step) {
                    let piece = bytes[start..<min(bytes.count, start + step)]
                    let chunk = StreamChunk(
                        kind: .data, direction: turn.direction, offset: 0,
                        bytes: UnsafeRawBufferPointer(rebasing: piece))
                    sessions.consume(chunk, flow: flow, output: output)
                    take(turn.direction)
                }
            }
        }
        sessions.finish(flow, output: output)
        take(.toServer)
        sessions.release(flow)
    }

    private func begin(_ conversation: Conversation) {
        flow.pointee = Flow()
        flow.pointee.transport = conversation.isTCP ? .tcp : .udp
        flow.pointee.client = conversation.client.address
        flow.pointee.clientPort = conversation.client.port
        flow.pointee.server = conversation.server.address
        flow.pointee.serverPort = conversation.server.port
    }

    private func take(
        _ direction: Direction, _ outcome: inout Outcome,
        _ inspect: (Transaction, CommonFields.Context) -> Void
    ) {
        let place = CommonFields.Context(flow: flow, direction: direction)
        for event in output.events {
            if event.kind == .chunkEnd { continue }
            guard let transaction = event.transaction, event.kind == .progress else {
                outcome.problems += 1
                continue
            }
            inspect(transaction, place)
            guard transaction.isComplete, !transaction.isRecorded else { continue }
            transaction.isRecorded = true
            outcome.transactions += 1
            outcome.bytes += transaction.fields.storedByteCount
        }
        output.drain()
    }
}
