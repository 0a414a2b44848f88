/// Turns DNS messages into transactions.
///
/// Over UDP every datagram is a message; over TCP each has a length of two bytes in front, and one
/// unfinished message a direction is kept (at most 65,537 bytes). Queries wait for their response
/// in a list of at most `openTransactionCountMax`; beyond it the oldest is given up.
final class DNSParser: ProtocolParser {
    private let dialect: DNS.Dialect
    private let definition: ProtocolDefinition
    /// Queries without a response, oldest first.
    private var open: [Transaction] = []
    /// The server has nothing more to say.
    private var isServerDone = false
    private var transactionCount: UInt64 = 0
    private var toServer = Assembly()
    private var toClient = Assembly()

    /// An unfinished message of one direction of a TCP stream.
    private struct Assembly {
        /// Length and beginning of the message.
        var bytes: [UInt8] = []
        /// Bytes were lost: where messages begin is not known, and the first of `bytes` may or may not be such a place.
        var isLost = false

        /// Whether length and message are all there.
        var isWhole: Bool { bytes.count >= 2 && bytes.count == byteCount }

        /// Bytes of the length and the message.
        private var byteCount: Int {
            bytes.count < 2 ? 2 : 2 + Int(bytes[0]) << 8 + Int(bytes[1])
        }

        /// Takes bytes from an offset on: up to the end of the length, or of the message.
        mutating func append(_ source: RawSpan, at position: inout Int) {
            let count = min(byteCount &- bytes.count, source.byteCount &- position)
            source.extracting(position..<position &+ count).withUnsafeBytes {
                bytes.append(contentsOf: $0)
            }
            position &+= count
        }
    }

    init(_ dialect: DNS.Dialect) {
        self.dialect = dialect
        definition = dialect.definition
    }

    override func reset() {
        open.removeAll(keepingCapacity: true)
        isServerDone = false
        transactionCount = 0
        toServer.bytes.removeAll()
        toServer.isLost = false
        toClient.bytes.removeAll()
        toClient.isLost = false
    }

    // MARK: Framing

    override func parseDatagram(
        _ bytes: RawSpan, _ direction: Direction, into output: ParserOutput
    ) {
        readMessage(bytes, direction, output)
    }

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        // The unfinished message leaves the parser while its bytes are read.
        var assembly = Assembly()
        exchange(&assembly, direction)
        defer { exchange(&assembly, direction) }
        guard assembly.isLost else { return readMessages(bytes, &assembly, direction, output) }
        bytes.withUnsafeBytes { assembly.bytes.append(contentsOf: $0) }
        findMessage(in: &assembly, direction)
        guard !assembly.isLost else { return }
        let found = assembly.bytes
        assembly.bytes.removeAll(keepingCapacity: true)
        found.withUnsafeBytes { readMessages($0.bytes, &assembly, direction, output) }
    }

    /// Reads all messages that are whole, and keeps the beginning of the next.
    private func readMessages(
        _ bytes: RawSpan, _ assembly: inout Assembly, _ direction: Direction,
        _ output: ParserOutput
    ) {
        var position = 0
        while position < bytes.byteCount {
            if assembly.bytes.isEmpty, let end = wholeMessageEnd(bytes, at: position) {
                readFramed(bytes.extracting(position &+ 2..<end), direction, output)
                position = end
                continue
            }
            assembly.append(bytes, at: &position)
            guard assembly.isWhole else { continue }
            assembly.bytes.withUnsafeBytes {
                readFramed($0.bytes.extracting(2..<$0.count), direction, output)
            }
            assembly.bytes.removeAll(keepingCapacity: true)
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        var assembly = Assembly()
        assembly.isLost = true
        exchange(&assembly, direction)
    }

    private func exchange(_ assembly: inout Assembly, _ direction: Direction) {
        if direction == .toServer {
            swap(&assembly, &toServer)
        } else {
            swap(&assembly, &toClient)
        }
    }

    /// Drops bytes behind a gap up to where a message begins; if that is not certain yet, up to where one may.
    private func findMessage(in assembly: inout Assembly, _ direction: Direction) {
        let context = DetectionContext(direction: direction)
        let start = assembly.bytes.withUnsafeBytes { bytes in
            bytes.indices.first { start in
                switch DNSDetection.detect(bytes.bytes.extracting(start...), context) {
                case .yes, .yesReversed:
                    assembly.isLost = false
                    return true
                case .needMore: return true
                case .no: return false
                }
            }
        }
        assembly.bytes.removeFirst(start ?? assembly.bytes.count)
    }

    /// The end of the message whose length stands at an offset, nil if it is not all there.
    private func wholeMessageEnd(_ bytes: RawSpan, at position: Int) -> Int? {
        guard bytes.byteCount &- position >= 2 else { return nil }
        let end = position &+ 2 &+ Int(bytes.bigEndian(UInt16.self, at: position))
        return end <= bytes.byteCount ? end : nil
    }

    /// Reads a message of a stream; an empty one means nothing.
    private func readFramed(_ message: RawSpan, _ direction: Direction, _ output: ParserOutput) {
        guard message.byteCount > 0 else { return }
        readMessage(message, direction, output)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        var assembly = Assembly()
        exchange(&assembly, direction)
        if assembly.bytes.count > 2, !assembly.isLost { readMalformed(direction, output) }
        guard direction == .toClient else { return }
        isServerDone = true
        for transaction in open { output.giveUp(transaction, .toClient) }
        open.removeAll(keepingCapacity: true)
    }

    // MARK: Messages

    private func readMessage(_ message: RawSpan, _ direction: Direction, _ output: ParserOutput) {
        guard let header = DNSHeader(decoding: message) else {
            return readMalformed(direction, output)
        }
        let transaction =
            takeQuery(header, direction) ?? output.begin(definition, id: nextTransactionID())
        let isAnswered = transaction.toServer == .complete
        reportHeader(header, direction, transaction, output)
        var reader = DNSMessageReader(
            header: header, dialect: dialect, transaction: transaction, text: output.text)
        if let anomaly = reader.read(message) { report(anomaly, direction, transaction, output) }
        reportFlaws(reader.flaws, direction, transaction, output)
        output.advance(transaction, direction, to: .complete)
        guard !isAnswered else { return }
        if direction == .toServer, !header.isResponse, dialect != .mdns, !isServerDone {
            wait(transaction, output)
        } else {
            output.giveUp(transaction, direction.reversed)
        }
    }

    /// A message without a header is a transaction that says nothing but that.
    private func readMalformed(_ direction: Direction, _ output: ParserOutput) {
        let transaction = output.begin(definition, id: nextTransactionID())
        report(.malformedData, direction, transaction, output)
        output.advance(transaction, direction, to: .complete)
        output.giveUp(transaction, direction.reversed)
    }

    private func nextTransactionID() -> UInt64 {
        defer { transactionCount &+= 1 }
        return transactionCount
    }

    /// Takes the oldest query that a response belongs to from the list.
    private func takeQuery(_ header: DNSHeader, _ direction: Direction) -> Transaction? {
        guard header.isResponse, direction == .toClient else { return nil }
        let id = Int64(header.id)
        guard
            let index = open.firstIndex(where: {
                $0.fields.number(of: DNSField.id.rawValue) == id
            })
        else { return nil }
        return open.remove(at: index)
    }

    /// Keeps a query until its response comes. Too many in the flow: the oldest is given up; too
    /// many in all flows: this one.
    private func wait(_ transaction: Transaction, _ output: ParserOutput) {
        var givenUp = transaction
        if output.openTransactionCount <= output.limits.waitingTransactionCountMax {
            open.append(transaction)
            guard open.count > output.limits.openTransactionCountMax else { return }
            givenUp = open.removeFirst()
        }
        report(.flooded, .toServer, givenUp, output)
        output.giveUp(givenUp, .toClient)
    }

    // MARK: Anomalies

    private func report(
        _ anomaly: DNS.Anomaly, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction)
    }

    private func reportHeader(
        _ header: DNSHeader, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) {
        if dialect != .mdns, header.isResponse != (direction == .toClient) {
            let anomaly: DNS.Anomaly = direction == .toServer ? .notRequest : .notResponse
            report(anomaly, direction, transaction, output)
        }
        if header.isZSet { report(.zFlagSet, direction, transaction, output) }
        if header.opcode >= 7 { report(.invalidOpcode, direction, transaction, output) }
    }

    private func reportFlaws(
        _ flaws: DNSName.Flaws, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) {
        guard !flaws.isEmpty else { return }
        if flaws.contains(.tooLong) { report(.nameTooLong, direction, transaction, output) }
        if flaws.contains(.infiniteLoop) { report(.infiniteLoop, direction, transaction, output) }
        if flaws.contains(.tooManyLabels) {
            report(.tooManyLabels, direction, transaction, output)
        }
    }
}
