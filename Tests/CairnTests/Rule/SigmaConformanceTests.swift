import Foundation
import Testing

@testable import Cairn

/// The rules of the public Sigma repository on network, web, DNS, proxy and firewall events, where
/// they are at hand: `conformance/sigma` in `$CAIRN_SHARED` or `../shared`.
@Suite struct SigmaConformanceTests {
    static let folder: URL? = {
        let environment = ProcessInfo.processInfo.environment["CAIRN_SHARED"]
        let shared =
            environment.map { URL(filePath: $0) } ?? repository.appending(path: "../shared")
        let folder = shared.appending(path: "conformance/sigma")
        let table = folder.appending(path: "rules.tsv").path
        return FileManager.default.fileExists(atPath: table) ? folder : nil
    }()

    /// A row of `rules.tsv`: what a rule looks at, and whether all of that is on the wire.
    private struct Row {
        var isEvaluable: Bool
        var fields: [String]
        var path: String

        init?(_ line: Substring) {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count == 8, columns[2] != "evaluable" else { return nil }
            isEvaluable = columns[2] == "yes"
            fields = columns[6].split(separator: ",").map(String.init)
            path = String(columns[7])
        }
    }

    private static func rows(in folder: URL) throws -> [Row] {
        let table = try String(contentsOf: folder.appending(path: "rules.tsv"), encoding: .utf8)
        return table.split(separator: "\n").compactMap { Row($0) }.filter {
            FileManager.default.fileExists(atPath: folder.appending(path: $0.path).path)
        }
    }

    @Test(.enabled(if: folder != nil, "needs conformance/sigma in $CAIRN_SHARED or ../shared"))
    func `what is on the wire loads, everything else says what it lacks`() throws {
        let folder = try #require(Self.folder)
        let rows = try Self.rows(in: folder)
        #expect(rows.count > 280)
        let set = RuleLoader().load(paths: [folder.path])
        let loaded = Set(set.detections.map(\.header.location.path))
        let reasons = Dictionary(
            set.skipped.map { ($0.header.location.path, $0.reason) }, uniquingKeysWith: { $1 })
        let complaints = Dictionary(
            grouping: set.diagnostics.filter { $0.severity != .skipped }, by: \.location.path)
        #expect(complaints.isEmpty)
        for row in rows {
            let path = folder.appending(path: row.path).path
            if loaded.contains(path) { continue }
            let reason = try #require(reasons[path], "neither loaded nor skipped: \(row.path)")
            // Older rules count events in a way that Sigma has given up.
            if reason.contains("aggregations") { continue }
            #expect(!row.isEvaluable, "\(row.path): \(reason)")
            #expect(
                row.fields.contains { reason.contains("'\($0)'") } || reason.contains("log source"),
                "\(row.path): \(reason)")
        }
    }
}
