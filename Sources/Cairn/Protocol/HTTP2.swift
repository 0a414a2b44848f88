/// HTTP/2 (RFC 9113), as far as it is not encrypted: with prior knowledge, and where HTTP/1 was upgraded to it.
///
/// Its transactions are HTTP's (`HTTP.definition`), one a stream, so that rules on HTTP look at both versions; what
/// frames say beside messages is in fields of its own there. A frame on the connection itself makes a transaction of its
/// own, as in Suricata.
enum HTTP2 {
    static let definition = ProtocolDefinition(
        name: "http2", summary: "HTTP/2 without TLS (RFC 9113); rules name it as http", fields: [],
        overTCP: true, ports: [80], detector: detect, transactions: HTTP.definition,
        makeParser: { HTTP2Parser() })

    /// The line that a client's connection preface opens with (RFC 9113 §3.4); at port 80 the server's SETTINGS frame
    /// too, which is always the connection's (§6.5).
    private static func detect(_ start: RawSpan, _ context: DetectionContext) -> Detection {
        if context.direction == .toServer { return start.opens(with: "PRI * HTTP/2.0\r\n") }
        guard context.isAtPort else { return .no }
        guard start.byteCount >= 9 else { return .needMore }
        return start.byte(at: 3) == 4 && start.bigEndian(UInt32.self, at: 5) == 0 ? .yes : .no
    }

    /// What a client opens a connection with (§3.4).
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Names of error codes (§7), by number.
    static let errorNames = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
        "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
        "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]

    /// A name out of a list by its number; the number of one that has none.
    static func name(_ number: Int, in names: [String]) -> String {
        names.indices.contains(number) ? names[number] : String(number)
    }

    /// The name that a keyword of a rule means: as in the list, without its underscores, or a number.
    static func name(meaning word: String, in names: [String]) -> String? {
        if let number = UInt32(word) { return name(Int(number), in: names) }
        func plain(_ text: String) -> String { text.uppercased().replacing("_", with: "") }
        return names.first { plain($0) == plain(word) }
    }
}

/// Types of frames (RFC 9113 §6).
enum HTTP2FrameType: UInt8, CaseIterable {
    case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate
    case continuation

    /// Names by number, in the words of the standard.
    static let names = [
        "DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY",
        "WINDOW_UPDATE", "CONTINUATION",
    ]
}

/// Settings of a connection that have a field (RFC 9113 §6.5.2, RFC 8441 §3), in the order of their fields.
enum HTTP2Setting: UInt16, CaseIterable {
    case headerTableSize = 1
    case enablePush, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize
    case enableConnectProtocol = 8

    /// What stands behind `http2.settings.` in the name of its field, and in capitals behind `SETTINGS_` in that of the
    /// standard.
    var name: String {
        switch self {
        case .headerTableSize: "header_table_size"
        case .enablePush: "enable_push"
        case .maxConcurrentStreams: "max_concurrent_streams"
        case .initialWindowSize: "initial_window_size"
        case .maxFrameSize: "max_frame_size"
        case .maxHeaderListSize: "max_header_list_size"
        case .enableConnectProtocol: "enable_connect_protocol"
        }
    }
}

/// The header of a frame (RFC 9113 §4.1).
///
///     0                        24         32         40 41             72  bit
///     +------------------------+----------+----------+-+----------------+
///     |         length         |   type   |  flags   |R|     stream     |
///     +------------------------+----------+----------+-+----------------+
struct HTTP2Frame {
    static let headerByteCount = 9

    /// Bytes of the payload.
    var byteCount = 0
    /// Types that nobody knows count as well.
    var type: UInt8 = 0
    var flags: UInt8 = 0
    /// The stream, 0 for the connection.
    var streamID: UInt32 = 0
    var hasReservedBit = false

    init() {}

    /// Takes the first nine bytes, which must be there.
    init(_ bytes: RawSpan) {
        let first = bytes.bigEndian(UInt32.self, at: 0)
        byteCount = Int(first >> 8)
        type = UInt8(truncatingIfNeeded: first)
        flags = bytes.byte(at: 4)
        let stream = bytes.bigEndian(UInt32.self, at: 5)
        streamID = stream & 0x7fff_ffff
        hasReservedBit = stream >> 31 == 1
    }

    var kind: HTTP2FrameType? { HTTP2FrameType(rawValue: type) }
    /// Nothing more comes on the stream in this direction.
    var endsStream: Bool { flags & 0x01 != 0 }
    /// The header block ends with the frame.
    var endsHeaders: Bool { flags & 0x04 != 0 }
    var isPadded: Bool { flags & 0x08 != 0 }
    var hasPriority: Bool { flags & 0x20 != 0 }
}

/// Named oddities of HTTP/2, under the names of Suricata's event rules; the last ones are Cairn's own. They stand behind
/// HTTP/1's in the table of HTTP.
enum HTTP2Anomaly: Int, CaseIterable {
    case invalidFrameHeader, invalidClientMagic, invalidFrameData, invalidHeader
    case invalidFrameLength, extraHeaderData, longFrameData, streamIdReuse, invalidHttp1Settings
    case failedDecompression, invalidRange, headerIntegerOverflow, tooManyStreams
    case authorityHostMismatch, userinfoInUri, reassemblyLimitReached
    /// Bytes are missing where a frame begins or in one that is not data.
    case gapInFrame

    /// The name in rules and events: `http2.invalid_frame_header`.
    var name: String {
        "http2."
            + "\(self)".reduce(into: "") { name, character in
                if character.isUppercase { name += "_" }
                name += character.lowercased()
            }
    }

    /// Its place among the anomalies of HTTP.
    var index: Int { HTTPAnomaly.allCases.count &+ rawValue }
}
