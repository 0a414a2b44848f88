/// What one file holds, by itself: nothing in it was compared with other files yet.
struct RuleFileContents: Sendable {
    enum Document: Sendable {
        case detection(DetectionRule, LogSource)
        case skipped(RuleHeader, reason: String)
        case correlation(LoadedCorrelation)
        case filter(LoadedFilter)
        case test(RuleTest)
        /// A rule with mistakes, by its id and name.
        case failed([String])
        /// A Suricata rule: of several with the same number the one with the highest revision counts.
        /// Its text is there if it is wanted.
        case signature(DetectionRule, LogSource, text: [UInt8]?)
        case skippedSignature(RuleHeader, reason: String)
    }

    var documents: [Document] = []
    /// Rules in comments.
    var disabledCount = 0
    var disabledRules: [DisabledRule] = []
    var diagnostics: [Diagnostic] = []
}

/// Reads the documents of one file.
struct RuleFileReader: Sendable {
    let variables: RuleVariables
    let purpose: RuleLoader.Purpose
    var readsTests = true

    /// Reads the documents of a file, of which `lineOffset` lines were left out before `source`.
    func read(
        _ source: UnsafeBufferPointer<UInt8>, path: String, lineOffset: Int = 0
    ) -> RuleFileContents {
        let parser = YAMLParser(path: path)
        parser.parse(source, lineOffset: lineOffset)
        let sink = DiagnosticSink(path: path)
        sink.append(parser.diagnostics)
        var contents = RuleFileContents()
        for _ in parser.diagnostics { contents.documents.append(.failed([])) }
        var collection = RuleCollection(sink: sink)
        let text = YAMLSource(source, lineOffset: lineOffset)
        for document in parser.documents {
            sink.rule = nil
            guard let document = collection.next(document) else { continue }
            sink.rule = HeaderReader.label(of: document)
            read(document, sink, text, into: &contents)
        }
        contents.diagnostics = sink.diagnostics
        return contents
    }

    private func read(
        _ document: YAMLNode, _ sink: DiagnosticSink, _ source: YAMLSource,
        into contents: inout RuleFileContents
    ) {
        guard document.entries != nil else {
            sink.error(at: document.mark, "a document must be a map, not \(document.kind)")
            contents.documents.append(.failed([]))
            return
        }
        let names = [document["id"], document["name"]].compactMap { $0?.text }
        let kinds = ["detection", "correlation", "filter"].filter { document[$0] != nil }
        if kinds.count > 1 {
            sink.error(
                at: document.mark, "a document cannot have both '\(kinds[0])' and '\(kinds[1])'")
            return contents.documents.append(.failed(names))
        }
        switch kinds.first {
        case "detection": contents.documents.append(detection(document, sink) ?? .failed(names))
        case "correlation":
            contents.documents.append(
                CorrelationReader(sink: sink).read(document).map { .correlation($0) }
                    ?? .failed(names))
        case "filter":
            if purpose == .packets {
                contents.documents.append(
                    FilterReader(sink: sink, variables: variables).read(document)
                        .map { .filter($0) } ?? .failed(names))
            }
        default:
            if document["tests"] == nil {
                sink.error(
                    at: document.mark,
                    "the document has neither 'detection', 'correlation', 'filter' nor 'tests'")
                return contents.documents.append(.failed(names))
            }
        }
        if purpose == .packets, readsTests, let tests = document["tests"] {
            contents.documents += RuleTestReader(sink: sink, source: source).read(tests)
                .map { .test($0) }
        }
    }

    private func detection(
        _ document: YAMLNode, _ sink: DiagnosticSink
    ) -> RuleFileContents.Document? {
        if purpose == .alerts {
            let reader = HeaderReader(sink: sink)
            guard let header = reader.read(document, otherKeys: DetectionReader.keys) else {
                return nil
            }
            return .skipped(header, reason: "")
        }
        let reader = DetectionReader(sink: sink, variables: variables)
        return switch reader.read(document) {
        case .rule(let rule, let logSource): .detection(rule, logSource)
        case .skipped(let header, let reason): .skipped(header, reason: reason)
        case .failed: nil
        }
    }
}

/// Collections of one file in Sigma's older form: `action: global` gives what the following
/// documents have in common, `reset` ends that, `repeat` is the document before with changes.
private struct RuleCollection {
    let sink: DiagnosticSink
    private var common: YAMLNode?
    private var previous: YAMLNode?
    /// Rules that took their id from the common part.
    private var inheritedCount = 0

    init(sink: DiagnosticSink) {
        self.sink = sink
    }

    /// The document as it is meant; nil if it only changes what follows.
    mutating func next(_ document: YAMLNode) -> YAMLNode? {
        // What a rule does is an action too.
        let action = document["action"]?.text
        switch action.flatMap({ RuleAction(rawValue: $0) == nil ? $0 : nil }) {
        case nil:
            guard let common, document["correlation"] == nil, document["filter"] == nil,
                document["detection"] != nil
            else {
                previous = document
                return document
            }
            previous = document
            return identified(document.updated(with: common), own: document)
        case "global":
            common = document.without("action")
            previous = common
            inheritedCount = 0
            return nil
        case "reset":
            common = nil
            return nil
        case "repeat":
            let changed = (previous ?? document).updated(with: document.without("action"))
            previous = changed
            return identified(changed, own: document)
        case let name?:
            sink.error(
                at: document["action"]?.mark ?? document.mark,
                "unknown action '\(name)'; use global, reset or repeat")
            return nil
        }
    }

    /// Rules of a collection share its id; from the second on they are told apart by a number
    /// behind it.
    private mutating func identified(_ document: YAMLNode, own: YAMLNode) -> YAMLNode {
        guard own["id"] == nil, let id = document["id"], let text = id.text else { return document }
        inheritedCount += 1
        guard inheritedCount > 1 else { return document }
        var scalar = YAMLScalar(text: "\(text)-\(inheritedCount)", style: .singleQuoted)
        scalar.spansLines = false
        let entry = YAMLEntry(
            key: "id", keyMark: id.mark,
            value: YAMLNode(content: .scalar(scalar), mark: id.mark))
        return document.updated(with: YAMLNode(content: .map([entry]), mark: document.mark))
    }
}

extension YAMLNode {
    /// The map with the entries of another in place of its own or added; maps within both are
    /// updated alike.
    func updated(with other: YAMLNode) -> YAMLNode {
        guard var entries, let changes = other.entries else { return other }
        for change in changes {
            if let index = entries.firstIndex(where: { $0.key == change.key }) {
                if change.value.entries != nil, entries[index].value.entries != nil {
                    entries[index].value = entries[index].value.updated(with: change.value)
                } else {
                    entries[index].value = change.value
                }
            } else {
                entries.append(change)
            }
        }
        return YAMLNode(content: .map(entries), mark: mark)
    }

    /// The map without a key.
    func without(_ key: String) -> YAMLNode {
        guard let entries else { return self }
        return YAMLNode(content: .map(entries.filter { $0.key != key }), mark: mark)
    }
}
