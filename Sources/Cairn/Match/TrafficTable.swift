/// Whether a packet or flow is one that a rule is about, tested before anything else.
struct TrafficTest {
    /// Bits by the raw values of `Transport`.
    fileprivate(set) var transports: UInt8 = .max
    fileprivate(set) var flow: FlowTests = []
    fileprivate(set) var isBothWays = false
    /// Indices into the sets of the table, -1 for any.
    fileprivate(set) var sourceAddresses: Int32 = -1
    fileprivate(set) var destinationAddresses: Int32 = -1
    fileprivate(set) var sourcePorts: Int32 = -1
    fileprivate(set) var destinationPorts: Int32 = -1

    /// Addresses and ports are any.
    var isAnyEndpoint: Bool {
        sourceAddresses < 0 && destinationAddresses < 0 && sourcePorts < 0 && destinationPorts < 0
    }
}

/// `FlowCondition`s as a set.
struct FlowTests: OptionSet {
    let rawValue: UInt16

    static let established = FlowTests(rawValue: 1)
    static let notEstablished = FlowTests(rawValue: 2)
    static let toServer = FlowTests(rawValue: 4)
    static let toClient = FlowTests(rawValue: 8)
    static let onlyStream = FlowTests(rawValue: 16)
    static let noStream = FlowTests(rawValue: 32)
    static let onlyFragments = FlowTests(rawValue: 64)
    static let noFragments = FlowTests(rawValue: 128)
    static let firstPacket = FlowTests(rawValue: 256)
    static let protocolKnown = FlowTests(rawValue: 512)
    static let protocolSeen = FlowTests(rawValue: 1024)
    static let withPayload = FlowTests(rawValue: 2048)
    static let withoutPayload = FlowTests(rawValue: 4096)
    /// There are ports: a fragment has none, not even one that no group names.
    static let withPorts = FlowTests(rawValue: 8192)
    static let inFlow = FlowTests(rawValue: 16384)
    // The last bit is the mark of `RulelessPackets`.

    init(rawValue: UInt16) { self.rawValue = rawValue }

    init(_ conditions: [FlowCondition]) {
        self = []
        for condition in conditions {
            switch condition {
            case .established: insert(.established)
            case .not_established: insert(.notEstablished)
            case .stateless: insert(.inFlow)
            case .to_server, .from_client: insert(.toServer)
            case .to_client, .from_server: insert(.toClient)
            case .only_stream: insert(.onlyStream)
            case .no_stream: insert(.noStream)
            case .first_packet: insert(.firstPacket)
            case .protocol_known: insert(.protocolKnown)
            case .protocol_seen: insert(.protocolSeen)
            case .with_payload: insert(.withPayload)
            case .without_payload: insert(.withoutPayload)
            case .only_frag: insert(.onlyFragments)
            case .no_frag: insert(.noFragments)
            }
        }
    }
}

/// What traffic tests look at: who sends, who receives, and what flow it belongs to.
struct Traffic: Equatable {
    var source: IPAddress
    var destination: IPAddress
    var sourcePort: UInt16
    var destinationPort: UInt16
    var transport: Transport
    /// The tests of `FlowTests` that hold.
    var flow: FlowTests
}

/// The traffic filters of a rule set. Equal sets of addresses and ports are one.
final class TrafficTable: @unchecked Sendable {
    private let tests = FlatTable<TrafficTest>()
    private let addressSets = FlatTable<OrderedRanges<IPAddress>>()
    private let portSets = FlatTable<OrderedRanges<UInt16>>()
    /// What some filter asks of flows and packets: the rest need not tell traffic apart.
    private(set) var askedTests: FlowTests = []
    private var addressIndices: [SetKey<IPNetwork>: Int32] = [:]
    private var portIndices: [SetKey<ClosedRange<UInt16>>: Int32] = [:]

    private struct SetKey<Element: Hashable>: Hashable {
        var included: [Element]
        var excluded: [Element]
    }

    /// Adds the filter of a rule and gives its index.
    func add(_ filter: TrafficFilter) -> Int {
        var test = TrafficTest()
        if !filter.protocols.isEmpty {
            test.transports = filter.protocols.reduce(0) { $0 | 1 << $1.rawValue }
        }
        test.flow = FlowTests(filter.flow)
        if filter.source.ports != PortSet() || filter.destination.ports != PortSet() {
            test.flow.insert(.withPorts)
        }
        askedTests.formUnion(test.flow)
        test.isBothWays = filter.isBothWays
        test.sourceAddresses = index(filter.source.addresses)
        test.destinationAddresses = index(filter.destination.addresses)
        test.sourcePorts = index(filter.source.ports)
        test.destinationPorts = index(filter.destination.ports)
        return Int(tests.append(test))
    }

    private func index(_ set: AddressSet) -> Int32 {
        if set.included.isEmpty && set.excluded.isEmpty { return -1 }
        let key = SetKey(included: set.included, excluded: set.excluded)
        if let index = addressIndices[key] { return index }
        let index = addressSets.append(
            OrderedRanges(
                included: set.included.flatMap(\.ranges), excluded: set.excluded.flatMap(\.ranges)))
        addressIndices[key] = index
        return index
    }

    private func index(_ set: PortSet) -> Int32 {
        if set.included.isEmpty && set.excluded.isEmpty { return -1 }
        let key = SetKey(included: set.included, excluded: set.excluded)
        if let index = portIndices[key] { return index }
        let index = portSets.append(
            OrderedRanges(included: set.included, excluded: set.excluded))
        portIndices[key] = index
        return index
    }

    /// Whether traffic passes a filter.
    func passes(_ index: Int, _ traffic: Traffic) -> Bool {
        let test = tests.elements[index]
        guard test.transports >> traffic.transport.rawValue & 1 != 0,
            traffic.flow.isSuperset(of: test.flow)
        else { return false }
        if test.isAnyEndpoint || endpointsPass(test, traffic) { return true }
        guard test.isBothWays else { return false }
        var reversed = traffic
        swap(&reversed.source, &reversed.destination)
        swap(&reversed.sourcePort, &reversed.destinationPort)
        return endpointsPass(test, reversed)
    }

    private func endpointsPass(_ test: TrafficTest, _ traffic: Traffic) -> Bool {
        contains(test.destinationPorts, traffic.destinationPort)
            && contains(test.sourcePorts, traffic.sourcePort)
            && contains(test.sourceAddresses, traffic.source)
            && contains(test.destinationAddresses, traffic.destination)
    }

    @inline(__always) private func contains(_ set: Int32, _ port: UInt16) -> Bool {
        set < 0 || portSets.elements[Int(set)].contains(port)
    }

    @inline(__always) private func contains(_ set: Int32, _ address: IPAddress) -> Bool {
        set < 0 || addressSets.elements[Int(set)].contains(address)
    }

    func test(_ index: Int) -> TrafficTest { tests.elements[index] }

    /// The addresses of a set that a test refers to.
    func addressRanges(_ set: Int32) -> [ClosedRange<IPAddress>] {
        addressSets.elements[Int(set)].ranges
    }

    /// The ports of a set that a test refers to.
    func portRanges(_ set: Int32) -> [ClosedRange<UInt16>] { portSets.elements[Int(set)].ranges }

    /// The ports that a filter lets pass at its source and destination.
    func ports(of index: Int) -> (source: [ClosedRange<UInt16>], destination: [ClosedRange<UInt16>])
    {
        func ranges(_ set: Int32) -> [ClosedRange<UInt16>] {
            set < 0 ? [0...UInt16.max] : portRanges(set)
        }
        let test = tests.elements[index]
        let (source, destination) = (ranges(test.sourcePorts), ranges(test.destinationPorts))
        return test.isBothWays
            ? (source + destination, source + destination) : (source, destination)
    }
}
