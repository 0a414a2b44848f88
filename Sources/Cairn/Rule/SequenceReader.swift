/// Reads the steps of a `sequence`: maps in which one key names the step, with the options of
/// Suricata's keyword of that name.
struct SequenceReader {
    let sink: DiagnosticSink
    /// Variables that other sequences of the rule set.
    var otherVariables: [String] = []

    /// Steps in one sequence.
    static let stepCountMax = 1024

    /// The steps; nil if there are mistakes, which were reported.
    func read(_ nodes: [YAMLNode]) -> [SequenceStep]? {
        guard nodes.count <= Self.stepCountMax else {
            sink.error(
                at: nodes[0].mark, "a sequence has at most \(Self.stepCountMax) steps")
            return nil
        }
        var names = otherVariables
        var steps: [SequenceStep] = []
        for node in nodes {
            guard let step = step(node) else { return nil }
            if case .base64 = steps.last {
                sink.error(
                    at: node.mark, "no step can follow 'base64_decode'; its 'steps' can be more")
                return nil
            }
            for variable in step.variables where !names.contains(variable) {
                sink.error(
                    at: node.mark,
                    "the variable '\(variable)' is not set by a step before"
                        + suggestion(for: variable, among: names))
                return nil
            }
            names += step.definedVariables
            steps.append(step)
        }
        return steps
    }

    private static let stepNames = [
        "content", "regex", "byte_test", "byte_jump", "byte_extract", "byte_math", "isdataat",
        "bsize", "base64_decode", "asn1", "entropy",
    ]

    private func step(_ node: YAMLNode) -> SequenceStep? {
        guard let entries = node.entries else {
            sink.error(
                at: node.mark,
                "a step must be a map like 'content: GET' or 'isdataat: 10', not \(node.kind)")
            return nil
        }
        let named = entries.filter { Self.stepNames.contains($0.key) }
        guard let main = named.first else {
            let first = entries.first?.key ?? ""
            sink.error(
                at: node.mark,
                "unknown step '\(first)'"
                    + (nearest(to: first, among: Self.stepNames).map { " — did you mean '\($0)'?" }
                        ?? "; a step is one of \(alternatives(Self.stepNames))"))
            return nil
        }
        guard named.count == 1 else {
            sink.error(
                at: named[1].keyMark,
                "'\(main.key)' and '\(named[1].key)' are two steps; begin each with '- '")
            return nil
        }
        let errorCount = sink.errorCount
        let options = StepOptions(sink: sink, entries: entries, main: main)
        let step: SequenceStep? =
            switch main.key {
            case "content": content(options)
            case "regex": regex(options)
            case "byte_test": byteTest(options)
            case "byte_jump": byteJump(options)
            case "byte_extract": byteExtract(options)
            case "byte_math": byteMath(options)
            case "isdataat": isDataAt(options)
            case "base64_decode": base64(options)
            case "asn1": asn1(options)
            case "entropy": entropy(options)
            default: size(options)
            }
        return sink.errorCount == errorCount ? step : nil
    }

    // MARK: Content

    private func content(_ options: StepOptions) -> SequenceStep? {
        guard
            options.allow([
                "content", "nocase", "offset", "depth", "distance", "within", "startswith",
                "endswith", "not", "fast",
            ]), let text = sink.text(options.main.value, "'content'")
        else { return nil }
        let mark = options.main.value.mark
        guard let bytes = Self.contentBytes(text) else {
            sink.error(
                at: mark,
                "'\(text)' is not a content; bytes stand as |0d 0a|, the character '|' as |7c|")
            return nil
        }
        guard !bytes.isEmpty else {
            sink.error(at: mark, "the content is empty")
            return nil
        }
        var step = ContentStep(bytes: bytes)
        step.ignoresCase = options.flag("nocase")
        step.isNegated = options.flag("not")
        step.isFast = options.flag("fast")
        step.startsWith = options.flag("startswith")
        step.endsWith = options.flag("endswith")
        step.offset = options.operand("offset", in: 0...0xffff_ffff)
        step.depth = options.operand("depth", in: 0...0xffff_ffff)
        step.distance = options.operand("distance", in: -0xffff_ffff...0xffff_ffff)
        step.within = options.operand("within", in: -0xffff_ffff...0xffff_ffff)
        check(step, options)
        return .content(step)
    }

    private func check(_ step: ContentStep, _ options: StepOptions) {
        let isAbsolute = step.offset != nil || step.depth != nil
        let isRelative = step.distance != nil || step.within != nil
        if isAbsolute && isRelative {
            sink.error(
                at: options.main.keyMark,
                "'offset' and 'depth' count from the start, 'distance' and 'within' from the"
                    + " match before; a content takes one kind")
        }
        if step.startsWith && (isAbsolute || isRelative) {
            sink.error(
                at: options.main.keyMark,
                "'startswith' cannot go with 'offset', 'depth', 'distance' or 'within'")
        }
        for (name, bound) in [("depth", step.depth), ("within", step.within)] {
            if case .number(let number) = bound, number < step.bytes.count {
                sink.error(
                    at: options.mark(of: name),
                    "'\(name)' of \(number) is less than the content's \(step.bytes.count) bytes")
            }
        }
    }

    /// Literal text with bytes in hexadecimal digits between bars; nil where the bars do not fit.
    static func contentBytes(_ text: String) -> [UInt8]? {
        guard text.utf8.contains(UInt8(ascii: "|")) else { return Array(text.utf8) }
        let parts = text.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count % 2 == 1 else { return nil }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index % 2 == 0 {
                bytes += Array(part.utf8)
            } else if let hex = hexBytes(part), !hex.isEmpty {
                bytes += hex
            } else {
                return nil
            }
        }
        return bytes
    }

    // MARK: Regular expressions

    private func regex(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["regex", "pattern", "flags", "relative", "not", "capture"]),
            let text = options.required("pattern", orMain: true)
        else { return nil }
        var pattern = RegexPattern(pattern: text)
        if let flags = options.text("flags") {
            for flag in flags {
                switch flag {
                case "i": pattern.ignoresCase = true
                case "m": pattern.isMultiline = true
                case "s": pattern.dotMatchesAll = true
                case "x": pattern.isExtended = true
                case "A": pattern.isAnchored = true
                case "E": pattern.dollarAtEndOnly = true
                case "G": pattern.isUngreedy = true
                default:
                    sink.error(
                        at: options.mark(of: "flags"),
                        "unknown flag '\(flag)'; the flags are i m s x A E G")
                }
            }
        }
        if let problem = pattern.problem {
            sink.error(at: options.mark(of: "pattern"), problem)
        }
        let captures = options.texts("capture")
        for name in captures where !RegexCapture.isValid(name) {
            sink.error(
                at: options.mark(of: "capture"),
                "'\(name)' is no name of a capture; write 'name' for a number, 'alert:name',"
                    + " 'flow:name' or 'pkt:name' for a text")
        }
        return .regex(
            pattern, isRelative: options.flag("relative"), isNegated: options.flag("not"),
            captures: captures)
    }

    // MARK: Numbers

    private static let numberKeys = [
        "bytes", "offset", "relative", "endian", "string", "bitmask",
    ]

    private func number(_ options: StepOptions, offsetKey: String = "offset") -> ByteNumber? {
        let string = options.node("string").flatMap {
            sink.choice($0, "'string'", NumberText.self)
        }
        let byteCountMax: Int64 = string == nil ? 8 : 23
        guard let count = options.operand("bytes", in: 0...byteCountMax) else {
            if options.node("bytes") == nil {
                sink.error(at: options.main.keyMark, "'\(options.main.key)' needs 'bytes'")
            }
            return nil
        }
        var number = ByteNumber(
            byteCount: count,
            offset: options.operand(offsetKey, in: ByteNumber.offsets) ?? .number(0))
        number.isRelative = options.flag("relative")
        number.text = string?.text
        if let node = options.node("endian") {
            switch sink.choice(node, "'endian'", Endian.self) {
            case .little: number.isLittleEndian = true
            case .dce: number.isDCERPC = true
            case .big, nil: break
            }
        }
        if let mask = options.node("bitmask") {
            number.bitmask = sink.integer(mask, "'bitmask'", in: 0...0xffff_ffff)
                .map { UInt64(bitPattern: $0) }
        }
        return number
    }

    private func byteTest(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["byte_test", "op", "value", "not"] + Self.numberKeys),
            let number = number(options), var name = options.required("op")
        else { return nil }
        var isNegated = options.flag("not")
        if name.hasPrefix("!") {
            isNegated.toggle()
            name.removeFirst()
            if name.isEmpty { name = "=" }
        }
        guard let comparison = ByteComparison(rawValue: name) else {
            sink.error(
                at: options.mark(of: "op"),
                "unknown operator '\(name)'; use < > = <= >= & or ^, with '!' before for not")
            return nil
        }
        guard let value = options.operand("value", in: -0xffff_ffff...Int64.max) else {
            return options.missing("value")
        }
        return .byteTest(number, comparison, value, isNegated: isNegated)
    }

    private func byteJump(_ options: StepOptions) -> SequenceStep? {
        guard
            options.allow(
                [
                    "byte_jump", "multiplier", "align", "from_beginning", "from_end",
                    "post_offset",
                ] + Self.numberKeys), let number = number(options)
        else { return nil }
        var jump = ByteJump()
        if let node = options.node("multiplier") {
            jump.multiplier = sink.integer(node, "'multiplier'", in: 1...65_535) ?? 1
        }
        jump.aligns = options.flag("align")
        jump.fromBeginning = options.flag("from_beginning")
        jump.fromEnd = options.flag("from_end")
        jump.postOffset = options.operand("post_offset", in: -65_535...65_535) ?? .number(0)
        return .byteJump(number, jump)
    }

    private func byteExtract(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["byte_extract", "name", "multiplier", "align"] + Self.numberKeys),
            let number = number(options), let name = options.required("name")
        else { return nil }
        var multiplier: Int64 = 1
        if let node = options.node("multiplier") {
            multiplier = sink.integer(node, "'multiplier'", in: 1...65_535) ?? 1
        }
        var align = 0
        if let node = options.node("align") {
            align = Int(sink.integer(node, "'align'", in: 0...4) ?? 0)
            if ![0, 2, 4].contains(align) {
                sink.error(at: node.mark, "'align' must be 2 or 4")
            }
        }
        return .byteExtract(number, variable: name, multiplier: multiplier, align: align)
    }

    private func byteMath(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["byte_math", "oper", "rvalue", "result"] + Self.numberKeys),
            let number = number(options), let name = options.required("oper"),
            let result = options.required("result")
        else { return nil }
        guard let oper = ArithmeticOperator(rawValue: name) else {
            sink.error(
                at: options.mark(of: "oper"), "unknown operator '\(name)'; use + - * / << or >>")
            return nil
        }
        guard let value = options.operand("rvalue", in: 0...0xffff_ffff) else {
            return options.missing("rvalue")
        }
        if oper == .divide, value == .number(0) {
            sink.warning(
                at: options.mark(of: "rvalue"), "division by zero: the step never holds")
        }
        return .byteMath(number, oper, value, result: result)
    }

    // MARK: What values hold

    /// `{offset: 4, bytes: 100, relative: true, mode: rfc2045, steps: […]}`
    private func base64(_ options: StepOptions) -> SequenceStep? {
        guard
            options.allow(["base64_decode", "offset", "bytes", "relative", "mode", "steps"])
        else { return nil }
        guard let nodes = options.node("steps")?.elements, !nodes.isEmpty else {
            sink.error(
                at: options.main.keyMark,
                "'base64_decode' needs 'steps': a list of steps on what is decoded")
            return nil
        }
        var decoding = Base64Decoding()
        if let offset = options.node("offset") {
            decoding.offset = sink.integer(offset, "'offset'", in: 0...0xffff_ffff) ?? 0
        }
        if let count = options.node("bytes") {
            decoding.byteCount = sink.integer(count, "'bytes'", in: 1...0xffff_ffff)
        }
        if let mode = options.node("mode") {
            decoding.mode = sink.choice(mode, "'mode'", Base64Decoding.Mode.self) ?? .rfc4648
        }
        guard let steps = read(nodes) else { return nil }
        for case .base64 in steps {
            sink.error(at: options.main.keyMark, "what was decoded cannot be decoded once more")
            return nil
        }
        return .base64(decoding, isRelative: options.flag("relative"), steps)
    }

    /// `{oversize_length: 500, bitstring_overflow: true, double_overflow: true, offset: 4, relative: true}`
    private func asn1(_ options: StepOptions) -> SequenceStep? {
        guard
            options.allow([
                "asn1", "oversize_length", "bitstring_overflow", "double_overflow", "offset",
                "relative",
            ])
        else { return nil }
        var test = ASN1Test()
        if let length = options.node("oversize_length") {
            test.oversizeLength = sink.integer(length, "'oversize_length'", in: 0...0xffff_ffff)
        }
        test.bitstringOverflow = options.flag("bitstring_overflow")
        test.doubleOverflow = options.flag("double_overflow")
        let offset =
            options.node("offset").flatMap { sink.integer($0, "'offset'", in: -65_535...65_535) }
            ?? 0
        test.origin = options.flag("relative") ? .relative(offset) : .absolute(offset)
        if test.oversizeLength == nil, !test.bitstringOverflow, !test.doubleOverflow {
            sink.error(
                at: options.main.keyMark,
                "'asn1' needs 'oversize_length', 'bitstring_overflow' or 'double_overflow'")
        }
        return .asn1(test)
    }

    /// `{value: '>= 7.2', bytes: 100, offset: 4}`
    private func entropy(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["entropy", "value", "bytes", "offset"]),
            let text = options.required("value")
        else { return nil }
        guard var test = EntropyTest(parsing: text) else {
            sink.error(
                at: options.mark(of: "value"),
                "'\(text)' is no comparison with a number of bits; write '>= 7.2' or '1.5-2.5'")
            return nil
        }
        if let count = options.node("bytes") {
            test.byteCount = sink.integer(count, "'bytes'", in: 0...0xffff_ffff) ?? 0
        }
        if let offset = options.node("offset") {
            test.offset = sink.integer(offset, "'offset'", in: 0...0xffff_ffff) ?? 0
        }
        return .entropy(test)
    }

    // MARK: Sizes

    private func isDataAt(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["isdataat", "offset", "relative", "not"]),
            let offset = options.operand(
                options.hasMap ? "offset" : "isdataat", in: 0...65_535)
        else { return options.hasMap ? options.missing("offset") : nil }
        return .isDataAt(
            offset, isRelative: options.flag("relative"), isNegated: options.flag("not"))
    }

    /// `10`, `'<10'`, `'>=10'`, `'10<>20'` (more than 10 and less than 20).
    private func size(_ options: StepOptions) -> SequenceStep? {
        guard options.allow(["bsize"]), let text = sink.text(options.main.value, "'bsize'") else {
            return nil
        }
        if let comparison = Self.sizeComparison(text) { return comparison }
        sink.error(
            at: options.main.value.mark, "'\(text)' is not a size; write 10, '<10' or '10<>20'")
        return nil
    }

    static func sizeComparison(_ text: String) -> SequenceStep? {
        func number(_ text: some StringProtocol) -> Int64? {
            guard let value = IntegerTest.number(text.drop { $0 == " " }), value >= 0 else {
                return nil
            }
            return value
        }
        if let range = text.firstRange(of: "<>") ?? text.firstRange(of: "-") {
            guard let low = number(text[..<range.lowerBound]),
                let high = number(text[range.upperBound...]), low < high, high - low > 1
            else { return nil }
            return .sizeRange(low + 1, high - 1)
        }
        let operators: [(String, Comparison)] = [
            ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("!", .notEqual), ("<", .less),
            (">", .greater), ("=", .equal),
        ]
        for (name, comparison) in operators where text.hasPrefix(name) {
            return number(text.dropFirst(name.count)).map { .size(comparison, $0) }
        }
        return number(text).map { .size(.equal, $0) }
    }

    private enum Endian: String, CaseIterable { case big, little, dce }

    private enum NumberText: String, CaseIterable {
        case dec, hex, oct

        var text: ByteNumber.Text {
            switch self {
            case .dec: .decimal
            case .hex: .hexadecimal
            case .oct: .octal
            }
        }
    }
}

extension EntropyTest {
    /// `>= 7.2`, `5`, `1.5-2.5`, `!1.5-2.5`; nil for anything else.
    init?(parsing text: String) {
        let operators: [(String, Comparison)] = [
            ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("!=", .notEqual), ("!", .notEqual),
            ("=", .equal), ("<", .less), (">", .greater),
        ]
        let found = operators.first { text.hasPrefix($0.0) }
        let digits = text.dropFirst(found?.0.count ?? 0).drop { $0 == " " }
        comparison = found?.1 ?? .equal
        // A number may begin with a sign.
        guard let dash = digits.dropFirst().firstIndex(of: "-") else {
            guard let value = Self.number(digits) else { return nil }
            self.value = value
            return
        }
        guard let low = Self.number(digits[..<dash]),
            let high = Self.number(digits[digits.index(after: dash)...]), low < high,
            comparison == .equal || comparison == .notEqual
        else { return nil }
        (value, rangeEnd) = (low, high)
    }

    private static func number(_ text: Substring) -> Double? {
        let trimmed = text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        return Double(String(trimmed)).flatMap { $0.isFinite ? $0 : nil }
    }
}

/// The options of one step, whether written beside its name or in a map under it.
private struct StepOptions {
    let sink: DiagnosticSink
    let main: YAMLEntry
    private let all: [YAMLEntry]

    init(sink: DiagnosticSink, entries: [YAMLEntry], main: YAMLEntry) {
        self.sink = sink
        self.main = main
        all = main.value.entries.map { entries + $0 } ?? entries
    }

    var hasMap: Bool { main.value.entries != nil }

    func allow(_ names: [String]) -> Bool {
        var isFine = true
        for entry in all where !names.contains(entry.key) {
            sink.error(
                at: entry.keyMark,
                "unknown option '\(entry.key)' of '\(main.key)'"
                    + (nearest(to: entry.key, among: names).map { " — did you mean '\($0)'?" }
                        ?? "; it takes \(alternatives(names.filter { $0 != main.key }))"))
            isFine = false
        }
        return isFine
    }

    func node(_ name: String) -> YAMLNode? { all.first { $0.key == name }?.value }

    func mark(of name: String) -> YAMLMark { (node(name) ?? main.value).mark }

    func flag(_ name: String) -> Bool {
        node(name).map { sink.bool($0, "'\(name)'") ?? false } ?? false
    }

    func text(_ name: String) -> String? {
        node(name).flatMap { sink.text($0, "'\(name)'") }
    }

    func texts(_ name: String) -> [String] {
        node(name).map { sink.texts($0, "'\(name)'") } ?? []
    }

    /// The text of an option that must be there, or of the step itself.
    func required(_ name: String, orMain: Bool = false) -> String? {
        if let node = node(name) { return sink.text(node, "'\(name)'") }
        if orMain, !hasMap { return sink.text(main.value, "'\(main.key)'") }
        return missing(name)
    }

    func missing<T>(_ name: String) -> T? {
        if node(name) == nil { sink.error(at: main.keyMark, "'\(main.key)' needs '\(name)'") }
        return nil
    }

    /// A number, or the name of a variable.
    func operand(_ name: String, in range: ClosedRange<Int64>) -> Operand? {
        guard let node = node(name) else { return nil }
        guard let text = node.text else {
            sink.error(at: node.mark, "'\(name)' must be a number or a variable, not \(node.kind)")
            return nil
        }
        if let first = text.utf8.first, (65...90).contains(first & 0xdf) || first == 95 {
            return .variable(text)
        }
        return sink.integer(node, "'\(name)'", in: range).map { .number($0) }
    }
}

extension SequenceStep {
    /// Variables that the step reads.
    var variables: [String] {
        func names(_ operands: Operand?...) -> [String] {
            operands.compactMap { if case .variable(let name) = $0 { name } else { nil } }
        }
        switch self {
        case .content(let step):
            return names(step.offset, step.depth, step.distance, step.within)
        case .byteTest(let number, _, let value, _):
            return names(number.byteCount, number.offset, value)
        case .byteJump(let number, let jump):
            return names(number.byteCount, number.offset, jump.postOffset)
        case .byteExtract(let number, _, _, _): return names(number.byteCount, number.offset)
        case .byteMath(let number, _, let value, _):
            return names(number.byteCount, number.offset, value)
        case .isDataAt(let offset, _, _): return names(offset)
        case .base64(_, _, let steps): return steps.foreignVariables
        case .regex, .size, .sizeRange, .asn1, .entropy: return []
        }
    }

    /// Variables that the step sets.
    var definedVariables: [String] {
        switch self {
        case .byteExtract(_, let name, _, _), .byteMath(_, _, _, let name): [name]
        case .regex(_, _, _, let captures):
            captures.filter { if case .variable = RegexCapture($0) { true } else { false } }
        case .base64(_, _, let steps): steps.flatMap(\.definedVariables)
        default: []
        }
    }
}

extension [SequenceStep] {
    /// Variables that they read and other sequences set.
    var foreignVariables: [String] {
        var own: Set<String> = []
        var foreign: [String] = []
        for step in self {
            foreign += step.variables.filter { !own.contains($0) }
            own.formUnion(step.definedVariables)
        }
        return foreign
    }
}
