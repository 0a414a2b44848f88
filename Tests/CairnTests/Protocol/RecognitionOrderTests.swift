import Testing

@testable import Cairn

/// Which protocol a stream speaks does not depend on how its bytes are cut, though several may be
/// possible.
@Suite struct RecognitionOrderTests {
    /// The first bytes of one direction.
    struct Opening: Sendable {
        var name: String
        var bytes: [UInt8]
        var direction: Direction

        init(_ name: String, _ text: String, _ direction: Direction = .toServer) {
            (self.name, bytes, self.direction) = (name, Array(text.utf8), direction)
        }

        init(_ name: String, hex: String, _ direction: Direction = .toServer) {
            (self.name, bytes, self.direction) = (name, [UInt8](hex: hex), direction)
        }
    }

    /// At least one of every protocol that is looked for in streams.
    private static let openings =
        [
            Opening("http", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"),
            Opening("http", "LIST /a HTTP/1.1\r\nHost: a\r\n\r\n"),
            Opening("http", "\r\nHTTP/1.1 200 OK\r\n\r\n", .toClient),
            Opening("http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            Opening("http2", hex: "00000c0400 00000000 0003", .toClient),
            Opening(
                "dns", hex: "001d 1234 0100 0001 0000 0000 0000 0161076578616d706c65 00 0001 0001"),
            Opening(
                "dns", hex: "001d 1234 8183 0001 0000 0000 0000 0161076578616d706c65 00 0001 0001",
                .toClient),
            Opening("dns", hex: "4185 08ae 0100 05dc 0000 0000 0000 03616263 00 0001 0001"),
            Opening("tls", hex: "16 0301 0100 01 0000fc 0303"),
            Opening("tls", hex: "15 0301 0002 02 28", .toClient),
            Opening("tls", hex: "802e 01 0002 0015 0000 0010 01 0080 02 0080"),
            Opening("smb", hex: "00000054 ff534d42 72 00000000 18 0128 0000 000000000000"),
            Opening(
                "smb", hex: "00000080 fe534d42 4000 0000 00000000 0000 0100 01000000 00000000",
                .toClient),
            Opening("smb", hex: "81000044 20 434b4644 454e4543"),
            Opening("dcerpc", hex: "05000b03 10000000 4800 0000 01000000 b810b810"),
            Opening("krb5", hex: "00000040 6a3e 303c a103020105 a20302010a a3"),
            Opening("rdp", hex: "03000013 0ee000000000 00 01000800 03000000"),
            Opening("ssh", "SSH-2.0-OpenSSH_9.6\r\n"),
            Opening("smtp", "EHLO client.example\r\n"),
            Opening("ftp", "USER anonymous\r\n"), Opening("ftp", "FEAT\r\n"),
            Opening("ftp", "PORT /up HTTP/1.1\r\nHost: a\r\n\r\n"),
            Opening("ftp", "220 (vsFTPd 3.0.3)\r\n", .toClient),
            Opening("imap", "1 capability\r\n"), Opening("rfb", "RFB 003.008\n"),
            Opening("telnet", hex: "fffd18 fffd20 fffb01"), Opening("telnet", "login: ", .toClient),
            Opening("mqtt", hex: "100f00044d515454 04 02 003c 0003 616263"),
            Opening(
                "nfs",
                hex: """
                    80000048 00001234 00000000 00000002 000186a3 00000003 00000001
                    00000000 00000000 00000000 00000000
                    """),
            Opening("modbus", hex: "0001 0000 0006 01 03 00000001"),
            Opening("dnp3", hex: "0564 05 c0 0100 0004 e921"),
            Opening("enip", hex: "6500 0400 00000000 00000000 0000000000000000 00000000 01000000"),
            Opening("pgsql", hex: "00000008 04d2162f"),
            Opening("pgsql", "SSL, then more", .toClient),
        ]
        + ["USER", "PASS", "EHLO", "QUIT", "RFB", "1"].map {
            Opening("http", "\($0) /a HTTP/1.0\n")
        }

    private static let ports: [UInt16] =
        Set(
            Protocols.all.filter(\.overTCP).flatMap { $0.ports.prefix(1) } + [9999]
        ).sorted()

    /// Whole, cut anywhere once, and in single bytes.
    private func expectSame(
        _ bytes: [UInt8], at port: UInt16, _ direction: Direction, _ streams: Streams
    ) {
        func recognized(_ bytes: [UInt8], cut places: [Int]) -> String {
            streams.recognized(bytes, cut: places, at: port, direction)
        }
        let whole = recognized(bytes, cut: [])
        let single = recognized(bytes, cut: Array(bytes.indices))
        #expect(single == whole, "\(bytes) at \(port), in single bytes")
        for place in bytes.indices.dropFirst() {
            let cut = recognized(bytes, cut: [place])
            guard cut != whole else { continue }
            Issue.record("\(bytes) at \(port) is \(whole), but cut at \(place) it is \(cut)")
        }
    }

    @Test func `every protocol over TCP has an opening here`() {
        let names = Protocols.all.filter { $0.overTCP && $0 !== FTP.dataDefinition }.map(\.name)
        let llmnr = DNS.linkLocalDefinition.name
        #expect(Set(Self.openings.map(\.name)) == Set(names).subtracting([llmnr]))
    }

    @Test(arguments: openings) func `how an opening is cut does not matter`(opening: Opening) {
        let streams = Streams()
        for port in Self.ports {
            for direction in [Direction.toServer, .toClient] {
                expectSame(opening.bytes, at: port, direction, streams)
            }
        }
    }

    @Test func `how what becomes of openings by chance is cut does not matter`() throws {
        let streams = Streams()
        var numbers = SeededNumbers(seed: 1)
        for _ in 0..<600 {
            let first = try #require(Self.openings.randomElement(using: &numbers))
            let second = try #require(Self.openings.randomElement(using: &numbers))
            let place = Int.random(in: 0...min(8, first.bytes.count), using: &numbers)
            let spliced = Array(first.bytes.prefix(place) + second.bytes.dropFirst(place))
            let bytes = Bool.random(using: &numbers) ? spliced : spliced.mutated(&numbers)
            let port = try #require(Self.ports.randomElement(using: &numbers))
            expectSame(bytes, at: port, first.direction, streams)
        }
    }

    /// A detector that changes its mind would make the order of no use.
    @Test func `only what needs more bytes changes with them`() throws {
        var numbers = SeededNumbers(seed: 2)
        for _ in 0..<300 {
            let opening = try #require(Self.openings.randomElement(using: &numbers))
            let bytes =
                Bool.random(using: &numbers) ? opening.bytes : opening.bytes.mutated(&numbers)
            for definition in Protocols.all where definition.overTCP {
                for isAtPort in [false, true] {
                    let context = DetectionContext(
                        direction: opening.direction, isAtPort: isAtPort)
                    var seen: [Detection] = []
                    for count in 0...bytes.count {
                        seen.append(
                            bytes.prefix(count).withUnsafeBytes {
                                definition.detector($0.bytes, context)
                            })
                    }
                    let decided = seen.firstIndex { $0 != .needMore } ?? seen.count
                    let isSteady = seen[decided...].allSatisfy { $0 == seen[decided] }
                    #expect(isSteady, "\(definition.name) of \(bytes)")
                }
            }
        }
    }

    @Test(
        arguments: [
            ("PORT /up HTTP/1.1\r\n", 80, "http"), ("PORT /up HTTP/1.1\r\n", 21, "ftp"),
            ("PORT /up HTTP/1.1\r\n", 9999, "http"), ("PORT 1,2,3,4,5,6\r\n", 9999, "ftp"),
            ("EHLO / HTTP/1.1\r\n", 25, "smtp"), ("EHLO / HTTP/1.1\r\n", 8080, "http"),
            ("GET / HTTP/1.1\r\n", 23, "http"), ("POST / HTTP/1.1\r\n", 1883, "http"),
            ("Welcome", 23, "telnet"), ("USER a", 9999, "nothing"), ("USER a\n", 9999, "ftp"),
            ("PA", 1883, "mqtt"),
        ] as [(String, UInt16, String)])
    func `the order of protocols decides where several are possible`(
        text: String, port: UInt16, name: String
    ) {
        let streams = Streams()
        expectSame(Array(text.utf8), at: port, .toServer, streams)
        #expect(streams.recognized(Array(text.utf8), cut: [1], at: port, .toServer) == name)
    }
}

/// Recognises one stream after the other.
private final class Streams {
    private let sessions = ProtocolSessions()
    private let output = ParserOutput()
    private let flow = FlowPointer.allocate(capacity: 1)

    init() { flow.initialize(to: Flow()) }

    deinit { flow.deallocate() }

    /// What a stream is taken for that comes in these pieces.
    func recognized(
        _ bytes: [UInt8], cut places: [Int], at port: UInt16, _ direction: Direction
    ) -> String {
        var value = Flow()
        value.transport = .tcp
        value.clientPort = 40_000
        value.serverPort = port
        flow.pointee = value
        var start = 0
        bytes.withUnsafeBytes { bytes in
            for place in places + [bytes.count] where place > start {
                let chunk = StreamChunk(
                    kind: .data, direction: direction, offset: UInt64(start),
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
                sessions.consume(chunk, flow: flow, output: output)
                output.drain()
                start = place
            }
        }
        sessions.finish(flow, output: output)
        output.drain()
        defer { sessions.release(flow) }
        let name = sessions.definition(of: flow)?.name ?? "nothing"
        return sessions.isReversed(flow) ? "\(name), reversed" : name
    }
}
