import ArgumentParser
import Cairn

/// `cairn fields`: every field that rules can name.
struct FieldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields",
        abstract: "Every field that rules can name.",
        discussion: "With a name or alias, what is known of that field; a part of a name lists what contains it.")

    @Flag(help: "Write the reference page, as Markdown.")
    var markdown = false

    @Argument(help: "A field's name, alias or part of a name.", completion: .custom { _, _, _ in FieldReference.names })
    var name: String?

    func run() throws {
        if markdown { return print(FieldReference.markdown, terminator: "") }
        let text = FieldReference.text(matching: name)
        guard !text.isEmpty else {
            let hint = name.flatMap(FieldReference.suggestion(for:)).map { "; did you mean '\($0)'?" } ?? ""
            throw Failure(.usage, "there is no field '\(name ?? "")'\(hint)")
        }
        print(text, terminator: "")
    }
}
