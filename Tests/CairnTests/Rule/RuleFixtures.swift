import Testing

@testable import Cairn

/// Loads rules out of text, and shows what was said about them.
enum RuleFixtures {
    static func load(
        _ text: String, settings: Settings = Settings(), for purpose: RuleLoader.Purpose = .packets
    ) -> RuleSet {
        RuleLoader(settings: settings, for: purpose).load(source: text.utf8, path: "rules.yml")
    }

    /// One rule with this `detection` section, given without indentation, from line 3 on.
    static func rule(_ service: String, _ detection: String, _ rest: String = "") -> RuleSet {
        let lines = detection.split(separator: "\n", omittingEmptySubsequences: false)
        let text = "title: T\nlogsource: {product: cairn, service: \(service)}\ndetection:\n"
        return load(text + lines.map { "  \($0)\n" }.joined() + rest)
    }

    /// The condition of a rule on HTTP with one selection.
    static func condition(
        _ item: String, service: String = "http", settings: Settings = Settings(),
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) throws -> Condition {
        let text =
            "title: T\nlogsource: {product: cairn, service: \(service)}\n"
            + "detection: {s: {\(item)}, condition: s}\n"
        let set = load(text, settings: settings)
        #expect(messages(set) == [], sourceLocation: sourceLocation)
        return try #require(set.detections.first?.condition, sourceLocation: sourceLocation)
    }

    /// `line:column: severity: message` of everything that was said.
    static func messages(_ set: RuleSet) -> [String] { messages(set.diagnostics) }

    static func messages(_ diagnostics: [Diagnostic]) -> [String] {
        diagnostics.map {
            "\($0.location.line):\($0.location.column): \($0.severity.rawValue): \($0.message)"
        }
    }

    static func field(_ name: String, of service: String = "http") throws -> FieldID {
        let subject = try #require(FieldRegistry.subject(named: service))
        return try #require(FieldRegistry.field(named: name, subject: subject))
    }

    static func match(
        _ name: String, _ predicate: Predicate, of service: String = "http",
        transforms: [Transform] = []
    ) throws -> Condition {
        .match(
            FieldMatch(
                field: try field(name, of: service), transforms: transforms, predicate: predicate))
    }
}

extension TextPattern {
    /// A pattern in which `*` and `?` are wildcards and everything else is literal.
    init(_ text: String, isCased: Bool = false) {
        self = SigmaString(text).pattern
        self.isCased = isCased
    }
}
