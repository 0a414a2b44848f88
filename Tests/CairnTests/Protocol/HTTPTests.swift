import Testing

@testable import Cairn

@Suite struct HTTPTests {
    static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    /// Conversations as they should be.
    static let ordinary: [HTTPConversation] = [
        HTTPConversation(
            "a request and its response",
            [
                .client(
                    "POST /a/b.php?x=1&y=2 HTTP/1.1\r\nHost: Www.Example.COM:8080\r\n"
                        + "User-Agent: curl/8\r\nCookie: s=1\r\nAccept: */*\r\n"
                        + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello"
                ),
                .server(
                    "HTTP/1.1 302 Moved Away\r\nServer: nginx\r\nSet-Cookie: a=b\r\n"
                        + "Location: /c\r\nContent-Type: text/html; q=1\r\nContent-Length: 3\r\n\r\nbye"
                ),
            ],
            [
                [
                    "http.method": ["POST"], "http.uri": ["/a/b.php?x=1&y=2"],
                    "http.uri.raw": ["/a/b.php?x=1&y=2"], "http.uri_length": ["16"],
                    "http.uri.path": ["/a/b.php"], "http.uri.query": ["x=1&y=2"],
                    "http.uri.extension": ["php"],
                    "http.url": [
                        "/a/b.php?x=1&y=2", "http://Www.Example.COM:8080/a/b.php?x=1&y=2",
                    ],
                    "http.request_line": ["POST /a/b.php?x=1&y=2 HTTP/1.1"],
                    "http.host": ["www.example.com"], "http.host.raw": ["Www.Example.COM:8080"],
                    "http.port": ["8080"], "http.user_agent": ["curl/8"],
                    "http.accept": ["*/*"],
                    "http.request.cookie": ["s=1"], "http.response.cookie": ["a=b"],
                    "http.cookie": ["s=1", "a=b"],
                    "http.request.header": [
                        "Host: Www.Example.COM:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n"
                            + "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
                    ],
                    "http.request.header.raw": [
                        "Host: Www.Example.COM:8080\r\nUser-Agent: curl/8\r\nCookie: s=1\r\n"
                            + "Accept: */*\r\nContent-Type: text/plain; charset=utf-8\r\n"
                            + "Content-Length: 5\r\n\r\n"
                    ],
                    "http.request.header_names": [
                        "\r\nHost\r\nUser-Agent\r\nCookie\r\nAccept\r\nContent-Type\r\n"
                            + "Content-Length\r\n\r\n"
                    ],
                    "http.request_header": [
                        "Host: Www.Example.COM:8080", "User-Agent: curl/8", "Cookie: s=1",
                        "Accept: */*", "Content-Type: text/plain; charset=utf-8",
                        "Content-Length: 5",
                    ],
                    "http.request.content_type": ["text/plain; charset=utf-8"],
                    "http.request.content_len": ["5"],
                    "http.content_len": ["5", "3"],
                    "http.request_body": ["hello"], "http.request_body_len": ["5"],
                    "http.stat_code": ["302"], "http.status": ["302"],
                    "http.stat_msg": ["Moved Away"],
                    "http.response_line": ["HTTP/1.1 302 Moved Away"],
                    "http.protocol": ["HTTP/1.1", "HTTP/1.1"],
                    "http.server": ["nginx"], "http.location": ["/c"],
                    "http.media_type": ["text/html"],
                    "http.response.header": [
                        "Server: nginx\r\nLocation: /c\r\nContent-Type: text/html; q=1\r\n"
                            + "Content-Length: 3\r\n"
                    ],
                    "http.response.start": [
                        "HTTP/1.1 302 Moved Away\r\nServer: nginx\r\nSet-Cookie: a=b\r\n"
                            + "Location: /c\r\nContent-Type: text/html; q=1\r\n"
                            + "Content-Length: 3\r\n\r\n"
                    ],
                    "http.response_body": ["bye"], "http.response_body_len": ["3"],
                    "http.response_length": ["3"],
                ]
            ], anomalies: ["request_server_port_tcp_port_mismatch"]),
        HTTPConversation(
            "pipelined requests are answered in order",
            [
                .client(
                    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                        + "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
                .server(
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"
                        + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                        + "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
            ],
            [
                ["http.uri": ["/1"], "http.status": ["200"], "http.response_body": ["A"]],
                ["http.uri": ["/2"], "http.status": ["200"], "http.response_body": []],
                ["http.uri": ["/3"], "http.status": ["304"], "http.response_body": []],
            ]),
        HTTPConversation(
            "interim responses are passed over",
            [
                .client("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"),
                .client("Content-Length: 3\r\n\r\n"),
                .server("HTTP/1.1 100 Continue\r\n\r\n"),
                .client("abc"),
                .server("HTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\n"),
                .server("Content-Length: 0\r\n\r\n"),
            ],
            [
                [
                    "http.request_body": ["abc"], "http.status": ["201"],
                    "http.response_line": ["HTTP/1.1 201 Created"],
                    "http.protocol": ["HTTP/1.1", "HTTP/1.1"],
                ]
            ]),
        HTTPConversation(
            "an interim response and no final one",
            [.client(get), .server("HTTP/1.1 100 Continue\r\n\r\n")],
            [["http.uri": ["/"], "http.status": []]]),
        HTTPConversation(
            "a body without a head behind an interim response",
            [.client(get + get), .server("HTTP/1.1 102 Processing\r\n\r\nhello")],
            [["http.response_body": ["hello"]], ["http.response_body": []]],
            anomalies: ["response_invalid_protocol"]),
        HTTPConversation(
            "chunks with extensions and trailers",
            [
                .client(get),
                .server(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n"
                        + "6 ; name=value\r\npedia \r\n0E\r\nin \r\n\r\nchunks.\r\n0\r\n"
                        + "Expires: never\r\n\r\n"),
            ],
            [
                [
                    "http.response_body": ["Wikipedia in \r\n\r\nchunks."],
                    "http.response_length": ["24"],
                    "http.response.header": [
                        "Transfer-Encoding: chunked\r\n", "Expires: never\r\n",
                    ],
                    "http.response_header": ["Transfer-Encoding: chunked", "Expires: never"],
                ]
            ], anomalies: ["response_chunk_extension"]),
        HTTPConversation(
            "a body until the connection ends",
            [
                .client("GET / HTTP/1.0\r\n\r\n"), .server("HTTP/1.0 200 OK\r\n\r\nall\r\nof "),
                .server("it"),
            ],
            [["http.response_body": ["all\r\nof it"], "http.request.protocol": ["HTTP/1.0"]]]),
        HTTPConversation(
            "HTTP/0.9",
            [.client("GET /old\r\n"), .server("<html>\r\nold</html>")],
            [
                [
                    "http.uri": ["/old"], "http.request.protocol": [],
                    "http.response_body": ["<html>\r\nold</html>"], "http.stat_code": [],
                    "http.request.header": [],
                ]
            ]),
        HTTPConversation(
            "no response",
            [.client(get)],
            [["http.method": ["GET"], "http.stat_code": []]]),
    ]

    /// Conversations as attackers and broken programs lead them.
    static let odd: [HTTPConversation] = [
        HTTPConversation(
            "folded, repeated and oddly spaced headers",
            [
                .client(
                    "GET / HTTP/1.1\r\nhost:a\r\nX-One:  1 \t\r\n\tand\r\n  two \r\n"
                        + "User-Agent: u\r\nBad Name: x\r\nSpaced : y\r\nUSER-AGENT: v\r\n"
                        + "no colon\r\nEmpty:\r\n\r\n"),
                .server(ok),
            ],
            [
                [
                    "http.host": ["a"], "http.user_agent": ["u, v"],
                    "http.request.header": [
                        "host: a\r\nX-One: 1 \t\tand  two\r\nUser-Agent: u, v\r\nBad Name: x\r\n"
                            + "Spaced: y\r\n: no colon\r\nEmpty: \r\n"
                    ],
                    "http.request.header.raw": [
                        "host:a\r\nX-One:  1 \t\r\n\tand\r\n  two \r\nUser-Agent: u\r\n"
                            + "Bad Name: x\r\nSpaced : y\r\nUSER-AGENT: v\r\nno colon\r\n"
                            + "Empty:\r\n\r\n"
                    ],
                ]
            ], anomalies: ["request_header_invalid", "request_field_missing_colon"]),
        HTTPConversation(
            "line ends without CR, empty lines first",
            [
                .client("\r\n\nGET / HTTP/1.1\nHost: a\n\n"),
                .server("\r\nHTTP/1.1 200 OK\nX: y\nContent-Length: 1\n\nz"),
            ],
            [
                [
                    "http.host": ["a"], "http.response_body": ["z"],
                    "http.response.header": ["X: y\r\nContent-Length: 1\r\n"],
                    "http.response.header.raw": ["X: y\nContent-Length: 1\n\n"],
                ]
            ]),
        HTTPConversation(
            "bare CRs in a response head",
            [
                .client(get),
                .server("HTTP/1.1 200 OK\rX: y\r\nContent-Type: a\rContent-Length: 1\r\r\n\r\nz"),
            ],
            [
                [
                    "http.response.header": ["X: y\r\nContent-Type: a\r\nContent-Length: 1\r\n"],
                    "http.stat_msg": ["OK"], "http.response_body": ["z"],
                ]
            ]),
        HTTPConversation(
            "white space around the request line",
            [.client(" GET \t/a b\tHTTP/1.1 \r\nHost: a\r\n\r\n")],
            [
                [
                    "http.method": ["GET"], "http.uri": ["/a"],
                    "http.request.protocol": ["b\tHTTP/1.1 "],
                ]
            ],
            anomalies: [
                "request_line_leading_whitespace", "method_delim_non_compliant",
                "request_line_invalid",
            ]),
        HTTPConversation(
            "what ends a target",
            [
                .client("GET\t/a\tHTTP/1.1\r\nHost: a\r\n\r\n"),
                .client("GET /a\tb HTTP/1.0\r\nHost: a\r\n\r\n"),
                .client("GET /a some words\r\nHost: a\r\n\r\n"),
            ],
            [
                ["http.uri": ["/a"], "http.request.protocol": ["HTTP/1.1"]],
                ["http.uri": ["/a\tb"], "http.request.protocol": ["HTTP/1.0"]],
                ["http.uri": ["/a"], "http.request.protocol": ["some words"]],
            ],
            anomalies: [
                "method_delim_non_compliant", "uri_delim_non_compliant",
                "uri_delim_non_compliant", "request_line_invalid",
            ]),
        HTTPConversation(
            "a head without headers, and hosts that say little",
            [
                .client("GET / HTTP/1.0\r\n\r\n"), .client("GET / HTTP/1.0\r\nHost:\r\n\r\n"),
                .client("GET / HTTP/1.0\r\nHost: a.\r\n\r\n"),
            ],
            [
                [
                    "http.request.start": ["GET / HTTP/1.0\r\n"], "http.request.header": [],
                    "http.request.header_names": [],
                ], ["http.host": [], "http.host.raw": [""]], ["http.host": ["a."]],
            ], anomalies: ["request_header_host_invalid"]),
        HTTPConversation(
            "a connection that opens with no request",
            [
                .client("TRACE/ HTTP/1.1\nHost: b\n\n"),
                .server("HTTP/1.0 400 Bad\r\nContent-Length: 0\r\n\r\n"),
            ],
            [["http.method": ["TRACE/"], "http.stat_code": ["400"], "http.host": ["b"]]],
            anomalies: ["request_line_invalid", "request_line_missing_protocol"]),
        HTTPConversation(
            "a forgotten protocol",
            [
                .client("GET /a\r\nHost: b\r\n\r\n"),
                .server("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
            ],
            [["http.uri": ["/a"], "http.host": ["b"], "http.status": ["400"]]],
            anomalies: ["request_line_missing_protocol"]),
        HTTPConversation(
            "absolute target and another host",
            [.client("GET http://U@One.example:80/p HTTP/1.1\r\nHost: two.example\r\n\r\n")],
            [
                [
                    "http.uri": ["/p"], "http.uri.raw": ["http://U@One.example:80/p"],
                    "http.host": ["one.example"], "http.host.raw": ["One.example"],
                    "http.url": ["http://U@One.example:80/p", "/p"],
                ]
            ], anomalies: ["host_header_ambiguous"]),
        HTTPConversation(
            "no host, and one that is none",
            [
                .client("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
                .client("GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n"),
            ],
            [["http.host": []], ["http.host": ["a/b"]], ["http.host": ["a"]]],
            anomalies: [
                "missing_host_header", "request_header_host_invalid",
                "request_header_host_invalid", "invalid_server_port_in_request",
            ]),
        HTTPConversation(
            "lengths that disagree or are none",
            [
                .client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"),
                .client("Content-Length: 5\r\n\r\nabGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nrest"),
            ],
            [
                ["http.request_body": ["ab"], "http.response_body": ["abc"]],
                ["http.uri": ["/2"], "http.response_body": ["rest"]],
            ],
            anomalies: [
                "duplicate_content_length_field_in_request",
                "invalid_content_length_field_in_response",
                "invalid_content_length_field_in_response",
            ]),
        HTTPConversation(
            "chunks count more than a length",
            [
                .client(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                        + "Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
                .client(get),
            ],
            [["http.request_body": ["hello"]], ["http.uri": ["/"]]],
            anomalies: ["invalid_transfer_encoding_value_in_request"]),
        HTTPConversation(
            "a chunk without size",
            [
                .client(get),
                .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\ncd"),
            ],
            [["http.response_body": ["abzz\r\ncd"]]], anomalies: ["invalid_response_chunk_len"]),
        HTTPConversation(
            "a response nobody asked for",
            [
                .client(get), .server(ok),
                .server("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"),
                .client("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"), .server(ok),
            ],
            [
                ["http.uri": ["/"]], ["http.uri": [], "http.status": ["408"]],
                ["http.uri": ["/2"], "http.status": ["200"]],
            ], anomalies: ["unable_to_match_response_to_request"]),
        HTTPConversation(
            "credentials",
            [
                .client("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n"),
                .client("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Strange x\r\n\r\n"),
            ],
            [["http.username": ["user"]], ["http.username": []]],
            anomalies: ["request_auth_unrecognized"]),
        HTTPConversation(
            "a response that is none",
            [.client(get), .server("garbage\r\nmore")],
            [["http.response_body": ["garbage\r\nmore"], "http.stat_code": []]],
            anomalies: ["response_invalid_protocol"]),
        HTTPConversation(
            "odd status lines",
            [
                .client(get + get),
                .server("HTTP/1.x 2000 OK\r\nContent-Length: 0\r\n\r\nhttp/1.1  200\r\n\r\n"),
            ],
            [
                ["http.stat_code": ["2000"], "http.status": []],
                ["http.stat_code": ["200"], "http.stat_msg": []],
            ], anomalies: ["response_invalid_protocol", "response_invalid_status"]),
        HTTPConversation(
            "ends in the middle of the request line", [.client("GET /ab")],
            [["http.uri": ["/ab"]]], anomalies: ["request_line_incomplete"]),
        HTTPConversation(
            "ends in the middle of heads",
            [.client("GET / HTTP/1.1\r\nHost: a\r\nUser-A"), .server("HTTP/1.1 200 O")],
            [
                [
                    "http.host": ["a"], "http.stat_msg": ["O"],
                    "http.request.header": ["Host: a\r\n: User-A\r\n"],
                ]
            ], anomalies: ["request_field_missing_colon"]),
    ]

    static let gaps: [HTTPConversation] = [
        HTTPConversation(
            "in a body of known length",
            [
                .client(get), .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
                .serverGap(5), .server("de"), .client("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
                .server(ok),
            ],
            [
                ["http.response_body": ["abcde"], "http.response_length": ["10"]],
                ["http.uri": ["/2"], "http.response_body": ["hi"]],
            ]),
        HTTPConversation(
            "beyond a body into the next response",
            [
                .client(get + get + get),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), .serverGap(20),
                .server("lost\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
            ],
            [
                ["http.status": ["200"]], ["http.status": []], ["http.status": ["404"]],
            ], anomalies: ["gap_in_head"]),
        HTTPConversation(
            "in a request head",
            [
                .client("GET /1 HTTP/1.1\r\nHost: a\r\nX-"), .clientGap(100),
                .client("tail: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n"),
            ],
            [["http.uri": ["/1"], "http.host": ["a"]], ["http.uri": ["/2"], "http.host": ["b"]]],
            anomalies: ["gap_in_head", "request_field_missing_colon"]),
    ]

    @Test func `what is asked when the server has ended is complete without a response`() {
        let harness = ParserHarness(serverPort: 80)
        harness.send(Array(Self.get.utf8), .toServer)
        harness.send(Array(Self.ok.utf8), .toClient)
        harness.end(.toClient)
        harness.send(Array("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8), .toServer)
        #expect(harness.transactions.filter { $0["http.uri"] == ["/2"] }.count == 1)
        harness.finish()
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test(arguments: ordinary + odd + gaps)
    func `conversations give these transactions`(conversation: HTTPConversation) {
        conversation.check(conversation.run())
    }

    @Test(arguments: ordinary + odd + gaps)
    func `the same comes of them however they are cut`(conversation: HTTPConversation) {
        let whole = conversation.run()
        #expect(conversation.run { 1 } == whole)
        #expect(conversation.run { 7 } == whole)
        for seed in 0..<8 as Range<UInt64> {
            var numbers = SeededNumbers(seed: seed)
            #expect(conversation.run { Int.random(in: 1...40, using: &numbers) } == whole)
        }
    }
}
