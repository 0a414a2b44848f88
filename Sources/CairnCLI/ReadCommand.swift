import ArgumentParser
import Cairn

/// `cairn read`: analyses captures.
struct ReadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Analyse captures.",
        discussion: """
            Captures are pcap or pcapng files, also compressed with gzip or zstd, folders of them, or - for \
            standard input. Several captures are one run, in the order of their packets' time; with --each \
            they are unrelated, and every one starts afresh.

            With --state the correlation goes on with the captures of the next run: what is open stays open, and \
            files of incidents, alerts and events are appended to. The state is saved when everything was read; \
            the run after one that was killed starts from where that one started. --close ends such a stream.
            """)

    @OptionGroup var options: EngineOptionGroup

    @Flag(help: "The captures are unrelated: fresh state for each, one output.")
    var each = false

    @OptionGroup var state: StateOptionGroup

    @Argument(help: "Captures or folders of captures; - for standard input.", completion: .file())
    var captures: [String]

    func validate() throws {
        if each, state.state != nil {
            throw ValidationError("--each and --state exclude each other")
        }
    }

    func run() throws {
        let session = try Session(options, state: state)
        try session.finish(each ? readEach(session) : readAll(session))
    }

    private func readAll(_ session: Session) throws -> RunReport {
        do throws(CaptureError) {
            return try session.run(.captures(captures, filter: session.filter))
        } catch {
            throw Failure(error)
        }
    }

    /// Every capture by itself; one that cannot be read does not stop the others.
    private func readEach(_ session: Session) -> RunReport {
        let (files, problems) = EngineInput.expand(captures)
        var whole = RunReport()
        whole.problems = problems
        for file in files {
            do throws(CaptureError) {
                var report = try session.run(
                    .captures([file], filter: session.filter), captureName: file)
                report.notes = report.notes.map { $0.contains(file) ? $0 : "\(file): \($0)" }
                whole.add(report)
            } catch {
                whole.problems.append(error)
            }
        }
        return whole
    }
}
