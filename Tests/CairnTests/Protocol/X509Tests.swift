import Testing

@testable import Cairn

@Suite struct X509Tests {
    private func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        content.count < 128
            ? [tag, UInt8(content.count)] + content
            : [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
    }

    /// A relative distinguished name of one or more attributes.
    private func attributes(_ values: [(type: String, tag: UInt8, value: [UInt8])]) -> [UInt8] {
        element(
            0x31,
            values.flatMap {
                element(0x30, element(6, [UInt8](hex: $0.type)) + element($0.tag, $0.value))
            })
    }

    private func name(_ bytes: [UInt8]) throws -> String {
        let text = TextBuffer()
        try text.appendX509Name(0..<bytes.count, bytes.span.bytes)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test(
        arguments: [
            ("550403", 0x0c, "Zürich", "CN=Zürich"), ("550406", 0x13, "CH", "C=CH"),
            ("2a864886f70d010901", 0x16, "a@b", "Email=a@b"),
            ("0992268993f22c640119", 0x16, "org", "DC=org"),
            ("2b0601040182373c020103", 0x13, "US", "jurisdictionC=US"),
            ("550409", 0x13, "x", "street=x"), ("2a0304", 0x13, "x", "1.2.3.4=x"),
            ("883703", 0x13, "x", "2.999.3=x"), ("", 0x13, "x", "=x"),
        ] as [(String, UInt8, String, String)])
    func `attributes have short names`(type: String, tag: UInt8, value: String, text: String) throws
    {
        #expect(try name(attributes([(type, tag, Array(value.utf8))])) == text)
    }

    @Test func `strings of all kinds become UTF-8`() throws {
        let cn = "550403"
        #expect(
            try name(attributes([(cn, 0x1e, [0, 0x5a, 0x04, 0x16, 0xd8, 0x00])])) == "CN=ZЖ\u{fffd}"
        )
        #expect(try name(attributes([(cn, 0x14, [0x5a, 0xfc])])) == "CN=Zü")
        #expect(
            try name(attributes([(cn, 0x1c, [0, 1, 0xf6, 0, 0x7f, 0xff, 0xff, 0xff])]))
                == "CN=😀\u{fffd}")
        #expect(try name(attributes([(cn, 0x03, [0, 0xab])])) == "CN=#00ab")
    }

    @Test func `several attributes in one set are joined by a plus`() throws {
        let bytes =
            attributes([("550406", 0x13, [0x55, 0x53])])
            + attributes([("550403", 0x0c, [0x61]), ("55040b", 0x0c, [0x62])])
        #expect(try name(bytes) == "C=US, CN=a + OU=b")
    }

    @Test func `a name has at most so many attributes and bytes`() throws {
        let long = (0..<100).flatMap { _ in attributes([("550403", 0x0c, [0x61])]) }
        #expect(try name(long).split(separator: ",").count == 64)
        let wide = (0..<3).flatMap { _ in
            attributes([("550403", 0x0c, Array(repeating: 0x61, count: 3000))])
        }
        #expect(try name(wide).utf8.count == 4096)
    }

    private func certificate(notBefore: [UInt8], extensions: [UInt8] = []) -> [UInt8] {
        let algorithm = element(0x30, element(6, [0x2a, 3]))
        var parts = element(2, [1]) + algorithm + element(0x30, [])
        parts += element(0x30, notBefore + element(0x17, Array("301231235959Z".utf8)))
        parts += element(0x30, []) + algorithm + extensions
        return element(0x30, element(0x30, parts))
    }

    @Test(
        arguments: [
            (0x17, "500101000000Z", -631_152_000), (0x17, "490101000000Z", 2_493_072_000),
            (0x17, "7001010000Z", 0), (0x18, "20000229120000Z", 951_825_600),
            (0x18, "00010101000000Z", -62_135_596_800), (0x18, "99991231235959Z", 253_402_300_799),
        ] as [(UInt8, String, Int64)])
    func `times are seconds since 1970`(tag: UInt8, text: String, seconds: Int64) throws {
        let bytes = certificate(notBefore: element(tag, Array(text.utf8)))
        #expect(try X509Certificate(decoding: bytes.span.bytes).notBefore == seconds)
        let buffer = TextBuffer()
        buffer.appendCivilTime(seconds: seconds)
        #expect(buffer.count == 19)
    }

    @Test(
        arguments: [
            (0x17, "501301000000Z"), (0x17, "50010100000"),
            (0x17, "50010a000000Z"),
            (0x17, "500132000000Z"), (0x17, "500101240000Z"), (0x04, "500101000000Z"),
            (0x18, "2000"),
        ] as [(UInt8, String)])
    func `what is no time is an invalid date`(tag: UInt8, text: String) {
        let bytes = certificate(notBefore: element(tag, Array(text.utf8)))
        #expect(throws: X509Error.date) { try X509Certificate(decoding: bytes.span.bytes) }
    }

    @Test func `extensions other than the alternative names are passed over`() throws {
        let critical = element(
            0x30, element(6, [0x55, 0x1d, 0x13]) + [1, 1, 0xff] + element(4, [0x30, 0]))
        let names = element(
            0x30, element(6, [0x55, 0x1d, 0x11]) + element(4, element(0x30, [0x82, 1, 0x61])))
        let time = element(0x17, Array("500101000000Z".utf8))
        let bytes = certificate(
            notBefore: time,
            extensions: [0x81, 1, 0] + element(0xa3, element(0x30, critical + names)))
        let decoded = try X509Certificate(decoding: bytes.span.bytes)
        #expect(decoded.alternativeNames.map { Array(bytes[$0]) } == [0x82, 1, 0x61])
        let broken = certificate(notBefore: time, extensions: element(0xa3, [4, 0]))
        #expect(throws: X509Error.extensions) { try X509Certificate(decoding: broken.span.bytes) }
    }

    @Test func `a certificate cut anywhere is too short`() {
        for count in 0..<TLSMaker.certificate.count {
            let bytes = Array(TLSMaker.certificate.prefix(count))
            #expect(throws: X509Error.length) { try X509Certificate(decoding: bytes.span.bytes) }
        }
    }
}
