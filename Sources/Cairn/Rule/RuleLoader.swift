/// Loads rule files into a rule set. One bad rule never stops the others.
public struct RuleLoader: Sendable {
    let settings: Settings
    let fields: FieldLookup
    let variables: RuleVariables

    /// A loader that takes variables and placeholders from settings.
    public init(settings: Settings = Settings()) {
        self.init(settings: settings, fields: .registry)
    }

    init(settings: Settings = Settings(), fields: FieldLookup) {
        self.settings = settings
        self.fields = fields
        variables = RuleVariables(settings)
    }

    /// Loads files and folders; folders with everything in them, in order of path.
    public func load(paths: [String]) -> RuleSet {
        let (files, diagnostics) = RuleFiles.find(paths)
        var set = RuleSet()
        set.diagnostics = diagnostics
        for path in files {
            if path.hasSuffix(".rules") {
                set.diagnostics.append(
                    Diagnostic(
                        .error, at: SourceLocation(path: path),
                        "Suricata rules are not supported yet; write them as .yml"))
                continue
            }
            switch RuleFiles.contents(of: path) {
            case .failure(let failure): set.diagnostics.append(failure.diagnostic)
            case .success(let bytes):
                set.fileCount += 1
                bytes.withUnsafeBufferPointer { read($0, path: path, into: &set) }
            }
        }
        return set
    }

    /// Loads the text of one file.
    func load(source: some Sequence<UInt8>, path: String) -> RuleSet {
        var set = RuleSet()
        set.fileCount = 1
        Array(source).withUnsafeBufferPointer { read($0, path: path, into: &set) }
        return set
    }

    private func read(
        _ source: UnsafeBufferPointer<UInt8>, path: String, into set: inout RuleSet
    ) {
        let parser = YAMLParser(path: path)
        parser.parse(source)
        let sink = DiagnosticSink(path: path)
        sink.append(parser.diagnostics)
        for document in parser.documents {
            sink.rule = HeaderReader.label(of: document)
            guard document["detection"] != nil else { continue }
            let reader = DetectionReader(sink: sink, fields: fields, variables: variables)
            switch reader.read(document) {
            case .rule(let rule, _): set.detections.append(rule)
            case .skipped(let header, let reason):
                set.skipped.append(SkippedRule(header: header, reason: reason))
            case .failed: set.failedRuleCount += 1
            }
        }
        set.diagnostics += sink.diagnostics
    }
}
