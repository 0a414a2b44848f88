/// The files beside Suricata rules: `classification.config`, `reference.config`, `threshold.config`. Settings name
/// others; else those in the folders of the rules are read.
struct SuricataConfigurations: Sendable {
    /// Paths that settings give, by the file's usual name.
    private var paths: [String: String] = [:]
    private let rulePath: String?

    init(_ settings: Settings) {
        rulePath = settings.text("default-rule-path")
        for (name, setting) in [
            ("classification.config", "classification-file"),
            ("reference.config", "reference-config-file"), ("threshold.config", "threshold-file"),
        ] {
            paths[name] = settings.text(setting)
        }
    }

    /// What the files say for some rule files, and what is wrong with them.
    func load(
        for files: [String], _ variables: RuleVariables
    ) -> (tables: SuricataTables, limits: SuricataLimits, diagnostics: [Diagnostic]) {
        var tables = SuricataTables()
        var limits = SuricataLimits(variables: variables)
        var diagnostics: [Diagnostic] = []
        let folders = Self.folders(of: files)
        for name in ["classification.config", "reference.config", "threshold.config"] {
            for (path, isGiven) in candidates(name, folders) {
                switch RuleFiles.contents(of: path) {
                case .success(let bytes) where name == "threshold.config":
                    limits.read(bytes, path: path)
                case .success(let bytes): diagnostics += tables.read(bytes, path: path)
                // A file beside the rules need not be there.
                case .failure(let failure): if isGiven { diagnostics.append(failure.diagnostic) }
                }
            }
        }
        return (tables, limits, diagnostics)
    }

    private func candidates(
        _ name: String, _ folders: [String]
    ) -> [(path: String, isGiven: Bool)] {
        guard let given = paths[name] else { return folders.map { ("\($0)/\(name)", false) } }
        guard !given.hasPrefix("/"), let rulePath, !RuleFiles.exists(given) else {
            return [(given, true)]
        }
        return [("\(rulePath)/\(given)", true)]
    }

    /// The folders of files, each once.
    private static func folders(of files: [String]) -> [String] {
        var seen: Set<String> = []
        return files.compactMap { file in
            let folder = file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "."
            return seen.insert(folder).inserted ? folder : nil
        }
    }
}
