/// One rule on one event. It owns no packet memory, so that everything behind the matcher can take its time.
///
/// An object, because it is large and goes through several hands.
final class Alert {
    /// Index into the detection rules of the rule set.
    let rule: Int
    /// Of the packet that made it certain, as are the frame number and addresses.
    var timestamp: Timestamp
    var frameNumber: UInt64 = 0
    var source: UInt32 = 0
    var flowID: UInt64?
    var sourceAddress = IPAddress.zero
    var destinationAddress = IPAddress.zero
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    var ipProtocol: UInt8 = 0
    var transport = Transport.none
    /// Which way the packet went, if it belongs to a flow.
    var direction: Direction?
    /// The ends of the flow; source and destination where there is no flow.
    var client = IPAddress.zero
    var server = IPAddress.zero
    var vlanIDs: [UInt16] = []
    var applicationProtocol: String?
    var transactionID: UInt64?
    /// Who acts and who suffers, where the rule names fields that say so; no lists.
    var actor: FieldValue?
    var victim: FieldValue?
    /// Fields that correlation rules name, in registry order.
    var fields: [CarriedField] = []
    /// What groups of expressions matched, by names like `flow:user`.
    var captures: [(name: String, text: [UInt8])] = []
    /// What the files of sets say of values that the rule has found in them.
    var contexts: [Context] = []
    /// What its record shows of the event.
    var excerpt = Excerpt()

    init(rule: Int, timestamp: Timestamp) {
        self.rule = rule
        self.timestamp = timestamp
    }

    /// A field with its value.
    struct CarriedField: Sendable {
        var field: FieldID
        var value: FieldValue
    }

    /// A JSON text under a name that the rule gives.
    struct Context: Sendable {
        var name: String
        var json: [UInt8]
    }

    /// Members of the record, as JSON text that is written while the event is there: nobody but who reads the record asks
    /// for them. Three parts without outer braces, one behind the other.
    struct Excerpt: Sendable {
        /// Empty if nobody is to read the record.
        var json: [UInt8] = []
        /// The end of the flow's name in every tool that knows Community ID.
        var communityIDEnd = 0
        /// The end of what EVE shows of the event (`"http":{…}`). What is behind it says which fields correlation rules name
        /// have which values, and what matched where.
        var eventEnd = 0
    }
}

/// The value of a field, copied out of an event.
enum FieldValue: Hashable, Sendable {
    case text([UInt8])
    case integer(Int64)
    case address(IPAddress)
    /// A field with several values; it joins no correlation group.
    case list([FieldValue])
}
