/// The sets that rules test values against, and which of them rules change. Those that none changes are read by all shards.
final class ValueSetTable: @unchecked Sendable {
    /// A set as its file has it.
    struct Entry {
        var definition: SetDefinition
        var values: [[UInt8]: Int64] = [:]
        var byteCount = 0
        var isLoaded = false
        /// Rules change it: what it holds at a moment is known behind the shards only.
        var isChanged = false
    }

    /// One test, and the set it is about.
    struct Code {
        var set: Int
        var test: SetTest
    }

    private(set) var entries: [Entry] = []
    let codes = FlatTable<Code>()

    /// Adds a test; the file of its set is read if none was before.
    ///
    /// - Throws: what is wrong with the file.
    func add(_ test: SetTest) throws(RegexProblem) -> Int {
        let index: Int
        if let known = entries.firstIndex(where: { $0.definition.name == test.set.name }) {
            index = known
        } else {
            index = entries.count
            entries.append(Entry(definition: test.set))
        }
        if entries[index].definition.kind == nil { entries[index].definition.kind = test.set.kind }
        if test.action.isChange { entries[index].isChanged = true }
        if !entries[index].isLoaded, let path = test.set.path {
            var definition = test.set
            definition.kind = definition.kind ?? entries[index].definition.kind
            try load(definition, path, index)
        }
        return Int(codes.append(Code(set: index, test: test)))
    }

    private func load(_ definition: SetDefinition, _ path: String, _ index: Int)
        throws(RegexProblem)
    {
        switch RuleFiles.contents(of: path) {
        case .failure(let failure):
            if definition.isOptional { return }
            throw RegexProblem(
                reason: "the set's file '\(path)' \(failure.diagnostic.message)", isOfSet: true)
        case .success(let bytes):
            switch definition.values(in: bytes) {
            case .failure(let problem):
                throw RegexProblem(
                    reason: "line \(problem.line) of the set's file '\(path)' is no value of it",
                    isOfSet: true)
            case .success(let values):
                for (value, reputation) in values {
                    _ = entries[index].add(value, reputation)
                }
                entries[index].isLoaded = true
            }
        }
    }

    func isChanged(_ code: Int) -> Bool { entries[codes.elements[code].set].isChanged }

    /// Whether a test that changes nothing holds for a value, as its file has it.
    func holds(_ code: Int, _ value: [UInt8]) -> Bool {
        entries[codes.elements[code].set].holds(codes.elements[code].test, value)
    }
}

extension ValueSetTable.Entry {
    /// Memory that a value takes beside its bytes.
    private static let overhead = 64

    /// False if it was there or there is no room.
    mutating func add(_ value: [UInt8], _ reputation: Int64 = 0) -> Bool {
        let count = value.count &+ Self.overhead
        guard values[value] == nil, byteCount &+ count <= definition.byteCountMax else {
            return false
        }
        values[value] = reputation
        byteCount &+= count
        return true
    }

    mutating func remove(_ value: [UInt8]) -> Bool {
        guard values.removeValue(forKey: value) != nil else { return false }
        byteCount &-= value.count &+ Self.overhead
        return true
    }

    func holds(_ test: SetTest, _ value: [UInt8]) -> Bool {
        switch test.action {
        case .isset, .set, .unset: return contains(value, test.matchesSubdomains)
        case .isnotset: return !contains(value, test.matchesSubdomains)
        case .reputation(let comparison, let number):
            return values[value].map { comparison.holds($0, number) } ?? false
        }
    }

    private func contains(_ value: [UInt8], _ matchesSubdomains: Bool) -> Bool {
        if values[value] != nil { return true }
        guard matchesSubdomains else { return false }
        for index in value.indices.dropFirst() where value[index] == UInt8(ascii: ".") {
            if values[Array(value[index...])] != nil || values[Array(value[(index + 1)...])] != nil
            {
                return true
            }
        }
        return false
    }
}

/// The sets that rules change, behind the shards and in packet order. A part of `AlertGate`.
struct ChangedSets {
    private let table: ValueSetTable
    private var entries: [ValueSetTable.Entry]

    init(_ table: ValueSetTable) {
        self.table = table
        entries = table.entries
    }

    /// Applies what a rule that held asks of sets, in the order of the rule; false if something does not hold.
    mutating func passes(_ operations: [Candidate.SetValues]) -> Bool {
        for operation in operations {
            let code = table.codes.elements[operation.code]
            let holds = operation.values.contains { value in
                switch code.test.action {
                case .set: return entries[code.set].add(value)
                case .unset: return entries[code.set].remove(value)
                default: return entries[code.set].holds(code.test, value)
                }
            }
            guard holds else { return false }
        }
        return true
    }
}
