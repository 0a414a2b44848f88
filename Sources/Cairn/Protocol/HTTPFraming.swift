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
        if status == 101 || method == .connect && status / 100 == 2 {
            endMessage(response, into: output)
            return handOver()
        }
        if method == .connect, request.state == .tunnelWait { request.state = .startLine }
        guard method != .head, status != 204, status != 304 else {
            return endMessage(response, into: output)
        }
        switch length(response, transaction, into: output) {
        case .known(0): return endMessage(response, into: output)
        case .known(let count):
            response.remaining = count
            response.state = .sizedBody
        case .chunked:
            if response.version < 11 { note(.responseChunkedOldProto, response, into: output) }
            response.state = .chunkSize
        case .none:
            response.state = .openBody
        }
        response.body.beginResponse(response.head, transaction, scratch, into: output)
        tellOddities(response, into: output)
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
            if containsToken("chunked", text) { return .chunked }
        }
        guard let header = reader.head.first(.contentLength) else { return .none }
        if header.next >= 0 { note(.duplicateContentLength(direction), reader, into: output) }
        let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        if let count = text.decimal(in: 0..<text.byteCount) { return .known(count) }
        note(.contentLength(direction), reader, into: output)
        return leadingNumber(text).map(Length.known) ?? .none
    }

    /// Whether a list has a word among its members.
    private func containsToken(_ token: StaticString, _ list: RawSpan) -> Bool {
        var start = 0
        while start <= list.byteCount {
            let comma = list.index(of: ASCII.comma, from: start) ?? list.byteCount
            let word = list.trimmed(start..<comma)
            if list.matches(token, at: word.lowerBound, count: word.count) { return true }
            start = comma &+ 1
        }
        return false
    }

    /// The number that a broken length begins with, as lax readers take it.
    private func leadingNumber(_ text: RawSpan) -> UInt64? {
        let start = text.trimmed(0..<text.byteCount).lowerBound
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
            endMessage(reader, into: output)
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

    /// Takes the line before a chunk: its size in hexadecimal, perhaps extensions. Without a size
    /// the rest is a body as it stands.
    func takeChunkSize(_ line: RawSpan, _ reader: HTTPReader, into output: ParserOutput) {
        let text = line.trimmed(0..<line.byteCount)
        // Some servers send an empty line more.
        guard !text.isEmpty else { return }
        var size: UInt64 = 0
        var index = text.lowerBound
        while index < text.upperBound, let digit = line.byte(at: index).hexDigitValue,
            size >> 56 == 0
        {
            size = size << 4 | UInt64(digit)
            index &+= 1
        }
        let hasDigits = index > text.lowerBound
        while index < text.upperBound, line.byte(at: index).isBlank { index &+= 1 }
        if index < text.upperBound, line.byte(at: index) == ASCII.semicolon {
            note(.chunkExtension(reader.direction), reader, into: output)
        } else if !hasDigits || index < text.upperBound {
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
        endMessage(reader, into: output)
    }
}
