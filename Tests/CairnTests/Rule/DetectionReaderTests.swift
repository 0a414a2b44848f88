import Testing

@testable import Cairn

@Suite struct DetectionReaderTests {
    @Test
    func `a rule says who it is`() throws {
        let set = RuleFixtures.load(
            """
            title: JNDI lookup
            id: 7c1f1a52-0c5e-4a3b-9a55-3d1f0d0a9b11
            name: jndi
            status: stable
            description: Text.
            references: [CVE-2021-44228]
            tags: [attack.t1190]
            author: me
            date: 2024-01-01
            level: critical
            rev: 3
            gid: 2
            category: Attempted User Privilege Gain
            severity: 2
            metadata: {created: '2021', by: [a, b]}
            custom: {anything: 1}
            logsource: {product: cairn, service: http, definition: x}
            actor: server.ip
            victim: client.ip
            alert: false
            detection: {s: {http.uri: a}, condition: s}
            """)
        #expect(RuleFixtures.messages(set) == [])
        let rule = try #require(set.detections.first)
        let header = rule.header
        #expect(header.id == "7c1f1a52-0c5e-4a3b-9a55-3d1f0d0a9b11")
        #expect(header.name == "jndi")
        #expect(header.title == "JNDI lookup")
        #expect(header.level == .critical)
        #expect(header.tags == ["attack.t1190"])
        #expect(header.references == ["CVE-2021-44228"])
        #expect((header.revision, header.generatorID) == (3, 2))
        #expect(header.severity == 2)
        #expect(
            header.metadata.map { "\($0.key)=\($0.value)" } == ["created=2021", "by=a", "by=b"])
        #expect(header.location == SourceLocation(path: "rules.yml", line: 1, column: 1))
        #expect(rule.actor == (try RuleFixtures.field("server.ip")))
        #expect(rule.victim == (try RuleFixtures.field("client.ip")))
        #expect(!rule.alerts)
    }

    @Test
    func `identity is the id, else the name, else the title`() {
        let body =
            "logsource: {product: cairn, service: http}\ndetection: {s: {http.uri: a}, condition: s}\n"
        let set = RuleFixtures.load(
            "title: a\nname: b\nid: c\n\(body)---\ntitle: d\nname: e\n\(body)---\ntitle: f\n\(body)"
                + "---\nid: 2001219\ntitle: g\n\(body)---\n\(body)")
        #expect(set.detections.map(\.header.id) == ["c", "e", "f", "2001219"])
        #expect(set.detections[3].header.signatureID == 2_001_219)
        #expect(RuleFixtures.messages(set) == ["21:1: error: the rule has no 'title'"])
    }

    @Test
    func `ids that are no number get one from their hash`() {
        #expect(HeaderReader.signatureID(of: "2001219") == 2_001_219)
        #expect(
            HeaderReader.signatureID(of: "7c1f1a52-0c5e-4a3b-9a55-3d1f0d0a9b11") == 3_486_066_726)
        for name in ["a", "b", "ssh_bruteforce", ""] {
            let range: ClosedRange<UInt64> = 3_000_000_000...4_294_967_295
            #expect(range.contains(HeaderReader.signatureID(of: name)))
        }
    }

    @Test
    func `selections are maps, lists of maps, values and lists of values`() throws {
        let a = try RuleFixtures.match("http.uri", .text(TextPattern("a")))
        let b = try RuleFixtures.match("http.method", .text(TextPattern("b")))
        func keyword(_ text: String) -> Condition {
            .match(FieldMatch(field: nil, predicate: .text(TextPattern(text))))
        }
        let cases: [(String, Condition)] = [
            ("s: {http.uri: a, http.method: b}", .all([a, b])),
            ("s: [{http.uri: a}, {http.method: b}]", .any([a, b])),
            ("s: [{http.uri: a, http.method: b}, {http.uri: a}]", .any([.all([a, b]), a])),
            ("s: kw", keyword("*kw*")),
            ("s: [kw, 5, 'a*']", .any([keyword("*kw*"), keyword("*5*"), keyword("*a*")])),
            ("s: {'|all': [x, y]}", .all([keyword("*x*"), keyword("*y*")])),
            ("s: [kw, {http.uri: a}]", .any([keyword("*kw*"), a])),
            (
                "s: {'|re': 'a.b'}",
                .match(FieldMatch(field: nil, predicate: .regex(RegexPattern(pattern: "a.b"))))
            ),
            (
                "s: {'|contains|cased': Ab}",
                .match(FieldMatch(field: nil, predicate: .text(TextPattern("*Ab*", isCased: true))))
            ),
        ]
        for (selection, condition) in cases {
            let set = RuleFixtures.rule("http", "\(selection)\ncondition: s")
            #expect(RuleFixtures.messages(set) == [])
            #expect(set.detections.first?.condition == condition, "\(selection)")
        }
    }

    @Test(arguments: [
        ("1 of sel*", "a|b"), ("all of sel*", "a&b"), ("1 of them", "a|b|c"),
        ("all of them", "a&b&c"), ("1 of _*", "p"), ("_p", "p"),
        ("sel_a and not sel_b", "a&!b"), ("sel_a or sel_b and flt", "a|(b&c)"),
        ("not 1 of sel*", "!(a|b)"), ("not not flt", "c"),
        ("all of them and flt", "a&b&c&c"), ("[sel_a, flt]", "a|c"), ("1 of *_a", "a"),
    ])
    func `conditions combine selections`(condition: String, expected: String) {
        func show(_ condition: Condition, inside: Bool = false) -> String {
            switch condition {
            case .all(let parts):
                let text = parts.map { show($0, inside: true) }.joined(separator: "&")
                return inside ? "(\(text))" : text
            case .any(let parts):
                let text = parts.map { show($0, inside: true) }.joined(separator: "|")
                return inside ? "(\(text))" : text
            case .not(let part): return "!" + show(part, inside: true)
            case .match(let match):
                guard case .text(let pattern) = match.predicate,
                    case .literal(let bytes)? = pattern.parts.first
                else { return "?" }
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        let set = RuleFixtures.rule(
            "http",
            """
            sel_a: {http.uri: a}
            sel_b: {http.uri: b}
            flt: {http.uri: c}
            _p: {http.uri: p}
            condition: \(condition)
            """)
        #expect(RuleFixtures.messages(set) == [])
        #expect(set.detections.first.map { show($0.condition) } == expected)
    }

    @Test(arguments: [
        (
            "s: {http.ur: a}\ncondition: s",
            "4:7: error: unknown field 'http.ur' — did you mean 'http.uri'?"
        ),
        (
            "s: {dns.rcode: a}\ncondition: s",
            "4:7: error: the field 'dns.rcode' belongs to service 'dns'; this rule looks at 'http'"
        ),
        (
            "s: {http.uri: a}\ncondition: t",
            "5:14: error: unknown selection 't'"
        ),
        ("s: {http.uri: a}\ncondition: s and", "5:19: error: expected a selection after 'and'"),
        (
            "s: {http.uri: a}\ncondition: 's and x y'",
            "5:23: error: expected 'and' or 'or' before 'y'"
        ),
        ("s: {http.uri: a}\ncondition: 1 of t*", "5:14: error: no selection fits 't*'"),
        (
            "s: {http.uri: a}\ncondition: |\n  s and\n  xs",
            "5:14: error: unknown selection 'xs' — did you mean 's'? (character 7 of the condition)"
        ),
        ("s: {http.uri: a}", "4:3: error: the detection has no 'condition'"),
        ("s: {}\ncondition: s", "4:6: error: the selection is empty"),
        ("s: []\ncondition: s", "4:6: error: the selection is empty"),
        ("s: [null]\ncondition: s", "4:7: error: a keyword must be text or a number, not nothing"),
        ("s: {http.uri: a}\ncondition: []", "5:14: error: the condition is empty"),
        ("s: {http.uri: a}\ncondition: {a: b}", "5:14: error: 'condition' must be text, not a map"),
    ])
    func `mistakes have their exact place`(detection: String, message: String) {
        #expect(RuleFixtures.messages(RuleFixtures.rule("http", detection)) == [message])
    }

    @Test(arguments: [
        (
            "title: T\ndetection: {s: {a: b}, condition: s}",
            "1:1: error: the rule has no 'logsource'; write 'logsource: {product: cairn, service: http}'"
        ),
        (
            "title: T\nlogsource: {product: cairn, service: htp}\ndetection: {s: a, condition: s}",
            "2:12: error: unknown service 'htp' — did you mean 'http'?"
        ),
        (
            "title: T\nlogsource: {definition: x}\ndetection: {s: a, condition: s}",
            "2:12: error: 'logsource' is empty; write '{product: cairn, service: http}' or the like"
        ),
        (
            "title: T\nlogsource: http\ndetection: {s: a, condition: s}",
            "2:12: error: 'logsource' must be a map, not text"
        ),
        (
            "title: T\nlevel: hihg\nlogsource: {product: cairn, service: http}\ndetection: {s: a, condition: s}",
            "2:8: error: unknown level 'hihg' — did you mean 'high'?"
        ),
        (
            "title: T\ntag: [a]\nlogsource: {product: cairn, service: http}\ndetection: {s: a, condition: s}",
            "2:1: warning: unknown key 'tag' — did you mean 'tags'?"
        ),
        (
            "title: T\nactor: http.ur\nlogsource: {product: cairn, service: http}\ndetection: {s: a, condition: s}",
            "2:8: error: unknown field 'http.ur' — did you mean 'http.uri'?"
        ),
        (
            "title: T\ndetection: 5\nlogsource: {product: cairn, service: http}",
            "2:12: error: 'detection' must be a map of selections, not a number"
        ),
        ("- a", "1:1: error: a document must be a map, not a list"),
        (
            "title: x",
            "1:1: error: the document has neither 'detection', 'correlation', 'filter' nor 'tests'"
        ),
        (
            "title: T\ndetection: {}\ncorrelation: {}",
            "1:1: error: a document cannot have both 'detection' and 'correlation'"
        ),
    ])
    func `mistakes outside of the detection have their place too`(text: String, message: String) {
        #expect(RuleFixtures.messages(RuleFixtures.load(text)) == [message])
    }

    @Test
    func `all mistakes of a filter are found at once`() {
        let set = RuleFixtures.load(
            """
            title: T
            level: x
            filter:
              s: {http.ur: a}
              condition: r
            """)
        #expect(
            Set(RuleFixtures.messages(set).compactMap { $0.split(separator: " ").first })
                == ["1:1:", "2:8:", "4:3:", "5:14:"])
    }

    @Test
    func `all mistakes of a test's traffic are found at once`() {
        let set = RuleFixtures.load(
            """
            tests:
              - name: a
                traffic:
                  - tcp: {client: nobody, server: 10.0.0.1, ending: x}
                    turns: 5
                    at: soon
                    repeat: {every: never}
                  - icmp: {client: x, server: y, size: -1, answered: 5}
                expect: []
            """)
        let places = Set(RuleFixtures.messages(set).compactMap { $0.split(separator: " ").first })
        #expect(
            places.isSuperset(of: [
                "4:23:", "4:39:", "4:57:", "5:16:", "6:13:", "7:25:", "8:24:", "8:35:", "8:44:",
                "8:58:",
            ]), "\(places.sorted())")
    }

    @Test
    func `all mistakes of a rule are found at once`() {
        let set = RuleFixtures.load(
            """
            title: T
            level: x
            logsource: {product: cairn, service: http}
            actor: http.hst
            threshold: 5
            detection:
              s: {http.ur: a, http.uri|contian: b}
              t:
                - {http.methd: GET}
                - {http.bod|startswiht: x, http.request.header|contains: y}
              unused: {http.status: abc}
              condition: (s or t) and u and not 1 of v*
            """)
        #expect(
            RuleFixtures.messages(set) == [
                "2:8: error: unknown level 'x'; use informational, low, medium, high or critical",
                "4:8: error: unknown field 'http.hst' — did you mean 'http.host'?",
                "5:12: error: 'threshold' must be a map, not a number",
                "7:7: error: unknown field 'http.ur' — did you mean 'http.uri'?",
                "7:28: error: unknown modifier 'contian' — did you mean 'contains'?",
                "9:8: error: unknown field 'http.methd' — did you mean 'http.method'?",
                "10:8: error: unknown field 'http.bod'; 'cairn fields' lists all",
                "10:17: error: unknown modifier 'startswiht' — did you mean 'startswith'?",
                "11:25: error: 'abc' is no whole number; 'http.status' holds numbers",
                "12:27: error: unknown selection 'u'", "12:37: error: no selection fits 'v*'",
            ])
        #expect(set.failedRuleCount == 1)
        #expect(set.diagnostics.allSatisfy { $0.rule == "T" })
    }

    @Test
    func `all mistakes of a correlation rule are found at once`() {
        let set = RuleFixtures.load(
            """
            title: C
            level: hihg
            correlation:
              type: event_cont
              rules: [a, a]
              timespan: 5x
              generate: maybe
            """)
        #expect(
            set.diagnostics.map(\.location.line) == [2, 4, 5, 6, 7],
            "\(RuleFixtures.messages(set))")
    }

    @Test
    func `a rule about nothing that is known tells its other mistakes too`() {
        for source in ["logsource: {product: cairn, service: htp}", "description: x"] {
            let set = RuleFixtures.load(
                "title: T\n\(source)\ndetection: {s: {a|contian: 5}, condition: s or u}")
            #expect(set.diagnostics.count == 3, "\(RuleFixtures.messages(set))")
        }
    }

    // MARK: Log sources

    @Test(arguments: [
        ("{category: proxy}", "c-uri", "http"),
        ("{category: webserver, product: apache}", "cs-method", "http"),
        ("{category: dns}", "query", "dns"),
        ("{product: zeek, service: http}", "method", "http"),
        ("{product: zeek, service: dns}", "query", "dns"),
        ("{product: zeek, service: conn}", "dst_port", "flow"),
        ("{product: zeek, service: x509}", "certificate.serial", "tls"),
        ("{product: zeek, service: kerberos}", "cipher", "krb5"),
        ("{product: zeek, service: rdp}", "id.orig_h", "rdp"),
        ("{product: windows, category: dns_query}", "QueryName", "dns"),
        ("{category: firewall}", "dst_ip", "flow"),
        ("{service: netflow}", "destination.port", "flow"),
        ("{product: windows, category: network_connection}", "DestinationPort", "flow"),
        ("{product: cairn, service: packet}", "payload", "packet"),
    ])
    func `log sources choose the subject`(source: String, field: String, subject: String) throws {
        let set = RuleFixtures.load(
            "title: T\nlogsource: \(source)\ndetection: {s: {\(field): null}, condition: s}")
        #expect(RuleFixtures.messages(set) == [])
        let rule = try #require(set.detections.first)
        #expect(FieldRegistry.subjects[rule.subject].name == subject)
    }

    @Test(arguments: [
        (
            "{product: windows, category: process_creation}", "a: b",
            "the log source (product 'windows', category 'process_creation') cannot be seen on the wire"
        ),
        (
            "{product: linux, service: sshd}", "a: b",
            "the log source (product 'linux', service 'sshd') cannot be seen on the wire"
        ),
        (
            "{product: zeek, service: weird}", "a: b",
            "Zeek's log 'weird' has no counterpart on the wire"
        ),
        ("{category: proxy}", "cs-user: b", "the field 'cs-user' cannot be seen on the wire"),
        (
            "{category: dns}", "dns.qery: b",
            "the field 'dns.qery' cannot be seen on the wire — did you mean 'dns.query'?"
        ),
        (
            "{category: proxy}", "cs-user: b, c-uri: a, x|contains: 5",
            "the fields 'cs-user', 'x' cannot be seen on the wire"
        ),
        (
            "{category: firewall}", "action: deny",
            "its condition can never hold for what is seen on the wire"
        ),
    ])
    func `what is not on the wire is skipped with its reason`(
        source: String, item: String, reason: String
    ) {
        let set = RuleFixtures.load(
            "title: T\nlogsource: \(source)\ndetection: {s: {\(item)}, condition: s}")
        #expect(set.detections.isEmpty)
        #expect(set.skipped.map(\.reason) == [reason])
        #expect(set.diagnostics.map(\.message) == [reason])
        #expect(set.diagnostics.map(\.severity) == [.skipped])
        #expect(!set.hasErrors)
    }

    @Test
    func `an aggregation in the condition is skipped`() {
        let set = RuleFixtures.rule("http", "s: {http.uri: a}\ncondition: s | count() > 5")
        #expect(set.skipped.count == 1)
        #expect(
            RuleFixtures.messages(set) == [
                "5:16: skipped: aggregations ('count() > 5') are not part of Sigma any more; write"
                    + " a correlation rule"
            ])
    }

    @Test
    func `what came over the wire was let through`() throws {
        let set = RuleFixtures.load(
            """
            title: T
            logsource: {category: firewall}
            detection:
              s: {dst_port: 23}
              a: {action: [accept, 2]}
              b: {blocked: 'false'}
              condition: s and 1 of a* and b
            """)
        #expect(
            set.detections.first?.condition
                == (try RuleFixtures.match("dst.port", .number(.equal, 23), of: "flow")))
    }

    @Test
    func `a rule on one direction means the fields of that direction`() throws {
        func field(_ flow: String) throws -> FieldID? {
            let set = RuleFixtures.rule(
                "http", "s: {http.cookie: a}\ncondition: s", "traffic: {flow: \(flow)}\n")
            guard case .match(let match)? = set.detections.first?.condition else { return nil }
            return match.field
        }
        #expect(try field("[established, to_server]") == RuleFixtures.field("http.request.cookie"))
        #expect(try field("[from_server]") == RuleFixtures.field("http.response.cookie"))
        #expect(try field("established") == RuleFixtures.field("http.cookie"))
    }

    @Test(arguments: 0..<30)
    func `mutated rules are loaded or refused`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let original = Array(
            """
            title: T
            id: x
            logsource: {product: cairn, service: http}
            traffic: {from: {ip: $HOME_NET, port: '!80'}, flow: [to_server]}
            detection:
              s: {http.uri|contains|windash: '* -a?\\*', http.status|gte: 1.5}
              q:
                http.uri|sequence: [{content: 'a|0d|', within: 9}, {byte_test: {bytes: 2, op: '>', value: 3}}]
              condition: s and not 1 of q*
            threshold: {type: limit, track: by_src, count: 1, seconds: 1m}
            tests: [{name: t, traffic: [{tcp: {client: '1.1.1.1:1', server: '2.2.2.2:2'}, client: "\\xff"}], alerts: 1}]
            ---
            title: C
            correlation: {type: temporal, rules: [x], timespan: 1m, condition: x and x}
            """.utf8)
        for _ in 0..<30 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch UInt8.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 32...126, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.removeSubrange(index..<min(bytes.count, index + 12))
                default:
                    let other = Int.random(in: 0..<original.count, using: &random)
                    bytes.insert(
                        contentsOf: original[other..<min(original.count, other + 9)], at: index)
                }
                if bytes.isEmpty { bytes = original }
            }
            let set = RuleLoader().load(source: bytes, path: "m.yml")
            #expect(set.detections.count <= 3)
        }
    }
}
