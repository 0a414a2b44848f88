/// Names of the numbers in SMB messages: commands and statuses as EVE records have them, the rest
/// as in the specifications.
enum SMBNames {
    static let statusPending: UInt32 = 0x0000_0103
    static let pipeTransceive: UInt32 = 0x0011_c017

    /// A command of SMB 1 ([MS-CIFS] §2.2.2.1).
    static func command1(_ command: UInt8) -> StaticString {
        switch command {
        case 0x00: "SMB1_COMMAND_CREATE_DIRECTORY"
        case 0x01: "SMB1_COMMAND_DELETE_DIRECTORY"
        case 0x02: "SMB1_COMMAND_OPEN"
        case 0x03: "SMB1_COMMAND_CREATE"
        case 0x04: "SMB1_COMMAND_CLOSE"
        case 0x05: "SMB1_COMMAND_FLUSH"
        case 0x06: "SMB1_COMMAND_DELETE"
        case 0x07: "SMB1_COMMAND_RENAME"
        case 0x08: "SMB1_COMMAND_QUERY_INFORMATION"
        case 0x09: "SMB1_COMMAND_SET_INFORMATION"
        case 0x0a: "SMB1_COMMAND_READ"
        case 0x0b: "SMB1_COMMAND_WRITE"
        case 0x0c: "SMB1_COMMAND_LOCK_BYTE_RANGE"
        case 0x0d: "SMB1_COMMAND_UNLOCK_BYTE_RANGE"
        case 0x0e: "SMB1_COMMAND_CREATE_TEMPORARY"
        case 0x0f: "SMB1_COMMAND_CREATE_NEW"
        case 0x10: "SMB1_COMMAND_CHECK_DIRECTORY"
        case 0x11: "SMB1_COMMAND_PROCESS_EXIT"
        case 0x12: "SMB1_COMMAND_SEEK"
        case 0x13: "SMB1_COMMAND_LOCK_AND_READ"
        case 0x14: "SMB1_COMMAND_WRITE_AND_UNLOCK"
        case 0x24: "SMB1_COMMAND_LOCKING_ANDX"
        case 0x25: "SMB1_COMMAND_TRANS"
        case 0x26: "SMB1_COMMAND_TRANS_SECONDARY"
        case 0x2b: "SMB1_COMMAND_ECHO"
        case 0x2d: "SMB1_COMMAND_OPEN_ANDX"
        case 0x2e: "SMB1_COMMAND_READ_ANDX"
        case 0x2f: "SMB1_COMMAND_WRITE_ANDX"
        case 0x32: "SMB1_COMMAND_TRANS2"
        case 0x33: "SMB1_COMMAND_TRANS2_SECONDARY"
        case 0x34: "SMB1_COMMAND_FIND_CLOSE2"
        case 0x70: "SMB1_COMMAND_TREE_CONNECT"
        case 0x71: "SMB1_COMMAND_TREE_DISCONNECT"
        case 0x72: "SMB1_COMMAND_NEGOTIATE_PROTOCOL"
        case 0x73: "SMB1_COMMAND_SESSION_SETUP_ANDX"
        case 0x74: "SMB1_COMMAND_LOGOFF_ANDX"
        case 0x75: "SMB1_COMMAND_TREE_CONNECT_ANDX"
        case 0x80: "SMB1_COMMAND_QUERY_INFO_DISK"
        case 0xa0: "SMB1_COMMAND_NT_TRANS"
        case 0xa1: "SMB1_COMMAND_NT_TRANS_SECONDARY"
        case 0xa2: "SMB1_COMMAND_NT_CREATE_ANDX"
        case 0xa4: "SMB1_COMMAND_NT_CANCEL"
        case 0xa5: "SMB1_COMMAND_NT_RENAME"
        default: "SMB1_COMMAND_UNKNOWN"
        }
    }

    /// A command of SMB 2 and 3 ([MS-SMB2] §2.2.1.2).
    static func command2(_ command: UInt16) -> StaticString {
        switch command {
        case 0: "SMB2_COMMAND_NEGOTIATE_PROTOCOL"
        case 1: "SMB2_COMMAND_SESSION_SETUP"
        case 2: "SMB2_COMMAND_SESSION_LOGOFF"
        case 3: "SMB2_COMMAND_TREE_CONNECT"
        case 4: "SMB2_COMMAND_TREE_DISCONNECT"
        case 5: "SMB2_COMMAND_CREATE"
        case 6: "SMB2_COMMAND_CLOSE"
        case 7: "SMB2_COMMAND_FLUSH"
        case 8: "SMB2_COMMAND_READ"
        case 9: "SMB2_COMMAND_WRITE"
        case 10: "SMB2_COMMAND_LOCK"
        case 11: "SMB2_COMMAND_IOCTL"
        case 12: "SMB2_COMMAND_CANCEL"
        case 13: "SMB2_COMMAND_KEEPALIVE"
        case 14: "SMB2_COMMAND_FIND"
        case 15: "SMB2_COMMAND_CHANGE_NOTIFY"
        case 16: "SMB2_COMMAND_GET_INFO"
        case 17: "SMB2_COMMAND_SET_INFO"
        case 18: "SMB2_COMMAND_OPLOCK_BREAK"
        default: "SMB2_COMMAND_UNKNOWN"
        }
    }

    /// What opening does if the file exists or not ([MS-SMB2] §2.2.13).
    static func disposition(_ value: UInt32) -> StaticString? {
        switch value {
        case 0: "FILE_SUPERSEDE"
        case 1: "FILE_OPEN"
        case 2: "FILE_CREATE"
        case 3: "FILE_OPEN_IF"
        case 4: "FILE_OVERWRITE"
        case 5: "FILE_OVERWRITE_IF"
        default: nil
        }
    }

    /// A control code of SMB 2 ([MS-SMB2] §2.2.31, [MS-FSCC] §2.3).
    fileprivate static func controlCode(_ code: UInt32) -> StaticString? {
        switch code {
        case 0x0006_0194: "FSCTL_DFS_GET_REFERRALS"
        case 0x0006_01b0: "FSCTL_DFS_GET_REFERRALS_EX"
        case 0x0009_003c: "FSCTL_GET_COMPRESSION"
        case 0x0009_0064: "FSCTL_GET_NTFS_VOLUME_DATA"
        case 0x0009_009c: "FSCTL_GET_OBJECT_ID"
        case 0x0009_00a4: "FSCTL_SET_REPARSE_POINT"
        case 0x0009_00a8: "FSCTL_GET_REPARSE_POINT"
        case 0x0009_00ac: "FSCTL_DELETE_REPARSE_POINT"
        case 0x0009_00c0: "FSCTL_CREATE_OR_GET_OBJECT_ID"
        case 0x0009_00c4: "FSCTL_SET_SPARSE"
        case 0x0009_027c: "FSCTL_GET_INTEGRITY_INFORMATION"
        case 0x0009_40cf: "FSCTL_QUERY_ALLOCATED_RANGES"
        case 0x0009_4264: "FSCTL_OFFLOAD_READ"
        case 0x0009_80c8: "FSCTL_SET_ZERO_DATA"
        case 0x0009_8208: "FSCTL_FILE_LEVEL_TRIM"
        case 0x0009_8268: "FSCTL_OFFLOAD_WRITE"
        case 0x0009_8344: "FSCTL_DUPLICATE_EXTENTS_TO_FILE"
        case 0x0009_c040: "FSCTL_SET_COMPRESSION"
        case 0x0009_c280: "FSCTL_SET_INTEGRITY_INFORMATION"
        case 0x0011_0018: "FSCTL_PIPE_WAIT"
        case 0x0011_400c: "FSCTL_PIPE_PEEK"
        case pipeTransceive: "FSCTL_PIPE_TRANSCEIVE"
        case 0x0014_0078: "FSCTL_SRV_REQUEST_RESUME_KEY"
        case 0x0014_01d4: "FSCTL_LMR_REQUEST_RESILIENCY"
        case 0x0014_01fc: "FSCTL_QUERY_NETWORK_INTERFACE_INFO"
        case 0x0014_0204: "FSCTL_VALIDATE_NEGOTIATE_INFO"
        case 0x0014_4064: "FSCTL_SRV_ENUMERATE_SNAPSHOTS"
        case 0x0014_40f2: "FSCTL_SRV_COPYCHUNK"
        case 0x0014_41bb: "FSCTL_SRV_READ_HASH"
        case 0x0014_80f2: "FSCTL_SRV_COPYCHUNK_WRITE"
        default: nil
        }
    }

    /// A function on a named pipe ([MS-CIFS] §2.2.5).
    static func transaction(_ function: UInt16) -> StaticString? {
        switch function {
        case 0x01: "TRANS_SET_NMPIPE_STATE"
        case 0x11: "TRANS_RAW_READ_NMPIPE"
        case 0x21: "TRANS_QUERY_NMPIPE_STATE"
        case 0x22: "TRANS_QUERY_NMPIPE_INFO"
        case 0x23: "TRANS_PEEK_NMPIPE"
        case 0x26: "TRANS_TRANSACT_NMPIPE"
        case 0x31: "TRANS_RAW_WRITE_NMPIPE"
        case 0x36: "TRANS_READ_NMPIPE"
        case 0x37: "TRANS_WRITE_NMPIPE"
        case 0x53: "TRANS_WAIT_NMPIPE"
        case 0x54: "TRANS_CALL_NMPIPE"
        default: nil
        }
    }

    /// A subcommand on files ([MS-CIFS] §2.2.6).
    static func transaction2(_ function: UInt16) -> StaticString? {
        switch function {
        case 0x00: "TRANS2_OPEN2"
        case 0x01: "TRANS2_FIND_FIRST2"
        case 0x02: "TRANS2_FIND_NEXT2"
        case 0x03: "TRANS2_QUERY_FS_INFORMATION"
        case 0x04: "TRANS2_SET_FS_INFORMATION"
        case 0x05: "TRANS2_QUERY_PATH_INFORMATION"
        case 0x06: "TRANS2_SET_PATH_INFORMATION"
        case 0x07: "TRANS2_QUERY_FILE_INFORMATION"
        case 0x08: "TRANS2_SET_FILE_INFORMATION"
        case 0x09: "TRANS2_FSCTL"
        case 0x0a: "TRANS2_IOCTL2"
        case 0x0b: "TRANS2_FIND_NOTIFY_FIRST"
        case 0x0c: "TRANS2_FIND_NOTIFY_NEXT"
        case 0x0d: "TRANS2_CREATE_DIRECTORY"
        case 0x0e: "TRANS2_SESSION_SETUP"
        case 0x10: "TRANS2_GET_DFS_REFERRAL"
        case 0x11: "TRANS2_REPORT_DFS_INCONSISTENCY"
        default: nil
        }
    }

    /// A function of NT transactions ([MS-CIFS] §2.2.7).
    static func transactionNT(_ function: UInt16) -> StaticString? {
        switch function {
        case 1: "NT_TRANSACT_CREATE"
        case 2: "NT_TRANSACT_IOCTL"
        case 3: "NT_TRANSACT_SET_SECURITY_DESC"
        case 4: "NT_TRANSACT_NOTIFY_CHANGE"
        case 5: "NT_TRANSACT_RENAME"
        case 6: "NT_TRANSACT_QUERY_SECURITY_DESC"
        case 7: "NT_TRANSACT_QUERY_QUOTA"
        case 8: "NT_TRANSACT_SET_QUOTA"
        default: nil
        }
    }

    // MARK: Statuses

    /// A status ([MS-ERREF] §2.3.1), those that file servers give.
    static func status(_ code: UInt32) -> StaticString? {
        switch code >> 28 {
        case 0x0: success(code)
        case 0x8: warning(code)
        case 0xc: code & 0xffff < 0x100 ? error(code) : laterError(code)
        default: nil
        }
    }

    private static func success(_ code: UInt32) -> StaticString? {
        switch code {
        case 0x0000_0000: "STATUS_SUCCESS"
        case statusPending: "STATUS_PENDING"
        case 0x0000_0102: "STATUS_TIMEOUT"
        case 0x0000_0104: "STATUS_REPARSE"
        case 0x0000_010b: "STATUS_NOTIFY_CLEANUP"
        case 0x0000_010c: "STATUS_NOTIFY_ENUM_DIR"
        default: nil
        }
    }

    private static func warning(_ code: UInt32) -> StaticString? {
        switch code {
        case 0x8000_0005: "STATUS_BUFFER_OVERFLOW"
        case 0x8000_0006: "STATUS_NO_MORE_FILES"
        case 0x8000_0012: "STATUS_NO_MORE_EAS"
        case 0x8000_001a: "STATUS_NO_MORE_ENTRIES"
        case 0x8000_002d: "STATUS_STOPPED_ON_SYMLINK"
        default: nil
        }
    }

    private static func error(_ code: UInt32) -> StaticString? {
        switch code {
        case 0xc000_0001: "STATUS_UNSUCCESSFUL"
        case 0xc000_0002: "STATUS_NOT_IMPLEMENTED"
        case 0xc000_0003: "STATUS_INVALID_INFO_CLASS"
        case 0xc000_0004: "STATUS_INFO_LENGTH_MISMATCH"
        case 0xc000_0005: "STATUS_ACCESS_VIOLATION"
        case 0xc000_0008: "STATUS_INVALID_HANDLE"
        case 0xc000_000b: "STATUS_INVALID_CID"
        case 0xc000_000d: "STATUS_INVALID_PARAMETER"
        case 0xc000_000e: "STATUS_NO_SUCH_DEVICE"
        case 0xc000_000f: "STATUS_NO_SUCH_FILE"
        case 0xc000_0010: "STATUS_INVALID_DEVICE_REQUEST"
        case 0xc000_0011: "STATUS_END_OF_FILE"
        case 0xc000_0013: "STATUS_NO_MEDIA_IN_DEVICE"
        case 0xc000_0016: "STATUS_MORE_PROCESSING_REQUIRED"
        case 0xc000_0017: "STATUS_NO_MEMORY"
        case 0xc000_001e: "STATUS_INVALID_LOCK_SEQUENCE"
        case 0xc000_001f: "STATUS_INVALID_VIEW_SIZE"
        case 0xc000_0021: "STATUS_ALREADY_COMMITTED"
        case 0xc000_0022: "STATUS_ACCESS_DENIED"
        case 0xc000_0023: "STATUS_BUFFER_TOO_SMALL"
        case 0xc000_0024: "STATUS_OBJECT_TYPE_MISMATCH"
        case 0xc000_0032: "STATUS_DISK_CORRUPT_ERROR"
        case 0xc000_0033: "STATUS_OBJECT_NAME_INVALID"
        case 0xc000_0034: "STATUS_OBJECT_NAME_NOT_FOUND"
        case 0xc000_0035: "STATUS_OBJECT_NAME_COLLISION"
        case 0xc000_0037: "STATUS_PORT_DISCONNECTED"
        case 0xc000_0039: "STATUS_OBJECT_PATH_INVALID"
        case 0xc000_003a: "STATUS_OBJECT_PATH_NOT_FOUND"
        case 0xc000_003b: "STATUS_OBJECT_PATH_SYNTAX_BAD"
        case 0xc000_003e: "STATUS_DATA_ERROR"
        case 0xc000_0043: "STATUS_SHARING_VIOLATION"
        case 0xc000_004f: "STATUS_EAS_NOT_SUPPORTED"
        case 0xc000_0050: "STATUS_EA_TOO_LARGE"
        case 0xc000_0054: "STATUS_FILE_LOCK_CONFLICT"
        case 0xc000_0055: "STATUS_LOCK_NOT_GRANTED"
        case 0xc000_0056: "STATUS_DELETE_PENDING"
        case 0xc000_005e: "STATUS_NO_LOGON_SERVERS"
        case 0xc000_0061: "STATUS_PRIVILEGE_NOT_HELD"
        case 0xc000_0064: "STATUS_NO_SUCH_USER"
        case 0xc000_006a: "STATUS_WRONG_PASSWORD"
        case 0xc000_006c: "STATUS_PASSWORD_RESTRICTION"
        case 0xc000_006d: "STATUS_LOGON_FAILURE"
        case 0xc000_006e: "STATUS_ACCOUNT_RESTRICTION"
        case 0xc000_006f: "STATUS_INVALID_LOGON_HOURS"
        case 0xc000_0070: "STATUS_INVALID_WORKSTATION"
        case 0xc000_0071: "STATUS_PASSWORD_EXPIRED"
        case 0xc000_0072: "STATUS_ACCOUNT_DISABLED"
        case 0xc000_007e: "STATUS_RANGE_NOT_LOCKED"
        case 0xc000_007f: "STATUS_DISK_FULL"
        case 0xc000_0097: "STATUS_TOO_MANY_PAGING_FILES"
        case 0xc000_009a: "STATUS_INSUFFICIENT_RESOURCES"
        case 0xc000_009c: "STATUS_DEVICE_DATA_ERROR"
        case 0xc000_00a2: "STATUS_MEDIA_WRITE_PROTECTED"
        case 0xc000_00ac: "STATUS_PIPE_NOT_AVAILABLE"
        case 0xc000_00ad: "STATUS_INVALID_PIPE_STATE"
        case 0xc000_00ae: "STATUS_PIPE_BUSY"
        case 0xc000_00b0: "STATUS_PIPE_DISCONNECTED"
        case 0xc000_00b1: "STATUS_PIPE_CLOSING"
        case 0xc000_00b5: "STATUS_IO_TIMEOUT"
        case 0xc000_00ba: "STATUS_FILE_IS_A_DIRECTORY"
        case 0xc000_00bb: "STATUS_NOT_SUPPORTED"
        case 0xc000_00be: "STATUS_BAD_NETWORK_PATH"
        case 0xc000_00c3: "STATUS_INVALID_NETWORK_RESPONSE"
        case 0xc000_00c9: "STATUS_NETWORK_NAME_DELETED"
        case 0xc000_00ca: "STATUS_NETWORK_ACCESS_DENIED"
        case 0xc000_00cb: "STATUS_BAD_DEVICE_TYPE"
        case 0xc000_00cc: "STATUS_BAD_NETWORK_NAME"
        case 0xc000_00ce: "STATUS_TOO_MANY_SESSIONS"
        case 0xc000_00d0: "STATUS_REQUEST_NOT_ACCEPTED"
        case 0xc000_00d4: "STATUS_NOT_SAME_DEVICE"
        case 0xc000_00d5: "STATUS_FILE_RENAMED"
        case 0xc000_00d9: "STATUS_PIPE_EMPTY"
        case 0xc000_00e3: "STATUS_INVALID_OPLOCK_PROTOCOL"
        default: nil
        }
    }

    private static func laterError(_ code: UInt32) -> StaticString? {
        switch code {
        case 0xc000_0101: "STATUS_DIRECTORY_NOT_EMPTY"
        case 0xc000_0103: "STATUS_NOT_A_DIRECTORY"
        case 0xc000_011f: "STATUS_TOO_MANY_OPENED_FILES"
        case 0xc000_0120: "STATUS_CANCELLED"
        case 0xc000_0121: "STATUS_CANNOT_DELETE"
        case 0xc000_0122: "STATUS_INVALID_COMPUTER_NAME"
        case 0xc000_0123: "STATUS_FILE_DELETED"
        case 0xc000_0128: "STATUS_FILE_CLOSED"
        case 0xc000_0133: "STATUS_TIME_DIFFERENCE_AT_DC"
        case 0xc000_014b: "STATUS_PIPE_BROKEN"
        case 0xc000_015b: "STATUS_LOGON_TYPE_NOT_GRANTED"
        case 0xc000_0184: "STATUS_INVALID_DEVICE_STATE"
        case 0xc000_018b: "STATUS_NO_TRUST_SAM_ACCOUNT"
        case 0xc000_018d: "STATUS_TRUSTED_RELATIONSHIP_FAILURE"
        case 0xc000_0190: "STATUS_TRUST_FAILURE"
        case 0xc000_0192: "STATUS_NETLOGON_NOT_STARTED"
        case 0xc000_0193: "STATUS_ACCOUNT_EXPIRED"
        case 0xc000_0198: "STATUS_NOLOGON_INTERDOMAIN_TRUST_ACCOUNT"
        case 0xc000_0199: "STATUS_NOLOGON_WORKSTATION_TRUST_ACCOUNT"
        case 0xc000_019a: "STATUS_NOLOGON_SERVER_TRUST_ACCOUNT"
        case 0xc000_0203: "STATUS_USER_SESSION_DELETED"
        case 0xc000_0205: "STATUS_INSUFF_SERVER_RESOURCES"
        case 0xc000_020c: "STATUS_CONNECTION_DISCONNECTED"
        case 0xc000_020d: "STATUS_CONNECTION_RESET"
        case 0xc000_0224: "STATUS_PASSWORD_MUST_CHANGE"
        case 0xc000_0225: "STATUS_NOT_FOUND"
        case 0xc000_0233: "STATUS_DOMAIN_CONTROLLER_NOT_FOUND"
        case 0xc000_0234: "STATUS_ACCOUNT_LOCKED_OUT"
        case 0xc000_0236: "STATUS_CONNECTION_REFUSED"
        case 0xc000_023c: "STATUS_NETWORK_UNREACHABLE"
        case 0xc000_0257: "STATUS_PATH_NOT_COVERED"
        case 0xc000_0275: "STATUS_NOT_A_REPARSE_POINT"
        case 0xc000_035c: "STATUS_NETWORK_SESSION_EXPIRED"
        case 0xc000_0413: "STATUS_AUTHENTICATION_FIREWALL_FAILED"
        case 0xc000_0418: "STATUS_NTLM_BLOCKED"
        case 0xc000_a000: "STATUS_INVALID_SIGNATURE"
        default: nil
        }
    }
}

extension TextBuffer {
    /// Appends a dialect of SMB 2 and 3 ([MS-SMB2] §2.2.4): 2.10, 3.11.
    func append(dialect2 revision: UInt16) {
        guard revision != 0x02ff else { return append("2.??") }
        appendDecimal(revision >> 8)
        append(UInt8(ascii: "."))
        appendHex(UInt8(truncatingIfNeeded: revision))
    }

    /// Appends a control code by name, or in hexadecimal.
    func append(controlCode code: UInt32) {
        if let name = SMBNames.controlCode(code) { return append(name) }
        appendHexNumber(code)
    }

    /// Appends a number in hexadecimal, without leading zeros: 0xc0000022.
    func appendHexNumber(_ number: UInt32) {
        append("0x")
        var shift: UInt32 = 28
        while shift > 0, number >> shift == 0 { shift &-= 4 }
        for shift in stride(from: Int(shift), through: 0, by: -4) {
            append(hexDigits.utf8Start[Int(number >> UInt32(shift) & 15)])
        }
    }
}
