/// Writes a condition as the `detection` section of a rule.
struct DetectionWriter {
    private struct Item {
        /// `field|modifier`.
        var key: String
        /// Values of which one must hold, or all with `|all`; a sequence is lines of its own.
        var values: [String] = []
        var steps: [String] = []
        var isAll = false
        /// Another value may follow under `|all`.
        var canGrow = false
    }

    private var selections: [[Item]] = []

    /// The lines; nil if the condition has no form in YAML.
    func section(_ condition: Condition) -> [String]? {
        // Nothing but who talks to whom.
        if condition == .all([]) { return ["detection: any"] }
        var writer = self
        guard let text = writer.term(condition, isNested: false) else { return nil }
        return ["detection:"] + writer.lines() + ["  condition: \(YAMLText.scalar(text))"]
    }

    // MARK: Terms

    private mutating func term(_ condition: Condition, isNested: Bool) -> String? {
        if let item = item(condition) { return select([item]) }
        switch condition {
        case .match: return nil
        case .not(let part): return term(part, isNested: true).map { "not \($0)" }
        case .any(let parts):
            var terms: [String] = []
            for part in parts {
                guard let term = term(part, isNested: true) else { return nil }
                terms.append(term)
            }
            return terms.isEmpty ? nil : "(" + terms.joined(separator: " or ") + ")"
        case .all(let parts): return conjunction(parts, isNested: isNested)
        }
    }

    /// Tests of fields next to each other make one selection, as long as each has a key of its own.
    private mutating func conjunction(_ parts: [Condition], isNested: Bool) -> String? {
        var terms: [String] = []
        var items: [Item] = []
        for part in parts {
            if let item = item(part) {
                if let last = items.last, last.canGrow, item.canGrow, last.key == item.key {
                    items[items.count - 1].values += item.values
                    items[items.count - 1].isAll = true
                    continue
                }
                if items.contains(where: { $0.key == item.key }) {
                    terms.append(select(items))
                    items = []
                }
                items.append(item)
                continue
            }
            if !items.isEmpty { terms.append(select(items)) }
            items = []
            guard let term = term(part, isNested: true) else { return nil }
            terms.append(term)
        }
        if !items.isEmpty { terms.append(select(items)) }
        guard !terms.isEmpty else { return nil }
        let text = terms.joined(separator: " and ")
        return isNested && terms.count > 1 ? "(\(text))" : text
    }

    private mutating func select(_ items: [Item]) -> String {
        selections.append(items)
        return Self.name(selections.count)
    }

    private static func name(_ number: Int) -> String {
        number == 1 ? "selection" : "selection\(number)"
    }

    private func lines() -> [String] {
        var lines: [String] = []
        for (index, items) in selections.enumerated() {
            lines.append("  \(Self.name(index + 1)):")
            for item in items { lines += Self.lines(item) }
        }
        return lines
    }

    private static func lines(_ item: Item) -> [String] {
        let key = item.key + (item.isAll ? "|all" : "")
        let isPlain = key.utf8.allSatisfy { byte in
            byte > 32 && byte < 127 && ![34, 35, 39, 44, 91, 93, 123, 125].contains(byte)
        }
        let name = "    " + (isPlain ? key : YAMLText.scalar(key)) + ":"
        if !item.steps.isEmpty { return [name] + item.steps.map { "      " + $0 } }
        if item.values.count == 1 { return ["\(name) \(item.values[0])"] }
        return [name] + item.values.map { "      - \($0)" }
    }

    // MARK: Items

    /// One test, or alternatives with one key.
    private func item(_ condition: Condition) -> Item? {
        switch condition {
        case .match(let match): return item(match)
        case .any(let parts):
            guard parts.count > 1 else { return nil }
            var joined: Item?
            for part in parts {
                guard case .match(let match) = part, let item = item(match), item.steps.isEmpty
                else { return nil }
                guard joined == nil || joined?.key == item.key else { return nil }
                joined = joined ?? Item(key: item.key)
                joined?.values += item.values
            }
            return joined
        default: return nil
        }
    }

    private func item(_ match: FieldMatch) -> Item? {
        guard let field = match.field else { return nil }
        let definition = FieldRegistry.definition(of: field)
        let transforms =
            (match.elements.map { "|elements:\($0.text)" } ?? "")
            + match.transforms.map { "|" + $0.name }.joined()
        func item(_ modifier: String, _ value: String, canGrow: Bool = false) -> Item {
            Item(
                key: definition.name + transforms + modifier, values: [value], canGrow: canGrow)
        }
        switch match.predicate {
        case .text(let pattern):
            guard let (modifier, text) = Self.text(pattern) else { return nil }
            return item(
                modifier + (pattern.isCased ? "|cased" : ""), YAMLText.scalar(text), canGrow: true)
        case .regex(let regex):
            guard let flags = Self.flags(regex) else { return nil }
            return item("|re" + flags, YAMLText.scalar(regex.pattern), canGrow: true)
        case .number(let comparison, let number):
            let (modifier, value) = Self.number(comparison, number, definition)
            return item(modifier, value)
        case .bits(let test):
            return test.text(of: definition.name).map {
                item($0.modifier, YAMLText.scalar($0.letters))
            }
        case .integer(let test): return item("|number", YAMLText.scalar(test.text))
        case .exists(let exists): return item("|exists", "\(exists)")
        case .isAbsent: return item("", "null")
        case .network(let network): return item("|cidr", YAMLText.scalar(network.text))
        case .sequence(let steps):
            guard let lines = SequenceWriter.lines(steps) else { return nil }
            return Item(key: definition.name + transforms + "|sequence", steps: lines)
        case .inSet(let test): return item("|dataset", test.yaml)
        case .country(let test): return item("|country", YAMLText.list(test.texts))
        case .reputation(let test): return item("|reputation", test.yaml)
        case .past(let isPast): return item("|past", "\(isPast)")
        case .fieldReference, .timePart: return nil
        }
    }

    private static func number(
        _ comparison: Comparison, _ number: Int64, _ definition: FieldDefinition
    ) -> (modifier: String, value: String) {
        switch comparison {
        case .equal:
            definition.type == .bool ? ("", number == 1 ? "true" : "false") : ("", "\(number)")
        case .notEqual: ("", "'!= \(number)'")
        case .less: ("|lt", "\(number)")
        case .lessOrEqual: ("|lte", "\(number)")
        case .greater: ("|gt", "\(number)")
        case .greaterOrEqual: ("|gte", "\(number)")
        }
    }

    /// The modifier and the text of a pattern; nil for bytes that are no text.
    private static func text(_ pattern: TextPattern) -> (String, String)? {
        var parts = pattern.parts[...]
        let opensStart = parts.count > 1 && parts.first == .anyMany
        let opensEnd = parts.count > 1 && parts.last == .anyMany
        if opensStart { parts.removeFirst() }
        if opensEnd { parts.removeLast() }
        guard let text = escaped(parts) else { return nil }
        switch (opensStart, opensEnd) {
        case (true, true): return ("|contains", text)
        case (true, false): return ("|endswith", text)
        case (false, true): return ("|startswith", text)
        case (false, false): return ("", text)
        }
    }

    /// Text in which `*` and `?` are wildcards. A backslash is doubled where it would protect what follows.
    private static func escaped(_ parts: ArraySlice<TextPattern.Part>) -> String? {
        var bytes: [UInt8] = []
        for part in parts {
            switch part {
            case .anyOne: bytes.append(UInt8(ascii: "?"))
            case .anyMany: bytes.append(UInt8(ascii: "*"))
            case .literal(let literal):
                for (index, byte) in literal.enumerated() {
                    let next = index + 1 < literal.count ? literal[index + 1] : UInt8(ascii: "\\")
                    let isSpecial = byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
                    let protects =
                        byte == UInt8(ascii: "\\")
                        && [UInt8(ascii: "\\"), UInt8(ascii: "*"), UInt8(ascii: "?")].contains(next)
                    if isSpecial || protects { bytes.append(UInt8(ascii: "\\")) }
                    bytes.append(byte)
                }
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func flags(_ regex: RegexPattern) -> String? {
        guard !regex.isExtended, !regex.isAnchored, !regex.dollarAtEndOnly, !regex.isUngreedy else {
            return nil
        }
        return (regex.ignoresCase ? "|i" : "") + (regex.isMultiline ? "|m" : "")
            + (regex.dotMatchesAll ? "|s" : "")
    }
}

extension Transform {
    /// The field suffix.
    var name: String {
        switch self {
        case .toLowercase: "to_lowercase"
        case .toUppercase: "to_uppercase"
        case .stripWhitespace: "strip_whitespace"
        case .compressWhitespace: "compress_whitespace"
        case .urlDecode: "url_decode"
        case .dotprefix: "dotprefix"
        case .headerLowercase: "header_lowercase"
        case .toMD5: "to_md5"
        case .toSHA1: "to_sha1"
        case .toSHA256: "to_sha256"
        case .xor(let key):
            "xor:" + key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case .fromBase64(let decoding): Self.withOptions("from_base64", decoding.options)
        case .stripPseudoHeaders: "strip_pseudo_headers"
        case .pcrexform(let regex): "pcrexform:/\(regex.pattern)/"
        case .gunzip(let byteCountMax): Self.withOptions("gunzip", Self.options(byteCountMax))
        case .zlibDeflate(let byteCountMax):
            Self.withOptions("zlib_deflate", Self.options(byteCountMax))
        case .subslice(let part): "subslice:\(part.text)"
        case .domain: "domain"
        case .tld: "tld"
        }
    }

    private static func options(_ byteCountMax: Int) -> [(String, String)] {
        byteCountMax == unpackedByteCount ? [] : [("max-size", "\(byteCountMax)")]
    }

    private static func withOptions(_ name: String, _ options: [(String, String)]) -> String {
        options.isEmpty
            ? name : name + ":" + options.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
    }
}

extension Base64Decoding {
    /// What is not as usual.
    var options: [(String, String)] {
        (mode == .rfc4648 ? [] : [("mode", mode.rawValue)])
            + (offset == 0 ? [] : [("offset", "\(offset)")])
            + (byteCount.map { [("bytes", "\($0)")] } ?? [])
    }
}

extension BitTest {
    /// The modifier and the letters.
    fileprivate func text(of field: String) -> (modifier: String, letters: String)? {
        let letters: [(Int64, String)]
        switch field {
        case "tcp.flags": letters = "FSRPAUEC".enumerated().map { (1 << Int64($0), "\($1)") }
        case "ip.flags": letters = [(4, "R"), (2, "D"), (1, "M")]
        default: return nil
        }
        func text(_ bits: Int64) -> String {
            bits == 0 ? "0" : letters.filter { bits & $0.0 != 0 }.map(\.1).joined()
        }
        let modifier =
            switch mode {
            case .exactly: "|bits"
            case .all: "|bits_all"
            case .any: "|bits_any"
            }
        return (modifier, text(bits) + (ignored == 0 ? "" : "," + text(ignored)))
    }
}
