/// The `logsource` of a rule: which events it is about, in the words of whoever logs them.
struct LogSource: Equatable, Sendable {
    var category: String?
    var product: String?
    var service: String?

    /// Whether everything that this one (of a filter) names is the same in another.
    func covers(_ other: LogSource) -> Bool {
        (category == nil || category == other.category)
            && (product == nil || product == other.product)
            && (service == nil || service == other.service)
    }

    /// `category proxy, product zeek` for messages.
    var description: String {
        [("product", product), ("category", category), ("service", service)]
            .compactMap { name, value in value.map { "\(name) '\($0)'" } }
            .joined(separator: ", ")
    }

    init(category: String? = nil, product: String? = nil, service: String? = nil) {
        self.category = category
        self.product = product
        self.service = service
    }

    /// Reads the map; other keys than the three are the writer's own.
    init?(_ node: YAMLNode, _ sink: DiagnosticSink) {
        guard let entries = node.entries else {
            sink.error(at: node.mark, "'logsource' must be a map, not \(node.kind)")
            return nil
        }
        let errorCount = sink.errorCount
        for entry in entries where !entry.value.isNull {
            switch entry.key {
            case "category": category = sink.text(entry.value, "'category'")
            case "product": product = sink.text(entry.value, "'product'")
            case "service": service = sink.text(entry.value, "'service'")
            default: break
            }
        }
        guard sink.errorCount == errorCount else { return nil }
        if category == nil, product == nil, service == nil {
            sink.error(
                at: node.mark,
                "'logsource' is empty; write '{product: cairn, service: http}' or the like")
            return nil
        }
    }
}

/// What a log source means on the wire.
struct Subject: Sendable {
    /// Index into `FieldRegistry.subjects`.
    var index: Int
    /// Cairn's own names are meant, so that an unknown one is a mistake of the writer. Elsewhere it
    /// is something that cannot be seen.
    var isNative: Bool
    /// Fields of the log source that have one value for everything that is seen on the wire, with
    /// the words for it.
    var constants: [String: [String]] = [:]
}

extension LogSource {
    enum Resolution {
        case subject(Subject)
        /// The reason why no event of this log source can be seen.
        case unseen(String)
        /// A mistake, with what would be right.
        case unknown(String)
    }

    /// Services of Zeek (its log files) that are not named as the protocol is here.
    private static let zeekServices = [
        "conn": "flow", "ssl": "tls", "x509": "tls", "files": "file", "smb_files": "smb",
        "smb_mapping": "smb", "smb_cmd": "smb", "kerberos": "krb5", "dce_rpc": "dcerpc",
        "ntlm": "smb", "radius": "radius", "modbus": "modbus",
    ]

    /// Sigma's categories that are about traffic, with what they look at.
    private static let categories = [
        "proxy": "http", "webserver": "http", "dns": "dns", "dns_query": "dns",
        "firewall": "flow", "network_connection": "flow", "netflow": "flow",
    ]

    /// What is true of everything that came over the wire: it was let through, and somebody opened
    /// it.
    private static let categoryConstants: [String: [String: [String]]] = [
        "firewall": [
            "action": ["accept", "accepted", "allow", "allowed", "forward", "pass", "permit"],
            "blocked": ["false"],
        ],
        "network_connection": ["Initiated": ["true"]],
    ]

    /// What one evaluation of a rule with this log source looks at.
    func resolve() -> Resolution {
        if product == "cairn" { return resolveNative() }
        if product == "zeek" || product == "bro" {
            guard let service else { return .unseen("Zeek's logs are told apart by 'service'") }
            let name = Self.zeekServices[service] ?? service
            guard
                let index = FieldRegistry.subject(named: service)
                    ?? FieldRegistry.subject(named: name)
            else {
                return .unseen("Zeek's log '\(service)' has no counterpart on the wire")
            }
            return .subject(Subject(index: index, isNative: false))
        }
        let name = category ?? (product == nil ? service : nil)
        guard let name, let target = Self.categories[name] else {
            return .unseen("the log source (\(description)) cannot be seen on the wire")
        }
        guard let index = FieldRegistry.subject(named: target) else {
            return .unseen("\(target) is not parsed")
        }
        return .subject(
            Subject(
                index: index, isNative: false, constants: Self.categoryConstants[name] ?? [:]))
    }

    private func resolveNative() -> Resolution {
        let names = FieldRegistry.subjects.map(\.name).filter { $0 != "common" }
        guard let service else {
            return .unknown("'product: cairn' needs a 'service': \(alternatives(names))")
        }
        guard let index = FieldRegistry.subject(named: service) else {
            return .unknown(
                "unknown service '\(service)'"
                    + (nearest(to: service, among: names).map { " — did you mean '\($0)'?" }
                        ?? "; there are \(alternatives(names))"))
        }
        return .subject(Subject(index: index, isNative: true))
    }
}
