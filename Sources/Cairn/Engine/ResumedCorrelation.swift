/// A correlation that began in an earlier run and may go on in a later one.
public final class ResumedCorrelation {
    let correlator: Correlator
    let checkpoint: CheckpointFile
    /// Takes what the correlator puts out, once the run has begun.
    var sink: (borrowing [UInt8]) -> Void {
        get { relay.sink }
        set { relay.sink = newValue }
    }
    private let relay: Relay

    /// What is between a correlator, which knows its sink from the start, and one that comes later.
    private final class Relay {
        var sink: (borrowing [UInt8]) -> Void = { _ in }
    }

    init(
        _ checkpoint: CheckpointFile, _ program: CorrelationProgram, _ settings: CorrelationSettings
    ) throws(CheckpointError) {
        let relay = Relay()
        self.relay = relay
        self.checkpoint = checkpoint
        correlator = try checkpoint.correlator(program: program, settings: settings) {
            relay.sink($0)
        }
    }

    /// No run is to go on from this one.
    public var isLast: Bool { checkpoint.isLast }

    /// Saves the state. What was handed on must be on the disk, as `CheckpointFile.outputs` says.
    public func save() throws(CheckpointError) { try checkpoint.save(correlator) }
}
