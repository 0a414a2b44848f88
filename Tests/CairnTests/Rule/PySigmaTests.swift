import Foundation
import Testing

@testable import Cairn

/// What is read in detection rules against what pySigma reads in them: condition trees and values,
/// as `Tests/Sigma/compare.py` prints them.
///
/// The cases beside the script are always compared. `CAIRN_PYSIGMA` names the script's output for
/// other rules.
@Suite struct PySigmaTests {
    private static let other = ProcessInfo.processInfo.environment["CAIRN_PYSIGMA"]

    @Test func `the cases are read as pySigma reads them`() throws {
        let count = try compare(repository.appending(path: "Tests/Sigma/cases.jsonl"))
        #expect(count > 100)
    }

    @Test(.enabled(if: other != nil, "CAIRN_PYSIGMA names no output of Tests/Sigma/compare.py"))
    func `other rules are read as pySigma reads them`() throws {
        let count = try compare(URL(filePath: try #require(Self.other)))
        #expect(count > 0)
    }

    /// Compares the rule of each line, and says how many there were.
    private func compare(_ lines: URL) throws -> Int {
        var files: [String: File] = [:]
        var count = 0
        for line in try Data(contentsOf: lines).split(separator: UInt8(ascii: "\n")) {
            let expected = try #require(JSONValue(parsing: line))
            let path = try #require(expected["path"]?.text)
            let index = try #require(expected["document"]?.integer)
            if files[path] == nil { files[path] = try File(path) }
            let file = try #require(files[path])
            let document = try #require(file.documents.dropFirst(Int(index)).first)
            let wanted = SigmaTree.text(try #require(expected["tree"]))
            let found = SigmaTree.text(file.tree(document))
            let title = document["title"]?.text ?? ""
            #expect(found == wanted, "\(path): \(title)")
            count += 1
        }
        return count
    }

    private struct File {
        var documents: [YAMLNode]
        /// Placeholders stand for themselves.
        private var variables: RuleVariables

        init(_ path: String) throws {
            let url = path.hasPrefix("/") ? URL(filePath: path) : repository.appending(path: path)
            let data = try Data(contentsOf: url)
            let parser = YAMLParser(path: path)
            Array(data).withUnsafeBufferPointer { parser.parse($0) }
            #expect(parser.diagnostics.isEmpty)
            documents = parser.documents
            var settings = Settings()
            for match in String(decoding: data, as: UTF8.self).matches(of: /%(\w+)%/) {
                _ = settings.set("placeholders.\(match.1)=%\(match.1)%")
            }
            variables = RuleVariables(settings)
        }

        /// What a rule's detection says; null if it is refused.
        func tree(_ document: YAMLNode) -> JSONValue {
            var section = DetectionSection(sink: DiagnosticSink(path: ""), variables: variables)
            guard let detection = document["detection"], let expression = section.read(detection)
            else { return .null }
            let tree = SigmaTree.tree(expression)
            return tree.hasInvalidRegex ? .null : tree.value
        }
    }
}

/// Detections in the form of `Tests/Sigma/compare.py`.
private enum SigmaTree {
    /// A tree in one form: groups within groups of the same kind dissolved, what they hold sorted.
    static func text(_ tree: JSONValue) -> String {
        String(decoding: normal(tree).canonicalText, as: UTF8.self)
    }

    private static func normal(_ tree: JSONValue) -> JSONValue {
        guard let elements = tree.elements, let kind = elements.first?.text, kind != "is" else {
            return tree
        }
        var parts = elements.dropFirst().map(normal)
        guard kind != "not" else { return .array([.string(kind)] + parts) }
        parts = parts.flatMap { part -> [JSONValue] in
            guard let inner = part.elements, inner.first?.text == kind else { return [part] }
            return Array(inner.dropFirst())
        }
        parts.sort { $0.canonicalText.lexicographicallyPrecedes($1.canonicalText) }
        return parts.count == 1 ? parts[0] : .array([.string(kind)] + parts)
    }

    /// The tree, and whether an expression in it is none; that comes to light behind this stage.
    static func tree(_ expression: SigmaExpression) -> (value: JSONValue, hasInvalidRegex: Bool) {
        func group(_ kind: String, _ parts: [SigmaExpression]) -> (JSONValue, Bool) {
            let trees = parts.map(tree)
            return (
                .array([.string(kind)] + trees.map(\.value)), trees.contains { $0.hasInvalidRegex }
            )
        }
        switch expression {
        case .all(let parts): return group("and", parts)
        case .any(let parts): return group("or", parts)
        case .not(let part): return group("not", [part])
        case .item(let item):
            let field: JSONValue = item.field.map { .string($0) } ?? .null
            var isInvalid = false
            if case .regex(let regex) = item.value { isInvalid = regex.problem != nil }
            return (.array([.string("is"), field] + value(item.value)), isInvalid)
        }
    }

    private static func value(_ value: SigmaValue) -> [JSONValue] {
        switch value {
        case .string(let string): [.string(string.isCased ? "cased" : "text")] + parts(string)
        case .number(let number): [.string("number"), text(number)]
        case .bool(let bool): [.string("bool"), .bool(bool)]
        case .null: [.string("null")]
        case .exists(let exists): [.string("exists"), .bool(exists)]
        case .regex(let regex): [.string("re"), .string(regex.pattern), .string(flags(regex))]
        case .network(let network):
            [.string("cidr"), .string("\(network.address)/\(network.prefixLength)")]
        case .compare(let comparison, let number): [.string(name(comparison)), text(number)]
        case .timePart(let part, _, let number): [.string(part.rawValue), text(number)]
        case .fieldReference(let field, let position, _):
            [.string("field"), .string(field), .string("\(position)")]
        case .sequence, .bits, .integer, .inSet, .country, .reputation, .past, .oneOf:
            [.null]
        }
    }

    private static func parts(_ string: SigmaString) -> [JSONValue] {
        string.pattern.parts.map { part in
            switch part {
            case .anyMany: .array([.string("*")])
            case .anyOne: .array([.string("?")])
            case .literal(let bytes):
                .string(String(validating: bytes, as: UTF8.self) ?? "hex:" + bytes.hexText)
            }
        }
    }

    private static func text(_ number: SigmaNumber) -> JSONValue {
        .string(number.integer.map { "\($0)" } ?? "\(number.value)")
    }

    private static func flags(_ regex: RegexPattern) -> String {
        (regex.ignoresCase ? "i" : "") + (regex.isMultiline ? "m" : "")
            + (regex.dotMatchesAll ? "s" : "")
    }

    private static func name(_ comparison: Comparison) -> String {
        switch comparison {
        case .less: "lt"
        case .lessOrEqual: "lte"
        case .greater: "gt"
        case .greaterOrEqual: "gte"
        case .equal, .notEqual: comparison.rawValue
        }
    }
}
