import Testing

@testable import Cairn

@Suite struct TunnelTests {
    static let inner4 = Wire.ipv4(
        6, Wire.tcp(hex("616263"), from: Wire.server, to: Wire.client), source: Wire.server,
        destination: Wire.client)
    static let inner6 = Wire.ipv6(6, Wire.tcp(hex("616263"), from: Wire.client6, to: Wire.server6))
    static let innerFrame = Wire.ethernet(0x0800, inner4)

    struct Tunnel: CustomTestStringConvertible {
        let testDescription: String
        let packet: [UInt8]
        let counter: String
        /// Bytes before which a cut leaves no inner packet, counted from the start.
        var outerTransport = Transport.other
    }

    static func gre(_ header: String, _ inner: [UInt8]) -> [UInt8] {
        Wire.ipv4(47, hex(header) + inner)
    }

    static func udp(_ port: UInt16, _ header: String, _ inner: [UInt8]) -> [UInt8] {
        Wire.ipv4(17, Wire.udp(hex(header) + inner, destination: port))
    }

    static let tunnels = [
        Tunnel(testDescription: "4 in 4", packet: Wire.ipv4(4, inner4), counter: "ipv4_in_ipv4"),
        Tunnel(testDescription: "6 in 4", packet: Wire.ipv4(41, inner6), counter: "ipv6_in_ipv4"),
        Tunnel(testDescription: "4 in 6", packet: Wire.ipv6(4, inner4), counter: "ipv4_in_ipv6"),
        Tunnel(testDescription: "6 in 6", packet: Wire.ipv6(41, inner6), counter: "ipv6_in_ipv6"),
        Tunnel(
            testDescription: "MPLS in IP", packet: Wire.ipv4(137, hex("000641ff") + inner4),
            counter: "mpls"),
        Tunnel(testDescription: "GRE", packet: gre("0000 0800", inner4), counter: "gre"),
        Tunnel(testDescription: "GRE with IPv6", packet: gre("0000 86dd", inner6), counter: "gre"),
        Tunnel(
            testDescription: "GRE with checksum, key and sequence",
            packet: gre("b000 0800 00000000 00000001 00000002", inner4), counter: "gre"),
        Tunnel(
            testDescription: "GRE with a source route",
            packet: gre("4000 0800 00000000 0800 0004 0a000001 0000 0000", inner4),
            counter: "gre"),
        Tunnel(
            testDescription: "GRE with Ethernet", packet: gre("2000 6558 00000001", innerFrame),
            counter: "gre"),
        Tunnel(
            testDescription: "GRE with MPLS", packet: gre("0000 8847 000641ff", inner4),
            counter: "mpls"),
        Tunnel(
            testDescription: "PPTP",
            packet: gre("3081 880b 0030 0001 00000001 00000001 ff030021", inner4),
            counter: "gre"),
        Tunnel(
            testDescription: "ERSPAN I", packet: gre("0000 88be", innerFrame), counter: "erspan"),
        Tunnel(
            testDescription: "ERSPAN II",
            packet: gre("1000 88be 00000001 10010001 00000000", innerFrame), counter: "erspan"),
        Tunnel(
            testDescription: "ERSPAN III",
            packet: gre("1000 22eb 00000001 20010001 00000000 00000000", innerFrame),
            counter: "erspan"),
        Tunnel(
            testDescription: "ERSPAN III with platform header",
            packet: gre(
                "1000 22eb 00000001 20010001 00000000 00000001 0000000000000000", innerFrame),
            counter: "erspan"),
        Tunnel(
            testDescription: "VXLAN", packet: udp(4789, "08000000 00002a00", innerFrame),
            counter: "vxlan", outerTransport: .udp),
        Tunnel(
            testDescription: "Geneve", packet: udp(6081, "0000 6558 00002a00", innerFrame),
            counter: "geneve", outerTransport: .udp),
        Tunnel(
            testDescription: "Geneve with options and IPv4",
            packet: udp(6081, "0200 0800 00002a00 0102800100000000", inner4),
            counter: "geneve", outerTransport: .udp),
        Tunnel(
            testDescription: "Teredo", packet: udp(3544, "", inner6), counter: "teredo",
            outerTransport: .udp),
        Tunnel(
            testDescription: "Teredo with an origin",
            packet: udp(3544, "0000 8000 00000000", inner6),
            counter: "teredo", outerTransport: .udp),
    ]

    @Test(arguments: tunnels)
    func `outer and inner packets are both given`(tunnel: Tunnel) throws {
        let bench = DecodeBench(.none)
        let packets = bench.decode(tunnel.packet, .raw)
        try #require(packets.count == 2)
        #expect(packets.map(\.layer) == [0, 1])
        #expect(packets[0].flags == [.ignoreChecksums, .unverified, .tunnel])
        #expect(packets[0].transport == tunnel.outerTransport)
        #expect(packets[1].flags == [.ignoreChecksums, .unverified])
        #expect(packets[1].anomalyNames == [])
        #expect(packets[1].transport == .tcp && packets[1].payloadArray == hex("616263"))
        #expect(packets[1].frameNumber == packets[0].frameNumber)
        #expect(bench.counters["decoder.\(tunnel.counter)"] > 0)
        #expect(bench.counters["decoder.pkts"] == 1 && bench.counters["decoder.layers"] == 2)
    }

    @Test(arguments: tunnels)
    func `a tunnel cut anywhere keeps its outer packet`(tunnel: Tunnel) {
        for count in 20..<tunnel.packet.count {
            let packets = DecodeBench().decode(
                Array(tunnel.packet.prefix(count)), .raw, wireByteCount: tunnel.packet.count)
            #expect(packets.count <= 2)
            if packets[0].ipVersion != 0 { #expect(packets[0].flags.contains(.truncated)) }
        }
    }

    @Test func `tags and clock of the outer frame are kept inside`() {
        let frame = Wire.ethernet(0x8100, hex("0064 0800") + Wire.ipv4(4, Self.inner4))
        let packets = DecodeBench().decode(frame)
        #expect(packets.map(\.vlanIDs.0) == [100, 100] && packets.map(\.vlanCount) == [1, 1])
        #expect(packets.map(\.linkType) == [.ethernet, .raw])
        #expect(packets[1].linkOffset == packets[1].ipOffset)
        #expect(packets[1].etherType == 0x0800)
    }

    @Test func `an inner frame has a link header of its own`() {
        let packets = DecodeBench().decode(
            Wire.ethernet(0x0800, Self.gre("0000 6558", Self.innerFrame)))
        #expect(packets[1].linkType == .ethernet)
        #expect(packets[1].ipOffset == packets[1].linkOffset + 14)
    }

    @Test func `IPv4 in IPv4 is left alone if so set`() {
        let bench = DecodeBench(decodesIPv4InIPv4: false)
        let packets = bench.decode(Wire.ipv4(4, Self.inner4), .raw)
        #expect(packets.count == 1)
        #expect(packets[0].transport == .other && packets[0].payloadArray == Self.inner4)
    }

    @Test(arguments: [1, 2, 8])
    func `tunnels in tunnels end at the limit`(limit: Int) {
        var packet = Self.inner4
        for _ in 0..<20 { packet = Wire.ipv4(4, packet) }
        let packets = DecodeBench(layerCountMax: limit).decode(packet, .raw)
        #expect(packets.count == limit)
        #expect(packets.last?.anomalyNames == ["generic.too_many_layers"])
        #expect(packets.last?.flags == [.undecoded])
    }

    static let wrong: [(String, String)] = [
        ("0000", "gre.pkt_too_small"), ("0002 0800", "gre.wrong_version"),
        ("0100 0800", "gre.version0_recur"), ("0008 0800", "gre.version0_flags"),
        ("8000 0800 0000", "gre.version0_hdr_too_big"),
        ("4000 0800 00000000 0800 0010 00", "gre.version0_malformed_sre_hdr"),
        ("8001 880b 0000 0000", "gre.version1_chksum"),
        ("4001 880b 0000 0000", "gre.version1_route"),
        ("2801 880b 0000 0000", "gre.version1_ssr"),
        ("2101 880b 0000 0000", "gre.version1_recur"),
        ("2041 880b 0000 0000", "gre.version1_flags"),
        ("0001 880b 0000 0000", "gre.version1_no_key"),
        ("2001 0800 0000 0000", "gre.version1_wrong_protocol"),
        ("3001 880b 0000 0000 00", "gre.version1_hdr_too_big"),
        ("1000 88be 00000001 00", "erspan.header_too_small"),
        ("1000 22eb 00000001 2001000100000000", "erspan.header_too_small"),
        ("1000 88be 00000001 3001000100000000", "erspan.unsupported_version"),
    ]

    @Test(arguments: wrong)
    func `what is wrong with GRE is named`(bytes: String, name: String) {
        let packets = DecodeBench().decode(Wire.ipv4(47, hex(bytes)), .raw)
        #expect(packets.count == 1 && packets[0].anomalyNames == [name])
        #expect(packets[0].flags == [.undecoded])
    }

    @Test func `GRE with a protocol that is not decoded is one packet`() {
        let bench = DecodeBench()
        #expect(bench.decode(Wire.ipv4(47, hex("0000 000b 00")), .raw).count == 1)
        #expect(bench.counters["decoder.unknown_ethertype.0xb"] == 1)
    }

    static let noTunnels: [(UInt16, String, [String])] = [
        (4789, "00000000 00000000", []), (4789, "0800", []),
        (4789, "08000000 00000100 00", ["vxlan.unknown_payload_type"]),
        (4789, "08000000 00000100 020000000002 020000000001 9999", ["vxlan.unknown_payload_type"]),
        (6081, "4000 6558 00000000", []), (6081, "0100 6558 00000000", []),
        (6081, "0000 9999 00000000", ["geneve.unknown_payload_type"]),
        (3544, "60000000 0001 3b40", []), (3544, "", []),
        (3544, "0001 ffff 00", []),
    ]

    @Test(arguments: noTunnels)
    func `a datagram at a tunnel's port need not be one`(
        port: UInt16, payload: String, names: [String]
    ) {
        let packets = DecodeBench().decode(
            Wire.ipv4(17, Wire.udp(hex(payload), destination: port)), .raw)
        #expect(packets.count == 1 && packets[0].anomalyNames == names)
        #expect(packets[0].transport == .udp && packets[0].payloadArray == hex(payload))
    }

    @Test func `the negotiation of Teredo is no tunnel`() {
        let packet = Self.udp(3544, "0001 0000 0000000000000000 00 0000 8000 00000000", Self.inner6)
        #expect(DecodeBench().decode(packet, .raw).count == 1)
    }

    @Test func `ports are settings`() {
        let packet = Self.udp(8472, "08000000 00002a00", Self.innerFrame)
        #expect(DecodeBench().decode(packet, .raw).count == 1)
        let ports = TunnelPorts(vxlan: [8472], geneve: [], teredo: [])
        #expect(DecodeBench(ports: ports).decode(packet, .raw).count == 2)
        let geneve = Self.udp(6081, "0000 6558 00002a00", Self.innerFrame)
        #expect(DecodeBench(ports: ports).decode(geneve, .raw).count == 1)
    }

    static let wrongInner: [(UInt8, String, String)] = [
        (4, "45", "ipv6.ipv4_in_ipv6_too_small"), (41, "60", "ipv6.ipv6_in_ipv6_too_small"),
        (4, "60" + String(repeating: "00", count: 39), "ipv6.ipv4_in_ipv6_wrong_version"),
        (41, "40" + String(repeating: "00", count: 39), "ipv6.ipv6_in_ipv6_wrong_version"),
    ]

    @Test(arguments: wrongInner)
    func `what is no packet inside IPv6 is named`(next: UInt8, bytes: String, name: String) {
        let packets = DecodeBench().decode(Wire.ipv6(next, hex(bytes)), .raw)
        #expect(packets.count == 1 && packets[0].anomalyNames == [name])
    }
}
