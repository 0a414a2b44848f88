/// Reads one connection's frames (RFC 9113 §4) and makes a transaction of each stream, and of each frame that is the
/// connection's.
///
/// As forgiving as it can be: what is odd becomes an anomaly, and the next frame is read. Memory: of each direction a
/// header block of at most `headersByteCountMax` bytes, a dynamic table (`HPACKDecoder`) and the start of a frame;
/// `openTransactionCountMax` open streams, at which limit the oldest is given up; bodies as in `HTTPBody`.
final class HTTP2Parser: ProtocolParser {
    let request = HTTP2Reader(.toServer)
    let response = HTTP2Reader(.toClient)
    /// Streams that are open, oldest first, and those that can be used again.
    var open: [HTTP2Stream] = []
    var unused: [HTTP2Stream] = []
    var nextID: UInt64 = 0
    /// The message whose head is read, and text under construction.
    let fields = HTTP2Fields()
    let scratch = HTTPBuffer()

    /// Bytes that are kept of a frame without a header block: as many as 64 settings have.
    private static let payloadByteCountMax = 64 * 6
    /// Numbers of frames (weights, windows, errors) that are noted of a direction of a stream.
    private static let numberCountMax = 256

    func reader(_ direction: Direction) -> HTTP2Reader {
        direction == .toServer ? request : response
    }

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        let reader = reader(direction)
        var offset = 0
        while offset < bytes.byteCount, reader.state != .stopped {
            switch reader.state {
            case .preface: readPreface(bytes, at: &offset, into: output)
            case .frameHeader: readFrameHeader(bytes, at: &offset, reader, into: output)
            case .payload: readPayload(bytes, at: &offset, reader, into: output)
            case .data: readData(bytes, at: &offset, reader, into: output)
            case .rest:
                let count = min(bytes.byteCount &- offset, reader.remaining)
                offset &+= count
                reader.remaining &-= count
                if reader.remaining == 0 { reader.state = .frameHeader }
            case .stopped: break
            }
        }
    }

    /// The request that HTTP/1 was upgraded by, as frames (RFC 7540 §3.2): the client's preface follows them.
    override func inherit(_ bytes: RawSpan, into output: ParserOutput) {
        request.state = .frameHeader
        parse(bytes, .toServer, into: output)
        request.state = .preface
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        let reader = reader(direction)
        let isInside = byteCount <= UInt64(max(0, reader.remaining))
        switch reader.state {
        case .data where isInside && Int(byteCount) <= reader.remaining &- reader.paddingByteCount:
            reader.remaining &-= Int(byteCount)
            if let stream = reader.stream, stream.transaction != nil {
                stream.side(direction).body.skip(byteCount)
            }
            if reader.remaining == reader.paddingByteCount { endData(reader, into: output) }
        case .rest where isInside:
            reader.remaining &-= Int(byteCount)
            if reader.remaining == 0 { reader.state = .frameHeader }
        case .stopped: break
        default:
            // Where the next frame begins nobody knows.
            noteOnConnection(.gapInFrame, direction, into: output)
            reader.state = .stopped
        }
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        let reader = reader(direction)
        reader.state = .stopped
        reader.hasEnded = true
        for stream in open {
            endMessage(stream, direction, isTruncated: true, into: output)
            if let transaction = stream.transaction {
                output.advance(transaction, direction, to: .complete)
            }
        }
        guard self.reader(direction.reversed).hasEnded else { return }
        while let stream = open.last { close(stream, into: output) }
    }

    override func reset() {
        request.reset()
        response.reset()
        fields.removeAll()
        nextID = 0
    }

    // MARK: Frames

    /// Reads the client's preface; a client that begins otherwise may yet send frames.
    private func readPreface(_ bytes: RawSpan, at offset: inout Int, into output: ParserOutput) {
        while request.state == .preface, offset < bytes.byteCount {
            guard bytes.byte(at: offset) == HTTP2.preface.utf8Start[request.prefaceByteCount] else {
                noteOnConnection(.invalidClientMagic, .toServer, into: output)
                request.state = request.prefaceByteCount == 0 ? .frameHeader : .stopped
                return
            }
            offset &+= 1
            request.prefaceByteCount &+= 1
            if request.prefaceByteCount == HTTP2.preface.utf8CodeUnitCount {
                request.state = .frameHeader
            }
        }
    }

    private func readFrameHeader(
        _ bytes: RawSpan, at offset: inout Int, _ reader: HTTP2Reader, into output: ParserOutput
    ) {
        let needed = HTTP2Frame.headerByteCount &- reader.partial.count
        let count = min(needed, bytes.byteCount &- offset)
        reader.partial.append(bytes.extracting(offset..<offset &+ count))
        offset &+= count
        guard count == needed else { return }
        reader.frame = HTTP2Frame(reader.partial.bytes.bytes)
        reader.partial.truncate(to: 0)
        reader.remaining = reader.frame.byteCount
        reader.paddingByteCount = 0
        reader.state = .payload
        if reader.frame.hasReservedBit {
            noteOnConnection(.invalidFrameHeader, reader.direction, into: output)
        }
        if reader.frame.kind == .data, !reader.frame.isPadded {
            beginData(reader, into: output)
        } else if reader.remaining == 0 {
            endPayload(RawSpan(), reader, into: output)
        }
    }

    /// Bytes that are kept of the frame being read.
    private func keptByteCountMax(_ reader: HTTP2Reader, _ limits: ProtocolLimits) -> Int {
        switch reader.frame.kind {
        // The length of the padding.
        case .data: 1
        case .headers, .pushPromise, .continuation: limits.headersByteCountMax
        default: Self.payloadByteCountMax
        }
    }

    /// Takes a payload from where it lies, or puts it together.
    private func readPayload(
        _ bytes: RawSpan, at offset: inout Int, _ reader: HTTP2Reader, into output: ParserOutput
    ) {
        let limit = keptByteCountMax(reader, output.limits)
        let available = min(bytes.byteCount &- offset, reader.remaining)
        if reader.frame.kind == .data {
            reader.paddingByteCount = Int(bytes.byte(at: offset))
            offset &+= 1
            reader.remaining &-= 1
            return beginData(reader, into: output)
        }
        let piece = bytes.extracting(offset..<offset &+ available)
        offset &+= available
        reader.remaining &-= available
        if reader.remaining == 0, reader.partial.isEmpty {
            return endPayload(
                piece.extracting(first: min(piece.byteCount, limit)), reader, into: output)
        }
        let room = max(0, limit &- reader.partial.count)
        reader.partial.append(piece.extracting(first: min(piece.byteCount, room)))
        guard reader.remaining == 0 else { return }
        endPayload(reader.partial.bytes.bytes, reader, into: output)
        reader.partial.removeAll()
    }

    private func endPayload(_ payload: RawSpan, _ reader: HTTP2Reader, into output: ParserOutput) {
        reader.state = .frameHeader
        let frame = reader.frame
        let isCut = payload.byteCount < frame.byteCount
        switch frame.kind {
        case .headers, .pushPromise:
            takeBlockStart(payload, isCut: isCut, reader, into: output)
        case .continuation: takeContinuation(payload, isCut: isCut, reader, into: output)
        // An acknowledgement says nothing.
        case .settings where frame.byteCount == 0: break
        default: takeControl(payload, isCut: isCut, frame, reader.direction, into: output)
        }
    }

    // MARK: Data

    private func beginData(_ reader: HTTP2Reader, into output: ParserOutput) {
        reader.state = .data
        let frame = reader.frame
        if reader.paddingByteCount > reader.remaining || frame.streamID == 0 {
            noteOnConnection(.invalidFrameData, reader.direction, into: output)
            reader.paddingByteCount = reader.remaining
        }
        reader.stream = stream(frame, reader.direction, into: output)
        if let stream = reader.stream, let transaction = stream.transaction {
            note(frame.type, stream.side(reader.direction), reader.direction, transaction)
        }
        if reader.remaining == reader.paddingByteCount { endData(reader, into: output) }
    }

    private func readData(
        _ bytes: RawSpan, at offset: inout Int, _ reader: HTTP2Reader, into output: ParserOutput
    ) {
        let count = min(bytes.byteCount &- offset, reader.remaining &- reader.paddingByteCount)
        let piece = bytes.extracting(offset..<offset &+ count)
        offset &+= count
        reader.remaining &-= count
        if let stream = reader.stream, let transaction = stream.transaction {
            take(piece, of: stream, reader.direction, transaction, into: output)
        }
        if reader.remaining == reader.paddingByteCount { endData(reader, into: output) }
    }

    private func endData(_ reader: HTTP2Reader, into output: ParserOutput) {
        reader.state = reader.remaining > 0 ? .rest : .frameHeader
        guard let stream = reader.stream else { return }
        reader.stream = nil
        if reader.frame.endsStream { endStream(stream, reader.direction, into: output) }
    }

    /// Takes the next bytes of a message's body, which is a file whatever it is.
    private func take(
        _ bytes: RawSpan, of stream: HTTP2Stream, _ direction: Direction,
        _ transaction: Transaction, into output: ParserOutput
    ) {
        let side = stream.side(direction)
        guard !side.hasEnded else { return }
        if !side.hasBody {
            side.hasBody = true
            side.body.beginStreamed(
                codings: side.codings, disposition: side.disposition, transaction, scratch,
                into: output)
        }
        side.body.append(bytes, transaction, into: output)
        output.advance(transaction, direction, to: .body)
    }

    // MARK: Header blocks

    /// Takes the payload of a frame that a header block begins with.
    private func takeBlockStart(
        _ payload: RawSpan, isCut: Bool, _ reader: HTTP2Reader, into output: ParserOutput
    ) {
        let frame = reader.frame
        var start = 0
        var end = payload.byteCount
        if frame.isPadded {
            let padding = payload.byteCount > 0 ? Int(payload.byte(at: 0)) : 0
            start = min(1, payload.byteCount)
            // Of a frame that was cut the padding is lost.
            if !isCut { end &-= padding }
        }
        let kept: Int
        if frame.kind == .pushPromise {
            kept = 4
        } else {
            kept = frame.hasPriority ? 5 : 0
        }
        guard start &+ kept <= end else {
            noteOnConnection(.invalidFrameData, reader.direction, into: output)
            return
        }
        let opening = payload.extracting(start..<start &+ kept)
        reader.blockFrame = frame
        reader.isBlockCut = isCut
        if frame.kind == .pushPromise {
            // The stream that the request is on is the promised one.
            reader.blockFrame?.streamID = opening.bigEndian(UInt32.self, at: 0) & 0x7fff_ffff
        } else if kept > 0, let stream = stream(frame, reader.direction, into: output) {
            noteWeight(opening.byte(at: 4), stream, reader.direction)
        }
        takeBlock(payload.extracting(start &+ kept..<end), reader, into: output)
    }

    private func takeContinuation(
        _ payload: RawSpan, isCut: Bool, _ reader: HTTP2Reader, into output: ParserOutput
    ) {
        guard let first = reader.blockFrame else {
            return noteOnConnection(.invalidFrameData, reader.direction, into: output)
        }
        if isCut { reader.isBlockCut = true }
        if let stream = stream(first, reader.direction, into: output),
            let transaction = stream.transaction
        {
            note(
                reader.frame.type, stream.side(reader.direction), reader.direction, transaction)
        }
        takeBlock(payload, reader, into: output)
    }

    /// Takes the next part of a header block: where it lies, if it is the whole.
    private func takeBlock(_ part: RawSpan, _ reader: HTTP2Reader, into output: ParserOutput) {
        guard reader.block.isEmpty, reader.frame.endsHeaders else {
            let room = output.limits.headersByteCountMax &- reader.block.count
            if part.byteCount > room { reader.isBlockCut = true }
            reader.block.append(part.extracting(first: max(0, min(part.byteCount, room))))
            guard reader.frame.endsHeaders else { return }
            takeHead(reader.block.bytes.bytes, reader, into: output)
            reader.block.removeAll()
            return
        }
        takeHead(part, reader, into: output)
    }

    private func takeHead(_ block: RawSpan, _ reader: HTTP2Reader, into output: ParserOutput) {
        guard let frame = reader.blockFrame else { return }
        reader.blockFrame = nil
        fields.removeAll()
        reader.decoder.decode(block, limits: output.limits, into: fields)
        guard let stream = stream(frame, reader.direction, into: output),
            let transaction = stream.transaction
        else { return }
        let direction = reader.direction
        note(frame.type, stream.side(direction), direction, transaction)
        noteFaults(stream, direction, isCut: reader.isBlockCut, into: output)
        storeHead(stream, direction, transaction, isPromise: frame.kind == .pushPromise, output)
        if frame.kind == .pushPromise {
            // Its request is here; the client says nothing more.
            endMessage(stream, .toServer, isTruncated: false, into: output)
        } else if frame.endsStream {
            endStream(stream, direction, into: output)
        }
    }

    private func noteFaults(
        _ stream: HTTP2Stream, _ direction: Direction, isCut: Bool, into output: ParserOutput
    ) {
        if isCut {
            note(.longFrameData, stream, direction, into: output)
        } else if fields.faults.contains(.truncated) {
            note(.invalidFrameData, stream, direction, into: output)
        }
        if fields.faults.contains(.invalidField) {
            note(.invalidHeader, stream, direction, into: output)
        }
        if fields.faults.contains(.integerOverflow) {
            note(.headerIntegerOverflow, stream, direction, into: output)
        }
        if fields.faults.contains(.tooMuch) {
            note(.reassemblyLimitReached, stream, direction, into: output)
        }
    }

    // MARK: Other frames

    /// Takes a frame that is neither data nor part of a message's head.
    private func takeControl(
        _ payload: RawSpan, isCut: Bool, _ frame: HTTP2Frame, _ direction: Direction,
        into output: ParserOutput
    ) {
        let stream = stream(frame, direction, into: output)
        guard frame.streamID == 0 || stream != nil else { return }
        let transaction = stream?.transaction ?? beginOnConnection(into: output)
        let side = stream?.side(direction)
        note(frame.type, side, direction, transaction)
        var isRight = true
        func number(_ field: HTTPField, _ value: UInt32) {
            add(Int64(value), to: field, side, direction, transaction)
        }
        switch frame.kind {
        case .priority:
            isRight = frame.byteCount == 5
            if isRight { number(.frameWeight, UInt32(payload.byte(at: 4))) }
        case .resetStream:
            isRight = frame.byteCount == 4
            if isRight { noteError(payload, at: 0, side, direction, transaction) }
        case .windowUpdate:
            isRight = frame.byteCount == 4
            if isRight { number(.frameWindow, payload.bigEndian(UInt32.self, at: 0)) }
        case .goAway:
            isRight = frame.byteCount >= 8
            if isRight { noteError(payload, at: 4, side, direction, transaction) }
        case .settings:
            isRight = frame.byteCount % 6 == 0
            storeSettings(payload, direction, transaction)
        default: break
        }
        if !isRight { note(.invalidFrameLength, stream, transaction, direction, into: output) }
        if isCut, frame.kind == .settings {
            note(.longFrameData, stream, transaction, direction, into: output)
        }
        if let stream {
            if frame.kind == .resetStream { close(stream, into: output) }
        } else {
            end(onConnection: transaction, direction, into: output)
        }
    }

    private func storeSettings(
        _ payload: RawSpan, _ direction: Direction, _ transaction: Transaction
    ) {
        var position = 0
        while position &+ 6 <= payload.byteCount {
            let id = payload.bigEndian(UInt16.self, at: position)
            let value = payload.bigEndian(UInt32.self, at: position &+ 2)
            position &+= 6
            guard let setting = HTTP2Setting(rawValue: id) else { continue }
            let (both, own) = HTTPField.fields(of: setting, direction)
            transaction.fields.append(Int64(value), to: own.rawValue)
            transaction.fields.append(Int64(value), to: both.rawValue)
        }
    }

    /// Adds the name of a frame's type to the transaction's, once.
    private func note(
        _ type: UInt8, _ side: HTTP2Stream.Side?, _ direction: Direction,
        _ transaction: Transaction
    ) {
        let bit = UInt16(1) << UInt16(min(type, 15))
        guard (side?.frameTypes ?? 0) & bit == 0 else { return }
        side?.frameTypes |= bit
        add(
            HTTP2.name(Int(type), in: HTTP2FrameType.names), to: .frameType, direction,
            transaction)
    }

    private func noteError(
        _ payload: RawSpan, at offset: Int, _ side: HTTP2Stream.Side?, _ direction: Direction,
        _ transaction: Transaction
    ) {
        guard side?.numberCount ?? 0 < Self.numberCountMax else { return }
        side?.numberCount &+= 1
        let code = Int(payload.bigEndian(UInt32.self, at: offset))
        add(HTTP2.name(code, in: HTTP2.errorNames), to: .frameError, direction, transaction)
    }

    private func noteWeight(_ weight: UInt8, _ stream: HTTP2Stream, _ direction: Direction) {
        guard let transaction = stream.transaction else { return }
        add(
            Int64(weight), to: .frameWeight, stream.side(direction), direction, transaction)
    }

    private func add(
        _ text: String, to field: HTTPField, _ direction: Direction, _ transaction: Transaction
    ) {
        transaction.fields.append(text, to: field.of(direction).rawValue)
        transaction.fields.append(text, to: field.rawValue)
    }

    private func add(
        _ number: Int64, to field: HTTPField, _ side: HTTP2Stream.Side?, _ direction: Direction,
        _ transaction: Transaction
    ) {
        guard side?.numberCount ?? 0 < Self.numberCountMax else { return }
        side?.numberCount &+= 1
        transaction.fields.append(number, to: field.of(direction).rawValue)
        transaction.fields.append(number, to: field.rawValue)
    }
}
