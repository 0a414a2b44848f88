/// What one protocol brings: its fields, how it is recognised, how it is parsed. Packets, flows,
/// streams and files have such a table too, without a parser.
public final class ProtocolDefinition: Sendable {
    /// Lower-case name: the `service` of rules, the `app_proto` and event type of EVE records.
    public let name: String
    /// One line with the standard it follows: `HTTP/1.1 messages (RFC 9112)`.
    public let summary: String
    /// Other names of the log source: `ssl` for tls.
    public let aliases: [String]
    /// Its fields; a field's index is its place here.
    public let fields: [FieldDefinition]
    /// How events show them.
    let eventLayout: EventLayout
    /// Named oddities, by index, without the protocol's prefix; those of Suricata's event rules
    /// where it has one.
    let anomalies: [String]
    /// The fields that hold the names of a transaction's anomalies: those of both directions, then, if a message of each
    /// is odd by itself, the client's and the server's. Empty without anomalies. They may get values until the transaction
    /// is complete.
    let anomalyFields: Range<Int>
    /// Other names of anomalies, and what they stand for.
    let anomalyAliases: [String: String]
    /// Whether it is looked for in TCP streams, in UDP datagrams.
    let overTCP: Bool
    let overUDP: Bool
    /// Its ports, and what they say.
    let ports: [UInt16]
    let portUse: PortUse
    /// The field that says under which name the client addresses the server, if it has one.
    let serverNameField: Int?
    /// Looks at the first bytes of one direction.
    let detector: Detector
    /// The definition whose transactions its parser makes, if they are not its own: then rules name it, and this one has no
    /// fields.
    let transactions: ProtocolDefinition?
    /// When rules on payload look at what came of a stream, though little came.
    let chunkEnds: ChunkEnds
    /// What it goes over to is spoken inside it: the flow keeps its name.
    let isKept: Bool
    /// For rules its transaction ends no earlier than the connection.
    let lastsToEnd: Bool
    /// Makes a parser for one flow; nil for tables without one, and for protocols that are only
    /// recognised.
    let makeParser: (@Sendable () -> ProtocolParser)?

    init(
        name: String, summary: String, aliases: [String] = [], fields: [FieldDefinition],
        anomalies: [String] = [], anomalyAliases: [String: String] = [:],
        hasAnomaliesEachWay: Bool = false,
        overTCP: Bool = false, overUDP: Bool = false, ports: [UInt16] = [],
        portUse: PortUse = .hint, serverName: String? = nil,
        chunkEnds: ChunkEnds = .never, isKept: Bool = false, lastsToEnd: Bool = false,
        detect: @escaping @Sendable (_ start: RawSpan, _ direction: Direction) -> Detection = {
            _, _ in .no
        },
        detector: Detector? = nil, transactions: ProtocolDefinition? = nil,
        makeParser: (@Sendable () -> ProtocolParser)? = nil
    ) {
        self.name = name
        self.summary = summary
        self.aliases = aliases
        let anomalyRows =
            anomalies.isEmpty ? [] : Self.anomalyRows(name, eachWay: hasAnomaliesEachWay)
        let fields = fields + anomalyRows
        anomalyFields = fields.count - anomalyRows.count..<fields.count
        self.fields = fields
        eventLayout = EventLayout(fields)
        self.anomalies = anomalies
        self.anomalyAliases = anomalyAliases
        self.overTCP = overTCP
        self.overUDP = overUDP
        self.ports = ports
        self.portUse = portUse
        serverNameField = serverName.map { Self.index(of: $0, in: fields) }
        self.chunkEnds = chunkEnds
        self.isKept = isKept
        self.lastsToEnd = lastsToEnd
        self.detector = detector ?? { start, context in detect(start, context.direction) }
        self.transactions = transactions
        self.makeParser = makeParser
    }

    private static func anomalyRows(_ name: String, eachWay: Bool) -> [FieldDefinition] {
        let meaning = "names of oddities, as in anomaly records but without the protocol"
        let both = FieldDefinition("\(name).anomaly", .text, list: true, meaning)
        guard eachWay else { return [both] }
        return [
            both,
            FieldDefinition(
                "\(name).request.anomaly", .text, list: true, "\(meaning); of the request"),
            FieldDefinition(
                "\(name).response.anomaly", .text, list: true, "\(meaning); of the response"),
        ]
    }

    /// Looks at the first bytes of one direction of a TCP stream, the port saying nothing.
    func detect(_ start: RawSpan, _ direction: Direction) -> Detection {
        detector(start, DetectionContext(direction: direction))
    }

    /// The index of a field by its registry name. For tables in code, where a miss is a mistake of
    /// ours.
    func index(of name: String) -> Int { Self.index(of: name, in: fields) }

    private static func index(of name: String, in fields: [FieldDefinition]) -> Int {
        guard let index = fields.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("there is no field \(name)")
        }
        return index
    }

    /// The field that has one direction's values of a field that has those of both:
    /// `http.request.header` for `http.header`; and the other end's of a field that has one end's:
    /// `tls.client.cert_subject` for `tls.cert_subject`. Without such a variant it is itself returned.
    func field(_ direction: Direction, of index: Int) -> Int {
        guard fields[index].direction != direction,
            let dot = fields[index].name.firstIndex(of: ".")
        else { return index }
        let sides =
            direction == .toServer ? ["request.", "client."] : ["response.", "server."]
        for side in sides {
            var name = fields[index].name
            name.insert(contentsOf: side, at: name.index(after: dot))
            let variant = fields.firstIndex { $0.name == name || $0.aliases.contains(name) }
            if let variant { return variant }
        }
        return index
    }

    /// The index of an anomaly by its name or another name of it, without the protocol's prefix.
    func anomalyIndex(of name: String) -> Int? {
        anomalies.firstIndex(of: anomalyAliases[name] ?? name)
    }

    /// The name of an anomaly in records: with the protocol's prefix, unless it has that of another one that makes
    /// transactions of this definition.
    func anomalyName(_ index: Int) -> String {
        let own = anomalies[index]
        return own.contains(".") ? own : "\(name).\(own)"
    }
}

extension [FieldDefinition] {
    /// A table whose rows stand in the order of an enumeration of their indices.
    init<Index: CaseIterable & RawRepresentable>(rows: [(Index, FieldDefinition)])
    where Index.RawValue == Int {
        precondition(
            rows.map(\.0.rawValue) == Index.allCases.map(\.rawValue),
            "rows of \(Index.self) out of order")
        self = rows.map(\.1)
    }
}

/// What ports say about a protocol.
enum PortUse: Sendable {
    /// Where either end has one of them it is tried first; content decides, at any port.
    case hint
    /// It is looked for only where either end has one of them.
    case required
    /// Where the server has one of them little evidence is enough: it is looked for only there, and
    /// after all others.
    case lastResort
}

/// With what of a protocol the payload that rules look at in one piece ends, however short it is. Suricata looks at the
/// streams of other protocols when enough came.
enum ChunkEnds: Sendable {
    case never
    /// With each message.
    case messages
    /// With each step of a message: its head, its body.
    case steps
}

/// Looks at the first bytes of one direction of a stream, or at a datagram.
typealias Detector = @Sendable (_ start: RawSpan, _ context: DetectionContext) -> Detection

/// What is known about the bytes that a protocol is looked for in.
struct DetectionContext: Sendable {
    var direction: Direction
    /// A UDP datagram; else the start of a stream's direction.
    var isDatagram = false
    /// A port of the flow is one of the protocol's: less evidence is enough.
    var isAtPort = false
}

/// What the first bytes of a stream say about its protocol. With more bytes only `needMore` may
/// become something else.
enum Detection: Sendable {
    /// It is this protocol.
    case yes
    /// It cannot be.
    case no
    /// It could be; more bytes decide.
    case needMore
    /// It is this protocol, and the flow's ends are the other way round (seen mid-stream, or a
    /// response first).
    case yesReversed
}
