import Testing

@testable import Cairn

/// Modifiers, from the text of a rule to the test of a field.
@Suite struct SigmaModifierTests {
    private func check(
        _ item: String, _ name: String, _ predicate: Predicate, service: String = "http",
        transforms: [Transform] = [], sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let condition = try RuleFixtures.condition(
            item, service: service, sourceLocation: sourceLocation)
        let expected = try RuleFixtures.match(
            name, predicate, of: service, transforms: transforms)
        #expect(condition == expected, sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        ("http.uri: 'a*b'", "a*b", false), ("http.uri|contains: a", "*a*", false),
        ("http.uri|startswith: a", "a*", false),
        ("http.uri|endswith: a", "*a", false), ("http.uri|contains: '*a'", "*a*", false),
        ("http.uri|cased: Ab", "Ab", true),
        ("http.uri|contains|cased: Ab", "*Ab*", true),
        ("http.uri|cased|startswith: Ab", "Ab*", true), ("http.uri: ''", "", false),
        ("http.uri|contains: ''", "*", false), ("http.uri: 443", "443", false),
        ("http.uri: 007", "007", false), ("http.uri: true", "true", false),
        ("http.uri|base64: foobar", "Zm9vYmFy", false), ("http.uri|wide: ab", "a\0b\0", false),
        ("http.uri|utf16le: ab", "a\0b\0", false),
        ("http.uri|utf16be: ab", "\0a\0b", false), ("http.uri|wide|base64: ab", "YQBiAA==", false),
        ("http.uri|utf16|base64: ab", "//5hAGIA", false),
        ("http.uri|base64|contains: foobar", "*Zm9vYmFy*", false),
    ])
    func `text modifiers make patterns`(item: String, pattern: String, isCased: Bool) throws {
        try check(item, "http.uri", .text(TextPattern(pattern, isCased: isCased)))
    }

    @Test
    func `a byte order mark is two bytes`() throws {
        try check(
            "http.uri|utf16: a", "http.uri",
            .text(TextPattern(parts: [.literal([0xff, 0xfe, 0x61, 0])])))
    }

    @Test
    func `expressions keep their flags`() throws {
        try check("http.uri|re: 'a\\.b*'", "http.uri", .regex(RegexPattern(pattern: "a\\.b*")))
        try check(
            "http.uri|re|i|m|s: x", "http.uri",
            .regex(
                RegexPattern(
                    pattern: "x", ignoresCase: true, isMultiline: true, dotMatchesAll: true)))
        try check(
            "http.uri|re|ignorecase|multiline|dotall: x", "http.uri",
            .regex(
                RegexPattern(
                    pattern: "x", ignoresCase: true, isMultiline: true, dotMatchesAll: true)))
        try check(
            "http.uri|re|startswith: a|b", "http.uri",
            .regex(RegexPattern(pattern: "a|b", isAnchored: true)))
        try check(
            "http.uri|re|endswith: a|b", "http.uri", .regex(RegexPattern(pattern: "(?:a|b)\\z")))
        try check("http.uri|re|contains: a", "http.uri", .regex(RegexPattern(pattern: "a")))
        try check("http.uri|re: 12", "http.uri", .regex(RegexPattern(pattern: "12")))
    }

    @Test(arguments: [
        ("sc-status: 200", Comparison.equal, 200), ("sc-status: '200'", .equal, 200),
        ("sc-status|gt: 200", .greater, 200),
        ("sc-status|gte: '200'", .greaterOrEqual, 200), ("sc-status|lt: 2.5", .less, 3),
        ("sc-status|lte: 2.5", .lessOrEqual, 2),
        ("sc-status|gt: 2.5", .greater, 2), ("sc-status|gte: 2.5", .greaterOrEqual, 3),
        ("sc-status: 200.0", .equal, 200),
        ("sc-status: 0xC8", .equal, 200), ("sc-status: '> 70'", .greater, 70),
        ("sc-status: '<=70'", .lessOrEqual, 70), ("sc-status: true", .equal, 1),
        ("sc-status|gt: -2.5", .greater, -3),
    ])
    func `number fields compare numbers`(item: String, comparison: Comparison, number: Int64) throws
    {
        try check(item, "http.status", .number(comparison, number))
    }

    @Test
    func `text with wildcards on number fields stays text`() throws {
        try check("sc-status: '4*'", "http.status", .text(TextPattern("4*")))
        try check("sc-status: '*'", "http.status", .exists(true))
        #expect(RuleFixtures.rule("http", "s: {sc-status: 200.5}\ncondition: s").detections.isEmpty)
    }

    @Test(arguments: [
        ("src_ip|cidr: 10.0.0.0/8", "10.0.0.0/8"), ("src_ip|cidr: 'fe80::/10'", "fe80::/10"),
        ("src_ip: 10.1.2.3", "10.1.2.3/32"),
        ("src_ip: '::1'", "::1/128"), ("src_ip: '10.*'", "10.0.0.0/8"),
        ("src_ip|startswith: '192.168.'", "192.168.0.0/16"),
        ("src_ip: '198.51.100.*'", "198.51.100.0/24"), ("src_ip|cidr: 10.1.2.3", "10.1.2.3/32"),
    ])
    func `address fields hold networks`(item: String, network: String) throws {
        try check(item, "src.ip", .network(try #require(IPNetwork(network))))
    }

    @Test
    func `other patterns on address fields stay text`() throws {
        try check("src_ip: '10.1*'", "src.ip", .text(TextPattern("10.1*")))
        try check("src_ip|endswith: '.1'", "src.ip", .text(TextPattern("*.1")))
        try check("src_ip: '*'", "src.ip", .exists(true))
        try check("src_ip: '300.*'", "src.ip", .text(TextPattern("300.*")))
    }

    @Test(arguments: [
        ("rejected: 'true'", 1), ("rejected: true", 1), ("rejected: F", 0), ("rejected: 'no'", 0),
        ("rejected: 1", 1),
    ])
    func `truth has many spellings`(item: String, number: Int64) throws {
        try check(item, "dns.rejected", .number(.equal, number), service: "dns")
    }

    @Test
    func `presence is tested`() throws {
        try check("http.uri|exists: true", "http.uri", .exists(true))
        try check("http.uri|exists: false", "http.uri", .exists(false))
        try check("http.uri: null", "http.uri", .isAbsent)
        try check("http.uri: ", "http.uri", .isAbsent)
        try check("http.uri: []", "http.uri", .isAbsent)
    }

    @Test
    func `fields are compared with fields`() throws {
        let host = try RuleFixtures.field("http.host")
        try check(
            "http.uri|fieldref: http.host", "http.uri",
            .fieldReference(host, .whole, isCased: false))
        try check(
            "http.uri|fieldref|startswith: http.host", "http.uri",
            .fieldReference(host, .prefix, isCased: false))
        try check(
            "http.uri|fieldref|endswith: http.host", "http.uri",
            .fieldReference(host, .suffix, isCased: false))
        try check(
            "http.uri|fieldref|contains: http.host", "http.uri",
            .fieldReference(host, .anywhere, isCased: false))
        try check(
            "http.uri|cased|fieldref: http.host", "http.uri",
            .fieldReference(host, .whole, isCased: true))
    }

    @Test
    func `parts of a time are compared`() throws {
        let name = try #require(
            FieldRegistry.subjects[0].fields.first { $0.name.contains("time") }?.name)
        try check("\(name)|hour: 3", name, .timePart(.hour, .equal, 3))
        try check("\(name)|hour|gte: 20", name, .timePart(.hour, .greaterOrEqual, 20))
        try check("\(name)|lt|week: 20", name, .timePart(.week, .less, 20))
        try check(
            "tls.cert_notafter.seconds|past: true", "tls.cert_notafter.seconds", .past(true),
            service: "tls")
    }

    @Test
    func `several values are alternatives, or all must hold`() throws {
        let a = try RuleFixtures.match("http.uri", .text(TextPattern("*a*")))
        let b = try RuleFixtures.match("http.uri", .text(TextPattern("*b*")))
        #expect(try RuleFixtures.condition("http.uri|contains: [a, b]") == .any([a, b]))
        #expect(try RuleFixtures.condition("http.uri|contains|all: [a, b]") == .all([a, b]))
        #expect(try RuleFixtures.condition("http.uri|all|contains: [a, b]") == .all([a, b]))
        #expect(try RuleFixtures.condition("http.uri|contains|neq: [a, b]") == .not(.any([a, b])))
        #expect(
            try RuleFixtures.condition("http.uri|contains|all|neq: [a, b]") == .not(.all([a, b])))
        #expect(try RuleFixtures.condition("http.uri|contains: [a]") == a)
    }

    @Test
    func `one of what a modifier makes of a value must hold, also under all`() throws {
        let condition = try RuleFixtures.condition("http.uri|base64offset|contains|all: [foo, bar]")
        let groups = try ["foo", "bar"].map { text in
            Condition.any(
                try Base64.encodeAtEveryOffset(Array(text.utf8)).map {
                    try RuleFixtures.match(
                        "http.uri",
                        .text(TextPattern("*\(String(decoding: $0, as: UTF8.self))*")))
                })
        }
        #expect(condition == .all(groups))
        #expect(
            try RuleFixtures.condition("http.uri|windash|contains: ' -x'")
                == .any(
                    try ["-", "/", "–", "—", "―"].map {
                        try RuleFixtures.match("http.uri", .text(TextPattern("* \($0)x*")))
                    }))
    }

    @Test
    func `placeholders take their values from the settings`() throws {
        var settings = Settings()
        #expect(settings.set("placeholders.admins=boss, a*").isEmpty)
        let condition = try RuleFixtures.condition(
            "http.uri|expand: '/%admins%/'", settings: settings)
        #expect(
            condition
                == .any([
                    try RuleFixtures.match("http.uri", .text(TextPattern("/boss/"))),
                    try RuleFixtures.match("http.uri", .text(TextPattern("/a*/"))),
                ]))
        #expect(
            try RuleFixtures.condition("http.uri|re|expand: '^%admins%$'", settings: settings)
                != .any([]))
    }

    @Test
    func `transforms come before the test`() throws {
        try check(
            "http.uri|url_decode|to_lowercase|contains: a", "http.uri", .text(TextPattern("*a*")),
            transforms: [.urlDecode, .toLowercase])
        try check(
            "http.uri|xor:0d0a|contains: a", "http.uri", .text(TextPattern("*a*")),
            transforms: [.xor([0x0d, 0x0a])])
    }

    @Test(arguments: [
        ("http.uri|contains: 80", "4:22: error: 'contains' needs text; write '80' in quotes"),
        (
            "http.uri|containz: a",
            "4:12: error: unknown modifier 'containz' — did you mean 'contains'?"
        ),
        (
            "http.uri|xor: a",
            "4:12: error: 'xor' needs its key in hexadecimal digits: 'xor:0d0ac8ff'"
        ),
        (
            "http.uri|re: '('",
            "4:16: error: not a regular expression: missing closing parenthesis behind '(' (character 2)"
        ),
        ("http.uri|contains|re: a", "4:25: error: 're' must be the first modifier and needs text"),
        ("http.uri|i: a", "4:15: error: 'i' must stand behind 're'"),
        (
            "http.uri|base64: 'a*'",
            "4:20: error: 'base64' cannot encode the wildcards '*' and '?'; write '\\*' or '\\?' for the characters"
        ),
        (
            "http.uri|base64offset: a",
            "4:26: error: 'base64offset' needs two bytes: one alone can look like anything"
        ),
        (
            "http.uri|windash: '-a -b -c -d'",
            "4:21: error: 'windash' takes at most three dashes; split the value into several"
        ),
        ("http.uri|exists: 1", "4:20: error: 'exists' takes true or false and no modifiers before"),
        (
            "http.uri|expand: '%x%'",
            "4:20: error: the placeholder '%x%' has no values; give them with --set placeholders.x=…"
        ),
        (
            "http.uri|fieldref: 'a*'",
            "4:22: error: 'fieldref' takes the name of a field, without '*'"
        ),
        (
            "http.uri|fieldref: http.hots",
            "4:22: error: unknown field 'http.hots' — did you mean 'http.host'?"
        ),
        (
            "http.uri|gt: 5",
            "4:16: error: a comparison of numbers does not fit 'http.uri', which is bytes"
        ),
        ("http.uri|gt: a", "4:16: error: 'gt' needs a number, not text"),
        ("sc-status: abc", "4:14: error: 'abc' is no whole number; 'http.status' holds numbers"),
        (
            "sc-status|cidr: 10.0.0.0/8",
            "4:19: error: 'cidr' does not fit 'http.status', which is a number"
        ),
        ("src_ip: 10.0.0.0/8", "4:11: error: '10.0.0.0/8' is a network; write 'src.ip|cidr'"),
        ("src_ip: a.example", "4:11: error: 'a.example' is no address; 'src.ip' holds addresses"),
        (
            "src_ip|cidr: 10.0.0.0/33",
            "4:16: error: '10.0.0.0/33' is not a network; write 10.0.0.0/8 or fd00::/8"
        ),
        (
            "sc-status|to_lowercase: 1",
            "4:3: error: 'http.status' is a number; transforms work on text and bytes"
        ),
        (
            "http.uri: {a: b}",
            "4:13: error: a value must be text, a number or true or false, not a map"
        ),
        ("'|all': [a, null]", "4:15: error: a keyword must be text or a number, not nothing"),
    ])
    func `what does not fit is said with its place`(item: String, message: String) {
        let text =
            "title: T\nlogsource: {product: cairn, service: http}\ndetection: {condition: s, s: {\n  \(item)}}\n"
        let shifted = RuleFixtures.messages(RuleFixtures.load(text))
        #expect(shifted == [message])
    }
}
