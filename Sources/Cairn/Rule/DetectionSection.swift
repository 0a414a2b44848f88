/// Reads the `detection` section of a rule, or the selections of a filter: selections and the
/// condition over them become one expression (Sigma rules specification, "Detection").
struct DetectionSection {
    let sink: DiagnosticSink
    let variables: RuleVariables
    /// Keys beside the selections.
    var otherKeys: Set<String> = ["condition", "timeframe"]

    private var selections: [(name: String, expression: SigmaExpression)] = []
    /// Of selections with mistakes the items that have none, and the keys of those that have.
    private var soundItems: [SigmaExpression] = []
    private var unsoundKeys: [YAMLEntry] = []
    /// Names that steps of sequences set.
    private var variablesOfSteps: [String] = []

    init(sink: DiagnosticSink, variables: RuleVariables) {
        self.sink = sink
        self.variables = variables
    }

    /// What the section says; nil if it has mistakes, which were reported.
    mutating func read(_ node: YAMLNode) -> SigmaExpression? {
        guard let entries = node.entries else {
            sink.error(at: node.mark, "'detection' must be a map of selections, not \(node.kind)")
            return nil
        }
        let errorCount = sink.errorCount
        variablesOfSteps = Self.variablesOfSteps(node)
        var condition: YAMLNode?
        for entry in entries {
            if entry.key == "condition" {
                condition = entry.value
            } else if !otherKeys.contains(entry.key) {
                if let expression = selection(entry.value) {
                    selections.append((entry.key, expression))
                } else {
                    // Its mistakes are known; the condition may name it.
                    selections.append((entry.key, .all([])))
                }
            }
        }
        guard let condition else {
            sink.error(at: node.mark, "the detection has no 'condition'")
            return nil
        }
        guard let expression = combined(condition), sink.errorCount == errorCount else {
            return nil
        }
        return expression
    }

    /// Looks for the mistakes about fields in a section that could not be read: so all are told at once.
    func checkFields(_ resolver: inout ConditionResolver) {
        for selection in selections { _ = resolver.resolve(selection.expression) }
        for item in soundItems { _ = resolver.resolve(item) }
        for entry in unsoundKeys {
            let name = String(entry.key.prefix { $0 != "|" })
            if !name.isEmpty { resolver.checkField(named: name, at: entry.keyMark) }
        }
    }

    /// Names that `byte_extract`, `byte_math` and groups of `regex` give to what they read.
    private static func variablesOfSteps(_ node: YAMLNode) -> [String] {
        guard let entries = node.entries else {
            return node.elements?.flatMap(variablesOfSteps) ?? []
        }
        return entries.flatMap { entry -> [String] in
            switch entry.key {
            case "name", "result", "capture": entry.value.listOrSelf.compactMap(\.text)
            default: variablesOfSteps(entry.value)
            }
        }
    }

    // MARK: Condition

    /// Several conditions: one of them must hold.
    private mutating func combined(_ node: YAMLNode) -> SigmaExpression? {
        let nodes = node.listOrSelf
        var parts: [SigmaExpression] = []
        for node in nodes {
            guard let text = sink.text(node, "'condition'") else { return nil }
            do throws(ConditionError) {
                parts.append(expression(try SigmaCondition(parsing: text), node))
            } catch {
                complain(error, node)
                return nil
            }
        }
        guard !parts.isEmpty else {
            sink.error(at: node.mark, "the condition is empty")
            return nil
        }
        return .linked(parts, byAll: false)
    }

    private func complain(_ error: ConditionError, _ node: YAMLNode) {
        let mark = node.mark(ofCharacter: error.offset)
        let place =
            node.scalar?.spansLines == true
            ? " (character \(error.offset + 1) of the condition)" : ""
        if error.isAggregation {
            sink.skipped(at: mark, error.message + place)
        } else {
            sink.error(at: mark, error.message + place)
        }
    }

    /// Names that mean no selection are reported, and stand for nothing.
    private func expression(_ condition: SigmaCondition, _ node: YAMLNode) -> SigmaExpression {
        switch condition {
        case .all(let parts): return .all(parts.map { expression($0, node) })
        case .any(let parts): return .any(parts.map { expression($0, node) })
        case .not(let part): return .not(expression(part, node))
        case .selection(let name, let offset):
            guard let selection = selections.first(where: { $0.name == name }) else {
                let message =
                    "unknown selection '\(name)'"
                    + suggestion(for: name, among: selections.map(\.name))
                complain(ConditionError(offset: offset, message: message), node)
                return .all([])
            }
            return selection.expression
        case .selections(let all, let pattern, let offset):
            // Names with '_' are for use by name; only a pattern that says so takes them.
            let chosen = selections.filter {
                (pattern == "them" || matches($0.name, pattern: pattern))
                    && (pattern.hasPrefix("_") || !$0.name.hasPrefix("_"))
            }
            guard !chosen.isEmpty else {
                let message =
                    "no selection fits '\(pattern)'"
                    + suggestion(for: pattern, among: selections.map(\.name))
                complain(ConditionError(offset: offset, message: message), node)
                return .all([])
            }
            return .linked(chosen.map(\.expression), byAll: all)
        }
    }

    // MARK: Selections

    /// A map (all must hold), a list of maps or values (one must hold) or a value.
    private mutating func selection(_ node: YAMLNode) -> SigmaExpression? {
        var parts: [SigmaExpression] = []
        let count: Int
        var isMap = false
        switch node.content {
        case .map(let entries):
            (count, isMap) = (entries.count, true)
            for entry in entries {
                if let part = item(entry) { parts.append(part) } else { unsoundKeys.append(entry) }
            }
        case .list(let elements):
            count = elements.count
            for element in elements {
                if let part = selection(element) { parts.append(part) }
            }
        case .scalar:
            return keyword(node)
        }
        guard count > 0 else {
            sink.error(at: node.mark, "the selection is empty")
            return nil
        }
        guard parts.count == count else {
            soundItems += parts
            return nil
        }
        return .linked(parts, byAll: isMap)
    }

    private func keyword(_ node: YAMLNode) -> SigmaExpression? {
        guard !node.isNull else {
            sink.error(at: node.mark, "a keyword must be text or a number, not nothing")
            return nil
        }
        guard let value = value(node, isRegex: false) else { return nil }
        return .item(
            SigmaItem(field: nil, value: value, fieldMark: node.mark, valueMark: node.mark))
    }

    /// `field|modifier|modifier: value or list of values`.
    private func item(_ entry: YAMLEntry) -> SigmaExpression? {
        guard let key = ItemKey(entry, sink) else { return nil }
        if key.modifiers.contains(.sequence) { return sequences(entry, key) }
        if key.modifiers.contains(.dataset) { return sets(entry, key) }
        if key.modifiers.contains(.country) || key.modifiers.contains(.reputation) {
            return addressTest(entry, key)
        }
        let nodes = entry.value.listOrSelf
        let chain = SigmaModifierChain(
            modifiers: key.modifiers, placeholder: variables.placeholder,
            hasField: key.field != nil)
        let isRegex = key.modifiers.contains(.re)
        var leaves: [SigmaExpression] = []
        for node in nodes {
            guard let value = value(node, isRegex: isRegex) else { return nil }
            if value == .null, key.field == nil {
                sink.error(at: node.mark, "a keyword must be text or a number, not nothing")
                return nil
            }
            do throws(ModifierError) {
                leaves.append(leaf(try chain.apply(to: value), entry, key, at: node.mark))
            } catch {
                sink.error(at: node.mark, error.message)
                return nil
            }
        }
        if nodes.isEmpty {
            guard key.field != nil else {
                sink.error(at: entry.value.mark, "the list of keywords is empty")
                return nil
            }
            leaves.append(leaf(.null, entry, key, at: entry.value.mark))
        }
        return key.applied(to: leaves)
    }

    private func leaf(
        _ value: SigmaValue, _ entry: YAMLEntry, _ key: ItemKey, at mark: YAMLMark
    ) -> SigmaExpression {
        if case .oneOf(let values) = value {
            return .linked(values.map { leaf($0, entry, key, at: mark) }, byAll: false)
        }
        return .item(
            SigmaItem(
                field: key.field, transforms: key.transforms, elements: key.elements, value: value,
                fieldMark: entry.keyMark, valueMark: mark))
    }

    /// `field|country: [DE, FR]`, all with `!` before them or none; `field|reputation: {category: …}`.
    private func addressTest(_ entry: YAMLEntry, _ key: ItemKey) -> SigmaExpression? {
        guard key.field != nil, key.modifiers.count == 1 else {
            sink.error(
                at: entry.keyMark,
                "'country' and 'reputation' need a field and go with no other modifier")
            return nil
        }
        if key.modifiers == [.country] {
            guard let test = CountryTest(sink.texts(entry.value, "a country")) else {
                sink.error(
                    at: entry.value.mark,
                    "'country' takes countries of two capital letters, all with ! before them or none"
                )
                return nil
            }
            return leaf(.country(test), entry, key, at: entry.value.mark)
        }
        return reputation(entry.value).map {
            leaf(.reputation($0), entry, key, at: entry.value.mark)
        }
    }

    private func reputation(_ node: YAMLNode) -> ReputationTest? {
        let keys = ["category", "op", "value", "isset"]
        guard sink.entries(node, "'reputation'", keys: keys) != nil,
            let category = node["category"].flatMap({ sink.text($0, "'category'") })
        else {
            sink.error(at: node.mark, "'reputation' needs 'category'")
            return nil
        }
        if let isset = node["isset"] {
            let isSet = sink.bool(isset, "'isset'") ?? true
            return ReputationTest(category: category, kind: isSet ? .isset : .isnotset)
        }
        guard let op = node["op"].flatMap({ sink.text($0, "'op'") }),
            let comparison = ReputationTest.comparisons[op],
            let value = node["value"].flatMap({ sink.integer($0, "'value'", in: 0...127) })
        else {
            sink.error(
                at: node.mark,
                "'reputation' needs 'isset', or 'op', one of < > = <= >=, and 'value'")
            return nil
        }
        return ReputationTest(category: category, kind: .compare(comparison, value))
    }

    /// `field|dataset`: a test of a set, or a list of them.
    private func sets(_ entry: YAMLEntry, _ key: ItemKey) -> SigmaExpression? {
        guard key.field != nil,
            key.modifiers.allSatisfy({ [.dataset, .all, .neq].contains($0) })
        else {
            sink.error(
                at: entry.keyMark,
                "'dataset' needs a field and goes with 'all', 'neq' and transforms only")
            return nil
        }
        var leaves: [SigmaExpression] = []
        for node in entry.value.listOrSelf {
            guard let test = SetReader(sink: sink).read(node) else { return nil }
            leaves.append(leaf(.inSet(test), entry, key, at: node.mark))
        }
        return leaves.isEmpty ? nil : key.applied(to: leaves)
    }

    /// `field|sequence`: a list of steps, or a list of such lists of which one (`|all`: each) must
    /// hold.
    private func sequences(_ entry: YAMLEntry, _ key: ItemKey) -> SigmaExpression? {
        guard key.field != nil,
            key.modifiers.allSatisfy({ [.sequence, .all, .neq].contains($0) })
        else {
            sink.error(
                at: entry.keyMark,
                "'sequence' needs a field and goes with 'all', 'neq' and transforms only")
            return nil
        }
        guard let elements = entry.value.elements, !elements.isEmpty else {
            sink.error(
                at: entry.value.mark, "a sequence must be a list of steps, not \(entry.value.kind)")
            return nil
        }
        let lists = elements.allSatisfy { $0.elements != nil } ? elements : [entry.value]
        var leaves: [SigmaExpression] = []
        for list in lists {
            let reader = SequenceReader(sink: sink, otherVariables: variablesOfSteps)
            guard let steps = reader.read(list.elements ?? []) else { return nil }
            leaves.append(leaf(.sequence(steps), entry, key, at: list.mark))
        }
        return key.applied(to: leaves)
    }

    private func value(_ node: YAMLNode, isRegex: Bool) -> SigmaValue? {
        guard let scalar = node.scalar else {
            sink.error(
                at: node.mark, "a value must be text, a number or true or false, not \(node.kind)")
            return nil
        }
        if isRegex { return .regex(RegexPattern(pattern: scalar.text)) }
        switch scalar.value {
        case .null: return .null
        case .bool(let bool): return .bool(bool)
        case .integer(let integer):
            return .number(SigmaNumber(integer: integer, text: scalar.text))
        case .float(let float) where float.isFinite:
            return .number(SigmaNumber(float: float, text: scalar.text))
        case .float, .text: return .string(SigmaString(scalar.text))
        }
    }
}
