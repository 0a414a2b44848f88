/// How an engine works, beyond rules and settings.
public struct EngineOptions: Sendable {
    /// Settings by their dotted names.
    public var settings: Settings
    /// Threads to work on; the records are the same for any number.
    public var threadCount = 1
    /// What to do with packets whose checksums are wrong.
    public var checksums = ChecksumMode.auto
    /// Whether alert records are wanted.
    public var writesAlerts = false
    /// Whether flow, protocol, file and anomaly events are wanted.
    public var writesEvents = false
    /// Only the closing record of each incident.
    public var finalIncidentsOnly = false
    /// Event time between statistics records; nil for none.
    public var statisticsIntervalNanoseconds: Int64?

    /// Options with their defaults.
    public init(settings: Settings = Settings()) {
        self.settings = settings
    }
}

/// Where packets come from.
public enum EngineInput: Sendable {
    /// Capture files or folders of them, `-` for standard input; one run over all in order of time.
    case captures([String], filter: String?)
    /// A live interface.
    case interface(LiveInput)

    /// The captures that paths stand for: folders give the captures in them. Besides, what cannot be read.
    public static func expand(_ paths: [String]) -> (captures: [String], problems: [CaptureError]) {
        let (captures, problems) = CaptureList.expand(paths)
        return (captures, problems)
    }
}

/// A live interface, and what is done with it besides analysing.
public struct LiveInput: Sendable {
    /// How the interface is opened.
    public var capture: LiveCapture.Options
    /// A file that gets everything that was seen, so that reading it gives the same records.
    public var writePath: String?
    /// The user to change to once everything is open.
    public var user: String?

    /// An interface, opened like this.
    public init(_ capture: LiveCapture.Options) { self.capture = capture }
}

/// What a record is.
public enum RecordKind: Sendable, CaseIterable {
    case alert, event, incident, statistics
    /// How far time had come, among alerts: for whoever correlates them.
    case clock
}

/// Takes records of a kind: one line of JSON or several, each ended by a line feed. Never called concurrently, always on the thread that
/// runs the engine.
public typealias RecordHandler = (_ kind: RecordKind, _ lines: ArraySlice<UInt8>) -> Void

/// How far a run has come, for people who wait.
public struct RunProgress: Sendable {
    /// Bytes of the input that were read, as they lie in the files.
    public var byteCount: UInt64 = 0
    /// Bytes of the input in all; nil if nobody knows.
    public var totalByteCount: UInt64?
    /// Frames that were analysed.
    public var packetCount: UInt64 = 0
    /// Alerts that were raised.
    public var alertCount: UInt64 = 0
    /// Incidents that were opened.
    public var incidentCount: UInt64 = 0
}

/// What a run saw, found, and did not look at.
public struct RunReport: Sendable {
    /// How far the run came.
    public var progress = RunProgress()
    /// Every count of every stage, by name.
    public var counters = Counters()
    /// The event clock at the end; nil without packets.
    public var end: Timestamp?
    /// The highest severity that an incident reached.
    public var highestSeverity: Level?
    /// Remarks for people: offload recognised, files that could not be read.
    public var notes: [String] = []
    /// Sets of values that rules have changed and let be kept; it is for the caller to write them.
    public var savedSets: [SavedSet] = []
    /// Captures that could not be read while others could.
    public var problems: [CaptureError] = []
    /// What ended the input early; everything before it was analysed.
    public var failure: CaptureError?

    /// The report of nothing, to add others to.
    public init() {}
}

extension RunReport {
    /// Adds the report of another, unrelated run.
    public mutating func add(_ other: RunReport) {
        progress.byteCount &+= other.progress.byteCount
        progress.packetCount &+= other.progress.packetCount
        progress.alertCount &+= other.progress.alertCount
        progress.incidentCount &+= other.progress.incidentCount
        for (name, value) in other.counters.values { counters.add(name, value) }
        end = [end, other.end].compactMap(\.self).max()
        highestSeverity = [highestSeverity, other.highestSeverity].compactMap(\.self).max()
        notes += other.notes
        problems += other.problems
        if failure == nil {
            failure = other.failure
        } else if let further = other.failure {
            problems.append(further)
        }
    }

    /// The counters as a `stats` record: one line.
    public var statisticsRecord: [UInt8] {
        var writer = JSONWriter()
        EventRecordWriter(sourceNames: [], isLive: false)
            .writeStatistics(counters, at: end ?? .epoch, into: &writer)
        return writer.bytes
    }
}
