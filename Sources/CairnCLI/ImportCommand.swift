import ArgumentParser
import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `cairn import`: rules of other systems as YAML.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Write rules of other systems as YAML.",
        subcommands: [ImportSuricataCommand.self])
}

/// `cairn import suricata`.
struct ImportSuricataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suricata",
        abstract: "Write Suricata rules as YAML that loads to the same rules.",
        discussion: """
            One .yml for each .rules file. Rules that cannot be loaded are reported as 'cairn check' does it, and left \
            out; the exit code is then 3.
            """)

    @OptionGroup var settings: SettingsOptionGroup

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp(
            "The folder for the files; it is made if it is missing.", valueName: "folder"),
        completion: .directory)
    var output: String

    @Flag(help: "Keep the original text of each rule beside it.")
    var keepText = false

    @Argument(help: "Rule files or folders of them.", completion: .file())
    var paths: [String]

    func run() throws {
        let result = SuricataImport(
            paths: paths, settings: try settings.load(strict: false), keepsText: keepText)
        for diagnostic in result.diagnostics { printError("\(diagnostic)") }
        if !result.outputs.isEmpty { try makeOutputFolder(output) }
        for file in result.outputs {
            let name = file.source.split(separator: "/").last.map(String.init) ?? "rules"
            let stem = name.hasSuffix(".rules") ? String(name.dropLast(6)) : name
            let path = "\(output)/\(stem).yml"
            do throws(OutputError) {
                let writer = try LineWriter(path: path)
                writer.write(Array(file.text.utf8))
                try writer.flush()
            } catch {
                throw Failure(error)
            }
        }
        let count = result.outputs.reduce(0) { $0 + $1.ruleCount }
        printError("\(count) rules written to \(result.outputs.count) files in \(output)")
        if result.diagnostics.contains(where: { $0.severity == .error }) { throw Failure(.rules) }
    }
}
