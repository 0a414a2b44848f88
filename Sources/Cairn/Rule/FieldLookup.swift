/// Finds subjects and fields by the names that rules use, in one step each.
struct FieldLookup: Sendable {
    let subjects: [ProtocolDefinition]
    private let subjectIndices: [String: Int]
    /// By subject: names and aliases with the field's index.
    private let fieldIndices: [[String: Int]]
    /// The table whose fields may be named in rules on any subject.
    private let common: Int?

    /// Every field that there is.
    static let registry = FieldLookup(FieldRegistry.subjects)

    init(_ subjects: [ProtocolDefinition]) {
        self.subjects = subjects
        var indices: [String: Int] = [:]
        for (index, subject) in subjects.enumerated() {
            for name in [subject.name] + subject.aliases where indices[name] == nil {
                indices[name] = index
            }
        }
        subjectIndices = indices
        fieldIndices = subjects.map { subject in
            var indices: [String: Int] = [:]
            for (index, field) in subject.fields.enumerated() { indices[field.name] = index }
            for (index, field) in subject.fields.enumerated() {
                for alias in field.aliases where indices[alias] == nil { indices[alias] = index }
            }
            return indices
        }
        common = indices["common"]
    }

    /// The subject of a service's name or alias.
    func subject(named name: String) -> Int? { subjectIndices[name] }

    /// The field of a name or alias that rules on a subject can name.
    func field(named name: String, subject: Int) -> FieldID? {
        if let index = fieldIndices[subject][name] { return id(subject, index) }
        if let common, let index = fieldIndices[common][name] { return id(common, index) }
        return nil
    }

    private func id(_ subject: Int, _ index: Int) -> FieldID {
        FieldID(
            subject: UInt8(truncatingIfNeeded: subject), index: UInt16(truncatingIfNeeded: index))
    }

    func definition(_ field: FieldID) -> FieldDefinition {
        subjects[Int(field.subject)].fields[Int(field.index)]
    }

    /// Registry names that rules on a subject can use, for suggestions.
    func names(subject: Int) -> [String] {
        let own = subjects[subject].fields.map(\.name)
        guard let common, common != subject else { return own }
        return own + subjects[common].fields.map(\.name)
    }

    /// A subject other than `subject` that has a field of this name.
    func otherSubject(withField name: String, than subject: Int) -> String? {
        subjects.indices.first { $0 != subject && fieldIndices[$0][name] != nil }
            .map { subjects[$0].name }
    }
}
