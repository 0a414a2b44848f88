/// The conditions of a rule set as flat instructions over flat tables: no tree, no closures, nothing to count.
final class RuleProgram: @unchecked Sendable {
    /// One test of a condition, and where to go on.
    struct Instruction {
        /// Index into `tests`.
        var test: Int32
        var isNegated: Bool
        /// Its place among the tests of its rule; those behind the 64th have none (-1).
        var place: Int8
        var readiness: Readiness
        /// The next instruction, or `accept` or `reject`.
        var onTrue: Int32
        var onFalse: Int32
    }

    static let accept: Int32 = -1
    static let reject: Int32 = -2

    /// Which values a test looks at.
    struct Source {
        enum Table: UInt8 {
            /// The table of the rule's subject.
            case own
            case common
            /// That of packets, for other subjects: the packet that brought the event, or the chunk of its stream.
            case packet
            /// That of the protocol that carries a file, for rules on files: its transaction.
            case carrier
            /// Every text and byte field of the subject.
            case any
        }

        var table: Table
        var index: Int
        var type: FieldType
        /// Index of the subject whose table it is.
        var subject = 0
    }

    /// One value test on one field.
    struct Test {
        enum Kind: UInt8 {
            case text, regex, number, bits, integer, network, exists, isAbsent, fieldReference,
                sequence, inSet, timePart, country, reputation, past
        }

        var kind: Kind
        var source: Source
        /// What the alert calls the field.
        var field: FieldID?
        /// Places in the tables of the kind.
        var index: Int = 0
        var comparison: Comparison = .equal
        var number: Int64 = 0
        var timePart: TimePart = .minute
        var transforms: Range<Int> = 0..<0
        var steps: Range<Int> = 0..<0
        /// Its place among the choices of elements; -1 for any element.
        var elements: Int32 = -1
        /// Whether it depends on the first byte of the value, or on there being none behind the last.
        var needsStart = false
        var needsEnd = false
        /// If it depends on the first byte: with this many bytes its outcome is settled.
        var settledByteCount = Int.max
        /// Bytes of a stream from where a match begins that it depends on; `Int.max` if it may be any number.
        var reach = Int.max
        /// Bytes at the start of a stream in which a match lies; `Int.max` if it may lie anywhere.
        var startByteCount = Int.max
    }

    struct Reference {
        var source: Source
        var position: TextPosition
        var isCased: Bool
    }

    let instructions = FlatTable<Instruction>()
    let tests = FlatTable<Test>()
    let texts = FlatTable<TextTest>()
    let networks = FlatTable<IPNetwork>()
    let bitTests = FlatTable<BitTest>()
    let integerTests = FlatTable<IntegerTest>()
    let sets: ValueSetTable
    let countries = FlatTable<CountryCodes>()
    let reputations = FlatTable<(category: UInt8, test: ReputationTest)>()
    /// What countries and reputations are looked up in; nil where no rule asks.
    private(set) var countryDatabase: CountryDatabase?
    private let settings: MatchSettings
    let references = FlatTable<Reference>()
    let transforms = FlatTable<TransformCode>()
    let elementChoices = FlatTable<ElementChoice>()
    let regexes = RegexTable()
    let sequences: SequenceCode
    private let arena = Arena()

    init(_ settings: MatchSettings = MatchSettings()) {
        self.settings = settings
        sets = ValueSetTable(settings.sets)
        sequences = SequenceCode(regexTable: regexes, arena: arena)
    }

    // MARK: Compiling

    /// Adds a test.
    ///
    /// - Parameter variables: names of the rule's variables by their place; new ones are added.
    func add(
        _ match: FieldMatch, subjects: [ProtocolDefinition], subject: Int,
        variables: inout [String]
    ) throws(RegexProblem) -> Int32 {
        var test = Test(
            kind: .text, source: Self.source(match.field, subjects, subject), field: match.field)
        let first = transforms.count
        for transform in match.transforms {
            var code = TransformCode(transform: transform)
            if case .pcrexform(let pattern) = transform { code.regex = try regexes.add(pattern) }
            transforms.append(code)
        }
        test.transforms = first..<transforms.count
        if let elements = match.elements { test.elements = elementChoices.append(elements) }
        let isOfStream = subjects[subject] === StreamFields.definition
        switch match.predicate {
        case .text(let pattern):
            let text = TextTest(pattern, in: arena)
            test.needsStart = text.needsStart
            test.needsEnd = text.needsEnd
            test.settledByteCount = text.settledByteCount
            test.startByteCount = text.settledByteCount
            test.reach = text.reach
            test.index = Int(texts.append(text))
        case .regex(let pattern):
            test.kind = .regex
            if isOfStream {
                let literals = RegexLiterals(pattern)
                test.needsStart = literals.isBoundToStart
                test.reach = literals.reach
                if test.needsStart { test.startByteCount = literals.reach }
            }
            test.index = try regexes.add(pattern)
        case .number(let comparison, let number):
            test.kind = .number
            test.comparison = comparison
            test.number = number
        case .bits(let bits):
            test.kind = .bits
            test.index = Int(bitTests.append(bits))
        case .integer(let integer):
            test.kind = .integer
            test.index = Int(integerTests.append(integer))
        case .network(let network):
            test.kind = .network
            test.index = Int(networks.append(network))
        case .exists(let exists): test.kind = exists ? .exists : .isAbsent
        case .isAbsent: test.kind = .isAbsent
        case .fieldReference(let other, let position, let isCased):
            test.kind = .fieldReference
            let source = Self.source(other, subjects, subject)
            test.index = Int(
                references.append(
                    Reference(source: source, position: position, isCased: isCased)))
        case .sequence(let steps):
            test.kind = .sequence
            test.startByteCount = steps.startByteCount
            test.steps = try sequences.add(steps, variables: &variables)
        case .inSet(let set):
            test.kind = .inSet
            test.index = try sets.add(set)
        case .country(let country):
            test.kind = .country
            try openCountryDatabase()
            test.index = Int(countries.append(CountryCodes(country)))
        case .reputation(let reputation):
            test.kind = .reputation
            test.index = Int(reputations.append((try category(of: reputation), reputation)))
        case .past(let isPast):
            test.kind = .past
            test.number = isPast ? 1 : 0
        case .timePart(let part, let comparison, let number):
            test.kind = .timePart
            test.timePart = part
            test.comparison = comparison
            test.number = number
        }
        // What comes of a transform is not the stream's bytes, and a match at the start is nowhere else.
        if !isOfStream || test.needsStart || !test.transforms.isEmpty { test.reach = .max }
        if !isOfStream || !test.transforms.isEmpty { test.startByteCount = .max }
        return tests.append(test)
    }

    private func openCountryDatabase() throws(RegexProblem) {
        guard countryDatabase == nil else { return }
        guard let path = settings.countryDatabasePath else {
            throw RegexProblem(
                reason: "the setting 'geoip-database' must name a database of countries",
                isOfSet: true)
        }
        do throws(CountryDatabase.OpenError) {
            countryDatabase = try CountryDatabase(path: path)
        } catch {
            throw RegexProblem(
                reason: "the database of countries '\(path)' cannot be read: \(error.reason)",
                isOfSet: true)
        }
    }

    private func category(of test: ReputationTest) throws(RegexProblem) -> UInt8 {
        guard let reputations = settings.reputations else {
            throw RegexProblem(
                reason:
                    "the setting 'reputation-categories-file' must name the categories of hosts",
                isOfSet: true)
        }
        if let category = reputations.category(named: test.category) { return category }
        throw RegexProblem(
            reason: "there is no category '\(test.category)' of hosts"
                + suggestion(for: test.category, among: reputations.categoryNames),
            isOfSet: true)
    }

    /// What files say of an address in a category.
    func score(of address: IPAddress, in category: UInt8) -> UInt8? {
        settings.reputations?.score(of: address, in: category)
    }

    static func source(
        _ field: FieldID?, _ subjects: [ProtocolDefinition], _ subject: Int
    ) -> Source {
        guard let field else { return Source(table: .any, index: 0, type: .bytes) }
        let definition = subjects[Int(field.subject)].fields[Int(field.index)]
        return Source(
            table: Int(field.subject) == subject ? .own : table(of: subjects[Int(field.subject)]),
            index: Int(field.index), type: definition.type, subject: Int(field.subject))
    }

    /// Where the values of a table are that is not that of the rule's subject.
    private static func table(of definition: ProtocolDefinition) -> Source.Table {
        if definition === PacketFields.definition { return .packet }
        return definition === CommonFields.definition ? .common : .carrier
    }

    /// Adds a condition and gives the instruction that it begins with (or `accept` or `reject`). Jumps only lead forward,
    /// so each instruction is run once at most.
    ///
    /// - Parameter test: the index of a test and when it can be asked.
    func add(
        _ condition: RuleCondition,
        test: (FieldMatch, Bool) throws(RegexProblem) -> (index: Int32, readiness: Readiness)
    ) throws(RegexProblem) -> Int32 {
        if case .constant(let value) = condition { return value ? Self.accept : Self.reject }
        let first = instructions.count
        var emitted: [Emitted] = []
        try emit(condition, onTrue: .accept, onFalse: .reject, into: &emitted, test)
        func resolve(_ target: Target) -> Int32 {
            switch target {
            case .accept: Self.accept
            case .reject: Self.reject
            case .instruction(let index): Int32(truncatingIfNeeded: first + index)
            }
        }
        for (place, emitted) in emitted.enumerated() {
            var instruction = emitted.instruction
            instruction.place = place < 64 ? Int8(place) : -1
            instruction.onTrue = resolve(emitted.onTrue)
            instruction.onFalse = resolve(emitted.onFalse)
            instructions.append(instruction)
        }
        return Int32(truncatingIfNeeded: first)
    }

    /// Whether a condition can come to hold when some of its tests never will; of every other test the best is assumed.
    ///
    /// - Parameters:
    ///   - seen: tests that have held, by their place in the rule.
    ///   - isLost: whether a test that has not held never will. Not asked of the tests that have no place.
    @inline(__always)
    func canHold(
        _ entry: Int32, seen: UInt64, isLost: (UnsafePointer<Test>) -> Bool
    ) -> Bool {
        var next = entry
        while next >= 0 {
            let instruction = instructions.elements + Int(next)
            let place = instruction.pointee.place
            let isSeen = place >= 0 && seen >> UInt64(place) & 1 != 0
            let isBest =
                instruction.pointee.isNegated
                ? !isSeen
                : isSeen || place < 0 || !isLost(tests.elements + Int(instruction.pointee.test))
            next = isBest ? instruction.pointee.onTrue : instruction.pointee.onFalse
        }
        return next == Self.accept
    }

    private enum Target {
        case accept, reject
        /// Counted from the first of the rule.
        case instruction(Int)
    }

    private struct Emitted {
        var instruction: Instruction
        var onTrue: Target
        var onFalse: Target
    }

    private func emit(
        _ condition: RuleCondition, onTrue: Target, onFalse: Target, into code: inout [Emitted],
        _ test: (FieldMatch, Bool) throws(RegexProblem) -> (index: Int32, readiness: Readiness)
    ) throws(RegexProblem) {
        switch condition {
        case .constant: preconditionFailure("constants are only at the root")
        case .test(let match, let isNegated):
            let (index, readiness) = try test(match, isNegated)
            let instruction = Instruction(
                test: index, isNegated: isNegated, place: -1, readiness: readiness, onTrue: 0,
                onFalse: 0)
            code.append(Emitted(instruction: instruction, onTrue: onTrue, onFalse: onFalse))
        case .all(let parts):
            for (index, part) in parts.enumerated() {
                let isLast = index == parts.count - 1
                let next = Target.instruction(code.count + part.testCount)
                try emit(
                    part, onTrue: isLast ? onTrue : next, onFalse: onFalse, into: &code, test)
            }
        case .any(let parts):
            for (index, part) in parts.enumerated() {
                let isLast = index == parts.count - 1
                let next = Target.instruction(code.count + part.testCount)
                try emit(
                    part, onTrue: onTrue, onFalse: isLast ? onFalse : next, into: &code, test)
            }
        }
    }
}

extension [SequenceStep] {
    /// Bytes at the start of a value in which all of it lies, if that can be said of every step; else `Int.max`.
    fileprivate var startByteCount: Int {
        let ends = zip(self, ends).map { step, end in
            if case .content(let content) = step, !content.isNegated { end } else { Int.max }
        }
        return ends.max() ?? 0
    }

    /// For each step where what it matches ends at the latest, as bytes from the start of the value; `Int.max` if anywhere.
    var ends: [Int] {
        var cursor: Int? = 0
        return map { step in
            guard case .content(let content) = step else {
                cursor = nil
                return .max
            }
            // What must not be there moves nothing.
            guard !content.isNegated else { return .max }
            cursor = content.end(after: cursor)
            return cursor ?? .max
        }
    }
}

extension ContentStep {
    /// Where a match ends at the latest if the step before it ended at `cursor` at the latest; nil if anywhere.
    fileprivate func end(after cursor: Int?) -> Int? {
        if startsWith { return bytes.count }
        if case .number(let depth) = depth {
            guard let offset = offset.orZero else { return nil }
            return Int(clamping: offset.addingReportingOverflow(depth).partialValue)
        }
        guard case .number(let within) = within, let distance = distance.orZero, let cursor else {
            return nil
        }
        let end = within.addingReportingOverflow(Swift.max(0, distance)).partialValue
        return Int(clamping: end.addingReportingOverflow(Int64(cursor)).partialValue)
    }
}

extension Operand? {
    /// The number, 0 if there is none; nil for a variable.
    fileprivate var orZero: Int64? {
        switch self {
        case nil: 0
        case .number(let number): number
        case .variable: nil
        }
    }
}

/// How far an event must have come for a test to be certain.
struct Readiness: Equatable {
    /// Least progress of either direction, as raw values of `Progress`.
    var toServer: UInt8 = 0
    var toClient: UInt8 = 0
    /// One of the directions is enough.
    var isEither = false

    @inline(__always) func isReached(_ toServer: Progress, _ toClient: Progress) -> Bool {
        let hasServer = toServer.rawValue >= self.toServer
        let hasClient = toClient.rawValue >= self.toClient
        return isEither ? hasServer || hasClient : hasServer && hasClient
    }

    /// What both wait for.
    func and(_ other: Readiness) -> Readiness {
        if self == .always { return other }
        if other == .always { return self }
        return Readiness(
            toServer: max(toServer, other.toServer), toClient: max(toClient, other.toClient),
            isEither: isEither && other.isEither)
    }

    /// What either of them waits for at least.
    func or(_ other: Readiness) -> Readiness {
        Readiness(
            toServer: min(toServer, other.toServer), toClient: min(toClient, other.toClient))
    }

    static let always = Readiness()
    static let complete = Readiness(
        toServer: Progress.complete.rawValue, toClient: Progress.complete.rawValue)
}

extension Readiness {
    init(_ direction: Direction, _ progress: Progress) {
        self.init()
        if direction == .toServer {
            toServer = progress.rawValue
        } else {
            toClient = progress.rawValue
        }
    }
}
