import ArgumentParser
import Cairn

/// `cairn explain`: why an incident is what it is.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say in plain words why an incident is what it is.",
        discussion: """
            Correlates the alerts again, with the rules and settings of the run that wrote the incident, which \
            gives the same incidents with the same ids. Says of one of them when and why each signal joined it, \
            what makes it that severe, how far it came along the kill chain, and what the rules that concern its \
            hosts still lacked. The files are those that cairn correlate takes: alerts of cairn read --alerts, or \
            an eve.json of Suricata.

            Without --incident all incidents are listed, one in a line.
            """)

    @OptionGroup var rules: RuleOptionGroup

    @Option(
        name: [.customShort("i"), .customLong("incident")],
        help: ArgumentHelp("The incident: its id, or enough of its beginning.", valueName: "id"))
    var incident: String?

    @Argument(help: "Files of alerts.", completion: .file())
    var files: [String]

    func run() throws {
        let settings = try rules.loadSettings()
        let explainer = IncidentExplainer(
            rules: try rules.load(settings, for: .alerts), settings: settings)
        for diagnostic in explainer.diagnostics { printError("\(diagnostic)") }
        let mistakeCount = explainer.diagnostics.count { $0.severity == .error }
        if rules.strict, mistakeCount > 0 { throw Failure(.rules) }
        let writer: LineWriter
        do throws(OutputError) { writer = try LineWriter(path: "-") } catch { throw Failure(error) }
        do throws(IncidentExplainer.Problem) {
            for line in try explain(with: explainer, to: writer) { printError("\(line)") }
        } catch {
            throw Failure(error.isAboutFiles ? .input : .usage, "\(error)")
        }
        do throws(OutputError) { try writer.flush() } catch { throw Failure(error) }
    }

    /// Writes the explanation or the list; returns what is wrong with lines of the files.
    private func explain(
        with explainer: IncidentExplainer, to writer: LineWriter
    ) throws(IncidentExplainer.Problem) -> [Diagnostic] {
        guard let incident else {
            return try explainer.list(files) { writer.write($0.utf8) }
        }
        let (text, brokenLines) = try explainer.explain(incident, files)
        writer.write(text.utf8)
        return brokenLines
    }
}
