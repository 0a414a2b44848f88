/// A test of a value against a named set that rules share, or a change of that set (Suricata's `dataset` and `datarep`).
struct SetTest: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        case isset, isnotset
        /// Holds if the value was not in the set before.
        case set
        /// Holds if it was.
        case unset
        /// What the set's file says of the value's reputation.
        case reputation(Comparison, Int64)

        var isChange: Bool { self == .set || self == .unset }
    }

    var set: SetDefinition
    var action: Action
    /// The parts of a name behind its dots count too.
    var matchesSubdomains = false
}

/// What a set holds and where it comes from. Rules that name the same set mean the same one; the first with a file fills it.
struct SetDefinition: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable { case string, md5, sha1, sha256, ipv4, ip }
    enum Format: String, CaseIterable, Sendable {
        case csv, json, ndjson
        /// A hash in front of each line, as `md5sum` writes them.
        case hashes
    }

    var name: String
    var kind: Kind?
    /// A file with a value in each line: a string in base64, a hash in hexadecimal digits, an address; behind a comma its
    /// reputation. nil for a set that begins empty.
    var path: String?
    /// It need not be there yet.
    var isOptional = false
    /// The file that gets the values at the end, as it is written; where it lies is for settings to say (`SetSettings`).
    var savedName: String?
    var format = Format.csv
    /// Where a JSON object has the value, with dots between the names, and where the text has the list of such objects.
    var valueKey: String?
    var arrayKey: String?
    /// The name under which alerts show the JSON object of the value that was found; without the value itself if it is
    /// removed.
    var contextKey: String?
    var removesKey = false
    /// Memory that the values may take; nil for what settings say.
    var byteCountMax: Int?
}

extension SetDefinition {
    /// The same with what another says of the set beyond this: settings and the first rule that says something count.
    func completed(by other: SetDefinition) -> SetDefinition {
        var whole = self
        if path == nil {
            (whole.path, whole.isOptional, whole.format) =
                (other.path, other.isOptional, other.format)
            (whole.valueKey, whole.arrayKey) = (other.valueKey, other.arrayKey)
            (whole.contextKey, whole.removesKey) = (other.contextKey, other.removesKey)
        }
        whole.kind = kind ?? other.kind
        whole.savedName = savedName ?? other.savedName
        whole.byteCountMax = byteCountMax ?? other.byteCountMax
        return whole
    }
}

extension SetDefinition.Kind {
    /// Bytes of a hash; nil for other values.
    var hashByteCount: Int? {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256: 32
        case .string, .ipv4, .ip: nil
        }
    }
}
