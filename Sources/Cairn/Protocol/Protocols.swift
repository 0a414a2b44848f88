/// Every protocol that is known. Adding one is its file and its line here.
enum Protocols {
    static let all = parsed + Recognition.definitions

    /// Those with a parser: rules can be on their transactions.
    static let parsed: [ProtocolDefinition] = [
        HTTP.definition, DNS.definition, DNS.multicastDefinition, DNS.linkLocalDefinition,
        TLS.definition, SMB.definition, DCERPC.definition, Kerberos.definition, RDP.definition,
        SSH.definition, SMTP.definition,
    ]
}

/// A field by its place: the subject whose table declares it, and its index there.
struct FieldID: Hashable, Sendable {
    /// Index into `FieldRegistry.subjects`.
    var subject: UInt8
    /// Index into the subject's fields.
    var index: UInt16
}
