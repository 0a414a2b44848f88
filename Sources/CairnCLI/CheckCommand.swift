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

    @Flag(help: "List the Suricata rules in comments too.")
    var disabled = false

    @Argument(help: "Rule files or folders of them.", completion: .file())
    var paths: [String] = ["Rules"]

    func run() throws {
        var loader = RuleLoader(settings: try settings.load(strict: strict))
        loader.listsDisabledRules = disabled
        let set = loader.load(paths: paths)
        let diagnostics = set.diagnostics + Engine(rules: set).diagnostics
        let shown = diagnostics.filter { !(quiet && $0.severity == .skipped) }
        try printOutput(shown.map { "\($0)\n" }.joined())
        try printOutput(set.disabledRules.map { "\($0)\n" }.joined())
        let errors = diagnostics.count { $0.severity == .error }
        let warnings = diagnostics.count { $0.severity == .warning }
        let skipped = diagnostics.count { $0.severity == .skipped }
        printError(
            "\(set.detections.count) detection and \(set.correlations.count) correlation rules loaded, "
                + "\(skipped) skipped, \(errors) mistakes, \(warnings) warnings"
                + (set.disabledRuleCount > 0 ? ", \(set.disabledRuleCount) disabled" : ""))
        if errors > 0 || strict && warnings > 0 { throw Failure(.rules) }
        if set.detections.isEmpty { throw Failure(.rules, "no rule could be loaded") }
    }
}
