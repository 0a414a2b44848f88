import ArgumentParser
import Cairn

/// `cairn watch`: the engine on a live interface.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Watch a live interface.",
        discussion: """
            Ends on SIGINT or SIGTERM with everything written; SIGHUP opens the outputs again, after they \
            were moved away. Needs the right to capture only until the interface is open.
            """)

    @OptionGroup var options: EngineOptionGroup

    @Option(help: ArgumentHelp("Also write what was seen; reading it again gives the same records.", valueName: "file"), completion: .file())
    var write: String?

    @Option(help: ArgumentHelp("Stop after this many packets.", valueName: "packets"))
    var count: UInt64?

    @Option(help: ArgumentHelp("Stop after this many seconds.", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("Bytes of a packet to capture at most.", valueName: "bytes"))
    var snaplen: Int32 = 262_144

    @Option(name: .customLong("buffer-size"), help: ArgumentHelp("MiB of kernel memory for packets that wait.", valueName: "MiB"))
    var bufferSize: Int32 = 64

    @Flag(name: .customLong("no-promiscuous"), help: "Only packets that are sent to this host.")
    var isNotPromiscuous = false

    @Option(help: ArgumentHelp("Change to this user once the interface is open.", valueName: "name"))
    var user: String?

    @Option(name: .customLong("stats-interval"), help: ArgumentHelp("Seconds between statistics in the events.", valueName: "seconds"))
    var statsInterval: Int64 = 8

    @Argument(help: "The interface to watch.", completion: .custom { _, _, _ in LiveCapture.interfaceNames })
    var interface: String

    func run() throws {
        let session = try Session(options)
        var capture = LiveCapture.Options(interface: interface)
        capture.filter = session.filter
        capture.snapLength = snaplen
        capture.bufferByteCount = bufferSize << 20
        capture.isPromiscuous = !isNotPromiscuous
        capture.packetCountMax = count
        capture.writePath = write
        capture.user = user
        capture.onNote = { printError("note: \($0)") }
        let signals = SignalState.install()
        let start = ProgressBar.now()
        let duration = duration
        let report = try session.run(
            .interface(capture), statisticsInterval: statsInterval * 1_000_000_000,
            isStopped: {
                signals.stopSignal != nil || duration.map { ProgressBar.now() - start >= $0 } ?? false
            },
            betweenBatches: { [outputs = session.outputs] in
                if signals.takeReopen() { try outputs.reopen() }
                try outputs.flush()
            })
        try session.finish(report)
    }
}
