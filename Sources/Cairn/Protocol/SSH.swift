/// SSH up to the point where it is encrypted (RFC 4253).
///
/// A connection is one transaction: the identification line and the offer of algorithms of each
/// end.
enum SSH {
    static let definition = ProtocolDefinition(
        name: "ssh", summary: "SSH connections up to their encryption (RFC 4253)",
        fields: [FieldDefinition](rows: versionRows + offerRows),
        anomalies: Anomaly.allCases.map(\.name), overTCP: true, ports: [22],
        detect: { start, _ in start.opens(with: "SSH-") }, makeParser: { SSHParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// What came first is no identification line.
        case invalidBanner
        /// An identification line longer than the standard allows; its beginning is kept.
        case longBanner
        /// A packet that breaks its own lengths; the direction is not read further.
        case invalidRecord
        /// An offer of algorithms too long to be kept.
        case longKexRecord

        var name: String {
            switch self {
            case .invalidBanner: "invalid_banner"
            case .longBanner: "long_banner"
            case .invalidRecord: "invalid_record"
            case .longKexRecord: "long_kex_record"
            }
        }
    }
}

/// Indices into the field table of SSH.
enum SSHField: Int, CaseIterable {
    case proto, software
    case clientProto, clientSoftware, serverProto, serverSoftware
    case hassh, hasshString, hasshServer, hasshServerString
}

extension SSH {
    private typealias Row = (SSHField, FieldDefinition)

    private static let versionRows: [Row] = [
        (
            .proto,
            FieldDefinition(
                "ssh.proto", .text, list: true, available: .line, aliases: ["ssh_proto"],
                "protocol version of either end: 2.0")
        ),
        (
            .software,
            FieldDefinition(
                "ssh.software", .text, list: true, available: .line, aliases: ["ssh_software"],
                "software of either end: OpenSSH_9.6")
        ),
        (
            .clientProto,
            FieldDefinition(
                "ssh.request.proto", .text, .toServer, available: .line,
                eve: "client.proto_version", "protocol version of the client")
        ),
        (
            .clientSoftware,
            FieldDefinition(
                "ssh.request.software", .text, .toServer, available: .line,
                aliases: ["client"], eve: "client.software_version", "software of the client")
        ),
        (
            .serverProto,
            FieldDefinition(
                "ssh.response.proto", .text, .toClient, available: .line,
                eve: "server.proto_version", "protocol version of the server")
        ),
        (
            .serverSoftware,
            FieldDefinition(
                "ssh.response.software", .text, .toClient, available: .line,
                aliases: ["server"], eve: "server.software_version", "software of the server")
        ),
    ]

    private static let offerRows: [Row] = [
        (
            .hassh,
            FieldDefinition(
                "ssh.hassh", .text, .toServer, aliases: ["hassh"],
                "HASSH: MD5 of the algorithms that the client offers")
        ),
        (
            .hasshString,
            FieldDefinition(
                "ssh.hassh.string", .text, .toServer, aliases: ["hasshAlgorithms"],
                "algorithms that the client offers: exchange;encryption;MAC;compression")
        ),
        (
            .hasshServer,
            FieldDefinition(
                "ssh.hassh.server", .text, .toClient, aliases: ["hasshServer"],
                "HASSH of the server")
        ),
        (
            .hasshServerString,
            FieldDefinition(
                "ssh.hassh.server.string", .text, .toClient, aliases: ["hasshServerAlgorithms"],
                "algorithms that the server offers")
        ),
    ]
}
