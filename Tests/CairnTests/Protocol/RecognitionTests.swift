import Testing

@testable import Cairn

/// Protocols that are recognised by their first bytes, from literal ones.
@Suite struct RecognitionTests {
    /// First bytes, and what they are; nil if they are nothing that is known.
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String?
        var port: UInt16
        var direction: Direction
        var bytes: [UInt8]

        init(_ name: String?, at port: UInt16, _ bytes: [UInt8], _ direction: Direction = .toServer)
        {
            self.name = name
            self.port = port
            self.direction = direction
            self.bytes = bytes
        }

        init(_ name: String?, at port: UInt16, _ text: String, _ direction: Direction = .toServer) {
            self.init(name, at: port, Array(text.utf8), direction)
        }

        init(
            _ name: String?, at port: UInt16, hex: String, _ direction: Direction = .toServer
        ) {
            self.init(name, at: port, [UInt8](hex: hex), direction)
        }

        var testDescription: String { "\(name ?? "nothing") at \(port): \(bytes.prefix(32))" }
    }

    private func recognized(
        _ item: Case, over transport: Transport, _ definitions: [ProtocolDefinition]
    ) -> String? {
        let sessions = ProtocolSessions(definitions: definitions)
        let flow = FlowPointer.allocate(capacity: 1)
        defer { flow.deallocate() }
        var value = Flow()
        value.transport = transport
        value.clientPort = 40_000
        value.serverPort = item.port
        flow.initialize(to: value)
        let output = ParserOutput()
        item.bytes.withUnsafeBytes { bytes in
            if transport == .udp {
                sessions.datagram(bytes, item.direction, flow: flow, output: output)
            } else {
                // Cut into single bytes, which must not matter.
                for index in bytes.indices {
                    let piece = UnsafeRawBufferPointer(rebasing: bytes[index...index])
                    sessions.consume(
                        StreamChunk(
                            kind: .data, direction: item.direction, offset: UInt64(index),
                            bytes: piece), flow: flow, output: output)
                }
            }
        }
        sessions.finish(flow, output: output)
        return sessions.definition(of: flow)?.name
    }

    private static let onByDefault = Protocols.enabled(Settings())

    @Test(arguments: [
        Case("smtp", at: 99, "EHLO client.example\r\n"), Case("smtp", at: 21, "helo a\r\n"),
        Case("smtp", at: 25, "QUIT\r\n"), Case(nil, at: 25, "MAIL FROM:<a@b>\r\n"),
        Case(nil, at: 25, "220 mail.example ESMTP\r\n", .toClient),
        Case(nil, at: 25, "EHLO a\r\n", .toClient),
        Case("ftp", at: 99, "USER anonymous\r\n"), Case("ftp", at: 21, "pass x\r\n"),
        Case("ftp", at: 21, "PORT 1,2,3,4,5,6\r\n"), Case("ftp", at: 21, "FEAT\r\n"),
        Case("ftp", at: 21, "220 (vsFTPd 3.0.3)\r\n", .toClient), Case(nil, at: 21, "LIST\r\n"),
        Case(nil, at: 21, "220 ready\r\n", .toClient), Case(nil, at: 21, "USERS\r\n"),
        Case("ssh", at: 99, "SSH-2.0-OpenSSH_9.6\r\n"), Case("ssh", at: 22, "ssh-", .toClient),
        Case(nil, at: 22, "SSH"), Case(nil, at: 22, " SSH-2.0-x\r\n"),
        Case("imap", at: 143, "1 capability\r\n"), Case(nil, at: 143, "1 CAPABILITY\r\n"),
        Case(nil, at: 143, "1 capability\r\n", .toClient),
        Case("rfb", at: 99, "RFB 003.008\n"), Case("rfb", at: 5900, "RFB 003.008\n", .toClient),
        Case("http2", at: 99, "PRI * HTTP/2.0\r\n"), Case(nil, at: 99, "PRI * HTTP/2.0"),
        Case("http2", at: 80, hex: "00000c0400 00000000", .toClient),
        Case(nil, at: 81, hex: "00000c0400 00000000", .toClient),
        Case(nil, at: 80, hex: "00000c0000 00000001", .toClient),
    ])
    func `a stream is recognised by its first words`(item: Case) {
        #expect(recognized(item, over: .tcp, Self.onByDefault) == item.name)
    }

    @Test(arguments: [
        Case("dns", at: 99, hex: "4185 08ae 0100 05dc 0000 0000 0000 03616263 00 0001 0001"),
        Case("dns", at: 53, hex: "8185 08ae 0100 05dc 0000 0000 0000 03616263 00 0001 0001"),
        Case(nil, at: 99, hex: "8185 08ae 0100 05dc 0000 0000 0000 03616263 00 0001 0001"),
        Case(nil, at: 99, hex: "4185 08ae 0100 0ddc 0000 0000 0000 03616263 00 0001 0001"),
    ])
    func `a long first message is DNS on any port if it holds what it says`(item: Case) {
        #expect(recognized(item, over: .tcp, Self.onByDefault) == item.name)
    }

    @Test(arguments: [
        Case("telnet", at: 23, hex: "fffd18"), Case("telnet", at: 23, "login: ", .toClient),
        Case(nil, at: 24, hex: "fffd18"), Case(nil, at: 23, "x"),
        Case("mqtt", at: 1883, hex: "100f00044d515454"), Case("mqtt", at: 1883, hex: "20020000"),
        Case(nil, at: 1884, hex: "100f00044d515454"), Case(nil, at: 1883, hex: "00020000"),
        Case(nil, at: 1883, hex: "10ffffffff00"), Case(nil, at: 1883, hex: "3605"),
        Case(
            "nfs", at: 2049,
            hex: """
                80000048 00001234 00000000 00000002 000186a3 00000003 00000001
                00000000 00000000 00000000 00000000
                """),
        Case(
            nil, at: 2049,
            hex: """
                80000048 00001234 00000000 00000002 000186a5 00000003 00000001
                00000000 00000000 00000000 00000000
                """),
        Case(
            "nfs", at: 2049, hex: "80000018 00001234 00000001 00000000 00000000 00000000 00000000",
            .toClient),
        Case(
            nil, at: 2049, hex: "80000018 00001234 00000001 00000001 00000000 00000000 00000000",
            .toClient),
    ])
    func `a stream at a protocol's port needs little`(item: Case) {
        #expect(recognized(item, over: .tcp, Self.onByDefault) == item.name)
    }

    private static let snmp =
        "302602010104067075626c6963a01902047f3c5e6f020100020100300b300906052b060102010500"
    private static let ike1 = "e47a591fd057587f 0000000000000000 01100200 00000000 00000050"
    private static let ike2 = "864330ac30e6564d 0000000000000000 21202208 00000000 0000001c"

    @Test(arguments: [
        Case("tftp", at: 69, hex: "0001 6100 6f6374657400"), Case(nil, at: 69, "hello"),
        Case(nil, at: 69, hex: "000161"), Case(nil, at: 70, hex: "0001 6100 6f6374657400"),
        Case("snmp", at: 161, hex: snmp), Case("snmp", at: 162, hex: snmp + "00"),
        // A request to set a value, of a community without a name.
        Case(
            "snmp", at: 161,
            hex: "3028 020100 0400 a321 0204 7b086e69 020100 020100 3013 3011 06082b06010201010500"
                + "0405 6d75736563"),
        Case(nil, at: 161, hex: String(snmp.dropLast(2))), Case(nil, at: 161, hex: "3003020100"),
        Case("ntp", at: 123, [0x1b] + Array(repeating: 0, count: 47)),
        Case("ntp", at: 123, [0x23] + Array(repeating: 0, count: 67)),
        Case(nil, at: 123, [0x23] + Array(repeating: 0, count: 59)),
        Case(nil, at: 123, [0x13] + Array(repeating: 0, count: 47)),
        Case(nil, at: 123, [0x1b] + Array(repeating: 0, count: 46)),
        Case("dhcp", at: 67, [1, 1, 6, 0] + Array(repeating: 0, count: 236)),
        Case("dhcp", at: 68, [2, 1, 6, 0] + Array(repeating: 0, count: 236)),
        Case(nil, at: 67, [1, 1, 6, 0] + Array(repeating: 0, count: 235)),
        Case("ike", at: 500, hex: ike1), Case("ike", at: 500, hex: ike2),
        Case(nil, at: 500, hex: String(ike2.dropLast(1)) + "d"), Case(nil, at: 4500, hex: ike1),
        Case("quic", at: 443, hex: "c3 00000001 08 0102030405060708 00 00 04 aabbccdd"),
        Case(nil, at: 443, hex: "c3 00000001 08 0102030405060708 00 00 05 aabbccdd"),
        Case(nil, at: 443, hex: "c3 00000001 ff 0102030405060708"),
        Case("quic", at: 80, hex: "4001"),
        Case("quic", at: 443, hex: "09 0102030405060708 51303433 01"),
        Case(nil, at: 443, hex: "0c 0102030405060708 01"), Case(nil, at: 784, hex: "4001"),
        Case("sip", at: 5060, "INVITE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n"),
        Case("sip", at: 5061, "SIP/2.0 200 OK\r\n\r\n", .toClient),
        Case(nil, at: 5060, "SIP/2.0 200 OK\r\n\r\n"), Case(nil, at: 5060, "INVITE sip:a@b\r\n"),
        Case(nil, at: 5060, "invite sip:a@b SIP/2.0\r\n"), Case(nil, at: 5060, "\r\n\r\n"),
        Case(
            "bittorrent-dht", at: 6881, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
        Case(nil, at: 6881, "d1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re"),
        Case(
            "nfs", at: 2049,
            hex: """
                00001234 00000000 00000002 000186a3 00000003 00000001
                00000000 00000000 00000000 00000000 00000000
                """),
    ])
    func `a datagram is recognised`(item: Case) {
        #expect(recognized(item, over: .udp, Self.onByDefault) == item.name)
    }

    @Test(arguments: [
        Case("modbus", at: 502, hex: "0001 0000 0006 01 03 00000001"),
        Case(nil, at: 502, hex: "0001 0001 0006 01 03 00000001"),
        Case("dnp3", at: 20000, hex: "0564 05 c0 0100 0004 e921"),
        Case(nil, at: 20000, hex: "0565 05"),
        Case(
            "enip", at: 44818, hex: "6500 0400 00000000 00000000 0000000000000000 00000000 01000000"
        ),
        Case(nil, at: 44818, hex: "6700 0400 00000000 00000000 0000000000000000 00000000 01000000"),
        Case("pgsql", at: 5432, hex: "00000008 04d2162f"), Case("pgsql", at: 5432, "N", .toClient),
        Case("pgsql", at: 5432, hex: "00000021 00030000"),
        Case(nil, at: 5432, hex: "00000021 00020000"),
    ])
    func `protocols that are off are looked for where settings ask for them`(item: Case) {
        #expect(recognized(item, over: .tcp, Protocols.all) == item.name)
        #expect(recognized(item, over: .tcp, Self.onByDefault) == nil)
    }

    @Test func `what others are sure of goes before a guess by the port`() {
        let harness = ParserHarness(serverPort: 23)
        harness.send(Array("GET / HTTP/1.1\r\n\r\n".utf8), .toServer)
        #expect(harness.sessions.definition(of: harness.flow)?.name == "http")
    }

    @Test func `rules cannot be on transactions of what is only recognised`() {
        #expect(FieldRegistry.subject(named: "imap") == nil)
        #expect(Protocols.all.contains { $0.name == "imap" })
        #expect(Protocols.all.count <= 64)
    }
}
