import Testing

@testable import Cairn

/// With which packets rules on payload look at streams of protocols that say when something has come.
@Suite struct ChunkRuleTests {
    private typealias Turn = RuleRun.Turn

    private static func count(
        _ rule: String, _ frames: [TrafficWriter.TimedFrame]
    ) throws -> Int {
        try RuleRun.alerts("alert tcp any any -> any any (\(rule) sid:1;)\n", frames)[
            1, default: 0]
    }

    /// How many more alerts each further piece of 1000 bytes makes: 3 pieces make a chunk until so much has come that each is
    /// looked at.
    private static func increase(
        from first: Int, to last: Int, _ frames: (Int) -> [TrafficWriter.TimedFrame]
    ) throws -> Int {
        try count("content:\"~\";", frames(last)) - count("content:\"~\";", frames(first))
    }

    private static let piece = String(repeating: "~", count: 998) + "\r\n"

    @Test(arguments: [
        (Direction.toClient, 12, 36, 8), (.toClient, 45, 57, 12), (.toServer, 12, 27, 5),
        (.toServer, 39, 51, 12),
    ])
    func `each piece of a large HTTP body`(
        direction: Direction, first: Int, last: Int, more: Int
    ) throws {
        let frames = { (count: Int) in
            let pieces = (0..<count).map { _ in turn(direction, Self.piece) }
            let length = "Content-Length: 90000\r\n\r\n"
            let head =
                direction == .toServer
                ? [turn(.toServer, "POST / HTTP/1.1\r\nHost: a\r\n\(length)")]
                : [
                    turn(.toServer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                    turn(.toClient, "HTTP/1.1 200 OK\r\n\(length)"),
                ]
            return RuleRun.conversation(head + pieces)
        }
        #expect(try Self.increase(from: first, to: last, frames) == more)
    }

    @Test(arguments: [
        ("7bit", 12, 27, 5), ("7bit", 39, 51, 12), ("7bit", 108, 120, 4), ("base64", 12, 36, 8),
        ("base64", 51, 63, 12),
    ])
    func `each piece of a large file in a mail`(
        encoding: String, first: Int, last: Int, more: Int
    ) throws {
        let frames = { (count: Int) in
            let pieces = (0..<count).map { _ in turn(.toServer, Self.piece) }
            let head = [
                turn(.toClient, "220 a ESMTP\r\n"), turn(.toServer, "EHLO a\r\n"),
                turn(.toClient, "250 a\r\n"), turn(.toServer, "MAIL FROM:<a@a>\r\n"),
                turn(.toClient, "250 ok\r\n"), turn(.toServer, "RCPT TO:<b@a>\r\n"),
                turn(.toClient, "250 ok\r\n"), turn(.toServer, "DATA\r\n"),
                turn(.toClient, "354 go on\r\n"),
                turn(
                    .toServer,
                    "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
                        + "\(encoding)\r\nContent-Disposition: attachment; filename=a\r\n\r\n"),
            ]
            return RuleRun.conversation(head + pieces, port: 25)
        }
        #expect(try Self.increase(from: first, to: last, frames) == more)
    }

    /// Both ends name themselves, change keys and encrypt.
    private static let ssh: [TrafficWriter.TimedFrame] = {
        let newKeys: [UInt8] = [0, 0, 0, 12, 10, 21] + Array(repeating: 0, count: 10)
        let sealed = Array(repeating: UInt8(0xee), count: 40)
        let directions: [Direction] = [.toServer, .toClient]
        return RuleRun.conversation(
            directions.map { turn($0, "SSH-2.0-probe\r\n") }
                + directions.map { Turn(direction: $0, bytes: SSHTests.offer(SSHTests.lists)) }
                + directions.map { Turn(direction: $0, bytes: newKeys) }
                + directions.map { Turn(direction: $0, bytes: sealed) }, port: 22)
    }()

    @Test func `what was said in clear is looked at when an encrypted connection ends`() throws {
        #expect(try Self.count("content:\"SSH-2.0-probe\";", Self.ssh) == 2)
        #expect(try Self.count("content:\"|ee ee|\";", Self.ssh) == 0)
    }

    @Test func `each PDU of DCE/RPC`() throws {
        let frames = RuleRun.conversation(
            [
                Turn(
                    direction: .toServer,
                    bytes: DCERPCMaker.bind(call: 1, [(0, DCERPCMaker.svcctl, 2)])),
                Turn(direction: .toClient, bytes: DCERPCMaker.bindAck(call: 1, [0])),
            ]
                + (2..<5).flatMap { (call: UInt32) in
                    [
                        Turn(
                            direction: .toServer,
                            bytes: DCERPCMaker.request(call: call, opnum: 12, [1, 2, 3, 4])),
                        Turn(
                            direction: .toClient,
                            bytes: DCERPCMaker.response(call: call, [5, 6, 7, 8])),
                    ]
                }, port: 135)
        #expect(try Self.count("flow:to_server; content:\"|01 02 03 04|\";", frames) == 3)
        #expect(try Self.count("flow:to_client; content:\"|05 06 07 08|\";", frames) == 3)
    }
}
