/// Reads the `detection` section of a rule, or the selections of a filter: selections and the
/// condition over them become one expression (Sigma rules specification, "Detection").
struct DetectionSection {
    let sink: DiagnosticSink
    let variables: RuleVariables
    /// Keys beside the selections.
    var otherKeys: Set<String> = ["condition", "timeframe"]

    private var selections: [(name: String, expression: SigmaExpression)] = []
    private var usedNames: Set<String> = []
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
                parts.append(try expression(SigmaCondition(parsing: text)))
            } catch {
                let mark = node.mark(ofCharacter: error.offset)
                let place =
                    node.scalar?.spansLines == true
                    ? " (character \(error.offset + 1) of the condition)" : ""
                if error.isAggregation {
                    sink.skipped(at: mark, error.message + place)
                } else {
                    sink.error(at: mark, error.message + place)
                }
                return nil
            }
        }
        guard !parts.isEmpty else {
            sink.error(at: node.mark, "the condition is empty")
            return nil
        }
        return .linked(parts, byAll: false)
    }

    private mutating func expression(
        _ condition: SigmaCondition
    ) throws(ConditionError) -> SigmaExpression {
        switch condition {
        case .all(let parts): return .all(try expressions(parts))
        case .any(let parts): return .any(try expressions(parts))
        case .not(let part): return .not(try expression(part))
        case .selection(let name, let offset):
            guard let selection = selections.first(where: { $0.name == name }) else {
                throw ConditionError(
                    offset: offset,
                    message: "unknown selection '\(name)'"
                        + suggestion(for: name, among: selections.map(\.name)))
            }
            return selection.expression
        case .selections(let all, let pattern, let offset):
            // Names with '_' are for use by name; only a pattern that says so takes them.
            let chosen = selections.filter {
                (pattern == "them" || matches($0.name, pattern: pattern))
                    && (pattern.hasPrefix("_") || !$0.name.hasPrefix("_"))
            }
            guard !chosen.isEmpty else {
                throw ConditionError(
                    offset: offset,
                    message: "no selection fits '\(pattern)'"
                        + suggestion(for: pattern, among: selections.map(\.name)))
            }
            return .linked(chosen.map(\.expression), byAll: all)
        }
    }

    private mutating func expressions(
        _ conditions: [SigmaCondition]
    ) throws(ConditionError) -> [SigmaExpression] {
        var results: [SigmaExpression] = []
        for condition in conditions { results.append(try expression(condition)) }
        return results
    }

    // MARK: Selections

    /// A map (all must hold), a list of maps or values (one must hold) or a value.
    private func selection(_ node: YAMLNode) -> SigmaExpression? {
        switch node.content {
        case .map(let entries):
            guard !entries.isEmpty else {
                sink.error(at: node.mark, "the selection is empty")
                return nil
            }
            let items = entries.compactMap(item)
            return items.count == entries.count ? .linked(items, byAll: true) : nil
        case .list(let elements):
            guard !elements.isEmpty else {
                sink.error(at: node.mark, "the selection is empty")
                return nil
            }
            let parts = elements.compactMap(selection)
            return parts.count == elements.count ? .linked(parts, byAll: false) : nil
        case .scalar:
            return keyword(node)
        }
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

/// The key of a detection item, taken apart.
private struct ItemKey {
    var field: String?
    var transforms: [Transform] = []
    var elements: ElementChoice?
    var modifiers: [SigmaModifier] = []

    init?(_ entry: YAMLEntry, _ sink: DiagnosticSink) {
        guard entry.key.utf8.contains(UInt8(ascii: "|")) else {
            field = entry.key.isEmpty ? nil : entry.key
            return
        }
        var offset = 0
        // Bytes of an expression that were read already.
        var skipped = 0
        for (index, bytes) in entry.key.utf8
            .split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).enumerated()
        {
            let part = Substring(bytes)
            if skipped > 0 {
                skipped -= part.utf8.count + 1
            } else if index == 0 {
                field = part.isEmpty ? nil : String(part)
            } else if let modifier = SigmaModifier.named(String(part)) {
                modifiers.append(modifier)
            } else if part.hasPrefix("elements:"),
                let choice = ElementChoice(String(part.dropFirst(9)))
            {
                elements = choice
            } else if let transform = Transform(named: String(part)) {
                transforms.append(transform)
            } else if part.hasPrefix("pcrexform:/") {
                // An expression may have bars of its own; it ends with a slash.
                let text = entry.key.utf8.dropFirst(offset + "pcrexform:/".utf8.count)
                guard let end = Self.end(ofExpression: text) else {
                    sink.error(
                        at: entry.keyMark.advanced(by: offset),
                        "the expression of 'pcrexform' ends with '/' and the next '|'")
                    return nil
                }
                let pattern = RegexPattern(pattern: String(Substring(text[..<end])))
                if let problem = pattern.problem {
                    sink.error(at: entry.keyMark.advanced(by: offset), problem)
                    return nil
                }
                transforms.append(.pcrexform(pattern))
                skipped =
                    text.distance(from: text.startIndex, to: end)
                    + "pcrexform:/".utf8.count + 1 - part.utf8.count
            } else {
                sink.error(
                    at: entry.keyMark.advanced(by: offset), Self.complaint(about: String(part)))
                return nil
            }
            offset += part.count + 1
        }
    }

    /// The slash behind which a bar follows, or nothing.
    private static func end(ofExpression text: Substring.UTF8View) -> Substring.UTF8View.Index? {
        var index = text.startIndex
        while let slash = text[index...].firstIndex(of: UInt8(ascii: "/")) {
            index = text.index(after: slash)
            if index == text.endIndex || text[index] == UInt8(ascii: "|") { return slash }
        }
        return nil
    }

    private static func complaint(about name: String) -> String {
        if name == "xor" || name.hasPrefix("xor:") {
            return "'xor' needs its key in hexadecimal digits: 'xor:0d0ac8ff'"
        }
        if name == "elements" || name.hasPrefix("elements:") {
            return
                "'elements' needs a place, all, all_or_absent, or_absent or a count: 'elements:0'"
        }
        return "unknown modifier '\(name)'"
            + suggestion(
                for: name,
                among: SigmaModifier.allCases.map(\.rawValue) + Transform.names)
    }

    /// Linked as the modifiers say.
    func applied(to leaves: [SigmaExpression]) -> SigmaExpression {
        let linked = SigmaExpression.linked(leaves, byAll: modifiers.contains(.all))
        return modifiers.contains(.neq) ? .not(linked) : linked
    }
}

extension Transform {
    /// Names of transforms without a parameter.
    static let names = [
        "to_lowercase", "to_uppercase", "strip_whitespace", "compress_whitespace", "url_decode",
        "dotprefix", "header_lowercase", "to_md5", "to_sha1", "to_sha256", "from_base64",
        "strip_pseudo_headers", "gunzip", "zlib_deflate", "domain", "tld",
    ]

    /// Bytes that `gunzip` and `zlib_deflate` unpack if nothing else is said, and may unpack at most.
    static let unpackedByteCount = 1024
    static let unpackedByteCountMax = 1 << 20

    /// The transform of a field suffix: its name, or `xor:` and a key in hexadecimal digits.
    init?(named name: String) {
        switch name {
        case "to_lowercase": self = .toLowercase
        case "to_uppercase": self = .toUppercase
        case "strip_whitespace": self = .stripWhitespace
        case "compress_whitespace": self = .compressWhitespace
        case "url_decode": self = .urlDecode
        case "dotprefix": self = .dotprefix
        case "header_lowercase": self = .headerLowercase
        case "to_md5": self = .toMD5
        case "to_sha1": self = .toSHA1
        case "to_sha256": self = .toSHA256
        case "from_base64": self = .fromBase64(Base64Decoding())
        case "strip_pseudo_headers": self = .stripPseudoHeaders
        case "domain": self = .domain
        case "tld": self = .tld
        case "gunzip": self = .gunzip(byteCountMax: Self.unpackedByteCount)
        case "zlib_deflate": self = .zlibDeflate(byteCountMax: Self.unpackedByteCount)
        default:
            if name.hasPrefix("subslice:"), let part = Subslice(String(name.dropFirst(9))) {
                self = .subslice(part)
                return
            }
            if let transform = Self.withOptions(name) {
                self = transform
                return
            }
            guard name.hasPrefix("xor:"), let key = hexBytes(name.dropFirst(4)), !key.isEmpty else {
                return nil
            }
            self = .xor(key)
        }
    }
}

extension Transform {
    /// `from_base64:mode=strict,offset=4,bytes=100`, `gunzip:max-size=4096`; nil for anything else.
    private static func withOptions(_ text: String) -> Transform? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let name = text[..<colon]
        var decoding = Base64Decoding()
        var byteCountMax = unpackedByteCount
        for option in text[text.index(after: colon)...].split(separator: ",") {
            let parts = option.split(separator: "=")
            guard parts.count == 2 else { return nil }
            let number = Int64(parts[1]).flatMap { (0...0xffff_ffff).contains($0) ? $0 : nil }
            switch (name, parts[0]) {
            case ("from_base64", "mode"):
                guard let mode = Base64Decoding.Mode(rawValue: String(parts[1])) else { return nil }
                decoding.mode = mode
            case ("from_base64", "offset"):
                guard let number else { return nil }
                decoding.offset = number
            case ("from_base64", "bytes"):
                guard let number, number > 0 else { return nil }
                decoding.byteCount = number
            case ("gunzip", "max-size"), ("zlib_deflate", "max-size"):
                guard let number, number > 0, number <= unpackedByteCountMax else { return nil }
                byteCountMax = Int(number)
            default: return nil
            }
        }
        switch name {
        case "from_base64": return .fromBase64(decoding)
        case "gunzip": return .gunzip(byteCountMax: byteCountMax)
        case "zlib_deflate": return .zlibDeflate(byteCountMax: byteCountMax)
        default: return nil
        }
    }
}

/// The bytes of hexadecimal digits, with spaces anywhere between bytes; nil for anything else.
func hexBytes(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for byte in text.utf8 {
        if byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d {
            guard high == nil else { return nil }
            continue
        }
        guard let digit = byte.hexDigitValue else { return nil }
        if let first = high {
            bytes.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return high == nil ? bytes : nil
}
