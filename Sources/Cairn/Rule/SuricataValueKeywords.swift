/// Keywords about flags, sizes of flows and streams, and what values hold: base64, ASN.1, compressed data.
extension SuricataDraft {
    // MARK: Flags

    mutating func flags(_ option: SuricataOption, of field: String) throws(SuricataProblem) {
        let value = try option.required()
        guard let (test, isNegated) = BitTest.parse(suricata: value.text, of: field) else {
            throw value.error(
                "'\(value.text)' are no flags; write letters like SA, with + * or ! before or behind"
                    + " them, and behind a comma those that do not count")
        }
        if isNegated {
            self.test(field, .exists(true))
            packetTests.append(.negation(Self.test(field, .bits(test))))
        } else {
            self.test(field, .bits(test))
            // With `+` others must be there too.
            if field == "ip.flags", test.mode == .all {
                let alone = BitTest(mode: .exactly, bits: test.bits)
                packetTests.append(.negation(Self.test(field, .bits(alone))))
            }
        }
        if field == "tcp.flags", isNegated || test.mode == .any { limitPackets(of: test) }
    }

    /// A rule that names flags which few packets have is asked about these packets only, whether it wants the flags or not.
    private mutating func limitPackets(of test: BitTest) {
        for rare: Int64 in [0x01 | 0x02 | 0x04, 0x20 | 0x40 | 0x80] where test.bits & rare != 0 {
            self.test("tcp.flags", .bits(BitTest(mode: .any, bits: rare)))
        }
    }

    // MARK: Flows and streams

    /// `server,<,5`
    mutating func streamSize(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let parts = value.split(",")
        let comparisons: [String: Comparison] = [
            "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual, "=": .equal,
            "!=": .notEqual, "!": .notEqual,
        ]
        guard parts.count == 3, let comparison = comparisons[parts[1].text],
            let number = parts[2].integer, (0...0xffff_ffff).contains(number)
        else {
            throw value.error("'stream_size' takes a side, a comparison and a number: server,<,5")
        }
        let sides = ["stream_size.client", "stream_size.server"].map {
            Self.test($0, .number(comparison, number))
        }
        switch parts[0].text {
        case "client": commonTests.append(sides[0])
        case "server": commonTests.append(sides[1])
        case "both": commonTests += sides
        case "either": commonTests.append(.anyOf(sides))
        default: throw parts[0].error("the side must be client, server, both or either")
        }
        looksAtStreamSize = true
    }

    /// `flow.age:>10`
    mutating func flowNumber(_ option: SuricataOption) throws(SuricataProblem) {
        try flowNumber(option, option.required(), fields: [option.name])
    }

    /// `flow.pkts:toserver,>10`
    mutating func flowNumberOfSide(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",", maxSplits: 1)
        guard parts.count == 2 else {
            return try flowNumber(option)
        }
        switch parts[0].text {
        case "toserver", "toclient":
            try flowNumber(option, parts[1], fields: ["\(option.name)_\(parts[0].text)"])
        case "either":
            try flowNumber(
                option, parts[1], fields: ["\(option.name)_toserver", "\(option.name)_toclient"])
        default: throw parts[0].error("the side must be toserver, toclient or either")
        }
    }

    private mutating func flowNumber(
        _ option: SuricataOption, _ value: SuricataValue, fields: [String]
    ) throws(SuricataProblem) {
        let tests = try Self.integerTest(value.unquoted ?? value, option, in: 0...Int64.max)
            .predicates(isList: false)
        commonTests.append(
            .anyOf(
                fields.map { field in
                    let name = "flow.current." + field.dropFirst("flow.".count)
                    return .allOf(tests.map { Self.test(name, $0) })
                }))
    }

    // MARK: Base64

    /// What is decoded is looked at behind `base64_data`.
    mutating func base64Decode(_ option: SuricataOption) throws(SuricataProblem) {
        var decoding = Base64Decoding()
        var isRelative = false
        if let value = option.value, !value.isEmpty {
            for part in value.split(",") where !part.isEmpty {
                if part.text == "relative" {
                    isRelative = true
                } else {
                    try Self.read(part, into: &decoding, option)
                }
            }
        }
        append(.base64(decoding, isRelative: isRelative, []), countsFromLast: true)
    }

    private static func read(
        _ part: SuricataValue, into decoding: inout Base64Decoding, _ option: SuricataOption
    ) throws(SuricataProblem) {
        let words = part.words
        guard words.count == 2 else { throw part.error("expected a word and its value") }
        func number() throws(SuricataProblem) -> Int64 {
            guard let number = words[1].integer, (0...65_535).contains(number) else {
                throw words[1].error("'\(words[0].text)' must lie in 0...65535")
            }
            return number
        }
        switch words[0].text {
        case "bytes": decoding.byteCount = try number()
        case "offset": decoding.offset = try number()
        case "mode" where option.name == "from_base64":
            guard let mode = Base64Decoding.Mode(rawValue: words[1].text) else {
                throw words[1].error("'mode' must be rfc4648, rfc2045 or strict")
            }
            decoding.mode = mode
        default: throw part.error("unknown word '\(words[0].text)' of '\(option.name)'")
        }
        if decoding.byteCount == 0 { decoding.byteCount = nil }
    }

    /// Contents from here on are looked for in what the last `base64_decode` has decoded.
    mutating func base64Data(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        for (buffer, content) in buffers.enumerated().reversed() {
            guard
                let step = content.steps.lastIndex(where: {
                    if case .base64 = $0 { true } else { false }
                })
            else { continue }
            return select(.base64(buffer: buffer, step: step), at: option.offset)
        }
        throw option.error("'base64_data' must follow a 'base64_decode'")
    }

    /// Puts what is looked for in decoded data into the steps that decode it.
    mutating func nestDecodedBuffers() throws(SuricataProblem) {
        for index in buffers.indices {
            guard case .base64(let buffer, let step) = buffers[index].place,
                case .base64(let decoding, let isRelative, _) = buffers[buffer].steps[step]
            else { continue }
            buffers[buffer].steps[step] = .base64(
                decoding, isRelative: isRelative, buffers[index].steps)
        }
        buffers.removeAll { if case .base64 = $0.place { true } else { false } }
        current = 0
        for index in buffers.indices {
            for (place, step) in buffers[index].steps.enumerated() {
                guard case .base64(let decoding, let isRelative, let steps) = step else { continue }
                guard place == buffers[index].steps.count - 1 else {
                    throw SuricataProblem(
                        offset: buffers[index].offset,
                        message: "looking on behind 'base64_decode' is not supported", isSkip: true)
                }
                // Something must have been decoded.
                if steps.isEmpty {
                    buffers[index].steps[place] = .base64(
                        decoding, isRelative: isRelative, [.size(.greater, 0)])
                }
            }
        }
    }

    // MARK: Transforms

    mutating func fromBase64(_ option: SuricataOption) throws(SuricataProblem) {
        var decoding = Base64Decoding()
        if let value = option.value, !value.isEmpty {
            for part in value.split(",") where !part.isEmpty {
                try Self.read(part, into: &decoding, option)
            }
        }
        try transform(.fromBase64(decoding), option)
    }

    mutating func unpack(
        _ option: SuricataOption, _ make: (Int) -> Transform
    ) throws(SuricataProblem) {
        var byteCountMax = Transform.unpackedByteCount
        if let value = option.value, !value.isEmpty {
            let words = value.words
            guard words.count == 2, words[0].text == "max-size", let number = words[1].integer,
                (1...Int64(Transform.unpackedByteCountMax)).contains(number)
            else { throw value.error("'\(option.name)' takes 'max-size' and a number of bytes") }
            byteCountMax = Int(number)
        }
        try transform(make(byteCountMax), option)
    }

    /// `-6`, `1,30,truncate`
    mutating func subslice(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        guard let part = Subslice(value.text) else {
            throw value.error(
                "'subslice' takes an offset, a number of bytes and 'truncate': -6 or 1,30,truncate")
        }
        try transform(.subslice(part), option)
    }

    mutating func replace(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let pattern = RegexPattern(pattern: (value.unquoted ?? value).text)
        if let problem = pattern.problem { throw value.error(problem) }
        try transform(.pcrexform(pattern), option)
    }

    // MARK: What values hold

    mutating func asn1(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        var test = ASN1Test()
        for part in value.split(",") {
            let words = part.words
            guard let first = words.first else { continue }
            switch (first.text, words.count > 1 ? words[1].integer : nil) {
            case ("bitstring_overflow", _): test.bitstringOverflow = true
            case ("double_overflow", _): test.doubleOverflow = true
            case ("oversize_length", let number?) where (0...0xffff_ffff).contains(number):
                test.oversizeLength = number
            case ("absolute_offset", let number?) where (-65_535...65_535).contains(number):
                test.origin = .absolute(number)
            case ("relative_offset", let number?) where (-65_535...65_535).contains(number):
                test.origin = .relative(number)
            default:
                throw part.error(
                    "'asn1' takes bitstring_overflow, double_overflow, oversize_length,"
                        + " absolute_offset and relative_offset")
            }
        }
        append(.asn1(test))
    }

    mutating func entropy(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        var test: EntropyTest?
        var byteCount: Int64 = 0
        var offset: Int64 = 0
        for part in value.split(",") {
            let words = part.words
            // The manual writes a comparison by itself too.
            if let alone = EntropyTest(parsing: part.text) {
                test = alone
                continue
            }
            guard let first = words.first, words.count > 1 else {
                throw part.error("expected a word and its value")
            }
            let rest = SuricataValue(bytes: part.bytes[words[1].offset...])
            switch first.text {
            case "bytes" where rest.integer.map({ (0...0xffff_ffff).contains($0) }) == true:
                byteCount = rest.integer ?? 0
            case "offset" where rest.integer.map({ (0...0xffff_ffff).contains($0) }) == true:
                offset = rest.integer ?? 0
            case "value":
                guard let compared = EntropyTest(parsing: rest.text) else {
                    throw rest.error(
                        "'value' is a comparison with a number, like >= 7.2, or a range, like"
                            + " 1.5-2.5")
                }
                test = compared
            default: throw part.error("'entropy' takes bytes, offset and value")
            }
        }
        guard var test else { throw value.error("'entropy' needs a 'value'") }
        test.byteCount = byteCount
        test.offset = offset
        append(.entropy(test))
    }
}
