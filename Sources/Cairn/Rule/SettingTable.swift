extension Setting {
    /// Every setting. Defaults are those of Suricata 7.0.10 as Debian ships it where the setting is
    /// Suricata's.
    public static let all: [Setting] =
        stream + systems + flow + protocols + rules + incidents + variables + inert

    private static let stream: [Setting] = [
        Setting(
            "stream.midstream", .bool, "false",
            "Follow TCP connections whose handshake was not seen."),
        Setting(
            "stream.async-oneside", .bool, "false",
            "Follow TCP connections of which only one direction is seen."),
        Setting("stream.memcap", .byteCount, "64mb", "Memory for TCP connections."),
        Setting("stream.reassembly.memcap", .byteCount, "256mb", "Memory for TCP segments."),
        Setting(
            "stream.reassembly.depth", .byteCount, "1mb",
            "Bytes of each direction that are reassembled; 0 for all."),
        Setting(
            "stream.reassembly.urgent.policy", .choice(UrgentPolicy.allCases.map(\.rawValue)),
            "oob",
            "What becomes of urgent bytes."),
        Setting("stream.max-synack-queued", .integer, "5", "SYN/ACK variants kept of a handshake."),
    ]

    private static let systems = OverlapPolicy.allCases.map { policy in
        Setting(
            "host-os-policy.\(policy.name)", .networks, "",
            "Networks whose hosts put overlapping segments and fragments together like this system."
        )
    }

    private static let flow: [Setting] = [
        Setting("flow.memcap", .byteCount, "128mb", "Memory for flows."),
        Setting("flow.prealloc", .integer, "10000", "Flows allocated at the start."),
        Setting("flow-timeouts.default.new", .duration, "30s", "Time-out of other protocols."),
        Setting(
            "flow-timeouts.default.established", .duration, "300s", "The same, both ways seen."),
        Setting("flow-timeouts.default.closed", .duration, "0s", "The same, after the end."),
        Setting("flow-timeouts.tcp.new", .duration, "60s", "Time-out of a TCP handshake."),
        Setting("flow-timeouts.tcp.established", .duration, "600s", "Time-out of TCP connections."),
        Setting("flow-timeouts.tcp.closed", .duration, "60s", "Time-out after FIN or RST."),
        Setting("flow-timeouts.udp.new", .duration, "30s", "Time-out of one-way UDP."),
        Setting("flow-timeouts.udp.established", .duration, "300s", "Time-out of two-way UDP."),
        Setting("flow-timeouts.icmp.new", .duration, "30s", "Time-out of one-way ICMP."),
        Setting("flow-timeouts.icmp.established", .duration, "300s", "Time-out of two-way ICMP."),
        Setting("defrag.memcap", .byteCount, "32mb", "Memory for IP fragments."),
        Setting("defrag.trackers", .integer, "65535", "Datagrams put together at once."),
        Setting("defrag.timeout", .duration, "60s", "Time within which all fragments must come."),
        Setting(
            "vlan.use-for-tracking", .bool, "true",
            "Whether flows of different VLANs are different."
        ),
        Setting(
            "decoder.max-layers", .integer, "16", "Headers within each other that are decoded."),
        Setting(
            "decoder.ipv4.ipip.enabled", .bool, "true",
            "Whether IPv4 packets in IPv4 packets are decoded."),
        Setting("decoder.teredo.enabled", .bool, "true", "Whether Teredo tunnels are decoded."),
        Setting("decoder.teredo.ports", .text, "$TEREDO_PORTS", "UDP ports of Teredo."),
        Setting("decoder.vxlan.enabled", .bool, "true", "Whether VXLAN tunnels are decoded."),
        Setting("decoder.vxlan.ports", .text, "$VXLAN_PORTS", "UDP ports of VXLAN."),
        Setting("decoder.geneve.enabled", .bool, "true", "Whether Geneve tunnels are decoded."),
        Setting("decoder.geneve.ports", .text, "$GENEVE_PORTS", "UDP ports of Geneve."),
    ]

    private static let protocols: [Setting] =
        [
            Setting(
                "app-layer.protocols.http.libhtp.default-config.request-body-limit", .byteCount,
                "100kb", "Bytes of a request body that rules look at; 0 for all."),
            Setting(
                "app-layer.protocols.http.libhtp.default-config.response-body-limit", .byteCount,
                "100kb", "Bytes of a response body that rules look at; 0 for all."),
            Setting(
                "app-layer.protocols.http.libhtp.default-config.response-body-decompress-layer-limit",
                .integer, "3", "Content encodings within each other that are undone."),
            Setting(
                "app-layer.protocols.http.libhtp.default-config.compression-bomb-limit", .byteCount,
                "1mb", "Bytes that one body may unpack to."),
            Setting(
                "app-layer.protocols.http.libhtp.default-config.double-decode-path", .bool, "false",
                "Whether percent encoding is undone twice in paths."),
            Setting(
                "app-layer.protocols.http.libhtp.default-config.double-decode-query", .bool,
                "false",
                "Whether percent encoding is undone twice in queries."),
            Setting(
                "app-layer.max-transactions", .integer, "256",
                "Transactions of one flow open at once."),
            Setting(
                "app-layer.header-limit", .byteCount, "256kb",
                "Bytes of all headers of one message."),
        ] + switches

    /// Protocols that Suricata does not look for unless it is told to.
    private static let isOff: Set = ["pgsql", "modbus", "dnp3", "enip"]

    /// `app-layer.protocols.NAME.enabled` and its ports, for the protocols of Suricata's file.
    private static let switches: [Setting] =
        [
            "http", "http2", "tls", "ssh", "smb", "smtp", "ftp", "imap", "dns", "dns.tcp",
            "dns.udp", "nfs", "tftp", "krb5", "snmp", "ike", "dcerpc", "rdp", "rfb", "mqtt",
            "quic", "dhcp", "sip", "ntp", "telnet", "pgsql", "modbus", "dnp3", "enip",
            "bittorrent-dht", "ldap", "websocket",
        ].flatMap { name in
            [
                Setting(
                    "app-layer.protocols.\(name).enabled", .text,
                    isOff.contains(name) ? "no" : "yes",
                    "Whether \(name) is looked for: yes, no or detection-only."),
                Setting(
                    "app-layer.protocols.\(name).detection-ports.dp", .list, "",
                    "Nothing: \(name) is found by content, or at its own ports", isInert: true),
            ]
        }

    private static let rules: [Setting] = [
        Setting("pcre.match-limit", .integer, "3500", "Steps of one regular expression."),
        Setting(
            "pcre.match-limit-recursion", .integer, "1500", "Depth of one regular expression."),
        Setting(
            "detect.inspection-recursion-limit", .integer, "3000",
            "Steps of one rule's sequence on one value."),
        Setting(
            "detect.exhaustive", .bool, "false",
            "Ask every rule about everything, without a search for what it must have: very slow, to check the search."
        ),
        Setting(
            "packet-alert-max", .integer, "0", "Alerts of one packet; 0 for any number."),
        Setting(
            "action-order", .words(["pass", "drop", "reject", "alert"]),
            "pass, drop, reject, alert",
            "Which rules come first on a packet, by what they do."),
        Setting(
            "ignore-unknown-requirements", .bool, "false",
            "Load rules that require what nobody knows."),
        Setting(
            "default-rule-path", .text, "",
            "Folder of files that Suricata rules and settings about them name."),
        Setting(
            "threshold-file", .text, "",
            "Suricata's threshold.config; else one beside the rules."),
        Setting(
            "classification-file", .text, "",
            "Suricata's classification.config; else one beside the rules."),
        Setting(
            "reference-config-file", .text, "",
            "Suricata's reference.config; else one beside the rules."),
        Setting(
            "geoip-database", .text, "",
            "MaxMind database that says which country an address lies in."),
        Setting(
            "reputation-categories-file", .text, "",
            "Names of the categories that files of reputations have numbers of."),
        Setting(
            "default-reputation-path", .text, "", "Folder of the files of reputations."),
        Setting("reputation-files", .list, "", "Files that say how sure somebody is of addresses."),
        Setting(
            "default-data-dir", .text, "",
            "Folder of the files of sets that rules change; without it they are not written."),
        Setting("datasets.defaults.memcap", .byteCount, "100mb", "Memory for the values of a set."),
        Setting(
            "datasets.rules.allow-write", .bool, "true",
            "Whether rules may let sets be written, in 'default-data-dir'."),
        Setting(
            "datasets.rules.allow-absolute-filenames", .bool, "false",
            "Whether they may also name files outside of it."),
        Setting(
            "datasets.*.type", .choice(SetDefinition.Kind.allCases.map(\.rawValue)), "",
            "What a set holds."),
        Setting("datasets.*.load", .text, "", "File with the values of a set."),
        Setting("datasets.*.state", .text, "", "The same, which gets the values at the end."),
        Setting("datasets.*.save", .text, "", "File that gets the values of a set at the end."),
        Setting("datasets.*.memcap", .byteCount, "100mb", "Memory for the values of a set."),
        Setting(
            "placeholders.*", .list, "", "Values of %NAME% in rules with the modifier 'expand'."),
    ]

    private static let incidents: [Setting] = [
        Setting("lateness", .duration, "5s", "How late an alert may come to be correlated."),
        Setting("correlation.memcap", .byteCount, "1gb", "Memory for all correlation rules."),
        Setting("incident.gap", .duration, "1h", "Silence after which an incident ends."),
        Setting("incident.max-duration", .duration, "1d", "Longest incident."),
        Setting(
            "incident.min-level", .choice(Level.allCases.map(\.name)), "low",
            "Lowest level that makes incidents."),
        Setting(
            "incident.pivot-level", .choice(Level.allCases.map(\.name)), "high",
            "Lowest level that makes a victim an actor."),
        Setting("incident.max-open", .integer, "10000", "Incidents open at once."),
        Setting("incident.shared", .networks, "", "Addresses and networks that identify nobody."),
        Setting("incident.evidence", .integer, "100", "Signals listed in an incident."),
    ]

    private static let variables: [Setting] =
        [
            ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
            ("EXTERNAL_NET", "!$HOME_NET"), ("AIM_SERVERS", "$EXTERNAL_NET"),
        ].map {
            Setting("vars.address-groups.\($0.0)", .list, $0.1, "Addresses of $\($0.0).")
        }
        + [
            "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS",
            "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER",
            "ENIP_CLIENT", "ENIP_SERVER",
        ].map { Setting("vars.address-groups.\($0)", .list, "$HOME_NET", "Addresses of $\($0).") }
        + [
            ("HTTP_PORTS", "80"), ("SHELLCODE_PORTS", "!80"), ("ORACLE_PORTS", "1521"),
            ("SSH_PORTS", "22"), ("DNP3_PORTS", "20000"), ("MODBUS_PORTS", "502"),
            ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"), ("FTP_PORTS", "21"),
            ("GENEVE_PORTS", "6081"), ("VXLAN_PORTS", "4789"), ("TEREDO_PORTS", "3544"),
        ].map { Setting("vars.port-groups.\($0.0)", .list, $0.1, "Ports of $\($0.0).") }
        + [
            Setting("vars.address-groups.*", .list, "", "Addresses that rules name as $NAME."),
            Setting("vars.port-groups.*", .list, "", "Ports that rules name as $NAME."),
        ]

    /// Settings of Suricata that mean nothing here; whoever gives one is told so.
    private static let inert: [Setting] = [
        ("stream.drop-invalid", "invalid segments are never part of streams"),
        ("flow.hash-size", "the table grows with the flows"),
        ("flow.max", "'flow.memcap' bounds the flows"),
        ("defrag.hash-size", "the table grows with the datagrams"),
        ("defrag.max-frags", "'defrag.trackers' and 'defrag.memcap' bound the fragments"),
        ("defrag.prealloc", "memory is taken as it is needed"),
        ("host.memcap", "what rules remember of hosts has a bound of its own"),
        ("ippair.memcap", "what rules remember of pairs has a bound of its own"),
        ("datasets.enabled", "sets are there where rules or settings name some"),
        ("datasets.defaults.hashsize", "sets grow with their values"),
        ("datasets.*.hashsize", "sets grow with their values"),
        ("datasets.limits.*", "'memcap' bounds sets"),
        ("rule-files", "rules are named with --rules"),
    ].map { Setting($0.0, .list, "", "Nothing: \($0.1)", isInert: true) }
}
