import Testing

@testable import Cairn

@Suite struct TransportTests {
    static let tcp = hex("9c40 01bb 01020304 05060708 a0 12 ffff 1234 0000") + tcpOptions
    static let tcpOptions = hex("0204 05b4 0402 080a 00000001 00000002 01 030307")

    @Test func `every field of TCP stands where the standard says`() throws {
        let header = try TCPHeader(decoding: Self.tcp.span.bytes)
        #expect(header.byteCount == 40 && header.sourcePort == 40000)
        #expect(header.destinationPort == 443 && header.sequence == 0x0102_0304)
        #expect(header.acknowledgment == 0x0506_0708 && header.window == 0xffff)
        #expect(header.flags == [.syn, .ack])
    }

    @Test(arguments: 0..<40)
    func `a TCP header cut short says how much there was`(available: Int) {
        let error: DecodeError =
            available < 20
            ? .truncated(.tcpTooSmall, needed: 20, available: available)
            : .truncated(.tcpInvalidHeaderLength, needed: 40, available: available)
        #expect(throws: error) {
            try TCPHeader(decoding: Array(Self.tcp.prefix(available)).span.bytes)
        }
    }

    @Test func `a data offset within the fixed header is refused`() {
        var bytes = Self.tcp
        bytes[12] = 0x40
        #expect(throws: DecodeError.malformed(.tcpHeaderLengthTooSmall)) {
            try TCPHeader(decoding: bytes.span.bytes)
        }
    }

    @Test func `a segment is decoded with its options`() {
        let frame = Wire.ethernet(
            0x0800, Wire.ipv4(6, Wire.tcp(hex("616263"), options: Self.tcpOptions)))
        let packet = DecodeBench().decode(frame)[0]
        #expect(packet.transport == .tcp && packet.payloadArray == hex("616263"))
        #expect(packet.sourcePort == 40000 && packet.destinationPort == 80)
        #expect(packet.tcpSequence == 1 && packet.tcpAcknowledgment == 2)
        #expect(packet.tcpFlags == [.psh, .ack] && packet.tcpWindow == 0xfaf0)
        #expect(packet.flags == [] && packet.anomalyNames == [])
        let options = packet.tcpOptions
        #expect(options.maximumSegmentSize == 1460 && options.windowScale == 7)
        #expect(options.permitsSACK)
        #expect(options.timestamp == TCPOptions.Timestamps(value: 1, echo: 2))
    }

    static let malformedOptions: [(String, [DecodeAnomaly])] = [
        ("", []), ("00", []), ("01010101", []), ("080a0000000100000002", []),
        ("02", [.tcpOptionInvalidLength]), ("0200", [.tcpOptionInvalidLength]),
        ("0201", [.tcpOptionInvalidLength]), ("0205 0102", [.tcpOptionInvalidLength]),
        ("0203 01", [.tcpOptionInvalidLength]), ("0304 0101", [.tcpOptionInvalidLength]),
        ("0403 01", [.tcpOptionInvalidLength]), ("0509 00000000000000", [.tcpOptionInvalidLength]),
        ("0502", []), ("050a 0000000100000002", []),
        ("0809 00000000000000", [.tcpOptionInvalidLength]),
        ("0204 0001 0204 0001", [.tcpOptionDuplicate]), ("030301 030301", [.tcpOptionDuplicate]),
        ("0402 0402", [.tcpOptionDuplicate]), ("2202", []), ("2206 01020304", []),
        ("2203 01", [.tcpOptionInvalidLength]), ("fe04 f989", []),
        ("fe05 f98901", [.tcpOptionInvalidLength]),
        ("fe04 0000", []), ("1303 00", [.tcpOptionInvalidLength]), ("1c04 0000", []),
    ]

    @Test(arguments: malformedOptions)
    func `TCP options that are wrong are named`(text: String, anomalies: [DecodeAnomaly]) {
        let options = TCPOptions(decoding: hex(text).span.bytes)
        #expect(DecodeAnomaly.allCases.filter { options.anomalies.contains($0) } == anomalies)
    }

    @Test func `cookies and blocks are given by their place`() {
        let options = TCPOptions(
            decoding: hex("01 2206 01020304 050a 0000000100000002 fe04").span.bytes)
        #expect(options.fastOpenCookie == 3..<7 && options.sackBlocks == 9..<17)
        let old = TCPOptions(decoding: hex("fe08 f989 01020304").span.bytes)
        #expect(old.fastOpenCookie == 4..<8)
        let request = TCPOptions(decoding: hex("2202").span.bytes)
        #expect(request.fastOpenCookie == 2..<2)
    }

    @Test func `packets of other transports have no TCP options`() {
        #expect(
            DecodeBench().decode(Wire.udpFrame)[0].tcpOptions
                == TCPOptions(decoding: [UInt8]().span.bytes))
    }

    @Test(arguments: 0..<8)
    func `a UDP header cut short says how much there was`(available: Int) {
        #expect(throws: DecodeError.truncated(.udpTooSmall, needed: 8, available: available)) {
            try UDPHeader(decoding: Array(Wire.udp().prefix(available)).span.bytes)
        }
    }

    static let udpLengths: [(UInt16, [String], Int?)] = [
        (11, [], 3), (10, ["udp.hlen_invalid"], 2), (8, ["udp.hlen_invalid"], 0),
        (7, ["udp.len_invalid"], nil), (0, ["udp.len_invalid"], nil),
        (12, ["udp.pkt_too_small"], nil), (65535, ["udp.pkt_too_small"], nil),
    ]

    @Test(arguments: udpLengths)
    func `a UDP length that lies is named`(length: UInt16, names: [String], payload: Int?) {
        let datagram = hex("9c40 0035") + bigEndian(length) + hex("0000 616263")
        let packet = DecodeBench().decode(Wire.ethernet(0x0800, Wire.ipv4(17, datagram)))[0]
        #expect(packet.anomalyNames == names && packet.destinationPort == 53)
        #expect(packet.flags.contains(.undecoded) == (payload == nil))
        if let payload { #expect(Int(packet.payloadByteCount) == payload) }
    }

    @Test func `SCTP has ports and chunks`() {
        let message = hex("0b59 0b59 00000001 00000000") + hex("0300001000000001")
        let packet = DecodeBench().decode(Wire.ethernet(0x0800, Wire.ipv4(132, message)))[0]
        #expect(packet.transport == .sctp && packet.sourcePort == 2905)
        #expect(packet.payloadArray == hex("0300001000000001"))
        for count in 0..<12 {
            let cut = DecodeBench().decode(
                Wire.ethernet(0x0800, Wire.ipv4(132, Array(message.prefix(count)))))[0]
            #expect(cut.anomalyNames == ["sctp.pkt_too_small"])
        }
    }

    static let checksums: [(String, [UInt8])] = [
        ("TCP", Wire.ipv4(6, Wire.tcp(hex("616263")))), ("UDP", Wire.ipv4(17, Wire.udp(hex("61")))),
        ("ICMP", Wire.ipv4(1, Wire.icmp(8, 0, hex("0001000161")))),
        ("TCP over IPv6", Wire.ipv6(6, Wire.tcp(from: Wire.client6, to: Wire.server6))),
        ("UDP over IPv6", Wire.ipv6(17, Wire.udp(hex("61"), from: Wire.client6, to: Wire.server6))),
        ("ICMPv6", Wire.ipv6(58, Wire.icmpv6(128, 0, hex("0001000161")))),
    ]

    @Test(arguments: checksums)
    func `any wrong byte of a segment or its addresses is found`(name: String, bytes: [UInt8]) {
        let bench = DecodeBench()
        #expect(bench.decode(bytes, .raw)[0].flags == [])
        let addresses = bytes[0] >> 4 == 4 ? 20 : 8
        for index in addresses..<bytes.count {
            var wrong = bytes
            wrong[index] ^= 0x10
            let packet = bench.decode(wrong, .raw)[0]
            #expect(
                packet.flags.contains(.badTransportChecksum) || packet.flags.contains(.undecoded)
                    || !packet.anomalies.isEmpty, "byte \(index)")
        }
    }

    @Test func `a checksum of zero is none`() {
        let packet = DecodeBench().decode(
            Wire.ipv4(17, hex("9c40 0035 0009 0000 61")), .raw)[0]
        #expect(packet.flags == [])
    }
}
