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
        /// The file that gets the values at the end.
        var savedPath: String?
        /// What the file says of values, as JSON text.
        var contexts: [[UInt8]: [UInt8]] = [:]
    }

    /// One test, and the set it is about.
    struct Code {
        var set: Int
        var test: SetTest
    }

    private let settings: SetSettings
    private(set) var entries: [Entry] = []
    let codes = FlatTable<Code>()
    /// Files with more values than their set has room for, since the last question.
    private var overflows: [String] = []

    init(_ settings: SetSettings = SetSettings()) { self.settings = settings }

    /// Adds a test; the file of its set is read if none was before.
    ///
    /// - Throws: what is wrong with the file.
    func add(_ test: SetTest) throws(RegexProblem) -> Int {
        let index = entry(named: test.set.name)
        var definition = entries[index].definition.completed(by: test.set)
        definition.byteCountMax = definition.byteCountMax ?? settings.byteCountMax
        entries[index].definition = definition
        if test.action.isChange { entries[index].isChanged = true }
        do throws(SetProblem) {
            if entries[index].savedPath == nil, let name = test.set.savedName {
                entries[index].savedPath = try settings.savedPath(of: name)
            }
            if !entries[index].isLoaded { try load(index) }
        } catch {
            throw RegexProblem(reason: error.reason, isOfSet: true)
        }
        return Int(codes.append(Code(set: index, test: test)))
    }

    /// The place of a set, which settings may define.
    private func entry(named name: String) -> Int {
        if let known = entries.firstIndex(where: { $0.definition.name == name }) { return known }
        let definition = settings.definitions[name]
        entries.append(
            Entry(
                definition: definition ?? SetDefinition(name: name),
                savedPath: definition?.savedName))
        return entries.count - 1
    }

    private func load(_ index: Int) throws(SetProblem) {
        let definition = entries[index].definition
        // A file that rules let be written is where they let it be.
        let saved = definition.isOptional ? entries[index].savedPath : nil
        guard let path = saved ?? definition.path else { return }
        switch RuleFiles.contents(of: path, byteCountMax: 1 << 30) {
        case .failure(let failure):
            if definition.isOptional { return }
            throw SetProblem("the set's file '\(path)' \(failure.diagnostic.message)")
        case .success(let bytes):
            entries[index].isLoaded = true
            switch definition.values(in: bytes) {
            case .failure(let problem):
                throw SetProblem("the set's file '\(path)': \(problem.reason)")
            case .success(let values):
                let isWhole = values.map { entries[index].add($0) }.allSatisfy(\.self)
                if !isWhole { overflows.append(path) }
            }
        }
    }

    /// What was left out of files since the last question.
    func takeRemarks() -> [String] {
        defer { overflows = [] }
        return overflows.map {
            "the set's file '\($0)' has more values than the set has memory for"
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
        let byteCountMax = definition.byteCountMax ?? SetSettings.byteCountMaxDefault
        guard values[value] == nil, byteCount &+ count <= byteCountMax else { return false }
        values[value] = reputation
        byteCount &+= count
        return true
    }

    /// Adds a value of the set's file; of one that comes again the first counts. False if there is no room.
    mutating func add(_ value: SetValue) -> Bool {
        if values[value.value] != nil { return true }
        let contextByteCount = value.context.map { $0.count &+ Self.overhead } ?? 0
        byteCount &+= contextByteCount
        guard add(value.value, value.reputation) else {
            byteCount &-= contextByteCount
            return false
        }
        contexts[value.value] = value.context
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

    /// The files that get the values which are there now.
    var files: [(path: String, bytes: [UInt8])] {
        entries.compactMap { entry in
            guard entry.isChanged, let path = entry.savedPath else { return nil }
            return (path, entry.definition.text(of: entry.values.keys))
        }
    }
}
