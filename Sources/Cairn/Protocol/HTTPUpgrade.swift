/// Upgrades of HTTP/1 to HTTP/2 on the same connection (RFC 7540 §3.2; RFC 9113 left them out, servers did not).
extension HTTPParser {
    /// Whether the server's answer, whose head is stored, goes on in HTTP/2.
    func agreesOnHTTP2(_ transaction: Transaction) -> Bool {
        guard let header = response.head.first(.upgrade) else { return false }
        return transaction.fields.kept(at: header.value, count: header.valueCount).bytes
            .matches("h2c")
    }

    /// The request that was answered so in the form of HTTP/2, where it is stream 1: a HEADERS frame with its head, and one
    /// with the settings that its HTTP2-Settings header holds.
    func frames(of transaction: Transaction, into output: ParserOutput) -> HTTPBuffer {
        let block = HTTPBuffer()
        let settings = HTTPBuffer()
        let byteCountMax = output.limits.headersByteCountMax
        func add(_ name: RawSpan, _ value: RawSpan) {
            guard block.count &+ name.byteCount &+ value.byteCount < byteCountMax else { return }
            block.append(UInt8(0))
            Self.append(string: name, to: block)
            Self.append(string: value, to: block)
        }
        func add(_ name: StaticString, _ field: HTTPField) {
            guard let value = transaction.fields.bytes(of: field.rawValue) else { return }
            let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            add(name.bytes, value.bytes)
        }
        add(":method", .method)
        add(":path", .uriRaw)
        add(":authority", .hostRaw)
        var cursor = transaction.fields.first(of: HTTPField.requestHeaders.rawValue)
        while let line = cursor {
            let text = transaction.fields.bytes(line).bytes
            cursor = transaction.fields.next(after: line, of: HTTPField.requestHeaders.rawValue)
            guard let colon = text.index(of: ASCII.colon) else { continue }
            let name = text.extracting(0..<colon)
            let value = text.extracting(text.trimmed(colon &+ 1..<text.byteCount))
            if name.matches("host") { continue }
            guard name.matches("http2-settings") else {
                add(name, value)
                continue
            }
            if !Self.decode(base64: value, into: settings) || settings.count % 6 != 0 {
                output.anomaly(
                    HTTP2Anomaly.invalidHttp1Settings.index, .toServer, in: transaction)
                settings.truncate(to: 0)
            }
        }
        let frames = HTTPBuffer()
        Self.append(frame: .headers, flags: 0x05, stream: 1, block, to: frames)
        if !settings.isEmpty {
            Self.append(frame: .settings, flags: 0, stream: 0, settings, to: frames)
        }
        return frames
    }

    private static func append(
        frame type: HTTP2FrameType, flags: UInt8, stream: UInt8, _ payload: HTTPBuffer,
        to frames: HTTPBuffer
    ) {
        for shift in [16, 8, 0] { frames.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
        frames.append(type.rawValue)
        frames.append(flags)
        for byte in [0, 0, 0, stream] { frames.append(byte) }
        frames.append(payload.bytes)
    }

    /// A string as it stands, behind its length (RFC 7541 §5.2).
    private static func append(string: RawSpan, to block: HTTPBuffer) {
        var count = string.byteCount
        if count < 127 {
            block.append(UInt8(truncatingIfNeeded: count))
        } else {
            block.append(127)
            count &-= 127
            while count >= 128 {
                block.append(UInt8(truncatingIfNeeded: count & 127 | 128))
                count >>= 7
            }
            block.append(UInt8(truncatingIfNeeded: count))
        }
        block.append(string)
    }
}
