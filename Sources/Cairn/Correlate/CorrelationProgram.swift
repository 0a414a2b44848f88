/// All correlation rules of a rule set, compiled together: references resolved, in the order in
/// which they run.
///
/// A rule with a mistake is left out with a diagnostic, and so are those that refer to it.
struct CorrelationProgram: Sendable {
    /// Somebody that alerts and firings come from.
    struct Identity: Sendable {
        let text: String
        /// Its alerts and firings are evidence only, as a correlation of the same file refers to it
        /// without `generate`.
        var isEvidenceOnly = false
        /// The plans that look at its items.
        var listeners: [Listener] = []
    }

    /// A plan that looks at items of an identity, and where in its sources that identity is.
    struct Listener: Sendable {
        var plan: Int
        var source: Int
    }

    /// In running order: by depth, then by id.
    let plans: [CorrelationPlan]
    /// The registry names of the fields that alerts must carry, in the order of their UTF-8 bytes.
    let fieldNames: [String]
    /// Everybody that a rule document or a reference names; others have no listeners.
    let identities: [Identity]
    /// What is wrong with the rules.
    let diagnostics: [Diagnostic]
    private let names: [[UInt8]: Int]

    /// Compiles rules.
    ///
    /// - Parameters:
    ///   - rules: the correlation rules.
    ///   - detections: what all other rules say about themselves.
    ///   - fieldName: the registry's name of a field that a rule names.
    init(
        rules: [CorrelationRule], detections: [RuleHeader],
        fieldName: @escaping (String) -> String = { $0 }
    ) {
        var compiler = CorrelationCompiler(
            rules: rules, detections: detections, fieldName: fieldName)
        compiler.compile()
        plans = compiler.plans
        fieldNames = compiler.fieldNames
        identities = compiler.identities
        diagnostics = compiler.diagnostics
        names = Dictionary(
            uniqueKeysWithValues: compiler.names.map { (Array($0.key.utf8), $0.value) })
    }

    /// The identity of a rule with this id or name; nil if no rule of the program has it.
    func identity(named name: [UInt8]) -> [UInt8]? {
        names[name].map { Array(identities[$0].text.utf8) }
    }
}
