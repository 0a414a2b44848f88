import Testing

@testable import Cairn

@Suite struct IPv6Tests {
    static let header = hex(
        """
        6ab00000 0008 3a ff
        20010db8000000000000000000000001 20010db8000000000000000000000002
        """)

    @Test func `every field stands where the standard says`() throws {
        let header = try IPv6Header(decoding: Self.header.span.bytes)
        #expect(header.trafficClass == 0xab && header.payloadByteCount == 8)
        #expect(header.nextHeader == 58 && header.hopLimit == 255)
        #expect(header.source == Wire.client6 && header.destination == Wire.server6)
    }

    @Test(arguments: 0..<40)
    func `a header cut short says how much there was`(available: Int) {
        #expect(throws: DecodeError.truncated(.ipv6TooSmall, needed: 40, available: available)) {
            try IPv6Header(decoding: Array(Self.header.prefix(available)).span.bytes)
        }
    }

    @Test func `another version is refused`() {
        let bytes = [0x40] + Self.header.dropFirst()
        #expect(throws: DecodeError.malformed(.ipv6WrongVersion)) {
            try IPv6Header(decoding: bytes.span.bytes)
        }
    }

    /// A chain of headers: type of the first, bytes before the transport, names.
    struct Chain: CustomTestStringConvertible {
        let testDescription: String
        let first: UInt8
        let bytes: String
        var names: [String] = []
    }

    static let padding = "0104 00000000"

    static let chains = [
        Chain(
            testDescription: "router alert", first: 0, bytes: "1100 0502 0000 0100",
            names: ["ipv6.zero_len_padn"]),
        Chain(
            testDescription: "hop-by-hop, only padding", first: 0, bytes: "1100 \(padding)",
            names: ["ipv6.hopopts_only_padding"]),
        Chain(
            testDescription: "destination, only padding", first: 60, bytes: "1100 000000000000",
            names: ["ipv6.dstopts_only_padding"]),
        Chain(
            testDescription: "unknown hop-by-hop option", first: 0, bytes: "1100 3e04 00000000",
            names: ["ipv6.hopopts_unknown_opt"]),
        Chain(
            testDescription: "unknown destination option", first: 60, bytes: "1100 3e04 00000000",
            names: ["ipv6.dstopts_unknown_opt"]),
        Chain(
            testDescription: "option longer than its header", first: 60,
            bytes: "1100 3e05 00000000", names: ["ipv6.exthdr_invalid_optlen"]),
        Chain(
            testDescription: "option without length", first: 60, bytes: "1100 0103000000 3e",
            names: ["ipv6.exthdr_invalid_optlen"]),
        Chain(
            testDescription: "router alert of a wrong length", first: 0,
            bytes: "1100 0504 00000000", names: ["ipv6.exthdr_invalid_optlen"]),
        Chain(
            testDescription: "tunnel encapsulation limit", first: 60, bytes: "1100 040104 010100"
        ),
        Chain(testDescription: "routing type 2", first: 43, bytes: "1100 0200 00000000"),
        Chain(
            testDescription: "routing type 0", first: 43, bytes: "1100 0000 00000000",
            names: ["ipv6.rh_type_0"]),
        Chain(
            testDescription: "atomic fragment", first: 44, bytes: "1100 0000 00000001",
            names: ["ipv6.exthdr_useless_fh"]),
        Chain(
            testDescription: "atomic fragment with reserved bits", first: 44,
            bytes: "1101 0000 00000001",
            names: ["ipv6.exthdr_useless_fh", "ipv6.fh_non_zero_reserved_field"]),
        Chain(
            testDescription: "authentication", first: 51,
            bytes: "1104 0000 00000001 00000001 000000000000000000000000"),
        Chain(
            testDescription: "authentication with reserved bits", first: 51,
            bytes: "1102 0001 00000001 00000001 00000000",
            names: ["ipv6.exthdr_ah_res_not_null"]),
        Chain(
            testDescription: "mobility, HIP, shim6", first: 135,
            bytes: "8b00 000000000000 8c00 000000000000 1100 000000000000"),
        Chain(
            testDescription: "two hop-by-hop headers", first: 0,
            bytes: "0000 05020000 0000 1100 05020000 0000", names: ["ipv6.exthdr_dupl_hh"]),
        Chain(
            testDescription: "two routing headers", first: 43,
            bytes: "2b00 0200 00000000 1100 0200 00000000", names: ["ipv6.exthdr_dupl_rh"]),
        Chain(
            testDescription: "two fragment headers", first: 44,
            bytes: "2c00 0000 00000001 1100 0000 00000002",
            names: ["ipv6.exthdr_dupl_fh", "ipv6.exthdr_useless_fh"]),
        Chain(
            testDescription: "two authentication headers", first: 51,
            bytes: "3302 0000 00000001 00000001 00000000 1102 0000 00000001 00000001 00000000",
            names: ["ipv6.exthdr_dupl_ah"]),
        Chain(
            testDescription: "two destination headers", first: 60,
            bytes: "3c00 040104 010100 1100 040104 010100"),
        Chain(
            testDescription: "three destination headers", first: 60,
            bytes: "3c00 040104 010100 3c00 040104 010100 1100 040104 010100",
            names: ["ipv6.exthdr_dupl_dh"]),
    ]

    @Test(arguments: chains)
    func `the transport is found behind all extension headers`(chain: Chain) {
        let udp = Wire.udp(hex("616263"), from: Wire.client6, to: Wire.server6)
        let bytes = hex(chain.bytes)
        let packets = DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(chain.first, bytes + udp)))
        #expect(packets.count == 1 && packets[0].anomalyNames == chain.names)
        #expect(packets[0].transport == .udp && packets[0].payloadArray == hex("616263"))
        #expect(packets[0].flags == [] && packets[0].ipProtocol == 17)
    }

    @Test(arguments: chains)
    func `extension headers cut anywhere are named`(chain: Chain) {
        let bytes = hex(chain.bytes)
        for count in 0..<bytes.count {
            let packets = DecodeBench().decode(
                Wire.ethernet(0x86dd, Wire.ipv6(chain.first, Array(bytes.prefix(count)))))
            #expect(packets.count == 1)
            #expect(packets[0].anomalies.contains(.ipv6ExtensionTruncated))
            #expect(packets[0].flags == [.undecoded])
        }
    }

    @Test(arguments: [0, 1, 2])
    func `one byte behind an extension header is no header`(byteCount: Int) {
        let chain = hex("0600 0000 facef0e4") + [UInt8](repeating: 0, count: byteCount)
        let packets = DecodeBench().decode(Wire.ethernet(0x86dd, Wire.ipv6(44, chain)))
        #expect(packets[0].anomalies.contains(.ipv6ExtensionTruncated) == (byteCount < 2))
        #expect(packets[0].anomalies.contains(.tcpTooSmall) == (byteCount == 2))
    }

    @Test func `more extension headers than the limit are not followed`() {
        let many = Array(repeating: hex("8700 000000000000"), count: 17).flatMap { $0 }
        let packet = DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(135, many + Wire.udp())))[0]
        #expect(packet.anomalyNames == ["ipv6.too_many_exthdr"])
    }

    static let ends: [(UInt8, String, [String])] = [
        (59, "", []), (59, "00", ["ipv6.data_after_none_header"]),
        (200, "00", ["ipv6.unknown_next_header"]), (1, "0800f7ff00000000", ["ipv6.icmpv4"]),
        (50, "0000000100000001", []), (89, "02", []),
    ]

    @Test(arguments: ends)
    func `what is no transport is named where it is odd`(
        next: UInt8, payload: String, names: [String]
    ) {
        let packet = DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(next, hex(payload))))[0]
        #expect(packet.anomalyNames == names && packet.transport == .other)
        // Of ESP the header is none of it.
        #expect(packet.payloadArray == Array(hex(payload).dropFirst(next == 50 ? 8 : 0)))
    }

    @Test func `a length beyond the frame is a lie`() {
        let packet = DecodeBench().decode(
            Wire.ethernet(0x86dd, Wire.ipv6(17, Wire.udp(), payloadByteCount: 100)))[0]
        #expect(packet.anomalyNames == ["ipv6.trunc_pkt"])
        #expect(packet.flags == [.truncated, .undecoded])
    }

    @Test func `a jumbogram has its length in an option`() {
        let payload = Array(repeating: UInt8(65), count: 70_000)
        var udp = hex("9c40 0035 0000 0000") + payload
        let pseudoHeader =
            Wire.client6.bytes + Wire.server6.bytes + bigEndian(UInt32(udp.count)) + hex("00000011")
        udp.replaceSubrange(6..<8, with: bigEndian(~Wire.sum(pseudoHeader + udp)))
        let option = hex("1100 c204") + bigEndian(UInt32(udp.count + 8))
        let packet = DecodeBench().decode(
            Wire.ipv6(0, option + udp, payloadByteCount: 0), .raw)[0]
        #expect(packet.anomalyNames == [] && packet.flags == [])
        #expect(packet.payloadByteCount == 70_000)
    }

    @Test func `with segments left, the checksum covers an address that is not in the header`() {
        let routing = hex("1102 0201 00000000 20010db8000000000000000000000003")
        let final = IPAddress(high: Wire.server6.high, low: 3)
        let udp = Wire.udp(hex("61"), from: Wire.client6, to: final)
        let packet = DecodeBench().decode(Wire.ipv6(43, routing + udp), .raw)[0]
        #expect(packet.flags == [] && packet.transport == .udp)
    }
}
