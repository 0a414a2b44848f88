import Testing

@testable import Cairn

@Suite struct TrafficReaderTests {
    private func load(_ traffic: String) -> RuleSet {
        RuleFixtures.load(
            "title: T\nlogsource: {product: cairn, service: http}\ndetection: {s: {http.uri: a}, condition: s}\n"
                + "traffic:\n  \(traffic)\n")
    }

    private func networks(_ texts: String...) throws -> [IPNetwork] {
        try texts.map { try #require(IPNetwork($0)) }
    }

    @Test
    func `both ends, flow and protocol`() throws {
        let set = load(
            "{from: {ip: $EXTERNAL_NET, port: any}, to: {ip: $HOME_NET, port: [80, 8000-8999, '!8443']},"
                + " flow: [established, to_server], both_ways: true, protocol: [tcp, icmp]}")
        #expect(RuleFixtures.messages(set) == [])
        let home = try networks("192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12")
        var expected = TrafficFilter()
        expected.source.addresses.included = try networks("0.0.0.0/0")
        expected.source.addresses.excluded = home
        expected.destination.addresses.included = home
        expected.destination.ports = PortSet(
            included: [80...80, 8000...8999], excluded: [8443...8443])
        expected.flow = [.established, .to_server]
        expected.isBothWays = true
        expected.protocols = [.tcp, .icmp, .icmpv6]
        #expect(set.detections.first?.traffic == expected)
    }

    @Test(arguments: [
        ("any", "", ""), ("10.0.0.1", "10.0.0.1/32", ""),
        ("'!10.0.0.0/8'", "0.0.0.0/0", "10.0.0.0/8"),
        ("[10.0.0.0/8, '!10.1.0.0/16']", "10.0.0.0/8", "10.1.0.0/16"),
        ("'[10.0.0.0/8,!10.1.0.0/16]'", "10.0.0.0/8", "10.1.0.0/16"),
        ("'![10.0.0.0/8,172.16.0.0/12]'", "0.0.0.0/0", "10.0.0.0/8 172.16.0.0/12"),
        ("'[1.1.1.1,[2.2.2.2,![3.3.3.3,!4.4.4.4]]]'", "1.1.1.1/32 2.2.2.2/32", "3.3.3.3/32"),
        ("'[any,!10.0.0.0/8]'", "", "10.0.0.0/8"),
        ("10.0.0.1-10.0.0.6", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32", ""),
        ("'2001:db8::/32'", "2001:db8::/32", ""),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8", ""),
        ("'2001:db8::-2001:db8::3'", "2001:db8::/126", ""),
        ("0.0.0.0-255.255.255.255", "0.0.0.0/0", ""),
        ("'[!10.0.0.0/8,2001:db8::/32]'", "2001:db8::/32 0.0.0.0/0", "10.0.0.0/8"),
    ])
    func `address groups nest and negate`(text: String, included: String, excluded: String) throws {
        let set = load("from: {ip: \(text)}")
        #expect(RuleFixtures.messages(set) == [])
        let addresses = try #require(set.detections.first?.traffic.source.addresses)
        func show(_ networks: [IPNetwork]) -> String {
            networks.map { "\($0.address)/\($0.prefixLength)" }.joined(separator: " ")
        }
        #expect(show(addresses.included) == included)
        #expect(show(addresses.excluded) == excluded)
    }

    /// A negated group is what it is before it is taken away; without a word on a version of IP there is none of it.
    @Test(arguments: [
        ("[10.0.0.0/8,![10.0.0.0/16,!10.0.0.0/24]]", "10.0.0.1 10.1.0.1", "10.0.1.1 9.0.0.1"),
        ("![10.0.0.0/16,!10.0.0.3]", "10.0.0.3 9.0.0.1", "10.0.0.4 ::1"),
        ("[10.0.0.0/8,![!10.0.0.3]]", "10.0.0.3", "10.0.0.4"),
        ("!$EXTERNAL_NET", "10.0.0.3 192.168.1.1", "8.8.8.8 2001::1"),
        ("$EXTERNAL_NET", "8.8.8.8", "10.0.0.1 2001::1"),
        ("![2001::1,!10.0.0.3]", "10.0.0.3 2001::2", "10.0.0.2 2001::1"),
        ("![2001::/64,!2001::8000:0:0:0]", "2001::8000:0:0:0 2002::", "2001:: 2001::8000:0:0:1"),
        ("![any,!10.0.0.3]", "10.0.0.3", "10.0.0.2"), ("!fe80::/10", "2001::1", "10.0.0.1 fe80::1"),
    ])
    func `negated groups of addresses`(text: String, inside: String, outside: String) throws {
        let set = try RuleVariables().addressSet(text)
        func holds(_ text: Substring) throws -> Bool {
            let address = try #require(IPAddress(String(text)))
            return set.included.contains { $0.contains(address) }
                && !set.excluded.contains { $0.contains(address) }
        }
        for address in inside.split(separator: " ") { #expect(try holds(address), "\(address)") }
        for address in outside.split(separator: " ") { #expect(try !holds(address), "\(address)") }
    }

    @Test(
        arguments: [
            ("80", [80...80], []), ("'80:90'", [80...90], []), ("80-90", [80...90], []),
            ("':1024'", [0...1024], []), ("'1024:'", [1024...65535], []),
            ("'!80'", [], [80...80]), ("'[80,!$SSH_PORTS]'", [80...80], [22...22]),
            ("$FILE_DATA_PORTS", [80...80, 110...110, 143...143], []), ("any", [], []),
            ("[1, [2, '!3']]", [1...1, 2...2], [3...3]),
        ] as [(String, [ClosedRange<UInt16>], [ClosedRange<UInt16>])])
    func `port groups nest and negate`(
        text: String, included: [ClosedRange<UInt16>], excluded: [ClosedRange<UInt16>]
    ) {
        let set = load("to: {port: \(text)}")
        #expect(RuleFixtures.messages(set) == [])
        #expect(
            set.detections.first?.traffic.destination.ports
                == PortSet(included: included, excluded: excluded))
    }

    @Test func `how far a direction must have come`() {
        let set = load("{flow: [to_client], progress: headers}")
        #expect(RuleFixtures.messages(set) == [])
        #expect(set.detections.first?.traffic.progress == .headers)
    }

    @Test func `packets do not come further`() {
        let set = RuleFixtures.load(
            "title: T\nlogsource: {product: cairn, service: packet}\ndetection: any\n"
                + "traffic: {flow: to_server, progress: line}\n")
        #expect(
            RuleFixtures.messages(set) == [
                "4:10: error: 'progress' is for rules on the transactions of a protocol, like the"
                    + " service http"
            ])
    }

    @Test(arguments: [
        (
            "{flow: to_server, progress: haeders}",
            "5:31: error: unknown progress 'haeders'; use line, headers, body, message or complete"
        ),
        (
            "{progress: line}",
            "5:3: error: 'progress' is that of one direction; add 'flow: [to_server]' or 'flow:"
                + " [to_client]'"
        ),
        (
            "from: {ip: $HOME_NTE}",
            "5:14: error: unknown variable '$HOME_NTE' — did you mean '$HOME_NET'?"
        ),
        ("from: {ip: $X}", "5:14: error: unknown variable '$X'; set it as vars.address-groups.X"),
        (
            "from: {ip: 10.0.0.256}",
            "5:14: error: '10.0.0.256' is no address; write 10.0.0.1, 10.0.0.0/8, 10.0.0.1-10.0.0.9 or $HOME_NET"
        ),
        ("from: {ip: '!any'}", "5:14: error: '!any' is nobody"),
        (
            "from: {ip: '[10.0.0.0/8,!10.0.0.0/8]'}",
            "5:14: error: '[10.0.0.0/8,!10.0.0.0/8]' leaves no address"
        ),
        ("from: {ip: '[10.0.0.0/8'}", "5:14: error: '[' is not closed in '[10.0.0.0/8'"),
        ("from: {ip: []}", "5:14: error: the group is empty; write 'any'"),
        ("from: {ip: }", "5:14: error: nothing is given; write 'any'"),
        (
            "to: {port: 70000}",
            "5:14: error: '70000' is no port; write 80, 8000-8999, ':1024' or $HTTP_PORTS"
        ),
        (
            "to: {port: 90-80}",
            "5:14: error: '90-80' is no port; write 80, 8000-8999, ':1024' or $HTTP_PORTS"
        ),
        ("to: {prot: 80}", "5:8: error: unknown key 'prot' in 'to' — did you mean 'port'?"),
        (
            "flow: establishd",
            "5:9: error: unknown flow condition 'establishd' — did you mean 'established'?"
        ),
        (
            "flow: [to_server, to_client]",
            "5:9: error: 'to_server' and 'to_client' cannot both hold"
        ),
        (
            "protocol: tpc",
            "5:13: error: unknown protocol 'tpc'; use tcp, udp, icmp, icmpv4, icmpv6 or sctp"
        ),
        ("both_ways: 1", "5:14: error: 'both_ways' must be true or false, not a number"),
        ("form: {}", "5:3: error: unknown key 'form' in 'traffic' — did you mean 'from'?"),
    ])
    func `mistakes have their exact place`(traffic: String, message: String) {
        #expect(RuleFixtures.messages(load(traffic)) == [message])
    }

    @Test
    func `variables come from the settings`() throws {
        var settings = Settings()
        #expect(settings.set("vars.address-groups.HOME_NET=[192.0.2.0/24,198.51.100.1]").isEmpty)
        #expect(settings.set("vars.port-groups.MINE=8080").isEmpty)
        let variables = RuleVariables(settings)
        #expect(
            try variables.addressSet("$EXTERNAL_NET")
                == AddressSet(
                    included: try networks("0.0.0.0/0"),
                    excluded: try networks("192.0.2.0/24", "198.51.100.1")))
        #expect(try variables.portSet("$MINE") == PortSet(included: [8080...8080]))
    }

    @Test
    func `variables that name each other are refused`() {
        var settings = Settings()
        #expect(settings.set("vars.address-groups.A=$B").isEmpty)
        #expect(settings.set("vars.address-groups.B=[$A,$A]").isEmpty)
        #expect(
            throws: RuleVariables.GroupError(
                message: "the group refers to itself, or nests more than 32 deep")
        ) { try RuleVariables(settings).addressSet("$A") }
    }

    @Test(arguments: ["", "!"])
    func `groups that multiply are refused`(negation: String) {
        var settings = Settings()
        for level in 0..<25 {
            let next = "\(negation)$G\(level + 1)"
            #expect(settings.set("vars.address-groups.G\(level)=[\(next),\(next)]").isEmpty)
        }
        #expect(settings.set("vars.address-groups.G25=10.0.0.1").isEmpty)
        #expect(throws: RuleVariables.GroupError.self) {
            try RuleVariables(settings).addressSet("$G0")
        }
    }
}
