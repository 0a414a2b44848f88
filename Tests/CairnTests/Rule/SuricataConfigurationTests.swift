import Testing

@testable import Cairn

/// The files beside Suricata's rules.
@Suite struct SuricataConfigurationTests {
    private static func limits(_ text: String) -> ([AlertLimit], [String]) {
        var reader = SuricataLimits(variables: RuleVariables())
        reader.read(Array(text.utf8), path: "threshold.config")
        return (reader.limits, RuleFixtures.messages(reader.diagnostics))
    }

    @Test func `lines about alerts become limits`() throws {
        let (limits, messages) = Self.limits(
            """
            # a remark
            suppress gen_id 1, sig_id 7
            suppress gen_id 1, sig_id 8, track by_src, ip [10.0.0.1, 10.1.0.0/16]
            event_filter gen_id 0, sig_id 0, type both, track by_dst, \\
              count 3, seconds 60
            threshold gen_id 1, sig_id 9, type limit, track by_rule, count 1, seconds 5
            rate_filter gen_id 1, sig_id 9, track by_both, count 10, seconds 60, new_action drop, timeout 30

            """)
        #expect(messages == [])
        let addresses = try RuleVariables().addressSet("[10.0.0.1,10.1.0.0/16]")
        #expect(
            limits == [
                AlertLimit(generatorID: 1, signatureID: 7, kind: .suppress(nil, AddressSet())),
                AlertLimit(generatorID: 1, signatureID: 8, kind: .suppress(.by_src, addresses)),
                AlertLimit(
                    generatorID: 0, signatureID: 0,
                    kind: .threshold(
                        Threshold(kind: .both, track: .by_dst, count: 3, seconds: 60))),
                AlertLimit(
                    generatorID: 1, signatureID: 9,
                    kind: .threshold(
                        Threshold(kind: .limit, track: .by_rule, count: 1, seconds: 5))),
                AlertLimit(
                    generatorID: 1, signatureID: 9,
                    kind: .rate(
                        RateFilter(
                            track: .by_both, count: 10, seconds: 60, newAction: .drop,
                            timeoutSeconds: 30))),
            ])
    }

    @Test func `rate filters become those of rules`() throws {
        try RuleRun.withFolder([
            "threshold.config":
                "rate_filter gen_id 1, sig_id 1, track by_rule, count 1, seconds 9, new_action pass, timeout 9\n"
                + "threshold gen_id 1, sig_id 2, type backoff, track by_flow, count 2, multiplier 3\n",
            "x.rules":
                "alert tcp any any -> any any (sid:1;)\nalert tcp any any -> any any (sid:2;)\n",
        ]) { folder in
            let set = RuleLoader().load(paths: ["\(folder)/x.rules"])
            #expect(RuleFixtures.messages(set) == [])
            #expect(
                set.detections[0].rateFilter
                    == RateFilter(
                        track: .by_rule, count: 1, seconds: 9, newAction: .pass, timeoutSeconds: 9))
            #expect(
                set.detections[1].threshold
                    == Threshold(
                        kind: .backoff, track: .by_flow, count: 2, seconds: 0, multiplier: 3))
        }
    }

    @Test func `lines with mistakes are counted, and those for no rule are told`() throws {
        try RuleRun.withFolder([
            "threshold.config":
                "suppress gen_id 1, sig_id 1\nsuppress gen_id 1, sig_id 9\nnonsense\n"
                + "suppress gen_id 1, sig_id 2\n",
            "x.rules":
                "alert tcp any any -> any any (sid:1;)\n"
                + "alert tcp any any -> any any (lua:x; sid:2;)\n",
        ]) { folder in
            let set = RuleLoader().load(paths: ["\(folder)/x.rules"])
            let messages = RuleFixtures.messages(set)
            #expect(messages.contains("2:1: warning: no rule that is loaded has the sid 9"))
            #expect(messages.count { $0.contains("warning") } == 1)
            #expect(set.failedLimitCount == 1)
        }
    }

    @Test func `limits go before or behind what rules say themselves`() {
        let own = Threshold(kind: .limit, track: .by_src, count: 1, seconds: 1)
        let given = Threshold(kind: .both, track: .by_dst, count: 2, seconds: 2)
        let rate = RateFilter(
            track: .by_rule, count: 1, seconds: 9, newAction: .pass, timeoutSeconds: 9)
        func limited(
            _ limits: [(UInt64, AlertLimit.Kind)], _ change: (inout DetectionRule) -> Void
        ) -> DetectionRule {
            var rule = Probe.rule(.all([]))
            change(&rule)
            for (signature, kind) in limits {
                AlertLimit(generatorID: 1, signatureID: signature, kind: kind).apply(to: &rule)
            }
            return rule
        }
        let filtered = limited([(7, .threshold(given))]) { $0.detectionFilter = own }
        #expect(filtered.threshold == given && filtered.detectionFilter == nil)
        let all = limited([(0, .threshold(given)), (7, .rate(rate))]) { $0.threshold = own }
        #expect(all.threshold == own && all.rateFilter == nil)
        #expect(limited([(0, .threshold(given))]) { _ in }.threshold == given)
        let last = limited([(7, .rate(rate)), (7, .threshold(given))]) { _ in }
        #expect(last.threshold == given && last.rateFilter == nil)
    }

    @Test(arguments: [
        ("supress gen_id 1, sig_id 1", "1:1: error: unknown 'supress' — did you mean 'suppress'?"),
        ("suppress gen_id 1", "1:10: error: 'sig_id' is missing"),
        (
            "threshold gen_id 1, sig_id 1, type x, track by_src, count 1, seconds 1",
            "1:36: error: unknown type 'x'; use limit, threshold, both or backoff"
        ),
    ])
    func `mistakes have a place`(line: String, message: String) {
        #expect(Self.limits(line + "\n").1 == [message])
    }

    @Test func `a type of reference that nobody knows is warned about once`() {
        let rules = (1...2).map {
            "alert tcp any any -> any any (reference:bugtrak,1; reference:url,a.b; sid:\($0);)\n"
        }
        let set = RuleLoader().load(source: rules.joined().utf8, path: "x.rules")
        #expect(
            RuleFixtures.messages(set) == [
                "1:41: warning: unknown type of reference 'bugtrak' — did you mean 'bugtraq'?; it is kept"
                    + " as written, 'config reference: bugtrak PREFIX' in reference.config makes it an"
                    + " address"
            ])
        #expect(
            set.detections.map(\.header.references) == [
                ["bugtrak,1", "http://a.b"], ["bugtrak,1", "http://a.b"],
            ])
    }

    @Test func `classes and references are read and replace Suricata's own`() {
        var tables = SuricataTables()
        let diagnostics = tables.read(
            Array(
                "# x\nconfig classification: mine,My Class, of its own,2\nconfig reference: X http://x/\n"
                    .utf8), path: "c")
        #expect(diagnostics.isEmpty)
        #expect(
            tables.classes["mine"]
                == SuricataTables.Class(description: "My Class, of its own", priority: 2))
        #expect(tables.references["x"] == "http://x/")
        #expect(tables.classes["trojan-activity"]?.priority == 1)
    }

    @Test func `a class that nobody knows is named once`() {
        let rule = "alert tcp any any -> any any (classtype:trojan-activty; sid:"
        let set = SuricataRuleReaderTests.load("\(rule)1;)\n\(rule)2;)\n")
        #expect(
            RuleFixtures.messages(set) == [
                "1:1: warning: unknown class type 'trojan-activty' — did you mean 'trojan-activity'?;"
                    + " its rules have priority 3"
            ])
        #expect(set.detections.count == 2)
    }
}
