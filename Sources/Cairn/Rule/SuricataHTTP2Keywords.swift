/// Keywords about the frames of HTTP/2.
extension SuricataDraft {
    /// `http2.frametype:GOAWAY`, `http2.errorcode:!NO_ERROR`: a name, however its underscores are, or a number.
    mutating func http2Name(
        _ option: SuricataOption, among names: [String]
    ) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        let word = (value.unquoted ?? value).trimmed
        // Another spelling of the last error code.
        let text = word.text == "HTTP11_REQUIRED" ? "HTTP_1_1_REQUIRED" : word.text
        guard let name = HTTP2.name(meaning: text, in: names) else {
            throw word.error(
                "'\(option.name)' takes a number or a name, not '\(word.text)'"
                    + suggestion(for: text, among: names))
        }
        guard let sticky = SuricataSticky(option.name, "http", option.name) else {
            throw option.unsupported()
        }
        guard isNegated else { return try test(sticky, [Self.text(name)], option) }
        // Some value is another one.
        var step = ContentStep(bytes: Array(name.utf8))
        step.isNegated = true
        step.startsWith = true
        step.endsWith = true
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].steps.append(.content(step))
    }

    /// `http2.settings:SETTINGS_HEADER_TABLE_SIZE>4096`
    mutating func http2Setting(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let plain = (value.unquoted ?? value).trimmed
        let name = plain.text.prefix { $0.isLetter || $0.isNumber && $0.isASCII || $0 == "_" }
        let names = HTTP2Setting.allCases.map { "SETTINGS_" + $0.name.uppercased() }
        guard let place = names.firstIndex(of: name.uppercased()) else {
            throw plain.error(
                "unknown setting '\(name)'" + suggestion(for: String(name), among: names))
        }
        let field = "http2.settings." + HTTP2Setting.allCases[place].name
        guard let sticky = SuricataSticky(option.name, "http", field) else {
            throw option.unsupported()
        }
        let rest = SuricataValue(bytes: plain.bytes.dropFirst(name.utf8.count)).trimmed
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].numberTests += try Self.numberTests(
            rest, option, isList: sticky.isList, in: 0...0xffff_ffff)
    }
}
