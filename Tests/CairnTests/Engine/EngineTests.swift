import Foundation
import Testing

@testable import Cairn

@Suite struct EngineTests {
    private static let rules = """
        title: Hidden file
        id: hidden
        level: high
        tags: [attack.initial-access]
        logsource: {product: cairn, service: http}
        detection: {uri: {http.uri|contains: /.git/}, condition: uri}
        ---
        title: Marker in a stream
        id: marker
        level: low
        logsource: {product: cairn, service: stream}
        detection: {text: {payload|contains: 'across the border'}, condition: text}
        """

    private static func run(
        _ traffic: (inout TrafficWriter) -> Void, threads: Int = 1, events: Bool = true,
        statisticsNanoseconds: Int64? = nil
    ) -> [RecordKind: [UInt8]] {
        var writer = TrafficWriter()
        traffic(&writer)
        var options = EngineOptions()
        options.threadCount = threads
        options.writesAlerts = true
        options.writesEvents = events
        options.statisticsIntervalNanoseconds = statisticsNanoseconds
        let set = RuleLoader().load(source: rules.utf8, path: "rules.yml")
        var records: [RecordKind: [UInt8]] = [:]
        _ = Engine(rules: set, options: options).run(
            EngineSource(ScriptedSource(writer.framesInTimeOrder, batchFrameCount: 50))
        ) {
            records[$0, default: []] += $1
        }
        return records
    }

    private static func endpoint(_ address: String, _ port: UInt16) -> TrafficWriter.Endpoint {
        .init(address: IPAddress(address) ?? .zero, port: port)
    }

    /// Many conversations at once, over all shards.
    private static func crowd(_ writer: inout TrafficWriter) {
        for number in 0..<60 {
            let host = "10.0.\(number % 7).\(number + 1)"
            let path = number % 3 == 0 ? "/.git/HEAD" : "/index.html"
            writer.tcp(
                client: endpoint(host, UInt16(40_000 + number)),
                server: endpoint("192.0.2.\(number % 5)", 80),
                turns: [
                    .init(
                        direction: .toServer,
                        bytes: Array("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
                    .init(
                        direction: .toClient,
                        bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".utf8)),
                ], at: Timestamp(nanoseconds: Int64(number) * 700_000))
        }
    }

    @Test func `any number of threads gives the same bytes`() {
        let one = Self.run(Self.crowd)
        #expect(one[.alert]?.isEmpty == false)
        #expect(one[.incident]?.isEmpty == false)
        #expect(one[.event]?.isEmpty == false)
        for threads in [2, 3] { #expect(Self.run(Self.crowd, threads: threads) == one) }
    }

    @Test func `statistics between batches are of the same packets for any number of threads`() {
        let one = Self.run(Self.crowd, statisticsNanoseconds: 10_000_000)
        #expect((one[.statistics] ?? []).count { $0 == UInt8(ascii: "\n") } > 2)
        let three = Self.run(Self.crowd, threads: 3, statisticsNanoseconds: 10_000_000)
        #expect(one == three)
    }

    @Test func `everything that was not looked at is counted by a stage`() throws {
        let sample = repository.appending(path: "Samples/story/story.pcapng").path
        let report = try Engine(
            rules: RuleLoader().load(source: Self.rules.utf8, path: "rules.yml")
        )
        .run(.captures([sample], filter: "tcp")) { _, _ in }
        for name in RunReport.oversights.flatMap(\.counters) {
            #expect(report.counters.values[name] != nil, "nobody reports \(name)")
        }
        #expect(
            report.oversights.contains {
                $0.what.contains("left out by the filter") && $0.count > 0
            })
    }

    @Test func `link types that are not decoded are named`() throws {
        let folder = TemporaryFolder()
        let captures = [220, 189, 65_000].map { (number: UInt32) in
            var capture = PcapMaker(linkType: number)
            capture.add(seconds: 1, [1, 2, 3, 4])
            return folder.write("\(number).pcap", capture.bytes)
        }
        let report = try Engine(rules: RuleSet()).run(.captures(captures, filter: nil)) { _, _ in }
        #expect(
            report.oversights.contains {
                $0.count == 3
                    && $0.what == "frames of link types that are not decoded: USB_LINUX (189), "
                        + "USB_LINUX_MMAPPED (220), 65000"
            })
    }

    @Test func `every record is as its schema says`() throws {
        let records = Self.run(Self.crowd)
        let alert = try JSONSchema(named: "alert")
        let event = try JSONSchema(named: "event")
        for line in (records[.alert] ?? []).split(separator: UInt8(ascii: "\n")) {
            #expect(alert.problems(in: line) == [])
        }
        for line in (records[.event] ?? []).split(separator: UInt8(ascii: "\n")) {
            #expect(event.problems(in: line) == [])
        }
        for line in (records[.incident] ?? []).split(separator: UInt8(ascii: "\n")) {
            let kind = try #require(JSONValue(parsing: line)?["kind"]?.text)
            #expect(try JSONSchema(named: kind).problems(in: line) == [])
        }
    }

    @Test(arguments: [1, 2, 7, 100])
    func `a match across segments is found however they are cut`(segmentByteCount: Int) {
        let text = Array("some bytes before across the border and some behind".utf8)
        let records = Self.run { writer in
            let turns = stride(from: 0, to: text.count, by: segmentByteCount).map { start in
                TrafficWriter.Turn(
                    direction: .toServer,
                    bytes: Array(text[start..<min(text.count, start + segmentByteCount)]))
            }
            writer.tcp(
                client: Self.endpoint("10.0.0.1", 40_000), server: Self.endpoint("10.0.0.2", 9_999),
                turns: turns, at: .epoch)
        }
        let alerts = (records[.alert] ?? []).split(separator: UInt8(ascii: "\n"))
        #expect(alerts.count == 1)
    }
}
