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

    @Test func `what needs an escape is seen at any place of a long text`() {
        let plain = Array("0123456789 abcdefghij~".utf8)
        let expected = [
            (UInt8(ascii: "\""), "\\\""), (UInt8(ascii: "\\"), "\\\\"), (0x1f, "\\u001f"),
            (0x0a, "\\n"), (0x80, "\u{fffd}"), (0xff, "\u{fffd}"), (0x20, " "), (0x7f, "\u{7f}"),
        ]
        for (byte, escaped) in expected {
            for place in plain.indices {
                var bytes = plain
                bytes[place] = byte
                let json = text { writer in bytes.withUnsafeBytes { writer.string($0) } }
                let before = String(decoding: plain[..<place], as: UTF8.self)
                let after = String(decoding: plain[(place + 1)...], as: UTF8.self)
                #expect(json == "\"" + before + escaped + after + "\"")
            }
        }
    }

    @Test func `moments have the digits and the zone asked for`() {
        let moment = Timestamp(nanoseconds: 1_795_454_400_123_456_789)
        let eve = moment.text(fractionDigits: 6, zone: "+0000")
        #expect(text { $0.time(moment) } == "\"\(moment)\"")
        #expect(
            text {
                $0.beginObject()
                $0.member("t", eveTime: moment)
                $0.endObject()
            } == "{\"t\":\"\(eve)\"}")
    }

    @Test func `bytes are written as hexadecimal digits, keys as they are`() {
        let json = text {
            $0.beginObject()
            $0.key(json: Array("\"a\":".utf8))
            $0.hexadecimal([0x00, 0x9f, 0xab])
            $0.key("b")
            $0.raw([UInt8(ascii: "1")])
            $0.endObject()
        }
        #expect(json == "{\"a\":\"009fab\",\"b\":1}")
    }

    @Test func `the text grows beyond its first memory`() {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 5_000)
        let json = text { writer in
            writer.beginArray()
            for _ in 0..<3 { long.withUnsafeBytes { writer.string($0) } }
            writer.endArray()
        }
        #expect(json.utf8.count == 3 * 5_002 + 4)
    }

    @Test func `numbers of every length have all their digits`() {
        var numbers: [UInt64] = [0, 9, 10, .max, 100_000_000, 10_000_000_000_000_000]
        var number: UInt64 = 1
        for _ in 0..<19 {
            numbers += [number - 1, number, number + 1, number * 9 / 10 * 7]
            number *= 10
        }
        for number in numbers { #expect(text { $0.integer(number) } == "\(number)") }
    }

    @Test func `moments in minutes that were written before and after are right`() {
        let minute = 60 * nanosecondsPerSecond
        var moments: [Timestamp] = []
        for step in [0, 1, 64, 1, 128, 0, 65] as [Int64] {
            moments.append(Timestamp(nanoseconds: step * minute + 59_000_000_001))
            moments.append(Timestamp(nanoseconds: (step + 30_000_000) * minute + 999_999_999))
        }
        moments.append(Timestamp(nanoseconds: -1))
        let json = text { writer in
            writer.beginArray()
            for moment in moments { writer.time(moment) }
            writer.endArray()
        }
        #expect(json == "[" + moments.map { "\"\($0)\"" }.joined(separator: ",") + "]")
    }
}
