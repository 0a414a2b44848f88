/// Application messages that tests write by their fields.
extension TestTrafficReader {
    // MARK: DNS

    func dns(_ node: YAMLNode) -> TestTurn? {
        let keys = ["query", "type", "answer", "answers", "rcode", "ttl", "answered"]
        guard sink.entries(node, "'dns'", keys: keys) != nil else { return nil }
        guard let query = node["query"].flatMap({ sink.text($0, "'query'") }) else {
            if node["query"] == nil { sink.error(at: node.mark, "'dns' needs a 'query'") }
            return nil
        }
        var dns = TestDNS(query: query)
        if let type = text(node, "type") { dns.type = type }
        for key in ["answer", "answers"] {
            if let answers = node[key] { dns.answers += sink.texts(answers, "an answer") }
        }
        if let code = node["rcode"] { dns.responseCode = responseCode(code) ?? 0 }
        if let ttl = node["ttl"] {
            dns.timeToLive = sink.integer(ttl, "'ttl'", in: 0...0x7fff_ffff).map { UInt32($0) } ?? 0
        }
        if let answered = node["answered"] {
            dns.isAnswered = sink.bool(answered, "'answered'") ?? true
        }
        return .dns(dns)
    }

    /// A name of RFC 6895 §2.3, or the number.
    private func responseCode(_ node: YAMLNode) -> UInt16? {
        let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
        if let index = names.firstIndex(of: node.text?.uppercased() ?? "") { return UInt16(index) }
        if let number = node.text.flatMap({ UInt16($0) }), number < 16 { return number }
        sink.error(at: node.mark, "'rcode' must be \(alternatives(names)), or a number below 16")
        return nil
    }

    // MARK: HTTP

    func http(_ node: YAMLNode) -> TestTurn? {
        let keys = ["method", "uri", "host", "headers", "body", "status", "reason", "response"]
        guard sink.entries(node, "'http'", keys: keys) != nil else { return nil }
        var http = TestHTTP()
        if let method = text(node, "method") { http.method = method }
        if let uri = text(node, "uri") { http.uri = uri }
        http.host = text(node, "host")
        http.headers = headers(node)
        if let body = node["body"] { http.body = bytes(body) ?? [] }
        if let status = node["status"] {
            http.status = sink.integer(status, "'status'", in: 100...999).map { Int($0) }
        }
        http.reason = text(node, "reason")
        if let response = node["response"],
            sink.entries(response, "'response'", keys: ["headers", "body"]) != nil
        {
            http.responseHeaders = headers(response)
            if let body = response["body"] { http.responseBody = bytes(body) ?? [] }
            if http.status == nil { http.status = 200 }
        }
        return .http(http)
    }

    /// A map, or a list of maps where a header comes several times.
    private func headers(_ node: YAMLNode) -> [(name: String, value: String)] {
        guard let headers = node["headers"] else { return [] }
        return headers.listOrSelf.flatMap { map -> [(name: String, value: String)] in
            guard let entries = map.entries else {
                sink.error(at: map.mark, "'headers' must be a map, not \(map.kind)")
                return []
            }
            return entries.flatMap { entry in
                entry.value.listOrSelf.map { (entry.key, $0.text ?? "") }
            }
        }
    }

    // MARK: TLS

    func tls(_ node: YAMLNode) -> TestTurn? {
        let keys = [
            "sni", "alpn", "version", "ciphers", "subject", "issuer", "serial", "not_before",
            "not_after",
        ]
        guard sink.entries(node, "'tls'", keys: keys) != nil else { return nil }
        var tls = TestTLS()
        tls.serverName = text(node, "sni")
        if let alpn = node["alpn"] { tls.applicationProtocols = sink.texts(alpn, "'alpn'") }
        if let version = node["version"] {
            let versions: [String: UInt16] = [
                "1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304,
            ]
            if let number = versions[version.text ?? ""] {
                tls.version = number
            } else {
                sink.error(at: version.mark, "'version' must be 1.0, 1.1, 1.2 or 1.3")
            }
        }
        for cipher in node["ciphers"]?.listOrSelf ?? [] {
            if let number = sink.integer(cipher, "a cipher suite", in: 0...0xffff) {
                tls.ciphers.append(UInt16(number))
            }
        }
        tls.subject = text(node, "subject")
        tls.issuer = text(node, "issuer")
        if let serial = node["serial"], let digits = sink.text(serial, "'serial'") {
            tls.serial = hexBytes(digits)
            if tls.serial == nil {
                sink.error(at: serial.mark, "'serial' must be pairs of hexadecimal digits")
            }
        }
        tls.notBefore = time(node, "not_before")
        tls.notAfter = time(node, "not_after")
        return .tls(tls)
    }

    /// UTCTime text (RFC 5280 §4.1.2.5.1).
    private func time(_ node: YAMLNode, _ key: String) -> String? {
        guard let text = text(node, key), let value = node[key] else { return nil }
        guard text.utf8.count == 13, text.hasSuffix("Z"),
            text.utf8.dropLast().allSatisfy({ (48...57).contains($0) })
        else {
            sink.error(at: value.mark, "'\(key)' must have the form 260131235959Z")
            return nil
        }
        return text
    }

    private func text(_ node: YAMLNode, _ key: String) -> String? {
        node[key].flatMap { sink.text($0, "'\(key)'") }
    }
}
