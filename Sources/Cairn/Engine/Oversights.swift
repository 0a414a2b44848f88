extension RunReport {
    /// What was not looked at: how often, and what it was. Counts may be zero.
    public var oversights: [(count: UInt64, what: String)] {
        Self.oversights.map { names, what in
            let details = names.contains(Self.linkTypes + "total") ? linkTypeNames : ""
            return (names.reduce(0) { $0 &+ counters[$1] }, what + details)
        }
    }

    private static let linkTypes = "decoder.unknown_linktype."
    /// Link types that are named; one capture rarely has more than one.
    private static let linkTypeCountMax = 8

    /// `: USB_LINUX_MMAPPED (220)`.
    private var linkTypeNames: String {
        let numbers = counters.values.keys.filter { $0.hasPrefix(Self.linkTypes) }
            .compactMap { UInt32($0.dropFirst(Self.linkTypes.count)) }.sorted()
        guard !numbers.isEmpty else { return "" }
        let names = numbers.prefix(Self.linkTypeCountMax).map { number in
            LinkType(rawValue: number).name.map { "\($0) (\(number))" } ?? "\(number)"
        }
        return ": " + names.joined(separator: ", ")
            + (numbers.count > names.count ? " and others" : "")
    }

    /// Counters that speak of what was not looked at. Each is reported by every run of its kind, zero or not.
    static let oversights: [(counters: [String], what: String)] = [
        (["capture.truncated"], "packets cut by the snap length"),
        (["capture.kernel_drops"], "packets dropped by the kernel"),
        (["capture.kernel_ifdrops"], "packets dropped by the interface"),
        (["capture.filtered"], "packets left out by the filter"),
        (["capture.files.late"], "files left out because their packets are too old"),
        (["time.jump"], "stamps too far ahead to be believed"),
        (["decoder.unknown_linktype.total"], "frames of link types that are not decoded"),
        (["decoder.invalid"], "packets with headers that could not be decoded"),
        (
            ["ipv4", "tcp"].map { "decoder.bad_checksum.\($0)" },
            "fragments and TCP packets with wrong checksums"
        ),
        (
            ["defrag.memcap.evicted", "defrag.max_trackers_reached"],
            "fragmented datagrams dropped at the memory limit"
        ),
        (["defrag.incomplete"], "fragmented datagrams that were never complete"),
        (["flow.memcap_evicted"], "flows ended early at the memory limit"),
        (["tcp.ssn_memcap_drop"], "TCP connections not followed at the memory limit"),
        (
            ["tcp.pkt_without_session"],
            "TCP packets of connections whose beginning was not captured"
        ),
        (["tcp.reassembly_gap"], "gaps in TCP streams"),
        (["tcp.segment_memcap_drop"], "TCP segments dropped at the memory limit"),
        (["tcp.stream_depth_reached"], "TCP streams longer than the depth that is looked at"),
        (["detect.stream_memcap"], "streams not searched at the memory limit"),
        (["detect.pending_limit"], "transactions with too many rules pending"),
        (["detect.regex_limit"], "regular expressions given up at their limit"),
        (["detect.sequence_limit"], "sequences given up at their limit"),
        (["detect.state_evicted"], "states of rules forgotten at the memory limit"),
        (["correlation.late"], "alerts too late for correlation"),
    ]
}
