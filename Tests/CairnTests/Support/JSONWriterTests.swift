import Testing

@testable import Cairn

@Suite struct JSONWriterTests {
    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `members and elements are separated by commas`() {
        let json = text {
            $0.beginObject()
            $0.member("a", 1)
            $0.member("b", ["x", "y"])
            $0.key("c")
            $0.beginObject()
            $0.endObject()
            $0.member("d", true)
            $0.endObject()
            $0.endLine()
            $0.beginArray()
            $0.null()
            $0.integer(Int64.min)
            $0.endArray()
        }
        #expect(
            json == "{\"a\":1,\"b\":[\"x\",\"y\"],\"c\":{},\"d\":true}\n[null,-9223372036854775808]"
        )
    }

    @Test(
        arguments: [
            (Array("a\"b\\c\n\u{1}é".utf8), "\"a\\\"b\\\\c\\n\\u0001é\""),
            ([0x61, 0xff, 0x62], "\"a\u{fffd}b\""), ([0xc3], "\"\u{fffd}\""),
            ([0xed, 0xa0, 0x80], "\"\u{fffd}\u{fffd}\u{fffd}\""), (Array("😀".utf8), "\"😀\""),
        ] as [([UInt8], String)])
    func `text is quoted, escaped and made valid UTF-8`(bytes: [UInt8], json: String) {
        #expect(text { writer in bytes.withUnsafeBytes { writer.string($0) } } == json)
    }
}
