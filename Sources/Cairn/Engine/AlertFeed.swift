/// Hands alerts to the correlation as the plain values that it works on.
final class AlertFeed {
    private let correlator: Correlator
    private let rules: [DetectionRule]
    /// The label of each detection rule, by its index: made with its first alert, as most rules have none.
    private var labels: [RuleLabelID]
    /// The place of each field in the correlation's values, by subject, then by index; -1 where it is not carried.
    private let columns: [[Int]]
    private var value: CorrelationAlert

    init(_ rules: RuleSet, _ correlator: Correlator) {
        self.correlator = correlator
        self.rules = rules.detections
        labels = Array(repeating: .none, count: rules.detections.count)
        let fieldNames = correlator.program.fieldNames
        columns = FieldRegistry.subjects.map { subject in
            subject.fields.map { fieldNames.firstIndex(of: $0.name) ?? -1 }
        }
        value = correlator.makeAlert()
    }

    /// Adds an alert.
    func add(_ alert: Alert) {
        value.time = alert.timestamp
        value.label = label(of: alert.rule)
        if correlator.looks(at: value.label) { takeValues(of: alert) }
        correlator.add(value)
    }

    private func label(of rule: Int) -> RuleLabelID {
        if labels[rule] == .none {
            let header = rules[rule].header
            labels[rule] = correlator.catalog.label(
                rule: Array(header.id.utf8), title: Array(header.title.utf8),
                level: header.level ?? .medium, tags: header.tags.map { Array($0.utf8) })
        }
        return labels[rule]
    }

    private func takeValues(of alert: Alert) {
        value.removeValues()
        value.packet = alert.frameNumber > 0 ? Int64(clamping: alert.frameNumber) : nil
        value.flowID = alert.flowID.map { Int64(clamping: $0) }
        let (client, server) = (value.store(alert.client), value.store(alert.server))
        value.actor = alert.actor.map { store($0) } ?? client
        value.actor.kind = .text
        value.victim = alert.victim.map { store($0) } ?? server
        value.victim.kind = .text
        for carried in alert.fields {
            let column = columns[Int(carried.field.subject)][Int(carried.field.index)]
            guard column >= 0 else { continue }
            // Mostly the addresses are the ends of the flow, whose text is there.
            switch carried.value {
            case .address(alert.client): value.fields[column] = client
            case .address(alert.server): value.fields[column] = server
            default: value.fields[column] = store(carried.value)
            }
        }
    }

    private func store(_ field: FieldValue) -> CorrelationAlert.Value {
        switch field {
        case .text(let bytes): bytes.withUnsafeBytes { value.store($0) }
        case .integer(let number): value.store(number)
        case .address(let address): value.store(address)
        // It joins no group.
        case .list: CorrelationAlert.Value()
        }
    }
}

extension CorrelationProgram {
    /// Compiles the correlation rules of a rule set.
    init(_ rules: RuleSet) {
        self.init(
            rules: rules.correlations,
            // Only correlations ask who a detection rule is.
            detections: rules.correlations.isEmpty
                ? [] : rules.detections.map(\.header) + rules.skipped.map(\.header),
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
