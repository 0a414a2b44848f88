/// Reads the header of a Suricata rule, `alert tcp $HOME_NET any -> $EXTERNAL_NET 80`.
struct SuricataHeaderReader {
    let variables: RuleVariables

    struct Header {
        var action: RuleAction
        var traffic = TrafficFilter()
        var proto: SuricataProtocol
        var hook: SuricataHook?
        /// `=>`: both directions of a transaction count.
        var isTransactional = false
    }

    /// Addresses and ports that were read before, by their text.
    private var addresses: [String: AddressSet] = [:]
    private var ports: [String: PortSet] = [:]

    /// Groups that are remembered.
    private static let cacheCountMax = 4096

    init(variables: RuleVariables) {
        self.variables = variables
    }

    static func action(_ name: String) -> RuleAction? {
        let name = name.lowercased()
        return name == "sdrop" ? .drop : RuleAction(rawValue: name)
    }

    mutating func read(_ words: [SuricataValue]) throws(SuricataProblem) -> Header {
        guard let first = words.first else {
            throw SuricataProblem(offset: 0, message: "the rule has no header")
        }
        guard let action = Self.action(first.text) else {
            let names = RuleAction.allCases.map(\.rawValue)
            throw first.error(
                "unknown action '\(first.text)'"
                    + (nearest(to: first.text, among: names).map { " — did you mean '\($0)'?" }
                        ?? "; use \(alternatives(names))"))
        }
        guard words.count >= 2 else { throw first.error("the rule has no protocol") }
        let parts = words[1].split(":", maxSplits: 1)
        let proto = try Self.proto(parts[0])
        var header = Header(action: action, proto: proto)
        header.traffic.protocols = proto.transports
        if parts.count > 1 { header.hook = try SuricataHook(parts[1], of: proto) }
        if words.count == 2 { return header }
        guard words.count == 7 else {
            throw words[words.count - 1].error(
                "the header must be 'action protocol source port -> destination port', not"
                    + " \(words.count) words")
        }
        switch words[4].text {
        case "->": break
        case "<>": header.traffic.isBothWays = true
        case "=>": header.isTransactional = true
        default:
            throw words[4].error("unknown direction '\(words[4].text)'; use '->', '<>' or '=>'")
        }
        header.traffic.source = EndpointFilter(
            addresses: try addressSet(words[2]), ports: try portSet(words[3]))
        header.traffic.destination = EndpointFilter(
            addresses: try addressSet(words[5]), ports: try portSet(words[6]))
        return header
    }

    private static func proto(_ word: SuricataValue) throws(SuricataProblem) -> SuricataProtocol {
        let name = word.text.lowercased()
        if let proto = SuricataProtocol(name: name) { return proto }
        throw word.error(
            "unknown protocol '\(name)'"
                + (nearest(to: name, among: SuricataProtocol.names).map {
                    " — did you mean '\($0)'?"
                } ?? "; use one that Suricata knows, like ip, tcp, http or dns"))
    }

    private mutating func addressSet(
        _ word: SuricataValue
    ) throws(SuricataProblem) -> AddressSet {
        let text = word.text
        if let known = addresses[text] { return known }
        do throws(RuleVariables.GroupError) {
            let set = try variables.addressSet(text)
            if addresses.count < Self.cacheCountMax { addresses[text] = set }
            return set
        } catch {
            throw word.error(error.message)
        }
    }

    private mutating func portSet(_ word: SuricataValue) throws(SuricataProblem) -> PortSet {
        let text = word.text
        if let known = ports[text] { return known }
        do throws(RuleVariables.GroupError) {
            let set = try variables.portSet(text)
            if ports.count < Self.cacheCountMax { ports[text] = set }
            return set
        } catch {
            throw word.error(error.message)
        }
    }
}

/// The protocol of a header: a transport, or an application protocol by its name.
struct SuricataProtocol: Equatable {
    var transports: [Transport] = []
    /// Where rules on payload look, if the protocol says so.
    var inspection: PayloadInspection?
    /// Frames without IP are meant too.
    var includesAllPackets = false
    /// 4 or 6 if only that version of IP is meant.
    var ipVersion: Int64?
    /// What the frame must hold.
    var link: Link?
    /// What the flow must speak: names of `app_proto`, one of them.
    var applications: [String] = []

    /// Protocols below IP.
    enum Link: String {
        case arp, ether
    }

    /// Whether packets of TCP can be meant.
    var includesTCP: Bool { transports.isEmpty || transports.contains(.tcp) }

    private static let transports: [String: SuricataProtocol] = [
        "tcp": .init(transports: [.tcp]),
        "tcp-pkt": .init(transports: [.tcp], inspection: .packet),
        "tcp-stream": .init(transports: [.tcp], inspection: .stream),
        "udp": .init(transports: [.udp]), "sctp": .init(transports: [.sctp]),
        "icmp": .init(transports: [.icmp, .icmpv6]), "icmpv4": .init(transports: [.icmp]),
        "icmpv6": .init(transports: [.icmpv6]),
        "ip": .init(), "pkthdr": .init(includesAllPackets: true),
        "ipv4": .init(ipVersion: 4), "ip4": .init(ipVersion: 4),
        "ipv6": .init(ipVersion: 6), "ip6": .init(ipVersion: 6),
        "arp": .init(inspection: .packet, link: .arp),
        "ether": .init(inspection: .packet, link: .ether),
    ]

    /// Application protocols of Suricata 7 with other names of theirs, and the ones that they stand for.
    private static let applications: [String: [String]] = {
        var names: [String: [String]] = [:]
        for name in [
            "http2", "ftp", "smtp", "tls", "ssh", "imap", "smb", "dns", "modbus", "enip", "dnp3",
            "nfs", "ntp", "ftp-data", "tftp", "ike", "krb5", "quic", "dhcp", "snmp", "sip", "rfb",
            "mqtt", "pgsql", "telnet", "websocket", "ldap", "doh2", "bittorrent-dht", "rdp", "mdns",
            "llmnr", "pop3", "jabber", "irc", "template",
        ] {
            names[name] = [name]
        }
        names["http"] = ["http", "http2"]
        names["http1"] = ["http"]
        names["ssl"] = ["tls"]
        names["ikev2"] = ["ike"]
        names["nbss"] = ["nbss"]
        names["dcerpc"] = ["dcerpc", "smb"]
        return names
    }()

    init(
        transports: [Transport] = [], inspection: PayloadInspection? = nil, ipVersion: Int64? = nil,
        includesAllPackets: Bool = false, link: Link? = nil
    ) {
        self.transports = transports
        self.includesAllPackets = includesAllPackets
        self.inspection = inspection
        self.ipVersion = ipVersion
        self.link = link
    }

    init?(name: String) {
        if let proto = Self.transports[name] {
            self = proto
        } else if let names = Self.applications[name] {
            applications = names
        } else {
            return nil
        }
    }

    static let names = transports.keys.sorted() + applications.keys.sorted()
}
