import Testing

@testable import Cairn

/// Rules of Suricata 8 that look at nothing and wait for how far a side of a transaction comes.
@Suite struct HookRuleTests {
    /// Packet of the capture, from 1, with which each alert of a rule comes.
    private static func packets(
        _ header: String, _ frames: [TrafficWriter.TimedFrame], options: String = ""
    ) throws -> [Int64?] {
        try RuleRun.records("alert \(header) any any -> any any (\(options)sid:1;)\n", frames)
            .map { $0["pcap_cnt"]?.integer }
    }

    /// Two requests, the second without an answer. Their parts are packets of their own; each is acknowledged.
    private static let http = RuleRun.conversation(
        [
            turn(.toServer, "POST /a HTTP/1.1\r\n"), turn(.toServer, "Content-Length: 4\r\n\r\n"),
            turn(.toServer, "ab"), turn(.toServer, "cd"),
            turn(.toClient, "HTTP/1.1 200 OK\r\n"), turn(.toClient, "Content-Length: 2\r\n\r\n"),
            turn(.toClient, "o"), turn(.toClient, "k"),
            turn(.toServer, "GET /b HTTP/1.1\r\n\r\n"),
        ])

    @Test(arguments: [
        ("http1:request_started", 2), ("http1:request_line", 2), ("http1:request_headers", 2),
        ("http1:request_body", 2), ("http1:request_trailer", 2), ("http1:request_complete", 2),
        ("http1:response_started", 1), ("http1:response_line", 1), ("http1:response_headers", 1),
        ("http1:response_body", 1), ("http1:response_trailer", 1), ("http1:response_complete", 1),
        ("tls:client_hello_done", 0), ("dns:request_complete", 0),
    ])
    func `once for each transaction that comes so far`(header: String, count: Int) throws {
        #expect(try Self.packets(header, Self.http).count == count)
    }

    @Test func `with the packet that brings it so far`() throws {
        let states = ["line", "headers", "body", "complete"]
        let first = try states.map { try Self.packets("http1:request_\($0)", Self.http).first }
        let numbers = first.compactMap { $0 ?? nil }
        #expect(numbers.count == 4)
        #expect(numbers == Set(numbers).sorted(), "each state comes with a later packet")
    }

    /// A question with its answer, and one without.
    private static let dns = RuleRun.datagrams(
        ([1, 2] as [UInt8]).flatMap { id -> [RuleRun.Turn] in
            let name: [UInt8] = [1, 0x61, 0, 0, 1, 0, 1]
            let question = turn(.toServer, [0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name)
            let answer = turn(.toClient, [0, id, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0] + name)
            return id == 1 ? [question, answer] : [question]
        }, port: 53)

    @Test(arguments: [
        ("dns:request_started", 2), ("dns:request_complete", 2), ("dns:response_started", 1),
        ("dns:response_complete", 1),
    ])
    func `an answer that does not come is not waited for in vain`(
        header: String, count: Int
    ) throws {
        #expect(try Self.packets(header, Self.dns).count == count)
    }

    private static let tls = RuleRun.conversation(
        [
            turn(.toServer, TLSMaker.exampleClient),
            turn(
                .toClient,
                TLSMaker.record(
                    TLSMaker.serverHello() + TLSMaker.certificates([TLSMaker.certificate]))),
            turn(.toServer, TLSMaker.changeCipher), turn(.toClient, TLSMaker.changeCipher),
        ], port: 443)

    @Test(arguments: [
        "client_in_progress", "client_hello_done", "client_handshake_done", "client_finished",
        "server_in_progress", "server_hello", "server_cert_done", "server_hello_done",
        "server_handshake_done", "server_finished",
    ])
    func `states of a handshake`(state: String) throws {
        #expect(try Self.packets("tls:\(state)", Self.tls).count == 1)
    }

    @Test func `bits of the flow are looked at when the side has come so far`() throws {
        let rules = """
            alert http1:request_line any any -> any any (flowbits:set,a; noalert; sid:1;)
            alert http1:response_complete any any -> any any (flowbits:isset,a; sid:2;)
            alert http1:response_complete any any -> any any (flowbits:isset,b; sid:3;)
            alert http1:request_line any any -> any 81 (sid:4;)

            """
        #expect(try RuleRun.alerts(rules, Self.http) == [2: 1])
    }

    @Test(arguments: [
        (
            "snmp:request_complete", "",
            "12: skipped: the rule waits for transactions of snmp, which is recognised but not read"
        ),
        (
            "dns:request_line", "",
            "11: skipped: the rule waits for 'request_line', which is no state of dns that is known"
        ),
        (
            "http1:request_line", "ttl:>3; ",
            "13: skipped: the rule looks at packets or streams while it waits for a transaction,"
                + " which is not supported"
        ),
        (
            "http1:request_line", "flow:to_client; ",
            "13: error: 'request_line' is seen to the server only, the rule looks to the client"
        ),
    ])
    func `what cannot be waited for`(header: String, options: String, message: String) {
        let rule = "alert \(header) any any -> any any (\(options)sid:1;)\n"
        let set = RuleLoader().load(source: rule.utf8, path: "x.rules")
        #expect(RuleFixtures.messages(set) == ["1:" + message])
    }
}
