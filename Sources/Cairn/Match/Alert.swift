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
    /// The flow's name in every tool that knows Community ID.
    var communityID: String?
    var applicationProtocol: String?
    var transactionID: UInt64?
    /// Who acts and who suffers, where the rule names fields that say so; no lists.
    var actor: FieldValue?
    var victim: FieldValue?
    /// Fields that correlation rules name, in registry order.
    var fields: [CarriedField] = []
    /// What matched where.
    var matches: [Match] = []
    /// What groups of expressions matched, by names like `flow:user`.
    var captures: [(name: String, text: [UInt8])] = []
    /// What the files of sets say of values that the rule has found in them.
    var contexts: [Context] = []
    /// The members of the event that EVE records add (`"http":{…}`), as JSON text without the outer braces.
    var eventJSON: [UInt8] = []

    init(rule: Int, timestamp: Timestamp) {
        self.rule = rule
        self.timestamp = timestamp
    }

    /// A field under its registry name.
    struct CarriedField: Sendable {
        var field: FieldID
        var name: String
        var value: FieldValue
    }

    /// A JSON text under a name that the rule gives.
    struct Context: Sendable {
        var name: String
        var json: [UInt8]
    }

    struct Match: Sendable {
        var field: String
        var offset: Int
        var length: Int
        /// The matched bytes (at most 64).
        var text: [UInt8]
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
