/// Kerberos 5 between clients and their key distribution centre, over UDP and TCP (RFC 4120).
///
/// A transaction is a request for a ticket with its answer: the ticket, or an error. Kerberos
/// within other protocols is not looked at.
enum Kerberos {
    static let definition = ProtocolDefinition(
        name: "krb5", summary: "Kerberos 5 requests for tickets (RFC 4120)",
        aliases: ["kerberos"],
        fields: [FieldDefinition](rows: messageRows + nameRows + requestRows + replyRows),
        anomalies: Anomaly.allCases.map(\.name), overTCP: true, overUDP: true, ports: [88],
        detector: { start, context in KerberosDetection.detect(start, context) },
        makeParser: { KerberosParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// A message that breaks its own lengths or structure; what was read up to there is kept.
        case malformedData
        /// The reply is encrypted with an algorithm that nobody should use any more.
        case weakEncryption
        /// A message longer than `KerberosParser.messageByteCountMax`; it was passed over.
        case messageTooLong
        /// More requests without an answer than a flow may have; the oldest was given up.
        case flooded

        var name: String {
            switch self {
            case .malformedData: "malformed_data"
            case .weakEncryption: "weak_encryption"
            case .messageTooLong: "message_too_long"
            case .flooded: "flooded"
            }
        }
    }
}

/// Indices into the field table of Kerberos.
enum KerberosField: Int, CaseIterable {
    case messageType, failedRequest, errorName, clientName, realm, serviceName
    case encryption, isWeakEncryption, ticketEncryption, isWeakTicketEncryption
    case requestType, client, clientParts, serviceParts
    case options, isForwardable, isRenewable, from, till, offeredEncryptions, preauthentication
    case messageTypes, requestMessageType, responseMessageType
    case responseClientParts, responseServiceParts, isSuccess, errorCode, errorMessage
}

extension Kerberos {
    private typealias Row = (KerberosField, FieldDefinition)

    /// What events show, in the order of Suricata's.
    private static let messageRows: [Row] = [
        (
            .messageType,
            FieldDefinition(
                "krb5.msg_type.name", .text, eve: "msg_type",
                "last message seen: KRB_AS_REQ, KRB_AS_REP, KRB_TGS_REQ, KRB_TGS_REP, KRB_ERROR")
        ),
        (
            .failedRequest,
            FieldDefinition(
                "krb5.failed_request", .text, eve: "failed_request",
                "request that was answered with an error: KRB_AS_REQ, KRB_TGS_REQ")
        ),
        (
            .errorName,
            FieldDefinition(
                "krb5.error_code.name", .text, .toClient, eve: "error_code",
                "error by its name: KDC_ERR_PREAUTH_FAILED")
        ),
        (
            .clientName,
            FieldDefinition(
                "krb5.client.name", .text, eve: "cname",
                "principal that asks, its parts joined by slashes: host/www")
        ),
        (
            .realm,
            FieldDefinition("krb5.realm", .text, eve: "realm", "realm of the service")
        ),
        (
            .serviceName,
            FieldDefinition(
                "krb5.service", .text, aliases: ["service"], eve: "sname",
                "principal that the ticket is for, its parts joined by slashes: cifs/fs1")
        ),
        (
            .encryption,
            FieldDefinition(
                "krb5.encryption", .text, .toClient, eve: "encryption",
                "algorithm that the reply is encrypted with: rc4-hmac")
        ),
        (
            .isWeakEncryption,
            FieldDefinition(
                "krb5.weak_encryption", .bool, .toClient, eve: "weak_encryption",
                "the reply is encrypted with DES, RC4 or the like (RFC 6649, RFC 8429)")
        ),
        (
            .ticketEncryption,
            FieldDefinition(
                "krb5.ticket_encryption", .text, .toClient,
                aliases: ["cipher", "krb5_ticket_encryption"], eve: "ticket_encryption",
                "algorithm that the ticket is encrypted with: aes256-cts-hmac-sha1-96")
        ),
        (
            .isWeakTicketEncryption,
            FieldDefinition(
                "krb5.ticket_weak_encryption", .bool, .toClient, eve: "ticket_weak_encryption",
                "the ticket is encrypted with DES, RC4 or the like")
        ),
    ]

    private static let nameRows: [Row] = [
        (
            .requestType,
            FieldDefinition(
                "krb5.request_type", .text, aliases: ["request_type"],
                "what is asked of: AS (authentication service), TGS (ticket-granting service)")
        ),
        (
            .client,
            FieldDefinition(
                "krb5.client", .text, aliases: ["client"],
                "principal that asks, and its realm: alice/EXAMPLE.COM")
        ),
        (
            .clientParts,
            FieldDefinition(
                "krb5.cname", .text, list: true, aliases: ["krb5_cname"],
                "parts of the name of the principal that asks")
        ),
        (
            .serviceParts,
            FieldDefinition(
                "krb5.sname", .text, list: true, aliases: ["krb5_sname"],
                "parts of the name of the principal that the ticket is for")
        ),
    ]

    private static let requestRows: [Row] = [
        (
            .options,
            FieldDefinition(
                "krb5.options", .text, .toServer,
                "options of the request in hexadecimal: 0x40810010")
        ),
        (
            .isForwardable,
            FieldDefinition(
                "krb5.forwardable", .bool, .toServer, aliases: ["forwardable"],
                "a forwardable ticket is asked for")
        ),
        (
            .isRenewable,
            FieldDefinition(
                "krb5.renewable", .bool, .toServer, aliases: ["renewable"],
                "a renewable ticket is asked for")
        ),
        (
            .from,
            FieldDefinition(
                "krb5.from", .integer, .toServer, aliases: ["from"],
                "begin of the wanted validity in seconds since 1970 UTC")
        ),
        (
            .till,
            FieldDefinition(
                "krb5.till", .integer, .toServer, aliases: ["till"],
                "end of the wanted validity in seconds since 1970 UTC")
        ),
        (
            .offeredEncryptions,
            FieldDefinition(
                "krb5.offered_encryption", .text, list: true, .toServer,
                "algorithms that the client understands, the preferred one first")
        ),
        (
            .preauthentication,
            FieldDefinition(
                "krb5.padata", .integer, list: true, .toServer,
                "types of the request's pre-authentication data: 2 is an encrypted time stamp")
        ),
    ]

    private static let replyRows: [Row] = [
        (
            .messageTypes,
            FieldDefinition(
                "krb5.msg_type", .integer, list: true, aliases: ["krb5_msg_type"],
                "types of the messages: 10 AS-REQ, 11 AS-REP, 12 TGS-REQ, 13 TGS-REP, 30 error")
        ),
        (
            .requestMessageType,
            FieldDefinition(
                "krb5.request.msg_type", .integer, .toServer, "type of the request: 10 AS-REQ")
        ),
        (
            .responseMessageType,
            FieldDefinition(
                "krb5.response.msg_type", .integer, .toClient, "type of the answer: 11 AS-REP")
        ),
        (
            .responseClientParts,
            FieldDefinition(
                "krb5.response.cname", .text, list: true, .toClient,
                "parts of the name of the principal that the answer is for")
        ),
        (
            .responseServiceParts,
            FieldDefinition(
                "krb5.response.sname", .text, list: true, .toClient,
                "parts of the name of the principal that the answer's ticket is for")
        ),
        (
            .isSuccess,
            FieldDefinition(
                "krb5.success", .bool, .toClient, aliases: ["success"],
                "the answer is a ticket, not an error")
        ),
        (
            .errorCode,
            FieldDefinition(
                "krb5.error_code", .integer, .toClient, aliases: ["krb5_err_code", "error_code"],
                "error as a number (RFC 4120 §7.5.9)")
        ),
        (
            .errorMessage,
            FieldDefinition(
                "krb5.error_msg", .text, list: true, .toClient, aliases: ["error_msg"],
                "name of the error, and the server's own words for it if it has any")
        ),
    ]
}
