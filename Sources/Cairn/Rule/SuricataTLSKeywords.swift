/// Keywords about versions of TLS.
extension SuricataDraft {
    private static let versions: [String: Int64] = [
        "sslv2": 0x0200, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303,
        "tls1.3": 0x0304,
    ]

    /// `1.2`, `1.3`, or a number.
    mutating func tlsVersion(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let name = (value.unquoted ?? value).text
        guard let version = Self.versions["tls\(name)"] ?? value.integer else {
            throw value.error("'tls.version' takes 1.0, 1.1, 1.2 or 1.3")
        }
        try versions(Self.tests(ofVersion: version), isNegated: false, option)
    }

    /// `sslv3,tls1.0`: one of them; with `!` before the first, none of them.
    mutating func sslVersion(_ option: SuricataOption) throws(SuricataProblem) {
        var tests: [Predicate] = []
        var isNegated = false
        for part in try option.required().split(",") {
            let (name, isNot) = (part.unquoted ?? part).negatable
            guard let version = Self.versions[name.text.lowercased()] else {
                throw part.error(
                    "unknown version '\(part.text)'; use \(alternatives(Self.versions.keys.sorted()))"
                )
            }
            guard !isNot || isNegated || tests.isEmpty else {
                throw part.error("'!' before the first version stands for all of them")
            }
            if isNot { isNegated = true }
            tests += Self.tests(ofVersion: version)
        }
        try versions(tests, isNegated: isNegated, option)
    }

    /// Tests of which one holds for a version.
    private static func tests(ofVersion version: Int64) -> [Predicate] {
        switch version {
        // What is told of SSL 2 is its number in the hello.
        case 0x0200: [.number(.equal, 0x0200), .number(.equal, 2)]
        // Drafts of TLS 1.3 have numbers of their own.
        case 0x0304:
            [
                .number(.equal, version),
                .integer(.bits(mask: 0xff00, value: 0x7f00, isNegated: false)),
            ]
        default: [.number(.equal, version)]
        }
    }

    /// What the client wants in its direction, what the server chose in the other.
    private mutating func versions(
        _ tests: [Predicate], isNegated: Bool, _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard
            let sticky = SuricataSticky(option.name, "tls", "tls.version.number")
        else { throw option.unsupported() }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].numberTests.append(.init(predicates: tests, isNegated: isNegated))
    }
}
