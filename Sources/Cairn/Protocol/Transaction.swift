/// One exchange of a protocol as rules and events see it: a request with its response, a DNS
/// message pair, a TLS handshake, a file. Taken from a pool by the parser, given back by the engine
/// when both directions are complete and everything has been evaluated.
final class Transaction {
    let definition: ProtocolDefinition
    /// What was spoken, where several protocols make transactions of one definition; else nil, and the flow says it.
    var spoken: ProtocolDefinition?
    /// Position in its flow, from 0: `tx_id`.
    var id: UInt64 = 0
    /// One thread works on a transaction, and no access reaches into another: the checks for that
    /// at run time would cost more than the accesses.
    @exclusivity(unchecked) var fields: FieldStore
    /// How far each direction has come: the client's bytes, then the server's.
    var toServer: Progress = .none
    var toClient: Progress = .none
    /// Sides that ended without a word: an answer that never came, a request that was not seen.
    private(set) var isSilent: (toServer: Bool, toClient: Bool) = (false, false)
    /// For a file: who sends it, and the transaction that carries it.
    var fileDirection: Direction = .toClient
    var carrierID: UInt64 = 0
    /// The carrier itself, until the file is complete.
    var carrier: Transaction?
    /// For a file: its carrier may have others.
    var isOneOfSeveral = false
    /// For a carrier: files that have begun, by who sends them.
    private(set) var fileCounts: (toServer: UInt32, toClient: UInt32) = (0, 0)

    /// Lies in the pool; guards against giving back twice.
    var isPooled = false
    /// Its event has been written.
    var isRecorded = false

    /// Behind its messages the stream is another protocol's: they end no chunk for rules on payload.
    var opensTunnel = false

    // The matcher's notes, kept here so that they go and come with the transaction.
    /// Rules whose literals were seen in some field.
    var candidates: [Int32] = []
    /// Rules that have fired on this transaction.
    var fired: [Int32] = []
    /// For a carrier: what is known of rules that are about all its files.
    var fileNotes: [FileNote] = []
    /// An anomaly was seen since it was last looked at.
    var hasNewAnomaly = false
    /// How far each direction had come when it was last looked at.
    var inspectedToServer: Progress = .none
    var inspectedToClient: Progress = .none
    /// Whether headers may stand behind the body of the server's message.
    var answerHasTrailers = false
    /// Packets of the server when its headers were first looked at.
    var answerHeadPacketCount: UInt64 = 0
    /// Packets of the client and of the server before the first that came behind the end of what each
    /// said: with that one rules on its direction are asked for the last time.
    var packetCounts: (toServer: UInt64, toClient: UInt64) = (0, 0)

    /// How far a rule has come that is about all files of a carrier.
    struct FileNote {
        var rule: Int32
        var direction: Direction
        /// Tests that have held on some file, by their place in the rule.
        var seen: UInt64 = 0
        /// Files that had begun when it fired; 0 if it has not.
        var firedFileCount: UInt32 = 0
    }

    init(_ definition: ProtocolDefinition) {
        self.definition = definition
        fields = FieldStore(fieldCount: definition.fields.count)
    }

    /// Whether nothing more comes in either direction.
    @inline(__always) var isComplete: Bool { toServer == .complete && toClient == .complete }

    @inline(__always) func progress(_ direction: Direction) -> Progress {
        direction == .toServer ? toServer : toClient
    }

    /// Ends a side of which nothing was seen.
    func silence(_ direction: Direction) {
        guard progress(direction) == .none else { return }
        if direction == .toServer {
            isSilent.toServer = true
            toServer = .complete
        } else {
            isSilent.toClient = true
            toClient = .complete
        }
    }

    @inline(__always) func isSilent(_ direction: Direction) -> Bool {
        direction == .toServer ? isSilent.toServer : isSilent.toClient
    }

    @inline(__always) func inspectedProgress(_ direction: Direction) -> Progress {
        direction == .toServer ? inspectedToServer : inspectedToClient
    }

    /// Makes it as new.
    func reset() {
        id = 0
        spoken = nil
        isPooled = false
        isRecorded = false
        opensTunnel = false
        carrierID = 0
        carrier = nil
        isOneOfSeveral = false
        fileCounts = (0, 0)
        if !fileNotes.isEmpty { fileNotes.removeAll(keepingCapacity: true) }
        fields.removeAll()
        toServer = .none
        toClient = .none
        isSilent = (false, false)
        if !candidates.isEmpty { candidates.removeAll(keepingCapacity: true) }
        if !fired.isEmpty { fired.removeAll(keepingCapacity: true) }
        hasNewAnomaly = false
        inspectedToServer = .none
        inspectedToClient = .none
        answerHasTrailers = false
        answerHeadPacketCount = 0
        packetCounts = (0, 0)
    }

    /// Files that a side has begun to send.
    func fileCount(_ direction: Direction) -> UInt32 {
        direction == .toServer ? fileCounts.toServer : fileCounts.toClient
    }

    func countFile(_ direction: Direction) {
        if direction == .toServer {
            fileCounts.toServer &+= 1
        } else {
            fileCounts.toClient &+= 1
        }
    }

    /// Adds the name of an anomaly to the fields for that, once to each: so their number is bounded by that of the names.
    func note(anomaly index: Int, _ direction: Direction) {
        let own = definition.anomalyFields
        guard !own.isEmpty else { return }
        append(definition.anomalies[index], to: own.lowerBound)
        let side = own.lowerBound &+ (direction == .toServer ? 1 : 2)
        if own.contains(side) { append(definition.anomalies[index], to: side) }
    }

    private func append(_ name: String, to field: Int) {
        var cursor = fields.first(of: field)
        while let value = cursor {
            let isKnown = name.utf8.elementsEqual(fields.bytes(value))
            if isKnown { return }
            cursor = fields.next(after: value, of: field)
        }
        fields.append(name, to: field)
        hasNewAnomaly = true
    }
}
