import Testing

@testable import Cairn

@Suite struct HTTPBodyTests {
    static let get = "GET /d/report.txt?x HTTP/1.1\r\nHost: a\r\n\r\n"
    static let text = "hello hello hello hello"

    // `text` in each coding.
    static let gzip = [UInt8](hex: "1f8b0800000000000203cb48cdc9c957c8402701e3513d8d17000000")
    static let gzipNamed = [UInt8](
        hex: "1f8b08080000000002ff662e74787400cb48cdc9c957c8402701e3513d8d17000000")
    static let zlib = [UInt8](hex: "789ccb48cdc9c957c8402701680308b1")
    static let deflate = [UInt8](hex: "cb48cdc9c957c8402701")
    static let gzipTwice = [UInt8](
        hex: "1f8b080000000000020393efe660000126e6d31e674f9e0c3fe1a0cef838d0b6571c2806004463660c1c"
            + "000000")
    static let lzma = [UInt8](
        hex: "5d00100000ffffffffffffffff00341949ee8de9560bd5c5a3ffff78a40000")
    static let lzmaLarge = [UInt8](
        hex: "5d00008000ffffffffffffffff00341949ee8de9560bd5c5a3ffff78a40000")
    static let zstandard = [UInt8](
        hex: "28b52ffd04586500003068656c6c6f200100994b11175eae0d")
    static let damaged = [UInt8](hex: "1f8b0800000000000203ca48cdc9c957c8402701000000ffff07")
    static let html = Array("<html>".utf8)
    static let brotli = [UInt8](hex: "600110") + Array(text.utf8) + [0x03]

    static func response(_ coding: String, _ body: [UInt8]) -> HTTPConversation.Step {
        .server(
            Array(
                "HTTP/1.1 200 OK\r\nContent-Encoding: \(coding)\r\nContent-Length: \(body.count)\r\n\r\n"
                    .utf8) + body)
    }

    static func encoded(
        _ name: String, _ coding: String, _ body: [UInt8], _ decoded: [UInt8] = Array(text.utf8),
        anomalies: [String] = []
    ) -> HTTPConversation {
        HTTPConversation(
            name, [.client(get), response(coding, body)],
            [
                [
                    "http.response_body": [String(decoding: decoded, as: UTF8.self)],
                    "http.response_body_len": [String(decoded.count)],
                    "http.response_length": [String(body.count)],
                    "http.file_data": [String(decoding: decoded, as: UTF8.self)],
                ]
            ], anomalies: anomalies)
    }

    static let codings: [HTTPConversation] = [
        encoded("gzip", "gzip", gzip),
        encoded("gzip with a name", "X-GZIP", gzipNamed),
        encoded("gzip members in a row", "gzip", gzip + gzipNamed, Array((text + text).utf8)),
        encoded("gzip and what does not belong to it", "gzip", gzip + [1, 2, 3]),
        encoded(
            "gzip with reserved flags and a wrong checksum", "gzip",
            [0x1f, 0x8b, 8, 0xe0] + gzip[4..<20] + [0, 0, 0, 0] + gzip[24...]),
        encoded("zlib", "deflate", zlib),
        encoded("deflate without header", "deflate", deflate),
        encoded("gzip under the name of deflate", "deflate", gzip),
        encoded("deflate under the name of gzip", "gzip", zlib),
        encoded("brotli", "br", brotli),
        encoded(
            "brotli that is damaged behind a block", "br", brotli.dropLast() + [0x0e],
            anomalies: ["gzip_decompression_failed"]),
        encoded("LZMA", "lzma", lzma),
        encoded("Zstandard", "zstd", zstandard),
        encoded(
            "Zstandard that is damaged behind a block", "zstd",
            [UInt8](hex: "28b52ffd 00 58 280000 68656c6c6f 060000"), Array("hello".utf8),
            anomalies: ["gzip_decompression_failed"]),
        encoded("gzip within gzip", "gzip, gzip", gzipTwice),
        encoded(
            "identity undoes nothing", "identity, gzip ,", gzip, anomalies: ["abnormal_ce_header"]),
        encoded(
            "nothing under the name of gzip", "gzip", html, html,
            anomalies: ["gzip_decompression_failed"]),
        encoded(
            "nothing under the name of brotli", "br", html, html,
            anomalies: ["gzip_decompression_failed"]),
        encoded(
            "nothing, and too little to see that", "br", [1, 2], [1, 2],
            anomalies: ["gzip_decompression_failed"]),
        encoded(
            "damaged", "gzip", damaged, anomalies: ["gzip_decompression_failed"]),
        encoded("a dictionary larger than the memory", "lzma", lzmaLarge),
        encoded("an unknown coding", "pack200", gzip, gzip, anomalies: ["abnormal_ce_header"]),
        encoded(
            "a coding with more around it", "\"gzip\"", gzip, anomalies: ["abnormal_ce_header"]),
        encoded(
            "more layers than are undone", "gzip, gzip, gzip, identity, gzip", gzip,
            anomalies: [
                "too_many_encoding_layers", "abnormal_ce_header", "gzip_decompression_failed",
            ]),
        encoded("a coding that is none", "identity", html, html, anomalies: ["abnormal_ce_header"]),
        encoded("the absence of one", "none", html, html),
        encoded(
            "many that are none", "none, none, none", html, html,
            anomalies: ["too_many_encoding_layers"]),
    ]

    static func form(_ body: String, boundary: String = "XX") -> HTTPConversation.Step {
        .client(
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\(boundary)"
                + "\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    static let files: [HTTPConversation] = [
        HTTPConversation(
            "a file in a response", [.client(get), response("gzip", gzip)],
            [
                [
                    "http.response.file_name": ["/d/report.txt"],
                    "http.file_name": ["/d/report.txt"],
                ]
            ],
            files: [
                [
                    "file.name": ["/d/report.txt"], "file.extension": ["txt"],
                    "file.protocol": ["http"], "file.data": [text], "file.size": ["23"],
                    "file.state": ["CLOSED"], "file.gaps": ["0"],
                    "file.md5": ["485e38a2587327830b80a15d10820b24"],
                    "file.sha1": ["8be528c84486af62127f31bcc54483024d08df92"],
                    "file.sha256": [
                        "eac13dc78da3f79858440011e4db4107e9301314511e6d0073320b14c535b824"
                    ],
                ]
            ]),
        HTTPConversation(
            "a file with a name of its own",
            [
                .client(get),
                .server(
                    "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"x; y.exe\"\r\n"
                        + "Content-Length: 2\r\n\r\nMZ"),
            ], [["http.response.file_name": ["x; y.exe"]]],
            files: [["file.name": ["x; y.exe"], "file.extension": ["exe"]]]),
        HTTPConversation(
            "a name in another character set",
            [
                .client(get),
                .server(
                    "HTTP/1.1 200 OK\r\nContent-Disposition: inline; filename=a.txt; "
                        + "filename*=UTF-8''%e2%82%ac%20b.txt\r\nContent-Length: 1\r\n\r\nx"),
            ], [[:]], files: [["file.name": ["€ b.txt"]]]),
        HTTPConversation(
            "files that are put and posted",
            [
                .client("PUT /a/b.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
                .client("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nx=1"),
            ],
            [
                [
                    "http.request.file_name": ["/a/b.bin"], "http.request.file_data": ["abc"],
                    "http.file_data": ["abc"],
                ],
                ["http.request.file_data": ["x=1"]],
            ],
            files: [
                ["file.name": ["/a/b.bin"], "file.data": ["abc"]],
                ["file.name": ["/c"], "file.extension": []],
            ]),
        HTTPConversation(
            "a response cut short",
            [.client(get), .server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")],
            [["http.response_body": ["abc"]]],
            files: [["file.state": ["TRUNCATED"], "file.size": ["3"], "file.md5": []]]),
        HTTPConversation(
            "a gap in a file",
            [
                .client(get), .server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
                .serverGap(2), .server("e"),
            ], [["http.response_body": ["abe"], "http.response_body_len": ["5"]]],
            files: [
                [
                    "file.state": ["TRUNCATED"], "file.gaps": ["1"], "file.size": ["5"],
                    "file.md5": [],
                ]
            ]),
        HTTPConversation(
            "files in a form",
            [
                form(
                    "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n"
                        + "value\r\n--XX  \r\nContent-Disposition: form-data; name=\"f\"; "
                        + "filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n"
                        + "one\r\n--X\r\r\n-\n--Xtwo\r\n--XX\r\n"
                        + "content-disposition : form-data;filename=b.php\r\n\r\n\r\n\r\n"
                        + "\r\n--XX--\r\nepilogue --XX")
            ],
            [
                [
                    "http.request.file_name": ["a.txt", "b.php"],
                    "http.request.file_data": ["one\r\n--X\r\r\n-\n--Xtwo", "\r\n\r\n"],
                ]
            ],
            files: [
                [
                    "file.name": ["a.txt"], "file.data": ["one\r\n--X\r\r\n-\n--Xtwo"],
                    "file.state": ["CLOSED"],
                ],
                ["file.name": ["b.php"], "file.data": ["\r\n\r\n"]],
            ]),
        HTTPConversation(
            "a form without CRs and without end",
            [
                form(
                    "--XX\nContent-Disposition: form-data; filename=\"C:\\d\\a.txt\"\n\nabc\n"
                        + "--XX\nX: y\n\nvalue\n--XX\nContent-Disposition: x; filename=b\n\nend")
            ],
            [["http.request.file_data": ["abc", "end"]]],
            files: [
                ["file.name": ["C:\\d\\a.txt"], "file.data": ["abc"]],
                ["file.name": ["b"], "file.data": ["end"]],
            ], anomalies: ["multipart_generic_error", "multipart_invalid_header"]),
        HTTPConversation(
            "a form with an empty file and one that was not chosen",
            [
                form(
                    "--XX\r\nContent-Disposition: form-data; filename=\"e\"\r\n\r\n\r\n--XX\r\n"
                        + "Content-Disposition: form-data; filename=\"\"\r\n\r\n\r\n--XX--")
            ], [["http.request.file_name": ["e"]]], files: [["file.size": ["0"]]],
            anomalies: ["multipart_no_filedata"]),
    ]

    @Test func `libmagic says what files are`() {
        var conversation = HTTPConversation(
            "a file", [.client(Self.get), Self.response("gzip", Self.gzip)],
            [["http.mime_type": ["text/plain"], "http.response.mime_type": ["text/plain"]]],
            files: [
                [
                    "file.magic": ["ASCII text, with no line terminators"],
                    "file.mime_type": ["text/plain"],
                ]
            ])
        conversation.fileNeeds = .all
        conversation.check(conversation.run())
    }

    @Test func `without a need for files there are none, but what rules see stays`() {
        var conversation = HTTPConversation(
            "a file", [.client(Self.get), Self.response("gzip", Self.gzip)],
            [["http.response.file_name": ["/d/report.txt"], "http.response_body": [Self.text]]],
            files: [])
        conversation.fileNeeds = []
        conversation.check(conversation.run())
    }

    @Test func `an empty gzip body is empty`() {
        let body = [UInt8](hex: "1f8b080000000000020303000000000000000000")
        let conversation = HTTPConversation(
            "empty", [.client(Self.get), Self.response("gzip", body)],
            [["http.response_body": [], "http.response_body_len": ["0"]]])
        conversation.check(conversation.run())
        #expect(conversation.run { 1 } == conversation.run())
    }

    @Test(arguments: codings + files)
    func `bodies give these transactions and files`(conversation: HTTPConversation) {
        conversation.check(conversation.run())
    }

    @Test(arguments: codings + files)
    func `the same comes of them however they are cut`(conversation: HTTPConversation) {
        let whole = conversation.run()
        #expect(conversation.run { 1 } == whole)
        #expect(conversation.run { 7 } == whole)
        for seed in 0..<4 as Range<UInt64> {
            var numbers = SeededNumbers(seed: seed)
            #expect(conversation.run { Int.random(in: 1...40, using: &numbers) } == whole)
        }
    }
}
