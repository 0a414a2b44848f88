/// The fields that only messages of HTTP/2 have, at the end of HTTP's table.
extension HTTPField {
    private typealias Row = (HTTPField, FieldDefinition)

    static let http2Rows: [(HTTPField, FieldDefinition)] =
        [
            (
                .version,
                FieldDefinition(
                    "http.version", .text, available: .line, eve: "version",
                    "2 if the message is one of HTTP/2; of others `http.protocol` says it")
            ),
            (
                .streamID,
                FieldDefinition(
                    "http2.stream_id", .integer, available: .line, eve: "http2.stream_id",
                    "stream of HTTP/2; 0 for frames on the connection itself")
            ),
            (
                .requestFieldName,
                FieldDefinition(
                    "http2.request.header_name", .bytes, list: true, .toServer,
                    available: .headers, eve: "request_headers[].name",
                    "name of each header of the request, pseudo-headers among them")
            ),
            (
                .requestFieldValue,
                FieldDefinition(
                    "http2.request.header_value", .bytes, list: true, .toServer,
                    available: .headers, eve: "request_headers[].value",
                    "value of each header of the request")
            ),
            (
                .responseFieldName,
                FieldDefinition(
                    "http2.response.header_name", .bytes, list: true, .toClient,
                    available: .headers, eve: "response_headers[].name",
                    "name of each header of the response, pseudo-headers among them")
            ),
            (
                .responseFieldValue,
                FieldDefinition(
                    "http2.response.header_value", .bytes, list: true, .toClient,
                    available: .headers, eve: "response_headers[].value",
                    "value of each header of the response")
            ),
            (
                .fieldName,
                FieldDefinition(
                    "http2.header_name", .bytes, list: true, available: .headers,
                    aliases: ["http2_header_name"],
                    "names of the headers of request and response, pseudo-headers among them")
            ),
        ]
        + frameRows(
            [.frameType, .requestFrameType, .responseFrameType], "frametype", .text,
            "types of the frames, each once: HEADERS, DATA, …")
        + frameRows(
            [.frameError, .requestFrameError, .responseFrameError], "errorcode", .text,
            "error codes of RST_STREAM and GOAWAY frames: NO_ERROR, CANCEL, …")
        + frameRows(
            [.frameWeight, .requestFrameWeight, .responseFrameWeight], "priority", .integer,
            "weights in PRIORITY and HEADERS frames, one less than they mean")
        + frameRows(
            [.frameWindow, .requestFrameWindow, .responseFrameWindow], "window", .integer,
            "bytes by which WINDOW_UPDATE frames open the window")
        + frameRows(
            [.tableSize, .requestTableSize, .responseTableSize], "size_update", .integer,
            "sizes that headers set the dynamic table to")
        + HTTP2Setting.allCases.flatMap { setting in
            frameRows(
                settingFields(setting), "settings.\(setting.name)", .integer,
                "SETTINGS_\(setting.name.uppercased()) in SETTINGS frames")
        }

    /// A list of both directions, then those of each. They have values until the stream is closed.
    private static func frameRows(
        _ fields: [HTTPField], _ name: String, _ type: FieldType, _ meaning: String
    ) -> [Row] {
        [
            (fields[0], FieldDefinition("http2.\(name)", type, list: true, meaning)),
            (
                fields[1],
                FieldDefinition(
                    "http2.request.\(name)", type, list: true, .toServer,
                    "\(meaning); the client's")
            ),
            (
                fields[2],
                FieldDefinition(
                    "http2.response.\(name)", type, list: true, .toClient,
                    "\(meaning); the server's")
            ),
        ]
    }

    /// One direction's field of a list of both, whose variants stand behind it.
    func of(_ direction: Direction) -> HTTPField {
        if self == .fieldName {
            return direction == .toServer ? .requestFieldName : .responseFieldName
        }
        return HTTPField(rawValue: rawValue &+ (direction == .toServer ? 1 : 2)) ?? self
    }

    private static func settingFields(_ setting: HTTP2Setting) -> [HTTPField] {
        let both = fields(of: setting, .toServer).both
        return [both, both.of(.toServer), both.of(.toClient)]
    }

    /// The fields of a setting: the list of both directions, and one direction's.
    static func fields(
        of setting: HTTP2Setting, _ direction: Direction
    ) -> (both: HTTPField, own: HTTPField) {
        let both: HTTPField =
            switch setting {
            case .headerTableSize: .headerTableSize
            case .enablePush: .enablePush
            case .maxConcurrentStreams: .maxConcurrentStreams
            case .initialWindowSize: .initialWindowSize
            case .maxFrameSize: .maxFrameSize
            case .maxHeaderListSize: .maxHeaderListSize
            case .enableConnectProtocol: .enableConnectProtocol
            }
        return (both, both.of(direction))
    }
}
