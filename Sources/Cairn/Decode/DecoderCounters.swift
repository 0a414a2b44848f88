/// What the decoder counts, under the names of Suricata's statistics where it has them.
enum DecoderCounter: Int, CaseIterable {
    case frames, bytes, packets, invalid, truncated
    case ethernet, llc, linuxCooked, linuxCooked2, null, loop, ppp, pppControl, ciscoHDLC, raw
    case ieee80211, ieee80211Control, ieee80211Protected, ieee80211Aggregate, radiotap
    case vlan, vlanQinQ, vlanQinQinQ, mpls, pppoe, ieee8021ah, vntag, fabricPath, nsh
    case arp, ipv4, ipv6, ipv4InIPv4, ipv6InIPv4, ipv4InIPv6, ipv6InIPv6
    case tcp, udp, icmpv4, icmpv6, sctp, esp, authentication
    case gre, erspan, vxlan, geneve, teredo
    case badChecksumIPv4, badChecksumTCP, badChecksumUDP, badChecksumICMPv4, badChecksumICMPv6
    case merged

    var name: String {
        switch self {
        case .frames: "decoder.pkts"
        case .packets: "decoder.layers"
        case .truncated: "decoder.truncated"
        case .linuxCooked: "decoder.sll"
        case .linuxCooked2: "decoder.sll2"
        case .pppControl: "decoder.ppp_control"
        case .ciscoHDLC: "decoder.chdlc"
        case .ieee80211Control: "decoder.ieee80211_control"
        case .ieee80211Protected: "decoder.ieee80211_protected"
        case .ieee80211Aggregate: "decoder.ieee80211_aggregate"
        case .vlanQinQ: "decoder.vlan_qinq"
        case .vlanQinQinQ: "decoder.vlan_qinqinq"
        case .fabricPath: "decoder.fabricpath"
        case .ipv4InIPv4: "decoder.ipv4_in_ipv4"
        case .ipv6InIPv4: "decoder.ipv6_in_ipv4"
        case .ipv4InIPv6: "decoder.ipv4_in_ipv6"
        case .ipv6InIPv6: "decoder.ipv6_in_ipv6"
        case .authentication: "decoder.ah"
        case .badChecksumIPv4: "decoder.bad_checksum.ipv4"
        case .badChecksumTCP: "decoder.bad_checksum.tcp"
        case .badChecksumUDP: "decoder.bad_checksum.udp"
        case .badChecksumICMPv4: "decoder.bad_checksum.icmpv4"
        case .badChecksumICMPv6: "decoder.bad_checksum.icmpv6"
        case .merged: "decoder.checksum_merged"
        default: "decoder.\(self)"
        }
    }
}

/// Counts of numbers of the wire: the first different ones by number, all others together.
struct Tally {
    /// Numbers that are told apart.
    static let countMax = 64

    private var entries: [(number: UInt32, count: UInt64)] = []
    private var others: UInt64 = 0

    init() { entries.reserveCapacity(Self.countMax) }

    mutating func add(_ number: UInt32) {
        for index in entries.indices where entries[index].number == number {
            entries[index].count &+= 1
            return
        }
        if entries.count < Self.countMax {
            entries.append((number, 1))
        } else {
            others &+= 1
        }
    }

    /// Adds a count for each number, named by `name`, and one for the rest and one for all.
    func report(_ prefix: String, radix: Int, into counters: inout Counters) {
        var total = others
        for entry in entries {
            let text = String(entry.number, radix: radix)
            counters.add("\(prefix).\(radix == 16 ? "0x" : "")\(text)", entry.count)
            total &+= entry.count
        }
        if others > 0 { counters.add("\(prefix).others", others) }
        counters.add("\(prefix).total", total)
    }
}
