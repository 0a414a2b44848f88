import Foundation
import Testing

@testable import Cairn

/// Tests of correlation rules on alerts that the test gives.
@Suite struct AlertTestTests {
    /// Two rules about something that is not on the wire, and correlations of every kind over them.
    private static let rules = """
        title: Refused
        id: 0a
        name: ssh_failed_login
        level: informational
        logsource: {product: linux, service: sshd}
        detection: {a: {b: c}, condition: a}
        ---
        title: Accepted
        id: 0b
        name: ssh_login
        level: informational
        logsource: {product: linux, service: sshd}
        detection: {a: {b: c}, condition: a}
        ---
        title: Brute force
        id: 1a
        name: ssh_brute_force
        level: medium
        tags: [attack.credential-access]
        correlation:
          type: event_count
          rules: [ssh_failed_login]
          group-by: [src.ip, dst.ip]
          timespan: 5m
          condition: {gte: 20}
          cairn: {until: [ssh_login], suppress: 30m}
        ---
        title: Brute force with success
        id: 1b
        name: ssh_brute_force_success
        level: high
        tags: [attack.initial-access]
        correlation:
          type: temporal_ordered
          rules: [ssh_brute_force, ssh_login]
          group-by: [src.ip, dst.ip]
          timespan: 10m
          generate: true

        """

    private static let more = """
        ---
        title: Spray
        id: 2a
        name: spray
        level: medium
        correlation:
          type: value_count
          rules: [ssh_failed_login]
          group-by: [client.ip]
          timespan: 5m
          condition: {field: user, gte: 10}
        ---
        title: Volume
        id: 2b
        name: volume
        level: medium
        correlation:
          type: value_sum
          rules: [7001]
          group-by: [client.ip]
          timespan: 1h
          condition: {field: bytes, gt: 1000}
        ---
        title: Silence
        id: 2c
        name: silence
        level: low
        correlation:
          type: temporal
          rules: [7001, ssh_login]
          group-by: [src.ip]
          timespan: 30s
          condition: 7001 and not ssh_login
        ---
        title: Average
        id: 2d
        name: average
        level: low
        correlation:
          type: value_avg
          rules: [7002]
          timespan: 1m
          condition: {field: bytes, gte: 100, lte: 200}
        ---
        title: Quota
        id: 2g
        name: quota
        level: low
        correlation:
          type: value_sum
          rules: [7002]
          timespan: 1m
          condition: {field: bytes, gte: 1000, lte: 2000}
        ---
        title: Chain
        id: 2e
        name: chain
        level: low
        correlation:
          type: temporal_ordered
          rules: [7003, 7004, 7005]
          group-by: [src.ip]
          timespan: 1m
        ---
        title: Either
        id: 2f
        name: either
        level: low
        correlation:
          type: temporal
          rules: [7003, 7004, 7005, 7006]
          group-by: [src.ip]
          timespan: 1m
          condition: (7003 or 7004) and 7006 and not 7005

        """

    private static func results(_ test: String, _ rules: String = Self.rules + more) throws
        -> RuleTestResults
    {
        let folder = TemporaryFolder()
        let path = folder.write("rules.yml", Array((rules + test).utf8))
        let runner = RuleTestRunner([path], settings: Settings())
        let mistakes = runner.diagnostics.filter { $0.severity == .error }
        #expect(mistakes == [])
        return runner.run(threadCount: 1)
    }

    /// One test with this body, indented by four.
    private static func test(_ lines: String...) -> String {
        "tests:\n  - name: t\n" + lines.map { "    \($0)\n" }.joined()
    }

    @Test func `the example of the reference passes, and fails as it says`() throws {
        let reference = try String(
            contentsOf: repository.appending(path: "Rules/README.md"), encoding: .utf8)
        let block = try #require(
            reference.matches(of: /```yaml\n((?s:.*?))```/).map { String($0.1) }
                .first { $0.contains("alerts-in:") })
        let results = try Self.results(block, Self.rules)
        #expect(results.failedCount == 0, "\(results.tap)")
        #expect(results.passedCount == 2)
        let wrong = block.replacing("firings: 0", with: "firings: {ssh_brute_force: 1}")
        let tap = try Self.results(wrong, Self.rules).tap
        let shown = try #require(
            reference.matches(of: /expected a firing with rule: (?s:.*?)the last at 54s/).first)
        let words = String(shown.0).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(tap.contains(words), "\(tap)")
    }

    // MARK: What passes

    @Test(arguments: [
        // Fields vary over repetitions.
        [
            "alerts-in: {rule: ssh_failed_login, src.ip: 10.0.0.5, user: 'u{n}', repeat: 10, every: 1s}",
            "firings: [{rule: spray, at: 9s, client.ip: 10.0.0.5, value: 10, level: medium}]",
        ],
        [
            "alerts-in: {rule: 0a, src.ip: 10.0.0.5, user: [a, b, c], repeat: {count: 30, every: 1s}}",
            "firings: 0",
        ],
        [
            "alerts-in: {rule: 7001, client.ip: 10.0.0.1-10.0.0.9, bytes: 1001}",
            "firings: [{rule: volume, count: 9}]",
        ],
        [
            "alerts-in: {rule: '1:7001', src.ip: 10.0.0.9, bytes: [500, 500.5, 0.5]}",
            "firings: [{rule: volume, value: 1001, common.client.ip: 10.0.0.9}]",
        ],
        // Order of time, not of writing.
        [
            "alerts-in: [{rule: ssh_login, at: 5s, src.ip: 10.0.0.2}, {rule: 7001, at: 0s, src.ip: 10.0.0.2}, clock: 1h]",
            "firings: 0",
        ],
        // Time passes.
        [
            "alerts-in: [{rule: 7001, src.ip: 10.0.0.1-5}, {rule: ssh_login, src.ip: 10.0.0.2, at: 6s}, clock: 40s]",
            "firings: [{rule: silence, src.ip: 10.0.0.1, at: 30s}, {rule: silence, count: 3}]",
        ],
        ["alerts-in: {rule: 7002, bytes: 150}", "firings: {average: 0}", "incidents: 1"],
        ["alerts-in: [{rule: 7002, bytes: 150}, clock: 61s]", "firings: [{rule: average}]"],
        // Incidents.
        [
            "alerts-in: [{rule: 7009, level: high, src.ip: 10.0.0.1, dst.ip: 10.0.0.2, tags: [attack.impact]}, {rule: 7010, at: 5m, level: low, src.ip: 10.0.0.2, dst.ip: 10.0.0.3}]",
            "incidents: [{severity: high, actors: [10.0.0.2, 10.0.0.1], victims: 10.0.0.3, rules: 7010, tactics: impact, status: open, at: 0s, signal_count: 2}]",
        ],
        [
            "alerts-in: [{rule: 7009, actor: a, victim: b}, {rule: 7009, actor: c, at: 2h}]",
            "incidents: [{status: closed, reason: quiet, victim: b}, {status: open, actors: c}]",
        ],
        ["alerts-in: {rule: 7009, src.ip: 10.0.0.1-3}", "incidents: 3"],
        [
            "alerts-in: {rule: 7009, src.ip: 10.0.0.1-3}", "incidents: [{actors: 10.0.0.2}]",
            "more: true",
        ],
        // Who says most is served first.
        [
            "alerts-in: {rule: 7001, src.ip: 10.0.0.1-2, bytes: 2000}",
            "firings: [{rule: volume}, {rule: volume, src.ip: 10.0.0.1}]",
        ],
        [
            "alerts-in: {rule: 7001, src.ip: 10.0.0.1, bytes: 2000}",
            "firings: {volume: 1, spray: 0}",
        ],
    ])
    func `a test that is right passes`(lines: [String]) throws {
        let results = try Self.results(
            "tests:\n  - name: t\n" + lines.map { "    \($0)\n" }.joined())
        #expect(results.passedCount == 1, "\(results.tap)")
    }

    @Test func `traffic and alerts meet in the correlation`() throws {
        let results = try Self.results(
            """
            title: Hidden file
            id: hidden
            level: informational
            logsource: {product: cairn, service: http}
            detection: {uri: {http.uri|contains: /.git/}, condition: uri}
            ---
            title: Both
            id: both
            level: high
            correlation: {type: temporal, rules: [hidden, 7001], group-by: [server.ip], timespan: 1m}
            tests:
              - name: t
                traffic:
                  - at: 10s
                    tcp: {client: 10.0.0.1:40000, server: 10.0.0.2:80}
                    http: {uri: /.git/HEAD, host: a, status: 200}
                alerts-in: {rule: 7001, at: 30s, dst.ip: 10.0.0.2}
                alerts: 1
                firings: [{rule: both, at: 30s, server.ip: 10.0.0.2}]

            """, "")
        #expect(results.passedCount == 1, "\(results.tap)")
    }

    // MARK: What fails

    @Test(arguments: [
        (
            "{rule: 0a, src.ip: 10.0.0.5, dst.ip: 10.0.0.9, repeat: 14, every: 2s}",
            "{ssh_brute_force: 1}",
            "expected a firing with rule: ssh_brute_force, got none; nearest: ssh_brute_force for"
                + " src.ip 10.0.0.5, dst.ip 10.0.0.9: 14 of 20 alerts within 5m, the last at 26s"
        ),
        // The nearest that a group ever came, not what it has in the end.
        (
            "[{rule: 0a, src.ip: 1.1.1.1, dst.ip: 2.2.2.2, repeat: 19}, {rule: 0a, src.ip: 1.1.1.1, dst.ip: 2.2.2.2, at: 1h}]",
            "{ssh_brute_force: 1}", "19 of 20 alerts within 5m, the last at 0s"
        ),
        (
            "{rule: 0a, src.ip: 1.1.1.1, dst.ip: 2.2.2.2, repeat: 30, every: 1s}",
            "{ssh_brute_force: 2}", "it fired before and is quiet until 1819s"
        ),
        (
            "[{rule: 0a, src.ip: 1.1.1.1, dst.ip: 2.2.2.2, repeat: 19}, {rule: 0b, src.ip: 1.1.1.1, dst.ip: 2.2.2.2}]",
            "{ssh_brute_force: 1}",
            "19 of 20 alerts within 5m, the last at 0s; a rule in 'until' reset it at 1s"
        ),
        (
            "{rule: 0a, dst.ip: 2.2.2.2, repeat: 20}", "{ssh_brute_force: 1}",
            "nearest: ssh_brute_force 20 alerts have no value for src.ip, dst.ip and join no group"
        ),
        (
            "{rule: 0a, src.ip: 10.0.0.1-20}", "{spray: 1}",
            "nearest: spray 20 alerts have no value in user"
        ),
        (
            "{rule: 7002, bytes: 5}", "{spray: 1}",
            "nearest: spray nothing of ssh_failed_login came"
        ),
        (
            "{rule: 7001, src.ip: 1.1.1.1, bytes: 300, repeat: 3}", "{volume: 1}",
            "for client.ip 1.1.1.1: a sum of bytes of 900, which must be gt 1000, within 1h"
        ),
        (
            "{rule: 7001, src.ip: 1.1.1.1}", "{silence: 1}",
            "has 7001 within 30s, the last at 0s; waits until 30s that no ssh_login comes; '- clock: 30s'"
                + " in 'alerts-in' lets time pass"
        ),
        (
            "[{rule: 7001, src.ip: 1.1.1.1}, {rule: 0b, src.ip: 1.1.1.1}, clock: 1m]",
            "{silence: 1}",
            "has 7001, but also ssh_login, which must not come, within 30s, the last at 1s; decided at"
                + " the end of its window at 30s"
        ),
        (
            "[{rule: 7002, bytes: [90, 91]}, clock: 61s]", "{average: 1}",
            "nearest: average an average bytes of 90.5, which must be gte 100 and lte 200, within 1m"
        ),
        (
            "[{rule: 7002, bytes: [90, 91]}, clock: 61s]", "{quota: 1}",
            "nearest: quota a sum of bytes of 181, which must be gte 1000 and lte 2000, within 1m"
        ),
        (
            "{rule: 7002, bytes: 150}", "{average: 1}", "to be decided at 1m, when its window ends"
        ),
        (
            "[{rule: 7004, src.ip: 1.1.1.1}, {rule: 7003, src.ip: 1.1.1.1}, {rule: 7004, src.ip: 1.1.1.1}]",
            "{chain: 1}", "has 7003, then 7004, lacks 7005 within 1m, the last at 2s"
        ),
        (
            "[{rule: 7004, src.ip: 1.1.1.1}, {rule: 7005, src.ip: 1.1.1.1}]", "{either: 1}",
            "has 7004, lacks 7006, but also 7005, which must not come, within 1m"
        ),
        (
            "{rule: 7001, src.ip: 1.1.1.1, bytes: 1001}", "0",
            "expected 0 firings, got volume at 0s for client.ip 1.1.1.1 (value_sum 1001 gt 1000 within 3600s)"
        ),
        (
            "{rule: 7001, src.ip: 1.1.1.1, bytes: 1001}", "[]",
            "firings that were not expected: volume at 0s"
        ),
        (
            "{rule: 7001, src.ip: 1.1.1.1, bytes: 1001}", "[{rule: volume, at: 5s}]",
            "expected a firing with rule: volume, at: 5s, got volume at 0s"
        ),
    ])
    func `a firing that did not come is explained`(
        alerts: String, firings: String, message: String
    ) throws {
        let tap = try Self.results(Self.test("alerts-in: \(alerts)", "firings: \(firings)")).tap
        #expect(tap.contains("not ok 1"))
        #expect(tap.contains(message), "\(tap)")
    }

    @Test(arguments: [
        (
            "[{severity: critical}]",
            "expected an incident with severity: critical, got {level: medium"
        ),
        ("[{severity: critical}]", "in the nearest severity is medium"),
        ("[{rules: [7009, spray]}]", "nearest: spray nothing of ssh_failed_login came"),
        ("0", "expected 0 incidents, got {level: medium, rules: [7009], actors: [10.0.0.1]"),
        ("[]", "expected 0 incidents, got"),
    ])
    func `an incident that did not come is explained`(incidents: String, message: String) throws {
        let tap = try Self.results(
            Self.test("alerts-in: {rule: 7009, src.ip: 10.0.0.1}", "incidents: \(incidents)")
        ).tap
        #expect(tap.contains(message), "\(tap)")
    }

    @Test(arguments: [
        (
            "{rule: ssh_faild_login}",
            "no rule has the id or name 'ssh_faild_login' — did you mean 'ssh_failed_login'?"
        ),
        (
            "{rule: xyz}",
            "name its file on the command line or in 'load', or give the number of a Suricata rule"
        ),
        ("{rule: 7001, uesr: a}", "no rule looks at 'uesr' — did you mean 'user'?"),
        ("{rule: 7001, src_ip: 10.0.0.1, src.ip: 10.0.0.1}", "the alert has 'src.ip' twice"),
        ("{rule: 7001, at: 3000d, every: 3000d, repeat: 100}", "beyond the year 2262"),
    ])
    func `a mistake that only the rules show has its place`(alert: String, message: String) throws {
        let tap = try Self.results(Self.test("alerts-in: \(alert)", "firings: 0")).tap
        #expect(tap.contains(message), "\(tap)")
        #expect(tap.firstMatch(of: #/rules\.yml:\d+:\d+: /#) != nil)
    }

    // MARK: Mistakes in the text

    @Test(arguments: [
        (
            "alerts-in: 5",
            "1:16: error: an entry of 'alerts-in' must be a map like '{rule: NAME, src.ip: 10.0.0.5}', not a number"
        ),
        (
            "alerts-in: {src.ip: 10.0.0.1}",
            "1:16: error: the alert has no 'rule'; name the rule that would make it, or a Suricata rule by its number"
        ),
        (
            "alerts-in: {rule: a, at: soon}",
            "1:30: error: 'at' must be a time like 500ms, 30s, 5m or 2h, not 'soon'"
        ),
        ("alerts-in: {rule: a, repeat: 0}", "1:34: error: 'repeat' must lie in 1...100000"),
        ("alerts-in: {rule: a, repeat: {every: 1s}}", "1:34: error: 'repeat' needs a 'count'"),
        (
            "alerts-in: {rule: a, every: 1s}",
            "1:33: error: 'every' needs a 'repeat', or a list or range of values"
        ),
        (
            "alerts-in: {rule: a, evry: 1s}",
            "1:26: error: unknown key 'evry' — did you mean 'every'?"
        ),
        (
            "alerts-in: {rule: a, level: hihg}",
            "1:33: error: unknown level 'hihg' — did you mean 'high'?"
        ),
        (
            "alerts-in: {rule: a, user: [[a]]}",
            "1:33: error: 'user' must be a value or a list of values, not a list; leave out what the alert does not have"
        ),
        ("alerts-in: {rule: a, user: []}", "1:32: error: the list of 'user' is empty"),
        (
            "alerts-in: {rule: a, src.ip: 10.0.0.9-1}",
            "1:34: error: '10.0.0.9-1' is no range of addresses; write 10.0.0.1-20, or both ends"
        ),
        (
            "alerts-in: {rule: a, src.port: 9-1}",
            "1:36: error: the range '9-1' ends before it begins"
        ),
        (
            "alerts-in: {rule: a, src.ip: 10.0.0.0-10.9.9.9}",
            "1:16: error: a range has 592138 values; say with 'repeat' how many alerts there are, at most 100000"
        ),
        (
            "alerts-in: {clock: 5m, rule: a}",
            "1:28: error: unknown key 'rule' in an entry with 'clock'; it takes clock"
        ),
        (
            "alerts-in: {rule: a}\n    alerts: 1",
            "2:13: error: 'alerts' are what rules make of 'traffic'"
        ),
        ("alerts-in: []", "0:5: error: the test has no traffic and no alerts"),
        ("more: true", "0:5: error: the test has neither 'traffic' nor 'alerts-in'"),
        (
            "alerts-in: {rule: a}\n    firings: lots",
            "2:14: error: 'firings' must be a whole number, not text"
        ),
        (
            "alerts-in: {rule: a}\n    firings: {a: lots}",
            "2:18: error: the number of firings of 'a' must be a whole number, not text"
        ),
        (
            "alerts-in: {rule: a}\n    firings: [3]",
            "2:15: error: an expectation must be a map like '{rule: NAME}', not a number"
        ),
        (
            "alerts-in: {rule: a}\n    incidents: {level: low}",
            "2:16: error: 'incidents' must be a number or a list, not a map"
        ),
        (
            "alerts-in: {rule: a}\n    incidents: [{status: update}]",
            "2:26: error: 'status' is what an incident is at the end of the test: open or closed, not 'update'"
        ),
    ])
    func `a mistake has its place and a remedy`(lines: String, message: String) {
        let set = RuleFixtures.load("tests:\n  - name: t\n    \(lines)\n")
        let messages = RuleFixtures.messages(set)
        // Places count from the line of the case.
        let expected = message.replacing(/^(\d+):/) { "\((Int($0.1) ?? 0) + 2):" }
        #expect(messages.contains { $0.hasPrefix(expected) }, "\(messages)")
    }
}
