/// A Suricata rule while its options are read, one after the other.
struct SuricataDraft {
    var header: RuleHeader
    var action: RuleAction = .alert
    var traffic = TrafficFilter()
    var proto = SuricataProtocol()
    /// Where it is asked, if its header says so.
    var hook: SuricataHook?
    /// `=>`: both directions of a transaction count.
    var isTransactional = false

    /// Where contents are looked for; the payload first.
    var buffers = [SuricataBuffer(place: .payload)]
    /// The buffer that contents go to.
    var current = 0
    /// A sticky buffer or a transform was named, and nothing was looked for in it yet.
    var pendingTransforms = false
    /// The content that modifiers are about.
    var lastContent: (buffer: Int, step: Int)?
    /// The last step that looks for something or counts from it.
    var lastStep: (buffer: Int, step: Int)?
    /// Tests of packet fields.
    var packetTests: [Condition] = []
    /// Tests of fields that are there on every subject.
    var commonTests: [Condition] = []
    /// Tests of the addresses of sender and receiver.
    var endTests: [(ends: Ends, predicate: Predicate)] = []
    /// Tests of what the flow speaks.
    var protocolTests: [Condition] = []

    var state: [StateOperation] = []
    var counters: [CounterOperation] = []
    var threshold: Threshold?
    var detectionFilter: Threshold?
    /// As said; else a rule that passes does not alert, the others do.
    var alerts: Bool?
    /// `flow` was used.
    var hasFlow = false
    /// `bypass`.
    var bypasses = false
    /// `target`: whether the source is it.
    var targetIsSource: Bool?

    /// Keywords that look at each packet by itself, or at streams, were used (`dsize`; `flow:only_stream`).
    var requiresPacket = false
    var requiresStream = false
    /// `decode-event` was used.
    var looksAtDecoderEvents = false
    /// `filestore` was used: the rule looks again when other files come.
    var looksAgainAtFiles = false
    /// `stream_size` was used.
    var looksAtStreamSize = false

    /// Types of references that no table has.
    var unknownReferences: [SuricataValue] = []
    var classType: String?
    var priority: Int?

    // MARK: Fields

    static let packet = FieldRegistry.subject(named: "packet") ?? 0
    static let file = FieldRegistry.subject(named: "file") ?? 0
    static let ftpData = FieldRegistry.subject(named: "ftp-data") ?? 0
    static let http = FieldRegistry.subject(named: "http") ?? 0

    /// The field of a name that is in a table of ours.
    static func field(_ name: String, subject: Int = packet) -> FieldID {
        guard let field = FieldRegistry.field(named: name, subject: subject) else {
            preconditionFailure("there is no field \(name)")
        }
        return field
    }

    static func test(_ name: String, _ predicate: Predicate, subject: Int = packet) -> Condition {
        .match(FieldMatch(field: field(name, subject: subject), predicate: predicate))
    }

    static func text(_ text: String) -> Predicate {
        .text(TextPattern(parts: text.isEmpty ? [] : [.literal(Array(text.utf8))]))
    }

    // MARK: Buffers

    /// Whether contents go to the payload.
    var isInPayload: Bool { current == 0 }

    /// Contents from here on go to a sticky buffer.
    mutating func select(_ place: SuricataBuffer.Place, at offset: Int) {
        current = index(of: place, [], isMulti: place.isMulti, at: offset)
        if !buffers[current].steps.isEmpty {
            buffers[current].restarts.append(buffers[current].steps.count)
        }
        pendingTransforms = true
    }

    private mutating func index(
        of place: SuricataBuffer.Place, _ transforms: [Transform], isMulti: Bool, at offset: Int
    ) -> Int {
        if !isMulti,
            let index = buffers.firstIndex(where: {
                $0.place == place && $0.transforms == transforms
            })
        {
            return index
        }
        buffers.append(SuricataBuffer(place: place, transforms: transforms, offset: offset))
        return buffers.count - 1
    }

    /// Adds a transform to the sticky buffer: contents from here on are looked for in what comes of it.
    mutating func transform(
        _ transform: Transform, _ option: SuricataOption
    ) throws(SuricataProblem) {
        let buffer = buffers[current]
        if case .base64 = buffer.place {
            throw option.error("'\(option.name)' cannot follow 'base64_data'")
        }
        guard !isInPayload else {
            throw option.error("'\(option.name)' must stand behind a sticky buffer")
        }
        guard pendingTransforms || buffer.transforms.isEmpty else {
            throw option.error(
                "'\(option.name)' cannot stand behind contents of a buffer that is changed already;"
                    + " put all transforms before them")
        }
        let transforms = buffer.transforms + [transform]
        // The plain buffer stays if something was looked for in it before.
        if buffer.isEmpty, current == buffers.count - 1 {
            buffers.removeLast()
        }
        current = index(
            of: buffer.place, transforms, isMulti: buffer.place.isMulti, at: buffer.offset)
        pendingTransforms = true
    }

    mutating func append(_ step: SequenceStep) {
        append(step, to: current)
    }

    /// Adds a step that may count from the one before. Without a sticky buffer it belongs where that one does, which the
    /// keywords of Suricata 1 may have moved.
    mutating func append(_ step: SequenceStep, countsFromLast: Bool) {
        append(step, to: isInPayload && countsFromLast ? lastStep?.buffer ?? 0 : current)
    }

    private mutating func append(_ step: SequenceStep, to buffer: Int) {
        pendingTransforms = false
        buffers[buffer].steps.append(step)
        lastStep = (buffer, buffers[buffer].steps.count - 1)
    }

    /// Moves the last content to a buffer, as the keywords of Suricata 1 do.
    mutating func moveLastContent(
        to sticky: SuricataSticky, _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard isInPayload else {
            throw SuricataProblem(
                offset: option.offset,
                message: "'\(option.name)' cannot follow a sticky buffer; write"
                    + " '\(sticky.keyword)' before the content")
        }
        guard let last = lastContent, last.buffer == 0 else {
            throw SuricataProblem(
                offset: option.offset, message: "'\(option.name)' must follow a content")
        }
        let step = buffers[0].steps.remove(at: last.step)
        let target = index(
            of: .transaction(sticky), [], isMulti: false, at: option.offset)
        buffers[target].steps.append(step)
        if let other = lastStep, other.buffer == 0 {
            if other.step == last.step {
                lastStep = (target, buffers[target].steps.count - 1)
            } else if other.step > last.step {
                lastStep = (0, other.step - 1)
            }
        }
        lastContent = (target, buffers[target].steps.count - 1)
    }

    /// Changes the content that a modifier is about.
    mutating func modify(
        _ option: SuricataOption,
        _ change: (inout ContentStep) throws(SuricataProblem) -> Void
    ) throws(SuricataProblem) {
        guard let last = lastContent,
            case .content(var step) = buffers[last.buffer].steps[last.step]
        else {
            throw SuricataProblem(
                offset: option.offset, message: "'\(option.name)' must follow a content")
        }
        try change(&step)
        buffers[last.buffer].steps[last.step] = .content(step)
    }

    /// Variables that steps have set.
    var variables: [String] { buffers.flatMap { $0.steps.flatMap(\.definedVariables) } }
}

extension SuricataBuffer.Place {
    var isMulti: Bool {
        if case .transaction(let sticky) = self { sticky.isMulti } else { false }
    }
}

extension SuricataBuffer {
    var isEmpty: Bool {
        steps.isEmpty && predicates.isEmpty && numberTests.isEmpty && conditions.isEmpty
            && absence == nil
    }
}

extension SuricataOption {
    /// The value that the option must have.
    func required() throws(SuricataProblem) -> SuricataValue {
        guard let value, !value.isEmpty else {
            throw SuricataProblem(offset: offset, message: "'\(name)' needs a value")
        }
        return value
    }

    /// Complains if there is a value.
    func bare() throws(SuricataProblem) {
        if let value, !value.isEmpty { throw value.error("'\(name)' takes no value") }
    }

    func error(_ message: String) -> SuricataProblem {
        SuricataProblem(offset: offset, message: message)
    }

    func unsupported(_ what: String? = nil) -> SuricataProblem {
        SuricataProblem(
            offset: offset, message: "\(what ?? "the keyword '\(name)'") is not supported",
            isSkip: true)
    }
}
