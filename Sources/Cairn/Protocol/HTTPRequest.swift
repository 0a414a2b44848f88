extension HTTPParser {
    /// Takes the first line of a message.
    func takeStartLine(
        _ head: RawSpan, _ line: Range<Int>, isPlain: Bool, isCut: Bool,
        _ reader: HTTPReader, into output: ParserOutput
    ) -> HTTPLineResult {
        reader.direction == .toServer
            ? takeRequestLine(head, line, isPlain: isPlain, isCut: isCut, into: output)
            : takeStatusLine(head, line, isPlain: isPlain, into: output)
    }

    /// Where the words of a request line lie (RFC 9112 §3).
    struct RequestLine {
        var method = 0..<0
        var target = 0..<0
        /// `HTTP/1.1`; empty in HTTP/0.9.
        var version = 0..<0
        var hasLeadingWhitespace = false
        var hasOddMethodDelimiter = false
        var hasOddTargetDelimiter = false
        var hasInvalidVersion = false

        /// Takes a line apart as servers do: white space of any kind and number delimits, but where
        /// there is a space, only that ends the target. What follows is the protocol, whatever it
        /// is, if the method is known or some word of it is a protocol.
        init(parsing text: RawSpan, _ line: Range<Int>) {
            let end = Self.end(of: text, line)
            let start = text.endOfWhitespace(from: line.lowerBound, to: end)
            hasLeadingWhitespace = start > line.lowerBound
            method = start..<text.endOfWord(from: start, to: end)
            let targetStart = text.endOfWhitespace(from: method.upperBound, to: end)
            hasOddMethodDelimiter = text.hasOddSpace(in: method.upperBound..<targetStart)
            target = targetStart..<end
            let targetEnd =
                text.index(of: ASCII.space, from: targetStart, to: end)
                ?? text.endOfWord(from: targetStart, to: end)
            let versionStart = text.endOfWhitespace(from: targetEnd, to: end)
            if versionStart < end, isProtocolLikely(text, versionStart..<end) {
                version = versionStart..<line.upperBound
                hasInvalidVersion = !text.hasPrefix("http/", at: versionStart)
                target = targetStart..<targetEnd
                hasOddTargetDelimiter = text.hasOddSpace(in: targetEnd..<versionStart)
            }
            if text.hasOddSpace(in: target) { hasOddTargetDelimiter = true }
        }

        private func isProtocolLikely(_ text: RawSpan, _ words: Range<Int>) -> Bool {
            if HTTPMethod(text, method).isOnlyHTTP || text.hasPrefix("http/", at: words.lowerBound)
            {
                return true
            }
            var last = words.upperBound
            while last > words.lowerBound, !text.byte(at: last &- 1).isWhitespace { last &-= 1 }
            return Self.isVersion(text, last..<words.upperBound)
        }

        private static func end(of text: RawSpan, _ line: Range<Int>) -> Int {
            var end = line.upperBound
            while end > line.lowerBound, text.byte(at: end &- 1).isWhitespace { end &-= 1 }
            return end
        }

        /// Whether a word is a protocol: letters, a slash, a digit.
        private static func isVersion(_ text: RawSpan, _ word: Range<Int>) -> Bool {
            guard
                let slash = text.index(of: ASCII.slash, from: word.lowerBound, to: word.upperBound),
                slash > word.lowerBound, slash &+ 1 < word.upperBound,
                text.byte(at: slash &+ 1).isDigit
            else { return false }
            for index in word.lowerBound..<slash
            where text.byte(at: index).asciiLowercased &- 0x61 >= 26 {
                return false
            }
            return true
        }
    }

    /// The version that a protocol's text names: 9, 10 or 11, whatever is odd counting as 1.1.
    static func version(_ text: RawSpan, _ word: Range<Int>) -> UInt8 {
        if text.matches("http/1.0", at: word.lowerBound, count: word.count) { return 10 }
        return text.matches("http/0.9", at: word.lowerBound, count: word.count) ? 9 : 11
    }

    private func takeRequestLine(
        _ head: RawSpan, _ line: Range<Int>, isPlain: Bool, isCut: Bool,
        into output: ParserOutput
    ) -> HTTPLineResult {
        // Empty lines before a request are skipped (RFC 9112 §2.2).
        guard !line.isEmpty else { return .skip }
        let parsed = RequestLine(parsing: head, line)
        let method = HTTPMethod(head, parsed.method)
        // Where the line was cut for its length, its protocol is lost.
        let hasVersion = isCut || !parsed.version.isEmpty
        // What a connection opens with is a request whatever it is, and mostly answered with an error.
        let isOpening = nextID == 0 && request.state != .resync && method != .connect
        let isShort = isShortRequest(head, parsed, method)
        guard hasVersion || isShort || isOpening else {
            // A body without length, or not HTTP.
            if request.state != .resync {
                note(
                    nextID > 0 ? .requestBodyUnexpected : .requestLineInvalid, request, into: output
                )
            }
            return .skip
        }
        request.state = hasVersion ? .headers : .shortRequest
        request.version = hasVersion ? Self.version(head, parsed.version) : 9
        request.startLineCount = line.upperBound
        request.headersOffset = head.byteCount
        request.head.isNormal = isPlain
        request.transaction = beginExchange(
            method, isHTTP09: !hasVersion, into: output)
        if parsed.hasLeadingWhitespace {
            note(.requestLineLeadingWhitespace, request, into: output)
        }
        if parsed.hasOddMethodDelimiter { note(.methodDelimNonCompliant, request, into: output) }
        if parsed.hasOddTargetDelimiter { note(.uriDelimNonCompliant, request, into: output) }
        if parsed.hasInvalidVersion || !hasVersion && !isShort {
            note(.requestLineInvalid, request, into: output)
        }
        return .more
    }

    /// Whether a line without protocol can be a request of HTTP/0.9, or one whose protocol was
    /// forgotten.
    private func isShortRequest(
        _ text: RawSpan, _ line: RequestLine, _ method: HTTPMethod
    ) -> Bool {
        // Where its head ends, and a tunnel begins, only a head with a protocol says.
        guard method != .connect else { return false }
        guard method == .ambiguous else { return true }
        guard !line.method.isEmpty, !line.target.isEmpty else { return false }
        for index in line.method where !text.byte(at: index).isToken { return false }
        return text.byte(at: line.target.lowerBound) == ASCII.slash
    }

    /// Takes the line behind a request line without protocol: where it is neither empty nor another
    /// request, only the protocol was forgotten.
    func takeLineOfShortRequest(
        _ head: RawSpan, _ line: Range<Int>, _ isPlain: Bool, _ reader: HTTPReader,
        into output: ParserOutput
    ) -> HTTPLineResult {
        if !line.isEmpty, !beginsRequest(head, line) {
            note(.requestLineMissingProtocol, reader, into: output)
            reader.state = .headers
            takeHeader(head, line, isPlain: isPlain, reader.head, reader, into: output)
            return .more
        }
        endHead(
            head, headerBytesEnd: line.lowerBound, reader, into: output)
        return line.isEmpty ? .end : .endBefore
    }

    /// Ends a request of HTTP/0.9 of which only the first line came.
    func endShortRequest(into output: ParserOutput) {
        let line = request.partial.bytes.bytes
        endHead(
            line, headerBytesEnd: min(request.headersOffset, line.byteCount), request, into: output)
        request.dropPartial()
    }

    private func beginsRequest(_ text: RawSpan, _ line: Range<Int>) -> Bool {
        HTTPMethod(
            text, line.lowerBound..<text.endOfWord(from: line.lowerBound, to: line.upperBound)
        )
        .isOnlyHTTP
    }

    // MARK: Fields

    /// Stores the first line's fields before the head is there; whether there are any.
    func storeLineAlone(_ reader: HTTPReader, _ transaction: Transaction) -> Bool {
        guard !reader.isLineStored else { return true }
        let text = reader.partial.bytes.bytes
        guard reader.startLineCount <= text.byteCount else { return false }
        let line = text.extracting(first: reader.startLineCount)
        if reader.direction == .toServer {
            let start = transaction.fields.keep(line)
            storeRequestLine(line, at: start, into: &transaction.fields)
        } else {
            guard !isInterim(line) else { return false }
            let start = transaction.fields.keep(line)
            storeStatusLine(line, at: start, into: &transaction.fields)
        }
        reader.isLineStored = true
        return true
    }

    /// Stores the fields of a request line that lies in the store.
    func storeRequestLine(
        _ line: RawSpan, at start: Int, into fields: inout FieldStore
    ) {
        let parsed = RequestLine(parsing: line, 0..<line.byteCount)
        func add(_ range: Range<Int>, _ field: HTTPField, _ fields: inout FieldStore) {
            fields.append(
                keptAt: start &+ range.lowerBound, count: range.count, to: field.rawValue)
        }
        add(parsed.method, .method, &fields)
        add(0..<line.byteCount, .requestLine, &fields)
        if !parsed.version.isEmpty {
            add(parsed.version, .requestProtocol, &fields)
            add(parsed.version, .anyProtocol, &fields)
        }
        guard !parsed.target.isEmpty else { return }
        add(parsed.target, .uriRaw, &fields)
        let isConnect = HTTPMethod(line, parsed.method) == .connect
        storeURI(
            line.extracting(parsed.target), at: start &+ parsed.target.lowerBound,
            isPlain: isConnect, into: &fields)
    }

    /// Stores the normalised URI and its parts.
    private func storeURI(
        _ target: RawSpan, at start: Int, isPlain: Bool, into fields: inout FieldStore
    ) {
        func add(_ range: Range<Int>, _ base: Int, _ field: HTTPField, _ fields: inout FieldStore) {
            fields.append(
                keptAt: base &+ range.lowerBound, count: range.count, to: field.rawValue)
        }
        let parts = isPlain ? URIParts() : URIParts(parsing: target)
        var base = start
        var count = target.byteCount
        var path = isPlain ? 0..<count : parts.path
        var query = parts.query
        let isNormal = isPlain || URINormalizer.isNormal(target)
        if !isNormal {
            let normal = normalizer.normalize(target, parts, into: scratch)
            count = scratch.count
            base = fields.keep(scratch.bytes)
            scratch.removeAll()
            path = 0..<normal.pathCount
            query = normal.query
            hasDoubleEncoding = normal.isDoubleEncoded
        }
        add(0..<count, base, .uri, &fields)
        fields.append(Int64(count), to: HTTPField.uriLength.rawValue)
        add(path, base, .path, &fields)
        if let query { add(query, base, .query, &fields) }
        if !isNormal {
            add(parts.path, start, .path, &fields)
            if let query = parts.query { add(query, start, .query, &fields) }
        }
        guard !isPlain else { return }
        storeExtension(of: path, at: base, into: &fields)
    }

    /// Stores what follows the last dot of the last segment of a path that lies in the store.
    private func storeExtension(
        of path: Range<Int>, at base: Int, into fields: inout FieldStore
    ) {
        let text = fields.kept(at: base &+ path.lowerBound, count: path.count)
        var index = text.count
        while index > 0, text[index &- 1] != ASCII.slash {
            index &-= 1
            guard text[index] == ASCII.dot else { continue }
            let count = text.count &- index &- 1
            guard count > 0 else { return }
            fields.append(
                keptAt: base &+ path.lowerBound &+ index &+ 1, count: count,
                to: HTTPField.pathExtension.rawValue)
            return
        }
    }
}
