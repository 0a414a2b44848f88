/// Keywords about FTP.
extension SuricataDraft {
    /// One of some words, in any case; what stands beside the first of a list means the same.
    mutating func ftpWord(
        _ option: SuricataOption, _ service: String, _ field: String, _ words: [[String]]
    ) throws(SuricataProblem) {
        let value = try option.required()
        let word = (value.unquoted ?? value).trimmed.text.lowercased()
        guard let meant = words.first(where: { $0.contains(word) })?.first else {
            throw value.error(
                "'\(option.name)' takes \(alternatives(words.compactMap(\.first))), not"
                    + " '\(value.text)'")
        }
        try test(SuricataSticky(option.name, service, field), [Self.text(meant)], option)
    }

    /// `ftpbounce`: the server is to open a connection to somebody else.
    mutating func ftpBounce(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        try test(
            SuricataSticky(option.name, "ftp", "ftp.bounce"), [.number(.equal, 1)], option)
    }
}
