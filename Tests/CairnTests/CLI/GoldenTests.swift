import Foundation
import Testing

@testable import Cairn

/// The samples give the records that were recorded for them: `make golden` records them again.
@Suite struct GoldenTests {
    private static var samples: [String] {
        let folder = repository.appending(path: "Samples")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?
            .compactMap { $0 as? URL }
        return (files ?? []).map(\.path).filter { path in
            [".pcap", ".pcapng", ".pcap.gz", ".pcap.zst"].contains { path.hasSuffix($0) }
        }.sorted().map { String($0.dropFirst(repository.path.count + 1)) }
    }

    @Test(arguments: samples)
    func `a sample gives the records recorded for it`(sample: String) throws {
        let folder = TemporaryFolder()
        let names = ["incidents", "alerts", "events"]
        let paths = names.map { "\(folder.path)/\($0)" }
        let run = try Command.cairn(
            [
                "read", "-k", "none", "-o", paths[0], "--alerts", paths[1], "--events", paths[2],
                sample,
            ])
        #expect(run.exitCode == 0, "\(run.errors)")
        for (name, path) in zip(names, paths) {
            let actual = try String(contentsOfFile: path, encoding: .utf8)
            let file = repository.appending(path: "\(sample).\(name).jsonl")
            if ProcessInfo.processInfo.environment["CAIRN_RECORD"] != nil {
                try Data(actual.utf8).write(to: file)
            } else {
                let expected = try String(contentsOf: file, encoding: .utf8)
                #expect(actual == expected, "\(name) of \(sample) changed; see make golden")
            }
            try checkSchemas(actual)
        }
    }

    private func checkSchemas(_ lines: String) throws {
        for line in lines.utf8.split(separator: UInt8(ascii: "\n")) {
            let record = try #require(JSONValue(parsing: line))
            let name =
                record["kind"]?.text
                ?? (record["clock"] != nil ? "clock" : eventKind(of: record))
            #expect(try JSONSchema(named: name).problems(in: line) == [])
        }
    }

    private func eventKind(of record: JSONValue) -> String {
        switch record["event_type"]?.text {
        case let kind? where ["alert", "stats"].contains(kind): kind
        default: "event"
        }
    }

    @Test(arguments: samples)
    func `correlating the written alerts gives the incidents of the run`(sample: String) throws {
        let folder = TemporaryFolder()
        let (incidents, alerts) = ("\(folder.path)/incidents", "\(folder.path)/alerts")
        let run = try Command.cairn(["read", "-o", incidents, "--alerts", alerts, sample])
        #expect(run.exitCode == 0, "\(run.errors)")
        let correlated = try Command.cairn(["correlate", alerts])
        #expect(correlated.exitCode == 0, "\(correlated.errors)")
        #expect(try correlated.output == String(contentsOfFile: incidents, encoding: .utf8))
    }

    @Test(arguments: samples)
    func `two threads give the same bytes as one`(sample: String) throws {
        func run(_ threads: Int) throws -> String {
            try Command.cairn(
                [
                    "read", "-k", "none", "--threads", "\(threads)", "--alerts", "-", "--events",
                    "-", sample,
                ]).output
        }
        #expect(try run(1) == run(2))
    }

    @Test func `the incident of the story is explained in the words recorded for it`() throws {
        let run = try Command.cairn(
            ["explain", "-i", "d14cf67d1217", "Samples/story/story.pcapng.alerts.jsonl"])
        #expect(run.exitCode == 0, "\(run.errors)")
        let file = repository.appending(path: "Samples/story/story.pcapng.explanation.txt")
        if ProcessInfo.processInfo.environment["CAIRN_RECORD"] != nil {
            try Data(run.output.utf8).write(to: file)
        } else {
            let expected = try String(contentsOf: file, encoding: .utf8)
            #expect(run.output == expected, "the explanation changed; see make golden")
        }
    }

    @Test func `there are at least six samples`() { #expect(Self.samples.count >= 6) }

    @Test func `the story is one critical incident with its tactics in order`() throws {
        let run = try Command.cairn(["read", "--final-only", "Samples/story/story.pcapng"])
        let incidents = run.output.utf8.split(separator: UInt8(ascii: "\n")).compactMap {
            JSONValue(parsing: $0)
        }
        .filter { $0["kind"]?.text == "incident" }
        #expect(incidents.count == 1)
        #expect(incidents.first?["severity"]?.text == "critical")
        let tactics = (incidents.first?["tactics"]?.elements ?? []).compactMap {
            $0["tactic"]?.text
        }
        #expect(
            tactics == [
                "reconnaissance", "initial-access", "execution", "command-and-control",
                "exfiltration",
            ])
    }
}
