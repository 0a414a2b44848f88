import Testing

@testable import Cairn

@Suite struct URITests {
    /// Targets and their normal forms.
    static let targets: [(String, String)] = [
        ("/", "/"),
        ("/a/b.html?x=1#f", "/a/b.html?x=1#f"),
        ("/a%20b/%41%2fc", "/a b/A/c"),
        ("/%2E%2e/%2e/a", "/a"),
        ("//a///b", "/a/b"),
        ("/a\\b%5cc", "/a/b/c"),
        ("/a/./b/../c/..", "/a"), ("/a/b/../", "/a"), ("/a/b/./", "/a/b"), ("/a/..", ""),
        ("/a/./b/", "/a/b/"),
        ("/../../x", "/x"),
        ("../x/./y", "x/y"),
        (".", ""),
        ("/.", ""),
        ("/...", "/..."),
        ("/.hidden", "/.hidden"),
        ("/%", "/%"),
        ("/%4", "/%4"),
        ("/%zz%41", "/%zzA"),
        ("/%u0041%uff0f%u2215x", "/A/x"),
        ("/%u00zz", "/%u00zz"),
        ("/%c0%ae%c0%ae/%c0%af", "/"),
        ("/a%00b", "/a\u{0}b"),
        ("/é", "/\u{e9}"),
        ("/日", "/?"),
        ("/%ff%fe", "/??"),
        ("/a?x=%41&y=//.//..%2f%u0041+b", "/a?x=A&y=//.//../%u0041+b"),
        ("/a?b?c=%3F", "/a?b?c=?"),
        ("/a?%252e", "/a?%2e"),
        ("/%252e", "/%2e"),
        ("/a#%u0041%41", "/a#AA"),
        ("http://u:p@h:80/p?q", "/p?q"),
        ("http://h", ""),
        ("http:///p", "/p"),
        ("*", "*"),
        ("plain", "plain"),
    ]

    private func normalize(_ target: String, _ normalizer: URINormalizer = .init()) -> [UInt8] {
        let bytes = Array(target.utf8)
        let output = HTTPBuffer()
        let span = bytes.span.bytes
        _ = normalizer.normalize(span, URIParts(parsing: span), into: output)
        return Array(output.bytes)
    }

    /// Bytes of a text that stands for Latin-1.
    private func latin1(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    @Test(arguments: targets)
    func `targets have one normal form`(target: String, normal: String) {
        #expect(normalize(target) == latin1(normal))
    }

    @Test(arguments: targets)
    func `what passes as normal is`(target: String, normal: String) {
        let bytes = Array(target.utf8)
        if URINormalizer.isNormal(bytes.span.bytes) { #expect(normalize(target) == bytes) }
    }

    @Test func `ordinary targets pass as normal`() {
        for target in ["/", "/a/b.c?d=e&f=//g#h", "/a..b/c."] {
            let bytes = Array(target.utf8)
            let isNormal = URINormalizer.isNormal(bytes.span.bytes)
            #expect(isNormal, "\(target)")
        }
    }

    @Test func `a second round of decoding is told`() {
        let bytes = Array("/%252e%252e/a?%2541".utf8)
        let span = bytes.span.bytes
        let output = HTTPBuffer()
        var normalizer = URINormalizer()
        normalizer.decodesPathTwice = true
        normalizer.decodesQueryTwice = true
        let result = normalizer.normalize(span, URIParts(parsing: span), into: output)
        #expect(Array(output.bytes) == Array("/a?A".utf8))
        #expect(result.isDoubleEncoded)
    }

    @Test(arguments: [
        ("a.example", "a.example", 0, false), ("A:80", "A", 80, false),
        ("[::1]:8080", "[::1]", 8080, false), ("[::1", "", 0, true),
        ("a:", "a", 0, true), ("a:0", "a", 0, true), ("a:65536", "a", 0, true),
        ("a b", "a b", 0, true), (".a", ".a", 0, true), ("", "", 0, true),
        ("a_b-c.d.", "a_b-c.d.", 0, false),
    ])
    func `hosts and ports`(text: String, host: String, port: Int, isInvalid: Bool) {
        let bytes = Array(text.utf8)
        let authority = URIAuthority(parsing: bytes.span.bytes, in: 0..<bytes.count)
        #expect(String(decoding: bytes[authority.host], as: UTF8.self) == host)
        #expect(Int(authority.port ?? 0) == port)
        #expect(authority.isInvalid == isInvalid)
    }

    @Test func `any bytes are some target`() {
        var numbers = SeededNumbers(seed: 1)
        for _ in 0..<2000 {
            let base = Array(
                Self.targets[Int.random(in: 0..<Self.targets.count, using: &numbers)].0.utf8)
            let bytes = base.mutated(&numbers)
            let span = bytes.span.bytes
            let output = HTTPBuffer()
            let parts = URIParts(parsing: span)
            _ = URINormalizer().normalize(span, parts, into: output)
            #expect(output.count <= bytes.count)
            if URINormalizer.isNormal(span) { #expect(Array(output.bytes) == bytes) }
        }
    }
}
