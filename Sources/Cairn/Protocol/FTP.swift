/// FTP: commands and replies of the control connection, and the data connections that they announce
/// (RFC 959, RFC 2428).
///
/// A transaction of the control connection is a command with its replies; one of a data connection
/// is what it carries, which is a file.
enum FTP {
    static let definition = ProtocolDefinition(
        name: "ftp", summary: "FTP commands and replies (RFC 959)",
        fields: [FieldDefinition](rows: rows), anomalies: Anomaly.allCases.map(\.name),
        overTCP: true, ports: [21],
        detect: { start, direction in
            guard direction == .toServer else { return start.opens(with: "220 (") }
            return start.opens(withOneOf: ["USER ", "PASS ", "PORT ", "FEAT"])
        },
        makeParser: { FTPParser() })

    /// Never found by content: a command on the control connection announces it.
    static let dataDefinition = ProtocolDefinition(
        name: "ftp-data", summary: "FTP data connections and their files (RFC 959 §3)",
        aliases: ["ftp_data"], fields: [FieldDefinition](rows: dataRows), overTCP: true,
        makeParser: { FTPDataParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// Lines longer than `FTPParser.lineByteCountMax`; what is beyond is not looked at.
        case longCommand
        case longReply

        var name: String {
            switch self {
            case .longCommand: "request_command_too_long"
            case .longReply: "response_command_too_long"
            }
        }
    }

    /// What was announced of a data connection.
    struct Announcement: Equatable {
        /// Port that it goes to.
        var port: UInt16
        /// Command that it serves, and the file's name.
        var command: [UInt8]
        var fileName: [UInt8]
    }
}

/// Indices into the field table of FTP.
enum FTPField: Int, CaseIterable {
    case command, commandData, completionCodes, replies, replyReceived, dynamicPort, mode, isBounce
}

/// Indices into the field table of FTP's data connections.
enum FTPDataField: Int, CaseIterable {
    case command, fileName
}

extension FTP {
    private static let rows: [(FTPField, FieldDefinition)] = [
        (
            .command,
            FieldDefinition(
                "ftp.command", .bytes, .toServer, aliases: ["ftp_command"], eve: "command",
                "command as sent: RETR")
        ),
        (
            .commandData,
            FieldDefinition(
                "ftp.command_data", .bytes, .toServer, aliases: ["arg"], eve: "command_data",
                "what stands behind the command")
        ),
        (
            .completionCodes,
            FieldDefinition(
                "ftp.completion_code", .bytes, list: true, .toClient, aliases: ["reply_code"],
                eve: "completion_code", "codes of the replies: 226")
        ),
        (
            .replies,
            FieldDefinition(
                "ftp.reply", .bytes, list: true, .toClient, aliases: ["reply_msg"], eve: "reply",
                "lines of the replies, without their codes")
        ),
        (
            .replyReceived,
            FieldDefinition(
                "ftp.reply_received", .text, .toClient, eve: "reply_received",
                "yes or no: whether a reply came")
        ),
        (
            .dynamicPort,
            FieldDefinition(
                "ftp.dynamic_port", .integer, eve: "dynamic_port",
                "port for the data connection that command or reply name")
        ),
        (
            .mode,
            FieldDefinition(
                "ftp.mode", .text, eve: "mode",
                "active if the server opens that connection, passive if the client does")
        ),
        (
            .isBounce,
            FieldDefinition(
                "ftp.bounce", .bool, .toServer,
                "the server is to open that connection to another host than the client (RFC 2577)")
        ),
    ]

    private static let dataRows: [(FTPDataField, FieldDefinition)] = [
        (
            .command,
            FieldDefinition(
                "ftp-data.command", .bytes, available: .line, aliases: ["ftpdata_command"],
                eve: "command", "command that the connection serves: RETR, STOR")
        ),
        (
            .fileName,
            FieldDefinition(
                "ftp-data.filename", .bytes, available: .line, eve: "filename",
                "name of the file as the command has it")
        ),
    ]
}
