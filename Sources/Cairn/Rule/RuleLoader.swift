#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#endif

/// Loads rule files into a rule set. One bad rule never stops the others.
public struct RuleLoader: Sendable {
    /// What the rules are for.
    public enum Purpose: Sendable {
        /// Looking at packets.
        case packets
        /// Correlating alerts that were made before: detection rules are only names.
        case alerts
    }

    let variables: RuleVariables
    let purpose: Purpose
    private let configurations: SuricataConfigurations
    /// Whether the tests of rules are read; without them mistakes in them are not seen.
    public var readsTests = true
    /// Whether Suricata rules in comments are listed; they are counted in any case.
    public var listsDisabledRules = false
    /// Whether the texts of Suricata rules are kept.
    var keepsSignatureTexts = false
    /// Threads that read files; the result does not depend on it.
    var threadCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    /// What `requires` names and nobody knows is taken to be there.
    private let ignoresUnknownRequirements: Bool
    /// Larger files are read in pieces of about this size, cut between documents.
    var pieceByteCount = 1 << 18

    /// A loader that takes variables and placeholders from settings.
    public init(settings: Settings = Settings(), for purpose: Purpose = .packets) {
        self.purpose = purpose
        variables = RuleVariables(settings)
        configurations = SuricataConfigurations(settings)
        ignoresUnknownRequirements = settings.bool("ignore-unknown-requirements")
    }

    /// Loads files and folders; folders with everything in them, in order of path.
    public func load(paths: [String]) -> RuleSet {
        let (files, diagnostics) = RuleFiles.find(paths)
        var builder = RuleSetBuilder()
        builder.add(diagnostics)
        var sources: [Source] = []
        for path in files {
            switch RuleFiles.contents(of: path, byteCountMax: Self.byteCountMax(path)) {
            case .failure(let failure): builder.add([failure.diagnostic])
            case .success(let bytes): sources.append(Source(path: path, bytes: bytes))
            }
        }
        let signatures = files.filter(RuleFiles.isSuricata)
        let (tables, limits, remarks) = configurations.load(for: signatures, variables)
        builder.add(remarks)
        builder.add(limits)
        read(sources, tables, into: &builder)
        return builder.finish()
    }

    /// Bytes of one file; those of Suricata rules can be a whole set.
    private static func byteCountMax(_ path: String) -> Int {
        RuleFiles.isSuricata(path) ? 1 << 30 : YAMLLimits().byteCountMax
    }

    /// Loads the text of one file.
    func load(source: some Sequence<UInt8>, path: String) -> RuleSet {
        var builder = RuleSetBuilder()
        read([Source(path: path, bytes: Array(source))], SuricataTables(), into: &builder)
        return builder.finish()
    }

    // MARK: Reading on several threads

    private struct Source {
        var path: String
        var bytes: [UInt8]
    }

    /// Some documents of a file.
    private struct Piece {
        var source: Int
        var range: Range<Int>
        /// Lines of the file before it.
        var lineOffset: Int
    }

    private func read(
        _ sources: [Source], _ tables: SuricataTables, into builder: inout RuleSetBuilder
    ) {
        let pieces = sources.indices.flatMap { self.pieces(of: sources[$0], at: $0) }
        let reader = RuleFileReader(
            variables: variables, purpose: purpose, readsTests: readsTests)
        let signatureReader = SuricataRuleReader(
            variables: variables, tables: tables, purpose: purpose,
            keepsTexts: keepsSignatureTexts, listsDisabledRules: listsDisabledRules,
            ignoresUnknownRequirements: ignoresUnknownRequirements)
        let results = ResultBox<RuleFileContents>(count: pieces.count)
        let pool = WorkerPool(threadCount: min(threadCount, pieces.count)) { index in
            let piece = pieces[index]
            sources[piece.source].bytes.withUnsafeBufferPointer { bytes in
                let text = UnsafeBufferPointer(rebasing: bytes[piece.range])
                let path = sources[piece.source].path
                let contents =
                    RuleFiles.isSuricata(path)
                    ? signatureReader.read(text, path: path, lineOffset: piece.lineOffset)
                    : reader.read(text, path: path, lineOffset: piece.lineOffset)
                results.set(contents, at: index)
            }
        }
        pool.run(taskCount: pieces.count)
        pool.stop()
        builder.addFiles(sources.count)
        for index in pieces.indices { builder.add(results[index]) }
    }

    /// Cuts a large file at beginnings of documents. Collections and directives reach across
    /// documents, so that a file with them stays whole.
    private func pieces(of source: Source, at index: Int) -> [Piece] {
        let whole = [Piece(source: index, range: 0..<source.bytes.count, lineOffset: 0)]
        guard source.bytes.count > 2 * pieceByteCount else { return whole }
        if RuleFiles.isSuricata(source.path) { return rulePieces(of: source, at: index) }
        return source.bytes.withUnsafeBufferPointer { bytes in
            var pieces: [Piece] = []
            var start = 0
            var startLine = 0
            var line = 0
            var offset = 0
            while offset < bytes.count {
                if bytes[offset] == UInt8(ascii: "%") || Self.isAction(bytes, at: offset) {
                    return whole
                }
                if offset - start >= pieceByteCount, YAMLParser.isDocumentStart(bytes, at: offset) {
                    pieces.append(
                        Piece(source: index, range: start..<offset, lineOffset: startLine))
                    start = offset
                    startLine = line
                }
                let rest = UnsafeBufferPointer(rebasing: bytes[offset...])
                offset += (rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.count) + 1
                line += 1
            }
            pieces.append(
                Piece(source: index, range: start..<bytes.count, lineOffset: startLine))
            return pieces
        }
    }

    /// Cuts a file of Suricata rules behind lines that do not go on in the next one.
    private func rulePieces(of source: Source, at index: Int) -> [Piece] {
        source.bytes.withUnsafeBufferPointer { bytes in
            var pieces: [Piece] = []
            var start = 0
            var startLine = 0
            var line = 0
            var offset = 0
            while offset < bytes.count {
                let rest = bytes[offset...]
                let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                let goesOn = bytes[offset..<end].trimmedOfSpace.last == UInt8(ascii: "\\")
                offset = end + 1
                line += 1
                guard offset - start >= pieceByteCount, !goesOn, offset < bytes.count else {
                    continue
                }
                pieces.append(Piece(source: index, range: start..<offset, lineOffset: startLine))
                start = offset
                startLine = line
            }
            pieces.append(
                Piece(source: index, range: start..<bytes.count, lineOffset: startLine))
            return pieces
        }
    }

    private static func isAction(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> Bool {
        bytes[offset] == UInt8(ascii: "a") && bytes[offset...].starts(with: "action:".utf8)
    }
}

/// Results of numbered tasks, each written once by the task of its number.
private final class ResultBox<Value: Sendable>: @unchecked Sendable {
    private let slots: UnsafeMutableBufferPointer<Value?>

    init(count: Int) {
        slots = .allocate(capacity: count)
        slots.initialize(repeating: nil)
    }

    deinit {
        slots.deinitialize()
        slots.deallocate()
    }

    func set(_ value: Value, at index: Int) { slots[index] = value }

    subscript(index: Int) -> Value {
        guard let value = slots[index] else { preconditionFailure("task \(index) did not run") }
        return value
    }
}
