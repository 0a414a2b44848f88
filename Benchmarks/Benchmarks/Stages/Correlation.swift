@testable import Cairn

/// Alerts to incidents.
func correlationBenchmarks() {
    stage(
        "correlate: alerts of 100,000 hosts", units: (1_000_000, "alert"),
        expected: Outcome(firings: 20, incidents: 10, bytes: 83_218), seconds: 25
    ) {
        let hosts = (0..<100_000).map { IPAddress(v4: 0x0a00_0000 + UInt32($0)).description }
        return correlation(rules) { feed($0, hosts) }
    }
    stage(
        "correlate: ten rules", units: (1_000_000, "alert"),
        expected: Outcome(firings: 16_053, incidents: 13_769, bytes: 34_238_172), seconds: 25
    ) {
        let alerts = ScriptedAlerts()
        return correlation(tenRules) { alerts.feed($0) }
    }
}

/// The pass that takes all alerts through a correlator of its own.
private func correlation(
    _ text: String, _ feed: @escaping (Correlator) -> Void
) -> () -> Outcome {
    let rules = RuleLoader().load(source: text.utf8, path: "rules.yml")
    let program = CorrelationProgram(rules)
    return {
        var byteCount = 0
        let correlator = Correlator(program: program, settings: CorrelationSettings()) {
            byteCount += $0.count
        }
        feed(correlator)
        correlator.finish()
        return Outcome(
            problems: rules.diagnostics.count + program.diagnostics.count
                + correlator.counts.late, firings: correlator.counts.firings,
            incidents: correlator.counts.incidents, bytes: byteCount)
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
        alert.time = testStart.adding(nanoseconds: Int64(number) * 1_000_000)
        alert.packet = Int64(number)
        alert.label = label
        alert.actor = alert.store(host)
        alert.victim = alert.store("192.0.2.1")
        alert.fields[0] = alert.store(host)
        correlator.add(alert)
    }
}

/// A thousand alerts a second of twelve signatures: any of 100,000 clients, one alert of a hundred of
/// ten of them, with 5,000 servers. By themselves they are no signals.
private struct ScriptedAlerts {
    private let clients = (0..<100_000).map { IPAddress(v4: 0x0a00_0000 + UInt32($0)).description }
    private let servers = (0..<5_000).map { IPAddress(v4: 0xc0a8_0000 + UInt32($0)).description }
    private let ports = [22, 53, 80, 443, 445, 3306, 3389, 8080]

    func feed(_ correlator: Correlator) {
        let fields = ["client.ip", "client.port", "server.ip", "server.port"].map {
            correlator.program.fieldNames.firstIndex(of: $0) ?? 0
        }
        let labels = (1...12).map { signature in
            correlator.catalog.label(
                rule: Array("\(signature)".utf8), title: nil, level: .informational, tags: [])
        }
        var random = Generator(seed: 47)
        var alert = correlator.makeAlert()
        for number in 0..<1_000_000 {
            alert.removeValues()
            alert.time = testStart.adding(nanoseconds: Int64(number) * 1_000_000)
            alert.packet = Int64(number)
            alert.label = labels[random.below(labels.count)]
            let client = clients[random.below(number % 100 == 0 ? 10 : clients.count)]
            alert.actor = alert.store(client)
            alert.victim = alert.store(servers[random.below(servers.count)])
            alert.fields[fields[0]] = alert.actor
            alert.fields[fields[1]] = alert.store(Int64(1_024 + random.below(64_000)))
            alert.fields[fields[2]] = alert.victim
            alert.fields[fields[3]] = alert.store(Int64(ports[random.below(ports.count)]))
            correlator.add(alert)
        }
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

/// One of each kind: counts, distinct values, sums, ranks, sets and chains of rules, text conditions,
/// windows that tumble, and a rule over rules.
private let tenRules = """
    title: Burst of one signature
    name: burst
    level: medium
    correlation:
      type: event_count
      rules: [1]
      group-by: [client.ip]
      timespan: 5m
      condition: {gte: 20}
    ---
    title: Often to one port
    name: port
    level: low
    correlation:
      type: event_count
      rules: [2, 3]
      group-by: [client.ip, server.port]
      timespan: 5m
      condition: {gte: 8}
    ---
    title: Sweep
    name: sweep
    level: high
    correlation:
      type: value_count
      rules: [1, 2, 4]
      group-by: [client.ip]
      timespan: 5m
      condition: {field: server.ip, gte: 40}
      cairn: {suppress: 10m}
    ---
    title: Sum of ports
    name: sum
    level: low
    correlation:
      type: value_sum
      rules: [5]
      group-by: [client.ip]
      timespan: 10m
      condition: {field: server.port, gte: 60000}
    ---
    title: Median of ports
    name: median
    level: low
    correlation:
      type: value_median
      rules: [6]
      group-by: [client.ip]
      timespan: 5m
      condition: {field: client.port, gte: 64500}
    ---
    title: Four of five kinds
    name: kinds
    level: medium
    correlation:
      type: temporal
      rules: [7, 8, 9, 10, 11]
      group-by: [client.ip]
      timespan: 5m
      condition: {gte: 4}
    ---
    title: Three in order
    name: chain
    level: high
    correlation:
      type: temporal_ordered
      rules: [1, 5, 9]
      group-by: [client.ip]
      timespan: 1m
    ---
    title: Two without a third
    name: without
    level: medium
    correlation:
      type: temporal
      rules: [8, 10, 11]
      group-by: [client.ip]
      timespan: 1m
      condition: 8 and 10 and not 11
      cairn: {suppress: 10m}
    ---
    title: Some on one server
    name: some
    level: low
    correlation:
      type: event_count
      rules: [12]
      group-by: [server.ip]
      timespan: 2m
      condition: {gte: 6, lte: 12}
    ---
    title: Burst, then a chain
    name: outer
    level: critical
    correlation:
      type: temporal_ordered
      rules: [burst, chain]
      group-by: [client.ip]
      timespan: 10m
    """
