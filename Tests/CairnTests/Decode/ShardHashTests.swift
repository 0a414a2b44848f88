import Testing

@testable import Cairn

@Suite struct ShardHashTests {
    @Test func `both directions get the same hash, other pairs another`() {
        var generator = SeededGenerator(seed: 2)
        var hashes = Set<UInt32>()
        for _ in 0..<1000 {
            let a = IPAddress(high: generator.next(), low: generator.next())
            let b = IPAddress(v4: UInt32(truncatingIfNeeded: generator.next()))
            let hash = Packet.shardHash(a, b)
            #expect(hash == Packet.shardHash(b, a))
            hashes.insert(hash)
        }
        #expect(hashes.count > 990)
    }

    @Test(arguments: [2, 7, 16, 64])
    func `neighbouring addresses are spread evenly over shards`(shardCount: UInt32) {
        var counts = [Int](repeating: 0, count: Int(shardCount))
        for client in 0..<64 as Range<UInt32> {
            for server in 0..<64 as Range<UInt32> {
                let hash = Packet.shardHash(
                    IPAddress(v4: 0x0a00_0000 + client), IPAddress(v4: 0xc0a8_0100 + server))
                counts[Int(hash % shardCount)] += 1
            }
        }
        let expected = 4096 / Int(shardCount)
        #expect(counts.allSatisfy { $0 > expected / 2 && $0 < expected * 2 })
    }

    @Test func `an ICMP error goes with the packet that it quotes`() {
        let bench = DecodeBench()
        let packet = bench.decode(Wire.udpFrame)[0]
        let router = IPAddress(v4: 0x0a00_00fe)
        let error = Wire.icmp(3, 1, hex("00000000") + Wire.ipv4(17, Wire.udp(hex("616263"))))
        let message = bench.decode(
            Wire.ethernet(0x0800, Wire.ipv4(1, error, source: router, destination: Wire.client)))[0]
        #expect(message.shardHash == packet.shardHash)
        let echo = bench.decode(Wire.ethernet(0x0800, Wire.ipv4(1, Wire.icmp(8, 0))))[0]
        #expect(echo.shardHash == packet.shardHash)
    }

    @Test func `frames without IP go to the first shard`() {
        #expect(DecodeBench().decode(Wire.ethernet(0x88cc, []))[0].shardHash == 0)
    }
}
