@testable import Cairn

/// All stages together: the same records must come of the same packets, however they come, and
/// every record must be JSON.
enum FuzzedEngine {
    /// Rules that ask something of every stage.
    private static let rules = RuleLoader().load(
        source: """
            title: Fragments and odd segments
            name: packet
            logsource: {product: cairn, service: packet}
            detection:
              odd: {tcp.flags|contains: S, ip.ttl|lt: 200, src.ip|cidr: 10.0.0.0/8}
              bytes:
                payload|sequence:
                  - {content: G, nocase: true, offset: 0, depth: 40}
                  - {byte_extract: {bytes: 2, offset: 1, name: n, relative: true}}
                  - {content: a, distance: -4, within: n}
                  - {byte_jump: {bytes: 1, offset: 0, relative: true, multiplier: 3, post_offset: -2}}
                  - {isdataat: n, relative: true, not: true}
              condition: odd or bytes
            state: [{set: seen.packet, scope: pair, expire: 60s}]
            threshold: {type: both, track: by_src, count: 2, seconds: 60}
            ---
            title: Words in a stream
            name: stream
            level: low
            logsource: {product: cairn, service: stream}
            detection:
              words: {payload|contains|all: [e, ' ']}
              expression: {payload|re|i: '(a|e)[a-z]{3,9}\\r?\\n'}
              condition: words or expression
            state: [{isset: seen.packet, scope: pair}]
            ---
            title: Requests
            name: http
            level: high
            tags: [attack.initial-access]
            logsource: {product: cairn, service: http}
            detection:
              uri: {http.uri|url_decode|to_lowercase|contains: a}
              header: {http.request_header|startswith: [Host, User]}
              body: {http.response_body|from_base64|contains: b}
              status: {http.status|gte: 200}
              condition: (uri or header) and not body or status
            ---
            title: Names
            name: dns
            level: informational
            logsource: {product: cairn, service: dns}
            detection: {name: {dns.query|re: '[a-z0-9]+'}, condition: name}
            detection_filter: {track: by_dst, count: 1, seconds: 60}
            ---
            title: Handshakes
            name: tls
            logsource: {product: cairn, service: tls}
            detection: {name: {tls.sni|endswith: com}, none: {tls.sni: null}, condition: name or none}
            ---
            title: Files
            name: file
            level: medium
            logsource: {product: cairn, service: file}
            detection: {size: {file.size|gt: 0}, condition: size}
            ---
            title: Flows
            name: flow
            level: critical
            logsource: {product: cairn, service: flow}
            detection: {bytes: {orig_bytes|gt: 10}, condition: bytes}
            ---
            title: Many
            name: many
            level: high
            correlation:
              {type: event_count, rules: [stream, http], group-by: [client.ip], timespan: 1m,
              condition: {gte: 2}}
            ---
            title: One after the other
            name: both
            level: critical
            correlation:
              {type: temporal_ordered, rules: [dns, flow], group-by: [client.ip], timespan: 5m}
            ---
            title: Few different ones
            name: few
            correlation:
              {type: value_count, rules: [http], group-by: [server.ip], timespan: 1m,
              condition: {field: http.uri, lt: 3}}
            """.utf8, path: "rules")

    /// What is wrong with the rules above.
    static var mistakes: [Diagnostic] { rules.diagnostics + engine.diagnostics }

    /// With so little memory that short inputs come to its limits. A run keeps nothing in it.
    private nonisolated(unsafe) static let engine: Engine = {
        var settings = Settings()
        for name in [
            "flow.memcap", "stream.memcap", "stream.reassembly.memcap", "defrag.memcap",
            "correlation.memcap",
        ] {
            _ = settings.set("\(name)=1mb")
        }
        for assignment in [
            "flow.prealloc=8", "defrag.trackers=8", "stream.midstream=true",
            "stream.reassembly.depth=4kb",
        ] {
            _ = settings.set(assignment)
        }
        var options = EngineOptions(settings: settings)
        options.writesAlerts = true
        options.writesEvents = true
        options.checksums = .none
        return Engine(rules: rules, options: options)
    }()

    // MARK: Captures

    /// Reads a capture at once and in small pieces.
    static func run(capture: [UInt8]) -> String? {
        guard let whole = records(of: capture, pieceByteCount: 1 << 16),
            let pieces = records(of: capture, pieceByteCount: 200)
        else { return nil }
        return problem(whole, pieces)
    }

    private static func records(of capture: [UInt8], pieceByteCount: Int) -> [UInt8]? {
        let options = CaptureFile.Options(
            layout: PieceLayout(pieceByteCount: pieceByteCount), readsAhead: false)
        guard
            let file = try? CaptureFile(
                path: "fuzz", bytes: ExactSource(capture), options: options)
        else { return nil }
        var records: [UInt8] = []
        _ = engine.run(EngineSource(NumberedFrames(file))) { _, lines in records += lines }
        return records
    }

    /// The frames of one capture, up to a limit, as of a run of it alone.
    private final class NumberedFrames: FrameSource {
        let sourceNames = ["fuzz"]
        private let file: CaptureFile
        private var count: UInt64 = 0

        init(_ file: CaptureFile) { self.file = file }

        func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
            guard count < 2_000, try file.fill(batch) else {
                batch.removeAll()
                return false
            }
            for index in batch.frames.indices {
                count += 1
                batch.frames[index].number = count
            }
            return true
        }

        func report(into counters: inout Counters) { file.report(into: &counters) }
    }

    // MARK: Alerts

    private static let program: CorrelationProgram = CorrelationProgram(rules)

    /// Correlates the alerts of a file, read at once and in small pieces.
    static func run(alerts: [UInt8]) -> String? {
        problem(
            records(ofAlerts: alerts, pieceByteCount: max(1, alerts.count)),
            records(ofAlerts: alerts, pieceByteCount: 7))
    }

    private static func records(ofAlerts alerts: [UInt8], pieceByteCount: Int) -> [UInt8] {
        var settings = CorrelationSettings()
        settings.memoryByteCountMax = 1 << 20
        var records: [UInt8] = []
        let correlator = Correlator(program: program, settings: settings) { records += $0 }
        let reader = AlertFileReader(correlator: correlator)
        reader.begin(path: "fuzz")
        var rest = alerts[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieceByteCount))
            withExactCopy(piece) { reader.add($0) }
            rest = rest.dropFirst(piece.count)
        }
        reader.end()
        correlator.finish()
        return records
    }

    // MARK: Records

    private static func problem(_ whole: [UInt8], _ pieces: [UInt8]) -> String? {
        for line in whole.split(separator: UInt8(ascii: "\n")) where JSONValue(parsing: line) == nil
        {
            return "no JSON: \(String(decoding: line, as: UTF8.self))"
        }
        return whole == pieces ? nil : fuzzDifference(whole, pieces)
    }
}
