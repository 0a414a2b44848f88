/// HTTP/0.9, 1.0 and 1.1 (RFC 9110, RFC 9112).
enum HTTP {
    static let definition = ProtocolDefinition(
        name: "http",
        summary: "HTTP messages (RFC 9110) of HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113)",
        aliases: ["http1", "http2", "proxy", "webserver"],
        fields: HTTPField.table,
        anomalies: HTTPAnomaly.allCases.map(\.name) + HTTP2Anomaly.allCases.map(\.name),
        overTCP: true,
        ports: [80, 81, 591, 3000, 3128, 5000, 5985, 8000, 8008, 8080, 8081, 8088, 8888, 9000],
        serverName: "http.host", chunkEnds: .messages,
        detect: detect, makeParser: { HTTPParser() })

    /// Bytes of a first line that are waited for before it is decided whether it is one.
    private static let detectionByteCountMax = 4096

    /// Recognises requests by a known method, or by any method with a protocol at the end of the
    /// line, and responses by their protocol; on any port.
    static func detect(_ start: RawSpan, _ direction: Direction) -> Detection {
        var offset = 0
        while offset < start.byteCount, start.byte(at: offset).isWhitespace { offset &+= 1 }
        let request = detectRequest(start, from: offset)
        let response = detectResponse(start, from: offset)
        let (expected, other) =
            direction == .toServer ? (request, response) : (response, request)
        if case .yes = expected { return .yes }
        if case .yes = other { return .yesReversed }
        if case .needMore = expected { return .needMore }
        if case .needMore = other { return .needMore }
        return .no
    }

    private static func detectResponse(_ start: RawSpan, from offset: Int) -> Detection {
        let text: StaticString = "http/"
        for index in 0..<text.utf8CodeUnitCount {
            guard offset &+ index < start.byteCount else { return .needMore }
            guard start.byte(at: offset &+ index).asciiLowercased == text.utf8Start[index]
            else { return .no }
        }
        let version = offset &+ text.utf8CodeUnitCount
        guard version < start.byteCount else { return .needMore }
        return start.byte(at: version).isDigit ? .yes : .no
    }

    private static func detectRequest(_ start: RawSpan, from offset: Int) -> Detection {
        var end = offset
        while end < start.byteCount, isMethodByte(start.byte(at: end)) { end &+= 1 }
        let methodCount = end &- offset
        guard methodCount <= 32 else { return .no }
        guard end < start.byteCount else { return .needMore }
        guard methodCount > 0, start.byte(at: end).isBlank else { return .no }
        let method = HTTPMethod(start, offset..<end)
        if method.isOnlyHTTP { return .yes }
        if start.starts(with: "OPTIONS", at: offset), methodCount == 7 {
            // As in Suricata RTSP is taken for HTTP.
            let uri = end &+ 1
            guard uri &+ 4 <= start.byteCount else { return .needMore }
            return start.hasPrefix("sip:", at: uri) ? .no : .yes
        }
        guard let feed = start.index(of: ASCII.lineFeed, from: end) else {
            return start.byteCount < detectionByteCountMax ? .needMore : .no
        }
        guard let word = lastWord(start, from: end, to: feed) else { return .no }
        guard start.hasPrefix("http/", at: word) else { return .no }
        // The preface of HTTP/2 (RFC 9113 §3.4) is another protocol's.
        return start.hasPrefix("http/2", at: word) ? .no : .yes
    }

    /// Whether methods that are in use have such a byte; any token could be one (RFC 9110 §9.1).
    private static func isMethodByte(_ byte: UInt8) -> Bool {
        byte.asciiLowercased &- 0x61 < 26 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// Where the last word of a line begins; nil if there is only one.
    private static func lastWord(_ text: RawSpan, from start: Int, to end: Int) -> Int? {
        var wordEnd = end
        while wordEnd > start, text.byte(at: wordEnd &- 1).isWhitespace { wordEnd &-= 1 }
        var word = wordEnd
        while word > start, !text.byte(at: word &- 1).isWhitespace { word &-= 1 }
        return word > start && word < wordEnd ? word : nil
    }
}

/// Request methods as far as they matter to reading and to detection (RFC 9110 §9.3, RFC 4918 §9).
enum HTTPMethod: UInt8 {
    case get, head, post, put, connect
    /// Others that only HTTP has.
    case other
    /// Those that RTSP, SIP and others have too, and unknown ones.
    case ambiguous

    init(_ text: RawSpan, _ range: Range<Int>) {
        func isMethod(_ name: StaticString) -> Bool {
            range.count == name.utf8CodeUnitCount && text.starts(with: name, at: range.lowerBound)
        }
        self = .ambiguous
        switch range.count {
        case 3:
            if isMethod("GET") {
                self = .get
            } else if isMethod("PUT") {
                self = .put
            }
        case 4:
            if isMethod("POST") {
                self = .post
            } else if isMethod("HEAD") {
                self = .head
            } else if isMethod("COPY") || isMethod("MOVE") || isMethod("LOCK") {
                self = .other
            }
        case 7 where isMethod("CONNECT"): self = .connect
        default: if Self.others.contains(where: isMethod) { self = .other }
        }
    }

    /// Further methods that only HTTP has, with those of WebDAV (RFC 4918 §9) and of its versions (RFC 3253).
    private static let others: [StaticString] = [
        "TRACE", "PATCH", "MKCOL", "DELETE", "UNLOCK", "PROPFIND", "PROPPATCH", "REPORT", "CHECKIN",
        "CHECKOUT", "UNCHECKOUT", "MKWORKSPACE", "UPDATE", "LABEL", "MERGE", "BASELINE-CONTROL",
        "MKACTIVITY", "VERSION-CONTROL",
    ]

    /// Whether the method alone shows that it is HTTP.
    var isOnlyHTTP: Bool { self != .ambiguous }
}
