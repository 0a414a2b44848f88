/// Parameters behind a header's value: `form-data; name="a"; filename*=UTF-8''b` (RFC 9110 §5.6.6).
enum HTTPParameters {
    /// Puts the value of a parameter, which is named in small letters, into a buffer, its quotes
    /// and escapes undone; whether it has one.
    static func value(
        of name: StaticString, in text: RawSpan, into output: HTTPBuffer
    ) -> Bool {
        output.truncate(to: 0)
        var index = endOfPart(text, from: 0)
        while index < text.byteCount {
            // Over the semicolon.
            index &+= 1
            let end = endOfPart(text, from: index)
            if let equals = text.index(of: UInt8(ascii: "="), from: index, to: end) {
                let key = text.trimmed(index..<equals)
                if text.matches(name, at: key.lowerBound, count: key.count) {
                    unquote(text, text.trimmed(equals &+ 1..<end), into: output)
                    return true
                }
            }
            index = end
        }
        return false
    }

    /// Puts the file name of a Content-Disposition (RFC 6266 §4.3) into a buffer; whether it has
    /// one. The extended form counts more, as browsers take it.
    static func fileName(in text: RawSpan, into output: HTTPBuffer) -> Bool {
        if value(of: "filename*", in: text, into: output) {
            decodeExtended(output)
            return true
        }
        return value(of: "filename", in: text, into: output)
    }

    /// Puts a value together that comes in numbered parts, `name*0=…; name*1=…` (RFC 2231 §3), as mails have it; whether
    /// there is a first part. A star behind a number says that the part is encoded.
    static func continuedValue(
        of name: StaticString, in text: RawSpan, into output: HTTPBuffer
    ) -> Bool {
        output.truncate(to: 0)
        var isExtended = false
        for number in 0..<continuationCountMax {
            guard appendPart(number, of: name, in: text, &isExtended, into: output) else { break }
        }
        if isExtended { decodeExtended(output) }
        return output.count > 0
    }

    /// Parts of one value that are put together.
    private static let continuationCountMax = 64

    private static func appendPart(
        _ number: Int, of name: StaticString, in text: RawSpan, _ isExtended: inout Bool,
        into output: HTTPBuffer
    ) -> Bool {
        var index = endOfPart(text, from: 0)
        while index < text.byteCount {
            index &+= 1
            let end = endOfPart(text, from: index)
            defer { index = end }
            guard let equals = text.index(of: UInt8(ascii: "="), from: index, to: end) else {
                continue
            }
            var key = text.trimmed(index..<equals)
            guard key.count > name.utf8CodeUnitCount &+ 1,
                text.matches(name, at: key.lowerBound, count: name.utf8CodeUnitCount),
                text.byte(at: key.lowerBound &+ name.utf8CodeUnitCount) == UInt8(ascii: "*")
            else { continue }
            key = key.lowerBound &+ name.utf8CodeUnitCount &+ 1..<key.upperBound
            let isEncoded = text.byte(at: key.upperBound &- 1) == UInt8(ascii: "*")
            let digits = isEncoded ? key.dropLast() : key
            guard text.decimal(in: digits) == UInt64(number) else { continue }
            if isEncoded, number == 0 { isExtended = true }
            unquote(text, text.trimmed(equals &+ 1..<end), into: output)
            return true
        }
        return false
    }

    /// The next semicolon outside quotes, or the end.
    private static func endOfPart(_ text: RawSpan, from start: Int) -> Int {
        var index = start
        var isQuoted = false
        while index < text.byteCount {
            let byte = text.byte(at: index)
            if byte == ASCII.quote {
                isQuoted.toggle()
            } else if byte == ASCII.backslash, isQuoted {
                index &+= 1
            } else if byte == ASCII.semicolon, !isQuoted {
                break
            }
            index &+= 1
        }
        return min(index, text.byteCount)
    }

    /// Appends a value without its quotes. A backslash is kept unless it escapes a quote or a
    /// backslash: Windows clients send paths.
    private static func unquote(_ text: RawSpan, _ range: Range<Int>, into output: HTTPBuffer) {
        guard !range.isEmpty, text.byte(at: range.lowerBound) == ASCII.quote else {
            return output.append(text.extracting(range))
        }
        var index = range.lowerBound &+ 1
        while index < range.upperBound {
            var byte = text.byte(at: index)
            if byte == ASCII.quote { return }
            if byte == ASCII.backslash, index &+ 1 < range.upperBound {
                let next = text.byte(at: index &+ 1)
                if next == ASCII.quote || next == ASCII.backslash {
                    byte = next
                    index &+= 1
                }
            }
            output.append(byte)
            index &+= 1
        }
    }

    /// Decodes `UTF-8''percent%20encoded` (RFC 8187 §3.2) in place; other character sets stay as
    /// bytes.
    private static func decodeExtended(_ output: HTTPBuffer) {
        let text = output.bytes
        guard let first = text.firstIndex(of: UInt8(ascii: "'")),
            let second = text[(first + 1)...].firstIndex(of: UInt8(ascii: "'"))
        else { return }
        let bytes = output.mutableBytes
        var index = second + 1
        var written = 0
        while index < bytes.count {
            var byte = bytes[index]
            index &+= 1
            if byte == ASCII.percent, index &+ 1 < bytes.count,
                let high = bytes[index].hexDigitValue,
                let low = bytes[index &+ 1].hexDigitValue
            {
                byte = high << 4 | low
                index &+= 2
            }
            bytes[written] = byte
            written &+= 1
        }
        output.truncate(to: written)
    }
}
