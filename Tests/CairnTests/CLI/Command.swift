import Foundation

/// Runs the command as a user would.
struct Command {
    let exitCode: Int32
    let output: String
    let errors: String

    /// The binary that the tests were built with.
    static var path: String { path(of: "cairn") }

    /// A product that was built with the tests.
    static func path(of product: String) -> String {
        // The test bundle lies beside the products.
        let bundle = Bundle.allBundles.map(\.bundlePath).first { $0.hasSuffix(".xctest") }
        let folder =
            bundle.map { URL(filePath: $0).deletingLastPathComponent() }
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [
            folder.appending(path: product), repository.appending(path: ".build/debug/\(product)"),
        ]
        return
            (candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
            ?? candidates[1]).path
    }

    /// Runs `cairn` with arguments in the repository's folder.
    static func cairn(_ arguments: [String], input: String? = nil) throws -> Command {
        try run([path] + arguments, input: input)
    }

    /// Runs any program, found by `env`.
    static func run(_ arguments: [String], input: String? = nil) throws -> Command {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = repository
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "cairn-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // Files instead of pipes: nobody has to read while the command writes.
        func file(_ name: String, _ text: String = "") throws -> URL {
            let url = folder.appending(path: name)
            try Data(text.utf8).write(to: url)
            return url
        }
        let (output, errors) = (try file("output"), try file("errors"))
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        process.standardInput = try FileHandle(forReadingFrom: try file("input", input ?? ""))
        try process.run()
        process.waitUntilExit()
        return Command(
            exitCode: process.terminationStatus,
            output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }
}
