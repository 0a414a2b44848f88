import Testing

@testable import Cairn

/// Suricata's rules as values.
@Suite struct SuricataRuleReaderTests {
    /// Loads lines of a `.rules` file.
    static func load(_ text: String, settings: Settings = Settings()) -> RuleSet {
        RuleLoader(settings: settings).load(source: text.utf8, path: "x.rules")
    }

    /// One rule with these options.
    static func rule(
        _ options: String, _ header: String = "alert tcp any any -> any any",
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) throws -> DetectionRule {
        let set = load("\(header) (\(options) sid:1;)\n")
        #expect(RuleFixtures.messages(set) == [], sourceLocation: sourceLocation)
        return try #require(set.detections.first, sourceLocation: sourceLocation)
    }

    private static func payload(_ predicate: Predicate) throws -> Condition {
        try RuleFixtures.match("payload", predicate, of: "packet")
    }

    // MARK: What a rule says about itself

    @Test func `the header of a rule becomes title, number and labels`() throws {
        let rule = try Self.rule(
            """
            msg:"A \\"quoted\\" \\; name"; classtype:trojan-activity; rev:7; gid:3; \
            reference:cve,2021-44228; reference:url,example.com/a\\;b; \
            metadata:signature_severity Major, mitre_tactic_name Initial_Access, \
            mitre_technique_id T1190, cve CVE_2021_44228; content:"a";
            """)
        let header = rule.header
        #expect(header.title == "A \"quoted\" ; name")
        #expect(header.id == "3:1")
        #expect(header.signatureID == 1)
        #expect(header.revision == 7)
        #expect(header.category == "A Network Trojan was detected")
        #expect(header.severity == 1)
        #expect(header.level == .high)
        #expect(
            header.references == [
                "http://cve.mitre.org/cgi-bin/cvename.cgi?name=2021-44228",
                "http://example.com/a;b",
            ])
        #expect(
            header.tags == [
                "attack.initial-access", "attack.t1190", "cve.2021-44228",
                "classtype.trojan-activity",
            ])
        #expect(header.metadata.map(\.key).first == "signature_severity")
    }

    // MARK: Subjects

    @Test(arguments: [
        ("content:\"a\";", "alert tcp any any -> any any", "packet"),
        ("http.uri; content:\"a\";", "alert tcp any any -> any any", "http"),
        ("content:\"a\"; http_uri;", "alert http any any -> any any", "http"),
        ("pcre:\"/a/U\";", "alert http any any -> any any", "http"),
        ("dns.query; content:\"a\";", "alert udp any any -> any 53", "dns"),
        ("ja3.hash; content:\"a\";", "alert tls any any -> any any", "tls"),
        ("file.data; content:\"a\";", "alert http any any -> any any", "http"),
        ("file.data; content:\"a\";", "alert tcp any any -> any any", "file"),
        ("filename:\"a\"; filesize:>1KB;", "alert http any any -> any any", "file"),
    ])
    func `buffers say what a rule is about`(options: String, header: String, subject: String) throws
    {
        let rule = try Self.rule(options, header)
        #expect(FieldRegistry.subjects[rule.subject].name == subject)
    }

    @Test(arguments: [
        ("http.uri; content:\"a\";", false, [FlowCondition.to_server]),
        ("http.header; content:\"a\";", true, []),
        ("flow:to_client; http.header; content:\"a\";", false, [.to_client]),
        ("http.header; content:\"a\"; http.stat_code; content:\"200\";", false, [.to_client]),
    ])
    func `buffers of one direction give the rule that direction`(
        options: String, isEachWay: Bool, flow: [FlowCondition]
    ) throws {
        let rule = try Self.rule(options, "alert http any any -> any any")
        #expect(rule.traffic.isEachWay == isEachWay)
        #expect(rule.traffic.flow == flow)
    }

    @Test func `a rule for one direction looks at that direction's field`() throws {
        let rule = try Self.rule(
            "flow:to_client; http.header; content:\"a\"; nocase;", "alert http any any -> any any")
        #expect(
            rule.condition
                == (try RuleFixtures.match("http.response.header", .text(TextPattern("*a*")))))
    }

    @Test func `an application protocol without buffers is what the flow speaks`() throws {
        let rule = try Self.rule("content:\"a\";", "alert smb any any -> any any")
        let speaks = try RuleFixtures.match("app_proto", .text(TextPattern("smb")), of: "packet")
        #expect(
            rule.condition
                == .all([speaks, try Self.payload(.text(TextPattern("*a*", isCased: true)))]))
    }

    // MARK: Where payload is looked for

    @Test(
        arguments: [
            ("content:\"a\";", "tcp", PayloadInspection.stream),
            ("content:\"a\"; depth:4;", "tcp", [.packet, .stream]),
            ("content:\"a\"; startswith;", "tcp", [.packet, .stream]),
            ("content:\"a\"; distance:4;", "tcp", .stream),
            ("content:\"a\"; dsize:10;", "tcp", .packet),
            ("content:\"a\"; depth:4; flow:only_stream;", "tcp", .stream),
            ("content:\"a\"; flow:no_stream;", "tcp", .packet),
            ("content:\"a\";", "tcp-pkt", .packet), ("content:\"a\";", "tcp-stream", .stream),
            ("content:\"a\";", "udp", .packet), ("content:\"a\";", "ip", .stream),
        ] as [(String, String, PayloadInspection)])
    func `payload is looked for in packets, streams or both`(
        options: String, proto: String, inspection: PayloadInspection
    ) throws {
        let rule = try Self.rule(options, "alert \(proto) any any -> any any")
        #expect(rule.traffic.inspection == inspection)
    }

    // MARK: Contents

    @Test func `contents become texts, or steps where their place matters`() throws {
        #expect(
            try Self.rule("content:\"a|0d 0a|b\\;\";").condition
                == (try Self.payload(
                    .text(
                        TextPattern(
                            parts: [
                                .anyMany, .literal(Array("a\r\nb;".utf8)), .anyMany,
                            ], isCased: true)))))
        #expect(
            try Self.rule("content:\"ab\"; content:!\"c\"; within:4; nocase;").condition
                == (try Self.payload(
                    .sequence([
                        .content(ContentStep(bytes: Array("ab".utf8))),
                        .content(
                            ContentStep(
                                bytes: Array("c".utf8), ignoresCase: true, isNegated: true,
                                within: .number(4))),
                    ]))))
        #expect(
            try Self.rule(
                "dns.query; content:\"a.b\"; nocase; bsize:3;", "alert dns any any -> any any"
            )
            .condition
                == (try RuleFixtures.match("dns.query", .text(TextPattern("a.b")), of: "dns")))
    }

    @Test func `a content that is no text stays a step`() throws {
        #expect(
            try Self.rule("content:\"|ff fe|\";").condition
                == (try Self.payload(.sequence([.content(ContentStep(bytes: [0xff, 0xfe]))]))))
    }

    @Test(arguments: [
        ("tls.cert_serial;", true), ("tls_cert_serial;", true), ("tls.cert_fingerprint;", true),
        ("ja3.hash;", true), ("ja3s.hash;", true), ("ssh.hassh;", true),
        ("ssh.hassh.server;", true),
        ("tls.sni;", false), ("tls.cert_serial; to_lowercase;", false),
    ])
    func `the case of contents does not count where all values have one`(
        buffer: String, isSame: Bool
    ) throws {
        let small = try Self.rule("\(buffer) content:\"0a:fb\";")
        let capital = try Self.rule("\(buffer) content:\"0A:FB\";")
        #expect((small.condition == capital.condition) == isSame)
    }

    // MARK: Files of rules

    @Test func `lines that end in a backslash go on`() throws {
        let set = Self.load(
            "alert tcp any any -> any any \\\n  (msg:\"a\"; \\\ncontent:\"b\"; sid:5;)\n# remark\n"
                + "#alert tcp any any -> any any (sid:6;)\n")
        #expect(RuleFixtures.messages(set) == [])
        #expect(set.detections.map(\.header.id) == ["5"])
        #expect(set.disabledRuleCount == 1)
    }

    @Test func `of two rules with one number the higher revision counts`() throws {
        let set = Self.load(
            """
            alert tcp any any -> any any (msg:"old"; sid:1; rev:1;)
            alert tcp any any -> any any (msg:"new"; sid:1; rev:3;)
            alert tcp any any -> any any (msg:"older"; sid:1; rev:2;)

            """)
        #expect(set.detections.map(\.header.title) == ["new"])
        #expect(
            RuleFixtures.messages(set) == [
                "3:1: error: another rule has the sid 1 and revision 3, which is not lower: x.rules:2:1"
            ])
    }

    @Test(arguments: [
        (">= 7.0.0", true), (">= 8", false), (">= 6 < 7.0.11", true), ("< 7 | >= 7.0.10", true),
        ("> 7.0.10", false),
    ])
    func `a rule for another version is skipped`(version: String, isLoaded: Bool) {
        let set = Self.load(
            "alert tcp any any -> any any (requires:version \(version); sid:1;)\n")
        #expect(set.detections.isEmpty != isLoaded)
        #expect(set.skipped.isEmpty == isLoaded)
        #expect(!set.hasErrors)
    }

    @Test(arguments: [("false", true), ("true", false)])
    func `a rule that requires what nobody knows is skipped, or loaded on request`(
        setting: String, isSkipped: Bool
    ) {
        var settings = Settings()
        #expect(settings.set("ignore-unknown-requirements=\(setting)") == [])
        let set = Self.load(
            "alert tcp any any -> any any (requires:foo bar; sid:1;)\n", settings: settings)
        #expect(set.skipped.isEmpty != isSkipped)
        #expect(set.detections.isEmpty == isSkipped)
    }

    @Test(arguments: [
        ("(flags:S; sid:1;", ["1:45: warning: the ')' at the end of the rule is missing; add it"]),
        ("(flags:S; sid:1;))", ["1:47: warning: the rule ends with ')' twice; take one away"]),
        ("flags:S; sid:1;)", ["1:30: warning: the '(' before the options is missing; add it"]),
        ("(FLAGS:S; Sid:1;)", []), ("(flags:S; sid:1; )", []),
    ])
    func `a rule with a slip that Suricata overlooks is loaded`(
        options: String, messages: [String]
    ) {
        let set = Self.load("Alert TCP any any -> any any \(options)\n")
        #expect(RuleFixtures.messages(set) == messages)
        #expect(set.detections.map(\.header.id) == ["1"])
    }

    @Test(arguments: ["(flags:S; sid:1", "(flags:S; sid:1)", "(flags:S; sid:1;) x", "("])
    func `a rule without an end is a mistake`(options: String) {
        let set = Self.load("alert tcp any any -> any any \(options)\n")
        #expect(set.detections.isEmpty)
        #expect(set.diagnostics.count == 1)
    }

    @Test(arguments: [
        "tos:x1f; priority:0;", "http.uri; bsize:1-50; gid:0;", "http.uri; bsize:=1;",
        "filesize:10-1000; priority:256;", "byte_extract:1,0,9v; byte_test:1,=,9v,0;",
        "stream_size:client,!,5;",
    ])
    func `forms that Suricata takes are no mistakes`(options: String) {
        let set = Self.load("alert ip any any -> any any (\(options) sid:1;)\n")
        #expect(RuleFixtures.messages(set) == [])
        #expect(set.detections.count == 1)
    }

    @Test func `what stands behind a buffer that is not there is no mistake`() {
        let set = Self.load(
            "alert tls any any -> any any (nfs.filename; bsize:4; content:\"a\"; sid:1;)\n")
        #expect(set.skipped.count == 1)
        #expect(!set.hasErrors)
    }

    @Test func `rules in comments are counted, and listed on request`() {
        let text = """
            # a comment
            #alert tcp any any -> any any (msg:"off"; content:"a"; sid:7;)
            alert tcp any any -> any any (content:"a"; sid:8;)
            ## drop udp any any -> any any (msg:"no end; sid:9;)

            """
        var loader = RuleLoader()
        #expect(loader.load(source: text.utf8, path: "x.rules").disabledRules.isEmpty)
        loader.listsDisabledRules = true
        let set = loader.load(source: text.utf8, path: "x.rules")
        #expect(set.disabledRuleCount == set.disabledRules.count)
        #expect(
            set.disabledRules.map(\.description)
                == ["x.rules:2:1: disabled: 7: off", "x.rules:4:1: disabled: 9"])
    }

    // MARK: Mistakes

    @Test(arguments: [
        ("contnt:\"a\";", "31: error: unknown keyword 'contnt' — did you mean 'content'?"),
        ("content:\"abc\"; depth:2;", "46: error: 'depth' of 2 is less than the content's 3 bytes"),
        (
            "content:\"a\\b\";",
            "42: error: only \\ \" : and ; can follow a '\\'; a '\\' itself is '\\\\'"
        ),
        ("nocase;", "31: error: 'nocase' must follow a content"),
        (
            "content:\"a\"; depth:b;",
            "50: error: 'depth' must be a number, or a variable that 'byte_extract' or 'byte_math' has"
                + " set"
        ),
        (
            "http.uri; http.method; content:\"a\";",
            "31: error: nothing is looked for in this sticky buffer; a content must follow it"
        ),
        (
            "http.uri; content:\"a\"; http.stat_code; content:\"200\";",
            "54: error: 'http.stat_code' is seen to the client only, the rule looks to the server"
        ),
        (
            "flow:to_server; flow:established;",
            "47: error: 'flow' was given before; write all words behind one"
        ),
        ("flow:to_server,to_client;", "46: error: 'to_server' and 'to_client' cannot both hold"),
        (
            "http.uri; content:\"a\"; tls.sni; content:\"b\";",
            "54: error: 'http.uri' and 'tls.sni' are about different protocols"
        ),
        (
            "http.uri; to_md5; content:\"a\"; to_sha1; content:\"b\";",
            "62: error: 'to_sha1' cannot stand behind contents of a buffer that is changed already;"
                + " put all transforms before them"
        ),
        (
            "http.uri:to_client; content:\"a\";",
            "40: error: 'http.uri' is seen in the other direction only"
        ),
        ("vlan.id:1,x;", nil), ("ssl_version:tls1.0,!tls1.1;", nil), ("tcp.seq:9-2;", nil),
        ("to_md5; content:\"a\";", "31: error: 'to_md5' must stand behind a sticky buffer"),
        ("ntp.mode:3;", "31: skipped: the keyword 'ntp.mode' is not supported"),
        ("dnp3_func:read;", "31: skipped: the keyword 'dnp3_func' is not supported"),
        ("pcre:\"/(/\";", nil), ("lua:x.lua;", "31: skipped: the keyword 'lua' is not supported"),
        (
            "app-layer-event:ike.no_encryption;",
            "31: skipped: an event of ike is not supported"
        ),
        (
            "tls.store; http.uri; content:\"a\";",
            "42: error: 'http.uri' is about http, the rule about tls"
        ),
    ])
    func `mistakes have a place and a remedy`(options: String, message: String?) {
        let set = Self.load("alert tcp any any -> any any (\(options) sid:1;)\n")
        #expect(set.detections.isEmpty)
        if let message {
            #expect(RuleFixtures.messages(set) == ["1:" + message])
        } else {
            #expect(set.diagnostics.count == 1)
        }
    }

    @Test func `a hook goes one way`() {
        let set = Self.load(
            "alert http1:response_line any any -> any any"
                + " (flow:to_server; http.method; content:\"GET\"; sid:1;)\n")
        #expect(
            RuleFixtures.messages(set) == [
                "1:13: error: 'response_line' is seen to the client only, the rule looks to the"
                    + " server"
            ])
    }

    @Test(arguments: [
        ("alrt tcp any any -> any any", "1: error: unknown action 'alrt' — did you mean 'alert'?"),
        ("alert tpc any any -> any any", "7: error: unknown protocol 'tpc' — did you mean 'tcp'?"),
        (
            "alert nosuch any any -> any any",
            "7: error: unknown protocol 'nosuch'; use one that Suricata knows, like ip, tcp, http or dns"
        ),
        (
            "alert tcp:end any any -> any any",
            "11: error: unknown hook 'end'; use all or flow_start"
        ),
        (
            "alert http1:uri any any -> any any",
            "13: error: unknown hook 'uri'; use a state of the protocol, like request_complete or"
                + " response_complete"
        ),
        (
            "alert tcp any any <- any any",
            "19: error: unknown direction '<-'; use '->', '<>' or '=>'"
        ),
        (
            "alert tcp $HOME_NT any -> any any",
            "11: error: unknown variable '$HOME_NT' — did you mean '$HOME_NET'?"
        ),
    ])
    func `mistakes in a header have a place and a remedy`(header: String, message: String) {
        let set = Self.load("\(header) (sid:1;)\n")
        #expect(RuleFixtures.messages(set) == ["1:" + message])
    }
}
