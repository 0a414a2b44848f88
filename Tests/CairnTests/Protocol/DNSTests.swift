import Testing

@testable import Cairn

/// Builds DNS messages for tests.
struct DNSMaker {
    var bytes: [UInt8]

    init(
        id: UInt16 = 0x1234, flags: UInt16, questions: UInt16 = 1, answers: UInt16 = 0,
        authorities: UInt16 = 0, additionals: UInt16 = 0
    ) {
        bytes = []
        for value in [id, flags, questions, answers, authorities, additionals] { append(value) }
    }

    mutating func append(_ value: UInt16) { bytes += [UInt8(value >> 8), UInt8(value & 255)] }

    mutating func name(_ text: String) {
        for label in text.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + label.utf8 }
        bytes.append(0)
    }

    mutating func question(_ text: String, type: UInt16 = 1, value: UInt16 = 1) {
        name(text)
        append(type)
        append(value)
    }

    /// A record whose name is a pointer to the first question.
    mutating func record(type: UInt16, ttl: UInt16 = 300, _ data: [UInt8]) {
        bytes += [0xc0, 12]
        append(type)
        append(1)
        append(0)
        append(ttl)
        append(UInt16(data.count))
        bytes += data
    }

    static func query(_ name: String, id: UInt16 = 0x1234, type: UInt16 = 1) -> [UInt8] {
        var maker = DNSMaker(id: id, flags: 0x0100)
        maker.question(name, type: type)
        return maker.bytes
    }

    static func response(
        _ name: String, id: UInt16 = 0x1234, type: UInt16 = 1, _ data: [[UInt8]]
    ) -> [UInt8] {
        var maker = DNSMaker(id: id, flags: 0x8180, answers: UInt16(data.count))
        maker.question(name, type: type)
        for data in data { maker.record(type: type, data) }
        return maker.bytes
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }
}

@Suite struct DNSTests {
    private func overUDP(_ messages: ([UInt8], Direction)..., port: UInt16 = 53) -> ParserHarness {
        let harness = ParserHarness(transport: .udp, serverPort: port)
        for (bytes, direction) in messages { harness.send(bytes, direction) }
        harness.finish()
        return harness
    }

    @Test func `a query and its response are one transaction`() throws {
        let harness = overUDP(
            (DNSMaker.query("WWW.Example.co.uk"), .toServer),
            (DNSMaker.response("WWW.Example.co.uk", [[192, 0, 2, 1], [192, 0, 2, 2]]), .toClient))
        let fields = try #require(harness.transactions.first)
        #expect(harness.transactions.count == 1)
        #expect(harness.anomalies.isEmpty)
        let expected: [String: [String]] = [
            "dns.query": ["www.example.co.uk"], "dns.rrname": ["www.example.co.uk"],
            "dns.queries.rrname": ["WWW.Example.co.uk"], "dns.rrtype": ["A"],
            "dns.rrtype.number": ["1"], "dns.rrclass": ["IN"], "dns.rrclass.number": ["1"],
            "dns.query.length": ["17"], "dns.query.domain": ["example.co.uk"],
            "dns.query.parent": ["example.co.uk"], "dns.id": ["4660"], "dns.type": ["answer"],
            "dns.opcode": ["0"], "dns.opcode.name": ["QUERY"],
            "dns.request.opcode": ["0"], "dns.response.opcode": ["0"], "dns.rcode": ["0"],
            "dns.rcode.name": ["NOERROR"], "dns.rejected": ["0"], "dns.flags": ["8180"],
            "dns.flags.qr": ["1"], "dns.flags.aa": ["0"], "dns.flags.tc": ["0"],
            "dns.flags.rd": ["1"], "dns.flags.ra": ["1"], "dns.flags.z": ["0"],
            "dns.flags.ad": ["0"], "dns.flags.cd": ["0"],
            "dns.answers.rrname": ["WWW.Example.co.uk", "WWW.Example.co.uk"],
            "dns.answers.rrtype": ["A", "A"], "dns.answers.rrtype.number": ["1", "1"],
            "dns.answers.ttl": ["300", "300"], "dns.answer.rdata": ["192.0.2.1", "192.0.2.2"],
            "dns.answers.count": ["2"],
            "dns.response.rrname": [
                "WWW.Example.co.uk", "WWW.Example.co.uk", "WWW.Example.co.uk",
            ],
        ]
        #expect(fields == expected)
    }

    @Test func `what waits for nothing is complete at once`() {
        let harness = overUDP((DNSMaker.response("a.example", [[192, 0, 2, 1]]), .toServer))
        #expect(harness.sessions.isReversed(harness.flow))
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.first?["dns.query"] == nil)
        #expect(harness.transactions.first?["dns.rrname"] == ["a.example"])
        #expect(harness.transactions.first?["dns.type"] == ["answer"])
    }

    @Test func `a query without a response is complete when the flow ends`() {
        let harness = ParserHarness(transport: .udp, serverPort: 53)
        harness.send(DNSMaker.query("a.example", type: 16), .toServer)
        #expect(harness.transactions.isEmpty)
        harness.finish()
        #expect(harness.transactions.map { $0["dns.query"] } == [["a.example"]])
        #expect(harness.transactions.first?["dns.rcode"] == nil)
    }

    @Test func `responses find their queries by identifier`() {
        let harness = overUDP(
            (DNSMaker.query("a.example", id: 1), .toServer),
            (DNSMaker.query("b.example", id: 2), .toServer),
            (DNSMaker.response("b.example", id: 2, [[10, 0, 0, 2]]), .toClient),
            (DNSMaker.response("a.example", id: 1, [[10, 0, 0, 1]]), .toClient))
        #expect(harness.transactions.map { $0["dns.query"] } == [["b.example"], ["a.example"]])
        #expect(
            harness.transactions.map { $0["dns.answer.rdata"] } == [["10.0.0.2"], ["10.0.0.1"]])
    }

    @Test func `more queries than may wait give up the oldest`() {
        var limits = ProtocolLimits()
        limits.openTransactionCountMax = 2
        let harness = ParserHarness(transport: .udp, serverPort: 53, limits: limits)
        for id in 1...3 as ClosedRange<UInt16> {
            harness.send(DNSMaker.query("n\(id).example", id: id), .toServer)
        }
        #expect(harness.anomalies == ["flooded"])
        #expect(harness.transactions.map { $0["dns.query"] } == [["n1.example"]])
    }

    @Test func `when all flows wait for too many responses, new queries do not`() {
        var limits = ProtocolLimits()
        limits.waitingTransactionCountMax = 2
        let harness = ParserHarness(transport: .udp, serverPort: 53, limits: limits)
        for id in 1...3 as ClosedRange<UInt16> {
            harness.send(DNSMaker.query("n\(id).example", id: id), .toServer)
        }
        #expect(harness.anomalies == ["flooded"])
        #expect(harness.transactions.map { $0["dns.query"] } == [["n3.example"]])
        harness.finish()
        #expect(harness.transactions.count == 3)
        #expect(harness.output.openTransactionCount == 0)
        var counters = Counters()
        harness.output.report(into: &counters)
        #expect(counters["app_layer.tx.dns"] == 3)
    }

    @Test(
        arguments: [
            (1, "c0000201", "192.0.2.1"), (1, "c00002", "\\# 3 c00002"),
            (28, "20010db8000000000000000000000001", "2001:db8::1"),
            (28, "00000000000000000000ffffc0000201", "::ffff:c000:201"),
            (2, "026e73c00c", "ns.a.example"), (5, "0157C00C", "w.a.example"), (5, "00", ""),
            (
                6, "c00c0168c00c00000001000000020000000300000004ffffffff",
                "a.example h.a.example 1 2 3 4 4294967295"
            ),
            (12, "04686F5354c00c", "host.a.example"),
            (15, "000a046d61696cc00c", "10 mail.a.example"),
            (16, "03616263024465", "abcDe"), (16, "0461", "\\# 2 0461"),
            (13, "03637075026f73", "cpu os"), (10, "616200ff", "ab\0\u{fffd}"),
            (33, "0001000213c404686F7374c00c", "1 2 5060 host.a.example"),
            (35, "000100020155025350012100", "1 2 \"U\" \"SP\" \"!\" ."),
            (43, "303908020a0b", "12345 8 2 0a0b"), (44, "04020a0b", "4 2 0a0b"),
            (
                46, "000108020000012c000000020000000130390161c00c0102",
                "A 8 2 300 2 1 12345 a.a.example AQI="
            ),
            (47, "016ec00c00064000000000030101" + "40", "n.a.example A RRSIG NSEC CAA"),
            (48, "01010308010203", "257 3 8 AQID"),
            (50, "0101000a02aabb00000140", "1 1 10 aabb - A"), (51, "0101000a00", "1 1 10 -"),
            (52, "0301010a0b", "3 1 1 0a0b"), (59, "303908020a0b", "12345 8 2 0a0b"),
            (
                65, "000100" + "00010006026832026833" + "0003000201bb" + "00040004c0000201",
                "1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1"
            ),
            (
                64, "00010161c00c" + "ffff00020a0b" + "00020000",
                "1 a.a.example key65535=0a0b no-default-alpn"
            ),
            (256, "000a0001687474703a2f2f61", "10 1 \"http://a\""),
            (257, "000569737375656361", "0 issue \"ca\""),
            (108, "00005e005301", "00-00-5e-00-53-01"),
            (255, "0a0b", "\\# 2 0a0b"), (65280, "", ""),
        ] as [(UInt16, String, String)])
    func `record data have the text of zone files`(type: UInt16, data: String, text: String) {
        var message = DNSMaker(flags: 0x8180, answers: 1)
        message.question("a.example", type: type)
        message.record(type: type, [UInt8](hex: data))
        let harness = overUDP((message.bytes, .toClient))
        #expect(harness.transactions.first?["dns.answer.rdata"] == [text])
        #expect(harness.anomalies.isEmpty)
    }

    @Test func `names in record data are names of the response`() {
        var message = DNSMaker(flags: 0x8180, answers: 1, authorities: 1, additionals: 1)
        message.question("a.example", type: 15)
        message.record(type: 15, [0, 10, 4] + "Mail".utf8 + [0xc0, 12])
        message.record(type: 2, [2] + "ns".utf8 + [0xc0, 12])
        message.record(type: 1, [192, 0, 2, 1])
        let fields = overUDP((message.bytes, .toClient)).transactions.first
        #expect(fields?["dns.answer.rdata"] == ["10 mail.a.example"])
        #expect(fields?["dns.authorities.rrname"] == ["a.example"])
        #expect(fields?["dns.additionals.rrname"] == ["a.example"])
        #expect(
            fields?["dns.response.rrname"] == [
                "a.example", "a.example", "Mail.a.example", "a.example", "ns.a.example",
                "a.example",
            ])
    }

    @Test func `extensions say size, flags, upper bits of the code, and whose network asks`() {
        var message = DNSMaker(flags: 0x8181, additionals: 1)
        message.question("a.example")
        message.bytes += [0, 0, 41, 0x04, 0xd0, 1, 0, 0x80, 0, 0, 11]
        message.bytes += [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]
        let fields = overUDP((message.bytes, .toClient)).transactions.first
        #expect(fields?["dns.edns.payload_size"] == ["1232"])
        #expect(fields?["dns.edns.version"] == ["0"])
        #expect(fields?["dns.edns.do"] == ["1"])
        #expect(fields?["dns.edns.client_subnet"] == ["192.0.2.0/24"])
        #expect(fields?["dns.rcode"] == ["17"])
        #expect(fields?["dns.rcode.name"] == ["BADKEY"])
        #expect(fields?["dns.additionals.rrname"] == nil)
    }

    // MARK: Anomalies

    @Test func `a name that points at itself is an infinite loop`() {
        var message = DNSMaker(flags: 0x8180, answers: 1)
        message.question("a.example")
        message.bytes += [
            0xc0, UInt8(message.bytes.count), 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4,
        ]
        let harness = overUDP((message.bytes, .toClient))
        #expect(harness.anomalies == ["infinite_loop"])
        #expect(harness.transactions.first?["dns.answer.rdata"] == ["1.2.3.4"])
    }

    @Test(arguments: [(4, "name_too_long", 1025), (1, "too_many_labels", 509)])
    func `a name without end is cut`(labelByteCount: Int, anomaly: String, byteCount: Int) {
        var message = DNSMaker(flags: 0x0100)
        let label = [UInt8(labelByteCount)] + Array(repeating: 0x61, count: labelByteCount)
        for _ in 0..<300 { message.bytes += label }
        message.bytes += [0, 0, 1, 0, 1]
        for port in [53, 9999] as [UInt16] {
            let harness = overUDP((message.bytes, .toServer), port: port)
            #expect(harness.anomalies == [anomaly])
            #expect(harness.transactions.first?["dns.query"]?.first?.utf8.count == byteCount)
        }
    }

    @Test func `odd headers have names`() {
        let query = DNSMaker.query("a.example", id: 1)
        var opcode = query
        opcode[2] = 0x38
        var reserved = query
        reserved[3] = 0x40
        let harness = overUDP(
            (query, .toServer), (opcode, .toServer), (reserved, .toServer), (query, .toClient),
            (DNSMaker.response("b.example", id: 9, [[1, 2, 3, 4]]), .toServer),
            (Array(query.prefix(20)), .toServer), (Array(query.prefix(7)), .toServer))
        #expect(
            harness.anomalies == [
                "invalid_opcode", "z_flag_set", "not_response", "not_request", "malformed_data",
                "malformed_data",
            ])
    }

    @Test func `records beyond the limit are not read`() {
        var message = DNSMaker(flags: 0x8180, answers: 1100)
        message.question("a.example")
        for _ in 0..<1100 { message.record(type: 1, [1, 2, 3, 4]) }
        let harness = overUDP((message.bytes, .toClient))
        #expect(harness.anomalies == ["too_many_records"])
        #expect(harness.transactions.first?["dns.answer.rdata"]?.count == 1023)
    }

    @Test func `values beyond the memory limit are not kept`() {
        let name = (0..<15).map { _ in String(repeating: "x", count: 15) }.joined(separator: ".")
        var message = DNSMaker(flags: 0x8180, answers: 1000)
        message.question(name)
        for _ in 0..<1000 { message.record(type: 5, [0xc0, 12]) }
        let harness = overUDP((message.bytes, .toClient))
        #expect(harness.anomalies == ["too_many_records"])
        #expect(harness.transactions[0]["dns.answer.rdata"]!.count < 300)
    }

    // MARK: TCP

    private let conversation: [([UInt8], Direction)] = [
        (
            DNSMaker.framed(DNSMaker.query("a.example", id: 1))
                + DNSMaker.framed(DNSMaker.query("b.example", id: 2, type: 16)), .toServer
        ),
        ([0, 0], .toServer),
        (
            DNSMaker.framed(DNSMaker.response("a.example", id: 1, [[192, 0, 2, 1]]))
                + DNSMaker.framed(
                    DNSMaker.response("b.example", id: 2, type: 16, [[3] + "txt".utf8])),
            .toClient
        ),
        (DNSMaker.framed(DNSMaker.query("c.example", id: 3)), .toServer),
    ]

    private func overTCP(_ pieces: () -> Int) -> ParserHarness {
        let harness = ParserHarness(serverPort: 53)
        harness.send(conversation, pieces: pieces)
        harness.finish()
        return harness
    }

    @Test func `a stream gives the same however it is cut`() {
        let whole = overTCP { .max }
        #expect(whole.transactions.count == 3)
        #expect(whole.transactions.map { $0["dns.answer.rdata"] } == [["192.0.2.1"], ["txt"], nil])
        #expect(whole.anomalies.isEmpty)
        for size in 1...40 { #expect(overTCP { size }.lines == whole.lines) }
        var numbers = SeededNumbers(seed: 1)
        for _ in 0..<50 {
            #expect(overTCP { Int.random(in: 1...60, using: &numbers) }.lines == whole.lines)
        }
    }

    @Test func `behind a gap the next message start is taken up`() {
        let harness = ParserHarness(serverPort: 53)
        let query = DNSMaker.framed(DNSMaker.query("a.example", id: 1))
        harness.send(query + query.dropLast(4), .toServer)
        harness.sendGap(50, .toServer)
        harness.send(Array("middle of something".utf8), .toServer)
        harness.send(DNSMaker.framed(DNSMaker.query("b.example", id: 2)), .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["dns.query"] } == [["a.example"], ["b.example"]])
    }

    @Test func `behind a gap the same messages are found however the bytes are cut`() {
        let message = DNSMaker.framed(DNSMaker.query("b.example", id: 2))
        let bytes = Array("\u{0}\u{20}the rest of a message".utf8) + message + message
        for size in 1...bytes.count {
            let harness = ParserHarness(serverPort: 53)
            harness.send(DNSMaker.framed(DNSMaker.query("a.example", id: 1)), .toServer)
            harness.sendGap(50, .toServer)
            for start in stride(from: 0, to: bytes.count, by: size) {
                harness.send(Array(bytes[start..<min(bytes.count, start + size)]), .toServer)
            }
            harness.finish()
            #expect(
                harness.transactions.map { $0["dns.query"] }
                    == [["a.example"], ["b.example"], ["b.example"]])
        }
    }

    @Test func `a query behind the end of the server's answers waits for none`() {
        let harness = ParserHarness(serverPort: 53)
        harness.send(DNSMaker.framed(DNSMaker.query("a.example")), .toServer)
        harness.end(.toClient)
        harness.send(DNSMaker.framed(DNSMaker.query("b.example")), .toServer)
        #expect(harness.transactions.count == 2)
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `a message cut by the end of the stream is malformed`() {
        let harness = ParserHarness(serverPort: 53)
        let response = DNSMaker.response("a.example", [[192, 0, 2, 1]])
        harness.send(DNSMaker.framed(response).dropLast(1), .toClient)
        harness.finish()
        #expect(harness.anomalies == ["malformed_data"])
    }

    // MARK: Relatives

    @Test func `multicast messages stand alone and keep their case`() {
        var message = DNSMaker(id: 0, flags: 0x8400, questions: 0, answers: 1)
        message.name("_companion-link._tcp.local")
        message.bytes += [0, 12, 0x80, 1, 0, 0, 0, 120, 0, 12, 9] + "John's PC".utf8 + [0xc0, 12]
        let harness = ParserHarness(transport: .udp, clientPort: 5353, serverPort: 5353)
        harness.send(message.bytes, .toServer)
        #expect(harness.sessions.definition(of: harness.flow)?.name == "mdns")
        let fields = harness.transactions.first
        #expect(fields?["mdns.answer.rdata"] == ["john's pc._companion-link._tcp.local"])
        #expect(
            fields?["mdns.response.rrname"] == [
                "_companion-link._tcp.local", "John's PC._companion-link._tcp.local",
            ])
        #expect(harness.anomalies.isEmpty)
    }

    @Test func `port 5355 speaks LLMNR`() {
        let harness = overUDP((DNSMaker.query("host"), .toServer), port: 5355)
        #expect(harness.transactions.first?["llmnr.query"] == ["host"])
        #expect(harness.transactions.first?["llmnr.query.domain"] == ["host"])
    }

    // MARK: Detection

    @Test func `queries are found on any port, other datagrams are not`() {
        func found(_ bytes: [UInt8], port: UInt16) -> String? {
            let harness = overUDP((bytes, .toServer), port: port)
            return harness.sessions.definition(of: harness.flow)?.name
        }
        let query = DNSMaker.query("a.example")
        #expect(found(query, port: 9999) == "dns")
        #expect(found(Array(query.dropLast(3)), port: 9999) == nil)
        #expect(found(Array(query.dropLast(3)), port: 53) == "dns")
        #expect(found(Array(repeating: 0, count: 40), port: 9999) == nil)
        let netBIOS = DNSMaker.query("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", type: 33)
        #expect(found(netBIOS, port: 137) == nil)
        #expect(found(Array("M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n".utf8), port: 53) == nil)
    }

    @Test func `random datagrams are not taken for DNS`() {
        var numbers = SeededNumbers(seed: 7)
        for _ in 0..<2000 {
            let bytes = (0..<40).map { _ in UInt8.random(in: 0...255, using: &numbers) }
            let context = DetectionContext(direction: .toServer, isDatagram: true)
            #expect(DNSDetection.detect(bytes.span.bytes, context) == .no)
        }
    }

    // MARK: Robustness

    private static let richResponse: [UInt8] = {
        var message = DNSMaker(flags: 0x8180, answers: 6, authorities: 1, additionals: 1)
        message.question("www.example.com", type: 255)
        message.record(type: 1, [192, 0, 2, 1])
        message.record(
            type: 6, [UInt8](hex: "c00c0168c00c0000000100000002000000030000000400000005"))
        message.record(type: 65, [UInt8](hex: "000100000100060268320268330003000201bb"))
        message.record(type: 35, [UInt8](hex: "000100020155025350012100"))
        message.record(type: 46, [UInt8](hex: "000108020000012c000000020000000130390161c00c0102"))
        message.record(type: 47, [UInt8](hex: "016ec00c0006400000000003"))
        message.record(type: 2, [2, 110, 115, 0xc0, 12])
        message.bytes += [
            0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 1, 2, 3,
        ]
        return message.bytes
    }()

    @Test func `a message cut anywhere keeps what was read`() {
        for count in 0..<Self.richResponse.count {
            let harness = overUDP((Array(Self.richResponse.prefix(count)), .toClient))
            if count >= 30 { #expect(harness.transactions.count == 1) }
            if count >= 12 { #expect(harness.anomalies.count <= 1) }
        }
    }

    @Test func `damaged messages do no harm`() {
        var numbers = SeededNumbers(seed: 42)
        for round in 0..<1500 {
            let bytes = Self.richResponse.mutated(&numbers)
            let harness = ParserHarness(
                transport: round % 2 == 0 ? .udp : .tcp, serverPort: round % 3 == 0 ? 5353 : 53)
            harness.send(round % 2 == 0 ? bytes : DNSMaker.framed(bytes), .toClient)
            harness.send(DNSMaker.query("a.example").mutated(&numbers), .toServer)
            harness.finish()
            harness.release()
        }
    }

    @Test(arguments: [
        ("example.com", "example.com"), ("a.b.example.com", "example.com"), ("com", "com"),
        ("", ""), ("a.example.co.uk", "example.co.uk"), ("co.uk", "co.uk"),
        ("x.y.com.au", "y.com.au"), ("www.web.de", "web.de"), ("a.co.example", "co.example"),
        ("1.2.in-addr.arpa", "in-addr.arpa"),
    ])
    func `the registrable domain is what one buys`(name: String, domain: String) {
        let offset = Array(name.utf8).withUnsafeBytes { DNSName.registrableDomainOffset($0) }
        #expect(String(name.dropFirst(offset)) == domain)
    }
}
