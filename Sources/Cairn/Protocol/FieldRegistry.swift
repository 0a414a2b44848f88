/// Every field that rules can name, found by name or alias: the tables of packets, flows, streams,
/// files and protocols.
public enum FieldRegistry {
    /// The tables, in the order of the reference page. `common` fields may be named in rules on any
    /// subject.
    public static let subjects: [ProtocolDefinition] =
        [
            CommonFields.definition, PacketFields.definition, StreamFields.definition,
            FlowFields.definition, FileTable.definition,
        ] + Protocols.parsed.filter { $0.transactions == nil }

    /// Index of the table whose fields may be named on any subject.
    static let common = 0

    private static let tables = subjects.map(names)

    /// Names and aliases of a table with the field's index; a name goes before an alias.
    private static func names(of subject: ProtocolDefinition) -> [String: Int] {
        var names: [String: Int] = [:]
        for (index, field) in subject.fields.enumerated() {
            for alias in field.aliases { names[alias] = index }
        }
        for (index, field) in subject.fields.enumerated() { names[field.name] = index }
        return names
    }

    /// The subject of a service's name or alias.
    static func subject(named name: String) -> Int? {
        subjects.firstIndex { $0.name == name } ?? subjects.firstIndex { $0.aliases.contains(name) }
    }

    /// The field that a name or alias means in rules on a subject.
    static func field(named name: String, subject: Int) -> FieldID? {
        for subject in [subject, common] {
            guard let index = tables[subject][name] else { continue }
            return FieldID(
                subject: UInt8(truncatingIfNeeded: subject),
                index: UInt16(truncatingIfNeeded: index))
        }
        return nil
    }

    /// What the tables say about a field.
    static func definition(of field: FieldID) -> FieldDefinition {
        subjects[Int(field.subject)].fields[Int(field.index)]
    }

    /// The name or alias nearest to a misspelt one, among those of a subject and the common ones.
    static func suggestion(for name: String, subject: Int) -> String? {
        nearest(to: name, among: tables[subject].keys.sorted() + tables[common].keys.sorted())
    }
}

// MARK: - Text

extension FieldRegistry {
    /// A line for each field, in the order of the tables: for `cairn fields`.
    public static func list() -> String {
        var lines: [String] = []
        for subject in subjects {
            if !lines.isEmpty { lines.append("") }
            lines.append("\(subject.name): \(subject.summary)")
            let width = subject.fields.map { $0.name.utf8.count }.max() ?? 0
            for field in subject.fields {
                let gap = String(repeating: " ", count: width - field.name.utf8.count)
                lines.append("  \(field.name)\(gap)  \(typeText(field)): \(field.summary)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Everything about the fields of a name, alias or service, of whatever subjects; nil if there
    /// is none.
    public static func describe(_ name: String) -> String? {
        if let subject = subject(named: name) {
            return subjects[subject].fields.map { describe($0, of: subjects[subject]) }
                .joined(separator: "\n")
        }
        let found = subjects.indices.compactMap { subject in
            tables[subject][name].map {
                describe(subjects[subject].fields[$0], of: subjects[subject])
            }
        }
        return found.isEmpty ? nil : found.joined(separator: "\n")
    }

    /// The name, alias or service nearest to one that nobody knows.
    public static func suggestion(for name: String) -> String? {
        nearest(to: name, among: subjects.map(\.name) + tables.flatMap { $0.keys.sorted() })
    }

    private static func describe(_ field: FieldDefinition, of subject: ProtocolDefinition)
        -> String
    {
        var lines = ["\(field.name)", "  \(field.summary)", "  type: \(typeText(field))"]
        lines.append(
            "  subject: "
                + (subject.name == "common" ? "any" : "\(subject.name) (\(subject.summary))"))
        if let direction = field.direction {
            lines.append("  sent by: \(direction == .toServer ? "client" : "server")")
        }
        if !field.aliases.isEmpty {
            lines.append("  also: \(field.aliases.joined(separator: ", "))")
        }
        if let eve = field.eve { lines.append("  in events: \(subject.name).\(eve)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func typeText(_ field: FieldDefinition) -> String {
        field.isList ? "list of \(field.type.rawValue)" : field.type.rawValue
    }

    /// The reference page `Rules/FIELDS.md`.
    public static func referencePage() -> String {
        var lines = [
            "# Fields", "",
            "What rules can name, by the `service` of their log source. Made from the tables",
            "in the code; `cairn fields NAME` says the same. Fields of `common` can be named on",
            "any subject. Aliases are the names that Zeek, Sigma and Suricata use.",
        ]
        for subject in subjects {
            lines += ["", "## \(subject.name)", "", "\(sentence(subject.summary))", ""]
            lines += ["| field | type | meaning | aliases |", "| --- | --- | --- | --- |"]
            for field in subject.fields {
                let aliases = field.aliases.map { "`\($0)`" }.joined(separator: ", ")
                let meaning = field.summary.replacing("|", with: "\\|")
                lines.append(
                    "| `\(field.name)` | \(typeText(field)) | \(meaning) | \(aliases) |")
            }
        }
        lines += [
            "", "## Protocols that are recognised", "",
            "Values of `app_proto`. Those with a table above are parsed; of the others rules can name",
            "the fields of packets, streams and flows.", "",
            "| app_proto | protocol |", "| --- | --- |",
        ]
        lines += Protocols.all.map { "| `\($0.name)` | \($0.summary) |" }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func sentence(_ text: String) -> String {
        text.prefix(1).uppercased() + text.dropFirst() + "."
    }
}
