import Cairn

/// Writes text to standard output, all of it or none without an error.
func printOutput(_ text: String) throws {
    do throws(OutputError) {
        let writer = try LineWriter(path: "-")
        writer.write(text.utf8)
        try writer.flush()
    } catch {
        throw Failure(error)
    }
}

/// Makes a folder for files that a command writes.
func makeOutputFolder(_ path: String) throws {
    do throws(OutputError) { try makeFolder(path) } catch { throw Failure(error) }
}

/// The files that records go to. Kinds that share a destination share its lines.
final class Outputs {
    private var writers: [String: LineWriter] = [:]
    private var writerOfKind: [RecordKind: LineWriter] = [:]
    private let checkpoint: CheckpointFile?

    /// Opens what the options name; `none` opens nothing.
    ///
    /// - Parameter checkpoint: what the files hold by an earlier run is kept as far as it says.
    init(
        incidents: String, alerts: String? = nil, events: String? = nil,
        checkpoint: CheckpointFile? = nil
    ) throws {
        self.checkpoint = checkpoint
        try open(incidents, for: .incident)
        if let alerts {
            try open(alerts, for: .alert)
            try open(alerts, for: .clock)
        }
        if let events {
            try open(events, for: .event)
            try open(events, for: .statistics)
        }
        try requireKnownOutputs()
    }

    /// Records of a kind that went to a file before must go on there.
    private func requireKnownOutputs() throws {
        let options: [(RecordKind, String)] = [
            (.incident, "--incidents"), (.alert, "--alerts"), (.event, "--events"),
        ]
        for (kind, option) in options
        where checkpoint?.outputs["\(kind)"] != nil && writerOfKind[kind]?.path ?? "-" == "-" {
            throw Failure(
                .usage, "the state goes on behind a file of \(kind) records: name it with \(option)"
            )
        }
    }

    private func open(_ path: String, for kind: RecordKind) throws {
        guard path != "none" else { return }
        do throws(OutputError) {
            let writer = try writer(for: path, kind)
            writers[path] = writer
            writerOfKind[kind] = writer
        } catch {
            throw Failure(error)
        }
    }

    private func writer(
        for path: String, _ kind: RecordKind
    ) throws(OutputError) -> LineWriter {
        if let known = writers[path] { return known }
        guard let checkpoint, path != "-" else { return try LineWriter(path: path) }
        return try LineWriter(path: path, goingOnBehind: checkpoint.outputs["\(kind)"])
    }

    /// Whether records of a kind are written anywhere.
    func wants(_ kind: RecordKind) -> Bool { writerOfKind[kind] != nil }

    /// Adds lines to where records of their kind go.
    func write(_ kind: RecordKind, _ lines: ArraySlice<UInt8>) {
        writerOfKind[kind]?.write(lines)
    }

    /// Hands everything to the system.
    func flush() throws(OutputError) {
        for writer in writers.values { try writer.flush() }
    }

    /// Opens every file again, after they were moved away.
    func reopen() throws(OutputError) {
        for writer in writers.values { try writer.reopen() }
    }

    /// Opens every file again that can be; log rotation must not end a run. What goes to one that cannot goes on into the
    /// file that was moved away, and that is said.
    ///
    /// - Parameter user: who the program runs as, if it gave up its rights.
    func reopenWherePossible(as user: String? = nil) throws(OutputError) {
        try flush()
        for writer in writers.values.sorted(by: { $0.path < $1.path }) {
            do throws(OutputError) { try writer.reopen() } catch {
                let remedy =
                    user.map { "; user \($0) needs the right to make files in its folder" } ?? ""
                printError(
                    """
                    warning: cannot open \(error.path) again: \(error.reason)\(remedy). What follows is written to the \
                    file that was moved away
                    """)
            }
        }
    }

    /// Gives the files to a user.
    func give(to user: String) {
        for writer in writers.values { writer.give(to: user) }
    }

    // MARK: Checkpoints

    /// Takes away what was written after the state was saved, as this run writes it again.
    func cutBack() throws(OutputError) {
        for writer in writers.values { try writer.cutBack() }
    }

    /// Brings everything to the disk, and tells the checkpoint what the files hold by now.
    func acknowledge() throws(OutputError) {
        guard let checkpoint else { return }
        var marks: [String: FileMark] = [:]
        for (kind, writer) in writerOfKind { marks["\(kind)"] = try writer.acknowledge() }
        checkpoint.outputs = marks
    }
}
