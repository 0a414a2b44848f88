import Testing

@testable import Cairn

@Suite struct SigmaConditionTests {
    /// Prefix notation.
    private func show(_ condition: SigmaCondition) -> String {
        switch condition {
        case .selection(let name, _): name
        case .selections(let all, let pattern, _): "\(all ? "all" : "1") of \(pattern)"
        case .all(let parts): "(and \(parts.map(show).joined(separator: " ")))"
        case .any(let parts): "(or \(parts.map(show).joined(separator: " ")))"
        case .not(let part): "(not \(show(part)))"
        }
    }

    @Test(arguments: [
        ("a", "a"), ("a and b", "(and a b)"), ("a and b and c", "(and a b c)"),
        ("(a and b) and c", "(and (and a b) c)"),
        ("a or b and c", "(or a (and b c))"), ("(a or b) and c", "(and (or a b) c)"),
        ("not a and b", "(and (not a) b)"),
        ("not (a and b)", "(not (and a b))"), ("not not a", "(not (not a))"),
        ("a AND NOT b", "(and a (not b))"),
        ("1 of sel*", "1 of sel*"), ("any of them", "1 of them"),
        ("all of filter_*", "all of filter_*"),
        ("a and not 1 of filter_*", "(and a (not 1 of filter_*))"),
        ("notsel and or1", "(and notsel or1)"),
        ("sel-1 or _x", "(or sel-1 _x)"), ("\n a\n and b ", "(and a b)"), ("((a))", "a"),
        ("of", "of"),
    ])
    func `conditions become trees`(text: String, tree: String) throws {
        #expect(show(try SigmaCondition(parsing: text)) == tree)
    }

    @Test(arguments: [
        ("", 0, "the condition is empty"), ("a and", 5, "expected a selection after 'and'"),
        ("a b", 2, "expected 'and' or 'or' before 'b'"),
        ("and a", 0, "expected a selection before 'and'"), ("(a or b", 0, "'(' is not closed"),
        ("a)", 1, "')' without '('"),
        ("a & b", 2, "'&' has no meaning in a condition"),
        ("2 of sel*", 0, "'2 of' is not known; use '1 of' or 'all of'"),
        ("1 of", 4, "expected 'them' or a pattern like 'selection*' after 'of'"),
        ("sel*", 0, "a pattern needs a quantifier: '1 of sel*' or 'all of sel*'"),
        ("a or or b", 5, "expected a selection before 'or'"),
        ("not", 3, "expected a selection after 'not'"),
        ("a and ()", 7, "expected a selection before ')'"),
    ])
    func `mistakes have a place inside of the condition`(
        text: String, offset: Int, message: String
    ) {
        #expect(throws: ConditionError(offset: offset, message: message)) {
            try SigmaCondition(parsing: text)
        }
    }

    @Test(arguments: ["a | count() > 5", "count(x) by y > 3", "a | near b"])
    func `aggregations are told apart from mistakes`(text: String) {
        do throws(ConditionError) {
            _ = try SigmaCondition(parsing: text)
            Issue.record("'\(text)' was taken")
        } catch {
            #expect(error.isAggregation)
        }
    }

    @Test
    func `nesting is limited`() {
        let text = String(repeating: "not ", count: 100_000) + "a"
        #expect(throws: ConditionError(offset: 256, message: "nested more than 64 deep")) {
            try SigmaCondition(parsing: text)
        }
    }

    @Test(arguments: [
        ("selection", "sel*", true), ("sel", "sel*", true), ("xsel", "sel*", false),
        ("filter_a_b", "filter_*_b", true),
        ("ab", "*", true), ("", "*", true), ("abcb", "a*b", true), ("abc", "a*b", false),
        ("a", "a", true), ("a", "**a**", true),
    ])
    func `stars stand for any text`(name: String, pattern: String, fits: Bool) {
        #expect(matches(name, pattern: pattern) == fits)
    }
}
