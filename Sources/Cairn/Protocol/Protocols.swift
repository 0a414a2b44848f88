/// Every protocol that is parsed. Adding one is its file and its line here.
enum Protocols {
    static let all: [ProtocolDefinition] = [
        HTTP.definition, DNS.definition, DNS.multicastDefinition, DNS.linkLocalDefinition,
    ]
}

/// A field by its place: the subject whose table declares it, and its index there.
struct FieldID: Hashable, Sendable {
    /// Index into `FieldRegistry.subjects`.
    var subject: UInt8
    /// Index into the subject's fields.
    var index: UInt16
}

/// Every field that rules can name, found by name or alias: the tables of packets, flows, streams,
/// files and protocols.
enum FieldRegistry {
    /// The tables, in the order of the reference page. `common` fields may be named in rules on any
    /// subject.
    static let subjects: [ProtocolDefinition] =
        [] + Protocols.all
}
