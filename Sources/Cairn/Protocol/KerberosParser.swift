/// Turns Kerberos messages into transactions.
///
/// Over UDP every datagram is a message; over TCP each has a length of four bytes in front (RFC
/// 4120 §7.2.2), and one unfinished message a direction is kept, at most `messageByteCountMax`
/// bytes. Requests wait for their answer in a list of at most `openTransactionCountMax`; beyond it
/// the oldest is given up.
final class KerberosParser: ProtocolParser {
    /// Bytes of a message over TCP: twice what Windows lets a ticket have.
    static let messageByteCountMax = 128 * 1024

    /// Requests without an answer, oldest first.
    private var open: [Request] = []
    private var transactionCount: UInt64 = 0
    private var toServer = Assembly()
    private var toClient = Assembly()
    /// The server says nothing more: requests need not wait.
    private var hasServerEnded = false

    private struct Request {
        var transaction: Transaction
        var kind: KerberosMessage.Kind
        var nonce: Int64?
    }

    /// An unfinished message of one direction of a TCP stream.
    private struct Assembly {
        /// Length and beginning of the message.
        var bytes: [UInt8] = []
        /// Bytes of a message that is too long, still to be passed over.
        var skippedByteCount = 0
        /// Bytes were lost: where messages begin is not known.
        var isLost = false

        /// Bytes of the length and the message; of the length alone until that is there.
        var byteCount: Int { bytes.count < 4 ? 4 : 4 &+ messageByteCount }

        var isWhole: Bool { bytes.count >= 4 && bytes.count == byteCount }

        var messageByteCount: Int {
            bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }

        mutating func append(_ source: RawSpan, at position: inout Int) {
            let count = min(byteCount &- bytes.count, source.byteCount &- position)
            source.extracting(position..<position &+ count).withUnsafeBytes {
                bytes.append(contentsOf: $0)
            }
            position &+= count
        }

        mutating func skip(_ source: RawSpan, at position: inout Int) {
            let count = min(skippedByteCount, source.byteCount &- position)
            skippedByteCount &-= count
            position &+= count
        }
    }

    override func reset() {
        open.removeAll(keepingCapacity: true)
        transactionCount = 0
        toServer = Assembly()
        toClient = Assembly()
        hasServerEnded = false
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
        if assembly.isLost {
            guard isMessageStart(bytes, direction) else { return }
            assembly.isLost = false
        }
        var position = 0
        while position < bytes.byteCount {
            if assembly.skippedByteCount > 0 {
                assembly.skip(bytes, at: &position)
            } else if assembly.bytes.isEmpty, let end = wholeMessageEnd(bytes, at: position) {
                readMessage(bytes.extracting(position &+ 4..<end), direction, output)
                position = end
            } else {
                assembly.append(bytes, at: &position)
                finishMessage(&assembly, direction, output)
            }
        }
    }

    /// Reads the message if it is whole; passes over one that is too long as soon as its length is
    /// known.
    private func finishMessage(
        _ assembly: inout Assembly, _ direction: Direction, _ output: ParserOutput
    ) {
        guard assembly.bytes.count >= 4 else { return }
        if assembly.messageByteCount > Self.messageByteCountMax {
            output.anomaly(Kerberos.Anomaly.messageTooLong.rawValue, direction, in: nil)
            assembly.skippedByteCount = assembly.messageByteCount
            assembly.bytes.removeAll()
        } else if assembly.isWhole {
            assembly.bytes.withUnsafeBytes {
                readMessage($0.bytes.extracting(4..<$0.count), direction, output)
            }
            assembly.bytes.removeAll(keepingCapacity: true)
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        var assembly = Assembly()
        assembly.isLost = true
        exchange(&assembly, direction)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        var assembly = Assembly()
        exchange(&assembly, direction)
        if !assembly.bytes.isEmpty { report(.malformedData, direction, nil, output) }
        guard direction == .toClient else { return }
        hasServerEnded = true
        for request in open { output.giveUp(request.transaction, .toClient) }
        open.removeAll(keepingCapacity: true)
    }

    private func exchange(_ assembly: inout Assembly, _ direction: Direction) {
        if direction == .toServer {
            swap(&assembly, &toServer)
        } else {
            swap(&assembly, &toClient)
        }
    }

    /// Whether the bytes behind a gap look like the start of a message.
    private func isMessageStart(_ bytes: RawSpan, _ direction: Direction) -> Bool {
        switch KerberosDetection.detect(bytes, DetectionContext(direction: direction)) {
        case .yes, .yesReversed: true
        case .no, .needMore: false
        }
    }

    /// The end of the message whose length stands at an offset, nil if it is not all there.
    private func wholeMessageEnd(_ bytes: RawSpan, at position: Int) -> Int? {
        guard bytes.byteCount &- position >= 4 else { return nil }
        let byteCount = Int(bytes.bigEndian(UInt32.self, at: position))
        let end = position &+ 4 &+ byteCount
        return byteCount <= Self.messageByteCountMax && end <= bytes.byteCount ? end : nil
    }

    // MARK: Messages

    private func readMessage(_ bytes: RawSpan, _ direction: Direction, _ output: ParserOutput) {
        guard bytes.byteCount > 0, let kind = KerberosMessage.Kind(tag: bytes.byte(at: 0)),
            kind.isRequest == (direction == .toServer)
        else { return report(.malformedData, direction, nil, output) }
        var message = KerberosMessage(kind)
        var isMalformed = false
        do { try message.decode(bytes) } catch { isMalformed = true }
        if kind.isRequest {
            readRequest(message, bytes, isMalformed, output)
        } else {
            readReply(message, bytes, isMalformed, output)
        }
    }

    private func readRequest(
        _ message: KerberosMessage, _ bytes: RawSpan, _ isMalformed: Bool, _ output: ParserOutput
    ) {
        // A client that hears nothing sends the same request once more.
        if let nonce = message.nonce,
            open.contains(where: { $0.nonce == nonce && $0.kind == message.kind })
        {
            return
        }
        let transaction = begin(output)
        transaction.store(message, bytes, output.text)
        if isMalformed { report(.malformedData, .toServer, transaction, output) }
        output.advance(transaction, .toServer, to: .complete)
        wait(
            Request(transaction: transaction, kind: message.kind, nonce: message.nonce), output)
    }

    private func readReply(
        _ message: KerberosMessage, _ bytes: RawSpan, _ isMalformed: Bool, _ output: ParserOutput
    ) {
        let request = open.firstIndex { message.kind.answers($0.kind) }.map { open.remove(at: $0) }
        let transaction = request?.transaction ?? begin(output)
        transaction.store(message, bytes, output.text)
        if message.kind == .error, let kind = request?.kind {
            transaction.set(.failedRequest, KerberosNames.message(kind), output.text)
        }
        if isMalformed { report(.malformedData, .toClient, transaction, output) }
        if let encryption = message.encryption, KerberosNames.isWeak(encryption) {
            report(.weakEncryption, .toClient, transaction, output)
        }
        output.advance(transaction, .toClient, to: .complete)
        output.giveUp(transaction, .toServer)
    }

    private func begin(_ output: ParserOutput) -> Transaction {
        defer { transactionCount &+= 1 }
        return output.begin(Kerberos.definition, id: transactionCount)
    }

    /// Keeps a request until its answer comes. Too many in the flow: the oldest is given up; too
    /// many in all flows: this one.
    private func wait(_ request: Request, _ output: ParserOutput) {
        guard !hasServerEnded else {
            return output.giveUp(request.transaction, .toClient)
        }
        var givenUp = request.transaction
        if output.openTransactionCount <= output.limits.waitingTransactionCountMax {
            open.append(request)
            guard open.count > output.limits.openTransactionCountMax else { return }
            givenUp = open.removeFirst().transaction
        }
        report(.flooded, .toServer, givenUp, output)
        output.giveUp(givenUp, .toClient)
    }

    private func report(
        _ anomaly: Kerberos.Anomaly, _ direction: Direction, _ transaction: Transaction?,
        _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction)
    }
}
