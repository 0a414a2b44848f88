import Testing

@testable import Cairn

/// Builds RDP packets for tests.
enum RDPMaker {
    /// A packet of RFC 1006.
    static func packet(_ content: [UInt8]) -> [UInt8] {
        [3, 0, UInt8((content.count + 4) >> 8), UInt8((content.count + 4) & 255)] + content
    }

    static func little16(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }

    static func little32(_ value: Int) -> [UInt8] {
        little16(value & 0xffff) + little16(value >> 16)
    }

    /// A connection request (0xe0) or confirm (0xd0) with what follows its fixed part.
    static func negotiation(_ code: UInt8, _ rest: [UInt8]) -> [UInt8] {
        packet([UInt8(rest.count + 6), code, 0, 0, 0, 0, 0] + rest)
    }

    static func choice(_ type: UInt8, flags: UInt8 = 0, _ value: Int) -> [UInt8] {
        [type, flags, 8, 0] + little32(value)
    }

    static func request(_ cookie: String, protocols: Int, flags: UInt8 = 0) -> [UInt8] {
        negotiation(
            0xe0, Array("Cookie: mstshash=\(cookie)\r\n".utf8) + choice(1, flags: flags, protocols))
    }

    static func block(_ type: Int, _ content: [UInt8]) -> [UInt8] {
        little16(type) + little16(content.count + 4) + content
    }

    static func utf16(_ text: String, byteCount: Int) -> [UInt8] {
        let bytes = text.utf16.flatMap { little16(Int($0)) }
        return bytes + Array(repeating: 0, count: byteCount - bytes.count)
    }

    static func core(
        name: String = "WORKSTATION-7", build: Int = 7601, layout: Int = 0x0419
    ) -> [UInt8] {
        little32(0x0008_0004) + little16(1280) + little16(1024) + little16(0xca01)
            + little16(0xaa03) + little32(layout) + little32(build)
            + utf16(name, byteCount: 32) + little32(4) + little32(0) + little32(12)
            + Array(repeating: 0, count: 64)
            + little16(0xca01) + little16(1) + little32(0) + little16(24) + little16(7)
            + little16(3) + utf16("55274-OEM-001", byteCount: 64)
    }

    static func channels(_ names: String...) -> [UInt8] {
        little32(names.count)
            + names.flatMap { name in
                Array(name.utf8) + Array(repeating: 0, count: 8 - name.utf8.count) + [
                    0, 0, 0, 0xc0,
                ]
            }
    }

    private static func packedLength(_ count: Int) -> [UInt8] {
        [0x80 | UInt8(count >> 8), UInt8(count & 255)]
    }

    private static let key: [UInt8] = [0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01]

    /// An MCS Connect Initial with blocks.
    static func connectRequest(_ blocks: [UInt8]...) -> [UInt8] {
        let blocks = Array(blocks.joined())
        let conference =
            [0x00, 0x08, 0x00, 0x10, 0x00, 0x01, 0xc0, 0x00] + Array("Duca".utf8)
            + packedLength(blocks.count) + blocks
        let parameters = KerberosMaker.element(0x30, KerberosMaker.integer(34))
        let message =
            KerberosMaker.element(4, [1]) + KerberosMaker.element(4, [1])
            + KerberosMaker.element(1, [0xff]) + parameters + parameters + parameters
            + KerberosMaker.element(4, key + packedLength(conference.count) + conference)
        return packet([2, 0xf0, 0x80, 0x7f] + KerberosMaker.element(0x65, message))
    }

    /// An MCS Connect Response with blocks.
    static func connectResponse(result: UInt8 = 0, _ blocks: [UInt8]...) -> [UInt8] {
        let blocks = Array(blocks.joined())
        let conference =
            [0x14, 0x76, 0x0a, 0x01, 0x01, result << 4, 0x01, 0xc0, 0x00] + Array("McDn".utf8)
            + packedLength(blocks.count) + blocks
        let message =
            KerberosMaker.element(10, [0]) + KerberosMaker.integer(0)
            + KerberosMaker.element(0x30, KerberosMaker.integer(34))
            + KerberosMaker.element(4, key + packedLength(conference.count) + conference)
        return packet([2, 0xf0, 0x80, 0x7f] + KerberosMaker.element(0x66, message))
    }

    static func security(method: Int, level: Int, certificate: Int) -> [UInt8] {
        little32(method) + little32(level) + little32(32) + little32(8)
            + Array(repeating: 0x5a, count: 32) + little32(certificate) + little32(2)
    }
}

@Suite struct RDPTests {
    private typealias Maker = RDPMaker

    private func run(
        _ messages: ([UInt8], Direction)..., port: UInt16 = 3389
    ) -> ParserHarness {
        let harness = ParserHarness(serverPort: port)
        for (bytes, direction) in messages { harness.send(bytes, direction) }
        harness.finish()
        return harness
    }

    /// A request for TLS or CredSSP with a cookie, and the server's choice of CredSSP, byte by
    /// byte.
    static let literalRequest = [UInt8](
        hex: "0300 002b 26 e0 0000 0000 00"
            + "436f6f6b69653a206d737473686173683d 616c696365 0d0a" + "01 01 0800 0b000000")
    static let literalResponse = [UInt8](
        hex: "0300 0013 0e d0 0000 1234 00" + "02 1f 0800 02000000")

    @Test func `a negotiation says who asks and how it is encrypted`() {
        let harness = run((Self.literalRequest, .toServer), (Self.literalResponse, .toClient))
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions == [
                [
                    "rdp.event_type": ["initial_response"], "rdp.cookie": ["alice"],
                    "rdp.request.flags": ["restricted_admin_mode_required"],
                    "rdp.requested_protocols": ["ssl", "hybrid", "hybrid_ex"],
                    "rdp.protocol": ["hybrid"], "rdp.security_protocol": ["HYBRID"],
                    "rdp.response.flags": [
                        "extended_client_data", "dynvc_gfx", "restricted_admin",
                        "redirected_authentication",
                    ],
                    "rdp.result": ["encrypted"],
                ]
            ])
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `what follows is TLS`() {
        let hello = TLSMaker.record(
            TLSMaker.clientHello(
                ciphers: [0xc02f], extensions: [TLSMaker.serverName("desk.example")]))
        for port in [3389, 40001] as [UInt16] {
            let harness = run(
                (Self.literalRequest, .toServer), (Self.literalResponse, .toClient),
                (hello, .toServer), port: port)
            #expect(harness.transactions.map { $0["rdp.cookie"] } == [["alice"], nil])
            #expect(harness.transactions.last?["tls.sni"] == ["desk.example"])
        }
        let joined = run(
            (Self.literalRequest, .toServer),
            (
                Self.literalResponse + TLSMaker.record(TLSMaker.serverHello()), .toClient
            ))
        #expect(joined.transactions.count == 2)
        // It is spoken inside RDP, which the flow stays.
        #expect(joined.sessions.definition(of: joined.flow)?.name == "rdp")
        let unanswered = run((Self.literalRequest + hello, .toServer))
        #expect(unanswered.transactions.map { $0["rdp.result"] } == [["encrypted"], nil])
        #expect(unanswered.transactions.last?["tls.sni"] == ["desk.example"])
    }

    @Test(arguments: [
        (1, "ssl required by server", "SSL_REQUIRED_BY_SERVER"),
        (5, "hybrid required by server", "HYBRID_REQUIRED_BY_SERVER"),
        (9, "unknown-9", "failure_code-9"),
    ])
    func `a server that refuses says why`(code: Int, reason: String, result: String) {
        let harness = run(
            (Maker.request("bob", protocols: 0), .toServer),
            (Maker.negotiation(0xd0, Maker.choice(3, code)), .toClient))
        let fields = harness.transactions.first
        #expect(fields?["rdp.requested_protocols"] == ["rdp"])
        #expect(fields?["rdp.error_code"] == ["\(code)"])
        #expect(fields?["rdp.reason"] == [reason])
        #expect(fields?["rdp.result"] == [result])
        #expect(fields?["rdp.protocol"] == nil)
        #expect(harness.sessions.definition(of: harness.flow)?.name == "rdp")
    }

    @Test func `a token for a load balancer is no cookie`() {
        let harness = run(
            (
                Maker.negotiation(
                    0xe0, Array("Cookie: msts=3640205228.15629.0000\r\n".utf8) + Maker.choice(1, 1)),
                .toServer
            ))
        let fields = harness.transactions.first
        #expect(fields?["rdp.routing_token"] == ["Cookie: msts=3640205228.15629.0000"])
        #expect(fields?["rdp.cookie"] == nil)
        #expect(fields?["rdp.requested_protocols"] == ["ssl"])
    }

    static let unencrypted: [([UInt8], Direction)] = [
        (Maker.request("eve", protocols: 0), .toServer),
        (Maker.negotiation(0xd0, []), .toClient),
        (
            Maker.connectRequest(
                Maker.block(0xc001, Maker.core()), Maker.block(0xc002, Maker.little32(3)),
                Maker.block(0xc003, Maker.channels("rdpdr", "MS_T120"))), .toServer
        ),
        (
            Maker.connectResponse(
                Maker.block(0x0c01, Maker.little32(0x0008_0004)),
                Maker.block(
                    0x0c02, Maker.security(method: 2, level: 2, certificate: 0x8000_0002))),
            .toClient
        ),
    ]

    @Test func `without TLS both ends tell about themselves`() {
        let harness = ParserHarness(serverPort: 3389)
        harness.send(Self.unencrypted, pieces: { .max })
        harness.send([3, 0, 0, 12, 2, 0xf0, 0x80, 4, 1, 0, 1, 0], .toServer)
        harness.finish()
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions == [
                [
                    "rdp.event_type": ["connect_response"], "rdp.cookie": ["eve"],
                    "rdp.requested_protocols": ["rdp"], "rdp.protocol": ["rdp"],
                    "rdp.security_protocol": ["RDP"], "rdp.client.version": ["v5"],
                    "rdp.client.desktop_width": ["1280"], "rdp.client.desktop_height": ["1024"],
                    "rdp.client.color_depth": ["24"], "rdp.client.color_depth.name": ["32bit"],
                    "rdp.client.keyboard_layout": ["ru-RU"],
                    "rdp.client.build": ["Windows 7 SP1"], "rdp.client.build.name": ["RDP 7.1"],
                    "rdp.client.name": ["WORKSTATION-7"],
                    "rdp.client.keyboard_type": ["enhanced"],
                    "rdp.client.keyboard_subtype": ["0"], "rdp.client.function_keys": ["12"],
                    "rdp.client.product_id": ["1"], "rdp.client.serial_number": ["0"],
                    "rdp.client.id": ["55274-OEM-001"], "rdp.channels": ["rdpdr", "MS_T120"],
                    "rdp.result": ["Success"], "rdp.encryption_method": ["128bit"],
                    "rdp.encryption_level": ["Client compatible"], "rdp.cert_type": ["X.509"],
                    "rdp.cert_count": ["2"], "rdp.cert_permanent": ["0"],
                ]
            ])
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `a stream gives the same however it is cut`() {
        func run(_ pieces: () -> Int) -> ParserHarness {
            let harness = ParserHarness(serverPort: 3389)
            harness.send(Self.unencrypted, pieces: pieces)
            harness.finish()
            return harness
        }
        let whole = run { .max }
        for size in 1...40 { #expect(run { size }.lines == whole.lines) }
        var numbers = SeededNumbers(seed: 3)
        for _ in 0..<20 {
            #expect(run { Int.random(in: 1...100, using: &numbers) }.lines == whole.lines)
        }
    }

    @Test func `it is recognised by its content`() {
        #expect(run((Self.literalRequest, .toServer), port: 9000).transactions.count == 1)
        let refusal = Maker.negotiation(0xd0, Maker.choice(3, 2))
        for messages in [
            [(Self.literalRequest, Direction.toClient), (refusal, .toServer)],
            [(refusal, .toServer)],
        ] {
            let harness = ParserHarness(serverPort: 9000)
            for (bytes, direction) in messages { harness.send(bytes, direction) }
            harness.finish()
            #expect(harness.sessions.isReversed(harness.flow))
            #expect(harness.transactions.first?["rdp.result"] == ["SSL_NOT_ALLOWED_BY_SERVER"])
        }
        // A bare request may be that of other protocols.
        let bare = Maker.negotiation(0xe0, [])
        #expect(run((bare, .toServer), port: 102).transactions.isEmpty)
        #expect(run((bare, .toServer)).transactions.count == 1)
        let industrial = Maker.negotiation(0xe0, [0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2])
        #expect(run((industrial, .toServer), port: 102).transactions.isEmpty)
    }

    @Test func `what is not in order is odd and ends the reading of its direction`() {
        let request = Maker.request("mallory", protocols: 0)
        let confirm = Maker.negotiation(0xd0, [])
        let cases: [([([UInt8], Direction)])] = [
            [(request, .toServer), ([0x47, 0x45, 0x54], .toServer)],
            [(request, .toServer), ([3, 0, 0, 2], .toServer)],
            [(request, .toServer), (Maker.packet([2, 0xf0, 0x80, 0x7f, 0x65, 0]), .toServer)],
            [(request, .toServer), (Maker.packet([2, 0xf0, 0x80, 4, 1, 0, 1]), .toServer)],
            [(request, .toServer), (request, .toClient)],
            [(request, .toServer), (Array(confirm.prefix(8)), .toClient)],
            [
                (
                    Maker.negotiation(
                        0xe0, Array("Cookie: mst=\r\n".utf8) + [1, 0, 9, 0, 0, 0, 0, 0, 0]),
                    .toServer
                )
            ],
        ]
        for messages in cases {
            let harness = ParserHarness(serverPort: 3389)
            for (bytes, direction) in messages { harness.send(bytes, direction) }
            harness.finish()
            #expect(harness.anomalies == ["malformed_data"], "\(messages.count)")
            #expect(harness.output.openTransactionCount == 0)
        }
    }

    @Test func `a gap ends the reading of its direction`() {
        let harness = ParserHarness(serverPort: 3389)
        harness.send(Maker.request("a", protocols: 0), .toServer)
        harness.sendGap(10, .toServer)
        harness.send(Maker.negotiation(0xd0, []), .toClient)
        harness.finish()
        #expect(harness.transactions.map { $0["rdp.event_type"] } == [["initial_response"]])
        #expect(harness.anomalies.isEmpty)
    }

    @Test func `mutated openings do no harm`() {
        var numbers = SeededNumbers(seed: 4)
        for _ in 0..<2000 {
            let harness = ParserHarness(serverPort: 3389)
            harness.send(Self.unencrypted[0].0, .toServer)
            for (bytes, direction) in Self.unencrypted.dropFirst() {
                harness.send(bytes.mutated(&numbers), direction)
            }
            harness.finish()
            #expect(harness.output.openTransactionCount == 0)
        }
    }

    @Test func `an event has the members of Suricata's`() {
        let transaction = Transaction(RDP.definition)
        let text = TextBuffer()
        Self.literalRequest.withUnsafeBytes {
            if let request = RDPNegotiation(decoding: $0.bytes) {
                transaction.storeRequest(request, $0.bytes)
            }
        }
        Self.literalResponse.withUnsafeBytes {
            if let response = RDPNegotiation(decoding: $0.bytes) {
                transaction.storeResponse(response, text)
            }
        }
        Self.unencrypted[2].0.withUnsafeBytes {
            var connect = RDPConnect()
            let isInOrder = connect.decode($0.bytes, isRequest: true)
            #expect(isInOrder)
            transaction.storeConnectRequest(connect, $0.bytes, text)
        }
        var writer = JSONWriter()
        writer.beginObject()
        transaction.writeMember(into: &writer)
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"rdp":{"event_type":"connect_request","cookie":"alice","#
                + #""flags":["restricted_admin_mode_required"],"#
                + #""requested_protocols":["ssl","hybrid","hybrid_ex"],"protocol":"hybrid","#
                + #""server_supports":["extended_client_data","dynvc_gfx","restricted_admin","#
                + #""redirected_authentication"],"client":{"version":"v5","desktop_width":1280,"#
                + #""desktop_height":1024,"color_depth":24,"keyboard_layout":"ru-RU","#
                + #""build":"Windows 7 SP1","client_name":"WORKSTATION-7","#
                + #""keyboard_type":"enhanced","keyboard_subtype":0,"function_keys":12,"#
                + #""product_id":1,"serial_number":0,"id":"55274-OEM-001"},"#
                + #""channels":["rdpdr","MS_T120"]}}"#)
    }
}
