/// What a detection says, with its modifiers applied, before the types of its fields are known.
indirect enum SigmaExpression: Equatable, Sendable {
    case all([SigmaExpression])
    case any([SigmaExpression])
    case not(SigmaExpression)
    case item(SigmaItem)

    static func linked(_ parts: [SigmaExpression], byAll isAll: Bool) -> SigmaExpression {
        if parts.count == 1 { return parts[0] }
        return isAll ? .all(parts) : .any(parts)
    }
}

/// One field with one value to compare it with.
struct SigmaItem: Equatable, Sendable {
    /// As written; nil for a keyword.
    var field: String?
    var transforms: [Transform] = []
    var elements: ElementChoice?
    var value: SigmaValue
    /// Where the field and the value were written.
    var fieldMark: YAMLMark
    var valueMark: YAMLMark
}

/// A value of a detection item behind its modifiers.
indirect enum SigmaValue: Equatable, Sendable {
    case string(SigmaString)
    case number(SigmaNumber)
    case bool(Bool)
    case null
    case regex(RegexPattern)
    case network(IPNetwork)
    case compare(Comparison, SigmaNumber)
    case exists(Bool)
    case past(Bool)
    case fieldReference(String, TextPosition, isCased: Bool)
    case timePart(TimePart, Comparison, SigmaNumber)
    case sequence([SequenceStep])
    /// Letters of flags, and behind a comma those that do not count.
    case bits(BitTest.Mode, String)
    case integer(IntegerTest)
    case inSet(SetTest)
    case country(CountryTest)
    case reputation(ReputationTest)
    /// What one written value becomes where a modifier makes several of it; one of them must hold,
    /// also under `all`.
    case oneOf([SigmaValue])
}

/// A number with the text that it was written as.
struct SigmaNumber: Equatable, Sendable {
    var text: String
    var value: Double
    /// The number, if it is whole.
    var integer: Int64?

    init(integer: Int64, text: String) {
        self.text = text
        value = Double(integer)
        self.integer = integer
    }

    init(float: Double, text: String) {
        self.text = text
        value = float
        integer = Int64(exactly: float)
    }

    /// The same comparison with a whole number, for fields that hold whole numbers; nil if it never
    /// holds (`equal`) or always does (`notEqual`).
    func wholeComparison(_ comparison: Comparison) -> (Comparison, Int64)? {
        if let integer { return (comparison, integer) }
        func clamped(_ value: Double) -> Int64 {
            Int64(exactly: value) ?? (value < 0 ? .min : .max)
        }
        switch comparison {
        case .equal, .notEqual: return nil
        case .less, .greaterOrEqual: return (comparison, clamped(value.rounded(.up)))
        case .lessOrEqual, .greater: return (comparison, clamped(value.rounded(.down)))
        }
    }
}
