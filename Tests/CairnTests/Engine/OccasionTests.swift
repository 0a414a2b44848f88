import Testing

@testable import Cairn

/// On how many packets rules hold that look for nothing in payload or transactions. The counts are those of Suricata 7.0.10
/// on the same packets.
@Suite struct OccasionTests {
    /// Conversations, each with a way to end: a request with its answer and a request without.
    private static let conversations: [[TrafficWriter.TimedFrame]] = {
        let request = RuleRun.Turn(
            direction: .toServer, bytes: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        let answer = RuleRun.Turn(
            direction: .toClient,
            bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8))
        return [[request, answer], [request]].flatMap { turns in
            [TrafficWriter.Ending.fin, .open, .reset].map {
                RuleRun.conversation(turns, ending: $0)
            }
        }
    }()

    /// How often a rule holds on each of the conversations.
    private static func counts(_ rule: String) throws -> [Int] {
        try conversations.map { try RuleRun.alerts("\(rule)sid:1;)\n", $0)[1, default: 0] }
    }

    @Test(arguments: [
        // What asks no more than whose a packet is holds on the ends of directions too.
        ("http any any -> any any (", [6, 5, 5, 5, 3, 3]),
        ("http any any -> any any (flow:to_client; ", [3, 3, 3, 3, 2, 2]),
        ("http any any -> any any (l3_proto:ipv4; ", [6, 5, 5, 5, 3, 3]),
        ("http any any -> any any (flowbits:set,a; ", [6, 5, 5, 5, 3, 3]),
        ("http any any -> any any (flow:established; ", [6, 3, 4, 4, 1, 2]),
        ("http any any -> any any (ttl:>0; ", [6, 3, 4, 4, 1, 2]),
        ("http any any -> any any (flow:only_stream; ", [0, 0, 0, 0, 0, 0]),
        ("tcp !192.0.2.1 any -> any any (", [10, 9, 9, 9, 7, 7]),
    ])
    func `of a protocol or of hosts`(rule: String, counts: [Int]) throws {
        #expect(try Self.counts("alert \(rule)") == counts)
    }

    @Test(arguments: [
        ("tcp any any -> any any (", [2, 2, 2, 2, 2, 2]),
        ("tcp-pkt any any -> any any (", [2, 2, 2, 2, 2, 2]),
        ("tcp-stream any any -> any any (", [2, 2, 2, 2, 2, 2]),
        ("ip any any -> any any (l3_proto:ipv4; ", [2, 2, 2, 2, 2, 2]),
        ("tcp any any -> any any (flow:to_server; ", [6, 4, 5, 5, 3, 4]),
        ("tcp-stream any any -> any any (flow:to_server; ", [6, 4, 5, 5, 3, 4]),
        ("tcp any any -> any any (flow:established,only_stream; ", [0, 0, 0, 0, 0, 0]),
    ])
    func `once for each direction, or on every packet`(rule: String, counts: [Int]) throws {
        #expect(try Self.counts("alert \(rule)") == counts)
    }

    @Test(arguments: [
        // Where some rule looks at streams, a packet with which something of its stream is due has payload, whatever it
        // brings itself.
        ("dsize:0; ", [6, 4, 5, 6, 4, 4]),
        ("dsize:!5; ", [4, 3, 3, 2, 1, 2]),
        ("dsize:<5; ", [8, 5, 6, 7, 4, 5]),
        ("dsize:>0; ", [2, 2, 2, 1, 1, 1]),
        ("dsize:0; flags:A; ", [3, 2, 2, 3, 2, 2]),
        ("content:!\"zzz\"; ", [2, 2, 2, 1, 1, 1]),
        ("content:!\"GET\"; ", [1, 1, 1, 0, 0, 0]),
        ("content:!\"zzz\"; flags:A+; ", [4, 3, 3, 2, 1, 2]),
        ("content:!\"zzz\"; offset:0; depth:3; ", [4, 4, 4, 2, 2, 2]),
    ])
    func `of payload that is there or not`(options: String, counts: [Int]) throws {
        let other = "alert tcp any any -> any any (content:\"zzzz\"; sid:2;)\n"
        #expect(try Self.counts("\(other)alert tcp any any -> any any (\(options)") == counts)
    }

    @Test(arguments: [
        ("tcp:flow_start any any -> any any (", [2, 2, 2, 2, 2, 2]),
        ("tcp:flow_start any any -> any any (flags:S; ", [1, 1, 1, 1, 1, 1]),
        (
            "http1:request_line any any -> any any (http.method; content:\"GET\"; ",
            [1, 1, 1, 1, 1, 1]
        ),
        (
            "http1:response_line any any -> any any (http.protocol; content:\"HTTP\"; ",
            [1, 1, 1, 0, 0, 0]
        ),
    ])
    func `where the header says so`(rule: String, counts: [Int]) throws {
        #expect(try Self.counts("alert \(rule)") == counts)
    }

    @Test func `on every packet if the header says so`() throws {
        let counts = Self.conversations.map(\.count)
        #expect(try Self.counts("alert tcp:all any any -> any any (") == counts)
    }

    @Test func `a server that has not answered has used no sequence number`() throws {
        var writer = TrafficWriter()
        for second in [1, 2] as [Int64] {
            writer.tcpAttempt(
                client: .init(address: IPAddress(v4: 0x0a00_0001), port: 40000),
                server: .init(address: IPAddress(v4: 0x0a00_0002), port: 80), isRefused: false,
                at: Timestamp(nanoseconds: second * 1_000_000_000))
        }
        let rule = "alert tcp any any -> any any (stream_size:server,=,0; sid:1;)\n"
        #expect(try RuleRun.alerts(rule, writer.framesInTimeOrder) == [1: 2])
    }

    @Test func `what bypasses a flow is the last that is looked for in it`() throws {
        let rules = """
            alert tcp any any -> any any (flow:established; sid:1;)
            alert http any any -> any any (http.method; content:"GET"; bypass; noalert; sid:2;)
            """
        let packets = try RuleRun.records(rules, Self.conversations[0]).map {
            $0["pcap_cnt"]?.integer
        }
        // The method is looked at with the packet of the client behind its acknowledgement.
        #expect(packets == [4, 5, 6, 7])
    }

    @Test(arguments: [
        ("ssh.protoversion:2.0; ", 1), ("ssh.protoversion:2_compat; ", 2),
        ("ssh.softwareversion:\"OpenSSH_9.6\"; ", 1), ("ssh.softwareversion:OpenSSH; ", 0),
    ])
    func `versions of SSH`(option: String, count: Int) throws {
        let packet = Array("\0\0\0\u{c}\n\u{15}aaaaaaaaaa".utf8)
        let frames = RuleRun.conversation(
            [
                .init(direction: .toServer, bytes: Array("SSH-2.0-OpenSSH_9.6\r\n".utf8)),
                .init(direction: .toClient, bytes: Array("SSH-1.99-PuTTY\r\n".utf8)),
                .init(direction: .toServer, bytes: packet),
                .init(direction: .toClient, bytes: packet),
            ], port: 22)
        let rule = "alert ssh any any -> any any (\(option)sid:1;)\n"
        #expect(try RuleRun.alerts(rule, frames)[1, default: 0] == count)
    }

    @Test(arguments: [
        ("limit", [1, 2]), ("threshold", [3, 4, 5, 6, 7, 8, 9, 10]), ("both", []),
    ])
    func `a threshold of none`(type: String, packets: [Int]) throws {
        let rule = """
            alert tcp any any -> any any (ttl:>0; threshold:type \(type), track by_src, count 0, \
            seconds 60; sid:1;)
            """
        let found = try RuleRun.records(rule, Self.conversations[0]).compactMap {
            $0["pcap_cnt"]?.integer
        }
        #expect(found == packets.map(Int64.init))
    }

    @Test(arguments: [
        ("(content:\"GET\"; pcre:\"m/get/i\";", 1),
        ("(content:\"GET\"; byte_math:bytes 1,offset 0,oper /,rvalue 0,result x;", 0),
    ])
    func `what Suricata takes`(options: String, count: Int) throws {
        let rule = "alert tcp any any -> any any \(options) sid:1;)\n"
        #expect(try RuleRun.alerts(rule, Self.conversations[0])[1, default: 0] == count)
    }

    @Test(arguments: [
        // Nothing else: with the first packet of a direction with which it is known.
        ("app-layer-protocol:http; ", [2, 1, 1, 1, 0, 1]),
        ("flow:to_client; app-layer-protocol:http; ", [1, 0, 0, 0, 0, 0]),
        ("app-layer-protocol:http; flowbits:set,b; ", [2, 1, 1, 1, 0, 1]),
        // From then on.
        ("flow:established; app-layer-protocol:http; ", [4, 1, 2, 2, 0, 1]),
        ("app-layer-protocol:!smtp; ttl:>0; ", [4, 1, 2, 2, 0, 1]),
    ])
    func `of what the flow speaks`(options: String, counts: [Int]) throws {
        #expect(try Self.counts("alert tcp any any -> any any (\(options)") == counts)
    }

    @Test(arguments: [
        "http any any -> any any (", "tcp any any -> any any (app-layer-protocol:http; ",
    ])
    func `what drops a flow holds on it once`(rule: String) throws {
        #expect(try Self.counts("drop \(rule)").allSatisfy { $0 <= 1 })
    }

    @Test func `each direction of datagrams tells what they speak`() throws {
        var writer = TrafficWriter()
        let client = TrafficWriter.Endpoint(address: IPAddress(v4: 0x0a00_0001), port: 40000)
        let server = TrafficWriter.Endpoint(address: IPAddress(v4: 0x0a00_0002), port: 4000)
        let directions: [Direction] = [
            .toServer, .toServer, .toServer, .toClient, .toClient, .toServer, .toServer, .toClient,
        ]
        writer.udp(
            client: client, server: server,
            turns: directions.map { .init(direction: $0, bytes: Array("nobody's".utf8)) },
            at: Timestamp(nanoseconds: 1_000_000_000))
        let rule = "alert udp any any -> any any (app-layer-protocol:failed; sid:1;)\n"
        // The first of each direction, and the next of either behind it.
        let packets = try RuleRun.records(rule, writer.framesInTimeOrder).map {
            $0["pcap_cnt"]?.integer
        }
        #expect(packets == [1, 2, 4, 5, 6])
    }
}
