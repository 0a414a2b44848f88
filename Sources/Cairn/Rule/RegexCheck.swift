import CPCRE2

extension RegexPattern {
    /// The options of `pcre2_compile` that the flags stand for.
    var compileOptions: UInt32 {
        var options: UInt32 = 0
        if ignoresCase { options |= UInt32(PCRE2_CASELESS) }
        if isMultiline { options |= UInt32(PCRE2_MULTILINE) }
        if dotMatchesAll { options |= UInt32(PCRE2_DOTALL) }
        if isExtended { options |= UInt32(PCRE2_EXTENDED) }
        if isAnchored { options |= UInt32(PCRE2_ANCHORED) }
        if dollarAtEndOnly { options |= UInt32(PCRE2_DOLLAR_ENDONLY) }
        if isUngreedy { options |= UInt32(PCRE2_UNGREEDY) }
        return options
    }

    /// What is wrong with the expression and where; nil if PCRE2 takes it.
    var problem: String? {
        var code: Int32 = 0
        var offset = 0
        let bytes = Array(pattern.utf8)
        if let compiled = pcre2_compile_8(bytes, bytes.count, compileOptions, &code, &offset, nil) {
            pcre2_code_free_8(compiled)
            return nil
        }
        var message = [UInt8](repeating: 0, count: 256)
        let count = pcre2_get_error_message_8(code, &message, message.count)
        let text = String(decoding: message.prefix(max(0, Int(count))), as: UTF8.self)
        let before = String(decoding: bytes.prefix(offset), as: UTF8.self)
        return "not a regular expression: \(text) behind '\(before.suffix(20))'"
            + " (character \(before.count + 1))"
    }
}
