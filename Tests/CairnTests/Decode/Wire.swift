@testable import Cairn

/// The bytes of hexadecimal text; blanks and line ends only make it readable.
func hex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap(\.hexDigitValue)
    precondition(digits.count % 2 == 0, "half a byte in \(text)")
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// Builds headers around payloads, from the inside out, with right checksums unless told otherwise.
enum Wire {
    static let client: IPAddress = IPAddress(v4: 0x0a00_0001)
    static let server: IPAddress = IPAddress(v4: 0x0a00_0002)
    static let client6 = IPAddress(high: 0x2001_0db8_0000_0000, low: 1)
    static let server6 = IPAddress(high: 0x2001_0db8_0000_0000, low: 2)

    static func ethernet(_ etherType: UInt16, _ payload: [UInt8]) -> [UInt8] {
        hex("020000000002 020000000001") + bigEndian(etherType) + payload
    }

    /// `fragment`: the third word's flags and offset. The checksum is right.
    static func ipv4(
        _ ipProtocol: UInt8, _ payload: [UInt8], options: [UInt8] = [], fragment: UInt16 = 0,
        identification: UInt16 = 1, totalByteCount: Int? = nil,
        source: IPAddress = client, destination: IPAddress = server
    ) -> [UInt8] {
        let headerByteCount = 20 + options.count
        let total = totalByteCount ?? headerByteCount + payload.count
        var header: [UInt8] = [0x40 | UInt8(headerByteCount / 4), 0]
        header += bigEndian(UInt16(truncatingIfNeeded: total)) + bigEndian(identification)
        header += bigEndian(fragment) + [64, ipProtocol, 0, 0]
        header += source.bytes + destination.bytes + options
        header.replaceSubrange(10..<12, with: bigEndian(~sum(header)))
        return header + payload
    }

    static func ipv6(
        _ nextHeader: UInt8, _ payload: [UInt8], payloadByteCount: Int? = nil,
        hopLimit: UInt8 = 64, source: IPAddress = client6, destination: IPAddress = server6
    ) -> [UInt8] {
        let count = UInt16(truncatingIfNeeded: payloadByteCount ?? payload.count)
        return hex("60000000") + bigEndian(count) + [nextHeader, hopLimit] + source.bytes
            + destination.bytes + payload
    }

    static func tcp(
        _ payload: [UInt8] = [], options: [UInt8] = [], flags: UInt8 = 0x18,
        from source: IPAddress = client, to destination: IPAddress = server
    ) -> [UInt8] {
        var segment = hex("9c40 0050 00000001 00000002")
        segment += [UInt8(5 + options.count / 4) << 4, flags] + hex("faf0 0000 0000")
        segment += options + payload
        return withChecksum(segment, at: 16, 6, source, destination)
    }

    static func udp(
        _ payload: [UInt8] = [], source: UInt16 = 40000, destination: UInt16 = 53,
        from: IPAddress = client, to: IPAddress = server
    ) -> [UInt8] {
        let datagram =
            bigEndian(source) + bigEndian(destination)
            + bigEndian(UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0] + payload
        return withChecksum(datagram, at: 6, 17, from, to)
    }

    static func icmp(_ type: UInt8, _ code: UInt8, _ body: [UInt8] = hex("00000000")) -> [UInt8] {
        var message = [type, code, 0, 0] + body
        message.replaceSubrange(2..<4, with: bigEndian(~sum(message)))
        return message
    }

    static func icmpv6(_ type: UInt8, _ code: UInt8, _ body: [UInt8] = hex("00000000")) -> [UInt8] {
        withChecksum([type, code, 0, 0] + body, at: 2, 58, client6, server6)
    }

    /// A whole frame with a small UDP datagram over IPv4.
    static let udpFrame = ethernet(0x0800, ipv4(17, udp(hex("616263"))))
    /// A whole frame with a small TCP segment over IPv6.
    static let tcp6Frame = ethernet(
        0x86dd, ipv6(6, tcp(hex("616263"), from: client6, to: server6)))

    static func withChecksum(
        _ bytes: [UInt8], at offset: Int, _ ipProtocol: UInt8, _ source: IPAddress,
        _ destination: IPAddress
    ) -> [UInt8] {
        let pseudoHeader =
            source.bytes + destination.bytes + bigEndian(UInt32(bytes.count)) + [0, 0, 0]
            + [ipProtocol]
        var bytes = bytes
        let checksum = ~sum(pseudoHeader + bytes)
        bytes.replaceSubrange(
            offset..<offset + 2, with: bigEndian(checksum == 0 ? 0xffff : checksum))
        return bytes
    }

    /// The sum of RFC 1071, word by word.
    static func sum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in bytes.indices {
            sum += UInt32(bytes[index]) << (index % 2 == 0 ? 8 : 0)
            if sum > 0xffff { sum = sum & 0xffff + 1 }
        }
        return UInt16(sum)
    }
}

/// A decoder with a defragmenter, fed with bytes. Memory of frames is never freed, as packets that
/// point into it outlive the bench.
final class DecodeBench {
    private let assembler: PacketAssembler
    private let arena = Arena()
    private let packets = PacketBatch()
    private var frameCount: UInt64 = 0

    init(
        _ checksums: ChecksumMode = .all, layerCountMax: Int = 8,
        ports: TunnelPorts = TunnelPorts(), decodesIPv4InIPv4: Bool = true,
        defragmentation: DefragmentationSettings = DefragmentationSettings()
    ) {
        _ = Unmanaged.passRetained(arena)
        assembler = PacketAssembler(
            DecoderSettings(
                checksums: checksums, tunnelPorts: ports, decodesIPv4InIPv4: decodesIPv4InIPv4,
                layerCountMax: layerCountMax),
            defragmentation)
    }

    /// The packets of one frame. A frame is whole unless it had more bytes on the wire.
    func decode(
        _ bytes: [UInt8], _ linkType: LinkType = .ethernet, wireByteCount: Int? = nil,
        source: UInt32 = 0, seconds: Int64 = 1_700_000_000
    ) -> [Packet] {
        let memory = arena.allocate(byteCount: bytes.count)
        memory.copyBytes(from: bytes)
        frameCount += 1
        let stamp = Timestamp(nanoseconds: seconds * nanosecondsPerSecond)
        let frame = Frame(
            number: frameCount, timestamp: stamp, linkType: linkType, source: source,
            originalByteCount: UInt32(wireByteCount ?? bytes.count),
            bytes: UnsafeRawBufferPointer(memory))
        packets.removeAll()
        assembler.decode(frame, clock: stamp, arena: arena, into: packets)
        return (0..<packets.count).map { packets.packets[$0] }
    }

    var counters: Counters {
        var counters = Counters()
        assembler.report(into: &counters)
        return counters
    }

    var checksumOffloads: [ChecksumOffload] { assembler.checksumOffloads }
}

extension Packet {
    /// The names of the packet's anomalies.
    var anomalyNames: [String] {
        DecodeAnomaly.allCases.filter { anomalies.contains($0) }.map(\.name.description)
    }

    var payloadArray: [UInt8] { Array(payload) }
}
