import CYAML

/// Limits on YAML text, so that no file can take all memory or stack.
struct YAMLLimits: Sendable {
    /// Bytes of one file.
    var byteCountMax = 64 << 20
    /// Lists and maps within each other.
    var depthMax = 64
    /// Scalars, lists and maps of one document.
    var nodeCountMax = 1_000_000
    /// What aliases may add to a document, counted as if they were written out.
    var aliasNodeCountMax = 100_000
}

/// Reads YAML files with libyaml: a stream of documents becomes trees of nodes that know where they
/// were written.
///
/// A mistake costs the document that it is in; reading goes on at the next `---`, which YAML allows
/// nowhere inside of a document (YAML 1.2 §9.1.2).
final class YAMLParser {
    let path: String
    let limits: YAMLLimits
    private(set) var documents: [YAMLNode] = []
    private(set) var diagnostics: [Diagnostic] = []

    // Of the document that is being read.
    // libyaml keeps pointers into its own state, which must not move.
    private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    private var anchors: [String: (node: YAMLNode, nodeCount: Int)] = [:]
    private var nodeCount = 0
    private var aliasNodeCount = 0
    private var documentLine = 0
    /// Lines before the part of the source that libyaml was given.
    private var lineOffset = 0

    init(path: String, limits: YAMLLimits = YAMLLimits()) {
        self.path = path
        self.limits = limits
    }

    deinit { parser.deallocate() }

    /// Reads all documents of a file, of which `lineOffset` lines were left out before `source`.
    func parse(_ source: UnsafeBufferPointer<UInt8>, lineOffset: Int = 0) {
        self.lineOffset = lineOffset
        guard source.count <= limits.byteCountMax else {
            diagnostics.append(
                Diagnostic(
                    .error, at: SourceLocation(path: path),
                    "the file is larger than \(limits.byteCountMax >> 20) MiB; split it"))
            return
        }
        var rest = source
        while let line = parseUntilError(rest) {
            guard let next = Self.nextDocument(in: rest, afterLine: line) else { return }
            rest = UnsafeBufferPointer(rebasing: rest[next.offset...])
            self.lineOffset += next.line
        }
    }

    /// Reads documents up to the end or a syntax error; returns the line (from 0, in `source`)
    /// after which another document may begin.
    private func parseUntilError(_ source: UnsafeBufferPointer<UInt8>) -> Int? {
        guard yaml_parser_initialize(parser) == 1 else { preconditionFailure("out of memory") }
        defer { yaml_parser_delete(parser) }
        yaml_parser_set_input_string(parser, source.baseAddress, source.count)
        documentLine = 0
        do {
            while true {
                let event = try nextEvent()
                switch event.kind {
                case YAML_STREAM_END_EVENT: return nil
                case YAML_DOCUMENT_START_EVENT:
                    documentLine = max(0, Int(event.mark.line) - 1 - lineOffset)
                    try parseDocument()
                default: break
                }
            }
        } catch let error as Failure {
            diagnostics.append(
                Diagnostic(
                    .error,
                    at: SourceLocation(
                        path: path, line: Int(error.mark.line), column: Int(error.mark.column)),
                    error.message))
            let line = Int(error.mark.line) - 1 - lineOffset
            return max(documentLine, error.isSyntax ? line - 1 : documentLine)
        } catch {
            return nil
        }
    }

    /// A mistake that ends the document.
    private struct Failure: Error {
        var mark: YAMLMark
        var message: String
        /// libyaml refuses to go on; otherwise the rest of the document is merely of no use.
        var isSyntax = false
    }

    /// What is kept of libyaml's event.
    private struct Event {
        var kind: yaml_event_type_t
        var mark: YAMLMark
        var anchor: String?
        var tag: String?
        var scalar: YAMLScalar?
    }

    // MARK: Events

    private func nextEvent() throws -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&raw) }
        var event = Event(kind: raw.type, mark: mark(raw.start_mark))
        switch raw.type {
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            event.anchor = Self.text(scalar.anchor)
            event.tag = Self.text(scalar.tag)
            event.scalar = YAMLScalar(
                text: String(
                    decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                    as: UTF8.self), style: Self.style(scalar.style),
                spansLines: raw.start_mark.line != raw.end_mark.line)
        case YAML_SEQUENCE_START_EVENT:
            event.anchor = Self.text(raw.data.sequence_start.anchor)
            event.tag = Self.text(raw.data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            event.anchor = Self.text(raw.data.mapping_start.anchor)
            event.tag = Self.text(raw.data.mapping_start.tag)
        case YAML_ALIAS_EVENT:
            event.anchor = Self.text(raw.data.alias.anchor)
        default: break
        }
        return event
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
        default: .plain
        }
    }

    private static func text(_ pointer: UnsafePointer<UInt8>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private func mark(_ mark: yaml_mark_t) -> YAMLMark {
        YAMLMark(
            line: UInt32(truncatingIfNeeded: mark.line &+ lineOffset &+ 1),
            column: UInt32(truncatingIfNeeded: mark.column &+ 1))
    }

    // MARK: Documents

    private func parseDocument() throws {
        anchors.removeAll(keepingCapacity: true)
        nodeCount = 0
        aliasNodeCount = 0
        let event = try nextEvent()
        if event.kind == YAML_DOCUMENT_END_EVENT { return }
        let root = try parseNode(event, depth: 0)
        if !root.isNull { documents.append(root) }
    }

    private func parseNode(_ event: Event, depth: Int) throws -> YAMLNode {
        let before = nodeCount
        nodeCount += 1
        guard nodeCount <= limits.nodeCountMax else {
            throw Failure(
                mark: event.mark,
                message: "the document has more than \(limits.nodeCountMax) values; split it")
        }
        guard depth <= limits.depthMax else {
            throw Failure(
                mark: event.mark,
                message: "lists and maps are nested more than \(limits.depthMax) deep")
        }
        let node: YAMLNode
        switch event.kind {
        case YAML_ALIAS_EVENT: return try resolveAlias(event)
        case YAML_SCALAR_EVENT: node = try scalarNode(event)
        case YAML_SEQUENCE_START_EVENT: node = try parseList(event, depth: depth)
        default: node = try parseMap(event, depth: depth)
        }
        if let anchor = event.anchor { anchors[anchor] = (node, nodeCount - before) }
        return node
    }

    private func resolveAlias(_ event: Event) throws -> YAMLNode {
        let name = event.anchor ?? ""
        guard let anchored = anchors[name] else {
            throw Failure(
                mark: event.mark,
                message: "unknown alias '*\(name)'"
                    + suggestion(for: name, among: anchors.keys.sorted())
                    + "; put text that begins with '*' in quotes")
        }
        aliasNodeCount += anchored.nodeCount
        nodeCount += anchored.nodeCount - 1
        guard aliasNodeCount <= limits.aliasNodeCountMax, nodeCount <= limits.nodeCountMax else {
            throw Failure(
                mark: event.mark,
                message: "aliases add more than \(limits.aliasNodeCountMax) values to the document")
        }
        return anchored.node
    }

    private func scalarNode(_ event: Event) throws -> YAMLNode {
        var scalar = event.scalar ?? YAMLScalar(text: "", style: .plain)
        switch event.tag {
        case nil: break
        case "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:binary":
            if scalar.style == .plain { scalar.style = .singleQuoted }
        case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
            "tag:yaml.org,2002:null":
            scalar.style = .plain
        default: throw unknownTag(event)
        }
        return YAMLNode(content: .scalar(scalar), mark: event.mark)
    }

    private func parseList(_ start: Event, depth: Int) throws -> YAMLNode {
        if let tag = start.tag, tag != "!", tag != "tag:yaml.org,2002:seq" {
            throw unknownTag(start)
        }
        var elements: [YAMLNode] = []
        while true {
            let event = try nextEvent()
            if event.kind == YAML_SEQUENCE_END_EVENT { break }
            elements.append(try parseNode(event, depth: depth + 1))
        }
        return YAMLNode(content: .list(elements), mark: start.mark)
    }

    private func parseMap(_ start: Event, depth: Int) throws -> YAMLNode {
        if let tag = start.tag, tag != "!", tag != "tag:yaml.org,2002:map" {
            throw unknownTag(start)
        }
        var entries: [YAMLEntry] = []
        var merges: [YAMLNode] = []
        var seen = KeySet()
        while true {
            let event = try nextEvent()
            if event.kind == YAML_MAPPING_END_EVENT { break }
            let key = try parseNode(event, depth: depth + 1)
            guard let scalar = key.scalar else {
                throw Failure(mark: event.mark, message: "a key must be text, not \(key.kind)")
            }
            let value = try parseNode(try nextEvent(), depth: depth + 1)
            if scalar.text == "<<", scalar.style == .plain {
                merges.append(value)
                continue
            }
            guard seen.insert(scalar.text, into: entries) else {
                throw Failure(
                    mark: event.mark, message: "the key '\(scalar.text)' stands here twice")
            }
            entries.append(
                YAMLEntry(key: scalar.text, keyMark: key.mark(ofCharacter: 0), value: value))
        }
        for source in merges { try merge(source, into: &entries, seen: &seen) }
        return YAMLNode(content: .map(entries), mark: start.mark)
    }

    /// Merge keys (yaml.org/type/merge): keys that the map does not have itself.
    private func merge(
        _ source: YAMLNode, into entries: inout [YAMLEntry], seen: inout KeySet
    ) throws {
        for map in source.listOrSelf {
            guard let merged = map.entries else {
                throw Failure(
                    mark: map.mark, message: "'<<' takes a map or a list of maps, not \(map.kind)")
            }
            for entry in merged where seen.insert(entry.key, into: entries) {
                entries.append(entry)
            }
        }
    }

    /// Keys of one map: looked for one by one while they are few.
    private struct KeySet {
        private var names: Set<String> = []

        /// False if the key is there.
        mutating func insert(_ key: String, into entries: [YAMLEntry]) -> Bool {
            if entries.count < 12 { return !entries.contains { $0.key == key } }
            if names.isEmpty { names.formUnion(entries.map(\.key)) }
            return names.insert(key).inserted
        }
    }

    private func unknownTag(_ event: Event) -> Failure {
        let tag = event.tag ?? ""
        return Failure(
            mark: event.mark,
            message: "'\(tag)' at the beginning of a value is a YAML tag; put the value in quotes")
    }

    // MARK: Syntax errors

    private func syntaxError() -> Failure {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "cannot be read"
        guard parser.pointee.error != YAML_READER_ERROR else {
            // The reader works ahead in blocks; its mark is where the parser was.
            return Failure(
                mark: mark(parser.pointee.mark),
                message: "not valid YAML text: \(problem) behind this place; save it as UTF-8",
                isSyntax: true)
        }
        let context = parser.pointee.context.map { " \(String(cString: $0))" } ?? ""
        var opened = ""
        if parser.pointee.context != nil,
            parser.pointee.context_mark.line != parser.pointee.problem_mark.line
        {
            opened = " (begun in line \(mark(parser.pointee.context_mark).line))"
        }
        return Failure(
            mark: mark(parser.pointee.problem_mark),
            message: "not valid YAML: \(problem)\(context)\(opened)" + Self.remedy(for: problem),
            isSyntax: true)
    }

    private static func remedy(for problem: String) -> String {
        switch problem {
        case "found character that cannot start any token":
            "; indent with spaces, not tabs, and put values that begin with @ % ` in quotes"
        case "mapping values are not allowed in this context":
            "; put text that contains ': ' in quotes, or check the indentation"
        case "did not find expected key", "could not find expected ':'",
            "did not find expected '-' indicator", "did not find expected <document start>":
            "; check the indentation and the quotes of the lines before"
        case "found unexpected end of stream", "found unexpected document indicator":
            "; a quote or bracket is not closed"
        case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
            "; a comma or bracket is missing, or text with brackets and commas needs quotes"
        case "found unknown escape character":
            "; put text with backslashes in single quotes"
        default: ""
        }
    }

    /// The first line behind `line` (from 0) that begins a document.
    private static func nextDocument(
        in source: UnsafeBufferPointer<UInt8>, afterLine line: Int
    ) -> (offset: Int, line: Int)? {
        var current = 0
        var offset = 0
        while offset < source.count {
            if current > line, isDocumentStart(source, at: offset) { return (offset, current) }
            while offset < source.count, source[offset] != UInt8(ascii: "\n") { offset += 1 }
            offset += 1
            current += 1
        }
        return nil
    }

    /// Whether `---` and then white space or nothing stands at an offset.
    static func isDocumentStart(_ source: UnsafeBufferPointer<UInt8>, at offset: Int) -> Bool {
        guard source.count - offset >= 3, source[offset] == UInt8(ascii: "-"),
            source[offset + 1] == UInt8(ascii: "-"), source[offset + 2] == UInt8(ascii: "-")
        else { return false }
        return source.count - offset == 3
            || [0x20, 0x09, 0x0a, 0x0d].contains(source[offset + 3])
    }
}

/// `, did you mean 'x'?` where a candidate is near.
func suggestion(for name: String, among candidates: some Sequence<String>) -> String {
    nearest(to: name, among: candidates).map { " — did you mean '\($0)'?" } ?? ""
}
