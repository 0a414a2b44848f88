/// Suricata rules as YAML.
public struct SuricataImport {
    /// One file of rules.
    public struct Output {
        /// The file that the rules are from.
        public var source: String
        /// YAML documents.
        public var text: String
        /// Rules in them.
        public var ruleCount: Int
    }

    /// What was written, a file for each file read.
    public private(set) var outputs: [Output] = []
    /// Everything that was said about the rules, those without a form in YAML included.
    public private(set) var diagnostics: [Diagnostic] = []

    /// Imports files and folders.
    ///
    /// - Parameter keepsText: each rule keeps its original text, under `original`.
    public init(paths: [String], settings: Settings = Settings(), keepsText: Bool = false) {
        var loader = RuleLoader(settings: settings)
        loader.readsTests = false
        loader.keepsSignatureTexts = true
        self.init(loader.load(paths: paths), keepsText: keepsText)
    }

    /// Imports rules that were loaded with their texts.
    init(_ set: RuleSet, keepsText: Bool) {
        diagnostics = set.diagnostics
        var places: [String: Int] = [:]
        for rule in set.detections {
            guard let text = set.signatureTexts[rule.header.id] else { continue }
            guard let document = Self.document(rule, text, keepsText: keepsText) else {
                diagnostics.append(
                    Diagnostic(
                        .error, at: rule.header.location, rule: rule.header.id,
                        "the rule has no form in YAML yet"))
                continue
            }
            let path = rule.header.location.path
            let place = places[path] ?? outputs.count
            if place == outputs.count {
                places[path] = place
                outputs.append(Output(source: path, text: "", ruleCount: 0))
            } else {
                outputs[place].text += "---\n"
            }
            outputs[place].text += document
            outputs[place].ruleCount += 1
        }
    }

    private static func document(
        _ rule: DetectionRule, _ text: [UInt8], keepsText: Bool
    ) -> String? {
        var source = SuricataText()
        source.append(text, number: 1)
        let words = try? SuricataParts(source).header.map(\.text)
        return RuleWriter(
            headerWords: words, original: keepsText ? String(decoding: text, as: UTF8.self) : nil
        ).document(rule)
    }
}
