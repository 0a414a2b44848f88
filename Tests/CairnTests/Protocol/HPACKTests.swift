import Testing

@testable import Cairn

@Suite struct HPACKTests {
    /// Blocks of one connection, and the fields of each.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var blocks: [String]
        var fields: [[String]]
    }

    private static let first = [
        ":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com",
    ]
    private static let requests = [
        first, first + ["cache-control: no-cache"],
        [
            ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
            "custom-key: custom-value",
        ],
    ]
    private static let date21 = "date: Mon, 21 Oct 2013 20:13:21 GMT"
    private static let location = "location: https://www.example.com"

    /// The examples of RFC 7541 appendix C.
    static let examples = [
        Case(
            testDescription: "C.3, without Huffman code",
            blocks: [
                "828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ], fields: requests),
        Case(
            testDescription: "C.4, with Huffman code",
            blocks: [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ], fields: requests),
        Case(
            testDescription: "C.6, from a table of 256 bytes that entries fall out of",
            blocks: [
                "3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
                    + "6e919d29ad171863c78f0b97c8e9ae82ae43d3", "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2"
                    + "e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
            fields: [
                [":status: 302", "cache-control: private", date21, location],
                [":status: 307", "cache-control: private", date21, location],
                [
                    ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
                    location, "content-encoding: gzip",
                    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                ],
            ]),
    ]

    private static func decode(
        _ block: [UInt8], _ decoder: HPACKDecoder, _ limits: ProtocolLimits = ProtocolLimits()
    ) -> (fields: [String], faults: HPACKFaults, sizes: [UInt64]) {
        let output = HTTP2Fields()
        decoder.decode(block.span.bytes, limits: limits, into: output)
        let fields = output.fields.map { field in
            String(decoding: output.name(field), as: UTF8.self) + ": "
                + String(decoding: output.value(field), as: UTF8.self)
        }
        return (fields, output.faults, output.sizeUpdates)
    }

    @Test(arguments: examples) func `the examples of the standard are read`(example: Case) {
        let decoder = HPACKDecoder()
        for (block, fields) in zip(example.blocks, example.fields) {
            let outcome = Self.decode([UInt8](hex: block), decoder)
            #expect(outcome.fields == fields)
            #expect(outcome.faults.isEmpty)
        }
    }

    @Test(
        arguments: [
            // An index without entry; one of 0; a Huffman code with padding that is none; one of nothing but the end.
            ("be 82", [":method: GET"], HPACKFaults.invalidField),
            ("80 82", [":method: GET"], .invalidField),
            ("0001 61 81 00 82", [":method: GET"], .invalidField),
            ("0001 61 84 ffffffff 82", [":method: GET"], .invalidField),
            // A name whose end is missing, and one that says to be longer than anything.
            ("82 0005 61", [":method: GET"], .truncated),
            ("ffffffffffff0f 82", [":method: GET"], [.integerOverflow, .invalidField]),
        ] as [(String, [String], HPACKFaults)])
    func `what is wrong is passed over`(hex: String, fields: [String], faults: HPACKFaults) {
        let outcome = Self.decode([UInt8](hex: hex), HPACKDecoder())
        #expect(outcome.fields == fields)
        #expect(outcome.faults == faults)
    }

    @Test func `a block that stands for much is given up`() {
        let decoder = HPACKDecoder()
        // An entry of four thousand bytes, then that a hundred thousand times.
        let entry: [UInt8] =
            [0x40, 1, 0x61, 0x7f, 0xa1, 0x1e] + Array(repeating: 0x78, count: 4000)
        let outcome = Self.decode(entry + Array(repeating: 0xbe, count: 100_000), decoder)
        #expect(outcome.faults == .tooMuch)
        #expect(outcome.fields.count < 70)
        #expect(Self.decode([0xbe], decoder).fields.count == 1)
    }

    @Test func `sizes of the table are told and bounded`() {
        let outcome = Self.decode([UInt8](hex: "20 3fe11f"), HPACKDecoder())
        #expect(outcome.sizes == [0, 4096])
    }

    @Test func `every byte has its code`() {
        // The codes of all bytes in their order, then ones.
        let codes = [UInt8](
            hex: """
                ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3ffff
                fa7fffffabffffffdfffffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fff
                ffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ff
                affcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265
                cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac4
                26defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3f
                ffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeff
                ffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4
                ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecfff
                f07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbff
                ff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27f
                fffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ff
                ffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcd
                ffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7
                fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbff
                fffbbfffff7ffffff0fffffbbf
                """)
        let output = HTTPBuffer()
        let isCode = HPACKHuffman.decode(
            codes.span.bytes, 0..<codes.count, byteCountMax: 1000, into: output)
        #expect(isCode)
        #expect(Array(output.bytes) == Array(0...255))
    }
}
