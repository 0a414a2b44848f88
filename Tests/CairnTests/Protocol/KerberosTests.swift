import Testing

@testable import Cairn

/// Builds Kerberos messages for tests.
enum KerberosMaker {
    static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        switch content.count {
        case 0..<128: [tag, UInt8(content.count)] + content
        case 128..<256: [tag, 0x81, UInt8(content.count)] + content
        default: [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
        }
    }

    /// `[number]` with one element in it.
    static func part(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        element(0xa0 | number, content)
    }

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, Array(parts.joined())) }

    static func integer(_ value: Int) -> [UInt8] {
        var bytes = [UInt8(truncatingIfNeeded: value)]
        var rest = value >> 8
        while rest != 0, rest != -1 {
            bytes.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        if (value < 0) != (bytes[0] & 0x80 != 0) { bytes.insert(value < 0 ? 0xff : 0, at: 0) }
        return element(0x02, bytes)
    }

    static func string(_ text: String) -> [UInt8] { element(0x1b, Array(text.utf8)) }

    static func time(_ text: String) -> [UInt8] { element(0x18, Array(text.utf8)) }

    static func name(_ parts: String...) -> [UInt8] {
        sequence(part(0, integer(1)), part(1, element(0x30, parts.flatMap(string))))
    }

    static func encrypted(_ type: Int) -> [UInt8] {
        sequence(
            part(0, integer(type)), part(1, integer(2)),
            part(2, element(0x04, Array(repeating: 0xee, count: 40))))
    }

    /// A request of type 10 (AS) or 12 (TGS).
    static func request(
        _ type: UInt8, client: [UInt8]? = nil, service: [UInt8], realm: String = "EXAMPLE.COM",
        options: [UInt8] = [0x40, 0x81, 0x00, 0x10], nonce: Int = 0x1234_5678,
        encryptions: [Int] = [18, 17, 23, 24, -135], preauthentication: [Int] = [2, 149]
    ) -> [UInt8] {
        let body = sequence(
            part(0, element(0x03, [0] + options)), client.map { part(1, $0) } ?? [],
            part(2, string(realm)), part(3, service), part(4, time("20240101000000Z")),
            part(5, time("20370913024805Z")), part(6, time("20370913024805Z")),
            part(7, integer(nonce)),
            part(8, element(0x30, encryptions.flatMap(integer))))
        let padata = element(
            0x30,
            preauthentication.flatMap {
                sequence(part(1, integer($0)), part(2, element(0x04, [1, 2, 3])))
            })
        return element(
            0x60 | type,
            sequence(
                part(1, integer(5)), part(2, integer(Int(type))), part(3, padata), part(4, body)))
    }

    /// A reply of type 11 (AS) or 13 (TGS).
    static func reply(
        _ type: UInt8, client: [UInt8], service: [UInt8], realm: String = "EXAMPLE.COM",
        ticket: Int = 18, encryption: Int = 18
    ) -> [UInt8] {
        let ticket = element(
            0x61,
            sequence(
                part(0, integer(5)), part(1, string(realm)), part(2, service),
                part(3, encrypted(ticket))))
        return element(
            0x60 | type,
            sequence(
                part(0, integer(5)), part(1, integer(Int(type))), part(3, string(realm)),
                part(4, client), part(5, ticket), part(6, encrypted(encryption))))
    }

    static func error(_ code: Int, service: [UInt8], text: String? = nil) -> [UInt8] {
        element(
            0x7e,
            sequence(
                part(0, integer(5)), part(1, integer(30)), part(4, time("20240101000001Z")),
                part(5, integer(123_456)), part(6, integer(code)), part(9, string("EXAMPLE.COM")),
                part(10, service), text.map { part(11, string($0)) } ?? []))
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [
            0, UInt8(message.count >> 16), UInt8(message.count >> 8 & 255),
            UInt8(message.count & 255),
        ]
            + message
    }
}

@Suite struct KerberosTests {
    private typealias Maker = KerberosMaker

    static let krbtgt = Maker.name("krbtgt", "EXAMPLE.COM")
    static let asRequest = Maker.request(10, client: Maker.name("alice"), service: krbtgt)
    static let asReply = Maker.reply(11, client: Maker.name("alice"), service: krbtgt)
    static let tgsRequest = Maker.request(
        12, service: Maker.name("cifs", "fs1.example.com"), nonce: 77, preauthentication: [1])
    static let tgsReply = Maker.reply(
        13, client: Maker.name("alice"), service: Maker.name("cifs", "fs1.example.com"),
        ticket: 23)

    private func overUDP(_ messages: ([UInt8], Direction)..., port: UInt16 = 88) -> ParserHarness {
        let harness = ParserHarness(transport: .udp, serverPort: port)
        for (bytes, direction) in messages { harness.send(bytes, direction) }
        harness.finish()
        return harness
    }

    /// A request for a first ticket, byte by byte: no pre-authentication, RC4 alone offered.
    static let literalRequest = [UInt8](
        hex: "6a6b 3069 a103 020105 a203 02010a"
            + "a45d 305b a007 0305 0050800000"
            + "a110 300e a003 020101 a107 3005 1b03 626f62"
            + "a20d 1b0b 4558414d504c452e434f4d"
            + "a320 301e a003 020102 a117 3015 1b06 6b7262746774 1b0b 4558414d504c452e434f4d"
            + "a706 0204 00ffffff a805 3003 020117")

    @Test func `a request for a first ticket has the values of its body`() {
        let harness = overUDP((Self.literalRequest, .toServer))
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions == [
                [
                    "krb5.msg_type.name": ["KRB_AS_REQ"], "krb5.msg_type": ["10"],
                    "krb5.request.msg_type": ["10"],
                    "krb5.request_type": ["AS"], "krb5.client": ["bob/EXAMPLE.COM"],
                    "krb5.client.name": ["bob"], "krb5.cname": ["bob"],
                    "krb5.realm": ["EXAMPLE.COM"], "krb5.service": ["krbtgt/EXAMPLE.COM"],
                    "krb5.sname": ["krbtgt", "EXAMPLE.COM"], "krb5.options": ["0x50800000"],
                    "krb5.forwardable": ["1"], "krb5.renewable": ["1"],
                    "krb5.offered_encryption": ["rc4-hmac"],
                ]
            ])
    }

    @Test func `a request and its ticket are one transaction`() {
        let harness = overUDP((Self.tgsRequest, .toServer), (Self.tgsReply, .toClient))
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions == [
                [
                    "krb5.msg_type.name": ["KRB_TGS_REP"], "krb5.msg_type": ["12", "13"],
                    "krb5.request.msg_type": ["12"], "krb5.response.msg_type": ["13"],
                    "krb5.response.cname": ["alice"],
                    "krb5.response.sname": ["cifs", "fs1.example.com"],
                    "krb5.request_type": ["TGS"], "krb5.client": ["alice/EXAMPLE.COM"],
                    "krb5.client.name": ["alice"], "krb5.cname": ["alice"],
                    "krb5.realm": ["EXAMPLE.COM"], "krb5.service": ["cifs/fs1.example.com"],
                    "krb5.sname": ["cifs", "fs1.example.com"], "krb5.options": ["0x40810010"],
                    "krb5.forwardable": ["1"], "krb5.renewable": ["1"],
                    "krb5.from": ["1704067200"], "krb5.till": ["2136422885"],
                    "krb5.offered_encryption": [
                        "aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "rc4-hmac",
                        "rc4-hmac-exp", "unknown--135",
                    ],
                    "krb5.padata": ["1"], "krb5.success": ["1"],
                    "krb5.encryption": ["aes256-cts-hmac-sha1-96"], "krb5.weak_encryption": ["0"],
                    "krb5.ticket_encryption": ["rc4-hmac"], "krb5.ticket_weak_encryption": ["1"],
                ]
            ])
    }

    @Test func `an error says what failed and why`() throws {
        let harness = overUDP(
            (Self.asRequest, .toServer),
            (Maker.error(24, service: Self.krbtgt, text: "PREAUTH_FAILED"), .toClient))
        let fields = try #require(harness.transactions.first)
        #expect(harness.transactions.count == 1)
        #expect(fields["krb5.msg_type.name"] == ["KRB_ERROR"])
        #expect(fields["krb5.msg_type"] == ["10", "30"])
        #expect(fields["krb5.request_type"] == ["AS"])
        #expect(fields["krb5.failed_request"] == ["KRB_AS_REQ"])
        #expect(fields["krb5.client"] == ["alice/EXAMPLE.COM"])
        #expect(fields["krb5.success"] == ["0"])
        #expect(fields["krb5.error_code"] == ["24"])
        #expect(fields["krb5.error_code.name"] == ["KDC_ERR_PREAUTH_FAILED"])
        #expect(fields["krb5.error_msg"] == ["KDC_ERR_PREAUTH_FAILED", "PREAUTH_FAILED"])
        #expect(fields["krb5.padata"] == ["2", "149"])
    }

    @Test func `an answer alone is a transaction`() {
        let error = Maker.error(-3, service: Self.krbtgt)
        let harness = overUDP((Self.asReply, .toClient), (error, .toClient))
        #expect(harness.transactions.map { $0["krb5.request_type"] } == [["AS"], nil])
        #expect(harness.transactions.map { $0["krb5.failed_request"] } == [nil, nil])
        #expect(harness.transactions[1]["krb5.error_msg"] == ["unknown--3"])
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `answers find the oldest request of their kind`() {
        let harness = overUDP(
            (Self.asRequest, .toServer), (Self.tgsRequest, .toServer), (Self.tgsReply, .toClient),
            (Self.asReply, .toClient))
        #expect(harness.transactions.map { $0["krb5.msg_type"] } == [["12", "13"], ["10", "11"]])
    }

    @Test func `a request that is sent again is the same request`() {
        let harness = overUDP(
            (Self.asRequest, .toServer), (Self.asRequest, .toServer), (Self.asReply, .toClient))
        #expect(harness.transactions.map { $0["krb5.msg_type"] } == [["10", "11"]])
    }

    @Test func `a reply in a weak cipher is odd`() {
        let reply = Maker.reply(
            11, client: Maker.name("alice"), service: Self.krbtgt, encryption: 3)
        let harness = overUDP((Self.asRequest, .toServer), (reply, .toClient))
        #expect(harness.anomalies == ["weak_encryption"])
        #expect(harness.transactions.first?["krb5.encryption"] == ["des-cbc-md5"])
        #expect(harness.transactions.first?["krb5.weak_encryption"] == ["1"])
    }

    @Test func `it is recognised at any port and from either end`() {
        #expect(overUDP((Self.asRequest, .toServer), port: 9999).transactions.count == 1)
        let reversed = overUDP((Self.asRequest, .toClient), (Self.asReply, .toServer), port: 9999)
        #expect(reversed.sessions.isReversed(reversed.flow))
        #expect(reversed.transactions.map { $0["krb5.msg_type"] } == [["10", "11"]])
        for message in [
            Array(Self.asRequest.prefix(8)), [0x6a], [0x6a, 0x80, 0x30],
            [0x6a, 0x0b, 0x30, 0x09, 0xa1, 0x03, 0x02, 0x01, 0x04, 0xa2, 0x03, 0x02, 0x01],
        ] {
            #expect(overUDP((message, .toServer)).transactions.isEmpty)
        }
    }

    @Test func `more requests than may wait give up the oldest`() {
        var limits = ProtocolLimits()
        limits.openTransactionCountMax = 2
        let harness = ParserHarness(transport: .udp, serverPort: 88, limits: limits)
        for nonce in 1...3 {
            harness.send(
                Maker.request(
                    10, client: Maker.name("user\(nonce)"), service: Self.krbtgt, nonce: nonce),
                .toServer)
        }
        #expect(harness.anomalies == ["flooded"])
        #expect(harness.transactions.map { $0["krb5.cname"] } == [["user1"]])
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
    }

    // MARK: TCP

    static let conversation: [([UInt8], Direction)] = [
        (Maker.framed(asRequest), .toServer),
        ([0, 0, 0, 0], .toClient),
        (Maker.framed(asReply), .toClient),
        (Maker.framed(tgsRequest) + Maker.framed(literalRequest), .toServer),
        (Maker.framed(tgsReply) + Maker.framed(Maker.error(6, service: krbtgt)), .toClient),
    ]

    private func overTCP(_ pieces: () -> Int) -> ParserHarness {
        let harness = ParserHarness(serverPort: 88)
        harness.send(Self.conversation, pieces: pieces)
        harness.finish()
        return harness
    }

    @Test func `a stream gives the same however it is cut`() {
        let whole = overTCP { .max }
        #expect(
            whole.transactions.map { $0["krb5.msg_type"] } == [
                ["10", "11"], ["12", "13"], ["10", "30"],
            ])
        #expect(whole.anomalies == ["malformed_data"], "the empty message")
        for size in 1...40 { #expect(overTCP { size }.lines == whole.lines) }
        var numbers = SeededNumbers(seed: 1)
        for _ in 0..<20 {
            #expect(overTCP { Int.random(in: 1...200, using: &numbers) }.lines == whole.lines)
        }
    }

    @Test func `a message that is too long is passed over`() {
        let harness = ParserHarness(serverPort: 88)
        let limit = KerberosParser.messageByteCountMax
        harness.send(Maker.framed(Self.asRequest), .toServer)
        harness.send(
            Maker.framed(Array(repeating: 0x6c, count: limit + 1)) + Maker.framed(Self.tgsRequest),
            .toServer)
        harness.finish()
        #expect(harness.anomalies == ["message_too_long"])
        #expect(harness.transactions.map { $0["krb5.request_type"] } == [["AS"], ["TGS"]])
    }

    @Test func `behind a gap reading begins again where a message does`() {
        let harness = ParserHarness(serverPort: 88)
        harness.send(Maker.framed(Self.asRequest), .toServer)
        harness.sendGap(100, .toServer)
        harness.send([1, 2, 3], .toServer)
        harness.send(Maker.framed(Self.tgsRequest), .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["krb5.request_type"] } == [["AS"], ["TGS"]])
        #expect(harness.anomalies.isEmpty)
    }

    @Test func `a request behind the server's end waits for nothing`() {
        let harness = ParserHarness(serverPort: 88)
        harness.send(Maker.framed(Self.asRequest), .toServer)
        let end = StreamChunk(
            kind: .end, direction: .toClient, offset: 0,
            bytes: UnsafeRawBufferPointer(start: nil, count: 0))
        harness.sessions.consume(end, flow: harness.flow, output: harness.output)
        harness.send(Maker.framed(Self.tgsRequest), .toServer)
        harness.finish()
        #expect(harness.transactions.count == 2)
        #expect(harness.output.openTransactionCount == 0)
    }

    // MARK: Robustness

    @Test func `a message cut anywhere keeps what was read`() {
        for message in [Self.asRequest, Self.tgsReply, Maker.error(25, service: Self.krbtgt)] {
            let direction: Direction = message[0] == 0x6a ? .toServer : .toClient
            for count in 30..<message.count {
                let harness = ParserHarness(transport: .udp, serverPort: 88)
                harness.send(Self.asRequest, .toServer)
                harness.send(Self.asReply, .toClient)
                harness.send(Array(message.prefix(count)), direction)
                harness.finish()
                #expect(harness.transactions.count == 2)
                #expect(harness.anomalies == ["malformed_data"])
            }
        }
    }

    @Test func `mutated messages do no harm`() {
        var numbers = SeededNumbers(seed: 2)
        let messages = [
            (Self.asRequest, Direction.toServer), (Self.asReply, .toClient),
            (Self.tgsRequest, .toServer), (Self.tgsReply, .toClient),
            (Maker.error(24, service: Self.krbtgt, text: "words"), .toClient),
        ]
        for round in 0..<2000 {
            let isUDP = round % 2 == 0
            let harness = ParserHarness(transport: isUDP ? .udp : .tcp, serverPort: 88)
            harness.send(isUDP ? Self.asRequest : Maker.framed(Self.asRequest), .toServer)
            for (message, direction) in messages {
                let mutated = message.mutated(&numbers)
                harness.send(
                    isUDP ? mutated : Maker.framed(mutated).mutated(&numbers), direction)
            }
            harness.finish()
            #expect(harness.output.openTransactionCount == 0)
        }
    }

    // MARK: Rules and events

    @Test func `Zeek's names mean the same`() throws {
        let subject = try #require(FieldRegistry.subject(named: "kerberos"))
        for (name, expected) in [
            ("request_type", "krb5.request_type"), ("client", "krb5.client"),
            ("service", "krb5.service"), ("cipher", "krb5.ticket_encryption"),
            ("error_msg", "krb5.error_msg"), ("success", "krb5.success"), ("till", "krb5.till"),
        ] {
            let field = try #require(FieldRegistry.field(named: name, subject: subject))
            #expect(FieldRegistry.definition(of: field).name == expected)
        }
    }

    @Test func `a rule in Zeek's words fires, and its records are as their schemas say`() throws {
        let rule = """
            title: Service ticket in RC4
            logsource: {product: zeek, service: kerberos}
            detection:
              ticket: {request_type: TGS, cipher: rc4-hmac}
              computer: {service|startswith: $}
              condition: ticket and not computer
            """
        var writer = TrafficWriter()
        writer.udp(
            client: .init(address: IPAddress("10.0.0.5") ?? .zero, port: 40_000),
            server: .init(address: IPAddress("10.0.0.1") ?? .zero, port: 88),
            turns: [
                .init(direction: .toServer, bytes: Self.asRequest),
                .init(direction: .toClient, bytes: Self.asReply),
                .init(direction: .toServer, bytes: Self.tgsRequest),
                .init(direction: .toClient, bytes: Self.tgsReply),
            ], at: .epoch)
        var options = EngineOptions()
        options.writesAlerts = true
        options.writesEvents = true
        var records: [RecordKind: [UInt8]] = [:]
        _ = Engine(rules: RuleFixtures.load(rule), options: options).run(
            EngineSource(ScriptedSource(writer.framesInTimeOrder))
        ) { records[$0, default: []] += $1 }
        let schema = try JSONSchema(named: "event")
        let events = (records[.event] ?? []).split(separator: UInt8(ascii: "\n"))
        #expect(events.compactMap { JSONValue(parsing: $0)?["krb5"] }.count == 2)
        for event in events { #expect(schema.problems(in: event) == []) }
        let alerts = (records[.alert] ?? []).split(separator: UInt8(ascii: "\n"))
        #expect(alerts.count == 1)
        for alert in alerts { #expect(try JSONSchema(named: "alert").problems(in: alert) == []) }
    }

    @Test func `an event has the members of Suricata's`() {
        let output = ParserOutput()
        let parser = KerberosParser()
        Self.tgsRequest.withUnsafeBytes {
            parser.parseDatagram($0.bytes, .toServer, into: output)
        }
        Self.tgsReply.withUnsafeBytes { parser.parseDatagram($0.bytes, .toClient, into: output) }
        var writer = JSONWriter()
        writer.beginObject()
        output.events.last?.transaction?.writeMember(into: &writer)
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"krb5":{"msg_type":"KRB_TGS_REP","cname":"alice","realm":"EXAMPLE.COM","#
                + #""sname":"cifs/fs1.example.com","encryption":"aes256-cts-hmac-sha1-96","#
                + #""weak_encryption":false,"ticket_encryption":"rc4-hmac","#
                + #""ticket_weak_encryption":true}}"#)
    }
}
