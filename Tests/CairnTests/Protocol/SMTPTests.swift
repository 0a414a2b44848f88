import Testing

@testable import Cairn

@Suite struct SMTPTests {
    private typealias Message = (text: String, direction: Direction)

    private static let opening: [(String, Direction)] = [
        ("220 mx.example ESMTP\r\n", .toClient), ("EHLO client.example\r\n", .toServer),
        ("250-mx.example\r\n250 PIPELINING\r\n", .toClient),
    ]

    private static func mail(_ content: String) -> [(String, Direction)] {
        [
            ("MAIL FROM:<a@b.example> SIZE=3\r\n", .toServer), ("250 ok\r\n", .toClient),
            ("RCPT TO:<c@d.example>\r\n", .toServer), ("250 ok\r\n", .toClient),
            ("rcpt to: <e@f.example>\r\n", .toServer), ("250 ok\r\n", .toClient),
            ("DATA\r\n", .toServer), ("354 go\r\n", .toClient), (content, .toServer),
            ("250 queued\r\n", .toClient),
        ]
    }

    private func run(
        _ messages: [(String, Direction)], piece: Int = 10_000,
        limits: ProtocolLimits = ProtocolLimits()
    ) -> ParserHarness {
        let harness = ParserHarness(serverPort: 25, limits: limits)
        harness.send(messages.map { (Array($0.0.utf8), $0.1) }) { piece }
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
        return harness
    }

    private func files(_ harness: ParserHarness) -> [[String]] {
        harness.transactions.filter { $0["file.protocol"] != nil }.map {
            [
                $0["file.name"]?.first ?? "", $0["file.data"]?.first ?? "",
                $0["file.state"]?.first ?? "",
            ]
        }
    }

    private static let attachments = """
        From: Ann <a@b.example>\r
        To: c@d.example\r
        Subject: two\r
         lines\r
        Content-Type: multipart/mixed;\r
        \tboundary="XX"\r
        \r
        preamble\r
        --XX\r
        Content-Type: text/plain\r
        \r
        hello\r
        --XX\r
        Content-Type: application/octet-stream; name="n.bin"\r
        Content-Transfer-Encoding: base64\r
        Content-Disposition: attachment; filename="f.bin"\r
        \r
        aGVsbG8gd29y\r
        bGQ=\r
        --XX\r
        Content-Type: multipart/alternative; boundary=YY\r
        \r
        --YY\r
        Content-Type: text/html; name=q.html\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        a=3Db=\r
        c=zd\r
        end\r
        --YY--\r
        epilogue\r
        --XX\r
        Content-Type: text/plain; name="t.txt"\r
        \r
        ..line1\r
        line2\r
        --XX--\r
        .\r

        """

    @Test(arguments: [1, 5, 10_000]) func `a mail is one transaction, its attachments are files`(
        piece: Int
    ) {
        let harness = run(
            Self.opening + Self.mail(Self.attachments)
                + Self.mail("Subject: x\r\n\r\nplain\r\n.\r\n")
                + [("QUIT\r\n", .toServer), ("221 bye\r\n", .toClient)], piece: piece)
        #expect(
            files(harness) == [
                ["f.bin", "hello world", "CLOSED"], ["q.html", "a=bc=zd\r\nend", "CLOSED"],
                ["t.txt", ".line1\r\nline2", "CLOSED"],
            ])
        let mails = harness.transactions.filter { $0["smtp.helo"] != nil }
        #expect(mails.count == 3)
        #expect(
            mails.first == [
                "smtp.helo": ["client.example"], "smtp.mail_from": ["<a@b.example>"],
                "smtp.rcpt_to": ["<c@d.example>", "<e@f.example>"],
                "email.from": ["Ann <a@b.example>"], "email.to": ["c@d.example"],
                "email.subject": ["two lines"],
            ])
        #expect(mails.last == ["smtp.helo": ["client.example"]])
        #expect(harness.anomalies.isEmpty)
    }

    @Test(arguments: [1, 4, 10_000]) func `chunks with a length are read like other mails`(
        piece: Int
    ) {
        let harness = run(
            Self.opening + [
                ("MAIL FROM:<a>\r\nRCPT TO:<b>\r\n", .toServer),
                ("BDAT 38\r\nContent-Type: text/plain; name=a.txt\r\n", .toServer),
                ("BDAT 9 LAST\r\n\r\n.\r\nlast", .toServer),
                ("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n", .toClient),
            ], piece: piece)
        #expect(files(harness) == [["a.txt", ".\r\nlast", "CLOSED"]])
    }

    @Test(arguments: [
        ("filename*0=abc;\n filename*1=\"d e\"; filename*2=.zip", "abcd e.zip"),
        ("filename*0*=UTF-8''%c3%a4; filename*1*=%2e; filename*2=x", "ä.x"),
        ("filename*1=b; filename*0=a; filename*3=c", "ab"), ("filename*=''q; filename*0=a", "q"),
    ])
    func `a name may come in parts`(parameters: String, name: String) {
        let text =
            "Content-Disposition: attachment;\r\n " + parameters.replacing("\n", with: "\r\n")
            + "\r\n\r\nabc\r\n.\r\n"
        #expect(files(run(Self.opening + Self.mail(text))) == [[name, "abc", "CLOSED"]])
    }

    @Test func `a mail that is cut short is so, and one that is given up`() {
        let start = "Content-Disposition: attachment; filename=a\r\n\r\nabc\r\n"
        let cut = run(Self.opening + Self.mail(start).dropLast())
        #expect(files(cut) == [["a", "abc", "TRUNCATED"]])
        let reset = run(
            Self.opening + [
                ("MAIL FROM:<a>\r\n", .toServer), ("250 ok\r\n", .toClient),
                ("RSET\r\n", .toServer), ("250 ok\r\n", .toClient), ("NOOP\r\n", .toServer),
            ])
        #expect(reset.transactions.count == 2)
    }

    @Test(arguments: [
        ("EHLO a\r\n", "", ["no_server_welcome_message"]),
        (
            "EHLO a\r\n", "220 x\r\n250 a\r\n",
            [
                "no_server_welcome_message", "unable_to_match_reply_with_request",
            ]
        ),
        ("EHLO a\r\n", "what\r\n", ["no_server_welcome_message", "invalid_reply"]),
        (
            "EHLO a\r\nSTARTTLS\r\n", "250 a\r\n454 no\r\n",
            [
                "no_server_welcome_message", "tls_rejected",
            ]
        ),
        (
            "EHLO a\r\nDATA\r\n", "250 a\r\n554 no\r\n",
            [
                "no_server_welcome_message", "data_command_rejected",
            ]
        ),
    ])
    func `oddities are named`(client: String, server: String, anomalies: [String]) {
        let harness = run([(client, .toServer), (server, .toClient)])
        #expect(harness.anomalies == anomalies)
    }

    @Test func `lines that are too long are named`() {
        let harness = run(
            Self.opening + [
                ("NOOP " + String(repeating: "x", count: 9000) + "\r\n", .toServer),
                ("250 " + String(repeating: "y", count: 9000) + "\r\n", .toClient),
            ])
        #expect(
            harness.anomalies
                == ["max_command_line_len_exceeded", "max_reply_line_len_exceeded"])
    }

    @Test func `parts within each other have a limit`() {
        var content = ""
        for depth in 0..<20 {
            content += "Content-Type: multipart/mixed; boundary=b\(depth)\r\n\r\n--b\(depth)\r\n"
        }
        let harness = run(Self.opening + Self.mail(content + "\r\n.\r\n"))
        #expect(harness.anomalies == ["mime_nesting_limit"])
    }

    @Test func `behind STARTTLS the flow speaks TLS`() {
        let harness = ParserHarness(serverPort: 25)
        for (text, direction) in Self.opening + [
            ("STARTTLS\r\n", .toServer), ("220 go\r\n", .toClient),
        ] {
            harness.send(Array(text.utf8), direction)
        }
        #expect(harness.sessions.definition(of: harness.flow)?.name == "smtp")
        harness.send([UInt8](hex: "16 0301 0005 01 000001 03"), .toServer)
        #expect(harness.sessions.definition(of: harness.flow)?.name == "tls")
    }

    @Test func `what is lost of a mail is missing in its file only`() {
        let harness = ParserHarness(serverPort: 25)
        let start = "Content-Disposition: attachment; filename=a\r\n\r\nabc\r\n"
        for (text, direction) in Self.opening + Self.mail(start).dropLast() {
            harness.send(Array(text.utf8), direction)
        }
        harness.sendGap(100, .toServer)
        harness.send(Array("half\r\nxyz\r\n.\r\n".utf8), .toServer)
        harness.finish()
        #expect(files(harness) == [["a", "abc\r\nxyz", "TRUNCATED"]])
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `random damage does no harm`() {
        var numbers = SeededNumbers(seed: 25)
        let messages = (Self.opening + Self.mail(Self.attachments)).map {
            (Array($0.0.utf8), $0.1)
        }
        for _ in 0..<300 {
            let harness = ParserHarness(serverPort: 25)
            for (bytes, direction) in messages {
                harness.send(
                    Bool.random(using: &numbers) ? bytes : bytes.mutated(&numbers), direction)
            }
            harness.finish()
            #expect(harness.output.openTransactionCount == 0)
        }
    }
}
