/// Writes a detection rule as a YAML document that reads back as the same rule.
struct RuleWriter {
    /// Words of a Suricata header, whose groups are kept as written; else addresses and ports are written as they are.
    var headerWords: [String]?
    /// The text that the rule was made of, to be kept beside it.
    var original: String?

    /// The document; nil for a condition that has no form in YAML.
    func document(_ rule: DetectionRule) -> String? {
        guard let detection = DetectionWriter().section(rule.condition) else { return nil }
        var lines = head(rule.header)
        let service = FieldRegistry.subjects[rule.subject].name
        lines.append("logsource: {product: cairn, service: \(service)}")
        lines += traffic(rule.traffic)
        lines += detection
        lines += state(rule)
        if let original { lines.append("original: \(YAMLText.scalar(original))") }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: What it says about itself

    private func head(_ header: RuleHeader) -> [String] {
        var lines = ["title: \(YAMLText.scalar(header.title))"]
        lines.append("id: \(YAMLText.scalar(header.id))")
        if let name = header.name { lines.append("name: \(YAMLText.scalar(name))") }
        if let level = header.level { lines.append("level: \(level.name)") }
        if !header.tags.isEmpty { lines.append("tags: \(YAMLText.list(header.tags))") }
        if !header.references.isEmpty {
            lines.append("references:")
            lines += header.references.map { "  - \(YAMLText.scalar($0))" }
        }
        if let description = header.description {
            lines.append("description: \(YAMLText.scalar(description))")
        }
        if let status = header.status { lines.append("status: \(YAMLText.scalar(status))") }
        if header.generatorID != 1 { lines.append("gid: \(header.generatorID)") }
        if header.revision != 0 { lines.append("rev: \(header.revision)") }
        if let category = header.category {
            lines.append("category: \(YAMLText.scalar(category))")
        }
        if let severity = header.severity { lines.append("severity: \(severity)") }
        return lines + metadata(header.metadata)
    }

    /// A map; a list of maps where a key comes again.
    private func metadata(_ metadata: [(key: String, value: String)]) -> [String] {
        guard !metadata.isEmpty else { return [] }
        let isUnique = Set(metadata.map(\.key)).count == metadata.count
        return ["metadata:"]
            + metadata.map { key, value in
                (isUnique ? "  " : "  - ") + "\(YAMLText.scalar(key)): \(YAMLText.scalar(value))"
            }
    }

    // MARK: Traffic

    private func traffic(_ traffic: TrafficFilter) -> [String] {
        var lines: [String] = []
        let words = headerWords.flatMap { $0.count == 7 ? $0 : nil }
        if let from = endpoint(traffic.source, words.map { ($0[2], $0[3]) }) {
            lines.append("  from: \(from)")
        }
        if let to = endpoint(traffic.destination, words.map { ($0[5], $0[6]) }) {
            lines.append("  to: \(to)")
        }
        if !traffic.flow.isEmpty {
            lines.append("  flow: \(YAMLText.list(traffic.flow.map(\.rawValue)))")
        }
        if !traffic.protocols.isEmpty {
            lines.append("  protocol: \(Self.transports(traffic.protocols))")
        }
        if traffic.isBothWays { lines.append("  both_ways: true") }
        if traffic.isEachWay { lines.append("  each_way: true") }
        if let progress = Progress.names.first(where: { $0.0 == traffic.progress }) {
            lines.append("  progress: \(progress.1)")
        }
        if traffic.inspection != .packet {
            let names = PayloadInspection.names.filter { traffic.inspection.contains($0.0) }
                .map(\.1)
            lines.append("  inspect: \(names.count == 1 ? names[0] : YAMLText.list(names))")
        }
        return lines.isEmpty ? [] : ["traffic:"] + lines
    }

    private static func transports(_ transports: [Transport]) -> String {
        if transports == [.icmp, .icmpv6] { return "icmp" }
        let names = transports.map { transport in
            transport == .icmp ? "icmpv4" : "\(transport)"
        }
        return names.count == 1 ? names[0] : YAMLText.list(names)
    }

    private func endpoint(_ end: EndpointFilter, _ words: (String, String)?) -> String? {
        var parts: [String] = []
        if end.addresses != AddressSet() {
            let text = words?.0 ?? Self.text(end.addresses)
            parts.append("ip: \(YAMLText.group(text))")
        }
        if end.ports != PortSet() {
            let text = words?.1 ?? Self.text(end.ports)
            parts.append("port: \(YAMLText.group(Self.withDashes(text)))")
        }
        return parts.isEmpty ? nil : "{" + parts.joined(separator: ", ") + "}"
    }

    /// Ports with ranges as YAML has them: `[80,8000:8999,1024:]` becomes `[80,8000-8999,1024-65535]`.
    private static func withDashes(_ ports: String) -> String {
        var text = ""
        var term = ""
        func flush() {
            let ends = term.split(separator: ":", omittingEmptySubsequences: false)
            if ends.count == 2 {
                text += (ends[0].isEmpty ? "0" : ends[0]) + "-"
                text += ends[1].isEmpty ? "\(UInt16.max)" : ends[1]
            } else {
                text += term
            }
            term = ""
        }
        for character in ports {
            guard "[]!, \t".contains(character) else {
                term.append(character)
                continue
            }
            flush()
            text.append(character)
        }
        flush()
        return text
    }

    private static func text(_ set: AddressSet) -> String {
        let parts = set.included.map(\.text) + set.excluded.map { "!\($0.text)" }
        return "[" + parts.joined(separator: ",") + "]"
    }

    private static func text(_ set: PortSet) -> String {
        func text(_ range: ClosedRange<UInt16>) -> String {
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        let parts = set.included.map(text) + set.excluded.map { "!" + text($0) }
        return "[" + parts.joined(separator: ",") + "]"
    }

    // MARK: State and rate

    private func state(_ rule: DetectionRule) -> [String] {
        var lines: [String] = []
        if !rule.state.isEmpty {
            lines.append("state:")
            lines += rule.state.map { "  - {\(operation($0))}" }
        }
        if !rule.counters.isEmpty {
            lines.append("counters:")
            lines += rule.counters.map { "  - {\(counter($0))}" }
        }
        if let threshold = rule.threshold {
            lines.append("threshold: {type: \(threshold.kind.rawValue), \(rate(threshold))}")
        }
        if let filter = rule.detectionFilter { lines.append("detection_filter: {\(rate(filter))}") }
        if rule.files != .each { lines.append("files: \(rule.files.rawValue)") }
        if rule.trailers != .once { lines.append("trailers: \(rule.trailers.rawValue)") }
        let alertsByItself = rule.action != .pass
        if rule.alerts != alertsByItself { lines.append("alert: \(rule.alerts)") }
        if rule.action != .alert { lines.append("action: \(rule.action.rawValue)") }
        if rule.bypasses { lines.append("bypass: true") }
        for (key, field) in [("actor", rule.actor), ("victim", rule.victim)] {
            guard let field else { continue }
            lines.append("\(key): \(FieldRegistry.definition(of: field).name)")
        }
        return lines
    }

    private func operation(_ operation: StateOperation) -> String {
        let names =
            operation.names.count == 1
            ? YAMLText.scalar(operation.names[0]) : YAMLText.list(operation.names)
        var text = "\(operation.action.rawValue): \(names)"
        if operation.scope != .flow { text += ", scope: \(operation.scope.rawValue)" }
        if let seconds = operation.expireSeconds { text += ", expire: \(seconds)s" }
        if operation.isXbit { text += ", xbit: true" }
        return text
    }

    private func counter(_ counter: CounterOperation) -> String {
        var text =
            "name: \(YAMLText.scalar(counter.name)), op: \(YAMLText.scalar(counter.action.rawValue))"
        if counter.action != .isset, counter.action != .isnotset {
            text += ", value: \(SequenceWriter.text(counter.value))"
        }
        return text
    }

    private func rate(_ rate: Threshold) -> String {
        "track: \(rate.track.rawValue), count: \(rate.count), "
            + (rate.kind == .backoff
                ? "multiplier: \(rate.multiplier)" : "seconds: \(rate.seconds)")
            + (rate.uniquePort.map { ", unique_on: \($0.rawValue)" } ?? "")
    }
}

extension IPNetwork {
    /// `10.0.0.0/8`
    var text: String { "\(address)/\(prefixLength)" }
}

/// Text in YAML.
enum YAMLText {
    /// A scalar that reads back as this text, never as a number, truth or nothing.
    static func scalar(_ text: String) -> String {
        if isPlain(text) { return text }
        let isPrintable = text.unicodeScalars.allSatisfy(isPrintable)
        return isPrintable ? "'" + text.replacing("'", with: "''") + "'" : doubleQuoted(text)
    }

    /// A list in one line.
    static func list(_ texts: [String]) -> String {
        "[" + texts.map(scalar).joined(separator: ", ") + "]"
    }

    /// A group of addresses or ports: a list where it is one without groups inside.
    static func group(_ text: String) -> String {
        guard text.hasPrefix("["), text.hasSuffix("]"), !text.dropFirst().contains("[") else {
            return scalar(text)
        }
        let parts = text.dropFirst().dropLast().split(separator: ",").map { part in
            String(part.drop { $0 == " " || $0 == "\t" })
        }
        return parts.isEmpty ? scalar(text) : list(parts)
    }

    private static let words: Set<String> = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ]

    /// Letters, digits and a few signs, beginning with a letter or `$`.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, (97...122).contains(first | 0x20) || first == 36 else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (97...122).contains(byte | 0x20) && byte >= 65 || (48...57).contains(byte)
                || [36, 45, 46, 95].contains(byte)
        } && !words.contains(text.lowercased())
    }

    /// Characters that YAML lets stand in quotes of one line, and that a reader can see.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: false
        default: true
        }
    }

    private static func doubleQuoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default:
                if isPrintable(scalar) {
                    quoted.unicodeScalars.append(scalar)
                } else {
                    let digits = String(scalar.value, radix: 16)
                    quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return quoted + "\""
    }
}
