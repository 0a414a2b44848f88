import Testing

@testable import Cairn

/// The order in which rules of one packet are applied.
@Suite struct RuleOrderTests {
    private func rank(
        _ options: String, action: String = "alert", _ order: ActionOrder = ActionOrder()
    ) throws -> RuleRank {
        let sid = options.contains("sid:") ? "" : "sid:50;"
        let set = RuleLoader().load(
            source: "\(action) tcp any any -> any any (flags:S; \(options) \(sid))\n".utf8,
            path: "x.rules")
        #expect(RuleFixtures.messages(set) == [])
        return RuleRank(try #require(set.detections.first), order)
    }

    @Test(arguments: [
        // Who sets comes before who sets and looks, and that before who looks.
        ("flowbits:set,a;", "flowbits:isset,a; flowbits:set,b;"),
        ("flowbits:isset,a; flowbits:set,b;", "flowbits:isset,a;"),
        ("flowbits:isset,a;", ""), ("flowbits:unset,a;", "flowbits:isnotset,a;"),
        ("flowint:nn,+,1;", "flowint:nn,>,1; flowint:nn,=,0;"),
        ("flowint:nn,>,1; flowint:nn,=,0;", "flowint:nn,notset;"), ("flowint:nn,notset;", ""),
        ("flowbits:isset,a;", "flowint:nn,+,1;"), ("flowint:nn,isset;", "hostbits:set,a;"),
        // Of hosts' bits those that set come first, but of those that `xbits` name those that look.
        ("hostbits:set,a;", "hostbits:isset,a;"), ("hostbits:toggle,a;", "sid:1;"),
        ("xbits:isset,a,track ip_src;", "xbits:set,a,track ip_src;"),
        ("xbits:isset,a,track ip_pair;", "xbits:set,a,track ip_pair;"),
        ("hostbits:set,a;", "xbits:isset,a,track ip_dst;"),
        ("xbits:isset,a,track ip_src;", "xbits:isset,a,track ip_pair;"),
        // Then the priority, then the number.
        ("flowbits:isset,a;", "priority:1;"), ("priority:1;", "priority:2;"),
        ("priority:2; sid:9;", "sid:2;"), ("sid:2;", "sid:9;"),
    ])
    func `rules are sorted by what they do with state`(first: String, then: String) throws {
        let (first, then) = (try rank(first), try rank(then))
        #expect(first < then)
        #expect(!(then < first))
    }

    @Test(arguments: [
        ("hostbits:isset,a;", "flags:A;"),
        ("xbits:set,a,track ip_src;", "xbits:unset,b,track ip_pair;"),
    ])
    func `what does not count for the order leaves it to the number`(
        one: String, other: String
    ) throws {
        #expect(try rank(one + " sid:1;") < rank(other + " sid:2;"))
        #expect(try rank(other + " sid:1;") < rank(one + " sid:2;"))
    }

    @Test func `rules that let pass come first, then those that drop and reject`() throws {
        let ranks = try ["pass", "drop", "reject", "alert"].map {
            try rank($0 == "alert" ? "flowbits:set,a;" : "", action: $0)
        }
        #expect(ranks == ranks.sorted())
    }

    @Test(
        arguments: [
            ([.alert, .reject, .drop, .pass], ["alert", "rejectboth", "drop", "pass"]),
            ([.drop], ["drop", "pass", "rejectsrc", "alert"]),
        ] as [([RuleAction], [String])])
    func `settings say which come first`(first: [RuleAction], actions: [String]) throws {
        let ranks = try actions.map { try rank("", action: $0, ActionOrder(first)) }
        #expect(ranks == ranks.sorted())
    }
}
