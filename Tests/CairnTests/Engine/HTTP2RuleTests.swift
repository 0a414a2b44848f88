import Testing

@testable import Cairn

/// Suricata rules on HTTP/2, from frames to alerts.
@Suite struct HTTP2RuleTests {
    private typealias Maker = HTTP2Maker

    /// Settings, an exchange with bodies, a window that is opened later, and the end of the connection.
    private static let exchange = RuleRun.conversation([
        turn(
            .toServer,
            Maker.preface + Maker.frame(.settings, [0, 1, 0, 0, 0x10, 0])
                + Maker.headers(
                    1, ends: false,
                    [
                        ":method: POST", ":path: /up?load", ":authority: Some.Host:80",
                        "cookie: a=1", "cookie: b=2",
                    ]) + Maker.data(1, "sent")),
        turn(
            .toClient,
            Maker.frame(.settings, flags: 1)
                + Maker.headers(1, ends: false, [":status: 404", "server: s"])
                + Maker.data(1, ends: false, "not ")),
        turn(.toServer, Maker.frame(.windowUpdate, stream: 1, [0, 0, 0, 9])),
        turn(.toClient, Maker.data(1, "found")),
        turn(.toServer, Maker.frame(.goAway, [0, 0, 0, 0, 0, 0, 0, 0])),
    ])

    /// HTTP/1, then HTTP/2 on the same connection.
    private static let upgrade = RuleRun.conversation([
        turn(
            .toServer,
            Array("GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n".utf8)),
        turn(.toClient, Array("HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n".utf8)),
        turn(.toServer, Maker.preface),
        turn(.toClient, Maker.headers(1, [":status: 200"])),
    ])

    private static func count(
        _ header: String, _ options: String, _ frames: [TrafficWriter.TimedFrame]
    ) throws -> Int {
        try RuleRun.alerts("alert \(header) any any -> any any (\(options) sid:1;)\n", frames)[1]
            ?? 0
    }

    // The counts are those of Suricata 7.0.10.
    @Test(arguments: [
        ("http", "http.uri; content:\"/up\";", 1), ("tcp", "http.uri; content:\"/up\";", 1),
        ("http2", "http.uri; content:\"/up\";", 1), ("http1", "http.uri; content:\"/up\";", 0),
        ("http2", "http.method; content:\"POST\"; http.header; content:!\"cookie\";", 1),
        ("http2", "http.host; content:\"some.host\"; startswith; endswith;", 1),
        ("http2", "http.cookie; content:\"a=1, b=2\";", 1),
        ("http2", "http.header; content:\"server: s|0d 0a|\";", 1),
        ("http2", "http.header_names; content:\"|0d 0a|:status|0d 0a|server|0d 0a 0d 0a|\";", 1),
        (
            "http2", "http2.header_name; content:\":path\"; http2.header_name; content:\"cookie\";",
            1
        ),
        ("http2", "http.stat_code; content:\"404\";", 1), ("http2", "http.stat_msg; bsize:0;", 3),
        ("http2", "http.protocol; content:\"HTTP/2\";", 6), ("http2", "urilen:8;", 1),
        ("http", "http.request_body; content:\"sent\";", 1),
        ("http2", "http.response_body; content:\"not found\"; startswith; endswith;", 1),
        ("http2", "file.data; content:\"not found\";", 1),
        ("http2", "file.data; content:\"sent\";", 0),
        ("http2", "http2.frametype:SETTINGS;", 1), ("http2", "http2.frametype:DATA;", 2),
        ("http2", "flow:to_server; http2.frametype:windowupdate;", 1),
        ("http2", "http2.frametype:7;", 1), ("http2", "http2.errorcode:NO_ERROR;", 1),
        ("http2", "http2.errorcode:!NO_ERROR;", 0), ("http2", "http2.errorcode:!CANCEL;", 1),
        ("http2", "http2.window:9;", 1), ("http2", "http2.window:>9;", 0),
        ("http2", "http2.settings:SETTINGS_HEADER_TABLE_SIZE=4096;", 1),
        ("http2", "http2.settings:SETTINGS_ENABLE_PUSH=1;", 0), ("http2", "http2.priority:>0;", 0),
        ("http2", "app-layer-event:http2.authority_host_mismatch;", 0),
    ])
    func `rules hold on HTTP/2`(header: String, options: String, count: Int) throws {
        #expect(try Self.count(header, options, Self.exchange) == count)
    }

    @Test(arguments: [("http1", 1), ("http2", 1), ("http", 2)])
    func `a request that HTTP/1 was upgraded by is one of both`(header: String, count: Int) throws {
        #expect(try Self.count(header, "http.uri; content:\"/up\";", Self.upgrade) == count)
    }

    @Test(arguments: [("http1", 1, 0), ("http2", 0, 1)])
    func `statuses belong to the version that has them`(header: String, old: Int, new: Int) throws {
        #expect(try Self.count(header, "http.stat_code; content:\"101\";", Self.upgrade) == old)
        #expect(try Self.count(header, "http.stat_code; content:\"200\";", Self.upgrade) == new)
    }

    @Test(arguments: [
        "http2.frametype:NOISE;", "http2.settings:SETTINGS_NOISE=1;", "http2.window:x;",
    ])
    func `what is no such value is a mistake`(options: String) {
        let set = SuricataRuleReaderTests.load(
            "alert http2 any any -> any any (\(options) sid:1;)\n")
        #expect(set.detections.isEmpty)
        #expect(!RuleFixtures.messages(set).isEmpty)
    }
}
