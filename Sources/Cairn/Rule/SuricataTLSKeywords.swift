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

    private static let states = [
        "client_hello", "server_hello", "client_keyx", "server_keyx", "none",
    ]

    /// `client_hello|!server_hello`: how far the handshake is when a packet comes; one of them is enough. Nothing is
    /// `unknown`.
    mutating func sslState(_ option: SuricataOption) throws(SuricataProblem) {
        var meant: [String] = []
        for part in try option.required().split(",").flatMap({ $0.split("|") }) {
            let (name, isNot) = part.negatable
            guard name.text == "unknown" || Self.states.dropLast().contains(name.text) else {
                throw part.error(
                    "unknown state '\(part.text)'; use "
                        + alternatives(Self.states.dropLast() + ["unknown"]))
            }
            meant += Self.states.filter { ($0 == name.text) != isNot && !meant.contains($0) }
        }
        guard
            let sticky = SuricataSticky(
                option.name, "tls", "tls.state", toServer: "tls.client.state",
                toClient: "tls.server.state")
        else { throw option.unsupported() }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].numberTests.append(.init(predicates: meant.map(Self.text)))
    }

    /// `tls.store`: nobody stores certificates here, but the rule is about TLS.
    mutating func certificateStore(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        if proto.applications.isEmpty { proto.applications = ["tls"] }
        guard proto.applications.contains("tls") else {
            throw option.error(
                "'\(option.name)' is about tls, the rule about \(proto.applications[0])")
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
