import Foundation
import Testing

@testable import Cairn

/// `cairn explain` on alerts of rules that need no document.
@Suite struct ExplainCommandTests {
    private static let rules = """
        title: Many ports
        name: ports
        id: many-ports
        level: low
        tags: [attack.reconnaissance]
        correlation: {type: value_count, rules: [1], group-by: [src.ip], timespan: 1m, condition: {field: dst.port, gte: 5}}
        ---
        title: Nobody answers
        name: silence
        id: silence
        level: low
        correlation: {type: temporal, rules: [2, 3], group-by: [dst.ip], timespan: 10m, condition: 2 and not 3}

        """

    /// An alert `second` seconds after noon.
    private static func alert(
        _ rule: Int, _ second: Int, _ source: String, _ target: String, level: String = "medium",
        _ more: String = ""
    ) -> String {
        let time = Timestamp(nanoseconds: 1_767_268_800_000_000_000)
            .adding(nanoseconds: Int64(second) * nanosecondsPerSecond)
        return
            #"{"time":"\#(time)","rule":{"id":"\#(rule)","title":"Rule \#(rule)","level":"\#(level)","tags":["attack.execution"]},"src.ip":"\#(source)","dst.ip":"\#(target)"\#(more)}"#
            + "\n"
    }

    private static let alerts =
        [
            alert(7, 0, "10.0.0.1", "10.0.0.2", level: "high"),
            alert(7, 1, "10.0.0.1", "10.0.0.2", level: "high"),
            alert(8, 5, "10.0.0.9", "10.0.0.2", level: "high"),
            // A host that was hit acts: in the incident that hit it last.
            alert(9, 60, "10.0.0.2", "10.0.0.3"),
            alert(1, 70, "10.0.0.1", "10.0.0.2", level: "informational", #","dst.port":1"#),
            alert(1, 71, "10.0.0.1", "10.0.0.2", level: "informational", #","dst.port":2"#),
            alert(1, 72, "10.0.0.1", "10.0.0.2", level: "informational", #","dst.port":3"#),
            alert(1, 300, "10.0.0.1", "10.0.0.2", level: "informational", #","dst.port":4"#),
            alert(2, 301, "10.0.0.5", "10.0.0.2", level: "informational"),
        ].joined()

    private static func run(_ arguments: [String], alerts: String = Self.alerts) throws -> Command {
        let folder = TemporaryFolder()
        let rules = folder.write("rules.yml", Array(Self.rules.utf8))
        let file = folder.write("alerts.jsonl", Array(alerts.utf8))
        return try Command.cairn(["explain", "-S", rules] + arguments + [file])
    }

    /// The ids that the list shows, of the incidents with these actors.
    private static func id(_ actor: String) throws -> String {
        let lines = try run([]).output.split(separator: "\n")
        let line = try #require(lines.first { $0.contains("  \(actor) ") })
        return String(line.prefix(24))
    }

    @Test func `without an id all incidents are listed`() throws {
        let run = try Self.run([])
        #expect(run.exitCode == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n").map { String($0.dropFirst(24)) }
        #expect(
            lines == [
                "  high  2026-01-01T12:00:00.000000000Z  1s  10.0.0.1 → 10.0.0.2  2 signals of 1 rules, up to execution",
                "  high  2026-01-01T12:00:05.000000000Z  55s  10.0.0.9 (+1) → 10.0.0.2 (+1)  2 signals of 2 rules, up to execution",
            ])
    }

    @Test func `every part of an incident has its reason`() throws {
        let run = try Self.run(["--incident", String(try Self.id("10.0.0.9 (+1)").prefix(10))])
        #expect(run.exitCode == 0, "\(run.errors)")
        for part in [
            "high, 2 signals of 2 rules",
            "opened the incident, as no open one had the actor 10.0.0.9",
            "joined, as its actor 10.0.0.2 was hit in this incident at 2026-01-01T12:00:05.000000000Z, not more than 1h before",
            "  70  Rule 8 (high)\n    30  Rule 9 (medium)\n   100  in all: high takes 70, critical 150, which are 50 more\n",
            "the furthest is execution; 0 signals moved it forward",
            // The other attacker's incident could have taken it as well.
            "Others that its signals would have fitted as well:\n  " + (try Self.id("10.0.0.1")),
            "at 2026-01-01T12:01:00.000000000Z: 10.0.0.2 was hit in it at 2026-01-01T12:00:01.000000000Z",
            "What was still going on when the alerts ended, at 2026-01-01T12:05:01.000000000Z:\n  silence for dst.ip 10.0.0.2: has 2 within 10m",
            "; waits until 2026-01-01T12:15:01.000000000Z that no 3 comes",
        ] {
            #expect(run.output.contains(part), "\(part)\n\(run.output)")
        }
    }

    @Test func `repeats are told once, and what was begun is named`() throws {
        let run = try Self.run(["-i", try Self.id("10.0.0.1").uppercased()])
        #expect(run.exitCode == 0, "\(run.errors)")
        for part in [
            // The first opened it, the second joined it.
            "opened the incident, as no open one had the actor 10.0.0.1",
            "joined, as the incident has the actor 10.0.0.1",
            "  70  Rule 7 (high, 2 signals count once)",
            "What its hosts began and did not complete:\n  ports for src.ip 10.0.0.1: 3 of 5 different dst.port within 1m, the last at 2026-01-01T12:01:12.000000000Z",
        ] {
            #expect(run.output.contains(part), "\(part)\n\(run.output)")
        }
    }

    @Test func `a rule that fired lacks nothing`() throws {
        let ports = (1...5).map {
            Self.alert(
                1, $0, "10.0.0.1", "10.0.0.2", level: "informational", #","dst.port":\#($0)"#)
        }
        let list = try Self.run([], alerts: ports.joined()).output
        let run = try Self.run(["-i", String(list.prefix(24))], alerts: ports.joined())
        #expect(run.output.contains("Many ports (ports, low)"), "\(run.output)")
        #expect(
            run.output.contains(
                "value_count 5 gte 5 within 60s for src.ip 10.0.0.1, 5 items as evidence"))
        #expect(!run.output.contains("What "), "\(run.output)")
    }

    @Test func `an id that does not exist is told with near ones`() throws {
        let id = try Self.id("10.0.0.1")
        let slip = id.dropLast() + (id.hasSuffix("0") ? "1" : "0")
        let near = try Self.run(["-i", String(slip)])
        #expect(near.exitCode == 2)
        #expect(near.errors.contains("no incident has the id '\(slip)'; did you mean \(id)?"))
        let far = try Self.run(["-i", "zz"])
        #expect(
            far.errors.contains("no incident has the id 'zz'; without --incident all are listed"))
        let none = try Self.run(["-i", "ab"], alerts: "")
        #expect(none.errors.contains("these alerts make no incident"))
        let both = try Self.run(["-i", ""])
        #expect(both.exitCode == 2)
        #expect(both.errors.contains("several incidents begin with ''"), "\(both.errors)")
    }

    @Test func `files that cannot be read twice are refused`() throws {
        let run = try Command.cairn(["explain", "-i", "ab", "-"], input: Self.alerts)
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("standard input can be read only once"))
        #expect(try Command.cairn(["explain", "/nonexistent"]).exitCode == 4)
    }

    @Test func `broken lines are named`() throws {
        let run = try Self.run([], alerts: Self.alerts + "{\n")
        #expect(run.exitCode == 0)
        #expect(run.errors.contains("alerts.jsonl:10:1: warning: the line"))
    }
}
