import Foundation
import Testing

@testable import Cairn

/// `cairn correlate` as a user runs it.
@Suite struct CorrelateCommandTests {
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
          timespan: 1m
          condition: {gte: 3}
        """

    private static func alert(second: Int, sid: Int = 2001) -> String {
        #"{"timestamp":"2026-01-02T03:04:\#(second < 10 ? "0" : "")\#(second).000000+0000","#
            + #""event_type":"alert","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","#
            + #""alert":{"signature_id":\#(sid),"signature":"login failed","severity":3}}"#
            + "\n"
    }

    private var rulePath: String { folder.write("rules.yml", Self.rules) }

    @Test func `an eve.json gives incidents; what is no alert is counted`() throws {
        let flow = #"{"timestamp":"2026-01-02T03:04:00.000000+0000","event_type":"flow"}"# + "\n"
        let text = flow + (1...3).map { Self.alert(second: $0) }.joined() + "{\n" + flow
        let run = try Command.cairn(["correlate", "-S", rulePath, folder.write("eve.json", text)])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains(#""kind":"firing""#))
        #expect(run.output.contains(#""severity":"high""#))
        #expect(run.output.contains(#""kind":"summary""#))
        #expect(run.errors.contains("eve.json:5:1: warning: the line is no JSON object"))
        #expect(run.errors.contains("6 lines, 3 alerts, 1 firings, 1 incidents"))
        #expect(run.errors.contains("  2 records that are no alerts"))
    }

    @Test func `standard input and several files are one stream`() throws {
        let text = (1...3).map { Self.alert(second: $0) }
        let whole = try Command.cairn(
            ["correlate", "-S", rulePath, "-"], input: text.joined())
        let parts = try Command.cairn(
            ["correlate", "-S", rulePath]
                + text.enumerated().map { folder.write("part\($0)", $1) })
        #expect(whole.output == parts.output)
        #expect(whole.output.contains(#""kind":"firing""#))
    }

    @Test func `a broken line ends a strict run with 4`() throws {
        let run = try Command.cairn(
            ["correlate", "--strict", "-S", rulePath, "-"],
            input: Self.alert(second: 1) + "x\n" + Self.alert(second: 2))
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("standard input:2:1: error: the line is no JSON object"))
        #expect(run.output.contains(#""alerts":1"#))
    }

    @Test func `a file that cannot be read is 4, and the others are read`() throws {
        let run = try Command.cairn(
            ["correlate", "-S", rulePath, "no-such.json", folder.write("a", Self.alert(second: 1))])
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("not read: cannot read no-such.json: No such file"))
        #expect(run.output.contains(#""alerts":1"#))
    }

    @Test func `an incident of the level asked for is 1`() throws {
        let path = folder.write("a", (1...3).map { Self.alert(second: $0) }.joined())
        let arguments = ["correlate", "-S", rulePath, path, "--fail-on"]
        #expect(try Command.cairn(arguments + ["high"]).exitCode == 1)
        #expect(try Command.cairn(arguments + ["critical"]).exitCode == 0)
    }

    /// Waits until a process has read all of a file, as its open files show.
    private static func wait(for process: Process, toRead path: String) throws {
        let folder = "/proc/\(process.processIdentifier)/"
        let path = URL(filePath: path).resolvingSymlinksInPath().path
        for _ in 0..<600 {
            usleep(100_000)
            let files = FileManager.default
            let size = try files.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
            let open = try files.contentsOfDirectory(atPath: folder + "fd")
            let isRead = open.contains { number in
                guard
                    (try? files.destinationOfSymbolicLink(atPath: folder + "fd/" + number)) == path,
                    let info = try? String(
                        contentsOfFile: folder + "fdinfo/" + number, encoding: .utf8)
                else { return false }
                return info.hasPrefix("pos:\t\(size)\n")
            }
            if isRead { return }
        }
        Issue.record("\(path) is not read")
    }

    @Test func `a growing file is followed through moves and cuts`() throws {
        let path = folder.write("eve.json", Self.alert(second: 1))
        let output = "\(folder.path)/incidents"
        let process = Process()
        process.executableURL = URL(filePath: Command.path)
        process.arguments = ["correlate", "--follow", "-S", rulePath, "-o", output, path]
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        // The lateness is 5 s: what an alert completed shows when a later one comes.
        let steps: [(String, Int)] = [("moved", 2), ("cut", 3), ("grown", 20), ("grown", 59)]
        var firing: String?
        for (step, second) in steps {
            try Self.wait(for: process, toRead: path)
            switch step {
            case "moved":
                try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
                // Longer than what follows, so that the cut shows.
                let others = Self.alert(second: second, sid: 9)
                _ = folder.write("eve.json", Self.alert(second: second) + others)
            case "cut":
                let handle = try FileHandle(forWritingTo: URL(filePath: path))
                try handle.truncate(atOffset: 0)
                try handle.write(contentsOf: Data(Self.alert(second: second).utf8))
            default:
                let handle = try FileHandle(forWritingTo: URL(filePath: path))
                try handle.seekToEnd()
                try handle.write(contentsOf: Data(Self.alert(second: second).utf8))
            }
        }
        for _ in 0..<100 where firing == nil {
            usleep(100_000)
            firing = try String(contentsOfFile: output, encoding: .utf8)
                .split(separator: "\n").map(String.init).first { $0.contains(#""kind":"firing""#) }
        }
        process.interrupt()
        for _ in 0..<100 where process.isRunning { usleep(100_000) }
        try #require(!process.isRunning)
        #expect(process.terminationStatus == 0)
        #expect(firing != nil)
        let text = try String(contentsOfFile: output, encoding: .utf8)
        #expect(text.contains(#""alerts":6"#))
        #expect(text.hasSuffix("\n"))
    }
}
