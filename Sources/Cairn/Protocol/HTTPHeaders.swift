extension HTTPParser {
    /// Ends the head of a message: its fields are stored, and what follows is decided.
    func endHead(
        _ text: RawSpan, headerBytesEnd: Int, _ reader: HTTPReader, into output: ParserOutput
    ) {
        guard let transaction = reader.transaction else { return reader.beginMessage() }
        let head = text.extracting(first: headerBytesEnd)
        let line = head.extracting(first: min(reader.startLineCount, headerBytesEnd))
        if reader.state == .shortRequest { reader.head.isNormal = false }
        let isRequest = reader.direction == .toServer
        if !isRequest, isInterim(line), !reader.head.declaresBody {
            return endInterim(line, reader, into: output)
        }
        let layout = reader.head.store(
            head, startCount: line.byteCount, headers: min(reader.headersOffset, headerBytesEnd),
            into: &transaction.fields)
        if !reader.isLineStored {
            if isRequest {
                storeRequestLine(line, at: layout.start, into: &transaction.fields)
            } else {
                storeStatusLine(line, at: layout.start, into: &transaction.fields)
            }
        }
        if reader.version > 9 || !reader.head.headers.isEmpty {
            storeBlocks(head, layout, reader, into: &transaction.fields)
            storeLists(reader.head, isRequest: isRequest, into: &transaction.fields)
        }
        if isRequest {
            if hasDoubleEncoding { note(.doubleEncodedUri, reader, into: output) }
            hasDoubleEncoding = false
            storeRequestHeaders(line, at: layout.start, transaction, into: output)
            beginRequestBody(line, transaction, into: output)
        } else {
            storeResponseHeaders(&transaction.fields)
            beginResponseBody(line, transaction, into: output)
        }
    }

    /// Ends an interim response: it is passed over, the final one follows.
    private func endInterim(_ line: RawSpan, _ reader: HTTPReader, into output: ParserOutput) {
        if StatusLine(parsing: line, 0..<line.byteCount).status == 100 {
            if hasSeenContinue { note(.continueAlreadySeen, reader, into: output) }
            hasSeenContinue = true
        }
        let anomalies = reader.anomaliesSeen
        reader.beginMessage()
        reader.anomaliesSeen = anomalies
    }

    // MARK: Fields of both

    /// Stores the fields that show the head as a whole.
    private func storeBlocks(
        _ head: RawSpan, _ layout: HTTPHead.Layout, _ reader: HTTPReader,
        into fields: inout FieldStore
    ) {
        let isRequest = reader.direction == .toServer
        func add(
            _ start: Int, _ end: Int, _ field: HTTPField, _ both: HTTPField,
            _ fields: inout FieldStore
        ) {
            fields.append(keptAt: start, count: end &- start, to: field.rawValue)
            fields.append(keptAt: start, count: end &- start, to: both.rawValue)
        }
        // Without headers there is no empty line behind them either.
        let hasHeaders = !reader.head.headers.isEmpty
        add(
            layout.start, hasHeaders ? layout.end : layout.headersEnd,
            isRequest ? .requestStart : .responseStart, .start, &fields)
        var rawStart = layout.headers
        var rawEnd = layout.end
        if !reader.head.isNormal {
            rawStart = fields.keep(
                head.extracting(min(reader.headersOffset, head.byteCount)..<head.byteCount))
            rawEnd = fields.keptEnd
        }
        add(
            rawStart, rawEnd, isRequest ? .requestHeaderRaw : .responseHeaderRaw, .headerRaw,
            &fields)
        guard hasHeaders else { return }
        let block = storeBlockWithoutCookies(layout, reader.head, isRequest, &fields)
        add(
            block.lowerBound, block.upperBound, isRequest ? .requestHeader : .responseHeader,
            .header, &fields)
        let names = storeNames(reader.head, &fields)
        add(
            names.lowerBound, names.upperBound,
            isRequest ? .requestHeaderNames : .responseHeaderNames, .headerNames, &fields)
    }

    /// Where the normalised header lines lie in the store, the cookie's left out.
    private func storeBlockWithoutCookies(
        _ layout: HTTPHead.Layout, _ head: HTTPHead, _ isRequest: Bool,
        _ fields: inout FieldStore
    ) -> Range<Int> {
        guard let cookie = head.first(isRequest ? .cookie : .setCookie) else {
            return layout.headers..<layout.headersEnd
        }
        let before = layout.headers..<cookie.name
        let after = cookie.value &+ cookie.valueCount &+ 2..<layout.headersEnd
        if after.isEmpty { return before }
        if before.isEmpty { return after }
        let start = fields.keep(from: before.lowerBound, count: before.count)
        _ = fields.keep(from: after.lowerBound, count: after.count)
        return start..<fields.keptEnd
    }

    private func storeNames(_ head: HTTPHead, _ fields: inout FieldStore) -> Range<Int> {
        let start = fields.keptEnd
        keepLineEnd(&fields)
        for header in head.headers where !header.isRepeat {
            _ = fields.keep(from: header.name, count: header.nameCount)
            keepLineEnd(&fields)
        }
        keepLineEnd(&fields)
        return start..<fields.keptEnd
    }

    private func keepLineEnd(_ fields: inout FieldStore) {
        let text: StaticString = "\r\n"
        _ = fields.keep(UnsafeRawBufferPointer(start: text.utf8Start, count: 2))
    }

    /// Stores each header line, and the values that have fields of their own.
    private func storeLists(
        _ head: HTTPHead, isRequest: Bool, into fields: inout FieldStore
    ) {
        let list = (isRequest ? HTTPField.requestHeaders : .responseHeaders).rawValue
        for header in head.headers where !header.isRepeat {
            fields.append(
                keptAt: header.name, count: header.value &+ header.valueCount &- header.name,
                to: list)
            guard header.kind != .other else { continue }
            let (own, both) =
                isRequest ? Self.requestFields(header.kind) : Self.responseFields(header.kind)
            if let own {
                fields.append(keptAt: header.value, count: header.valueCount, to: own.rawValue)
            }
            if let both {
                fields.append(keptAt: header.value, count: header.valueCount, to: both.rawValue)
            }
        }
    }

    /// The fields of a request header's value: its own, and the list of both directions.
    static func requestFields(
        _ kind: HTTPHeaderName
    ) -> (own: HTTPField?, both: HTTPField?) {
        switch kind {
        case .userAgent: (.userAgent, nil)
        case .referer: (.referer, nil)
        case .accept: (.accept, nil)
        case .acceptEncoding: (.acceptEncoding, nil)
        case .acceptLanguage: (.acceptLanguage, nil)
        case .origin: (.origin, nil)
        case .forwardedFor: (.forwardedFor, nil)
        case .cookie: (.requestCookie, .cookie)
        case .connection: (.requestConnection, .connection)
        case .contentLength: (.requestContentLength, .contentLength)
        case .contentType: (.requestContentType, .contentType)
        default: (nil, nil)
        }
    }

    /// The fields of a response header's value.
    static func responseFields(
        _ kind: HTTPHeaderName
    ) -> (own: HTTPField?, both: HTTPField?) {
        switch kind {
        case .server: (.server, nil)
        case .location: (.location, nil)
        case .setCookie: (.responseCookie, .cookie)
        case .connection: (.responseConnection, .connection)
        case .contentLength: (.responseContentLength, .contentLength)
        case .contentType: (.responseContentType, .contentType)
        default: (nil, nil)
        }
    }

    // MARK: Response

    private func storeResponseHeaders(_ fields: inout FieldStore) {
        guard let type = response.head.first(.contentType) else { return }
        Self.storeMediaType(of: type.value..<type.value &+ type.valueCount, into: &fields)
    }

    /// Stores the type of a Content-Type that lies in the store, without parameters.
    static func storeMediaType(of type: Range<Int>, into fields: inout FieldStore) {
        let text = fields.kept(at: type.lowerBound, count: type.count).bytes
        let end = text.index(of: ASCII.semicolon) ?? text.byteCount
        let media = text.trimmed(0..<end)
        guard !media.isEmpty else { return }
        fields.append(
            keptAt: type.lowerBound &+ media.lowerBound, count: media.count,
            to: HTTPField.mediaType.rawValue)
    }
}
