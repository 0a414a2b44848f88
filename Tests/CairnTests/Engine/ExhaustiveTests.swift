import Foundation
import Testing

@testable import Cairn

/// What the search for literals, the index of traffic and all other shortcuts of the matcher must agree with: every rule
/// asked about every event. Only the evaluation of one rule is the same code.
@Suite struct ExhaustiveTests {
    private static let samples = repository.appending(path: "Samples")

    private static func alerts(
        _ rules: RuleSet, _ capture: URL, isExhaustive: Bool
    ) throws -> [String] {
        var options = EngineOptions()
        options.checksums = .none
        options.writesAlerts = true
        if isExhaustive { #expect(options.settings.set("detect.exhaustive=true") == []) }
        var lines: [UInt8] = []
        let engine = Engine(rules: rules, options: options)
        _ = try engine.run(.captures([capture.path], filter: nil)) { kind, bytes in
            if kind == .alert { lines += bytes }
        }
        return lines.split(separator: UInt8(ascii: "\n")).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func captures(in folder: URL) throws -> [URL] {
        let enumerator = FileManager.default.enumerator(
            at: folder, includingPropertiesForKeys: [.fileSizeKey])
        return (enumerator?.compactMap { $0 as? URL } ?? [])
            .filter { $0.pathExtension.hasPrefix("pcap") || $0.pathExtension == "cap" }
            .sorted { $0.path < $1.path }
    }

    @Test func `the shipped rules raise the same alerts on the samples when all are asked`() throws
    {
        let rules = RuleLoader().load(paths: [repository.appending(path: "Rules").path])
        let captures = try Self.captures(in: Self.samples)
        #expect(captures.count >= 6)
        for capture in captures {
            let found = try Self.alerts(rules, capture, isExhaustive: false)
            #expect(!found.isEmpty, "\(capture.lastPathComponent)")
            #expect(
                try Self.alerts(rules, capture, isExhaustive: true) == found,
                "\(capture.lastPathComponent)")
        }
    }

    // MARK: Many rules

    /// The conformance folder, `$CAIRN_SHARED` or `../shared`, if it is there.
    private static let conformance: URL? = {
        let environment = ProcessInfo.processInfo.environment["CAIRN_SHARED"]
        let shared =
            environment.map { URL(filePath: $0) } ?? repository.appending(path: "../shared")
        let folder = shared.appending(path: "conformance")
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    /// One in so many of the rules that never alert, and of the captures of at most so many bytes: what a debug build asks in
    /// a minute.
    private static let ruleStep = 150
    private static let captureStep = 60
    private static let alertingCaptureStep = 4
    private static let captureByteCountMax = 40_000

    @Test(.enabled(if: conformance != nil, "needs conformance in $CAIRN_SHARED or ../shared"))
    func `a sample of many rules raises the same alerts on a sample of captures`() throws {
        let folder = try #require(Self.conformance)
        let captures = folder.appending(path: "captures")
        let expected = try Self.expectedAlerts(in: captures)
        let rules = try Self.sampledRules(
            in: folder.appending(path: "et-open"),
            with: Set(expected.flatMap { $0.rules }))
        let small = try expected.filter {
            let file = captures.appending(path: $0.capture)
            return try file.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
                <= Self.captureByteCountMax
        }
        let silent = small.filter(\.rules.isEmpty)
        let alerting = small.filter { !$0.rules.isEmpty }
        let sample =
            stride(from: 0, to: alerting.count, by: Self.alertingCaptureStep).map { alerting[$0] }
            + stride(from: 0, to: silent.count, by: Self.captureStep).map { silent[$0] }
        #expect(rules.detections.count > 150)
        var alertCount = 0
        for capture in sample.map(\.capture) {
            let file = captures.appending(path: capture)
            let found = try Self.alerts(rules, file, isExhaustive: false)
            alertCount += found.count
            #expect(try Self.alerts(rules, file, isExhaustive: true) == found, "\(capture)")
        }
        #expect(alertCount > 0)
    }

    private struct Expected {
        let capture: String
        /// The rules that alert on it where every network is the home network.
        let rules: [String]
    }

    private static func expectedAlerts(in folder: URL) throws -> [Expected] {
        try Data(contentsOf: folder.appending(path: "et_oracle.jsonl")).split(
            separator: UInt8(ascii: "\n")
        ).map {
            let entry = try #require(JSONValue(parsing: Array($0)))
            var rules: [String] = []
            if case .object(let members)? = entry["alerts_home_any"] { rules = members.map(\.key) }
            return Expected(capture: try #require(entry["capture"]?.text), rules: rules)
        }
    }

    private static func sampledRules(in folder: URL, with needed: Set<String>) throws -> RuleSet {
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "rules" }.sorted { $0.path < $1.path }
        let lines = try files.flatMap { file in
            String(decoding: try Data(contentsOf: file), as: UTF8.self)
                .split(whereSeparator: \.isNewline).filter { $0.hasPrefix("alert ") }
        }
        let sample = lines.enumerated().filter { index, line in
            index % ruleStep == 0
                || line.firstMatch(of: /sid:\s*([0-9]+)/).map { needed.contains(String($0.1)) }
                    ?? false
        }
        var settings = Settings()
        for group in ["HOME_NET", "EXTERNAL_NET"] {
            #expect(settings.set("vars.address-groups.\(group)=any") == [])
        }
        return RuleLoader(settings: settings).load(
            source: sample.map(\.element).joined(separator: "\n").utf8, path: "sample.rules")
    }
}
