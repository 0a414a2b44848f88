/// Whose bytes a host keeps where fragments overlap, by families of operating systems that do alike
/// (Novak, "Target-Based Fragmentation Reassembly", 2005). Raw values are the names in settings.
enum DefragmentationPolicy: String, CaseIterable, Sendable {
    /// The older fragment, unless the newer one begins before it.
    case bsd
    /// The newer fragment, unless it begins before the older one.
    case bsdRight = "bsd-right"
    /// The older fragment if it begins before the newer one.
    case linux
    /// Always the older fragment.
    case first
    /// Always the newer fragment.
    case last
    /// The older fragment, unless the newer one begins before it and ends behind it.
    case windows
    /// The older fragment, unless the newer one begins before it and does not end before it.
    case solaris

    /// Whether a newer fragment replaces what an older one brought, both given by first byte and
    /// end in the datagram.
    func prefers(newer: Range<UInt32>, over older: Range<UInt32>) -> Bool {
        switch self {
        case .bsd: newer.lowerBound < older.lowerBound
        case .bsdRight: newer.lowerBound >= older.lowerBound
        case .linux: newer.lowerBound <= older.lowerBound
        case .first: false
        case .last: true
        case .windows:
            newer.lowerBound < older.lowerBound && newer.upperBound > older.upperBound
        case .solaris:
            newer.lowerBound < older.lowerBound && newer.upperBound >= older.upperBound
        }
    }

    /// The policy of an operating system, by the names of `host-os-policy`.
    init?(operatingSystem name: String) {
        switch name {
        case "bsd", "old-solaris", "hpux10", "irix": self = .bsd
        case "bsd-right": self = .bsdRight
        case "linux", "old-linux": self = .linux
        case "first", "hpux11", "macos": self = .first
        case "last": self = .last
        case "windows", "windows2k3", "vista": self = .windows
        case "solaris": self = .solaris
        default: return nil
        }
    }
}

/// What the user can set about reassembly of IP datagrams.
struct DefragmentationSettings: Sendable {
    /// Datagrams that may be incomplete at once (`defrag.trackers`).
    var trackerCountMax = 65_535
    /// Bytes that their fragments may take (`defrag.memcap`).
    var memoryByteCountMax = 32 << 20
    /// Time after which an incomplete datagram is given up, counted from its first fragment
    /// (`defrag.timeout`).
    var timeoutNanoseconds = 60 * nanosecondsPerSecond
    /// What to do for destinations that `policies` leaves out.
    var defaultPolicy = DefragmentationPolicy.bsd
    /// Policies by destination (`host-os-policy`); the longest matching prefix counts. Hosts with
    /// IPv4 are taken for Windows unless told otherwise.
    var policies: [(network: IPNetwork, policy: DefragmentationPolicy)] =
        IPNetwork(IPAddress(v4: 0), prefixLength: 0).map { [($0, .windows)] } ?? []
    /// Time-outs by destination (`defrag.host-config`); the longest matching prefix counts.
    var timeouts: [(network: IPNetwork, nanoseconds: Int64)] = []
    /// Whether fragments of one datagram must come with the same VLAN tags
    /// (`vlan.use-for-tracking`).
    var usesVLAN = true

    func policy(for destination: IPAddress) -> DefragmentationPolicy {
        Self.longest(policies.lazy.map { ($0.network, $0.policy) }, destination) ?? defaultPolicy
    }

    func timeoutNanoseconds(for destination: IPAddress) -> Int64 {
        Self.longest(timeouts.lazy.map { ($0.network, $0.nanoseconds) }, destination)
            ?? timeoutNanoseconds
    }

    private static func longest<Value>(
        _ entries: some Sequence<(IPNetwork, Value)>, _ address: IPAddress
    ) -> Value? {
        var best: (length: Int, value: Value)?
        for (network, value) in entries
        where network.contains(address) && network.prefixLength >= best?.length ?? 0 {
            best = (network.prefixLength, value)
        }
        return best?.value
    }
}
