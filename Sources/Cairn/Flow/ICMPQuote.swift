/// The packet that an ICMP error message quotes: its IP header and the first bytes behind it (RFC
/// 792; RFC 4443 §3).
struct ICMPQuote: Equatable {
    var sourceAddress: IPAddress
    var destinationAddress: IPAddress
    var ipVersion: UInt8
    var ipProtocol: UInt8
    /// The selectors of a `FlowKey`.
    var sourceSelector: UInt16 = 0
    var destinationSelector: UInt16 = 0

    /// Reads the quotation of an ICMP or ICMPv6 error; nil if the packet is none, or quotes too
    /// little to tell the flow.
    init?(_ packet: UnsafePointer<Packet>) {
        switch packet.pointee.transport {
        case .icmp where Self.isErrorV4(packet.pointee.icmpType): break
        case .icmpv6 where packet.pointee.icmpType < 128: break
        default: return nil
        }
        let start = Int(packet.pointee.transportOffset) &+ Self.icmpHeaderByteCount
        let end = min(Int(packet.pointee.ipEnd), packet.pointee.bytes.count)
        guard start < end else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: packet.pointee.bytes[start..<end]).bytes
        if packet.pointee.transport == .icmp {
            self.init(v4: bytes)
        } else {
            self.init(v6: bytes)
        }
    }

    /// Whether a packet is an ICMP or ICMPv6 error message: it belongs to the flow that it quotes,
    /// or to none.
    @inline(__always) static func isError(_ packet: UnsafePointer<Packet>) -> Bool {
        switch packet.pointee.transport {
        case .icmp: isErrorV4(packet.pointee.icmpType)
        case .icmpv6: packet.pointee.icmpType < 128
        default: false
        }
    }

    /// Type, code, checksum, and four bytes that depend on the type.
    private static let icmpHeaderByteCount = 8
    /// IPv6 extension headers walked at most in a quotation.
    private static let extensionHeaderCountMax = 8

    /// Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    @inline(__always) private static func isErrorV4(_ type: UInt8) -> Bool {
        type == 3 || type == 4 || type == 5 || type == 11 || type == 12
    }

    private init?(v4 bytes: RawSpan) {
        guard bytes.byteCount >= 20, bytes.byte(at: 0) >> 4 == 4 else { return nil }
        let headerByteCount = Int(bytes.byte(at: 0) & 15) &* 4
        let isLaterFragment = bytes.bigEndian(UInt16.self, at: 6) & 0x1fff != 0
        guard headerByteCount >= 20, !isLaterFragment else { return nil }
        ipVersion = 4
        ipProtocol = bytes.byte(at: 9)
        sourceAddress = IPAddress(v4In: bytes, at: 12)
        destinationAddress = IPAddress(v4In: bytes, at: 16)
        guard readSelectors(bytes, at: headerByteCount) else { return nil }
    }

    private init?(v6 bytes: RawSpan) {
        guard bytes.byteCount >= 40, bytes.byte(at: 0) >> 4 == 6 else { return nil }
        ipVersion = 6
        sourceAddress = IPAddress(v6In: bytes, at: 8)
        destinationAddress = IPAddress(v6In: bytes, at: 24)
        var next = bytes.byte(at: 6)
        var offset = 40
        for _ in 0..<Self.extensionHeaderCountMax {
            // Hop-by-hop options, routing, destination options (RFC 8200 §4).
            guard next == 0 || next == 43 || next == 60 else { break }
            guard bytes.byteCount >= offset &+ 2 else { return nil }
            next = bytes.byte(at: offset)
            offset = offset &+ 8 &+ Int(bytes.byte(at: offset &+ 1)) &* 8
        }
        ipProtocol = next
        guard readSelectors(bytes, at: offset) else { return nil }
    }

    private mutating func readSelectors(_ bytes: RawSpan, at offset: Int) -> Bool {
        switch ipProtocol {
        case 6, 17, 132:
            guard bytes.byteCount >= offset &+ 4 else { return false }
            sourceSelector = bytes.bigEndian(UInt16.self, at: offset)
            destinationSelector = bytes.bigEndian(UInt16.self, at: offset &+ 2)
        case 1, 58:
            guard bytes.byteCount >= offset &+ 2 else { return false }
            let pair = ICMPPair(
                type: bytes.byte(at: offset), code: bytes.byte(at: offset &+ 1),
                isV6: ipProtocol == 58)
            sourceSelector = pair.sourceSelector
            destinationSelector = pair.destinationSelector
        default: break
        }
        return true
    }
}
