/// Keywords that read numbers out of bytes: `byte_test`, `byte_jump`, `byte_extract`, `byte_math`.
extension SuricataDraft {
    mutating func byteTest(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        guard parts.count >= 4 else {
            throw try option.required().error(
                "'byte_test' takes at least a byte count, an operator, a value and an offset")
        }
        let (name, isNegated) = parts[1].negatable
        guard let comparison = ByteComparison(rawValue: name.isEmpty ? "=" : name.text) else {
            throw parts[1].error("unknown operator '\(parts[1].text)'; use < > = <= >= & ^ or !")
        }
        let value = try operand(parts[2], "the value", in: -0xffff_ffff...Int64.max)
        var options = ByteOptions(option)
        try options.read(parts.dropFirst(4))
        let number = try number(parts[0], parts[3], options)
        append(
            .byteTest(number, comparison, value, isNegated: isNegated),
            countsFromLast: number.isRelative)
    }

    mutating func byteJump(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        guard parts.count >= 2 else {
            throw try option.required().error("'byte_jump' takes a byte count and an offset")
        }
        var options = ByteOptions(option)
        options.others = [
            "align", "from_beginning", "from_end", "multiplier", "post_offset", "bitmask",
        ]
        try options.read(parts.dropFirst(2))
        let number = try number(parts[0], parts[1], options)
        var jump = ByteJump()
        jump.aligns = options.found["align"] != nil
        jump.fromBeginning = options.found["from_beginning"] != nil
        jump.fromEnd = options.found["from_end"] != nil
        if let multiplier = options.found["multiplier"] {
            guard let factor = multiplier.integer, (1...65_535).contains(factor) else {
                throw multiplier.error("'multiplier' must lie in 1...65535")
            }
            jump.multiplier = factor
        }
        if let post = options.found["post_offset"] {
            jump.postOffset = try operand(post, "'post_offset'", in: -65_535...65_535)
        }
        append(.byteJump(number, jump), countsFromLast: number.isRelative)
    }

    mutating func byteExtract(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        guard parts.count >= 3 else {
            throw try option.required().error(
                "'byte_extract' takes a byte count, an offset and the name of a variable")
        }
        var options = ByteOptions(option)
        options.others = ["align", "multiplier", "bitmask"]
        try options.read(parts.dropFirst(3))
        let number = try number(parts[0], parts[1], options)
        var multiplier: Int64 = 1
        if let value = options.found["multiplier"] {
            guard let factor = value.integer, (1...65_535).contains(factor) else {
                throw value.error("'multiplier' must lie in 1...65535")
            }
            multiplier = factor
        }
        var align = 0
        if let value = options.found["align"] {
            guard let number = value.integer, number == 2 || number == 4 else {
                throw value.error("'align' must be 2 or 4")
            }
            align = Int(number)
        }
        append(
            .byteExtract(
                number, variable: try variable(parts[2]), multiplier: multiplier, align: align),
            countsFromLast: number.isRelative)
    }

    mutating func byteMath(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        var named: [String: SuricataValue] = [:]
        var options = ByteOptions(option)
        for part in value.split(",") {
            let words = part.words
            guard let first = words.first else { continue }
            let key = first.text
            if words.count == 2, key == "endian" || key == "string" {
                try options.read([words[1]])
                if key == "string" { options.isText = true }
            } else if words.count == 2, Self.mathKeys.contains(key) {
                named[key] = words[1]
            } else if words.count == 1 {
                try options.read([part])
            } else {
                throw part.error(
                    "unknown option '\(key)' of 'byte_math'"
                        + suggestion(for: key, among: Self.mathKeys))
            }
        }
        guard let bytes = named["bytes"], let offset = named["offset"], let oper = named["oper"],
            let right = named["rvalue"], let result = named["result"]
        else {
            throw value.error("'byte_math' needs 'bytes', 'offset', 'oper', 'rvalue' and 'result'")
        }
        if let mask = named["bitmask"] { options.found["bitmask"] = mask }
        guard let arithmetic = ArithmeticOperator(rawValue: oper.text) else {
            throw oper.error("unknown operator '\(oper.text)'; use + - * / << or >>")
        }
        let rightValue = try operand(right, "'rvalue'", in: 0...0xffff_ffff)
        let number = try number(bytes, offset, options)
        append(
            .byteMath(number, arithmetic, rightValue, result: try variable(result)),
            countsFromLast: number.isRelative)
    }

    private static let mathKeys = ["bytes", "offset", "oper", "rvalue", "result", "bitmask"]

    private func variable(_ value: SuricataValue) throws(SuricataProblem) -> String {
        func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) || byte == 95 }
        guard value.bytes.contains(where: isLetter),
            value.bytes.allSatisfy({ isLetter($0) || $0.isDigit || $0 == 45 || $0 == 46 })
        else {
            throw value.error("'\(value.text)' is no name of a variable; use letters and digits")
        }
        return value.text
    }

    private mutating func number(
        _ count: SuricataValue, _ offset: SuricataValue, _ options: ByteOptions
    ) throws(SuricataProblem) -> ByteNumber {
        var number = ByteNumber(
            byteCount: try operand(count, "the byte count", in: 0...(options.isText ? 23 : 8)),
            offset: try operand(offset, "the offset", in: ByteNumber.offsets))
        number.isRelative = options.isRelative
        number.isLittleEndian = options.isLittleEndian
        number.isDCERPC = options.isDCERPC
        if options.isDCERPC, proto.applications.isEmpty,
            let applications = SuricataProtocol(name: "dcerpc")?.applications
        {
            // Who leaves the byte order to DCE/RPC means flows that speak it.
            proto.applications = applications
        }
        if options.isText { number.text = options.base ?? .decimal }
        if let mask = options.found["bitmask"] {
            guard let bits = mask.integer, (0...0xffff_ffff).contains(bits) else {
                throw mask.error("'bitmask' must be a number like 0xff00, of at most four bytes")
            }
            number.bitmask = UInt64(bitPattern: bits)
        }
        return number
    }
}

/// The words behind the fixed places of `byte_test` and its kin.
private struct ByteOptions {
    let option: SuricataOption
    var isRelative = false
    var isLittleEndian = false
    var isDCERPC = false
    var isText = false
    var base: ByteNumber.Text?
    /// Further words that this keyword takes, some with a value.
    var others = ["bitmask"]
    var found: [String: SuricataValue] = [:]

    init(_ option: SuricataOption) {
        self.option = option
    }

    mutating func read(_ parts: some Sequence<SuricataValue>) throws(SuricataProblem) {
        for part in parts {
            let words = part.words
            guard let first = words.first else { continue }
            switch first.text {
            case "relative": isRelative = true
            case "big": isLittleEndian = false
            case "little": isLittleEndian = true
            case "dce": isDCERPC = true
            case "string": isText = true
            case "hex": base = .hexadecimal
            case "dec": base = .decimal
            case "oct": base = .octal
            case let name where others.contains(name):
                found[name] = words.count > 1 ? words[1] : first
            case let name:
                throw part.error(
                    "unknown option '\(name)' of '\(option.name)'"
                        + suggestion(
                            for: name,
                            among: [
                                "relative", "big", "little", "dce", "string", "hex", "dec", "oct",
                            ] + others))
            }
        }
    }
}
