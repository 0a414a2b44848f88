/// What settings say of sets: Suricata's `datasets`, and where files lie that rules let be written.
struct SetSettings: Sendable {
    static let byteCountMaxDefault = 100 << 20

    /// The sets that settings name.
    private(set) var definitions: [String: SetDefinition] = [:]
    /// Memory of a set about which nothing else is said.
    private(set) var byteCountMax = byteCountMaxDefault
    /// The folder of the files that rules let be read and written (`default-data-dir`). Without it none is written.
    private(set) var folder: String?
    /// Rules may let files be written, and name some outside of the folder.
    private(set) var allowsWriting = true
    private(set) var allowsAnyPath = false

    init() {}

    init(_ settings: Settings) {
        byteCountMax = settings.byteCount("datasets.defaults.memcap")
        folder = settings.text("default-data-dir")
        allowsWriting = settings.bool("datasets.rules.allow-write")
        allowsAnyPath = settings.bool("datasets.rules.allow-absolute-filenames")
        for (name, texts, _) in settings.group("datasets.") {
            let parts = name.split(separator: ".").map(String.init)
            guard parts.count == 2, let text = texts.first, !text.isEmpty,
                !Setting.setSections.contains(parts[0])
            else { continue }
            var definition = definitions[parts[0]] ?? SetDefinition(name: parts[0])
            switch parts[1] {
            case "type": definition.kind = SetDefinition.Kind(rawValue: text)
            case "load": definition.path = text
            case "state":
                definition.path = inFolder(text)
                definition.isOptional = true
                definition.savedName = inFolder(text)
            case "save": definition.savedName = inFolder(text)
            case "memcap": definition.byteCountMax = Setting.byteCount(text)
            default: continue
            }
            definitions[parts[0]] = definition
        }
    }

    private func inFolder(_ name: String) -> String {
        guard let folder, !name.hasPrefix("/") else { return name }
        return "\(folder)/\(name)"
    }

    /// The file that a rule lets be written; nil if nothing is written.
    ///
    /// - Throws: why it may not be.
    func savedPath(of name: String) throws(SetProblem) -> String? {
        guard folder != nil else { return nil }
        guard allowsWriting else {
            throw SetProblem("'datasets.rules.allow-write' lets rules write no file like '\(name)'")
        }
        let isOutside = name.hasPrefix("/") || name.split(separator: "/").contains("..")
        guard allowsAnyPath || !isOutside else {
            throw SetProblem(
                "'\(name)' lies outside of the folder for files of rules, which only"
                    + " 'datasets.rules.allow-absolute-filenames' allows")
        }
        return inFolder(name)
    }
}

extension Setting {
    /// Names under `datasets` that are no sets.
    static let setSections: Set<String> = ["defaults", "limits", "rules"]
}
