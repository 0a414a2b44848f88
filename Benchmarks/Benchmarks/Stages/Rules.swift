@testable import Cairn

/// Rules to a compiled program, and transactions to candidates.
func ruleBenchmarks() {
    stage(
        "rules: load and compile 15,000", units: (15_000, "rule"),
        expected: Outcome(rules: 15_000, bytes: 7_131_214),
        metrics: [.wallClock, .cpuTotal], seconds: 12
    ) {
        let text = SyntheticRules.text
        return {
            let rules = RuleLoader().load(source: text, path: "rules.yml")
            let engine = Engine(rules: rules)
            return Outcome(
                problems: rules.diagnostics.count + engine.diagnostics.count,
                rules: rules.detections.count, bytes: text.count)
        }
    }
    stage(
        "rules: compile 15,000", units: (15_000, "rule"), expected: Outcome(rules: 15_000),
        metrics: [.wallClock, .cpuTotal], seconds: 4
    ) {
        let rules = SyntheticRules.loaded
        return {
            let compiled = CompiledRules(rules.detections)
            return Outcome(problems: compiled.diagnostics.count, rules: compiled.rules.count)
        }
    }
    stage(
        "match: HTTP against 15,000 rules", units: (2000, "transaction"),
        expected: Outcome(flows: 500, transactions: 2000, candidates: 100, bytes: 10_140_999)
    ) {
        let player = Player(Traffic.web(500, paths: SyntheticRules.paths))
        let matcher = Matcher(CompiledRules(SyntheticRules.loaded.detections))
        return {
            var candidateCount = 0
            var outcome = player.play { transaction, place in
                matcher.inspect(transaction, place)
                matcher.drain { _ in candidateCount += 1 }
            }
            outcome.candidates = candidateCount
            return outcome
        }
    }
}

/// Rules like those that are in use: each asks for some literal in a field, and a little more.
enum SyntheticRules {
    static let count = 15_000

    /// 15,000 documents: 6 of 12 rules on HTTP, 3 on DNS, 2 on TLS, 1 on streams; an eighth has a
    /// regular expression.
    static let text: [UInt8] = {
        var random = Generator(seed: 21)
        return Array((0..<count).map { rule($0, &random) }.joined(separator: "---\n").utf8)
    }()

    static let loaded = RuleLoader().load(source: text, path: "rules.yml")

    /// Paths for which rules look.
    static let paths = (0..<100).map { path($0 * 12) }

    private static func path(_ number: Int) -> String {
        var random = Generator(seed: UInt64(number))
        return "/\(random.word())/\(random.word())\(number).php"
    }

    private static func rule(_ number: Int, _ random: inout Generator) -> String {
        let (service, test) = detection(number, &random)
        let digits = String(number + 100_000_000_000)
        return """
            title: Synthetic \(random.word()) \(random.word()) \(number)
            id: 5a1f0c2e-7b3d-4e8a-9c6f-\(digits)
            status: test
            description: Looks for what a \(random.word()) sends to its \(random.word()).
            references: [https://\(random.word()).example/\(random.word())/\(number)]
            author: \(random.word())
            date: 2026-01-01
            tags: [attack.command-and-control, attack.t1071.001]
            level: medium
            logsource: {product: cairn, service: \(service)}
            detection:
              selection:
            \(test)
              condition: selection
            falsepositives: [Unknown]

            """
    }

    private static func detection(
        _ number: Int, _ random: inout Generator
    ) -> (service: String, test: String) {
        let regex = "[a-z]{3,9}\(number)[0-9a-f]{8,16}"
        switch number % 12 {
        case 0, 1, 2:
            return ("http", "    http.method: GET\n    http.uri|contains: '\(path(number))'")
        case 3:
            return (
                "http",
                "    http.uri|contains: '\(path(number))'\n    http.uri|re: '\(regex)'"
            )
        case 4:
            let agent = "\(random.word())-\(random.word())/\(number)"
            return ("http", "    http.method: POST\n    http.user_agent|contains: '\(agent)'")
        case 5:
            let names = (0..<3).map { "\(random.word())\($0)-\(number).example" }
            return ("http", "    http.host|endswith: [\(names.joined(separator: ", "))]")
        case 6, 7:
            return ("dns", "    dns.query|endswith: '\(random.word())-\(number).example'")
        case 8:
            return (
                "dns",
                "    dns.query|contains: '.\(random.word())\(number).'\n    dns.rrtype: TXT"
            )
        case 9: return ("tls", "    tls.sni|endswith: '\(random.word())\(number).example'")
        case 10:
            return ("tls", "    tls.cert_subject|contains: '\(random.word()) \(number)'")
        default:
            let text = "\(random.word())|\(random.word())|\(number)"
            return (
                "stream",
                "    payload|contains|all: ['\(text)', '\(random.word())']\n    dst.port: \(number)"
            )
        }
    }
}
