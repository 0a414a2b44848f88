/// What makes packets one flow: both endpoints, the protocol, and the VLAN if it is to count.
///
/// An endpoint is an address and a selector: the port of TCP, UDP and SCTP; for ICMP what
/// `ICMPPair` says; else 0.
struct FlowKey: Equatable {
    var source: IPAddress = .zero
    var destination: IPAddress = .zero
    var sourceSelector: UInt16 = 0
    var destinationSelector: UInt16 = 0
    /// Three VLAN identifiers of 16 bits, the IP protocol and the IP version, from the lowest bits
    /// on.
    var context: UInt64 = 0

    var ipProtocol: UInt8 {
        @inline(__always) get { UInt8(truncatingIfNeeded: context >> 48) }
        set { context = context & ~(0xff << 48) | UInt64(newValue) << 48 }
    }
    var ipVersion: UInt8 {
        @inline(__always) get { UInt8(truncatingIfNeeded: context >> 56) }
        set { context = context & ~(0xff << 56) | UInt64(newValue) << 56 }
    }
}

extension FlowKey {
    /// The key of a packet with an IP header.
    @inline(__always) init(_ packet: UnsafePointer<Packet>, usesVLAN: Bool) {
        source = packet.pointee.sourceAddress
        destination = packet.pointee.destinationAddress
        context = Self.context(
            of: packet, ipVersion: packet.pointee.ipVersion, ipProtocol: packet.pointee.ipProtocol,
            usesVLAN: usesVLAN)
        if packet.pointee.transport == .icmp || packet.pointee.transport == .icmpv6 {
            let pair = ICMPPair(
                type: packet.pointee.icmpType, code: packet.pointee.icmpCode,
                isV6: packet.pointee.transport == .icmpv6)
            sourceSelector = pair.sourceSelector
            destinationSelector = pair.destinationSelector
        } else {
            sourceSelector = packet.pointee.sourcePort
            destinationSelector = packet.pointee.destinationPort
        }
    }

    /// The key of the packet that an ICMP error quotes, as its sender sent it; nil if it quotes too
    /// little to tell the flow.
    init?(quotedBy packet: UnsafePointer<Packet>, usesVLAN: Bool) {
        guard let quote = packet.pointee.quotedPacket, quote.hasTransport else { return nil }
        source = quote.source
        destination = quote.destination
        context = Self.context(
            of: packet, ipVersion: quote.ipVersion, ipProtocol: quote.ipProtocol,
            usesVLAN: usesVLAN)
        switch quote.ipProtocol {
        case IPProtocol.icmp, IPProtocol.icmpv6:
            let pair = ICMPPair(
                type: quote.icmpType, code: quote.icmpCode,
                isV6: quote.ipProtocol == IPProtocol.icmpv6)
            sourceSelector = pair.sourceSelector
            destinationSelector = pair.destinationSelector
        default:
            sourceSelector = quote.sourcePort
            destinationSelector = quote.destinationPort
        }
    }

    @inline(__always) private static func context(
        of packet: UnsafePointer<Packet>, ipVersion: UInt8, ipProtocol: UInt8, usesVLAN: Bool
    ) -> UInt64 {
        var context = UInt64(ipVersion) << 56 | UInt64(ipProtocol) << 48
        if usesVLAN {
            context |= UInt64(packet.pointee.vlanIDs.0) | UInt64(packet.pointee.vlanIDs.1) << 16
            context |= UInt64(packet.pointee.vlanIDs.2) << 32
        }
        return context
    }

    /// The same flow seen from the other end.
    @inline(__always) var reversed: FlowKey {
        FlowKey(
            source: destination, destination: source, sourceSelector: destinationSelector,
            destinationSelector: sourceSelector, context: context)
    }

    /// A hash that both directions share. It is no secret: the table bounds what collisions can
    /// cost.
    @inline(__always) var hash: UInt64 {
        let a = Self.hash(source, sourceSelector)
        let b = Self.hash(destination, destinationSelector)
        return mixed((a &+ b) ^ context, (a ^ b) ^ 0x8cb9_2ba7_2f3d_8dd7)
    }

    @inline(__always)
    private static func hash(_ address: IPAddress, _ selector: UInt16) -> UInt64 {
        mixed(
            address.low ^ 0x9e37_79b9_7f4a_7c15,
            address.high ^ 0xd1b5_4a32_d192_ed03 ^ UInt64(selector) &* 0x0001_0001_0001_0001)
    }
}

/// Both halves of the product of two words, folded: every bit depends on all bits of both.
@inline(__always) func mixed(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}

/// How ICMP messages pair up to flows: a query and its reply (RFC 792, RFC 4443, RFC 4861) are the
/// two directions of one flow; every other message has none but its own.
struct ICMPPair: Equatable {
    var sourceSelector: UInt16
    var destinationSelector: UInt16

    init(type: UInt8, code: UInt8, isV6: Bool) {
        if let counterpart = Self.counterpart(of: type, isV6: isV6) {
            sourceSelector = UInt16(type)
            destinationSelector = UInt16(counterpart)
        } else {
            // Marked so that the other end's message of the same kind is never its reply.
            sourceSelector = 0x100 | UInt16(type)
            destinationSelector = 0x200 | UInt16(code)
        }
    }

    /// The type that answers a type, or that it answers; nil if it stands alone.
    static func counterpart(of type: UInt8, isV6: Bool) -> UInt8? {
        if isV6 {
            switch type {
            // Echo; multicast listener; router, neighbour; node information; home agent discovery.
            case 128, 130, 133, 135, 139, 144: type &+ 1
            case 129, 131, 134, 136, 140, 145: type &- 1
            default: nil
            }
        } else {
            switch type {
            case 0: 8
            case 8: 0
            // Router solicitation and advertisement, in this order.
            case 9: 10
            case 10: 9
            // Timestamp, information, address mask.
            case 13, 15, 17: type &+ 1
            case 14, 16, 18: type &- 1
            default: nil
            }
        }
    }
}
