/// Server Message Block over TCP, directly or in the NetBIOS session service (RFC 1002 §4.3): SMB 1
/// ([MS-CIFS], [MS-SMB]), SMB 2 and 3 ([MS-SMB2]).
///
/// A transaction is a request with its response. Reads and writes of a file are one transaction
/// each, the first; what goes through a named pipe is a DCE/RPC transaction, if it is that. What is
/// encrypted or compressed is not looked at.
enum SMB {
    static let definition = ProtocolDefinition(
        name: "smb", summary: "SMB file sharing, versions 1 to 3 ([MS-CIFS], [MS-SMB], [MS-SMB2])",
        fields: [FieldDefinition](
            rows: headerRows + negotiationRows + sessionRows + treeRows + fileRows),
        anomalies: Anomaly.allCases.map(\.name),
        overTCP: true, ports: [139, 445],
        detect: { start, direction in SMBDetection.detect(start, direction) },
        makeParser: { SMBParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// Lengths or offsets that do not fit the message, a message of another protocol.
        case malformedData
        /// An NTLMSSP message of the client, of the server, that breaks its own lengths.
        case malformedNTLMSSPRequest, malformedNTLMSSPResponse
        /// A list of dialects that breaks its own lengths.
        case negotiateMalformedDialects
        /// A second negotiation.
        case duplicateNegotiate
        /// The server sent a request, the client a response.
        case requestToClient, responseToServer
        /// More requests without a response than a flow may have; the oldest was given up.
        case tooManyTransactions
        /// More trees, more open files, more pipes in use than are kept; the oldest was forgotten.
        case tooManyTrees, tooManyFiles, tooManyPipes
        // Suricata's rules name these; nothing here gives rise to them.
        case internalError, recordOverflow, fileOverlap, unusualNTLMSSPOrder
        case negotiateMaxReadSizeTooLarge, negotiateMaxWriteSizeTooLarge
        case readRequestTooLarge, readResponseTooLarge, writeRequestTooLarge
        case readQueueSizeExceeded, readQueueCountExceeded
        case writeQueueSizeExceeded, writeQueueCountExceeded
    }
}

extension SMB.Anomaly {
    var name: String {
        switch self {
        case .malformedData: "malformed_data"
        case .malformedNTLMSSPRequest: "malformed_ntlmssp_request"
        case .malformedNTLMSSPResponse: "malformed_ntlmssp_response"
        case .negotiateMalformedDialects: "negotiate_malformed_dialects"
        case .duplicateNegotiate: "duplicate_negotiate"
        case .requestToClient: "request_to_client"
        case .responseToServer: "response_to_server"
        case .tooManyTransactions: "too_many_transactions"
        case .tooManyTrees: "too_many_trees"
        case .tooManyFiles: "too_many_files"
        case .tooManyPipes: "too_many_pipes"
        case .internalError: "internal_error"
        case .recordOverflow: "record_overflow"
        case .fileOverlap: "file_overlap"
        case .unusualNTLMSSPOrder: "unusual_ntlmssp_order"
        case .negotiateMaxReadSizeTooLarge: "negotiate_max_read_size_too_large"
        case .negotiateMaxWriteSizeTooLarge: "negotiate_max_write_size_too_large"
        case .readRequestTooLarge: "read_request_too_large"
        case .readResponseTooLarge: "read_response_too_large"
        case .writeRequestTooLarge: "write_request_too_large"
        case .readQueueSizeExceeded: "read_queue_size_exceeded"
        case .readQueueCountExceeded: "read_queue_cnt_exceeded"
        case .writeQueueSizeExceeded: "write_queue_size_exceeded"
        case .writeQueueCountExceeded: "write_queue_cnt_exceeded"
        }
    }
}

/// Indices into the field table of SMB.
enum SMBField: Int, CaseIterable {
    case version, dialect, command, status, statusCode, sessionID, treeID, function
    case clientDialects, serverGUID
    case user, domain, host, clientSystem
    case requestNativeSystem, requestNativeManager, responseNativeSystem, responseNativeManager
    case share, namedPipe, pipeShare, shareType, requestService, responseService, path
    case action, filename, disposition, access, size, fileID, renameFrom, renameTo
}

extension SMB {
    private typealias Row = (SMBField, FieldDefinition)

    private static let headerRows: [Row] = [
        (
            .version,
            FieldDefinition(
                "smb.version", .integer, .toServer, aliases: ["version"],
                "version of the message: 1, or 2 for SMB 2 and 3")
        ),
        (
            .dialect,
            FieldDefinition(
                "smb.dialect", .text, eve: "dialect",
                "dialect that the two ends agreed on: NT LM 0.12, 2.10, 3.11")
        ),
        (
            .command,
            FieldDefinition(
                "smb.command", .text, .toServer, aliases: ["command"], eve: "command",
                "command: SMB1_COMMAND_NT_CREATE_ANDX, SMB2_COMMAND_CREATE")
        ),
        (
            .status,
            FieldDefinition(
                "smb.status", .text, .toClient, aliases: ["status"], eve: "status",
                "status of the response: STATUS_SUCCESS, STATUS_ACCESS_DENIED")
        ),
        (
            .statusCode,
            FieldDefinition(
                "smb.status_code", .text, .toClient, eve: "status_code",
                "status of the response in hexadecimal: 0x0, 0xc0000022")
        ),
        (
            .sessionID,
            FieldDefinition(
                "smb.session_id", .integer, .toServer, eve: "session_id",
                "session that the request belongs to, as sent")
        ),
        (
            .treeID,
            FieldDefinition(
                "smb.tree_id", .integer, .toServer, eve: "tree_id",
                "connected share that the request is about, as sent")
        ),
        (
            .function,
            FieldDefinition(
                "smb.function", .text, .toServer, eve: "function",
                "control code or subcommand: FSCTL_DFS_GET_REFERRALS, TRANS2_SESSION_SETUP")
        ),
    ]

    private static let negotiationRows: [Row] = [
        (
            .clientDialects,
            FieldDefinition(
                "smb.client_dialects", .text, list: true, .toServer, eve: "client_dialects",
                "dialects that the client offers")
        ),
        (
            .serverGUID,
            FieldDefinition(
                "smb.server_guid", .text, .toClient, eve: "server_guid",
                "identifier that the server gives itself")
        ),
    ]

    private static let sessionRows: [Row] = [
        (
            .user,
            FieldDefinition(
                "smb.ntlmssp_user", .text, .toServer, aliases: ["smb_ntlmssp_user", "username"],
                eve: "ntlmssp.user", "user who logs in; empty for nobody")
        ),
        (
            .domain,
            FieldDefinition(
                "smb.ntlmssp_domain", .text, .toServer,
                aliases: ["smb_ntlmssp_domain", "domainname"], eve: "ntlmssp.domain",
                "domain of the user who logs in")
        ),
        (
            .host,
            FieldDefinition(
                "smb.ntlmssp_host", .text, .toServer, aliases: ["hostname"],
                eve: "ntlmssp.host", "name that the client gives itself when it logs in")
        ),
        (
            .clientSystem,
            FieldDefinition(
                "smb.ntlmssp_version", .text, .toServer, eve: "ntlmssp.version",
                "version of the client's system: 6.1 build 7601 rev 15")
        ),
        (
            .requestNativeSystem,
            FieldDefinition(
                "smb.request.native_os", .text, .toServer, eve: "request.native_os",
                "operating system of the client (SMB 1)")
        ),
        (
            .requestNativeManager,
            FieldDefinition(
                "smb.request.native_lm", .text, .toServer, eve: "request.native_lm",
                "LAN manager of the client (SMB 1)")
        ),
        (
            .responseNativeSystem,
            FieldDefinition(
                "smb.response.native_os", .text, .toClient, eve: "response.native_os",
                "operating system of the server (SMB 1)")
        ),
        (
            .responseNativeManager,
            FieldDefinition(
                "smb.response.native_lm", .text, .toClient, eve: "response.native_lm",
                "LAN manager of the server (SMB 1)")
        ),
    ]

    private static let treeRows: [Row] = [
        (
            .share,
            FieldDefinition(
                "smb.share", .text, .toServer, aliases: ["smb_share"], eve: "share",
                "share that the request connects to, other than IPC$: \\\\host\\share")
        ),
        (
            .namedPipe,
            FieldDefinition(
                "smb.named_pipe", .text, .toServer, aliases: ["smb_named_pipe"],
                eve: "named_pipe",
                "IPC$ that the request connects to (\\\\host\\IPC$), or pipe that it opens")
        ),
        (
            .pipeShare,
            FieldDefinition(
                "smb.pipe_share", .text, .toServer,
                "share of pipes that the request connects to: \\\\host\\IPC$")
        ),
        (
            .shareType,
            FieldDefinition(
                "smb.share_type", .text, .toClient, aliases: ["share_type"], eve: "share_type",
                "kind of the connected share: FILE, PIPE, PRINT")
        ),
        (
            .requestService,
            FieldDefinition(
                "smb.request.service", .text, .toServer, eve: "service.request",
                "kind of share that the client asks for (SMB 1): A:, IPC, ?????")
        ),
        (
            .responseService,
            FieldDefinition(
                "smb.response.service", .text, .toClient, aliases: ["service"],
                eve: "service.response", "kind of the connected share (SMB 1): A:, IPC, LPT1:")
        ),
        (
            .path,
            FieldDefinition(
                "smb.path", .text, .toServer, aliases: ["path"], eve: "path",
                "share that the request is about: \\\\host\\share")
        ),
    ]

    private static let fileRows: [Row] = [
        (
            .action,
            FieldDefinition(
                "smb.action", .text, list: true, .toServer, aliases: ["action"], eve: "action",
                "what is done to the file: SMB::FILE_OPEN, FILE_WRITE, FILE_DELETE, PIPE_OPEN")
        ),
        (
            .filename,
            FieldDefinition(
                "smb.filename", .text, .toServer, aliases: ["name", "filename"], eve: "filename",
                "file, folder or pipe that something is done to; when renamed, its new name")
        ),
        (
            .disposition,
            FieldDefinition(
                "smb.disposition", .text, .toServer, eve: "disposition",
                "what opening may do: FILE_OPEN, FILE_CREATE, FILE_OVERWRITE_IF")
        ),
        (
            .access,
            FieldDefinition(
                "smb.access", .text, .toServer, eve: "access",
                "how the file is opened: normal, delete on close")
        ),
        (
            .size,
            FieldDefinition(
                "smb.size", .integer, .toClient, aliases: ["size"], eve: "size",
                "bytes of the opened file")
        ),
        (
            .fileID,
            FieldDefinition(
                "smb.fuid", .text, eve: "fuid", "identifier of the open file")
        ),
        (
            .renameFrom,
            FieldDefinition(
                "smb.rename.from", .text, .toServer, aliases: ["prev_name"], eve: "rename.from",
                "name of the file before it is renamed")
        ),
        (
            .renameTo,
            FieldDefinition(
                "smb.rename.to", .text, .toServer, eve: "rename.to",
                "name of the file after it is renamed")
        ),
    ]
}
