import Testing

@testable import Cairn

@Suite struct HTTP2Tests {
    private typealias Maker = HTTP2Maker

    private static let hello = Maker.preface + Maker.frame(.settings, [0, 3, 0, 0, 0, 100])
    private static let hello0: [String: [String]] = [
        "http.version": ["2"], "http2.stream_id": ["0"], "http2.frametype": ["SETTINGS"],
        "http2.settings.max_concurrent_streams": ["100"],
        "http2.request.settings.max_concurrent_streams": ["100"],
        "http.protocol": ["HTTP/2", "HTTP/2"],
        "http.stat_msg": [""], "http.response_line": ["HTTP/2 \r\n"], "http.method": [],
    ]
    private static let get = [
        ":method: GET", ":scheme: https", ":path: /a/../b%41.txt?q=%42",
        ":authority: me@Some.Host:81", "user-agent: x", "accept: 1", "accept: 2", "cookie: a=1",
        "cookie: b=2", "X-Odd:   y ",
    ]
    private static let plain = [":method: GET", ":path: /", ":authority: h"]
    private static let ok = [":status: 200", "content-type: text/html; charset=x", "server: s"]

    static let exchanges = [
        HTTPConversation(
            "a request and its response",
            [
                .client(hello + Maker.headers(1, get)),
                .server(Maker.frame(.settings) + Maker.headers(1, ends: false, ok)),
                .server(Maker.data(1, ends: false, "hel") + Maker.data(1, "lo")),
            ],
            [
                hello0,
                [
                    "http2.stream_id": ["1"], "http.method": ["GET"],
                    "http.uri": ["/a/../b%41.txt?q=%42"], "http.uri.raw": ["/a/../b%41.txt?q=%42"],
                    "http.uri_length": ["20"], "http.uri.path": ["/a/../b%41.txt"],
                    "http.uri.query": ["q=%42"], "http.uri.extension": ["txt"],
                    "http.request_line": ["GET /a/../b%41.txt?q=%42 HTTP/2\r\n"],
                    "http.host": ["some.host"], "http.host.raw": ["me@Some.Host:81"],
                    "http.port": ["81"],
                    "http.url": [
                        "/a/../b%41.txt?q=%42", "https://me@Some.Host:81/a/../b%41.txt?q=%42",
                    ],
                    "http.user_agent": ["x"], "http.accept": ["1, 2"],
                    "http.cookie": ["a=1, b=2"], "http.request.cookie": ["a=1, b=2"],
                    "http.request.header": [
                        ":method: GET\r\n:scheme: https\r\n:path: /a/../b%41.txt?q=%42\r\n"
                            + ":authority: me@Some.Host:81\r\nuser-agent: x\r\naccept: 1\r\n"
                            + "accept: 2\r\nX-Odd: y\r\n"
                    ],
                    "http.request.header_names": [
                        "\r\n:method\r\n:scheme\r\n:path\r\n:authority\r\nuser-agent\r\naccept\r\n"
                            + "accept\r\ncookie\r\ncookie\r\nX-Odd\r\n\r\n"
                    ],
                    "http.request_header": get, "http.stat_code": ["200"], "http.status": ["200"],
                    "http.stat_msg": [""], "http.response_line": ["HTTP/2 200\r\n"],
                    "http.content_type": ["text/html; charset=x"],
                    "http.media_type": ["text/html"], "http.server": ["s"],
                    "http.response_body": ["hello"], "http.file_data": ["hello"],
                    "http.protocol": ["HTTP/2", "HTTP/2"],
                    "http2.response.header_name": [":status", "content-type", "server"],
                    "http2.frametype": ["HEADERS", "HEADERS", "DATA"],
                    "http2.response.frametype": ["HEADERS", "DATA"],
                ],
            ],
            files: [
                [
                    "file.name": ["/a/../b%41.txt"], "file.data": ["hello"],
                    "file.protocol": ["http2"],
                    "file.sha1": ["aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"],
                ]
            ], anomalies: ["http2.userinfo_in_uri"]),
        HTTPConversation(
            "streams that are mixed, padding, priorities, trailers, an interim response",
            [
                .client(
                    Maker.preface
                        + Maker.frame(
                            .headers, flags: 0x2c, stream: 1,
                            [2, 0x80, 0, 0, 0, 15] + Maker.block([":method: POST", ":path: /1"])
                                + [0, 0])),
                .client(Maker.frame(.priority, stream: 5, [0, 0, 0, 0, 255])),
                .client(Maker.headers(3, plain)),
                .client(
                    Maker.frame(.data, flags: 9, stream: 1, [3] + Array("body".utf8) + [0, 0, 0])),
                .server(Maker.headers(1, ends: false, [":status: 100"])),
                .server(Maker.headers(3, ends: false, ok) + Maker.data(3, ends: false, "three")),
                .server(Maker.headers(1, ends: false, [":status: 201"]) + Maker.data(1, "")),
                .client(Maker.frame(.windowUpdate, stream: 3, [0, 0, 0, 9])),
                .server(Maker.headers(3, ["trailer: t"])),
                .client(Maker.frame(.windowUpdate, stream: 3, [0, 0, 0, 9])),
            ],
            [
                [
                    "http.uri": ["/1"], "http.request_body": ["body"], "http.stat_code": ["201"],
                    "http2.priority": ["15"], "http.file_data": [],
                    "http.response.header": [":status: 100\r\n", ":status: 201\r\n"],
                ],
                [
                    "http.uri": ["/"], "http.response_body": ["three"], "http2.window": ["9"],
                    "http2.request.window": ["9"], "http2.response.window": [],
                    "http.response.header": [
                        ":status: 200\r\ncontent-type: text/html; charset=x\r\nserver: s\r\n",
                        "trailer: t\r\n",
                    ],
                ],
                ["http2.stream_id": ["5"], "http2.priority": ["255"]],
            ]),
        HTTPConversation(
            "a head in pieces, and one that was pushed",
            [
                .client(
                    Maker.preface
                        + Maker.frame(.headers, flags: 1, stream: 1, Maker.block([plain[0]]))
                        + Maker.frame(.continuation, stream: 1, Maker.block([plain[1]]))
                        + Maker.frame(.continuation, flags: 4, stream: 1, Maker.block([plain[2]]))),
                .server(
                    Maker.frame(
                        .pushPromise, flags: 4, stream: 1,
                        [0, 0, 0, 2] + Maker.block([":method: GET", ":path: /pushed"]))),
                .server(Maker.headers(1, ok) + Maker.headers(2, ends: false, ok)),
                .server(Maker.data(2, "pushed")),
            ],
            [
                [
                    "http.method": ["GET"], "http.host": ["h"],
                    "http2.frametype": ["CONTINUATION", "HEADERS", "HEADERS"],
                ],
                [
                    "http2.stream_id": ["2"], "http.uri": [], "http.response_body": ["pushed"],
                    "http2.frametype": ["PUSH_PROMISE", "HEADERS", "DATA"],
                ],
            ]),
        HTTPConversation(
            "streams that are reset, and the end of a connection",
            [
                .client(Maker.preface + Maker.headers(1, plain) + Maker.headers(3, plain)),
                .client(Maker.frame(.resetStream, stream: 1, [0, 0, 0, 8])),
                .client(Maker.frame(.resetStream, stream: 1, [0, 0, 0, 5])),
                .server(Maker.headers(3, ends: false, ok) + Maker.data(3, ends: false, "cut")),
                .server(Maker.frame(.goAway, [0, 0, 0, 3, 0, 0, 0, 2, 0x21])),
                .client(Maker.frame(.ping, Array(repeating: 0, count: 8))),
            ],
            [
                ["http2.errorcode": ["CANCEL"], "http.uri": ["/"]],
                ["http2.errorcode": ["STREAM_CLOSED"], "http.uri": []],
                ["http2.frametype": ["GOAWAY"], "http2.errorcode": ["INTERNAL_ERROR"]],
                ["http2.frametype": ["PING"]],
                ["http2.stream_id": ["3"], "http.response_body": ["cut"]],
            ], files: [["file.state": ["TRUNCATED"]]]),
        HTTPConversation(
            "an upgrade of HTTP/1",
            [
                .client(
                    "GET /up HTTP/1.1\r\nHost: h\r\nUser-Agent: x\r\nUpgrade: h2c\r\n"
                        + "HTTP2-Settings: AAMAAABk\r\n\r\n"),
                .server("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
                .server(Maker.frame(.settings, [0, 1, 0, 0, 0, 0])),
                .client(Maker.preface + Maker.headers(3, plain)),
                .server(Maker.headers(1, ok) + Maker.headers(3, ok)),
            ],
            [
                ["http.uri": ["/up"], "http.stat_code": ["101"], "http.version": []],
                ["http2.request.settings.max_concurrent_streams": ["100"]],
                ["http2.response.settings.header_table_size": ["0"]],
                [
                    "http.uri": ["/up"], "http.stat_code": ["200"], "http2.stream_id": ["1"],
                    "http.host": ["h"],
                    "http.request_header": [
                        ":method: GET", ":path: /up", ":authority: h", "User-Agent: x",
                        "Upgrade: h2c",
                    ], "http.user_agent": [],
                ],
                ["http.uri": ["/"], "http2.stream_id": ["3"]],
            ]),
    ]

    static let odd = [
        HTTPConversation(
            "frames of wrong lengths, and what is no header block",
            [
                .client(Maker.preface + Maker.frame(.settings, [0, 1, 0])),
                .client(Maker.frame(.windowUpdate, [1])),
                .client(Maker.frame(.headers, flags: 0x0d, stream: 1, [9, 0x82])),
                .client(Maker.frame(.headers, flags: 5, stream: 3, [0xff, 0x7f, 0x82, 0, 5])),
                .client(Maker.frame(.continuation, stream: 7, [0x82])),
                .client(Maker.data(0, "x")),
            ],
            [
                ["http2.frametype": ["SETTINGS"]], ["http2.frametype": ["WINDOW_UPDATE"]], [:], [:],
                [:], ["http2.stream_id": ["3"], "http.method": ["GET"]],
            ],
            anomalies: [
                "http2.invalid_frame_length", "http2.invalid_frame_length",
                "http2.invalid_frame_data", "http2.invalid_frame_data", "http2.invalid_header",
                "http2.invalid_frame_data", "http2.invalid_frame_data",
            ]),
        HTTPConversation(
            "a stream that is used again, and one host and another",
            [
                .client(Maker.preface + Maker.headers(1, plain + ["host: H"])),
                .server(Maker.headers(1, ok)),
                .client(Maker.headers(1, plain + ["host: other"])),
            ],
            [["http.uri": ["/"]], ["http.uri": ["/"]]],
            anomalies: ["http2.stream_id_reuse", "http2.authority_host_mismatch"]),
        HTTPConversation(
            "bytes that are missing, in data and elsewhere",
            [
                .client(Maker.preface + Maker.headers(1, plain)),
                .server(Maker.headers(1, ends: false, ok)),
                .server([0, 0, 6, 0, 1, 0, 0, 0, 1, 0x61]), .serverGap(4),
                .server([0x62] + Maker.headers(3, ok)), .clientGap(5),
                .client(Maker.headers(5, plain)),
            ],
            [
                ["http.response_body": ["ab"]],
                ["http2.stream_id": ["0"]],
                ["http2.stream_id": ["3"], "http.stat_code": ["200"]],
            ], anomalies: ["http2.gap_in_frame"]),
    ]

    @Test(arguments: exchanges + odd)
    func `conversations give these transactions`(conversation: HTTPConversation) {
        conversation.check(conversation.run())
    }

    @Test(arguments: exchanges + odd)
    func `the same comes of them however they are cut`(conversation: HTTPConversation) {
        let whole = conversation.run()
        #expect(conversation.run { 1 } == whole)
        #expect(conversation.run { 7 } == whole)
    }

    @Test func `streams beyond the limit end the oldest`() {
        var limits = ProtocolLimits()
        limits.openTransactionCountMax = 4
        let harness = ParserHarness(serverPort: 80, limits: limits)
        harness.send(Maker.preface, .toServer)
        for stream in 0..<6 as Range<UInt32> {
            harness.send(Maker.headers(stream * 2 + 1, Self.plain), .toServer)
        }
        #expect(harness.anomalies == ["http2.too_many_streams", "http2.too_many_streams"])
        #expect(harness.transactions.map { $0["http2.stream_id"] } == [["1"], ["3"]])
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `a head beyond the limit is cut`() {
        var limits = ProtocolLimits()
        limits.headersByteCountMax = 100
        let harness = ParserHarness(serverPort: 80, limits: limits)
        let many = (0..<10).map { "name\($0): \(String(repeating: "x", count: 20))" }
        harness.send(Maker.preface + Maker.headers(1, Self.plain + many), .toServer)
        harness.finish()
        #expect(harness.anomalies == ["http2.long_frame_data"])
        #expect(harness.transactions.first?["http.method"] == ["GET"])
    }

    @Test func `a gzip body is unpacked, and one that is none told`() {
        let packed = [UInt8](
            hex: "1f8b0800000000000003cb48cdc9c95728cf2fca49010085114a0d0b000000")
        let harness = ParserHarness(serverPort: 80, fileNeeds: [])
        harness.send(
            Maker.preface + Maker.headers(1, Self.plain) + Maker.headers(3, Self.plain), .toServer)
        let coded = Self.ok + ["content-encoding: gzip"]
        harness.send(
            Maker.headers(1, ends: false, coded) + Maker.frame(.data, flags: 1, stream: 1, packed)
                + Maker.headers(3, ends: false, coded) + Maker.data(3, "\u{1f}no gzip at all"),
            .toClient)
        harness.finish()
        #expect(harness.transactions.first?["http.response_body"] == ["hello world"])
        #expect(harness.anomalies == ["http2.failed_decompression"])
    }

    @Test func `an upgrade with settings that are none is odd`() {
        let harness = ParserHarness(serverPort: 80)
        harness.send(
            Array("GET / HTTP/1.1\r\nHost: h\r\nHTTP2-Settings: A*\r\nUpgrade: h2c\r\n\r\n".utf8),
            .toServer)
        harness.send(Array("HTTP/1.1 101 Yes\r\nUpgrade: h2c\r\n\r\n".utf8), .toClient)
        #expect(harness.anomalies == ["http2.invalid_http1_settings"])
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
    }
}
