/// An entry of a test's `alerts-in`.
enum TestAlertsIn: Sendable {
    /// One alert, or repetitions of it.
    case alert(TestAlert)
    /// Time passes without alerts up to here, after the start of the test.
    case clock(nanoseconds: Int64)
}

/// An alert that a test hands to the correlation as if its rule had made it.
struct TestAlert: Sendable {
    var location: SourceLocation
    /// The rule by id or name; a Suricata rule that need not be loaded by its number.
    var rule: String
    var ruleLocation: SourceLocation
    /// When the first one is, after the start of the test; nil: a second behind what was written
    /// before.
    var atNanoseconds: Int64?
    var repeatCount = 1
    var repeatNanoseconds: Int64 = 0
    /// nil: what the rule says.
    var level: Level?
    var tags: [String]?
    var title: String?
    /// `src.ip`, `dns.query`, `actor` and so on, as they are named in the test.
    var fields: [TestField] = []
}

/// A field of a test's alerts, with what it is in each repetition.
struct TestField: Sendable {
    var name: String
    var location: SourceLocation
    var values: Values

    /// Values that repetitions take in turn, from the first again behind the last.
    enum Values: Sendable {
        case list([Scalar])
        case numbers(ClosedRange<Int64>)
        case addresses(from: IPAddress, count: UInt64)
    }

    /// `{n}` in text is the number of the repetition, from 0.
    enum Scalar: Equatable, Sendable {
        case text(String)
        /// As JSON writes it.
        case number(String)
        case bool(Bool)
    }

    /// How many repetitions it takes to see all values.
    var count: UInt64 {
        switch values {
        case .list(let values): UInt64(values.count)
        case .numbers(let range): UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
        case .addresses(_, let count): count
        }
    }

    /// The value in a repetition.
    func value(_ number: Int) -> Scalar {
        let turn = count == 0 ? UInt64(number) : UInt64(number) % count
        switch values {
        case .list(let values):
            guard case .text(let text) = values[Int(turn)] else { return values[Int(turn)] }
            return .text(text.replacing("{n}", with: String(number)))
        case .numbers(let range):
            return .number(String(range.lowerBound &+ Int64(bitPattern: turn)))
        case .addresses(var address, _):
            address.low &+= turn
            return .text(address.description)
        }
    }
}
