/// The Remote Desktop Protocol over TCP, up to where it encrypts ([MS-RDPBCGR]; RFC 1006, X.224).
///
/// A transaction is the opening of a connection: the request and the answer about how to encrypt;
/// and if neither TLS nor CredSSP is agreed on, what client and server say about themselves. What
/// TLS carries is left to TLS.
enum RDP {
    static let definition = ProtocolDefinition(
        name: "rdp", summary: "openings of remote desktop connections ([MS-RDPBCGR])",
        fields: [FieldDefinition](
            rows: negotiationRows + clientRows + channelRows + securityRows),
        anomalies: Anomaly.allCases.map(\.name), overTCP: true, ports: [3389],
        isKept: true,
        detector: { start, context in RDPDetection.detect(start, context) },
        makeParser: { RDPParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// A message that breaks its own lengths or structure, or is not due.
        case malformedData

        var name: String {
            switch self {
            case .malformedData: "malformed_data"
            }
        }
    }
}

/// Indices into the field table of RDP.
enum RDPField: Int, CaseIterable {
    case eventType, cookie, routingToken, requestFlags, requestedProtocols
    case securityProtocolName, responseFlags, errorCode, reason
    case version, desktopWidth, desktopHeight, colorDepth, keyboardLayout, build, clientName
    case keyboardType, keyboardSubtype, functionKeys, productID, serialNumber, digitalProductID
    case channels
    case result, securityProtocol, clientBuild, requestedColorDepth
    case encryptionMethod, encryptionLevel
    case certificateType, certificateCount, isCertificatePermanent
}

extension RDP {
    private typealias Row = (RDPField, FieldDefinition)

    private static let negotiationRows: [Row] = [
        (
            .eventType,
            FieldDefinition(
                "rdp.event_type", .text, eve: "event_type",
                "how far it came: initial_request, initial_response, connect_request,"
                    + " connect_response")
        ),
        (
            .cookie,
            FieldDefinition(
                "rdp.cookie", .text, .toServer, available: .line, aliases: ["cookie"],
                eve: "cookie", "user name in the request's cookie, often cut to nine characters")
        ),
        (
            .routingToken,
            FieldDefinition(
                "rdp.routing_token", .text, .toServer, available: .line,
                "what the request tells a load balancer instead of a user name")
        ),
        (
            .requestFlags,
            FieldDefinition(
                "rdp.request.flags", .text, list: true, .toServer, available: .line, eve: "flags",
                "what the client insists on: restricted_admin_mode_required")
        ),
        (
            .requestedProtocols,
            FieldDefinition(
                "rdp.requested_protocols", .text, list: true, .toServer, available: .line,
                eve: "requested_protocols",
                "how the client could encrypt: rdp, ssl, hybrid, rds_tls, hybrid_ex, rds_aad")
        ),
        (
            .securityProtocolName,
            FieldDefinition(
                "rdp.protocol", .text, .toClient, available: .line, eve: "protocol",
                "how the server chose to encrypt: rdp, ssl, hybrid, rds_tls, hybrid_ex, rds_aad")
        ),
        (
            .responseFlags,
            FieldDefinition(
                "rdp.response.flags", .text, list: true, .toClient, available: .line,
                eve: "server_supports", "what the server can do: extended_client_data")
        ),
        (
            .errorCode,
            FieldDefinition(
                "rdp.error_code", .integer, .toClient, available: .line, eve: "error_code",
                "why the server refused, as a number")
        ),
        (
            .reason,
            FieldDefinition(
                "rdp.reason", .text, .toClient, available: .line, eve: "reason",
                "why the server refused: ssl required by server")
        ),
    ]

    private static let clientRows: [Row] = [
        (
            .version,
            FieldDefinition(
                "rdp.client.version", .text, .toServer, eve: "client.version",
                "version of the protocol that the client speaks: v5, v10.7")
        ),
        (
            .desktopWidth,
            FieldDefinition(
                "rdp.client.desktop_width", .integer, .toServer, aliases: ["desktop_width"],
                eve: "client.desktop_width", "width of the desktop in pixels")
        ),
        (
            .desktopHeight,
            FieldDefinition(
                "rdp.client.desktop_height", .integer, .toServer, aliases: ["desktop_height"],
                eve: "client.desktop_height", "height of the desktop in pixels")
        ),
        (
            .colorDepth,
            FieldDefinition(
                "rdp.client.color_depth", .integer, .toServer, eve: "client.color_depth",
                "bits of a pixel")
        ),
        (
            .keyboardLayout,
            FieldDefinition(
                "rdp.client.keyboard_layout", .text, .toServer, eve: "client.keyboard_layout",
                "language of the client's keyboard: en-US, ru-RU")
        ),
        (
            .build,
            FieldDefinition(
                "rdp.client.build", .text, .toServer, eve: "client.build",
                "the client's system by its build number: Windows 7 SP1")
        ),
        (
            .clientName,
            FieldDefinition(
                "rdp.client.name", .text, .toServer, aliases: ["client_name"],
                eve: "client.client_name", "name of the client's computer")
        ),
        (
            .keyboardType,
            FieldDefinition(
                "rdp.client.keyboard_type", .text, .toServer, eve: "client.keyboard_type",
                "kind of the client's keyboard: enhanced")
        ),
        (
            .keyboardSubtype,
            FieldDefinition(
                "rdp.client.keyboard_subtype", .integer, .toServer,
                eve: "client.keyboard_subtype", "number of the keyboard's subtype")
        ),
        (
            .functionKeys,
            FieldDefinition(
                "rdp.client.function_keys", .integer, .toServer, eve: "client.function_keys",
                "function keys of the client's keyboard")
        ),
        (
            .productID,
            FieldDefinition(
                "rdp.client.product_id", .integer, .toServer, eve: "client.product_id",
                "number of the client's product")
        ),
        (
            .serialNumber,
            FieldDefinition(
                "rdp.client.serial_number", .integer, .toServer, eve: "client.serial_number",
                "the client's serial number")
        ),
        (
            .digitalProductID,
            FieldDefinition(
                "rdp.client.id", .text, .toServer, aliases: ["client_dig_product_id"],
                eve: "client.id", "digital product identifier of the client's system")
        ),
    ]

    private static let channelRows: [Row] = [
        (
            .channels,
            FieldDefinition(
                "rdp.channels", .text, list: true, .toServer, aliases: ["client_channels"],
                eve: "channels", "virtual channels that the client asks for: rdpdr, cliprdr")
        )
    ]

    /// What only Zeek's log has.
    private static let securityRows: [Row] = [
        (
            .result,
            FieldDefinition(
                "rdp.result", .text, .toClient, aliases: ["result"],
                "what came of it: encrypted, Success, or the server's reason to refuse")
        ),
        (
            .securityProtocol,
            FieldDefinition(
                "rdp.security_protocol", .text, .toClient, available: .line,
                aliases: ["security_protocol"],
                "how the server chose to encrypt, in Zeek's words: RDP, SSL, HYBRID, HYBRID_EX")
        ),
        (
            .clientBuild,
            FieldDefinition(
                "rdp.client.build.name", .text, .toServer, aliases: ["client_build"],
                "the client by its build number, in Zeek's words: RDP 7.1, client_build-18363")
        ),
        (
            .requestedColorDepth,
            FieldDefinition(
                "rdp.client.color_depth.name", .text, .toServer, aliases: ["requested_color_depth"],
                "bits of a pixel that the client would like best, in Zeek's words: 32bit")
        ),
        (
            .encryptionMethod,
            FieldDefinition(
                "rdp.encryption_method", .text, .toClient, aliases: ["encryption_method"],
                "key of the protocol's own encryption: None, 40bit, 56bit, 128bit, FIPS")
        ),
        (
            .encryptionLevel,
            FieldDefinition(
                "rdp.encryption_level", .text, .toClient, aliases: ["encryption_level"],
                "extent of the protocol's own encryption: None, Low, Client compatible, High, FIPS")
        ),
        (
            .certificateType,
            FieldDefinition(
                "rdp.cert_type", .text, .toClient, aliases: ["cert_type"],
                "kind of the certificate for the protocol's own encryption: RSA, X.509")
        ),
        (
            .certificateCount,
            FieldDefinition(
                "rdp.cert_count", .integer, .toClient, aliases: ["cert_count"],
                "certificates for the protocol's own encryption")
        ),
        (
            .isCertificatePermanent,
            FieldDefinition(
                "rdp.cert_permanent", .bool, .toClient, aliases: ["cert_permanent"],
                "the certificate for the protocol's own encryption is not a temporary one")
        ),
    ]
}
