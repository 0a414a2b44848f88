/// How bad a match is, in Sigma's words; the order is that of severity.
public enum Level: UInt8, CaseIterable, Comparable, Sendable, BitwiseCopyable {
    case informational, low, medium, high, critical

    /// The level of a name in a rule.
    public init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    /// The name in rules and records.
    public var name: String {
        switch self {
        case .informational: "informational"
        case .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .critical: "critical"
        }
    }

    /// Orders by value.
    public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }

    /// EVE's `alert.severity`: 1 is the most severe.
    var eveSeverity: Int {
        switch self {
        case .critical, .high: 1
        case .medium: 2
        case .low: 3
        case .informational: 4
        }
    }
}
