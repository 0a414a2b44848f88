import ArgumentParser
import Cairn

/// `cairn test`: runs the tests that rules carry.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests that rules carry.",
        discussion: """
            Traffic comes from the test itself or from a capture, and tests of correlation rules may give \
            alerts instead; alerts, firings and incidents are compared with what the test expects. Exits \
            with 1 if a test fails.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case tap, junit, github
    }

    @OptionGroup var settings: SettingsOptionGroup

    @Option(help: "How results are written: tap, junit or github (annotations on files and lines).")
    var format: Format = .tap

    @Option(help: ArgumentHelp("Only tests whose name contains this.", valueName: "text"))
    var filter: String?

    @Option(
        name: .customLong("save-pcap"),
        help: ArgumentHelp(
            "Write the traffic of each test as a capture into this folder; it is made if missing.",
            valueName: "folder"),
        completion: .directory)
    var savePcap: String?

    @Option(help: ArgumentHelp("Threads to use.", valueName: "count"))
    var threads: Int?

    @Argument(help: "Rule or test files, or folders of them.", completion: .file())
    var paths: [String] = ["Rules"]

    func run() throws {
        let runner = RuleTestRunner(
            paths, settings: try settings.load(strict: false), nameFilter: filter,
            captureFolder: savePcap)
        for diagnostic in runner.diagnostics where diagnostic.severity != .skipped {
            printError("\(diagnostic)")
        }
        if let savePcap { try makeOutputFolder(savePcap) }
        let results = runner.run(threadCount: threads ?? coreCount())
        switch format {
        case .tap: try printOutput(results.tap)
        case .junit: try printOutput(results.junit)
        case .github: try printOutput(results.github)
        }
        printError("\(results.passedCount) passed, \(results.failedCount) failed")
        if runner.diagnostics.contains(where: { $0.severity == .error }) { throw Failure(.rules) }
        if results.failedCount > 0 { throw Failure(.testsFailed) }
        if results.passedCount == 0 {
            throw Failure(.testsFailed, "there is no test in \(paths.joined(separator: ", "))")
        }
    }
}
