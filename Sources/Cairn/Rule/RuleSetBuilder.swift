/// Puts the documents of all files together: identities are checked, filters applied, references
/// resolved.
struct RuleSetBuilder {
    private(set) var set = RuleSet()

    private var logSources: [LogSource] = []
    private var correlations: [LoadedCorrelation] = []
    private var filters: [LoadedFilter] = []
    /// Where the limits of the set stand.
    private var limitLocations: [SourceLocation] = []

    /// What an id or name stands for.
    private struct Entry {
        var identity: String
        var location: SourceLocation
    }
    private var names: [String: Entry] = [:]
    /// Ids and names of rules with mistakes: who refers to them need not hear that they do not
    /// exist.
    private var failedNames: Set<String> = []

    // MARK: Documents

    mutating func add(_ file: RuleFileContents) {
        set.diagnostics += file.diagnostics
        set.disabledRuleCount += file.disabledCount
        set.disabledRules += file.disabledRules
        for document in file.documents {
            switch document {
            case .detection(let rule, let logSource):
                guard register(rule.header) else { continue }
                set.detections.append(rule)
                logSources.append(logSource)
            case .skipped(let header, let reason):
                guard register(header) else { continue }
                set.skipped.append(SkippedRule(header: header, reason: reason))
            case .correlation(let correlation):
                guard register(correlation.rule.header) else { continue }
                correlations.append(correlation)
            case .filter(let filter): filters.append(filter)
            case .test(let test): set.tests.append(test)
            case .failed(let names):
                set.failedRuleCount += 1
                failedNames.formUnion(names)
            case .signature(let rule, let logSource, let text):
                guard let place = registerSignature(rule.header) else { continue }
                if let text { set.signatureTexts[rule.header.id] = text }
                if case .detection(let index) = place {
                    set.detections[index] = rule
                    logSources[index] = logSource
                } else {
                    signatures[rule.header.id] = .detection(set.detections.count)
                    set.detections.append(rule)
                    logSources.append(logSource)
                }
            case .skippedSignature(let header, let reason):
                addSkippedSignature(header, reason)
            }
        }
    }

    // MARK: Suricata rules

    /// Where a Suricata rule that was read before is.
    private enum SignaturePlace {
        case detection(Int), skipped(Int), nowhere
    }

    private var signatures: [String: SignaturePlace] = [:]

    private mutating func addSkippedSignature(_ header: RuleHeader, _ reason: String) {
        guard let place = registerSignature(header) else { return }
        // A newer revision that is skipped takes the place of an older one that was not.
        if case .detection = place { return }
        if case .skipped(let index) = place {
            set.skipped[index] = SkippedRule(header: header, reason: reason)
            return
        }
        signatures[header.id] = .skipped(set.skipped.count)
        set.skipped.append(SkippedRule(header: header, reason: reason))
    }

    /// Enters a Suricata rule. Of two with the same number the one with the higher revision counts; two of the same
    /// revision are a mistake.
    ///
    /// - Returns: the place of the older one that is replaced, `nowhere` for a new number, nil if this one does not count.
    private mutating func registerSignature(_ header: RuleHeader) -> SignaturePlace? {
        guard let place = signatures[header.id] else {
            return register(header) ? .nowhere : nil
        }
        let other =
            switch place {
            case .detection(let index): set.detections[index].header
            case .skipped(let index): set.skipped[index].header
            case .nowhere: header
            }
        if header.revision > other.revision {
            names[header.id] = Entry(identity: header.id, location: header.location)
            return place
        }
        complain(
            .error, header.location, header.id,
            "another rule has the sid \(header.id) and revision \(other.revision), which is not"
                + " lower: \(other.location)")
        set.failedRuleCount += 1
        return nil
    }

    mutating func add(_ diagnostics: [Diagnostic]) { set.diagnostics += diagnostics }

    /// Adds what files like `threshold.config` say of alerts, and how many of their lines have mistakes.
    mutating func add(_ limits: SuricataLimits) {
        set.alertLimits += limits.limits
        limitLocations += limits.locations
        set.failedLimitCount += limits.diagnostics.count
        add(limits.diagnostics)
    }

    mutating func addFiles(_ count: Int) { set.fileCount += count }

    /// Enters an id and a name; false if another rule has one of them.
    private mutating func register(_ header: RuleHeader) -> Bool {
        for (kind, name) in [("id", header.id), ("name", header.name ?? header.id)] {
            if let other = names[name] {
                complain(
                    .error, header.location, header.id,
                    "another rule has the \(kind) '\(name)': \(other.location)")
                set.failedRuleCount += 1
                return false
            }
        }
        let entry = Entry(identity: header.id, location: header.location)
        names[header.id] = entry
        if let name = header.name { names[name] = entry }
        return true
    }

    private mutating func complain(
        _ severity: Diagnostic.Severity, _ location: SourceLocation, _ rule: String?,
        _ message: String
    ) {
        set.diagnostics.append(Diagnostic(severity, at: location, rule: rule, message))
    }

    // MARK: Completion

    /// The complete set.
    mutating func finish() -> RuleSet {
        applyFilters()
        applyLimits()
        resolveReferences()
        orderCorrelations()
        markEvidence()
        set.diagnostics = set.diagnostics.sortedByPlace()
        return set
    }

    /// Gives rules the limits that a `threshold.config` sets for them.
    private mutating func applyLimits() {
        for (limit, location) in zip(set.alertLimits, limitLocations) {
            var isApplied = false
            for index in set.detections.indices where limit.covers(set.detections[index].header) {
                limit.apply(to: &set.detections[index])
                isApplied = true
            }
            guard !isApplied, limit.signatureID != 0,
                !set.skipped.contains(where: { limit.covers($0.header) })
            else { continue }
            complain(
                .warning, location, nil,
                "no rule that is loaded has the sid \(limit.signatureID)")
        }
    }

    private mutating func applyFilters() {
        for filter in filters {
            for name in filter.rules ?? [] where names[name] == nil && !failedNames.contains(name) {
                complain(
                    .warning, filter.header.location, filter.header.id,
                    "the filter names '\(name)', which is not loaded"
                        + suggestion(for: name, among: names.keys.sorted()))
            }
            for index in set.detections.indices
            where filter.applies(to: set.detections[index], logSources[index]) {
                apply(filter, to: index)
            }
        }
    }

    private mutating func apply(_ filter: LoadedFilter, to index: Int) {
        guard case .subject(let subject) = logSources[index].resolve() else { return }
        let sink = DiagnosticSink(path: filter.header.location.path)
        sink.rule = filter.header.id
        var resolver = ConditionResolver(subject: subject, sink: sink)
        if let condition = resolver.resolve(filter.expression) {
            set.detections[index].condition = .allOf([set.detections[index].condition, condition])
        }
        for field in resolver.unseen {
            sink.warning(
                at: field.mark,
                "the filter is not applied to '\(set.detections[index].header.id)': the field"
                    + " '\(field.name)' cannot be seen on the wire")
        }
        set.diagnostics += sink.diagnostics
    }

    // MARK: References

    private mutating func resolveReferences() {
        correlations = correlations.filter { correlation in
            let rule = correlation.rule
            var isFine = true
            let aliased = rule.aliases.flatMap { $0.fields.map(\.rule) }
            var seen: Set<String> = []
            for name in rule.rules + rule.until + aliased
            where identity(of: name) == nil && seen.insert(name).inserted {
                complainAboutReference(name, correlation)
                isFine = false
            }
            let identities = rule.rules.compactMap(identity)
            if isFine, Set(identities).count != identities.count {
                complain(
                    .error, correlation.location(of: rule.rules[0]), rule.header.id,
                    "'rules' names the same rule twice, by id and by name")
                isFine = false
            }
            if !isFine { fail(rule) }
            return isFine
        }
        correlations = correlations.map { correlation in
            var renamed = correlation
            rename(&renamed.rule)
            return renamed
        }
    }

    private mutating func fail(_ rule: CorrelationRule) {
        set.failedRuleCount += 1
        failedNames.insert(rule.header.id)
        if let name = rule.header.name { failedNames.insert(name) }
    }

    private mutating func complainAboutReference(_ name: String, _ correlation: LoadedCorrelation) {
        complain(
            .error, correlation.location(of: name), correlation.rule.header.id,
            failedNames.contains(name)
                ? "the rule '\(name)' has mistakes"
                : "unknown rule '\(name)'" + suggestion(for: name, among: names.keys.sorted()))
    }

    /// The identity of a rule that a name means. A number, or two with a colon, means a Suricata
    /// signature, which need not have a document.
    private func identity(of name: String) -> String? {
        if let entry = names[name] { return entry.identity }
        guard let signature = RuleHeader.signature(named: name) else { return nil }
        return names[signature]?.identity ?? signature
    }

    private func rename(_ rule: inout CorrelationRule) {
        rule.rules = rule.rules.compactMap(identity)
        rule.until = rule.until.compactMap(identity)
        rule.aliases = rule.aliases.map { alias in
            (alias.name, alias.fields.map { (identity(of: $0.rule) ?? $0.rule, $0.field) })
        }
        if case .expression(let expression)? = rule.condition {
            rule.condition = .expression(expression.renamed { identity(of: $0) ?? $0 })
        }
    }

    /// Each rule behind those that it refers to; who refers to itself in the end is left out.
    private mutating func orderCorrelations() {
        let places = Dictionary(
            correlations.indices.map { (correlations[$0].rule.header.id, $0) },
            uniquingKeysWith: { first, _ in first })
        let depths = dependencyDepths(
            correlations.map { ($0.rule.rules + $0.rule.until).compactMap { places[$0] } })
        let ordered = correlations.indices.filter { depths[$0] != nil }
            .sorted { (depths[$0] ?? 0, $0) < (depths[$1] ?? 0, $1) }
        set.correlations += ordered.map { correlations[$0].rule }
        for (correlation, depth) in zip(correlations, depths) where depth == nil {
            let rule = correlation.rule
            let reference =
                (rule.rules + rule.until).first { name in
                    places[name].map { depths[$0] == nil } ?? false
                } ?? ""
            complain(
                .error, rule.header.location, rule.header.id,
                "the rule refers to itself through '\(reference)'")
            set.failedRuleCount += 1
        }
        complainAboutSkipped()
    }

    private mutating func complainAboutSkipped() {
        let reasons = Dictionary(
            set.skipped.map { ($0.header.id, $0.reason) }, uniquingKeysWith: { first, _ in first })
        for rule in set.correlations {
            for reference in rule.rules {
                guard let reason = reasons[reference], !reason.isEmpty else { continue }
                complain(
                    .skipped, rule.header.location, rule.header.id,
                    "it refers to '\(reference)', which is skipped: \(reason)")
            }
        }
    }

    /// Without `generate`, the rules of the same file that a correlation refers to are evidence
    /// only; if two correlations of the file differ, `true` wins.
    private mutating func markEvidence() {
        var isGenerated: [String: Bool] = [:]
        for rule in set.correlations {
            for reference in rule.rules
            where names[reference]?.location.path == rule.header.location.path {
                isGenerated[reference] = isGenerated[reference] == true || rule.generate
            }
        }
        for index in set.detections.indices {
            set.detections[index].isStandalone =
                isGenerated[set.detections[index].header.id] ?? true
        }
        for index in set.skipped.indices {
            set.skipped[index].isStandalone = isGenerated[set.skipped[index].header.id] ?? true
        }
        for index in set.correlations.indices {
            set.correlations[index].isStandalone =
                isGenerated[set.correlations[index].header.id] ?? true
        }
    }
}

extension [Diagnostic] {
    /// By path, line and column; what has the same place stays in its order.
    func sortedByPlace() -> [Diagnostic] {
        enumerated().sorted { a, b in
            let (one, other) = (a.element.location, b.element.location)
            if one.path != other.path {
                return one.path.utf8.lexicographicallyPrecedes(other.path.utf8)
            }
            return (one.line, one.column, a.offset) < (other.line, other.column, b.offset)
        }.map(\.element)
    }
}
