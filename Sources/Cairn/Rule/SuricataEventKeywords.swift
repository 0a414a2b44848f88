/// Keywords about oddities: `decode-event`, `stream-event` and `app-layer-event` under the names of Suricata's event rules.
extension SuricataDraft {
    mutating func decoderEvent(_ option: SuricataOption) throws(SuricataProblem) {
        var name = try option.required().text.lowercased()
        if name.hasPrefix("decoder.") { name.removeFirst("decoder.".count) }
        // `engine-event` knows those of streams too.
        if StreamAnomaly(name: name) != nil { return test("stream.anomaly", Self.text(name)) }
        guard let anomaly = DecodeAnomaly(name: name) else {
            throw option.unknownEvent(name, DecodeAnomaly.allCases.map(\.name.description))
        }
        looksAtDecoderEvents = true
        test("packet.anomaly", Self.text(anomaly.name.description))
    }

    /// Events of Suricata's inner workings, which have no like here.
    private static let neverRaised = [
        "stream.wrong_thread", "stream.reassembly_urgent_oob_limit_reached",
    ]

    mutating func streamEvent(_ option: SuricataOption) throws(SuricataProblem) {
        let name = "stream." + (try option.required().text.lowercased())
        guard StreamAnomaly(name: name) != nil || Self.neverRaised.contains(name) else {
            throw option.unknownEvent(name, StreamAnomaly.allCases.map(\.name.description))
        }
        test("stream.anomaly", Self.text(name))
    }

    /// `http.unable_to_match_response_to_request`: an oddity of a transaction;
    /// `applayer_mismatch_protocol_both_directions`: one of what a flow speaks.
    mutating func applicationEvent(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        if let anomaly = ProtocolAnomaly(name: value.text.lowercased()) {
            return test("protocol.anomaly", Self.text(anomaly.name.description))
        }
        let parts = value.text.lowercased().split(separator: ".", maxSplits: 1)
        guard parts.count == 2 else {
            throw option.unsupported("the event '\(value.text)' of '\(option.name)'")
        }
        let service = String(parts[0])
        guard let subject = FieldRegistry.subject(named: service),
            !FieldRegistry.subjects[subject].anomalyFields.isEmpty
        else { throw option.unsupported("an event of \(service)") }
        let definition = FieldRegistry.subjects[subject]
        guard
            let index = definition.anomalyIndex(of: value.text.lowercased())
                ?? definition.anomalyIndex(of: String(parts[1]))
        else {
            throw option.unsupported("the event '\(value.text)'")
        }
        let field = definition.fields[definition.anomalyFields.lowerBound].name
        guard let sticky = SuricataSticky(option.name, definition.name, field) else {
            throw option.unsupported()
        }
        let buffer = buffer(.transaction(sticky), at: option.offset)
        buffers[buffer].predicates.append(Self.text(definition.anomalies[index]))
    }
}

extension SuricataOption {
    fileprivate func unknownEvent(_ name: String, _ known: [String]) -> SuricataProblem {
        error("unknown event '\(name)'" + suggestion(for: name, among: known))
    }
}
