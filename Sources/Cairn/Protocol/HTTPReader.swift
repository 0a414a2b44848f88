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
        /// Behind a body whose length is not to be trusted: the body goes on until a line begins
        /// another message.
        case excess
        /// In a response that does not begin with `HTTP`, unless a line of it does.
        case junk
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
    let head = HTTPHead(capacity: 16)
    let trailers = HTTPHead()
    let body: HTTPBody
    /// Of a body of known length, or of a chunk: bytes still to come.
    var remaining: UInt64 = 0
    /// 9, 10, 11 for HTTP/0.9, 1.0, 1.1.
    var version: UInt8 = 11
    /// Where the first line of the head ends, and where the header lines begin.
    var startLineCount = 0
    var headersOffset = 0
    /// A blank line ended with a bare LF: it ends the head unless another LF follows.
    var endsUnlessFeed = false
    /// The last line ended with a bare LF: a CR that follows belongs to its end.
    var endedWithBareFeed = false
    /// In the line before a chunk: a digit of its size came.
    var hasChunkDigits = false
    /// What follows the body's end is more of it, unless it is another message.
    var mayExceed = false
    /// The body was begun: what was decided of it by the head is known.
    var hasBody = false
    /// Line ends behind an oddly ended head do not belong to the body; CRs held until LF follows.
    var skipsLineEnds = false
    var heldReturnCount = 0
    /// Where any line may begin a message: how much of `HTTP` it begins with, -1 if it does not.
    var matchedCount = 0
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
        endsUnlessFeed = false
        endedWithBareFeed = false
        hasChunkDigits = false
        mayExceed = false
        hasBody = false
        skipsLineEnds = false
        heldReturnCount = 0
        matchedCount = 0
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
        if reader.endsUnlessFeed, offset < span.byteCount,
            endsAtBlankLine(reader, before: span.byte(at: offset))
        {
            let head = reader.partial.bytes.bytes
            endHead(head, headerBytesEnd: head.byteCount, reader, into: output)
            reader.dropPartial()
            return offset
        }
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
            case .more:
                line = feed &+ 1
                guard reader.endsUnlessFeed, line < span.byteCount,
                    endsAtBlankLine(reader, before: span.byte(at: line))
                else { continue }
                endHead(head, headerBytesEnd: head.byteCount, reader, into: output)
                return line
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
            guard let isEnd = takeCutLine(reader, into: output) else {
                if reader.endsUnlessFeed, offset < span.byteCount {
                    return readLines(span, from: offset, reader, into: output)
                }
                continue
            }
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

    /// Whether a blank line ends the head, seen from the byte that follows it.
    private func endsAtBlankLine(_ reader: HTTPReader, before next: UInt8) -> Bool {
        reader.endsUnlessFeed = false
        guard next != ASCII.lineFeed else { return false }
        reader.skipsLineEnds = reader.direction == .toClient
        return true
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
        case .headers, .trailers:
            return takeHeaderLine(head, line..<end, isPlain: isPlain, reader, into: output)
        case .chunkSize:
            takeChunkSize(head.extracting(line..<end), reader, into: output)
            return .end
        case .chunkEnd:
            return takeChunkEnd(isEmpty: end == line, reader, into: output)
        case .sizedBody, .chunkData, .openBody, .excess, .junk, .tunnelWait, .stopped:
            return .skip
        }
    }

    /// Takes a line behind the first: a header, or the end of the head.
    ///
    /// As lenient as clients are: LF CR ends a line as well, so the CR before this one may belong
    /// to the end of the last; a blank ended by a bare LF ends the head; but a line of nothing but
    /// several CRs does not.
    private func takeHeaderLine(
        _ head: RawSpan, _ line: Range<Int>, isPlain: Bool, _ reader: HTTPReader,
        into output: ParserOutput
    ) -> HTTPLineResult {
        let table = reader.state == .headers ? reader.head : reader.trailers
        let startsWithEnd = reader.endedWithBareFeed && reader.direction == .toClient
        let returnCount = head.byteCount &- 1 &- line.upperBound
        reader.endedWithBareFeed = returnCount == 0
        if line.isEmpty, returnCount < 2 || startsWithEnd && returnCount == 2 {
            if !isPlain { table.isNormal = false }
            if reader.state == .headers {
                reader.skipsLineEnds =
                    reader.direction == .toClient && (returnCount == 0 || startsWithEnd)
                endHead(head, headerBytesEnd: head.byteCount, reader, into: output)
            } else {
                endTrailers(head, reader, into: output)
            }
            return .end
        }
        var line = line
        if startsWithEnd, line.count > 1, head.byte(at: line.lowerBound) == ASCII.carriageReturn {
            line = line.lowerBound &+ 1..<line.upperBound
        }
        if returnCount == 0, endsWithBlankLine(head, line, reader.direction) {
            table.isNormal = false
            reader.endsUnlessFeed = reader.state == .headers
            line = line.lowerBound..<max(line.lowerBound, line.upperBound &- 2)
        }
        if line.isEmpty {
            table.isNormal = false
        } else {
            takeHeader(head, line, isPlain: isPlain, table, reader, into: output)
        }
        return .more
    }

    /// Whether a line, or what follows the last CR in it, is one blank.
    private func endsWithBlankLine(
        _ head: RawSpan, _ line: Range<Int>, _ direction: Direction
    ) -> Bool {
        guard !line.isEmpty, head.byte(at: line.upperBound &- 1).isBlank else { return false }
        guard line.count > 1 else { return true }
        return direction == .toClient && line.count > 2
            && head.byte(at: line.upperBound &- 2) == ASCII.carriageReturn
            && head.byte(at: line.upperBound &- 3) != ASCII.carriageReturn
    }

    /// Takes a header line; servers' lines end at bare CRs too, as browsers read them.
    func takeHeader(
        _ head: RawSpan, _ range: Range<Int>, isPlain: Bool, _ table: HTTPHead,
        _ reader: HTTPReader, into output: ParserOutput
    ) {
        var line = range
        if reader.direction == .toClient {
            var search = line.lowerBound
            while let bare = head.index(
                of: ASCII.carriageReturn, from: search, to: line.upperBound)
            {
                search = bare &+ 1
                // Of several CRs the last one ends the line; alone it begins one.
                guard bare > line.lowerBound,
                    head.byte(at: search) != ASCII.carriageReturn
                else { continue }
                var end = bare
                while end > line.lowerBound, head.byte(at: end &- 1) == ASCII.carriageReturn {
                    end &-= 1
                }
                if end > line.lowerBound {
                    addHeader(
                        head, line.lowerBound..<end, isPlain: false, table, reader, into: output)
                }
                line = search..<line.upperBound
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
            head, line, isPlain: isPlain,
            splitsFolds: reader.direction == .toClient && reader.version == 11,
            countMax: output.limits.headerCountMax)
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
