/// A test that a rule file carries: traffic, and what must come of it.
struct RuleTest: Sendable {
    var name: String
    var location: SourceLocation
}
