/// Turns the commands and replies of FTP into transactions (RFC 959 §4, §5.3), and announces data
/// connections.
///
/// Kept are an unfinished line of each direction, at most `lineByteCountMax` bytes, and commands
/// without a reply, at most `commandCountMax`; beyond it the oldest is given up.
final class FTPParser: ProtocolParser {
    static let lineByteCountMax = 4096
    private static let commandCountMax = 64
    /// Lines of replies that a transaction stores.
    private static let replyCountMax = 64

    private let clientLines = LineReader(byteCountMax: lineByteCountMax)
    private let serverLines = LineReader(byteCountMax: lineByteCountMax)
    private var open: [Exchange] = []
    private var transactionCount: UInt64 = 0
    /// Port of the data connection that the next transfer is to use.
    private var dataPort: UInt16?
    /// The code that ends a reply of several lines (RFC 959 §4.2).
    private var multilineCode: (UInt8, UInt8, UInt8)?
    private var hasServerEnded = false

    private struct Exchange {
        var transaction: Transaction
        var command = Command.other
    }

    private enum Command {
        case port, extendedPort, passive, extendedPassive, retrieve, store, authenticate, other

        init(_ word: RawSpan) {
            let words: [(StaticString, Command)] = [
                ("port", .port), ("eprt", .extendedPort), ("pasv", .passive),
                ("epsv", .extendedPassive), ("retr", .retrieve), ("stor", .store),
                ("auth", .authenticate),
            ]
            self = words.first { word.matches($0.0) }?.1 ?? .other
        }
    }

    override func reset() {
        clientLines.reset()
        serverLines.reset()
        open.removeAll(keepingCapacity: true)
        transactionCount = 0
        dataPort = nil
        multilineCode = nil
        hasServerEnded = false
    }

    // MARK: Input

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        bytes.withUnsafeBytes { bytes in
            if direction == .toServer {
                readClient(bytes, output)
            } else {
                readServer(bytes, output)
            }
        }
    }

    private func readClient(_ bytes: UnsafeRawBufferPointer, _ output: ParserOutput) {
        var position = 0
        while let line = clientLines.next(bytes, at: &position) {
            if line.isStart { takeCommand(line.bytes, isCut: !line.isEnd, output) }
        }
    }

    private func readServer(_ bytes: UnsafeRawBufferPointer, _ output: ParserOutput) {
        var position = 0
        while let line = serverLines.next(bytes, at: &position) {
            if line.isStart { takeReply(line.bytes, isCut: !line.isEnd, output) }
            guard !handsOver else {
                leftoverByteCount = bytes.count &- position
                return
            }
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        if direction == .toServer {
            clientLines.lose()
        } else {
            serverLines.lose()
            multilineCode = nil
        }
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        guard direction == .toClient else { return }
        hasServerEnded = true
        for exchange in open { end(exchange, output) }
        open.removeAll(keepingCapacity: true)
    }

    private func begin(_ output: ParserOutput) -> Transaction {
        defer { transactionCount &+= 1 }
        return output.begin(FTP.definition, id: transactionCount)
    }

    /// No more replies come to a command.
    private func end(_ exchange: Exchange, _ output: ParserOutput) {
        let hasReply = exchange.transaction.fields.count(of: FTPField.replies.rawValue) > 0
        exchange.transaction.fields.append(
            hasReply ? "yes" : "no", to: FTPField.replyReceived.rawValue)
        if hasReply {
            output.advance(exchange.transaction, .toClient, to: .complete)
        } else {
            output.giveUp(exchange.transaction, .toClient)
        }
    }

    // MARK: Commands

    private func takeCommand(
        _ line: UnsafeRawBufferPointer, isCut: Bool, _ output: ParserOutput
    ) {
        let text = line.bytes
        let wordEnd = text.endOfWord(from: 0, to: text.byteCount)
        guard wordEnd > 0 else { return }
        let word = text.extracting(0..<wordEnd)
        let data = text.extracting(text.trimmed(wordEnd..<text.byteCount))
        let exchange = Exchange(transaction: begin(output), command: Command(word))
        exchange.transaction.fields.append(word, to: FTPField.command.rawValue)
        if data.byteCount > 0 {
            exchange.transaction.fields.append(data, to: FTPField.commandData.rawValue)
        }
        if isCut {
            output.anomaly(
                FTP.Anomaly.longCommand.rawValue, .toServer, in: exchange.transaction)
        }
        switch exchange.command {
        case .port:
            take(FTPEndpoint(inNumbers: data), isActive: true, exchange.transaction)
        case .extendedPort:
            take(FTPEndpoint(betweenBars: data), isActive: true, exchange.transaction)
        case .retrieve, .store: announce(word, data, output)
        default: break
        }
        output.advance(exchange.transaction, .toServer, to: .complete)
        wait(exchange, output)
    }

    /// Keeps a command until its reply comes.
    private func wait(_ exchange: Exchange, _ output: ParserOutput) {
        guard !hasServerEnded else { return end(exchange, output) }
        open.append(exchange)
        guard open.count > Self.commandCountMax else { return }
        end(open.removeFirst(), output)
    }

    /// Notes where the next data connection goes to.
    private func take(_ endpoint: FTPEndpoint?, isActive: Bool, _ transaction: Transaction) {
        guard let endpoint, endpoint.port > 0 else { return }
        dataPort = endpoint.port
        transaction.fields.append(Int64(endpoint.port), to: FTPField.dynamicPort.rawValue)
        transaction.fields.append(isActive ? "active" : "passive", to: FTPField.mode.rawValue)
        guard isActive, let address = endpoint.address, address != clientAddress else { return }
        transaction.fields.append(1, to: FTPField.isBounce.rawValue)
    }

    private func announce(_ word: RawSpan, _ name: RawSpan, _ output: ParserOutput) {
        guard let port = dataPort else { return }
        dataPort = nil
        output.announce(
            FTP.Announcement(
                port: port, command: word.withUnsafeBytes { Array($0) },
                fileName: name.withUnsafeBytes { Array($0) }))
    }

    // MARK: Replies

    private func takeReply(
        _ line: UnsafeRawBufferPointer, isCut: Bool, _ output: ParserOutput
    ) {
        let hasCode = line.count >= 3 && line[..<3].allSatisfy(\.isDigit)
        let code = hasCode ? (line[0], line[1], line[2]) : nil
        let isContinued = line.count > 3 && line[3] == UInt8(ascii: "-")
        // Within a reply of several lines only its own code ends it.
        let isEnd: Bool
        if let multilineCode {
            isEnd = code.map { $0 == multilineCode } == true && !isContinued
        } else {
            guard let code else { return }
            isEnd = !isContinued
            if isContinued { multilineCode = code }
        }
        if open.isEmpty {
            let transaction = begin(output)
            output.advance(transaction, .toServer, to: .complete)
            open.append(Exchange(transaction: transaction))
        }
        let exchange = open[0]
        store(line, hasCode: hasCode, isEnd: isEnd, exchange.transaction)
        if isCut {
            output.anomaly(FTP.Anomaly.longReply.rawValue, .toClient, in: exchange.transaction)
        }
        guard isEnd else { return }
        multilineCode = nil
        follow(line, exchange)
        // A preliminary reply is followed by another.
        guard line[0] != UInt8(ascii: "1") else { return }
        open.removeFirst()
        end(exchange, output)
    }

    private func store(
        _ line: UnsafeRawBufferPointer, hasCode: Bool, isEnd: Bool, _ transaction: Transaction
    ) {
        guard transaction.fields.count(of: FTPField.replies.rawValue) < Self.replyCountMax else {
            return
        }
        if hasCode, isEnd {
            transaction.fields.append(
                UnsafeRawBufferPointer(rebasing: line[..<3]),
                to: FTPField.completionCodes.rawValue)
        }
        let text = hasCode ? line.dropFirst(4) : line[...]
        transaction.fields.append(
            UnsafeRawBufferPointer(rebasing: text), to: FTPField.replies.rawValue)
    }

    /// Does what a reply means to its command.
    private func follow(_ line: UnsafeRawBufferPointer, _ exchange: Exchange) {
        let text = line.bytes
        switch exchange.command {
        case .passive where text.starts(with: "227", at: 0):
            // The standard does not say what stands around the numbers.
            var start = 3
            while start < text.byteCount, !text.byte(at: start).isDigit { start &+= 1 }
            take(
                FTPEndpoint(inNumbers: text.extracting(start..<text.byteCount)), isActive: false,
                exchange.transaction)
        case .extendedPassive where text.starts(with: "229", at: 0):
            guard let start = text.index(of: UInt8(ascii: "("), from: 3) else { return }
            take(
                FTPEndpoint(betweenBars: text.extracting(start &+ 1..<text.byteCount)),
                isActive: false, exchange.transaction)
        case .authenticate where text.starts(with: "234", at: 0): handsOver = true
        default: break
        }
    }
}

/// Where a data connection is to go.
struct FTPEndpoint: Equatable {
    /// nil if it is left to the connection.
    var address: IPAddress?
    var port: UInt16

    /// `h1,h2,h3,h4,p1,p2` (RFC 959 §5.3.2), whatever follows; nil if it is none.
    init?(inNumbers text: RawSpan) {
        var value: UInt64 = 0
        var position = 0
        for place in 0..<6 {
            var end = position
            while end < text.byteCount, text.byte(at: end).isDigit { end &+= 1 }
            guard let number = text.decimal(in: position..<end), number < 256 else { return nil }
            value = value << 8 | number
            guard place == 5 || end < text.byteCount && text.byte(at: end) == ASCII.comma else {
                return nil
            }
            position = end &+ 1
        }
        address = IPAddress(v4: UInt32(truncatingIfNeeded: value >> 16))
        port = UInt16(truncatingIfNeeded: value)
    }

    /// `|net-prt|net-addr|tcp-port|`, with any character for the bar, the first two empty in replies (RFC 2428 §2, §3).
    init?(betweenBars text: RawSpan) {
        guard text.byteCount > 0 else { return nil }
        let bar = text.byte(at: 0)
        guard let second = text.index(of: bar, from: 1),
            let third = text.index(of: bar, from: second &+ 1),
            let last = text.index(of: bar, from: third &+ 1),
            let number = text.decimal(in: third &+ 1..<last), number < 65_536
        else { return nil }
        address = text.extracting(second &+ 1..<third).withUnsafeBytes {
            IPAddress(String(decoding: $0, as: UTF8.self))
        }
        port = UInt16(truncatingIfNeeded: number)
    }
}

/// Takes what a data connection carries as one file.
final class FTPDataParser: ProtocolParser {
    private var transaction: Transaction?
    private var file: FileTracker?
    private var hasEnded = (toServer: false, toClient: false)
    /// Whoever sends first sends the file.
    private var fileDirection = Direction.toClient
    private var hasBegun = false

    override func reset() {
        transaction = nil
        file = nil
        hasEnded = (false, false)
        hasBegun = false
    }

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        begin(direction, output)
        guard direction == fileDirection, let file else { return }
        bytes.withUnsafeBytes { file.append($0, into: output) }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        begin(direction, output)
        if direction == fileDirection { file?.skip(byteCount) }
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        if direction == .toServer { hasEnded.toServer = true } else { hasEnded.toClient = true }
        guard let transaction else { return }
        if direction == fileDirection, let file {
            self.file = nil
            file.end(isTruncated: false, into: output) { _ in }
        }
        output.advance(transaction, direction, to: .complete)
        if transaction.isComplete { self.transaction = nil }
    }

    private func begin(_ direction: Direction, _ output: ParserOutput) {
        guard !hasBegun else { return }
        hasBegun = true
        let transaction = output.begin(FTP.dataDefinition, id: 0)
        self.transaction = transaction
        fileDirection = direction
        let command = announcement?.command ?? []
        let name = announcement?.fileName ?? []
        command.withUnsafeBytes {
            transaction.fields.append($0, to: FTPDataField.command.rawValue)
        }
        let tracker = output.takeFile()
        name.withUnsafeBytes {
            transaction.fields.append($0, to: FTPDataField.fileName.rawValue)
            tracker.begin(name: $0, in: transaction, direction, into: output)
        }
        file = tracker
        output.advance(transaction, direction, to: .line)
        if hasEnded.toServer { output.advance(transaction, .toServer, to: .complete) }
        if hasEnded.toClient { output.advance(transaction, .toClient, to: .complete) }
    }
}
