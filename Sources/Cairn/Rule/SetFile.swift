/// A value of a set's file.
struct SetValue: Equatable {
    var value: [UInt8]
    var reputation: Int64 = 0
    /// What the file says of it, as JSON text.
    var context: [UInt8]?
}

/// Why a set's file has no values.
struct SetProblem: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
    init(line: Int) { reason = "line \(line) is no value of it" }
}

extension SetDefinition {
    /// The values of a file, or what is wrong with it.
    func values(in bytes: [UInt8]) -> Result<[SetValue], SetProblem> {
        switch format {
        case .csv: lines(bytes)
        case .hashes: hashes(bytes)
        case .json, .ndjson: objects(bytes)
        }
    }

    private func lines(_ bytes: [UInt8]) -> Result<[SetValue], SetProblem> {
        var values: [SetValue] = []
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
                parts.count > 1
                ? Int64(String(decoding: parts[1].trimmedOfSpace, as: UTF8.self)) : 0
            values.append(SetValue(value: value, reputation: reputation ?? 0))
        }
        return .success(values)
    }

    /// Empty lines, those that begin with white space or `#`, and what follows a hash do not count.
    private func hashes(_ bytes: [UInt8]) -> Result<[SetValue], SetProblem> {
        var values: [SetValue] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false)
            .enumerated()
        {
            guard let first = line.first, first > 32, first != UInt8(ascii: "#") else { continue }
            guard let value = value(ofText: line.prefix { $0 > 32 }) else {
                return .failure(SetProblem(line: index + 1))
            }
            values.append(SetValue(value: value))
        }
        return .success(values)
    }

    private func value(ofText text: ArraySlice<UInt8>) -> [UInt8]? {
        let text = text.trimmedOfSpace
        switch kind ?? .string {
        case .string:
            var value: [UInt8] = []
            Array(text).withUnsafeBytes { Base64Decoding(mode: .strict).decode($0, into: &value) }
            return value.isEmpty ? nil : value
        case .md5, .sha1, .sha256:
            return hexBytes(String(decoding: text, as: UTF8.self))
                .flatMap { $0.count == kind?.hashByteCount ? $0 : nil }
        case .ipv4, .ip:
            guard let address = IPAddress(String(decoding: text, as: UTF8.self)),
                kind == .ip || address.isV4
            else { return nil }
            return Array(address.description.utf8)
        }
    }

    // MARK: JSON

    private func objects(_ bytes: [UInt8]) -> Result<[SetValue], SetProblem> {
        let elements: [JSONValue]
        if format == .ndjson {
            elements = bytes.split(separator: 10).compactMap { JSONValue(parsing: $0) }
        } else {
            guard let whole = JSONValue(parsing: bytes) else {
                return .failure(SetProblem("it is no JSON text"))
            }
            guard let list = whole.member(at: arrayKey) else {
                return .failure(SetProblem("it has no '\(arrayKey ?? "")'"))
            }
            if case .array(let members) = list { elements = members } else { elements = [list] }
        }
        let values = elements.compactMap(value)
        guard values.isEmpty, !elements.isEmpty else { return .success(values) }
        return .failure(SetProblem("no object in it has a value under '\(valueKey ?? "")'"))
    }

    private func value(of element: JSONValue) -> SetValue? {
        guard case .string(let text)? = element.member(at: valueKey) else { return nil }
        let bytes = Array(text.utf8)
        guard let value = kind ?? .string == .string ? bytes : value(ofText: bytes[...]) else {
            return nil
        }
        guard contextKey != nil else { return SetValue(value: value) }
        let context = removesKey ? element.without(member: valueKey) : element
        return SetValue(value: value, context: context.canonicalText)
    }
}

extension JSONValue {
    private static func names(_ path: String?) -> [Substring] {
        (path ?? "").split(separator: ".")
    }

    /// What lies at a path of names with dots between them; the value itself without a path.
    fileprivate func member(at path: String?) -> JSONValue? {
        Self.names(path).reduce(Optional(self)) { $0?[String($1)] }
    }

    /// The same without what lies at a path.
    fileprivate func without(member path: String?) -> JSONValue {
        without(Self.names(path)[...])
    }

    private func without(_ names: ArraySlice<Substring>) -> JSONValue {
        guard let first = names.first, case .object(var members) = self,
            let index = members.firstIndex(where: { $0.key == first })
        else { return self }
        if names.count == 1 {
            members.remove(at: index)
        } else {
            members[index].value = members[index].value.without(names.dropFirst())
        }
        return .object(members)
    }
}

// MARK: - Writing

extension SetDefinition {
    /// Values as a file has them, a line each, in the order of their bytes.
    func text(of values: some Sequence<[UInt8]>) -> [UInt8] {
        var text: [UInt8] = []
        for value in values.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            switch kind ?? .string {
            case .string: text += Base64.encode(value)
            case .md5, .sha1, .sha256:
                for byte in value {
                    text.append(hexDigits.utf8Start[Int(byte >> 4)])
                    text.append(hexDigits.utf8Start[Int(byte & 15)])
                }
            case .ipv4, .ip: text += value
            }
            text.append(10)
        }
        return text
    }
}
