import Testing

@testable import Cairn

@Suite struct TrafficIndexTests {
    /// An index over filters, given back when it is not needed any more. Rules have the numbers of their filters.
    private final class Fixture {
        let table = TrafficTable()
        let index: TrafficIndex
        private let memo = TrafficMemo()
        /// By rule; -1 for any traffic.
        private let filters: [Int32]

        init(_ filters: [TrafficFilter]) {
            let table = table
            self.filters = filters.map { $0 == TrafficFilter() ? -1 : Int32(table.add($0)) }
            index = TrafficIndex(
                self.filters.enumerated().map { (Int32($0.offset), $0.element) }, table)
        }

        deinit { index.deallocate() }

        /// The rules that the traffic passes, asked one by one.
        func rulesPassed(by traffic: Traffic) -> [Int] {
            filters.indices.filter { filters[$0] < 0 || table.passes(Int(filters[$0]), traffic) }
        }

        /// The rules that a memo says the traffic passes.
        func rulesRemembered(about traffic: Traffic) -> [Int] {
            var rules: [Int] = []
            memo.forEachRule(of: index, passedBy: traffic) {
                filters[$0] < 0 || table.passes(Int(filters[$0]), traffic)
            } _: {
                rules.append($0)
            }
            return rules.sorted()
        }

        func rules(about traffic: Traffic) -> [Int] {
            var rules: [Int] = []
            index.forEachRule(about: traffic) { rules.append($0) }
            return rules.sorted()
        }
    }

    private static func traffic(
        _ source: UInt32, _ destination: UInt32, ports: (UInt16, UInt16) = (4000, 80),
        flow: FlowTests = .withPorts
    ) -> Traffic {
        Traffic(
            source: IPAddress(v4: source), destination: IPAddress(v4: destination),
            sourcePort: ports.0, destinationPort: ports.1, transport: .tcp, flow: flow)
    }

    private static func network(_ address: UInt32, _ prefixLength: Int) -> IPNetwork {
        guard let network = IPNetwork(IPAddress(v4: address), prefixLength: prefixLength)
        else { preconditionFailure("the prefix has at most 32 bits") }
        return network
    }

    private static func from(_ networks: [IPNetwork]) -> TrafficFilter {
        var filter = TrafficFilter()
        filter.source.addresses.included = networks
        return filter
    }

    @Test func `a rule is found by the addresses it lists and by no other`() {
        let fixture = Fixture([
            Self.from([Self.network(0x0a00_0001, 32), Self.network(0xc0a8_0000, 16)]),
            Self.from([Self.network(0x0a00_0000, 24)]),
        ])
        #expect(fixture.rules(about: Self.traffic(0x0a00_0000, 1)) == [1])
        #expect(fixture.rules(about: Self.traffic(0x0a00_0001, 1)) == [0, 1])
        #expect(fixture.rules(about: Self.traffic(0x0a00_0100, 1)) == [])
        #expect(fixture.rules(about: Self.traffic(0xc0a8_ffff, 1)) == [0])
        #expect(fixture.rules(about: Self.traffic(0xc0a9_0000, 1)) == [])
        #expect(fixture.rules(about: Self.traffic(1, 0x0a00_0001)) == [])
    }

    @Test func `a rule is found by its ports where those tell more than its addresses`() {
        func rule(_ source: [ClosedRange<UInt16>], _ destination: [ClosedRange<UInt16>])
            -> TrafficFilter
        {
            var filter = Self.from([Self.network(0x0a00_0000, 8)])
            filter.source.ports.included = source
            filter.destination.ports.included = destination
            return filter
        }
        let fixture = Fixture([
            rule([], [22...22]), rule([], [20...25, 80...80]), rule([7...7], []), rule([], []),
            // So many ports tell nothing.
            rule([], [1024...65535]),
        ])
        func rules(_ ports: (UInt16, UInt16)) -> [Int] {
            fixture.rules(about: Self.traffic(0x0a00_0001, 1, ports: ports))
        }
        #expect(rules((4000, 22)) == [0, 1, 3, 4])
        #expect(rules((4000, 80)) == [1, 3, 4])
        #expect(rules((7, 81)) == [2, 3, 4])
        #expect(rules((22, 4000)) == [3, 4])
        #expect(rules((0, 65535)) == [3, 4])
    }

    @Test func `a class of rules is passed over where its flow tests do not hold`() {
        var first = TrafficFilter()
        first.flow = [.first_packet]
        let fixture = Fixture([first, TrafficFilter()])
        #expect(fixture.rules(about: Self.traffic(1, 2)) == [1])
        #expect(
            fixture.rules(about: Self.traffic(1, 2, flow: [.firstPacket, .withPorts])) == [0, 1])
    }

    @Test func `an index of no rules finds none`() {
        let fixture = Fixture([])
        #expect(fixture.index.isEmpty)
        #expect(fixture.rules(about: Self.traffic(1, 2)) == [])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `every rule that traffic passes is found, once, and remembered`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func networks(_ random: inout SeededGenerator) -> [IPNetwork] {
            (0..<Int.random(in: 0...6, using: &random)).map { _ in
                let prefixLength = [0, 8, 24, 28, 31, 32, 32].randomElement(using: &random) ?? 32
                return Self.network(
                    0x0a00_0000 + UInt32.random(in: 0..<256, using: &random), prefixLength)
            }
        }
        func ports(_ random: inout SeededGenerator) -> [ClosedRange<UInt16>] {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                let first = UInt16.random(in: 0..<60, using: &random)
                let count: UInt16 = [0, 0, 1, 7, 2000].randomElement(using: &random) ?? 0
                return first...first + count
            }
        }
        let filters = (0..<200).map { _ in
            var filter = TrafficFilter()
            filter.source.addresses.included = networks(&random)
            filter.destination.addresses.included = networks(&random)
            if Int.random(in: 0..<4, using: &random) == 0 {
                filter.source.addresses.excluded = networks(&random)
            }
            filter.source.ports.included = ports(&random)
            filter.destination.ports.included = ports(&random)
            filter.isBothWays = Int.random(in: 0..<5, using: &random) == 0
            if Bool.random(using: &random) { filter.flow = [.established] }
            if Int.random(in: 0..<3, using: &random) == 0 { filter.protocols = [.udp] }
            return filter
        }
        let fixture = Fixture(filters)
        for _ in 0..<200 {
            let traffic = Self.traffic(
                0x0a00_0000 + UInt32.random(in: 0..<300, using: &random),
                0x0a00_0000 + UInt32.random(in: 0..<300, using: &random),
                ports: (
                    .random(in: 0..<70, using: &random), .random(in: 0..<70, using: &random)
                ),
                flow: Bool.random(using: &random) ? [.established, .withPorts] : .notEstablished)
            let found = fixture.rules(about: traffic)
            #expect(Set(found).count == found.count)
            #expect(Set(found).isSuperset(of: fixture.rulesPassed(by: traffic)))
            for _ in 0..<2 {
                #expect(fixture.rulesRemembered(about: traffic) == fixture.rulesPassed(by: traffic))
            }
        }
    }
}
