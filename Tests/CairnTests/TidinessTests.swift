import Foundation
import Testing

@testable import Cairn

/// What the architecture promises about the sources, checked on their text.
@Suite struct TidinessTests {
    /// The stages in the order of the flow; each may name those before it.
    private static let stages = [
        "Support", "Capture", "Decode", "Flow", "Stream", "Protocol", "Rule", "Match", "Correlate",
        "Output",
        "Engine", "RuleTest",
    ]

    private static func sources(of stage: String) throws -> [(name: String, text: String)] {
        let folder = repository.appending(path: "Sources/Cairn/\(stage)")
        return try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil
        )
        .filter { $0.pathExtension == "swift" }
        .map { ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8)) }
    }

    /// Code without comments and literals, so that words in them do not count.
    private static func code(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
        }.joined(separator: "\n").replacing(/"([^"\\]|\\.)*"/, with: "\"\"")
    }

    @Test func `a stage names no type of a later stage`() throws {
        var stageOfType: [String: Int] = [:]
        for (index, stage) in Self.stages.enumerated() {
            for (_, text) in try Self.sources(of: stage) {
                let declarations = Self.code(text).matches(
                    of:
                        /(?m)^(?:public |final |indirect )*(?:struct|class|enum|protocol|actor) ([A-Z]\w*)/
                )
                for match in declarations { stageOfType[String(match.1)] = index }
            }
        }
        #expect(stageOfType.count > 100)
        for (index, stage) in Self.stages.enumerated() {
            for (file, text) in try Self.sources(of: stage) {
                let names = Set(
                    Self.code(text).matches(of: /(?:^|[^.\w])([A-Z]\w*)/).map { String($0.1) })
                // A type nested in the file may have the name of another one elsewhere.
                let own = Set(
                    Self.code(text).matches(
                        of: /(?:struct|class|enum|protocol|typealias) ([A-Z]\w*)/
                    )
                    .map { String($0.1) })
                let later = names.subtracting(own).filter { stageOfType[$0] ?? 0 > index }.sorted()
                #expect(later.isEmpty, "\(stage)/\(file) names \(later) of later stages")
            }
        }
    }

    @Test func `every folder of the sources is a stage`() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: repository.appending(path: "Sources/Cairn").path)
        #expect(Set(folders.filter { !$0.contains(".") }) == Set(Self.stages))
    }

    @Test func `the field reference is what the registry says`() throws {
        let page = try String(
            contentsOf: repository.appending(path: "Rules/FIELDS.md"), encoding: .utf8)
        #expect(
            page == FieldRegistry.referencePage(),
            "record it again: cairn fields --markdown > Rules/FIELDS.md")
    }

    @Test func `names of fields and aliases are unique within a subject`() {
        for subject in FieldRegistry.subjects {
            let names = subject.fields.map(\.name)
            #expect(Set(names).count == names.count, "\(subject.name)")
        }
    }
}
