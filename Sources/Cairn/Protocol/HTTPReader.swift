/// The state of one direction of an HTTP connection: what of the current message was read.
///
/// Lines are taken from the incoming bytes where they lie whole; only a head that is cut is copied
/// together. Bounded by `headerLineByteCountMax`, `headersByteCountMax` and `headerCountMax`.
final class HTTPReader {
    enum State {
        /// Before a message, or in its first line.
        case startLine
        /// Behind a request line without protocol: a header line shows that it is no HTTP/0.9.
        case shortRequest
        case headers
        /// In a body of known length.
        case sizedBody
        case chunkSize, chunkData, chunkEnd, trailers
        /// In a body that ends with the connection.
        case openBody
        /// Behind missing bytes: what is no first line is passed over.
        case resync
        /// Behind a CONNECT request: the next bytes are a tunnel's.
        case tunnelWait
        /// What comes is not HTTP.
        case stopped
    }

    let direction: Direction
    var state: State = .startLine
    /// The message's transaction, from its first line to its end.
    var transaction: Transaction?
    let head = HTTPHead()
    let trailers = HTTPHead()
    let body: HTTPBody
    /// Of a body of known length, or of a chunk: bytes still to come.
    var remaining: UInt64 = 0
    /// 9, 10, 11 for HTTP/0.9, 1.0, 1.1.
    var version: UInt8 = 11
    /// Where the first line of the head ends, and where the header lines begin.
    var startLineCount = 0
    var headersOffset = 0
    /// The first line's fields are stored already.
    var isLineStored = false
    /// Oddities already told of this message, a bit each.
    var anomaliesSeen: UInt64 = 0

    // The head, or the line, whose end has not come yet.
    let partial = HTTPBuffer()
    /// Where its current line begins.
    var lineStart = 0
    /// The current line is longer than is kept.
    var isLineCut = false

    init(_ direction: Direction) {
        self.direction = direction
        body = HTTPBody(direction)
    }

    /// Ready for the next message.
    func beginMessage() {
        state = .startLine
        transaction = nil
        head.removeAll()
        trailers.removeAll()
        remaining = 0
        version = 11
        startLineCount = 0
        headersOffset = 0
        isLineStored = false
        anomaliesSeen = 0
    }

    func reset() {
        beginMessage()
        dropPartial()
        body.reset()
    }

    func dropPartial() {
        guard !partial.isEmpty || isLineCut else { return }
        partial.removeAll()
        lineStart = 0
        isLineCut = false
    }

    /// Keeps a piece of the current line, cut at the limit; the end of a line that was cut is put
    /// back.
    func keep(_ piece: RawSpan, endsLine: Bool, lineByteCountMax: Int) {
        let room = max(0, lineByteCountMax &- (partial.count &- lineStart))
        if !isLineCut, piece.byteCount <= room {
            partial.append(piece)
            return
        }
        if !isLineCut { partial.append(piece.extracting(first: room)) }
        isLineCut = true
        if endsLine { partial.append("\r\n") }
    }
}

/// What to do behind a line.
enum HTTPLineResult {
    /// The head goes on.
    case more
    /// The line does not count.
    case skip
    /// The head ended with it.
    case end
    /// The head ended before it.
    case endBefore
}

extension HTTPParser {
    /// Reads lines until the head, the line or the bytes end; returns where reading goes on.
    func readLines(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        guard reader.partial.isEmpty, !reader.isLineCut else {
            return readCutLines(span, from: offset, reader, into: output)
        }
        let limits = output.limits
        var start = offset
        var line = offset
        while let feed = span.index(of: ASCII.lineFeed, from: line) {
            guard feed &+ 1 &- line <= limits.headerLineByteCountMax,
                feed &+ 1 &- start <= limits.headersByteCountMax
            else { break }
            let head = span.extracting(start..<feed &+ 1)
            switch take(head, line: line &- start, isCut: false, reader, into: output) {
            case .more: line = feed &+ 1
            case .skip:
                line = feed &+ 1
                start = line
            case .end: return feed &+ 1
            case .endBefore:
                return line
            }
        }
        reader.partial.append(span.extracting(start..<line))
        reader.lineStart = line &- start
        return readCutLines(span, from: line, reader, into: output)
    }

    /// Reads lines into the buffer of a head that was cut.
    private func readCutLines(
        _ span: RawSpan, from offset: Int, _ reader: HTTPReader, into output: ParserOutput
    ) -> Int {
        var offset = offset
        while offset < span.byteCount {
            let feed = span.index(of: ASCII.lineFeed, from: offset)
            let end = feed.map { $0 &+ 1 } ?? span.byteCount
            reader.keep(
                span.extracting(offset..<end), endsLine: feed != nil,
                lineByteCountMax: output.limits.headerLineByteCountMax)
            offset = end
            guard feed != nil else { break }
            guard let isEnd = takeCutLine(reader, into: output) else { continue }
            if isEnd { return offset }
        }
        return offset
    }

    /// Takes the whole line at the end of the buffer. Returns whether the head ended; nil if
    /// reading goes on.
    func takeCutLine(_ reader: HTTPReader, into output: ParserOutput) -> Bool? {
        let isCut = reader.isLineCut
        reader.isLineCut = false
        if reader.partial.count > output.limits.headersByteCountMax, !endsHead(reader) {
            // Too much for one head: the line is dropped, the head goes on until its end.
            note(.fieldTooLong(reader.direction), reader, into: output)
            reader.partial.truncate(to: reader.lineStart)
            return nil
        }
        while true {
            let result = take(
                reader.partial.bytes.bytes, line: reader.lineStart, isCut: isCut, reader,
                into: output)
            if isCut { note(.fieldTooLong(reader.direction), reader, into: output) }
            switch result {
            case .more:
                reader.lineStart = reader.partial.count
                return nil
            case .skip:
                reader.dropPartial()
                return nil
            case .end:
                reader.dropPartial()
                return true
            case .endBefore:
                // The line begins another message.
                reader.partial.removeFirst(reader.lineStart)
                reader.lineStart = 0
            }
        }
    }

    /// Whether the line at the end of the buffer is empty.
    private func endsHead(_ reader: HTTPReader) -> Bool {
        let line = reader.partial.bytes[reader.lineStart...]
        return line.count <= 2 && line.allSatisfy { $0 == 0x0a || $0 == 0x0d }
    }

    /// Takes the line that ends the head read so far.
    private func take(
        _ head: RawSpan, line: Int, isCut: Bool, _ reader: HTTPReader, into output: ParserOutput
    ) -> HTTPLineResult {
        var end = head.byteCount &- 1
        while end > line, head.byte(at: end &- 1) == ASCII.carriageReturn { end &-= 1 }
        let isPlain = !isCut && head.byteCount &- end == 2
        switch reader.state {
        case .startLine, .resync:
            return takeStartLine(
                head, line..<end, isPlain: isPlain, isCut: isCut, reader, into: output)
        case .shortRequest:
            return takeLineOfShortRequest(head, line..<end, isPlain, reader, into: output)
        case .headers:
            guard end > line else {
                if !isPlain { reader.head.isNormal = false }
                endHead(head, headerBytesEnd: head.byteCount, reader, into: output)
                return .end
            }
            takeHeader(head, line..<end, isPlain: isPlain, reader.head, reader, into: output)
            return .more
        case .trailers:
            guard end > line else {
                endTrailers(head, reader, into: output)
                return .end
            }
            takeHeader(head, line..<end, isPlain: isPlain, reader.trailers, reader, into: output)
            return .more
        case .chunkSize:
            takeChunkSize(head.extracting(line..<end), reader, into: output)
            return .end
        case .chunkEnd:
            return takeChunkEnd(isEmpty: end == line, reader, into: output)
        case .sizedBody, .chunkData, .openBody, .tunnelWait, .stopped:
            return .skip
        }
    }

    /// Takes a header line; servers' lines end at bare CRs too, as browsers read them.
    func takeHeader(
        _ head: RawSpan, _ range: Range<Int>, isPlain: Bool, _ table: HTTPHead,
        _ reader: HTTPReader, into output: ParserOutput
    ) {
        var line = range
        if reader.direction == .toClient {
            while let bare = head.index(
                of: ASCII.carriageReturn, from: line.lowerBound, to: line.upperBound)
            {
                if bare > line.lowerBound {
                    addHeader(
                        head, line.lowerBound..<bare, isPlain: false, table, reader, into: output)
                }
                line = bare &+ 1..<line.upperBound
                table.isNormal = false
            }
            guard !line.isEmpty else { return }
        }
        addHeader(head, line, isPlain: isPlain, table, reader, into: output)
    }

    private func addHeader(
        _ head: RawSpan, _ line: Range<Int>, isPlain: Bool, _ table: HTTPHead,
        _ reader: HTTPReader, into output: ParserOutput
    ) {
        let faults = table.add(
            head, line, isPlain: isPlain, countMax: output.limits.headerCountMax)
        guard !faults.isEmpty else { return }
        let direction = reader.direction
        if faults.contains(.missingColon) {
            note(.fieldMissingColon(direction), reader, into: output)
        }
        if faults.contains(.invalidName) { note(.headerInvalid(direction), reader, into: output) }
        if faults.contains(.misplacedFolding) {
            note(.fieldFolding(direction), reader, into: output)
        }
        if faults.contains(.tooMany) { note(.tooManyHeaders(direction), reader, into: output) }
        if faults.contains(.repetition) {
            note(.headerRepetition(direction), reader, into: output)
        }
    }
}
