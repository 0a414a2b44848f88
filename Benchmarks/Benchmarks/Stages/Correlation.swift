@testable import Cairn

/// Alerts to incidents.
func correlationBenchmarks() {
    stage(
        "correlate: alerts of 100,000 hosts", units: (1_000_000, "alert"),
        expected: Outcome(firings: 20, incidents: 10, bytes: 83_218), seconds: 25
    ) {
        let rules = RuleLoader().load(source: rules.utf8, path: "rules.yml")
        let program = CorrelationProgram(rules)
        let hosts = (0..<100_000).map { IPAddress(v4: 0x0a00_0000 + UInt32($0)).description }
        return {
            var byteCount = 0
            let correlator = Correlator(program: program, settings: CorrelationSettings()) {
                byteCount += $0.count
            }
            feed(correlator, hosts)
            correlator.finish()
            return Outcome(
                problems: rules.diagnostics.count + program.diagnostics.count
                    + correlator.counts.late, firings: correlator.counts.firings,
                incidents: correlator.incidentCount, bytes: byteCount)
        }
    }
}

/// A thousand alerts a second: 99 of 100 of any host, one of ten that do it much more often.
private func feed(_ correlator: Correlator, _ hosts: [String]) {
    var random = Generator(seed: 31)
    var alert = correlator.makeAlert()
    let label = correlator.catalog.label(
        rule: Array("signal".utf8), title: nil, level: .informational, tags: [])
    for number in 0..<1_000_000 {
        let host = hosts[number % 100 == 0 ? random.below(10) : random.below(hosts.count)]
        alert.removeValues()
        alert.time = ScriptedTraffic.start.adding(nanoseconds: Int64(number) * 1_000_000)
        alert.packet = Int64(number)
        alert.label = label
        alert.actor = alert.store(host)
        alert.victim = alert.store("192.0.2.1")
        alert.fields[0] = alert.store(host)
        correlator.add(alert)
    }
}

private let rules = """
    title: Signal
    name: signal
    level: informational
    logsource: {product: cairn, service: http}
    detection:
      selection:
        http.uri: /
      condition: selection
    ---
    title: Twenty signals of one host
    name: many
    level: high
    correlation:
      type: event_count
      rules: [signal]
      group-by: [client.ip]
      timespan: 1m
      condition: {gte: 20}
      cairn: {suppress: 10m}
    """
