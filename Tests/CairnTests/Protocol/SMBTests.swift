import Testing

@testable import Cairn

@Suite struct SMBTests {
    private typealias Maker = SMBMaker

    /// A client that copies a tool to a server and makes a service of it, by SMB 2.
    static let conversation: [([UInt8], Direction)] = {
        typealias M = SMBMaker
        let file = M.fileID(0x11)
        let pipe: UInt64 = 0x22
        return [
            (M.negotiate([0x0202, 0x0210]), .toServer), (M.negotiateResponse(0x0210), .toClient),
            (
                M.sessionSetup(
                    [0x60, 0x48] + M.authenticate(user: "Jörg", domain: "CONTOSO", host: "PC🙂"),
                    id: 1), .toServer
            ),
            (M.response2(1, id: 1, [9, 0, 0, 0, 72, 0, 0, 0]), .toClient),
            (M.treeConnect("\\\\dc1\\ADMIN$", id: 2), .toServer),
            (M.treeResponse(1, tree: 1, id: 2), .toClient),
            (M.frame(M.create("System32\\tool.exe", id: 3, disposition: 5)), .toServer),
            (M.createResponse(file: 0x11, id: 3, size: 7), .toClient),
            (M.write(0x11, id: 4, Array(repeating: 0x4d, count: 300)), .toServer),
            (M.writeResponse(id: 4), .toClient),
            (M.write(0x11, id: 5, Array(repeating: 0x5a, count: 300)), .toServer),
            (M.writeResponse(id: 5), .toClient),
            (
                M.frame(
                    M.setInfo(
                        10, file, id: 6,
                        Array(repeating: 0, count: 16) + M.number(UInt32(12))
                            + M.utf16("tmp\\\u{e9}x"))
                ), .toServer
            ),
            (M.response2(17, id: 6, [2, 0]), .toClient),
            (M.read(0x11, id: 7), .toServer),
            (M.readResponse(Array(repeating: 0x41, count: 500), id: 7), .toClient),
            (M.frame(M.setInfo(13, file, id: 8, [1])), .toServer),
            (M.response2(17, id: 8, status: 0xc000_0022), .toClient),
            (M.frame(M.close(file, id: 9)), .toServer),
            (M.response2(6, id: 9, [60, 0]), .toClient),
            (M.treeConnect("\\\\dc1\\ipc$", id: 10), .toServer),
            (M.treeResponse(2, tree: 2, id: 10), .toClient),
            (M.frame(M.create("svcctl", id: 11, M.Place(tree: 2))), .toServer),
            (M.createResponse(file: pipe, id: 11), .toClient),
            (
                M.write(pipe, id: 12, DCERPCMaker.bind(call: 1, [(0, DCERPCMaker.svcctl, 2)])),
                .toServer
            ),
            (M.writeResponse(id: 12), .toClient), (M.read(pipe, id: 13), .toServer),
            (M.readResponse(DCERPCMaker.bindAck(call: 1, [0]), id: 13), .toClient),
            (
                M.control(
                    0x0011_c017, pipe, id: 14,
                    DCERPCMaker.request(call: 2, opnum: 12, Array("tool".utf8))), .toServer
            ),
            (
                M.controlResponse(
                    0x0011_c017, pipe, id: 14, DCERPCMaker.response(call: 2, Array("ok".utf8))),
                .toClient
            ),
            (M.control(0x0014_0204, pipe, id: 15, [1, 2, 3]), .toServer),
            (M.controlResponse(0x0014_0204, pipe, id: 15, []), .toClient),
            (M.frame(M.close(M.fileID(pipe), id: 16)), .toServer),
            (M.response2(6, id: 16, [60, 0]), .toClient),
        ]
    }()

    static func run(
        _ messages: [([UInt8], Direction)], port: UInt16 = 445,
        limits: ProtocolLimits = ProtocolLimits()
    ) -> ParserHarness {
        let harness = ParserHarness(serverPort: port, limits: limits)
        for (bytes, direction) in messages { harness.send(bytes, direction) }
        harness.finish()
        return harness
    }

    private static func transactions(
        _ command: String, in harness: ParserHarness
    ) -> [[String: [String]]] {
        harness.transactions.filter { $0["smb.command"] == ["SMB2_COMMAND_\(command)"] }
    }

    private let harness = run(conversation)

    @Test func `a conversation gives a transaction for each exchange`() {
        let commands = harness.transactions.map {
            $0["smb.command"]?.first ?? $0["dcerpc.request.type"]?.first ?? ""
        }
        let expected = [
            "NEGOTIATE_PROTOCOL", "SESSION_SETUP", "TREE_CONNECT", "CREATE", "WRITE", "SET_INFO",
            "READ", "SET_INFO", "CLOSE", "TREE_CONNECT", "CREATE", "BIND", "REQUEST", "IOCTL",
            "CLOSE",
        ]
        #expect(commands.map { $0.replacing("SMB2_COMMAND_", with: "") } == expected)
        #expect(harness.anomalies.isEmpty)
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `the dialect is known from the negotiation on`() {
        let first = harness.transactions[0]
        #expect(first["smb.client_dialects"] == ["2.02", "2.10"])
        #expect(first["smb.server_guid"] == ["00112233-4455-6677-8899-aabbccddeeff"])
        #expect(first["smb.version"] == ["2"])
        for transaction in harness.transactions where transaction["smb.command"] != nil {
            #expect(transaction["smb.dialect"] == ["2.10"])
        }
    }

    @Test func `who logs in stands in the session setup`() throws {
        let setup = try #require(Self.transactions("SESSION_SETUP", in: harness).first)
        #expect(setup["smb.ntlmssp_user"] == ["Jörg"])
        #expect(setup["smb.ntlmssp_domain"] == ["CONTOSO"])
        #expect(setup["smb.ntlmssp_host"] == ["PC🙂"])
        #expect(setup["smb.ntlmssp_version"] == ["6.1 build 7601 rev 15"])
        #expect(setup["smb.session_id"] == ["4294967301"])
    }

    @Test func `a share is connected to as a share of files or of pipes`() {
        let trees = Self.transactions("TREE_CONNECT", in: harness)
        #expect(trees.map { $0["smb.share"] } == [["\\\\dc1\\ADMIN$"], nil])
        #expect(trees.map { $0["smb.named_pipe"] } == [nil, ["\\\\dc1\\ipc$"]])
        #expect(trees.map { $0["smb.path"] } == [["\\\\dc1\\ADMIN$"], ["\\\\dc1\\ipc$"]])
        #expect(trees.map { $0["smb.share_type"] } == [["FILE"], ["PIPE"]])
    }

    @Test func `a file is followed by its name`() throws {
        let file = harness.transactions.filter {
            $0["smb.action"] != nil && $0["smb.path"] == ["\\\\dc1\\ADMIN$"]
        }
        let seen = file.map {
            [$0["smb.action"]?.first, $0["smb.filename"]?.first, $0["smb.status"]?.first]
        }
        #expect(
            seen == [
                ["SMB::FILE_OPEN", "System32\\tool.exe", "STATUS_SUCCESS"],
                ["SMB::FILE_WRITE", "System32\\tool.exe", "STATUS_SUCCESS"],
                ["SMB::FILE_RENAME", "tmp\\éx", "STATUS_SUCCESS"],
                ["SMB::FILE_READ", "tmp\\éx", "STATUS_SUCCESS"],
                ["SMB::FILE_DELETE", "tmp\\éx", "STATUS_ACCESS_DENIED"],
            ])
        let opening = try #require(file.first)
        #expect(opening["smb.disposition"] == ["FILE_OVERWRITE_IF"])
        #expect(opening["smb.access"] == ["normal"])
        #expect(opening["smb.size"] == ["7"])
        #expect(opening["smb.fuid"] == ["00000011-0000-0000-1100-000000000000"])
        let renaming = file[2]
        #expect(renaming["smb.rename.from"] == ["System32\\tool.exe"])
        #expect(renaming["smb.rename.to"] == ["tmp\\éx"])
        #expect(file.last?["smb.status_code"] == ["0xc0000022"])
    }

    @Test func `what goes through a pipe are calls`() throws {
        let opening = try #require(Self.transactions("CREATE", in: harness).last)
        #expect(opening["smb.action"] == ["SMB::PIPE_OPEN"])
        #expect(opening["smb.named_pipe"] == ["svcctl"])
        #expect(opening["smb.filename"] == ["svcctl"])
        let call = try #require(harness.transactions.first { $0["dcerpc.opnum"] != nil })
        #expect(call["dcerpc.endpoint"] == ["svcctl"])
        #expect(call["dcerpc.operation"] == ["CreateServiceW"])
        #expect(call["dcerpc.named_pipe"] == ["svcctl"])
        #expect(call["dcerpc.stub_data"] == ["tool", "ok"])
        let control = try #require(Self.transactions("IOCTL", in: harness).first)
        #expect(control["smb.function"] == ["FSCTL_VALIDATE_NEGOTIATE_INFO"])
    }

    @Test(arguments: 1...40) func `however the bytes are cut, the same comes out`(seed: Int) {
        let harness = ParserHarness(serverPort: 445)
        var numbers = SeededNumbers(seed: UInt64(seed))
        harness.send(Self.conversation) { seed == 1 ? 1 : Int.random(in: 1...200, using: &numbers) }
        harness.finish()
        #expect(harness.transactions == self.harness.transactions)
        #expect(harness.anomalies.isEmpty)
    }

    // MARK: Compound requests, late responses

    @Test func `messages of a compound request share the file that the first opens`() {
        func padded(_ message: [UInt8]) -> [UInt8] {
            message + Array(repeating: 0, count: (8 - message.count % 8) % 8)
        }
        let related = Array(repeating: UInt8(0xff), count: 16)
        let length = padded(Maker.create("gone.txt", id: 1)).count
        let first = padded(Maker.create("gone.txt", id: 1, next: UInt32(length)))
        let secondLength = padded(Maker.setInfo(13, related, id: 2, [1], flags: 4)).count
        let second = padded(
            Maker.setInfo(13, related, id: 2, [1], flags: 4, next: UInt32(secondLength)))
        let third = Maker.close(related, id: 3, flags: 4)
        let harness = Self.run([
            (Maker.frame(first + second + third), .toServer),
            (Maker.createResponse(file: 5, id: 1), .toClient),
            (Maker.response2(17, id: 2, [2, 0]), .toClient),
            (Maker.response2(6, id: 3, [60, 0]), .toClient), (Maker.read(5, id: 4), .toServer),
            (Maker.readResponse([1], id: 4), .toClient),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions.map { $0["smb.action"] } == [
                ["SMB::FILE_OPEN"], ["SMB::FILE_DELETE"], nil, ["SMB::FILE_READ"],
            ])
        // It was closed by then.
        #expect(
            harness.transactions.map { $0["smb.filename"] } == [
                ["gone.txt"], ["gone.txt"], nil, nil,
            ])
    }

    @Test func `a request that takes its time has its last status`() {
        let harness = Self.run([
            (Maker.frame(Maker.message2(15, id: 8, [32, 0])), .toServer),
            (
                Maker.frame(Maker.message2(15, id: 8, [9, 0], status: 0x103, flags: 3)), .toClient
            ),
            (Maker.frame(Maker.message2(15, id: 8, [9, 0], status: 0x10c, flags: 3)), .toClient),
        ])
        #expect(harness.transactions.map { $0["smb.status"] } == [["STATUS_NOTIFY_ENUM_DIR"]])
    }

    @Test func `the first negotiation may begin with SMB 1`() {
        let dialects = Maker.dialects(["NT LM 0.12", "SMB 2.???"])
        let harness = Self.run([
            (
                Maker.message1(
                    Maker.Block(command: 0x72, words: [], bytes: dialects), id: 0), .toServer
            ),
            (Maker.negotiateResponse(0x02ff), .toClient),
            (Maker.negotiate([0x0311], id: 1), .toServer),
            (Maker.negotiateResponse(0x0311, id: 1), .toClient),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.map { $0["smb.dialect"] } == [["2.??"], ["3.11"]])
        #expect(harness.transactions.map { $0["smb.version"] } == [["1"], ["2"]])
        #expect(harness.transactions[0]["smb.client_dialects"] == ["NT LM 0.12", "SMB 2.???"])
    }

    @Test func `a file deleted when it is closed is opened and deleted`() {
        let harness = Self.run([
            (Maker.frame(Maker.create("a", id: 1, options: 0x1000)), .toServer)
        ])
        let opening = harness.transactions[0]
        #expect(opening["smb.action"] == ["SMB::FILE_OPEN", "SMB::FILE_DELETE"])
        #expect(opening["smb.access"] == ["delete on close"])
    }

    @Test func `a pipe that carries no calls is read and written like a file`() {
        let pipe = Maker.fileID(9)
        let harness = Self.run([
            (Maker.treeConnect("\\\\a\\IPC$", id: 1), .toServer),
            (Maker.treeResponse(2, tree: 1, id: 1), .toClient),
            (Maker.frame(Maker.create("PSEXESVC", id: 2)), .toServer),
            (Maker.createResponse(file: 9, id: 2), .toClient),
            (Maker.write(9, id: 3, Array("whoami".utf8)), .toServer),
            (Maker.writeResponse(id: 3), .toClient), (Maker.read(9, id: 4), .toServer),
            (Maker.readResponse(Array("root".utf8), id: 4), .toClient),
            (Maker.frame(Maker.close(pipe, id: 5)), .toServer),
        ])
        #expect(
            harness.transactions.compactMap { $0["smb.action"]?.first } == [
                "SMB::PIPE_OPEN", "SMB::PIPE_WRITE", "SMB::PIPE_READ",
            ])
    }

    @Test func `calls are found in a pipe whose opening was not seen`() throws {
        let harness = Self.run([
            (Maker.write(3, id: 1, DCERPCMaker.request(call: 5, opnum: 12, [1])), .toServer),
            (Maker.read(3, id: 2), .toServer),
            (Maker.readResponse(DCERPCMaker.response(call: 5, [2]), id: 2), .toClient),
        ])
        let call = try #require(harness.transactions.first)
        #expect(harness.transactions.count == 1)
        #expect(call["dcerpc.request.stub_data"] == ["\u{1}"])
        #expect(call["dcerpc.response.stub_data"] == ["\u{2}"])
    }

    @Test func `the name of a pipe tells the interface where the bind was not seen`() throws {
        let harness = Self.run([
            (Maker.frame(Maker.create("svcctl", id: 1)), .toServer),
            (Maker.createResponse(file: 3, id: 1), .toClient),
            (Maker.write(3, id: 2, DCERPCMaker.request(call: 5, opnum: 12, [1])), .toServer),
        ])
        let call = try #require(harness.transactions.last)
        #expect(call["dcerpc.iface"] == nil)
        #expect(call["dcerpc.endpoint"] == ["svcctl"])
        #expect(call["dcerpc.operation"] == ["CreateServiceW"])
    }

    // MARK: Gaps, long messages

    @Test(arguments: [1, 1000, 100_000]) func `of a long message the beginning is enough`(
        piece: Int
    ) {
        let data = Array(repeating: UInt8(0x4d), count: 300_000)
        let harness = ParserHarness(serverPort: 445)
        let messages: [([UInt8], Direction)] = [
            (Maker.frame(Maker.create("big", id: 1)), .toServer),
            (Maker.createResponse(file: 3, id: 1), .toClient),
            (Maker.write(3, id: 2, piece == 1 ? Array(data.prefix(70_000)) : data), .toServer),
            (Maker.frame(Maker.create("small", id: 3)), .toServer),
        ]
        harness.send(messages) { piece }
        harness.finish()
        #expect(harness.anomalies.isEmpty)
        let names = harness.transactions.map { $0["smb.filename"]?.first }
        #expect(names.sorted { ($0 ?? "") < ($1 ?? "") } == ["big", "big", "small"])
    }

    @Test func `a gap in the data of a write costs nothing else`() {
        let harness = ParserHarness(serverPort: 445)
        let write = Maker.write(3, id: 1, Array(repeating: 0x4d, count: 200_000))
        harness.send(Array(write.prefix(100_000)), .toServer)
        harness.sendGap(50_000, .toServer)
        harness.send(Array(write.suffix(50_004 + 64 + 48)), .toServer)
        harness.send(Maker.frame(Maker.create("next", id: 2)), .toServer)
        harness.finish()
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.last?["smb.filename"] == ["next"])
    }

    @Test func `a gap within the beginning of a message costs that message`() {
        let harness = ParserHarness(serverPort: 445)
        let create = Maker.frame(Maker.create("lost", id: 1))
        harness.send(Array(create.prefix(50)), .toServer)
        harness.sendGap(UInt64(create.count - 60), .toServer)
        harness.send(Array(create.suffix(10)), .toServer)
        harness.send(Maker.frame(Maker.create("next", id: 2)), .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["smb.filename"] } == [["next"]])
    }

    @Test(arguments: [1, 3, 1000]) func `behind a gap the next message is found`(piece: Int) {
        let harness = ParserHarness(serverPort: 445)
        harness.send(Maker.frame(Maker.create("first", id: 1)), .toServer)
        harness.sendGap(5000, .toServer)
        let rest = [0, 0, 0, 1, 0xfe, 0x53] + Maker.frame(Maker.create("next", id: 2))
        harness.send([(rest, .toServer)]) { piece }
        harness.finish()
        #expect(harness.anomalies.isEmpty)
        #expect(harness.transactions.map { $0["smb.filename"] } == [["first"], ["next"]])
    }

    @Test func `calls are found again behind a gap`() {
        let harness = ParserHarness(serverPort: 445)
        harness.send(
            Maker.write(3, id: 1, DCERPCMaker.request(call: 5, opnum: 1, [1], flags: 1)),
            .toServer)
        harness.sendGap(9000, .toServer)
        harness.send(
            Maker.write(3, id: 2, [9, 9, 9] + DCERPCMaker.request(call: 6, opnum: 2, [1])),
            .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["dcerpc.opnum"] } == [["1"], ["2"]])
    }

    // MARK: Broken messages

    private static let broken: [([UInt8], String)] = [
        (Maker.frame([0xfe, 0x53, 0x4d, 0x42]), "malformed_data"),
        (Maker.frame([0xff, 0x53, 0x4d, 0x42, 0x72]), "malformed_data"),
        (Maker.frame(Array(repeating: 0x41, count: 70)), "malformed_data"),
        ([0x47, 0x45, 0x54, 0x20], "malformed_data"),
        (Maker.frame(Maker.message2(5, id: 2, [57, 0])), "malformed_data"),
        (Maker.frame(Maker.message2(9, id: 2, [49, 0])), "malformed_data"),
        (
            Maker.frame(
                Maker.message2(
                    3, id: 2, [9, 0, 0, 0, 72, 0, 255, 255, 0])), "malformed_data"
        ),
        (Maker.negotiate([], id: 2), "negotiate_malformed_dialects"),
        (
            Maker.sessionSetup(
                Array(Maker.authenticate(user: "u", domain: "d", host: "h").prefix(72)), id: 2),
            "malformed_ntlmssp_request"
        ),
        (Maker.response2(5, id: 2), "response_to_server"),
        (Maker.message1(Maker.Block(command: 0x75, words: [], bytes: []), id: 1), ""),
        (
            Maker.message1(
                Maker.Block(command: 0x75, words: [0x2e, 0, 32, 0], bytes: []), id: 1),
            "malformed_data"
        ),
        (
            Maker.message1(
                Maker.Block(command: 0x72, words: [], bytes: [2, 0x61, 0, 9]), id: 1),
            "negotiate_malformed_dialects"
        ),
    ]

    @Test(arguments: broken) func `what breaks its lengths is said`(
        message: [UInt8], anomaly: String
    ) {
        let harness = Self.run([
            (Maker.frame(Maker.create("good", id: 1)), .toServer), (message, .toServer),
        ])
        #expect(harness.anomalies == (anomaly.isEmpty ? [] : [anomaly]))
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `a request of the server is said`() {
        let harness = Self.run([
            (Maker.frame(Maker.create("good", id: 1)), .toServer),
            (Maker.frame(Maker.create("bad", id: 1)), .toClient),
        ])
        #expect(harness.anomalies == ["request_to_client"])
    }

    @Test func `changed bytes do no harm`() {
        var numbers = SeededNumbers(seed: 11)
        for _ in 0..<150 {
            let harness = ParserHarness(serverPort: 445)
            for (bytes, direction) in Self.conversation + SMB1Tests.conversation {
                let isChanged = Int.random(in: 0..<4, using: &numbers) == 0
                harness.send(isChanged ? bytes.mutated(&numbers) : bytes, direction)
            }
            harness.finish()
            #expect(harness.output.openTransactionCount == 0)
        }
    }

    // MARK: Limits

    @Test func `too many requests give up the oldest`() {
        var limits = ProtocolLimits()
        limits.openTransactionCountMax = 3
        let requests = (1...5).map {
            (Maker.frame(Maker.create("f", id: $0)), Direction.toServer)
        }
        let harness = Self.run(requests, limits: limits)
        #expect(harness.anomalies == ["too_many_transactions", "too_many_transactions"])
        #expect(harness.transactions.count == 5)
    }

    @Test func `too many open files and shares forget the oldest`() {
        let harness = ParserHarness(serverPort: 445)
        for index in 1...UInt64(SMBOpens.countMax + 1) {
            harness.send(Maker.frame(Maker.create("f", id: index)), .toServer)
            harness.send(Maker.createResponse(file: index, id: index), .toClient)
        }
        #expect(harness.anomalies == ["too_many_files"])
        for index in 1...UInt64(SMBTrees.countMax + 1) {
            harness.send(Maker.treeConnect("\\\\a\\b", id: 1000 + index), .toServer)
            harness.send(
                Maker.treeResponse(1, tree: 100 + UInt32(index), id: 1000 + index), .toClient)
        }
        #expect(harness.anomalies == ["too_many_files", "too_many_trees"])
        harness.send(Maker.read(1, id: 5001), .toServer)
        harness.send(Maker.read(2, id: 5002), .toServer)
        harness.finish()
        let reads = Self.transactions("READ", in: harness)
        #expect(reads.map { $0["smb.filename"] } == [nil, nil])
    }

    @Test func `too many pipes give up the calls of the oldest`() {
        let harness = ParserHarness(serverPort: 445)
        for index in 1...UInt64(SMBParser.pipeCountMax + 1) {
            let request = DCERPCMaker.request(call: UInt32(index), opnum: 1, [])
            harness.send(Maker.write(index, id: index, request), .toServer)
        }
        #expect(harness.anomalies == ["too_many_pipes"])
        #expect(harness.transactions.map { $0["dcerpc.call_id"] } == [["1"]])
        harness.finish()
        #expect(harness.transactions.count == SMBParser.pipeCountMax + 1)
    }

    @Test func `a parser that was used starts afresh`() {
        let parser = SMBParser()
        let output = ParserOutput()
        for _ in 0..<2 {
            for (bytes, direction) in Self.conversation.dropLast(6) {
                parser.parse(bytes.span.bytes, direction, into: output)
                output.drain()
            }
            parser.finish(.toServer, into: output)
            parser.finish(.toClient, into: output)
            output.drain()
            #expect(output.openTransactionCount == 0)
            parser.reset()
        }
        parser.parse(Maker.read(0x11, id: 1).span.bytes, .toServer, into: output)
        let transaction = output.events.first?.transaction
        #expect(transaction?.id == 0)
        #expect(transaction?.fields.text(of: SMBField.filename.rawValue) == nil)
    }

    // MARK: Detection

    @Test(arguments: [
        (
            "00000040 fe534d42 4000 0100 00000000 0500 0100 00000000", Direction.toServer,
            Detection.yes
        ),
        ("00000040 fe534d42 4000 0100 00000000 0500 0100 01000000", .toServer, .yesReversed),
        ("00000040 fe534d42 4000 0100 00000000 0500 0100 01000000", .toClient, .yes),
        ("00000040 ff534d42 72 00000000 18", .toServer, .yes),
        ("00000040 ff534d42 72 00000000 98", .toServer, .yesReversed),
        ("00000040 fd534d42", .toServer, .yes), ("00000040 ff534d42 72", .toServer, .needMore),
        ("00000040 ff", .toServer, .needMore), ("00", .toServer, .needMore),
        ("00000010 ff534d42 72 00000000 18", .toServer, .no), ("00000040 ff534e", .toServer, .no),
        ("00000040 01534d42 72 00000000 18", .toServer, .no), ("474554", .toServer, .no),
        ("81000044 20", .toServer, .yes), ("810000", .toServer, .needMore),
        ("81000045", .toServer, .no),
    ])
    func `the first frame tells SMB`(hex: String, direction: Direction, expected: Detection) {
        let bytes = [UInt8](hex: hex)
        #expect(SMBDetection.detect(bytes.span.bytes, direction) == expected)
    }

    @Test(arguments: [
        ("410042", "A"), ("4100 e900 ac20", "Aé€"), ("3dd842de", "🙂"), ("3dd8 4100", "\u{fffd}A"),
        ("42de 4100", "\u{fffd}A"), ("3dd8", "\u{fffd}"), ("4100 0000 0000", "A"), ("", ""),
    ])
    func `UTF-16 becomes UTF-8`(hex: String, expected: String) {
        let text = TextBuffer()
        let bytes = [UInt8](hex: hex)
        text.setName(bytes.span.bytes, 0..<bytes.count, isUnicode: true, byteCountMax: 100)
        #expect(String(decoding: text.bytes, as: UTF8.self) == expected)
    }

    @Test func `names are cut at their limit`() {
        let text = TextBuffer()
        let bytes = SMBMaker.utf16(String(repeating: "€", count: 50))
        text.setName(bytes.span.bytes, 0..<bytes.count, isUnicode: true, byteCountMax: 10)
        #expect(String(decoding: text.bytes, as: UTF8.self) == "€€€")
    }
}

@Suite struct SMB1Tests {
    private typealias Maker = SMBMaker

    static let conversation: [([UInt8], Direction)] = {
        let dialects = Maker.dialects(["PC NETWORK PROGRAM 1.0", "NT LM 0.12"])
        let blob = Maker.authenticate(user: "joe", domain: "D", host: "H")
        let native: [UInt8] = [0] + Maker.texts(["Windows 5.1", "LAN 5.1"])
        let path = Maker.utf16("\\\\SRV\\IPC$") + [0, 0]
        let pipe: UInt16 = 0x4000
        let bind = DCERPCMaker.bind(call: 1, [(0, DCERPCMaker.samr, 1)])
        let bindAck = DCERPCMaker.bindAck(call: 1, address: "\\PIPE\\lsass", [0])
        let call = DCERPCMaker.request(call: 2, opnum: 64, Array("who".utf8))
        let answer = DCERPCMaker.response(call: 2, Array("me".utf8))
        return [
            (
                Maker.message1(Maker.Block(command: 0x72, words: [], bytes: dialects), id: 0),
                .toServer
            ),
            (
                Maker.response1(0x72, id: 0, words: [1, 0] + Array(repeating: 0, count: 32)),
                .toClient
            ),
            (
                Maker.message1(
                    Maker.Block(
                        command: 0x73,
                        words: Maker.andX(
                            Array(repeating: 0, count: 10) + Maker.number(UInt16(blob.count)),
                            count: 24), bytes: blob + native), id: 1), .toServer
            ),
            (
                Maker.response1(
                    0x73, id: 1, words: Maker.andX([0, 0, 0, 0], count: 8),
                    // Header, count of words, words, count of bytes: 43 bytes, so one of padding.
                    bytes: [0] + Maker.texts(["Unix", "Samba"])), .toClient
            ),
            (
                Maker.message1(
                    Maker.Block(
                        command: 0x75, words: Maker.andX([0, 0, 1, 0], count: 8),
                        bytes: [0] + path + Array("?????\0".utf8)), id: 2), .toServer
            ),
            (
                Maker.response1(
                    0x75, id: 2, words: Maker.andX([], count: 14), bytes: Array("IPC\0".utf8)),
                .toClient
            ),
            (Maker.ntCreate("\\samr", id: 3), .toServer),
            (Maker.ntCreateResponse(pipe, id: 3), .toClient),
            (Maker.writeAndX(pipe, id: 4, bind), .toServer),
            (Maker.response1(0x2f, id: 4, words: Maker.andX([], count: 12)), .toClient),
            (Maker.readAndX(pipe, id: 5), .toServer),
            (Maker.readAndXResponse(bindAck, id: 5), .toClient),
            (Maker.transact(pipe, id: 6, call), .toServer),
            (
                Maker.transactResponse(
                    id: 6, Array(answer.prefix(20)), total: answer.count), .toClient
            ),
            (
                Maker.transactResponse(
                    id: 6, Array(answer.dropFirst(20)), total: answer.count, displacement: 20),
                .toClient
            ),
            (
                Maker.message1(
                    Maker.Block(
                        command: 0x04, words: Maker.number(pipe) + [0, 0, 0, 0], bytes: []),
                    id: 7), .toServer
            ),
            (Maker.response1(0x04, id: 7), .toClient),
        ]
    }()

    private let harness = SMBTests.run(conversation)

    @Test func `a conversation gives a transaction for each exchange`() {
        let commands = harness.transactions.map {
            $0["smb.command"]?.first ?? $0["dcerpc.request.type"]?.first
        }
        #expect(
            commands == [
                "SMB1_COMMAND_NEGOTIATE_PROTOCOL", "SMB1_COMMAND_SESSION_SETUP_ANDX",
                "SMB1_COMMAND_TREE_CONNECT_ANDX", "SMB1_COMMAND_NT_CREATE_ANDX", "BIND",
                "REQUEST", "SMB1_COMMAND_CLOSE",
            ])
        #expect(harness.anomalies.isEmpty)
    }

    @Test func `negotiation, login and share have their values`() {
        let negotiation = harness.transactions[0]
        #expect(negotiation["smb.dialect"] == ["NT LM 0.12"])
        let login = harness.transactions[1]
        #expect(login["smb.ntlmssp_user"] == ["joe"])
        #expect(login["smb.request.native_os"] == ["Windows 5.1"])
        #expect(login["smb.request.native_lm"] == ["LAN 5.1"])
        #expect(login["smb.response.native_os"] == ["Unix"])
        #expect(login["smb.response.native_lm"] == ["Samba"])
        let tree = harness.transactions[2]
        #expect(tree["smb.named_pipe"] == ["\\\\SRV\\IPC$"])
        #expect(tree["smb.request.service"] == ["?????"])
        #expect(tree["smb.response.service"] == ["IPC"])
        #expect(tree["smb.share_type"] == ["PIPE"])
    }

    @Test func `calls through a pipe have names and stub data`() {
        let opening = harness.transactions[3]
        #expect(opening["smb.filename"] == ["samr"])
        #expect(opening["smb.action"] == ["SMB::PIPE_OPEN"])
        #expect(opening["smb.fuid"] == ["0x4000"])
        let call = harness.transactions[5]
        #expect(call["dcerpc.operation"] == ["SamrConnect5"])
        #expect(call["dcerpc.named_pipe"] == ["samr", "\\PIPE\\lsass"])
        #expect(call["dcerpc.stub_data"] == ["who", "me"])
    }

    @Test(arguments: 1...20) func `however the bytes are cut, the same comes out`(seed: Int) {
        let harness = ParserHarness(serverPort: 139)
        var numbers = SeededNumbers(seed: UInt64(seed))
        harness.send(Self.conversation) {
            seed == 1 ? 1 : Int.random(in: 1...80, using: &numbers)
        }
        harness.finish()
        #expect(harness.transactions == self.harness.transactions)
    }

    @Test func `a session request of NetBIOS comes first`() {
        let name = [0x20] + Array(repeating: UInt8(0x41), count: 32) + [0]
        let harness = SMBTests.run(
            [([0x81, 0, 0, 0x44] + name + name, .toServer), ([0x82, 0, 0, 0], .toClient)]
                + Self.conversation, port: 139)
        #expect(harness.transactions == self.harness.transactions)
    }

    @Test func `files are renamed and deleted by name`() {
        let old = [4, 0] + Maker.utf16("\\a.txt") + [0, 0]
        let new = [4, 0] + Maker.utf16("\\b.exe") + [0, 0]
        let harness = SMBTests.run([
            (
                Maker.message1(
                    Maker.Block(command: 0x07, words: [0, 0], bytes: [4] + old.dropFirst(2) + new),
                    id: 1), .toServer
            ),
            (Maker.response1(0x07, id: 1), .toClient),
            (
                Maker.message1(
                    Maker.Block(
                        command: 0x06, words: [0, 0], bytes: [4] + Array("\\c\0".utf8)), id: 2,
                    flags2: 0x4001), .toServer
            ),
            (Maker.response1(0x06, id: 2, status: 0x0005_0001, flags2: 1), .toClient),
        ])
        let renaming = harness.transactions[0]
        #expect(renaming["smb.action"] == ["SMB::FILE_RENAME"])
        #expect(renaming["smb.rename.from"] == ["\\a.txt"])
        #expect(renaming["smb.rename.to"] == ["\\b.exe"])
        #expect(renaming["smb.filename"] == ["\\b.exe"])
        let deletion = harness.transactions[1]
        #expect(deletion["smb.action"] == ["SMB::FILE_DELETE"])
        #expect(deletion["smb.filename"] == ["\\c"])
        #expect(deletion["smb.status"] == ["ERRDOS_5"])
        #expect(deletion["smb.status_code"] == ["0x50001"])
    }

    @Test func `an open file is written, renamed and deleted`() {
        let renaming =
            Maker.number(UInt32(0)) + Maker.number(UInt32(0)) + Maker.number(UInt32(4))
            + Maker.utf16("zz")
        let file = Maker.number(UInt16(0x55))
        let harness = SMBTests.run([
            (Maker.ntCreate("\\x", id: 1, disposition: 2), .toServer),
            (Maker.ntCreateResponse(0x55, id: 1, size: 12), .toClient),
            (Maker.writeAndX(0x55, id: 2, Array("data".utf8)), .toServer),
            (Maker.response1(0x2f, id: 2), .toClient),
            (
                Maker.transaction2(
                    8, id: 3, parameters: file + Maker.number(UInt16(1010)) + [0, 0],
                    data: renaming), .toServer
            ),
            (Maker.response1(0x32, id: 3, words: Array(repeating: 0, count: 20)), .toClient),
            (
                Maker.transaction2(
                    8, id: 4, parameters: file + Maker.number(UInt16(0x102)) + [0, 0], data: [1]),
                .toServer
            ),
            (Maker.response1(0x32, id: 4, words: Array(repeating: 0, count: 20)), .toClient),
            (Maker.transaction2(0x0e, id: 5, parameters: []), .toServer),
            (Maker.transaction2(5, id: 6, parameters: [1, 0, 0, 0, 0, 0, 0x61, 0]), .toServer),
        ])
        #expect(harness.anomalies.isEmpty)
        #expect(
            harness.transactions.map { $0["smb.action"]?.first } == [
                "SMB::FILE_OPEN", "SMB::FILE_WRITE", "SMB::FILE_RENAME", "SMB::FILE_DELETE", nil,
            ])
        #expect(
            harness.transactions.map { $0["smb.filename"]?.first } == [
                "\\x", "\\x", "zz", "zz", nil,
            ])
        #expect(harness.transactions[0]["smb.size"] == ["12"])
        #expect(harness.transactions[4]["smb.function"] == ["TRANS2_SESSION_SETUP"])
    }

    @Test func `commands in one message are transactions of their own`() {
        let login = Maker.Block(
            command: 0x73, words: [0x75, 0, 0, 0] + Array(repeating: 0, count: 22), bytes: [])
        var first = login.encoded
        let path = Array("\\\\S\\C$\0A:\0".utf8)
        let tree = Maker.Block(
            command: 0x75, words: Maker.andX([], count: 8), bytes: path)
        let offset = 32 + first.count
        first.replaceSubrange(3..<5, with: Maker.number(UInt16(offset)))
        let harness = SMBTests.run([
            (
                Maker.frame(Maker.header1(0x73, id: 1, flags2: 0x4001) + first + tree.encoded),
                .toServer
            )
        ])
        #expect(
            harness.transactions.map { $0["smb.command"]?.first } == [
                "SMB1_COMMAND_SESSION_SETUP_ANDX", "SMB1_COMMAND_TREE_CONNECT_ANDX",
            ])
        #expect(harness.transactions.last?["smb.share"] == ["\\\\S\\C$"])
    }

    @Test func `a transaction in parts waits behind the interim response`() {
        let call = DCERPCMaker.request(call: 9, opnum: 5, Array(repeating: 0x61, count: 40))
        let rest = Array(call.dropFirst(30))
        let words =
            Maker.number(UInt16(0)) + Maker.number(UInt16(call.count)) + Maker.number(UInt16(0))
            + Maker.number(UInt16(0)) + Maker.number(UInt16(0)) + Maker.number(UInt16(rest.count))
            + Maker.number(UInt16(51)) + Maker.number(UInt16(30))
        let harness = SMBTests.run([
            (Maker.transact(7, id: 1, Array(call.prefix(30)), total: call.count), .toServer),
            (Maker.response1(0x25, id: 1), .toClient),
            (
                Maker.message1(Maker.Block(command: 0x26, words: words, bytes: rest), id: 1),
                .toServer
            ),
            (Maker.transactResponse(id: 1, DCERPCMaker.response(call: 9, [1])), .toClient),
        ])
        #expect(harness.transactions.count == 1)
        #expect(harness.transactions[0]["dcerpc.request.size"] == ["40"])
        #expect(harness.transactions[0]["dcerpc.response.size"] == ["1"])
    }
}
