/// Stores a message's head as fields of HTTP. What Suricata shows of HTTP/2 is shown in the same form: pseudo-header
/// fields (RFC 9113 §8.3) stand among the headers, a target is taken as it was sent, repeated values are joined by commas.
extension HTTP2Parser {
    /// Stores the fields that were decoded for one direction of a stream: its head, or trailers.
    func storeHead(
        _ stream: HTTP2Stream, _ direction: Direction, _ transaction: Transaction,
        isPromise: Bool, _ output: ParserOutput
    ) {
        let side = stream.side(direction)
        for size in fields.sizeUpdates {
            let field = HTTPField.tableSize
            transaction.fields.append(
                Int64(clamping: size), to: field.of(direction).rawValue)
            transaction.fields.append(Int64(clamping: size), to: field.rawValue)
        }
        guard !fields.fields.isEmpty else { return }
        storeBlocks(direction, isFirst: !side.hasHead, transaction)
        // Of a pushed request the server only says what it would have been; the head of its response follows.
        guard !side.hasHead, !isPromise else { return }
        if direction == .toServer {
            storeRequest(stream, transaction, into: output)
        } else {
            // An interim response is passed over as in HTTP/1.
            guard let status = pseudo(":status"), !isInterim(status) else { return }
            storeStatus(status, transaction)
        }
        side.hasHead = true
        transaction.isRecorded = false
        storeValues(side, direction, transaction)
        output.advance(transaction, direction, to: .headers)
    }

    private func isInterim(_ status: UnsafeRawBufferPointer) -> Bool {
        status.count == 3 && status[0] == UInt8(ascii: "1")
    }

    /// The value of the first field of a name.
    private func pseudo(_ name: StaticString) -> UnsafeRawBufferPointer? {
        for field in fields.fields where isName(field, name) { return fields.value(field) }
        return nil
    }

    /// Whether a field has a name; in HTTP/2 names are in small letters (RFC 9113 §8.2.1).
    private func isName(_ field: HTTP2Fields.Field, _ name: StaticString) -> Bool {
        field.nameCount == name.utf8CodeUnitCount
            && fields.name(field).bytes.starts(with: name, at: 0)
    }

    // MARK: First lines

    private func storeRequest(
        _ stream: HTTP2Stream, _ transaction: Transaction, into output: ParserOutput
    ) {
        let method = pseudo(":method")
        let path = pseudo(":path")
        storeLines(method: method, path: path, transaction)
        if let path { storeTarget(path, transaction) }
        guard let authority = pseudo(":authority") else { return }
        if authority.contains(UInt8(ascii: "@")) {
            note(.userinfoInUri, stream, .toServer, into: output)
        }
        if let host = pseudo("host"),
            !host.elementsEqual(authority, by: { $0.asciiLowercased == $1.asciiLowercased })
        {
            note(.authorityHostMismatch, stream, .toServer, into: output)
        }
        storeAuthority(authority, path, transaction)
    }

    /// Stores what would be the first line of the request; where the frame has no head, that of none.
    func storeLines(
        method: UnsafeRawBufferPointer?, path: UnsafeRawBufferPointer?, _ transaction: Transaction
    ) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        scratch.truncate(to: 0)
        scratch.append(method ?? nothing)
        scratch.append(ASCII.space)
        scratch.append(path ?? nothing)
        scratch.append(" HTTP/2\r\n")
        let line = keepLine(transaction)
        let count = line.count
        func add(_ start: Int, _ count: Int, _ field: HTTPField) {
            transaction.fields.append(
                keptAt: line.lowerBound &+ start, count: count, to: field.rawValue)
        }
        add(0, count, .requestLine)
        add(count &- 8, 6, .requestProtocol)
        add(count &- 8, 6, .anyProtocol)
        if let method { add(0, method.count, .method) }
        if let path { add(count &- 9 &- path.count, path.count, .uriRaw) }
    }

    /// Stores the target, which is not normalised, and its parts.
    private func storeTarget(_ path: UnsafeRawBufferPointer, _ transaction: Transaction) {
        guard let value = transaction.fields.first(of: HTTPField.uriRaw.rawValue) else { return }
        func share(_ range: Range<Int>, _ field: HTTPField) {
            transaction.fields.append(sharing: value, range, to: field.rawValue)
        }
        share(0..<path.count, .uri)
        transaction.fields.append(Int64(path.count), to: HTTPField.uriLength.rawValue)
        let parts = URIParts(parsing: path.bytes)
        share(parts.path, .path)
        if let query = parts.query { share(query, .query) }
        var dot = parts.path.upperBound
        while dot > parts.path.lowerBound, path[dot &- 1] != ASCII.slash {
            dot &-= 1
            guard path[dot] == ASCII.dot else { continue }
            if dot &+ 1 < parts.path.upperBound {
                share(dot &+ 1..<parts.path.upperBound, .pathExtension)
            }
            break
        }
        share(0..<path.count, .url)
    }

    /// Stores the host and its port, without a user, and the URL with them.
    private func storeAuthority(
        _ authority: UnsafeRawBufferPointer, _ path: UnsafeRawBufferPointer?,
        _ transaction: Transaction
    ) {
        transaction.fields.append(authority, to: HTTPField.hostRaw.rawValue)
        let start = authority.lastIndex(of: UInt8(ascii: "@")).map { $0 &+ 1 } ?? 0
        let named = URIAuthority(parsing: authority.bytes, in: start..<authority.count)
        if let port = named.port {
            transaction.fields.append(Int64(port), to: HTTPField.port.rawValue)
        }
        let host = named.host.isEmpty ? start..<authority.count : named.host
        scratch.truncate(to: 0)
        for byte in authority[host] { scratch.append(byte.asciiLowercased) }
        transaction.fields.append(scratch.bytes, to: HTTPField.host.rawValue)
        scratch.truncate(to: 0)
        if let path {
            if let scheme = pseudo(":scheme") {
                scratch.append(scheme)
            } else {
                scratch.append("http")
            }
            scratch.append("://")
            scratch.append(authority)
            scratch.append(path)
            transaction.fields.append(scratch.bytes, to: HTTPField.url.rawValue)
        }
        scratch.removeAll()
    }

    /// Keeps the line that was put together with the transaction, and says where it stands.
    private func keepLine(_ transaction: Transaction) -> Range<Int> {
        let start = transaction.fields.keep(scratch.bytes)
        defer { scratch.removeAll() }
        return start..<start &+ scratch.count
    }

    /// Stores what would be the status line, whose reason is empty; where the frame has no head, that of none.
    func storeStatus(_ status: UnsafeRawBufferPointer?, _ transaction: Transaction) {
        scratch.truncate(to: 0)
        scratch.append("HTTP/2 ")
        if let status { scratch.append(status) }
        scratch.append("\r\n")
        let line = keepLine(transaction)
        let count = line.count
        func add(_ start: Int, _ count: Int, _ field: HTTPField) {
            transaction.fields.append(
                keptAt: line.lowerBound &+ start, count: count, to: field.rawValue)
        }
        add(0, count, .responseLine)
        add(0, 6, .responseProtocol)
        add(0, 6, .anyProtocol)
        add(count, 0, .statusMessage)
        guard let status else { return }
        add(7, status.count, .statusCode)
        if status.count == 3, let number = status.bytes.decimal(in: 0..<3) {
            transaction.fields.append(Int64(number), to: HTTPField.status.rawValue)
        }
    }

    // MARK: Headers

    /// Stores the headers as texts, and each by itself. Those of trailers are further elements.
    private func storeBlocks(
        _ direction: Direction, isFirst: Bool, _ transaction: Transaction
    ) {
        let isRequest = direction == .toServer
        scratch.truncate(to: 0)
        for field in fields.fields { appendLine(field, isTrimmed: false) }
        let own = (isRequest ? HTTPField.requestHeaderRaw : .responseHeaderRaw).rawValue
        let lines = transaction.fields.keep(scratch.bytes)
        if isFirst || transaction.fields.first(of: own) == nil {
            add(
                lines, scratch.count, isRequest ? .requestHeaderRaw : .responseHeaderRaw, .headerRaw
            )
        }
        storeEach(direction, at: lines, transaction)
        scratch.truncate(to: 0)
        for field in fields.fields where !isCookie(field, direction) {
            appendLine(field, isTrimmed: true)
        }
        if !scratch.isEmpty {
            add(
                transaction.fields.keep(scratch.bytes), scratch.count,
                isRequest ? .requestHeader : .responseHeader, .header)
        }
        scratch.truncate(to: 0)
        scratch.append("\r\n")
        for field in fields.fields {
            scratch.append(fields.name(field))
            scratch.append("\r\n")
        }
        scratch.append("\r\n")
        add(
            transaction.fields.keep(scratch.bytes), scratch.count,
            isRequest ? .requestHeaderNames : .responseHeaderNames, .headerNames)
        scratch.removeAll()

        func add(_ start: Int, _ count: Int, _ own: HTTPField, _ both: HTTPField) {
            transaction.fields.append(keptAt: start, count: count, to: own.rawValue)
            transaction.fields.append(keptAt: start, count: count, to: both.rawValue)
        }
    }

    private func appendLine(_ field: HTTP2Fields.Field, isTrimmed: Bool) {
        scratch.append(fields.name(field))
        scratch.append(": ")
        let value = fields.value(field)
        let range = isTrimmed ? value.bytes.trimmed(0..<value.count) : 0..<value.count
        scratch.append(UnsafeRawBufferPointer(rebasing: value[range]))
        scratch.append("\r\n")
    }

    private func isCookie(_ field: HTTP2Fields.Field, _ direction: Direction) -> Bool {
        isName(field, direction == .toServer ? "cookie" : "set-cookie")
    }

    /// Shows each header, its name and its value out of the lines that lie in the store.
    private func storeEach(
        _ direction: Direction, at lines: Int, _ transaction: Transaction
    ) {
        let isRequest = direction == .toServer
        let list = (isRequest ? HTTPField.requestHeaders : .responseHeaders).rawValue
        let ownValue = (isRequest ? HTTPField.requestFieldValue : .responseFieldValue).rawValue
        var start = lines
        for field in fields.fields {
            let count = field.nameCount &+ 2 &+ field.valueCount
            func add(_ offset: Int, _ count: Int, _ index: Int) {
                transaction.fields.append(keptAt: start &+ offset, count: count, to: index)
            }
            add(0, count, list)
            add(0, field.nameCount, HTTPField.fieldName.of(direction).rawValue)
            add(0, field.nameCount, HTTPField.fieldName.rawValue)
            add(field.nameCount &+ 2, field.valueCount, ownValue)
            start &+= count &+ 2
        }
    }

    /// Stores the values that have fields of their own, each once: those of a repeated name joined.
    private func storeValues(
        _ side: HTTP2Stream.Side, _ direction: Direction, _ transaction: Transaction
    ) {
        var seen: UInt32 = 0
        for (index, field) in fields.fields.enumerated() {
            let kind = kind(field)
            let bit = UInt32(1) << UInt32(kind.rawValue)
            guard kind != .other, seen & bit == 0 else { continue }
            seen |= bit
            let value = join(kind, from: index, transaction)
            if kind == .contentEncoding { side.codings = value }
            if kind == .contentDisposition { side.disposition = value }
            if kind == .contentType, direction == .toClient {
                HTTPParser.storeMediaType(of: value, into: &transaction.fields)
            }
            let (own, both) =
                direction == .toServer
                ? HTTPParser.requestFields(kind) : HTTPParser.responseFields(kind)
            for target in [own, both] {
                guard let target else { continue }
                transaction.fields.append(
                    keptAt: value.lowerBound, count: value.count, to: target.rawValue)
            }
        }
    }

    /// What a name means that is in small letters, as it must be.
    private func kind(_ field: HTTP2Fields.Field) -> HTTPHeaderName {
        let name = fields.name(field)
        let kind = HTTPHeaderName(name.bytes, at: 0, count: name.count)
        guard kind != .other, !name.contains(where: { $0 != $0.asciiLowercased }) else {
            return .other
        }
        return kind
    }

    /// Stores the values of a name side by side. Where they lie.
    private func join(
        _ kind: HTTPHeaderName, from first: Int, _ transaction: Transaction
    ) -> Range<Int> {
        scratch.truncate(to: 0)
        for (index, field) in fields.fields[first...].enumerated()
        where index == 0 || self.kind(field) == kind {
            if index > 0 { scratch.append(", ") }
            scratch.append(fields.value(field))
        }
        let start = transaction.fields.keep(scratch.bytes)
        defer { scratch.removeAll() }
        return start..<start &+ scratch.count
    }
}
