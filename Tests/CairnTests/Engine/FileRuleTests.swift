import Testing

@testable import Cairn

/// Suricata's keywords about files, from frames to alerts.
@Suite struct FileRuleTests {
    private static let boundary = "--b"
    private static let first = part("one.jpg", "alpha bateau")
    private static let second = part("two.jpg", "beta minet")
    private static let end = "--\(boundary)--\r\n"

    private static func part(_ name: String, _ content: String) -> String {
        """
        --\(boundary)\r
        Content-Disposition: form-data; name="u"; filename="\(name)"\r
        Content-Type: image/jpeg\r
        \r
        \(content)\r

        """
    }

    /// A form with two files in segments that are cut as the pieces say, and an answer.
    private static func form(_ pieces: [String]) -> [TrafficWriter.TimedFrame] {
        let byteCount = pieces.joined().utf8.count
        let head =
            "POST /upload.cgi HTTP/1.1\r\nHost: a\r\n"
            + "Content-Type: multipart/form-data; boundary=\(boundary)\r\n"
            + "Content-Length: \(byteCount)\r\n\r\n"
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        return RuleRun.conversation(
            ([head] + pieces).map { .init(direction: .toServer, bytes: Array($0.utf8)) } + [
                .init(direction: .toClient, bytes: Array(answer.utf8))
            ])
    }

    /// Both files in one segment; each in one of its own.
    private static let together = form([first + second + end])
    private static let apart = form([first, second + end])

    // The counts are those of Suricata 7.0.10, but where it looks for the content of a second file: there those of 8.
    @Test(arguments: [
        ("filestore;", 2, 3), ("filestore:request;", 2, 3), ("filestore:to_client,flow;", 2, 3),
        ("flow:to_client; filestore;", 1, 1), ("flow:to_server; filestore:both,tx;", 1, 2),
        ("http.uri; content:\"upload\"; filestore:response,tx;", 1, 2),
        ("http.stat_code; content:\"200\"; filestore;", 1, 1),
        ("filename:\"one.jpg\";", 1, 1), ("filename:\"two.jpg\";", 1, 1),
        ("filename:\"three.jpg\"; filestore;", 0, 0),
        ("filename:\"one.jpg\"; filestore;", 1, 2), ("filename:\"two.jpg\"; filestore;", 1, 1),
        ("http.method; content:\"POST\"; filename:\"one.jpg\";", 1, 1),
        ("http.method; content:\"GET\"; filename:\"one.jpg\"; filestore;", 0, 0),
        ("fileext:\"jpg\";", 1, 1), ("fileext:\"jpg\"; filesize:10;", 1, 1),
        ("filename:\"one.jpg\"; filesize:10;", 1, 1), ("filesize:12;", 1, 1),
        ("http.uri; content:\"upload\"; filesize:>2;", 1, 1),
        ("file.data; content:\"bateau\"; file.name; content:\"two.jpg\";", 1, 1),
        ("file.data; content:\"minet\"; file.name; content:\"one.jpg\";", 1, 1),
        ("file.data; content:\"bateau\"; file.data; content:\"minet\";", 1, 1),
        ("file.data; content:\"bateau\"; content:\"minet\";", 0, 0),
        ("file.data; content:\"bateau\"; file.data; content:\"minet\"; distance:0;", 0, 0),
        ("file.data; content:\"alpha\"; file.data; content:\"bateau\"; distance:1;", 1, 1),
    ])
    func `a rule on files looks at all of a side together`(
        options: String, together: Int, apart: Int
    ) throws {
        let rule = "alert http any any -> any any (\(options) sid:1;)\n"
        #expect(try RuleRun.alerts(rule, Self.together)[1] ?? 0 == together)
        #expect(try RuleRun.alerts(rule, Self.apart)[1] ?? 0 == apart)
    }

    @Test func `files may meet tests together that came in different packets`() throws {
        let cut = Self.second.index(Self.second.endIndex, offsetBy: -7)
        let pieces = [Self.first, String(Self.second[..<cut]), Self.second[cut...] + Self.end]
        let rule =
            "alert http any any -> any any"
            + " (file.data; content:\"minet\"; file.name; content:\"one.jpg\"; sid:1;)\n"
        #expect(try RuleRun.alerts(rule, Self.form(pieces)) == [1: 1])
    }

    @Test(arguments: ["tcp", "ip", "http1"])
    func `files of any protocol that carries some`(header: String) throws {
        let rule = "alert \(header) any any -> any any (filestore; sid:1;)\n"
        #expect(try RuleRun.alerts(rule, Self.apart) == [1: 3])
    }

    // MARK: Lists of hashes

    private static let answer: [TrafficWriter.TimedFrame] = RuleRun.conversation([
        .init(direction: .toServer, bytes: Array("GET /a HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
        .init(
            direction: .toClient,
            bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".utf8)),
    ])

    @Test(arguments: [
        ("filemd5", "900150983cd24fb0d6963f7d28e17f72"),
        ("filesha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("filesha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `hashes of files in a list beside the rules`(keyword: String, hash: String) throws {
        let files = [
            "good": "# known\n\n\(hash.uppercased())  abc.txt\n", "none": "",
            "bad": "\(hash)\nabc\n",
        ]
        try RuleRun.withFolder(files) { folder in
            let rules = ["good", "none", "!good", "!none"].enumerated().map {
                "alert http any any -> any any (\(keyword):\($1); sid:\($0 + 1);)\n"
            }.joined()
            #expect(
                try RuleRun.alerts(rules, Self.answer, path: "\(folder)/x.rules") == [1: 1, 4: 1])
            let bad = RuleLoader().load(
                source: "alert http any any -> any any (\(keyword):bad; sid:1;)\n".utf8,
                path: "\(folder)/x.rules")
            #expect(
                Engine(rules: bad).diagnostics.map(\.message) == [
                    "the set's file '\(folder)/bad': line 2 is no value of it"
                ])
            let missing = RuleLoader().load(
                source: "alert http any any -> any any (\(keyword):no; sid:1;)\n".utf8,
                path: "\(folder)/x.rules")
            let diagnostic = try #require(Engine(rules: missing).diagnostics.first)
            #expect(diagnostic.location.line == 1)
            #expect(
                diagnostic.message
                    == "the set's file '\(folder)/no' cannot be read: No such file or directory")
        }
    }

    @Test func `a file of which the end is missing has no hash and no known size`() throws {
        let cut = RuleRun.conversation([
            .init(direction: .toServer, bytes: Array("GET /a HTTP/1.1\r\nHost: a\r\n\r\n".utf8)),
            .init(
                direction: .toClient,
                bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".utf8)),
        ])
        let rules = ["filesize:3", "filesize:<9", "filesize:>2", "filesize:1<>9"].enumerated()
            .map { "alert http any any -> any any (\($1); sid:\($0 + 1);)\n" }.joined()
        #expect(try RuleRun.alerts(rules, cut) == [3: 1])
    }

    @Test(arguments: [
        ("dns", "filestore;", "dns carries no files"),
        ("http", "filestore:sideways;", "'filestore' takes one of"),
        ("http", "filestore:both,packet;", "'filestore' is about a file, a tx or a flow"),
        ("http", "filemd5:!;", "the name of a list is missing"),
        ("tcp", "flags:S; filestore;", "look at single packets"),
    ])
    func `mistakes`(header: String, options: String, message: String) {
        let set = RuleLoader().load(
            source: "alert \(header) any any -> any any (\(options) sid:1;)\n".utf8,
            path: "x.rules")
        #expect(RuleFixtures.messages(set).contains { $0.contains(message) }, "\(set.diagnostics)")
    }
}
