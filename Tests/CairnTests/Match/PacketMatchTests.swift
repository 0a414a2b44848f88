import Testing

@testable import Cairn

@Suite struct PacketMatchTests {
    private let maker = PacketMaker()

    private static func field(_ field: PacketField) -> FieldID {
        FieldID(subject: UInt8(Probe.packet), index: UInt16(field.rawValue))
    }

    private func fired(
        _ rules: [DetectionRule], _ packet: Packet,
        _ place: CommonFields.Context = CommonFields.Context()
    ) -> [Int] {
        let matcher = Matcher(Probe.compiled(rules))
        var packet = packet
        withUnsafePointer(to: &packet) { packet in
            var place = place
            place.packet = packet
            matcher.inspect(packet, place)
        }
        return matcher.drainRules()
    }

    private static func rule(
        _ condition: Condition, _ protocols: [Transport] = []
    ) -> DetectionRule {
        var rule = Probe.rule(condition, subject: Probe.packet)
        rule.traffic.protocols = protocols
        return rule
    }

    @Test func `headers and payload are tested`() {
        let packet = maker.tcp(
            "10.0.0.1:4000", "192.0.2.1:80", [.syn], seq: 1, Array("a needle".utf8))
        let rules = [
            Self.rule(.test(Probe.packetPayload, .contains("NEEDLE"))),
            Self.rule(.test(Self.field(.tcpFlags), .number(.equal, 2))),
            Self.rule(.test(Self.field(.tcpFlagsText), .text("S"))),
            Self.rule(.test(Self.field(.timeToLive), .number(.less, 64))),
            Self.rule(
                .test(
                    Self.field(.ipSource), IPNetwork("10.0.0.0/8").map { .network($0) } ?? .isAbsent
                )),
            Self.rule(.test(Self.field(.ipSource), .text("10.0.*"))),
            Self.rule(.test(Self.field(.icmpType), .isAbsent)),
            Self.rule(.not(.test(Self.field(.icmpType), .number(.equal, 8)))),
            Self.rule(.test(Probe.common(.sourcePort), .number(.equal, 4000))),
            Self.rule(.test(Probe.common(.proto), .text("tcp"))),
            Self.rule(.test(nil, .contains("needle"))),
            Self.rule(.all([])), Self.rule(.any([])),
        ]
        #expect(fired(rules, packet) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
    }

    @Test func `packets without payload are no less packets`() {
        let packet = maker.icmp("10.0.0.1:0", "192.0.2.1:0", type: 8)
        let rules = [
            Self.rule(.test(Probe.packetPayload, .contains("needle"))),
            Self.rule(.test(Self.field(.icmpType), .number(.equal, 8))),
            Self.rule(.test(Self.field(.icmpType), .number(.equal, 8)), [.tcp]),
            Self.rule(.test(Self.field(.icmpType), .number(.equal, 8)), [.tcp, .icmp]),
        ]
        #expect(fired(rules, packet) == [1, 3])
    }

    // MARK: Traffic

    struct TrafficCase: Sendable {
        var filter: TrafficFilter
        var passes: Bool
    }

    private static func filter(
        from: [String] = [], notFrom: [String] = [], to: [String] = [],
        ports: [ClosedRange<UInt16>] = [], notPorts: [ClosedRange<UInt16>] = [],
        bothWays: Bool = false, flow: [FlowCondition] = []
    ) -> TrafficFilter {
        var filter = TrafficFilter()
        filter.source.addresses.included = from.compactMap { IPNetwork($0) }
        filter.source.addresses.excluded = notFrom.compactMap { IPNetwork($0) }
        filter.destination.addresses.included = to.compactMap { IPNetwork($0) }
        filter.destination.ports = PortSet(included: ports, excluded: notPorts)
        filter.isBothWays = bothWays
        filter.flow = flow
        return filter
    }

    /// A packet from 10.1.2.3:4000 to 192.0.2.1:80, to the server of an established flow.
    @Test(arguments: [
        TrafficCase(filter: filter(), passes: true),
        TrafficCase(filter: filter(from: ["10.0.0.0/8"]), passes: true),
        TrafficCase(filter: filter(from: ["11.0.0.0/8", "10.1.2.3"]), passes: true),
        TrafficCase(filter: filter(from: ["11.0.0.0/8"]), passes: false),
        TrafficCase(filter: filter(notFrom: ["10.0.0.0/8"]), passes: false),
        TrafficCase(filter: filter(notFrom: ["10.0.0.0/16"]), passes: true),
        TrafficCase(filter: filter(from: ["10.0.0.0/8"], notFrom: ["10.1.2.0/24"]), passes: false),
        TrafficCase(filter: filter(from: ["::/0"]), passes: false),
        TrafficCase(filter: filter(from: ["0.0.0.0/0"]), passes: true),
        TrafficCase(filter: filter(to: ["10.0.0.0/8"]), passes: false),
        TrafficCase(filter: filter(to: ["10.0.0.0/8"], bothWays: true), passes: true),
        TrafficCase(filter: filter(ports: [80...80]), passes: true),
        TrafficCase(filter: filter(ports: [1...79, 81...65535]), passes: false),
        TrafficCase(filter: filter(notPorts: [80...80]), passes: false),
        TrafficCase(filter: filter(ports: [1...100], notPorts: [50...79]), passes: true),
        TrafficCase(filter: filter(ports: [4000...4000], bothWays: true), passes: true),
        TrafficCase(filter: filter(flow: [.established, .to_server]), passes: true),
        TrafficCase(filter: filter(flow: [.from_client, .stateless]), passes: true),
        TrafficCase(filter: filter(flow: [.to_client]), passes: false),
        TrafficCase(filter: filter(flow: [.not_established]), passes: false),
        TrafficCase(filter: filter(flow: [.only_stream]), passes: false),
        TrafficCase(filter: filter(flow: [.no_stream, .no_frag]), passes: true),
        TrafficCase(filter: filter(flow: [.only_frag]), passes: false),
    ])
    func `traffic filters`(_ test: TrafficCase) {
        var rule = Self.rule(.all([]))
        rule.traffic = test.filter
        let flow = TestFlow(.tcp, "10.1.2.3:4000", "192.0.2.1:80")
        let packet = maker.tcp("10.1.2.3:4000", "192.0.2.1:80", [.ack], seq: 1)
        var place = flow.place
        place.direction = .toServer
        #expect(fired([rule], packet, place) == (test.passes ? [0] : []))
    }

    @Test func `ranges hold what their parts say`() {
        var random = SeededGenerator(seed: 31)
        for _ in 0..<300 {
            func ranges(_ random: inout SeededGenerator) -> [ClosedRange<UInt16>] {
                (0..<random.below(4)).map { _ in
                    let low = UInt16(random.below(20))
                    return low...low + UInt16(random.below(6))
                }
            }
            let (included, excluded) = (ranges(&random), ranges(&random))
            let set = OrderedRanges(included: included, excluded: excluded)
            for port in 0..<30 as Range<UInt16> {
                let expected =
                    (included.isEmpty || included.contains { $0.contains(port) })
                    && !excluded.contains { $0.contains(port) }
                #expect(set.contains(port) == expected)
            }
        }
    }

    // MARK: Flows

    @Test func `rules on flows are asked when one ends`() {
        func field(_ field: FlowField) -> FieldID {
            FieldID(subject: UInt8(Probe.flow), index: UInt16(field.rawValue))
        }
        let rules = [
            Probe.rule(.test(field(.packets), .number(.greater, 5)), subject: Probe.flow),
            Probe.rule(.test(field(.packets), .number(.greater, 50)), subject: Probe.flow),
            Probe.rule(.test(field(.state), .text("established")), subject: Probe.flow),
            Probe.rule(
                .not(.test(Probe.common(.serverPort), .number(.equal, 80))), subject: Probe.flow),
        ]
        let matcher = Matcher(Probe.compiled(rules))
        let flow = TestFlow(.tcp, "10.1.2.3:4000", "192.0.2.1:8080")
        flow.pointer.pointee.toServer.packetCount = 6
        for _ in 0..<2 {
            matcher.inspect(endOf: flow.pointer, FlowFields.Knowledge(), flow.place)
            #expect(matcher.drainRules() == [0, 2, 3])
        }
    }

    @Test func `packets of protocols that carry no other are not searched for what others say`() {
        let speaks = Condition.test(Probe.common(.applicationProtocol), .text("http"))
        let says = Condition.test(Probe.packetPayload, .contains("needle"))
        func transports(_ condition: Condition) -> [Transport] {
            let compiled = Probe.compiled([Probe.rule(condition, subject: Probe.packet)])
            return TransportSet.all.transports.filter {
                !compiled.packetGroups.elements[Int($0.rawValue)].isEmpty
            }
        }
        #expect(transports(says) == TransportSet.all.transports)
        #expect(transports(.all([speaks, says])) == [.tcp, .udp])
        #expect(transports(.all([.not(speaks), says])) == TransportSet.all.transports)
    }
}
