/// Keywords that test one value of a protocol's transactions.
extension SuricataDraft {
    /// Adds tests of numbers of a protocol's field.
    private mutating func test(
        _ sticky: SuricataSticky?, _ test: IntegerTest, _ option: SuricataOption
    ) throws(SuricataProblem) {
        try self.test(sticky, test.predicates(isList: false), option)
    }

    /// Adds tests of a protocol's field.
    mutating func test(
        _ sticky: SuricataSticky?, _ predicates: [Predicate], _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard let sticky else { throw option.unsupported() }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].predicates += predicates
    }

    /// A number with a comparison.
    mutating func number(
        _ option: SuricataOption, of sticky: SuricataSticky?, in range: ClosedRange<Int64>,
        names: [String: Int64] = [:]
    ) throws(SuricataProblem) {
        guard let sticky else { throw option.unsupported() }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].numberTests += try Self.numberTests(
            option.required(), option, isList: sticky.isList, in: range, names: names)
    }

    // MARK: SSH

    /// `2.0`, or `2_compat` for every version that goes with it (RFC 4253 §5.1).
    mutating func sshVersion(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let name = (value.unquoted ?? value).text
        let pattern = name == "2_compat" ? "^(?:2(?:\\.\\d+)?|1\\.99)$" : nil
        let predicate =
            pattern.map { Predicate.regex(RegexPattern(pattern: $0)) } ?? Self.text(name)
        try test(SuricataBuffers.named("ssh.proto"), [predicate], option)
    }

    /// The whole name of the software.
    mutating func sshSoftware(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let name = (value.unquoted ?? value).text
        try test(SuricataBuffers.named("ssh.software"), [Self.text(name)], option)
    }

    // MARK: TLS

    /// A text within the certificate's subject or issuer.
    mutating func certificateText(
        _ option: SuricataOption, _ field: String
    ) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        var step = ContentStep(bytes: Array((value.unquoted ?? value).bytes))
        guard !step.bytes.isEmpty else { throw value.error("the text is empty") }
        step.isNegated = isNegated
        guard let sticky = SuricataSticky(option.name, "tls", field) else {
            throw option.unsupported()
        }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].steps.append(.content(step))
    }

    /// The whole SHA-1 of the certificate.
    mutating func fingerprint(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        var step = ContentStep(bytes: Array((value.unquoted ?? value).text.lowercased().utf8))
        step.isNegated = isNegated
        step.startsWith = true
        step.endsWith = true
        guard let sticky = SuricataSticky(option.name, "tls", "tls.cert_fingerprint"),
            !step.bytes.isEmpty
        else { throw option.unsupported() }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].steps.append(.content(step))
    }

    /// `tls_cert_expired` and `tls_cert_valid`: whether the time of the packet lies behind that of the certificate, or in it.
    mutating func certificateValidity(
        _ option: SuricataOption, isExpired: Bool
    ) throws(SuricataProblem) {
        try option.bare()
        let end = SuricataSticky(option.name, "tls", "tls.cert_notafter.seconds")
        try test(end, [.past(isExpired)], option)
        guard !isExpired else { return }
        let start = SuricataSticky(option.name, "tls", "tls.cert_notbefore.seconds")
        try test(start, [.past(true)], option)
    }

    /// `2016-10-01`, `<2016-10-01 12:00`, `2016-10-01<>2017-01-01`, in UTC.
    mutating func certificateTime(
        _ option: SuricataOption, _ field: String
    ) throws(SuricataProblem) {
        let value = try option.required()
        let plain = value.unquoted ?? value
        func seconds(_ part: SuricataValue) throws(SuricataProblem) -> Int64 {
            guard let seconds = Self.seconds(of: part.trimmed.text) else {
                throw part.error("'\(part.text)' is no time like 2016-10-01T12:00:00")
            }
            return seconds
        }
        let sticky = SuricataSticky(option.name, "tls", field)
        if let place = plain.place(of: "<>") {
            let low = try seconds(SuricataValue(bytes: plain.bytes[..<place]))
            let high = try seconds(SuricataValue(bytes: plain.bytes[(place + 2)...]))
            return try test(sticky, [.number(.greater, low), .number(.less, high)], option)
        }
        var comparison = Comparison.equal
        var rest = plain
        if let first = plain.bytes.first, first == 60 || first == 62 {
            comparison = first == 60 ? .less : .greater
            rest = SuricataValue(bytes: plain.bytes.dropFirst())
        }
        try test(sticky, [.number(comparison, try seconds(rest))], option)
    }

    /// Seconds since 1970 of `2016`, `2016-10`, `2016-10-01`, with a time behind `T` or a space.
    static func seconds(of text: String) -> Int64? {
        let parts = text.split { "-T: ".contains($0) }.map { Int64($0) }
        let numbers = parts.compactMap { $0 }
        guard (1...6).contains(numbers.count), numbers.count == parts.count else { return nil }
        func part(_ index: Int, _ missing: Int64) -> Int64 {
            index < numbers.count ? numbers[index] : missing
        }
        let (year, month, day) = (part(0, 0), part(1, 1), part(2, 1))
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0...23).contains(part(3, 0)), (0...59).contains(part(4, 0)),
            (0...60).contains(part(5, 0))
        else { return nil }
        // Days since 1970, with years that begin in March.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
        return ((days * 24 + part(3, 0)) * 60 + part(4, 0)) * 60 + part(5, 0)
    }

    // MARK: DCE/RPC

    /// `367abb81-9844-35f1-ad32-98f038001003`, perhaps with a version and `any_frag` behind it.
    mutating func interface(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        let uuid = parts[0].text.lowercased()
        guard uuid.utf8.count == 36, uuid.split(separator: "-").count == 5 else {
            throw parts[0].error("'\(parts[0].text)' is no UUID of an interface")
        }
        try test(
            SuricataSticky(option.name, "dcerpc", "dcerpc.iface"), [Self.text(uuid)], option)
        for part in parts.dropFirst() where part.text != "any_frag" {
            try test(
                SuricataSticky(option.name, "dcerpc", "dcerpc.iface.version"),
                Self.integerTest(part, option, in: 0...65_535), option)
        }
    }

    /// `15`, `15-18`, `1, 15-18`.
    mutating func operation(_ option: SuricataOption) throws(SuricataProblem) {
        var any: [Condition] = []
        guard let sticky = SuricataSticky(option.name, "dcerpc", "dcerpc.opnum") else {
            throw option.unsupported()
        }
        for part in try option.required().split(",") {
            let ends = part.split("-")
            guard ends.count <= 2, let low = ends[0].integer,
                let high = ends[ends.count - 1].integer,
                (0...65_535).contains(low), (low...65_535).contains(high)
            else { throw part.error("'\(part.text)' is no number of an operation") }
            func test(_ predicate: Predicate) -> Condition {
                .match(FieldMatch(field: sticky.field(nil), predicate: predicate))
            }
            any.append(
                low == high
                    ? test(.number(.equal, low))
                    : .all([test(.number(.greaterOrEqual, low)), test(.number(.lessOrEqual, high))])
            )
        }
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].conditions.append(.anyOf(any))
    }

    // MARK: Packets

    /// `tcpv4-csum:invalid` and its kin.
    mutating func checksum(
        _ option: SuricataOption, _ field: String, version: Int64, proto: String?
    ) throws(SuricataProblem) {
        let value = try option.required()
        let text = (value.unquoted ?? value).text.lowercased()
        guard ["valid", "invalid"].contains(text) else {
            throw value.error("'\(option.name)' takes valid or invalid")
        }
        test("ip.version", .number(.equal, version))
        if let proto { test("proto", Self.text(proto)) }
        test(field, .number(.equal, text == "valid" ? 1 : 0))
    }

    mutating func networkProtocol(_ option: SuricataOption) throws(SuricataProblem) {
        let versions: [String: Int64] = ["ipv4": 4, "ip4": 4, "ipv6": 6, "ip6": 6]
        let value = try option.required()
        guard let version = versions[value.text.lowercased()] else {
            throw value.error("'l3_proto' takes ipv4 or ipv6")
        }
        commonTests.append(Self.test("ip.version", .number(.equal, version)))
    }

    // MARK: Absence

    /// The buffer is not there; with `or_else`, it is not there or what follows holds.
    mutating func absent(_ option: SuricataOption) throws(SuricataProblem) {
        guard !isInPayload, buffers[current].isEmpty else {
            throw option.error("'absent' must stand right behind a sticky buffer")
        }
        switch option.value?.text {
        case nil, "": buffers[current].absence = .only
        case "or_else": buffers[current].absence = .orElse
        default: throw option.error("'absent' takes nothing, or 'or_else'")
        }
        pendingTransforms = false
    }
}
