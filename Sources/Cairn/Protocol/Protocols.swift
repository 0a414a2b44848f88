/// Every protocol that is known. Adding one is its file and its line here.
enum Protocols {
    static let all = parsed + Recognition.definitions

    /// Those with a parser: rules can be on their transactions.
    static let parsed: [ProtocolDefinition] = [
        HTTP.definition, HTTP2.definition, DNS.definition, DNS.multicastDefinition,
        DNS.linkLocalDefinition,
        TLS.definition, SMB.definition, DCERPC.definition, Kerberos.definition, RDP.definition,
        SSH.definition, SMTP.definition, FTP.definition, FTP.dataDefinition, SIP.definition,
    ]

    /// The names of the protocols that make the transactions of a subject.
    static func speaking(_ subject: Int) -> Set<String> { speakers[subject] }

    private static let speakers = FieldRegistry.subjects.map { definition in
        Set(parsed.filter { $0 === definition || $0.transactions === definition }.map(\.name))
    }
}

/// A field by its place: the subject whose table declares it, and its index there.
struct FieldID: Hashable, Sendable {
    /// Index into `FieldRegistry.subjects`.
    var subject: UInt8
    /// Index into the subject's fields.
    var index: UInt16
}
