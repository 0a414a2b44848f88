import Testing

@testable import Cairn

/// Vectors of the specifications of JA3 and JA4.
@Suite struct JATests {
    private func hash(_ text: String) -> String { Digest.hash(.md5, Array(text.utf8)).hexText }

    private func write(
        _ message: [UInt8], isClient: Bool, _ body: (TLSHello, RawSpan, TextBuffer) -> Void
    ) -> String {
        let bytes = Array(message.dropFirst(4))
        let text = TextBuffer()
        let hello = TLSHello(decoding: bytes.span.bytes, isClient: isClient)
        body(hello, bytes.span.bytes, text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    private func ja3(_ message: [UInt8]) -> String {
        write(message, isClient: true) { JA.writeJA3($0, $1, into: $2) }
    }

    private func ja4(_ message: [UInt8]) -> String {
        write(message, isClient: true) { JA.writeJA4($0, $1, into: $2, digest: Digest(.sha256)) }
    }

    @Test func `JA3 is that of its description`() {
        let groups = TLSMaker.extension(10, TLSMaker.vector16(TLSMaker.numbers([23, 24, 25])))
        let message = TLSMaker.clientHello(
            version: 0x0301,
            ciphers: [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: [TLSMaker.serverName("a"), groups, TLSMaker.extension(11, [1, 0])])
        let text = ja3(message)
        #expect(text == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
        #expect(hash(text) == "ada70206e40642a3e4461f35503241d5")
    }

    @Test func `JA3 without extensions has empty places`() {
        let message = TLSMaker.clientHello(
            version: 0x0301, ciphers: [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], extensions: nil)
        #expect(ja3(message) == "769,4-5-10-9-100-98-3-6-19-18-99,,,")
        #expect(hash(ja3(message)) == "de350869b8c85de67a350c8d186f11e6")
    }

    @Test func `JA3S is that of its description`() {
        let types = [65281, 0, 11, 35, 5, 16]
        let message = TLSMaker.serverHello(
            version: 0x0301, cipher: 47, extensions: types.map { TLSMaker.extension($0, []) })
        let text = write(message, isClient: false) { JA.writeJA3S($0, $1, into: $2) }
        #expect(text == "769,47,65281-0-11-35-5-16")
    }

    @Test func `JA4 is that of its specification`() {
        #expect(ja4(TLSMaker.exampleClient) == "t13d1516h2_8daaf6152771_e5627efa2ab1")
    }

    @Test func `JA4 of a bare hello has zeros`() {
        let message = TLSMaker.clientHello(version: 0x0300, ciphers: [], extensions: nil)
        #expect(ja4(message) == "ts3i000000_000000000000_000000000000")
    }

    @Test func `JA4 without signature algorithms ends without an underscore`() {
        let types = [
            0x0005, 0x000a, 0x000b, 0x000d, 0x0012, 0x0015, 0x0017, 0x001b, 0x0023, 0x002b, 0x002d,
            0x0033, 0x4469, 0xff01,
        ]
        let message = TLSMaker.clientHello(
            ciphers: [0x1301], extensions: types.map { TLSMaker.extension($0, []) })
        #expect(ja4(message).hasSuffix("_6d807ffa2a79"))
    }

    @Test(
        arguments: [
            ([0xab], "ab"), ([0xab, 0xcd], "ad"), ([0x30, 0xab], "3b"),
            ([0x30, 0x31, 0xab, 0xcd], "3d"),
            ([0x30, 0xab, 0xcd, 0x31], "01"), (Array("http/1.1".utf8), "h1"),
            (Array("x".utf8), "xx"),
            ([], "00"),
        ] as [([UInt8], String)])
    func `JA4 takes first and last of the first protocol`(name: [UInt8], code: String) {
        let list = TLSMaker.vector16(TLSMaker.vector8(name))
        let message = TLSMaker.clientHello(
            ciphers: [0x1301], extensions: [TLSMaker.extension(16, list)])
        #expect(ja4(message).hasPrefix("t12i0101\(code)_"))
    }

    @Test func `counts stop at 99`() {
        let message = TLSMaker.clientHello(
            ciphers: Array(1...200), extensions: (100..<220).map { TLSMaker.extension($0, []) })
        #expect(ja4(message).hasPrefix("t12i999900_"))
    }
}
