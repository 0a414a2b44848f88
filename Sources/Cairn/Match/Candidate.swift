/// A rule whose condition holds on an event. State and thresholds, which depend on what came before on other flows, are
/// decided behind the shards, in packet order (`AlertGate`).
///
/// An object, because an alert is large and goes through several hands.
final class Candidate {
    let alert: Alert
    /// The form of the rule: an index into `CompiledRules.rules`.
    let form: Int32
    /// The order of the rules on one event.
    let order: Int32
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
}
