/// A rule whose condition holds on an event. State and thresholds, which depend on what came before on other flows, are
/// decided behind the shards, in packet order (`AlertGate`).
final class Candidate {
    /// What is looked at one after the other on each packet, as Suricata does it: a rule sees state that was set in an
    /// earlier phase, or in its own by a rule that comes before it.
    enum Phase: UInt8, Comparable {
        /// Nothing but who talks to whom.
        case ends
        /// The packet, and what its stream has come to.
        case packet
        case transactions

        static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
    }

    let alert: Alert
    /// The form of the rule: an index into `CompiledRules.rules`.
    let form: Int32
    /// The order of the rules on one event.
    let order: Int32
    var phase = Phase.packet
    /// Its place among the candidates of its packet, in the order in which their state is applied.
    var place = 0
    /// With whose packets the state of its rule is applied; nil: at once.
    var stateDirection: Direction?
    /// Values of the rule's variables, where its counters need them; in the order of `CompiledRules.Rule.variables`.
    var variables: [Int64] = []
    /// What the rule asks of sets that rules change, in its order.
    var setValues: [SetValues] = []

    struct SetValues {
        /// Index into the codes of `ValueSetTable`.
        var code: Int
        var values: [[UInt8]]
    }

    /// The same rule may come again on the same direction of the stream: it fires on the first that passes the gate.
    var isOfStream = false
    /// The layer of its packet.
    var layer: UInt8 = 0
    /// What it holds on is more than one packet.
    var coversFlow = false

    init(alert: Alert, form: Int32, order: Int32) {
        self.alert = alert
        self.form = form
        self.order = order
    }

    /// Makes a later packet the one that decides; the end of a flow is none.
    func move(to packet: UnsafePointer<Packet>?, at timestamp: Timestamp) {
        alert.timestamp = timestamp
        guard let packet else { return }
        alert.frameNumber = packet.pointee.frameNumber
        alert.source = packet.pointee.source
        layer = packet.pointee.layer
    }

    /// Whether its state is applied before that of another candidate of the packet, where the order of events does not say.
    func precedes(_ other: Candidate) -> Bool {
        (phase, alert.transactionID ?? 0, order, place)
            < (other.phase, other.alert.transactionID ?? 0, other.order, other.place)
    }
}
