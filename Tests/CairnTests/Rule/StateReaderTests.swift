import Testing

@testable import Cairn

@Suite struct StateReaderTests {
    private func load(_ options: String) -> RuleSet {
        RuleFixtures.load(
            "title: T\nlogsource: {product: cairn, service: http}\ndetection: {s: {http.uri: a}, condition: s}\n"
                + options + "\n")
    }

    @Test
    func `state of flows, hosts and pairs`() {
        let set = load(
            "state: [{set: a.b}, {isset: [x, y]}, {isnotset: z}, {unset: u}, {toggle: t},"
                + " {set: h, scope: src, expire: 5m}, {isset: p, scope: pair, xbit: true}]")
        #expect(RuleFixtures.messages(set) == [])
        #expect(
            set.detections.first?.state == [
                StateOperation(action: .set, names: ["a.b"]),
                StateOperation(action: .isset, names: ["x", "y"]),
                StateOperation(action: .isnotset, names: ["z"]),
                StateOperation(action: .unset, names: ["u"]),
                StateOperation(action: .toggle, names: ["t"]),
                StateOperation(action: .set, names: ["h"], scope: .src, expireSeconds: 300),
                StateOperation(action: .isset, names: ["p"], scope: .pair, isXbit: true),
            ])
    }

    @Test
    func `counters are changed and compared`() {
        let set = load(
            "counters: [{name: f, op: '+', value: 1}, {name: f, op: '>', value: 5}, {name: f, op: isset}]"
        )
        #expect(RuleFixtures.messages(set) == [])
        #expect(
            set.detections.first?.counters == [
                CounterOperation(name: "f", action: .add, value: .number(1)),
                CounterOperation(name: "f", action: .greater, value: .number(5)),
                CounterOperation(name: "f", action: .isset),
            ])
    }

    @Test
    func `rates`() {
        let set = load(
            "threshold: {type: both, track: by_src, count: 2, seconds: 60}\n"
                + "detection_filter: {track: by_dst, count: 30, seconds: 1m}")
        #expect(RuleFixtures.messages(set) == [])
        #expect(
            set.detections.first?.threshold
                == Threshold(kind: .both, track: .by_src, count: 2, seconds: 60))
        #expect(
            set.detections.first?.detectionFilter
                == Threshold(kind: .threshold, track: .by_dst, count: 30, seconds: 60))
    }

    @Test(arguments: [
        (
            "state: [{sett: a}]",
            "4:10: error: unknown key 'sett' in an operation of 'state' — did you mean 'set'?"
        ),
        (
            "state: [{set: a, unset: b}]",
            "4:9: error: an operation of 'state' needs one of set, isset, isnotset, unset or toggle"
        ),
        ("state: [{set: [a, b]}]", "4:15: error: only 'isset' and 'isnotset' take several names"),
        (
            "state: [{set: a, expire: 5}]",
            "4:26: error: 'expire' goes with 'set' and 'toggle' in the scopes src, dst and pair; a flow's state ends with the flow"
        ),
        (
            "state: [{set: a, scope: host}]",
            "4:25: error: unknown scope 'host'; use flow, src, dst or pair"
        ),
        (
            "state: [{set: a, scope: src, expire: 500ms}]",
            "4:38: error: 'expire' must be whole seconds like 60, 60s or 5m"
        ),
        (
            "counters: [{name: a, op: '?'}]",
            "4:26: error: unknown operation '?'; use +, -, =, <, <=, ==, !=, >=, >, isset or isnotset"
        ),
        ("counters: [{name: a, op: '+'}]", "4:12: error: 'op: +' needs a 'value'"),
        ("counters: [{op: '+'}]", "4:12: error: a counter needs 'name' and 'op'"),
        (
            "threshold: {type: limit, track: by_src, count: 1}",
            "4:12: error: 'threshold' needs 'seconds'"
        ),
        (
            "threshold: {type: limt, track: by_src, count: 1, seconds: 1}",
            "4:19: error: unknown type 'limt' — did you mean 'limit'?"
        ),
        (
            "threshold: {type: limit, track: by_src, count: -1, seconds: 1}",
            "4:48: error: 'count' must lie in 0...4294967295"
        ),
        (
            "detection_filter: {type: limit, track: by_src, count: 1, seconds: 1}",
            "4:20: error: unknown key 'type' in 'detection_filter'; it takes track, count, seconds or unique_on"
        ),
        ("alert: no", "4:8: error: 'alert' must be true or false, not text"),
    ])
    func `mistakes have their exact place`(options: String, message: String) {
        #expect(RuleFixtures.messages(load(options)) == [message])
    }
}
