import ArgumentParser
import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `cairn watch`: the engine on a live interface.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Watch a live interface.",
        discussion: """
            Ends on SIGINT or SIGTERM with everything written; SIGHUP opens the outputs again, after they \
            were moved away. Needs the right to capture only until the interface is open: with --user the \
            outputs belong to that user from then on, who must be allowed to make files in their folders \
            for SIGHUP, or find them made. One that cannot be opened again goes on where it was.
            """)

    @OptionGroup var options: EngineOptionGroup

    @Option(
        help: ArgumentHelp(
            "Also write what was seen; reading it again gives the same records.", valueName: "file"),
        completion: .file())
    var write: String?

    @Option(help: ArgumentHelp("Stop after this many packets.", valueName: "packets"))
    var count: UInt64?

    @Option(help: ArgumentHelp("Stop after this many seconds.", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("Bytes of a packet to capture at most.", valueName: "bytes"))
    var snaplen: Int = 262_144

    @Option(
        name: .customLong("buffer-size"),
        help: ArgumentHelp("MiB of kernel memory for packets that wait.", valueName: "MiB"))
    var bufferSize: Int = 64

    @Flag(name: .customLong("no-promiscuous"), help: "Only packets that are sent to this host.")
    var isNotPromiscuous = false

    @Option(
        help: ArgumentHelp(
            "Change to this user, and give it the outputs, once the interface is open.",
            valueName: "name"))
    var user: String?

    @Option(
        name: .customLong("stats-interval"),
        help: ArgumentHelp("Seconds between statistics in the events.", valueName: "seconds"))
    var statsInterval: Int64 = 8

    @Argument(help: "The interface to watch.", completion: .custom { _, _, _ in Interfaces.names })
    var interface: String

    func run() throws {
        let session = try Session(options, statisticsInterval: statsInterval * 1_000_000_000)
        var capture = LiveCapture.Options(interface: interface, filter: session.filter)
        capture.snapLength = snaplen
        capture.bufferByteCount = bufferSize << 20
        capture.isPromiscuous = !isNotPromiscuous
        capture.frameCountMax = count
        var input = LiveInput(capture)
        input.writePath = write
        input.user = user
        if let user { session.give(to: user) }
        let report = try watch(input, session)
        try session.finish(report)
        if let number = Signals.shared.stopNumber, number != SIGINT, number != SIGTERM {
            throw Failure(.signal(number))
        }
    }

    private func watch(_ input: LiveInput, _ session: Session) throws -> RunReport {
        let signals = Signals.shared
        signals.install()
        let start = ProgressBar.now()
        var outputFailure: OutputError?
        let report: RunReport
        do throws(CaptureError) {
            report = try session.run(
                .interface(input), stop: signals.stop,
                betweenBatches: {
                    if let duration, ProgressBar.now() - start >= duration { signals.stop.set() }
                    do throws(OutputError) {
                        if signals.takeReopen() {
                            try session.outputs.reopenWherePossible(as: user)
                        }
                        try session.outputs.flush()
                    } catch {
                        outputFailure = error
                        signals.stop.set()
                    }
                })
        } catch {
            throw Failure(error)
        }
        if let outputFailure { throw Failure(outputFailure) }
        return report
    }
}
