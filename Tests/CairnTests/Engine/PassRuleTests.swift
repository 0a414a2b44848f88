import Testing

@testable import Cairn

/// What rules that let pass, drop or reject leave of the alerts of others, from frames to alerts. The packets are those of
/// Suricata 7.0.10 on the same frames.
@Suite struct PassRuleTests {
    /// Two requests on one connection, the first with an answer in two pieces: each segment of them is acknowledged by a
    /// packet of its own. Packets 4, 8 and 10 bring data of the first exchange, 10 and 14 that of the second.
    private static let exchange = RuleRun.conversation([
        .init(direction: .toServer, bytes: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
        .init(
            direction: .toClient,
            bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".utf8)),
        .init(direction: .toClient, bytes: Array("ok".utf8)),
        .init(direction: .toServer, bytes: Array("GET /b HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
        .init(
            direction: .toClient,
            bytes: Array("HTTP/1.1 404 Not\r\nContent-Length: 2\r\n\r\nno".utf8)),
    ])

    /// One rule of each kind: on packets, on requests, on answers, on the stream.
    private static let others = """
        alert tcp any any -> any any (flow:established; sid:2;)
        alert http any any -> any any (http.method; content:"GET"; sid:3;)
        alert http any any -> any any (http.stat_code; content:"0"; sid:4;)
        alert tcp any any -> any any (content:"HTTP"; sid:5;)

        """

    /// The packets on which the other rules alert besides one.
    private static func packets(_ rule: String, settings: [String] = []) throws -> [[Int]] {
        var packets: [Int: [Int]] = [:]
        let rules = "\(rule) sid:1;)\n\(others)"
        for record in try RuleRun.records(rules, exchange, settings: settings) {
            let sid = try #require(record["alert"]?["signature_id"]?.integer)
            packets[Int(sid), default: []].append(
                Int(try #require(record["pcap_cnt"]?.integer)))
        }
        return (2...5).map { packets[$0, default: []] }
    }

    @Test func `without a rule that lets pass all others alert`() throws {
        let counts = try Self.packets("alert tcp any any -> any any (dsize:>9000;").map(\.count)
        #expect(counts == [13, 2, 2, 4])
    }

    @Test(arguments: [
        ("flags:S;", [Array(4...16), [7, 13], [8, 15], [7, 11, 13, 15]]),
        ("dsize:2;", [Array(4...7) + Array(9...16), [7, 13], [15], [7, 11, 13, 15]]),
    ])
    func `a rule about a packet lets that packet pass`(
        options: String, packets: [[Int]]
    ) throws {
        #expect(try Self.packets("pass tcp any any -> any any (\(options)") == packets)
    }

    @Test func `so does one on the payload of single packets`() throws {
        let packets = try Self.packets("pass tcp-pkt any any -> any any (content:\"GET\";")
        #expect(
            packets == [
                [5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16], [7, 13], [8, 15], [7, 11, 13, 15],
            ])
    }

    @Test(arguments: [
        ("tcp any any -> any any (content:\"GET\";", [Array(4...6), [], [], []]),
        ("http any any -> any any (http.method; content:\"GET\";", [Array(4...6), [], [], []]),
        (
            "http any any -> any any (http.uri; content:\"/b\";",
            [Array(4...12), [7], [8], [7, 11]]
        ),
        (
            "http any any -> any any (http.stat_code; content:\"200\";",
            [Array(4...7), [7], [], [7]]
        ),
        ("http any any -> any any (", [[4], [], [], []]),
        ("tcp any any -> any any (", [[], [], [], []]),
    ])
    func `a rule about a stream, a transaction or a flow lets the rest of the flow pass`(
        rule: String, packets: [[Int]]
    ) throws {
        #expect(try Self.packets("pass \(rule)") == packets)
    }

    @Test(arguments: [
        "tcp any any -> any any (content:\"GET\";",
        "http any any -> any any (http.method; content:\"GET\";",
    ])
    func `behind alerts one lets pass what comes with later packets`(rule: String) throws {
        let packets = try Self.packets(
            "pass \(rule)", settings: ["action-order=alert, pass, drop, reject"])
        #expect(packets == [Array(4...7), [7], [], [7]])
    }

    @Test(arguments: [("pass, drop", [2: 3]), ("drop, pass", [1: 1, 2: 3])])
    func `settings say what comes first`(order: String, alerts: [Int: Int]) throws {
        let rules = """
            drop tcp any any -> any any (content:"GET"; sid:1;)
            alert tcp any any -> any any (flow:established; sid:2;)
            pass tcp any any -> any any (content:"GET"; sid:3;)

            """
        let found = try RuleRun.alerts(rules, Self.exchange, settings: ["action-order=\(order)"])
        #expect(found == alerts)
    }

    @Test(arguments: ["drop", "reject", "rejectsrc", "rejectdst", "rejectboth"])
    func `behind a packet that was dropped nothing is looked for`(action: String) throws {
        let rule = "\(action) http any any -> any any (http.method; content:\"GET\";"
        #expect(try Self.packets(rule) == [Array(4...7), [7], [], [7]])
    }
}
