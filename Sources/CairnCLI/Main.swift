import ArgumentParser
import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The entry point: arguments in the ways of this field, and the exit codes of the manual.
@main
enum Main {
    static func main() {
        // A reader that goes away is told by the failing write, so that what is open can be closed.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try CairnCommand.parseAsRoot(
                translated(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch {
            leave(with: error)
        }
    }

    /// `cairn -r x.pcap` is `cairn read x.pcap`, and `cairn -i eth0` is `cairn watch eth0`.
    static func translated(_ arguments: [String]) -> [String] {
        for (option, command) in [("-r", "read"), ("-i", "watch")] {
            guard let index = arguments.firstIndex(of: option), index + 1 < arguments.count,
                !CairnCommand.names.contains(arguments[0])
            else { continue }
            let others = arguments[..<index] + arguments[(index + 2)...]
            return [command] + others + [arguments[index + 1]]
        }
        return arguments
    }

    private static func leave(with error: any Error) -> Never {
        if let failure = error as? Failure {
            if !failure.message.isEmpty { printError("cairn: \(failure.message)") }
            exit(failure.code.rawValue)
        }
        let code = CairnCommand.exitCode(for: error)
        let message = CairnCommand.fullMessage(for: error)
        if code.isSuccess {
            do { try printOutput(message + "\n") } catch { leave(with: error) }
            exit(0)
        }
        printError(message)
        exit(code == .validationFailure ? ExitStatus.usage.rawValue : code.rawValue)
    }
}

/// What the process tells its caller.
enum ExitStatus {
    case done, testsFailed, usage, rules, input, cutOff, capture, output, brokenPipe
    case signal(Int32)

    var rawValue: Int32 {
        switch self {
        case .done: 0
        case .testsFailed: 1
        case .usage: 2
        case .rules: 3
        case .input: 4
        case .cutOff: 5
        case .capture: 6
        case .output: 7
        case .brokenPipe: 128 + SIGPIPE
        case .signal(let number): 128 + number
        }
    }
}

/// Ends a command with a message and an exit code.
struct Failure: Error {
    var code: ExitStatus
    var message: String

    init(_ code: ExitStatus, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// The exit code and words for captures that cannot be read.
    init(_ error: CaptureError) {
        switch error {
        case .unreadable, .notACapture: self.init(.input, "\(error)")
        case .cutOff, .damaged: self.init(.cutOff, "\(error)")
        case .badFilter: self.init(.usage, "\(error)")
        case .interface, .privileges: self.init(.capture, "\(error)")
        case .unwritable: self.init(.output, "\(error)")
        }
    }

    /// The exit code and words for alerts that cannot be read.
    init(_ error: AlertFileError) { self.init(.input, "\(error)") }

    /// The exit code and words for results that cannot be written.
    init(_ error: OutputError) {
        self.init(error.isBrokenPipe ? .brokenPipe : .output, error.isBrokenPipe ? "" : "\(error)")
    }
}

/// Writes a line for people.
func printError(_ text: String) { writeError(text + "\n") }

/// Writes to standard error as it is.
func writeError(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// `cairn`, with a subcommand for each use.
struct CairnCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cairn",
        abstract: "Reads packets and writes incidents.",
        discussion: """
            Captures or a live interface in, YAML rules matched on packets, streams and protocol \
            transactions, alerts correlated into incidents, JSON lines out. Data goes to standard \
            output, everything for people to standard error.

            cairn -r FILE is cairn read FILE, cairn -i INTERFACE is cairn watch INTERFACE.
            """,
        version: cairnVersion,
        subcommands: [
            ReadCommand.self, WatchCommand.self, TestCommand.self, CheckCommand.self,
            CorrelateCommand.self, ExplainCommand.self, FieldsCommand.self, ImportCommand.self,
        ])

    static let names = configuration.subcommands.map { $0._commandName } + ["help"]
}
