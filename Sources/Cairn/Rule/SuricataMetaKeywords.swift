/// Keywords about the rule itself: `msg`, `sid`, `classtype`, `metadata` and the like.
extension SuricataDraft {
    mutating func message(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        guard let quoted = value.unquoted else {
            throw value.error("the value of 'msg' must stand in quotation marks")
        }
        header.title = try quoted.unescaped()
    }

    private func number(
        _ option: SuricataOption, in range: ClosedRange<Int64>
    ) throws(SuricataProblem) -> Int64 {
        let value = try option.required()
        let plain = value.unquoted ?? value
        if let number = plain.integer, range.contains(number) { return number }
        throw value.error(
            "'\(option.name)' must be a number in \(range.lowerBound)...\(range.upperBound),"
                + " not '\(value.text)'")
    }

    mutating func signatureID(_ option: SuricataOption) throws(SuricataProblem) {
        header.signatureID = UInt64(try number(option, in: 1...0xffff_ffff))
    }

    mutating func revision(_ option: SuricataOption) throws(SuricataProblem) {
        header.revision = UInt32(try number(option, in: 1...0xffff_ffff))
    }

    mutating func generatorID(_ option: SuricataOption) throws(SuricataProblem) {
        header.generatorID = UInt32(try number(option, in: 0...0xffff_ffff))
    }

    mutating func setPriority(_ option: SuricataOption) throws(SuricataProblem) {
        priority = Int(try number(option, in: 0...65_535))
    }

    mutating func setClassType(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        classType = (value.unquoted ?? value).text
    }

    /// `type,value`; the type's prefix is put in front when the rule is complete.
    mutating func reference(
        _ option: SuricataOption, _ tables: SuricataTables
    ) throws(SuricataProblem) {
        let value = try option.required()
        let parts = (value.unquoted ?? value).split(",", maxSplits: 1)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw value.error("'reference' takes a type and a value, like 'cve,2021-44228'")
        }
        let prefix = tables.references[parts[0].text.lowercased()]
        let text = try parts[1].unescaped()
        if prefix == nil { unknownReferences.append(parts[0]) }
        header.references.append(prefix.map { $0 + text } ?? "\(parts[0].text),\(text)")
    }

    mutating func metadata(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let parts = (value.unquoted ?? value).split(",")
        header.metadata.reserveCapacity(header.metadata.count + parts.count)
        for part in parts {
            guard let space = part.bytes.firstIndex(where: { $0.isSuricataSpace }) else {
                if !part.isEmpty { header.metadata.append((part.text, "")) }
                continue
            }
            let key = SuricataValue(bytes: part.bytes[..<space]).text
            let rest = SuricataValue(bytes: part.bytes[space...].trimmedOfSpace)
            header.metadata.append((key, try rest.unescaped()))
        }
    }

    mutating func target(_ option: SuricataOption) throws(SuricataProblem) {
        switch try option.required().text {
        case "src_ip": targetIsSource = true
        case "dest_ip": targetIsSource = false
        default: throw try option.required().error("'target' takes src_ip or dest_ip")
        }
    }

    // MARK: What follows from them

    /// Fills in what follows from the class and the metadata.
    mutating func completeHeader(_ tables: SuricataTables) {
        let named = classType.flatMap { tables.classes[$0.lowercased()] }
        header.category = named?.description
        let severity = priority ?? named?.priority ?? 3
        header.severity = severity
        header.level = level(severity)
        header.tags = tags()
        header.id =
            header.generatorID == 1
            ? "\(header.signatureID)" : "\(header.generatorID):\(header.signatureID)"
        if header.title.isEmpty { header.title = header.id }
    }

    private func level(_ priority: Int) -> Level {
        for (key, value) in header.metadata where key == "signature_severity" {
            switch value.lowercased() {
            case "critical": return .critical
            case "major": return .high
            case "minor": return .low
            case "informational", "info", "audit": return .informational
            default: break
            }
        }
        return switch priority {
        case ...1: .high
        case 2: .medium
        case 3: .low
        default: .informational
        }
    }

    private func tags() -> [String] {
        var tags: [String] = []
        func add(_ tag: String) {
            if !tags.contains(tag) { tags.append(tag) }
        }
        for (key, value) in header.metadata {
            switch key {
            case "mitre_tactic_name":
                let name = value.lowercased().utf8.map { byte in
                    "_ ".utf8.contains(byte) ? UInt8(ascii: "-") : byte
                }
                add("attack." + String(decoding: name, as: UTF8.self))
            case "mitre_technique_id": add("attack." + value.lowercased())
            case "cve":
                let parts = value.lowercased().split { "_-, ".contains($0) }
                if parts.count >= 3, parts[0] == "cve" { add("cve.\(parts[1])-\(parts[2])") }
            default: break
            }
        }
        if let classType { add("classtype.\(classType.lowercased())") }
        return tags
    }
}

/// `requires`: what of Suricata a rule needs.
enum SuricataRequirement {
    /// The version whose behaviour is kept.
    static let version = [7, 0, 10]

    private static let features: Set<String> = [
        "geoip", "ja3", "ja4", "output::file-store", "true-random",
    ]

    /// Why the rule is not for us; nil if it is.
    ///
    /// - Parameter ignoringUnknown: what nobody knows is no reason.
    static func unmet(
        _ value: SuricataValue, ignoringUnknown: Bool
    ) throws(SuricataProblem) -> String? {
        for part in value.split(",") where !part.isEmpty {
            let words = part.words
            guard words.count >= 2 else { throw part.error("expected a word and its value") }
            let rest = SuricataValue(
                bytes: part.bytes[words[1].offset...].trimmedOfSpace)
            switch words[0].text {
            case "version":
                guard try holds(rest) else { return "it requires version \(rest.text)" }
            case "feature":
                guard features.contains(rest.text) else {
                    return "it requires the feature '\(rest.text)'"
                }
            case "keyword":
                guard SuricataKeywords.table[rest.text] != nil else {
                    return "it requires the keyword '\(rest.text)'"
                }
            default:
                if ignoringUnknown { continue }
                return "it requires '\(words[0].text)', which nobody knows;"
                    + " 'ignore-unknown-requirements' lets it load"
            }
        }
        return nil
    }

    /// `>= 7.0.3 < 8 | >= 8.0.1`: alternatives of ranges.
    private static func holds(_ value: SuricataValue) throws(SuricataProblem) -> Bool {
        var isFine = false
        for alternative in value.split("|") {
            var all = true
            var rest = alternative.bytes
            while !rest.isEmpty {
                let oper = rest.prefix { $0 == 60 || $0 == 61 || $0 == 62 }
                rest = rest[oper.endIndex...].trimmedOfSpace
                let number = rest.prefix { $0.isDigit || $0 == UInt8(ascii: ".") }
                guard !oper.isEmpty, let parts = numbers(number) else {
                    throw value.error("'\(value.text)' is no range of versions like '>= 7.0.3 < 8'")
                }
                rest = rest[number.endIndex...].drop { !($0 == 60 || $0 == 61 || $0 == 62) }
                if !compare(String(decoding: oper, as: UTF8.self), parts) { all = false }
            }
            isFine = isFine || all
        }
        return isFine
    }

    private static func numbers(_ text: ArraySlice<UInt8>) -> [Int]? {
        let parts = text.split(separator: UInt8(ascii: ".")).map {
            Int(String(decoding: $0, as: UTF8.self))
        }
        let known = parts.compactMap { $0 }
        guard !known.isEmpty, known.count == parts.count, known.count <= 3 else { return nil }
        return known + Array(repeating: 0, count: 3 - known.count)
    }

    private static func compare(_ oper: String, _ other: [Int]) -> Bool {
        let isLess = version.lexicographicallyPrecedes(other)
        let isEqual = version == other
        return switch oper {
        case "<": isLess
        case "<=": isLess || isEqual
        case ">": !isLess && !isEqual
        case ">=": !isLess
        default: isEqual
        }
    }
}
