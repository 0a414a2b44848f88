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
