import ArgumentParser
import Cairn

/// `cairn fields`: every field that rules can name.
struct FieldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "Every field that rules can name.",
        discussion: "With a name, an alias or a service, all that is known of it.")

    @Flag(help: "Write the reference page, as Markdown.")
    var markdown = false

    @Argument(
        help: "A field's name or alias, or a service.",
        completion: .custom { _, _, _ in FieldRegistry.subjects.flatMap { $0.fields.map(\.name) } })
    var name: String?

    func run() throws {
        if markdown { return try printOutput(FieldRegistry.referencePage()) }
        guard let name else { return try printOutput(FieldRegistry.list()) }
        guard let text = FieldRegistry.describe(name) else {
            let hint = FieldRegistry.suggestion(for: name).map { "; did you mean '\($0)'?" } ?? ""
            throw Failure(.usage, "there is no field '\(name)'\(hint)")
        }
        try printOutput(text + "\n")
    }
}
