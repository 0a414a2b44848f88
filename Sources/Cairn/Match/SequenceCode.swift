/// The steps of all `sequence`s of a rule set in flat tables.
final class SequenceCode: @unchecked Sendable {
    /// One step: what kind it is, and its place in the table of its kind.
    struct Step {
        enum Kind: UInt8 {
            case content, regex, byteTest, byteJump, byteExtract, byteMath, isDataAt, size
        }

        var kind: Kind
        var index: Int32
        var isNegated = false
        /// Counts from where the step before it ended.
        var isRelative = false
        /// Where this step matches decides about steps behind it: if those fail, its next match is tried.
        var isRetried = false
    }

    /// A number of the rule, or the value of a variable.
    struct Number {
        var value: Int = 0
        /// The variable's place among those of its rule; -1 for a plain number.
        var variable: Int16 = -1
    }

    struct Content {
        var text: SearchText
        var offset: Number?
        var depth: Number?
        var distance: Number?
        var within: Number?
        var startsWith: Bool
        var endsWith: Bool
    }

    struct Regex {
        var index: Int
        var isAnchored: Bool
        /// Variables that the groups set, -1 for those that nobody reads.
        var captures: [Int16]
    }

    struct Bytes {
        var byteCount: Number
        var offset: Number
        var isRelative: Bool
        var isLittleEndian: Bool
        var text: ByteNumber.Text?
        var bitmask: UInt64
        var shift: UInt64
    }

    struct ByteTest {
        var bytes: Bytes
        var comparison: ByteComparison
        var value: Number
    }

    struct Jump {
        var bytes: Bytes
        var multiplier: UInt64
        var postOffset: Number
        var aligns: Bool
        var fromBeginning: Bool
        var fromEnd: Bool
    }

    struct Extract {
        var bytes: Bytes
        var variable: Int16
        var multiplier: UInt64
        var align: UInt64
    }

    struct Math {
        var bytes: Bytes
        var operation: ArithmeticOperator
        var operand: Number
        var variable: Int16
    }

    let steps = FlatTable<Step>()
    let contents = FlatTable<Content>()
    let regexes = FlatTable<Regex>()
    let byteTests = FlatTable<ByteTest>()
    let jumps = FlatTable<Jump>()
    let extracts = FlatTable<Extract>()
    let maths = FlatTable<Math>()
    let dataOffsets = FlatTable<Number>()
    let sizes = FlatTable<ClosedRange<Int>>()
    let regexTable: RegexTable
    private let arena: Arena

    /// Variables that one rule may have; rules with more do not load.
    static let variableCountMax = 32

    init(regexTable: RegexTable, arena: Arena) {
        self.regexTable = regexTable
        self.arena = arena
    }

    /// Adds a sequence.
    ///
    /// - Parameter variables: names of the rule's variables by their place; new ones are added.
    /// - Returns: the places of its steps.
    func add(
        _ sequence: [SequenceStep], variables: inout [String]
    ) throws(RegexProblem) -> Range<Int> {
        let first = steps.count
        for (index, step) in sequence.enumerated() {
            var code = try compile(step, &variables)
            code.isRetried = Self.isRetried(sequence, index)
            steps.append(code)
        }
        return first..<steps.count
    }

    /// A content or expression is tried again if a step behind it is relative, up to and including the next content or
    /// expression.
    private static func isRetried(_ sequence: [SequenceStep], _ index: Int) -> Bool {
        guard sequence[index].isSearched else { return false }
        for next in sequence[(index + 1)...] {
            if next.isRelative { return true }
            if next.isSearched { return false }
        }
        return false
    }

    private func compile(
        _ step: SequenceStep, _ variables: inout [String]
    ) throws(RegexProblem) -> Step {
        let isRelative = step.isRelative
        switch step {
        case .content(let step):
            return Step(
                kind: .content, index: contents.append(content(step, &variables)),
                isNegated: step.isNegated, isRelative: isRelative)
        case .regex(let pattern, _, let isNegated, let captures):
            let regex = Regex(
                index: try regexTable.add(pattern), isAnchored: pattern.isAnchored,
                captures: captures.map { place(of: $0, &variables) })
            return Step(
                kind: .regex, index: regexes.append(regex), isNegated: isNegated,
                isRelative: isRelative)
        case .byteTest(let bytes, let comparison, let value, let isNegated):
            let test = ByteTest(
                bytes: self.bytes(bytes, &variables), comparison: comparison,
                value: number(value, &variables))
            return Step(
                kind: .byteTest, index: byteTests.append(test), isNegated: isNegated,
                isRelative: isRelative)
        case .byteJump(let bytes, let jump):
            let code = Jump(
                bytes: self.bytes(bytes, &variables),
                multiplier: UInt64(bitPattern: jump.multiplier),
                postOffset: number(jump.postOffset, &variables), aligns: jump.aligns,
                fromBeginning: jump.fromBeginning, fromEnd: jump.fromEnd)
            return Step(kind: .byteJump, index: jumps.append(code), isRelative: isRelative)
        case .byteExtract(let bytes, let variable, let multiplier, let align):
            let code = Extract(
                bytes: self.bytes(bytes, &variables), variable: place(of: variable, &variables),
                multiplier: UInt64(bitPattern: multiplier), align: UInt64(clamping: align))
            return Step(kind: .byteExtract, index: extracts.append(code), isRelative: isRelative)
        case .byteMath(let bytes, let operation, let operand, let variable):
            let code = Math(
                bytes: self.bytes(bytes, &variables), operation: operation,
                operand: number(operand, &variables), variable: place(of: variable, &variables))
            return Step(kind: .byteMath, index: maths.append(code), isRelative: isRelative)
        case .isDataAt(let offset, _, let isNegated):
            return Step(
                kind: .isDataAt, index: dataOffsets.append(number(offset, &variables)),
                isNegated: isNegated, isRelative: isRelative)
        case .size(let comparison, let size):
            let size = Int(clamping: size)
            let range =
                switch comparison {
                case .equal, .notEqual: size...size
                case .less: Int.min...max(.min + 1, size) - 1
                case .lessOrEqual: Int.min...size
                case .greater: min(.max - 1, size) + 1...Int.max
                case .greaterOrEqual: size...Int.max
                }
            return Step(
                kind: .size, index: sizes.append(range), isNegated: comparison == .notEqual)
        case .sizeRange(let low, let high):
            let (low, high) = (Int(clamping: low), Int(clamping: high))
            // An empty range holds for no size: it is written as the sizes that are not any.
            return low <= high
                ? Step(kind: .size, index: sizes.append(low...high))
                : Step(kind: .size, index: sizes.append(.min ... .max), isNegated: true)
        }
    }

    private func content(_ step: ContentStep, _ variables: inout [String]) -> Content {
        Content(
            text: SearchText(step.bytes, ignoresCase: step.ignoresCase, in: arena),
            offset: step.offset.map { number($0, &variables) },
            depth: step.depth.map { number($0, &variables) },
            distance: step.distance.map { number($0, &variables) },
            within: step.within.map { number($0, &variables) },
            startsWith: step.startsWith, endsWith: step.endsWith)
    }

    private func bytes(_ number: ByteNumber, _ variables: inout [String]) -> Bytes {
        Bytes(
            byteCount: self.number(number.byteCount, &variables),
            offset: self.number(number.offset, &variables), isRelative: number.isRelative,
            // DCE/RPC says the order in its header; all but historic machines send little-endian.
            isLittleEndian: number.isLittleEndian || number.isDCERPC, text: number.text,
            bitmask: number.bitmask ?? .max,
            shift: number.bitmask.map { $0 == 0 ? 0 : UInt64($0.trailingZeroBitCount) } ?? 0)
    }

    private func number(_ operand: Operand, _ variables: inout [String]) -> Number {
        switch operand {
        case .number(let value): Number(value: SequenceRunner.bounded(value))
        case .variable(let name): Number(variable: place(of: name, &variables))
        }
    }

    private func place(of name: String, _ variables: inout [String]) -> Int16 {
        if let index = variables.firstIndex(of: name) { return Int16(truncatingIfNeeded: index) }
        guard variables.count < Self.variableCountMax else { return -1 }
        variables.append(name)
        return Int16(truncatingIfNeeded: variables.count - 1)
    }
}

extension SequenceStep {
    /// Whether the step looks for something, and so could match at several places.
    fileprivate var isSearched: Bool {
        switch self {
        case .content, .regex: true
        default: false
        }
    }

    /// Whether the step counts from where the one before it ended.
    fileprivate var isRelative: Bool {
        switch self {
        case .content(let step): step.distance != nil || step.within != nil
        case .regex(_, let isRelative, _, _): isRelative
        case .byteTest(let bytes, _, _, _), .byteJump(let bytes, _),
            .byteExtract(let bytes, _, _, _),
            .byteMath(let bytes, _, _, _):
            bytes.isRelative
        case .isDataAt(_, let isRelative, _): isRelative
        case .size, .sizeRange: false
        }
    }
}
