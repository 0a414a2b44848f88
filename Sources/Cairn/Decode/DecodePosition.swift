/// Where decoding goes on: which header comes next, and between which offsets its bytes lie.
///
/// `0 ≤ offset ≤ end ≤ bytes of the frame` holds for every position; who moves one checks against
/// the bytes present.
struct DecodePosition {
    var next: NextHeader
    var offset: Int
    var end: Int
    /// A tunnel ends here: what follows is a packet of its own.
    var startsPacket = false

    @inline(__always) init(_ next: NextHeader, from offset: Int, to end: Int) {
        self.next = next
        self.offset = offset
        self.end = end
    }

    /// What a tunnel carries.
    @inline(__always)
    static func inner(_ next: NextHeader, from offset: Int, to end: Int) -> DecodePosition {
        var position = DecodePosition(next, from: offset, to: end)
        position.startsPacket = true
        return position
    }

    /// Nothing left to decode.
    static var done: DecodePosition { DecodePosition(.none, from: 0, to: 0) }

    @inline(__always) var range: Range<Int> { Range(uncheckedBounds: (offset, end)) }
    @inline(__always) var byteCount: Int { end &- offset }
}

/// The headers that the decoder knows.
enum NextHeader: UInt8 {
    case none
    // Link
    case ethernet, llc, linuxCooked, linuxCooked2, null, loop, ppp, ciscoHDLC, ieee80211, radiotap
    // Between link and network
    case vlan, mpls, pppoeSession, pppoeDiscovery, backboneTag, vntag, fabricPath, nsh
    // Network
    case ipv4, ipv6, ip, arp
    /// An EtherType that is not decoded.
    case otherNetwork
}

extension NextHeader {
    /// What an EtherType announces.
    @inline(__always) init(_ etherType: EtherType) {
        switch etherType.rawValue {
        case 0x0800: self = .ipv4
        case 0x86dd: self = .ipv6
        default: self = Self.rare(etherType)
        }
    }

    private static func rare(_ etherType: EtherType) -> NextHeader {
        switch etherType {
        case .vlan, .serviceVLAN, .oldServiceVLAN: .vlan
        case .arp, .reverseARP: .arp
        case .mpls, .mplsMulticast: .mpls
        case .pppoeSession: .pppoeSession
        case .pppoeDiscovery: .pppoeDiscovery
        case .backboneTag: .backboneTag
        case .vntag: .vntag
        case .fabricPath: .fabricPath
        case .nsh: .nsh
        case .transparentEthernet: .ethernet
        default: .otherNetwork
        }
    }

    /// What a link type announces; nil if its frames are not decoded.
    init?(_ linkType: LinkType) {
        switch linkType {
        case .ethernet: self = .ethernet
        case .raw, .rawOld12, .rawOld14: self = .ip
        case .ipv4: self = .ipv4
        case .ipv6: self = .ipv6
        case .linuxCooked: self = .linuxCooked
        case .linuxCooked2: self = .linuxCooked2
        case .null: self = .null
        case .loop: self = .loop
        case .ppp, .pppHDLC: self = .ppp
        case .ciscoHDLC: self = .ciscoHDLC
        case .ieee80211: self = .ieee80211
        case .ieee80211Radiotap: self = .radiotap
        default: return nil
        }
    }
}
