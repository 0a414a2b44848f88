import Foundation
import Testing

@testable import Cairn

/// What the documentation shows must work.
@Suite struct DocumentationTests {
    private static func blocks(_ language: String, in file: String) throws -> [String] {
        let text = try String(contentsOf: repository.appending(path: file), encoding: .utf8)
        return text.matches(of: /```(\w+)\n((?s:.*?))```/).filter { $0.1 == language }.map {
            String($0.2)
        }
    }

    @Test func `the first rule of the README passes its tests`() throws {
        let rule = try #require(try Self.blocks("yaml", in: "README.md").first)
        let folder = TemporaryFolder()
        let path = folder.write("my.yml", Array(rule.utf8))
        #expect(try Command.cairn(["check", "--strict", path]).exitCode == 0)
        let run = try Command.cairn(["test", path])
        #expect(run.exitCode == 0, "\(run.output)")
        #expect(run.errors.contains("2 passed, 0 failed"))
    }

    @Test func `the rules that the reference shows load`() throws {
        let rules = try Self.blocks("yaml", in: "Rules/README.md").filter { $0.hasPrefix("title:") }
        #expect(rules.count >= 2)
        let folder = TemporaryFolder()
        for (index, rule) in rules.enumerated() { folder.write("\(index).yml", Array(rule.utf8)) }
        let run = try Command.cairn(["check", "--strict", folder.path, "Rules"])
        #expect(run.exitCode == 0, "\(run.output)")
    }

    @Test func `the commands that the README shows exist with their options`() throws {
        let shell =
            try Self.blocks("sh", in: "README.md") + Self.blocks("sh", in: "CONTRIBUTING.md")
        let lines = shell.flatMap { $0.split(separator: "\n") }.filter { $0.contains("cairn ") }
        #expect(lines.count >= 8)
        for line in lines {
            let words = line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
            let start = try #require(words.firstIndex { $0.hasSuffix("cairn") })
            let help = try Command.cairn([words[start + 1], "--help"]).output
            for option in words[start...] where option.hasPrefix("-") && option.count > 1 {
                #expect(help.contains(option), "\(line)")
            }
        }
    }

    @Test func `files that the documentation links to are there`() throws {
        for file in [
            "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "Rules/README.md",
        ] {
            let url = repository.appending(path: file)
            let text = try String(contentsOf: url, encoding: .utf8)
            for link in text.matches(of: /\]\(([^)#:]+)\)/) {
                let target = url.deletingLastPathComponent().appending(path: String(link.1))
                #expect(
                    FileManager.default.fileExists(atPath: target.path),
                    "\(file) links to \(link.1)")
            }
        }
    }

    @Test func `the manual of every command can be printed`() throws {
        for command in ["read", "watch", "test", "check", "fields"] {
            let run = try Command.cairn([command, "--help"])
            #expect(run.exitCode == 0)
            #expect(run.output.contains("USAGE: cairn \(command)"))
        }
    }

    @Test func `the program that embeds the library prints what the command prints`() throws {
        let capture = "Samples/failed-exploit/failed-exploit.pcapng"
        let run = try Command.run([Command.path(of: "Embedding"), "Rules", capture])
        #expect(run.exitCode == 0, "\(run.errors)")
        let records = try Command.cairn(["read", capture]).output
        #expect(!records.isEmpty)
        #expect(run.output.hasPrefix(records))
        #expect(run.output.contains(" packets, "))
        let article = try Self.blocks("swift", in: "Sources/Cairn/Cairn.docc/Embedding.md")
        let program = try String(
            contentsOf: repository.appending(path: "Tests/Embedding/main.swift"), encoding: .utf8)
        #expect(program.hasSuffix(try #require(article.first)))
    }

    @Test func `what the library's documentation lists is public`() throws {
        let catalog = try String(
            contentsOf: repository.appending(path: "Sources/Cairn/Cairn.docc/Cairn.md"),
            encoding: .utf8)
        let sources = try Command.run([
            "grep", "-rhoE", "public (final )?[a-z]+ [A-Z][A-Za-z]+", "Sources/Cairn",
        ])
        .output
        let names = Set(sources.split(separator: "\n").compactMap { $0.split(separator: " ").last })
        for link in catalog.matches(of: /- ``(\w+)``/) {
            #expect(names.contains(link.1), "\(link.1) is not public")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `shells complete the commands`(shell: String) throws {
        let run = try Command.cairn(["--generate-completion-script", shell])
        #expect(run.exitCode == 0)
        for word in ["read", "watch", "test", "check", "fields", "threads"] {
            #expect(run.output.contains(word))
        }
    }
}
