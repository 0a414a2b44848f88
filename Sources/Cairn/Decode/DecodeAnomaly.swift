/// A named oddity of a packet's headers. Names are those of Suricata's decoder events where it has
/// one, so that rules with `decode-event` keep their meaning; the others follow the same pattern.
///
/// Five are there only so that such rules load. A second ESP header cannot be seen behind the
/// first, a short UDP length has a newer name, tags inside ERSPAN count as those of any frame, a
/// source route of GRE version 1 is an error by itself, and captures are never cut by AF_PACKET.
enum DecodeAnomaly: UInt8, CaseIterable, Sendable {
    case ethernetTooSmall
    case ethernetUnknownEtherType
    case llcTooSmall
    case ieee80211TooSmall
    case ieee80211Fragment
    case radiotapTooSmall
    case radiotapWrongVersion
    case sllTooSmall
    case sll2TooSmall
    case nullTooSmall
    case nullUnsupportedType
    case ciscoHDLCTooSmall
    case rawInvalidIPVersion
    case pppTooSmall
    case pppVJUTooSmall
    case pppIPv4TooSmall
    case pppIPv6TooSmall
    case pppWrongType
    case pppUnsupportedProtocol
    case pppoeTooSmall
    case pppoeWrongCode
    case pppoeMalformedTags
    case vlanHeaderTooSmall
    case vlanUnknownType
    case vlanTooManyLayers
    case ieee8021ahHeaderTooSmall
    case vntagHeaderTooSmall
    case vntagUnknownType
    case fabricPathTooSmall
    case mplsHeaderTooSmall
    case mplsTooSmall
    case mplsBadLabelRouterAlert
    case mplsBadLabelImplicitNull
    case mplsBadLabelReserved
    case mplsUnknownPayloadType
    case nshHeaderTooSmall
    case nshUnsupportedVersion
    case nshBadHeaderLength
    case nshReservedType
    case nshUnsupportedType
    case nshUnknownPayload
    case arpTooSmall
    case arpUnsupportedHardware
    case arpUnsupportedProtocol
    case arpInvalidHardwareSize
    case arpInvalidProtocolSize
    case arpUnsupportedOpcode
    case ipv4TooSmall
    case ipv4HeaderLengthTooSmall
    case ipv4LengthSmallerThanHeader
    case ipv4Truncated
    case ipv4WrongVersion
    case ipv4OptionInvalid
    case ipv4OptionInvalidLength
    case ipv4OptionMalformed
    case ipv4OptionPadRequired
    case ipv4OptionEndRequired
    case ipv4OptionDuplicate
    case ipv4OptionUnknown
    case ipv4WithICMPv6
    case ipv4FragmentTooLarge
    case ipv4FragmentOverlap
    case ipv4FragmentIgnored
    case ipv4FragmentInvalidLength
    case ipv4FragmentTiny
    case ipv6TooSmall
    case ipv6Truncated
    case ipv6WrongVersion
    case ipv6ExtensionTruncated
    case ipv6DuplicateFragment
    case ipv6UselessFragment
    case ipv6DuplicateRouting
    case ipv6DuplicateHopByHop
    case ipv6DuplicateDestination
    case ipv6DuplicateAuthentication
    case ipv6DuplicateESP
    case ipv6InvalidOptionLength
    case ipv6AuthenticationReservedNotZero
    case ipv6HopByHopUnknownOption
    case ipv6HopByHopOnlyPadding
    case ipv6DestinationUnknownOption
    case ipv6DestinationOnlyPadding
    case ipv6RoutingType0
    case ipv6ZeroLengthPadN
    case ipv6FragmentReservedNotZero
    case ipv6DataAfterNoNextHeader
    case ipv6UnknownNextHeader
    case ipv6TooManyExtensions
    case ipv6WithICMPv4
    case ipv6FragmentTooLarge
    case ipv6FragmentOverlap
    case ipv6FragmentIgnored
    case ipv6FragmentInvalidLength
    case ipv6FragmentTiny
    case ipv4InIPv6TooSmall
    case ipv4InIPv6WrongVersion
    case ipv6InIPv6TooSmall
    case ipv6InIPv6WrongVersion
    case tcpTooSmall
    case tcpHeaderLengthTooSmall
    case tcpInvalidHeaderLength
    case tcpOptionInvalidLength
    case tcpOptionDuplicate
    case udpTooSmall
    case udpHeaderLengthTooSmall
    case udpHeaderLengthInvalid
    case udpLengthInvalid
    case icmpv4TooSmall
    case icmpv4UnknownType
    case icmpv4UnknownCode
    case icmpv4QuoteTruncated
    case icmpv4QuoteUnknownVersion
    case icmpv6TooSmall
    case icmpv6UnknownType
    case icmpv6UnknownCode
    case icmpv6QuoteTruncated
    case icmpv6QuoteUnknownVersion
    case icmpv6MLDInvalidHopLimit
    case icmpv6UnassignedType
    case icmpv6ExperimentationType
    case sctpTooSmall
    case espTooSmall
    case authenticationHeaderTooSmall
    case greTooSmall
    case greWrongVersion
    case greVersion0RecursionControl
    case greVersion0Flags
    case greVersion0HeaderTooBig
    case greVersion0MalformedSourceRoute
    case greVersion1Checksum
    case greVersion1Route
    case greVersion1StrictSourceRoute
    case greVersion1RecursionControl
    case greVersion1Flags
    case greVersion1NoKey
    case greVersion1MalformedSourceRoute
    case greVersion1WrongProtocol
    case greVersion1HeaderTooBig
    case erspanHeaderTooSmall
    case erspanUnsupportedVersion
    case erspanTooManyVLANLayers
    case vxlanUnknownPayloadType
    case geneveUnknownPayloadType
    case tooManyLayers
    case captureTruncated

    /// The name in events, counters and rules: `ipv4.trunc_pkt`.
    var name: StaticString {
        switch self {
        case .ethernetTooSmall: "ethernet.pkt_too_small"
        case .ethernetUnknownEtherType: "ethernet.unknown_ethertype"
        case .llcTooSmall: "llc.pkt_too_small"
        case .ieee80211TooSmall: "ieee80211.pkt_too_small"
        case .ieee80211Fragment: "ieee80211.fragment"
        case .radiotapTooSmall: "radiotap.pkt_too_small"
        case .radiotapWrongVersion: "radiotap.wrong_version"
        case .sllTooSmall: "sll.pkt_too_small"
        case .sll2TooSmall: "sll2.pkt_too_small"
        case .nullTooSmall: "ltnull.pkt_too_small"
        case .nullUnsupportedType: "ltnull.unsupported_type"
        case .ciscoHDLCTooSmall: "chdlc.pkt_too_small"
        case .rawInvalidIPVersion: "ipraw.invalid_ip_version"
        case .pppTooSmall: "ppp.pkt_too_small"
        case .pppVJUTooSmall: "ppp.vju_pkt_too_small"
        case .pppIPv4TooSmall: "ppp.ip4_pkt_too_small"
        case .pppIPv6TooSmall: "ppp.ip6_pkt_too_small"
        case .pppWrongType: "ppp.wrong_type"
        case .pppUnsupportedProtocol: "ppp.unsup_proto"
        case .pppoeTooSmall: "pppoe.pkt_too_small"
        case .pppoeWrongCode: "pppoe.wrong_code"
        case .pppoeMalformedTags: "pppoe.malformed_tags"
        case .vlanHeaderTooSmall: "vlan.header_too_small"
        case .vlanUnknownType: "vlan.unknown_type"
        case .vlanTooManyLayers: "vlan.too_many_layers"
        case .ieee8021ahHeaderTooSmall: "ieee8021ah.header_too_small"
        case .vntagHeaderTooSmall: "vntag.header_too_small"
        case .vntagUnknownType: "vntag.unknown_type"
        case .fabricPathTooSmall: "dce.pkt_too_small"
        case .mplsHeaderTooSmall: "mpls.header_too_small"
        case .mplsTooSmall: "mpls.pkt_too_small"
        case .mplsBadLabelRouterAlert: "mpls.bad_label_router_alert"
        case .mplsBadLabelImplicitNull: "mpls.bad_label_implicit_null"
        case .mplsBadLabelReserved: "mpls.bad_label_reserved"
        case .mplsUnknownPayloadType: "mpls.unknown_payload_type"
        case .nshHeaderTooSmall: "nsh.header_too_small"
        case .nshUnsupportedVersion: "nsh.unsupported_version"
        case .nshBadHeaderLength: "nsh.bad_header_length"
        case .nshReservedType: "nsh.reserved_type"
        case .nshUnsupportedType: "nsh.unsupported_type"
        case .nshUnknownPayload: "nsh.unknown_payload"
        case .arpTooSmall: "arp.pkt_too_small"
        case .arpUnsupportedHardware: "arp.unsupported_hardware"
        case .arpUnsupportedProtocol: "arp.unsupported_protocol"
        case .arpInvalidHardwareSize: "arp.invalid_hardware_size"
        case .arpInvalidProtocolSize: "arp.invalid_protocol_size"
        case .arpUnsupportedOpcode: "arp.unsupported_opcode"
        case .ipv4TooSmall: "ipv4.pkt_too_small"
        case .ipv4HeaderLengthTooSmall: "ipv4.hlen_too_small"
        case .ipv4LengthSmallerThanHeader: "ipv4.iplen_smaller_than_hlen"
        case .ipv4Truncated: "ipv4.trunc_pkt"
        case .ipv4WrongVersion: "ipv4.wrong_ip_version"
        case .ipv4OptionInvalid: "ipv4.opt_invalid"
        case .ipv4OptionInvalidLength: "ipv4.opt_invalid_len"
        case .ipv4OptionMalformed: "ipv4.opt_malformed"
        case .ipv4OptionPadRequired: "ipv4.opt_pad_required"
        case .ipv4OptionEndRequired: "ipv4.opt_eol_required"
        case .ipv4OptionDuplicate: "ipv4.opt_duplicate"
        case .ipv4OptionUnknown: "ipv4.opt_unknown"
        case .ipv4WithICMPv6: "ipv4.icmpv6"
        case .ipv4FragmentTooLarge: "ipv4.frag_pkt_too_large"
        case .ipv4FragmentOverlap: "ipv4.frag_overlap"
        case .ipv4FragmentIgnored: "ipv4.frag_ignored"
        case .ipv4FragmentInvalidLength: "ipv4.frag_invalid_length"
        case .ipv4FragmentTiny: "ipv4.frag_tiny"
        case .ipv6TooSmall: "ipv6.pkt_too_small"
        case .ipv6Truncated: "ipv6.trunc_pkt"
        case .ipv6WrongVersion: "ipv6.wrong_ip_version"
        case .ipv6ExtensionTruncated: "ipv6.trunc_exthdr"
        case .ipv6DuplicateFragment: "ipv6.exthdr_dupl_fh"
        case .ipv6UselessFragment: "ipv6.exthdr_useless_fh"
        case .ipv6DuplicateRouting: "ipv6.exthdr_dupl_rh"
        case .ipv6DuplicateHopByHop: "ipv6.exthdr_dupl_hh"
        case .ipv6DuplicateDestination: "ipv6.exthdr_dupl_dh"
        case .ipv6DuplicateAuthentication: "ipv6.exthdr_dupl_ah"
        case .ipv6DuplicateESP: "ipv6.exthdr_dupl_eh"
        case .ipv6InvalidOptionLength: "ipv6.exthdr_invalid_optlen"
        case .ipv6AuthenticationReservedNotZero: "ipv6.exthdr_ah_res_not_null"
        case .ipv6HopByHopUnknownOption: "ipv6.hopopts_unknown_opt"
        case .ipv6HopByHopOnlyPadding: "ipv6.hopopts_only_padding"
        case .ipv6DestinationUnknownOption: "ipv6.dstopts_unknown_opt"
        case .ipv6DestinationOnlyPadding: "ipv6.dstopts_only_padding"
        case .ipv6RoutingType0: "ipv6.rh_type_0"
        case .ipv6ZeroLengthPadN: "ipv6.zero_len_padn"
        case .ipv6FragmentReservedNotZero: "ipv6.fh_non_zero_reserved_field"
        case .ipv6DataAfterNoNextHeader: "ipv6.data_after_none_header"
        case .ipv6UnknownNextHeader: "ipv6.unknown_next_header"
        case .ipv6TooManyExtensions: "ipv6.too_many_exthdr"
        case .ipv6WithICMPv4: "ipv6.icmpv4"
        case .ipv6FragmentTooLarge: "ipv6.frag_pkt_too_large"
        case .ipv6FragmentOverlap: "ipv6.frag_overlap"
        case .ipv6FragmentIgnored: "ipv6.frag_ignored"
        case .ipv6FragmentInvalidLength: "ipv6.frag_invalid_length"
        case .ipv6FragmentTiny: "ipv6.frag_tiny"
        case .ipv4InIPv6TooSmall: "ipv6.ipv4_in_ipv6_too_small"
        case .ipv4InIPv6WrongVersion: "ipv6.ipv4_in_ipv6_wrong_version"
        case .ipv6InIPv6TooSmall: "ipv6.ipv6_in_ipv6_too_small"
        case .ipv6InIPv6WrongVersion: "ipv6.ipv6_in_ipv6_wrong_version"
        case .tcpTooSmall: "tcp.pkt_too_small"
        case .tcpHeaderLengthTooSmall: "tcp.hlen_too_small"
        case .tcpInvalidHeaderLength: "tcp.invalid_optlen"
        case .tcpOptionInvalidLength: "tcp.opt_invalid_len"
        case .tcpOptionDuplicate: "tcp.opt_duplicate"
        case .udpTooSmall: "udp.pkt_too_small"
        case .udpHeaderLengthTooSmall: "udp.hlen_too_small"
        case .udpHeaderLengthInvalid: "udp.hlen_invalid"
        case .udpLengthInvalid: "udp.len_invalid"
        case .icmpv4TooSmall: "icmpv4.pkt_too_small"
        case .icmpv4UnknownType: "icmpv4.unknown_type"
        case .icmpv4UnknownCode: "icmpv4.unknown_code"
        case .icmpv4QuoteTruncated: "icmpv4.ipv4_trunc_pkt"
        case .icmpv4QuoteUnknownVersion: "icmpv4.ipv4_unknown_ver"
        case .icmpv6TooSmall: "icmpv6.pkt_too_small"
        case .icmpv6UnknownType: "icmpv6.unknown_type"
        case .icmpv6UnknownCode: "icmpv6.unknown_code"
        case .icmpv6QuoteTruncated: "icmpv6.ipv6_trunc_pkt"
        case .icmpv6QuoteUnknownVersion: "icmpv6.ipv6_unknown_version"
        case .icmpv6MLDInvalidHopLimit: "icmpv6.mld_message_with_invalid_hl"
        case .icmpv6UnassignedType: "icmpv6.unassigned_type"
        case .icmpv6ExperimentationType: "icmpv6.experimentation_type"
        case .sctpTooSmall: "sctp.pkt_too_small"
        case .espTooSmall: "esp.pkt_too_small"
        case .authenticationHeaderTooSmall: "ah.pkt_too_small"
        case .greTooSmall: "gre.pkt_too_small"
        case .greWrongVersion: "gre.wrong_version"
        case .greVersion0RecursionControl: "gre.version0_recur"
        case .greVersion0Flags: "gre.version0_flags"
        case .greVersion0HeaderTooBig: "gre.version0_hdr_too_big"
        case .greVersion0MalformedSourceRoute: "gre.version0_malformed_sre_hdr"
        case .greVersion1Checksum: "gre.version1_chksum"
        case .greVersion1Route: "gre.version1_route"
        case .greVersion1StrictSourceRoute: "gre.version1_ssr"
        case .greVersion1RecursionControl: "gre.version1_recur"
        case .greVersion1Flags: "gre.version1_flags"
        case .greVersion1MalformedSourceRoute: "gre.version1_malformed_sre_hdr"
        case .greVersion1NoKey: "gre.version1_no_key"
        case .greVersion1WrongProtocol: "gre.version1_wrong_protocol"
        case .greVersion1HeaderTooBig: "gre.version1_hdr_too_big"
        case .erspanHeaderTooSmall: "erspan.header_too_small"
        case .erspanUnsupportedVersion: "erspan.unsupported_version"
        case .erspanTooManyVLANLayers: "erspan.too_many_vlan_layers"
        case .vxlanUnknownPayloadType: "vxlan.unknown_payload_type"
        case .geneveUnknownPayloadType: "geneve.unknown_payload_type"
        case .tooManyLayers: "generic.too_many_layers"
        case .captureTruncated: "afpacket.trunc_pkt"
        }
    }

    /// Names that Suricata's rules have for anomalies which are called after their layer here.
    private static let otherNames: [String: DecodeAnomaly] = [
        "too_many_layers": .tooManyLayers
    ]

    /// The anomaly of a name, as rules write it.
    init?(name: String) {
        if let other = Self.otherNames[name] {
            self = other
            return
        }
        guard let anomaly = Self.allCases.first(where: { $0.name.description == name }) else {
            return nil
        }
        self = anomaly
    }
}

/// A set of decode anomalies in three words.
struct DecodeAnomalySet: Hashable, Sendable {
    private var low: UInt64 = 0
    private var middle: UInt64 = 0
    private var high: UInt64 = 0

    /// Members that fit; a test holds the names against it.
    static let capacity = 192

    @inline(__always) var isEmpty: Bool { low | middle | high == 0 }

    @inline(__always) mutating func insert(_ anomaly: DecodeAnomaly) {
        let bit: UInt64 = 1 << UInt64(anomaly.rawValue & 63)
        switch anomaly.rawValue >> 6 {
        case 0: low |= bit
        case 1: middle |= bit
        default: high |= bit
        }
    }

    @inline(__always) func contains(_ anomaly: DecodeAnomaly) -> Bool {
        let word =
            switch anomaly.rawValue >> 6 {
            case 0: low
            case 1: middle
            default: high
            }
        return word >> UInt64(anomaly.rawValue & 63) & 1 == 1
    }

    /// Takes out the member that is declared first.
    mutating func popFirst() -> DecodeAnomaly? {
        Self.popFirst(&low, 0) ?? Self.popFirst(&middle, 64) ?? Self.popFirst(&high, 128)
    }

    private static func popFirst(_ word: inout UInt64, _ base: Int) -> DecodeAnomaly? {
        guard word != 0 else { return nil }
        let bit = word.trailingZeroBitCount
        word &= word &- 1
        return DecodeAnomaly(rawValue: UInt8(truncatingIfNeeded: base &+ bit))
    }
}
