import Testing

@testable import Cairn

/// Frames that rule tests are made of must be those that real hosts would send.
@Suite struct PacketBuilderTests {
    /// The packets of frames; their bytes are there as long as the arena.
    private static func decoded(_ frames: [[UInt8]], in arena: Arena = Arena()) -> [Packet] {
        let assembler = PacketAssembler(DecoderSettings(checksums: .all))
        let packets = PacketBatch()
        for (index, bytes) in frames.enumerated() {
            let memory = arena.allocate(byteCount: bytes.count)
            memory.copyBytes(from: bytes)
            let frame = Frame(
                number: UInt64(index + 1), timestamp: .epoch, linkType: .ethernet, source: 0,
                originalByteCount: UInt32(bytes.count), bytes: UnsafeRawBufferPointer(memory))
            assembler.decode(frame, clock: .epoch, arena: arena, into: packets)
        }
        return (0..<packets.count).map { packets.packets[$0] }
    }

    private static let pairs = [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")]

    @Test(arguments: pairs)
    func `segments have right headers and checksums`(client: String, server: String) throws {
        var builder = PacketBuilder()
        let source = PacketBuilder.Endpoint(address: try #require(IPAddress(client)), port: 40_000)
        let destination = PacketBuilder.Endpoint(address: try #require(IPAddress(server)), port: 80)
        let segment = PacketBuilder.Segment(
            flags: [.psh, .ack], sequence: 7, acknowledgment: 9, payload: Array("odd".utf8))
        let arena = Arena()
        defer { withExtendedLifetime(arena) {} }
        let packet = try #require(
            Self.decoded(builder.tcp(from: source, to: destination, segment), in: arena).first)
        #expect(packet.sourceAddress == source.address)
        #expect(packet.destinationPort == 80)
        #expect(packet.tcpSequence == 7)
        #expect(Array(packet.bytes.suffix(3)) == Array("odd".utf8))
        #expect(!packet.isChecksumBad)
        #expect(packet.anomalies.isEmpty)
    }

    @Test(arguments: pairs)
    func `a datagram longer than the link is sent in fragments`(client: String, server: String)
        throws
    {
        var builder = PacketBuilder()
        let source = PacketBuilder.Endpoint(address: try #require(IPAddress(client)), port: 5_000)
        let destination = PacketBuilder.Endpoint(address: try #require(IPAddress(server)), port: 53)
        let payload = (0..<4_000).map { UInt8(truncatingIfNeeded: $0) }
        let frames = builder.udp(from: source, to: destination, payload)
        #expect(frames.count == 3)
        let packets = Self.decoded(frames)
        let whole = try #require(packets.last)
        #expect(whole.flags.contains(.reassembled))
        #expect(whole.payloadByteCount == 4_000)
        #expect(!whole.isChecksumBad)
    }

    @Test(arguments: pairs)
    func `a ping is answered`(client: String, server: String) throws {
        var writer = TrafficWriter()
        writer.ping(
            client: try #require(IPAddress(client)), server: try #require(IPAddress(server)),
            payload: Array(repeating: 1, count: 56), answers: true, at: .epoch)
        let packets = Self.decoded(writer.framesInTimeOrder.map(\.bytes))
        #expect(packets.count == 2)
        #expect(packets.allSatisfy { !$0.isChecksumBad && $0.anomalies.isEmpty })
    }
}
