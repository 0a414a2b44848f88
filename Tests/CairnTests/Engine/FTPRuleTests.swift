import Testing

@testable import Cairn

/// Suricata rules on FTP and its data connections, from frames to alerts.
@Suite struct FTPRuleTests {
    private static let client = IPAddress(v4: 0x0a00_0001)
    private static let server = IPAddress(v4: 0x0a00_0002)

    /// A control connection, and a second later a data connection that one end opens.
    private static func transfer(
        _ control: [(Direction, String)], opener: IPAddress, _ data: (Direction, String)
    ) -> [TrafficWriter.TimedFrame] {
        var writer = TrafficWriter()
        let other = opener == client ? server : client
        writer.tcp(
            client: .init(address: client, port: 40000), server: .init(address: server, port: 21),
            turns: control.map { .init(direction: $0.0, bytes: Array($0.1.utf8)) },
            at: Timestamp(nanoseconds: 1_000_000_000))
        writer.tcp(
            client: .init(address: opener, port: 20), server: .init(address: other, port: 1025),
            turns: [.init(direction: data.0, bytes: Array(data.1.utf8))],
            at: Timestamp(nanoseconds: 2_000_000_000))
        return writer.framesInTimeOrder
    }

    private static let download = transfer(
        [
            (.toServer, "USER a\r\n"), (.toClient, "331 b\r\n"), (.toServer, "EPSV\r\n"),
            (.toClient, "229 Entering (|||1025|)\r\n"), (.toServer, "RETR dir/x.txt\r\n"),
            (.toClient, "150 now\r\n"),
        ], opener: client, (.toClient, "GET / HTTP/1.1 root"))

    private static let upload = transfer(
        [
            (.toServer, "USER a\r\n"), (.toClient, "331 b\r\n"),
            (.toServer, "PORT 10,0,0,9,4,1\r\n"), (.toClient, "200 ok\r\n"),
            (.toServer, "STOR y.bin\r\n"), (.toClient, "150 now\r\n"),
        ], opener: server, (.toClient, "root"))

    private static let list = transfer(
        [
            (.toServer, "USER a\r\n"), (.toServer, "PORT 10,0,0,1,4,1\r\n"),
            (.toServer, "LIST\r\n"),
        ], opener: server, (.toServer, "root"))

    @Test(arguments: [
        ("ftp", "ftp.command; content:\"RETR\";", 1, 0, 0),
        ("ftp", "ftp.command_data; content:\"dir/x.txt\";", 1, 0, 0),
        ("ftp", "ftp.reply; content:\"now\"; ftp.completion_code; content:\"150\";", 1, 1, 0),
        ("ftp", "ftp.dynamic_port:1025;", 2, 2, 2), ("ftp", "ftp.mode:passive;", 2, 0, 0),
        ("ftp", "flow:to_server; ftp.mode:active;", 0, 1, 1),
        ("ftp", "ftp.reply_received:no;", 0, 0, 3), ("tcp", "ftpbounce;", 0, 1, 0),
        ("ftp-data", "ftpdata_command:retr;", 1, 0, 0),
        ("ftp-data", "flow:to_server; ftpdata_command:stor;", 0, 1, 0),
        ("ftp-data", "file.data; content:\"root\";", 1, 1, 0),
        ("ftp-data", "flow:to_server; file.data; content:\"root\";", 0, 0, 0),
        ("ftp-data", "file.name; content:\"x.txt\";", 1, 0, 0),
        ("ftp-data", "fileext:\"bin\";", 0, 1, 0), ("http", "http.uri; content:\"/\";", 0, 0, 0),
    ])
    func `rules hold on FTP`(
        header: String, options: String, down: Int, up: Int, list: Int
    ) throws {
        let rules = "alert \(header) any any -> any any (\(options) sid:1;)\n"
        #expect(try RuleRun.alerts(rules, Self.download)[1] ?? 0 == down, "download")
        #expect(try RuleRun.alerts(rules, Self.upload)[1] ?? 0 == up, "upload")
        #expect(try RuleRun.alerts(rules, Self.list)[1] ?? 0 == list, "list")
    }
}
