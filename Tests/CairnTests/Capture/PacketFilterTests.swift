import Testing

@testable import Cairn

@Suite struct PacketFilterTests {
    /// An IPv4 header with UDP ports behind it.
    private func datagram(to port: UInt8) -> [UInt8] {
        [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 4, 0, 0, port]
            + [0, 8, 0, 0]
    }

    private let ethernet: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0]

    @Test func `an expression is compiled for each link type`() throws {
        var maker = PcapNGMaker()
        maker.addInterface(linkType: 1)
        maker.addInterface(linkType: 101)
        maker.addInterface(linkType: 228)
        for port: UInt8 in [53, 80] {
            maker.addPacket(interface: 0, ticks: UInt64(port), ethernet + datagram(to: port))
            maker.addPacket(interface: 1, ticks: UInt64(port), datagram(to: port))
            maker.addPacket(interface: 2, ticks: UInt64(port), datagram(to: port))
        }
        let filter = try PacketFilter("udp port 53")
        let run = readAll(maker.bytes, filter: filter)
        #expect(run.frames.map(\.linkType) == [1, 101, 228])
        #expect(run.frames.allSatisfy { $0.nanoseconds == 53_000 })
    }

    @Test func `where an expression has no meaning nothing passes, and that is counted`() throws {
        var maker = PcapNGMaker()
        maker.addInterface(linkType: 1)
        maker.addInterface(linkType: 101)
        maker.addInterface(linkType: 65_000)
        maker.addPacket(interface: 0, ticks: 1, ethernet + datagram(to: 53))
        maker.addPacket(interface: 1, ticks: 2, datagram(to: 53))
        maker.addPacket(interface: 2, ticks: 3, datagram(to: 53))
        let filter = try PacketFilter("ether src 07:08:09:0a:0b:0c")
        #expect(readAll(maker.bytes, filter: filter).frames.map(\.linkType) == [1])
        var counters = Counters()
        filter.report(into: &counters)
        #expect(counters["capture.filter_inapplicable"] == 2)
        #expect(counters["capture.filtered"] == 0)
    }

    @Test func `lengths on the wire are those before the snap length cut`() throws {
        var maker = PcapMaker()
        maker.add(seconds: 1, ethernet + datagram(to: 53), original: 900)
        maker.add(seconds: 2, ethernet + datagram(to: 53))
        maker.add(seconds: 3, [], original: 800)
        #expect(
            readAll(maker.bytes, filter: try PacketFilter("greater 500")).frames.map(\.original)
                == [900, 800])
    }

    @Test(arguments: ["udp prot 53", "host 300.1.2.3.4.5", "(", "port 99999"])
    func `an expression that is none is told with libpcap's reason`(expression: String) {
        #expect {
            try openCaptures(["/no/such"], filter: expression) { _ in }
        } throws: { error in
            guard case .badFilter(expression, let reason)? = error as? CaptureError else {
                return false
            }
            return !reason.isEmpty
        }
    }
}
