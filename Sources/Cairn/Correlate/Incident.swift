/// What one acting host did, as far as it is known: the signals that belong together, summed up.
///
/// Its lists are plain memory that the next incident in its place takes over.
struct Incident: ~Copyable {
    struct Rule {
        /// The wording of the first signal, retained: it gives the title.
        var label: RuleLabelID
        var level: Level
        var count: Int
        var first: Timestamp
        var last: Timestamp
    }

    enum EndReason {
        case quiet, maxDuration, evicted, endOfInput
    }

    static let victimCountMax = 100
    private static let techniqueByteCount = 48
    /// Points for each tactic beyond the first.
    static let tacticPoints = 10

    private(set) var id: RecordID
    private(set) var opened: Timestamp
    var last: Timestamp
    var revision = 0
    var signalCount = 0
    /// Bytes of memory, roughly.
    private(set) var byteCount = Self.byteCountMin
    private static let byteCountMin = 512
    /// Got a signal in the present instant.
    var isTouched = false
    /// In the present instant something changed that an analyst acts on.
    var isChanged = false
    var hasMoreVictims = false
    /// Why it closed; nil while it is open.
    var end: EndReason?
    /// The highest level whose points the score reaches.
    private(set) var severity = Level.informational
    private var rulePoints = 0

    private(set) var actors = PlainList<HostID>(capacity: 4)
    private(set) var victims = PlainList<HostID>()
    /// For each victim the hit on it that can draw it into this incident; -1 without one.
    var hits = PlainList<Int32>()
    /// The identities of the rules, apart from what is known of each so that one is found quickly.
    private(set) var ruleIdentities = PlainList<Int32>()
    private(set) var rules = PlainList<Rule>()
    /// Places in `rules` by identity, once there are too many to look through.
    private var rulePlaces: [Int32: Int] = [:]
    /// The references to the listed signals as records show them, separated by commas.
    private(set) var signals = PlainList<UInt8>(capacity: 256)
    private(set) var listedSignalCount = 0

    /// The first one gave the incident its id.
    private(set) var keys: [IncidentKey] = []
    /// In order of first appearance.
    private(set) var tactics: [(tactic: UInt8, first: Timestamp)] = []
    /// Sorted.
    private(set) var techniques: [[UInt8]] = []
    /// Index of the furthest tactic; -1 before the first.
    private(set) var stage = -1
    private(set) var progress = 0
    /// Sorted.
    private(set) var related: [RecordID] = []
    var continues: RecordID?

    init(id: RecordID, at time: Timestamp) {
        self.id = id
        opened = time
        last = time
    }

    /// Becomes a new incident, with the memory of one that is over and forgotten.
    mutating func begin(id: RecordID, at time: Timestamp) {
        self.id = id
        (opened, last) = (time, time)
        (revision, signalCount, byteCount) = (0, 0, Self.byteCountMin)
        (isTouched, isChanged, hasMoreVictims) = (false, false, false)
        (end, continues) = (nil, nil)
        (severity, rulePoints, stage, progress) = (.informational, 0, -1, 0)
        actors.empty()
        victims.empty()
        hits.empty()
        ruleIdentities.empty()
        rules.empty()
        signals.empty(keeping: 1 << 13)
        listedSignalCount = 0
        keys.removeAll(keepingCapacity: true)
        if !rulePlaces.isEmpty { rulePlaces = [:] }
        if !tactics.isEmpty { tactics.removeAll(keepingCapacity: true) }
        if !techniques.isEmpty { techniques = [] }
        if !related.isEmpty { related = [] }
    }

    /// Asks for the memory of the lists that closing it will read.
    @inline(__always) func prefetchLists() {
        actors.prefetch()
        victims.prefetch()
        hits.prefetch()
        ruleIdentities.prefetch()
        rules.prefetch()
        signals.prefetch()
    }

    /// The points of the rules' levels, and of the tactics beyond the first.
    var score: Int { rulePoints + Self.tacticPoints * max(0, tactics.count - 1) }

    private mutating func raiseSeverity() {
        let reached = Level.allCases.last { Self.points(of: $0) <= score } ?? .informational
        guard reached != severity else { return }
        severity = reached
        isChanged = true
    }

    static func points(of level: Level) -> Int {
        switch level {
        case .informational: 0
        case .low: 10
        case .medium: 30
        case .high: 70
        case .critical: 150
        }
    }

    mutating func addBytes(_ count: Int) { byteCount += count }

    mutating func addKey(_ key: IncidentKey) {
        keys.append(key)
        byteCount += 48
        if case .other(let text) = key { byteCount += 2 * text.count + 64 }
    }

    /// Adds an actor; false if it is known.
    mutating func addActor(_ host: HostID) -> Bool {
        guard actors.firstIndex(of: host) == nil else { return false }
        actors.append(host)
        byteCount += 80
        isChanged = true
        return true
    }

    /// Adds a victim that is not known.
    mutating func addVictim(_ host: HostID) {
        victims.append(host)
        hits.append(-1)
        byteCount += 96
    }

    mutating func addRelated(_ id: RecordID) {
        let place = partitionPoint(below: related.count) { related[$0] >= id }
        guard place == related.count || related[place] != id else { return }
        related.insert(id, at: place)
        byteCount += 16
        isChanged = true
    }

    /// Lists a signal.
    mutating func list(
        _ reference: ItemReference, _ catalog: RuleCatalog, _ records: inout RecordWriter
    ) {
        let before = signals.count
        records.append(reference, catalog, to: &signals)
        listedSignalCount += 1
        byteCount += signals.count - before
    }

    /// Counts a signal of a rule; returns whether the rule is new to this incident and has to be
    /// added.
    mutating func count(_ identity: Int32, level: Level, at time: Timestamp) -> Bool {
        guard let place = place(of: identity) else { return true }
        rules[place].count += 1
        rules[place].last = time
        if level > rules[place].level {
            rulePoints += Self.points(of: level) - Self.points(of: rules[place].level)
            rules[place].level = level
            raiseSeverity()
        }
        return false
    }

    /// Adds a rule with its first signal, whose label is retained for the incident.
    mutating func addRule(
        _ identity: Int32, label: RuleLabelID, level: Level, at time: Timestamp,
        titleByteCount: Int
    ) {
        if rules.count >= 16 {
            if rulePlaces.isEmpty {
                for place in 0..<rules.count { rulePlaces[ruleIdentities[place]] = place }
            }
            rulePlaces[identity] = rules.count
        }
        ruleIdentities.append(identity)
        rules.append(Rule(label: label, level: level, count: 1, first: time, last: time))
        rulePoints += Self.points(of: level)
        raiseSeverity()
        byteCount += 96 + titleByteCount
        isChanged = true
    }

    @inline(__always) private func place(of identity: Int32) -> Int? {
        rules.count > 16 ? rulePlaces[identity] : ruleIdentities.firstIndex(of: identity)
    }

    /// Takes in what the tags of a signal say.
    mutating func addTags(
        tactics new: [UInt8], techniques newTechniques: [[UInt8]], at time: Timestamp
    ) {
        let stageBefore = stage
        for tactic in new where !tactics.contains(where: { $0.tactic == tactic }) {
            tactics.append((tactic, time))
            stage = max(stage, Int(tactic))
        }
        if stageBefore >= 0, stage > stageBefore { progress += 1 }
        if stage != stageBefore { isChanged = true }
        raiseSeverity()
        for technique in newTechniques {
            let place =
                techniques.firstIndex { !$0.lexicographicallyPrecedes(technique) }
                ?? techniques.count
            guard place == techniques.count || techniques[place] != technique else { continue }
            techniques.insert(technique, at: place)
            byteCount += Self.techniqueByteCount
        }
    }
}

// MARK: - Checkpoint

extension Incident {
    /// Writes what is no key and names no host, as the table has those.
    func save(_ catalog: RuleCatalog, to writer: inout CheckpointWriter) {
        for count in [revision, progress, signalCount] { writer.count(count) }
        writer.flag(hasMoreVictims)
        writer.count(rules.count)
        for place in 0..<rules.count {
            let rule = rules[place]
            catalog.save(rule.label, to: &writer)
            writer.byte(rule.level.rawValue)
            writer.count(rule.count)
            writer.time(rule.first)
            writer.time(rule.last)
        }
        writer.count(tactics.count)
        for (tactic, first) in tactics {
            writer.byte(tactic)
            writer.time(first)
        }
        writer.texts(techniques)
        writer.count(listedSignalCount)
        writer.text(signals.bytes(from: 0))
        writer.count(related.count)
        for id in related { writer.id(id) }
        writer.optional(continues) { $0.id($1) }
    }

    /// Fills a new incident that has its keys and hosts.
    mutating func restore(
        _ catalog: RuleCatalog, from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        revision = try reader.count()
        let progress = try reader.count()
        signalCount = try reader.count()
        hasMoreVictims = try reader.flag()
        for _ in 0..<(try reader.length()) { try restoreRule(catalog, from: &reader) }
        for _ in 0..<(try reader.length(atMost: Tactic.names.count)) {
            let tactic = try reader.byte()
            guard tactic < Tactic.names.count, !tactics.contains(where: { $0.tactic == tactic })
            else { throw .inconsistent("tactic \(tactic)") }
            addTags(tactics: [tactic], techniques: [], at: try reader.time())
        }
        self.progress = progress
        let techniques = try reader.texts()
        addBytes(techniques.count * Self.techniqueByteCount)
        self.techniques = techniques
        try restoreSignals(from: &reader)
        for _ in 0..<(try reader.length()) {
            let id = try reader.id()
            guard related.last.map({ $0 < id }) ?? true else {
                throw .inconsistent("relatives are in the wrong order")
            }
            addRelated(id)
        }
        continues = try reader.optional { reader throws(CheckpointError) in try reader.id() }
        isChanged = false
    }

    private mutating func restoreRule(
        _ catalog: RuleCatalog, from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        let label = try catalog.restoreLabel(from: &reader)
        let identity = catalog[label].identity
        let level = try reader.level()
        let count = try reader.count()
        let first = try reader.time()
        guard place(of: identity) == nil else { throw .inconsistent("a rule comes twice") }
        catalog.retain(label)
        addRule(
            identity, label: label, level: level, at: first,
            titleByteCount: catalog[label].titleText.count)
        rules[rules.count - 1].count = count
        rules[rules.count - 1].last = try reader.time()
    }

    private mutating func restoreSignals(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        listedSignalCount = try reader.count()
        let text = try reader.text()
        let list = Array("[".utf8) + text + "]".utf8
        let elements = list.withUnsafeBytes { JSONValue(parsing: $0)?.elements }
        guard elements?.count == listedSignalCount, !text.contains(UInt8(ascii: "\n")) else {
            throw .inconsistent("signals are not listed as they are counted")
        }
        signals.append(contentsOf: text)
        addBytes(text.count)
    }
}
