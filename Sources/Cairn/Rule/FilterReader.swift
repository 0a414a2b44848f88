/// Reads a document with `filter`: conditions that rules of a log source must fulfil too (Sigma
/// filters specification 2.1).
struct FilterReader {
    let sink: DiagnosticSink
    let variables: RuleVariables

    static let keys: Set<String> = ["filter"]

    func read(_ document: YAMLNode) -> LoadedFilter? {
        let errorCount = sink.errorCount
        let header = HeaderReader(sink: sink).read(document, otherKeys: Self.keys)
        let logSource = logSource(document)
        let content = document["filter"].flatMap(content)
        guard let header, let logSource, let content, sink.errorCount == errorCount else {
            return nil
        }
        return LoadedFilter(
            header: header, logSource: logSource, rules: content.rules,
            expression: content.expression)
    }

    private func logSource(_ document: YAMLNode) -> LogSource? {
        if let source = document["logsource"] { return LogSource(source, sink) }
        sink.error(at: document.mark, "the filter has no 'logsource'")
        return nil
    }

    private func content(_ section: YAMLNode) -> (rules: [String]?, expression: SigmaExpression)? {
        guard section.entries != nil else {
            sink.error(at: section.mark, "'filter' must be a map")
            return nil
        }
        let rules = rules(section)
        var reader = DetectionSection(sink: sink, variables: variables)
        reader.otherKeys.insert("rules")
        return reader.read(section).map { (rules, $0) }
    }

    /// Ids or names; nil for all rules of the log source.
    private func rules(_ section: YAMLNode) -> [String]? {
        guard let node = section["rules"] else {
            sink.error(
                at: section.mark, "the filter has no 'rules'; write 'rules: any' to mean all")
            return []
        }
        let names = sink.texts(node, "'rules'")
        return names.isEmpty || names.map({ $0.lowercased() }) == ["any"] ? nil : names
    }
}

/// A filter, to be applied when all rules are known.
struct LoadedFilter: Sendable {
    var header: RuleHeader
    var logSource: LogSource
    /// Ids or names of rules; nil for all of the log source.
    var rules: [String]?
    var expression: SigmaExpression

    func applies(to rule: DetectionRule, _ other: LogSource) -> Bool {
        guard logSource.covers(other) else { return false }
        guard let rules else { return true }
        return rules.contains(rule.header.id) || rule.header.name.map(rules.contains) == true
    }
}
