import Testing

@testable import Cairn

/// A protocol for tests: lines; `HELLO` opens it, `SWITCH` hands over to another.
private final class LineParser: ProtocolParser {
    static let definition = ProtocolDefinition(
        name: "lines", summary: "lines",
        fields: [FieldDefinition("lines.text", .text, "a line")], overTCP: true, ports: [7],
        serverName: "lines.text",
        detect: { start, direction in
            let opening: StaticString = direction == .toServer ? "HELLO" : "WELCOME"
            let count = min(start.byteCount, opening.utf8CodeUnitCount)
            for index in 0..<count where start.byte(at: index) != opening.utf8Start[index] {
                return .no
            }
            return count == opening.utf8CodeUnitCount ? .yes : .needMore
        }, makeParser: { LineParser() })

    private var partial: [[UInt8]] = [[], []]
    private var count: UInt64 = 0

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            guard byte == 10 else {
                partial[Int(direction.rawValue)].append(byte)
                continue
            }
            let isSwitch = partial[Int(direction.rawValue)] == Array("SWITCH".utf8)
            emit(direction, output)
            guard isSwitch else { continue }
            handsOver = true
            leftoverByteCount = bytes.byteCount - index - 1
            return
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        partial[Int(direction.rawValue)] += Array("<\(byteCount)>".utf8)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        emit(direction, output)
    }

    private func emit(_ direction: Direction, _ output: ParserOutput) {
        let text = partial[Int(direction.rawValue)]
        partial[Int(direction.rawValue)] = []
        guard !text.isEmpty else { return }
        let transaction = output.begin(Self.definition, id: count)
        count += 1
        text.withUnsafeBytes { transaction.fields.append($0, to: 0) }
        output.advance(transaction, .toServer, to: .complete)
        output.advance(transaction, .toClient, to: .complete)
    }

    override func reset() {
        partial = [[], []]
        count = 0
    }
}

@Suite struct ProtocolSessionsTests {
    /// A flow with the line protocol alone.
    private final class Lines {
        let sessions: ProtocolSessions
        let output = ParserOutput()
        let flow: UnsafeMutablePointer<Flow>
        var texts: [String] = []

        init(_ limits: ProtocolSessions.Limits = .init()) {
            sessions = ProtocolSessions(definitions: [LineParser.definition], limits: limits)
            flow = .allocate(capacity: 1)
            var value = Flow()
            value.transport = .tcp
            flow.initialize(to: value)
        }

        deinit { flow.deallocate() }

        func send(
            _ text: String, _ direction: Direction = .toServer, kind: StreamChunk.Kind = .data,
            gap: UInt64 = 0
        ) {
            Array(text.utf8).withUnsafeBytes {
                let chunk = StreamChunk(
                    kind: kind, direction: direction, offset: 0, bytes: $0, gapByteCount: gap)
                sessions.consume(chunk, flow: flow, output: output)
            }
            collect()
        }

        func finish() {
            sessions.finish(flow, output: output)
            collect()
        }

        private func collect() {
            for event in output.events where event.direction == .toServer {
                texts.append(event.transaction?.fields.text(of: 0) ?? "")
            }
            output.drain()
        }
    }

    @Test func `bytes are kept until the protocol is known`() {
        let lines = Lines()
        for byte in "HELLO a\nb\n" { lines.send(String(byte)) }
        #expect(lines.texts == ["HELLO a", "b"])
        #expect(lines.sessions.definition(of: lines.flow)?.name == "lines")
        lines.send("c")
        lines.finish()
        #expect(lines.texts == ["HELLO a", "b", "c"])
        lines.sessions.release(lines.flow)
        #expect(lines.flow.pointee.session == -1)
    }

    @Test func `either direction may decide, and who spoke first is replayed first`() {
        let lines = Lines()
        lines.send("what\nis ")
        lines.send("this\n")
        lines.send("WELCOME\n", .toClient)
        lines.send("more\n")
        #expect(lines.texts == ["what", "is this", "WELCOME", "more"])
    }

    @Test(arguments: [1, 2, 100]) func `what was kept is replayed in the order in which it came`(
        piece: Int
    ) {
        let lines = Lines()
        func send(_ text: String, _ direction: Direction) {
            var rest = text[...]
            while !rest.isEmpty {
                lines.send(String(rest.prefix(piece)), direction)
                rest = rest.dropFirst(piece)
            }
        }
        send("HEL", .toServer)
        send("early\n", .toClient)
        send("LO\nnext\n", .toServer)
        send("late\n", .toClient)
        #expect(lines.texts == ["early", "HELLO", "next", "late"])
    }

    @Test func `what does not fit the buffer is a gap`() {
        var limits = ProtocolSessions.Limits()
        limits.detectionByteCountMax = 8
        let lines = Lines(limits)
        lines.send("0123456789ab")
        lines.send("cd")
        lines.send("WELCOME\n", .toClient)
        lines.send("ef\n")
        #expect(lines.texts == ["WELCOME", "01234567<6>ef"])
    }

    @Test func `two directions that nobody knows are a failure`() {
        let lines = Lines()
        lines.send("x")
        #expect(!lines.sessions.hasFailed(lines.flow))
        lines.send("y", .toClient)
        #expect(lines.sessions.hasFailed(lines.flow))
        var counters = Counters()
        lines.sessions.report(into: &counters)
        #expect(counters["app_layer.flow.failed_tcp"] == 1)
    }

    @Test func `a gap before the protocol is known takes that direction's say`() {
        let lines = Lines()
        lines.send("", .toServer, kind: .gap, gap: 10)
        lines.send("HELLO\n")
        #expect(lines.texts.isEmpty)
        lines.send("WELCOME\n", .toClient)
        #expect(lines.texts == ["WELCOME"])
        lines.send("x\n")
        #expect(lines.texts == ["WELCOME", "<16>x"])
    }

    @Test func `an end before the decision reaches the parser behind it`() {
        let lines = Lines()
        lines.send("odd")
        lines.send("", .toServer, kind: .end)
        lines.send("WELCOME\n", .toClient)
        #expect(lines.texts == ["odd", "WELCOME"])
    }

    @Test func `what follows a handover is detected anew`() {
        let lines = Lines()
        lines.send("HELLO\nSWITCH\nHEL")
        #expect(lines.texts == ["HELLO", "SWITCH"])
        lines.send("LO\nz\n")
        #expect(lines.texts == ["HELLO", "SWITCH", "HELLO", "z"])
        for _ in 0..<3 { lines.send("SWITCH\nHELLO\n") }
        lines.send("SWITCH\nHELLO\n")
        #expect(lines.sessions.hasFailed(lines.flow))
        #expect(lines.texts.count == 11)
    }

    @Test func `the first name of the server stays known`() {
        let lines = Lines()
        lines.send("HELLO\nb\n")
        #expect(lines.sessions.serverName(of: lines.flow) == Array("HELLO".utf8))
    }

    @Test func `without a buffer to keep bytes a direction decides nothing`() {
        var limits = ProtocolSessions.Limits()
        limits.bufferCountMax = 0
        let lines = Lines(limits)
        lines.send("HEL")
        lines.send("LO\n")
        lines.send("WELCOME\n", .toClient)
        #expect(lines.texts == ["WELCOME"])
        var counters = Counters()
        lines.sessions.report(into: &counters)
        #expect(counters["app_layer.detection.no_buffer"] == 1)
    }

    @Test func `slots, parsers and buffers are used again`() {
        let lines = Lines()
        for _ in 0..<3 {
            lines.send("HEL")
            lines.send("LO\n")
            lines.finish()
            lines.sessions.release(lines.flow)
        }
        #expect(lines.texts == ["HELLO", "HELLO", "HELLO"])
        lines.send("x")
        #expect(lines.flow.pointee.session == 0)
    }

    @Test func `many flows at once keep their own state`() {
        let harnesses = (0..<3000).map { _ in Flow() }
        let flows = UnsafeMutablePointer<Flow>.allocate(capacity: harnesses.count)
        defer { flows.deallocate() }
        flows.initialize(from: harnesses, count: harnesses.count)
        let sessions = ProtocolSessions()
        let output = ParserOutput()
        for index in harnesses.indices {
            flows[index].transport = .udp
            flows[index].serverPort = 53
            DNSMaker.query("n\(index).example").withUnsafeBytes {
                sessions.datagram($0, .toServer, flow: flows + index, output: output)
            }
            output.drain()
        }
        var names: [String] = []
        for index in harnesses.indices {
            sessions.finish(flows + index, output: output)
            names += output.events.compactMap {
                $0.transaction?.fields.text(of: DNSField.query.rawValue)
            }
            output.drain()
            sessions.release(flows + index)
        }
        #expect(names == harnesses.indices.map { "n\($0).example" })
    }

    @Test func `the first datagram of each direction decides`() {
        let query = DNSMaker.query("a.example")
        let late = ParserHarness(transport: .udp, serverPort: 53)
        for message in [[1, 2, 3], query] { late.send(message, .toServer) }
        #expect(late.sessions.hasFailed(late.flow))
        late.send([4], .toClient)
        late.send(query, .toServer)
        #expect(late.sessions.hasFailed(late.flow))
        #expect(late.transactions.isEmpty)

        let other = ParserHarness(transport: .udp, serverPort: 53)
        other.send([1, 2, 3], .toServer)
        other.send(query, .toClient)
        #expect(other.sessions.definition(of: other.flow)?.name == "dns")
        #expect(!other.sessions.hasFailed(other.flow))
    }

    @Test func `a stream that ends before anything is certain is no failure`() {
        let lines = Lines()
        lines.send("HEL")
        lines.finish()
        #expect(!lines.sessions.hasFailed(lines.flow))
        #expect(lines.sessions.definition(of: lines.flow) == nil)
    }

    @Test func `bytes behind what decided cost a protocol without a parser nothing`() {
        let harness = ParserHarness(serverPort: 5900)
        harness.send(Array("RFB 003.008\n".utf8), .toClient)
        harness.send(Array("RFB 003.008\n".utf8), .toServer)
        harness.finish()
        #expect(harness.sessions.definition(of: harness.flow)?.name == "rfb")
        #expect(harness.lines.isEmpty)
    }
}
