/// Keywords about headers of packets and what is known of the flow.
extension SuricataDraft {
    /// Adds a test of a packet's field; the rule then looks at packets.
    mutating func test(_ field: String, _ predicate: Predicate) {
        packetTests.append(Self.test(field, predicate))
        requiresPacket = true
    }

    mutating func size(_ option: SuricataOption) throws(SuricataProblem) {
        try number(option, of: "payload.size", in: 0...65_535)
        let condition = Self.payloadCondition(ofSize: try option.required().text)
        if let condition, !traffic.flow.contains(condition) { traffic.flow.append(condition) }
    }

    /// Sizes below some mean packets without payload too. Zero means those alone, with which nothing of a stream is due
    /// either, and all others those with some.
    private static func payloadCondition(ofSize text: String) -> FlowCondition? {
        if text.hasPrefix("<"), !text.contains("<>") { return nil }
        return Int(text) == 0 ? .without_payload : .with_payload
    }

    /// `10`, `<10`, `!10`, `10<>20` (between the two); of lists with the place behind a comma.
    mutating func number(
        _ option: SuricataOption, of name: String, in range: ClosedRange<Int64>
    ) throws(SuricataProblem) {
        let field = Self.field(name)
        let isList = FieldRegistry.definition(of: field).isList
        for test in try Self.numberTests(option.required(), option, isList: isList, in: range) {
            packetTests.append(test.condition(field))
        }
        requiresPacket = true
    }

    /// The tests of a number, or of the numbers of a list.
    static func numberTests(
        _ value: SuricataValue, _ option: SuricataOption, isList: Bool,
        in range: ClosedRange<Int64>, names: [String: Int64] = [:]
    ) throws(SuricataProblem) -> [SuricataBuffer.NumberTest] {
        var number = value.unquoted ?? value
        var elements: ElementChoice?
        if isList {
            if number.text.hasPrefix("count") {
                // Any number will do.
                return [
                    .init(elements: try count(number), predicates: [.number(.greaterOrEqual, 0)])
                ]
            }
            let parts = number.split(",", maxSplits: 1)
            number = parts[0]
            if parts.count > 1 { elements = try Self.elements(parts[1]) }
        }
        return try integerTest(number, option, in: range, names: names)
            .predicates(isList: isList).map { .init(elements: elements, predicates: [$0]) }
    }

    /// `0`, `-1`, `all`, `nb>2,1:-1`: of which of the values.
    private static func elements(_ value: SuricataValue) throws(SuricataProblem) -> ElementChoice {
        guard let choice = ElementChoice(value.text) else {
            throw value.error(
                "'\(value.text)' says not which of the values is meant; write a place, any, all,"
                    + " all_or_absent, or_absent, oob_or or nb")
        }
        return choice
    }

    /// `count >5`: how many values there are.
    private static func count(_ value: SuricataValue) throws(SuricataProblem) -> ElementChoice {
        guard let choice = ElementChoice("nb" + value.text.dropFirst("count".count)) else {
            throw value.error("'count' takes a number with a comparison: count >5")
        }
        return choice
    }

    /// A test of a number.
    static func integerTest(
        _ value: SuricataValue, _ option: SuricataOption, in range: ClosedRange<Int64>,
        names: [String: Int64] = [:]
    ) throws(SuricataProblem) -> IntegerTest {
        guard let test = IntegerTest(value.text, names: names),
            test.numbers.allSatisfy(range.contains)
        else {
            throw value.error(
                "'\(option.name)' takes a number in"
                    + " \(range.lowerBound)...\(range.upperBound), with < > or ! before it or <>"
                    + " between two, not '\(value.text)'")
        }
        switch test {
        case .between(let low, let high), .outside(let low, let high):
            guard low < high else { throw value.error("\(low) is not less than \(high)") }
        case .compare, .bits: break
        }
        return test
    }

    /// `8`, `!8`, `x1f`: the type of service, which only version 4 of IP has.
    mutating func serviceType(_ option: SuricataOption) throws(SuricataProblem) {
        var option = option
        let (value, isNegated) = try option.required().negatable
        if let first = value.bytes.first, first | 0x20 == UInt8(ascii: "x") {
            let digits = String(decoding: value.bytes.dropFirst(), as: UTF8.self)
            guard let number = UInt8(digits, radix: 16) else {
                throw value.error("'tos' takes up to two hexadecimal digits behind 'x', like x1f")
            }
            let decimal = Array("\(isNegated ? "!" : "")\(number)".utf8)
            option.value = SuricataValue(bytes: decimal[...])
        }
        try number(option, of: "ip.tos", in: 0...255)
        packetTests.append(Self.test("ip.version", .number(.equal, 4)))
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

    /// `100009,*,*`: the call of a procedure of ONC RPC version 2 (RFC 5531 §9), by program, version and procedure.
    mutating func remoteProcedure(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let parts = value.split(",")
        guard (1...3).contains(parts.count) else {
            throw value.error("'rpc' takes a program, a version and a procedure: 100009,*,*")
        }
        // A call (0) in version 2, and behind that the numbers.
        var numbers: [(offset: Int64, value: Int64)] = [(4, 0), (8, 2)]
        for (index, part) in parts.enumerated() where index == 0 || part.text != "*" {
            guard let number = part.integer, (0...0xffff_ffff).contains(number) else {
                throw part.error("'\(part.text)' is no number of RPC")
            }
            numbers.append((12 + 4 * Int64(index), number))
        }
        // In TCP a fragment's length comes before it (RFC 5531 §11).
        let forms = [("udp", Int64(0)), ("tcp", 4)].map { transport, start in
            var steps = numbers.map { number in
                SequenceStep.byteTest(
                    ByteNumber(byteCount: .number(4), offset: .number(start + number.offset)),
                    .equal, .number(number.value), isNegated: false)
            }
            steps.append(.size(.greaterOrEqual, start + 24))
            return Condition.allOf([
                Self.test("proto", Self.text(transport)), Self.test("payload", .sequence(steps)),
            ])
        }
        packetTests.append(.anyOf(forms))
        requiresPacket = true
    }

    /// What the flow speaks, perhaps with `final`, `either` or `original` behind a comma.
    mutating func applicationProtocol(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        let parts = value.split(",")
        var field = "app_proto.sender"
        switch parts.count > 1 ? parts[1].text : "final" {
        case "final", "either": break
        case "original": field = "app_proto.original"
        case "to_server", "to_client":
            throw option.unsupported("the mode '\(parts[1].text)' of '\(option.name)'")
        default:
            throw parts[1].error(
                "the mode must be final, either, original, to_server or to_client")
        }
        let name = parts[0].text
        let condition: Condition
        if name == "failed" || name == "unknown" {
            condition = Self.test(field, Self.text(name), subject: 0)
        } else if let proto = SuricataProtocol(name: name), !proto.applications.isEmpty {
            condition = .anyOf(
                proto.applications.map { Self.test(field, Self.text($0), subject: 0) })
        } else {
            throw parts[0].error(
                "unknown protocol '\(name)'" + suggestion(for: name, among: SuricataProtocol.names))
        }
        protocolTests.append(
            isNegated ? .allOf([Self.isKnown, .negation(condition)]) : condition)
    }

    /// It is known what the flow speaks, or that nobody knows it.
    private static let isKnown = test("app_proto.sender", .exists(true), subject: 0)

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
