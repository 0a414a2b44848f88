import Testing

@testable import Cairn

@Suite struct TransformTests {
    private func apply(_ transforms: [Transform], _ value: [UInt8]) throws -> [UInt8] {
        let table = RegexTable()
        let codes = try transforms.map { transform in
            var code = TransformCode(transform: transform)
            if case .pcrexform(let pattern) = transform { code.regex = try table.add(pattern) }
            return code
        }
        let runner = TransformRunner(RegexRunner(table, matchLimit: 3500, depthLimit: 1500))
        return codes.withUnsafeBufferPointer { codes in
            value.withUnsafeBytes { runner.apply(codes, to: $0) { Array($0) } }
        }
    }

    private func apply(_ transforms: [Transform], _ value: String) throws -> String {
        String(decoding: try apply(transforms, Array(value.utf8)), as: UTF8.self)
    }

    @Test(arguments: [
        (Transform.toLowercase, "AbC1", "abc1"), (.toUppercase, "AbC1", "ABC1"),
        (.stripWhitespace, " a \r\n\tb ", "ab"), (.compressWhitespace, "a  \t b", "a b"),
        (.urlDecode, "a%20b+c%4", "a b c%4"), (.dotprefix, "a.b", ".a.b"), (.dotprefix, "", "."),
        (.headerLowercase, "Host: A\r\nX-Y: Z\r\n", "host: A\r\nx-y: Z\r\n"),
        (.stripPseudoHeaders, ":method: GET\r\nHost: a\r\n:path: /\r\n", "Host: a\r\n"),
        (.stripPseudoHeaders, ":method: GET", ""),
        (.pcrexform(RegexPattern(pattern: "a(.)c")), "xabc", "b"),
        (.pcrexform(RegexPattern(pattern: "a(.)c")), "xyz", "xyz"),
        (.pcrexform(RegexPattern(pattern: "a(.*)")), "xa", "xa"),
        (.domain, "www.example.com", "example.com"),
        (.domain, "a.b.example.co.uk", "example.co.uk"),
        (.domain, "example.com", "example.com"), (.domain, "localhost", ""), (.domain, "", ""),
        (.tld, "www.example.com", "com"), (.tld, "a.example.co.uk", "co.uk"),
        (.tld, "localhost", "localhost"), (.tld, "", ""),
        (.fromBase64(Base64Decoding()), "YWJj", "abc"),
        (.fromBase64(Base64Decoding()), "YWJjZA==", "abcd"),
        (.fromBase64(Base64Decoding()), "YW Jj", "a"),
        (.fromBase64(Base64Decoding(mode: .rfc2045)), "YW Jj", "abc"),
        (.fromBase64(Base64Decoding(mode: .strict)), "YWJj?", "YWJj?"),
        (.fromBase64(Base64Decoding(offset: 2, byteCount: 4)), "x=YWJjZGVm", "abc"),
        (.fromBase64(Base64Decoding()), "?", "?"),
    ])
    func `values change`(transform: Transform, value: String, expected: String) throws {
        #expect(try apply([transform], value) == expected)
    }

    @Test(arguments: [
        ("2", "cdefgh"), ("-3", "fgh"), ("1,3", "bcd"), ("-3,2", "fg"), ("1,-2", "bcdef"),
        ("0,-9", ""), ("0,-9,truncate", ""), ("-20,-3,truncate", "abcde"), ("8", ""), ("9,2", ""),
        ("0,9", ""), ("0,9,truncate", "abcdefgh"), ("-3, 9, truncate", "fgh"), ("-9", ""),
        ("-9,truncate", "abcdefgh"), ("-9,3,truncate", "abc"), ("0,0", ""),
    ])
    func `parts of values`(part: String, expected: String) throws {
        let transform = try #require(Transform(named: "subslice:\(part)"))
        #expect(try apply([transform], "abcdefgh") == expected)
        #expect(Transform(named: transform.name) == transform)
    }

    @Test(arguments: ["", "a", "1,2,3", "1,truncate,2", "99999", "truncate"])
    func `parts that are none`(part: String) {
        #expect(Transform(named: "subslice:\(part)") == nil)
    }

    @Test func `what was packed is unpacked, up to a limit`() throws {
        let zlib: [UInt8] = [
            0x78, 0x9c, 0x4b, 0x4c, 0x84, 0x00, 0x00, 0x14, 0xe1, 0x03, 0xcb,
        ]
        let unpacked = try apply([.zlibDeflate(byteCountMax: 4)], zlib)
        #expect(unpacked == Array("aaaa".utf8))
        #expect(try apply([.zlibDeflate(byteCountMax: 4)], "no zlib") == "no zlib")
        #expect(try apply([.gunzip(byteCountMax: 4)], "") == "")
    }

    @Test func `names with options`() {
        #expect(
            Transform(named: "from_base64:mode=strict,offset=4,bytes=8")
                == .fromBase64(Base64Decoding(mode: .strict, offset: 4, byteCount: 8)))
        #expect(Transform(named: "gunzip:max-size=9") == .gunzip(byteCountMax: 9))
        #expect(Transform(named: "gunzip:max-size=0") == nil)
        #expect(Transform(named: "from_base64:mode=lax") == nil)
        #expect(Transform(named: "xor:0d0a") == .xor([13, 10]))
    }
}

@Suite struct BitTestTests {
    @Test(
        arguments: [
            ("S", 0x02, true), ("S", 0x12, false), ("SA", 0x12, true), ("+S", 0x12, true),
            ("S+", 0x12, true), ("*SF", 0x01, true), ("*SF", 0x10, false), ("!SA", 0x02, true),
            ("!SA", 0x12, false), ("S,12", 0xc2, true), ("S,CE", 0x42, true), ("0", 0, true),
            ("0", 1, false), ("!0", 1, true), ("!0", 0, false), ("*0", 0, false),
        ] as [(String, Int64, Bool)])
    func `flags as Suricata writes them`(text: String, flags: Int64, holds: Bool) throws {
        let (test, isNegated) = try #require(BitTest.parse(suricata: text, of: "tcp.flags"))
        #expect((test.holds(flags) != isNegated) == holds)
    }

    @Test func `letters that are none`() {
        #expect(BitTest.parse(suricata: "X", of: "tcp.flags") == nil)
        #expect(BitTest.parse(suricata: "+!S", of: "tcp.flags") == nil)
        #expect(BitTest.parse(suricata: "S,", of: "tcp.flags") == nil)
        #expect(BitTest(.exactly, "DM", of: "ip.flags")?.bits == 3)
        #expect(BitTest(.exactly, "S", of: "ip.ttl") == nil)
    }
}
