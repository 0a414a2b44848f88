/// Writes the steps of a `sequence`.
enum SequenceWriter {
    /// A line or more for each step; nil if one has no form in YAML.
    static func lines(_ steps: [SequenceStep]) -> [String]? {
        var lines: [String] = []
        for step in steps {
            guard let step = self.lines(step) else { return nil }
            lines += step
        }
        return lines
    }

    static func text(_ operand: Operand) -> String {
        switch operand {
        case .number(let number): "\(number)"
        case .variable(let name): YAMLText.scalar(name)
        }
    }

    private static func lines(_ step: SequenceStep) -> [String]? {
        switch step {
        case .content(let content): return lines(content)
        case .regex(let pattern, let isRelative, let isNegated, let captures):
            return [regex(pattern, isRelative: isRelative, isNegated: isNegated, captures)]
        case .byteTest(let number, let comparison, let value, let isNegated):
            var parts = ["op: '\(comparison.rawValue)'", "value: \(text(value))"]
            if isNegated { parts.append("not: true") }
            return ["- byte_test: {\(options(number, parts))}"]
        case .byteJump(let number, let jump):
            return ["- byte_jump: {\(options(number, options(jump)))}"]
        case .byteExtract(let number, let variable, let multiplier, let align):
            var parts = ["name: \(YAMLText.scalar(variable))"]
            if multiplier != 1 { parts.append("multiplier: \(multiplier)") }
            if align != 0 { parts.append("align: \(align)") }
            return ["- byte_extract: {\(options(number, parts))}"]
        case .byteMath(let number, let oper, let value, let result):
            let parts = [
                "oper: '\(oper.rawValue)'", "rvalue: \(text(value))",
                "result: \(YAMLText.scalar(result))",
            ]
            return ["- byte_math: {\(options(number, parts))}"]
        case .isDataAt(let offset, let isRelative, let isNegated):
            var parts = ["offset: \(text(offset))"]
            if isRelative { parts.append("relative: true") }
            if isNegated { parts.append("not: true") }
            return ["- isdataat: {\(parts.joined(separator: ", "))}"]
        case .size(let comparison, let size):
            return comparison.sign.map { "- bsize: '\($0)\(size)'" }.map { [$0] }
        case .sizeRange(let low, let high):
            return low > 0 ? ["- bsize: '\(low - 1)<>\(high + 1)'"] : nil
        case .base64(let decoding, let isRelative, let steps):
            guard let inner = self.lines(steps) else { return nil }
            return ["- base64_decode:"] + decoding.options.map { "    \($0.0): \($0.1)" }
                + (isRelative ? ["    relative: true"] : []) + ["    steps:"]
                + inner.map { "      " + $0 }
        case .asn1(let test): return ["- asn1: {\(options(test))}"]
        case .entropy(let test):
            return test.text.map { ["- entropy: {\(options(test, $0))}"] }
        }
    }

    // MARK: Content

    private static func lines(_ content: ContentStep) -> [String] {
        var lines = ["- content: '\(contentText(content.bytes))'"]
        func add(_ name: String, _ value: String?) {
            if let value { lines.append("  \(name): \(value)") }
        }
        add("nocase", content.ignoresCase ? "true" : nil)
        add("not", content.isNegated ? "true" : nil)
        add("offset", content.offset.map(text))
        add("depth", content.depth.map(text))
        add("distance", content.distance.map(text))
        add("within", content.within.map(text))
        add("startswith", content.startsWith ? "true" : nil)
        add("endswith", content.endsWith ? "true" : nil)
        add("fast", content.isFast ? "true" : nil)
        return lines
    }

    /// Text in which everything but visible ASCII stands as `|0d 0a|`, with `'` doubled.
    private static func contentText(_ bytes: [UInt8]) -> String {
        var text = ""
        var hex: [String] = []
        func flush() {
            if !hex.isEmpty { text += "|" + hex.joined(separator: " ") + "|" }
            hex = []
        }
        for byte in bytes {
            if byte >= 32, byte < 127, byte != UInt8(ascii: "|") {
                flush()
                text.unicodeScalars.append(Unicode.Scalar(byte))
                if byte == UInt8(ascii: "'") { text += "'" }
            } else {
                hex.append((byte < 16 ? "0" : "") + String(byte, radix: 16))
            }
        }
        flush()
        return text
    }

    // MARK: Regular expressions

    private static func regex(
        _ pattern: RegexPattern, isRelative: Bool, isNegated: Bool, _ captures: [String]
    ) -> String {
        var parts = ["pattern: \(YAMLText.scalar(pattern.pattern))"]
        let flags: [(Bool, String)] = [
            (pattern.ignoresCase, "i"), (pattern.isMultiline, "m"), (pattern.dotMatchesAll, "s"),
            (pattern.isExtended, "x"), (pattern.isAnchored, "A"), (pattern.dollarAtEndOnly, "E"),
            (pattern.isUngreedy, "G"),
        ]
        let text = flags.filter(\.0).map(\.1).joined()
        if !text.isEmpty { parts.append("flags: '\(text)'") }
        if isRelative { parts.append("relative: true") }
        if isNegated { parts.append("not: true") }
        if !captures.isEmpty { parts.append("capture: \(YAMLText.list(captures))") }
        return "- regex: {\(parts.joined(separator: ", "))}"
    }

    // MARK: Numbers

    private static func options(_ number: ByteNumber, _ others: [String]) -> String {
        var parts = ["bytes: \(text(number.byteCount))", "offset: \(text(number.offset))"]
        if number.isRelative { parts.append("relative: true") }
        if number.isLittleEndian { parts.append("endian: little") }
        if number.isDCERPC { parts.append("endian: dce") }
        switch number.text {
        case .decimal: parts.append("string: dec")
        case .hexadecimal: parts.append("string: hex")
        case .octal: parts.append("string: oct")
        case nil: break
        }
        if let mask = number.bitmask { parts.append("bitmask: \(mask)") }
        return (parts + others).joined(separator: ", ")
    }

    private static func options(_ test: ASN1Test) -> String {
        var parts: [String] = []
        if let length = test.oversizeLength { parts.append("oversize_length: \(length)") }
        if test.bitstringOverflow { parts.append("bitstring_overflow: true") }
        if test.doubleOverflow { parts.append("double_overflow: true") }
        switch test.origin {
        case .absolute(let offset): if offset != 0 { parts.append("offset: \(offset)") }
        case .relative(let offset): parts += ["offset: \(offset)", "relative: true"]
        }
        return parts.joined(separator: ", ")
    }

    private static func options(_ test: EntropyTest, _ text: String) -> String {
        var parts = ["value: '\(text)'"]
        if test.byteCount != 0 { parts.append("bytes: \(test.byteCount)") }
        if test.offset != 0 { parts.append("offset: \(test.offset)") }
        return parts.joined(separator: ", ")
    }

    private static func options(_ jump: ByteJump) -> [String] {
        var parts: [String] = []
        if jump.multiplier != 1 { parts.append("multiplier: \(jump.multiplier)") }
        if jump.aligns { parts.append("align: true") }
        if jump.fromBeginning { parts.append("from_beginning: true") }
        if jump.fromEnd { parts.append("from_end: true") }
        if jump.postOffset != .number(0) { parts.append("post_offset: \(text(jump.postOffset))") }
        return parts
    }
}

extension EntropyTest {
    /// The comparison as it is read.
    fileprivate var text: String? {
        guard let rangeEnd else { return comparison.sign.map { "\($0) \(value)" } }
        return (comparison == .notEqual ? "!" : "") + "\(value)-\(rangeEnd)"
    }
}

extension Comparison {
    /// The sign of `bsize`.
    fileprivate var sign: String? {
        switch self {
        case .equal: ""
        case .notEqual: "!"
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }
}
