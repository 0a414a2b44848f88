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
}
