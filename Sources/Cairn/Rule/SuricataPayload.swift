/// Keywords that look for bytes: `content` and its modifiers, `isdataat`, `bsize`, `byte_test` and its kin.
extension SuricataDraft {
    // MARK: Content

    mutating func content(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        guard let quoted = value.unquoted else {
            throw value.error("the value of '\(option.name)' must stand in quotation marks")
        }
        var step = ContentStep(bytes: try Self.contentBytes(quoted))
        guard !step.bytes.isEmpty else { throw value.error("the content is empty") }
        step.isNegated = isNegated
        append(.content(step))
        lastContent = (current, buffers[current].steps.count - 1)
    }

    /// The bytes of a content: `|0d 0a|` are bytes, and `\` protects `;`, `"`, `:`, `\`.
    static func contentBytes(_ value: SuricataValue) throws(SuricataProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(value.bytes.count)
        var isHex = false
        var isEscaped = false
        var high: UInt8?
        for (index, byte) in zip(value.bytes.indices, value.bytes) {
            if isEscaped {
                guard [92, 34, 58, 59].contains(byte) else {
                    throw SuricataProblem(
                        offset: index,
                        message: "only \\ \" : and ; can follow a '\\'; a '\\' itself is '\\\\'")
                }
                bytes.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "|") {
                guard high == nil else {
                    throw SuricataProblem(
                        offset: index, message: "a byte between '|' has two hexadecimal digits")
                }
                isHex.toggle()
            } else if isHex {
                if byte == UInt8(ascii: " ") { continue }
                guard let digit = byte.hexDigitValue else {
                    throw SuricataProblem(
                        offset: index, message: "between '|' stand hexadecimal digits like |0d 0a|")
                }
                if let first = high {
                    bytes.append(first << 4 | digit)
                    high = nil
                } else {
                    high = digit
                }
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                bytes.append(byte)
            }
        }
        guard !isHex else { throw value.error("a '|' is missing behind the hexadecimal digits") }
        guard !isEscaped else { throw value.error("nothing follows the '\\' at the end") }
        return bytes
    }

    mutating func noCase(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        try modify(option) { step in step.ignoresCase = true }
    }

    mutating func startsWith(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        try modify(option) { step throws(SuricataProblem) in
            guard step.offset == nil, step.depth == nil, step.distance == nil, step.within == nil
            else {
                throw option.error(
                    "'startswith' cannot go with 'offset', 'depth', 'distance' or 'within'")
            }
            step.startsWith = true
        }
    }

    mutating func endsWith(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        try modify(option) { step in step.endsWith = true }
    }

    mutating func fastPattern(_ option: SuricataOption) throws(SuricataProblem) {
        var end: Int64 = 0
        if let value = option.value, value.text != "only" {
            let parts = value.split(",")
            guard parts.count == 2, let offset = parts[0].integer, let length = parts[1].integer,
                (0...65_535).contains(offset), (1...65_535).contains(length)
            else { throw value.error("'fast_pattern' takes 'only' or 'offset,length'") }
            end = offset + length
        }
        try modify(option) { step throws(SuricataProblem) in
            guard end <= step.bytes.count else {
                throw option.error(
                    "'fast_pattern' reaches behind the content's \(step.bytes.count) bytes")
            }
            step.isFast = true
        }
    }

    // MARK: Bounds

    mutating func offset(_ option: SuricataOption) throws(SuricataProblem) {
        let bound = try bound(option, in: 0...65_535)
        try modify(option) { step throws(SuricataProblem) in
            try Self.checkAbsolute(step, option)
            guard step.offset == nil else { throw option.error("'offset' was given before") }
            step.offset = bound
        }
    }

    mutating func depth(_ option: SuricataOption) throws(SuricataProblem) {
        let bound = try bound(option, in: 0...65_535)
        try modify(option) { step throws(SuricataProblem) in
            try Self.checkAbsolute(step, option)
            guard step.depth == nil else { throw option.error("'depth' was given before") }
            try Self.checkLength(bound, step, option)
            step.depth = bound
        }
    }

    mutating func distance(_ option: SuricataOption) throws(SuricataProblem) {
        let bound = try bound(option, in: -1_048_576...1_048_576)
        try modify(option) { step throws(SuricataProblem) in
            try Self.checkRelative(step, option)
            guard step.distance == nil else { throw option.error("'distance' was given before") }
            step.distance = bound
        }
    }

    mutating func within(_ option: SuricataOption) throws(SuricataProblem) {
        let bound = try bound(option, in: -1_048_576...1_048_576)
        try modify(option) { step throws(SuricataProblem) in
            try Self.checkRelative(step, option)
            guard step.within == nil else { throw option.error("'within' was given before") }
            try Self.checkLength(bound, step, option)
            step.within = bound
        }
    }

    private static func checkAbsolute(
        _ step: ContentStep, _ option: SuricataOption
    ) throws(SuricataProblem) {
        if step.distance != nil || step.within != nil {
            throw option.error(
                "'\(option.name)' counts from the start, 'distance' and 'within' from the match"
                    + " before; a content takes one kind")
        }
        if step.startsWith { throw option.error("'\(option.name)' cannot go with 'startswith'") }
    }

    private static func checkRelative(
        _ step: ContentStep, _ option: SuricataOption
    ) throws(SuricataProblem) {
        if step.offset != nil || step.depth != nil {
            throw option.error(
                "'\(option.name)' counts from the match before, 'offset' and 'depth' from the"
                    + " start; a content takes one kind")
        }
        if step.startsWith { throw option.error("'\(option.name)' cannot go with 'startswith'") }
    }

    private static func checkLength(
        _ bound: Operand, _ step: ContentStep, _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard case .number(let number) = bound, number < step.bytes.count else { return }
        throw option.error(
            "'\(option.name)' of \(number) is less than the content's \(step.bytes.count) bytes")
    }

    /// A number, or a variable that was extracted before.
    private func bound(
        _ option: SuricataOption, in range: ClosedRange<Int64>
    ) throws(SuricataProblem) -> Operand {
        let value = try option.required()
        let plain = value.unquoted ?? value
        return try operand(plain, "'\(option.name)'", in: range)
    }

    func operand(
        _ value: SuricataValue, _ what: String, in range: ClosedRange<Int64>
    ) throws(SuricataProblem) -> Operand {
        if let number = value.integer {
            guard range.contains(number) else {
                throw value.error("\(what) must lie in \(range.lowerBound)...\(range.upperBound)")
            }
            return .number(number)
        }
        let name = value.text
        let names = variables
        guard names.contains(name) else {
            throw value.error(
                "\(what) must be a number, or a variable that 'byte_extract' or 'byte_math' has set"
                    + suggestion(for: name, among: names))
        }
        return .variable(name)
    }

    // MARK: Sizes

    mutating func isDataAt(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        let parts = (value.unquoted ?? value).split(",")
        let (count, innerNegation) = parts[0].negatable
        var isRelative = false
        for part in parts.dropFirst() {
            switch part.text {
            case "relative": isRelative = true
            case "rawbytes": break
            default: throw part.error("'isdataat' takes 'relative' and 'rawbytes'")
            }
        }
        let offset = try operand(count, "'isdataat'", in: 0...65_535)
        append(
            .isDataAt(offset, isRelative: isRelative, isNegated: isNegated != innerNegation),
            countsFromLast: isRelative)
    }

    mutating func bufferSize(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        guard !isInPayload else {
            throw option.error("'bsize' must follow a sticky buffer; for the payload use 'dsize'")
        }
        guard let size = SequenceReader.sizeComparison(value.text.filter { $0 != " " }) else {
            throw value.error("'\(value.text)' is not a size; write 10, <10, >10 or 10<>20")
        }
        append(size)
    }
}
