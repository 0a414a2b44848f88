import Testing

@testable import Cairn

/// Rules on what stands below and in the headers of packets, as Suricata writes them, from frames to alerts.
@Suite struct HeaderRuleTests {
    private static let arp = hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")
    private static let datagram = Wire.ipv4(17, Wire.udp(hex("616263")))

    /// An IPv4 datagram within VLAN tags.
    private static func tagged(_ ids: [UInt8]) -> [UInt8] {
        var body: [UInt8] = [0x08, 0x00] + datagram
        for (index, id) in ids.enumerated().reversed() {
            body = [0x00, id] + body
            if index > 0 { body = [0x81, 0x00] + body }
        }
        return ids.isEmpty ? Wire.ethernet(0x0800, datagram) : Wire.ethernet(0x8100, body)
    }

    @Test func `frames of address resolution`() throws {
        let rules = """
            alert arp any any -> any any (sid:1;)
            alert ether any any -> any any (sid:2;)
            alert ether any any -> any any (ether.hdr; content:"|08 06|"; offset:12; depth:2; sid:3;)
            alert ip any any -> any any (sid:4;)

            """
        let frames = [Wire.ethernet(0x0806, Self.arp), Wire.ethernet(0x0800, Self.datagram)]
        #expect(try EventRuleTests.alerts(rules, frames) == [1: 1, 2: 2, 3: 1, 4: 1])
    }

    @Test(
        arguments: [
            ("vlan.id:2", [[1, 2], [2]]), ("vlan.id:2,0", [[2]]), ("vlan.id:2,-1", [[1, 2], [2]]),
            ("vlan.id:!2,all", [[1]]), ("vlan.id:0-3,1", [[1, 2]]), ("vlan.id:9,or_absent", [[]]),
            ("vlan.id:count >1", [[1, 2]]), ("vlan.id:!1-3,0", [[1], [1, 2]]),
            ("vlan.layers:0", [[]]), ("vlan.layers:>=1", [[1], [1, 2], [2]]),
        ] as [(String, [[UInt8]])])
    func `tags by their place`(options: String, expected: [[UInt8]]) throws {
        let tags: [[UInt8]] = [[], [1], [1, 2], [2]]
        let rule = "alert udp any any -> any any (\(options); sid:1;)\n"
        let fired = try tags.filter {
            try EventRuleTests.alerts(rule, [Self.tagged($0)]) == [1: 1]
        }
        #expect(fired == expected)
    }

    /// Flags of TCP segments: SYN, SYN and ACK, ACK, PSH and ACK, FIN and ACK, RST, URG and ACK, none, SYN with ECE and CWR.
    private static let flags: [UInt8] = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x30, 0x00, 0xc2]

    @Test(
        arguments: [
            ("S", [0x02]), ("+S", [0x02, 0x12, 0xc2]), ("S,12", [0x02, 0xc2]), ("SA+", [0x12]),
            // Rules that name SYN, FIN or RST are asked about packets with one of these alone.
            ("!S", [0x11, 0x04]), ("*SA", [0x02, 0x12, 0x11, 0xc2]),
            ("!SA", [0x02, 0x11, 0x04, 0xc2]),
            // So it is with URG, ECE and CWR.
            ("!U", [0xc2]), ("*UA", [0x30]), ("!A", [0x02, 0x04, 0x00, 0xc2]), ("0", [0x00]),
        ] as [(String, [UInt8])])
    func `flags of TCP`(flags: String, expected: [UInt8]) throws {
        let rule = "alert tcp any any -> any any (flags:\(flags); sid:1;)\n"
        let fired = try Self.flags.filter {
            try EventRuleTests.alerts(
                rule, [Wire.ethernet(0x0800, Wire.ipv4(6, Wire.tcp(flags: $0)))]) == [1: 1]
        }
        #expect(fired == expected)
    }

    @Test(
        arguments: [
            ("D", [2]), ("+D", [3, 6, 7]), ("!D", [0, 1, 4, 5]), ("*DM", [1, 2, 3, 5, 6, 7]),
            // With `+` there must be others, and behind the letters it means nothing.
            ("D+", [2]), ("+RDM", []), ("!DM", [0, 1, 2, 4, 5, 6]),
        ] as [(String, [UInt16])])
    func `flags of IP`(flags: String, expected: [UInt16]) throws {
        let rule = "alert ip any any -> any any (fragbits:\(flags); sid:1;)\n"
        let fired = try (0..<8 as Range<UInt16>).filter {
            let packet = Wire.ipv4(17, Wire.udp(hex("616263")), fragment: $0 << 13)
            return try EventRuleTests.alerts(rule, [Wire.ethernet(0x0800, packet)]) == [1: 1]
        }
        #expect(fired == expected)
    }

    @Test func `fragments are of the transport that IP names, and have no ports`() throws {
        let rules = """
            alert udp any any -> any any (ttl:>0; sid:1;)
            alert udp any any -> any !80 (ttl:>0; sid:2;)
            alert tcp any any -> any any (ttl:>0; sid:3;)
            alert udp any any -> any any (dsize:0; sid:4;)
            alert udp any any -> any any (content:"a"; sid:5;)
            alert ip any any -> any !80 (ttl:>0; sid:6;)

            """
        let datagram = Wire.udp(hex("6162636465666768"))
        let frames = [
            Wire.ipv4(17, Array(datagram.prefix(8)), fragment: 0x2000),
            Wire.ipv4(17, Array(datagram.dropFirst(8)), fragment: 1),
        ].map { Wire.ethernet(0x0800, $0) }
        // The datagram that is put together has them.
        #expect(try EventRuleTests.alerts(rules, frames) == [1: 3, 2: 1, 4: 2, 5: 1, 6: 1])
    }

    @Test(arguments: [
        ("to_server", 3), ("to_client", 0), ("stateless", 0), ("not_established", 0),
        ("no_frag", 0),
    ])
    func `packets of no flow go to the server`(flow: String, count: Int) throws {
        let rule = "alert ip any any -> any any (flow:\(flow); ttl:>0; sid:1;)\n"
        let packets = [
            Wire.ipv4(89, hex("00")),
            Wire.ipv4(89, hex("00"), source: Wire.server, destination: Wire.client),
            Wire.ipv4(17, Wire.udp(hex("616263")), fragment: 0x2000),
        ]
        let frames = packets.map { Wire.ethernet(0x0800, $0) }
        #expect(try EventRuleTests.alerts(rule, frames)[1, default: 0] == count)
    }

    @Test(arguments: [
        ("ipv4 any any -> any any (", 2), ("ipv4 any any -> any any (ip_proto:17; ", 2),
        ("ipv4 10.0.0.1 any -> any any (", 1), ("ipv4 !1.1.1.1 any -> any any (", 4),
        ("ipv4 any any -> any any (ttl:>0; ", 4), ("ipv6 any any -> any any (", 0),
    ])
    func `a version of IP alone tells ends only`(rule: String, count: Int) throws {
        let turns: [RuleRun.Turn] = [.toServer, .toClient, .toServer, .toClient].map {
            .init(direction: $0, bytes: [0x61])
        }
        let frames = RuleRun.datagrams(turns, port: 4000)
        #expect(try RuleRun.alerts("alert \(rule)sid:1;)\n", frames)[1, default: 0] == count)
    }

    @Test func `what a tunnel carries is looked at once`() throws {
        let rules = """
            alert udp any any -> any 4789 (ttl:>0; sid:1;)
            alert udp any any -> any any (content:"abc"; sid:2;)
            alert udp any any -> any any (dsize:>0; sid:3;)
            alert udp any any -> any 4789 (dsize:0; sid:4;)
            alert udp any any -> any 4789 (dsize:<100; sid:5;)

            """
        let vxlan = hex("08000000 00000100") + Wire.ethernet(0x0800, Self.datagram)
        let outer = Wire.ipv4(17, Wire.udp(vxlan, destination: 4789))
        let frames = [Wire.ethernet(0x0800, outer)]
        #expect(try EventRuleTests.alerts(rules, frames) == [1: 1, 2: 1, 3: 1, 5: 1])
    }

    @Test(arguments: [("0", [1: 1]), ("!x10", [1: 1]), ("x0", [1: 1]), ("X1F", [:])])
    func `the type of service is version 4's`(value: String, counts: [Int: Int]) throws {
        let rule = "alert ip any any -> any any (tos:\(value); sid:1;)\n"
        let frames = [Wire.ethernet(0x0800, Self.datagram), Wire.tcp6Frame]
        #expect(try EventRuleTests.alerts(rule, frames) == counts)
    }

    @Test func `a number of one header counts in another`() throws {
        // The length that UDP says is the one that IP says less its header.
        let math = "ipv4.hdr; byte_math:bytes 2, offset 2, oper -, rvalue 20, result size"
        let test = "udp.hdr; byte_test:2,=,size,4"
        let frames = [Wire.ethernet(0x0800, Self.datagram)]
        let rule = "alert udp any any -> any any (\(math); \(test); sid:1;)\n"
        #expect(try EventRuleTests.alerts(rule, frames) == [1: 1])
        let other = "alert udp any any -> any any (\(math); \(test),relative; sid:1;)\n"
        #expect(try EventRuleTests.alerts(other, frames) == [1: 1])
        let wrong =
            "alert udp any any -> any any (\(math); udp.hdr; byte_test:2,=,size,6; sid:1;)\n"
        #expect(try EventRuleTests.alerts(wrong, frames) == [:])
        let reversed = "alert udp any any -> any any (\(test); \(math); sid:1;)\n"
        #expect(RuleLoader().load(source: reversed.utf8, path: "x.rules").detections.isEmpty)
    }

    @Test(arguments: [ChecksumMode.all, .none, .auto])
    func `checksums, whether they are looked at or not`(mode: ChecksumMode) throws {
        let rules = """
            alert ip any any -> any any (ipv4-csum:invalid; sid:1;)
            alert ip any any -> any any (ipv4-csum:valid; sid:2;)
            alert udp any any -> any any (udpv4-csum:invalid; sid:3;)
            alert udp any any -> any any (udpv4-csum:valid; sid:4;)

            """
        let right = Self.datagram
        var wrongHeader = right
        wrongHeader[10] ^= 1
        var wrongDatagram = right
        wrongDatagram[26] = 0x12
        wrongDatagram[27] = 0x34
        let frames = [right, wrongHeader, wrongDatagram].map { Wire.ethernet(0x0800, $0) }
        let counts = try EventRuleTests.alerts(rules, frames, checksums: mode)
        #expect(counts == [1: 1, 2: 2, 3: 1, 4: 2])
    }

    @Test func `alerts show what expressions captured`() throws {
        let rule = """
            alert udp any any -> any any (pcre:"/(a)(b)(?:c)/, alert:first, pkt:second"; sid:1;)

            """
        let frames = [Wire.ethernet(0x0800, Self.datagram)]
        let record = try #require(try EventRuleTests.records(rule, frames).first)
        #expect(record["alert"]?["context"]?["first"]?.text == "a")
        #expect(record["metadata"]?["pktvars"]?.elements?.first?["second"]?.text == "b")
    }

    @Test func `calls of remote procedures`() throws {
        let rules = """
            alert udp any any -> any any (rpc:100009,*,*; sid:1;)
            alert udp any any -> any any (rpc:100009,2,5; sid:2;)
            alert udp any any -> any any (rpc:100009,*,6; sid:3;)
            alert tcp any any -> any any (rpc:100009; sid:4;)
            alert ip any any -> any any (rpc:100009,2; sid:5;)

            """
        let call = hex("00000001 00000000 00000002 000186a9 00000002 00000005")
        let frames = [call, Array(call.dropLast())].map {
            Wire.ethernet(0x0800, Wire.ipv4(17, Wire.udp($0)))
        }
        #expect(try EventRuleTests.alerts(rules, frames) == [1: 1, 2: 1, 5: 1])
    }
}
