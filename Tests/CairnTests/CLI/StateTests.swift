import Foundation
import Testing

@testable import Cairn

/// `--state` as a user runs it: whatever interrupts a run, the same command again goes on, and the
/// output is that of one run.
@Suite struct StateTests {
    private let folder = TemporaryFolder()

    private static let rules = """
        title: Password guessing
        name: guessing
        level: high
        tags: [attack.credential-access]
        correlation:
          type: event_count
          rules: [2001]
          group-by: [src.ip]
          timespan: 20s
          condition: {gte: 3}
        ---
        title: Guessing that stays alone
        name: alone
        level: medium
        correlation:
          type: temporal
          rules: [2001, 2002]
          group-by: [src.ip]
          timespan: 10s
          condition: 2001 and not 2002
        """

    /// Alerts of ten hosts, in order of time.
    private static func alerts(_ count: Int, from start: Int = 0) -> String {
        (start..<start + count).map { number in
            let time = Timestamp(
                nanoseconds: 1_767_000_000_000_000_000 + Int64(number) * 700_000_000)
            return
                #"{"timestamp":"\#(time)","event_type":"alert","src_ip":"10.0.0.\#(number * 7 % 10)","#
                + #""dest_ip":"10.0.1.\#(number % 3)","#
                + #""alert":{"signature_id":\#(number % 5 == 0 ? 2002 : 2001),"severity":2}}"#
                + "\n"
        }.joined()
    }

    private var rulePath: String { folder.write("rules.yml", Self.rules) }
    private var output: String { "\(folder.path)/incidents.jsonl" }
    private var state: String { "\(folder.path)/state" }

    private func append(_ text: String, to path: String) throws {
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private func arguments(_ more: [String]) -> [String] {
        ["correlate", "-S", rulePath, "--state", state, "-o", output] + more
    }

    private func correlate(_ more: [String], input: String? = nil) throws -> Command {
        try Command.cairn(arguments(more), input: input)
    }

    private func whole(_ text: String) throws -> String {
        try Command.cairn(["correlate", "-S", rulePath, "-"], input: text).output
    }

    // MARK: Going on

    @Test func `runs over one growing file give what one run gives`() throws {
        let all = Self.alerts(60)
        var path = ""
        // Also cut within a line, whose rest comes with the next run.
        for count in [0, 1_000, 1_037, 4_000, all.utf8.count] {
            path = folder.write("eve.json", String(decoding: all.utf8.prefix(count), as: UTF8.self))
            let run = try correlate([path])
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(!(try text(output)).contains(#""kind":"summary""#))
        }
        let last = try correlate(["--close", path])
        #expect(last.exitCode == 0, "\(last.errors)")
        #expect(last.errors.contains("0 lines, 0 alerts"))
        #expect(try text(output) == whole(all))
        #expect(!FileManager.default.fileExists(atPath: state + ".new"))
    }

    @Test func `a stream that is closed stays so, whoever closes it again`() throws {
        let path = folder.write("eve.json", Self.alerts(60))
        #expect(try correlate(["--close", path]).exitCode == 0)
        let written = try text(output)
        let again = try correlate(["--close", path])
        #expect(again.exitCode == 0)
        #expect(again.errors.contains("the state \(state) was closed before"))
        try expectRefusal(arguments([path]), "the state \(state) was closed: remove it")
        #expect(try text(output) == written)
        try FileManager.default.removeItem(atPath: state)
        #expect(try correlate([path]).exitCode == 0)
    }

    @Test func `files of several runs are one stream, and read once`() throws {
        let parts = (0..<3).map { folder.write("part\($0)", Self.alerts(20, from: 20 * $0)) }
        for count in 1...3 {
            #expect(try correlate(Array(parts[..<count])).exitCode == 0)
        }
        #expect(try correlate(["--close"] + parts).exitCode == 0)
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `a file that begins differently is a new one`() throws {
        let path = folder.write("eve.json", Self.alerts(20))
        #expect(try correlate([path]).exitCode == 0)
        _ = folder.write("eve.json", Self.alerts(40, from: 20))
        let last = try correlate([path, "--close"])
        #expect(last.exitCode == 0)
        #expect(last.errors.contains("not read: what \(path) held behind what was read before"))
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `the rest of a file that was rotated is read before the new one`() throws {
        let all = Self.alerts(60).split(separator: "\n").map { $0 + "\n" }
        func part(_ range: Range<Int>) -> String { all[range].joined() }
        let path = folder.write("eve.json", part(0..<20) + all[20].prefix(30))
        #expect(try correlate([path]).exitCode == 0)
        try append(all[20].dropFirst(30) + part(21..<40), to: path)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        _ = folder.write("eve.json-other", Self.alerts(3))
        // The new file is there, and the old one is still written to.
        _ = folder.write("eve.json", "")
        #expect(try correlate([path]).exitCode == 0)
        // Its last line will not get an end any more.
        try append(String(part(40..<45).dropLast()), to: path + ".1")
        _ = folder.write("eve.json", part(45..<60))
        #expect(try correlate([path]).exitCode == 0)
        let last = try correlate([path, "--close"])
        #expect(last.exitCode == 0)
        #expect(!last.errors.contains("not read"))
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `standard input is new each time, and its last line needs no end`() throws {
        let parts = [Self.alerts(20), Self.alerts(40, from: 20)]
        #expect(try correlate(["-"], input: String(parts[0].dropLast())).exitCode == 0)
        #expect(try correlate(["-", "--close"], input: parts[1]).exitCode == 0)
        #expect(try text(output) == whole(parts.joined()))
    }

    @Test func `what a killed run wrote after it saved its state is written again`() throws {
        let path = folder.write("eve.json", Self.alerts(30))
        #expect(try correlate([path]).exitCode == 0)
        try append("{\"half a record", to: output)
        _ = folder.write("eve.json", Self.alerts(60))
        #expect(try correlate([path, "--close"]).exitCode == 0)
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `a run that cannot read everything is not the last`() throws {
        let path = folder.write("eve.json", Self.alerts(60))
        let run = try correlate(["--close", path, "no-such-file"])
        #expect(run.exitCode == 4)
        #expect(FileManager.default.fileExists(atPath: state))
        #expect(try correlate(["--close", path]).exitCode == 0)
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `a broken line that ends a strict run is met again`() throws {
        let path = folder.write(
            "eve.json", Self.alerts(30) + "broken\n" + Self.alerts(30, from: 30))
        for _ in 0..<2 {
            let run = try correlate(["--strict", path])
            #expect(run.exitCode == 4)
            #expect(run.errors.contains("eve.json:31:1: error"))
        }
        #expect(try correlate(["--close", path]).exitCode == 0)
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    // MARK: Refusals

    private func expectRefusal(
        _ arguments: [String], _ reason: String, code: Int32 = 4
    ) throws {
        let files = [state, output].map { try? Data(contentsOf: URL(filePath: $0)) }
        let run = try Command.cairn(arguments)
        #expect(run.exitCode == code)
        #expect(run.errors.contains(reason), "\(run.errors)")
        #expect(run.output.isEmpty)
        #expect(files == [state, output].map { try? Data(contentsOf: URL(filePath: $0)) })
    }

    @Test func `a state that is foreign or damaged is refused with the reason`() throws {
        let path = folder.write("eve.json", Self.alerts(30))
        #expect(try correlate([path]).exitCode == 0)
        try expectRefusal(
            arguments(["--set", "incident.gap=5m", path]),
            "the state \(state) was saved with other settings")
        let others = folder.write("others.yml", Self.rules.replacing("gte: 3", with: "gte: 4"))
        try expectRefusal(
            ["correlate", "-S", others, "--state", state, "-o", output, path],
            "was saved with other correlation rules")
        let saved = try Data(contentsOf: URL(filePath: state))
        let damages: [(Data, String)] = [
            (saved.dropLast(5), "is damaged: its checksum is wrong"),
            (Data(saved.prefix(20)), "is no saved state"), (Data(), "is no saved state"),
            (saved[..<300] + [saved[300] ^ 1] + saved[301...], "is damaged"),
            (saved[..<8] + [9] + saved[9...], "was saved in format 9"),
            (Data("{}\n".utf8) + saved, "is no saved state"),
        ]
        for (bytes, reason) in damages {
            try bytes.write(to: URL(filePath: state))
            try expectRefusal(arguments([path]), reason)
        }
    }

    @Test func `outputs that are not what the state goes on behind are refused`() throws {
        let path = folder.write("eve.json", Self.alerts(60))
        #expect(try correlate([path]).exitCode == 0)
        let written = try text(output)
        try expectRefusal(
            ["correlate", "-S", rulePath, "--state", state, path], "name it with --incidents",
            code: 2)
        for text in [String(written.dropLast(10)), "another" + written.dropFirst(7)] {
            _ = folder.write("incidents.jsonl", text)
            try expectRefusal(arguments([path]), "it does not hold the", code: 7)
        }
        try FileManager.default.removeItem(atPath: output)
        try expectRefusal(arguments([path]), "No such file", code: 7)
    }

    @Test func `a state that another run has is refused`() throws {
        let path = folder.write("eve.json", Self.alerts(10))
        let process = try start(["--follow", path])
        defer { kill(process.processIdentifier, SIGKILL) }
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: state) { usleep(50_000) }
        let run = try correlate([path])
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("is in use by another run"))
    }

    @Test func `--close needs --state, and --each excludes it`() throws {
        #expect(try Command.cairn(["correlate", "--close", "x"]).exitCode == 2)
        #expect(try Command.cairn(["read", "--each", "--state", "s", "x"]).exitCode == 2)
    }

    // MARK: Signals

    private func start(_ more: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: Command.path)
        process.arguments = arguments(more)
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    @Test func `a run that is asked to end saves its state`() throws {
        let path = folder.write("eve.json", Self.alerts(30))
        let process = try start(["--follow", "--close", path])
        for _ in 0..<100 where (try? text(output))?.isEmpty ?? true { usleep(50_000) }
        process.terminate()
        for _ in 0..<100 where process.isRunning { usleep(50_000) }
        try #require(!process.isRunning)
        #expect(process.terminationStatus == 0)
        _ = folder.write("eve.json", Self.alerts(60))
        #expect(try correlate(["--close", path]).exitCode == 0)
        #expect(try text(output) == whole(Self.alerts(60)))
    }

    @Test func `an output that is moved away is followed by a new one`() throws {
        let path = folder.write("eve.json", Self.alerts(40))
        let process = try start(["--follow", "--state-interval", "0", path])
        defer { kill(process.processIdentifier, SIGKILL) }
        for _ in 0..<100 where (try? text(output))?.isEmpty ?? true { usleep(50_000) }
        try FileManager.default.moveItem(atPath: output, toPath: output + ".1")
        kill(process.processIdentifier, SIGHUP)
        for _ in 0..<100 where !FileManager.default.fileExists(atPath: output) { usleep(50_000) }
        try append(Self.alerts(20, from: 40), to: path)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(try correlate(["--close", path]).exitCode == 0)
        #expect(try text(output + ".1") + text(output) == whole(Self.alerts(60)))
    }

    @Test func `runs killed at any moment lose nothing and repeat nothing`() throws {
        let all = Self.alerts(30_000)
        let path = folder.write("eve.json", all)
        let want = try whole(all)
        var numbers = SeededNumbers(seed: 1)
        for round in 0..<2 {
            var killedCount = 0
            for _ in 0..<25 {
                let process = try start(["--state-interval", "0", path])
                usleep(UInt32.random(in: 1_000...600_000, using: &numbers))
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                if process.terminationReason == .uncaughtSignal {
                    killedCount += 1
                } else {
                    break
                }
            }
            #expect(killedCount > 0)
            let last = try correlate(["--close", path])
            #expect(last.exitCode == 0, "\(last.errors)")
            #expect(try text(output) == want, "round \(round)")
            for file in [output, state] { try FileManager.default.removeItem(atPath: file) }
        }
    }

    // MARK: Captures

    @Test func `captures of several runs are one stream`() throws {
        let captures = ["Samples/dns-tunnel/dns-tunnel.pcapng", "Samples/story/story.pcapng"]
        let alerts = "\(folder.path)/alerts.jsonl"
        func read(_ more: [String]) throws {
            let run = try Command.cairn(
                ["read", "--state", state, "-o", output, "--alerts", alerts] + more)
            #expect(run.exitCode == 0, "\(run.errors)")
        }
        try read([captures[0]])
        for file in [output, alerts] { try append("{\"half", to: file) }
        try read([captures[1], "--close"])
        let again = try Command.cairn(
            ["correlate", "-S", "Rules", alerts])
        #expect(again.exitCode == 0, "\(again.errors)")
        #expect(try text(output) == again.output)
        #expect(again.output.contains(#""kind":"incident""#))
    }
}
