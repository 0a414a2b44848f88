import Foundation
import Testing

@testable import Cairn

/// Every way to fail has its own message and exit code.
@Suite struct ExitCodeTests {
    private static let story = "Samples/story/story.pcapng"

    @Test func `a good run is 0`() throws {
        let run = try Command.cairn(["read", Self.story])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("packets"))
        #expect(run.output.hasSuffix("\n"))
    }

    @Test func `an incident of the level asked for is 1`() throws {
        #expect(try Command.cairn(["read", "--fail-on", "high", Self.story]).exitCode == 1)
    }

    @Test(arguments: [
        ["reed"], ["read"], ["read", "--threads", "0", "x"], ["read", "-k", "some", "x"],
        ["fields", "no.such.field"],
    ])
    func `wrong usage is 2`(arguments: [String]) throws {
        let run = try Command.cairn(arguments)
        #expect(run.exitCode == 2)
        #expect(!run.errors.isEmpty)
    }

    @Test func `a filter that does not compile is 2`() throws {
        #expect(try Command.cairn(["read", "-f", "port and and", Self.story]).exitCode == 2)
    }

    @Test func `no rule at all is 3`() throws {
        let folder = TemporaryFolder()
        let rules = folder.write("bad.yml", Array("title: x\nlogsource: {service: http}\n".utf8))
        let run = try Command.cairn(["read", "-S", rules, Self.story])
        #expect(run.exitCode == 3)
        #expect(run.errors.contains("bad.yml:1:1: error:"))
        #expect(try Command.cairn(["check", rules]).exitCode == 3)
    }

    @Test func `a capture that is not there is 4`() throws {
        let run = try Command.cairn(["read", "no-such.pcap"])
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("no-such.pcap"))
        #expect(run.errors.contains("No such file"))
    }

    @Test func `a file that is no capture is 4, with what it seems to be`() throws {
        let folder = TemporaryFolder()
        let text = folder.write("x.pcap", Array("{\"event_type\": \"alert\"}\n".utf8))
        let run = try Command.cairn(["read", text])
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("JSON"))
    }

    @Test func `a capture that is cut is 5, and what is whole is analysed`() throws {
        let folder = TemporaryFolder()
        let whole = try Data(contentsOf: repository.appending(path: Self.story))
        let cut = folder.write("cut.pcap", Array(whole.dropLast(7)))
        let run = try Command.cairn(["read", cut])
        #expect(run.exitCode == 5)
        #expect(run.errors.contains("byte"))
        #expect(run.output.contains("\"kind\":\"incident\""))
    }

    @Test(arguments: [[], ["--each"]])
    func `captures that are cut among others are 5, each by its name`(options: [String]) throws {
        let folder = TemporaryFolder()
        let whole = try Data(contentsOf: repository.appending(path: Self.story))
        let cut = [7, 9].map { folder.write("cut\($0).pcapng", Array(whole.dropLast($0))) }
        let run = try Command.cairn(["read", Self.story] + options + cut)
        #expect(run.exitCode == 5)
        for path in cut { #expect(run.errors.contains("ended early: \(path) is cut off")) }
        #expect(run.output.contains("\"kind\":\"incident\""))
    }

    @Test(arguments: [[], ["--each"]])
    func `a file among others that is no capture is said, and the run goes on`(
        options: [String]
    ) throws {
        let folder = TemporaryFolder()
        let text = folder.write("notes.txt", Array("nothing of the wire\n".utf8))
        let run = try Command.cairn(["read", Self.story, text] + options)
        #expect(run.exitCode == 0)
        #expect(run.errors.contains("not read: \(text) is no capture"))
        #expect(run.output.contains("\"kind\":\"incident\""))
    }

    @Test func `an interface that does not exist is 6`() throws {
        let run = try Command.cairn(["watch", "no-such-if0"])
        #expect(run.exitCode == 6)
        #expect(run.errors.contains("no-such-if0"))
    }

    @Test func `a full disk is 7`() throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let run = try Command.cairn(["read", "-o", "/dev/full", Self.story])
        #expect(run.exitCode == 7)
        #expect(run.errors.contains("No space left"))
    }

    @Test(arguments: [
        ["fields"], ["fields", "--markdown"], ["fields", "http.uri"], ["--help"],
        ["test", "Rules/impact"], ["check", "no-such-rules"],
    ])
    func `a full disk behind standard output is 7`(arguments: [String]) throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        let run = try Command.run(
            ["sh", "-c", "exec \"$@\" > /dev/full", "sh", Command.path] + arguments)
        #expect(run.exitCode == 7)
        #expect(run.errors.contains("cannot write standard output: No space left"))
    }

    @Test func `a folder for what is written is made, and where that cannot be it is 7`() throws {
        let folder = TemporaryFolder()
        let rules = folder.write(
            "a.rules", Array("alert tcp any any -> any any (content:\"abc\"; sid:1;)\n".utf8))
        let test = "Rules/command-and-control"
        for name in ["x/y/", "z"] {
            let path = "\(folder.path)/\(name)"
            #expect(try Command.cairn(["import", "suricata", rules, "-o", path]).exitCode == 0)
            #expect(FileManager.default.fileExists(atPath: "\(path)/a.yml"))
            #expect(try Command.cairn(["test", "--save-pcap", path + "/p", test]).exitCode == 0)
            let saved = try FileManager.default.contentsOfDirectory(atPath: path + "/p")
            #expect(saved.contains { $0.hasSuffix(".pcapng") })
        }
        for path in [rules, rules + "/x", "/proc/x/y"] {
            let run = try Command.cairn(["import", "suricata", rules, "-o", path])
            #expect(run.exitCode == 7)
            #expect(run.errors.contains("cannot write \(path): the folder cannot be made: "))
            #expect(try Command.cairn(["test", "--save-pcap", path, test]).exitCode == 7)
        }
    }

    @Test func `old habits work`() throws {
        #expect(
            try Command.cairn(["-r", Self.story]).output
                == Command.cairn(["read", Self.story]).output)
    }
}
