@testable import Cairn

/// Makes decoded packets with real transport headers behind them. Their bytes are never freed, as
/// packets outlive their maker.
///
/// Frame numbers count up; `time` is the stamp of the next packet, in nanoseconds since 1970.
final class PacketMaker {
    private let arena = Arena()
    private(set) var frameNumber: UInt64 = 0
    var time: Int64 = 1_700_000_000 * nanosecondsPerSecond
    /// Added to `time` after each packet.
    var step: Int64 = 1_000_000

    init() { _ = Unmanaged.passRetained(arena) }

    /// A packet from one endpoint to another; the payload follows `header`.
    func packet(
        _ transport: Transport, from source: Endpoint, to destination: Endpoint,
        header: [UInt8] = [], payload: [UInt8] = []
    ) -> Packet {
        let bytes = arena.allocate(byteCount: header.count + payload.count)
        bytes.copyBytes(from: header + payload)
        frameNumber += 1
        let stamp = Timestamp(nanoseconds: time)
        time += step
        var packet = Packet(
            bytes: UnsafeRawBufferPointer(bytes), timestamp: stamp, clock: stamp,
            frameNumber: frameNumber, source: 0,
            originalByteCount: UInt32(54 + header.count + payload.count), linkType: .ethernet)
        packet.transport = transport
        packet.ipVersion = source.address.isV4 ? 4 : 6
        packet.ipProtocol =
            switch transport {
            case .tcp: 6
            case .udp: 17
            case .icmp: 1
            case .icmpv6: 58
            case .sctp: 132
            default: 99
            }
        packet.timeToLive = 64
        packet.ipEnd = UInt32(bytes.count)
        packet.sourceAddress = source.address
        packet.destinationAddress = destination.address
        packet.sourcePort = source.port
        packet.destinationPort = destination.port
        packet.payloadOffset = UInt32(header.count)
        packet.payloadByteCount = UInt32(payload.count)
        return packet
    }

    func udp(_ source: Endpoint, _ destination: Endpoint, _ payload: [UInt8] = []) -> Packet {
        packet(
            .udp, from: source, to: destination, header: Array(repeating: 0, count: 8),
            payload: payload)
    }

    func icmp(
        _ source: Endpoint, _ destination: Endpoint, type: UInt8, code: UInt8 = 0,
        payload: [UInt8] = []
    ) -> Packet {
        let isV4 = source.address.isV4
        var packet = packet(
            isV4 ? .icmp : .icmpv6, from: Endpoint(source.address),
            to: Endpoint(destination.address),
            header: [type, code, 0, 0, 0, 0, 0, 0], payload: payload)
        packet.icmpType = type
        packet.icmpCode = code
        return packet
    }

    /// A TCP segment. `options` are padded to a multiple of four with no-operations.
    func tcp(
        _ source: Endpoint, _ destination: Endpoint, _ flags: TCPFlags, seq: UInt32,
        ack: UInt32 = 0, _ payload: [UInt8] = [], window: UInt16 = 65535, options: [UInt8] = [],
        urgent: UInt16 = 0
    ) -> Packet {
        let padded = options + Array(repeating: 1, count: (4 - options.count % 4) % 4)
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
            withUnsafeBytes(of: value.bigEndian) { Array($0) }
        }
        let header =
            bytes(source.port) + bytes(destination.port) + bytes(seq) + bytes(ack)
            + [UInt8((20 + padded.count) / 4 << 4), flags.rawValue] + bytes(window)
            + [0, 0] + bytes(urgent) + padded
        var packet = packet(
            .tcp, from: source, to: destination, header: header, payload: payload)
        packet.tcpFlags = flags
        packet.tcpSequence = seq
        packet.tcpAcknowledgment = ack
        packet.tcpWindow = window
        return packet
    }
}

/// An address and a port, written `10.0.0.1:80` or `[2001:db8::1]:80`.
struct Endpoint: ExpressibleByStringLiteral {
    var address: IPAddress
    var port: UInt16 = 0

    init(_ address: IPAddress, _ port: UInt16 = 0) {
        self.address = address
        self.port = port
    }

    init(stringLiteral text: String) {
        let colon = text.lastIndex(of: ":") ?? text.endIndex
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        guard let address = IPAddress(host), let port = UInt16(text[colon...].dropFirst()) else {
            preconditionFailure("not an endpoint: \(text)")
        }
        self.init(address, port)
    }
}

/// A small generator of reproducible numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
