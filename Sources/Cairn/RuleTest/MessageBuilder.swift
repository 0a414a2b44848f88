/// Application messages that rule tests ask for by their fields instead of writing bytes.
enum MessageBuilder {
    // MARK: DNS (RFC 1035)

    /// Type names whose answers can be built, with their numbers.
    static let dnsTypes: [(name: String, number: UInt16)] = [
        ("A", 1), ("NS", 2), ("CNAME", 5), ("NULL", 10), ("PTR", 12), ("MX", 15), ("TXT", 16),
        ("AAAA", 28),
        ("ANY", 255),
    ]

    /// The query message, and the response if there is one; nil if a type or an answer makes no sense.
    static func dns(_ exchange: TestDNS, identifier: UInt16) -> [TrafficWriter.Turn]? {
        guard let type = dnsTypes.first(where: { $0.name == exchange.type.uppercased() })?.number,
            let name = domainName(exchange.query)
        else { return nil }
        let question = name + bigEndian(type) + bigEndian(UInt16(1))
        func message(flags: UInt16, answers: [[UInt8]]) -> [UInt8] {
            let counts = [1, UInt16(truncatingIfNeeded: answers.count), 0, 0] as [UInt16]
            return bigEndian(identifier) + bigEndian(flags) + counts.flatMap(bigEndian) + question
                + answers.flatMap { $0 }
        }
        var turns = [
            TrafficWriter.Turn(direction: .toServer, bytes: message(flags: 0x0100, answers: []))
        ]
        guard exchange.isAnswered else { return turns }
        var records: [[UInt8]] = []
        for answer in exchange.answers {
            guard let (actualType, data) = dnsData(answer, type: type) else { return nil }
            records.append(
                [0xc0, 0x0c] + bigEndian(actualType) + [0, 1] + bigEndian(exchange.timeToLive)
                    + bigEndian(UInt16(truncatingIfNeeded: data.count)) + data)
        }
        turns.append(
            .init(
                direction: .toClient,
                bytes: message(flags: 0x8180 | exchange.responseCode, answers: records)))
        return turns
    }

    /// Resource data as text gives it; an address answers any question by its own type.
    private static func dnsData(_ text: String, type: UInt16) -> (type: UInt16, data: [UInt8])? {
        if type == 16 || type == 10 { return (type, characterStrings(text, isText: type == 16)) }
        if let address = IPAddress(text) { return (address.isV4 ? 1 : 28, address.bytes) }
        guard let name = domainName(text) else { return nil }
        if type == 15 { return (15, [0, 10] + name) }
        return ([2, 5, 12].contains(type) ? type : 5, name)
    }

    private static func characterStrings(_ text: String, isText: Bool) -> [UInt8] {
        guard isText else { return Array(text.utf8) }
        let bytes = Array(text.utf8)
        return stride(from: 0, to: max(1, bytes.count), by: 255).flatMap { start in
            let piece = bytes[start..<min(bytes.count, start + 255)]
            return [UInt8(truncatingIfNeeded: piece.count)] + piece
        }
    }

    /// Labels with their lengths (§3.1); nil if a label is longer than 63 bytes.
    private static func domainName(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for label in text.split(separator: ".") {
            guard label.utf8.count <= 63 else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: label.utf8.count))
            bytes += Array(label.utf8)
        }
        return bytes + [0]
    }

    // MARK: HTTP (RFC 9112)

    /// The turns of one exchange; without a status there is no response.
    static func http(_ exchange: TestHTTP) -> [TrafficWriter.Turn] {
        var turns = [TrafficWriter.Turn(direction: .toServer, bytes: request(exchange))]
        if exchange.status != nil {
            turns.append(.init(direction: .toClient, bytes: response(exchange)))
        }
        return turns
    }

    private static func request(_ exchange: TestHTTP) -> [UInt8] {
        var headers = exchange.headers
        if let host = exchange.host { headers.insert(("Host", host), at: 0) }
        if !exchange.body.isEmpty { addLength(of: exchange.body, to: &headers) }
        return Array("\(exchange.method) \(exchange.uri) HTTP/1.1\r\n\(block(headers))".utf8)
            + exchange.body
    }

    private static func response(_ exchange: TestHTTP) -> [UInt8] {
        var headers = exchange.responseHeaders
        addLength(of: exchange.responseBody, to: &headers)
        let line = "HTTP/1.1 \(exchange.status ?? 200) \(exchange.reason ?? "OK")\r\n"
        return Array((line + block(headers)).utf8) + exchange.responseBody
    }

    private static func addLength(
        of body: [UInt8], to headers: inout [(name: String, value: String)]
    ) {
        let given = ["content-length", "transfer-encoding"]
        guard !headers.contains(where: { given.contains($0.name.lowercased()) }) else { return }
        headers.append(("Content-Length", String(body.count)))
    }

    private static func block(_ headers: [(name: String, value: String)]) -> String {
        headers.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    }

    // MARK: TLS 1.2 (RFC 5246)

    /// ClientHello, then ServerHello with the certificate and ServerHelloDone.
    static func tls(_ handshake: TestTLS) -> [TrafficWriter.Turn] {
        let random = [UInt8](repeating: 0x5a, count: 32)
        var extensions: [UInt8] = []
        if let name = handshake.serverName {
            let entry = [0] + vector16(Array(name.utf8))
            extensions += [0, 0] + vector16(vector16(entry))
        }
        extensions += [0, 10] + vector16(vector16([0, 29, 0, 23])) + [0, 11] + vector16([1, 0])
        if !handshake.applicationProtocols.isEmpty {
            let list = handshake.applicationProtocols.flatMap { vector8(Array($0.utf8)) }
            extensions += [0, 16] + vector16(vector16(list))
        }
        let clientHello =
            bigEndian(handshake.version) + random + [0]
            + vector16(ciphers(handshake).flatMap(bigEndian))
            + [1, 0] + vector16(extensions)
        let serverHello =
            bigEndian(handshake.version) + random + [0]
            + bigEndian(ciphers(handshake)[0]) + [0]
        var messages = message(2, serverHello)
        if handshake.subject != nil {
            messages += message(11, vector24(vector24(certificate(handshake))))
        }
        messages += message(14, [])
        return [
            .init(direction: .toServer, bytes: record(handshake, message(1, clientHello))),
            .init(direction: .toClient, bytes: record(handshake, messages)),
        ]
    }

    private static func ciphers(_ handshake: TestTLS) -> [UInt16] {
        handshake.ciphers.isEmpty ? [0xc02f, 0xc030, 0x009c, 0x002f] : handshake.ciphers
    }

    private static func record(_ handshake: TestTLS, _ fragment: [UInt8]) -> [UInt8] {
        [22] + bigEndian(min(handshake.version, 0x0303)) + vector16(fragment)
    }

    private static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
        [type] + vector24(body)
    }
    private static func vector8(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: bytes.count)] + bytes
    }
    private static func vector16(_ bytes: [UInt8]) -> [UInt8] {
        bigEndian(UInt16(truncatingIfNeeded: bytes.count)) + bytes
    }
    private static func vector24(_ bytes: [UInt8]) -> [UInt8] {
        bigEndian(UInt32(truncatingIfNeeded: bytes.count)).dropFirst() + bytes
    }

    /// An X.509 certificate (RFC 5280 §4.1) with the names and dates asked for; key and signature are dummies.
    private static func certificate(_ handshake: TestTLS) -> [UInt8] {
        let rsa: [UInt8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01]
        func algorithm(_ last: UInt8) -> [UInt8] { der(0x30, der(0x06, rsa + [last]) + [5, 0]) }
        func name(_ text: String) -> [UInt8] {
            der(0x30, der(0x31, der(0x30, der(0x06, [0x55, 4, 3]) + der(0x0c, Array(text.utf8)))))
        }
        let subject = handshake.subject ?? ""
        let validity = der(
            0x30,
            der(0x17, Array((handshake.notBefore ?? "260101000000Z").utf8))
                + der(0x17, Array((handshake.notAfter ?? "270101000000Z").utf8)))
        let key = der(
            0x30, algorithm(1) + der(0x03, [0] + der(0x30, der(0x02, [3]) + der(0x02, [3]))))
        let body =
            der(0xa0, der(0x02, [2])) + der(0x02, handshake.serial ?? [1]) + algorithm(11)
            + name(handshake.issuer ?? subject) + validity + name(subject) + key
        return der(0x30, der(0x30, body) + algorithm(11) + der(0x03, [0, 0]))
    }

    private static func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        if content.count < 128 { return [tag, UInt8(content.count)] + content }
        return [tag, 0x82] + bigEndian(UInt16(truncatingIfNeeded: content.count)) + content
    }
}
