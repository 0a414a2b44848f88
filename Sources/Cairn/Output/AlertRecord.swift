/// Writes alerts as lines: EVE's `alert`, the transaction it matched, and Cairn's own object.
///
/// What is the same in all alerts of a rule is written once and kept. Used by one thread.
final class AlertRecordWriter {
    private let records: EventRecordWriter
    private let rules: [DetectionRule]
    /// What the records of each rule share; nil until its first alert.
    private var ruleParts: [RuleParts?]
    private let sha256 = Digest(.sha256)
    private var key = JSONWriter()

    /// Members as JSON text.
    private final class RuleParts {
        /// `"alert":{…}`
        let signature: [UInt8]
        /// `"rule":"…","level":"…","tags":[…]`
        let evidence: [UInt8]
        /// `"standalone":…`
        let standalone: [UInt8]
        /// The rule's identifier as a JSON string.
        let identifier: [UInt8]

        init(of rule: DetectionRule) {
            let header = rule.header
            var signature = JSONWriter()
            AlertRecordWriter.writeSignature(of: header, into: &signature)
            self.signature = signature.bytes
            var evidence = JSONWriter()
            evidence.member("rule", header.id)
            evidence.member("level", (header.level ?? .medium).name)
            evidence.member("tags", header.tags)
            self.evidence = evidence.bytes
            var standalone = JSONWriter()
            standalone.member("standalone", rule.isStandalone)
            self.standalone = standalone.bytes
            var identifier = JSONWriter()
            identifier.string(header.id)
            self.identifier = identifier.bytes
        }
    }

    init(_ records: EventRecordWriter, _ rules: [DetectionRule]) {
        self.records = records
        self.rules = rules
        ruleParts = Array(repeating: nil, count: rules.count)
    }

    /// How far time has come, as a line for those who correlate what was written.
    func record(clock: Timestamp) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("clock")
        writer.time(clock)
        writer.endObject()
        writer.endLine()
        return writer.bytes
    }

    /// Writes one alert.
    func write(_ alert: Alert, into writer: inout JSONWriter) {
        let parts = parts(of: alert.rule)
        writer.beginObject()
        records.writeHeader(EventHeader(of: alert), type: "alert", into: &writer)
        if let direction = alert.direction {
            writer.member("direction", direction == .toServer ? "to_server" : "to_client")
        }
        write(alert.excerpt, 0..<alert.excerpt.communityIDEnd, into: &writer)
        if alert.captures.isEmpty, alert.contexts.isEmpty {
            writer.raw(parts.signature)
        } else {
            Self.writeSignature(of: rules[alert.rule].header, alert, into: &writer)
            Self.writeVariables(alert.captures, into: &writer)
        }
        write(alert.excerpt, alert.excerpt.communityIDEnd..<alert.excerpt.eventEnd, into: &writer)
        writer.key("cairn")
        writeEvidence(alert, parts, into: &writer)
        writer.endObject()
        writer.endLine()
    }

    private func parts(of rule: Int) -> RuleParts {
        if let parts = ruleParts[rule] { return parts }
        let parts = RuleParts(of: rules[rule])
        ruleParts[rule] = parts
        return parts
    }

    private static func writeSignature(
        of header: RuleHeader, _ alert: Alert? = nil, into writer: inout JSONWriter
    ) {
        writer.key("alert")
        writer.beginObject()
        writer.member("action", "allowed")
        writer.member("gid", header.generatorID)
        writer.member("signature_id", header.signatureID)
        writer.member("rev", header.revision)
        writer.member("signature", header.title)
        writer.member("category", header.category ?? "")
        writer.member("severity", header.severity ?? (header.level ?? .medium).eveSeverity)
        if !header.metadata.isEmpty { writeMetadata(header.metadata, into: &writer) }
        if !header.references.isEmpty { writer.member("references", header.references) }
        if let alert { writeContext(of: alert, into: &writer) }
        writer.endObject()
    }

    /// What expressions captured for the alert, and what the files of sets say of values that were found in them.
    private static func writeContext(of alert: Alert, into writer: inout JSONWriter) {
        let texts = alert.captures.filter { $0.name.hasPrefix("alert:") }
        guard !texts.isEmpty || !alert.contexts.isEmpty else { return }
        writer.key("context")
        writer.beginObject()
        var written: Set<String> = []
        for (name, text) in texts {
            let name = String(name.dropFirst("alert:".count))
            guard written.insert(name).inserted else { continue }
            writer.key(name)
            text.withUnsafeBytes { writer.string($0) }
        }
        for context in alert.contexts where written.insert(context.name).inserted {
            writer.key(context.name)
            writer.raw(context.json)
        }
        writer.endObject()
    }

    /// EVE's variables of the flow and of the packet, as far as this rule captured them.
    private static func writeVariables(
        _ captures: [(name: String, text: [UInt8])], into writer: inout JSONWriter
    ) {
        let isOfAlert = captures.allSatisfy { $0.name.hasPrefix("alert:") }
        guard !isOfAlert else { return }
        writer.key("metadata")
        writer.beginObject()
        for (scope, member) in [("flow:", "flowvars"), ("pkt:", "pktvars")] {
            let texts = captures.filter { $0.name.hasPrefix(scope) }
            guard !texts.isEmpty else { continue }
            writer.key(member)
            writer.beginArray()
            for (name, text) in texts {
                writer.beginObject()
                writer.key(String(name.dropFirst(scope.count)))
                text.withUnsafeBytes { writer.string($0) }
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
    }

    /// Values of the same key are gathered, in the order of their first appearance.
    private static func writeMetadata(
        _ metadata: [(key: String, value: String)], into writer: inout JSONWriter
    ) {
        writer.key("metadata")
        writer.beginObject()
        var written: Set<String> = []
        for (key, _) in metadata where written.insert(key).inserted {
            writer.key(key)
            writer.beginArray()
            for (other, value) in metadata where other == key { writer.string(value) }
            writer.endArray()
        }
        writer.endObject()
    }

    private func writeEvidence(
        _ alert: Alert, _ parts: RuleParts, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.key("id")
        writeIdentifier(of: alert, parts, into: &writer)
        writer.raw(parts.evidence)
        writer.key("time")
        writer.time(alert.timestamp)
        if let actor = alert.actor {
            writer.key("actor")
            Self.writeText(of: actor, into: &writer)
        }
        if let victim = alert.victim {
            writer.key("victim")
            Self.writeText(of: victim, into: &writer)
        }
        writer.raw(parts.standalone)
        write(alert.excerpt, alert.excerpt.eventEnd..<alert.excerpt.json.count, into: &writer)
        writer.endObject()
    }

    private func write(
        _ excerpt: Alert.Excerpt, _ range: Range<Int>, into writer: inout JSONWriter
    ) {
        guard !range.isEmpty else { return }
        excerpt.json.withUnsafeBytes { writer.raw(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Writes a value as a string, whatever it is.
    private static func writeText(of value: FieldValue, into writer: inout JSONWriter) {
        if case .integer(let number) = value {
            writer.string(String(number))
        } else {
            value.write(into: &writer)
        }
    }

    /// Writes twelve bytes that name this alert in every run over the same packets.
    private func writeIdentifier(
        of alert: Alert, _ parts: RuleParts, into writer: inout JSONWriter
    ) {
        key.removeAll()
        key.beginArray()
        key.string("alert")
        key.raw(parts.identifier)
        key.integer(alert.timestamp.nanoseconds)
        key.integer(alert.frameNumber)
        key.integer(alert.flowID ?? 0)
        key.integer(alert.transactionID.map { Int64(clamping: $0) } ?? -1)
        key.endArray()
        sha256.reset()
        key.withBytes { sha256.update($0) }
        sha256.withFinished { writer.hexadecimal($0.prefix(12)) }
    }
}

extension EventHeader {
    /// The header of an alert's record: the packet that made it certain.
    init(of alert: Alert) {
        self.init(
            timestamp: alert.timestamp,
            frameNumber: alert.frameNumber > 0 ? alert.frameNumber : nil, source: alert.source,
            flowID: alert.flowID, sourceAddress: alert.sourceAddress,
            destinationAddress: alert.destinationAddress, sourcePort: alert.sourcePort,
            destinationPort: alert.destinationPort, ipProtocol: alert.ipProtocol,
            transport: alert.transport,
            vlanIDs: alert.vlanIDs, applicationProtocol: alert.applicationProtocol,
            transactionID: alert.transactionID)
    }
}

extension FieldValue {
    /// Writes the value as JSON.
    func write(into writer: inout JSONWriter) {
        switch self {
        case .text(let bytes): bytes.withUnsafeBytes { writer.string($0) }
        case .integer(let number): writer.integer(number)
        case .address(let address): writer.address(address)
        case .list(let values):
            writer.beginArray()
            for value in values { value.write(into: &writer) }
            writer.endArray()
        }
    }
}
