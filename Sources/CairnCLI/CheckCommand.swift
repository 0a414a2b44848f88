import ArgumentParser
import Cairn

/// `cairn check`: loads rules and reports every mistake.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Load rules and report every mistake, warning and skipped rule.",
        discussion: """
            Exits with 3 if there is a mistake. Rules that cannot apply to packets are skipped with their \
            reason; that is no mistake.
            """)

    @OptionGroup var settings: SettingsOptionGroup

    @Flag(help: "Warnings are mistakes too.")
    var strict = false

    @Flag(help: "Only count skipped rules, do not list them.")
    var quiet = false

    @Argument(help: "Rule files or folders of them.", completion: .file())
    var paths: [String] = ["Rules"]

    func run() throws {
        let set = RuleSet.load(paths, settings: try settings.load(strict: strict))
        for diagnostic in set.diagnostics where !(quiet && diagnostic.severity == .skipped) {
            print(diagnostic)
        }
        let errors = set.diagnostics.count { $0.severity == .error }
        let warnings = set.diagnostics.count { $0.severity == .warning }
        let skipped = set.diagnostics.count { $0.severity == .skipped }
        printError(
            "\(set.detectionCount) detection and \(set.correlationCount) correlation rules loaded, "
                + "\(skipped) skipped, \(errors) mistakes, \(warnings) warnings")
        if errors > 0 || strict && warnings > 0 { throw Failure(.rules) }
        if set.isEmpty { throw Failure(.rules, "no rule could be loaded") }
    }
}
