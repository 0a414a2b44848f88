/// The steps of all `sequence`s of a rule set in flat tables.
final class SequenceCode: @unchecked Sendable {
    /// One step: what kind it is, and its place in the table of its kind.
    struct Step {
        enum Kind: UInt8 {
            case content, regex, byteTest, byteJump, byteExtract, byteMath, isDataAt, size
            case base64, asn1, entropy
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
        /// No bounds, and no step counts from it.
        var isAlone: Bool
    }

    struct Regex {
        var index: Int
        var isAnchored: Bool
        /// Variables that the groups set, -1 for those that nobody reads.
        var captures: [Int16]
        /// Places of the names under which the alert shows what groups matched, -1 for those that it does not show.
        var labels: [Int16]
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

    struct Base64 {
        var decoding: Base64Decoding
        var isRelative: Bool
        /// The steps on what is decoded.
        var steps: Range<Int>
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
    let base64s = FlatTable<Base64>()
    let asn1Tests = FlatTable<ASN1Test>()
    let entropyTests = FlatTable<EntropyTest>()
    let regexTable: RegexTable
    /// Names of texts that alerts show.
    private(set) var labels: [String] = []
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
        let sequence = sequence.withSuricatasBounds
        // Steps within steps lie before them.
        var inner: [Range<Int>] = []
        for step in sequence {
            guard case .base64(_, _, let steps) = step else {
                inner.append(0..<0)
                continue
            }
            inner.append(try add(steps, variables: &variables))
        }
        let first = steps.count
        for (index, step) in sequence.enumerated() {
            let isRetried = sequence.isRetried(index)
            var code = try compile(step, inner[index], &variables)
            code.isRetried = isRetried
            if isRetried, code.kind == .content {
                contents.elements[Int(code.index)].isAlone = false
            }
            steps.append(code)
        }
        return first..<steps.count
    }

    private func compile(
        _ step: SequenceStep, _ inner: Range<Int>, _ variables: inout [String]
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
                captures: captures.map { variablePlace(of: $0, &variables) },
                labels: captures.map(labelPlace))
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
        case .base64(let decoding, let isRelative, _):
            let code = Base64(decoding: decoding, isRelative: isRelative, steps: inner)
            return Step(kind: .base64, index: base64s.append(code))
        case .asn1(let test): return Step(kind: .asn1, index: asn1Tests.append(test))
        case .entropy(let test): return Step(kind: .entropy, index: entropyTests.append(test))
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
            startsWith: step.startsWith, endsWith: step.endsWith,
            isAlone: step.isUnbounded && !step.startsWith)
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

    private func variablePlace(of capture: String, _ variables: inout [String]) -> Int16 {
        guard case .variable(let name) = RegexCapture(capture) else { return -1 }
        return place(of: name, &variables)
    }

    private func labelPlace(of capture: String) -> Int16 {
        guard case .label(let name) = RegexCapture(capture) else { return -1 }
        if let index = labels.firstIndex(of: name) { return Int16(truncatingIfNeeded: index) }
        guard labels.count < Int(Int16.max) else { return -1 }
        labels.append(name)
        return Int16(truncatingIfNeeded: labels.count - 1)
    }

    private func place(of name: String, _ variables: inout [String]) -> Int16 {
        if let index = variables.firstIndex(of: name) { return Int16(truncatingIfNeeded: index) }
        guard variables.count < Self.variableCountMax else { return -1 }
        variables.append(name)
        return Int16(truncatingIfNeeded: variables.count - 1)
    }
}

extension [SequenceStep] {
    /// The same steps with the bounds that Suricata derives from their neighbours.
    ///
    /// No data one byte behind a content means that the value ends with it. A content behind another is looked for no
    /// sooner than that one and the distance allow; this is said of a negated content without bounds too, though it takes
    /// no room.
    fileprivate var withSuricatasBounds: [SequenceStep] {
        var steps: [SequenceStep] = []
        for step in self {
            switch (steps.last, step) {
            case (.content(var content), .isDataAt(.number(1), isRelative: true, isNegated: true)):
                content.endsWith = true
                steps[steps.count - 1] = .content(content)
            case (.content(let previous), .content(var content)):
                if previous.isNegated, previous.isUnbounded, !previous.startsWith,
                    content.offset == nil, case .number(let distance) = content.distance,
                    distance >= 0
                {
                    let byteCount = Int64(previous.bytes.count)
                    content.offset = .number(
                        distance.addingReportingOverflow(byteCount).partialValue)
                }
                steps.append(.content(content))
            default: steps.append(step)
            }
        }
        return steps
    }

    /// Whether another place of a step is looked for if those behind it fail: if one of them counts from it.
    fileprivate func isRetried(_ index: Int) -> Bool {
        guard self[index].isSearched else { return false }
        for next in index + 1..<count {
            // A content or expression counts from the last of its kind, other steps from whichever is before them.
            let isPrevious = self[index + 1..<next].allSatisfy {
                self[next].isSearched ? !$0.isSearched : $0.isSize
            }
            guard isPrevious || !self[index + 1..<next].contains(where: \.isSearched) else {
                return false
            }
            if isPrevious, self[next].isRelative { return true }
        }
        return false
    }
}

extension ContentStep {
    fileprivate var isUnbounded: Bool {
        offset == nil && depth == nil && distance == nil && within == nil
    }
}

extension SequenceStep {
    fileprivate var isSize: Bool {
        switch self {
        case .size, .sizeRange: true
        default: false
        }
    }

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
        case .size, .sizeRange, .base64, .asn1, .entropy: false
        }
    }
}
