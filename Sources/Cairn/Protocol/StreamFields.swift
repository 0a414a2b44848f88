/// The fields of rules on ordered bytes: one direction of a TCP connection, or a UDP datagram.
enum StreamFields {
    static let definition = ProtocolDefinition(
        name: "stream",
        summary: "reassembled bytes of one direction of a TCP connection, or a UDP datagram",
        fields: [
            FieldDefinition("payload", .bytes, "bytes in order, each once")
        ])

    /// Index of the only field.
    static let payload = 0
}
