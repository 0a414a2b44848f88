/// Turns DCE/RPC over a TCP connection into transactions: the connection is one association.
final class DCERPCParser: ProtocolParser {
    private let association = DCERPCAssociation()

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        let count = association.readCount
        association.parse(bytes, direction, into: output)
        if association.readCount != count, !association.isAuthenticated {
            output.endChunk(direction)
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        association.skip(gap: byteCount, direction)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        association.finish(direction, into: output)
    }

    override func reset() {
        association.reset()
        association.numbers.reset()
    }
}

/// Counts the transactions of a flow, whoever begins them.
final class TransactionNumbers {
    private var next: UInt64 = 0

    func take() -> UInt64 {
        defer { next &+= 1 }
        return next
    }

    func reset() { next = 0 }
}
