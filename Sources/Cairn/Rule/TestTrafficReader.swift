/// Reads the traffic that a test writes in place.
struct TestTrafficReader {
    let sink: DiagnosticSink
    let source: YAMLSource

    private static let kinds = ["tcp", "udp", "icmp", "packets", "pcap"]
    private static let contents = ["client", "server", "turns", "dns", "http", "tls"]
    /// How often one entry can be repeated.
    static let repeatCountMax: Int64 = 100_000
    /// Bytes of one turn.
    static let byteCountMax = 64 << 20

    func read(_ node: YAMLNode) -> TestTraffic? {
        let keys = Self.kinds + ["at", "repeat"] + Self.contents
        let errorCount = sink.errorCount
        guard let entries = sink.entries(node, "an entry of 'traffic'", keys: keys) else {
            return nil
        }
        let chosen = entries.filter { Self.kinds.contains($0.key) }
        if chosen.count != 1 {
            sink.error(
                at: node.mark, "an entry of 'traffic' needs one of \(alternatives(Self.kinds))")
        }
        let contents = chosen.map { content($0, node) }
        let at = node["at"].flatMap { sink.time($0, "'at'") }
        let repetition = node["repeat"].flatMap(repetition)
        guard sink.errorCount == errorCount, let content = contents.first ?? nil else { return nil }
        var traffic = TestTraffic(location: sink.location(node.mark), content: content)
        traffic.atNanoseconds = at
        if let repetition {
            traffic.repeatCount = repetition.count
            traffic.repeatNanoseconds = repetition.nanoseconds
        }
        return traffic
    }

    private func repetition(_ node: YAMLNode) -> (count: Int, nanoseconds: Int64)? {
        guard sink.entries(node, "'repeat'", keys: ["count", "every"]) != nil else { return nil }
        let every = node["every"].flatMap { sink.time($0, "'every'") } ?? 0
        guard let count = node["count"] else {
            sink.error(at: node.mark, "'repeat' needs a 'count'")
            return nil
        }
        return sink.integer(count, "'count'", in: 1...Self.repeatCountMax).map { (Int($0), every) }
    }

    // MARK: Kinds

    private func content(_ entry: YAMLEntry, _ node: YAMLNode) -> TestTraffic.Content? {
        switch entry.key {
        case "packets":
            let frames = entry.value.listOrSelf.compactMap(frame)
            return frames.isEmpty ? nil : .frames(frames)
        case "pcap": return sink.text(entry.value, "'pcap'").map { .capture($0) }
        case "icmp": return echo(entry.value).map { .echo($0) }
        default:
            return conversation(entry, node).map { .conversation($0) }
        }
    }

    private func frame(_ node: YAMLNode) -> [UInt8]? {
        guard let text = sink.text(node, "a packet") else { return nil }
        if let bytes = hexBytes(text) ?? Base64.decode(text.utf8), !bytes.isEmpty { return bytes }
        sink.error(at: node.mark, "a packet must be hexadecimal digits or base64")
        return nil
    }

    private func echo(_ node: YAMLNode) -> TestEcho? {
        let keys = ["client", "server", "size", "payload", "answered"]
        guard sink.entries(node, "'icmp'", keys: keys) != nil else { return nil }
        let (client, server) = (address(node, "client"), address(node, "server"))
        var payload: [UInt8] = []
        if let size = node["size"] {
            let count = sink.integer(size, "'size'", in: 0...65_000) ?? 0
            payload = (0..<Int(count)).map { UInt8(truncatingIfNeeded: $0) }
        }
        if let given = node["payload"] { payload = bytes(given) ?? [] }
        let isAnswered = node["answered"].flatMap { sink.bool($0, "'answered'") } ?? true
        guard let client, let server else { return nil }
        if client.isV4 != server.isV4 { noteVersions(at: node.mark) }
        var echo = TestEcho(client: client, server: server, payload: payload)
        echo.isAnswered = isAnswered
        return echo
    }

    private func address(_ node: YAMLNode, _ key: String) -> IPAddress? {
        guard let value = node[key] else {
            sink.error(at: node.mark, "'\(key)' is missing")
            return nil
        }
        guard let address = value.text.flatMap({ IPAddress($0) }) else {
            sink.error(at: value.mark, "'\(value.text ?? value.kind)' is no address")
            return nil
        }
        return address
    }

    private func conversation(_ entry: YAMLEntry, _ node: YAMLNode) -> TestConversation? {
        let isTCP = entry.key == "tcp"
        let keys = ["client", "server"] + (isTCP ? ["ending"] : [])
        guard sink.entries(entry.value, "'\(entry.key)'", keys: keys) != nil else { return nil }
        let client = endpoint(entry.value, "client")
        let server = endpoint(entry.value, "server")
        let ending: TestConversation.Ending? = entry.value["ending"].flatMap {
            sink.choice($0, "ending")
        }
        let turns = (node.entries ?? []).filter { Self.contents.contains($0.key) }.flatMap(turns)
        guard let client, let server else { return nil }
        if client.addresses.lowerBound.isV4 != server.addresses.lowerBound.isV4 {
            noteVersions(at: entry.value.mark)
        }
        var conversation = TestConversation(isTCP: isTCP, client: client, server: server)
        conversation.ending = ending ?? .fin
        conversation.turns = turns
        if !conversation.turns.isEmpty,
            conversation.ending == .refused || conversation.ending == .unanswered
        {
            sink.error(
                at: entry.value.mark, "a connection that is \(conversation.ending) carries nothing")
        }
        return conversation
    }

    private func noteVersions(at mark: YAMLMark) {
        sink.error(at: mark, "'client' and 'server' are of different IP versions")
    }

    // MARK: Endpoints

    private func endpoint(_ node: YAMLNode, _ key: String) -> TestEndpoint? {
        guard let value = node[key] else {
            sink.error(at: node.mark, "'\(key)' is missing")
            return nil
        }
        guard let text = sink.text(value, "'\(key)'") else { return nil }
        if let endpoint = TestEndpoint(text) { return endpoint }
        sink.error(
            at: value.mark,
            "'\(text)' is no address with a port; write 10.0.0.1:80, 10.0.0.1-20:80,"
                + " 10.0.0.1:1-1024 or [2001:db8::1]:80")
        return nil
    }

    // MARK: Turns

    private func turns(_ entry: YAMLEntry) -> [TestTurn] {
        switch entry.key {
        case "client": return bytes(entry.value).map { [.bytes(.toServer, $0)] } ?? []
        case "server": return bytes(entry.value).map { [.bytes(.toClient, $0)] } ?? []
        case "dns": return entry.value.listOrSelf.compactMap(dns)
        case "http": return entry.value.listOrSelf.compactMap(http)
        case "tls": return tls(entry.value).map { [$0] } ?? []
        default:
            guard let elements = entry.value.elements else {
                sink.error(at: entry.value.mark, "'turns' must be a list, not \(entry.value.kind)")
                return []
            }
            let keys = Self.contents.filter { $0 != "turns" }
            return elements.flatMap { element in
                (sink.entries(element, "a turn", keys: keys) ?? [])
                    .filter { keys.contains($0.key) }.flatMap(turns)
            }
        }
    }

    /// Text (with `"\x00"` ... `"\xff"` for bytes), `{hex: …}`, `{base64: …}`, `{repeat: {text: …,
    /// count: N}}`, or a list of these.
    func bytes(_ node: YAMLNode) -> [UInt8]? {
        switch node.content {
        case .scalar: return node.isNull ? [] : source.bytes(of: node)
        case .list(let elements):
            let parts = elements.compactMap(bytes)
            guard parts.count == elements.count else { return nil }
            return Array(parts.joined())
        case .map(let entries):
            guard entries.count == 1,
                ["hex", "base64", "repeat"].contains(entries[0].key)
            else {
                sink.error(
                    at: node.mark, "bytes are text, {hex: …}, {base64: …} or {repeat: …}")
                return nil
            }
            return bytes(entries[0])
        }
    }

    private func bytes(_ entry: YAMLEntry) -> [UInt8]? {
        if entry.key == "repeat" { return repeated(entry.value) }
        guard let text = sink.text(entry.value, "'\(entry.key)'") else { return nil }
        let decoded = entry.key == "hex" ? hexBytes(text) : Base64.decode(text.utf8)
        if decoded == nil {
            sink.error(
                at: entry.value.mark,
                entry.key == "hex"
                    ? "these are not pairs of hexadecimal digits" : "this is not base64")
        }
        return decoded
    }

    private func repeated(_ node: YAMLNode) -> [UInt8]? {
        guard sink.entries(node, "'repeat'", keys: ["text", "count"]) != nil,
            let text = node["text"].flatMap(bytes), let count = node["count"],
            let number = sink.integer(count, "'count'", in: 0...Int64(Self.byteCountMax))
        else {
            if node["text"] == nil || node["count"] == nil {
                sink.error(at: node.mark, "'repeat' needs 'text' and 'count'")
            }
            return nil
        }
        let (total, overflow) = text.count.multipliedReportingOverflow(by: Int(number))
        guard !overflow, total <= Self.byteCountMax else {
            sink.error(at: count.mark, "more than \(Self.byteCountMax >> 20) MiB in one turn")
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(total)
        for _ in 0..<number { bytes += text }
        return bytes
    }
}

extension TestEndpoint {
    /// `10.0.0.1:80`, `10.0.0.1-20:80`, `10.0.0.1:1-1024`, `[2001:db8::1]:80`.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        let ports = text[text.index(after: colon)...].split(
            separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = UInt16(ports[0]), let high = ports.count == 2 ? UInt16(ports[1]) : low,
            low <= high
        else { return nil }
        guard let addresses = IPAddress.range(host) else { return nil }
        self.addresses = addresses
        self.ports = low...high
    }
}

extension IPAddress {
    /// The addresses of a text like `10.0.0.1`, `10.0.0.1-20` or `2001:db8::1-2001:db8::ff`; nil
    /// for other text.
    static func range(_ text: some StringProtocol) -> ClosedRange<IPAddress>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = IPAddress(String(ends[0])) else { return nil }
        guard ends.count == 2 else { return first...first }
        var last = IPAddress(String(ends[1]))
        if first.isV4, let octet = UInt8(ends[1]) {
            last = IPAddress(v4: first.v4 & 0xffff_ff00 | UInt32(octet))
        }
        guard let last, last.isV4 == first.isV4, first <= last else { return nil }
        return first...last
    }
}
