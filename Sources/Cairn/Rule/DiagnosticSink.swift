/// Collects the mistakes of one file while it is read.
final class DiagnosticSink {
    let path: String
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var errorCount = 0
    /// The rule that is being read: its id or title.
    var rule: String?

    init(path: String) {
        self.path = path
    }

    func location(_ mark: YAMLMark) -> SourceLocation {
        SourceLocation(path: path, line: Int(mark.line), column: Int(mark.column))
    }

    func error(at mark: YAMLMark, _ message: String) { add(.error, at: mark, message) }

    func warning(at mark: YAMLMark, _ message: String) { add(.warning, at: mark, message) }

    func skipped(at mark: YAMLMark, _ message: String) { add(.skipped, at: mark, message) }

    private func add(_ severity: Diagnostic.Severity, at mark: YAMLMark, _ message: String) {
        if severity == .error { errorCount += 1 }
        diagnostics.append(Diagnostic(severity, at: location(mark), rule: rule, message))
    }

    /// Takes diagnostics that were made elsewhere.
    func append(_ other: some Sequence<Diagnostic>) {
        for diagnostic in other {
            if diagnostic.severity == .error { errorCount += 1 }
            diagnostics.append(diagnostic)
        }
    }

    /// Forgets what came after the first `count`.
    func rollBack(to count: Int, errorCount: Int) {
        diagnostics.removeSubrange(count...)
        self.errorCount = errorCount
    }
}

/// `a, b or c` for messages.
func alternatives(_ names: some Sequence<String>) -> String {
    let names = Array(names)
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " or " + last
}

extension DiagnosticSink {
    /// Text of a scalar; anything else is a mistake.
    func text(_ node: YAMLNode, _ what: String) -> String? {
        if let text = node.text { return text }
        error(at: node.mark, "\(what) must be text, not \(node.kind)")
        return nil
    }

    /// A text or a list of texts.
    func texts(_ node: YAMLNode, _ what: String) -> [String] {
        node.listOrSelf.compactMap { text($0, what) }
    }

    /// `true` or `false`.
    func bool(_ node: YAMLNode, _ what: String) -> Bool? {
        if case .bool(let bool) = node.value { return bool }
        error(at: node.mark, "\(what) must be true or false, not \(node.kind)")
        return nil
    }

    /// A whole number, also in quotes.
    func integer(_ node: YAMLNode, _ what: String, in range: ClosedRange<Int64>) -> Int64? {
        var number: Int64?
        if let text = node.text, case .integer(let value) = YAMLScalar.value(ofPlain: text) {
            number = value
        }
        guard let number else {
            error(at: node.mark, "\(what) must be a whole number, not \(node.kind)")
            return nil
        }
        guard range.contains(number) else {
            error(
                at: node.mark,
                range.upperBound == .max
                    ? "\(what) must be at least \(range.lowerBound)"
                    : "\(what) must lie in \(range.lowerBound)...\(range.upperBound)")
            return nil
        }
        return number
    }

    /// A level by its name.
    func level(_ node: YAMLNode) -> Level? {
        guard let name = text(node, "'level'") else { return nil }
        if let level = Level(name: name) { return level }
        let names = Level.allCases.map(\.name)
        error(
            at: node.mark,
            "unknown level '\(name)'"
                + (nearest(to: name, among: names).map { " — did you mean '\($0)'?" }
                    ?? "; use \(alternatives(names))"))
        return nil
    }

    /// A span of time of a test, in nanoseconds: at most ten years.
    func time(_ node: YAMLNode, _ what: String) -> Int64? {
        guard let text = text(node, what) else { return nil }
        let most = 3_652 * 86_400 * nanosecondsPerSecond
        if let time = Setting.nanoseconds(text), time <= most { return time }
        error(at: node.mark, "\(what) must be a time like 500ms, 30s, 5m or 2h, not '\(text)'")
        return nil
    }

    /// One of the names of an enumeration.
    func choice<T: RawRepresentable<String> & CaseIterable>(
        _ node: YAMLNode, _ what: String, _ type: T.Type = T.self
    ) -> T? {
        guard let name = text(node, what) else { return nil }
        if let value = T(rawValue: name) { return value }
        let names = T.allCases.map(\.rawValue)
        error(
            at: node.mark,
            "unknown \(what) '\(name)'"
                + (nearest(to: name, among: names).map { " — did you mean '\($0)'?" }
                    ?? "; use \(alternatives(names))"))
        return nil
    }

    /// The entries of a map whose keys are all known.
    func entries(_ node: YAMLNode, _ what: String, keys: [String]) -> [YAMLEntry]? {
        guard let entries = node.entries else {
            error(at: node.mark, "\(what) must be a map, not \(node.kind)")
            return nil
        }
        for entry in entries where !keys.contains(entry.key) {
            error(
                at: entry.keyMark,
                "unknown key '\(entry.key)' in \(what)"
                    + (nearest(to: entry.key, among: keys).map { " — did you mean '\($0)'?" }
                        ?? "; it takes \(alternatives(keys))"))
        }
        return entries
    }
}
