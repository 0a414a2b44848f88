/// What an Ethernet frame, a tag or a tunnel header encloses, by the numbers of the IEEE registry.
struct EtherType: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt16

    @inline(__always) init(rawValue: UInt16) { self.rawValue = rawValue }

    static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
    static var arp: EtherType { EtherType(rawValue: 0x0806) }
    static var transparentEthernet: EtherType { EtherType(rawValue: 0x6558) }
    static var reverseARP: EtherType { EtherType(rawValue: 0x8035) }
    static var vlan: EtherType { EtherType(rawValue: 0x8100) }
    static var ipv6: EtherType { EtherType(rawValue: 0x86dd) }
    static var ppp: EtherType { EtherType(rawValue: 0x880b) }
    static var mpls: EtherType { EtherType(rawValue: 0x8847) }
    static var mplsMulticast: EtherType { EtherType(rawValue: 0x8848) }
    static var pppoeDiscovery: EtherType { EtherType(rawValue: 0x8863) }
    static var pppoeSession: EtherType { EtherType(rawValue: 0x8864) }
    /// IEEE 802.1ad service tag.
    static var serviceVLAN: EtherType { EtherType(rawValue: 0x88a8) }
    /// ERSPAN type I and II.
    static var erspan: EtherType { EtherType(rawValue: 0x88be) }
    /// IEEE 802.1ah backbone service instance tag.
    static var backboneTag: EtherType { EtherType(rawValue: 0x88e7) }
    static var erspan3: EtherType { EtherType(rawValue: 0x22eb) }
    static var fabricPath: EtherType { EtherType(rawValue: 0x8903) }
    static var vntag: EtherType { EtherType(rawValue: 0x8926) }
    static var nsh: EtherType { EtherType(rawValue: 0x894f) }
    /// Double tagging before 802.1ad was written.
    static var oldServiceVLAN: EtherType { EtherType(rawValue: 0x9100) }

    /// Numbers up to this are the length of an IEEE 802.3 frame instead (IEEE 802.3 §3.2.6).
    static let lengthMax: UInt16 = 1500

    /// Whether it is a common protocol that does not carry IP: control of links, switches and
    /// industrial networks. Its frames are counted, but nothing about them is odd.
    var isLinkControl: Bool {
        switch rawValue {
        case 0x0842,  // Wake-on-LAN
            0x6002, 0x6003, 0x6004,  // DEC maintenance, DECnet, LAT
            0x809b, 0x80f3,  // AppleTalk and its ARP
            0x8137,  // IPX
            0x872d, 0x873a, 0x8899,  // Cisco and Realtek proprietary, loop detection
            0x8808, 0x8809,  // Ethernet flow control, slow protocols (LACP)
            0x886d, 0x887b, 0x888e,  // teaming, HomePlug, 802.1X
            0x8892, 0x88a4, 0x88b5, 0x88b6, 0x88b8, 0x88ba,  // PROFINET, EtherCAT, local, GOOSE, SV
            0x88cc, 0x88cd, 0x88e1, 0x88e3, 0x88e5, 0x88f5, 0x88f7,  // LLDP … MACsec, MVRP, PTP
            0x88fb, 0x8902, 0x8906, 0x8914, 0x8915,  // PRP, CFM, FCoE, RoCE
            0x9000, 0x9003:  // loopback test, Ethernet NIC diagnostics
            true
        default: false
        }
    }
}

/// IP protocol numbers of the IANA registry that decoding depends on; extension headers of IPv6 are
/// numbered among them.
enum IPProtocol {
    static var hopByHop: UInt8 { 0 }
    static var icmp: UInt8 { 1 }
    static var ipv4: UInt8 { 4 }
    static var tcp: UInt8 { 6 }
    static var udp: UInt8 { 17 }
    static var ipv6: UInt8 { 41 }
    static var routing: UInt8 { 43 }
    static var fragment: UInt8 { 44 }
    static var gre: UInt8 { 47 }
    static var esp: UInt8 { 50 }
    static var authentication: UInt8 { 51 }
    static var icmpv6: UInt8 { 58 }
    static var noNextHeader: UInt8 { 59 }
    static var destinationOptions: UInt8 { 60 }
    static var sctp: UInt8 { 132 }
    static var mobility: UInt8 { 135 }
    static var mplsInIP: UInt8 { 137 }
    static var hip: UInt8 { 139 }
    static var shim6: UInt8 { 140 }
}
