import Testing

@testable import Cairn

/// Rules on anomalies, as Suricata writes them, from frames to alerts.
@Suite struct EventRuleTests {
    /// How often each rule fires, by its number.
    static func alerts(
        _ rules: String, _ frames: [[UInt8]], checksums: ChecksumMode = .auto
    ) throws -> [Int: Int] {
        var counts: [Int: Int] = [:]
        for record in try records(rules, frames, checksums: checksums) {
            let number = try #require(record["alert"]?["signature_id"]?.integer)
            counts[Int(number), default: 0] += 1
        }
        return counts
    }

    /// What is written of the alerts.
    static func records(
        _ rules: String, _ frames: [[UInt8]], checksums: ChecksumMode = .auto
    ) throws -> [JSONValue] {
        let set = RuleLoader().load(source: rules.utf8, path: "test.rules")
        #expect(RuleFixtures.messages(set) == [])
        var options = EngineOptions()
        options.writesAlerts = true
        options.checksums = checksums
        let timed = frames.enumerated().map { number, bytes in
            TrafficWriter.TimedFrame(
                timestamp: Timestamp(nanoseconds: Int64(number + 1) * 1_000_000), bytes: bytes)
        }
        var lines: [UInt8] = []
        _ = Engine(rules: set, options: options).run(EngineSource(ScriptedSource(timed))) {
            if $0 == .alert { lines += $1 }
        }
        return try lines.split(separator: UInt8(ascii: "\n")).map {
            try #require(JSONValue(parsing: Array($0)))
        }
    }

    private static func rule(_ header: String, _ options: String, _ number: Int = 1) -> String {
        "alert \(header) any any -> any any (\(options); sid:\(number);)\n"
    }

    // MARK: Headers

    @Test func `a frame without an IP packet fires rules on its anomaly and no other rule on IP`()
        throws
    {
        let rules =
            Self.rule("pkthdr", "decode-event:ipv4.trunc_pkt", 1)
            + Self.rule("pkthdr", "decode-event:ipv4.pkt_too_small", 2)
            + "alert ip any any -> any any (sid:3;)\n"
        let cut = Wire.ethernet(
            0x0800, Wire.ipv4(17, Wire.udp(hex("616263")), totalByteCount: 900))
        let arp = Wire.ethernet(
            0x0806, hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002"))
        let counts = try Self.alerts(rules, [cut, cut, hex("020000000002"), arp])
        #expect(counts == [1: 2])
    }

    @Test func `a packet too short for its transport is one of that transport`() throws {
        let event = "decode-event:sctp.pkt_too_small"
        let rules = Self.rule("sctp", event, 1) + Self.rule("udp", event, 2)
        let frame = Wire.ethernet(0x0800, Wire.ipv4(132, hex("0001 0002 00")))
        #expect(try Self.alerts(rules, [frame]) == [1: 1])
    }

    @Test func `a decoder event that nobody knows is a mistake`() {
        let set = RuleLoader().load(
            source: Self.rule("pkthdr", "decode-event:ipv4.trunk_pkt").utf8, path: "x.rules")
        #expect(
            set.diagnostics.contains {
                $0.message.contains(
                    "unknown event 'ipv4.trunk_pkt' — did you mean 'ipv4.trunc_pkt'")
            })
    }

    // MARK: Streams

    @Test func `a stream event fires on the packet that is odd`() throws {
        let rules =
            Self.rule("tcp", "stream-event:fin_but_no_session", 1)
            + Self.rule("tcp", "stream-event:rst_but_no_session", 2)
            + Self.rule("tcp", "stream-event:wrong_thread", 3)
        let fin = Wire.ethernet(0x0800, Wire.ipv4(6, Wire.tcp(flags: 0x11)))
        #expect(try Self.alerts(rules, [fin]) == [1: 1])
    }

    // MARK: Transactions

    private static func dns(_ flags: String, from isServer: Bool = false) -> [UInt8] {
        let message = hex("1234 \(flags) 0001 0000 0000 0000 01 61 00 0001 0001")
        let datagram =
            isServer
            ? Wire.udp(
                message, source: 53, destination: 40000, from: Wire.server, to: Wire.client)
            : Wire.udp(message)
        return Wire.ethernet(
            0x0800,
            Wire.ipv4(
                17, datagram, source: isServer ? Wire.server : Wire.client,
                destination: isServer ? Wire.client : Wire.server))
    }

    @Test(arguments: [
        // The reserved bit in the request, in the response, in both, in none.
        ("0140", "8180", [1: 1, 2: 1]),
        ("0100", "81c0", [1: 1, 3: 1]),
        ("0140", "81c0", [1: 2, 2: 1, 3: 1]),
        ("0100", "8180", [:]),
    ])
    func `an event of a transaction fires once for each message that is odd`(
        request: String, response: String, expected: [Int: Int]
    ) throws {
        let event = "app-layer-event:dns.z_flag_set"
        let rules =
            Self.rule("dns", event, 1) + Self.rule("dns", "flow:to_server; \(event)", 2)
            + Self.rule("dns", "flow:to_client; \(event)", 3)
        let frames = [Self.dns(request), Self.dns(response, from: true)]
        #expect(try Self.alerts(rules, frames) == expected)
    }
}
