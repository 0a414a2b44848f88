import Testing

@testable import Cairn

@Suite struct LinkLayerTests {
    @Test(arguments: 0..<EthernetHeader.byteCount)
    func `an Ethernet header cut short says how much there was`(available: Int) {
        #expect(
            throws: DecodeError.truncated(.ethernetTooSmall, needed: 14, available: available)
        ) {
            try EthernetHeader(decoding: Array(Wire.udpFrame.prefix(available)).span.bytes)
        }
    }

    @Test(arguments: 0..<VLANTag.byteCount)
    func `a tag cut short says how much there was`(available: Int) {
        #expect(
            throws: DecodeError.truncated(.vlanHeaderTooSmall, needed: 4, available: available)
        ) {
            try VLANTag(decoding: Array(hex("b0640800").prefix(available)).span.bytes)
        }
    }

    @Test func `a tag has an identifier of twelve bits`() throws {
        let tag = try VLANTag(decoding: hex("b0640800").span.bytes)
        #expect(tag.vlanID == 0x064 && tag.etherType == .ipv4)
    }

    struct Link: CustomTestStringConvertible {
        let testDescription: String
        let type: UInt32
        let header: String
    }

    static let links = [
        Link(testDescription: "Ethernet", type: 1, header: "020000000002 020000000001 0800"),
        Link(
            testDescription: "802.3 with SNAP", type: 1,
            header: "020000000002 020000000001 0028 aaaa03 000000 0800"),
        Link(
            testDescription: "802.3 with LLC", type: 1,
            header: "ffffffffffff 020000000001 0023 060603"),
        Link(
            testDescription: "Linux cooked", type: 113,
            header: "0000 0001 0006 0200000000010000 0800"),
        Link(
            testDescription: "Linux cooked 2", type: 276,
            header: "0800 0000 00000002 0001 00 06 0200000000010000"),
        Link(testDescription: "raw", type: 101, header: ""),
        Link(testDescription: "raw, as BSD numbered it", type: 12, header: ""),
        Link(testDescription: "raw, as OpenBSD numbered it", type: 14, header: ""),
        Link(testDescription: "raw IPv4", type: 228, header: ""),
        Link(testDescription: "null, little-endian", type: 0, header: "02000000"),
        Link(testDescription: "null, big-endian", type: 0, header: "00000002"),
        Link(testDescription: "loop", type: 108, header: "00000002"),
        Link(testDescription: "PPP", type: 9, header: "0021"),
        Link(testDescription: "PPP, protocol compressed", type: 9, header: "21"),
        Link(testDescription: "PPP with address and control", type: 50, header: "ff030021"),
        Link(testDescription: "Cisco's HDLC on a PPP link", type: 50, header: "0f000800"),
        Link(testDescription: "Cisco's HDLC", type: 104, header: "8f000800"),
        Link(
            testDescription: "802.11 data", type: 105,
            header: "0801 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800"),
        Link(
            testDescription: "802.11 QoS data", type: 105,
            header: "8802 0000 020000000001 020000000002 020000000003 1000 0000 aaaa030000000800"),
        Link(
            testDescription: "802.11 with four addresses", type: 105,
            header: """
                0803 0000 020000000001 020000000002 020000000003 1000 020000000004
                aaaa030000000800
                """),
        Link(
            testDescription: "802.11 QoS with HT control", type: 105,
            header: """
                8881 0000 020000000001 020000000002 020000000003 1000 0000 00000000
                aaaa030000000800
                """),
        Link(
            testDescription: "radiotap", type: 127,
            header: """
                00 00 0900 02000000 00
                0801 0000 020000000001 020000000002 020000000003 1000 aaaa030000000800
                """),
        Link(
            testDescription: "radiotap with time, data pad and more bit maps", type: 127,
            header: """
                00 00 1900 030000a0 00000080 00000000 0000000000000000 20
                8801 0000 020000000001 020000000002 020000000003 1000 0000 0000 aaaa030000000800
                """),
    ]

    @Test(arguments: links)
    func `every link type leads to the packet`(link: Link) throws {
        let bench = DecodeBench()
        let header = hex(link.header)
        let packet = try #require(
            bench.decode(
                header + Wire.ipv4(17, Wire.udp(hex("616263"))), LinkType(rawValue: link.type)
            ).first)
        #expect(packet.anomalyNames == [])
        #expect(packet.transport == .udp && packet.destinationPort == 53)
        #expect(packet.ipOffset == UInt32(header.count))
        #expect(packet.payloadArray == hex("616263"))
    }

    @Test(arguments: links)
    func `a link header cut anywhere is one packet with a reason`(link: Link) {
        let header = hex(link.header)
        for count in 0..<header.count {
            let packets = DecodeBench().decode(
                Array(header.prefix(count)), LinkType(rawValue: link.type))
            #expect(packets.count == 1)
            #expect(packets[0].ipVersion == 0)
        }
    }

    static let links6: [(UInt32, String)] = [
        (229, ""), (0, "1e000000"), (0, "0000000a"), (9, "0057"), (101, ""),
    ]

    @Test(arguments: links6)
    func `IPv6 is found behind link headers too`(type: UInt32, header: String) {
        let packet = Wire.ipv6(17, Wire.udp(hex("6162"), from: Wire.client6, to: Wire.server6))
        let packets = DecodeBench().decode(hex(header) + packet, LinkType(rawValue: type))
        #expect(packets.map(\.ipVersion) == [6] && packets[0].transport == .udp)
        #expect(packets[0].flags == [])
    }

    @Test(arguments: [1, 2, 3])
    func `stacked tags are kept, outermost first`(count: Int) {
        var payload = Wire.ipv4(17, Wire.udp())
        var type: UInt16 = 0x0800
        for index in (0..<count).reversed() {
            payload = bigEndian(UInt16(100 + index)) + bigEndian(type) + payload
            type = [0x8100, 0x88a8, 0x9100][index]
        }
        let packet = DecodeBench().decode(Wire.ethernet(type, payload))[0]
        #expect(Int(packet.vlanCount) == count && packet.anomalyNames == [])
        let identifiers = [packet.vlanIDs.0, packet.vlanIDs.1, packet.vlanIDs.2]
        #expect(identifiers == [100, 101, 102].enumerated().map { $0 < count ? $1 : 0 })
        #expect(packet.transport == .udp)
    }

    @Test func `more than three tags are named, and decoding goes on`() {
        let tags = hex("0001 8100 0002 8100 0003 8100 0004 0800")
        let packet = DecodeBench().decode(
            Wire.ethernet(0x8100, tags + Wire.ipv4(17, Wire.udp())))[0]
        #expect(packet.anomalyNames == ["vlan.too_many_layers"])
        #expect(packet.vlanCount == 3 && packet.vlanIDs.2 == 3 && packet.transport == .udp)
    }

    @Test func `frames of nothing but tags end at the limit`() {
        let tags = Array(repeating: hex("00018100"), count: 1000).flatMap { $0 }
        let packet = DecodeBench().decode(Wire.ethernet(0x8100, tags))[0]
        #expect(packet.anomalyNames == ["vlan.too_many_layers", "generic.too_many_layers"])
        #expect(packet.flags.contains(.undecoded))
    }

    static let encapsulations: [(UInt16, String, String)] = [
        (0x8847, "000641ff", "mpls"),
        (0x8847, "000640ff 000651ff", "mpls"),
        (0x8847, "000641ff 00000000 020000000002 020000000001 0800", "ethernet"),
        (0x8864, "1100 0001 002100 21", "pppoe"),
        (0x88e7, "00000001 020000000002 020000000001 0800", "ieee8021ah"),
        (0x8926, "80010002 0800", "vntag"),
        (0x8903, "0001 020000000002 020000000001 0800", "fabricpath"),
        (0x894f, "0fc2 02 01 00000101", "nsh"),
    ]

    @Test(arguments: encapsulations)
    func `headers between link and network are passed`(
        etherType: UInt16, header: String, counter: String
    ) {
        let bench = DecodeBench()
        var bytes = hex(header)
        if counter == "pppoe" { bytes = hex("1100 0001 0021 0021") }
        let packet = bench.decode(
            Wire.ethernet(etherType, bytes + Wire.ipv4(17, Wire.udp(hex("616263")))))[0]
        #expect(packet.anomalyNames == [] && packet.transport == .udp)
        #expect(bench.counters["decoder.\(counter)"] > 0)
        for count in 0..<bytes.count {
            let cut = DecodeBench().decode(Wire.ethernet(etherType, Array(bytes.prefix(count))))
            #expect(cut.count == 1 && cut[0].anomalyNames.count == 1)
        }
    }

    static let oddities: [(UInt16, String, [String])] = [
        (0x9999, "0000", ["ethernet.unknown_ethertype"]),
        (0x88cc, "0207", []),
        (0x8100, "0001 9999 00", ["vlan.unknown_type"]),
        (0x8847, "0000 11ff 45", ["mpls.bad_label_router_alert", "ipv4.pkt_too_small"]),
        (0x8847, "0000 31ff 45", ["mpls.bad_label_implicit_null", "ipv4.pkt_too_small"]),
        (0x8847, "0000 f1ff 45", ["mpls.bad_label_reserved", "ipv4.pkt_too_small"]),
        (0x8847, "000641ff", ["mpls.pkt_too_small"]),
        (0x8847, "000641ff f0", ["mpls.unknown_payload_type"]),
        (0x8864, "1101 0001 0002 c021", ["pppoe.wrong_code"]),
        (0x8863, "1109 0000 0004 0101 0000", []),
        (0x8863, "1133 0000 0000", ["pppoe.wrong_code"]),
        (0x8863, "1109 0000 0004 0101 0009", ["pppoe.malformed_tags"]),
        (0x8863, "1109 0000 0009 0101 0000", ["pppoe.malformed_tags"]),
        (0x8863, "1109 0000 0003 010100", ["pppoe.malformed_tags"]),
        (0x8864, "1100 0001 0002 0021", ["ppp.ip4_pkt_too_small"]),
        (0x8864, "1100 0001 0002 0057", ["ppp.ip6_pkt_too_small"]),
        (0x8864, "1100 0001 0002 002f", ["ppp.vju_pkt_too_small"]),
        (0x8864, "1100 0001 0002 002b", ["ppp.unsup_proto"]),
        (0x8864, "1100 0001 0002 c021", []),
        (0x8864, "1100 0001 0002 7001", ["ppp.wrong_type"]),
        (0x8926, "00000000 9999", ["ethernet.unknown_ethertype", "vntag.unknown_type"]),
        (0x894f, "4fc2 02 01 00000000", ["nsh.unsupported_version"]),
        (0x894f, "0fc2 00 01 00000000", ["nsh.reserved_type"]),
        (0x894f, "0fc2 01 01 00000000", ["nsh.bad_header_length"]),
        (0x894f, "0fc2 03 01 00000000", ["nsh.unsupported_type"]),
        (0x894f, "0fc2 02 09 00000000", ["nsh.unknown_payload"]),
        (0x0006, "aaaa03", ["llc.pkt_too_small"]),
        (0x0003, "424203", []),
    ]

    @Test(arguments: oddities)
    func `what is odd has a name`(etherType: UInt16, payload: String, names: [String]) {
        let packets = DecodeBench().decode(Wire.ethernet(etherType, hex(payload)))
        #expect(packets.count == 1 && packets[0].anomalyNames == names)
    }

    @Test func `frames without IP keep what stands behind their link header`() {
        let packet = DecodeBench().decode(Wire.ethernet(0x88cc, hex("02070400")))[0]
        #expect(packet.ipVersion == 0 && packet.payloadArray == hex("02070400"))
    }

    static let wireless = [
        ("0841", "decoder.ieee80211_protected"), ("8801", "decoder.ieee80211_aggregate"),
        ("8000", "decoder.ieee80211_control"), ("4801", "decoder.ieee80211_control"),
        ("0805", "decoder.event.ieee80211.fragment"),
    ]

    @Test(arguments: wireless)
    func `frames of 802.11 that hold no packet are counted by reason`(
        control: String, counter: String
    ) {
        let bench = DecodeBench()
        let rest = hex("0000 020000000001 020000000002 020000000003 1000 8000 aaaa030000000800")
        let packet = bench.decode(hex(control) + rest, .ieee80211)[0]
        #expect(packet.ipVersion == 0)
        #expect(bench.counters[counter] == 1)
    }

    @Test func `unknown link types are counted by number`() {
        let bench = DecodeBench()
        let packets = bench.decode(hex("01020304"), LinkType(rawValue: 147))
        #expect(packets.count == 1 && packets[0].payloadArray == hex("01020304"))
        #expect(bench.counters["decoder.unknown_linktype.147"] == 1)
    }

    @Test func `unknown numbers beyond the limit are counted together`() {
        let bench = DecodeBench()
        for number in 0..<100 { _ = bench.decode([], LinkType(rawValue: 10_000 + UInt32(number))) }
        #expect(bench.counters["decoder.unknown_linktype.total"] == 100)
        #expect(bench.counters["decoder.unknown_linktype.others"] == 36)
    }

    @Test(arguments: ["50", "00"])
    func `a raw packet of another version is named`(byte: String) {
        let packet = DecodeBench().decode(hex(byte), .raw)[0]
        #expect(packet.anomalyNames == ["ipraw.invalid_ip_version"])
    }

    @Test func `a loopback family that is not IP is named`() {
        let packet = DecodeBench().decode(hex("07000000 45"), .null)[0]
        #expect(packet.anomalyNames == ["ltnull.unsupported_type"])
    }
}
