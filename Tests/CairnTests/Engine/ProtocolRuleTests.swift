import Testing

@testable import Cairn

/// Suricata rules on what protocols say in either direction. The counts are those of Suricata 7.0.10 on such traffic.
@Suite struct ProtocolRuleTests {
    private typealias Turn = RuleRun.Turn

    /// How often a rule fires.
    private static func count(
        _ rule: String, _ frames: [TrafficWriter.TimedFrame]
    ) throws -> Int {
        try RuleRun.alerts("alert \(rule) sid:1;)\n", frames)[1, default: 0]
    }

    // MARK: Which direction speaks what

    /// A server whose banner tells nothing, and a client that speaks FTP.
    private static let ftp = RuleRun.conversation(
        [
            turn(.toClient, "220 files of example.com are ready\r\n"),
            turn(.toServer, "USER anonymous\r\n"), turn(.toClient, "331 Password required\r\n"),
            turn(.toServer, "PASS a@example.com\r\n"), turn(.toClient, "230 Logged in\r\n"),
        ], port: 21)

    /// Nobody knows what is spoken; the client says too little to tell that it cannot be anything known.
    private static let unknown = RuleRun.conversation(
        [
            turn(.toServer, "\u{1}\u{2}\u{3}"),
            turn(.toClient, "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\u{9}\u{a}"),
        ], port: 4000)

    @Test(arguments: [
        ("app-layer-protocol:ftp;", 1), ("app-layer-protocol:failed;", 1),
        ("app-layer-protocol:!ftp;", 1), ("app-layer-protocol:!http;", 2),
        ("flow:to_client; app-layer-protocol:failed;", 1),
        ("flow:to_server; app-layer-protocol:ftp;", 1),
    ])
    func `a direction can be nothing known though the other is`(
        options: String, count: Int
    ) throws {
        #expect(try Self.count("tcp any any -> any any (\(options)", Self.ftp) == count)
    }

    @Test func `what said too little has not failed`() throws {
        let rule = "tcp any any -> any any (app-layer-protocol:failed;"
        #expect(try Self.count(rule, Self.unknown) == 0)
    }

    @Test(arguments: [
        ([16, -40], 0), ([17, -7], 0), ([17, -8], 2), ([-40, 17], 2), ([10, -8, 6], 0),
        ([10, -8, 7], 2), ([10, -4, 7, -4], 2), ([40], 0),
    ])
    func `nobody knows what is spoken once both sides have said enough to tell`(
        byteCounts: [Int], count: Int
    ) throws {
        let turns = byteCounts.map { count in
            Turn(
                direction: count > 0 ? .toServer : .toClient,
                bytes: Array(repeating: 1, count: abs(count)))
        }
        let rule = "tcp any any -> any any (app-layer-protocol:failed;"
        #expect(try Self.count(rule, RuleRun.conversation(turns, port: 4000)) == count)
    }

    @Test func `an empty datagram is nothing known, and what follows may be`() throws {
        let turns = [[], Self.query, Self.query].map { Turn(direction: .toServer, bytes: $0) }
        let frames = RuleRun.datagrams(turns, port: 53)
        #expect(
            try Self.count("udp any any -> any any (app-layer-protocol:failed;", frames) == 1)
        #expect(try Self.count("udp any any -> any any (app-layer-protocol:dns;", frames) == 1)
    }

    // MARK: Requests with their answers

    private static let query = [UInt8](
        hex: "1234 0100 0001 0000 0000 0000 01 61 07 6578616d706c65 00 0001 0001")
    private static let answer = [UInt8](
        hex: "1234 8180 0001 0000 0000 0000 01 61 07 6578616d706c65 00 0001 0001")

    @Test(arguments: [
        ("dns.opcode:0;", 2, 1), ("flow:to_server; dns.opcode:0;", 1, 1),
        ("flow:to_client; dns.opcode:0;", 1, 0), ("dns.opcode:!0;", 0, 0),
        ("dns.opcode:0; dns.query; content:\"a\";", 1, 1),
    ])
    func `each DNS message has an operation`(
        options: String, count: Int, withoutAnswer: Int
    ) throws {
        let turns = [
            Turn(direction: .toServer, bytes: Self.query),
            Turn(direction: .toClient, bytes: Self.answer),
        ]
        let rule = "dns any any -> any any (\(options)"
        #expect(try Self.count(rule, RuleRun.datagrams(turns, port: 53)) == count)
        let asked = RuleRun.datagrams(Array(turns.prefix(1)), port: 53)
        #expect(try Self.count(rule, asked) == withoutAnswer)
    }

    @Test(arguments: [
        ("krb5_msg_type:10;", 1), ("krb5_msg_type:11;", 1),
        ("flow:to_client; krb5_msg_type:10;", 0),
        ("flow:to_client; krb5_msg_type:11;", 1), ("krb5.cname; content:\"alice\";", 1),
        ("krb5.sname; content:\"krbtgt\";", 1), ("krb5.cname; content:\"bob\";", 0),
    ])
    func `Kerberos messages have a type each, and names in answers`(
        options: String, count: Int
    ) throws {
        let turns = [
            Turn(direction: .toServer, bytes: KerberosTests.asRequest),
            Turn(direction: .toClient, bytes: KerberosTests.asReply),
        ]
        let frames = RuleRun.datagrams(turns, port: 88)
        #expect(try Self.count("krb5 any any -> any any (\(options)", frames) == count)
    }

    private static let calls = RuleRun.conversation(
        [
            Turn(
                direction: .toServer,
                bytes: DCERPCMaker.bind(call: 1, [(0, DCERPCMaker.svcctl, 2)])),
            Turn(direction: .toClient, bytes: DCERPCMaker.bindAck(call: 1, [0])),
            Turn(
                direction: .toServer, bytes: DCERPCMaker.request(call: 2, opnum: 12, [1, 2, 3, 4])),
            Turn(direction: .toClient, bytes: DCERPCMaker.response(call: 2, [5, 6, 7, 8])),
            Turn(
                direction: .toServer, bytes: DCERPCMaker.request(call: 3, opnum: 15, [1, 2, 3, 4])),
        ], port: 135)

    @Test(arguments: [
        ("dcerpc.opnum:12;", 2), ("dcerpc.opnum:12,15;", 4),
        ("flow:to_client; dcerpc.opnum:12;", 1),
        ("flow:to_server; dcerpc.opnum:12-15;", 2), ("dcerpc.opnum:13;", 0),
        ("flow:to_client; dcerpc.iface:\(DCERPCMaker.svcctl); dcerpc.opnum:12;", 1),
        ("flow:to_server; dcerpc.iface:\(DCERPCMaker.samr);", 0),
    ])
    func `what a call is for counts for its answer too`(options: String, count: Int) throws {
        #expect(try Self.count("dcerpc any any -> any any (\(options)", Self.calls) == count)
        #expect(try Self.count("smb any any -> any any (\(options)", Self.calls) == 0)
    }

    private static let share = RuleRun.conversation(
        [
            Turn(direction: .toServer, bytes: SMBMaker.negotiate([0x0210])),
            Turn(direction: .toClient, bytes: SMBMaker.negotiateResponse(0x0210)),
            Turn(direction: .toServer, bytes: SMBMaker.treeConnect("\\\\a\\IPC$", id: 1)),
            Turn(
                direction: .toClient, bytes: SMBMaker.treeResponse(2, tree: 1, id: 1)),
        ], port: 445)

    @Test(arguments: [
        ("smb.named_pipe; content:\"IPC$\"; endswith;", 1), ("smb.share; content:\"IPC$\";", 0),
    ])
    func `a share of pipes is named as such`(options: String, count: Int) throws {
        #expect(try Self.count("smb any any -> any any (\(options)", Self.share) == count)
    }

    // MARK: TLS

    private typealias Maker = TLSMaker

    private static let sealed = Maker.record(Array(repeating: 0xee, count: 40))

    /// A handshake of TLS 1.2, a packet for each message of note.
    private static let handshakeTurns = [
        Turn(direction: .toServer, bytes: Maker.record(Maker.exampleClient)),
        Turn(direction: .toClient, bytes: Maker.record(Maker.serverHello())),
        Turn(
            direction: .toClient,
            bytes: Maker.record(Maker.message(12, [1, 2, 3]) + Maker.message(14, []))),
        Turn(
            direction: .toServer,
            bytes: Maker.record(Maker.message(16, [1, 2, 3])) + Maker.changeCipher + sealed),
        Turn(direction: .toClient, bytes: Maker.changeCipher + sealed),
    ]

    private static let handshake = RuleRun.conversation(
        handshakeTurns + [Turn(direction: .toServer, bytes: Maker.applicationData)], port: 443)

    @Test(arguments: [
        "tls.cert_serial; content:\"00:A1:b2:c3\";", "tls.cert_serial; content:\"00:A1:B2:C3\";",
        "tls.cert_serial; to_lowercase; content:\"a1:b2\";",
    ])
    func `serial numbers are found whatever the case of a rule`(options: String) throws {
        let frames = RuleRun.conversation(
            [
                Turn(direction: .toServer, bytes: Maker.record(Maker.exampleClient)),
                Turn(
                    direction: .toClient,
                    bytes: Maker.record(
                        Maker.serverHello() + Maker.certificates([Maker.certificate])
                            + Maker.message(14, []))),
            ], port: 443)
        #expect(try Self.count("tls any any -> any any (\(options)", frames) == 1)
    }

    /// How often rules hold on a handshake, and on one with data behind it, that end in each way. What is encrypted ends
    /// like any other connection; the counts are those of Suricata 7.0.10 on the same packets.
    @Test(arguments: [
        ("tls any any -> any any (", [13, 11, 11, 17, 15, 15]),
        ("tls any any -> any any (flow:to_client;", [7, 6, 6, 9, 8, 8]),
        ("tls any any -> any any (flow:established;", [12, 9, 10, 16, 13, 14]),
        ("tcp any any -> any any (tls.store;", [13, 11, 11, 17, 15, 15]),
        ("tcp any any -> any any (flow:established;", [13, 10, 11, 17, 14, 15]),
        ("tcp any any -> any any (content:\"|ee ee|\";", [2, 2, 2, 2, 2, 2]),
        ("tcp any any -> any any (dsize:>0;", [5, 5, 5, 6, 6, 6]),
        ("tls any any -> any any (flags:F+;", [2, 0, 0, 2, 0, 0]),
        ("tcp any any -> any any (app-layer-protocol:tls;", [2, 2, 2, 2, 2, 2]),
    ])
    func `the end of an encrypted flow`(rule: String, counts: [Int]) throws {
        let data = [
            Turn(direction: .toServer, bytes: Maker.applicationData),
            Turn(direction: .toClient, bytes: Maker.applicationData),
        ]
        let found = try [Self.handshakeTurns, Self.handshakeTurns + data].flatMap { turns in
            try [TrafficWriter.Ending.fin, .open, .reset].map {
                try Self.count(rule, RuleRun.conversation(turns, port: 443, ending: $0))
            }
        }
        #expect(found == counts)
    }

    @Test(arguments: [
        ("flow:to_server; ssl_state:client_hello;", 0),
        ("flow:to_client; ssl_state:client_hello;", 1),
        ("flow:to_server; ssl_state:server_hello;", 1),
        ("flow:to_client; ssl_state:server_hello;", 1),
        ("flow:to_server; ssl_state:server_keyx;", 1),
        ("flow:to_client; ssl_state:client_keyx;", 1),
        ("ssl_state:client_hello;", 1), ("ssl_state:server_hello;", 2),
        ("ssl_state:client_hello|server_hello;", 2), ("ssl_state:client_keyx,server_keyx;", 2),
        ("flow:to_client; ssl_state:!client_hello;", 1), ("ssl_state:unknown;", 0),
        ("flow:to_server; ssl_state:!server_hello,!server_keyx;", 1),
    ])
    func `packets meet a handshake as far as it is`(options: String, count: Int) throws {
        #expect(try Self.count("tls any any -> any any (\(options)", Self.handshake) == count)
    }

    @Test(arguments: [
        ("tls.random; bsize:32;", 2), ("tls.random_time; bsize:4;", 2),
        ("tls.random_bytes; bsize:28;", 2),
        ("flow:to_server; tls.random_time; content:\"|00 01 02 03|\";", 1),
        ("flow:to_client; tls.random_bytes; content:\"|07 07|\"; startswith;", 1),
    ])
    func `both hellos have random bytes`(options: String, count: Int) throws {
        #expect(try Self.count("tls any any -> any any (\(options)", Self.handshake) == count)
    }

    @Test func `what a client sends before the end of the handshake hides payload, too`() throws {
        let finished = Maker.record(Array(repeating: 0xee, count: 40))
        let frames = RuleRun.conversation(
            [
                Turn(direction: .toServer, bytes: Maker.record(Maker.exampleClient)),
                Turn(direction: .toClient, bytes: Maker.record(Maker.serverHello())),
                Turn(
                    direction: .toServer,
                    bytes: Maker.changeCipher + finished + Maker.applicationData),
                Turn(direction: .toClient, bytes: Maker.changeCipher + finished),
            ], port: 443)
        #expect(try Self.count("tcp any any -> any any (flow:to_client; dsize:>0;", frames) == 1)
    }

    // MARK: HTTP

    private static let chunkedHead =
        "HTTP/1.1 200 OK\r\nServer: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"

    /// A request whose response comes in segments.
    private static func response(_ segments: [String]) -> [TrafficWriter.TimedFrame] {
        RuleRun.conversation(
            [turn(.toServer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")]
                + segments.map { turn(.toClient, $0) })
    }

    @Test(arguments: [
        ("flow:to_client; http.header; content:\"Server\";", 2),
        ("http.header; content:\"Server\"; http.stat_code; content:\"200\";", 2),
        ("http.header; content:\"a\"; http.stat_msg; content:\"OK\";", 2),
        ("http.header; content:\"Server\"; http.stat_msg; content:\"OK\"; fast_pattern;", 1),
        ("http.header; content:\"Server\"; http.header_names; content:\"|0d 0a|Server\";", 1),
        ("flow:to_client; http.header; pcre:\"/Server/\";", 1),
        ("http.server; content:\"a\";", 1),
        ("flow:to_client; http.header; content:\"Server\"; file.data; content:\"hello\";", 1),
        ("flow:to_server; http.header; content:\"Host\";", 1),
    ])
    func `headers are looked at again behind chunks`(options: String, count: Int) throws {
        let rule = "http any any -> any any (\(options)"
        let chunked = Self.response([Self.chunkedHead, "0\r\n\r\n"])
        #expect(try Self.count(rule, chunked) == count)
        let request =
            "POST / HTTP/1.1\r\nHost: a\r\nServer: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
        let posted = RuleRun.conversation([
            turn(.toServer, request), turn(.toServer, "0\r\n\r\n"),
        ])
        let toServer = "http any any -> any any (flow:to_server; http.header; content:\"Server\";"
        #expect(try Self.count(toServer, posted) == 1)
        let atOnce = Self.response([Self.chunkedHead + "0\r\n\r\n"])
        #expect(try Self.count(rule, atOnce) == 1)
        let sized = "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 10\r\n\r\nhello"
        #expect(try Self.count(rule, Self.response([sized, "12345"])) == 1)
    }

    // MARK: Fragments and other protocols

    @Test(arguments: [
        ("ip any any -> any any (dsize:0;", 1), ("ip any any -> any any (dsize:>0;", 0),
        ("ip any any -> any any (content:\"a\";", 0),
    ])
    func `a packet of a protocol that is not decoded has no payload`(
        rule: String, count: Int
    ) throws {
        let frame = Wire.ethernet(0x0800, Wire.ipv4(89, Array("aaaa".utf8)))
        let frames = [TrafficWriter.TimedFrame(timestamp: Timestamp(nanoseconds: 1), bytes: frame)]
        #expect(try Self.count(rule, frames) == count)
    }
}
