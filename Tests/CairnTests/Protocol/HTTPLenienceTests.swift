import Testing

@testable import Cairn

/// Responses as no server should send them, and what clients read in them.
@Suite struct HTTPLenienceTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let chunks = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    private static let gzip = [UInt8](
        hex: "1f8b0800000000000203cb48cdc9c957c8402701e3513d8d17000000")
    private static let unpacked = "hello hello hello hello"

    /// A head in which `line` says that the body is chunked, if it is read as a client does.
    private static func chunked(
        _ name: String, _ line: String, _ body: String = chunks, _ expected: String = "hello",
        status: String = "HTTP/1.1 200 OK", anomalies: [String]
    ) -> HTTPConversation {
        HTTPConversation(
            name, [.client(get), .server("\(status)\r\nX: y\r\n\(line)\r\n\r\n\(body)")],
            [["http.response_body": [expected]]], anomalies: anomalies)
    }

    private static let transferEncoding = "invalid_transfer_encoding_value_in_response"
    private static let abnormal = [transferEncoding, "response_abnormal_transfer_encoding"]

    static let codings: [HTTPConversation] = [
        chunked("more than a word", "Transfer-Encoding: chunkedx", anomalies: abnormal),
        chunked("among words", "Transfer-Encoding: x chunked", anomalies: abnormal),
        chunked("a NUL in the value", "Transfer-Encoding: chu\0nked", anomalies: abnormal),
        chunked(
            "a NUL in the name", "Transfer\0-Encoding: chunked",
            anomalies: ["response_header_invalid"]),
        chunked(
            "white space behind the name", "Transfer-Encoding\u{b}: chunked",
            anomalies: ["response_header_invalid"]),
        chunked(
            "a value on the next line", "Transfer-Encoding: x\r\n chunked", anomalies: abnormal),
        chunked(
            "a colon on the next line", "Transfer-Encoding\r\n :\r\n chunked",
            anomalies: ["response_field_missing_colon"]),
        chunked(
            "a header behind a blank", " Transfer-Encoding: chunked",
            anomalies: ["invalid_response_field_folding"]),
        chunked(
            "a blank does not hide a header of HTTP/1.0", " Transfer-Encoding: chunked", "hello",
            status: "HTTP/1.0 200 OK", anomalies: []),
        chunked(
            "a line of returns does not end a head", "\r\r\nTransfer-Encoding: chunked",
            anomalies: []),
        chunked(
            "returns before a name end a line", "\r\rTransfer-Encoding: chunked", anomalies: []),
        chunked(
            "a return before a name is a part of it", "\rTransfer-Encoding: chunked", "hello",
            anomalies: ["response_header_invalid"]),
    ]

    private static let sized = "Transfer-Encoding: chunked"

    static let chunkSizes: [HTTPConversation] = [
        chunked("what follows a size", sized, "2x\r\nhe\r\n3,\r\nllo\r\n0\r\n\r\n", anomalies: []),
        chunked(
            "white space around a size", sized, "\u{b}2 \r\nhe\r\n3\u{c}\r\nllo\r\n0\r\n\r\n",
            anomalies: []),
        chunked(
            "no size, and no end of a line", sized, "no chunks", "no chunks",
            anomalies: ["invalid_response_chunk_len"]),
        chunked(
            "a size too large", sized, "fffffffff\r\nhello", "fffffffffhello",
            anomalies: ["invalid_response_chunk_len"]),
    ]

    /// A head that ends in some way behind a Content-Length of five.
    private static func ending(
        _ name: String, _ end: String, _ expected: String = "hello", anomalies: [String] = []
    ) -> HTTPConversation {
        HTTPConversation(
            name, [.client(get), .server("HTTP/1.1 200 OK\r\nContent-Length: 5\(end)hello")],
            [["http.response_body": [expected]]], anomalies: anomalies)
    }

    static let headEnds: [HTTPConversation] = [
        ending("bare line feeds", "\n\n"),
        ending("a blank line", "\n \n"),
        ending("a blank line behind a return", "\r \n"),
        ending("a blank line is none before a line feed", "\n\t\n\n"),
        ending("feeds before returns", "\n\r\r\n"),
        ending("line ends behind the head", "\n\r\r\n\r\n"),
        ending("line ends behind a feed", "\n\n\r\n"),
        ending(
            "a return behind the head", "\n\n\r", "\rhell",
            anomalies: ["unable_to_match_response_to_request"]),
    ]

    static let lengths: [HTTPConversation] = [
        HTTPConversation(
            "a length that is a part of the value",
            [
                .client(get), .client(get),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 3 5\r\n\r\nhe"),
                .server("llo\nHTTTP\nHTTP/1.1 201 x\r\nContent-Length: (1\r\n\r\nx"),
            ],
            [
                ["http.response_body": ["hello\nHTTTP\n"], "http.status": ["200"]],
                ["http.response_body": ["x"], "http.status": ["201"]],
            ],
            anomalies: [
                "invalid_content_length_field_in_response",
                "invalid_content_length_field_in_response",
            ]),
        HTTPConversation(
            "more than the length before the end",
            [
                .client(get),
                .server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nhello"),
                .server("HT"),
            ], [["http.response_body": ["helloHT"]]]),
        HTTPConversation(
            "a body behind a status that has none",
            [
                .client(get),
                .server("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello"),
                .client(get),
                .server("HTTP/1.1 304 No\r\nConnection: close\r\n\r\nhello"),
            ], [["http.response_body": ["hello"]], ["http.response_body": ["hello"]]]),
        HTTPConversation(
            "an interim response with a body is none",
            [.client(get), .server("HTTP/1.1 102 x\r\nContent-Length: 5\r\n\r\nhello")],
            [["http.response_body": ["hello"], "http.status": ["102"]]]),
        HTTPConversation(
            "a change of protocol with a body",
            [.client(get), .server("HTTP/1.1 101 x\r\nContent-Length: 5\r\n\r\nhello")],
            [["http.response_body": ["hello"], "http.status": ["101"]]]),
        HTTPConversation(
            "no body for HEAD, and none is made up",
            [
                .client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"),
            ], [["http.response_body": []]], files: []),
    ]

    static let firstLines: [HTTPConversation] = [
        HTTPConversation(
            "a NUL before the protocol",
            [.client(get), .server("\0HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
            [["http.response_body": ["hello"], "http.status": ["200"]]]),
        HTTPConversation(
            "lines before the protocol",
            [.client(get), .server("foo\r\nHT\r\nHTTP/1.1 200 OK\r\n\(sized)\r\n\r\n\(chunks)")],
            [["http.response_body": ["hello"], "http.status": ["200"]]],
            anomalies: ["response_invalid_protocol"]),
        HTTPConversation(
            "no protocol at all", [.client(get), .server("<p>\r\nhello")],
            [["http.response_body": ["<p>\r\nhello"], "http.status": []]],
            anomalies: ["response_invalid_protocol"]),
    ]

    private static func packed(
        _ name: String, _ line: String, anomalies: [String] = ["abnormal_ce_header"]
    ) -> HTTPConversation {
        HTTPConversation(
            name,
            [
                .client(get),
                .server(Array("HTTP/1.1 200 OK\r\nX: y\r\n\(line)\r\n\r\n".utf8) + gzip),
            ], [["http.response_body": [unpacked]]], anomalies: anomalies)
    }

    static let contentCodings: [HTTPConversation] = [
        packed("a NUL in a coding", "Content-Encoding: gz\0ip"),
        packed("a coding behind a NUL", "Content-Encoding:\n\0gzip"),
        packed("an unknown coding behind a known", "Content-Encoding: gzip, x"),
        packed("white space between codings", "Content-Encoding: x gzip"),
        packed("a folded coding", "Content-Encoding: \r\n\tgzip", anomalies: []),
    ]

    private static let all =
        codings + chunkSizes + headEnds + lengths + firstLines + contentCodings

    @Test(arguments: all)
    func `clients read these so`(conversation: HTTPConversation) {
        conversation.check(conversation.run())
    }

    @Test(arguments: all)
    func `the same comes of them however they are cut`(conversation: HTTPConversation) {
        let whole = conversation.run()
        #expect(conversation.run { 1 } == whole)
        #expect(conversation.run { 3 } == whole)
    }
}
