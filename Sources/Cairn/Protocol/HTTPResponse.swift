extension HTTPParser {
    /// Where the words of a status line lie (RFC 9112 §4).
    struct StatusLine {
        var version = 0..<0
        var code = 0..<0
        var reason = 0..<0
        /// The code as a number; 0 if it is none from 100 to 999.
        var status = 0

        init(parsing text: RawSpan, _ line: Range<Int>) {
            let start = text.endOfWhitespace(from: line.lowerBound, to: line.upperBound)
            version = start..<text.endOfWord(from: start, to: line.upperBound)
            let codeStart = text.endOfWhitespace(from: version.upperBound, to: line.upperBound)
            code = codeStart..<text.endOfWord(from: codeStart, to: line.upperBound)
            let reasonStart = text.endOfWhitespace(from: code.upperBound, to: line.upperBound)
            reason = reasonStart..<line.upperBound
            if code.count == 3, let number = text.decimal(in: code), number >= 100 {
                status = Int(number)
            }
        }
    }

    /// Looks at the first bytes of a response, without their line: what does not begin with `HTTP`
    /// is a body of HTTP/0.9 to browsers, if anything was asked for. Returns where reading goes on.
    func sniffResponse(_ span: RawSpan, from offset: Int, into output: ParserOutput) -> Int {
        let text: StaticString = "http"
        let partial = response.partial
        var offset = offset
        var matched = 0
        if partial.isEmpty {
            while offset < span.byteCount, Self.mayPrecede(span.byte(at: offset)) {
                offset &+= 1
            }
        } else {
            matched = min(partial.count, 4)
        }
        let start = offset
        while matched < 4, offset < span.byteCount,
            span.byte(at: offset).asciiLowercased == text.utf8Start[matched]
        {
            offset &+= 1
            matched &+= 1
        }
        if matched == 4 {
            if !partial.isEmpty, partial.count < 4 {
                partial.append(span.extracting(start..<offset))
                return readLines(span, from: offset, response, into: output)
            }
            return readLines(span, from: start, response, into: output)
        }
        guard offset < span.byteCount else {
            partial.append(span.extracting(start..<offset))
            return offset
        }
        return beginHeadless(span, from: start, into: output)
    }

    /// Whether a byte before a status line counts for nothing.
    private static func mayPrecede(_ byte: UInt8) -> Bool { byte.isWhitespace || byte == 0 }

    /// Begins a response without head: a body, if a request waits for one; else bytes to pass over.
    func beginHeadless(
        _ span: RawSpan, from offset: Int, into output: ParserOutput
    ) -> Int {
        guard answered != nil || firstOpen < open.count || abandonedCount > 0 else {
            note(.unableToMatchResponseToRequest, response, into: output)
            response.state = .resync
            return readLines(span, from: offset, response, into: output)
        }
        if response.transaction == nil { beginResponse(into: output) }
        guard answered?.isHTTP09 != false || response.state == .junk else {
            response.state = .junk
            response.matchedCount = -1
            return offset
        }
        if answered?.isHTTP09 == false { note(.responseInvalidProtocol, response, into: output) }
        response.version = 9
        response.state = .openBody
        if let transaction = response.transaction {
            response.hasBody = true
            response.body.beginResponse(nil, transaction, scratch, into: output)
            response.body.append(response.partial.bytes.bytes, transaction, into: output)
        }
        response.dropPartial()
        return offset
    }

    func takeStatusLine(
        _ head: RawSpan, _ line: Range<Int>, isPlain: Bool, into output: ParserOutput
    ) -> HTTPLineResult {
        guard !line.isEmpty else { return .skip }
        // As in header lines, a bare CR ends the line, too.
        var end = line.upperBound
        if let bare = head.index(
            of: ASCII.carriageReturn, from: line.lowerBound, to: line.upperBound)
        {
            end = bare
        }
        let isResync = response.state == .resync
        if isResync {
            guard head.hasPrefix("http/", at: line.lowerBound) else { return .skip }
            abandonAllButLast(into: output)
        }
        let parsed = StatusLine(parsing: head, line.lowerBound..<end)
        response.state = .headers
        response.version = Self.version(head, parsed.version)
        response.startLineCount = end
        response.headersOffset = head.byteCount
        response.head.isNormal = isPlain && end == line.upperBound
        if response.transaction == nil { beginResponse(into: output) }
        if !isProtocol(head, parsed.version) {
            note(.responseInvalidProtocol, response, into: output)
        }
        if parsed.status == 0 { note(.responseInvalidStatus, response, into: output) }
        if end < line.upperBound {
            takeHeader(
                head, end &+ 1..<line.upperBound, isPlain: false, response.head, response,
                into: output)
        }
        return .more
    }

    private func isProtocol(_ text: RawSpan, _ word: Range<Int>) -> Bool {
        word.count == 8 && text.hasPrefix("http/", at: word.lowerBound)
            && text.byte(at: word.lowerBound &+ 5).isDigit
            && text.byte(at: word.lowerBound &+ 6) == ASCII.dot
            && text.byte(at: word.lowerBound &+ 7).isDigit
    }

    /// Whether a status line is one of an interim response (RFC 9110 §15.2): another follows. 101
    /// is final here, since what follows it is no HTTP.
    func isInterim(_ line: RawSpan) -> Bool {
        let status = StatusLine(parsing: line, 0..<line.byteCount).status
        return status >= 100 && status < 200 && status != 101
    }

    /// Stores the fields of a status line that lies in the store.
    func storeStatusLine(_ line: RawSpan, at start: Int, into fields: inout FieldStore) {
        let parsed = StatusLine(parsing: line, 0..<line.byteCount)
        func add(_ range: Range<Int>, _ field: HTTPField, _ fields: inout FieldStore) {
            fields.append(
                keptAt: start &+ range.lowerBound, count: range.count, to: field.rawValue)
        }
        add(0..<line.byteCount, .responseLine, &fields)
        if !parsed.version.isEmpty {
            add(parsed.version, .responseProtocol, &fields)
            add(parsed.version, .anyProtocol, &fields)
        }
        if !parsed.code.isEmpty { add(parsed.code, .statusCode, &fields) }
        if parsed.status > 0 {
            fields.append(Int64(parsed.status), to: HTTPField.status.rawValue)
        }
        if !parsed.reason.isEmpty { add(parsed.reason, .statusMessage, &fields) }
    }
}
