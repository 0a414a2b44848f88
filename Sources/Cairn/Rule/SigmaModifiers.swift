/// The modifiers of a detection item, in the order written: `field|modifier|modifier` (Sigma
/// modifiers appendix 2.1).
enum SigmaModifier: String, CaseIterable, Sendable {
    // Of text.
    case contains, startswith, endswith, cased, windash, expand
    case base64, base64offset, utf16, utf16le, utf16be, wide
    // Of regular expressions.
    case re, i, m, s, ignorecase, multiline, dotall
    // Of the value's meaning.
    case cidr, lt, lte, gt, gte, exists, fieldref
    case minute, hour, day, week, month, year
    // Of the whole list.
    case all, neq
    // Cairn's own.
    case sequence, dataset, country, reputation, bits, bits_all, bits_any, number, past

    private static let byName = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    /// The modifier of a name.
    static func named(_ name: String) -> SigmaModifier? { byName[name] }

    var comparison: Comparison? {
        switch self {
        case .lt: .less
        case .lte: .lessOrEqual
        case .gt: .greater
        case .gte: .greaterOrEqual
        default: nil
        }
    }

    var timePart: TimePart? { TimePart(rawValue: rawValue) }

    var bitMode: BitTest.Mode? {
        switch self {
        case .bits: .exactly
        case .bits_all: .all
        case .bits_any: .any
        default: nil
        }
    }
}

/// A modifier that cannot be applied to a value; the text says why and what would be right.
struct ModifierError: Error {
    var message: String
}

/// Applies modifiers to one value.
struct SigmaModifierChain {
    let modifiers: [SigmaModifier]
    /// Values of `%name%`, for `expand`.
    let placeholder: (String) -> [String]?
    let hasField: Bool

    func apply(to value: SigmaValue) throws(ModifierError) -> SigmaValue {
        var value = value
        for (index, modifier) in modifiers.enumerated() where modifier != .all && modifier != .neq {
            let before = modifiers[..<index]
            value = try apply(modifier, to: value, after: before)
        }
        return value
    }

    private func apply(
        _ modifier: SigmaModifier, to value: SigmaValue, after before: ArraySlice<SigmaModifier>
    ) throws(ModifierError) -> SigmaValue {
        if case .oneOf(let values) = value {
            var results: [SigmaValue] = []
            for value in values {
                results.append(try apply(modifier, to: value, after: before))
            }
            return .oneOf(results)
        }
        if let comparison = modifier.comparison { return try compare(comparison, value, modifier) }
        if let part = modifier.timePart { return try timePart(part, value, modifier) }
        if let mode = modifier.bitMode { return .bits(mode, try text(value, for: modifier)) }
        switch modifier {
        case .number: return .integer(try integer(value))
        case .contains, .startswith, .endswith: return try position(modifier, value)
        case .re: return try regex(value, after: before)
        case .i, .m, .s, .ignorecase, .multiline, .dotall: return try regexFlag(modifier, value)
        case .cidr: return try network(value, after: before)
        case .exists:
            guard hasField else { throw ModifierError(message: "'exists' needs a field") }
            guard before.isEmpty, case .bool(let exists) = value else {
                throw ModifierError(message: "'exists' takes true or false and no modifiers before")
            }
            return .exists(exists)
        case .past:
            guard before.isEmpty, case .bool(let isPast) = value else {
                throw ModifierError(message: "'past' takes true or false and no modifiers before")
            }
            return .past(isPast)
        case .fieldref:
            let string = try string(value, for: modifier)
            guard let literal = string.literal, !literal.isEmpty else {
                throw ModifierError(message: "'fieldref' takes the name of a field, without '*'")
            }
            return .fieldReference(
                String(decoding: literal, as: UTF8.self), .whole, isCased: string.isCased)
        case .cased:
            if case .fieldReference(let field, let position, _) = value {
                return .fieldReference(field, position, isCased: true)
            }
            var string = try string(value, for: modifier)
            string.isCased = true
            return .string(string)
        default: return try encoded(modifier, value)
        }
    }

    private func integer(_ value: SigmaValue) throws(ModifierError) -> IntegerTest {
        let text = try text(value, for: .number)
        guard let test = IntegerTest(text) else {
            throw ModifierError(
                message: "'\(text)' is no test of a number; write 5, '!5', '>=5', '2-5', '!2-5' or"
                    + " '&0xc0=0x80'")
        }
        return test
    }

    // MARK: Text

    private func string(
        _ value: SigmaValue, for modifier: SigmaModifier
    ) throws(ModifierError) -> SigmaString {
        switch value {
        case .string(let string): return string
        case .number(let number):
            throw ModifierError(
                message: "'\(modifier.rawValue)' needs text; write '\(number.text)' in quotes")
        default:
            throw ModifierError(
                message: "'\(modifier.rawValue)' needs text, not \(value.kind)")
        }
    }

    /// Text without wildcards; of a number its digits.
    private func text(
        _ value: SigmaValue, for modifier: SigmaModifier
    ) throws(ModifierError) -> String {
        if case .number(let number) = value { return number.text }
        guard let literal = try string(value, for: modifier).literal else {
            throw ModifierError(message: "'\(modifier.rawValue)' takes the letters of flags")
        }
        return String(decoding: literal, as: UTF8.self)
    }

    private func position(
        _ modifier: SigmaModifier, _ value: SigmaValue
    ) throws(ModifierError) -> SigmaValue {
        let openStart = modifier != .startswith
        let openEnd = modifier != .endswith
        switch value {
        case .regex(var regex):
            // Searched for anywhere as it is.
            if modifier == .startswith { regex.isAnchored = true }
            if modifier == .endswith { regex.pattern = "(?:\(regex.pattern))\\z" }
            return .regex(regex)
        case .fieldReference(let field, let position, let isCased):
            return .fieldReference(
                field, position.opened(atStart: openStart, atEnd: openEnd), isCased: isCased)
        default:
            return .string(
                try string(value, for: modifier).open(atStart: openStart, atEnd: openEnd))
        }
    }

    private func encoded(
        _ modifier: SigmaModifier, _ value: SigmaValue
    ) throws(ModifierError) -> SigmaValue {
        if modifier == .expand { return try expanded(value) }
        let string = try string(value, for: modifier)
        switch modifier {
        case .wide, .utf16le: return .string(string.utf16(isBigEndian: false))
        case .utf16: return .string(string.utf16(isBigEndian: false).withByteOrderMark())
        case .utf16be: return .string(string.utf16(isBigEndian: true))
        case .windash:
            guard let variants = string.windashVariants() else {
                throw ModifierError(
                    message: "'windash' takes at most three dashes; split the value into several")
            }
            return .oneOf(variants.map { .string($0) })
        default:
            guard let literal = string.literal else {
                throw ModifierError(
                    message: "'\(modifier.rawValue)' cannot encode the wildcards '*' and '?';"
                        + " write '\\*' or '\\?' for the characters")
            }
            let cased = string.isCased
            if modifier == .base64 {
                return .string(SigmaString(literal: Base64.encode(literal), isCased: cased))
            }
            guard literal.count > 1 else {
                throw ModifierError(
                    message: "'base64offset' needs two bytes: one alone can look like anything")
            }
            return .oneOf(
                Base64.encodeAtEveryOffset(literal).map {
                    .string(SigmaString(literal: $0, isCased: cased))
                })
        }
    }

    private func expanded(_ value: SigmaValue) throws(ModifierError) -> SigmaValue {
        var unknown: String?
        func values(_ string: SigmaString) -> [SigmaString] {
            string.insertingPlaceholders().replacingPlaceholders { name in
                guard let values = placeholder(name) else {
                    unknown = name
                    return []
                }
                return values.map { SigmaString($0) }
            }
        }
        let results: [SigmaValue]
        if case .regex(let regex) = value {
            results = values(SigmaString(literal: Array(regex.pattern.utf8))).map {
                var regex = regex
                regex.pattern = String(decoding: $0.literal ?? [], as: UTF8.self)
                return .regex(regex)
            }
        } else {
            results = values(try string(value, for: .expand)).map { .string($0) }
        }
        if let unknown {
            throw ModifierError(
                message: "the placeholder '%\(unknown)%' has no values;"
                    + " give them with --set placeholders.\(unknown)=…")
        }
        return results.count == 1 ? results[0] : .oneOf(results)
    }

    // MARK: Regular expressions and networks

    private func regex(
        _ value: SigmaValue, after before: ArraySlice<SigmaModifier>
    ) throws(ModifierError) -> SigmaValue {
        guard before.allSatisfy({ $0 == .all || $0 == .neq }), case .regex = value else {
            throw ModifierError(message: "'re' must be the first modifier and needs text")
        }
        return value
    }

    private func regexFlag(
        _ modifier: SigmaModifier, _ value: SigmaValue
    ) throws(ModifierError) -> SigmaValue {
        guard case .regex(var regex) = value else {
            throw ModifierError(message: "'\(modifier.rawValue)' must stand behind 're'")
        }
        switch modifier {
        case .i, .ignorecase: regex.ignoresCase = true
        case .m, .multiline: regex.isMultiline = true
        default: regex.dotMatchesAll = true
        }
        return .regex(regex)
    }

    private func network(
        _ value: SigmaValue, after before: ArraySlice<SigmaModifier>
    ) throws(ModifierError) -> SigmaValue {
        let string = try string(value, for: .cidr)
        let text = String(decoding: string.literal ?? [], as: UTF8.self)
        guard before.allSatisfy({ $0 == .all || $0 == .neq }), let network = IPNetwork(text) else {
            throw ModifierError(
                message: "'\(text)' is not a network; write 10.0.0.0/8 or fd00::/8")
        }
        return .network(network)
    }

    // MARK: Numbers

    private func compare(
        _ comparison: Comparison, _ value: SigmaValue, _ modifier: SigmaModifier
    ) throws(ModifierError) -> SigmaValue {
        switch value {
        case .timePart(let part, .equal, let number): return .timePart(part, comparison, number)
        default: return .compare(comparison, try number(value, for: modifier))
        }
    }

    private func timePart(
        _ part: TimePart, _ value: SigmaValue, _ modifier: SigmaModifier
    ) throws(ModifierError) -> SigmaValue {
        switch value {
        case .compare(let comparison, let number): return .timePart(part, comparison, number)
        default: return .timePart(part, .equal, try number(value, for: modifier))
        }
    }

    private func number(
        _ value: SigmaValue, for modifier: SigmaModifier
    ) throws(ModifierError) -> SigmaNumber {
        switch value {
        case .number(let number): return number
        case .string(let string):
            let text = String(decoding: string.literal ?? [], as: UTF8.self)
            if let number = SigmaNumber(text) { return number }
        default: break
        }
        throw ModifierError(message: "'\(modifier.rawValue)' needs a number, not \(value.kind)")
    }
}

extension SigmaNumber {
    /// The number of a plain scalar; nil if it is none.
    init?(_ text: String) {
        switch YAMLScalar.value(ofPlain: text) {
        case .integer(let integer): self.init(integer: integer, text: text)
        case .float(let float) where float.isFinite: self.init(float: float, text: text)
        default: return nil
        }
    }
}

extension SigmaValue {
    /// A word for messages.
    var kind: String {
        switch self {
        case .string: "text"
        case .number: "a number"
        case .bool: "true or false"
        case .null: "nothing"
        case .regex: "a regular expression"
        case .network: "a network"
        case .compare, .timePart: "a comparison"
        case .bits: "a test of flags"
        case .integer: "a test of a number"
        case .inSet: "a test of a set"
        case .country: "a test of a country"
        case .reputation: "a test of a reputation"
        case .exists: "a test for presence"
        case .past: "a test of a time"
        case .fieldReference: "a field"
        case .sequence: "a sequence"
        case .oneOf: "a list"
        }
    }
}

extension TextPosition {
    func opened(atStart: Bool, atEnd: Bool) -> TextPosition {
        let start = atStart || self == .suffix || self == .anywhere
        let end = atEnd || self == .prefix || self == .anywhere
        return start ? (end ? .anywhere : .suffix) : (end ? .prefix : .whole)
    }
}
