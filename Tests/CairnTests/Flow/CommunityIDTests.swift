import Testing

@testable import Cairn

/// Values of the baseline of the Community ID specification.
@Suite struct CommunityIDTests {
    @Test(arguments: [
        (
            Transport.tcp, "128.232.110.120:34855", "66.35.250.204:80",
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
        ),
        (.tcp, "66.35.250.204:80", "128.232.110.120:34855", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (.tcp, "10.0.0.1:10", "10.0.0.2:11569", "1:SXBGMX1lBOwhhoDrZynfROxnhnM="),
        (
            .tcp, "[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943", "[2607:f8b0:400c:c03::1a]:25",
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="
        ),
        (.udp, "192.168.1.52:54585", "8.8.8.8:53", "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (.udp, "8.8.8.8:53", "192.168.1.52:54585", "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (.sctp, "192.168.170.8:7", "192.168.170.56:7", "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
        (.sctp, "192.168.170.56:7", "192.168.170.8:7", "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    ])
    func `a flow with ports has the published identifier`(
        _ transport: Transport, _ source: String, _ destination: String, _ id: String
    ) {
        let packet = PacketMaker().packet(
            transport, from: Endpoint(stringLiteral: source),
            to: Endpoint(stringLiteral: destination))
        #expect(communityID(packet) == id)
    }

    @Test(
        arguments: [
            ("192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            ("192.168.0.1", "192.168.0.89", 0, 20, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
            ("192.168.0.89", "192.168.0.1", 20, 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
            ("192.168.0.89", "192.168.0.1", 20, 1, "1:tz/fHIDUHs19NkixVVoOZywde+I="),
            (
                "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="
            ),
            (
                "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
                "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="
            ),
            (
                "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
                "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="
            ),
            ("fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="),
        ] as [(String, String, UInt8, UInt8, String)])
    func `an ICMP flow has the published identifier`(
        _ source: String, _ destination: String, _ type: UInt8, _ code: UInt8, _ id: String
    ) throws {
        let packet = PacketMaker().icmp(
            Endpoint(try #require(IPAddress(source))),
            Endpoint(try #require(IPAddress(destination))), type: type, code: code)
        #expect(communityID(packet) == id)
    }

    /// Error messages have no flow in the table, but the specification has values for them: nothing
    /// answers them, so they keep their direction.
    @Test(arguments: [
        (
            "3ffe:507:0:1:260:97ff:fe07:69ea", "3ffe:507:0:1:200:86ff:fe05:80da",
            "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w="
        ),
        (
            "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:507:0:1:260:97ff:fe07:69ea",
            "1:/OGBt9BN1ofenrmSPWYicpij2Vc="
        ),
    ])
    func `a message that nothing answers keeps its direction`(
        _ source: String, _ destination: String, _ id: String
    ) throws {
        var flow = Flow()
        flow.client = try #require(IPAddress(source))
        flow.server = try #require(IPAddress(destination))
        flow.ipVersion = 6
        flow.ipProtocol = 58
        flow.transport = .icmpv6
        flow.icmpType = 3
        #expect(flow.communityID() == id)
    }

    @Test func `another protocol has no ports in its identifier`() {
        var packet = PacketMaker().packet(.other, from: "10.1.24.4:0", to: "10.1.12.1:0")
        packet.ipProtocol = 46
        #expect(communityID(packet) == "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4=")
    }

    @Test func `a seed gives another identifier`() {
        let packet = PacketMaker().packet(
            .tcp, from: "128.232.110.120:34855", to: "66.35.250.204:80")
        #expect(communityID(packet, seed: 1) == "1:3V71V58M3Ksw/yuFALMcW0LAHvc=")
    }

    private func communityID(_ packet: Packet, seed: UInt16 = 0) -> String? {
        let table = FlowTable()
        return withUnsafePointer(to: packet) { table.track($0) }?.flow.pointee
            .communityID(seed: seed)
    }
}
