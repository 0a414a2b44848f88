import Testing

@testable import Cairn

@Suite struct AlertGateTests {
    /// Candidates made by hand: which rule, when (seconds), between whom, on which flow.
    private struct Event {
        var rule = 0
        var time: Double
        var from = "10.0.0.1"
        var to = "192.0.2.1"
        var flow: UInt64? = 1
        var variables: [Int64] = []
        var isOfStream = false
        var frame: UInt64 = 1
        var coversFlow = false
        var port: UInt16 = 1
    }

    /// The positions of the events that became alerts.
    private func admitted(
        _ rules: [DetectionRule], _ events: [Event], settings: MatchSettings = MatchSettings()
    ) -> [Int] {
        let gate = AlertGate(Probe.compiled(rules, settings: settings))
        return events.indices.filter { index in
            let event = events[index]
            let (source, destination) =
                (IPAddress(event.from) ?? .zero, IPAddress(event.to) ?? .zero)
            let alert = Alert(
                rule: event.rule,
                timestamp: Timestamp(nanoseconds: Int64(event.time * 1_000_000_000)))
            alert.frameNumber = event.frame
            alert.flowID = event.flow
            alert.sourceAddress = source
            alert.destinationAddress = destination
            alert.sourcePort = event.port
            alert.destinationPort = 2
            alert.ipProtocol = 6
            alert.transport = .tcp
            let candidate = Candidate(alert: alert, form: Int32(event.rule), order: 0)
            candidate.variables = event.variables
            candidate.isOfStream = event.isOfStream
            candidate.coversFlow = event.coversFlow
            var isAdmitted = false
            gate.admit([candidate]) { _ in isAdmitted = true }
            return isAdmitted
        }
    }

    private func rule(
        state: [StateOperation] = [], counters: [CounterOperation] = [],
        threshold: Threshold? = nil, filter: Threshold? = nil, alerts: Bool = true,
        condition: Condition = .all([])
    ) -> DetectionRule {
        var rule = Probe.rule(condition)
        rule.state = state
        rule.counters = counters
        rule.threshold = threshold
        rule.detectionFilter = filter
        rule.alerts = alerts
        return rule
    }

    @Test func `a rule without state and rate alerts every time`() {
        #expect(admitted([rule()], [Event(time: 0), Event(time: 0)]) == [0, 1])
        #expect(admitted([rule(alerts: false)], [Event(time: 0)]) == [])
    }

    @Test func `a rule that passes takes the alerts of its packet, or of its flow from then on`() {
        var pass = rule(condition: .test(.line, .contains("x")))
        pass.action = .pass
        pass.alerts = false
        let events = [
            Event(rule: 1, time: 0, frame: 1), Event(rule: 0, time: 1, frame: 2),
            Event(rule: 1, time: 1, frame: 2), Event(rule: 1, time: 2, frame: 3),
            Event(rule: 0, time: 3, frame: 4, coversFlow: true),
            Event(rule: 1, time: 4, frame: 5),
            Event(rule: 1, time: 5, flow: 2, frame: 6),
        ]
        #expect(admitted([pass, rule()], events) == [0, 3, 6])
    }

    @Test func `a rule that passes by who talks to whom lets the flow pass, and may alert itself`()
    {
        var pass = rule()
        pass.action = .pass
        pass.traffic.flow = [.first_packet]
        let events = [
            Event(rule: 0, time: 1, frame: 2), Event(rule: 1, time: 1, frame: 2),
            Event(rule: 1, time: 2, frame: 3), Event(rule: 1, time: 5, flow: 2, frame: 6),
        ]
        #expect(admitted([pass, rule()], events) == [0, 3])
    }

    @Test func `suppressed alerts are none, by the end that is named`() throws {
        var rule = rule()
        let network = try #require(IPNetwork("10.0.0.0/24"))
        let addresses = AddressSet(included: [network], excluded: [])
        let events = [Event(time: 1), Event(time: 2, from: "192.0.2.1", to: "10.0.0.7")]
        for (end, expected) in [
            (AlertLimit.SuppressedEnd.by_src, [1]), (.by_dst, [0]), (.by_either, []),
        ] {
            rule.suppressions = [Suppression(end: end, addresses: addresses)]
            #expect(admitted([rule], events) == expected)
        }
        rule.suppressions = [Suppression(end: nil, addresses: AddressSet())]
        #expect(admitted([rule], events) == [])
    }

    @Test func `behind a rule that drops a flow nothing alerts but what its packet had`() {
        var drop = rule(condition: .test(.line, .contains("x")))
        drop.action = .drop
        let events = [
            Event(rule: 0, time: 1, frame: 2), Event(rule: 1, time: 2, frame: 3),
            Event(rule: 0, time: 3, frame: 4, coversFlow: true),
            Event(rule: 1, time: 3, frame: 4), Event(rule: 1, time: 4, frame: 5),
            Event(rule: 1, time: 5, flow: 2, frame: 6),
        ]
        #expect(admitted([drop, rule()], events) == [0, 1, 2, 3, 5])
    }

    @Test func `backoff lets ever fewer alerts of a flow pass`() {
        func admitted(_ count: Int64, _ multiplier: Int64) -> [Int] {
            let threshold = Threshold(
                kind: .backoff, track: .by_flow, count: count, seconds: 0, multiplier: multiplier)
            let events = (0..<120).map { Event(time: Double($0) * 100) }
            return self.admitted([rule(threshold: threshold)], events)
        }
        #expect(admitted(1, 10) == [0, 9, 99])
        #expect(admitted(2, 3) == [1, 5, 17, 53])
        #expect(admitted(118, 1) == [117, 118, 119])
        let threshold = Threshold(
            kind: .backoff, track: .by_flow, count: 1, seconds: 0, multiplier: 10)
        let others = [Event(time: 0), Event(time: 0, flow: 2), Event(time: 0, flow: 2)]
        #expect(self.admitted([rule(threshold: threshold)], others) == [0, 1])
    }

    @Test func `a detection filter may count different ports`() {
        func filter(_ port: Threshold.Port) -> [DetectionRule] {
            [
                rule(
                    filter: Threshold(
                        kind: .threshold, track: .by_src, count: 2, seconds: 10, uniquePort: port))
            ]
        }
        let ports: [UInt16] = [7, 7, 7, 8, 8, 9, 9, 65_535]
        let events = ports.enumerated().map { Event(time: Double($0), port: $1) }
        #expect(admitted(filter(.src_port), events) == [5, 6, 7])
        #expect(admitted(filter(.dst_port), events) == [])
        // A new window begins with none.
        let late = ports.enumerated().map { Event(time: Double($0) * 6, port: $1) }
        #expect(admitted(filter(.src_port), late) == [])
    }

    @Test func `many alerts change what a rule does for a while`() {
        func admitted(_ action: RuleAction, _ track: Threshold.Track = .by_src) -> [Int] {
            var limited = rule()
            limited.rateFilter = RateFilter(
                track: track, count: 2, seconds: 10, newAction: action, timeoutSeconds: 5)
            let times: [Double] = [0, 1, 2, 3, 7, 8, 20]
            return self.admitted(
                [limited],
                times.enumerated().map { Event(time: $1, flow: UInt64($0), frame: UInt64($0 + 1)) })
        }
        #expect(admitted(.alert) == [0, 1, 2, 3, 4, 5, 6])
        #expect(admitted(.pass) == [0, 1, 6])
        #expect(admitted(.pass, .by_rule) == [0, 1, 6])
        // A flow that is dropped says no more.
        var limited = rule()
        limited.rateFilter = RateFilter(
            track: .by_rule, count: 1, seconds: 10, newAction: .drop, timeoutSeconds: 5)
        let events = (0..<4).map {
            Event(time: Double($0), frame: UInt64($0 + 1), coversFlow: true)
        }
        #expect(self.admitted([limited], events) == [0, 1])
    }

    @Test func `a packet has as many alerts as the setting lets it have`() {
        var settings = MatchSettings()
        settings.alertCountMax = 2
        let events = [1, 1, 1, 2, 1].map { Event(time: 1, frame: $0) }
        #expect(admitted([rule()], events, settings: settings) == [0, 1, 3, 4])
    }

    @Test func `bits belong to a flow`() {
        let rules = [
            rule(state: [StateOperation(action: .set, names: ["a"])], alerts: false),
            rule(state: [StateOperation(action: .isset, names: ["b", "a"])]),
            rule(state: [StateOperation(action: .isnotset, names: ["a"])]),
            rule(state: [StateOperation(action: .unset, names: ["a"])]),
            rule(state: [StateOperation(action: .toggle, names: ["a"])]),
        ]
        let events = [
            Event(rule: 1, time: 0), Event(rule: 2, time: 0), Event(rule: 0, time: 1),
            Event(rule: 1, time: 2), Event(rule: 2, time: 2), Event(rule: 1, time: 2, flow: 2),
            Event(rule: 1, time: 2, flow: nil), Event(rule: 3, time: 3), Event(rule: 1, time: 4),
            Event(rule: 4, time: 5), Event(rule: 1, time: 6), Event(rule: 4, time: 7),
            Event(rule: 1, time: 8),
        ]
        #expect(admitted(rules, events) == [1, 3, 7, 9, 10, 11])
    }

    @Test func `bits of hosts and pairs expire`() {
        func set(_ scope: StateScope) -> DetectionRule {
            rule(state: [
                StateOperation(action: .set, names: ["a"], scope: scope, expireSeconds: 10)
            ])
        }
        func test(_ scope: StateScope) -> DetectionRule {
            rule(state: [StateOperation(action: .isset, names: ["a"], scope: scope)])
        }
        for (scope, sameTo, sameFrom, swapped) in [
            (StateScope.src, false, true, false), (.dst, true, false, false),
            (.pair, false, false, true),
        ] {
            let events = [
                Event(rule: 0, time: 0), Event(rule: 1, time: 10, flow: 2),
                Event(rule: 1, time: 11),
                Event(rule: 1, time: 1, from: "10.0.0.9"), Event(rule: 1, time: 1, to: "10.0.0.9"),
                Event(rule: 1, time: 1, from: "192.0.2.1", to: "10.0.0.1"),
            ]
            var expected = [0, 1]
            if sameTo { expected.append(3) }
            if sameFrom { expected.append(4) }
            if swapped { expected.append(5) }
            #expect(admitted([set(scope), test(scope)], events) == expected)
        }
    }

    @Test func `a bit lasts from when it was set first, in seconds of the clock`() {
        let set = rule(state: [
            StateOperation(action: .set, names: ["a"], scope: .src, expireSeconds: 5)
        ])
        let test = rule(state: [StateOperation(action: .isset, names: ["a"], scope: .src)])
        let events = [
            Event(rule: 0, time: 0.9), Event(rule: 0, time: 3.9), Event(rule: 1, time: 5.95),
            Event(rule: 1, time: 6.1), Event(rule: 0, time: 10.9), Event(rule: 1, time: 15.95),
            Event(rule: 1, time: 16),
        ]
        #expect(admitted([set, test], events) == [0, 1, 2, 4, 5])
    }

    @Test func `counters count in the order of the rule`() {
        let counting = rule(counters: [
            CounterOperation(name: "n", action: .add, value: .number(1)),
            CounterOperation(name: "n", action: .greater, value: .number(2)),
        ])
        let events = (0..<4).map { Event(time: Double($0)) } + [Event(time: 4, flow: 2)]
        #expect(admitted([counting], events) == [2, 3])
        let extracting = rule(
            counters: [CounterOperation(name: "n", action: .equal, value: .variable("v"))],
            condition: .test(
                .line,
                .sequence([
                    .byteExtract(ByteNumber(1, at: 0), variable: "v", multiplier: 1, align: 0)
                ])))
        let setting = rule(counters: [
            CounterOperation(name: "n", action: .isnotset),
            CounterOperation(name: "n", action: .set, value: .number(7)),
        ])
        #expect(
            admitted(
                [extracting, setting],
                [
                    Event(rule: 0, time: 0, variables: [7]), Event(rule: 1, time: 1),
                    Event(rule: 0, time: 2, variables: [7]),
                    Event(rule: 0, time: 3, variables: [8]),
                    Event(rule: 1, time: 4),
                ]) == [1, 2])
    }

    private func threshold(
        _ kind: Threshold.Kind, _ track: Threshold.Track = .by_src, count: Int64 = 2
    ) -> Threshold {
        Threshold(kind: kind, track: track, count: count, seconds: 10)
    }

    @Test func `rates let through some of many`() {
        let times = [0.0, 1, 2, 3, 10, 10.5, 11, 12]
        let events = times.map { Event(time: $0) }
        func alerts(_ threshold: Threshold) -> [Double] {
            admitted([rule(threshold: threshold)], events).map { times[$0] }
        }
        #expect(alerts(threshold(.limit)) == [0, 1, 10.5, 11])
        #expect(alerts(threshold(.threshold)) == [1, 3, 11])
        #expect(alerts(threshold(.both)) == [1, 11])
        #expect(
            admitted([rule(filter: threshold(.limit))], events).map { times[$0] } == [2, 3, 10, 12])
    }

    @Test func `rates are counted for whom they track`() {
        let events = [
            Event(time: 0), Event(time: 1, from: "10.0.0.9"), Event(time: 2, to: "10.0.0.9"),
            Event(time: 3, from: "192.0.2.1", to: "10.0.0.1"), Event(time: 4, flow: 2),
        ]
        func alerts(_ track: Threshold.Track) -> [Int] {
            admitted([rule(threshold: threshold(.limit, track, count: 1))], events)
        }
        #expect(alerts(.by_src) == [0, 1, 3])
        #expect(alerts(.by_dst) == [0, 2, 3])
        #expect(alerts(.by_both) == [0, 1, 2])
        #expect(alerts(.by_rule) == [0])
        #expect(alerts(.by_flow) == [0, 4])
    }

    @Test func `state changes though the rate is exceeded`() {
        let rules = [
            rule(
                state: [StateOperation(action: .toggle, names: ["a"])],
                threshold: threshold(.limit, count: 1)),
            rule(state: [StateOperation(action: .isset, names: ["a"])]),
        ]
        let events = [
            Event(rule: 0, time: 0), Event(rule: 1, time: 0), Event(rule: 0, time: 1),
            Event(rule: 1, time: 1),
        ]
        #expect(admitted(rules, events) == [0, 1])
    }

    @Test func `a stream rule with state fires on the first that passes`() {
        let rules = [
            rule(state: [StateOperation(action: .isset, names: ["a"])]),
            rule(state: [StateOperation(action: .set, names: ["a"])], alerts: false),
        ]
        let events = [
            Event(rule: 0, time: 0, isOfStream: true), Event(rule: 1, time: 1),
            Event(rule: 0, time: 2, isOfStream: true), Event(rule: 0, time: 3, isOfStream: true),
            Event(rule: 0, time: 4, flow: 2, isOfStream: true),
        ]
        #expect(admitted(rules, events) == [2])
    }

    @Test func `tables forget the oldest when they are full`() {
        let rules = [
            rule(state: [StateOperation(action: .set, names: ["a"])], alerts: false),
            rule(state: [StateOperation(action: .isset, names: ["a"])]),
        ]
        let sets = (0..<5).map { Event(rule: 0, time: 0, flow: $0) }
        let tests = (0..<5).map { Event(rule: 1, time: 1, flow: $0) }
        let alerts = admitted(rules, sets + tests, settings: MatchSettings(stateCountMax: 3))
        #expect(alerts == [7, 8, 9])
    }

    @Test func `rules that set state come before those that look at it`() {
        let rules = [
            rule(state: [StateOperation(action: .isset, names: ["a"])]), rule(),
            rule(state: [
                StateOperation(action: .isset, names: ["a"]),
                StateOperation(action: .set, names: ["b"]),
            ]),
            rule(state: [StateOperation(action: .set, names: ["a"])]),
        ]
        let matcher = Matcher(Probe.compiled(rules))
        let transaction = Transaction(Probe.definition)
        transaction.toServer = .complete
        transaction.toClient = .complete
        matcher.inspect(transaction, CommonFields.Context())
        #expect(matcher.drainRules() == [3, 2, 0, 1])
    }
}
