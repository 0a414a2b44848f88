import Foundation
import Testing

@testable import Cairn

/// The engine against the brute-force reference, where that is at hand: byte for byte over
/// generated rules and streams.
///
/// Needs python3 with PyYAML and the conformance folder, `$CAIRN_SHARED` or `../shared`.
/// `CAIRN_CORRELATION_SEEDS=0-1999` runs more than a handful.
@Suite struct CorrelationReferenceTests {
    private static let shared: URL? = {
        let package = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let environment = ProcessInfo.processInfo.environment["CAIRN_SHARED"]
        let folder =
            environment.map { URL(filePath: $0) } ?? package.appending(path: "../shared")
        let oracle = folder.appending(path: "conformance/correlation")
        guard FileManager.default.fileExists(atPath: oracle.appending(path: "oracle.py").path),
            (try? run(["-c", "import yaml"])) != nil
        else { return nil }
        return oracle
    }()

    private static var seeds: ClosedRange<Int> {
        let text = ProcessInfo.processInfo.environment["CAIRN_CORRELATION_SEEDS"] ?? "0-39"
        let ends = text.split(separator: "-").compactMap { Int($0) }
        return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : 0...39
    }

    /// Prints one case a line: documents with parsed text conditions, settings, alerts in two
    /// orders, wanted output.
    private static let script = """
        import json, random, sys
        sys.dont_write_bytecode = True
        sys.path.insert(0, sys.argv[1])
        import gen, oracle, yaml
        def plain(docs):
            out = []
            for file, d in docs:
                d = dict(d, file=file)
                c = d.get("correlation")
                if c and isinstance(c.get("condition"), str):
                    c = dict(c, condition=oracle.parse_expression(c["condition"]))
                    d["correlation"] = c
                d.pop("detection", None)
                out.append(d)
            return out
        def text(lines): return "".join(json.dumps(x, ensure_ascii=False) + "\\n" for x in lines)
        def case(name, docs, lines, config, others):
            r = oracle.compile_rules(docs)
            want = "".join(oracle.canonical(x) + "\\n" for x in oracle.run(r, lines, config))
            print(json.dumps({"name": name, "docs": plain(docs), "config": config or {},
                "alerts": [text(x) for x in [lines] + others], "want": want}))
        if sys.argv[2] == "example":
            path = sys.argv[1] + "/example/"
            docs = [("rules.yml", d) for d in yaml.safe_load_all(open(path + "rules.yml"))]
            lines = [json.loads(x) for x in open(path + "alerts.jsonl")]
            case("example", docs, lines, None, [])
        else:
            for seed in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
                for late in (False, True):
                    docs, lines, config = gen.make(seed, late)
                    others = [] if late else [gen.shuffle_within(random.Random(seed), lines, config["lateness"])]
                    case("seed %d%s" % (seed, " late" if late else ""),
                        [("rules.yml", d) for d in docs], lines, config, others)
        """

    private static func run(_ arguments: [String]) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        return data
    }

    /// - Parameter isStopped: whether each run stops once and goes on from its saved state.
    private func compare(_ arguments: [String], isStopped: Bool = false) throws {
        let oracle = try #require(Self.shared)
        let cases = try Self.run(["-c", Self.script, oracle.path] + arguments)
        var failed: [String] = []
        var numbers = SeededNumbers(seed: 1)
        for line in cases.split(separator: 0x0a) {
            let parsed = try #require(JSONValue(parsing: line))
            let name = parsed["name"]?.text ?? ""
            let program = CorrelationJSON.program(try #require(parsed["docs"]))
            #expect(program.diagnostics == [], "\(name)")
            let settings = CorrelationJSON.settings(parsed["config"])
            let want = parsed["want"]?.text ?? ""
            for (order, alerts) in (parsed["alerts"]?.elements ?? []).enumerated() {
                let lines = Array((alerts.text ?? "").utf8)
                let stop = isStopped ? Int.random(in: 0...lines.count, using: &numbers) : nil
                let got = try correlate(program, settings, lines: lines, stoppingAt: stop)
                if got != want {
                    failed.append("\(name)/\(order): \(Self.firstDifference(want, got))")
                }
            }
        }
        #expect(failed == [], "\(failed.count) cases differ")
    }

    private static func firstDifference(_ want: String, _ got: String) -> String {
        let (wanted, found) = (want.split(separator: "\n"), got.split(separator: "\n"))
        for index in 0..<max(wanted.count, found.count) {
            let (one, other) = (wanted.dropFirst(index).first, found.dropFirst(index).first)
            if one != other {
                return "line \(index + 1):\nwant \(one ?? "-")\ngot  \(other ?? "-")\n"
            }
        }
        return "line breaks"
    }

    @Test(.enabled(if: shared != nil, "needs the reference implementation and python3 with PyYAML"))
    func `generated streams give the bytes of the reference`() throws {
        try compare(["\(Self.seeds.lowerBound)", "\(Self.seeds.upperBound)"])
    }

    @Test(.enabled(if: shared != nil, "needs the reference implementation and python3 with PyYAML"))
    func `runs that stop and go on give the bytes of the reference`() throws {
        try compare(["\(Self.seeds.lowerBound)", "\(Self.seeds.upperBound)"], isStopped: true)
    }

    @Test(.enabled(if: shared != nil, "needs the reference implementation and python3 with PyYAML"))
    func `the example gives the bytes of the reference`() throws {
        try compare(["example"])
    }
}
