/// What one protocol brings: its fields, how it is recognised, how it is parsed. Packets, flows, streams and files have
/// such a table too, without a parser.
public final class ProtocolDefinition: Sendable {
    /// Lower-case name: the `service` of rules, the `app_proto` and event type of EVE records.
    public let name: String
    /// One line with the standard it follows: `HTTP/1.1 messages (RFC 9112)`.
    public let summary: String
    /// Other names of the log source: `ssl` for tls.
    public let aliases: [String]
    public let fields: [FieldDefinition]
    /// Named oddities, by index, without the protocol's prefix; those of Suricata's event rules where it has one.
    let anomalies: [String]
    /// Whether it is looked for in TCP streams, in UDP datagrams.
    let overTCP: Bool
    let overUDP: Bool
    /// Server ports that are tried first; content decides.
    let ports: [UInt16]
    /// Looks at the first bytes of one direction.
    let detect: @Sendable (_ start: RawSpan, _ direction: Direction) -> Detection
    /// Makes a parser for one flow; nil for tables without one.
    let makeParser: (@Sendable () -> ProtocolParser)?

    init(
        name: String, summary: String, aliases: [String] = [], fields: [FieldDefinition],
        anomalies: [String] = [],
        overTCP: Bool = false, overUDP: Bool = false, ports: [UInt16] = [],
        detect: @escaping @Sendable (_ start: RawSpan, _ direction: Direction) -> Detection = {
            _, _ in .no
        },
        makeParser: (@Sendable () -> ProtocolParser)? = nil
    ) {
        self.name = name
        self.summary = summary
        self.aliases = aliases
        self.fields = fields
        self.anomalies = anomalies
        self.overTCP = overTCP
        self.overUDP = overUDP
        self.ports = ports
        self.detect = detect
        self.makeParser = makeParser
    }

    /// The index of a field by its registry name. For tables in code, where a miss is a mistake of ours.
    func index(of name: String) -> Int {
        guard let index = fields.firstIndex(where: { $0.name == name }) else {
            preconditionFailure("\(self.name) has no field \(name)")
        }
        return index
    }
}

/// What the first bytes of a stream say about its protocol.
enum Detection: Sendable {
    /// It is this protocol.
    case yes
    /// It cannot be.
    case no
    /// It could be; more bytes decide.
    case needMore
    /// It is this protocol, and the flow's ends are the other way round (seen mid-stream, or a response first).
    case yesReversed
}
