import Testing

@testable import Cairn

/// Alerts in each form that files have, field by field.
@Suite struct AlertLineParserTests {
    private static let fields = [
        "src.ip", "dst.ip", "src.port", "dst.port", "http.host", "dns.query", "user", "count",
    ]

    private struct Parsed: Equatable {
        var line: AlertLineParser.Line
        var rule = ""
        var level = Level.informational
        var tags: [String] = []
        var actor: String?
        var victim: String?
        var packet: Int64?
        var flowID: Int64?
        var fields: [String: String] = [:]
    }

    private let catalog = RuleCatalog(
        program: CorrelationProgram(rules: [], detections: []))

    private func parse(_ line: String) -> Parsed {
        var parser = AlertLineParser(fieldNames: Self.fields, catalog: catalog)
        return parse(line, with: &parser)
    }

    private func parse(_ line: String, with parser: inout AlertLineParser) -> Parsed {
        let bytes = Array(line.utf8)
        let kind = bytes.withUnsafeBytes { line in
            let kind = parser.parse(line)
            if kind == .alert { parser.takeValues(of: line) }
            return kind
        }
        guard kind == .alert else { return Parsed(line: kind) }
        func text(_ value: CorrelationAlert.Value) -> String? {
            guard value.kind != .none else { return nil }
            let range = Int(value.offset)..<Int(value.offset + value.byteCount)
            return String(decoding: range.map { parser.alert.text[$0] }, as: UTF8.self)
        }
        let facts = catalog[parser.alert.label]
        var parsed = Parsed(line: kind)
        parsed.rule = String(decoding: catalog.text(ofIdentity: facts.identity), as: UTF8.self)
        parsed.level = facts.level
        parsed.tags = catalog.label(parser.alert.label).tags.map {
            String(decoding: $0, as: UTF8.self)
        }
        parsed.actor = text(parser.alert.actor)
        parsed.victim = text(parser.alert.victim)
        parsed.packet = parser.alert.packet
        parsed.flowID = parser.alert.flowID
        for (index, name) in Self.fields.enumerated() {
            parsed.fields[name] = text(parser.alert.fields[index])
        }
        return parsed
    }

    private static let eve = #"""
        {"timestamp":"2026-01-02T03:04:05.123456+0000","flow_id":77,"pcap_cnt":9,"event_type":"alert",\#
        "src_ip":"192.0.2.80","src_port":80,"dest_ip":"10.0.0.5","dest_port":40000,"proto":"TCP",\#
        "direction":"to_client","alert":{"action":"allowed","gid":1,"signature_id":2001,"rev":1,\#
        "signature":"ET X","severity":1,"metadata":{"mitre_tactic_name":["Execution"]}},\#
        "http":{"hostname":"app.example","url":"/"},"dns":{"query":[{"rrname":"b.example"}]}}
        """#

    @Test(arguments: [
        "0", "7", "-7", "12345678", "123456789", "1062807541015620", "-999999999999999999",
        "1000000000000000001", "9223372036854775807",
    ])
    func `whole numbers of any length are exact`(number: String) {
        let alert = parse(Self.eve.replacing(#""flow_id":77"#, with: #""flow_id":\#(number)"#))
        #expect(alert.flowID == Int64(number))
    }

    @Test func `an alert of Suricata names the ends of its flow, whatever packet made it`() {
        let alert = parse(Self.eve)
        #expect(alert.rule == "2001")
        #expect(alert.level == .high)
        #expect(alert.tags == ["attack.execution"])
        #expect((alert.packet, alert.flowID) == (9, 77))
        #expect((alert.actor, alert.victim) == ("10.0.0.5", "192.0.2.80"))
        #expect(
            alert.fields == [
                "src.ip": "10.0.0.5", "dst.ip": "192.0.2.80", "src.port": "40000",
                "dst.port": "80", "http.host": "app.example", "dns.query": "b.example",
            ])
        let other = parse(Self.eve.replacing("to_client", with: "to_server"))
        #expect((other.actor, other.victim) == ("192.0.2.80", "10.0.0.5"))
    }

    @Test(arguments: [
        (#""signature_id":5,"severity":1"#, Level.high),
        (#""signature_id":5,"severity":2"#, .medium), (#""signature_id":5"#, .medium),
        (#""signature_id":5,"severity":3"#, .low),
        (#""signature_id":5,"severity":4"#, .informational),
    ])
    func `a priority is a level`(alert: String, level: Level) {
        let line = #"{"event_type":"alert","timestamp":"2026-01-02T03:04:05Z","alert":{\#(alert)}}"#
        #expect(parse(line).level == level)
        #expect(parse(line).rule == "5")
    }

    @Test func `what Cairn says of its own counts before what EVE says`() {
        let alert = parse(
            #"""
            {"event_type":"alert","timestamp":"2026-01-02T03:04:05.123456+0000","src_ip":"10.0.0.1",\#
            "dest_ip":"10.0.0.2","alert":{"signature_id":3000000001,"severity":3},"cairn":{"rule":"jndi",\#
            "level":"critical","tags":["attack.impact"],"time":"2026-01-02T03:04:05.123456789Z",\#
            "actor":"evil","victim":"10.0.0.9","fields":{"http.host":"h","count":12}}}
            """#)
        #expect((alert.rule, alert.level, alert.tags) == ("jndi", .critical, ["attack.impact"]))
        #expect((alert.actor, alert.victim) == ("evil", "10.0.0.9"))
        #expect(alert.fields["http.host"] == "h")
        #expect(alert.fields["count"] == "12")
        #expect(alert.fields["src.ip"] == "10.0.0.1")
    }

    @Test func `in registry names a key with a dot counts before the walk`() {
        let alert = parse(
            #"""
            {"time":"2026-01-02T03:04:05Z","rule":{"id":"r","level":"low"},"src":{"ip":"10.0.0.1"},\#
            "src.ip":"10.0.0.2","dst":{"ip":"10.0.0.3"},"user":"\u00e9\n","count":-0,"packet":4}
            """#)
        #expect(alert.fields["src.ip"] == "10.0.0.2")
        #expect(alert.fields["user"] == "é\n")
        #expect(alert.fields["count"] == "0")
        #expect((alert.actor, alert.victim, alert.packet) == ("10.0.0.2", "10.0.0.3", 4))
    }

    @Test(
        arguments: [
            (#"{"user":null}"#, nil), (#"{"user":[1]}"#, nil), (#"{"user":{"a":1}}"#, nil),
            (#"{"user":true}"#, "true"), (#"{"user":1.50}"#, "1.5"), (#"{"user":1e3}"#, "1000"),
            (#"{"user":""}"#, ""), (#"{"user":"a","user":"b"}"#, "b"),
        ] as [(String, String?)])
    func `a scalar is a value, anything else none`(members: String, value: String?) {
        let line = #"{"time":"2026-01-02T03:04:05Z","rule":{"id":"r"},"# + members.dropFirst()
        #expect(parse(line).fields["user"] == value)
    }

    @Test(
        arguments: [
            ("", .broken(.notAnObject)), ("[]", .broken(.notAnObject)),
            ("{", .broken(.notAnObject)),
            (#"{"a":1} x"#, .broken(.notAnObject)), ("{}", .broken(.noTime)),
            (#"{"time":"2026-13-02T03:04:05Z"}"#, .broken(.noTime)),
            (#"{"time":"2026-02-30T03:04:05Z"}"#, .broken(.noTime)),
            (#"{"clock":"soon"}"#, .broken(.noTime)),
            (#"{"event_type":"alert","alert":{"signature_id":1}}"#, .broken(.noTime)),
            (#"{"event_type":"dns","timestamp":"x"}"#, .other), (#"{"kind":"firing"}"#, .other),
            (#"{"kind":"summary"}"#, .other),
            (
                #"{"clock":"1970-01-01T00:00:01+00:00"}"#,
                .clock(Timestamp(nanoseconds: 1_000_000_000))
            ),
            (#"{"clock":"1970-01-01T01:00:00+0100"}"#, .clock(Timestamp(nanoseconds: 0))),
        ] as [(String, AlertLineParser.Line)])
    func `other lines are told apart`(line: String, kind: AlertLineParser.Line) {
        #expect(parse(line).line == kind)
    }

    @Test func `what lines before looked like makes no difference`() {
        let described = Self.eve.replacing(
            #""severity":1,"#, with: #""category":"A Network Trojan was detected","severity":1,"#)
        let lines = [
            Self.eve, Self.eve, Self.eve.replacing("2001", with: "2002"), Self.eve,
            described, described.replacing(#""severity":1"#, with: #""severity":3"#), described,
            described.replacing("Execution", with: "Discovery"),
            Self.eve.replacing(#""src_ip""#, with: #""src_ip" "#),
            Self.eve.replacing(#","dest_ip""#, with: #", "dest_ip""#),
            Self.eve.replacing(#""src_port":80,"#, with: ""),
            Self.eve.replacing(#""src_ip""#, with: #""dest_ip""#),
            Self.eve.replacing(#""http":{"#, with: #""http":{"x":[{"hostname":1}],"#),
            Self.eve.replacing(#""dns":{"query":[{"#, with: #""dns":{"query":[{"a":{}},{"#),
            Self.eve.replacing(#""event_type":"#, with: #""event_type""#), "{}", Self.eve,
            #"{"time":"2026-01-02T03:04:05Z","rule":{"id":"r"},"user":"a","count":7}"#, Self.eve,
        ]
        var parser = AlertLineParser(fieldNames: Self.fields, catalog: catalog)
        for line in lines + lines.reversed() {
            #expect(parse(line, with: &parser) == parse(line))
        }
    }

    @Test func `a line that is cut is broken, whatever lies behind it`() {
        let bytes = Array((Self.eve + String(repeating: " ", count: 16)).utf8)
        var parser = AlertLineParser(fieldNames: Self.fields, catalog: catalog)
        bytes.withUnsafeBytes { all in
            let count = Self.eve.utf8.count
            #expect(parser.parse(.init(rebasing: all[..<count]), slackByteCount: 16) == .alert)
            for cut in 0..<count {
                let line = UnsafeRawBufferPointer(rebasing: all[..<cut])
                let kind = parser.parse(line, slackByteCount: all.count - cut)
                #expect(kind == .broken(.notAnObject))
            }
        }
    }
}
