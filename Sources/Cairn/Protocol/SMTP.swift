/// SMTP between clients and servers and among servers (RFC 5321), and what mails carry (RFC 2045).
///
/// A transaction is one mail: who it is from and for, and its content. Attachments are files of it.
enum SMTP {
    static let definition = ProtocolDefinition(
        name: "smtp", summary: "SMTP mails and their attachments (RFC 5321, RFC 2045)",
        fields: [FieldDefinition](rows: rows), anomalies: Anomaly.allCases.map(\.name),
        overTCP: true, ports: [25, 587],
        detect: { start, direction in
            direction == .toServer ? start.opens(withOneOf: ["EHLO", "HELO", "QUIT"]) : .no
        },
        makeParser: { SMTPParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// A line of the server that is no reply.
        case invalidReply
        /// A reply that nothing was said to.
        case unmatchedReply
        /// Lines longer than `SMTPParser.lineByteCountMax`; what is beyond is not looked at.
        case longCommandLine
        case longReplyLine
        /// A command before the server's greeting.
        case noWelcome
        /// The server does not want to begin TLS, or does not want a mail's content.
        case tlsRejected
        case dataRejected
        /// A mail with more parts within each other than are followed.
        case deepMail

        var name: String {
            switch self {
            case .invalidReply: "invalid_reply"
            case .unmatchedReply: "unable_to_match_reply_with_request"
            case .longCommandLine: "max_command_line_len_exceeded"
            case .longReplyLine: "max_reply_line_len_exceeded"
            case .noWelcome: "no_server_welcome_message"
            case .tlsRejected: "tls_rejected"
            case .dataRejected: "data_command_rejected"
            case .deepMail: "mime_nesting_limit"
            }
        }
    }
}

/// Indices into the field table of SMTP.
enum SMTPField: Int, CaseIterable {
    case helo, mailFrom, rcptTo, subject, from, to
}

extension SMTP {
    private static let rows: [(SMTPField, FieldDefinition)] = [
        (
            .helo,
            FieldDefinition(
                "smtp.helo", .bytes, .toServer, available: .headers, aliases: ["helo"],
                eve: "helo", "name that the client gives itself")
        ),
        (
            .mailFrom,
            FieldDefinition(
                "smtp.mail_from", .bytes, .toServer, available: .headers, aliases: ["mailfrom"],
                eve: "mail_from", "sender as the client tells it: <a@example.com>")
        ),
        (
            .rcptTo,
            FieldDefinition(
                "smtp.rcpt_to", .bytes, list: true, .toServer, available: .headers,
                aliases: ["rcptto"], eve: "rcpt_to", "receivers as the client tells them")
        ),
        (
            .subject,
            FieldDefinition(
                "email.subject", .bytes, .toServer, aliases: ["subject"], "subject of the mail")
        ),
        (
            .from,
            FieldDefinition(
                "email.from", .bytes, .toServer, aliases: ["from"], "From header of the mail")
        ),
        (
            .to,
            FieldDefinition(
                "email.to", .bytes, .toServer, aliases: ["to"], "To header of the mail")
        ),
    ]
}
