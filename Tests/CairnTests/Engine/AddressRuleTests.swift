import Foundation
import Testing

@testable import Cairn

/// Suricata's keywords about the addresses of sender and receiver, from frames to alerts. The client is 10.0.0.1, the
/// server 10.0.0.2.
@Suite struct AddressRuleTests {
    private static let request = RuleRun.conversation([
        .init(direction: .toServer, bytes: Array("GET /a HTTP/1.1\r\nHost: h\r\n\r\n".utf8)),
        .init(
            direction: .toClient,
            bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-A: y\r\n\r\na".utf8)),
    ])

    private static func rules(_ options: [String], _ header: String = "alert http") -> String {
        options.enumerated().map {
            "\(header) any any -> any any (\($1) sid:\($0 + 1);)\n"
        }.joined()
    }

    // MARK: Sets

    @Test func `addresses in sets are those of who sends`() throws {
        let files = ["client": "10.0.0.1\n", "server": "::ffff:10.0.0.2\n"]
        try RuleRun.withFolder(files) { folder in
            let client = "dataset:isset,c,type ip,load client;"
            let server = "dataset:isset,s,type ipv4,load server;"
            let rules = Self.rules([
                "http.uri; content:\"a\"; ip.src; \(client)",
                "http.uri; content:\"a\"; ip.dst; \(client)",
                "http.uri; content:\"a\"; ip.dst; \(server)",
                "http.stat_code; content:\"200\"; ip.src; \(server) ip.dst; \(client)",
                "http.header; content:\"X-A\"; ip.src; \(server)",
                "http.header; content:\"Host\"; ip.src; \(server)",
                "http.uri; content:\"a\"; ip.src; dataset:isnotset,s;",
            ])
            let counts = try RuleRun.alerts(rules, Self.request, path: "\(folder)/x.rules")
            #expect(counts == [1: 1, 3: 1, 4: 1, 5: 1, 7: 1])
        }
    }

    @Test func `what a set's file says of a value is in the alert`() throws {
        let files = [
            "hosts": "{\"a\": {\"list\": [{\"h\": {\"name\": \"h\"}, \"why\": 3}]}}",
            "clients": "{\"ip\": \"10.0.0.1\", \"x\": [1]}\n{\"ip\": \"10.0.0.1\"}\n",
        ]
        try RuleRun.withFolder(files) { folder in
            let rules = Self.rules([
                "http.host; dataset:isset,h,type string,load hosts,format json,context_key bad,"
                    + "value_key h.name,array_key a.list,remove_key;"
                    + " ip.src; dataset:isset,c,type ip,load clients,format ndjson,"
                    + "enrichment_key from,value_key ip;"
            ])
            let record = try #require(
                try RuleRun.records(rules, Self.request, path: "\(folder)/x.rules").first)
            let context = try #require(record["alert"]?["context"])
            #expect(
                String(decoding: context.canonicalText, as: UTF8.self)
                    == "{\"bad\":{\"h\":{},\"why\":3},\"from\":{\"ip\":\"10.0.0.1\",\"x\":[1]}}")
        }
    }

    @Test func `addresses are no texts`() {
        let set = RuleLoader().load(
            source: "alert tcp any any -> any any (ip.src; content:\"a\"; sid:1;)\n".utf8,
            path: "x.rules")
        #expect(
            RuleFixtures.messages(set) == [
                "1:31: error: 'ip.src' goes with 'dataset' and 'datarep' only"
            ])
    }

    // MARK: Countries

    /// 10.0.0.0/31 is DE, 10.0.0.2/32 is FR.
    private static let countries = DatabaseMaker.countries([
        (0x0a00_0000, 31, "DE"), (0x0a00_0002, 32, "FR"),
    ])

    @Test func `countries of sender and receiver`() throws {
        try RuleRun.withFolder([:]) { folder in
            let path = "\(folder)/c.mmdb"
            try Data(Self.countries).write(to: URL(filePath: path))
            let options = [
                "src,DE", "dst,DE", "any,FR", "both,DE,FR", "both,DE", "FR", "dst,!DE", "dst,!FR",
                "any,US", "both,!US",
            ]
            let rules = Self.rules(
                options.map { "flow:to_server; dsize:>0; geoip:\($0);" }, "alert tcp")
            let found = try RuleRun.alerts(
                rules, Self.request, settings: ["geoip-database=\(path)"])
            #expect(found == [1: 1, 3: 1, 4: 1, 6: 1, 7: 1, 10: 1])
            // It looks at every packet.
            let counts = try RuleRun.alerts(
                Self.rules(["geoip:any,DE;"], "alert ip"), Self.request,
                settings: ["geoip-database=\(path)"])
            #expect(counts == [1: Self.request.count])
        }
    }

    @Test func `without a database a rule on countries is a mistake`() throws {
        let rule = Self.rules(["geoip:any,DE;"])
        func problem(_ settings: Settings) -> String? {
            let set = RuleLoader(settings: settings).load(source: rule.utf8, path: "x.rules")
            return Engine(rules: set, options: EngineOptions(settings: settings))
                .diagnostics.first?.message
        }
        #expect(
            problem(Settings())
                == "the setting 'geoip-database' must name a database of countries")
        try RuleRun.withFolder(["no.mmdb": "no"]) { folder in
            for file in ["no.mmdb", "missing.mmdb"] {
                var settings = Settings()
                _ = settings.set("geoip-database=\(folder)/\(file)")
                #expect(
                    problem(settings)?.hasPrefix(
                        "the database of countries '\(folder)/\(file)' cannot be read: ") == true)
            }
        }
    }

    @Test(arguments: [
        "geoip:DEU;", "geoip:de;", "http.uri; content:\"a\"; geoip:DE;", "geoip:src;",
        "geoip:src,DE,!FR;", "iprep:src,A;", "iprep:src,A,>,128;",
    ])
    func `mistakes`(options: String) {
        let set = RuleLoader().load(source: Self.rules([options]).utf8, path: "x.rules")
        #expect(set.detections.isEmpty)
        #expect(set.diagnostics.count == 1)
    }

    // MARK: Reputations

    @Test func `reputations of sender and receiver`() throws {
        let files = [
            "categories": "# number, name, text\n1,Bad,Bad hosts\n2,Good,x\n",
            "hosts": "ip,category,score\n10.0.0.1,1,40\n10.0.0.0/24,1,10\n10.0.0.0/8,2,90\n"
                + "10.0.0.2,2,0\n\nx,1,1\n",
        ]
        try RuleRun.withFolder(files) { folder in
            let tests = [
                "src,Bad,>,30", "dst,Bad,>,30", "dst,Bad,=,0", "any,Bad,>=,40", "both,Bad,<,50",
                "both,Bad,<=,10", "src,Good,isset", "dst,Good,>,0", "dst,Good,isset",
                "any,Good,isnotset",
            ]
            let rules = Self.rules(tests.map { "http.uri; content:\"a\"; iprep:\($0);" })
            var options = EngineOptions()
            for setting in [
                "reputation-categories-file=\(folder)/categories",
                "default-reputation-path=\(folder)", "reputation-files=hosts",
            ] {
                #expect(options.settings.set(setting) == [])
            }
            let hosts = try #require(HostReputations(options.settings))
            let score = hosts.score(of: IPAddress(v4: 0x0a00_0009), in: 1)
            #expect(score == 10 && hosts.score(of: IPAddress(v4: 0x0a09_0000), in: 1) == nil)
            #expect(hosts.score(of: IPAddress(v4: 0x0a09_0000), in: 2) == 90)
            options.writesAlerts = true
            let set = RuleLoader().load(source: rules.utf8, path: "x.rules")
            let engine = Engine(rules: set, options: options)
            #expect(
                engine.diagnostics.map(\.description) == [
                    "\(folder)/hosts:7:1: warning: expected an address or network, a category and a"
                        + " number up to 127, like '192.0.2.1,1,101'; the line is passed over"
                ])
            var found: [Int] = []
            _ = engine.run(EngineSource(ScriptedSource(Self.request))) { kind, lines in
                guard kind == .alert else { return }
                for line in lines.split(separator: 10) {
                    let number = JSONValue(parsing: line)?["alert"]?["signature_id"]?.integer
                    found.append(Int(number ?? 0))
                }
            }
            #expect(found.sorted() == [1, 3, 4, 5, 7, 9])
        }
    }

    @Test func `a category that nobody knows is a mistake`() throws {
        try RuleRun.withFolder(["c": "1,BadHosts,x\n"]) { folder in
            var settings = Settings()
            _ = settings.set("reputation-categories-file=\(folder)/c")
            let set = RuleLoader().load(
                source: Self.rules(["iprep:src,BadHost,isset;"]).utf8, path: "x.rules")
            let messages = Engine(rules: set, options: EngineOptions(settings: settings))
                .diagnostics.map(\.message)
            #expect(
                messages == ["there is no category 'BadHost' of hosts — did you mean 'BadHosts'?"])
        }
    }

    // MARK: Sets that are kept

    private static func saved(
        _ rules: String, _ settings: [String], _ folder: String
    ) throws -> [SavedSet] {
        var options = EngineOptions()
        for setting in settings { #expect(options.settings.set(setting) == []) }
        let set = RuleLoader(settings: options.settings)
            .load(source: rules.utf8, path: "\(folder)/x.rules")
        let engine = Engine(rules: set, options: options)
        #expect(engine.diagnostics == [])
        return engine.run(EngineSource(ScriptedSource(request))) { _, _ in }.savedSets
    }

    @Test func `what rules put into a set is kept where settings say`() throws {
        let rule = Self.rules([
            "http.host; dataset:set,hosts,type string,state hosts.csv;",
            "http.uri; to_md5; dataset:set,uris,type md5,save uris.csv;",
            "http.uri; content:\"a\"; ip.src; dataset:set,clients;",
        ])
        try RuleRun.withFolder(["hosts.csv": "YQ==\n"]) { folder in
            let settings = [
                "datasets.clients.type=ip", "datasets.clients.state=\(folder)/clients.csv",
            ]
            let paths = try Self.saved(rule, settings, folder).map(\.path)
            #expect(paths == ["\(folder)/clients.csv"])
            let data = ["default-data-dir=\(folder)"] + settings
            for set in try Self.saved(rule, data, folder) { try set.write() }
            func text(_ name: String) throws -> String {
                try String(contentsOf: URL(filePath: "\(folder)/\(name)"), encoding: .utf8)
            }
            #expect(try text("hosts.csv") == "YQ==\naA==\n")
            #expect(try text("clients.csv") == "10.0.0.1\n")
            #expect(try text("uris.csv") == "0639767f3e9eaad729b54037a7e2abf5\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
        }
    }

    @Test func `a set that cannot be written says why`() throws {
        try RuleRun.withFolder([:]) { folder in
            let rule = Self.rules(["http.host; dataset:set,h,type string,state h.csv;"])
            let sets = try Self.saved(rule, ["default-data-dir=\(folder)/no"], folder)
            #expect(
                throws: OutputError(
                    path: "\(folder)/no/h.csv", reason: "No such file or directory",
                    isBrokenPipe: false)
            ) { try sets.first?.write() }
        }
    }

    @Test(arguments: [
        ("state /tmp/x", ["default-data-dir=d"], "lies outside of the folder"),
        ("save ../x", ["default-data-dir=d"], "lies outside of the folder"),
        ("state x", ["default-data-dir=d", "datasets.rules.allow-write=no"], "allow-write"),
    ])
    func `rules let no other files be written`(
        option: String, settings: [String], message: String
    ) {
        var options = EngineOptions()
        for setting in settings { _ = options.settings.set(setting) }
        let set = RuleLoader().load(
            source: Self.rules(["http.host; dataset:set,h,type string,\(option);"]).utf8,
            path: "x.rules")
        #expect(
            Engine(rules: set, options: options).diagnostics.contains {
                $0.message.contains(message)
            })
    }
}

/// Writes MaxMind databases (format 2.0) that say the countries of IPv4 networks.
private enum DatabaseMaker {
    static func countries(_ networks: [(address: UInt32, length: Int, country: String)]) -> [UInt8]
    {
        // A node is two records; a record is a node's number, or behind all of them a place in the data.
        var nodes: [(Int, Int)] = [(-1, -1)]
        var data: [UInt8] = []
        for network in networks {
            var node = 0
            for bit in 0..<network.length {
                let isRight = network.address >> (31 - UInt32(bit)) & 1 != 0
                let isLast = bit == network.length - 1
                var next = isRight ? nodes[node].1 : nodes[node].0
                if isLast {
                    next = -2 - data.count
                } else if next < 0 {
                    nodes.append((-1, -1))
                    next = nodes.count - 1
                }
                if isRight { nodes[node].1 = next } else { nodes[node].0 = next }
                node = max(0, next)
            }
            data += map(["country": map(["iso_code": text(network.country)])])
        }
        func record(_ value: Int) -> [UInt8] {
            let number =
                value >= 0 ? value : value == -1 ? nodes.count : nodes.count + 16 + (-2 - value)
            return [16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
        }
        let tree = nodes.flatMap { record($0.0) + record($0.1) }
        let metadata = map([
            "binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
            "build_epoch": [0x01, 0x02, 1], "database_type": text("Test"), "description": map([:]),
            "ip_version": uint16(4), "languages": [0x00, 0x04],
            "node_count": [0xc4, 0, 0, 0, UInt8(nodes.count)], "record_size": uint16(24),
        ])
        return tree + [UInt8](repeating: 0, count: 16) + data + [0xab, 0xcd, 0xef]
            + Array("MaxMind.com".utf8) + metadata
    }

    private static func text(_ text: String) -> [UInt8] {
        [0x40 | UInt8(min(text.utf8.count, 28))] + Array(text.utf8)
    }

    /// Keys longer than 28 bytes do not occur.
    private static func map(_ members: [String: [UInt8]]) -> [UInt8] {
        [0xe0 | UInt8(members.count)]
            + members.sorted { $0.key < $1.key }.flatMap { text($0.key) + $0.value }
    }

    private static func uint16(_ value: UInt8) -> [UInt8] { [0xa1, value] }
}
