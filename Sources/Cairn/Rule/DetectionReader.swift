/// Reads a document with `detection`.
struct DetectionReader {
    let sink: DiagnosticSink
    let variables: RuleVariables

    static let keys: Set<String> = [
        "detection", "traffic", "state", "counters", "threshold", "detection_filter", "alert",
        "bypass",
        "action", "actor", "victim", "files", "trailers",
    ]

    enum Result {
        case rule(DetectionRule, LogSource)
        /// Fine, but about something that is not on the wire.
        case skipped(RuleHeader, reason: String)
        /// With mistakes, which were reported.
        case failed
    }

    func read(_ document: YAMLNode) -> Result {
        let errorCount = sink.errorCount
        let header = HeaderReader(sink: sink).read(document, otherKeys: Self.keys)
        guard let logSource = logSource(document) else { return readOn(document) }
        let subject: Subject
        switch logSource.resolve() {
        case .subject(let resolved): subject = resolved
        case .unseen(let reason):
            return skip(header, reason, at: document["logsource"]?.mark ?? document.mark)
        case .unknown(let message):
            sink.error(at: document["logsource"]?.mark ?? document.mark, message)
            return readOn(document)
        }
        let traffic = document["traffic"].flatMap {
            TrafficReader(sink: sink, variables: variables).read($0)
        }
        if traffic?.progress != nil,
            FieldRegistry.subjects[subject.index].makeParser == nil
        {
            sink.error(
                at: document["traffic"]?.mark ?? document.mark,
                "'progress' is for rules on the transactions of a protocol, like the service http")
        }
        var resolver = ConditionResolver(subject: subject, sink: sink)
        resolver.direction = traffic?.direction
        guard let detection = document["detection"] else { return .failed }
        if let unseen = Self.unseenFields(detection, subject).first {
            return skip(
                header, Self.reason(Self.unseenFields(detection, subject), subject), at: unseen.mark
            )
        }
        var section = DetectionSection(sink: sink, variables: variables)
        let diagnosticCount = sink.diagnostics.count
        guard
            let expression = Self.isOpen(detection, document)
                ? SigmaExpression.all([]) : section.read(detection)
        else {
            if sink.errorCount > errorCount {
                section.checkFields(&resolver)
                checkOptions(document, &resolver)
            }
            return skippedBySection(since: diagnosticCount, errorCount, header)
        }
        guard let condition = resolver.resolve(expression) else {
            if let first = resolver.unseen.first, sink.errorCount == errorCount {
                return skip(header, Self.reason(resolver.unseen, subject), at: first.mark)
            }
            checkOptions(document, &resolver)
            return .failed
        }
        if condition == .any([]) {
            return skip(
                header, "its condition can never hold for what is seen on the wire",
                at: detection["condition"]?.mark ?? detection.mark)
        }
        var rule = DetectionRule(
            header: header ?? RuleHeader(id: "", title: "", location: sink.location(document.mark)),
            subject: subject.index, condition: condition)
        if let traffic { rule.traffic = traffic }
        readOptions(document, into: &rule, &resolver)
        guard header != nil, sink.errorCount == errorCount else { return .failed }
        return .rule(rule, logSource)
    }

    /// Finds what is wrong besides, where a rule does not say what it looks at.
    private func readOn(_ document: YAMLNode) -> Result {
        if let traffic = document["traffic"] {
            _ = TrafficReader(sink: sink, variables: variables).read(traffic)
        }
        if let detection = document["detection"], !Self.isOpen(detection, document) {
            var section = DetectionSection(sink: sink, variables: variables)
            _ = section.read(detection)
        }
        return .failed
    }

    /// `detection: any`: `traffic` alone says what the rule is about.
    private static func isOpen(_ detection: YAMLNode, _ document: YAMLNode) -> Bool {
        detection.text == "any" && document["traffic"] != nil
    }

    // MARK: Log source and fields

    private func logSource(_ document: YAMLNode) -> LogSource? {
        guard let node = document["logsource"] else {
            sink.error(
                at: document.mark,
                "the rule has no 'logsource'; write 'logsource: {product: cairn, service: http}'")
            return nil
        }
        return LogSource(node, sink)
    }

    private func skip(_ header: RuleHeader?, _ reason: String, at mark: YAMLMark) -> Result {
        guard let header else { return .failed }
        sink.skipped(at: mark, reason)
        return .skipped(header, reason: reason)
    }

    /// An aggregation makes the section return nothing without an error.
    private func skippedBySection(
        since count: Int, _ errorCount: Int, _ header: RuleHeader?
    ) -> Result {
        guard sink.errorCount == errorCount, let header,
            let reason = sink.diagnostics[count...].first(where: { $0.severity == .skipped })
        else { return .failed }
        return .skipped(header, reason: reason.message)
    }

    /// Fields of a foreign log source that are not on the wire. They are looked for before anything
    /// else, since a rule about something else need not be understood further.
    private static func unseenFields(
        _ detection: YAMLNode, _ subject: Subject
    ) -> [(name: String, mark: YAMLMark)] {
        guard !subject.isNative else { return [] }
        var unseen: [(name: String, mark: YAMLMark)] = []
        func collect(_ node: YAMLNode) {
            for element in node.elements ?? [] { collect(element) }
            for entry in node.entries ?? [] {
                let name = String(entry.key.prefix { $0 != "|" })
                if name.isEmpty || subject.constants[name] != nil
                    || FieldRegistry.field(named: name, subject: subject.index) != nil
                    || unseen.contains(where: { $0.name == name })
                {
                    continue
                }
                unseen.append((name, entry.keyMark))
            }
        }
        for selection in detection.entries ?? []
        where selection.key != "condition" && selection.key != "timeframe" {
            collect(selection.value)
        }
        return unseen
    }

    private static func reason(
        _ unseen: [(name: String, mark: YAMLMark)], _ subject: Subject
    ) -> String {
        let names = unseen.map { "'\($0.name)'" }.joined(separator: ", ")
        guard unseen.count == 1 else { return "the fields \(names) cannot be seen on the wire" }
        return "the field \(names) cannot be seen on the wire"
            + (hint(about: unseen[0].name, subject).map { " — did you mean '\($0)'?" } ?? "")
    }

    /// A field that a name may be a slip for, where it is of the form that only names of this program have.
    private static func hint(about name: String, _ subject: Subject) -> String? {
        guard name.contains(".") else { return nil }
        return FieldRegistry.suggestion(for: name, subject: subject.index)
    }

    // MARK: Options

    private func readOptions(
        _ document: YAMLNode, into rule: inout DetectionRule, _ resolver: inout ConditionResolver
    ) {
        let state = StateReader(sink: sink)
        if document["action"]?.text == RuleAction.pass.rawValue { rule.alerts = false }
        for entry in document.entries ?? [] where Self.keys.contains(entry.key) {
            let value = entry.value
            if value.isNull { continue }
            switch entry.key {
            case "state": rule.state = state.state(value)
            case "counters": rule.counters = state.counters(value)
            case "threshold": rule.threshold = state.threshold(value)
            case "detection_filter": rule.detectionFilter = state.detectionFilter(value)
            case "alert": rule.alerts = sink.bool(value, "'alert'") ?? true
            case "bypass": rule.bypasses = sink.bool(value, "'bypass'") ?? false
            case "action": rule.action = sink.choice(value, "action") ?? .alert
            case "files": rule.files = files(value, rule.subject)
            case "trailers": rule.trailers = sink.choice(value, "'trailers'") ?? .once
            case "actor": rule.actor = resolver.field(value, "'actor'")
            case "victim": rule.victim = resolver.field(value, "'victim'")
            default: break
            }
        }
    }

    /// Finds what is wrong in the options of a rule whose detection has mistakes.
    private func checkOptions(_ document: YAMLNode, _ resolver: inout ConditionResolver) {
        var rule = DetectionRule(
            header: RuleHeader(id: "", title: "", location: sink.location(document.mark)),
            subject: resolver.subject.index, condition: .all([]))
        readOptions(document, into: &rule, &resolver)
    }

    private func files(_ node: YAMLNode, _ subject: Int) -> FileScope {
        guard FieldRegistry.subjects[subject] === FileTable.definition else {
            sink.error(at: node.mark, "'files' is for rules on the service 'file'")
            return .each
        }
        return sink.choice(node, "'files'") ?? .each
    }
}
