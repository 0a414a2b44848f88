/// By what an incident is found (CORRELATION.md §9).
enum IncidentKey: Equatable {
    case actor(HostID)
    case victim(HostID)
    /// A pair of hosts or a rule: the elements of the key as canonical JSON, separated by commas.
    case other([UInt8])

    /// A key that is no single host.
    init(_ kind: StaticString, _ parts: [[UInt8]]) {
        var json = JSONWriter()
        json.string(UnsafeRawBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount))
        for part in parts { json.string(part) }
        self = .other(json.bytes)
    }
}

/// What one acting host did, as far as it is known: the signals that belong together, summed up.
struct Incident {
    struct Rule {
        var identity: Int32
        var title: [UInt8]?
        var level: Level
        var count: Int
        var first: Timestamp
        var last: Timestamp
    }

    struct Victim {
        var host: HostID
        /// The hit on it that can draw it into this incident; -1 without one.
        var hit: Int32 = -1
    }

    enum EndReason: String {
        case quiet, evicted
        case maxDuration = "max-duration"
        case endOfInput = "end-of-input"
    }

    static let victimCountMax = 100
    private static let techniqueByteCount = 48
    /// Points for each tactic beyond the first.
    static let tacticPoints = 10

    private(set) var id: RecordID
    private(set) var opened: Timestamp
    var last: Timestamp
    var revision = 0
    /// The first one gave the incident its id.
    var keys: [IncidentKey] = []
    var actors: [HostID] = []
    var victims: [Victim] = []
    var hasMoreVictims = false
    private(set) var rules: [Rule] = []
    /// In order of first appearance.
    private(set) var tactics: [(tactic: UInt8, first: Timestamp)] = []
    /// Sorted.
    private(set) var techniques: [[UInt8]] = []
    /// Index of the furthest tactic; -1 before the first.
    private(set) var stage = -1
    private(set) var progress = 0
    var signals: [ItemReference] = []
    var signalCount = 0
    /// Sorted.
    private(set) var related: [RecordID] = []
    var continues: RecordID?
    /// Why it closed; nil while it is open.
    var end: EndReason?
    /// Bytes of memory, roughly.
    private(set) var byteCount = 512

    // Where it is in the table's lists: neighbours by last signal and by opening; -1 at the ends.
    var previousByLast: Int32 = -1
    var nextByLast: Int32 = -1
    var previousByOpening: Int32 = -1
    var nextByOpening: Int32 = -1
    /// Got a signal in the present instant.
    var isTouched = false
    /// In the present instant something changed that an analyst acts on.
    var isChanged = false

    private var rulePoints = 0
    /// Places in `rules` by identity, once there are too many to look through.
    private var rulePlaces: [Int32: Int] = [:]

    init(id: RecordID, at time: Timestamp) {
        self.id = id
        opened = time
        last = time
    }

    /// Becomes a new incident, with the memory of one that is over and forgotten.
    mutating func begin(id: RecordID, at time: Timestamp) {
        var new = Incident(id: id, at: time)
        Self.reuse(&keys, for: &new.keys)
        Self.reuse(&actors, for: &new.actors)
        Self.reuse(&victims, for: &new.victims)
        Self.reuse(&rules, for: &new.rules)
        Self.reuse(&tactics, for: &new.tactics)
        Self.reuse(&techniques, for: &new.techniques)
        Self.reuse(&signals, for: &new.signals)
        Self.reuse(&related, for: &new.related)
        self = new
    }

    private static func reuse<Element>(_ old: inout [Element], for new: inout [Element]) {
        // What grew large is given back.
        guard old.capacity <= 128 else { return }
        old.removeAll(keepingCapacity: true)
        swap(&old, &new)
    }

    /// The points of the rules' levels, and of the tactics beyond the first.
    var score: Int { rulePoints + Self.tacticPoints * max(0, tactics.count - 1) }

    /// The highest level whose points the score reaches.
    private(set) var severity = Level.informational

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

    mutating func addActor(_ host: HostID) {
        actors.append(host)
        byteCount += 80
        isChanged = true
    }

    mutating func addRelated(_ id: RecordID) {
        let place = partitionPoint(below: related.count) { related[$0] >= id }
        guard place == related.count || related[place] != id else { return }
        related.insert(id, at: place)
        byteCount += 16
        isChanged = true
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

    /// Adds a rule with its first signal.
    mutating func addRule(_ identity: Int32, title: [UInt8]?, level: Level, at time: Timestamp) {
        if rules.count >= 16 {
            if rulePlaces.isEmpty {
                for (place, rule) in rules.enumerated() { rulePlaces[rule.identity] = place }
            }
            rulePlaces[identity] = rules.count
        }
        rules.append(
            Rule(identity: identity, title: title, level: level, count: 1, first: time, last: time))
        rulePoints += Self.points(of: level)
        raiseSeverity()
        byteCount += 96 + (title?.count ?? 0)
        isChanged = true
    }

    @inline(__always) private func place(of identity: Int32) -> Int? {
        rules.count > 16
            ? rulePlaces[identity] : rules.firstIndex { $0.identity == identity }
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
        for rule in rules {
            catalog.saveIdentity(rule.identity, to: &writer)
            writer.optional(rule.title) { $0.text($1) }
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
        writer.count(signals.count)
        for signal in signals { save(signal, to: &writer) }
        writer.count(related.count)
        for id in related { writer.id(id) }
        writer.optional(continues) { $0.id($1) }
    }

    private func save(_ signal: ItemReference, to writer: inout CheckpointWriter) {
        // Every signal counted for a rule of the incident, which keeps the identity alive.
        writer.count(place(of: signal.identity) ?? 0)
        writer.time(signal.time)
        writer.optional(signal.hasPacket ? signal.packet : nil) { $0.signed($1) }
        writer.optional(signal.hasFlowID ? signal.flowID : nil) { $0.signed($1) }
        writer.optional(signal.id) { $0.id($1) }
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
        for _ in 0..<(try reader.length()) { try restoreSignal(from: &reader) }
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
        let identity = try catalog.restoreIdentity(from: &reader)
        let title = try reader.optional { reader throws(CheckpointError) in try reader.text() }
        let level = try reader.level()
        let count = try reader.count()
        let first = try reader.time()
        guard place(of: identity) == nil else { throw .inconsistent("a rule comes twice") }
        catalog.retainIdentity(identity)
        addRule(identity, title: title, level: level, at: first)
        rules[rules.count - 1].count = count
        rules[rules.count - 1].last = try reader.time()
    }

    private mutating func restoreSignal(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) {
        let rule = try reader.count()
        guard rule < rules.count else { throw .inconsistent("a signal is of no rule") }
        let time = try reader.time()
        let packet = try reader.optional { reader throws(CheckpointError) in try reader.signed() }
        let flowID = try reader.optional { reader throws(CheckpointError) in try reader.signed() }
        let id = try reader.optional { reader throws(CheckpointError) in try reader.id() }
        signals.append(
            ItemReference(
                time: time, identity: rules[rule].identity, packet: packet, flowID: flowID, id: id))
        addBytes(MemoryLayout<ItemReference>.stride)
    }
}
