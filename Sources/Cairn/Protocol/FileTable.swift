/// Files that protocols carry: the subject `file` of rules, one transaction each.
///
/// Whoever parses the protocol feeds a `FileTracker`; both directions of a file's transaction are
/// complete when the file is.
enum FileTable {
    static let definition = ProtocolDefinition(
        name: "file", summary: "files carried by any protocol", fields: fields)

    /// The fields, by their place in the table.
    enum Field: Int, CaseIterable {
        case name, pathExtension, carrier, data, magic, mimeType, size, state, hasGaps
        case md5, sha1, sha256
    }

    private static let fields = [FieldDefinition](
        rows: [
            (
                .name,
                FieldDefinition(
                    "file.name", .bytes, available: .line, aliases: ["filename", "file_name"],
                    eve: "filename",
                    "name that the protocol gives the file, with its path where there is one")
            ),
            (
                .pathExtension,
                FieldDefinition(
                    "file.extension", .bytes, available: .line, aliases: ["fileext"],
                    "what follows the last dot of the name")
            ),
            (
                .carrier,
                FieldDefinition(
                    "file.protocol", .text, available: .line,
                    "protocol that carries the file: http")
            ),
            (
                .data,
                FieldDefinition(
                    "file.data", .bytes, aliases: ["file_data"],
                    "the file's first bytes, up to a limit")
            ),
            (
                .magic,
                FieldDefinition(
                    "file.magic", .text, aliases: ["filemagic"], eve: "magic",
                    "type by the first bytes, in libmagic's words")
            ),
            (
                .mimeType,
                FieldDefinition(
                    "file.mime_type", .text, aliases: ["mime_type"], eve: "mimetype",
                    "type by the first bytes, as a MIME type")
            ),
            (
                .size,
                FieldDefinition("file.size", .integer, aliases: ["filesize"], eve: "size", "bytes")
            ),
            (
                .state,
                FieldDefinition(
                    "file.state", .text, eve: "state", "CLOSED, or TRUNCATED if the end is missing")
            ),
            (
                .hasGaps,
                FieldDefinition("file.gaps", .bool, eve: "gaps", "bytes are missing in the middle")
            ),
            (
                .md5,
                FieldDefinition(
                    "file.md5", .text, aliases: ["filemd5", "md5"], eve: "md5",
                    "MD5 of the whole file, hexadecimal")
            ),
            (
                .sha1,
                FieldDefinition(
                    "file.sha1", .text, aliases: ["filesha1", "sha1"], eve: "sha1",
                    "SHA-1 of the whole file, hexadecimal")
            ),
            (
                .sha256,
                FieldDefinition(
                    "file.sha256", .text, aliases: ["filesha256", "sha256"], eve: "sha256",
                    "SHA-256 of the whole file, hexadecimal")
            ),
        ] as [(Field, FieldDefinition)])
}

/// What rules and outputs ask of files; each costs time for every file.
struct FileNeeds: OptionSet, Sendable {
    let rawValue: UInt8

    /// Transactions for files at all; without it the others only serve fields of the carrier.
    static let files = FileNeeds(rawValue: 1)
    static let data = FileNeeds(rawValue: 2)
    static let magic = FileNeeds(rawValue: 4)
    static let mimeType = FileNeeds(rawValue: 8)
    static let md5 = FileNeeds(rawValue: 16)
    static let sha1 = FileNeeds(rawValue: 32)
    static let sha256 = FileNeeds(rawValue: 64)
    static let hashes: FileNeeds = [.md5, .sha1, .sha256]
    static let all: FileNeeds = [.files, .data, .magic, .mimeType, .hashes]
}

extension FileNeeds {
    /// What must be found out for a field to have its value.
    init(for field: String) {
        switch field {
        case "file.data": self = [.files, .data]
        case "file.magic": self = [.files, .magic]
        case "file.mime_type": self = [.files, .mimeType]
        case "file.md5": self = [.files, .md5]
        case "file.sha1": self = [.files, .sha1]
        case "file.sha256": self = [.files, .sha256]
        case "http.mime_type", "http.request.mime_type", "http.response.mime_type":
            self = .mimeType
        default: self = []
        }
    }
}
