/// Takes forms apart while they come (`multipart/form-data`, RFC 7578; the syntax is that of RFC
/// 2046 §5.1).
///
/// Lenient as servers are: line ends without CR, blanks behind boundaries, a missing end. Kept are
/// the boundary, and one header line of a part at a time, up to a limit.
final class MultipartParser {
    /// What comes of a form.
    enum Event {
        /// A part with its names as sent, without quotes; nil where there is none.
        case begin(fileName: UnsafeRawBufferPointer?)
        case data(UnsafeRawBufferPointer)
        /// A part ended at a boundary; `end` is its end, `start` its beginning, as offsets into the
        /// form.
        case end(start: UInt64, end: UInt64)
        case invalidHeader
    }

    private enum State {
        /// Before the first boundary.
        case preamble
        /// Behind a boundary, in the rest of its line.
        case boundaryLine
        case headers
        case data
        /// Behind the last boundary.
        case epilogue
    }

    /// Bytes of a part's header line that are kept.
    private static let lineByteCountMax = 4096
    /// Bytes of a boundary (RFC 2046 allows 70).
    private static let boundaryByteCountMax = 256

    private var state: State = .epilogue
    /// A line feed, two hyphens, the boundary.
    private let delimiter = HTTPBuffer()
    /// How much of the delimiter the last bytes are.
    private var matchedCount = 0
    /// A CR that belongs to the data unless a delimiter follows.
    private var holdsCR = false
    private let line = HTTPBuffer()
    private let fileName = HTTPBuffer()
    private var hasFileName = false
    private var hasDisposition = false
    private var isInPart = false
    /// Bytes of the form before the next.
    private var position: UInt64 = 0
    private var partStart: UInt64 = 0
    /// Behind the boundary: hyphens that make it the last.
    private var hyphenCount = 0

    /// Whether the last boundary came.
    var isAtEnd: Bool {
        if case .epilogue = state { true } else { false }
    }

    /// Begins a form; whether its boundary can be one.
    func begin(boundary: UnsafeRawBufferPointer) -> Bool {
        guard boundary.count > 0, boundary.count <= Self.boundaryByteCountMax,
            !boundary.contains(ASCII.lineFeed)
        else { return false }
        delimiter.removeAll()
        delimiter.append("\n--")
        delimiter.append(boundary)
        state = .preamble
        // The first boundary may be the form's first bytes.
        matchedCount = 1
        holdsCR = false
        isInPart = false
        position = 0
        line.removeAll()
        return true
    }

    /// Takes the next bytes of the form.
    func parse(_ bytes: UnsafeRawBufferPointer, _ handle: (Event) -> Void) {
        var index = 0
        while index < bytes.count {
            switch state {
            case .preamble, .data: index = search(bytes, from: index, handle)
            case .boundaryLine: index = readBoundaryLine(bytes, from: index)
            case .headers: index = readHeaderLine(bytes, from: index, handle)
            case .epilogue:
                position &+= UInt64(bytes.count &- index)
                index = bytes.count
            }
        }
    }

    /// Ends the form: a part without boundary behind it ends, too.
    func end(_ handle: (Event) -> Void) {
        if isInPart {
            releaseHeld(handle)
            endPart(at: position, handle)
        }
        line.removeAll()
    }

    // MARK: Data

    /// Passes data on up to the next delimiter, which may be cut; returns where reading goes on.
    private func search(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ handle: (Event) -> Void
    ) -> Int {
        if matchedCount > 0 { return match(bytes, from: start, handle) }
        if holdsCR, bytes[start] != ASCII.lineFeed { releaseHeld(handle) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let feed = rest.firstIndex(of: ASCII.lineFeed)
        var end = feed ?? rest.count
        let endsWithCR = end > 0 && rest[end &- 1] == ASCII.carriageReturn
        if endsWithCR { end &-= 1 }
        if case .data = state, end > 0 {
            handle(.data(UnsafeRawBufferPointer(rebasing: rest[..<end])))
        }
        if endsWithCR { holdsCR = true }
        var taken = feed ?? rest.count
        if feed != nil {
            taken &+= 1
            matchedCount = 1
        }
        position &+= UInt64(taken)
        return start &+ taken
    }

    /// Compares with the rest of the delimiter.
    private func match(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ handle: (Event) -> Void
    ) -> Int {
        var index = start
        let expected = delimiter.bytes
        while index < bytes.count, matchedCount < expected.count {
            guard bytes[index] == expected[matchedCount] else {
                releaseHeld(handle)
                return index
            }
            matchedCount &+= 1
            index &+= 1
            position &+= 1
        }
        guard matchedCount == expected.count else { return index }
        if isInPart { endPart(at: position &- UInt64(expected.count) &- (holdsCR ? 1 : 0), handle) }
        matchedCount = 0
        holdsCR = false
        hyphenCount = 0
        state = .boundaryLine
        return index
    }

    /// Passes on what turned out not to begin a delimiter: the only line feed in it is its first
    /// byte.
    private func releaseHeld(_ handle: (Event) -> Void) {
        if case .data = state {
            if holdsCR {
                var byte = ASCII.carriageReturn
                withUnsafeBytes(of: &byte) { handle(.data($0)) }
            }
            if matchedCount > 0 {
                handle(
                    .data(UnsafeRawBufferPointer(rebasing: delimiter.bytes[..<matchedCount])))
            }
        }
        holdsCR = false
        matchedCount = 0
    }

    private func endPart(at end: UInt64, _ handle: (Event) -> Void) {
        isInPart = false
        handle(.end(start: min(partStart, end), end: end))
    }

    // MARK: Headers

    /// Reads what follows a boundary on its line: two hyphens make it the last.
    private func readBoundaryLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            index &+= 1
            position &+= 1
            if byte == UInt8(ascii: "-"), hyphenCount >= 0 {
                hyphenCount &+= 1
                guard hyphenCount == 2 else { continue }
                state = .epilogue
                return index
            }
            hyphenCount = -1
            guard byte == ASCII.lineFeed else { continue }
            state = .headers
            hasFileName = false
            hasDisposition = false
            return index
        }
        return index
    }

    private func readHeaderLine(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ handle: (Event) -> Void
    ) -> Int {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        let feed = rest.firstIndex(of: ASCII.lineFeed)
        let end = feed ?? rest.count
        let room = max(0, Self.lineByteCountMax &- line.count)
        line.append(UnsafeRawBufferPointer(rebasing: rest[..<min(end, room)]))
        let taken = feed.map { $0 &+ 1 } ?? end
        position &+= UInt64(taken)
        if feed != nil { endHeaderLine(handle) }
        return start &+ taken
    }

    private func endHeaderLine(_ handle: (Event) -> Void) {
        while let last = line.bytes.last, last == ASCII.carriageReturn {
            line.truncate(to: line.count &- 1)
        }
        guard line.isEmpty else {
            takeHeader()
            line.truncate(to: 0)
            return
        }
        if !hasDisposition { handle(.invalidHeader) }
        state = .data
        isInPart = true
        partStart = position
        // A boundary may follow at once.
        handle(.begin(fileName: hasFileName ? fileName.bytes : nil))
    }

    private func takeHeader() {
        let text = line.bytes.bytes
        guard text.hasPrefix("content-disposition"),
            let colon = text.index(of: ASCII.colon),
            text.trimmed(0..<colon).count == 19
        else { return }
        hasDisposition = true
        let value = text.extracting(colon &+ 1..<text.byteCount)
        if HTTPParameters.fileName(in: value, into: fileName) { hasFileName = true }
    }
}
