/// Settings of the TCP engine under Suricata's names (`stream.*`, `host-os-policy.*`).
struct StreamSettings: Equatable, Sendable {
    /// `stream.memcap`: bytes for connections, of all shards together.
    var memcap = 64 << 20
    /// `stream.reassembly.memcap`: bytes for segments that wait for delivery, of all shards
    /// together.
    var reassemblyMemcap = 256 << 20
    /// `stream.reassembly.depth`: bytes of each direction that are looked at; 0 for all.
    var depth = 1 << 20
    /// `stream.midstream`: follow connections whose handshake was not seen.
    var midstream = false
    /// `stream.async-oneside`: follow connections of which only one side is seen.
    var asyncOneside = false
    /// `stream.max-synack-queued`: different SYN/ACKs of one handshake that are kept until the
    /// client chooses one.
    var synackQueuedMax = 5
    /// `stream.max-syn-queued`: different SYNs of one handshake that are kept until the server
    /// chooses one.
    var synQueuedMax = 10
    /// `stream.reassembly.urgent.policy`
    var urgentPolicy = UrgentPolicy.inline
    /// `stream.reassembly.check-overlap-different-data`
    var checksOverlaps = true
    /// `host-os-policy`: which system reassembles, by its address.
    var hostPolicies = HostPolicies()
}

/// What becomes of the byte that an urgent pointer marks (RFC 6093 §3.1).
enum UrgentPolicy: String, CaseIterable, Sendable {
    /// It stays in the stream, as RFC 9293 has it and as applications with SO_OOBINLINE see it.
    case inline
    /// It is taken out of the stream, as most sockets do.
    case outOfBand = "oob"
    /// Suricata drops the packet when it is inline and treats the byte as in-line data otherwise;
    /// Cairn never drops.
    case drop
    /// It is missing from the stream.
    case gap
}

/// Whose way of reassembling TCP segments that overlap is followed: the receiver's system decides
/// which copy of a byte its application sees (Novak and Sturges, "Target-Based TCP Stream
/// Reassembly", 2007).
enum OverlapPolicy: UInt8, CaseIterable, Sendable {
    case bsd, bsdRight, oldLinux, linux, oldSolaris, solaris, hpux10, hpux11, irix, macos,
        windows, vista, windows2k3
    /// The copy that came first, or last, whatever the order of the segments.
    case first, last

    /// The name in `host-os-policy`.
    var name: String {
        switch self {
        case .bsdRight: "bsd-right"
        case .oldLinux: "old-linux"
        case .oldSolaris: "old-solaris"
        default: "\(self)"
        }
    }

    /// The policy of a name in `host-os-policy`.
    init?(name: String) {
        guard let policy = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = policy
    }

    /// Whether a newer segment's copy replaces the older segment's, by where the newer starts and
    /// ends relative to the older: negative before, 0 at the same byte, positive after.
    @inline(__always) func prefersNewer(start: Int64, end: Int64) -> Bool {
        switch self {
        case .bsd, .bsdRight, .hpux10, .irix, .macos, .windows, .windows2k3: start < 0
        case .linux, .oldLinux: start < 0 || start == 0 && end >= 0
        case .solaris, .oldSolaris, .hpux11: start <= 0 && end >= 0 || start > 0 && end > 0
        case .vista, .first: false
        case .last: true
        }
    }

    /// Which RST a receiver believes, by its sequence number.
    @inline(__always) var resetCheck: ResetCheck {
        switch self {
        case .linux, .oldLinux, .solaris, .oldSolaris: .inWindow
        case .hpux11: .notBefore
        default: .exact
        }
    }

    /// What a RST's sequence number must be, relative to the next one expected.
    enum ResetCheck {
        /// The one expected (RFC 5961 §3.2).
        case exact
        /// Within the window (RFC 9293 §3.10.7.4).
        case inWindow
        /// The one expected or any later.
        case notBefore
    }
}

/// The overlap policies of networks. The longest prefix decides, of equal
/// ones the last; IPv4 defaults to Windows, IPv6 to
/// BSD.
struct HostPolicies: Equatable, Sendable {
    /// `host-os-policy` as Debian ships it.
    var networks: [Entry] = [
        Entry(network: IPNetwork(IPAddress(v4: 0), prefixLength: 0), policy: .windows)
    ].compactMap { $0 }

    struct Entry: Equatable, Sendable {
        var network: IPNetwork
        var policy: OverlapPolicy

        init?(network: IPNetwork?, policy: OverlapPolicy) {
            guard let network else { return nil }
            self.network = network
            self.policy = policy
        }
    }

    /// The policy of a host; looked up once for each end of a connection.
    func policy(of address: IPAddress) -> OverlapPolicy {
        var best: Entry?
        for entry in networks where entry.network.contains(address) {
            if entry.network.prefixLength >= best?.network.prefixLength ?? -1 { best = entry }
        }
        return best?.policy ?? .bsd
    }
}
