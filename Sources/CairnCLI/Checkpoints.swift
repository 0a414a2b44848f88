import ArgumentParser
import Cairn

/// Where the state of correlation is kept between runs.
struct StateOptionGroup: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Keep open windows, groups and incidents in a file and go on from it in the next run: at the end \
            of the input nothing is closed. Output files are appended to. See cairn help correlate.
            """, valueName: "file"), completion: .file())
    var state: String?

    @Flag(
        help: """
            With --state: this is the end. What is open is closed, the summary is written, and nothing goes \
            on from the state: remove it to begin anew.
            """)
    var close = false

    func validate() throws {
        if close, state == nil { throw ValidationError("--close needs --state") }
    }

    /// Takes hold of the state file; nil without one.
    func open() throws -> CheckpointFile? {
        guard let state else { return nil }
        do {
            let checkpoint = try CheckpointFile(path: state)
            checkpoint.isLast = close
            if checkpoint.isClosed { throw Failure(closed: state, isRepeated: close) }
            return checkpoint
        } catch let error as CheckpointError {
            throw Failure(unusable: state, error)
        }
    }
}

extension Failure {
    /// A state that a run cannot go on from.
    init(unusable path: String, _ error: CheckpointError) {
        self.init(.input, "the state \(path) \(error)")
    }

    /// A state that nothing goes on from. A run that was to close it, and is repeated, has nothing to
    /// do.
    init(closed path: String, isRepeated: Bool) {
        if isRepeated {
            self.init(.done, "the state \(path) was closed before: there is nothing to do")
        } else {
            self.init(.input, "the state \(path) was closed: remove it to begin anew")
        }
    }

    /// A state that cannot be saved.
    init(unsaved path: String, _ error: CheckpointError) {
        self.init(.output, "the state \(path) \(error)")
    }
}

/// Saves the state of a run with what its outputs hold.
struct Checkpoints {
    let file: CheckpointFile
    let outputs: Outputs
    /// Seconds between two of them.
    let interval: Double
    private var last = ProgressBar.now()

    init(file: CheckpointFile, outputs: Outputs, interval: Double = .infinity) {
        self.file = file
        self.outputs = outputs
        self.interval = interval
    }

    /// Cuts the outputs back to what the state knows of. A new state, or one that knows other
    /// outputs, is saved before anything is written, so that a run that is killed can be repeated.
    mutating func begin(_ save: () throws(CheckpointError) -> Void) throws {
        do throws(OutputError) { try outputs.cutBack() } catch { throw Failure(error) }
        let known = file.outputs
        do throws(OutputError) { try outputs.acknowledge() } catch { throw Failure(error) }
        if file.isNew || file.outputs != known { try write(save) }
    }

    /// Whether the time has come.
    var isDue: Bool { ProgressBar.now() - last >= interval }

    /// Brings the outputs to the disk, then saves the state that goes on behind them.
    mutating func save(_ save: () throws(CheckpointError) -> Void) throws {
        do throws(OutputError) { try outputs.acknowledge() } catch { throw Failure(error) }
        try write(save)
    }

    /// Opens the outputs again, after they were moved away. In between the state knows no output, as
    /// nobody can tell which of the files a killed run would meet; nothing is written meanwhile.
    mutating func reopen(_ save: () throws(CheckpointError) -> Void) throws {
        do throws(OutputError) {
            try outputs.acknowledge()
        } catch { throw Failure(error) }
        file.outputs = [:]
        try write(save)
        do throws(OutputError) { try outputs.reopen() } catch { throw Failure(error) }
        try self.save(save)
    }

    /// Brings the outputs to the disk and says in the state that the stream is over.
    func close() throws {
        do throws(OutputError) { try outputs.acknowledge() } catch { throw Failure(error) }
        do throws(CheckpointError) { try file.closeStream() } catch {
            throw Failure(unsaved: file.path, error)
        }
    }

    private mutating func write(_ save: () throws(CheckpointError) -> Void) throws {
        do throws(CheckpointError) { try save() } catch { throw Failure(unsaved: file.path, error) }
        last = ProgressBar.now()
    }
}
