import ArgumentParser
import Cairn

/// Options that reading captures and watching interfaces share.
struct EngineOptionGroup: ParsableArguments {
    @OptionGroup var rules: RuleOptionGroup
    @OptionGroup var incidents: IncidentOptionGroup

    @Option(
        help: ArgumentHelp("Where alerts go; - for standard output.", valueName: "file"),
        completion: .file())
    var alerts: String?

    @Option(
        help: ArgumentHelp(
            "Where flow, protocol, file and anomaly events go; - for standard output.",
            valueName: "file"),
        completion: .file())
    var events: String?

    @Option(
        name: [.customShort("f"), .long],
        help: ArgumentHelp(
            "Only packets that this BPF expression lets through.", valueName: "expression"))
    var filter: String?

    @Option(
        name: [.customShort("F"), .customLong("filter-file")],
        help: ArgumentHelp("Read the BPF expression from a file.", valueName: "file"),
        completion: .file())
    var filterFile: String?

    @Option(
        name: [.customShort("k"), .long],
        help: ArgumentHelp(
            "What to do with packets whose checksums are wrong: all, none or auto.",
            valueName: "policy"))
    var checksums: ChecksumMode = .auto

    @Option(
        help: ArgumentHelp(
            "Threads to use. The output is the same for any number.", valueName: "count"))
    var threads: Int?

    @Option(
        help: ArgumentHelp("Write the final counters as JSON.", valueName: "file"),
        completion: .file())
    var stats: String?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
        if filter != nil, filterFile != nil {
            throw ValidationError("--filter and --filter-file exclude each other")
        }
    }
}

/// The rules and settings of a run.
struct RuleOptionGroup: ParsableArguments {
    @Option(
        name: [.customShort("S"), .customLong("rules")],
        help: ArgumentHelp(
            "Only these rules: a file or directory. Repeatable. Default: Rules/ here, else the installed ones.",
            valueName: "path"), completion: .file())
    var rules: [String] = []

    @Option(
        name: [.customShort("s"), .customLong("add-rules")],
        help: ArgumentHelp("These rules too. Repeatable.", valueName: "path"), completion: .file())
    var addedRules: [String] = []

    @OptionGroup var settings: SettingsOptionGroup

    @Flag(help: "Any mistake in rules or settings ends the run.")
    var strict = false
}

/// Where incidents go, and in what form.
struct IncidentOptionGroup: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("incidents")],
        help: ArgumentHelp("Where incidents go; none for nowhere.", valueName: "file"),
        completion: .file())
    var path = "-"

    @Flag(help: "One record for each incident, when it is closed.")
    var finalOnly = false

    @Option(
        help: ArgumentHelp("Exit with 1 if an incident reaches this level.", valueName: "level"))
    var failOn: Level?
}

/// Settings by file and by name.
struct SettingsOptionGroup: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp(
            "Settings in YAML; a suricata.yaml is read for those that mean the same.",
            valueName: "file"),
        completion: .file())
    var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "One setting, as in stream.midstream=true. Repeatable.", valueName: "key=value"))
    var assignments: [String] = []
}

extension Level: ExpressibleByArgument {
    /// The level of a name on the command line.
    public init?(argument: String) { self.init(name: argument) }
    /// What completions offer.
    public static var allValueStrings: [String] { allCases.map(\.name) }
}

extension ChecksumMode: ExpressibleByArgument {}
