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

/// The files that records go to. Kinds that share a destination share its lines.
final class Outputs {
    private var writers: [String: LineWriter] = [:]
    private var writerOfKind: [RecordKind: LineWriter] = [:]

    /// Opens what the options name; `none` opens nothing.
    init(incidents: String, alerts: String? = nil, events: String? = nil) throws {
        try open(incidents, for: .incident)
        if let alerts {
            try open(alerts, for: .alert)
            try open(alerts, for: .clock)
        }
        if let events {
            try open(events, for: .event)
            try open(events, for: .statistics)
        }
    }

    private func open(_ path: String, for kind: RecordKind) throws {
        guard path != "none" else { return }
        do throws(OutputError) {
            let writer = try writer(for: path)
            writers[path] = writer
            writerOfKind[kind] = writer
        } catch {
            throw Failure(error)
        }
    }

    private func writer(for path: String) throws(OutputError) -> LineWriter {
        if let known = writers[path] { return known }
        return try LineWriter(path: path)
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
}
