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
    var format = Format.csv
    /// Where a JSON object has the value, with dots between the names.
    var valueKey: String?
    /// Memory that the values may take.
    var byteCountMax = 100 << 20
}

extension SetDefinition {
    /// The values of a file with their reputations; nil and the reason where it cannot be read.
    func values(in bytes: [UInt8]) -> Result<[(value: [UInt8], reputation: Int64)], SetProblem> {
        switch format {
        case .csv: return lines(bytes)
        case .hashes: return hashes(bytes)
        case .json, .ndjson: return .success(objects(bytes))
        }
    }

    private func lines(
        _ bytes: [UInt8]
    ) -> Result<[(value: [UInt8], reputation: Int64)], SetProblem> {
        var values: [(value: [UInt8], reputation: Int64)] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false)
            .enumerated()
        {
            let text = line.last == 13 ? line.dropLast() : line
            guard !text.isEmpty else { continue }
            let parts = text.split(separator: UInt8(ascii: ","), maxSplits: 1)
            guard let first = parts.first, let value = value(ofText: first) else {
                return .failure(SetProblem(line: index + 1))
            }
            let reputation =
                parts.count > 1 ? Int64(String(decoding: parts[1], as: UTF8.self).trimmed) : 0
            values.append((value, reputation ?? 0))
        }
        return .success(values)
    }

    /// Empty lines, those that begin with white space or `#`, and what follows a hash do not count.
    private func hashes(
        _ bytes: [UInt8]
    ) -> Result<[(value: [UInt8], reputation: Int64)], SetProblem> {
        var values: [(value: [UInt8], reputation: Int64)] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false)
            .enumerated()
        {
            guard let first = line.first, first > 32, first != UInt8(ascii: "#") else { continue }
            guard let value = value(ofText: line.prefix { $0 > 32 }) else {
                return .failure(SetProblem(line: index + 1))
            }
            values.append((value, 0))
        }
        return .success(values)
    }

    private func value(ofText text: ArraySlice<UInt8>) -> [UInt8]? {
        let string = String(decoding: text, as: UTF8.self).trimmed
        switch kind ?? .string {
        case .string:
            var value: [UInt8] = []
            Array(string.utf8).withUnsafeBytes {
                Base64Decoding(mode: .strict).decode($0, into: &value)
            }
            return value.isEmpty ? nil : value
        case .md5, .sha1, .sha256:
            return hexBytes(string).flatMap { $0.count == kind?.hashByteCount ? $0 : nil }
        case .ipv4, .ip: return IPAddress(string).map { Array($0.description.utf8) }
        }
    }

    private func objects(_ bytes: [UInt8]) -> [(value: [UInt8], reputation: Int64)] {
        let texts = format == .ndjson ? bytes.split(separator: 10).map(Array.init) : [bytes]
        let path = (valueKey ?? "").split(separator: ".").map(String.init)
        return texts.flatMap { text -> [JSONValue] in
            guard let parsed = text.withUnsafeBytes({ JSONValue(parsing: $0) }) else { return [] }
            if case .array(let elements) = parsed { return elements }
            return [parsed]
        }.compactMap { element -> (value: [UInt8], reputation: Int64)? in
            var element = element
            for key in path {
                guard case .object(let members) = element,
                    let member = members.first(where: { $0.key == key })
                else { return nil }
                element = member.value
            }
            guard case .string(let text) = element else { return nil }
            switch kind ?? .string {
            case .string: return (Array(text.utf8), 0)
            default: return value(ofText: Array(text.utf8)[...]).map { ($0, 0) }
            }
        }
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

/// A line of a set's file that is no value.
struct SetProblem: Error {
    var line: Int
}

extension String {
    fileprivate var trimmed: String {
        String(
            Substring(self.drop { $0 == " " || $0 == "\t" }).reversed().drop {
                $0 == " " || $0 == "\t"
            }
            .reversed())
    }
}
