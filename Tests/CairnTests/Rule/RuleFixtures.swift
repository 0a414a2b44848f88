@testable import Cairn

/// Small field tables, so that tests of rules do not depend on what the protocols declare.
enum RuleFixtures {
    static let fields = FieldLookup([
        ProtocolDefinition(
            name: "common", summary: "Fields of every subject",
            fields: [
                FieldDefinition("src.ip", .ip, nil, aliases: ["id.orig_h", "src_ip"], "Client"),
                FieldDefinition("dst.ip", .ip, nil, aliases: ["id.resp_h", "dst_ip"], "Server"),
                FieldDefinition("src.port", .integer, nil, "Client port"),
                FieldDefinition(
                    "dst.port", .integer, nil, aliases: ["id.resp_p", "dst_port"], "Server port"),
                FieldDefinition("timestamp", .integer, nil, "Time"),
            ]),
        ProtocolDefinition(
            name: "http", summary: "HTTP",
            fields: [
                FieldDefinition("http.uri", .bytes, .toServer, aliases: ["c-uri"], "Target"),
                FieldDefinition("http.method", .text, .toServer, aliases: ["cs-method"], "Method"),
                FieldDefinition(
                    "http.user_agent", .text, .toServer, aliases: ["c-useragent"], "UA"),
                FieldDefinition(
                    "http.stat_code", .integer, .toClient, aliases: ["sc-status"], "Code"),
                FieldDefinition("http.is_upgrade", .bool, nil, "Upgrade"),
            ]),
        ProtocolDefinition(
            name: "flow", summary: "Flows",
            fields: [FieldDefinition("flow.byte_count", .integer, nil, "Bytes")]),
        ProtocolDefinition(
            name: "dns", summary: "DNS",
            fields: [
                FieldDefinition("dns.query", .text, nil, aliases: ["query", "QueryName"], "Name"),
                FieldDefinition(
                    "dns.answers", .text, list: true, nil, aliases: ["answers"], "Answers"),
            ]),
        ProtocolDefinition(
            name: "stream", summary: "Streams",
            fields: [FieldDefinition("payload", .bytes, nil, "Bytes")]),
    ])

    static func load(_ text: String, settings: Settings = Settings()) -> RuleSet {
        RuleLoader(settings: settings, fields: fields).load(source: text.utf8, path: "rules.yml")
    }

    /// One rule on HTTP with this `detection` section, given without indentation.
    static func http(_ detection: String, _ rest: String = "") -> RuleSet {
        load(
            """
            title: Test
            logsource: {product: cairn, service: http}
            \(rest)
            detection:
            \(detection.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
            """)
    }

    /// `line:column: severity: message` of everything that was said.
    static func messages(_ set: RuleSet) -> [String] {
        set.diagnostics.map {
            "\($0.location.line):\($0.location.column): \($0.severity.rawValue): \($0.message)"
        }
    }
}
