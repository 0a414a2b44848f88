/// The text of a `condition`, parsed: selections by name, not yet looked up (Sigma rules
/// specification, "Condition").
///
///     or-chain    = and-chain *("or" and-chain)
///     and-chain   = operand *("and" operand)
///     operand     = "not" operand / "(" or-chain ")" / quantifier "of" pattern / selection
///     quantifier  = "1" / "any" / "all"
indirect enum SigmaCondition: Equatable, Sendable {
    case selection(String, offset: Int)
    /// `1 of x*` or `all of them`.
    case selections(all: Bool, pattern: String, offset: Int)
    case all([SigmaCondition])
    case any([SigmaCondition])
    case not(SigmaCondition)
}

/// A mistake in the text of a condition, with its place in characters from the beginning.
struct ConditionError: Error, Equatable {
    var offset: Int
    var message: String
    /// The condition counts events (`| count() > 5`), which is what correlation rules are for now.
    var isAggregation = false
}

extension SigmaCondition {
    /// Parentheses and `not` within each other.
    static let depthMax = 64

    init(parsing text: String) throws(ConditionError) {
        var parser = try ConditionParser(text)
        self = try parser.anyOf(depth: 0)
        if let token = parser.next {
            throw ConditionError(
                offset: token.offset,
                message: token.text == ")"
                    ? "')' without '('" : "expected 'and' or 'or' before '\(token.text)'")
        }
    }
}

private struct ConditionParser {
    struct Token {
        var text: String
        var offset: Int
    }

    private var tokens: [Token] = []
    private var index = 0
    private let characterCount: Int

    init(_ text: String) throws(ConditionError) {
        var offset = 0
        var word = ""
        var wordOffset = 0
        for character in text {
            if let ascii = character.asciiValue, Self.isWord(ascii) {
                if word.isEmpty { wordOffset = offset }
                word.append(character)
            } else {
                if !word.isEmpty { tokens.append(Token(text: word, offset: wordOffset)) }
                word = ""
                if character == "(" || character == ")" {
                    tokens.append(Token(text: String(character), offset: offset))
                } else if ["|", "<", ">", "="].contains(character) {
                    throw ConditionError(
                        offset: offset,
                        message: "aggregations ('count() > 5') are not part of Sigma any more;"
                            + " write a correlation rule", isAggregation: true)
                } else if !character.isWhitespace {
                    throw ConditionError(
                        offset: offset, message: "'\(character)' has no meaning in a condition")
                }
            }
            offset += 1
        }
        if !word.isEmpty { tokens.append(Token(text: word, offset: wordOffset)) }
        characterCount = offset
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"),
            UInt8(ascii: "*"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    var next: Token? { index < tokens.count ? tokens[index] : nil }

    private func nextIs(_ word: String) -> Bool {
        guard let text = next?.text else { return false }
        return text == word || text.lowercased() == word
    }

    private mutating func skip(_ word: String) -> Bool {
        guard nextIs(word) else { return false }
        index += 1
        return true
    }

    mutating func anyOf(depth: Int) throws(ConditionError) -> SigmaCondition {
        var parts = [try allOf(depth: depth)]
        while skip("or") { parts.append(try allOf(depth: depth)) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func allOf(depth: Int) throws(ConditionError) -> SigmaCondition {
        var parts = [try operand(depth: depth)]
        while skip("and") { parts.append(try operand(depth: depth)) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func operand(depth: Int) throws(ConditionError) -> SigmaCondition {
        guard let token = next else {
            throw ConditionError(
                offset: characterCount,
                message: index == 0
                    ? "the condition is empty"
                    : "expected a selection after '\(tokens[index - 1].text)'")
        }
        guard depth < SigmaCondition.depthMax else {
            throw ConditionError(
                offset: token.offset,
                message: "nested more than \(SigmaCondition.depthMax) deep")
        }
        if skip("not") { return .not(try operand(depth: depth + 1)) }
        if skip("(") {
            let inner = try anyOf(depth: depth + 1)
            guard skip(")") else {
                throw ConditionError(offset: token.offset, message: "'(' is not closed")
            }
            return inner
        }
        if nextIs("and") || nextIs("or") || token.text == ")" {
            throw ConditionError(
                offset: token.offset, message: "expected a selection before '\(token.text)'")
        }
        index += 1
        guard nextIs("of") else {
            if token.text.contains("*") {
                throw ConditionError(
                    offset: token.offset,
                    message: "a pattern needs a quantifier: '1 of \(token.text)' or"
                        + " 'all of \(token.text)'")
            }
            return .selection(token.text, offset: token.offset)
        }
        return try quantified(by: token)
    }

    private mutating func quantified(by quantifier: Token) throws(ConditionError) -> SigmaCondition
    {
        guard ["1", "any", "all"].contains(quantifier.text.lowercased()) else {
            throw ConditionError(
                offset: quantifier.offset,
                message: "'\(quantifier.text) of' is not known; use '1 of' or 'all of'")
        }
        index += 1
        guard let pattern = next, pattern.text != "(", pattern.text != ")" else {
            throw ConditionError(
                offset: next?.offset ?? characterCount,
                message: "expected 'them' or a pattern like 'selection*' after 'of'")
        }
        index += 1
        return .selections(
            all: quantifier.text.lowercased() == "all", pattern: pattern.text,
            offset: quantifier.offset)
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
func matches(_ name: String, pattern: String) -> Bool {
    let name = Array(name.utf8)
    let pattern = Array(pattern.utf8)
    var n = 0
    var p = 0
    var retry: (n: Int, p: Int)?
    while n < name.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            retry = (n, p + 1)
            p += 1
        } else if p < pattern.count, pattern[p] == name[n] {
            n += 1
            p += 1
        } else if let last = retry {
            n = last.n + 1
            p = last.p
            retry = (n, last.p)
        } else {
            return false
        }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
}
