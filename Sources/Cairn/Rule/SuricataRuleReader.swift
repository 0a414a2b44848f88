/// Names in rules that no table has, each warned about once for a file.
private struct UnknownNames {
    var classes: Set<String> = []
    var references: Set<String> = []
}

/// Reads a file of Suricata rules.
struct SuricataRuleReader: Sendable {
    let variables: RuleVariables
    let tables: SuricataTables
    let purpose: RuleLoader.Purpose
    var keepsTexts = false
    var listsDisabledRules = false
    var ignoresUnknownRequirements = false

    func read(
        _ source: UnsafeBufferPointer<UInt8>, path: String, lineOffset: Int = 0
    ) -> RuleFileContents {
        let sink = DiagnosticSink(path: path)
        var contents = RuleFileContents()
        var file = SuricataFile(source, lineOffset: lineOffset)
        var headers = SuricataHeaderReader(variables: variables)
        var unknown = UnknownNames()
        while let line = file.next() {
            switch line {
            case .rule:
                contents.documents.append(rule(file.text, &headers, &unknown, sink))
            case .disabled:
                contents.disabledCount += 1
                if listsDisabledRules {
                    contents.disabledRules.append(Self.disabledRule(file.text, sink))
                }
            case .indented(let mark):
                sink.warning(
                    at: mark, "a rule that begins with white space is ignored, as Suricata does it")
            case .tooLong(let mark):
                sink.error(
                    at: mark, "the rule has more than \(SuricataFile.ruleByteCountMax) bytes")
                contents.documents.append(.failed([]))
            }
        }
        contents.diagnostics = sink.diagnostics
        return contents
    }

    private func rule(
        _ text: SuricataText, _ headers: inout SuricataHeaderReader,
        _ unknown: inout UnknownNames, _ sink: DiagnosticSink
    ) -> RuleFileContents.Document {
        sink.rule = nil
        var draft = SuricataDraft(
            header: RuleHeader(
                id: "", title: "", location: sink.location(text.mark(at: 0))))
        var skip: SuricataProblem?
        do throws(SuricataProblem) {
            let parts = try SuricataParts(text)
            sink.rule = Self.label(parts)
            if let remark = parts.remark {
                sink.warning(at: text.mark(at: remark.offset), remark.message)
            }
            skip = try read(parts, into: &draft, &headers)
            if let name = draft.classType, tables.classes[name.lowercased()] == nil,
                unknown.classes.insert(name).inserted
            {
                sink.warning(
                    at: text.mark(at: 0),
                    "unknown class type '\(name)'"
                        + suggestion(for: name, among: tables.classes.keys.sorted())
                        + "; its rules have priority 3")
            }
            for type in draft.unknownReferences
            where unknown.references.insert(type.text.lowercased()).inserted {
                sink.warning(
                    at: text.mark(at: type.offset),
                    "unknown type of reference '\(type.text)'"
                        + suggestion(for: type.text, among: tables.references.keys.sorted())
                        + "; it is kept as written, 'config reference: \(type.text) PREFIX' in"
                        + " reference.config makes it an address")
            }
            if skip == nil, purpose == .packets {
                let rule = try draft.rule()
                let service = FieldRegistry.subjects[rule.subject].name
                return .signature(
                    rule, LogSource(product: "cairn", service: service),
                    text: keepsTexts ? text.bytes : nil)
            }
        } catch {
            if !error.isSkip {
                sink.error(at: text.mark(at: error.offset), error.message)
                return .failed(sink.rule.map { [$0] } ?? [])
            }
            skip = error
        }
        guard let skip else { return .skippedSignature(draft.header, reason: "") }
        sink.skipped(at: text.mark(at: skip.offset), skip.message)
        return .skippedSignature(draft.header, reason: skip.message)
    }

    private static func disabledRule(
        _ text: SuricataText, _ sink: DiagnosticSink
    ) -> DisabledRule {
        var rule = DisabledRule(location: sink.location(text.mark(at: 0)))
        if let parts = try? SuricataParts(text) {
            rule.id = label(parts)
            rule.title = parts.options.first { $0.name == "msg" }?.value?.unquoted?.text
        }
        return rule
    }

    /// What messages call the rule: its sid.
    private static func label(_ parts: SuricataParts) -> String? {
        parts.options.first { $0.name == "sid" }?.value?.text
    }

    /// Reads all options. What is not supported is returned when everything else is read, so that mistakes are found.
    private func read(
        _ parts: SuricataParts, into draft: inout SuricataDraft,
        _ headers: inout SuricataHeaderReader
    ) throws(SuricataProblem) -> SuricataProblem? {
        var skip: SuricataProblem?
        for option in parts.options where option.name == "requires" {
            if let reason = try SuricataRequirement.unmet(
                option.required(), ignoringUnknown: ignoresUnknownRequirements)
            {
                skip = option.unsupported()
                skip?.message = reason
            }
        }
        let header = try headers.read(parts.header)
        draft.action = header.action
        draft.traffic = header.traffic
        draft.proto = header.proto
        draft.hook = header.hook
        draft.isTransactional = header.isTransactional
        var isForeign = skip != nil
        for option in parts.options {
            do throws(SuricataProblem) {
                guard let keyword = SuricataKeywords.table[option.name] else {
                    if SuricataKeywords.isOfUnparsedProtocol(option.name) {
                        throw option.unsupported()
                    }
                    throw option.error(
                        "unknown keyword '\(option.name)'"
                            + suggestion(
                                for: option.name, among: SuricataKeywords.table.keys.sorted()))
                }
                try keyword.apply(to: &draft, option, tables)
            } catch {
                // A rule for another version may have keywords that only that one knows, and what stands behind a buffer that
                // is not there goes nowhere.
                guard error.isSkip || isForeign else { throw error }
                if skip == nil { skip = error }
                if case .sticky? = SuricataKeywords.table[option.name] { isForeign = true }
            }
        }
        guard draft.header.signatureID > 0 else {
            throw SuricataProblem(offset: 0, message: "the rule has no 'sid'")
        }
        draft.completeHeader(tables)
        return skip
    }
}
