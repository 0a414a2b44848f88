/// Everything that can be set in `cairn.yaml` or with `--set`, by dotted name. Where a setting
/// means what one of Suricata's means it has that name, so that a suricata.yaml can be read.
///
/// Names are checked against `Setting.all`; an unknown one is a warning. A setting that was not
/// given has the default of that table.
public struct Settings: Sendable {
    private struct Value: Sendable {
        var texts: [String]
        /// The elements by number, if they were written so.
        var elements: [UInt32: [String]] = [:]
        var location: SourceLocation
    }

    private var values: [String: Value] = [:]

    /// Only defaults.
    public init() {}

    // MARK: Writing

    /// Reads a file of nested maps (YAML, and so JSON). Later values replace earlier ones.
    public mutating func read(path: String) -> [Diagnostic] {
        switch RuleFiles.contents(of: path) {
        case .success(let bytes): return bytes.withUnsafeBufferPointer { read($0, path: path) }
        case .failure(let failure): return [failure.diagnostic]
        }
    }

    /// Reads the text of such a file.
    mutating func read(_ source: UnsafeBufferPointer<UInt8>, path: String) -> [Diagnostic] {
        let parser = YAMLParser(path: path)
        parser.parse(source)
        let sink = DiagnosticSink(path: path)
        sink.append(parser.diagnostics)
        for document in parser.documents {
            guard let entries = document.entries else {
                sink.error(at: document.mark, "settings must be a map, not \(document.kind)")
                continue
            }
            for entry in entries { read(entry, prefix: "", sink) }
        }
        return sink.diagnostics
    }

    private mutating func read(_ entry: YAMLEntry, prefix: String, _ sink: DiagnosticSink) {
        let name = prefix + entry.key
        if prefix.isEmpty, !name.contains("."), !Setting.sections.contains(name) {
            // A whole section of somebody else's file is one remark, not hundreds.
            sink.warning(
                at: entry.keyMark,
                "unknown setting '\(name)'"
                    + suggestion(for: name, among: Setting.sections.sorted())
                    + "; ignored")
            return
        }
        switch entry.value.content {
        case .map(let entries):
            for inner in entries { read(inner, prefix: name + ".", sink) }
        case .list(let elements):
            let texts = elements.compactMap(\.text)
            if texts.count == elements.count {
                store(name, texts, at: sink.location(entry.keyMark), sink)
            } else if Setting.named(name) != nil {
                sink.error(at: entry.value.mark, "'\(name)' takes a list of texts")
            } else {
                sink.warning(at: entry.keyMark, "unknown setting '\(name)'; ignored")
            }
        case .scalar:
            guard let text = entry.value.text else { return }
            store(name, [text], at: sink.location(entry.value.mark), sink)
        }
    }

    /// Sets one value as `--set` does: `stream.midstream=true`.
    public mutating func set(_ assignment: String) -> [Diagnostic] {
        let sink = DiagnosticSink(path: "--set")
        let location = SourceLocation(path: "--set \(assignment)")
        guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
            return [Diagnostic(.error, at: location, "expected KEY=VALUE")]
        }
        store(
            String(assignment[..<equals]),
            [String(assignment[assignment.index(after: equals)...])], at: location, sink)
        return sink.diagnostics
    }

    private mutating func store(
        _ name: String, _ texts: [String], at location: SourceLocation, _ sink: DiagnosticSink
    ) {
        guard let setting = Setting.named(name) else {
            if storeElement(name, texts, at: location, sink) { return }
            sink.append([
                Diagnostic(
                    .warning, at: location,
                    "unknown setting '\(name)'"
                        + suggestion(for: name, among: Setting.all.map(\.name)) + "; ignored")
            ])
            return
        }
        if let complaint = setting.complaint(about: texts) {
            sink.append([Diagnostic(.error, at: location, "'\(name)' \(complaint)")])
            return
        }
        if setting.isInert {
            sink.append([
                Diagnostic(
                    .warning, at: location,
                    "'\(name)' has no effect: \(setting.summary.dropFirst("Nothing: ".count))")
            ])
        }
        values[name] = Value(texts: texts, location: location)
    }

    /// Stores one element of a list that is written with its number, as Suricata's `--set` writes
    /// lists (`host-os-policy.linux.0=10.0.0.1`); false if the name is none.
    ///
    /// The numbers make one list, in their order; it replaces a list that was written in one.
    private mutating func storeElement(
        _ name: String, _ texts: [String], at location: SourceLocation, _ sink: DiagnosticSink
    ) -> Bool {
        guard let dot = name.lastIndex(of: "."), let list = Setting.named(String(name[..<dot])),
            list.takesList, let number = UInt32(name[name.index(after: dot)...])
        else { return false }
        if let complaint = list.complaint(about: texts) {
            sink.append([Diagnostic(.error, at: location, "'\(list.name)' \(complaint)")])
            return true
        }
        let listName = String(name[..<dot])
        var elements = values[listName]?.elements ?? [:]
        elements[number] = texts
        values[listName] = Value(
            texts: elements.sorted { $0.key < $1.key }.flatMap(\.value), elements: elements,
            location: location)
        return true
    }

    // MARK: Reading

    private func setting(_ name: String) -> Setting {
        guard let setting = Setting.named(name) else {
            preconditionFailure("there is no setting \(name)")
        }
        return setting
    }

    /// Whether a value was given.
    func isSet(_ name: String) -> Bool { values[name] != nil }

    /// The value as text; nil if there is neither value nor default.
    public func text(_ name: String) -> String? {
        let text = values[name]?.texts.joined(separator: ", ") ?? setting(name).defaultText
        return text.isEmpty ? nil : text
    }

    /// A switch.
    public func bool(_ name: String) -> Bool { Setting.bool(text(name) ?? "") ?? false }

    /// A whole number.
    public func integer(_ name: String) -> Int { Setting.integer(text(name) ?? "") ?? 0 }

    /// A size in bytes.
    public func byteCount(_ name: String) -> Int { Setting.byteCount(text(name) ?? "") ?? 0 }

    /// A time in nanoseconds.
    public func nanoseconds(_ name: String) -> Int64 { Setting.nanoseconds(text(name) ?? "") ?? 0 }

    /// A list: of a YAML list, or of text separated by commas, in brackets or not.
    public func list(_ name: String) -> [String] {
        if let texts = values[name]?.texts, texts.count > 1 { return texts }
        return Setting.list(text(name) ?? "")
    }

    /// Names and texts of all settings that begin with a prefix, given or by default, in order of
    /// their names.
    func group(_ prefix: String) -> [(name: String, texts: [String], location: SourceLocation)] {
        var members: [String: (texts: [String], location: SourceLocation)] = [:]
        for setting in Setting.all where setting.name.hasPrefix(prefix) {
            guard !setting.name.contains("*") else { continue }
            members[setting.name] = ([setting.defaultText], SourceLocation(path: "defaults"))
        }
        for (name, value) in values where name.hasPrefix(prefix) {
            members[name] = (value.texts, value.location)
        }
        return members.sorted { $0.key < $1.key }.map {
            (String($0.key.dropFirst(prefix.count)), $0.value.texts, $0.value.location)
        }
    }
}

/// One setting: its name, kind of value, default and meaning.
public struct Setting: Sendable {
    enum Kind: Sendable {
        case bool, integer, byteCount, duration, text, list
        /// Addresses and networks.
        case networks
        case choice([String])
        /// A list of some of these words.
        case words([String])
    }

    /// Dotted name; a part `*` stands for any name.
    public let name: String
    let kind: Kind
    let defaultText: String
    /// One line of meaning.
    public let summary: String
    /// Known, but without effect; the summary says why.
    let isInert: Bool

    init(
        _ name: String, _ kind: Kind, _ defaultText: String, _ summary: String,
        isInert: Bool = false
    ) {
        self.isInert = isInert
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.summary = summary
    }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    /// First parts of all names.
    static let sections = Set(all.map { String($0.name.prefix { $0 != "." }) })

    /// The setting of a name; families like `vars.address-groups.*` have all names.
    static func named(_ name: String) -> Setting? {
        if let setting = byName[name] { return setting }
        guard let dot = name.lastIndex(of: "."), name.index(after: dot) != name.endIndex else {
            return nil
        }
        if let family = byName[name[...dot] + "*"] { return family }
        // `datasets.NAME.type`
        let parts = name.split(separator: ".")
        return parts.count == 3 ? byName["\(parts[0]).*.\(parts[2])"] : nil
    }

    /// What is wrong with a value; nil if nothing is.
    func complaint(about texts: [String]) -> String? {
        if name.hasPrefix("vars.") { return nil }
        switch kind {
        case .list: return nil
        case .networks:
            return texts.flatMap(Self.list).first { IPNetwork($0) == nil }
                .map { "takes addresses and networks like 10.0.0.0/8, not '\($0)'" }
        case .words(let names):
            return texts.flatMap(Self.list).first { !names.contains($0) }
                .map { "takes the words \(names.joined(separator: ", ")), not '\($0)'" }
        default: break
        }
        guard texts.count == 1, let text = texts.first else { return "takes one value, not a list" }
        switch kind {
        case .bool: return Self.bool(text) == nil ? "must be true or false, not '\(text)'" : nil
        case .integer:
            return Self.integer(text) == nil ? "must be a whole number, not '\(text)'" : nil
        case .byteCount:
            return Self.byteCount(text) == nil
                ? "must be a size like 64mb, 256 KiB or 4096, not '\(text)'" : nil
        case .duration:
            return Self.nanoseconds(text) == nil
                ? "must be a time like 30s, 5m, 1h or 1d, not '\(text)'" : nil
        case .choice(let names):
            return names.contains(text) ? nil : "must be \(alternatives(names)), not '\(text)'"
        case .text, .list, .networks, .words: return nil
        }
    }

    /// Whether the value may be a list.
    var takesList: Bool {
        switch kind {
        case .list, .networks, .words: true
        default: false
        }
    }

    // MARK: Values

    /// YAML's words for true and false, those of version 1.1 included.
    static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "yes", "on", "1": true
        case "false", "no", "off", "0": false
        default: nil
        }
    }

    static func integer(_ text: String) -> Int? { Int(text) }

    /// A number with an optional unit: b, kb, mb, gb, tb or KiB, MiB … in any case, all powers of
    /// 1,024 as in Suricata.
    static func byteCount(_ text: String) -> Int? {
        guard let (number, unit) = split(text) else { return nil }
        let shift: Double
        switch unit.lowercased() {
        case "", "b", "bytes": shift = 1
        case "k", "kb", "kib": shift = 1024
        case "m", "mb", "mib": shift = 1_048_576
        case "g", "gb", "gib": shift = 1_073_741_824
        case "t", "tb", "tib": shift = 1_099_511_627_776
        default: return nil
        }
        return Int(exactly: (number * shift).rounded())
    }

    /// A number with an optional unit: ms, s, m, h, d, w; seconds without one.
    static func nanoseconds(_ text: String) -> Int64? {
        guard let (number, unit) = split(text) else { return nil }
        let seconds: Double
        switch unit {
        case "ms": seconds = 0.001
        case "", "s", "sec": seconds = 1
        case "m", "min": seconds = 60
        case "h": seconds = 3600
        case "d": seconds = 86_400
        case "w": seconds = 604_800
        default: return nil
        }
        return Int64(exactly: (number * seconds * 1_000_000_000).rounded())
    }

    /// A number that is not negative and what follows it.
    private static func split(_ text: String) -> (Double, String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        guard let first = digits.first, first != ".", let number = Double(digits),
            number.isFinite
        else { return nil }
        return (number, String(text[digits.endIndex...].drop { $0 == " " }))
    }

    static func list(_ text: String) -> [String] {
        var text = Substring(text)
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        return text.split(separator: ",").map { part in
            let start = part.drop { $0 == " " }
            return String(start.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
