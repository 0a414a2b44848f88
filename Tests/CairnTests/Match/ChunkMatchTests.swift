import Testing

@testable import Cairn

/// Rules on packets that look for the payload in the chunks of a TCP stream.
@Suite struct ChunkMatchTests {
    private static func rule(
        _ predicate: Predicate, _ inspection: PayloadInspection, _ flow: [FlowCondition] = []
    ) -> DetectionRule {
        var rule = Probe.rule(.test(Probe.packetPayload, predicate), subject: Probe.packet)
        rule.traffic.inspection = inspection
        rule.traffic.flow = flow
        return rule
    }

    /// A connection whose segments are acknowledged as they are sent.
    private final class Connection {
        let matcher: Matcher
        let flow = TestFlow(.tcp, "10.0.0.1:4000", "192.0.2.1:80")
        private let maker = PacketMaker()
        private var offset: UInt64 = 0

        init(_ rules: [DetectionRule]) { matcher = Matcher(Probe.compiled(rules)) }

        deinit { matcher.release(flow.pointer) }

        /// Rules that hold on a segment of the client.
        func send(
            _ text: String, inStream: Bool = true, from client: Bool = true
        ) -> [Int] {
            let ends: (Endpoint, Endpoint) = ("10.0.0.1:4000", "192.0.2.1:80")
            var packet = maker.tcp(
                client ? ends.0 : ends.1, client ? ends.1 : ends.0, [.ack], seq: 1,
                Array(text.utf8))
            var place = flow.place
            place.direction = client ? .toServer : .toClient
            withUnsafePointer(to: &packet) { packet in
                place.packet = packet
                matcher.inspect(packet, place, isInStream: inStream)
            }
            let fired = matcher.drainRules()
            if inStream { deliver(text, place) }
            return fired
        }

        /// Hands bytes on as acknowledged.
        private func deliver(_ text: String, _ place: CommonFields.Context) {
            Array(text.utf8).withUnsafeBytes { bytes in
                matcher.collect(
                    StreamChunk(kind: .data, direction: .toServer, offset: offset, bytes: bytes),
                    place)
            }
            offset += UInt64(text.utf8.count)
        }

        func look(at transaction: Transaction) -> [Int] {
            matcher.inspect(transaction, flow.place)
            return matcher.drainRules()
        }

        func endMessage() { matcher.endMessage(flow.pointer, .toServer) }

        func end() -> [Int] {
            for direction in [Direction.toServer, .toClient] {
                matcher.inspectChunk(endOf: flow.pointer, direction, flow.place)
            }
            return matcher.drainRules()
        }
    }

    @Test func `what stands in two segments is found with the next one`() {
        let connection = Connection([Self.rule(.contains("needle"), .stream)])
        #expect(connection.send("a nee") == [])
        #expect(connection.send("dle") == [])
        connection.endMessage()
        #expect(connection.send("") == [0])
        #expect(connection.send("") == [])
        #expect(connection.end() == [])
    }

    @Test func `a chunk is due when a message has ended, when it is large, and at the end`() {
        let connection = Connection([Self.rule(.contains("needle"), .stream)])
        #expect(connection.send("needle") == [])
        #expect(connection.send("") == [])
        connection.endMessage()
        #expect(connection.send("needle") == [0])
        #expect(connection.send(String(repeating: "x", count: 2560)) == [])
        #expect(connection.send("needle") == [0])
        #expect(connection.end() == [0])
        #expect(connection.end() == [])
    }

    @Test func `offsets count in the chunk`() {
        let first = Predicate.sequence([.content("needle", offset: 0, depth: 6)])
        let connection = Connection([Self.rule(first, .stream)])
        _ = connection.send("needle")
        connection.endMessage()
        #expect(connection.send("needle") == [0])
        connection.endMessage()
        #expect(connection.send("x") == [0])
    }

    @Test func `the packet is looked at where the rule says so, once in all`() {
        let rules = [
            Self.rule(.contains("needle"), .packet), Self.rule(.contains("needle"), .stream),
            Self.rule(.contains("needle"), [.packet, .stream]),
        ]
        let connection = Connection(rules)
        #expect(connection.send("needle") == [0, 2])
        connection.endMessage()
        #expect(connection.send("") == [1, 2])
        #expect(connection.send("needle", inStream: false) == [0, 1, 2])
        #expect(connection.end() == [])
    }

    @Test func `flow conditions say where to look`() {
        let rules = [
            Self.rule(.contains("needle"), .packet, [.only_stream]),
            Self.rule(.contains("needle"), .stream, [.no_stream, .to_server]),
        ]
        let connection = Connection(rules)
        #expect(connection.send("needle") == [1])
        #expect(connection.send("needle", inStream: false) == [1])
        #expect(connection.end() == [0])
    }

    @Test func `rules on transactions see the chunk of their stream`() {
        var rule = Probe.rule(
            .all([
                .test(.line, .contains("GET")), .test(Probe.packetPayload, .contains("needle")),
            ]))
        rule.traffic.flow = [.to_server]
        let connection = Connection([rule])
        let transaction = Transaction(Probe.definition)
        transaction.fields.append("GET", to: Int(Probe.Field.line.rawValue))
        _ = connection.send("GET nee")
        transaction.toServer = .line
        #expect(connection.look(at: transaction) == [])
        _ = connection.send("dle")
        transaction.toServer = .body
        #expect(connection.look(at: transaction) == [0])
    }

    @Test func `rules see only the direction that they are about`() {
        let rules = [
            Self.rule(.contains("needle"), .stream, [.to_server]),
            Self.rule(.contains("needle"), .stream, [.to_client]),
        ]
        let connection = Connection(rules)
        _ = connection.send("needle")
        connection.endMessage()
        #expect(connection.send("", from: false) == [])
        #expect(connection.send("") == [0])
    }
}

/// Rules that look at each direction of a transaction by itself.
@Suite struct EachWayTests {
    private func rule(_ field: String, eachWay: Bool = true) throws -> DetectionRule {
        let subject = try #require(
            FieldRegistry.subjects.firstIndex { $0 === HTTP.definition })
        let field = FieldID(
            subject: UInt8(subject), index: UInt16(HTTP.definition.index(of: field)))
        var rule = Probe.rule(.test(field, .contains("needle")), subject: subject)
        rule.traffic.isEachWay = eachWay
        return rule
    }

    @Test func `such a rule holds for the client and for the server`() throws {
        let rules = try [rule("http.header"), rule("http.header", eachWay: false)]
        let matcher = Matcher(CompiledRules(rules))
        let flow = TestFlow(.tcp, "10.0.0.1:4000", "192.0.2.1:80")
        let transaction = Transaction(HTTP.definition)
        func add(_ field: String) {
            transaction.fields.append("A: needle", to: HTTP.definition.index(of: field))
            transaction.fields.append("A: needle", to: HTTP.definition.index(of: "http.header"))
        }
        add("http.request.header")
        transaction.toServer = .complete
        matcher.inspect(transaction, flow.place)
        #expect(matcher.drainRules() == [0, 1])
        add("http.response.header")
        transaction.toClient = .complete
        matcher.inspect(transaction, flow.place)
        #expect(matcher.drainRules() == [0])
    }
}
