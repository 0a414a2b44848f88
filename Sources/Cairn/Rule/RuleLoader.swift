/// Loads rule files into a rule set. One bad rule never stops the others.
public struct RuleLoader: Sendable {
    /// What the rules are for.
    public enum Purpose: Sendable {
        /// Looking at packets.
        case packets
        /// Correlating alerts that were made before: detection rules are only names.
        case alerts
    }

    let fields: FieldLookup
    let variables: RuleVariables
    let purpose: Purpose

    /// A loader that takes variables and placeholders from settings.
    public init(settings: Settings = Settings(), for purpose: Purpose = .packets) {
        self.init(settings: settings, for: purpose, fields: .registry)
    }

    init(settings: Settings = Settings(), for purpose: Purpose = .packets, fields: FieldLookup) {
        self.purpose = purpose
        self.fields = fields
        variables = RuleVariables(settings)
    }

    private var reader: RuleFileReader {
        RuleFileReader(fields: fields, variables: variables, purpose: purpose)
    }

    /// Loads files and folders; folders with everything in them, in order of path.
    public func load(paths: [String]) -> RuleSet {
        let (files, diagnostics) = RuleFiles.find(paths)
        var builder = RuleSetBuilder(fields: fields)
        builder.add(diagnostics)
        for path in files {
            if path.hasSuffix(".rules") {
                builder.add([
                    Diagnostic(
                        .error, at: SourceLocation(path: path),
                        "Suricata rules are not supported yet; write them as .yml")
                ])
                continue
            }
            switch RuleFiles.contents(of: path) {
            case .failure(let failure): builder.add([failure.diagnostic])
            case .success(let bytes):
                builder.add(bytes.withUnsafeBufferPointer { reader.read($0, path: path) })
            }
        }
        return builder.finish()
    }

    /// Loads the text of one file.
    func load(source: some Sequence<UInt8>, path: String) -> RuleSet {
        var builder = RuleSetBuilder(fields: fields)
        builder.add(Array(source).withUnsafeBufferPointer { reader.read($0, path: path) })
        return builder.finish()
    }
}
