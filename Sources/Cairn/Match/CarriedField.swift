/// A field that alerts carry, with what its declaration says of it.
struct CarriedField {
    let field: FieldID
    let isList: Bool
    private let ownSource: RuleProgram.Source
    private let otherSource: RuleProgram.Source

    init(_ field: FieldID, _ subjects: [ProtocolDefinition]) {
        let declaration = subjects[Int(field.subject)].fields[Int(field.index)]
        self.field = field
        isList = declaration.isList
        ownSource = RuleProgram.source(field, subjects, Int(field.subject))
        otherSource = RuleProgram.source(field, subjects, -1)
    }

    /// Where an event has it that is of a subject.
    func source(of subject: Int) -> RuleProgram.Source {
        subject == Int(field.subject) ? ownSource : otherSource
    }
}
