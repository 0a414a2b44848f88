import Testing

@testable import Cairn

@Suite struct FTPTests {
    private func run(_ messages: [(String, Direction)], piece: Int = 10_000) -> ParserHarness {
        let harness = ParserHarness(serverPort: 21)
        harness.send(messages.map { (Array($0.0.utf8), $0.1) }) { piece }
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
        return harness
    }

    private static let session: [(String, Direction)] = [
        ("220 (ready)\r\n", .toClient), ("USER anonymous\r\n", .toServer),
        ("331 password\r\n", .toClient), ("feat\r\n", .toServer),
        ("211-Features:\r\n EPSV\r\n211 End\r\n", .toClient), ("PASV\r\n", .toServer),
        ("227 Entering Passive Mode (192,0,2,1,100,85).\r\n", .toClient),
        ("RETR a/b.zip\r\n", .toServer), ("150 opening\r\n", .toClient),
        ("226 done\r\n", .toClient), ("QUIT\r\n", .toServer),
    ]

    @Test(arguments: [1, 6, 10_000])
    func `a command and its replies are one transaction`(piece: Int) {
        let harness = run(Self.session, piece: piece)
        #expect(
            harness.transactions == [
                [
                    "ftp.completion_code": ["220"], "ftp.reply": ["(ready)"],
                    "ftp.reply_received": ["yes"],
                ],
                [
                    "ftp.command": ["USER"], "ftp.command_data": ["anonymous"],
                    "ftp.completion_code": ["331"], "ftp.reply": ["password"],
                    "ftp.reply_received": ["yes"],
                ],
                [
                    "ftp.command": ["feat"], "ftp.completion_code": ["211"],
                    "ftp.reply": ["Features:", " EPSV", "End"], "ftp.reply_received": ["yes"],
                ],
                [
                    "ftp.command": ["PASV"], "ftp.completion_code": ["227"],
                    "ftp.reply": ["Entering Passive Mode (192,0,2,1,100,85)."],
                    "ftp.dynamic_port": ["25685"], "ftp.mode": ["passive"],
                    "ftp.reply_received": ["yes"],
                ],
                [
                    "ftp.command": ["RETR"], "ftp.command_data": ["a/b.zip"],
                    "ftp.completion_code": ["150", "226"], "ftp.reply": ["opening", "done"],
                    "ftp.reply_received": ["yes"],
                ],
                ["ftp.command": ["QUIT"], "ftp.reply_received": ["no"]],
            ])
        #expect(harness.anomalies.isEmpty)
    }

    @Test(
        arguments: [
            ("192,0,2,1,100,85", 25_685, "192.0.2.1"), ("1,2,3,4,0,21).", 21, "1.2.3.4"),
            ("1,2,3,4,5", nil, nil), ("1,2,3,4,256,1", nil, nil), ("", nil, nil), ("1 2", nil, nil),
        ] as [(String, UInt16?, String?)])
    func `places in six numbers are read`(text: String, port: UInt16?, address: String?) {
        let endpoint = FTPEndpoint(inNumbers: Array(text.utf8).span.bytes)
        #expect(endpoint?.port == port)
        #expect(endpoint?.address == address.flatMap { IPAddress($0) })
    }

    @Test(
        arguments: [
            ("|1|132.235.1.2|6275|", 6275, "132.235.1.2"), ("|2|1080::x|5282|", 5282, nil),
            ("|2|1080::8:800:200c:417a|5282|", 5282, "1080::8:800:200c:417a"),
            ("|||6446|)", 6446, nil), ("!!!1!", 1, nil), ("|||65536|", nil, nil), ("||1", nil, nil),
        ] as [(String, UInt16?, String?)])
    func `places between bars are read`(text: String, port: UInt16?, address: String?) {
        let endpoint = FTPEndpoint(betweenBars: Array(text.utf8).span.bytes)
        if let port { #expect(endpoint?.port == port) }
        #expect(endpoint?.address == address.flatMap { IPAddress($0) })
    }

    @Test(arguments: [100, 10_000]) func `lines that are too long are odd and cut`(piece: Int) {
        let long = String(repeating: "x", count: 5000)
        let harness = run(
            [
                ("220 (ready)\r\n", .toClient), ("USER \(long)\r\n", .toServer),
                ("331 \(long)\r\n", .toClient), ("NOOP\r\n", .toServer), ("200 ok\r\n", .toClient),
            ], piece: piece)
        #expect(harness.anomalies == ["request_command_too_long", "response_command_too_long"])
        #expect(harness.transactions.map { $0["ftp.command"] } == [nil, ["USER"], ["NOOP"]])
        #expect(harness.transactions[1]["ftp.command_data"]?.first?.utf8.count == 4091)
        #expect(harness.transactions[2]["ftp.reply"] == ["ok"])
    }

    @Test func `behind a gap the next line is read`() {
        let harness = ParserHarness(serverPort: 21)
        harness.send(Array("USER a\r\n".utf8), .toServer)
        harness.sendGap(10, .toServer)
        harness.send(Array("lost\r\nPASS b\r\n".utf8), .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["ftp.command"] } == [["USER"], ["PASS"]])
    }

    @Test func `behind AUTH the flow speaks TLS`() {
        let harness = ParserHarness(serverPort: 21)
        for (text, direction) in [
            ("220 (ready)\r\n", Direction.toClient), ("AUTH TLS\r\n", .toServer),
            ("234 go\r\n", .toClient),
        ] {
            harness.send(Array(text.utf8), direction)
        }
        harness.send([UInt8](hex: "16 0301 0005 01 000001 03"), .toServer)
        #expect(harness.sessions.definition(of: harness.flow)?.name == "tls")
    }
}
