import Testing

@testable import Cairn

@Suite struct RegexCaptureTests {
    @Test(
        arguments: [
            ("a", []), ("(a)(b)", []), ("(?P<flow_a>x)", ["flow:a"]),
            ("(a)(?<pkt_b>x)", ["", "pkt:b"]),
            ("(?:a)(?'alert_c'x)(d)", ["alert:c"]), ("\\((?<flow_a>x)", ["flow:a"]),
            ("[(](?<flow_a>x)", ["flow:a"]), ("[]()](?<flow_a>x)", ["flow:a"]),
            ("(?<=a)(?<!b)(?=c)(?<flow_a>x)", ["flow:a"]),
            ("(?<other>x)(?<pkt_a>y)", ["", "pkt:a"]),
            ("(*UTF8)(?<pkt_a>y)", ["pkt:a"]),
        ] as [(String, [String])])
    func `names of groups`(pattern: String, names: [String]) {
        #expect(RegexCapture.names(ofGroupsIn: pattern) == names)
    }

    @Test(arguments: [
        ("pcre:\"/(a)/, flow:x\";", ["flow:x"]),
        ("pcre:\"/(a)(b)/Ui,alert:x, pkt:y\";", ["alert:x", "pkt:y"]),
        ("pcre:\"/(?P<flow_x>a)/R\";", ["flow:x"]),
    ])
    func `captures of rules`(options: String, names: [String]) throws {
        let rule = try SuricataRuleReaderTests.rule(options)
        let match = try #require(rule.condition.matches.first)
        guard case .sequence(let steps) = match.predicate,
            case .regex(_, _, _, let captures) = try #require(steps.first)
        else {
            Issue.record("no expression with captures")
            return
        }
        #expect(captures == names)
    }

    @Test(arguments: ["pcre:\"/(a)/, flow:\";", "pcre:\"/(a)/, flow:a, other:b\";"])
    func `captures that are none`(options: String) {
        let set = SuricataRuleReaderTests.load("alert tcp any any -> any any (\(options) sid:1;)\n")
        #expect(set.detections.isEmpty)
    }
}

extension Condition {
    /// All tests in it.
    fileprivate var matches: [FieldMatch] {
        switch self {
        case .match(let match): [match]
        case .all(let parts), .any(let parts): parts.flatMap(\.matches)
        case .not(let part): part.matches
        }
    }
}
