@testable import Cairn

/// Makes frames of HTTP/2, with headers that stand as they are.
enum HTTP2Maker {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func frame(
        _ type: HTTP2FrameType, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []
    ) -> [UInt8] {
        let count = payload.count
        return [UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255)]
            + [type.rawValue, flags] + number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// A header block out of lines `name: value`.
    static func block(_ lines: [String]) -> [UInt8] {
        lines.flatMap { line -> [UInt8] in
            // The colon of a pseudo-header is no separator.
            let colon = line.utf8.dropFirst().firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
            let name = Array(line[..<colon].utf8)
            let value = Array(line[colon...].utf8.dropFirst(2))
            return [0, UInt8(name.count)] + name + [UInt8(value.count)] + value
        }
    }

    static func headers(_ stream: UInt32, ends: Bool = true, _ lines: [String]) -> [UInt8] {
        frame(.headers, flags: ends ? 5 : 4, stream: stream, block(lines))
    }

    static func data(_ stream: UInt32, ends: Bool = true, _ text: String) -> [UInt8] {
        frame(.data, flags: ends ? 1 : 0, stream: stream, Array(text.utf8))
    }
}
