import Testing

@testable import Cairn

/// Rules that keep state for hosts and flows, as Suricata writes them, from frames to alerts.
@Suite struct StateRuleTests {
    private static let conversation: [TrafficWriter.TimedFrame] = RuleRun.conversation([
        .init(direction: .toServer, bytes: Array("GET".utf8)),
        .init(direction: .toClient, bytes: Array("200".utf8)),
    ])

    @Test(arguments: [
        ("xbits:set,x,track ip_src", "xbits:isset,x,track ip_dst", 1),
        ("xbits:set,x,track ip_dst", "xbits:isset,x,track ip_src", 1),
        ("xbits:set,x,track ip_src", "xbits:isset,x,track ip_src", 0),
        ("xbits:set,x,track ip_pair", "xbits:isset,x,track ip_pair", 1),
        ("hostbits:set,x,src", "hostbits:isset,x,dst", 1),
        ("hostbits:set,x,dst", "hostbits:isset,x,dst", 0),
        ("noalert", "flowint:none,notset", 1),
    ])
    func `a bit belongs to a host, whichever end it is`(
        first: String, then: String, count: Int
    ) throws {
        let rules = """
            alert tcp any any -> any any (content:"GET"; \(first); sid:1;)
            alert tcp any any -> any any (content:"200"; \(then); sid:2;)
            """
        #expect(try RuleRun.alerts(rules, Self.conversation)[2, default: 0] == count)
    }

    /// A request, its acknowledgement, and the answer in two pieces.
    private static let exchange: [TrafficWriter.TimedFrame] = RuleRun.conversation([
        .init(direction: .toServer, bytes: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
        .init(
            direction: .toClient,
            bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".utf8)),
        .init(direction: .toClient, bytes: Array("ok".utf8)),
    ])

    /// How often the second of two rules fires.
    private static func count(_ first: String, _ then: String) throws -> Int {
        try RuleRun.alerts("\(first) sid:1;)\n\(then) sid:2;)\n", exchange)[2, default: 0]
    }

    @Test func `what a transaction sets is there with the next packet of its direction`() throws {
        let method = "alert http any any -> any any (http.method; content:\"GET\"; flowbits:set,a;"
        let segments = "alert tcp any any -> any any (flags:+A;"
        let all = try Self.count(method, "\(segments) flowbits:isnotset,none;")
        let before = try Self.count(method, "\(segments) flowbits:isnotset,a;")
        let after = try Self.count(method, "\(segments) flowbits:isset,a;")
        #expect(before + after == all)
        // The handshake's two, the request and what acknowledges it, the answer, and the client's acknowledgement: with that
        // the request is looked at, behind what is asked of the packet itself.
        #expect(before == 6)
    }

    @Test func `a rule on state and the flow's protocol is asked about every packet`() throws {
        let rule = "alert tcp any any -> any any (app-layer-protocol:http;"
        #expect(try Self.count("\(rule) flowbits:set,a;", "\(rule) flowbits:set,b;") == 2)
        #expect(try Self.count("\(rule) flowbits:set,a;", "\(rule) flowbits:isset,a;") > 2)
    }

    @Test func `packets are asked before transactions, transactions see what packets set`() throws {
        let packet = "alert tcp any any -> any any (content:\"GET\";"
        let transaction = "alert http any any -> any any (http.method; content:\"GET\";"
        let (set, isset) = ("flowbits:set,a;", "flowbits:isset,a;")
        #expect(try Self.count("\(transaction) \(set)", "\(packet) \(isset)") == 0)
        #expect(try Self.count("\(packet) \(set)", "\(transaction) \(isset)") == 1)
    }

    @Test(arguments: [
        // Looking comes before changing, wherever it stands in a rule.
        ("flowint:nn,+,2; flowint:nn,>,4;", "flowint:nn,isset;", 0),
        ("flowint:nn,notset; flowint:nn,=,3;", "flowint:nn,==,3;", 1),
        // What is not set stays so if something is taken away from it.
        ("flowint:nn,-,1;", "flowint:nn,isset;", 0),
        // Counters have 32 bits.
        ("flowint:nn,=,2; flowint:nn,-,3;", "flowint:nn,==,4294967295;", 1),
        ("flowint:nn,=,4294967295; flowint:nn,+,2;", "flowint:nn,==,1;", 1),
        ("flowint:nn,+,other;", "flowint:nn,==,0;", 1),
        ("hostbits:set,a|b;", "hostbits:isset,a;", 0),
        ("hostbits:set,a|b;", "hostbits:isset,a|b;", 1),
        ("xbits:set,a,track ip_src;", "xbits:isset,a,track ip_src;", 0),
        ("hostbits:set,a,src;", "hostbits:isset,a,src;", 1),
        ("flowbits:isset,a; flowbits:set,b;", "flowbits:isset,b;", 0),
    ])
    func `rules on one packet see what others change on it`(
        first: String, then: String, count: Int
    ) throws {
        let rule = "alert tcp any any -> any any (flow:to_server; content:\"GET\";"
        #expect(try Self.count("\(rule) \(first)", "\(rule) \(then)") == count)
    }
}
