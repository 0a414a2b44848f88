/// Where the parts of a request target lie, as byte offsets (RFC 3986 §3).
///
/// Nothing is checked: what clients send is taken apart as servers do, so that any bytes are some
/// target.
///
///     http://user@host:8080/path?query#fragment
///            |    |    |   |    |     |
///            authority     path query fragment
struct URIParts: Equatable {
    /// The scheme, without its colon; empty if there is none.
    var scheme = 0..<0
    /// Host and port, without the user; nil if the target names none.
    var authority: Range<Int>?
    var path = 0..<0
    /// What follows `?`; nil if there is none.
    var query: Range<Int>?
    /// What follows `#`; nil if there is none.
    var fragment: Range<Int>?

    /// A target without parts.
    init() {}

    init(parsing target: RawSpan) {
        let end = target.byteCount
        var position = 0
        if end > 0, target.byte(at: 0) != ASCII.slash,
            let colon = target.index(of: ASCII.colon)
        {
            scheme = 0..<colon
            position = colon &+ 1
            if end &- position > 2, target.starts(with: "//", at: position),
                target.byte(at: position &+ 2) != ASCII.slash
            {
                position = parseAuthority(target, from: position &+ 2)
            }
        }
        let pathStart = position
        while position < end, !Self.endsPath(target.byte(at: position)) { position &+= 1 }
        path = pathStart..<position
        if position < end, target.byte(at: position) == UInt8(ascii: "?") {
            let start = position &+ 1
            position = target.index(of: UInt8(ascii: "#"), from: start) ?? end
            query = start..<position
        }
        if position < end { fragment = position &+ 1..<end }
    }

    /// Reads up to the path, and returns where that begins.
    private mutating func parseAuthority(_ target: RawSpan, from start: Int) -> Int {
        var end = start
        while end < target.byteCount, target.byte(at: end) != ASCII.slash,
            !Self.endsPath(target.byte(at: end))
        {
            end &+= 1
        }
        let user = target.index(of: UInt8(ascii: "@"), from: start, to: end)
        authority = (user.map { $0 &+ 1 } ?? start)..<end
        return end
    }

    private static func endsPath(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }
}

/// A host with its port, as the Host header and absolute targets name it (RFC 3986 §3.2).
struct URIAuthority: Equatable {
    /// The host, with its brackets if it is an IPv6 address.
    var host = 0..<0
    /// The port's number; nil if there is none, or none that could be.
    var port: UInt16?
    /// A host that cannot be a name or an address, or a port that cannot be one.
    var isInvalid = false
    var hasInvalidPort = false

    init(parsing text: RawSpan, in range: Range<Int>) {
        let range = text.trimmed(range)
        guard !range.isEmpty else {
            isInvalid = true
            return
        }
        var portStart: Int?
        if text.byte(at: range.lowerBound) == UInt8(ascii: "[") {
            guard
                let close = text.index(
                    of: UInt8(ascii: "]"), from: range.lowerBound, to: range.upperBound)
            else {
                isInvalid = true
                return
            }
            host = range.lowerBound..<close &+ 1
            if host.upperBound < range.upperBound {
                if text.byte(at: host.upperBound) == ASCII.colon {
                    portStart = host.upperBound &+ 1
                } else {
                    isInvalid = true
                }
            }
        } else if let colon = text.index(
            of: ASCII.colon, from: range.lowerBound, to: range.upperBound)
        {
            host = text.trimmed(range.lowerBound..<colon)
            portStart = colon &+ 1
        } else {
            host = range
        }
        if let portStart { parsePort(text, in: portStart..<range.upperBound) }
        if !Self.isValid(text, host) { isInvalid = true }
    }

    private mutating func parsePort(_ text: RawSpan, in range: Range<Int>) {
        if let number = text.decimal(in: range), number > 0, let port = UInt16(exactly: number) {
            self.port = port
        } else {
            hasInvalidPort = true
            isInvalid = true
        }
    }

    /// Whether bytes could be a host name (RFC 1123 §2.1, underscores allowed as in practice) or a
    /// bracketed address.
    private static func isValid(_ text: RawSpan, _ host: Range<Int>) -> Bool {
        guard !host.isEmpty, host.count <= 255 else { return false }
        if text.byte(at: host.lowerBound) == UInt8(ascii: "[") { return host.count > 3 }
        var labelByteCount = 0
        for index in host {
            let byte = text.byte(at: index)
            if byte == ASCII.dot {
                guard labelByteCount > 0 else { return false }
                labelByteCount = 0
            } else {
                let folded = byte.asciiLowercased
                guard
                    folded &- 0x61 < 26 || byte.isDigit || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_")
                else { return false }
                labelByteCount &+= 1
                guard labelByteCount <= 63 else { return false }
            }
        }
        return true
    }
}
