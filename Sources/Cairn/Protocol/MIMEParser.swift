/// Takes a mail apart line by line (RFC 5322, RFC 2045, RFC 2046 §5.1): the headers that rules name,
/// and the parts that have a file name, decoded, as files.
///
/// Kept are one header, up to a limit, and the boundaries of parts within each other.
final class MIMEParser {
    private static let headerByteCountMax = 4096
    /// Parts within each other, and bytes of a boundary (RFC 2046 allows 70).
    private static let depthMax = 16
    private static let boundaryByteCountMax = 256
    private static let fileCountMax = 256

    private enum Encoding { case none, base64, quotedPrintable }

    private var isInHeaders = true
    private let header = HTTPBuffer()
    /// The boundaries, side by side, and where each ends.
    private let boundaries = HTTPBuffer()
    private var boundaryEnds: [Int] = []
    private(set) var wasTooDeep = false

    // The part whose headers are read.
    private let boundary = HTTPBuffer()
    private let fileName = HTTPBuffer()
    private var hasDispositionName = false
    private var isMessage = false
    private var encoding = Encoding.none

    // The part that is a file.
    private var file: FileTracker?
    private var fileCount = 0
    /// Bytes of the file, to within a few of each line: also where nobody decodes them.
    private var fileByteCount = 0
    private var content = MIMEContent()
    private let decoded = HTTPBuffer()
    private let value = HTTPBuffer()

    func reset() {
        begin()
        file = nil
    }

    /// Begins a mail.
    func begin() {
        boundaries.removeAll()
        boundaryEnds.removeAll(keepingCapacity: true)
        wasTooDeep = false
        fileCount = 0
        beginPart()
    }

    private func beginPart() {
        isInHeaders = true
        header.truncate(to: 0)
        boundary.truncate(to: 0)
        fileName.truncate(to: 0)
        hasDispositionName = false
        isMessage = false
        encoding = .none
        content = MIMEContent()
    }

    /// Takes the next line of the mail, or a piece of it.
    func take(
        _ line: LineReader.Piece, _ transaction: Transaction, into output: ParserOutput
    ) {
        if line.isStart, takeBoundary(line.bytes, output) { return }
        if isInHeaders {
            takeHeaderLine(line, transaction, output)
        } else if let file {
            countContent(line)
            guard !output.fileNeeds.isEmpty else { return }
            decode(line)
            file.append(decoded.bytes, into: output)
        }
    }

    /// Whether a file goes on of which so much has come that rules on payload do not wait for the rest.
    func isInLargeFile(_ output: ParserOutput) -> Bool {
        file != nil && fileByteCount >= output.limits.wholeMailFileByteCountMax
            && fileByteCount < output.limits.mailFileByteCountMax
    }

    private func countContent(_ line: LineReader.Piece) {
        let count = line.bytes.count
        fileByteCount &+= encoding == .base64 ? count / 4 &* 3 : count &+ (line.isEnd ? 2 : 0)
    }

    /// Bytes of the mail are missing.
    func skip(_ byteCount: UInt64) { file?.skip(byteCount) }

    /// Ends the mail.
    func end(isTruncated: Bool, _ transaction: Transaction, into output: ParserOutput) {
        if isInHeaders { takeHeader(transaction) }
        endFile(isTruncated: isTruncated, output)
    }

    // MARK: Parts

    /// Whether a line is the boundary of a part that is open; the innermost counts, and those within
    /// the one that is meant are over.
    private func takeBoundary(_ line: UnsafeRawBufferPointer, _ output: ParserOutput) -> Bool {
        guard line.count > 2, line[0] == UInt8(ascii: "-"), line[1] == UInt8(ascii: "-") else {
            return false
        }
        for depth in boundaryEnds.indices.reversed() {
            let start = depth == 0 ? 0 : boundaryEnds[depth &- 1]
            let byteCount = boundaryEnds[depth] &- start
            guard line.count >= 2 &+ byteCount,
                line[2..<2 &+ byteCount].elementsEqual(
                    boundaries.bytes[start..<boundaryEnds[depth]])
            else { continue }
            let rest = line[(2 &+ byteCount)...]
            let isLast = rest.count >= 2 && rest.prefix(2).allSatisfy { $0 == UInt8(ascii: "-") }
            endFile(isTruncated: false, output)
            boundaryEnds.removeSubrange((isLast ? depth : depth &+ 1)...)
            boundaries.truncate(to: boundaryEnds.last ?? 0)
            beginPart()
            // Behind the last boundary nothing counts.
            isInHeaders = !isLast
            return true
        }
        return false
    }

    /// The headers of a part are over.
    private func beginContent(_ transaction: Transaction, _ output: ParserOutput) {
        isInHeaders = false
        if boundary.count > 0 {
            guard boundaryEnds.count < Self.depthMax else {
                wasTooDeep = true
                return
            }
            boundaries.append(boundary.bytes)
            boundaryEnds.append(boundaries.count)
        } else if fileName.count > 0, fileCount < Self.fileCountMax {
            fileCount &+= 1
            fileByteCount = 0
            let tracker = output.takeFile()
            tracker.begin(
                name: fileName.bytes, in: transaction, .toServer, isOneOfSeveral: true,
                into: output)
            file = tracker
        } else if isMessage {
            beginPart()
        }
    }

    private func endFile(isTruncated: Bool, _ output: ParserOutput) {
        guard let file else { return }
        self.file = nil
        decoded.truncate(to: 0)
        content.finish(into: decoded)
        file.append(decoded.bytes, into: output)
        file.end(isTruncated: isTruncated, into: output) { _ in }
    }

    // MARK: Content

    /// Decodes a line of the file into `decoded`.
    private func decode(_ line: LineReader.Piece) {
        decoded.truncate(to: 0)
        switch encoding {
        case .none: content.copy(line, into: decoded)
        case .base64: content.decodeBase64(line.bytes, into: decoded)
        case .quotedPrintable: content.decodeQuotedPrintable(line, into: decoded)
        }
    }

    // MARK: Headers

    private func takeHeaderLine(
        _ line: LineReader.Piece, _ transaction: Transaction, _ output: ParserOutput
    ) {
        let isContinued = !line.isStart || line.bytes.first?.isBlank == true
        if !isContinued {
            takeHeader(transaction)
            header.truncate(to: 0)
            if line.bytes.isEmpty, line.isEnd { return beginContent(transaction, output) }
        }
        let room = max(0, Self.headerByteCountMax &- header.count)
        header.append(UnsafeRawBufferPointer(rebasing: line.bytes.prefix(room)))
    }

    private func takeHeader(_ transaction: Transaction) {
        let text = header.bytes.bytes
        guard let colon = text.index(of: ASCII.colon, from: 0, to: text.byteCount) else { return }
        let name = text.trimmed(0..<colon)
        let rest = text.extracting(text.trimmed(colon &+ 1..<text.byteCount))
        func isNamed(_ word: StaticString) -> Bool {
            text.matches(word, at: name.lowerBound, count: name.count)
        }
        if isNamed("content-type") {
            takeType(rest)
        } else if isNamed("content-transfer-encoding") {
            if rest.hasPrefix("base64") {
                encoding = .base64
            } else if rest.hasPrefix("quoted-printable") {
                encoding = .quotedPrintable
            }
        } else if isNamed("content-disposition") {
            let hasName =
                HTTPParameters.fileName(in: rest, into: value)
                || HTTPParameters.continuedValue(of: "filename", in: rest, into: value)
            if hasName, value.count > 0 {
                fileName.truncate(to: 0)
                fileName.append(value.bytes)
                hasDispositionName = true
            }
        } else if boundaryEnds.isEmpty {
            store(
                rest,
                isNamed("subject") ? .subject : isNamed("from") ? .from : isNamed("to") ? .to : nil,
                transaction)
        }
    }

    private func store(_ text: RawSpan, _ field: SMTPField?, _ transaction: Transaction) {
        guard let field, transaction.fields.first(of: field.rawValue) == nil else { return }
        transaction.fields.append(text, to: field.rawValue)
    }

    private func takeType(_ text: RawSpan) {
        if text.hasPrefix("multipart/"),
            HTTPParameters.value(of: "boundary", in: text, into: value),
            (1...Self.boundaryByteCountMax).contains(value.count)
        {
            boundary.truncate(to: 0)
            boundary.append(value.bytes)
        }
        isMessage = text.hasPrefix("message/rfc822")
        if !hasDispositionName,
            HTTPParameters.value(of: "name", in: text, into: value)
                || HTTPParameters.continuedValue(of: "name", in: text, into: value)
        {
            fileName.truncate(to: 0)
            fileName.append(value.bytes)
        }
    }
}

/// The state of decoding one part's content (RFC 2045 §6).
struct MIMEContent {
    /// A line end that belongs to the content unless a boundary follows.
    private var holdsLineEnd = false
    /// Digits of base64 that are not yet three bytes.
    private var digits: UInt32 = 0
    private var digitCount = 0
    /// A `=` of quoted-printable, and the digit behind it.
    private var hasEquals = false
    private var high: UInt8?

    mutating func copy(_ line: LineReader.Piece, into output: HTTPBuffer) {
        if holdsLineEnd { output.append("\r\n") }
        output.append(line.bytes)
        holdsLineEnd = line.isEnd
    }

    /// What is neither a digit nor padding does not count (RFC 2045 §6.8).
    mutating func decodeBase64(_ line: UnsafeRawBufferPointer, into output: HTTPBuffer) {
        var index = 0
        while index < line.count {
            if digitCount == 0, let bytes = Self.threeBytes(line, index) {
                Self.append(threeBytes: bytes, to: output)
                index &+= 4
                continue
            }
            take(line[index], into: output)
            index &+= 1
        }
    }

    /// What four digits in a row stand for, in the low bits; nil if there are not four.
    private static func threeBytes(_ line: UnsafeRawBufferPointer, _ index: Int) -> UInt32? {
        guard index &+ 4 <= line.count else { return nil }
        let (a, b) = (base64Digits[Int(line[index])], base64Digits[Int(line[index &+ 1])])
        let (c, d) = (base64Digits[Int(line[index &+ 2])], base64Digits[Int(line[index &+ 3])])
        guard (a | b | c | d) & noDigit == 0 else { return nil }
        return UInt32(a) << 18 | UInt32(b) << 12 | UInt32(c) << 6 | UInt32(d)
    }

    private static func append(threeBytes bytes: UInt32, to output: HTTPBuffer) {
        output.append(UInt8(truncatingIfNeeded: bytes >> 16))
        output.append(UInt8(truncatingIfNeeded: bytes >> 8))
        output.append(UInt8(truncatingIfNeeded: bytes))
    }

    private mutating func take(_ byte: UInt8, into output: HTTPBuffer) {
        if byte == UInt8(ascii: "=") { return finish(into: output) }
        let digit = Self.base64Digits[Int(byte)]
        guard digit & Self.noDigit == 0 else { return }
        digits = digits << 6 | UInt32(digit)
        digitCount &+= 1
        guard digitCount == 4 else { return }
        Self.append(threeBytes: digits, to: output)
        digits = 0
        digitCount = 0
    }

    /// Gives the bytes of digits that are fewer than four.
    mutating func finish(into output: HTTPBuffer) {
        if digitCount == 2 {
            output.append(UInt8(truncatingIfNeeded: digits >> 4))
        } else if digitCount == 3 {
            output.append(UInt8(truncatingIfNeeded: digits >> 10))
            output.append(UInt8(truncatingIfNeeded: digits >> 2))
        }
        digits = 0
        digitCount = 0
    }

    /// What each byte stands for as a digit (RFC 2045 §6.8, table 1).
    private static let base64Digits: InlineArray<256, UInt8> = {
        var digits = InlineArray<256, UInt8>(repeating: noDigit)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, byte) in alphabet.utf8.enumerated() { digits[Int(byte)] = UInt8(value) }
        return digits
    }()
    private static let noDigit: UInt8 = 0x80

    /// A `=` at the end of a line joins it to the next (RFC 2045 §6.7); one before no digits stays.
    mutating func decodeQuotedPrintable(_ line: LineReader.Piece, into output: HTTPBuffer) {
        if holdsLineEnd { output.append("\r\n") }
        holdsLineEnd = false
        for byte in line.bytes {
            if hasEquals {
                takeEscape(byte, into: output)
            } else if byte == UInt8(ascii: "=") {
                hasEquals = true
            } else {
                output.append(byte)
            }
        }
        guard line.isEnd else { return }
        holdsLineEnd = !hasEquals
        hasEquals = false
        high = nil
    }

    private mutating func takeEscape(_ byte: UInt8, into output: HTTPBuffer) {
        guard let digit = byte.hexDigitValue else {
            output.append(UInt8(ascii: "="))
            if let high { output.append(hexDigits.utf8Start[Int(high)]) }
            output.append(byte)
            hasEquals = false
            high = nil
            return
        }
        guard let high else {
            high = digit
            return
        }
        output.append(high << 4 | digit)
        hasEquals = false
        self.high = nil
    }
}
