import Foundation
import Testing

@testable import Cairn

@Suite struct RuleTestRunnerTests {
    private static func results(_ text: String) throws -> RuleTestResults {
        let file = FileManager.default.temporaryDirectory.appending(
            path: "cairn-\(UUID().uuidString).yml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return RuleTestRunner([file.path], settings: Settings()).run(threadCount: 1)
    }

    private static func rule(_ test: String) -> String {
        """
        title: Hidden file
        id: hidden
        name: hidden
        level: high
        logsource: {product: cairn, service: http}
        detection: {uri: {http.uri|contains: /.git/}, condition: uri}
        tests:
          - name: t
            traffic:
              - tcp: {client: 10.0.0.1:40000, server: 10.0.0.2:80}
                http: {uri: /.git/HEAD, host: a, status: 200}

        """ + test
    }

    @Test(arguments: [
        "    alerts: 1", "    alerts: [{rule: hidden}]",
        "    alerts: [{rule: hidden, level: high, proto: TCP}]",
        "    incidents: [{level: high, rules: [hidden], client.ip: 10.0.0.1}]", "    alerts: any",
    ])
    func `a test that is right passes`(expectation: String) throws {
        let results = try Self.results(Self.rule(expectation))
        #expect(results.failedCount == 0, "\(results.tap)")
        #expect(results.passedCount == 1)
    }

    @Test(arguments: [
        ("    alerts: 0", "expected 0 alerts, got 1 × hidden"),
        ("    alerts: [{rule: hidden, count: 2}]", "expected 2 of rule: hidden, got 1"),
        ("    alerts: []", "alerts that were not expected: 1 × hidden"),
        (
            "    alerts: [{rule: hidden, level: low}]",
            "expected at least 1 of rule: hidden, level: low, got 0"
        ),
        ("    incidents: []", "expected 0 incidents, got {level: high, rules: [hidden]"),
        (
            "    incidents: [{level: critical}]",
            "expected an incident with level: critical, got {level: high"
        ),
    ])
    func `a test that is wrong says what came instead`(expectation: String, message: String) throws
    {
        let results = try Self.results(Self.rule(expectation))
        #expect(results.failedCount == 1)
        #expect(results.tap.contains(message), "\(results.tap)")
        #expect(results.junit.contains("failures=\"1\""))
        #expect(results.github.hasPrefix("::error file="))
    }
}
