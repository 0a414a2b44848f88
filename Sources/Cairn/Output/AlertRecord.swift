extension EventRecordWriter {
    /// Writes one alert as a line: EVE's `alert`, the transaction it matched, and Cairn's own object.
    func writeAlert(
        _ alert: Alert, rule: DetectionRule, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writeHeader(EventHeader(of: alert), type: "alert", into: &writer)
        if let direction = alert.direction {
            writer.member("direction", direction == .toServer ? "to_server" : "to_client")
        }
        if let communityID = alert.communityID { writer.member("community_id", communityID) }
        writeSignature(of: rule, into: &writer)
        if !alert.eventJSON.isEmpty { writer.raw(alert.eventJSON) }
        writer.key("cairn")
        writeEvidence(alert, rule.header, isStandalone: rule.isStandalone, into: &writer)
        writer.endObject()
        writer.endLine()
    }

    private func writeSignature(of rule: DetectionRule, into writer: inout JSONWriter) {
        let header = rule.header
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
        writer.endObject()
    }

    /// Values of the same key are gathered, in the order of their first appearance.
    private func writeMetadata(
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
        _ alert: Alert, _ header: RuleHeader, isStandalone: Bool, into writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.member("id", Self.identifier(of: alert, rule: header.id))
        writer.member("rule", header.id)
        writer.member("level", (header.level ?? .medium).name)
        writer.member("tags", header.tags)
        writer.member("time", alert.timestamp.description)
        if let actor = alert.actor { writer.member("actor", actor) }
        if let victim = alert.victim { writer.member("victim", victim) }
        writer.member("standalone", isStandalone)
        writer.key("fields")
        writer.beginObject()
        for field in alert.fields {
            writer.key(field.name)
            Self.write(field.value, into: &writer)
        }
        writer.endObject()
        writer.key("matches")
        writer.beginArray()
        for match in alert.matches {
            writer.beginObject()
            writer.member("field", match.field)
            writer.member("offset", match.offset)
            writer.member("length", match.length)
            writer.key("text")
            match.text.withUnsafeBytes { writer.string($0) }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ value: FieldValue, into writer: inout JSONWriter) {
        switch value {
        case .text(let bytes): bytes.withUnsafeBytes { writer.string($0) }
        case .integer(let number): writer.integer(number)
        case .list(let values):
            writer.beginArray()
            for value in values { write(value, into: &writer) }
            writer.endArray()
        }
    }

    /// 24 hexadecimal digits that name this alert in every run over the same packets.
    private static func identifier(of alert: Alert, rule: String) -> String {
        var key = JSONWriter()
        key.beginArray()
        key.string("alert")
        key.string(rule)
        key.integer(alert.timestamp.nanoseconds)
        key.integer(alert.frameNumber)
        key.integer(alert.flowID ?? 0)
        key.integer(alert.transactionID.map { Int64(clamping: $0) } ?? -1)
        key.endArray()
        return String(Digest.hash(.sha256, key.bytes).hexText.prefix(24))
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
