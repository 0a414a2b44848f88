/// The fields of HTTP transactions, in the order of their table.
///
/// Names are those of Suricata's sticky buffers. Where a buffer exists in both directions, three
/// fields stand for it: `http.request.header` and `http.response.header` have one direction's
/// value, the plain `http.header` is the list of both, for rules that do not say a direction;
/// `ProtocolDefinition.field(_:of:)` finds the one from the other.
enum HTTPField: Int, CaseIterable {
    case method, uri, uriRaw, url, path, query, pathExtension, uriLength, requestLine
    case host, hostRaw, port, userAgent, referer, accept, acceptEncoding, acceptLanguage
    case origin, forwardedFor, username
    case statusCode, status, statusMessage, responseLine, server, location, mediaType
    // Of what both sides have, the request's.
    case requestProtocol, requestHeader, requestHeaderRaw, requestHeaderNames, requestStart
    case requestHeaders, requestCookie, requestConnection, requestContentLength
    case requestContentType, requestBody, requestBodyLength, requestFileData, requestFileName
    case requestMIMEType
    // Of what both sides have, the response's.
    case responseProtocol, responseHeader, responseHeaderRaw, responseHeaderNames
    case responseStart, responseHeaders, responseCookie, responseConnection
    case responseContentLength, responseContentType, responseBody, responseBodyLength
    case responseLength, responseFileName, responseMIMEType
    // Of what both sides have, the lists of both.
    case anyProtocol, header, headerRaw, headerNames, start, cookie, connection
    case contentLength, contentType, fileData, fileName, mimeType
    // What only messages of HTTP/2 have.
    case version, streamID
    case requestFieldName, requestFieldValue, responseFieldName, responseFieldValue, fieldName
    // Of frames: the list of both directions, then each.
    case frameType, requestFrameType, responseFrameType
    case frameError, requestFrameError, responseFrameError
    case frameWeight, requestFrameWeight, responseFrameWeight
    case frameWindow, requestFrameWindow, responseFrameWindow
    case tableSize, requestTableSize, responseTableSize
    case headerTableSize, requestHeaderTableSize, responseHeaderTableSize
    case enablePush, requestEnablePush, responseEnablePush
    case maxConcurrentStreams, requestMaxConcurrentStreams, responseMaxConcurrentStreams
    case initialWindowSize, requestInitialWindowSize, responseInitialWindowSize
    case maxFrameSize, requestMaxFrameSize, responseMaxFrameSize
    case maxHeaderListSize, requestMaxHeaderListSize, responseMaxHeaderListSize
    case enableConnectProtocol, requestEnableConnectProtocol, responseEnableConnectProtocol
}

extension HTTPField {
    /// The field table.
    static let table = [FieldDefinition](
        rows: requestLineRows + requestHeaderRows + responseRows + requestSideRows
            + responseSideRows + bothSidesRows + http2Rows)

    private typealias Row = (HTTPField, FieldDefinition)

    private static let requestLineRows: [Row] = [
        (
            .method,
            FieldDefinition(
                "http.method", .bytes, .toServer, available: .line,
                aliases: ["http_method", "method", "cs-method"], eve: "http_method",
                "request method: GET, POST, …")
        ),
        (
            .uri,
            FieldDefinition(
                "http.uri", .bytes, .toServer, available: .line,
                aliases: ["http_uri", "uricontent", "uri"],
                "path and query, normalised: decoded once, without dot segments and doubled slashes"
            )
        ),
        (
            .uriRaw,
            FieldDefinition(
                "http.uri.raw", .bytes, .toServer, available: .line, aliases: ["http_raw_uri"],
                eve: "url", "request target as it was sent")
        ),
        (
            .url,
            FieldDefinition(
                "http.url", .bytes, list: true, .toServer, available: .headers,
                aliases: ["c-uri", "cs-uri", "c-uri-query", "cs-uri-query"],
                "what logs show as the URL: the target as sent, with scheme and host, and normalised"
            )
        ),
        (
            .path,
            FieldDefinition(
                "http.uri.path", .bytes, list: true, .toServer, available: .line,
                aliases: ["cs-uri-stem", "c-uri-stem"],
                "path of the URI: normalised, and as sent where that differs")
        ),
        (
            .query,
            FieldDefinition(
                "http.uri.query", .bytes, list: true, .toServer, available: .line,
                "query of the URI: decoded, and as sent where that differs")
        ),
        (
            .pathExtension,
            FieldDefinition(
                "http.uri.extension", .bytes, .toServer, available: .line,
                aliases: ["c-uri-extension", "cs-uri-extension"],
                "what follows the last dot of the last path segment")
        ),
        (
            .uriLength,
            FieldDefinition(
                "http.uri_length", .integer, .toServer, available: .line, aliases: ["urilen"],
                "bytes of the normalised URI")
        ),
        (
            .requestLine,
            FieldDefinition(
                "http.request_line", .bytes, .toServer, available: .line,
                aliases: ["http_request_line"], "first line of the request")
        ),
    ]

    private static let requestHeaderRows: [Row] = [
        (
            .host,
            FieldDefinition(
                "http.host", .bytes, .toServer, available: .headers,
                aliases: ["http_host", "host", "hostname", "cs-host", "cs(Host)", "r-dns"],
                eve: "hostname", "host of the URI or Host header, in small letters, without port")
        ),
        (
            .hostRaw,
            FieldDefinition(
                "http.host.raw", .bytes, .toServer, available: .headers, aliases: ["http_raw_host"],
                "host as it was sent, a Host header's with its port")
        ),
        (
            .port,
            FieldDefinition(
                "http.port", .integer, .toServer, available: .headers, eve: "http_port",
                "port named beside the host, if one is")
        ),
        (
            .userAgent,
            FieldDefinition(
                "http.user_agent", .bytes, .toServer, available: .headers,
                aliases: [
                    "http_user_agent", "user_agent", "c-useragent", "c-user-agent", "cs-user-agent",
                    "cs(User-Agent)",
                ], eve: "http_user_agent", "User-Agent header")
        ),
        (
            .referer,
            FieldDefinition(
                "http.referer", .bytes, .toServer, available: .headers,
                aliases: ["http_referer", "referrer", "cs-referer", "cs-referrer", "cs(Referer)"],
                eve: "http_refer", "Referer header")
        ),
        (
            .accept,
            FieldDefinition(
                "http.accept", .bytes, .toServer, available: .headers, aliases: ["http_accept"],
                "Accept header")
        ),
        (
            .acceptEncoding,
            FieldDefinition(
                "http.accept_enc", .bytes, .toServer, available: .headers,
                aliases: ["http_accept_enc"], "Accept-Encoding header")
        ),
        (
            .acceptLanguage,
            FieldDefinition(
                "http.accept_lang", .bytes, .toServer, available: .headers,
                aliases: ["http_accept_lang"], "Accept-Language header")
        ),
        (
            .origin,
            FieldDefinition(
                "http.origin", .bytes, .toServer, available: .headers, aliases: ["origin"],
                "Origin header")
        ),
        (
            .forwardedFor,
            FieldDefinition(
                "http.xff", .bytes, .toServer, available: .headers, aliases: ["x-forwarded-for"],
                eve: "xff", "X-Forwarded-For header")
        ),
        (
            .username,
            FieldDefinition(
                "http.username", .bytes, .toServer, available: .headers,
                aliases: ["cs-username", "username"], "user of Basic authentication (RFC 7617)")
        ),
    ]

    private static let responseRows: [Row] = [
        (
            .statusCode,
            FieldDefinition(
                "http.stat_code", .bytes, .toClient, available: .line, aliases: ["http_stat_code"],
                "status code as text")
        ),
        (
            .status,
            FieldDefinition(
                "http.status", .integer, .toClient, available: .line,
                aliases: ["status_code", "sc-status"], eve: "status", "status code as a number")
        ),
        (
            .statusMessage,
            FieldDefinition(
                "http.stat_msg", .bytes, .toClient, available: .line,
                aliases: ["http_stat_msg", "status_msg"], "reason phrase")
        ),
        (
            .responseLine,
            FieldDefinition(
                "http.response_line", .bytes, .toClient, available: .line,
                aliases: ["http_response_line"], "first line of the response")
        ),
        (
            .server,
            FieldDefinition(
                "http.server", .bytes, .toClient, available: .headers, aliases: ["http_server"],
                "Server header")
        ),
        (
            .location,
            FieldDefinition(
                "http.location", .bytes, .toClient, available: .headers, aliases: ["http_location"],
                eve: "redirect", "Location header")
        ),
        (
            .mediaType,
            FieldDefinition(
                "http.media_type", .bytes, .toClient, available: .headers, eve: "http_content_type",
                "Content-Type of the response without parameters")
        ),
    ]

    /// Of what both sides have, the request's.
    private static let requestSideRows: [Row] = [
        (
            .requestProtocol,
            FieldDefinition(
                "http.request.protocol", .bytes, .toServer, available: .line,
                aliases: ["cs-version"], eve: "protocol", "protocol of the request: HTTP/1.1")
        ),
        (
            .requestHeader,
            FieldDefinition(
                "http.request.header", .bytes, list: true, .toServer, available: .headers,
                "headers of the request as one text, normalised, without cookies; then trailers")
        ),
        (
            .requestHeaderRaw,
            FieldDefinition(
                "http.request.header.raw", .bytes, .toServer, available: .headers,
                "headers of the request as sent")
        ),
        (
            .requestHeaderNames,
            FieldDefinition(
                "http.request.header_names", .bytes, .toServer, available: .headers,
                aliases: ["client_header_names"],
                "names of the request's headers, each between line ends")
        ),
        (
            .requestStart,
            FieldDefinition(
                "http.request.start", .bytes, .toServer, available: .headers,
                "request line and headers as one text, normalised")
        ),
        (
            .requestHeaders,
            FieldDefinition(
                "http.request_header", .bytes, list: true, .toServer, available: .headers,
                aliases: ["http_request_header"],
                "each header of the request: name, colon, space, value")
        ),
        (
            .requestCookie,
            FieldDefinition(
                "http.request.cookie", .bytes, .toServer, available: .headers,
                aliases: ["cs-cookie", "cs(Cookie)"], "Cookie header")
        ),
        (
            .requestConnection,
            FieldDefinition(
                "http.request.connection", .bytes, .toServer, available: .headers,
                "Connection header of the request")
        ),
        (
            .requestContentLength,
            FieldDefinition(
                "http.request.content_len", .bytes, .toServer, available: .headers,
                "Content-Length header of the request")
        ),
        (
            .requestContentType,
            FieldDefinition(
                "http.request.content_type", .bytes, .toServer, available: .headers,
                aliases: ["cs-content-type"], "Content-Type header of the request")
        ),
        (
            .requestBody,
            FieldDefinition(
                "http.request_body", .bytes, .toServer, available: .message,
                aliases: ["http_client_body", "post_body"],
                "body of the request, decoded")
        ),
        (
            .requestBodyLength,
            FieldDefinition(
                "http.request_body_len", .integer, .toServer, available: .message,
                aliases: ["request_body_len"],
                "bytes of the request's body, decoded")
        ),
        (
            .requestFileData,
            FieldDefinition(
                "http.request.file_data", .bytes, list: true, .toServer, available: .message,
                "each file in the request: parts of a form, or the body that was put or posted")
        ),
        (
            .requestFileName,
            FieldDefinition(
                "http.request.file_name", .bytes, list: true, .toServer, available: .message,
                aliases: ["orig_filenames"], "name of each file in the request")
        ),
        (
            .requestMIMEType,
            FieldDefinition(
                "http.request.mime_type", .bytes, list: true, .toServer, available: .message,
                aliases: ["orig_mime_types"], "type of each file in the request by its first bytes")
        ),
    ]

    /// Of what both sides have, the response's.
    private static let responseSideRows: [Row] = [
        (
            .responseProtocol,
            FieldDefinition(
                "http.response.protocol", .bytes, .toClient, available: .line,
                "protocol of the response")
        ),
        (
            .responseHeader,
            FieldDefinition(
                "http.response.header", .bytes, list: true, .toClient, available: .headers,
                "headers of the response as one text, normalised, without cookies; then trailers")
        ),
        (
            .responseHeaderRaw,
            FieldDefinition(
                "http.response.header.raw", .bytes, .toClient, available: .headers,
                "headers of the response as sent")
        ),
        (
            .responseHeaderNames,
            FieldDefinition(
                "http.response.header_names", .bytes, .toClient, available: .headers,
                aliases: ["server_header_names"],
                "names of the response's headers, each between line ends")
        ),
        (
            .responseStart,
            FieldDefinition(
                "http.response.start", .bytes, .toClient, available: .headers,
                "status line and headers as one text, normalised")
        ),
        (
            .responseHeaders,
            FieldDefinition(
                "http.response_header", .bytes, list: true, .toClient, available: .headers,
                aliases: ["http_response_header"],
                "each header of the response: name, colon, space, value")
        ),
        (
            .responseCookie,
            FieldDefinition(
                "http.response.cookie", .bytes, .toClient, available: .headers, "Set-Cookie header")
        ),
        (
            .responseConnection,
            FieldDefinition(
                "http.response.connection", .bytes, .toClient, available: .headers,
                "Connection header of the response")
        ),
        (
            .responseContentLength,
            FieldDefinition(
                "http.response.content_len", .bytes, .toClient, available: .headers,
                "Content-Length header of the response")
        ),
        (
            .responseContentType,
            FieldDefinition(
                "http.response.content_type", .bytes, .toClient, available: .headers,
                "Content-Type header of the response")
        ),
        (
            .responseBody,
            FieldDefinition(
                "http.response_body", .bytes, .toClient, available: .message,
                aliases: ["http_server_body", "http.response.file_data"],
                "body of the response, decoded")
        ),
        (
            .responseBodyLength,
            FieldDefinition(
                "http.response_body_len", .integer, .toClient, available: .message,
                aliases: ["response_body_len"],
                "bytes of the response's body, decoded")
        ),
        (
            .responseLength,
            FieldDefinition(
                "http.response_length", .integer, .toClient, available: .message,
                aliases: ["sc-bytes"], eve: "length",
                "bytes of the response's body as transferred")
        ),
        (
            .responseFileName,
            FieldDefinition(
                "http.response.file_name", .bytes, list: true, .toClient, available: .message,
                aliases: ["resp_filenames"], "name of the file in the response")
        ),
        (
            .responseMIMEType,
            FieldDefinition(
                "http.response.mime_type", .bytes, list: true, .toClient, available: .message,
                aliases: ["resp_mime_types"], "type of the file in the response by its first bytes")
        ),
    ]

    /// Of what both sides have, the lists of both.
    private static let bothSidesRows: [Row] = [
        (
            .anyProtocol,
            FieldDefinition(
                "http.protocol", .bytes, list: true, available: .line, aliases: ["http_protocol"],
                "protocols of request and response")
        ),
        (
            .header,
            FieldDefinition(
                "http.header", .bytes, list: true, available: .headers, aliases: ["http_header"],
                "headers of request and response, each as one text, normalised, without cookies")
        ),
        (
            .headerRaw,
            FieldDefinition(
                "http.header.raw", .bytes, list: true, available: .headers,
                aliases: ["http_raw_header"], "headers of request and response as sent")
        ),
        (
            .headerNames,
            FieldDefinition(
                "http.header_names", .bytes, list: true, available: .headers,
                aliases: ["http_header_names"], "names of the headers of request and response")
        ),
        (
            .start,
            FieldDefinition(
                "http.start", .bytes, list: true, available: .headers, aliases: ["http_start"],
                "first line and headers of request and response, normalised")
        ),
        (
            .cookie,
            FieldDefinition(
                "http.cookie", .bytes, list: true, available: .headers, aliases: ["http_cookie"],
                "Cookie and Set-Cookie headers")
        ),
        (
            .connection,
            FieldDefinition(
                "http.connection", .bytes, list: true, available: .headers,
                aliases: ["http_connection"], "Connection headers")
        ),
        (
            .contentLength,
            FieldDefinition(
                "http.content_len", .bytes, list: true, available: .headers,
                aliases: ["http_content_len"], "Content-Length headers")
        ),
        (
            .contentType,
            FieldDefinition(
                "http.content_type", .bytes, list: true, available: .headers,
                aliases: ["http_content_type"], "Content-Type headers")
        ),
        (
            .fileData,
            FieldDefinition(
                "http.file_data", .bytes, list: true, available: .message,
                aliases: ["file.data", "file_data"],
                "each file in the request, and the body of the response")
        ),
        (
            .fileName,
            FieldDefinition(
                "http.file_name", .bytes, list: true, available: .message,
                aliases: ["file.name", "filename"],
                "names of the files in request and response")
        ),
        (
            .mimeType,
            FieldDefinition(
                "http.mime_type", .bytes, list: true, available: .message,
                aliases: ["mime_types", "filetype", "http.bodyMagic"],
                "types of the files in request and response by their first bytes")
        ),
    ]
}
