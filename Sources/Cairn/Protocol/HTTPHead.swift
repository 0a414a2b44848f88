/// Header names that the parser acts on or that have a field of their own; all others are `other`.
enum HTTPHeaderName: UInt8, CaseIterable {
    case other, host, accept, cookie, server, origin, referer, upgrade, location
    case userAgent, connection, setCookie, contentType, authorization, contentLength
    case acceptEncoding, acceptLanguage, forwardedFor, contentEncoding, transferEncoding
    case contentDisposition, missing

    /// Recognises a name in any case. Names are told apart by their length first.
    init(_ text: RawSpan, at offset: Int, count: Int) {
        func isName(_ name: StaticString) -> Bool { text.matches(name, at: offset, count: count) }
        self = .other
        switch count {
        case 0: self = .missing
        case 4: if isName("host") { self = .host }
        case 6:
            if isName("accept") {
                self = .accept
            } else if isName("cookie") {
                self = .cookie
            } else if isName("server") {
                self = .server
            } else if isName("origin") {
                self = .origin
            }
        case 7:
            if isName("referer") {
                self = .referer
            } else if isName("upgrade") {
                self = .upgrade
            }
        case 8: if isName("location") { self = .location }
        case 10:
            if isName("user-agent") {
                self = .userAgent
            } else if isName("connection") {
                self = .connection
            } else if isName("set-cookie") {
                self = .setCookie
            }
        case 12: if isName("content-type") { self = .contentType }
        case 13: if isName("authorization") { self = .authorization }
        case 14: if isName("content-length") { self = .contentLength }
        case 15:
            if isName("accept-encoding") {
                self = .acceptEncoding
            } else if isName("accept-language") {
                self = .acceptLanguage
            } else if isName("x-forwarded-for") {
                self = .forwardedFor
            }
        case 16: if isName("content-encoding") { self = .contentEncoding }
        case 17: if isName("transfer-encoding") { self = .transferEncoding }
        case 19: if isName("content-disposition") { self = .contentDisposition }
        default: break
        }
    }
}

/// One header line (RFC 9112 §5), as offsets into the head it belongs to.
struct HTTPHeader {
    var name: Int
    var nameCount: Int
    var value: Int
    var valueCount: Int
    var kind: HTTPHeaderName
    /// Continued on the next line (RFC 9112 §5.2): the value has line ends in it.
    var isFolded = false
    /// Has the name of an earlier one, which leads to it.
    var isRepeat = false
    /// The next with the same name, -1 if there is none; `last` of the first leads to the end of
    /// that chain.
    var next: Int32 = -1
    var last: Int32 = -1
}

/// The table of a message's header lines while its head is read.
///
/// Bounded by `headerCountMax` lines; those behind it are counted and left out.
final class HTTPHead {
    /// Lines whose names are compared with every new one, beside the names that the parser knows:
    /// repeats of other names behind them stay separate, so that many names do not cost the square
    /// of their number.
    private static let comparedCountMax = 64

    /// Bytes of a name that may be a known one with NULs in it.
    private static let nameByteCountMax = 64

    private(set) var headers: [HTTPHeader] = []
    /// The first header of each known name, -1 if there is none.
    private var firsts: [Int32] = Array(repeating: -1, count: HTTPHeaderName.allCases.count)
    private var otherCount = 0
    /// Whether the head as sent is its own normal form.
    var isNormal = true
    /// Repeats of the name repeated most, for the anomaly.
    private(set) var repeatCount = 0

    /// - Parameter capacity: lines that are expected.
    init(capacity: Int = 0) { headers.reserveCapacity(capacity) }

    func removeAll() {
        headers.removeAll(keepingCapacity: true)
        for index in firsts.indices { firsts[index] = -1 }
        otherCount = 0
        isNormal = true
        repeatCount = 0
    }

    /// The first header of a known name.
    @inline(__always) func first(_ name: HTTPHeaderName) -> HTTPHeader? {
        let index = firsts[Int(name.rawValue)]
        return index < 0 ? nil : headers[Int(index)]
    }

    /// Whether the headers tell of a body, even one of length zero.
    var declaresBody: Bool { first(.transferEncoding) != nil || first(.contentLength) != nil }

    /// What is wrong with a header line.
    struct Faults: OptionSet {
        let rawValue: UInt8
        static let missingColon = Faults(rawValue: 1)
        static let invalidName = Faults(rawValue: 2)
        static let misplacedFolding = Faults(rawValue: 4)
        static let tooMany = Faults(rawValue: 8)
        static let repetition = Faults(rawValue: 16)
    }

    /// Adds the line that lies in a range of the head, without its line end. One that begins with
    /// a blank, or a NUL, which clients take for one, goes on with the header before it.
    ///
    /// - Parameters:
    ///   - isPlain: Whether it ends with CR LF, as it should.
    ///   - splitsFolds: Whether a line that begins with a blank and has a colon is a header of its
    ///     own, as some clients take it.
    func add(
        _ head: RawSpan, _ range: Range<Int>, isPlain: Bool, splitsFolds: Bool, countMax: Int
    ) -> Faults {
        var start = range.lowerBound
        let end = range.upperBound
        var faults: Faults = []
        if !isPlain { isNormal = false }
        if start < end, head.byte(at: start).isBlank || head.byte(at: start) == 0 {
            isNormal = false
            if let last = headers.last {
                let isHeader =
                    splitsFolds && last.kind != .missing
                    && head.index(of: ASCII.colon, from: start, to: end) != nil
                if !isHeader {
                    fold(head, upTo: end)
                    return []
                }
            }
            faults = .misplacedFolding
            while start < end, head.byte(at: start).isBlank || head.byte(at: start) == 0 {
                start &+= 1
            }
        }
        guard headers.count < countMax else {
            isNormal = false
            return .tooMany
        }
        guard let colon = head.index(of: ASCII.colon, from: start, to: end) else {
            isNormal = false
            insert(
                HTTPHeader(
                    name: start, nameCount: 0, value: start, valueCount: end &- start,
                    kind: .missing), head)
            return faults.union(.missingColon)
        }
        let nameEnd = endOfName(head, start..<colon)
        var isToken = nameEnd == colon && nameEnd > start
        for index in start..<nameEnd where !head.byte(at: index).isToken { isToken = false }
        if !isToken { faults.insert(.invalidName) }
        let value = head.trimmed(colon &+ 1..<end)
        if nameEnd != colon || value.upperBound != end || value.lowerBound != colon &+ 2
            || head.byte(at: colon &+ 1) != ASCII.space
        {
            isNormal = false
        }
        let isRepeatedOften = insert(
            HTTPHeader(
                name: start, nameCount: nameEnd &- start, value: value.lowerBound,
                valueCount: value.count,
                kind: kind(head, start..<nameEnd, isToken: isToken)), head)
        return isRepeatedOften ? faults.union(.repetition) : faults
    }

    /// Where a name ends that white space may follow.
    private func endOfName(_ head: RawSpan, _ range: Range<Int>) -> Int {
        var end = range.upperBound
        while end > range.lowerBound, head.byte(at: end &- 1).isWhitespace { end &-= 1 }
        return end
    }

    /// What a name means; NULs in it count for nothing.
    private func kind(_ head: RawSpan, _ name: Range<Int>, isToken: Bool) -> HTTPHeaderName {
        let known = HTTPHeaderName(head, at: name.lowerBound, count: name.count)
        guard !isToken, known == .other, name.count <= Self.nameByteCountMax else { return known }
        let visible = name.compactMap { head.byte(at: $0) == 0 ? nil : head.byte(at: $0) }
        guard !visible.isEmpty, visible.count < name.count else { return known }
        return HTTPHeaderName(visible.span.bytes, at: 0, count: visible.count)
    }

    /// Continues the last header on another line. One that had no colon yet may have it there.
    private func fold(_ head: RawSpan, upTo end: Int) {
        let index = headers.count &- 1
        headers[index].isFolded = true
        headers[index].valueCount = end &- headers[index].value
        guard headers[index].kind == .missing, !headers[index].isRepeat,
            headers[index].nameCount == 0
        else { return }
        let start = headers[index].value
        guard let colon = head.index(of: ASCII.colon, from: start, to: end) else { return }
        var header = headers.removeLast()
        firsts[Int(HTTPHeaderName.missing.rawValue)] = -1
        let value = head.trimmed(head.endOfWhitespace(from: colon &+ 1, to: end)..<end)
        let nameEnd = endOfName(head, start..<colon)
        header.name = start
        header.nameCount = nameEnd &- start
        header.value = value.lowerBound
        header.valueCount = value.count
        header.kind = kind(head, start..<nameEnd, isToken: false)
        insert(header, head)
    }

    /// Adds a header to the table and to the chain of its name; whether that has become long.
    @discardableResult
    private func insert(_ header: HTTPHeader, _ head: RawSpan) -> Bool {
        let index = Int32(truncatingIfNeeded: headers.count)
        headers.append(header)
        var first: Int32 = -1
        if header.kind != .other {
            first = firsts[Int(header.kind.rawValue)]
            if first < 0 { firsts[Int(header.kind.rawValue)] = index }
        } else {
            if otherCount < Self.comparedCountMax { first = firstOther(like: header, head) }
            otherCount &+= 1
        }
        guard first >= 0 else { return false }
        isNormal = false
        let last = headers[Int(first)].last < 0 ? first : headers[Int(first)].last
        headers[Int(last)].next = index
        headers[Int(first)].last = index
        headers[Int(index)].isRepeat = true
        repeatCount &+= 1
        return repeatCount > Self.comparedCountMax
    }

    private func firstOther(like header: HTTPHeader, _ head: RawSpan) -> Int32 {
        for index in 0..<headers.count &- 1 {
            let other = headers[index]
            guard other.kind == .other, other.nameCount == header.nameCount, !other.isRepeat
            else { continue }
            var same = true
            for offset in 0..<header.nameCount
            where head.byte(at: other.name &+ offset).asciiLowercased
                != head.byte(at: header.name &+ offset).asciiLowercased
            {
                same = false
                break
            }
            if same { return Int32(truncatingIfNeeded: index) }
        }
        return -1
    }

    // MARK: Storing

    /// Where the parts of a stored head lie in its field store.
    struct Layout {
        /// The start line, without its line end.
        var start = 0
        var startCount = 0
        /// All header lines in normal form, each with its line end, then the empty line.
        var headers = 0
        var headersEnd = 0
        var end: Int { headersEnd &+ 2 }
    }

    /// Stores a head in normal form (`Name: value` lines, repeated names joined by commas, lines
    /// unfolded), and turns the table's offsets into offsets of the store.
    func store(
        _ head: RawSpan, startCount: Int, headers offset: Int, into fields: inout FieldStore
    ) -> Layout {
        var layout = Layout()
        layout.startCount = startCount
        if isNormal {
            let base = fields.keep(head)
            layout.start = base
            layout.headers = base &+ offset
            layout.headersEnd = base &+ head.byteCount &- 2
            for index in headers.indices {
                headers[index].name &+= base
                headers[index].value &+= base
            }
            return layout
        }
        layout.start = fields.keep(head.extracting(0..<startCount))
        lineEnd(&fields)
        layout.headers = fields.keptEnd
        for index in headers.indices where !headers[index].isRepeat {
            storeLine(index, head, &fields)
        }
        layout.headersEnd = fields.keptEnd
        lineEnd(&fields)
        return layout
    }

    private func storeLine(_ index: Int, _ head: RawSpan, _ fields: inout FieldStore) {
        let header = headers[index]
        headers[index].name = fields.keep(
            head.extracting(header.name..<header.name &+ header.nameCount))
        keep(": ", &fields)
        headers[index].value = fields.keptEnd
        storeValue(header, head, &fields)
        var next = header.next
        while next >= 0 {
            let more = headers[Int(next)]
            next = more.next
            // Of a repeated length the first counts; a list of them would be no number.
            if header.kind == .contentLength { continue }
            keep(", ", &fields)
            storeValue(more, head, &fields)
        }
        headers[index].valueCount = fields.keptEnd &- headers[index].value
        lineEnd(&fields)
    }

    private func storeValue(_ header: HTTPHeader, _ head: RawSpan, _ fields: inout FieldStore) {
        let end = header.value &+ header.valueCount
        guard header.isFolded else {
            fields.keep(head.extracting(header.value..<end))
            return
        }
        // The first lines may be empty.
        var start = head.endOfWhitespace(from: header.value, to: end)
        while start < end {
            let feed = head.index(of: ASCII.lineFeed, from: start, to: end) ?? end
            var line = start..<feed
            while !line.isEmpty, head.byte(at: line.upperBound &- 1) == ASCII.carriageReturn {
                line = line.lowerBound..<line.upperBound &- 1
            }
            if feed == end { line = line.lowerBound..<head.trimmed(line).upperBound }
            fields.keep(head.extracting(line))
            start = feed &+ 1
        }
    }

    private func lineEnd(_ fields: inout FieldStore) { keep("\r\n", &fields) }

    private func keep(_ text: StaticString, _ fields: inout FieldStore) {
        _ = fields.keep(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
