import Testing

@testable import Cairn

@Suite struct TLSTests {
    private typealias Message = (bytes: [UInt8], direction: Direction)

    private func run(_ messages: [([UInt8], Direction)], pieces: () -> Int = { .max })
        -> ParserHarness
    {
        let harness = ParserHarness(serverPort: 443)
        harness.send(messages, pieces: pieces)
        harness.finish()
        return harness
    }

    /// A full handshake of TLS 1.2; the server's messages cross the borders of records.
    private static let handshake12: [([UInt8], Direction)] = {
        let hello = TLSMaker.serverHello(
            session: [5, 5],
            extensions: [TLSMaker.extension(0xff01, [0]), TLSMaker.protocols(["h2"])])
        let flight =
            hello + TLSMaker.certificates([TLSMaker.certificate, [1, 2, 3]])
            + TLSMaker.message(12, Array(repeating: 3, count: 100)) + TLSMaker.message(14, [])
        return [
            (TLSMaker.record(TLSMaker.exampleClient, version: 0x0301), .toServer),
            (TLSMaker.record(Array(flight[..<300])), .toClient),
            (TLSMaker.record(Array(flight[300..<301])), .toClient),
            (TLSMaker.record(Array(flight[301...])), .toClient),
            (TLSMaker.record(TLSMaker.message(16, [1, 2])) + TLSMaker.changeCipher, .toServer),
            (TLSMaker.record(Array(repeating: 0xaa, count: 40)), .toServer),
            (TLSMaker.changeCipher + TLSMaker.record(Array(repeating: 0xbb, count: 40)), .toClient),
            (TLSMaker.applicationData, .toServer),
        ]
    }()

    @Test func `a handshake of TLS 1.2 says who both ends are`() throws {
        let harness = run(Self.handshake12)
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.count == 1)
        var fields = try #require(harness.transactions.first)
        let ja3 =
            "771,4865-4866-4867-49195-49199-49196-49200-52393-52392-49171-49172-156-157-47-53,"
            + "27-0-51-16-17513-23-45-13-5-35-18-43-65281-11-10-21,29-23-24,0"
        let expected: [String: [String]] = [
            "tls.sni": ["www.example.com"], "tls.client.version": ["TLS 1.3"],
            "tls.client.version.number": ["772"],
            "tls.alpn": ["h2", "http/1.1"],
            "tls.state": ["client_hello", "server_hello", "server_keyx", "client_keyx"],
            "tls.version": ["TLS 1.2"], "tls.version.number": ["771"],
            "tls.version.name": ["TLSv12"],
            "tls.cipher": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
            "tls.cipher.number": ["49199"], "tls.server.alpn": ["h2"],
            "tls.session_resumed": ["0"], "tls.established": ["1"],
            "tls.cert_subject": ["C=US, O=Example, CN=www.example.com, Email=a@example.com"],
            "tls.cert_issuer": ["C=US, O=Example, CN=www.example.com, Email=a@example.com"],
            "tls.cert_serial": ["00:A1:B2:C3"], "tls.cert_serial.hex": ["00A1B2C3", "A1B2C3"],
            "tls.cert_fingerprint": [
                "06:4c:37:9f:69:bf:ea:c6:d0:ef:c7:f1:0c:e4:f1:68:18:f6:35:91"
            ],
            "tls.cert_notbefore": ["2026-11-23T20:25:08"],
            "tls.cert_notbefore.seconds": ["1795465508"],
            "tls.cert_notafter": ["2054-04-10T20:25:08"],
            "tls.cert_notafter.seconds": ["2659465508"],
            "tls.subject_alt_names": [
                "www.example.com", "192.0.2.1", "2001:db8::1", "a@example.com", "https://x",
            ],
            "tls.cert_chain_len": ["2"], "tls.cert_self_signed": ["1"], "ja3.string": [ja3],
            "ja3s.string": ["771,49199,65281-16"],
            "ja4.hash": ["t13d1516h2_8daaf6152771_e5627efa2ab1"],
        ]
        #expect(fields.removeValue(forKey: "tls.random")?.count == 1)
        #expect(fields.removeValue(forKey: "tls.server.random")?.first?.utf8.count == 32)
        for name in ["tls.random_time", "tls.server.random_time"] {
            #expect(fields.removeValue(forKey: name)?.count == 1)
        }
        for name in ["tls.random_bytes", "tls.server.random_bytes"] {
            #expect(fields.removeValue(forKey: name)?.count == 1)
        }
        #expect(
            fields.removeValue(forKey: "tls.client.state")
                == ["server_hello", "none", "server_keyx", "client_keyx"])
        #expect(
            fields.removeValue(forKey: "tls.server.state")
                == ["client_hello", "server_hello", "none", "client_keyx"])
        #expect(fields.removeValue(forKey: "tls.certs")?.count == 2)
        #expect(fields.removeValue(forKey: "tls.ciphers")?.prefix(2) == ["2570", "4865"])
        #expect(fields.removeValue(forKey: "ja3.hash")?.first?.utf8.count == 32)
        #expect(fields.removeValue(forKey: "ja3s.hash")?.first?.utf8.count == 32)
        #expect(fields == expected)
        #expect(harness.sessions.serverName(of: harness.flow) == Array("www.example.com".utf8))
    }

    @Test func `progress is that of hellos, certificates and encryption`() {
        let output = ParserOutput()
        let parser = TLSParser()
        var seen: [String] = []
        for (bytes, direction) in Self.handshake12 {
            parser.parse(bytes.span.bytes, direction, into: output)
            for event in output.events where event.kind == .progress {
                let transaction = event.transaction
                seen.append("\(event.direction) \(transaction?.progress(event.direction) ?? .none)")
            }
            output.drain()
        }
        #expect(
            seen == [
                "toServer headers", "toClient headers", "toClient body", "toServer complete",
                "toClient complete",
            ])
    }

    @Test func `a handshake gives the same however it is cut`() {
        let whole = run(Self.handshake12)
        for size in [1, 2, 3, 5, 7, 100] {
            #expect(lines(run(Self.handshake12) { size }) == lines(whole))
        }
        var numbers = SeededNumbers(seed: 3)
        for _ in 0..<30 {
            let cut = run(Self.handshake12) { Int.random(in: 1...200, using: &numbers) }
            #expect(lines(cut) == lines(whole))
        }
    }

    /// What a run has said, but for how far the handshake was when packets came.
    private func lines(_ harness: ParserHarness) -> [String] {
        harness.lines.filter { line in
            !FuzzedFlow.fieldsOfPackets.contains { line.contains(" \($0) = ") }
        }
    }

    @Test func `TLS 1.3 encrypts behind the server hello`() {
        let hello = TLSMaker.serverHello(
            session: [9], cipher: 0x1302,
            extensions: [
                TLSMaker.extension(43, [3, 4]), TLSMaker.extension(51, [0, 29, 0, 1, 7]),
            ])
        let harness = run([
            (TLSMaker.record(TLSMaker.exampleClient), .toServer),
            (TLSMaker.record(hello) + TLSMaker.changeCipher + TLSMaker.applicationData, .toClient),
            (TLSMaker.changeCipher + TLSMaker.applicationData, .toServer),
        ])
        let fields = harness.transactions.first
        #expect(harness.anomalies.isEmpty)
        #expect(fields?["tls.version"] == ["TLS 1.3"])
        #expect(fields?["tls.cipher"] == ["TLS_AES_256_GCM_SHA384"])
        #expect(fields?["tls.established"] == ["1"])
        #expect(fields?["tls.cert_subject"] == nil)
        #expect(fields?["ja3s.string"] == ["771,4866,43-51"])
    }

    @Test func `servers of drafts have shorter hellos`() {
        let hello = TLSMaker.message(
            2, [0x7f, 18] + Array(repeating: 1, count: 32) + [0x13, 1, 0, 4, 0, 40, 0, 0])
        let harness = run([
            (TLSMaker.record(TLSMaker.exampleClient), .toServer),
            (TLSMaker.record(hello) + TLSMaker.applicationData, .toClient),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.first?["tls.version"] == ["TLS 1.3"])
        #expect(harness.transactions.first?["ja3s.string"] == ["32530,4865,40"])
    }

    @Test func `a retry request is followed by a second hello in clear`() {
        let retryRandom = [UInt8](
            hex: "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
        let retry = TLSMaker.serverHello(
            random: retryRandom, cipher: 0x1301, extensions: [TLSMaker.extension(43, [3, 4])])
        let hello = TLSMaker.serverHello(
            cipher: 0x1303, extensions: [TLSMaker.extension(43, [3, 4])])
        let client = TLSMaker.record(TLSMaker.exampleClient)
        let harness = run([
            (client, .toServer), (TLSMaker.record(retry) + TLSMaker.changeCipher, .toClient),
            (TLSMaker.changeCipher + client, .toServer),
            (TLSMaker.record(hello) + TLSMaker.applicationData, .toClient),
            (TLSMaker.applicationData, .toServer),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.count == 1)
        #expect(harness.transactions.first?["tls.cipher"] == ["TLS_CHACHA20_POLY1305_SHA256"])
        #expect(harness.transactions.first?["tls.state"] == ["client_hello", "server_hello"])
    }

    @Test func `a session that is resumed has the client's session and no certificate`() {
        let harness = run([
            (
                TLSMaker.record(
                    TLSMaker.clientHello(session: [1, 2, 3], ciphers: [0x002f], extensions: nil)),
                .toServer
            ),
            (
                TLSMaker.record(TLSMaker.serverHello(session: [1, 2, 3]))
                    + TLSMaker.changeCipher, .toClient
            ),
            (TLSMaker.changeCipher, .toServer),
        ])
        #expect(harness.transactions.first?["tls.session_resumed"] == ["1"])
        #expect(harness.transactions.first?["tls.established"] == ["1"])
        #expect(harness.transactions.first?["ja3.string"] == ["771,47,,,"])
        #expect(harness.transactions.first?["tls.sni"] == nil)
    }

    @Test func `a server alone has its own half`() {
        let harness = run([
            (
                TLSMaker.record(
                    TLSMaker.serverHello() + TLSMaker.certificates([TLSMaker.certificate]))
                    + TLSMaker.changeCipher, .toClient
            )
        ])
        #expect(harness.transactions.first?["tls.cert_serial"] == ["00:A1:B2:C3"])
        #expect(harness.transactions.first?["tls.established"] == ["0"])
    }

    @Test func `a client's certificate has fields of its own`() {
        let harness = run([
            (TLSMaker.record(TLSMaker.exampleClient), .toServer),
            (TLSMaker.record(TLSMaker.serverHello()), .toClient),
            (TLSMaker.record(TLSMaker.certificates([TLSMaker.certificate])), .toServer),
        ])
        let fields = harness.transactions.first
        #expect(fields?["tls.client.cert_serial"] == ["00:A1:B2:C3"])
        #expect(fields?["tls.client.cert_subject"]?.first?.contains("CN=www.example.com") == true)
        #expect(fields?["tls.cert_subject"] == nil)
        #expect(fields?["tls.cert_chain_len"] == nil)
    }

    @Test func `alerts in clear have names`() {
        let harness = run([
            (TLSMaker.record(TLSMaker.exampleClient), .toServer),
            (TLSMaker.record([2, 40], type: 21), .toClient),
            (TLSMaker.record([1, 200], type: 21), .toServer),
        ])
        #expect(harness.transactions.first?["tls.alert"] == ["handshake_failure", "200"])
        #expect(harness.transactions.first?["tls.version"] == nil)
    }

    // MARK: SSL 2.0

    private static let version2Hello: [UInt8] =
        [0x80, 25, 1, 3, 1, 0, 6, 0, 0, 0, 10] + [0, 0, 0x2f, 1, 0, 0x80]
        + Array(repeating: 4, count: 10)

    @Test func `an SSLv2 hello may open TLS`() {
        let messages: [([UInt8], Direction)] = [
            (Self.version2Hello, .toServer),
            (
                TLSMaker.record(
                    TLSMaker.serverHello(version: 0x0301)
                        + TLSMaker.certificates([TLSMaker.certificate]), version: 0x0301), .toClient
            ),
            (
                TLSMaker.record(TLSMaker.message(16, [0]), version: 0x0301)
                    + TLSMaker.changeCipher, .toServer
            ),
        ]
        let whole = run(messages)
        #expect(whole.anomalies.isEmpty)
        #expect(whole.transactions.first?["tls.client.version"] == ["TLSv1"])
        #expect(whole.transactions.first?["tls.version"] == ["TLSv1"])
        #expect(whole.transactions.first?["tls.cert_serial"] == ["00:A1:B2:C3"])
        #expect(lines(run(messages) { 1 }) == lines(whole))
    }

    @Test func `an SSLv2 server is seen and left`() {
        let harness = run([
            (Self.version2Hello, .toServer),
            ([0x80, 11, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0] + [0x80, 30], .toClient),
            ([0x80, 40] + Array(repeating: 2, count: 40), .toServer),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.first?["tls.version"] == ["SSLv2"])
    }

    // MARK: Anomalies

    private func anomalies(afterHello bytes: [UInt8], _ direction: Direction = .toClient)
        -> [String]
    {
        run([
            (TLSMaker.record(TLSMaker.exampleClient), .toServer),
            (TLSMaker.record(TLSMaker.serverHello()), .toClient), (bytes, direction),
        ]).anomalies
    }

    @Test func `odd records have names`() {
        #expect(
            anomalies(afterHello: TLSMaker.record([1], version: 0x0403)) == [
                "invalid_record_version"
            ])
        #expect(anomalies(afterHello: TLSMaker.record([1], type: 99)) == ["invalid_record_type"])
        #expect(anomalies(afterHello: [22, 3, 3, 0xff, 0xff]) == ["invalid_record_length"])
        #expect(anomalies(afterHello: TLSMaker.record([2], type: 21)) == ["invalid_alert_message"])
        #expect(
            anomalies(afterHello: TLSMaker.record([132, 0xff, 0xff, 0xff])) == [
                "handshake_invalid_length"
            ])
        #expect(
            anomalies(afterHello: TLSMaker.record(TLSMaker.message(132, []))) == [
                "invalid_handshake_message"
            ])
    }

    @Test func `heartbeats that ask for more than they have are an overflow`() {
        func beat(_ bytes: [UInt8]) -> [String] {
            anomalies(afterHello: TLSMaker.record(bytes, type: 24), .toServer)
        }
        #expect(beat([1, 0, 3] + Array(repeating: 0, count: 19)) == ["heartbeat_message"])
        #expect(beat([1, 0x40, 0]) == ["overflow_heartbeat_message"])
        // Padding too short (RFC 6520 §4).
        #expect(beat([1, 0, 3] + Array(repeating: 0, count: 18)) == ["invalid_heartbeat_message"])
        #expect(beat([1, 0, 0]) == ["invalid_heartbeat_message"])
        #expect(beat([3, 0, 3]) == ["invalid_heartbeat_message"])
        #expect(beat([1, 0]) == ["invalid_heartbeat_message"])
    }

    @Test func `odd server names have names`() {
        func hello(_ extensions: [[UInt8]]) -> [String] {
            run([
                (
                    TLSMaker.record(TLSMaker.clientHello(ciphers: [47], extensions: extensions)),
                    .toServer
                )
            ]).anomalies
        }
        #expect(
            hello([TLSMaker.serverName("a"), TLSMaker.serverName("b")]) == [
                "multiple_sni_extensions"
            ])
        #expect(hello([TLSMaker.extension(0, [0, 3, 7, 0, 0])]) == ["invalid_sni_type"])
        #expect(hello([TLSMaker.extension(0, [0, 4, 0, 0, 9, 65])]) == ["invalid_sni_length"])
        #expect(hello([TLSMaker.extension(0, [])]).isEmpty)
        #expect(hello([[0, 1, 0, 9, 1]]) == ["invalid_handshake_message"])
    }

    @Test(arguments: [
        ("3005 3084ffffff", "certificate_invalid_length"),
        ("3006 3084fffffffa", "invalid_certificate"), ("0400", "invalid_certificate"),
        ("3080", "certificate_invalid_der"), ("3f01", "certificate_invalid_der"),
        ("3007 3005 a003 020109", "certificate_invalid_version"),
        ("3004 3002 0400", "certificate_invalid_serial"),
        ("3005 3003 020101", "certificate_invalid_length"),
        ("3007 3005 020101 0500", "certificate_invalid_algorithmidentifier"),
    ])
    func `a certificate that cannot be read says what is wrong`(hex: String, name: String) {
        let flight = TLSMaker.record(TLSMaker.certificates([[UInt8](hex: hex)]))
        #expect(anomalies(afterHello: flight) == [name, "invalid_handshake_message"])
    }

    @Test func `broken lists of certificates have names`() {
        let empty = TLSMaker.record(TLSMaker.certificates([[]]))
        let short = TLSMaker.record(TLSMaker.message(11, [0, 0, 4, 0, 0, 9, 1]))
        for flight in [empty, short] {
            #expect(
                anomalies(afterHello: flight) == [
                    "invalid_certificate", "invalid_handshake_message",
                ])
        }
    }

    @Test func `a gap ends what can be seen of a direction`() {
        let harness = ParserHarness(serverPort: 443)
        harness.send(TLSMaker.record(TLSMaker.exampleClient), .toServer)
        harness.sendGap(100, .toClient)
        harness.send(TLSMaker.record(TLSMaker.serverHello()), .toClient)
        harness.finish()
        #expect(harness.transactions.first?["tls.version"] == nil)
        #expect(harness.transactions.first?["tls.sni"] == ["www.example.com"])
    }

    // MARK: Detection

    @Test(arguments: [
        ("16030100050100", Direction.toServer, "yes"), ("16030100050200", .toClient, "yes"),
        ("16030100050100", .toClient, "yesReversed"), ("160301", .toServer, "needMore"),
        ("16", .toServer, "needMore"), ("1602", .toServer, "no"), ("160301000505", .toServer, "no"),
        ("16030100020100", .toServer, "no"), ("160301ffff01", .toServer, "no"),
        ("15030100020228", .toClient, "yes"), ("15030100020228", .toServer, "no"),
        ("150301000202ff", .toClient, "no"), ("80190103010006", .toServer, "yes"),
        ("801902", .toServer, "no"), ("80190103010007", .toServer, "no"),
        ("474554202f", .toServer, "no"), ("1703030020", .toServer, "no"),
        ("", .toServer, "needMore"),
    ])
    func `the first bytes tell TLS`(hex: String, direction: Direction, expected: String) {
        let bytes = [UInt8](hex: hex)
        #expect("\(TLSDetection.detect(bytes.span.bytes, direction))" == expected)
    }

    // MARK: Robustness

    @Test func `a handshake cut anywhere does no harm`() {
        let bytes = Self.handshake12[1].0 + Self.handshake12[2].0 + Self.handshake12[3].0
        for count in stride(from: 0, through: bytes.count, by: 3) {
            let harness = run([
                (Array(Self.handshake12[0].0.prefix(count)), .toServer),
                (Array(bytes.prefix(count)), .toClient),
            ])
            #expect(harness.transactions.count <= 1)
            #expect(harness.anomalies.isEmpty)
        }
    }

    @Test func `damaged handshakes do no harm`() {
        var numbers = SeededNumbers(seed: 11)
        for _ in 0..<400 {
            let damaged = Self.handshake12.map { ($0.0.mutated(&numbers), $0.1) }
            run(damaged).release()
            // Damage inside one message, with the lengths around it right.
            let client = Array(TLSMaker.exampleClient.dropFirst(4)).mutated(&numbers)
            let certificate = TLSMaker.certificate.mutated(&numbers)
            run([
                (TLSMaker.record(TLSMaker.message(1, client)), .toServer),
                (
                    TLSMaker.record(
                        TLSMaker.serverHello() + TLSMaker.certificates([certificate])), .toClient
                ),
            ]).release()
        }
    }
}
