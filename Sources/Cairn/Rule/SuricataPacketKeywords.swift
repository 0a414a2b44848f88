/// Keywords about headers of packets and what is known of the flow.
extension SuricataDraft {
    /// Adds a test of a packet's field; the rule then looks at packets.
    mutating func test(_ field: String, _ predicate: Predicate) {
        packetTests.append(Self.test(field, predicate))
        requiresPacket = true
    }

    mutating func size(_ option: SuricataOption) throws(SuricataProblem) {
        try number(option, of: "payload.size", in: 0...65_535)
        // All but one size means packets with payload.
        if packetTests.last == Self.test("payload.size", .number(.notEqual, 0)) { return }
        if case .match(let match)? = packetTests.last, case .number(.notEqual, _) = match.predicate
        {
            test("payload.size", .number(.greater, 0))
        }
    }

    /// `10`, `<10`, `>10`, `<=10`, `>=10`, `!10`, `10<>20` (between the two, or from the one to the other).
    mutating func number(
        _ option: SuricataOption, of field: String, in range: ClosedRange<Int64>,
        includesEnds: Bool = false
    ) throws(SuricataProblem) {
        let tests = try Self.comparisons(
            option.required(), option, in: range, includesEnds: includesEnds)
        for (comparison, number) in tests { test(field, .number(comparison, number)) }
    }

    static func comparisons(
        _ value: SuricataValue, _ option: SuricataOption, in range: ClosedRange<Int64>,
        includesEnds: Bool = false
    ) throws(SuricataProblem) -> [(Comparison, Int64)] {
        let value = value.unquoted ?? value
        func number(_ part: SuricataValue) throws(SuricataProblem) -> Int64 {
            guard let number = part.trimmed.integer, range.contains(number) else {
                throw value.error(
                    "'\(option.name)' takes a number in"
                        + " \(range.lowerBound)...\(range.upperBound), with < > or ! before it or <>"
                        + " between two, not '\(value.text)'")
            }
            return number
        }
        for separator in ["<>", "-"] {
            guard let place = value.place(of: separator), place > value.offset else { continue }
            let low = try number(SuricataValue(bytes: value.bytes[..<place]))
            let high = try number(
                SuricataValue(bytes: value.bytes[(place + separator.utf8.count)...]))
            guard low < high else { throw value.error("\(low) is not less than \(high)") }
            return includesEnds
                ? [(.greaterOrEqual, low), (.lessOrEqual, high)]
                : [(.greater, low), (.less, high)]
        }
        let operators: [(String, Comparison)] = [
            ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("!=", .notEqual), ("!", .notEqual),
            ("<", .less), (">", .greater), ("=", .equal),
        ]
        for (name, comparison) in operators where value.place(of: name) == value.offset {
            let rest = SuricataValue(bytes: value.bytes.dropFirst(name.utf8.count))
            return [(comparison, try number(rest))]
        }
        return [(.equal, try number(value))]
    }

    mutating func sameIP(_ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        test("ip.is_same", .number(.equal, 1))
    }

    mutating func ipOptions(_ option: SuricataOption) throws(SuricataProblem) {
        let name = try option.required().text
        let known = [
            "rr", "lsrr", "ssrr", "satid", "ts", "sec", "esec", "cipso", "rtralt", "eol", "nop",
            "any",
        ]
        guard known.contains(name) else {
            throw try option.required().error(
                "unknown IP option '\(name)'; use \(alternatives(known))")
        }
        test("ip.options", name == "any" ? .exists(true) : Self.text(name))
    }

    /// The protocol above IP, by number or name.
    mutating func ipProtocol(_ option: SuricataOption) throws(SuricataProblem) {
        var value = try option.required()
        var comparison = Comparison.equal
        let first = value.bytes.first
        if first == UInt8(ascii: "!") || first == UInt8(ascii: "<") || first == UInt8(ascii: ">") {
            comparison =
                switch first {
                case UInt8(ascii: "!"): .notEqual
                case UInt8(ascii: "<"): .less
                default: .greater
                }
            value = SuricataValue(bytes: value.bytes.dropFirst().trimmedOfSpace)
        }
        guard let number = value.integer ?? Self.ipProtocols[value.text.lowercased()],
            (0...255).contains(number)
        else {
            throw value.error("'\(value.text)' is no protocol; write a number or a name like icmp")
        }
        commonTests.append(Self.test("ip.proto", .number(comparison, number)))
    }

    /// Names of IANA's protocol numbers, as /etc/protocols has them.
    private static let ipProtocols: [String: Int64] = [
        "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ipip": 4, "st": 5,
        "tcp": 6, "egp": 8, "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27,
        "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6": 41,
        "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
        "skip": 57, "ipv6-icmp": 58, "icmp6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73,
        "vmtp": 81, "eigrp": 88, "ospf": 89, "ax.25": 93, "ipencap2": 98, "etherip": 97,
        "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124,
        "sctp": 132, "fc": 133, "mobility-header": 135, "udplite": 136, "mpls-in-ip": 137,
    ]

    /// What the flow speaks.
    mutating func applicationProtocol(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        let parts = value.split(",")
        if parts.count > 1 {
            throw option.unsupported("the mode '\(parts[1].text)' of '\(option.name)'")
        }
        let name = parts[0].text
        let condition: Condition
        if name == "failed" || name == "unknown" {
            condition = Self.test("app_proto", Self.text(name), subject: 0)
        } else if let proto = SuricataProtocol(name: name), !proto.applications.isEmpty {
            condition = .anyOf(proto.applications.map { Self.speaks($0) })
        } else {
            throw parts[0].error(
                "unknown protocol '\(name)'" + suggestion(for: name, among: SuricataProtocol.names))
        }
        protocolTests.append(
            isNegated ? .allOf([Self.isKnown, .negation(condition)]) : condition)
    }

    /// It is known what the flow speaks, or that nobody knows it.
    private static let isKnown = test("app_proto", .exists(true), subject: 0)

    /// The flow speaks a protocol.
    static func speaks(_ name: String) -> Condition { test("app_proto", text(name), subject: 0) }
}

extension SuricataValue {
    /// Where some text begins.
    func place(of text: String) -> Int? {
        let pattern = Array(text.utf8)
        guard bytes.count >= pattern.count, !pattern.isEmpty else { return nil }
        for index in bytes.startIndex...(bytes.endIndex - pattern.count)
        where bytes[index..<index + pattern.count].elementsEqual(pattern) {
            return index
        }
        return nil
    }
}
