import Testing

@testable import Cairn

/// What happens at limits, to hostile input, and around HTTP: detection, tunnels, the tables.
@Suite struct HTTPLimitTests {
    static let get = HTTPTests.get

    private static func limited(_ change: (inout ProtocolLimits) -> Void) -> ProtocolLimits {
        var limits = ProtocolLimits()
        change(&limits)
        return limits
    }

    static let limits: [HTTPConversation] = [
        HTTPConversation(
            "a line longer than is kept",
            [.client("GET /\(String(repeating: "a", count: 40)) HTTP/1.1\r\nHost: a\r\n\r\n")],
            [["http.uri.raw": ["/aaaaaaaaaaaaaaa"], "http.host": ["a"]]],
            anomalies: ["request_field_too_long"],
            limits: limited { $0.headerLineByteCountMax = 20 }),
        HTTPConversation(
            "a header longer than is kept",
            [
                .client("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: 30))\r\n"),
                .client("Y: c\r\n\r\n"),
            ],
            [["http.request.header": ["Host: a\r\nX: bbbbbbbbbbbbbbbbb\r\nY: c\r\n"]]],
            anomalies: ["request_field_too_long"],
            limits: limited { $0.headerLineByteCountMax = 20 }),
        HTTPConversation(
            "a head longer than is kept",
            [
                .client("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"),
                .client(get),
            ],
            [["http.request.header": ["Host: a\r\nA: 1\r\n"]], ["http.uri": ["/"]]],
            anomalies: ["request_field_too_long"],
            limits: limited { $0.headersByteCountMax = 32 }),
        HTTPConversation(
            "more headers than are kept",
            [.client("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n")],
            [["http.request.header": ["Host: a\r\nA: 1\r\n"]]],
            anomalies: ["request_too_many_headers"], limits: limited { $0.headerCountMax = 2 }),
        HTTPConversation(
            "bodies longer than are kept",
            [
                .client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef"),
                .server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nuvwxyz"),
            ],
            [
                [
                    "http.request_body": ["abc"], "http.request_body_len": ["6"],
                    "http.response_body": ["uvwx"], "http.response_body_len": ["6"],
                ]
            ],
            files: [
                ["file.data": ["abc"], "file.size": ["6"]],
                [
                    "file.data": ["uvwx"],
                    "file.md5": [Digest.hash(.md5, Array("uvwxyz".utf8)).hexText],
                ],
            ],
            limits: limited {
                $0.requestBodyByteCountMax = 3
                $0.responseBodyByteCountMax = 4
            }),
        HTTPConversation(
            "more requests than wait for responses",
            [
                .client(get + get + get),
                .server(
                    "HTTP/1.1 201 A\r\nContent-Length: 0\r\n\r\n"
                        + "HTTP/1.1 202 B\r\nContent-Length: 0\r\n\r\n"),
            ],
            [
                ["http.uri": ["/"], "http.status": []], ["http.uri": [], "http.status": ["201"]],
                ["http.uri": ["/"], "http.status": ["202"]], ["http.uri": ["/"]],
            ],
            anomalies: ["too_many_open_transactions", "unable_to_match_response_to_request"],
            limits: limited { $0.openTransactionCountMax = 2 }),
        HTTPConversation(
            "more files in a form than are followed",
            [
                HTTPBodyTests.form(
                    ["a", "b", "c"].map {
                        "--XX\r\nContent-Disposition: x; filename=\($0)\r\n\r\n\($0)\r\n"
                    }.joined() + "--XX--")
            ], [["http.request.file_name": ["a", "b"], "http.request.file_data": ["a", "b"]]],
            files: [["file.name": ["a"]], ["file.name": ["b"]]],
            anomalies: ["multipart_generic_error"],
            limits: limited { $0.multipartFileCountMax = 2 }),
    ]

    @Test(arguments: limits)
    func `limits cut, and say so`(conversation: HTTPConversation) {
        let whole = conversation.run()
        conversation.check(whole)
        #expect(conversation.run { 1 } == whole)
        #expect(conversation.run { 7 } == whole)
        var numbers = SeededNumbers(seed: 3)
        #expect(conversation.run { Int.random(in: 1...30, using: &numbers) } == whole)
    }

    /// 3 MiB of zeros in gzip.
    static let bomb =
        [UInt8](hex: "1f8b0800000000000203edc1010d000000c2a0f74f6d0e37a0")
        + [UInt8](repeating: 0, count: 3048)
        + [UInt8](hex: "be0dc64f727900003000")

    @Test func `a bomb is stopped`() {
        var conversation = HTTPConversation(
            "a bomb", [.client(Self.get), HTTPBodyTests.response("gzip", Self.bomb)],
            [["http.response_body_len": [String(1 << 20)]]],
            files: [["file.state": ["TRUNCATED"], "file.md5": []]],
            anomalies: ["compression_bomb"])
        conversation.fileNeeds = [.files, .md5]
        conversation.check(conversation.run())
    }

    @Test func `what nobody looks at is not unpacked`() {
        var conversation = HTTPConversation(
            "a bomb", [.client(Self.get), HTTPBodyTests.response("gzip", Self.bomb)],
            [["http.response_body_len": [String(100 * 1024)]]], files: [])
        conversation.fileNeeds = []
        conversation.check(conversation.run())
        #expect(conversation.run { 100 } == conversation.run())
    }

    // MARK: Hostile input

    @Test func `changed conversations do no harm, and cuts make no difference`() {
        var numbers = SeededNumbers(seed: 7)
        let all = HTTPTests.ordinary + HTTPTests.odd + HTTPBodyTests.codings + HTTPBodyTests.files
        for round in 0..<400 {
            var conversation = all[round % all.count]
            conversation.steps = conversation.steps.map { step in
                switch step {
                case .client(let bytes): .client(bytes.mutated(&numbers))
                case .server(let bytes): .server(bytes.mutated(&numbers))
                default: step
                }
            }
            let whole = conversation.run()
            #expect(conversation.run { 1 } == whole, "round \(round)")
            let seed = numbers.next()
            var sizes = SeededNumbers(seed: seed)
            #expect(
                conversation.run { Int.random(in: 1...60, using: &sizes) } == whole,
                "round \(round)")
        }
    }

    @Test func `gaps anywhere do no harm`() {
        var numbers = SeededNumbers(seed: 11)
        for round in 0..<200 {
            var conversation = (HTTPTests.ordinary + HTTPBodyTests.files)[
                round % (HTTPTests.ordinary.count + HTTPBodyTests.files.count)]
            conversation.steps = conversation.steps.flatMap { step -> [HTTPConversation.Step] in
                switch step {
                case .client(let bytes):
                    let cut = Int.random(in: 0...bytes.count, using: &numbers)
                    let lost = Int.random(in: 1...20, using: &numbers)
                    return [
                        .client(Array(bytes[..<cut])), .clientGap(UInt64(lost)),
                        .client(Array(bytes.dropFirst(cut + lost))),
                    ]
                case .server(let bytes):
                    let cut = Int.random(in: 0...bytes.count, using: &numbers)
                    return [
                        .server(Array(bytes[..<cut])), .serverGap(1 << 40),
                        .server(Array(bytes[cut...])),
                    ]
                default: return [step]
                }
            }
            let whole = conversation.run()
            #expect(conversation.run { 1 } == whole, "round \(round)")
        }
    }

    // MARK: Detection and tunnels

    @Test(arguments: [
        ("GET /", Direction.toServer, Detection.yes), ("GE", .toServer, .needMore),
        ("\r\nPOST /x", .toServer, .yes), ("get / HTTP/1.1\r\n", .toServer, .yes),
        ("BREW /pot HTTP/1.0\r\n", .toServer, .yes), ("BREW /pot", .toServer, .needMore),
        ("OPTIONS * RTSP/1.0\r\n", .toServer, .yes),
        ("OPTIONS sip:a@b SIP/2.0\r\n", .toServer, .no), ("OPTIONS ", .toServer, .needMore),
        ("REPORT /a\r\n", .toServer, .yes), ("BASELINE-CONTROL /a\r\n", .toServer, .yes),
        ("OPTIONS * HTTP/1.1\r\n", .toServer, .yes),
        ("INVITE sip:a SIP/2.0\r\n", .toServer, .no), ("\u{16}\u{3}\u{1}", .toServer, .no),
        ("PRI * HTTP/2.0\r\n\r\nSM", .toServer, .no), ("HTTP/1.1 200 OK", .toClient, .yes),
        ("HTTP/1.1 200 OK", .toServer, .yesReversed), ("HT", .toClient, .needMore),
        ("GET / HTTP/1.1\r\n", .toClient, .yesReversed), ("220 ready\r\n", .toClient, .no),
        ("SSH-2.0-x\r\n", .toServer, .no),
    ])
    func `first bytes show that it is HTTP`(
        text: String, direction: Direction, expected: Detection
    ) {
        let bytes = Array(text.utf8)
        let found = HTTP.detect(bytes.span.bytes, direction)
        #expect(found == expected)
    }

    @Test(arguments: [
        ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 Connected\r\n\r\n"),
        (
            "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        ),
    ])
    func `what follows is handed over`(request: String, response: String) {
        let output = ParserOutput()
        let parser = HTTPParser()
        let client = Array(request.utf8)
        let server = Array(response.utf8) + [1, 2, 3]
        parser.parse(client.span.bytes, .toServer, into: output)
        #expect(!parser.handsOver)
        parser.parse(server.span.bytes, .toClient, into: output)
        #expect(parser.handsOver)
        #expect(parser.leftoverByteCount == 3)
        #expect(output.events.allSatisfy { $0.transaction?.fields.count(of: 0) == 1 })
    }

    @Test func `a refused tunnel leaves HTTP`() {
        let conversation = HTTPConversation(
            "refused",
            [
                .client("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
                .server("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"), .client(Self.get),
            ],
            [
                [
                    "http.host": ["h"], "http.port": ["443"], "http.uri": ["h:443"],
                    "http.status": ["407"],
                ], ["http.uri": ["/"]],
            ])
        conversation.check(conversation.run())
        #expect(conversation.run { 1 } == conversation.run())
    }

    // MARK: Tables

    @Test func `fields of both directions have a field for each`() {
        let definition = HTTP.definition
        // Of a transaction, not of messages.
        let whole = ["http.version", "http2.stream_id"]
        for (index, field) in definition.fields.enumerated()
        where field.direction == nil && !definition.anomalyFields.contains(index)
            && !whole.contains(field.name)
        {
            for direction in [Direction.toServer, .toClient] {
                let side = definition.fields[definition.field(direction, of: index)]
                #expect(side.direction == direction, "\(field.name)")
            }
        }
        let header = definition.index(of: "http.header")
        #expect(
            definition.fields[definition.field(.toClient, of: header)].name
                == "http.response.header")
    }

    @Test func `anomalies have Suricata's names, and fit into a word`() {
        #expect(HTTPAnomaly.allCases.count <= 64)
        #expect(HTTPAnomaly.continueAlreadySeen.name == "100_continue_already_seen")
        #expect(HTTPAnomaly.requestFieldMissingColon.name == "request_field_missing_colon")
        #expect(HTTPAnomaly.doubleEncodedUri.name == "double_encoded_uri")
    }
}
