import Testing

@testable import Cairn

@Suite struct SigmaStringTests {
    /// Literals in brackets, wildcards as they are.
    private func show(_ string: SigmaString) -> String {
        string.parts.map { part in
            switch part {
            case .literal(let bytes): "[\(String(decoding: bytes, as: UTF8.self))]"
            case .anyOne: "?"
            case .anyMany: "*"
            case .placeholder(let name): "%\(name)%"
            }
        }.joined()
    }

    @Test(arguments: [
        ("", ""), ("abc", "[abc]"), ("a*b?c", "[a]*[b]?[c]"), ("*", "*"), ("**", "**"),
        ("??", "??"),
        (#"\*"#, "[*]"), (#"\?"#, "[?]"), (#"\\*"#, #"[\]*"#), (#"\\\*"#, #"[\*]"#),
        (#"\\\\*"#, #"[\\]*"#),
        (#"a\b"#, #"[a\b]"#), (#"\\a"#, #"[\a]"#), (#"\"#, #"[\]"#), (#"\\"#, #"[\]"#),
        (#"\\\"#, #"[\\]"#),
        (#"\\\*\IPC$"#, #"[\*\IPC$]"#), (#"\\\\\*\\IPC$"#, #"[\\*\IPC$]"#),
        (#"C:\*\x"#, #"[C:*\x]"#),
        (#"C:\\*\x"#, #"[C:\]*[\x]"#), ("é*", "[é]*"),
        (#"\windows\minidump\"#, #"[\windows\minidump\]"#),
    ])
    func `escapes and wildcards are told apart`(text: String, parts: String) {
        #expect(show(SigmaString(text)) == parts)
    }

    @Test(arguments: [
        ("a", true, true, "*[a]*"), ("*a", true, true, "*[a]*"), ("a*", true, true, "*[a]*"),
        ("", true, true, "*"),
        ("a", true, false, "*[a]"), ("a", false, true, "[a]*"), ("?", true, true, "*?*"),
        (#"\*"#, true, false, "*[*]"),
    ])
    func `wildcards are added where they are missing`(
        text: String, atStart: Bool, atEnd: Bool, parts: String
    ) {
        #expect(show(SigmaString(text).open(atStart: atStart, atEnd: atEnd)) == parts)
    }

    @Test
    func `patterns have no two wildcards for any text side by side`() {
        #expect(
            SigmaString("a**b").pattern
                == TextPattern(parts: [
                    .literal([0x61]), .anyMany, .literal([0x62]),
                ]))
        #expect(SigmaString("").pattern.parts == [])
    }

    @Test(arguments: [
        ("%a%", "%a%"), ("x%a%y", "[x]%a%[y]"), ("100%", "[100%]"), ("%%", "[%%]"),
        (#"%a\b%"#, #"[%a\b%]"#),
        ("%a%%b%", "%a%%b%"), ("*%a%", "*%a%"), ("50% of %a%", "[50]% of %[a%]"),
    ])
    func `placeholders are found`(text: String, parts: String) {
        #expect(show(SigmaString(text).insertingPlaceholders()) == parts)
    }

    @Test
    func `placeholders become all their values`() {
        let values = ["a": ["1", "2*"], "b": ["x"]]
        let results = SigmaString("<%a%-%b%>").insertingPlaceholders()
            .replacingPlaceholders { values[$0, default: []].map { SigmaString($0) } }
        #expect(results.map(show) == ["[<1-x>]", "[<2]*[-x>]"])
    }

    @Test(arguments: [
        ("-a", ["[-a]", "[/a]", "[–a]", "[—a]", "[―a]"]),
        ("/a-b", ["[-a-b]", "[/a-b]", "[–a-b]", "[—a-b]", "[―a-b]"]),
        ("a-b", ["[a-b]"]), ("- a", ["[- a]"]),
        ("*-a*", ["*[-a]*", "*[/a]*", "*[–a]*", "*[—a]*", "*[―a]*"]),
    ])
    func `dashes that begin a word have five forms`(text: String, variants: [String]) {
        #expect(SigmaString(text).windashVariants()?.map(show) == variants)
    }

    @Test
    func `two dashes have twenty-five forms, four too many`() {
        #expect(SigmaString("-a -b").windashVariants()?.count == 25)
        #expect(SigmaString("-a -b -c -d").windashVariants() == nil)
    }

    @Test
    func `text is encoded in UTF-16`() {
        #expect(
            SigmaString("a*é").utf16(isBigEndian: false).parts == [
                .literal([0x61, 0]), .anyMany, .literal([0xe9, 0]),
            ])
        #expect(
            SigmaString("😀").utf16(isBigEndian: true).parts == [.literal([0xd8, 0x3d, 0xde, 0])])
        #expect(
            SigmaString("a").utf16(isBigEndian: false).withByteOrderMark().parts == [
                .literal([0xff, 0xfe, 0x61, 0])
            ])
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `base64 is that of RFC 4648`(text: String, encoded: String) {
        #expect(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) == encoded)
        #expect(Base64.decode(encoded.utf8) == Array(text.utf8))
    }

    @Test(arguments: [
        ("foobar", ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]),
        ("/bin/bash", ["L2Jpbi9iYXNo", "9iaW4vYmFza", "vYmluL2Jhc2"]),
        ("ab", ["YW", "Fi", "hY"]),
    ])
    func `one of three texts is in the base64 of anything around`(text: String, expected: [String])
    {
        let texts = Base64.encodeAtEveryOffset(Array(text.utf8)).map {
            String(decoding: $0, as: UTF8.self)
        }
        #expect(texts == expected)
        for before in 0..<6 {
            for after in 0..<6 {
                let whole = Base64.encode(
                    Array(repeating: 0xa5, count: before) + Array(text.utf8)
                        + Array(repeating: 0x5a, count: after))
                #expect(texts.contains { String(decoding: whole, as: UTF8.self).contains($0) })
            }
        }
    }

    @Test(arguments: ["Z", "Zm9v!", "Zg==Zg"])
    func `what is no base64 is refused`(text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }
}
