/// Turns what a detection says into tests of fields: names are looked up, values take the type of
/// their field.
struct ConditionResolver {
    let subject: Subject
    /// The only direction that the rule looks at: fields that have the values of both mean its ones.
    var direction: Direction?
    let sink: DiagnosticSink
    /// Fields of foreign log sources that are not on the wire, in order of appearance.
    private(set) var unseen: [(name: String, mark: YAMLMark)] = []

    init(subject: Subject, sink: DiagnosticSink) {
        self.subject = subject
        self.sink = sink
    }

    /// The condition; nil if something is wrong or not on the wire. All mistakes are found, not
    /// only the first.
    mutating func resolve(_ expression: SigmaExpression) -> Condition? {
        switch expression {
        case .all(let parts): return resolve(parts).map(Condition.allOf)
        case .any(let parts): return resolve(parts).map(Condition.anyOf)
        case .not(let part): return resolve(part).map(Condition.negation)
        case .item(let item): return resolve(item)
        }
    }

    private mutating func resolve(_ parts: [SigmaExpression]) -> [Condition]? {
        var conditions: [Condition] = []
        conditions.reserveCapacity(parts.count)
        for part in parts {
            if let condition = resolve(part) { conditions.append(condition) }
        }
        return conditions.count == parts.count ? conditions : nil
    }

    private mutating func resolve(_ item: SigmaItem) -> Condition? {
        guard let name = item.field else {
            guard item.elements == nil else {
                sink.error(at: item.fieldMark, "'elements' needs a field")
                return nil
            }
            return keyword(item)
        }
        guard let id = field(named: name) else {
            if let words = subject.constants[name],
                let holds = Self.constant(words, satisfies: item.value)
            {
                return holds ? .all([]) : .any([])
            }
            unknownField(name, at: item.fieldMark)
            return nil
        }
        let field = FieldRegistry.definition(of: id)
        if !item.transforms.isEmpty, field.type != .bytes, field.type != .text {
            sink.error(
                at: item.fieldMark,
                "'\(field.name)' is \(field.type.phrase); transforms work on text and bytes")
            return nil
        }
        do throws(ModifierError) {
            return try predicate(item, on: field).map {
                .match(
                    FieldMatch(
                        field: id, transforms: item.transforms, elements: item.elements,
                        predicate: $0))
            } ?? .any([])
        } catch {
            if !error.message.isEmpty { sink.error(at: item.valueMark, error.message) }
            return nil
        }
    }

    private func field(named name: String) -> FieldID? {
        guard let id = FieldRegistry.field(named: name, subject: subject.index) else {
            guard let carried = carrier(of: name) else { return payload(named: name) }
            return carried
        }
        return sided(id)
    }

    /// The field of the rule's direction, if it looks at one only.
    private func sided(_ id: FieldID) -> FieldID {
        var id = id
        if let direction {
            let definition = FieldRegistry.subjects[Int(id.subject)]
            let index = definition.field(direction, of: Int(id.index))
            id.index = UInt16(truncatingIfNeeded: index)
        }
        return id
    }

    /// Rules on files may look at the transaction that carries the file.
    private func carrier(of name: String) -> FieldID? {
        guard subject.isNative, FieldRegistry.subjects[subject.index] === FileTable.definition,
            let service = FieldRegistry.subjects.firstIndex(where: {
                $0.makeParser != nil && $0.fields.contains { $0.name == name }
            }), let id = FieldRegistry.field(named: name, subject: service)
        else { return nil }
        return sided(id)
    }

    /// Rules on transactions may look at the payload too: what the stream has come to since the last look.
    private func payload(named name: String) -> FieldID? {
        guard name == "payload", subject.isNative,
            FieldRegistry.subjects[subject.index].makeParser != nil
                || FieldRegistry.subjects[subject.index] === FileTable.definition,
            let packet = FieldRegistry.subject(named: "packet")
        else { return nil }
        return FieldRegistry.field(named: name, subject: packet)
    }

    /// Says whether a field is not known.
    mutating func checkField(named name: String, at mark: YAMLMark) {
        guard field(named: name) == nil, subject.constants[name] == nil else { return }
        unknownField(name, at: mark)
    }

    private mutating func unknownField(_ name: String, at mark: YAMLMark) {
        guard subject.isNative else {
            if !unseen.contains(where: { $0.name == name }) { unseen.append((name, mark)) }
            return
        }
        let other = FieldRegistry.subjects.indices.first {
            FieldRegistry.field(named: name, subject: $0) != nil
        }
        if let other {
            sink.error(
                at: mark,
                "the field '\(name)' belongs to service '\(FieldRegistry.subjects[other].name)';"
                    + " this rule looks at '\(FieldRegistry.subjects[subject.index].name)'")
            return
        }
        sink.error(
            at: mark,
            "unknown field '\(name)'"
                + (FieldRegistry.suggestion(for: name, subject: subject.index)
                    .map { " — did you mean '\($0)'?" } ?? "; 'cairn fields' lists all"))
    }

    /// The fields that say who acts and who suffers, and others that are named outside of the
    /// detection.
    mutating func field(_ node: YAMLNode, _ what: String) -> FieldID? {
        guard let name = sink.text(node, what) else { return nil }
        if let id = field(named: name) { return id }
        unknownField(name, at: node.mark)
        return nil
    }

    // MARK: Constants

    /// Whether a field that always has one of some words satisfies a test; nil for tests that make
    /// no sense on it.
    private static func constant(_ words: [String], satisfies value: SigmaValue) -> Bool? {
        switch value {
        case .string(let string):
            guard let literal = string.literal else { return nil }
            let text = String(decoding: literal, as: UTF8.self).lowercased()
            return words.contains(text)
        case .bool(let bool): return words.contains(bool ? "true" : "false")
        case .number(let number): return words.contains(number.text)
        case .exists(let exists): return exists
        case .null: return false
        default: return nil
        }
    }

    // MARK: Keywords

    private func keyword(_ item: SigmaItem) -> Condition? {
        let predicate: Predicate
        switch item.value {
        case .string(let string): predicate = .text(string.open(atStart: true, atEnd: true).pattern)
        case .number(let number): predicate = .text(Self.anywhere(number.text))
        case .bool(let bool): predicate = .text(Self.anywhere(bool ? "true" : "false"))
        case .regex(let regex):
            if let problem = regex.problem {
                sink.error(at: item.valueMark, problem)
                return nil
            }
            predicate = .regex(regex)
        default:
            sink.error(at: item.valueMark, "\(item.value.kind) needs a field")
            return nil
        }
        return .match(FieldMatch(field: nil, transforms: item.transforms, predicate: predicate))
    }

    private static func anywhere(_ text: String) -> TextPattern {
        SigmaString(literal: Array(text.utf8)).open(atStart: true, atEnd: true).pattern
    }

    // MARK: Values

    /// The test for a value on a field; nil if it can never hold.
    private mutating func predicate(
        _ item: SigmaItem, on field: FieldDefinition
    ) throws(ModifierError) -> Predicate? {
        switch item.value {
        case .null: return .isAbsent
        case .exists(let exists): return .exists(exists)
        case .string(let string): return try text(string, on: field)
        case .number(let number): return try equality(number, on: field)
        case .bool(let bool): return try truth(bool, on: field)
        case .regex(let regex):
            guard field.type != .bool else { throw mismatch(field, "a regular expression") }
            if let problem = regex.problem { throw ModifierError(message: problem) }
            return .regex(regex)
        case .network(let network):
            guard field.type == .ip || field.type == .text else { throw mismatch(field, "'cidr'") }
            return .network(network)
        case .compare(let comparison, let number):
            guard field.type == .integer else { throw mismatch(field, "a comparison of numbers") }
            return number.wholeComparison(comparison).map { .number($0.0, $0.1) }
        case .integer(let test):
            guard field.type == .integer else { throw mismatch(field, "a test of a number") }
            return .integer(test)
        case .timePart(let part, let comparison, let number):
            guard field.type == .integer else { throw mismatch(field, "'\(part.rawValue)'") }
            return number.wholeComparison(comparison).map { .timePart(part, $0.0, $0.1) }
        case .past(let isPast):
            guard field.type == .integer else { throw mismatch(field, "'past'") }
            return .past(isPast)
        case .fieldReference(let name, let position, let isCased):
            guard let other = self.field(named: name) else {
                unknownField(name, at: item.valueMark)
                throw ModifierError(message: "")
            }
            return .fieldReference(other, position, isCased: isCased)
        case .inSet(let test): return .inSet(test)
        case .country(let test):
            guard field.type == .ip else { throw mismatch(field, "'country'") }
            return .country(test)
        case .reputation(let test):
            guard field.type == .ip else { throw mismatch(field, "'reputation'") }
            return .reputation(test)
        case .bits(let mode, let text):
            guard let bits = BitTest(mode, text, of: field.name) else {
                throw ModifierError(
                    message: "'\(text)' are no flags of '\(field.name)'; write letters like SA or"
                        + " 'S,CE' for tcp.flags, R, D and M for ip.flags")
            }
            return .bits(bits)
        case .sequence(let steps):
            guard field.type == .bytes || field.type == .text else {
                throw mismatch(field, "a sequence")
            }
            return .sequence(steps)
        case .oneOf: throw ModifierError(message: "a list of values within a value")
        }
    }

    private func mismatch(_ field: FieldDefinition, _ what: String) -> ModifierError {
        ModifierError(
            message: "\(what) does not fit '\(field.name)', which is \(field.type.phrase)")
    }

    private func text(
        _ string: SigmaString, on field: FieldDefinition
    ) throws(ModifierError) -> Predicate {
        switch field.type {
        case .text, .bytes: return .text(string.pattern)
        case .integer:
            guard let literal = string.literal else {
                return string.pattern.parts == [.anyMany] ? .exists(true) : .text(string.pattern)
            }
            let text = String(decoding: literal, as: UTF8.self)
            if let comparison = Self.comparison(text) { return comparison }
            guard let number = SigmaNumber(text)?.integer else {
                throw ModifierError(
                    message: "'\(text)' is no whole number; '\(field.name)' holds numbers")
            }
            return .number(.equal, number)
        case .bool:
            let text = String(decoding: string.literal ?? [], as: UTF8.self)
            guard let truth = Setting.bool(text) ?? ["t": true, "f": false][text.lowercased()]
            else {
                throw ModifierError(message: "'\(field.name)' is true or false, never '\(text)'")
            }
            return .number(.equal, truth ? 1 : 0)
        case .ip: return try address(string, field)
        }
    }

    /// `> 70` and the like, as older rules write it, and `!= 70`.
    private static func comparison(_ text: String) -> Predicate? {
        let operators: [(String, Comparison)] = [
            (">=", .greaterOrEqual), ("<=", .lessOrEqual), (">", .greater), ("<", .less),
            ("!=", .notEqual),
        ]
        for (name, comparison) in operators where text.hasPrefix(name) {
            let digits = text.dropFirst(name.count).drop { $0 == " " }
            return SigmaNumber(String(digits))?.wholeComparison(comparison)
                .map { .number($0.0, $0.1) }
        }
        return nil
    }

    private func address(
        _ string: SigmaString, _ field: FieldDefinition
    ) throws(ModifierError) -> Predicate {
        guard let literal = string.literal else {
            if string.pattern.parts == [.anyMany] { return .exists(true) }
            return Self.network(prefix: string).map { .network($0) } ?? .text(string.pattern)
        }
        let text = String(decoding: literal, as: UTF8.self)
        if let address = IPAddress(text),
            let network = IPNetwork(address, prefixLength: address.isV4 ? 32 : 128)
        {
            return .network(network)
        }
        throw ModifierError(
            message: text.contains("/")
                ? "'\(text)' is a network; write '\(field.name)|cidr'"
                : "'\(text)' is no address; '\(field.name)' holds addresses")
    }

    /// The network of `10.*`, `192.168.*` or `198.51.100.*`: whole IPv4 octets, then anything.
    private static func network(prefix string: SigmaString) -> IPNetwork? {
        guard string.parts.count == 2, string.parts[1] == .anyMany,
            case .literal(let bytes) = string.parts[0]
        else { return nil }
        let octets = String(decoding: bytes, as: UTF8.self)
            .split(separator: ".", omittingEmptySubsequences: false)
        guard (2...4).contains(octets.count), octets.last == "" else { return nil }
        let known = octets.dropLast()
        let text = (known + Array(repeating: "0", count: 4 - known.count)).joined(separator: ".")
        return IPAddress(text).flatMap { IPNetwork($0, prefixLength: 8 * known.count) }
    }

    private func equality(
        _ number: SigmaNumber, on field: FieldDefinition
    ) throws(ModifierError) -> Predicate? {
        switch field.type {
        case .text, .bytes: return .text(SigmaString(literal: Array(number.text.utf8)).pattern)
        case .integer: return number.wholeComparison(.equal).map { .number($0.0, $0.1) }
        case .bool:
            guard let integer = number.integer, (0...1).contains(integer) else {
                throw mismatch(field, "\(number.text)")
            }
            return .number(.equal, integer)
        case .ip: throw mismatch(field, "the number \(number.text)")
        }
    }

    private func truth(
        _ bool: Bool, on field: FieldDefinition
    ) throws(ModifierError) -> Predicate {
        switch field.type {
        case .text, .bytes: .text(SigmaString(bool ? "true" : "false").pattern)
        case .integer, .bool: .number(.equal, bool ? 1 : 0)
        case .ip: throw mismatch(field, bool ? "true" : "false")
        }
    }
}

extension FieldType {
    /// Words for messages: "which is …".
    var phrase: String {
        switch self {
        case .bytes: "bytes"
        case .text: "text"
        case .integer: "a number"
        case .ip: "an address"
        case .bool: "true or false"
        }
    }
}

extension Condition {
    /// All of the parts, without those that always hold and without groups that are not needed.
    static func allOf(_ parts: [Condition]) -> Condition {
        var flat: [Condition] = []
        for part in parts {
            if case .all(let inner) = part { flat += inner } else { flat.append(part) }
        }
        if flat.contains(.any([])) { return .any([]) }
        return flat.count == 1 ? flat[0] : .all(flat)
    }

    /// One of the parts, without those that never hold and without groups that are not needed.
    static func anyOf(_ parts: [Condition]) -> Condition {
        var flat: [Condition] = []
        for part in parts {
            if case .any(let inner) = part { flat += inner } else { flat.append(part) }
        }
        if flat.contains(.all([])) { return .all([]) }
        return flat.count == 1 ? flat[0] : .any(flat)
    }

    /// The opposite; two negations are none.
    static func negation(_ part: Condition) -> Condition {
        switch part {
        case .all([]): .any([])
        case .any([]): .all([])
        case .not(let inner): inner
        default: .not(part)
        }
    }
}
