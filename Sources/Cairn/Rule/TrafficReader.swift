/// Reads the `traffic` map of a rule: who talks to whom.
struct TrafficReader {
    let sink: DiagnosticSink
    let variables: RuleVariables

    private static let keys = [
        "from", "to", "flow", "both_ways", "each_way", "inspect", "protocol",
        "progress",
    ]

    func read(_ node: YAMLNode) -> TrafficFilter? {
        guard let entries = sink.entries(node, "'traffic'", keys: Self.keys) else { return nil }
        let errorCount = sink.errorCount
        var filter = TrafficFilter()
        for entry in entries where !entry.value.isNull {
            switch entry.key {
            case "from": filter.source = endpoint(entry.value, "'from'")
            case "to": filter.destination = endpoint(entry.value, "'to'")
            case "flow":
                filter.flow = entry.value.listOrSelf.compactMap {
                    sink.choice($0, "flow condition")
                }
                checkFlow(filter.flow, at: entry.value.mark)
            case "both_ways": filter.isBothWays = sink.bool(entry.value, "'both_ways'") ?? false
            case "each_way": filter.isEachWay = sink.bool(entry.value, "'each_way'") ?? false
            case "inspect": filter.inspection = inspection(entry.value)
            case "protocol": filter.protocols = transports(entry.value)
            case "progress": filter.progress = progress(entry.value)
            default: break
            }
        }
        if filter.progress != nil, filter.direction == nil {
            sink.error(
                at: node.mark,
                "'progress' is that of one direction; add 'flow: [to_server]' or 'flow: [to_client]'"
            )
        }
        return sink.errorCount == errorCount ? filter : nil
    }

    private func checkFlow(_ flow: [FlowCondition], at mark: YAMLMark) {
        let opposites: [(FlowCondition, FlowCondition)] = [
            (.to_server, .to_client), (.to_server, .from_server), (.to_client, .from_client),
            (.from_server, .from_client), (.established, .not_established),
            (.only_stream, .no_stream), (.only_frag, .no_frag),
        ]
        for (one, other) in opposites where flow.contains(one) && flow.contains(other) {
            sink.error(
                at: mark, "'\(one.rawValue)' and '\(other.rawValue)' cannot both hold")
        }
    }

    private func endpoint(_ node: YAMLNode, _ what: String) -> EndpointFilter {
        var filter = EndpointFilter()
        for entry in sink.entries(node, what, keys: ["ip", "port"]) ?? [] {
            guard let text = group(entry.value) else { continue }
            do throws(RuleVariables.GroupError) {
                if entry.key == "ip" {
                    filter.addresses = try variables.addressSet(text)
                } else if entry.key == "port" {
                    filter.ports = try variables.portSet(text)
                }
            } catch {
                sink.error(at: entry.value.mark, error.message)
            }
        }
        return filter
    }

    /// A scalar as it is, a YAML list as Suricata's text for the same.
    private func group(_ node: YAMLNode) -> String? {
        switch node.content {
        case .scalar:
            guard let text = node.text else {
                sink.error(at: node.mark, "nothing is given; write 'any'")
                return nil
            }
            return text
        case .list(let elements):
            let parts = elements.compactMap(group)
            return parts.count == elements.count ? "[" + parts.joined(separator: ",") + "]" : nil
        case .map:
            sink.error(at: node.mark, "expected text or a list, not a map")
            return nil
        }
    }

    private func inspection(_ node: YAMLNode) -> PayloadInspection {
        node.listOrSelf.reduce(into: []) { inspection, node in
            guard let name = sink.text(node, "'inspect'") else { return }
            let names = PayloadInspection.names
            if let known = names.first(where: { $0.1 == name }) {
                inspection.insert(known.0)
            } else {
                sink.error(
                    at: node.mark, "unknown '\(name)'; use \(alternatives(names.map(\.1)))")
            }
        }
    }

    private func progress(_ node: YAMLNode) -> Progress? {
        guard let name = sink.text(node, "'progress'") else { return nil }
        if let known = Progress.names.first(where: { $0.1 == name }) { return known.0 }
        sink.error(
            at: node.mark,
            "unknown progress '\(name)'; use \(alternatives(Progress.names.map(\.1)))")
        return nil
    }

    private func transports(_ node: YAMLNode) -> [Transport] {
        let names: [(String, [Transport])] = [
            ("tcp", [.tcp]), ("udp", [.udp]), ("icmp", [.icmp, .icmpv6]), ("icmpv4", [.icmp]),
            ("icmpv6", [.icmpv6]), ("sctp", [.sctp]),
        ]
        return node.listOrSelf.flatMap { node -> [Transport] in
            guard let name = sink.text(node, "a protocol") else { return [] }
            if let match = names.first(where: { $0.0 == name }) { return match.1 }
            sink.error(
                at: node.mark,
                "unknown protocol '\(name)'; use \(alternatives(names.map(\.0)))")
            return []
        }
    }
}

extension Progress {
    /// What rules can wait for.
    static let names: [(Progress, String)] = [
        (.line, "line"), (.headers, "headers"), (.body, "body"), (.message, "message"),
        (.complete, "complete"),
    ]
}

extension TrafficFilter {
    /// The direction that `flow` restricts a rule to.
    var direction: Direction? {
        if flow.contains(.to_server) || flow.contains(.from_client) { return .toServer }
        if flow.contains(.to_client) || flow.contains(.from_server) { return .toClient }
        return nil
    }
}
