/// What servers send where no message should be, and what clients make of it: lines before a status
/// line, line ends behind a head, bytes behind a body.
extension HTTPParser {
    /// Bytes before a status line that are kept until it comes; where more do, they are a body.
    private static let junkByteCountMax = 1024
    private static let protocolName: StaticString = "http"

    // MARK: Before a head

    /// Reads what a response begins with that is no status line: lines to pass over if a status
    /// line follows them, else a body without head.
    func readJunk(_ span: RawSpan, from offset: Int, into output: ParserOutput) -> Int {
        let partial = response.partial
        var offset = offset
        while offset < span.byteCount {
            guard partial.count < Self.junkByteCountMax else { break }
            let byte = span.byte(at: offset)
            partial.append(byte)
            offset &+= 1
            let matched = response.matchedCount
            if matched >= 0, byte.asciiLowercased == Self.protocolName.utf8Start[matched] {
                response.matchedCount &+= 1
                guard response.matchedCount == 4 else { continue }
                note(.responseInvalidProtocol, response, into: output)
                partial.removeFirst(partial.count &- 4)
                response.matchedCount = 0
                response.state = .startLine
                return offset
            }
            if byte == ASCII.lineFeed {
                response.matchedCount = 0
            } else if matched != 0 || !byte.isWhitespace && byte != 0 {
                response.matchedCount = -1
            }
        }
        if partial.count >= Self.junkByteCountMax { endJunk(into: output) }
        return offset
    }

    /// Takes what came before any status line for a body without head.
    func endJunk(into output: ParserOutput) {
        _ = beginHeadless(RawSpan(), from: 0, into: output)
    }

    // MARK: Behind a head

    /// Passes over line ends behind a head that ended oddly, and returns where the body begins.
    func skipLineEnds(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        var offset = offset
        while offset < span.byteCount {
            let byte = span.byte(at: offset)
            if byte == ASCII.carriageReturn, reader.heldReturnCount < 2 {
                reader.heldReturnCount &+= 1
            } else if byte == ASCII.lineFeed, reader.heldReturnCount > 0 {
                reader.heldReturnCount = 0
            } else {
                break
            }
            offset &+= 1
        }
        guard offset < span.byteCount else { return offset }
        reader.skipsLineEnds = false
        let held = reader.heldReturnCount
        reader.heldReturnCount = 0
        guard held > 0 else { return offset }
        let returns: StaticString = "\r\r"
        let text = UnsafeRawBufferPointer(start: returns.utf8Start, count: held)
        _ = readBody(text.bytes, from: 0, reader, into: output)
        return offset
    }

    // MARK: Behind a body

    /// Reads what follows a body whose length is wrong, or behind which the server closes: more of
    /// the body, up to a line that begins another response.
    func readExcess(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        var index = offset
        while index < span.byteCount {
            if reader.matchedCount >= 0 {
                let expected = Self.protocolName.utf8Start[reader.matchedCount]
                if span.byte(at: index).asciiLowercased == expected {
                    reader.matchedCount &+= 1
                    index &+= 1
                    guard reader.matchedCount == 4 else { continue }
                    endExcess(span, offset..<index, reader, into: output)
                    return index
                }
                takeHeldExcess(reader, into: output)
                reader.matchedCount = -1
            }
            guard let feed = span.index(of: ASCII.lineFeed, from: index) else {
                index = span.byteCount
                break
            }
            index = feed &+ 1
            reader.matchedCount = 0
        }
        let held = min(max(0, reader.matchedCount), span.byteCount &- offset)
        takeExcess(
            span.extracting(offset..<span.byteCount &- held), reader, into: output)
        reader.partial.append(span.extracting(span.byteCount &- held..<span.byteCount))
        return span.byteCount
    }

    /// Ends a message behind whose body another begins with the last bytes of a range.
    private func endExcess(
        _ span: RawSpan, _ range: Range<Int>, _ reader: HTTPReader, into output: ParserOutput
    ) {
        let start = max(range.lowerBound, range.upperBound &- 4)
        takeExcess(span.extracting(range.lowerBound..<start), reader, into: output)
        endMessage(reader, into: output)
        reader.partial.append(span.extracting(start..<range.upperBound))
    }

    /// Takes bytes that might have begun a message for the body.
    func takeHeldExcess(_ reader: HTTPReader, into output: ParserOutput) {
        guard !reader.partial.isEmpty else { return }
        takeExcess(reader.partial.bytes.bytes, reader, into: output)
        reader.dropPartial()
    }

    private func takeExcess(
        _ bytes: RawSpan, _ reader: HTTPReader, into output: ParserOutput
    ) {
        guard bytes.byteCount > 0, let transaction = reader.transaction else { return }
        if !reader.hasBody { beginDeclaredBody(transaction, into: output) }
        reader.body.append(bytes, transaction, into: output)
    }
}
