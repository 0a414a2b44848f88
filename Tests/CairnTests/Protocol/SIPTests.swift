import Testing

@testable import Cairn

@Suite struct SIPTests {
    private func run(_ messages: [(String, Direction)]) -> ParserHarness {
        let harness = ParserHarness(transport: .udp, serverPort: 5060)
        for (text, direction) in messages { harness.send(Array(text.utf8), direction) }
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
        return harness
    }

    @Test func `each message is a transaction`() {
        let harness = run([
            (
                "INVITE sip:bob@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1\r\nv: SIP/2.0/UDP c\r\n"
                    + "f: <sip:alice@a.example>\r\nTo:\r\n <sip:bob@b.example>\r\nUser-Agent: phone\r\n"
                    + "c: application/sdp\r\nl : 4\r\n\r\nv=0\n", .toServer
            ),
            ("SIP/2.0 180 It is ringing\r\nFrom: x\r\n\r\n", .toClient), ("\r\n\r\n", .toServer),
        ])
        #expect(
            harness.transactions == [
                [
                    "sip.method": ["INVITE"], "sip.uri": ["sip:bob@b.example"],
                    "sip.request_line": ["INVITE sip:bob@b.example SIP/2.0"],
                    "sip.protocol": ["SIP/2.0"], "sip.request.protocol": ["SIP/2.0"],
                    "sip.via": ["SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP c"],
                    "sip.request.via": ["SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP c"],
                    "sip.from": ["<sip:alice@a.example>"],
                    "sip.request.from": ["<sip:alice@a.example>"],
                    "sip.to": ["<sip:bob@b.example>"],
                    "sip.request.to": ["<sip:bob@b.example>"], "sip.user_agent": ["phone"],
                    "sip.request.user_agent": ["phone"], "sip.content_type": ["application/sdp"],
                    "sip.request.content_type": ["application/sdp"],
                    "sip.content_length": ["4"], "sip.request.content_length": ["4"],
                ],
                [
                    "sip.stat_code": ["180"], "sip.stat_msg": ["It is ringing"],
                    "sip.response_line": ["SIP/2.0 180 It is ringing"],
                    "sip.protocol": ["SIP/2.0"], "sip.response.protocol": ["SIP/2.0"],
                    "sip.from": ["x"], "sip.response.from": ["x"],
                ],
            ])
        #expect(harness.anomalies.isEmpty)
    }

    @Test(arguments: [
        ("BYE sip:a SIP/2.0\r\nVia: x\r\n", ["incomplete_data"]),
        ("BYE sip:a\r\n\r\n", ["invalid_data"]),
        ("SIP/2.0 20 OK\r\n\r\n", ["invalid_data"]), ("\u{80}\u{8}rtp", ["invalid_data"]),
    ])
    func `what is no whole message is odd`(text: String, anomalies: [String]) {
        let harness = run([("OPTIONS sip:a SIP/2.0\r\n\r\n", .toServer), (text, .toServer)])
        #expect(harness.anomalies == anomalies)
    }
}
