import Testing

@testable import Cairn

@Suite struct IPv4Tests {
    static let header = hex("45 b8 0054 1234 2000 40 01 b7e4 c0a80001 c0a800c7")

    @Test func `every field stands where the standard says`() throws {
        let header = try IPv4Header(decoding: Self.header.span.bytes)
        #expect(header.byteCount == 20 && header.totalByteCount == 84)
        #expect(header.typeOfService == 0xb8 && header.identification == 0x1234)
        #expect(header.hasMoreFragments && header.fragmentOffset == 0 && header.isFragment)
        #expect(header.timeToLive == 64 && header.ipProtocol == 1)
        #expect(header.source == IPAddress("192.168.0.1"))
        #expect(header.destination == IPAddress("192.168.0.199"))
    }

    @Test(arguments: 0..<20)
    func `a header cut short says how much there was`(available: Int) {
        #expect(throws: DecodeError.truncated(.ipv4TooSmall, needed: 20, available: available)) {
            try IPv4Header(decoding: Array(Self.header.prefix(available)).span.bytes)
        }
    }

    static let wrong: [(String, DecodeError)] = [
        ("65", .malformed(.ipv4WrongVersion)), ("44", .malformed(.ipv4HeaderLengthTooSmall)),
        ("45 00 0013", .malformed(.ipv4LengthSmallerThanHeader)),
        ("46", .truncated(.ipv4Truncated, needed: 24, available: 20)),
    ]

    @Test(arguments: wrong)
    func `headers that contradict themselves are refused`(start: String, error: DecodeError) {
        let start = hex(start)
        let bytes = start + Self.header.dropFirst(start.count)
        #expect(throws: error) { try IPv4Header(decoding: bytes.span.bytes) }
    }

    @Test func `what stands behind the datagram is padding`() {
        let packet = DecodeBench().decode(Wire.udpFrame + hex("0000000000"))[0]
        #expect(packet.payloadArray == hex("616263") && packet.flags == [])
        #expect(Int(packet.ipEnd) == Wire.udpFrame.count)
    }

    @Test func `a length beyond the frame is a lie, and nothing behind the header is believed`() {
        let frame = Wire.ethernet(0x0800, Wire.ipv4(17, Wire.udp(), totalByteCount: 500))
        let packet = DecodeBench().decode(frame)[0]
        #expect(packet.anomalyNames == ["ipv4.trunc_pkt"])
        #expect(packet.flags == [.truncated, .undecoded])
        #expect(packet.sourceAddress == Wire.client && packet.transport == .none)
    }

    @Test func `where a snap length cut the frame, what is there is decoded`() {
        let frame = Wire.ethernet(0x0800, Wire.ipv4(6, Wire.tcp(Array(repeating: 65, count: 100))))
        let packet = DecodeBench().decode(Array(frame.prefix(68)), wireByteCount: frame.count)[0]
        #expect(packet.anomalyNames == ["ipv4.trunc_pkt"] && packet.flags == [.truncated])
        #expect(packet.transport == .tcp && packet.payloadByteCount == 14)
    }

    @Test func `a wrong header checksum is flagged`() {
        var frame = Wire.udpFrame
        frame[14 + 8] = 1
        let packet = DecodeBench().decode(frame)[0]
        #expect(packet.flags == [.badIPChecksum] && packet.isChecksumBad)
        #expect(packet.transport == .udp)
    }

    static let options: [(String, IPv4Options.Kinds, [DecodeAnomaly])] = [
        ("01010101", .noOperation, []), ("00000000", .end, []),
        ("00010000", .end, []),
        ("07070400000000 00", [.recordRoute, .end], []),
        ("83070400000000 00", [.looseSourceRoute, .end], []),
        ("89070400000000 00", [.strictSourceRoute, .end], []),
        ("44080500 00000000", .timestamp, []),
        ("820b000000000000000000 00", [.security, .end], []),
        ("850300 00", [.extendedSecurity, .end], []),
        ("8606 00000001 0000", [.commercialSecurity, .end], []),
        ("88040001", .streamID, []), ("94040000", .routerAlert, []),
        ("94040000 94040000", .routerAlert, [.ipv4OptionDuplicate]),
        (
            "83030401 89030401", [.looseSourceRoute, .strictSourceRoute, .noOperation],
            [.ipv4OptionInvalid]
        ),
        ("07070300000000 00", [.recordRoute, .end], [.ipv4OptionMalformed]),
        ("0708040000000000", .recordRoute, [.ipv4OptionInvalidLength]),
        ("44080400 00000000", .timestamp, [.ipv4OptionMalformed]),
        ("44080502 00000000", .timestamp, [.ipv4OptionMalformed]),
        ("8805000000 000000", [.streamID, .end], [.ipv4OptionInvalidLength]),
        ("07010000", [], [.ipv4OptionInvalidLength]), ("07080000", [], [.ipv4OptionInvalidLength]),
        ("01010107", .noOperation, [.ipv4OptionEndRequired]),
        ("1e040000", .unknown, [.ipv4OptionUnknown]),
    ]

    @Test(arguments: options)
    func `options are told apart, and what is wrong with them is named`(
        text: String, kinds: IPv4Options.Kinds, anomalies: [DecodeAnomaly]
    ) {
        let options = IPv4Options(decoding: hex(text).span.bytes)
        #expect(options.kinds == kinds)
        let isUneven = hex(text).count % 8 != 0
        #expect(options.anomalies.contains(.ipv4OptionPadRequired) == isUneven)
        let others = DecodeAnomaly.allCases.filter { $0 != .ipv4OptionPadRequired }
        #expect(others.filter { options.anomalies.contains($0) } == anomalies)
        let packet = DecodeBench().decode(
            Wire.ethernet(0x0800, Wire.ipv4(17, Wire.udp(hex("61")), options: hex(text))))[0]
        #expect(packet.ipv4Options == options && packet.anomalies == options.anomalies)
        #expect(packet.payloadArray == hex("61") && packet.flags == [])
    }

    static let fragments: [(UInt16, UInt8, Int, [String])] = [
        (0x2000, 17, 16, []), (0x0002, 17, 5, []), (0x2000, 6, 16, ["ipv4.frag_tiny"]),
        (0x2001, 6, 16, ["ipv4.frag_tiny"]), (0x2000, 6, 24, []),
        (0x2000, 17, 0, ["ipv4.frag_invalid_length", "ipv4.frag_tiny"]),
    ]

    @Test(arguments: fragments)
    func `fragments have no ports`(
        field: UInt16, ipProtocol: UInt8, byteCount: Int, names: [String]
    ) {
        let payload = Array(repeating: UInt8(7), count: byteCount)
        let packets = DecodeBench().decode(
            Wire.ethernet(0x0800, Wire.ipv4(ipProtocol, payload, fragment: field)))
        #expect(packets.count == 1 && packets[0].flags == [.fragment])
        #expect(packets[0].transport == .none && packets[0].sourcePort == 0)
        #expect(packets[0].payloadArray == payload && packets[0].anomalyNames == names)
    }

    @Test func `an authentication header is passed`() {
        let header = hex("11 04 0000 00000001 00000001 000000000000000000000000")
        let bench = DecodeBench(.none)
        let packet = bench.decode(
            Wire.ethernet(0x0800, Wire.ipv4(51, header + Wire.udp(hex("61")))))[0]
        #expect(packet.ipProtocol == 17 && packet.payloadArray == hex("61"))
        for count in 0..<header.count {
            let cut = DecodeBench().decode(
                Wire.ethernet(0x0800, Wire.ipv4(51, Array(header.prefix(count)))))[0]
            #expect(cut.anomalyNames == ["ah.pkt_too_small"])
        }
    }

    @Test func `encrypted and other payloads are kept whole`() {
        let bench = DecodeBench()
        let esp = bench.decode(
            Wire.ethernet(0x0800, Wire.ipv4(50, hex("0000000100000001ff"))))[0]
        #expect(esp.transport == .other && esp.payloadByteCount == 1 && esp.anomalyNames == [])
        let short = bench.decode(Wire.ethernet(0x0800, Wire.ipv4(50, hex("00000001"))))[0]
        #expect(short.anomalyNames == ["esp.pkt_too_small"])
        let igmp = bench.decode(
            Wire.ethernet(0x0800, Wire.ipv4(2, hex("1600fa01efffff01"))))[0]
        #expect(igmp.transport == .other && igmp.payloadByteCount == 8)
        #expect(bench.counters["decoder.ip_protocol.2"] == 1)
    }
}
