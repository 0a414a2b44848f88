@testable import Cairn

/// Saved states of correlation, as if their checksums were right: what they say must be refused, or
/// gone on from without harm.
enum FuzzedState {
    private static let rules = RuleLoader(for: .alerts).load(
        source: """
            title: Many
            name: many
            level: high
            tags: [attack.credential-access]
            correlation:
              {type: event_count, rules: [1], group-by: [src.ip], timespan: 1m, condition: {gte: 3},
              generate: true, cairn: {until: [4], max-groups: 3, max-items: 5}}
            ---
            title: Few
            name: few
            correlation: {type: event_count, rules: [1, 2], timespan: 20s, condition: {lt: 3}}
            ---
            title: Different ones
            name: different
            correlation:
              {type: value_count, rules: [1, 2], group-by: [dst.ip], timespan: 1m,
              condition: {field: [user, src.ip], gte: 3}}
            ---
            title: Sum
            name: sum
            correlation:
              {type: value_sum, rules: [2], group-by: [src.ip], timespan: 30s,
              condition: {field: bytes, gt: 40}}
            ---
            title: Mean
            name: mean
            correlation:
              {type: value_avg, rules: [2], group-by: [src.ip], timespan: 30s,
              condition: {field: bytes, gt: 10}}
            ---
            title: Together
            name: together
            correlation: {type: temporal, rules: [1, 2, 3], group-by: [src.ip], timespan: 1m}
            ---
            title: Without
            name: without
            correlation: {type: temporal, group-by: [src.ip], timespan: 10s, condition: many and not few,
              generate: true}
            ---
            title: In order
            name: order
            level: critical
            correlation: {type: temporal_ordered, rules: [1, 2, 3], group-by: [src.ip], timespan: 1m}
            """.utf8, path: "rules")

    private static let program = CorrelationProgram(rules)

    /// What is wrong with the rules above.
    static var mistakes: [Diagnostic] { rules.diagnostics + program.diagnostics }

    private static let settings: CorrelationSettings = {
        var settings = CorrelationSettings()
        settings.incidentGapNanoseconds = 30 * nanosecondsPerSecond
        settings.incidentDurationMaxNanoseconds = 60 * nanosecondsPerSecond
        settings.pivotLevelMin = .low
        settings.memoryByteCountMax = 1 << 20
        settings.waitingByteCountMax = 1 << 20
        return settings
    }()

    /// Alerts of four rules and a few hosts, three seconds between one and the next.
    private static func alerts(_ numbers: Range<Int>) -> [UInt8] {
        numbers.flatMap { number -> [UInt8] in
            let time = Timestamp(nanoseconds: Int64(number) * 3 * nanosecondsPerSecond)
            let rule = number % 11 == 10 ? 4 : number % 3 + 1
            return Array(
                #"{"time":"\#(time)","rule":{"id":\#(rule)},"src.ip":"10.0.0.\#(number / 3 % 4)","#
                    .utf8)
                + Array(#""dst.ip":"10.0.0.\#(number % 5)","user":"u\#(number % 4)","#.utf8)
                + Array(#""bytes":\#(number % 40),"packet":\#(number)}"#.utf8) + [0x0a]
        }
    }

    /// States behind some of the alerts.
    static var seeds: [[UInt8]] {
        [7, 40, 80].map { count in
            let correlator = Correlator(program: program, settings: settings, sink: { _ in })
            add(alerts(0..<count), to: correlator)
            return correlator.savedState
        }
    }

    /// Goes on from a state, if there is nothing to be said against it.
    static func run(_ input: [UInt8]) -> String? {
        do throws(CheckpointError) {
            let correlator = try Correlator(
                program: program, settings: settings, savedState: input, sink: { _ in })
            add(alerts(40..<100), to: correlator)
            _ = correlator.savedState
            correlator.finish()
        } catch {
            if error.reason.isEmpty { return "no reason given" }
        }
        return nil
    }

    private static func add(_ alerts: [UInt8], to correlator: Correlator) {
        let reader = AlertFileReader(correlator: correlator)
        reader.begin(path: "alerts")
        alerts.withUnsafeBytes { reader.add($0) }
    }
}

extension Correlator {
    /// The saved state in memory.
    var savedState: [UInt8] {
        final class Box { var bytes: [UInt8] = [] }
        let box = Box()
        var writer = CheckpointWriter { box.bytes += $0 }
        save(to: &writer)
        _ = writer.finish()
        return box.bytes
    }

    /// Goes on from a state in memory.
    convenience init(
        program: CorrelationProgram, settings: CorrelationSettings, savedState: [UInt8],
        sink: @escaping (borrowing [UInt8]) -> Void
    ) throws(CheckpointError) {
        var rest = savedState[...]
        var reader = CheckpointReader(byteCount: savedState.count) { buffer in
            let piece = rest.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            rest = rest.dropFirst(piece.count)
            return piece.count
        }
        try self.init(program: program, settings: settings, state: &reader, sink: sink)
    }
}
