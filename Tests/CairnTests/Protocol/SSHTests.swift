import Testing

@testable import Cairn

@Suite struct SSHTests {
    /// A packet with the offer of algorithms, lists named after their place.
    static func offer(_ lists: [String]) -> [UInt8] {
        var payload: [UInt8] = [20] + Array(repeating: 0x63, count: 16)
        for list in lists {
            payload += [0, 0, 0, UInt8(list.utf8.count)] + Array(list.utf8)
        }
        payload += [0, 0, 0, 0, 0]
        return [0, 0, 0, UInt8(payload.count + 5), 4] + payload + [0, 0, 0, 0]
    }

    static let lists = [
        "kexA,kexB", "ssh-rsa", "aes-c", "aes-s", "mac-c", "mac-s", "none", "zlib", "", "",
    ]
    private static let messages: [([UInt8], Direction)] = [
        (Array("SSH-2.0-OpenSSH_9.6 Debian-5\r\n".utf8), .toClient),
        (Array("SSH-2.0-PuTTY Release 0.7\r\n".utf8) + offer(lists), .toServer),
        (offer(lists), .toClient), ([0, 0, 0, 12, 10, 21], .toServer),
    ]

    @Test(arguments: [1, 7, 1000]) func `versions and offers of both ends are read`(piece: Int) {
        let harness = ParserHarness(serverPort: 22)
        harness.send(Self.messages) { piece }
        harness.finish()
        #expect(
            harness.transactions == [
                [
                    "ssh.proto": ["2.0", "2.0"], "ssh.software": ["OpenSSH_9.6", "PuTTY"],
                    "ssh.request.proto": ["2.0"], "ssh.request.software": ["PuTTY"],
                    "ssh.response.proto": ["2.0"], "ssh.response.software": ["OpenSSH_9.6"],
                    "ssh.hassh": ["bbfd8e4421cda6f426c6653030736678"],
                    "ssh.hassh.string": ["kexA,kexB;aes-c;mac-c;none"],
                    "ssh.hassh.server": ["95d5be279d3c2c2b5d3cb973edea7d27"],
                    "ssh.hassh.server.string": ["kexA,kexB;aes-s;mac-s;zlib"],
                ]
            ])
        #expect(harness.anomalies.isEmpty)
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test(arguments: [
        ("hello\r\nSSH-2.0-a\r\n", ["invalid_banner"], "a"),
        ("SSH-2.0-" + String(repeating: "x", count: 300) + "\r\n", ["long_banner"], nil),
        ("SSH-1.99-Cisco-1.25\n", [], "Cisco-1.25"),
        ("SSH-2.0-a\r\n\0\0\0\u{1}", ["invalid_record"], "a"),
        ("SSH-2.0-a\r\n\u{7f}\0\0\u{1}", ["long_kex_record"], "a"),
        ("SSH-2.0-a\r\n\0\0\0\u{8}\u{1}\u{14}abcdef", ["invalid_record"], "a"),
    ])
    func `oddities of the server are named`(text: String, anomalies: [String], software: String?) {
        let harness = ParserHarness(serverPort: 22)
        harness.send(Array("SSH-2.0-c\r\n".utf8), .toServer)
        harness.send(Array(text.utf8), .toClient)
        harness.finish()
        #expect(harness.anomalies == anomalies)
        #expect(harness.transactions.count == 1)
        let found = harness.transactions.first?["ssh.response.software"]?.first
        if let software { #expect(found == software) } else { #expect(found?.count == 247) }
    }

    @Test func `a gap ends the reading of a direction`() {
        let harness = ParserHarness(serverPort: 22)
        harness.send(Array("SSH-2.0-c\r\n".utf8), .toServer)
        harness.sendGap(10, .toServer)
        harness.send(Self.offer(Self.lists), .toServer)
        harness.finish()
        #expect(harness.transactions.first?["ssh.hassh"] == nil)
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `each direction has its own field`() {
        let index = SSHField.software.rawValue
        #expect(
            SSH.definition.fields[SSH.definition.field(.toServer, of: index)].name
                == "ssh.request.software")
        #expect(
            SSH.definition.fields[SSH.definition.field(.toClient, of: index)].name
                == "ssh.response.software")
    }
}
