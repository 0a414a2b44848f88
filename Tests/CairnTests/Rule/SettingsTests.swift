import Testing

@testable import Cairn

@Suite struct SettingsTests {
    private func read(_ text: String) -> (settings: Settings, messages: [String]) {
        var settings = Settings()
        let diagnostics = Array(text.utf8).withUnsafeBufferPointer {
            settings.read($0, path: "cairn.yaml")
        }
        return (settings, RuleFixtures.messages(diagnostics))
    }

    @Test
    func `defaults hold until something is set`() {
        let settings = Settings()
        #expect(!settings.bool("stream.midstream"))
        #expect(settings.byteCount("stream.reassembly.depth") == 1 << 20)
        #expect(settings.nanoseconds("incident.gap") == 3_600_000_000_000)
        #expect(settings.integer("defrag.trackers") == 65535)
        #expect(settings.list("host-os-policy.linux") == [])
        #expect(settings.list("incident.shared") == [])
        #expect(!settings.isSet("stream.midstream"))
        #expect(settings.text("vars.address-groups.EXTERNAL_NET") == "!$HOME_NET")
    }

    @Test
    func `files are nested maps, in YAML or JSON`() {
        let (settings, messages) = read(
            """
            %YAML 1.1
            ---
            stream: {midstream: yes, reassembly: {depth: 256 KiB}}
            flow-timeouts:
              tcp: {established: 5m}
            vars:
              address-groups: {HOME_NET: "[10.0.0.0/8,!10.1.0.0/16]", MINE: [10.0.0.1, 10.0.0.2]}
            incident: {shared: [10.0.0.1, 10.0.0.2]}
            lateness: 500ms
            """)
        #expect(messages == [])
        #expect(settings.bool("stream.midstream"))
        #expect(settings.byteCount("stream.reassembly.depth") == 262_144)
        #expect(settings.nanoseconds("flow-timeouts.tcp.established") == 300_000_000_000)
        #expect(settings.nanoseconds("lateness") == 500_000_000)
        #expect(settings.list("incident.shared") == ["10.0.0.1", "10.0.0.2"])
        let json = read(#"{"stream": {"midstream": true}, "incident": {"min-level": "high"}}"#)
        #expect(json.messages == [])
        #expect(json.settings.bool("stream.midstream"))
        #expect(json.settings.text("incident.min-level") == "high")
    }

    @Test(arguments: [
        (
            "strem: {midstream: yes}",
            "1:1: warning: unknown setting 'strem' — did you mean 'stream'?; ignored"
        ),
        (
            "stream: {midstraem: yes}",
            "1:21: warning: unknown setting 'stream.midstraem' — did you mean 'stream.midstream'?; ignored"
        ),
        (
            "outputs:\n- fast: {enabled: yes}\n- eve: {}",
            "1:1: warning: unknown setting 'outputs'; ignored"
        ),
        (
            "stream: {midstream: maybe}",
            "1:21: error: 'stream.midstream' must be true or false, not 'maybe'"
        ),
        (
            "stream: {memcap: 5 apples}",
            "1:18: error: 'stream.memcap' must be a size like 64mb, 256 KiB or 4096, not '5 apples'"
        ),
        (
            "lateness: -5s",
            "1:11: error: 'lateness' must be a time like 30s, 5m, 1h or 1d, not '-5s'"
        ),
        (
            "incident: {max-open: many}",
            "1:22: error: 'incident.max-open' must be a whole number, not 'many'"
        ),
        (
            "stream: {midstream: [a, b]}",
            "1:10: error: 'stream.midstream' takes one value, not a list"
        ),
        (
            "flow: {hash-size: 512}",
            "1:19: warning: 'flow.hash-size' has no effect: the table grows with the flows"
        ),
        (
            "host-os-policy: {linux: [10.0.0.0/8, here]}",
            "1:18: error: 'host-os-policy.linux' takes addresses and networks like 10.0.0.0/8, not 'here'"
        ),
        (
            "host-os-policy: {linus: 10.0.0.0/8}",
            "1:25: warning: unknown setting 'host-os-policy.linus' — did you mean 'host-os-policy.linux'?; ignored"
        ),
        (
            "stream: {reassembly: {urgent: {policy: late}}}",
            "1:40: error: 'stream.reassembly.urgent.policy' must be inline, oob, drop or gap, not 'late'"
        ),
        (
            "action-order: [pass, log]",
            "1:1: error: 'action-order' takes the words pass, drop, reject, alert, not 'log'"
        ),
        ("- a", "1:1: error: settings must be a map, not a list"),
    ])
    func `mistakes have a place and a remedy`(text: String, message: String) {
        #expect(read(text).messages == [message])
    }

    @Test
    func `single settings replace those of files`() {
        var settings = read("stream: {midstream: yes}").settings
        #expect(settings.set("stream.midstream=false").isEmpty)
        #expect(!settings.bool("stream.midstream"))
        #expect(settings.set("incident.shared=[10.0.0.1, 10.0.0.0/8]").isEmpty)
        #expect(settings.list("incident.shared") == ["10.0.0.1", "10.0.0.0/8"])
        #expect(
            settings.set("stream.midstrem=1").map(\.description) == [
                "--set stream.midstrem=1: warning: unknown setting 'stream.midstrem' — did you mean"
                    + " 'stream.midstream'?; ignored"
            ])
        #expect(
            settings.set("stream.midstream").map(\.description)
                == ["--set stream.midstream: error: expected KEY=VALUE"])
        #expect(
            settings.set("lateness=x").map(\.severity) == [.error])
        #expect(settings.set("app-layer.protocols.smb.enabled=no").isEmpty)
    }

    /// As Suricata's `--set` writes lists.
    @Test
    func `elements of a list may be given by number`() {
        var settings = read("host-os-policy: {linux: {1: 10.0.0.2, 0: 10.0.0.1}}").settings
        #expect(settings.list("host-os-policy.linux") == ["10.0.0.1", "10.0.0.2"])
        #expect(settings.set("host-os-policy.linux.10=10.0.0.3").isEmpty)
        #expect(settings.list("host-os-policy.linux") == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(settings.set("host-os-policy.linux=10.0.0.9").isEmpty)
        #expect(settings.set("host-os-policy.linux.0=10.0.0.4").isEmpty)
        #expect(settings.list("host-os-policy.linux") == ["10.0.0.4"])
        #expect(
            settings.set("host-os-policy.linux.0=there").map(\.description) == [
                "--set host-os-policy.linux.0=there: error: 'host-os-policy.linux' takes addresses"
                    + " and networks like 10.0.0.0/8, not 'there'"
            ])
        #expect(settings.set("stream.midstream.0=true").map(\.severity) == [.warning])
    }

    @Test(
        arguments: [
            ("0", 0), ("4096", 4096), ("1kb", 1024), ("1 KiB", 1024), ("64mb", 64 << 20),
            ("1.5m", 3 << 19), ("2GB", 2 << 30), ("1tb", 1 << 40), ("10b", 10),
            ("", nil), ("mb", nil), ("-1", nil), ("1x", nil), ("1..5", nil), ("1e400", nil),
            ("99999999999999tb", nil),
        ] as [(String, Int?)])
    func `sizes`(text: String, byteCount: Int?) {
        #expect(Setting.byteCount(text) == byteCount)
    }

    @Test(
        arguments: [
            ("0", 0), ("60", 60_000_000_000), ("5m", 300_000_000_000), ("1h", 3_600_000_000_000),
            ("1d", 86_400_000_000_000), ("1w", 604_800_000_000_000),
            ("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("2 min", 120_000_000_000),
            ("5M", nil), ("s", nil), ("1000000d", nil),
        ] as [(String, Int64?)])
    func `times`(text: String, nanoseconds: Int64?) {
        #expect(Setting.nanoseconds(text) == nanoseconds)
    }

    @Test
    func `every default is a value of its kind`() {
        for setting in Setting.all where !setting.defaultText.isEmpty {
            #expect(setting.complaint(about: [setting.defaultText]) == nil, "\(setting.name)")
            #expect(!setting.summary.isEmpty)
        }
    }

    @Test
    func `the variables of the defaults resolve`() throws {
        let variables = RuleVariables()
        for (name, _, _) in Settings().group("vars.address-groups.") {
            _ = try variables.addressSet("$\(name)")
        }
        for (name, _, _) in Settings().group("vars.port-groups.") {
            _ = try variables.portSet("$\(name)")
        }
    }
}
