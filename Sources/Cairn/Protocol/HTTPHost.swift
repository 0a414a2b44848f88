/// What a request says about whom it is for and from whom: Host header and absolute target (RFC
/// 9110 §7.2), credentials.
extension HTTPParser {
    /// Stores the request's fields that are made of more than one header's value.
    func storeRequestHeaders(
        _ line: RawSpan, at start: Int, _ transaction: Transaction, into output: ParserOutput
    ) {
        let parsed = RequestLine(parsing: line, 0..<line.byteCount)
        let target = line.extracting(parsed.target)
        let isConnect = HTTPMethod(line, parsed.method) == .connect
        var named: Range<Int>?
        if isConnect {
            // What can be no host names none.
            let whole = 0..<target.byteCount
            if !URIAuthority(parsing: target, in: whole).isInvalid { named = whole }
        } else if target.byteCount > 0, target.byte(at: 0) != ASCII.slash {
            named = URIParts(parsing: target).authority
        }
        let header = request.head.first(.host)
        if let named {
            let base = start &+ parsed.target.lowerBound
            checkTargetHost(
                target, named, header, transaction, isConnect: isConnect, into: output)
            storeHost(
                at: base &+ named.lowerBound, count: named.count, isTarget: true,
                &transaction.fields)
        } else if let header {
            storeHost(at: header.value, count: header.valueCount, &transaction.fields)
            let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
            let authority = URIAuthority(parsing: text, in: 0..<text.byteCount)
            if authority.isInvalid { note(.requestHeaderHostInvalid, request, into: output) }
            checkPort(authority, into: output)
        } else if request.version == 11 {
            note(.missingHostHeader, request, into: output)
        }
        storeURL(
            at: start &+ parsed.target.lowerBound, count: parsed.target.count,
            isAbsolute: named != nil, &transaction.fields)
        if !storeUser(&transaction.fields) {
            note(.requestAuthUnrecognized, request, into: output)
        }
    }

    /// Looks at a host that the target names, and whether the Host header names another.
    private func checkTargetHost(
        _ target: RawSpan, _ named: Range<Int>, _ header: HTTPHeader?, _ transaction: Transaction,
        isConnect: Bool, into output: ParserOutput
    ) {
        let authority = URIAuthority(parsing: target, in: named)
        if authority.isInvalid { note(.requestUriHostInvalid, request, into: output) }
        if authority.hasInvalidPort { note(.invalidAuthorityPort, request, into: output) }
        guard let header else {
            if request.version == 11, !isConnect {
                note(.missingHostHeader, request, into: output)
            }
            return
        }
        let text = transaction.fields.kept(at: header.value, count: header.valueCount).bytes
        let other = URIAuthority(parsing: text, in: 0..<text.byteCount)
        var isSame = authority.host.count == other.host.count
        for offset in 0..<min(authority.host.count, other.host.count)
        where target.byte(at: authority.host.lowerBound &+ offset).asciiLowercased
            != text.byte(at: other.host.lowerBound &+ offset).asciiLowercased
        {
            isSame = false
        }
        if let port = authority.port, let otherPort = other.port, port != otherPort {
            isSame = false
        }
        if other.isInvalid { note(.requestHeaderHostInvalid, request, into: output) }
        if !isSame { note(.hostHeaderAmbiguous, request, into: output) }
    }

    /// Compares a named port with the one that the flow goes to.
    private func checkPort(_ authority: URIAuthority, into output: ParserOutput) {
        if authority.hasInvalidPort { note(.invalidServerPortInRequest, request, into: output) }
        if let port = authority.port, serverPort != 0, port != serverPort {
            note(.requestServerPortTcpPortMismatch, request, into: output)
        }
    }

    /// Stores host and port out of what lies in the store. Of a target the host alone counts as
    /// sent, of a Host header the whole value.
    private func storeHost(
        at start: Int, count: Int, isTarget: Bool = false, _ fields: inout FieldStore
    ) {
        let text = fields.kept(at: start, count: count)
        let authority = URIAuthority(parsing: text.bytes, in: 0..<count)
        let raw = isTarget && !authority.host.isEmpty ? authority.host : 0..<count
        fields.append(
            keptAt: start &+ raw.lowerBound, count: raw.count, to: HTTPField.hostRaw.rawValue)
        if let port = authority.port {
            fields.append(Int64(port), to: HTTPField.port.rawValue)
        }
        guard count > 0 else { return }
        // A host that is none is shown as it is, without a port that may follow.
        var host = authority.host
        if host.isEmpty, authority.port == nil { host = 0..<count }
        if text[host].contains(where: { $0 != $0.asciiLowercased }) {
            for byte in text[host] { scratch.append(byte.asciiLowercased) }
            let lowered = fields.keep(scratch.bytes)
            fields.append(
                keptAt: lowered, count: host.count, to: HTTPField.host.rawValue)
            scratch.removeAll()
        } else {
            fields.append(
                keptAt: start &+ host.lowerBound, count: host.count, to: HTTPField.host.rawValue)
        }
    }

    /// Stores the forms of the URL that logs show: the target as sent, with scheme and host, and
    /// normalised.
    private func storeURL(
        at start: Int, count: Int, isAbsolute: Bool, _ fields: inout FieldStore
    ) {
        guard count > 0 else { return }
        let url = HTTPField.url.rawValue
        fields.append(keptAt: start, count: count, to: url)
        if !isAbsolute, let host = request.head.first(.host) {
            let scheme: StaticString = "http://"
            let full = fields.keep(
                UnsafeRawBufferPointer(
                    start: scheme.utf8Start, count: scheme.utf8CodeUnitCount))
            _ = fields.keep(from: host.value, count: host.valueCount)
            _ = fields.keep(from: start, count: count)
            fields.append(keptAt: full, count: fields.keptEnd &- full, to: url)
        }
        guard let normal = fields.first(of: HTTPField.uri.rawValue) else { return }
        let bytes = fields.bytes(normal)
        if bytes.count != count || !bytes.elementsEqual(fields.kept(at: start, count: count)) {
            fields.append(sharing: normal, to: url)
        }
    }

    /// Stores the user of Basic credentials (RFC 7617 §2).
    ///
    /// - Returns: false if there are credentials of a kind that is not known.
    private func storeUser(_ fields: inout FieldStore) -> Bool {
        guard let header = request.head.first(.authorization) else { return true }
        let text = fields.kept(at: header.value, count: header.valueCount).bytes
        let scheme = 0..<text.endOfWord(from: 0, to: text.byteCount)
        if text.matches("basic", at: 0, count: scheme.count) {
            let start = text.endOfWhitespace(from: scheme.upperBound, to: text.byteCount)
            _ = Self.decode(base64: text.extracting(start..<text.byteCount), into: scratch)
            if let colon = scratch.bytes.firstIndex(of: ASCII.colon) { scratch.truncate(to: colon) }
            fields.append(scratch.bytes, to: HTTPField.username.rawValue)
            scratch.removeAll()
            return true
        }
        return Self.isKnownScheme(text, scheme)
    }

    private static func isKnownScheme(_ text: RawSpan, _ word: Range<Int>) -> Bool {
        text.matches("digest", at: 0, count: word.count)
            || text.matches("bearer", at: 0, count: word.count)
    }

    /// Appends what base64 text stands for (RFC 4648 §4, §5), up to what is none. Whether all of it is such text.
    static func decode(base64 text: RawSpan, into output: HTTPBuffer) -> Bool {
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for index in 0..<text.byteCount {
            let byte = text.byte(at: index)
            let value: UInt8
            switch byte {
            case 0x41...0x5a: value = byte &- 0x41
            case 0x61...0x7a: value = byte &- 0x61 &+ 26
            case 0x30...0x39: value = byte &- 0x30 &+ 52
            case UInt8(ascii: "+"), UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "/"), UInt8(ascii: "_"): value = 63
            default: return byte == UInt8(ascii: "=")
            }
            bits = bits << 6 | UInt32(value)
            bitCount &+= 6
            if bitCount >= 8 {
                bitCount &-= 8
                output.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return true
    }
}
