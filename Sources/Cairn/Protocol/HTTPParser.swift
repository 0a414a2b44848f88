/// Reads one connection's HTTP messages and pairs requests with responses by their order (RFC 9112
/// §9.3.2).
///
/// As forgiving as servers and browsers are, since an attacker writes for them: whatever comes is
/// read on, and what is odd becomes an anomaly. Memory: the two heads being read (`HTTPReader`) and
/// `openTransactionCountMax` requests that wait for their responses; at that limit the oldest is
/// given up.
final class HTTPParser: ProtocolParser {
    /// A request, and what of it matters to its response.
    struct Exchange {
        var transaction: Transaction
        var method: HTTPMethod
        var isHTTP09 = false
    }

    let request = HTTPReader(.toServer)
    let response = HTTPReader(.toClient)
    /// Requests without response, oldest first, from `firstOpen` on.
    var open: [Exchange] = []
    var firstOpen = 0
    /// Requests that were given up and whose responses may still come.
    var abandonedCount = 0
    /// What the response being read answers, or the next one, if an interim response came.
    var answered: Exchange?
    var hasSeenContinue = false
    var nextID: UInt64 = 0
    /// A URI was encoded twice: told with the head.
    var hasDoubleEncoding = false
    /// Text under construction.
    let scratch = HTTPBuffer()
    var normalizer = URINormalizer()

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        let reader = direction == .toServer ? request : response
        var offset = 0
        while offset < bytes.byteCount, !handsOver {
            switch reader.state {
            case .startLine where direction == .toClient:
                offset = sniffResponse(bytes, from: offset, into: output)
            case .startLine, .shortRequest, .headers, .resync, .chunkEnd, .trailers:
                offset = readLines(bytes, from: offset, reader, into: output)
            case .chunkSize:
                offset = readChunkSize(bytes, from: offset, reader, into: output)
            case .sizedBody, .openBody:
                if reader.skipsLineEnds {
                    offset = skipLineEnds(bytes, from: offset, reader, into: output)
                } else {
                    offset = readBody(bytes, from: offset, reader, into: output)
                }
            case .chunkData:
                offset = readBody(bytes, from: offset, reader, into: output)
            case .excess:
                offset = readExcess(bytes, from: offset, reader, into: output)
            case .junk:
                offset = readJunk(bytes, from: offset, into: output)
            case .tunnelWait:
                enterTunnel(bytes, from: offset)
            case .stopped:
                offset = bytes.byteCount
            }
        }
        if handsOver { leftoverByteCount = bytes.byteCount &- offset }
        tellProgress(reader, into: output)
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        let reader = direction == .toServer ? request : response
        switch reader.state {
        case .sizedBody, .chunkData:
            skipBody(byteCount, reader, into: output)
        case .openBody, .excess:
            reader.body.skip(byteCount)
        case .stopped, .tunnelWait:
            break
        case .startLine, .shortRequest, .headers, .resync, .chunkSize, .chunkEnd, .trailers, .junk:
            resynchronize(reader, into: output)
        }
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        let reader = direction == .toServer ? request : response
        cutShort(reader, into: output)
        reader.state = .stopped
        guard direction == .toClient else { return }
        giveUpAnswered(into: output)
        while let exchange = nextOpen() {
            output.giveUp(exchange.transaction, .toClient)
        }
    }

    override func reset() {
        request.reset()
        response.reset()
        open.removeAll(keepingCapacity: true)
        firstOpen = 0
        abandonedCount = 0
        answered = nil
        hasSeenContinue = false
        nextID = 0
        successor = nil
    }

    // MARK: Messages

    /// Tells how far a message has come that is not at its end.
    private func tellProgress(_ reader: HTTPReader, into output: ParserOutput) {
        guard let transaction = reader.transaction else { return }
        switch reader.state {
        case .shortRequest, .headers:
            guard storeLineAlone(reader, transaction) else { return }
            output.advance(transaction, reader.direction, to: .line)
        case .sizedBody, .chunkSize, .chunkData, .chunkEnd, .trailers, .openBody, .excess:
            output.advance(
                transaction, reader.direction, to: reader.body.byteCount > 0 ? .body : .headers)
            if reader.body.takeNews(output) { output.endChunk(reader.direction) }
        case .startLine, .junk, .resync, .tunnelWait, .stopped:
            break
        }
    }

    /// Ends a message: its transaction is complete in this direction.
    func endMessage(_ reader: HTTPReader, into output: ParserOutput) {
        if let transaction = reader.transaction {
            reader.body.end(
                transaction, isTruncated: isTruncated(reader), into: output)
            tellOddities(reader, into: output)
            output.advance(transaction, reader.direction, to: .complete)
        }
        if reader.direction == .toClient { answered = nil }
        reader.beginMessage()
    }

    /// Ends a message where it stands: a line or head without end is taken as if it had one.
    func cutShort(_ reader: HTTPReader, into output: ParserOutput) {
        let isSniffing = reader.direction == .toClient && reader.partial.count < 4
        switch reader.state {
        case .startLine where isSniffing: break
        case .startLine, .shortRequest, .headers, .resync:
            if reader.partial.count > reader.lineStart {
                if reader.direction == .toServer, reader.state == .startLine {
                    note(.requestLineIncomplete, reader, into: output)
                }
                endPartialLine(reader, into: output)
            }
            if reader.state == .headers { endPartialLine(reader, into: output) }
            if reader.state == .shortRequest { endShortRequest(into: output) }
        case .junk: endJunk(into: output)
        case .excess: takeHeldExcess(reader, into: output)
        default: break
        }
        reader.dropPartial()
        if reader.transaction != nil { endMessage(reader, into: output) }
    }

    private func endPartialLine(_ reader: HTTPReader, into output: ParserOutput) {
        reader.partial.append("\r\n")
        _ = takeCutLine(reader, into: output)
    }

    /// Bytes are missing where a message begins or in its head: it ends as it is, and the next
    /// first line is looked for.
    private func resynchronize(_ reader: HTTPReader, into output: ParserOutput) {
        output.anomaly(HTTPAnomaly.gapInHead.rawValue, reader.direction, in: reader.transaction)
        cutShort(reader, into: output)
        reader.state = .resync
    }

    /// Whether a message ends before its headers said.
    private func isTruncated(_ reader: HTTPReader) -> Bool {
        switch reader.state {
        case .sizedBody: reader.remaining > 0
        case .chunkSize, .chunkData, .chunkEnd: true
        default: false
        }
    }

    /// Notes what was odd in a body.
    func tellOddities(_ reader: HTTPReader, into output: ParserOutput) {
        var oddities = reader.body.oddities
        reader.body.oddities = 0
        while oddities != 0 {
            if let anomaly = HTTPAnomaly(rawValue: oddities.trailingZeroBitCount) {
                note(anomaly, reader, into: output)
            }
            oddities &= oddities &- 1
        }
    }

    /// Notes an oddity, once a message.
    func note(_ anomaly: HTTPAnomaly, _ reader: HTTPReader, into output: ParserOutput) {
        let bit = UInt64(1) << UInt64(anomaly.rawValue)
        guard reader.anomaliesSeen & bit == 0 else { return }
        reader.anomaliesSeen |= bit
        output.anomaly(anomaly.rawValue, reader.direction, in: reader.transaction)
    }

    // MARK: Pairing

    /// Takes a transaction for a new request.
    func beginExchange(
        _ method: HTTPMethod, isHTTP09: Bool, into output: ParserOutput
    ) -> Transaction {
        let transaction = begin(into: output)
        normalizer.decodesPathTwice = output.limits.decodesPathTwice
        normalizer.decodesQueryTwice = output.limits.decodesQueryTwice
        guard response.state != .stopped else {
            // The server has nothing more to say.
            transaction.silence(.toClient)
            return transaction
        }
        if open.count &- firstOpen >= output.limits.openTransactionCountMax,
            let oldest = nextOpen()
        {
            abandonedCount &+= 1
            output.anomaly(
                HTTPAnomaly.tooManyOpenTransactions.rawValue, .toServer, in: oldest.transaction)
            output.giveUp(oldest.transaction, .toClient)
        }
        open.append(Exchange(transaction: transaction, method: method, isHTTP09: isHTTP09))
        return transaction
    }

    /// Takes a transaction for a response: the oldest request's, or one of its own.
    func beginResponse(into output: ParserOutput) {
        if let answered {
            response.transaction = answered.transaction
            return
        }
        if abandonedCount > 0 {
            abandonedCount &-= 1
        } else if let exchange = nextOpen() {
            answered = exchange
            response.transaction = exchange.transaction
            // A request that was answered before its next line came is one of HTTP/0.9.
            if request.state == .shortRequest, request.transaction === exchange.transaction {
                endShortRequest(into: output)
                answered?.isHTTP09 = true
            }
            return
        }
        let transaction = begin(into: output)
        transaction.silence(.toServer)
        answered = Exchange(transaction: transaction, method: .ambiguous)
        response.transaction = transaction
        note(.unableToMatchResponseToRequest, response, into: output)
    }

    private func begin(into output: ParserOutput) -> Transaction {
        let transaction = output.begin(HTTP.definition, as: HTTP.definition, id: nextID)
        nextID &+= 1
        return transaction
    }

    private func nextOpen() -> Exchange? {
        guard firstOpen < open.count else { return nil }
        let exchange = open[firstOpen]
        firstOpen &+= 1
        if firstOpen == open.count {
            open.removeAll(keepingCapacity: true)
            firstOpen = 0
        } else if firstOpen == 64 {
            open.removeFirst(firstOpen)
            firstOpen = 0
        }
        return exchange
    }

    /// Gives up the request that only interim responses were read of.
    private func giveUpAnswered(into output: ParserOutput) {
        guard let exchange = answered else { return }
        answered = nil
        output.giveUp(exchange.transaction, .toClient)
    }

    /// Gives up all requests but the last: their responses were lost.
    func abandonAllButLast(into output: ParserOutput) {
        if firstOpen < open.count { giveUpAnswered(into: output) }
        while open.count &- firstOpen > 1, let exchange = nextOpen() {
            output.giveUp(exchange.transaction, .toClient)
        }
    }

    // MARK: Tunnels

    /// Bytes behind a CONNECT request whose response has not come: a tunnel's, unless they are
    /// another request.
    private func enterTunnel(_ bytes: RawSpan, from offset: Int) {
        let first = bytes.byte(at: offset)
        if first.isToken, first != UInt8(ascii: "S") {
            request.state = .startLine
        } else {
            handOver()
        }
    }

    /// Stops reading: what follows is another protocol's.
    func handOver() {
        request.state = .stopped
        response.state = .stopped
        handsOver = true
    }
}
