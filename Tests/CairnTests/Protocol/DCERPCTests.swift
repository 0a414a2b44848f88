import Testing

@testable import Cairn

@Suite struct DCERPCTests {
    private typealias Maker = DCERPCMaker

    private func run(
        _ messages: [([UInt8], Direction)], port: UInt16 = 135,
        limits: ProtocolLimits = ProtocolLimits()
    ) -> ParserHarness {
        let harness = ParserHarness(serverPort: port, limits: limits)
        for (bytes, direction) in messages { harness.send(bytes, direction) }
        harness.finish()
        return harness
    }

    static let conversation: [([UInt8], Direction)] = [
        (
            Maker.bind(
                call: 1,
                [
                    (0, Maker.svcctl, 2), (1, Maker.samr, 0x0003_0001),
                    (7, "00112233-4455-6677-8899-aabbccddeeff", 1),
                ]), .toServer
        ),
        (Maker.bindAck(call: 1, address: "\\PIPE\\ntsvcs", [0, 2, 0]), .toClient),
        (Maker.request(call: 2, opnum: 12, Array("first, ".utf8), flags: 1), .toServer),
        (Maker.request(call: 2, opnum: 12, Array("second".utf8), flags: 2), .toServer),
        (Maker.response(call: 2, Array("done".utf8)), .toClient),
        (Maker.request(call: 3, context: 1, opnum: 0, [1]), .toServer),
        (
            Maker.pdu(
                3, call: 3, [UInt8](hex: "20000000 0000 0000 0200011c 00000000")), .toClient
        ),
        (Maker.request(call: 4, context: 7, opnum: 99, [2]), .toServer),
        (Maker.response(call: 4, []), .toClient),
    ]

    @Test func `a bind and its answer are one transaction`() throws {
        let fields = try #require(run(Self.conversation).transactions.first)
        let expected: [String: [String]] = [
            "dcerpc.request.type": ["BIND"], "dcerpc.response.type": ["BINDACK"],
            "dcerpc.call_id": ["1"], "dcerpc.rpc_version": ["5.0"],
            "dcerpc.bind.iface": [
                Maker.svcctl, Maker.samr, "00112233-4455-6677-8899-aabbccddeeff",
            ],
            "dcerpc.bind.version": ["2.0", "1.3", "1.0"],
            "dcerpc.bind.result": ["0", "2", "0"],
        ]
        #expect(fields == expected)
    }

    @Test func `a call in fragments is one transaction with names and stub data`() throws {
        let harness = run(Self.conversation)
        #expect(harness.anomalies.isEmpty)
        let fields = try #require(harness.transactions.dropFirst().first)
        let expected: [String: [String]] = [
            "dcerpc.request.type": ["REQUEST"], "dcerpc.response.type": ["RESPONSE"],
            "dcerpc.call_id": ["2"], "dcerpc.rpc_version": ["5.0"],
            "dcerpc.iface": [Maker.svcctl], "dcerpc.iface.version": ["2"],
            "dcerpc.endpoint": ["svcctl"], "dcerpc.operation": ["CreateServiceW"],
            "dcerpc.opnum": ["12"], "dcerpc.named_pipe": ["\\PIPE\\ntsvcs"],
            "dcerpc.request.fragments": ["2"], "dcerpc.request.size": ["13"],
            "dcerpc.response.fragments": ["1"], "dcerpc.response.size": ["4"],
            "dcerpc.request.stub_data": ["first, second"], "dcerpc.response.stub_data": ["done"],
            "dcerpc.stub_data": ["first, second", "done"],
        ]
        #expect(fields == expected)
    }

    @Test func `an interface that the server refused is not named`() {
        let transactions = run(Self.conversation).transactions
        #expect(transactions.count == 4)
        #expect(transactions[2]["dcerpc.iface"] == nil)
        #expect(transactions[2]["dcerpc.endpoint"] == nil)
        #expect(transactions[2]["dcerpc.opnum"] == ["0"])
        #expect(transactions[2]["dcerpc.response.type"] == ["FAULT"])
        #expect(transactions[2]["dcerpc.status"] == ["0x1c010002"])
        #expect(transactions[3]["dcerpc.iface"] == ["00112233-4455-6677-8899-aabbccddeeff"])
        #expect(transactions[3]["dcerpc.endpoint"] == nil)
    }

    @Test func `numbers may be big-endian`() throws {
        let harness = run([
            (Maker.bind(call: 9, [(0, Maker.samr, 1)], isBig: true), .toServer),
            (Maker.bindAck(call: 9, [0], isBig: true), .toClient),
            (Maker.request(call: 10, opnum: 64, [1, 2], isBig: true), .toServer),
            (Maker.response(call: 10, [3], isBig: true), .toClient),
        ])
        let call = try #require(harness.transactions.last)
        #expect(harness.transactions.first?["dcerpc.bind.iface"] == [Maker.samr])
        #expect(call["dcerpc.call_id"] == ["10"])
        #expect(call["dcerpc.operation"] == ["SamrConnect5"])
        #expect(call["dcerpc.request.size"] == ["2"])
    }

    @Test func `an object and the authentication are not stub data`() throws {
        let object = Array(repeating: UInt8(0xee), count: 16)
        let harness = run([
            (
                Maker.request(
                    call: 1, opnum: 3, object + [0x61, 0x62], flags: 0x83, auth: [1, 2, 3, 4],
                    padding: 6), .toServer
            )
        ])
        let call = try #require(harness.transactions.first)
        #expect(call["dcerpc.request.stub_data"] == ["ab"])
        #expect(call["dcerpc.request.size"] == ["2"])
    }

    @Test func `a context can be added later, and a bind be refused as a whole`() {
        let harness = run([
            (Maker.bind(call: 1, [(0, Maker.svcctl, 2)]), .toServer),
            (Maker.pdu(13, call: 1, [0, 0, 0, 0]), .toClient),
            (Maker.request(call: 2, opnum: 12, []), .toServer),
            (Maker.bind(call: 3, [(1, Maker.samr, 1)], type: 14), .toServer),
            (Maker.bindAck(call: 3, [0], type: 15), .toClient),
            (Maker.request(call: 4, context: 1, opnum: 7, [], flags: 0x43), .toServer),
        ])
        let byCall = Dictionary(grouping: harness.transactions) { $0["dcerpc.call_id"]?.first }
        #expect(byCall["1"]?.first?["dcerpc.response.type"] == ["BINDNAK"])
        #expect(byCall["2"]?.first?["dcerpc.iface"] == nil)
        #expect(byCall["3"]?.first?["dcerpc.response.type"] == ["ALTER_CONTEXT_RESP"])
        #expect(byCall["4"]?.first?["dcerpc.operation"] == ["SamrOpenDomain"])
    }

    @Test func `a response without its request is a transaction`() throws {
        let harness = run([(Maker.response(call: 77, Array("late".utf8)), .toClient)])
        let call = try #require(harness.transactions.first)
        #expect(call["dcerpc.response.stub_data"] == ["late"])
        #expect(call["dcerpc.request.type"] == nil)
    }

    @Test(arguments: 1...40) func `however the bytes are cut, the same comes out`(seed: Int) {
        let whole = run(Self.conversation)
        let harness = ParserHarness(serverPort: 135)
        var numbers = SeededNumbers(seed: UInt64(seed))
        harness.send(Self.conversation) {
            seed == 1 ? 1 : Int.random(in: 1...40, using: &numbers)
        }
        harness.finish()
        #expect(harness.transactions == whole.transactions)
        #expect(harness.anomalies == whole.anomalies)
    }

    // MARK: Gaps and broken bytes

    @Test func `a gap within a PDU costs that PDU`() {
        let harness = ParserHarness(serverPort: 135)
        let first = Maker.request(call: 1, opnum: 1, Array(repeating: 0x41, count: 100))
        harness.send(Array(first.prefix(60)), .toServer)
        harness.sendGap(UInt64(first.count - 70), .toServer)
        harness.send(Array(first.suffix(10)), .toServer)
        harness.send(Maker.request(call: 2, opnum: 2, [1]), .toServer)
        harness.finish()
        #expect(harness.transactions.map { $0["dcerpc.call_id"] } == [["2"]])
        #expect(harness.anomalies.isEmpty)
    }

    @Test(arguments: [1, 3, 1000]) func `behind a gap the next PDU is found`(piece: Int) {
        let harness = ParserHarness(serverPort: 135)
        harness.send(Maker.request(call: 1, opnum: 1, []), .toServer)
        harness.sendGap(5000, .toServer)
        let rest = [5, 0, 9, 5] + Maker.request(call: 2, opnum: 2, [1])
        harness.send([(rest, .toServer)]) { piece }
        harness.finish()
        #expect(harness.transactions.map { $0["dcerpc.call_id"] } == [["1"], ["2"]])
    }

    @Test(arguments: [1, 5, 1000]) func `behind broken bytes the next PDU is found`(piece: Int) {
        let harness = ParserHarness(serverPort: 135)
        let bytes =
            Maker.request(call: 1, opnum: 1, []) + Array(repeating: 5, count: 40)
            + Maker.request(call: 2, opnum: 2, [1])
        harness.send([(bytes, .toServer)]) { piece }
        harness.finish()
        #expect(harness.anomalies == ["malformed_data"])
        #expect(harness.transactions.compactMap { $0["dcerpc.call_id"] } == [["1"], ["2"]])
    }

    @Test(arguments: [
        (DCERPCMaker.pdu(0, call: 1, [0, 0, 0, 0]), Direction.toServer, "malformed_data"),
        (DCERPCMaker.pdu(11, call: 1, [0, 0, 0, 0]), .toServer, "malformed_data"),
        (
            DCERPCMaker.pdu(11, call: 1, [UInt8](hex: "d016d01600000000 03000000")), .toServer,
            "malformed_data"
        ),
        (
            DCERPCMaker.pdu(12, call: 1, [UInt8](hex: "d016d01600000000 ffff")), .toClient,
            "malformed_data"
        ),
        (DCERPCMaker.pdu(2, call: 1, [0, 0]), .toClient, "malformed_data"),
    ])
    func `what breaks its lengths is said`(pdu: [UInt8], direction: Direction, anomaly: String) {
        #expect(run([(pdu, direction)]).anomalies == [anomaly])
    }

    @Test func `who sends what the other should is said`() {
        let harness = run([
            (Maker.request(call: 1, opnum: 1, []), .toServer),
            (Maker.response(call: 1, []), .toServer),
            (Maker.request(call: 2, opnum: 1, []), .toClient),
        ])
        #expect(harness.anomalies == ["response_to_server", "request_to_client"])
    }

    // MARK: Limits

    @Test func `too many calls give up the oldest`() {
        var limits = ProtocolLimits()
        limits.openTransactionCountMax = 3
        let requests = (1...5).map { (Maker.request(call: $0, opnum: 1, []), Direction.toServer) }
        let harness = run(requests, limits: limits)
        #expect(harness.anomalies == ["too_many_calls", "too_many_calls"])
        #expect(harness.transactions.count == 5)
    }

    @Test func `too many contexts forget the oldest`() {
        let contexts = (0..<200).map { (UInt16($0), Maker.samr, UInt32(1)) }
        let harness = run([
            (Maker.bind(call: 1, contexts), .toServer),
            (Maker.bindAck(call: 1, Array(repeating: 0, count: 200)), .toClient),
            (Maker.bind(call: 2, contexts.map { ($0.0 + 200, $0.1, $0.2) }), .toServer),
            (Maker.bindAck(call: 2, Array(repeating: 0, count: 200)), .toClient),
            (Maker.request(call: 3, context: 0, opnum: 1, []), .toServer),
            (Maker.request(call: 4, context: 399, opnum: 1, []), .toServer),
        ])
        #expect(harness.anomalies == ["too_many_contexts"])
        #expect(harness.transactions[2]["dcerpc.iface"] == nil)
        #expect(harness.transactions[3]["dcerpc.iface"] == [Maker.samr])
    }

    @Test func `stub data is kept up to its limit`() throws {
        let piece = Array(repeating: UInt8(0x61), count: 60_000)
        var messages = (0..<20).map { index in
            (Maker.request(call: 1, opnum: 1, piece, flags: index == 0 ? 1 : 0), Direction.toServer)
        }
        messages.append((Maker.request(call: 1, opnum: 1, [], flags: 2), .toServer))
        let call = try #require(run(messages).transactions.first)
        #expect(call["dcerpc.request.size"] == ["1200000"])
        #expect(call["dcerpc.request.stub_data"]?.first?.utf8.count == 1 << 20)
    }

    @Test func `nothing stays open when both directions have ended`() {
        let harness = run([
            (Maker.bind(call: 1, [(0, Maker.samr, 1)]), .toServer),
            (Maker.request(call: 2, opnum: 1, [], flags: 1), .toServer),
            (Maker.request(call: 3, opnum: 1, []), .toServer),
        ])
        #expect(harness.transactions.count == 3)
        #expect(harness.output.openTransactionCount == 0)
    }

    @Test func `changed bytes do no harm`() {
        var numbers = SeededNumbers(seed: 7)
        for _ in 0..<300 {
            let harness = ParserHarness(serverPort: 135)
            for (bytes, direction) in Self.conversation {
                harness.send(bytes.mutated(&numbers), direction)
            }
            harness.finish()
            #expect(harness.output.openTransactionCount == 0)
        }
    }

    // MARK: Detection and tables

    @Test(arguments: [
        ("0500 0b03 1000 0000 4800 0000 01000000", Direction.toServer, Detection.yes),
        ("0500 0b03 1000 0000 4800 0000 01000000", .toClient, .yesReversed),
        ("0500 0c03 0000 0000 0048 0000 00000001", .toClient, .yes),
        ("0500 0b03 1000", .toServer, .needMore), ("05", .toServer, .needMore),
        ("0502 0b03 1000 0000 4800 0000 01000000", .toServer, .no),
        ("0500 6403 1000 0000 4800 0000 01000000", .toServer, .no),
        ("0500 0b03 2000 0000 4800 0000 01000000", .toServer, .no),
        ("0500 0b03 1000 0000 0800 0000 01000000", .toServer, .no),
        ("0500 0b03 1000 0000 4800 ff00 01000000", .toServer, .no), ("0503", .toServer, .no),
    ])
    func `the header tells DCE/RPC`(hex: String, direction: Direction, expected: Detection) {
        let bytes = [UInt8](hex: hex)
        #expect(DCERPCDetection.detect(bytes.span.bytes, direction) == expected)
    }

    @Test func `interfaces are known once`() {
        let all = DCERPCInterface.all
        for (index, interface) in all.enumerated() {
            #expect(DCERPCInterface.index(of: interface.uuid) == index, "\(interface.endpoint)")
        }
        #expect(all.count > 90)
    }

    @Test(arguments: [
        ("12345678-1234-abcd-ef00-0123456789ab", 0x0e, "spoolss", "RpcAddPrintProcessor"),
        ("12345678-1234-abcd-ef00-0123456789ab", 0x09, "spoolss", "RpcAddPrinterDriver"),
        ("12345678-1234-abcd-ef00-0123456789ab", 0x59, "spoolss", "RpcAddPrinterDriverEx"),
        ("12345678-1234-abcd-ef00-0123456789ab", 46, "spoolss", "RpcAddMonitor"),
        (
            "12345678-1234-abcd-ef00-0123456789ab", 65, "spoolss",
            "RpcRemoteFindFirstPrinterChangeNotificationEx"
        ),
        (
            "76f03f96-cdfd-44fc-a22c-64950a001209", 0x27, "IRemoteWinspool",
            "RpcAsyncAddPrinterDriver"
        ),
        (
            "76f03f96-cdfd-44fc-a22c-64950a001209", 0x2c, "IRemoteWinspool",
            "RpcAsyncAddPrintProcessor"
        ),
        ("76f03f96-cdfd-44fc-a22c-64950a001209", 0x33, "IRemoteWinspool", "RpcAsyncAddMonitor"),
        (
            "76f03f96-cdfd-44fc-a22c-64950a001209", 0x3e, "IRemoteWinspool",
            "RpcAsyncInstallPrinterDriverFromPackage"
        ),
        ("12b81e99-f207-4a4c-85d3-77b42f76fd14", 0, "ISecLogon", "SeclCreateProcessWithLogonW"),
        (
            "12b81e99-f207-4a4c-85d3-77b42f76fd14", 1, "ISecLogon",
            "SeclCreateProcessWithLogonExW"
        ),
        (
            "86d35949-83c9-4044-b424-db363231fd0c", 1, "ITaskSchedulerService",
            "SchRpcRegisterTask"
        ),
        ("86d35949-83c9-4044-b424-db363231fd0c", 12, "ITaskSchedulerService", "SchRpcRun"),
        (
            "86d35949-83c9-4044-b424-db363231fd0c", 19, "ITaskSchedulerService",
            "SchRpcEnableTask"
        ),
        ("9556dc99-828c-11cf-a37e-00aa003240c7", 24, "IWbemServices", "ExecMethod"),
        ("9556dc99-828c-11cf-a37e-00aa003240c7", 25, "IWbemServices", "ExecMethodAsync"),
        ("367abb81-9844-35f1-ad32-98f038001003", 12, "svcctl", "CreateServiceW"),
        ("367abb81-9844-35f1-ad32-98f038001003", 19, "svcctl", "StartServiceW"),
        ("367abb81-9844-35f1-ad32-98f038001003", 24, "svcctl", "CreateServiceA"),
        ("367abb81-9844-35f1-ad32-98f038001003", 31, "svcctl", "StartServiceA"),
        ("c681d488-d850-11d0-8c52-00c04fd90f7e", 0, "lsarpc-efs", "EfsRpcOpenFileRaw"),
        ("df1941c5-fe89-4e79-bf10-463657acf44d", 4, "efsrpc", "EfsRpcEncryptFileSrv"),
        ("e3514235-4b06-11d1-ab04-00c04fc2dcd2", 3, "drsuapi", "DRSGetNCChanges"),
        ("12345678-1234-abcd-ef00-01234567cffb", 26, "netlogon", "NetrServerAuthenticate3"),
        ("12345678-1234-abcd-ef00-01234567cffb", 30, "netlogon", "NetrServerPasswordSet2"),
        ("12345778-1234-abcd-ef00-0123456789ab", 77, "lsarpc", "LsarLookupNames4"),
        ("4b324fc8-1670-01d3-1278-5a47bf6ee188", 15, "srvsvc", "NetrShareEnum"),
        ("338cd001-2244-31f1-aaaa-900038001003", 35, "winreg", "BaseRegDeleteKeyEx"),
        ("1ff70682-0a51-30e8-076d-740be8cee98b", 0, "atsvc", "NetrJobAdd"),
        ("82273fdc-e32a-18c3-3f78-827929dc23ea", 24, "eventlog", "ElfrReportEventAndSourceW"),
        ("7fe0d935-dda6-443f-85d0-1cfb58fe41dd", 46, "ICertAdminD2", "ImportKey"),
    ])
    func `operations have their names`(
        uuid: String, opnum: UInt16, endpoint: String, operation: String
    ) throws {
        let index = try #require(DCERPCInterface.index(of: DCERPCUUID(text: uuid)))
        #expect(DCERPCInterface.all[index].endpoint == endpoint)
        #expect(DCERPCInterface.all[index].operation(opnum) == operation)
        #expect(DCERPCInterface.all[index].operation(60_000) == nil)
    }
}
