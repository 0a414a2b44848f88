import Foundation
import Testing

@testable import Cairn

/// A ratchet: how many cases of Suricata's verification suite raise exactly the alerts that Suricata
/// raises. The figure may only rise.
///
/// Needs the conformance folder, `conformance/suricata-verify` in `$CAIRN_SHARED` or `../shared`.
@Suite struct SuricataConformanceTests {
    /// Cases that were exact when this was last changed: those whose parts all lie in `parts`, and all.
    private static let recorded = Totals(within: 674, all: 753)

    /// The parts of the language that are meant to be complete.
    private static let parts: Set = [
        "tcp-stream", "http1", "http-body", "http-evader", "midstream/async", "pcre", "pass-rules",
        "byte_*", "dns", "tls", "ja3", "ja4", "transforms", "datasets", "decode-event", "ip-defrag",
        "threshold", "threshold.config", "detection_filter", "flow", "flowbits", "flowint",
        "flow-counters", "xbits/hostbits", "tunnels", "file.data", "file-hash", "file-name",
        "file-size/store", "file-magic", "base64", "requires", "header-keywords",
        "other-linktypes", "ipv6", "vlan/mpls/ppp", "vlan", "ether", "arp", "igmp", "stream-event",
        "app-layer-event", "app-layer-protocol", "bidir <>", "tx-bidir =>", "entropy",
        "stream_size", "rule-hooks", "geoip",
    ]

    private struct Totals: Equatable {
        var within = 0
        var all = 0
    }

    private static let folder: URL? = {
        let environment = ProcessInfo.processInfo.environment["CAIRN_SHARED"]
        let shared =
            environment.map { URL(filePath: $0) } ?? repository.appending(path: "../shared")
        let folder = shared.appending(path: "conformance/suricata-verify")
        let manifest = folder.appending(path: "manifest.jsonl").path
        return FileManager.default.fileExists(atPath: manifest) ? folder : nil
    }()

    @Test(
        .enabled(
            if: folder != nil,
            "needs conformance/suricata-verify in $CAIRN_SHARED or ../shared"))
    func `no fewer cases are exact than were`() async throws {
        let folder = try #require(Self.folder)
        let manifest = try String(
            contentsOf: folder.appending(path: "manifest.jsonl"), encoding: .utf8)
        let cases = try manifest.split(separator: "\n").map {
            try SuricataCase(#require(JSONValue(parsing: $0.utf8)), folder)
        }
        let exact = await Self.exact(cases)
        let totals = Totals(
            within: exact.count { Self.parts.isSuperset(of: $0.parts) }, all: exact.count)
        let names = Set(exact.map(\.name))
        #expect(
            totals.within >= Self.recorded.within && totals.all >= Self.recorded.all,
            """
            \(totals) are exact, \(Self.recorded) were; not exact now: \
            \(cases.map(\.name).filter { !names.contains($0) })
            """)
        if totals.within > Self.recorded.within || totals.all > Self.recorded.all {
            print("\(totals) cases are exact: raise the recorded \(Self.recorded)")
        }
    }

    /// The cases that are exact, worked on by two threads.
    private static func exact(_ cases: [SuricataCase]) async -> [SuricataCase] {
        await withTaskGroup(of: [SuricataCase].self) { group in
            let threadCount = 2
            for first in 0..<threadCount {
                group.addTask {
                    stride(from: first, to: cases.count, by: threadCount).map { cases[$0] }
                        .filter(\.isExact)
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }
}

/// A case of the manifest: rules, a capture, settings, and how often each rule is to alert.
private struct SuricataCase: Sendable {
    let name: String
    let parts: [String]
    private let rules: String
    private let capture: String
    private let settings: Settings
    private let checksums: ChecksumMode
    /// Alerts by rule: exactly so many, or at least.
    private let expected: [Int64: Int]
    private let atLeast: [Int64: Int]
    /// No other rule may alert.
    private let isComplete: Bool

    init(_ entry: JSONValue, _ folder: URL) throws {
        func path(_ key: String) throws -> String {
            try folder.appending(path: #require(entry[key]?.text)).path
        }
        name = try #require(entry["test"]?.text)
        parts = entry["capabilities"]?.elements?.compactMap(\.text) ?? []
        rules = try path("rules")
        capture = try path("pcap")
        let configuration = try #require(entry["config"])
        settings = Self.settings(configuration, rules: rules)
        checksums =
            configuration["checksum"]?.text.flatMap(ChecksumMode.init(rawValue:)) ?? .auto
        expected = Self.counts(entry["expected"])
        atLeast = Self.counts(entry["at_least"])
        isComplete = entry["complete"] != .bool(false)
    }

    /// Settings have the names that they have in Suricata; `./` is the folder of the case.
    private static func settings(_ configuration: JSONValue, rules: String) -> Settings {
        let folder = URL(filePath: rules).deletingLastPathComponent()
        var settings = Settings()
        func set(_ name: String, _ value: String) { _ = settings.set("\(name)=\(value)") }
        for (name, value) in configuration["set"]?.members ?? [] where name != "threshold-file" {
            set(name, value.hasPrefix("./") ? folder.appending(path: value).path : value)
        }
        for (name, value) in configuration["vars"]?.members ?? [] {
            let group = name.hasSuffix("PORTS") ? "port-groups" : "address-groups"
            set("vars.\(group).\(name)", value)
        }
        if configuration["midstream"] == .bool(true) { set("stream.midstream", "true") }
        if configuration["async_oneside"] == .bool(true) { set("stream.async-oneside", "true") }
        if let depth = configuration["stream_depth"]?.plainText {
            set("stream.reassembly.depth", depth)
        }
        if let file = configuration["threshold_file"]?.text {
            let name = URL(filePath: file).lastPathComponent
            set("threshold-file", folder.appending(path: name).path)
        }
        set("default-rule-path", folder.path)
        return settings
    }

    private static func counts(_ value: JSONValue?) -> [Int64: Int] {
        let pairs = (value?.members ?? []).compactMap { name, count in
            if let rule = Int64(name), let count = Int(count) { (rule, count) } else { nil }
        }
        return Dictionary(pairs) { $1 }
    }

    /// Whether the run goes well and every rule alerts as often as it is to.
    var isExact: Bool {
        guard let counts = run() else { return false }
        for (rule, count) in expected where counts[rule, default: 0] != count { return false }
        for (rule, count) in atLeast where expected[rule] == nil {
            if counts[rule, default: 0] < count { return false }
        }
        return !isComplete
            || counts.keys.allSatisfy { expected[$0] != nil || atLeast[$0] != nil }
    }

    /// Alerts by rule; nil if the capture cannot be read or no rule is understood. A capture that
    /// ends within a packet counts up to there.
    private func run() -> [Int64: Int]? {
        var loader = RuleLoader(settings: settings)
        loader.readsTests = false
        let set = loader.load(paths: [rules])
        guard !set.detections.isEmpty || !set.skipped.isEmpty else { return nil }
        var options = EngineOptions(settings: settings)
        options.checksums = checksums
        options.writesAlerts = true
        var counts: [Int64: Int] = [:]
        let report = try? Engine(rules: set, options: options).run(
            .captures([capture], filter: nil)
        ) { kind, lines in
            guard kind == .alert else { return }
            for line in lines.split(separator: ASCII.lineFeed) {
                guard let rule = Self.rule(of: line) else { continue }
                counts[rule, default: 0] += 1
            }
        }
        return report == nil ? nil : counts
    }

    private static func rule(of alert: ArraySlice<UInt8>) -> Int64? {
        let object = try? JSONSerialization.jsonObject(with: Data(alert)) as? [String: Any]
        let parts = object?["alert"] as? [String: Any]
        return (parts?["signature_id"] as? NSNumber)?.int64Value
    }
}

extension JSONValue {
    /// Names and texts of the members of an object that are texts, numbers or switches.
    fileprivate var members: [(String, String)] {
        guard case .object(let members) = self else { return [] }
        return members.compactMap { member in
            member.value.plainText.map { (member.key, $0) }
        }
    }

    fileprivate var plainText: String? {
        switch self {
        case .string(let text), .number(let text, _): text
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }
}
