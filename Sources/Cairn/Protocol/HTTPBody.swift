/// The body of the message that one direction is sending: decoded, kept up to its limit, and taken
/// apart into files.
///
/// Memory: what rules see is in the transaction, up to the body limits; decompressors and file
/// trackers are pooled; of a form at most `multipartFileCountMax` files are remembered.
final class HTTPBody {
    /// What a body is.
    private enum Kind {
        /// Nothing but a body.
        case plain
        /// A file: what a server sends, and what is put or posted.
        case file
        /// A form whose parts are files.
        case form
    }

    let direction: Direction
    /// Bytes as transferred, without what chunks add; missing ones included.
    private(set) var byteCount: UInt64 = 0
    /// Oddities to be told of the message, a bit each.
    var oddities: UInt64 = 0

    private var kind: Kind = .plain
    /// Bytes after decoding.
    private var decodedByteCount: UInt64 = 0
    private var keptByteCount = 0
    /// Something came that was not asked about.
    private var hasNews = false
    private var hasGaps = false
    private var chain: DecompressorChain?
    private var tracker: FileTracker?
    private let form = MultipartParser()
    /// Where the files of a form lie in the body.
    private var formFiles: [Range<Int>] = []
    private var hasFileInForm = false
    /// The message is one of HTTP/2.
    private var isStreamed = false

    init(_ direction: Direction) { self.direction = direction }

    private static let unpackedPieceByteCount: UInt64 = 8192

    private var isRequest: Bool { direction == .toServer }

    /// Ready for another message.
    func reset() {
        kind = .plain
        byteCount = 0
        decodedByteCount = 0
        keptByteCount = 0
        hasNews = false
        hasGaps = false
        oddities = 0
        chain = nil
        tracker = nil
        formFiles.removeAll(keepingCapacity: true)
        hasFileInForm = false
        isStreamed = false
    }

    private func note(_ anomaly: HTTPAnomaly) { oddities |= 1 << UInt64(anomaly.rawValue) }

    // MARK: Beginning

    /// Begins the body of a request, whose head is stored.
    func beginRequest(
        _ head: HTTPHead, _ method: HTTPMethod, _ transaction: Transaction, _ scratch: HTTPBuffer,
        into output: ParserOutput
    ) {
        beginDecoding(head, transaction, into: output)
        if beginForm(head, transaction, scratch) {
            kind = .form
        } else if method == .put || method == .post {
            kind = .file
            let path = transaction.fields.first(of: HTTPField.path.rawValue)
            beginFile(sharing: path, transaction, into: output)
        }
    }

    /// Begins the body of a response, whose head is stored; nil if it has none.
    func beginResponse(
        _ head: HTTPHead?, _ transaction: Transaction, _ scratch: HTTPBuffer,
        into output: ParserOutput
    ) {
        if let head { beginDecoding(head, transaction, into: output) }
        kind = .file
        let disposition = head?.first(.contentDisposition).map {
            $0.value..<$0.value &+ $0.valueCount
        }
        beginNamedFile(disposition, transaction, scratch, into: output)
    }

    /// Begins the body of a message of HTTP/2, of whose head the values of Content-Encoding and Content-Disposition lie in
    /// the store. It is a file in either direction.
    func beginStreamed(
        codings: Range<Int>?, disposition: Range<Int>?, _ transaction: Transaction,
        _ scratch: HTTPBuffer, into output: ParserOutput
    ) {
        if let codings { beginDecoding(codings, transaction, into: output) }
        kind = .file
        isStreamed = true
        beginNamedFile(isRequest ? nil : disposition, transaction, scratch, into: output)
    }

    /// Begins a file under the name that Content-Disposition says, else the path's.
    private func beginNamedFile(
        _ disposition: Range<Int>?, _ transaction: Transaction, _ scratch: HTTPBuffer,
        into output: ParserOutput
    ) {
        if let disposition,
            HTTPParameters.fileName(
                in: transaction.fields.kept(at: disposition.lowerBound, count: disposition.count)
                    .bytes, into: scratch)
        {
            beginFile(scratch.bytes, transaction, into: output)
            scratch.removeAll()
        } else {
            let path = transaction.fields.first(of: HTTPField.path.rawValue)
            beginFile(sharing: path, transaction, into: output)
        }
    }

    private func beginDecoding(
        _ head: HTTPHead, _ transaction: Transaction, into output: ParserOutput
    ) {
        guard let header = head.first(.contentEncoding) else { return }
        beginDecoding(
            header.value..<header.value &+ header.valueCount, transaction, into: output)
    }

    /// Prepares to undo the codings that Content-Encoding lists, the last of which was put on last.
    /// White space separates them as commas do; what is no coding is passed over.
    private func beginDecoding(
        _ codings: Range<Int>, _ transaction: Transaction, into output: ParserOutput
    ) {
        let list = transaction.fields.kept(at: codings.lowerBound, count: codings.count).bytes
        func separates(_ byte: UInt8) -> Bool { byte == ASCII.comma || byte.isWhitespace }
        var end = list.byteCount
        var count = 0
        // All words count, also those that stand for nothing.
        var wordCount = 0
        defer {
            if wordCount >= output.limits.decompressionLayerCountMax {
                note(.tooManyEncodingLayers)
            }
        }
        while end > 0 {
            while end > 0, separates(list.byte(at: end &- 1)) { end &-= 1 }
            var start = end
            while start > 0, !separates(list.byte(at: start &- 1)) { start &-= 1 }
            let word = start..<end
            end = start
            if word.isEmpty { continue }
            wordCount &+= 1
            if list.matches("none", at: word.lowerBound, count: word.count) { continue }
            if list.matches("identity", at: word.lowerBound, count: word.count) {
                note(.abnormalCeHeader)
                continue
            }
            var isExact = true
            let coding = ContentCoding(list, word, isExact: &isExact)
            if !isExact { note(.abnormalCeHeader) }
            guard let coding else { continue }
            guard count < output.limits.decompressionLayerCountMax else { return }
            count &+= 1
            let chain = self.chain ?? output.decompressors.take()
            chain.add(coding)
            self.chain = chain
        }
    }

    /// Begins a form if the Content-Type says that the body is one.
    private func beginForm(
        _ head: HTTPHead, _ transaction: Transaction, _ scratch: HTTPBuffer
    ) -> Bool {
        guard let header = head.first(.contentType) else { return false }
        let type = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        guard type.hasPrefix("multipart/form-data") else { return false }
        defer { scratch.removeAll() }
        guard HTTPParameters.value(of: "boundary", in: type, into: scratch),
            form.begin(boundary: scratch.bytes)
        else {
            note(.multipartGenericError)
            return false
        }
        return true
    }

    // MARK: Files

    private func beginFile(
        sharing name: Int?, _ transaction: Transaction, into output: ParserOutput
    ) {
        guard let name else {
            return beginTracking(
                UnsafeRawBufferPointer(start: nil, count: 0), transaction, into: output)
        }
        transaction.fields.append(
            sharing: name,
            to: (isRequest ? HTTPField.requestFileName : .responseFileName).rawValue)
        transaction.fields.append(sharing: name, to: HTTPField.fileName.rawValue)
        beginTracking(transaction.fields.bytes(name), transaction, into: output)
    }

    private func beginFile(
        _ name: UnsafeRawBufferPointer, _ transaction: Transaction, into output: ParserOutput
    ) {
        if name.count > output.limits.fileNameByteCountMax { note(.fileNameTooLong) }
        let kept = transaction.fields.keep(name)
        let field = (isRequest ? HTTPField.requestFileName : .responseFileName).rawValue
        transaction.fields.append(keptAt: kept, count: name.count, to: field)
        transaction.fields.append(keptAt: kept, count: name.count, to: HTTPField.fileName.rawValue)
        beginTracking(name, transaction, into: output)
    }

    private func beginTracking(
        _ name: UnsafeRawBufferPointer, _ transaction: Transaction, into output: ParserOutput
    ) {
        guard !output.fileNeeds.isEmpty else { return }
        let tracker = output.takeFile()
        tracker.begin(
            name: name, in: transaction, direction, isOneOfSeveral: kind == .form, into: output)
        self.tracker = tracker
    }

    private func endTracking(
        isTruncated: Bool, _ transaction: Transaction, into output: ParserOutput
    ) {
        guard let tracker else { return }
        self.tracker = nil
        let field = (isRequest ? HTTPField.requestMIMEType : .responseMIMEType).rawValue
        tracker.end(isTruncated: isTruncated, into: output) {
            transaction.fields.append($0, to: field)
            transaction.fields.append($0, to: HTTPField.mimeType.rawValue)
        }
    }

    // MARK: Bytes

    /// Takes the next bytes as transferred.
    func append(_ bytes: RawSpan, _ transaction: Transaction, into output: ParserOutput) {
        guard bytes.byteCount > 0 else { return }
        byteCount &+= UInt64(bytes.byteCount)
        bytes.withUnsafeBytes { bytes in
            guard let chain else { return take(bytes, transaction, into: output) }
            chain.decode(bytes) { take($0, transaction, into: output) }
        }
    }

    /// Bytes of the body are missing: what was packed cannot be unpacked behind them.
    func skip(_ missing: UInt64) {
        byteCount &+= missing
        hasGaps = true
        if chain == nil {
            decodedByteCount &+= missing
        } else {
            chain?.stop()
        }
        tracker?.skip(missing)
    }

    private func limit(_ output: ParserOutput) -> Int {
        output.limits.bodyByteCountMax(direction)
    }

    /// Whether more has come of a body that is so large that rules on payload do not wait for the rest; true once.
    func takeNews(_ output: ParserOutput) -> Bool {
        defer { hasNews = false }
        let limits = output.limits
        return hasNews
            && keptByteCount
                >= (isRequest
                    ? limits.wholeRequestBodyByteCountMax : limits.wholeResponseBodyByteCountMax)
    }

    /// Takes the next decoded bytes.
    private func take(
        _ bytes: UnsafeRawBufferPointer, _ transaction: Transaction, into output: ParserOutput
    ) {
        let count = max(0, min(bytes.count, limit(output) &- keptByteCount))
        let before = decodedByteCount
        defer {
            // libhtp hands on what it unpacks in pieces of this size.
            let isPiece =
                chain == nil
                || before / Self.unpackedPieceByteCount
                    != decodedByteCount / Self.unpackedPieceByteCount
            if isPiece { hasNews = true }
        }
        if let chain, tracker == nil, kind != .form {
            // Nobody looks at what lies behind the limit: it is not worth unpacking.
            decodedByteCount &+= UInt64(count)
            if count < bytes.count { chain.stop() }
        } else {
            decodedByteCount &+= UInt64(bytes.count)
        }
        let field = (isRequest ? HTTPField.requestBody : .responseBody).rawValue
        if count > 0 {
            transaction.fields.extend(
                field, with: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            keptByteCount &+= count
        }
        switch kind {
        case .plain: break
        case .file:
            tracker?.append(bytes, kept: transaction.fields.largeBytes(of: field), into: output)
        case .form: form.parse(bytes) { take($0, transaction, into: output) }
        }
    }

    /// Takes what comes of a form.
    private func take(
        _ event: MultipartParser.Event, _ transaction: Transaction, into output: ParserOutput
    ) {
        switch event {
        case .begin(let fileName):
            guard let fileName, fileName.count > 0 else { return }
            guard formFiles.count < output.limits.multipartFileCountMax else {
                return note(.multipartGenericError)
            }
            hasFileInForm = true
            beginFile(fileName, transaction, into: output)
        case .data(let bytes):
            if hasFileInForm { tracker?.append(bytes, into: output) }
        case .end(let start, let end):
            guard hasFileInForm else { return }
            hasFileInForm = false
            if start == end { note(.multipartNoFiledata) }
            formFiles.append(Int(clamping: start)..<Int(clamping: end))
            endTracking(isTruncated: false, transaction, into: output)
        case .invalidHeader: note(.multipartInvalidHeader)
        }
    }

    // MARK: Ending

    /// Ends the body, or says that there is none.
    ///
    /// - Parameter isTruncated: Whether more of it should have come.
    func end(_ transaction: Transaction, isTruncated: Bool, into output: ParserOutput) {
        if !hasGaps { chain?.finish { take($0, transaction, into: output) } }
        if kind == .form {
            if !form.isAtEnd { note(.multipartGenericError) }
            form.end { take($0, transaction, into: output) }
        }
        let isStopped = chain?.isStopped ?? false
        endDecoding(output)
        endTracking(
            isTruncated: isTruncated || isStopped || hasGaps, transaction, into: output)
        storeLengths(transaction)
        storeFileData(transaction)
        let left = oddities
        reset()
        oddities = left
    }

    private func endDecoding(_ output: ParserOutput) {
        guard let chain else { return }
        if chain.faults.contains(.failed) { note(.gzipDecompressionFailed) }
        if chain.faults.contains(.memoryLimit) { note(.lzmaMemlimitReached) }
        if chain.faults.contains(.bomb) {
            note(.compressionBomb)
            // Where exactly it was noticed depends on how the bytes came.
            decodedByteCount = UInt64(output.limits.decompressedByteCountMax)
        }
        output.decompressors.give(chain)
        self.chain = nil
    }

    private func storeLengths(_ transaction: Transaction) {
        let decoded = Int64(clamping: decodedByteCount)
        if isRequest {
            transaction.fields.append(decoded, to: HTTPField.requestBodyLength.rawValue)
        } else {
            transaction.fields.append(decoded, to: HTTPField.responseBodyLength.rawValue)
            transaction.fields.append(
                Int64(clamping: byteCount), to: HTTPField.responseLength.rawValue)
        }
    }

    /// Shows the body, or the files of a form in it, as file data of the transaction.
    private func storeFileData(_ transaction: Transaction) {
        let body = (isRequest ? HTTPField.requestBody : .responseBody).rawValue
        guard let value = transaction.fields.first(of: body) else { return }
        func add(_ range: Range<Int>) {
            if isRequest {
                transaction.fields.append(
                    sharing: value, range, to: HTTPField.requestFileData.rawValue)
            }
            transaction.fields.append(sharing: value, range, to: HTTPField.fileData.rawValue)
        }
        switch kind {
        case .plain: break
        // As in Suricata what clients of HTTP/2 send is a body, and a file, but no file data of the message.
        case .file: if !isRequest || !isStreamed { add(0..<Int.max) }
        case .form: for range in formFiles where range.lowerBound < keptByteCount { add(range) }
        }
    }
}
