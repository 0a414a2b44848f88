/// Brings request targets into one form, so that rules need to name it once: percent-encodings
/// decoded once, slashes and dot segments resolved, as libhtp does it in its IDS personality with
/// Suricata's settings.
///
/// * Path: `%HH` and `%uHHHH` are decoded, encoded slashes too; backslashes become slashes; runs of
///   slashes become one; UTF-8, overlong forms included, becomes the one byte that it looks most
///   like (`URIBestFit`), broken UTF-8 `?`; then dot segments are removed (RFC 3986 §5.2.4).
///   Letters keep their case.
/// * Query: `%HH` is decoded; nothing else is changed, `+` stays.
/// * Fragment: as the query, and `%uHHHH` is decoded.
/// * Percent signs that begin no valid encoding stay.
/// * Scheme, user, host and port are left out.
struct URINormalizer {
    /// Whether path and query are decoded a second time (`double-decode-path`,
    /// `double-decode-query`).
    var decodesPathTwice = false
    var decodesQueryTwice = false

    /// Where path and query came to lie in the output.
    struct Result: Equatable {
        var pathCount = 0
        /// Where the query begins, behind its question mark, and its bytes; nil if there is none.
        var query: Range<Int>?
        /// Whether decoding twice changed something that once did not.
        var isDoubleEncoded = false
    }

    /// Whether a target is its own normal form: no encodings, nothing to resolve. Saves the copy
    /// for nearly all.
    static func isNormal(_ target: RawSpan) -> Bool {
        let count = target.byteCount
        guard count > 0, target.byte(at: 0) == ASCII.slash else { return false }
        var index = 1
        var previous = ASCII.slash
        while index < count {
            let byte = target.byte(at: index)
            if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { break }
            if byte == ASCII.percent || byte == ASCII.backslash || byte >= 0x80 { return false }
            if previous == ASCII.slash, byte == ASCII.slash || byte == ASCII.dot { return false }
            previous = byte
            index &+= 1
        }
        return target.index(of: ASCII.percent, from: index) == nil
    }

    /// Appends the normal form of a target to an empty buffer.
    func normalize(_ target: RawSpan, _ parts: URIParts, into output: HTTPBuffer) -> Result {
        var result = Result()
        decodePath(target.extracting(parts.path), into: output)
        if decodesPathTwice {
            result.isDoubleEncoded = decodeAgain(output, from: 0, withUnicode: true)
        }
        output.truncate(to: Self.resolveSegments(output.mutableBytes))
        result.pathCount = output.count
        if let query = parts.query {
            output.append(UInt8(ascii: "?"))
            let start = output.count
            Self.decode(target.extracting(query), withUnicode: false, into: output)
            if decodesQueryTwice, decodeAgain(output, from: start, withUnicode: false) {
                result.isDoubleEncoded = true
            }
            result.query = start..<output.count
        }
        if let fragment = parts.fragment {
            output.append(UInt8(ascii: "#"))
            Self.decode(target.extracting(fragment), withUnicode: true, into: output)
        }
        return result
    }

    // MARK: Decoding

    /// The byte that an encoding at a percent sign stands for, and the bytes it takes; nil if it is
    /// none.
    private static func encoded(
        _ text: RawSpan, at index: Int, withUnicode: Bool
    ) -> (byte: UInt8, count: Int)? {
        let left = text.byteCount &- index
        guard left > 2 else { return nil }
        let first = text.byte(at: index &+ 1)
        if withUnicode, first.asciiLowercased == UInt8(ascii: "u") {
            guard left > 5 else { return nil }
            var code: UInt32 = 0
            for offset in 2...5 {
                guard let digit = text.byte(at: index &+ offset).hexDigitValue else { return nil }
                code = code << 4 | UInt32(digit)
            }
            return (URIBestFit.byte(for: code), 6)
        }
        guard let high = first.hexDigitValue,
            let low = text.byte(at: index &+ 2).hexDigitValue
        else { return nil }
        return (high << 4 | low, 3)
    }

    /// Appends text with its encodings decoded.
    private static func decode(_ text: RawSpan, withUnicode: Bool, into output: HTTPBuffer) {
        var index = 0
        while let percent = text.index(of: ASCII.percent, from: index) {
            output.append(text.extracting(index..<percent))
            if let (byte, count) = encoded(text, at: percent, withUnicode: withUnicode) {
                output.append(byte)
                index = percent &+ count
            } else {
                output.append(ASCII.percent)
                index = percent &+ 1
            }
        }
        output.append(text.extracting(index..<text.byteCount))
    }

    /// Decodes what lies in a buffer behind an offset once more; whether that changed anything.
    private func decodeAgain(
        _ output: HTTPBuffer, from start: Int, withUnicode: Bool
    ) -> Bool {
        let first = output.bytes[start...].map { $0 }
        output.truncate(to: start)
        Self.decode(first.span.bytes, withUnicode: withUnicode, into: output)
        return output.count &- start != first.count
    }

    /// Appends a path decoded, in single bytes, with slashes for backslashes.
    private func decodePath(_ path: RawSpan, into output: HTTPBuffer) {
        Self.decode(path, withUnicode: true, into: output)
        let bytes = output.mutableBytes
        for index in bytes.indices where bytes[index] == ASCII.backslash {
            bytes[index] = ASCII.slash
        }
        output.truncate(to: URIBestFit.squeeze(bytes))
    }

    // MARK: Dot segments

    /// Removes `.` and `..` segments (RFC 3986 §5.2.4) and empty ones in place, and returns how
    /// many bytes are left. Unlike there, no slash stays for dots at the end.
    static func resolveSegments(_ path: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var written = 0
        var index = 0
        while index < path.count {
            // A segment runs from its slash (the first may have none) to the next slash.
            let hasSlash = path[index] == ASCII.slash
            let start = hasSlash ? index &+ 1 : index
            var end = start
            while end < path.count, path[end] != ASCII.slash { end &+= 1 }
            let dots = end &- start
            if dots == 0, hasSlash, end < path.count {
                index = end
                continue
            }
            let isDot = dots == 1 && path[start] == ASCII.dot
            let isDotDot = dots == 2 && path[start] == ASCII.dot && path[start &+ 1] == ASCII.dot
            if isDot || isDotDot {
                if isDotDot, hasSlash {
                    while written > 0, path[written &- 1] != ASCII.slash { written &-= 1 }
                    if written > 0 { written &-= 1 }
                }
                // A relative path loses the slash behind its dots as well, and so does one that ends
                // with it.
                let isKept = hasSlash && end &+ 1 < path.count
                index = isKept || end == path.count ? end : end &+ 1
                continue
            }
            for source in index..<end {
                path[written] = path[source]
                written &+= 1
            }
            index = end
        }
        return written
    }
}
