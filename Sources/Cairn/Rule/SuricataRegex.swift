/// The keyword `pcre`: `"/pattern/flags"`.
extension SuricataDraft {
    mutating func regex(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        var (text, inner) = (value.unquoted ?? value).negatable
        // Captures can be named behind the expression.
        var captures: [String] = []
        if let end = Self.captureStart(text) {
            captures = try Self.captures(SuricataValue(bytes: text.bytes[(end + 1)...]))
            text = SuricataValue(bytes: text.bytes[..<end].trimmedOfSpace)
            if let unquoted = SuricataValue(bytes: text.bytes).withoutQuotes { text = unquoted }
        }
        if text.bytes.first == UInt8(ascii: "\""), let unquoted = text.unquoted {
            (text, inner) = unquoted.negatable
        }
        // As in Perl, where it means the same.
        if text.bytes.starts(with: Array("m/".utf8)) {
            text = SuricataValue(bytes: text.bytes.dropFirst())
        }
        guard text.bytes.first == UInt8(ascii: "/"),
            let end = text.bytes.lastIndex(of: UInt8(ascii: "/")), end > text.bytes.startIndex
        else { throw value.error("'pcre' takes an expression between slashes, \"/pattern/flags\"") }
        var pattern = RegexPattern(
            pattern: Self.pattern(text.bytes[(text.bytes.startIndex + 1)..<end]))
        let flags = try readFlags(SuricataValue(bytes: text.bytes[(end + 1)...]), &pattern)
        if let problem = pattern.problem { throw text.error(problem) }
        if captures.isEmpty { captures = RegexCapture.names(ofGroupsIn: pattern.pattern) }
        let step = SequenceStep.regex(
            pattern, isRelative: flags.isRelative, isNegated: isNegated != inner, captures: captures
        )
        guard let buffer = flags.buffer else { return append(step) }
        try append(step, to: buffer, flags, option)
    }

    private mutating func append(
        _ step: SequenceStep, to name: String, _ flags: RegexFlags, _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard let sticky = SuricataBuffers.named(name) else {
            throw option.unsupported("the buffer '\(name)'")
        }
        if case .transaction(let own) = buffers[current].place,
            own.keyword == name
                || own.keyword == "file.data" && sticky.keyword == "http.response_body"
        {
            return append(step)
        }
        guard isInPayload else {
            throw option.error(
                "the flags name '\(name)', which is not the sticky buffer before; leave them away")
        }
        select(.transaction(sticky), at: option.offset)
        append(step)
        current = 0
    }

    private struct RegexFlags {
        var isRelative = false
        var buffer: String?
    }

    private func readFlags(
        _ flags: SuricataValue, _ pattern: inout RegexPattern
    ) throws(SuricataProblem) -> RegexFlags {
        var found = RegexFlags()
        for (index, flag) in zip(flags.bytes.indices, flags.bytes) {
            switch flag {
            case UInt8(ascii: "i"): pattern.ignoresCase = true
            case UInt8(ascii: "m"): pattern.isMultiline = true
            case UInt8(ascii: "s"): pattern.dotMatchesAll = true
            case UInt8(ascii: "x"): pattern.isExtended = true
            case UInt8(ascii: "A"): pattern.isAnchored = true
            case UInt8(ascii: "E"): pattern.dollarAtEndOnly = true
            case UInt8(ascii: "G"): pattern.isUngreedy = true
            case UInt8(ascii: "R"): found.isRelative = true
            // The packet's bytes as they are, a higher limit on steps: as without them.
            case UInt8(ascii: "B"), UInt8(ascii: "O"): break
            default:
                guard let buffer = SuricataBuffers.regexFlags[flag] else {
                    throw SuricataProblem(
                        offset: index,
                        message: "unknown flag '\(Character(UnicodeScalar(flag)))'; the flags are"
                            + " i m s x A E G R B O, and U I P Q H D M C S Y V W Z for buffers")
                }
                if let other = found.buffer, other != buffer {
                    throw flags.error("the flags name two buffers, '\(other)' and '\(buffer)'")
                }
                found.buffer = buffer
            }
        }
        return found
    }

    /// The pattern as text that has the same bytes: what is no UTF-8 is written in hexadecimal.
    private static func pattern(_ bytes: ArraySlice<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var text = ""
        for byte in bytes {
            if byte < 0x80 {
                text.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                text += "\\x" + String(byte, radix: 16)
            }
        }
        return text
    }

    /// Where `, flow:name` and the like begin behind the expression.
    private static func captureStart(_ value: SuricataValue) -> Int? {
        guard let end = value.bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let rest = value.bytes[end...]
        guard let comma = rest.firstIndex(of: UInt8(ascii: ",")) else { return nil }
        let name = SuricataValue(bytes: rest[(comma + 1)...].trimmedOfSpace).text
        return RegexCapture.scopes.contains { name.hasPrefix($0 + ":") } ? comma : nil
    }

    /// `flow:name, pkt:other`: what the groups are called.
    private static func captures(_ value: SuricataValue) throws(SuricataProblem) -> [String] {
        var names: [String] = []
        for part in value.split(",") {
            let text = part.text.filter { $0 != "\"" }
            guard text.contains(":"), RegexCapture.isValid(text) else {
                throw part.error("a capture is named 'flow:name', 'pkt:name' or 'alert:name'")
            }
            names.append(text)
        }
        return names
    }
}

extension SuricataValue {
    /// Without quotation marks, also where only one of them is left.
    fileprivate var withoutQuotes: SuricataValue? {
        var bytes = self.bytes
        if bytes.first == UInt8(ascii: "\"") { bytes.removeFirst() }
        if bytes.last == UInt8(ascii: "\"") { bytes.removeLast() }
        return bytes.count == self.bytes.count ? nil : SuricataValue(bytes: bytes)
    }
}
