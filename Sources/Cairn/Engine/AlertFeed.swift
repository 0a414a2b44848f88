/// Hands alerts to the correlation as the plain values that it works on.
final class AlertFeed {
    private let correlator: Correlator
    /// The label of each detection rule, by its index.
    private let labels: [RuleLabelID]
    /// The place of each carried field in the correlation's values.
    private let fieldIndices: [String: Int]
    private var value: CorrelationAlert

    init(_ rules: RuleSet, _ correlator: Correlator) {
        self.correlator = correlator
        labels = rules.detections.map { rule in
            correlator.catalog.label(
                rule: Array(rule.header.id.utf8), title: Array(rule.header.title.utf8),
                level: rule.header.level ?? .medium, tags: rule.header.tags.map { Array($0.utf8) })
        }
        fieldIndices = Dictionary(
            uniqueKeysWithValues: correlator.program.fieldNames.enumerated().map { ($1, $0) })
        value = correlator.makeAlert()
    }

    /// Adds an alert.
    func add(_ alert: Alert) {
        value.removeAll()
        value.time = alert.timestamp
        value.packet = alert.frameNumber > 0 ? Int64(clamping: alert.frameNumber) : nil
        value.flowID = alert.flowID.map { Int64(clamping: $0) }
        value.label = labels[alert.rule]
        value.actor = value.store(alert.actor ?? alert.client.description)
        value.victim = value.store(alert.victim ?? alert.server.description)
        for field in alert.fields {
            guard let index = fieldIndices[field.name] else { continue }
            switch field.value {
            case .text(let bytes): value.fields[index] = bytes.withUnsafeBytes { value.store($0) }
            case .integer(let number): value.fields[index] = value.store(number)
            case .list: break
            }
        }
        correlator.add(value)
    }
}

extension CorrelationProgram {
    /// Compiles the correlation rules of a rule set.
    init(_ rules: RuleSet) {
        self.init(
            rules: rules.correlations,
            detections: rules.detections.map(\.header) + rules.skipped.map(\.header),
            fieldName: FieldRegistry.canonicalName)
    }
}

extension FieldRegistry {
    /// The registry name of a field that a correlation names, of whatever subject has it; the name itself if none has.
    static func canonicalName(of name: String) -> String {
        for subject in subjects.indices {
            guard let field = field(named: name, subject: subject) else { continue }
            return definition(of: field).name
        }
        return name
    }
}
