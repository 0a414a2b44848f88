/// One IP packet (or one frame that holds none) as decoded: values and byte offsets, no memory of
/// its own.
///
/// A frame with tunnels yields several packets, the outer first; `layer` counts them. Offsets count
/// in `bytes`.
struct Packet {
    /// The bytes that the offsets count in: the captured frame, or a datagram put together from
    /// fragments.
    var bytes: UnsafeRawBufferPointer
    /// When the frame was captured.
    var timestamp: Timestamp
    /// The event clock when this packet is looked at: never goes back, ignores wild stamps.
    var clock: Timestamp
    /// The frame it came in, from 1.
    var frameNumber: UInt64
    /// Source of the frame: an index into `FrameSource.sourceNames`.
    var source: UInt32
    /// Bytes of the frame on the wire.
    var originalByteCount: UInt32
    /// How the bytes at `linkOffset` are to be read; `.raw` where no link header is there: inside
    /// an IP tunnel, and in a datagram put together from fragments.
    var linkType: LinkType
    /// 0 for the outermost packet of a frame, 1 for what its tunnel carries, and so on.
    var layer: UInt8 = 0
    var flags: PacketFlags = []

    // Link
    /// Offset of the link header; what `ether.hdr` starts at. Equal to `ipOffset` if there is none.
    var linkOffset: UInt32 = 0
    /// The EtherType of the network header, or 0.
    var etherType: UInt16 = 0
    /// VLAN identifiers, outermost first; `vlanCount` of them count.
    var vlanIDs: (UInt16, UInt16, UInt16) = (0, 0, 0)
    var vlanCount: UInt8 = 0

    // Network
    /// 4 or 6; 0 if there is no IP header.
    var ipVersion: UInt8 = 0
    /// The upper-layer protocol number, behind all extension headers.
    var ipProtocol: UInt8 = 0
    var timeToLive: UInt8 = 0
    var typeOfService: UInt8 = 0
    /// Where the IP header, or what stands in its place (ARP), begins.
    var ipOffset: UInt32 = 0
    /// Where the IP datagram ends by its own length, or where the captured bytes end if that is
    /// sooner.
    var ipEnd: UInt32 = 0
    var sourceAddress: IPAddress = .zero
    var destinationAddress: IPAddress = .zero

    // Transport
    var transport: Transport = .none
    var transportOffset: UInt32 = 0
    /// TCP, UDP and SCTP; 0 otherwise.
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    /// The low eight TCP flag bits; meaningless for other transports.
    var tcpFlags: TCPFlags = []
    var tcpWindow: UInt16 = 0
    var tcpSequence: UInt32 = 0
    var tcpAcknowledgment: UInt32 = 0
    var icmpType: UInt8 = 0
    var icmpCode: UInt8 = 0

    // Payload
    /// What the transport header is followed by; the IP payload if no transport is known, and what
    /// the link headers are followed by if there is no IP header.
    var payloadOffset: UInt32 = 0
    var payloadByteCount: UInt32 = 0

    /// The oddities seen while decoding.
    var anomalies = DecodeAnomalySet()
}

extension Packet {
    /// A wrong checksum that counts: the receiver drops the packet, so streams must not see it.
    @inline(__always) var isChecksumBad: Bool {
        flags.rawValue & Self.checksumFlags.rawValue != 0 && !flags.contains(.ignoreChecksums)
    }

    private static var checksumFlags: PacketFlags { [.badIPChecksum, .badTransportChecksum] }

    /// The bytes behind the transport header.
    @inline(__always) var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: bytes[Int(payloadOffset)..<Int(payloadOffset) &+ Int(payloadByteCount)])
    }

    /// Bytes of payload that rules look at: none where it is a packet, which is looked at by itself.
    @inline(__always) var inspectedByteCount: Int {
        flags.contains(.tunnel) ? 0 : sizedByteCount
    }

    /// Bytes of payload that rules count: as in Suricata none in fragments, behind a header of IP
    /// whose next could not be decoded, and where no transport is known, but for ESP.
    @inline(__always) var sizedByteCount: Int {
        guard ipVersion > 0 else { return Int(payloadByteCount) }
        let isHidden =
            !flags.isDisjoint(with: [.fragment, .undecoded])
            || transport == .other && ipProtocol != IPProtocol.esp
        return isHidden ? 0 : Int(payloadByteCount)
    }

    /// Whether the flow of the packet is one to rules: as in Suricata not where nothing but addresses makes it.
    @inline(__always) var hasOwnFlow: Bool {
        transport != .other || ipProtocol == IPProtocol.esp
    }

    /// The transport that rules mean. A fragment of IPv4 names its own, though nothing of it is
    /// decoded.
    @inline(__always) var namedTransport: Transport {
        guard flags.contains(.fragment), ipVersion == 4 else { return transport }
        return switch ipProtocol {
        case IPProtocol.tcp: .tcp
        case IPProtocol.udp: .udp
        case IPProtocol.icmp: .icmp
        default: transport
        }
    }

    @inline(__always) var inspectedPayload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: payload.prefix(inspectedByteCount))
    }
}

/// The protocol above IP, as far as it is decoded.
enum Transport: UInt8, Sendable {
    case none, tcp, udp, icmp, icmpv6, sctp
    /// An IP packet of a protocol that is not decoded further.
    case other
}

/// What is special about a packet.
struct PacketFlags: OptionSet, Sendable {
    let rawValue: UInt16

    /// The headers announce more bytes than there are: a snap length cut them, or the headers lie.
    static let truncated = PacketFlags(rawValue: 1)
    /// A fragment of an IP datagram, not yet put together.
    static let fragment = PacketFlags(rawValue: 2)
    /// Put together from fragments.
    static let reassembled = PacketFlags(rawValue: 4)
    /// The IPv4 header checksum is wrong.
    static let badIPChecksum = PacketFlags(rawValue: 8)
    /// The TCP, UDP, ICMP or ICMPv6 checksum is wrong.
    static let badTransportChecksum = PacketFlags(rawValue: 16)
    /// Wrong checksums are to be ignored by policy.
    static let ignoreChecksums = PacketFlags(rawValue: 32)
    /// A header could not be decoded, so nothing behind it is known; an anomaly says why.
    static let undecoded = PacketFlags(rawValue: 64)
    /// Carries another packet, which follows it.
    static let tunnel = PacketFlags(rawValue: 128)
    /// Checksums were not looked at, because nobody wants to know.
    static let unverified = PacketFlags(rawValue: 256)
}

/// The control bits of a TCP header (RFC 9293 §3.1).
struct TCPFlags: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let fin = TCPFlags(rawValue: 1)
    static let syn = TCPFlags(rawValue: 2)
    static let rst = TCPFlags(rawValue: 4)
    static let psh = TCPFlags(rawValue: 8)
    static let ack = TCPFlags(rawValue: 16)
    static let urg = TCPFlags(rawValue: 32)
    static let ece = TCPFlags(rawValue: 64)
    static let cwr = TCPFlags(rawValue: 128)
}

/// The packets decoded from one batch of frames, ordered by (frame, layer).
final class PacketBatch {
    private(set) var packets: UnsafeMutablePointer<Packet>
    private(set) var count = 0
    private var capacity = 8192

    init() {
        let memory = allocateLarge(byteCount: capacity * MemoryLayout<Packet>.stride)
        packets = memory.bindMemory(to: Packet.self).baseAddress.unsafelyUnwrapped
    }
    deinit { packets.deallocate() }

    /// Forgets the packets, keeps the memory.
    func removeAll() { count = 0 }

    /// Adds a packet behind the others.
    ///
    /// - Returns: its place, valid until the next one is added.
    @discardableResult @inline(__always)
    func append(_ packet: Packet) -> UnsafeMutablePointer<Packet> {
        if count == capacity { grow() }
        let place = packets + count
        place.initialize(to: packet)
        count &+= 1
        return place
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Packet>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: packets, count: count)
        packets.deallocate()
        packets = larger
        capacity *= 2
    }
}
