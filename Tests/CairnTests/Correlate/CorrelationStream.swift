@testable import Cairn

/// A set of correlation rules of all types and modes, chained ones among them, with narrow limits,
/// and a stream of alerts that keeps them busy: windows wait, groups and incidents are evicted,
/// alerts come out of order and too late. The same for the same seed.
struct CorrelationStream {
    let program: CorrelationProgram
    var settings = CorrelationSettings()
    /// Alerts and ticks of the clock, one a line.
    private(set) var lines: [String] = []

    private var numbers: SeededNumbers

    init(seed: UInt64, alertCount: Int = 150) {
        var numbers = SeededNumbers(seed: seed)
        program = CorrelationProgram(
            rules: Self.rules(&numbers), detections: (0..<6).map { Self.header("d\($0)") })
        self.numbers = numbers
        settings = Self.settings(&self.numbers)
        addLines(alertCount)
    }

    /// The bytes of some lines, each ended.
    static func text(_ lines: some Sequence<String>) -> [UInt8] {
        lines.flatMap { Array($0.utf8) + [0x0a] }
    }

    // MARK: Rules

    private static func header(_ id: String, level: Level? = nil, tags: [String] = []) -> RuleHeader
    {
        RuleHeader(
            id: id, title: "rule \(id)", level: level, tags: tags,
            location: SourceLocation(path: "rules.yml"))
    }

    private static func limit(_ comparison: Comparison, _ limit: Int64) -> (Comparison, Int64) {
        (comparison, limit * 1_000_000)
    }

    /// Type, condition and fields of every kind of rule.
    private static let kinds: [(CorrelationType, CorrelationCondition?)] = {
        func counting(
            _ limits: [(Comparison, Int64)], _ fields: [String] = [], percentile: Int = 50
        ) -> CorrelationCondition { .operators(limits, fields: fields, percentile: percentile) }
        func rule(_ number: Int) -> CorrelationExpression { .rule("d\(number)") }
        return [
            (.event_count, counting([limit(.greaterOrEqual, 3)])),
            (.event_count, counting([limit(.greaterOrEqual, 2), limit(.lessOrEqual, 4)])),
            (.event_count, counting([limit(.less, 3)])),
            (.value_count, counting([limit(.greaterOrEqual, 2)], ["user"])),
            (.value_count, counting([limit(.greater, 2)], ["user", "dst.ip"])),
            (.value_count, counting([limit(.equal, 2)], ["user"])),
            (.value_sum, counting([limit(.greaterOrEqual, 60)], ["bytes"])),
            (.value_sum, counting([limit(.notEqual, 20)], ["bytes"])),
            (.value_avg, counting([limit(.greater, 10)], ["bytes"])),
            (.value_percentile, counting([limit(.less, 30)], ["bytes"], percentile: 90)),
            (.value_median, counting([limit(.greaterOrEqual, 5)], ["bytes"])),
            (.temporal, nil),
            (.temporal, counting([limit(.greaterOrEqual, 2)])),
            (.temporal, .expression(.and([rule(0), .or([rule(1), rule(2)])]))),
            (.temporal, .expression(.and([rule(0), .not(rule(1))]))),
            (.temporal_ordered, nil),
            (.temporal_ordered, counting([limit(.greaterOrEqual, 2)])),
            (.temporal_ordered, counting([limit(.equal, 2)])),
            (.temporal_ordered, .expression(.and([.or([rule(0), rule(1)]), rule(2)]))),
            (.temporal_ordered, .expression(.and([rule(0), rule(1), .not(rule(2))]))),
        ]
    }()

    private static func rules(_ numbers: inout SeededNumbers) -> [CorrelationRule] {
        var rules = kinds.enumerated().map { index, kind in
            var rule = rule(
                "c\(index)", kind.0, ["d0", "d1", "d2"], kind.1, &numbers)
            if case .expression(let expression)? = kind.1 {
                rule.rules = ["d0", "d1", "d2"].filter { "\(expression)".contains($0) }
            }
            return rule
        }
        rules.append(
            rule(
                "outer", .event_count, ["c0", "c3"],
                .operators([limit(.greaterOrEqual, 2)], fields: [], percentile: 50), &numbers))
        rules.append(rule("outermost", .temporal, ["outer", "d3", "c14"], nil, &numbers))
        return rules
    }

    private static func rule(
        _ id: String, _ type: CorrelationType, _ references: [String],
        _ condition: CorrelationCondition?, _ numbers: inout SeededNumbers
    ) -> CorrelationRule {
        func one<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: 0..<values.count, using: &numbers)]
        }
        var rule = CorrelationRule(
            header: header(
                id, level: one([nil, .low, .high]), tags: one([[], ["attack.exfiltration"]])),
            type: type, rules: references,
            groupBy: one([["src.ip"], ["dst.ip"], ["src.ip", "dst.ip"], ["host"], []]),
            aliases: [], timespanNanoseconds: one([2, 5, 20]) * nanosecondsPerSecond)
        if rule.groupBy == ["host"] {
            rule.aliases = [
                (name: "host", fields: references.map { ($0, one(["src.ip", "dst.ip"])) })
            ]
        }
        rule.condition = condition
        rule.generate = one([true, false])
        rule.until = one([[], [], ["d4"]])
        rule.suppressNanoseconds = one([nil, 0, 3 * nanosecondsPerSecond])
        rule.groupCountMax = one([2, 4, 1_000])
        rule.itemCountMax = one([3, 5, 1_000])
        rule.evidenceCountMax = one([2, 100])
        return rule
    }

    private static func settings(_ numbers: inout SeededNumbers) -> CorrelationSettings {
        func one<Value>(_ values: [Value]) -> Value {
            values[Int.random(in: 0..<values.count, using: &numbers)]
        }
        var settings = CorrelationSettings()
        settings.latenessNanoseconds = one([0, 2, 5, 30]) * nanosecondsPerSecond
        settings.incidentGapNanoseconds = one([5, 20, 200]) * nanosecondsPerSecond
        settings.incidentDurationMaxNanoseconds = one([30, 1_000]) * nanosecondsPerSecond
        settings.openIncidentCountMax = one([2, 5, 1_000])
        settings.signalsListedMax = one([2, 100])
        settings.pivotLevelMin = one([.low, .high])
        settings.sharedHosts = one([[], [IPNetwork("10.0.0.2")].compactMap(\.self)])
        settings.memoryByteCountMax = one([20_000, 100_000, 1 << 30])
        settings.waitingByteCountMax = one([3_000, 1 << 28])
        settings.incidentByteCountMax = one([4_000, 1 << 28])
        return settings
    }

    // MARK: Alerts

    private mutating func one<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &numbers)]
    }

    private mutating func addLines(_ count: Int) {
        var time = Timestamp(nanoseconds: 1_700_000_000 * nanosecondsPerSecond)
        for number in 0..<count {
            time = time.adding(
                nanoseconds: one([0, 0, 1, 500_000_000, 1_000_000_000, 3_000_000_000]))
            if one([false, false, false, false, false, false, false, false, false, true]) {
                time = time.adding(nanoseconds: one([1, 10, 60]) * nanosecondsPerSecond)
                lines.append(#"{"clock":"\#(time)"}"#)
            }
            let delay = one([0, 0, 0, 1, 4, 40]) * nanosecondsPerSecond
            lines.append(alert(number, at: time.adding(nanoseconds: -delay)))
        }
    }

    private mutating func alert(_ number: Int, at time: Timestamp) -> String {
        let rule = one(["d0", "d0", "d1", "d1", "d2", "d3", "d4", "stranger", "stranger \(number)"])
        let tags = one(["", #""attack.execution""#, #""attack.impact","attack.t1046""#])
        var members = [
            #""time":"\#(time)""#,
            #""rule":{"id":"\#(rule)","title":"\#(rule)","level":"\#(one(["low", "high"]))","tags":[\#(tags)]}"#,
            #""src.ip":"10.0.0.\#(one([1, 2, 3, 4]))","dst.ip":"10.0.0.\#(one([2, 3, 4, 5]))""#,
        ]
        let long = String(repeating: "long ", count: one([1, 60]))
        let user = one([nil, #""ann""#, #""bob""#, #""\u0000é\n""#, #""\#(long)""#])
        if let user { members.append(#""user":\#(user)"#) }
        let size = one([nil, "7", "20.5", "-3", #""many""#, "true"])
        if let size { members.append(#""bytes":\#(size)"#) }
        if let packet = one([nil, 3, number]) { members.append(#""packet":\#(packet)"#) }
        if let flow = one([nil, 1, 2]) { members.append(#""flow_id":\#(flow)"#) }
        return "{\(members.joined(separator: ","))}"
    }
}
