/// How long bodies are (RFC 9112 §6) and how they are chunked (§7.1).
extension HTTPParser {
    /// What a message's headers say about the length of its body.
    private enum Length {
        case none
        case known(UInt64)
        case chunked
    }

    /// Begins the body of a request, or ends the request where it has none.
    func beginRequestBody(
        _ line: RawSpan, _ transaction: Transaction, into output: ParserOutput
    ) {
        let method = HTTPMethod(line, RequestLine(parsing: line, 0..<line.byteCount).method)
        guard method != .connect else {
            transaction.opensTunnel = true
            endMessage(request, into: output)
            request.state = .tunnelWait
            return
        }
        switch length(request, transaction, into: output) {
        case .known(let count) where count > 0:
            request.remaining = count
            request.state = .sizedBody
        case .chunked: request.state = .chunkSize
        case .none, .known: return endMessage(request, into: output)
        }
        request.hasBody = true
        request.body.beginRequest(request.head, method, transaction, scratch, into: output)
        tellOddities(request, into: output)
    }

    /// Begins the body of a response, or ends the response where it has none.
    func beginResponseBody(
        _ line: RawSpan, _ transaction: Transaction, into output: ParserOutput
    ) {
        let status = StatusLine(parsing: line, 0..<line.byteCount).status
        let method = answered?.method ?? .ambiguous
        hasSeenContinue = false
        let declares = declaresBody(response, transaction)
        if status == 101 && !declares || method == .connect && status / 100 == 2 {
            if status == 101, agreesOnHTTP2(transaction) {
                successor = (HTTP2.definition.name, frames(of: transaction, into: output))
            }
            transaction.opensTunnel = true
            endMessage(response, into: output)
            return handOver()
        }
        transaction.opensTunnel = false
        if method == .connect, request.state == .tunnelWait { request.state = .startLine }
        response.mayExceed = announcesClose(response, transaction)
        // Such responses have no body (RFC 9112 §6.3), but where one is declared, clients read it.
        guard method != .head, declares || status != 204 && status != 304 else {
            return endBody(response, into: output)
        }
        switch length(response, transaction, into: output) {
        case .known(0): return endBody(response, into: output)
        case .known(let count):
            response.remaining = count
            response.state = .sizedBody
        case .chunked:
            if response.version < 11 { note(.responseChunkedOldProto, response, into: output) }
            response.state = .chunkSize
            transaction.answerHasTrailers = true
        case .none:
            response.state = .openBody
        }
        beginDeclaredBody(transaction, into: output)
    }

    /// Begins the body of a response whose head is read.
    func beginDeclaredBody(_ transaction: Transaction, into output: ParserOutput) {
        response.hasBody = true
        response.body.beginResponse(response.head, transaction, scratch, into: output)
        tellOddities(response, into: output)
    }

    /// Whether a head tells of a body, of whatever length but zero.
    func declaresBody(_ reader: HTTPReader, _ transaction: Transaction) -> Bool {
        if reader.head.first(.transferEncoding) != nil { return true }
        guard let header = reader.head.first(.contentLength) else { return false }
        let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        return number(in: text) != 0
    }

    /// Whether the server says that it ends the connection behind this response: nothing else can
    /// follow.
    private func announcesClose(_ reader: HTTPReader, _ transaction: Transaction) -> Bool {
        guard let header = reader.head.first(.connection) else { return false }
        let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        return contains("close", text)
    }

    /// Ends a body where its length says, or goes on with what may be more of it.
    private func endBody(_ reader: HTTPReader, into output: ParserOutput) {
        guard reader.mayExceed, reader.transaction != nil else {
            return endMessage(reader, into: output)
        }
        reader.dropPartial()
        reader.state = .excess
        reader.matchedCount = 0
    }

    /// Reads the headers that tell a body's length; chunks count more than a number (RFC 9112
    /// §6.3).
    private func length(
        _ reader: HTTPReader, _ transaction: Transaction, into output: ParserOutput
    ) -> Length {
        let direction = reader.direction
        if let header = reader.head.first(.transferEncoding) {
            let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
            if !text.matches("chunked") {
                note(.transferEncoding(direction), reader, into: output)
                if direction == .toClient {
                    note(.responseAbnormalTransferEncoding, reader, into: output)
                }
            }
            if contains("chunked", text) { return .chunked }
        }
        guard let header = reader.head.first(.contentLength) else { return .none }
        if header.next >= 0 {
            note(.duplicateContentLength(direction), reader, into: output)
            reader.mayExceed = direction == .toClient
        }
        let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        if let count = text.decimal(in: 0..<text.byteCount) { return .known(count) }
        let count = number(in: text)
        note(.contentLength(direction), reader, into: output)
        reader.mayExceed = direction == .toClient
        return count.map(Length.known) ?? .none
    }

    /// Whether text, which is given in small letters, occurs in a value in any case; NULs in the
    /// value count for nothing.
    private func contains(_ text: StaticString, _ value: RawSpan) -> Bool {
        for start in 0..<value.byteCount
        where value.byte(at: start).asciiLowercased == text.utf8Start[0] {
            var matched = 0
            var index = start
            while index < value.byteCount, matched < text.utf8CodeUnitCount {
                let byte = value.byte(at: index)
                index &+= 1
                if byte == 0 { continue }
                guard byte.asciiLowercased == text.utf8Start[matched] else { break }
                matched &+= 1
            }
            if matched == text.utf8CodeUnitCount { return true }
        }
        return false
    }

    /// The first number in a broken length, as lax readers take it.
    private func number(in text: RawSpan) -> UInt64? {
        var start = 0
        while start < text.byteCount, !text.byte(at: start).isDigit { start &+= 1 }
        var end = start
        while end < text.byteCount, text.byte(at: end).isDigit { end &+= 1 }
        return text.decimal(in: start..<end)
    }

    // MARK: Reading

    /// Takes body bytes; returns where reading goes on.
    func readBody(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        guard let transaction = reader.transaction else {
            reader.state = .resync
            return offset
        }
        let available = span.byteCount &- offset
        guard reader.state != .openBody else {
            reader.body.append(
                span.extracting(offset..<span.byteCount), transaction, into: output)
            return span.byteCount
        }
        let count = Int(min(UInt64(available), reader.remaining))
        reader.body.append(span.extracting(offset..<offset &+ count), transaction, into: output)
        reader.remaining &-= UInt64(count)
        if reader.remaining == 0 { endSizedPart(reader, into: output) }
        return offset &+ count
    }

    private func endSizedPart(_ reader: HTTPReader, into output: ParserOutput) {
        if reader.state == .chunkData {
            reader.state = .chunkEnd
        } else {
            endBody(reader, into: output)
        }
    }

    /// Passes over missing bytes of a body of known length; what is missing beyond it is the start
    /// of something else.
    func skipBody(_ byteCount: UInt64, _ reader: HTTPReader, into output: ParserOutput) {
        let missing = min(byteCount, reader.remaining)
        reader.body.skip(missing)
        reader.remaining &-= missing
        guard reader.remaining == 0 else { return }
        endSizedPart(reader, into: output)
        if byteCount > missing {
            skip(gap: byteCount &- missing, reader.direction, into: output)
        }
    }

    /// Reads the line before a chunk. Where it begins with what can be no size, the rest is a body
    /// as it stands: no end of the line is waited for.
    func readChunkSize(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        if reader.hasChunkDigits { return readLines(span, from: offset, reader, into: output) }
        var start = offset
        var index = offset
        while index < span.byteCount, span.byte(at: index).isWhitespace {
            index &+= 1
            guard span.byte(at: index &- 1) == ASCII.lineFeed else { continue }
            // Some servers send an empty line more.
            start = index
            reader.dropPartial()
        }
        guard index < span.byteCount else {
            reader.keep(
                span.extracting(start..<index), endsLine: false,
                lineByteCountMax: output.limits.headerLineByteCountMax)
            return index
        }
        guard span.byte(at: index).hexDigitValue == nil else {
            reader.hasChunkDigits = true
            return readLines(span, from: start, reader, into: output)
        }
        note(.chunkLen(reader.direction), reader, into: output)
        reader.state = .openBody
        if let transaction = reader.transaction {
            reader.body.append(reader.partial.bytes.bytes, transaction, into: output)
        }
        reader.dropPartial()
        return start
    }

    /// Takes the line before a chunk: its size in hexadecimal, whatever follows. A size beyond 32
    /// bits is none, and the rest a body as it stands.
    func takeChunkSize(_ line: RawSpan, _ reader: HTTPReader, into output: ParserOutput) {
        reader.hasChunkDigits = false
        reader.endedWithBareFeed = false
        var size: UInt64 = 0
        var index = 0
        while index < line.byteCount, line.byte(at: index).isWhitespace { index &+= 1 }
        while index < line.byteCount, let digit = line.byte(at: index).hexDigitValue,
            size >> 32 == 0
        {
            size = size << 4 | UInt64(digit)
            index &+= 1
        }
        if line.index(of: ASCII.semicolon, from: index) != nil {
            note(.chunkExtension(reader.direction), reader, into: output)
        }
        guard size >> 31 == 0 else {
            note(.chunkLen(reader.direction), reader, into: output)
            reader.state = .openBody
            if let transaction = reader.transaction {
                reader.body.append(line, transaction, into: output)
            }
            return
        }
        reader.remaining = size
        reader.state = size > 0 ? .chunkData : .trailers
    }

    /// Takes the line end behind a chunk.
    func takeChunkEnd(
        isEmpty: Bool, _ reader: HTTPReader, into output: ParserOutput
    ) -> HTTPLineResult {
        if !isEmpty { note(.chunkLen(reader.direction), reader, into: output) }
        reader.state = .chunkSize
        return .end
    }

    /// Ends a chunked message: trailers (RFC 9112 §7.1.2) count as headers.
    func endTrailers(_ text: RawSpan, _ reader: HTTPReader, into output: ParserOutput) {
        if let transaction = reader.transaction, !reader.trailers.headers.isEmpty {
            let isRequest = reader.direction == .toServer
            let layout = reader.trailers.store(
                text, startCount: 0, headers: 0, into: &transaction.fields)
            let count = layout.headersEnd &- layout.headers
            for field in [isRequest ? HTTPField.requestHeader : .responseHeader, .header] {
                transaction.fields.append(keptAt: layout.headers, count: count, to: field.rawValue)
            }
            let list = (isRequest ? HTTPField.requestHeaders : .responseHeaders).rawValue
            for header in reader.trailers.headers where !header.isRepeat {
                transaction.fields.append(
                    keptAt: header.name, count: header.value &+ header.valueCount &- header.name,
                    to: list)
            }
        }
        endBody(reader, into: output)
    }
}
