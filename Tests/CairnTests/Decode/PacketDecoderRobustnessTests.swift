import Testing

@testable import Cairn

/// Whatever the bytes are, the decoder neither traps nor points outside of them.
@Suite struct PacketDecoderRobustnessTests {
    /// Frames that together reach every decoder.
    static let seeds: [(LinkType, [UInt8])] = {
        var seeds: [(LinkType, [UInt8])] = LinkLayerTests.links.map {
            (LinkType(rawValue: $0.type), hex($0.header) + Wire.ipv4(17, Wire.udp(hex("616263"))))
        }
        seeds += TunnelTests.tunnels.map { (.raw, $0.packet) }
        seeds += LinkLayerTests.encapsulations.map {
            (.ethernet, Wire.ethernet($0.0, hex($0.1) + Wire.ipv4(6, Wire.tcp(hex("61")))))
        }
        seeds += LinkLayerTests.oddities.map { (.ethernet, Wire.ethernet($0.0, hex($0.1))) }
        seeds += IPv6Tests.chains.map {
            (.raw, Wire.ipv6($0.first, hex($0.bytes) + Wire.udp(hex("61"))))
        }
        seeds += IPv4Tests.options.map {
            (.raw, Wire.ipv4(6, Wire.tcp(), options: hex($0.0)))
        }
        seeds.append((.raw, Wire.ipv4(6, Wire.tcp(options: TransportTests.tcpOptions))))
        seeds.append((.raw, Wire.ipv4(132, hex("0b590b590000000100000000"))))
        let quote = hex("00000000") + Wire.ipv4(17, Wire.udp(hex("616263")))
        seeds.append((.raw, Wire.ipv4(1, Wire.icmp(3, 3, quote))))
        let quote6 = hex("00000000") + Wire.ipv6(0, hex("1100050200000000") + Wire.udp())
        seeds.append((.raw, Wire.ipv6(58, Wire.icmpv6(3, 0, quote6))))
        seeds.append((.raw, Wire.ipv4(17, Wire.udp(), fragment: 0x2000)))
        seeds.append((.raw, Wire.ipv6(44, hex("1100000100000001") + Wire.udp())))
        return seeds
    }()

    /// Every offset of a packet lies within its bytes, and everything that is read on demand can be
    /// read.
    private func check(_ packets: [Packet]) {
        var layer: UInt8 = 0
        for packet in packets {
            let count = UInt32(packet.bytes.count)
            let isSound =
                packet.layer == layer && packet.ipOffset <= count && packet.ipEnd <= count
                && packet.linkOffset <= count && packet.transportOffset <= count
                && packet.payloadOffset &+ packet.payloadByteCount <= count
                && packet.vlanCount <= 3
            #expect(isSound)
            _ = (packet.payload, packet.tcpOptions, packet.ipv4Options, packet.quotedPacket)
            _ = packet.shardHash
            layer += 1
        }
        #expect((1...8).contains(packets.count))
    }

    @Test func `frames cut at every length`() {
        let bench = DecodeBench(.all)
        for (link, bytes) in Self.seeds {
            for count in 0...bytes.count {
                check(bench.decode(Array(bytes.prefix(count)), link))
                check(bench.decode(Array(bytes.prefix(count)), link, wireByteCount: bytes.count))
            }
        }
    }

    @Test(arguments: 0..<4)
    func `frames with bytes changed at random`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bench = DecodeBench([ChecksumMode.all, .none, .auto][Int(seed % 3)])
        for (link, bytes) in Self.seeds {
            for _ in 0..<25 {
                var bytes = bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                    let index = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[index] = UInt8.random(in: 0...255, using: &generator)
                }
                let isCut = Bool.random(using: &generator)
                check(
                    bench.decode(bytes, link, wireByteCount: isCut ? bytes.count + 100 : nil))
            }
        }
    }

    @Test func `bytes at random for every link type`() {
        var generator = SeededGenerator(seed: 9)
        let bench = DecodeBench(.all)
        let links: [UInt32] = [0, 1, 9, 12, 14, 50, 101, 104, 105, 108, 113, 127, 228, 229, 276, 7]
        for link in links {
            for _ in 0..<100 {
                let count = Int.random(in: 0...120, using: &generator)
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                check(bench.decode(bytes, LinkType(rawValue: link)))
            }
        }
    }

    @Test func `the same frames give the same packets and counts`() {
        func run() -> (Counters, [String]) {
            let bench = DecodeBench(.auto)
            let packets = Self.seeds.flatMap { bench.decode($0.1, $0.0) }
            return (bench.counters, packets.map { "\($0.transport) \($0.anomalyNames)" })
        }
        let (first, second) = (run(), run())
        #expect(first.0 == second.0 && first.1 == second.1)
    }
}
