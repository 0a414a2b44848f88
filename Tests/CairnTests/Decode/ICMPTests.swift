import Testing

@testable import Cairn

@Suite struct ICMPTests {
    static func v4(_ type: UInt8, _ code: UInt8, _ body: [UInt8] = hex("00000000")) -> Packet {
        DecodeBench().decode(Wire.ethernet(0x0800, Wire.ipv4(1, Wire.icmp(type, code, body))))[0]
    }

    static func v6(_ type: UInt8, _ code: UInt8, _ body: [UInt8] = hex("00000000")) -> Packet {
        DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(58, Wire.icmpv6(type, code, body))))[0]
    }

    @Test func `an echo has type, code and payload`() {
        let packet = Self.v4(8, 0, hex("00010002 616263"))
        #expect(packet.transport == .icmp && packet.icmpType == 8 && packet.icmpCode == 0)
        #expect(packet.payloadArray == hex("616263") && packet.flags == [])
        #expect(packet.anomalyNames == [] && !packet.isICMPError && packet.quotedPacket == nil)
    }

    static let types: [(UInt8, UInt8, [String])] = [
        (0, 0, []), (0, 1, ["icmpv4.unknown_code"]), (9, 16, []), (9, 3, ["icmpv4.unknown_code"]),
        (1, 0, ["icmpv4.unknown_type"]), (200, 0, ["icmpv4.unknown_type"]),
        (13, 0, []), (18, 0, []), (3, 0, ["icmpv4.ipv4_trunc_pkt"]),
        (3, 16, ["icmpv4.unknown_code", "icmpv4.ipv4_trunc_pkt"]),
    ]

    @Test(arguments: types)
    func `types and codes that are unassigned are named`(
        type: UInt8, code: UInt8, names: [String]
    ) {
        #expect(Self.v4(type, code).anomalyNames == names)
    }

    static let types6: [(UInt8, UInt8, [String])] = [
        (128, 0, []), (128, 1, ["icmpv6.unknown_code"]), (135, 0, []),
        (131, 0, ["icmpv6.mld_message_with_invalid_hl"]), (100, 0, ["icmpv6.experimentation_type"]),
        (201, 0, ["icmpv6.experimentation_type"]), (127, 0, ["icmpv6.unknown_type"]),
        (170, 0, ["icmpv6.unassigned_type"]), (1, 0, ["icmpv6.ipv6_trunc_pkt"]),
    ]

    @Test(arguments: types6)
    func `types and codes of ICMPv6 that are unassigned are named`(
        type: UInt8, code: UInt8, names: [String]
    ) {
        #expect(
            Self.v6(type, code).anomalyNames.filter { $0 != "icmpv6.ipv6_trunc_pkt" || type == 1 }
                == names)
    }

    @Test(arguments: 0..<8)
    func `a message cut short says so`(count: Int) {
        let short4 = DecodeBench().decode(
            Wire.ethernet(0x0800, Wire.ipv4(1, Array(repeating: 0, count: count))))[0]
        #expect(short4.anomalyNames == ["icmpv4.pkt_too_small"])
        let short6 = DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(58, Array(repeating: 0, count: count))))[0]
        #expect(
            short6.anomalyNames == ["icmpv6.pkt_too_small"])
    }

    @Test func `ICMPv6 over IPv4 is named`() {
        let packet = DecodeBench().decode(
            Wire.ethernet(0x0800, Wire.ipv4(58, hex("8000000000000000"))))[0]
        #expect(packet.anomalyNames == ["ipv4.icmpv6"] && packet.transport == .other)
    }

    @Test func `an error quotes the packet that it is about`() throws {
        let quote = Wire.ipv4(17, Wire.udp(hex("616263")))
        let packet = Self.v4(3, 3, hex("00000000") + quote.prefix(28))
        let quoted = try #require(packet.quotedPacket)
        #expect(quoted.ipVersion == 4 && quoted.ipProtocol == 17)
        #expect(quoted.source == Wire.client && quoted.destination == Wire.server)
        #expect(quoted.sourcePort == 40000 && quoted.destinationPort == 53)
        #expect(quoted.transportOffset == 20 && packet.anomalyNames == [])
    }

    @Test func `an error of ICMPv6 quotes behind extension headers`() throws {
        let udp = Wire.udp(from: Wire.client6, to: Wire.server6)
        let quote = Wire.ipv6(0, hex("2c00 05020000 0000 1100 0001 00000001") + udp)
        let quoted = try #require(Self.v6(3, 0, hex("00000000") + quote).quotedPacket)
        #expect(quoted.ipProtocol == 17 && quoted.destinationPort == 53)
        #expect(quoted.transportOffset == 56)
        #expect(quoted.source == Wire.client6 && quoted.destination == Wire.server6)
    }

    @Test func `a quote cut anywhere gives what is left of it`() {
        let quote = Wire.ipv4(6, Wire.tcp())
        for count in 0...quote.count {
            let quoted = Self.v4(11, 0, hex("00000000") + quote.prefix(count)).quotedPacket
            #expect((quoted == nil) == (count < 20))
            #expect(quoted?.destinationPort ?? 0 == (count < 24 ? 0 : 80))
        }
    }

    @Test func `a quote of another version is named`() {
        let body = hex("00000000") + Wire.ipv6(17, Wire.udp())
        #expect(Self.v4(3, 1, body).anomalyNames == ["icmpv4.ipv4_unknown_ver"])
        let body4 = hex("00000000") + Wire.ipv4(17, Wire.udp(Array(repeating: 0, count: 20)))
        #expect(Self.v6(1, 0, body4).anomalyNames == ["icmpv6.ipv6_unknown_version"])
    }

    @Test func `ports of later fragments are not guessed`() throws {
        let quote = Wire.ipv4(17, Wire.udp(), fragment: 0x0005)
        let quoted = try #require(Self.v4(11, 1, hex("00000000") + quote).quotedPacket)
        #expect(quoted.sourcePort == 0 && quoted.destinationPort == 0)
    }
}
