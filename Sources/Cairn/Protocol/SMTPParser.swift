/// Turns the commands and replies of SMTP into transactions.
///
/// Lines are read up to `lineByteCountMax`; commands without a reply wait in a list of at most
/// `commandCountMax`. A mail ends with its content, with RSET, or with the connection.
final class SMTPParser: ProtocolParser {
    static let lineByteCountMax = 4096
    private static let commandCountMax = 64
    /// Receivers of a mail that are stored.
    private static let receiverCountMax = 256
    private static let nameByteCountMax = 1024

    /// What a reply is to.
    private enum Command { case startTLS, data, endOfData, other }

    private enum Mode {
        case commands
        /// The content of a mail, up to a line with a dot.
        case data
        /// A chunk of it with a length (RFC 3030 §2).
        case chunk(remaining: Int, isLast: Bool)
    }

    private let clientLines = LineReader(byteCountMax: lineByteCountMax)
    private let serverLines = LineReader(byteCountMax: lineByteCountMax)
    private let chunkLines = LineReader(byteCountMax: lineByteCountMax)
    private let mail = MIMEParser()
    private let helo = HTTPBuffer()
    private var mode = Mode.commands
    private var pending: [Command] = []
    private var transaction: Transaction?
    /// A mail whose content has been sent and not been answered.
    private var closing: Transaction?
    private var transactionCount: UInt64 = 0
    private var hasServerSpoken = false
    private var hasMissedWelcome = false
    private var isInMail = false
    /// Content came before the server asked for it.
    private var hasBegunEarly = false
    private var hasServerEnded = false

    override func reset() {
        clientLines.reset()
        serverLines.reset()
        chunkLines.reset()
        mail.reset()
        helo.removeAll()
        mode = .commands
        pending.removeAll(keepingCapacity: true)
        transaction = nil
        closing = nil
        transactionCount = 0
        hasServerSpoken = false
        hasMissedWelcome = false
        isInMail = false
        hasBegunEarly = false
        hasServerEnded = false
    }

    // MARK: Input

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        bytes.withUnsafeBytes {
            if direction == .toServer {
                readClient($0, output)
                if isInMail, mail.isInLargeFile(output) { output.endChunk(.toServer) }
            } else {
                readServer($0, output)
            }
        }
    }

    private func readClient(_ bytes: UnsafeRawBufferPointer, _ output: ParserOutput) {
        var position = 0
        while position < bytes.count {
            if case .chunk(let remaining, let isLast) = mode {
                readChunk(bytes, at: &position, remaining, isLast, output)
                continue
            }
            guard let line = clientLines.next(bytes, at: &position) else { return }
            take(line, output)
        }
    }

    private func take(_ line: LineReader.Piece, _ output: ParserOutput) {
        if case .commands = mode, pending.last == .data, line.isStart {
            // Whoever sends content does not wait for an answer that nobody saw.
            hasBegunEarly = true
            beginData()
        }
        if case .data = mode { return takeMail(line, output) }
        guard line.isStart else {
            if line.isEnd { report(.longCommandLine, .toServer, output) }
            return
        }
        takeCommand(line.bytes, output)
    }

    private func readServer(_ bytes: UnsafeRawBufferPointer, _ output: ParserOutput) {
        var position = 0
        while let line = serverLines.next(bytes, at: &position) {
            guard line.isStart else {
                if line.isEnd { report(.longReplyLine, .toClient, output) }
                continue
            }
            takeReply(line.bytes, output)
            guard !handsOver else {
                leftoverByteCount = bytes.count &- position
                return
            }
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        if direction == .toClient {
            serverLines.lose()
            pending.removeAll(keepingCapacity: true)
            hasBegunEarly = false
            return
        }
        clientLines.reset()
        chunkLines.reset()
        if isInMail { mail.skip(byteCount) }
        if case .chunk(let remaining, let isLast) = mode {
            let left = UInt64(remaining) - min(UInt64(remaining), byteCount)
            mode = .chunk(remaining: Int(left), isLast: isLast)
            if left == 0 { endChunk(isLast, output) }
            return
        }
        clientLines.lose()
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        if direction == .toServer {
            giveUp(output)
            return
        }
        hasServerEnded = true
        close(output)
        if let transaction { output.advance(transaction, .toClient, to: .complete) }
    }

    /// The client says no more about the mail at hand.
    private func giveUp(_ output: ParserOutput) {
        if isInMail {
            endMail(isTruncated: true, output)
        } else {
            endTransaction(output)
        }
    }

    // MARK: Commands

    private func takeCommand(_ line: UnsafeRawBufferPointer, _ output: ParserOutput) {
        if !hasServerSpoken, !hasMissedWelcome {
            hasMissedWelcome = true
            report(.noWelcome, .toServer, output)
        }
        let transaction = current(output)
        let text = line.bytes
        var command = Command.other
        if text.hasPrefix("ehlo") || text.hasPrefix("helo") {
            helo.removeAll()
            helo.append(argument(line, from: 4))
            transaction.fields.clear(SMTPField.helo.rawValue)
            storeHelo(transaction)
        } else if text.hasPrefix("mail from:") {
            transaction.fields.clear(SMTPField.mailFrom.rawValue)
            transaction.fields.append(path(line, from: 10), to: SMTPField.mailFrom.rawValue)
        } else if text.hasPrefix("rcpt to:") {
            if transaction.fields.count(of: SMTPField.rcptTo.rawValue) < Self.receiverCountMax {
                transaction.fields.append(path(line, from: 8), to: SMTPField.rcptTo.rawValue)
            }
        } else if text.hasPrefix("data") {
            command = .data
            output.advance(transaction, .toServer, to: .headers)
        } else if text.hasPrefix("bdat ") {
            takeChunkCommand(text, transaction, output)
        } else if text.hasPrefix("starttls") {
            command = .startTLS
        } else if text.hasPrefix("rset") {
            giveUp(output)
            command = .endOfData
        }
        if pending.count >= Self.commandCountMax { pending.removeFirst() }
        pending.append(command)
    }

    /// The argument of a command without white space around it.
    private func argument(
        _ line: UnsafeRawBufferPointer, from start: Int
    ) -> UnsafeRawBufferPointer {
        let range = line.bytes.trimmed(min(start, line.count)..<line.count)
        let end = min(range.upperBound, range.lowerBound &+ Self.nameByteCountMax)
        return UnsafeRawBufferPointer(rebasing: line[range.lowerBound..<end])
    }

    /// The path of a command, without the parameters behind it (RFC 5321 §4.1.2).
    private func path(_ line: UnsafeRawBufferPointer, from start: Int) -> UnsafeRawBufferPointer {
        let text = argument(line, from: start)
        return UnsafeRawBufferPointer(rebasing: text[..<(text.firstIndex(of: 0x20) ?? text.count)])
    }

    private func current(_ output: ParserOutput) -> Transaction {
        if let transaction { return transaction }
        close(output)
        let begun = output.begin(SMTP.definition, id: transactionCount)
        transactionCount &+= 1
        transaction = begun
        storeHelo(begun)
        return begun
    }

    private func storeHelo(_ transaction: Transaction) {
        if !helo.isEmpty { transaction.fields.append(helo.bytes, to: SMTPField.helo.rawValue) }
    }

    // MARK: Replies

    private func takeReply(_ line: UnsafeRawBufferPointer, _ output: ParserOutput) {
        guard line.count >= 3, line[..<3].allSatisfy(\.isDigit) else {
            return report(.invalidReply, .toClient, output)
        }
        if line.count > 3, line[3] == UInt8(ascii: "-") { return }
        let isGreeting = !hasServerSpoken && !hasMissedWelcome
        hasServerSpoken = true
        guard !pending.isEmpty else {
            if !isGreeting { report(.unmatchedReply, .toClient, output) }
            return
        }
        let command = pending.removeFirst()
        switch command {
        case .startTLS:
            if line[0] == UInt8(ascii: "2") {
                handsOver = true
                announced = "tls"
            } else {
                report(.tlsRejected, .toClient, output)
            }
        case .data:
            if hasBegunEarly {
                hasBegunEarly = false
            } else if line[0] == UInt8(ascii: "3") {
                beginData()
            } else {
                report(.dataRejected, .toClient, output)
            }
        case .endOfData: close(output)
        case .other: break
        }
    }

    // MARK: Mails

    private func beginData() {
        mode = .data
        beginMail()
    }

    private func beginMail() {
        guard !isInMail else { return }
        isInMail = true
        mail.begin()
    }

    private func takeMail(_ line: LineReader.Piece, _ output: ParserOutput) {
        guard let transaction else { return }
        var line = line
        if line.isStart, let first = line.bytes.first, first == ASCII.dot {
            if line.isEnd, line.bytes.count == 1 {
                mode = .commands
                endMail(isTruncated: false, output)
                if pending.count < Self.commandCountMax { pending.append(.endOfData) }
                return
            }
            // RFC 5321 §4.5.2.
            line.bytes = UnsafeRawBufferPointer(rebasing: line.bytes.dropFirst())
        }
        mail.take(line, transaction, into: output)
    }

    private func takeChunkCommand(
        _ text: RawSpan, _ transaction: Transaction, _ output: ParserOutput
    ) {
        let start = text.endOfWhitespace(from: 5, to: text.byteCount)
        let end = text.endOfWord(from: start, to: text.byteCount)
        guard let byteCount = text.decimal(in: start..<end), byteCount < 1 << 40 else { return }
        let isLast = text.hasPrefix("last", at: text.endOfWhitespace(from: end, to: text.byteCount))
        output.advance(transaction, .toServer, to: .headers)
        beginMail()
        mode = .chunk(remaining: Int(byteCount), isLast: isLast)
        if byteCount == 0 { endChunk(isLast, output) }
    }

    private func readChunk(
        _ bytes: UnsafeRawBufferPointer, at position: inout Int, _ remaining: Int, _ isLast: Bool,
        _ output: ParserOutput
    ) {
        let count = min(remaining, bytes.count &- position)
        let chunk = UnsafeRawBufferPointer(rebasing: bytes[position..<position &+ count])
        position &+= count
        var index = 0
        while let line = chunkLines.next(chunk, at: &index) {
            if let transaction { mail.take(line, transaction, into: output) }
        }
        mode = .chunk(remaining: remaining &- count, isLast: isLast)
        if remaining == count { endChunk(isLast, output) }
    }

    private func endChunk(_ isLast: Bool, _ output: ParserOutput) {
        mode = .commands
        guard isLast else { return }
        if let line = chunkLines.rest(), let transaction {
            mail.take(line, transaction, into: output)
        }
        chunkLines.reset()
        endMail(isTruncated: false, output)
    }

    private func endMail(isTruncated: Bool, _ output: ParserOutput) {
        isInMail = false
        if let transaction {
            mail.end(isTruncated: isTruncated, transaction, into: output)
            if mail.wasTooDeep { report(.deepMail, .toServer, output) }
        }
        endTransaction(output)
    }

    /// The client has said all about a mail: what it says next is about another.
    private func endTransaction(_ output: ParserOutput) {
        guard let transaction else { return }
        self.transaction = nil
        close(output)
        closing = transaction
        output.advance(transaction, .toServer, to: .complete)
        if hasServerEnded { close(output) }
    }

    /// The server has said all about a mail that was sent.
    private func close(_ output: ParserOutput) {
        guard let closing else { return }
        self.closing = nil
        output.advance(closing, .toClient, to: .complete)
    }

    private func report(
        _ anomaly: SMTP.Anomaly, _ direction: Direction, _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction ?? closing)
    }
}
