/// A rule set ready to be matched: immutable, shared by all shards.
final class CompiledRules: @unchecked Sendable {
    /// What the matcher needs to know of a rule, or of one form of it (`DetectionRule.forms`).
    struct Rule {
        /// Index into `detectionRules`.
        var number: Int32
        var subject: Int
        /// Its instructions; `entry` may also be `RuleProgram.accept` or `reject`.
        var entry: Int32
        var instructions: Range<Int>
        /// Index into the traffic table, -1 for any traffic.
        var traffic: Int32
        /// Which way the sender of the rule's traffic filter sends, on subjects that have both ways.
        var orientation: Direction
        /// The condition cannot be certain before.
        var need = Readiness()
        /// The condition is decided then.
        var final = Readiness()
        /// Its place in the order in which the rules of one event are applied.
        var order: Int32 = 0
        /// Looks at state: whether it fires is decided behind the matcher.
        var testsState = false
        /// Its state is looked at and changed with the packets of the direction that it is about.
        var waitsWithState = false
        /// A stream rule of several tests: those that held are remembered to the end of the stream.
        var remembersTests = false
        /// A stream rule with tests that only the first bytes can meet.
        var needsStart = false
        /// A stream rule that holds within so many bytes of the stream, or waits for more by then; `Int.max` if it may
        /// come to wait anywhere.
        var startByteCount = Int.max
        /// Names of variables that sequences set, by their places.
        var variables: [String] = []
        /// Which files of a transaction it is about.
        var files = FileScope.each
        /// Whether trailers count by themselves.
        var trailers = TrailerScope.once
        /// Whose words it waits for: it never holds where that side of a transaction says nothing.
        var awaited: Direction?
        /// Asks something of sets.
        var testsSets = false
        /// Counters decide behind the matcher, and need the variables.
        var hasCounters = false
        /// Fields that say who acts and who suffers.
        var actor: FieldID?
        var victim: FieldID?
        /// Its alerts are written; without, it only changes state.
        var alerts = true
        var action = RuleAction.alert
        /// It looks at what a flow is, not at a packet (`DetectionRule.isAboutFlow`).
        var isAboutFlow = false
        /// It looks at nothing but the ends of a conversation.
        var isAboutEnds = false
    }

    /// What became of the rules: for `cairn check` and statistics.
    struct Report: Equatable, Sendable {
        var ruleCount = 0
        /// Rules that are looked for by a literal, and those that are asked every time.
        var anchoredCount = 0
        var unanchoredCount = 0
        /// Rules that can never hold.
        var impossibleCount = 0
        var literalCount = 0
        var regexCount = 0
    }

    let subjects: [ProtocolDefinition]
    private let subjectIdentifiers: [ObjectIdentifier]
    /// Fields of each subject that are searched for literals.
    private let scannedFields: [[Int]]
    let program: RuleProgram
    let traffic = TrafficTable()
    let rules = FlatTable<Rule>()
    /// The rules as written but for their conditions, for the parts that are not compiled: state, thresholds, actor and
    /// victim.
    let detectionRules: [DetectionRule]
    /// Fields to copy into a rule's alerts, in registry order, by rule.
    let carriedFields: [[CarriedField]]
    let settings: MatchSettings
    private(set) var report = Report()
    /// Rules that do not compile. They never match.
    private(set) var diagnostics: [Diagnostic] = []

    /// Rules on transactions (files and flows among them), by subject.
    let transactionGroups = FlatTable<RuleGroup>()
    /// Rules on packets, by the raw value of the transport.
    let packetGroups = FlatTable<RuleGroup>()
    /// Rules on packets that look for the payload in the chunks of a TCP stream, by direction.
    let chunkGroups = FlatTable<RuleGroup>()
    /// Those of them that look at a packet only if its segment is in no stream.
    let strayGroups = FlatTable<RuleGroup>()
    /// Rules on packets that hold on the end of a connection too.
    let endGroups = FlatTable<RuleGroup>()
    /// Rules on streams, by `streamIndex`.
    let streamGroups = FlatTable<RuleGroup>()
    /// Which streams the rules on streams can hold on, by `streamIndex`.
    let streamFilters = FlatTable<StreamFilter>()
    /// Which streams the rules that look at chunks can hold on, by direction.
    let chunkFilters = FlatTable<StreamFilter>()
    /// Some rules on packets look at chunks of streams.
    private(set) var looksAtChunks = false
    /// Directions of which rules on transactions need the chunks, whatever rules on packets need.
    private(set) var keepsAllChunks: Set<Direction> = []
    /// Rules of several tests that different files of a transaction may meet.
    let rulesAcrossFiles = FlatTable<Int32>()
    /// What rules ask of files.
    private(set) var fileNeeds: FileNeeds = []
    /// Literals of the largest matcher.
    private(set) var literalCountMax = 0

    /// The forms of the rules, in the order of `rules`, while they are compiled.
    private var forms: [DetectionRule] = []
    /// The place of each rule's first form.
    private var firstForms: [Int] = []
    private let packetSubject: Int?
    private let streamSubject: Int?
    /// Some rule settles what becomes of flows, so that it counts with which packet each transaction is looked at.
    private let settlesFlows: Bool
    private var builders: Builders
    private static let transportCount = Int(Transport.other.rawValue) + 1
    private static let streamGroupCount = 4

    /// What fills the groups and owns their memory.
    private struct Builders {
        var transaction: [RuleGroupBuilder?]
        var packet: [RuleGroupBuilder?] = Array(repeating: nil, count: transportCount)
        var stream: [RuleGroupBuilder?] = Array(repeating: nil, count: streamGroupCount)
        var chunk: [RuleGroupBuilder?] = [nil, nil]
        var stray: [RuleGroupBuilder?] = [nil]
        var end: [RuleGroupBuilder?] = [nil]
    }

    /// Compiles rules.
    ///
    /// - Parameters:
    ///   - carriedFields: what correlation needs of each rule's events, by rule; empty for nothing.
    ///   - subjects: the tables that field identifiers refer to.
    init(
        _ rules: [DetectionRule], carriedFields: [[FieldID]] = [],
        settings: MatchSettings = MatchSettings(),
        subjects: [ProtocolDefinition] = FieldRegistry.subjects
    ) {
        self.subjects = subjects
        subjectIdentifiers = subjects.map { ObjectIdentifier($0) }
        detectionRules = rules.map(\.withoutCondition)
        self.carriedFields = rules.indices.map { rule in
            guard carriedFields.indices.contains(rule) else { return [] }
            return carriedFields[rule].sorted { ($0.subject, $0.index) < ($1.subject, $1.index) }
                .map { CarriedField($0, subjects) }
        }
        self.settings = settings
        program = RuleProgram(settings)
        diagnostics = settings.reputations?.diagnostics ?? []
        scannedFields = subjects.map(Self.scannedFields)
        packetSubject = subjects.firstIndex { $0 === PacketFields.definition }
        streamSubject = subjects.firstIndex { $0 === StreamFields.definition }
        settlesFlows = rules.contains(where: \.settlesFlows)
        builders = Builders(transaction: Array(repeating: nil, count: subjects.count))
        for _ in 0..<Self.streamGroupCount { streamFilters.append(StreamFilter()) }
        for _ in 0..<2 { chunkFilters.append(StreamFilter()) }
        let forms = rules.map { $0.forms(subjects) }
        self.forms = Array(forms.joined())
        for (index, forms) in forms.enumerated() {
            report.ruleCount += 1
            firstForms.append(self.rules.count)
            for form in forms { compile(form, index) }
        }
        orderRules()
        completeGroups()
        self.forms = []
    }

    deinit {
        for index in 0..<streamFilters.count { streamFilters.elements[index].deallocate() }
        for index in 0..<chunkFilters.count { chunkFilters.elements[index].deallocate() }
    }

    /// The place of the groups for streams of a transport and direction; nil for transports without streams.
    @inline(__always)
    static func streamIndex(_ transport: Transport, _ direction: Direction) -> Int? {
        switch transport {
        case .tcp: Int(direction.rawValue)
        case .udp: 2 &+ Int(direction.rawValue)
        default: nil
        }
    }

    /// Names of the variables that a rule's sequences set, by their places: the same in all its forms.
    func variables(ofRule number: Int) -> [String] { rules.elements[firstForms[number]].variables }

    /// The place of a definition among the subjects; nil if it is none of them.
    func subjectIndex(of definition: ProtocolDefinition) -> Int? {
        subjectIdentifiers.firstIndex(of: ObjectIdentifier(definition))
    }

    /// The registry name of a field.
    func name(of field: FieldID) -> String {
        subjects[Int(field.subject)].fields[Int(field.index)].name
    }

    // MARK: Rules

    /// - Parameter fields: what a rule looks at and its alerts carry; nil for every field.
    private func noteFileNeeds(_ fields: [FieldID?], _ subject: Int) {
        if subjects[subject] === FileTable.definition { fileNeeds.insert(.files) }
        for field in fields {
            if let field {
                let table = subjects[Int(field.subject)]
                fileNeeds.formUnion(FileNeeds(for: table.fields[Int(field.index)].name))
            } else if fileNeeds.contains(.files) {
                // A keyword looks at every field.
                fileNeeds = .all
            }
        }
    }

    /// - Parameter number: index of the rule whose form it is.
    private func compile(_ rule: DetectionRule, _ number: Int) {
        let condition = RuleCondition(rule.condition)
        let tests = condition.tests
        noteFileNeeds(
            tests.map(\.match.field) + carriedFields[number].map(\.field), rule.subject)
        let filter = filter(of: rule, condition)
        let isAnyTraffic = filter == TrafficFilter()
        var compiled = Rule(
            number: Int32(truncatingIfNeeded: number), subject: rule.subject,
            entry: RuleProgram.reject, instructions: 0..<0,
            traffic: isAnyTraffic ? -1 : Int32(truncatingIfNeeded: traffic.add(filter)),
            orientation: .toServer)
        compiled.hasCounters = !rule.counters.isEmpty
        compiled.testsSets = tests.contains { test in
            if case .inSet = test.match.predicate { true } else { false }
        }
        compiled.files = rule.files
        compiled.trailers = rule.trailers
        compiled.actor = rule.actor
        compiled.victim = rule.victim
        compiled.alerts = rule.alerts
        compiled.action = rule.action
        compiled.isAboutFlow = rule.isAboutFlow
        compiled.isAboutEnds = filter.flow.contains(.first_packet)
        compiled.testsState = !rule.state.isEmpty || !rule.counters.isEmpty
        let timing = RuleTiming(rule, subjects, isStream: rule.subject == streamSubject)
        compiled.orientation = timing.orientation
        compiled.waitsWithState =
            (compiled.testsState || settlesFlows) && rule.subject != packetSubject
            && rule.subject != streamSubject
            && (timing.bound != nil || subjects[rule.subject] === FileTable.definition)
        let first = program.instructions.count
        do throws(RegexProblem) {
            compiled.entry = try program.add(condition) { match, isNegated throws(RegexProblem) in
                let test = try program.add(
                    match, subjects: subjects, subject: rule.subject,
                    variables: &compiled.variables)
                let needsEnd = program.tests.elements[Int(test)].needsEnd
                return (test, timing.readiness(of: match, isNegated, needsEnd: needsEnd))
            }
        } catch {
            let message =
                error.isOfSet
                ? error.reason : "the regular expression does not compile: \(error.reason)"
            diagnostics.append(
                Diagnostic(.error, at: rule.header.location, rule: rule.header.id, message))
        }
        for remark in program.sets.takeRemarks() {
            diagnostics.append(
                Diagnostic(
                    .warning, at: rule.header.location, rule: rule.header.id, remark))
        }
        compiled.instructions = first..<program.instructions.count
        (compiled.need, compiled.final) = needAndFinal(condition, from: compiled.entry, of: rule)
        if let progress = rule.traffic.progress, let direction = rule.traffic.direction {
            compiled.awaited = direction
            let reached = Readiness(direction, progress)
            compiled.need = compiled.need.and(reached)
            compiled.final = compiled.final.and(reached)
        }
        if rule.subject == streamSubject {
            compiled.remembersTests = compiled.instructions.count > 1
            compiled.needsStart = compiled.instructions.contains { index in
                program.tests.elements[Int(program.instructions.elements[index].test)].needsStart
            }
            compiled.startByteCount = startByteCount(compiled)
        }
        let index = Int(rules.append(compiled))
        report.regexCount = program.regexes.codes.count
        guard compiled.entry != RuleProgram.reject else {
            report.impossibleCount += 1
            return
        }
        if rule.files != .each, condition.testCount > 1 {
            rulesAcrossFiles.append(Int32(truncatingIfNeeded: index))
        }
        place(rule, index, condition)
    }

    /// When the condition can be certain at the earliest, and when it is decided at the latest.
    private func needAndFinal(
        _ condition: RuleCondition, from entry: Int32, of rule: DetectionRule
    ) -> (need: Readiness, final: Readiness) {
        guard entry >= 0 else { return (.always, .always) }
        var next = Int(entry)
        func bounds(_ condition: RuleCondition) -> (Readiness, Readiness) {
            switch condition {
            case .constant: return (.always, .always)
            case .test:
                let instruction = program.instructions.elements[next]
                next += 1
                let readiness = instruction.readiness
                var final = readiness
                final.isEither = false
                let source = program.tests.elements[Int(instruction.test)].source
                // What the stream brings may come with any later packet, and the carrier of a file goes on.
                let isOpen =
                    source.table == .any || source.table == .carrier
                    || source.table == .packet && rule.subject != packetSubject
                if isOpen { final = .complete }
                if source.table == .own,
                    subjects[rule.subject].anomalyFields.contains(source.index)
                {
                    final = RuleTiming(rule, subjects, isStream: false).end
                }
                return (readiness.isEither ? .always : readiness, final)
            case .all(let parts), .any(let parts):
                var isAll = false
                if case .all = condition { isAll = true }
                let inner = parts.map(bounds)
                let need = inner.dropFirst().reduce(inner[0].0) {
                    isAll ? $0.and($1.0) : $0.or($1.0)
                }
                return (need, inner.reduce(.always) { $0.and($1.1) })
            }
        }
        return bounds(condition)
    }

    // MARK: Groups

    private func place(_ rule: DetectionRule, _ index: Int, _ condition: RuleCondition) {
        let listed = listed(index)
        let fields = subjects[rule.subject].fields
        let scanned = scannedFields[rule.subject]
        let cover =
            settings.isExhaustive || isDecidedAtStart(rules.elements[index])
            ? nil
            : AnchorCover(condition) { field in
                Int(field.subject) == rule.subject && scanned.contains(Int(field.index))
            }
        if cover == nil { report.unanchoredCount += 1 } else { report.anchoredCount += 1 }
        let byteCountMax =
            rule.subject == packetSubject ? condition.payloadByteCountMax(rule.subject) : .max
        for placement in placements(of: rule, condition) {
            if let cover {
                placement.group.add(
                    listed, anchors: cover.anchors, byteCountMax: byteCountMax
                ) { field in
                    (field.map { [Int($0.index)] } ?? scanned).flatMap { field in
                        let senders = placement.senders ?? [fields[field].direction]
                        return senders.map { (field, $0) }
                    }
                }
            } else {
                placement.group.add(
                    unanchored: listed.number,
                    traffic: settings.isExhaustive ? -1 : listed.traffic)
            }
        }
    }

    /// What traffic a rule is asked about. A condition on a flow that names transports is asked about flows of these alone.
    private func filter(of rule: DetectionRule, _ condition: RuleCondition) -> TrafficFilter {
        var filter = rule.traffic
        guard !settings.isExhaustive, filter.protocols.isEmpty,
            subjects[rule.subject] === FlowFields.definition
        else { return filter }
        let transports = TransportSet.of(condition, subjects)
        if transports != .all { filter.protocols = transports.transports }
        return filter
    }

    /// A rule as lists have it.
    func listed(_ index: Int) -> RuleGroup.Listed {
        let rule = rules.elements + index
        return RuleGroup.Listed(
            number: Int32(truncatingIfNeeded: index), traffic: rule.pointee.traffic,
            orientation: rule.pointee.orientation)
    }

    /// Whether a stream rule of several tests cannot hold if the first few bytes are not what it asks for. Such a rule is
    /// asked about the start of every stream, which its test of the start must not miss; then it mostly is done with.
    private func isDecidedAtStart(_ rule: Rule) -> Bool {
        guard rule.remembersTests, rule.needsStart else { return false }
        return !program.canHold(rule.entry, seen: 0) { test in
            test.pointee.needsStart && test.pointee.settledByteCount < .max
        }
    }

    /// `Rule.startByteCount` of a rule on streams.
    private func startByteCount(_ rule: Rule) -> Int {
        // It waits from the first byte on.
        if isDecidedAtStart(rule) { return 0 }
        let counts = rule.instructions.compactMap { index -> Int? in
            let instruction = program.instructions.elements[index]
            let test = program.tests.elements[Int(instruction.test)]
            return instruction.isNegated || test.source.table == .common ? nil : test.startByteCount
        }
        return counts.max() ?? .max
    }

    /// Of packets only the payload, the rest is too short to pay.
    private static func scannedFields(_ subject: ProtocolDefinition) -> [Int] {
        if subject === PacketFields.definition { return [PacketField.payload.rawValue] }
        return subject.fields.indices.filter { subject.fields[$0].type.isText }
    }

    /// A group in which a rule belongs.
    private struct Placement {
        let group: RuleGroupBuilder
        /// Who may send what is searched for it; nil: who sends the field.
        var senders: [Direction?]?
    }

    private func placements(
        of rule: DetectionRule, _ condition: RuleCondition
    ) -> [Placement] {
        let filter = rule.traffic.protocols
        let protocols = filter.isEmpty ? .all : TransportSet(filter)
        if rule.subject == packetSubject {
            return TransportSet.of(condition, subjects).intersection(protocols)
                .transports.flatMap { packetPlacements(of: rule, $0) }
        }
        guard rule.subject == streamSubject else {
            keepChunks(for: rule, condition)
            return [Placement(group: group(at: rule.subject, in: \.transaction))]
        }
        var placements: [Placement] = []
        for transport in [Transport.tcp, .udp] where protocols.contains(transport) {
            for direction in rule.traffic.directions {
                guard let index = Self.streamIndex(transport, direction) else { continue }
                placements.append(Placement(group: group(at: index, in: \.stream)))
            }
        }
        return placements
    }

    /// Lets chunks be kept for a rule on transactions that looks at the payload too.
    private func keepChunks(for rule: DetectionRule, _ condition: RuleCondition) {
        let looks = condition.tests.contains { match, _ in
            match.field.map {
                Int($0.subject) == packetSubject && $0.index == PacketField.payload.rawValue
            } ?? false
        }
        guard looks else { return }
        looksAtChunks = true
        for direction in rule.traffic.directions {
            keepsAllChunks.insert(direction)
        }
    }

    private func packetPlacements(
        of rule: DetectionRule, _ transport: Transport
    ) -> [Placement] {
        // Packets of no conversation go neither way.
        let senders: [Direction?] =
            rule.traffic.direction.map { [$0] } ?? [.toServer, .toClient, nil]
        let packets = Placement(
            group: group(at: Int(transport.rawValue), in: \.packet), senders: senders)
        let inspection = rule.traffic.settledInspection
        guard transport == .tcp else { return [packets] }
        if inspection.contains(.end) {
            return [packets, Placement(group: group(at: 0, in: \.end), senders: senders)]
        }
        guard inspection.contains(.stream) else { return [packets] }
        let chunks = rule.traffic.directions.map {
            Placement(group: group(at: Int($0.rawValue), in: \.chunk))
        }
        guard !inspection.contains(.packet) else { return chunks + [packets] }
        return chunks + [Placement(group: group(at: 0, in: \.stray), senders: senders)]
    }

    private func group(
        at index: Int, in groups: WritableKeyPath<Builders, [RuleGroupBuilder?]>
    ) -> RuleGroupBuilder {
        if let group = builders[keyPath: groups][index] { return group }
        let group = RuleGroupBuilder()
        builders[keyPath: groups][index] = group
        return group
    }

    private func completeGroups() {
        func complete(
            _ builder: RuleGroupBuilder?, _ subject: ProtocolDefinition,
            _ groups: FlatTable<RuleGroup>
        ) {
            builder?.complete(subject, traffic)
            let group = builder?.group ?? RuleGroup()
            groups.append(group)
            for index in 0..<group.scans.count {
                let count = group.scans[index].pointee.matcher.literalCount
                literalCountMax = max(literalCountMax, count)
                report.literalCount += count
            }
        }
        for (index, builder) in builders.transaction.enumerated() {
            complete(builder, subjects[index], transactionGroups)
        }
        for builder in builders.packet { complete(builder, PacketFields.definition, packetGroups) }
        for (index, builder) in builders.chunk.enumerated() {
            complete(builder, PacketFields.definition, chunkGroups)
            noteChunks(index)
            if keepsAllChunks.contains(index == 0 ? .toServer : .toClient) {
                chunkFilters.elements[index].add(
                    ports: nil, startByteCount: .max, holdsWhereKnown: true)
            }
        }
        for builder in builders.stray { complete(builder, PacketFields.definition, strayGroups) }
        for builder in builders.end { complete(builder, PacketFields.definition, endGroups) }
        for (index, builder) in builders.stream.enumerated() {
            complete(builder, StreamFields.definition, streamGroups)
            noteStreams(index)
        }
    }

    /// Notes which streams the rules of a group can hold on, and how far into them.
    private func noteStreams(_ index: Int) {
        for number in streamGroups.elements[index].ruleNumbers.sorted() {
            let rule = rules.elements[Int(number)]
            let condition = RuleCondition(forms[Int(number)].condition)
            streamFilters.elements[index].add(
                ports: ports(of: rule),
                startByteCount: settings.isExhaustive ? .max : rule.startByteCount,
                holdsWhereKnown: settings.isExhaustive
                    || Protocols.all.contains(where: condition.canHold(speaking:)))
        }
    }

    /// Notes which streams the rules of a group can hold on.
    private func noteChunks(_ index: Int) {
        for number in chunkGroups.elements[index].ruleNumbers.sorted() {
            looksAtChunks = true
            let rule = rules.elements[Int(number)]
            chunkFilters.elements[index].add(
                ports: ports(of: rule), startByteCount: .max, holdsWhereKnown: true)
        }
    }

    /// The ports at which a rule may hold; nil for any.
    private func ports(
        of rule: Rule
    ) -> (source: [ClosedRange<UInt16>], destination: [ClosedRange<UInt16>])? {
        guard rule.traffic >= 0, !settings.isExhaustive else { return nil }
        return traffic.ports(of: Int(rule.traffic))
    }

    // MARK: Order

    private func orderRules() {
        let ranks = forms.map { RuleRank($0, settings.actionOrder) }
        let order = forms.indices.sorted {
            ranks[$0] == ranks[$1] ? $0 < $1 : ranks[$0] < ranks[$1]
        }
        for (place, index) in order.enumerated() {
            rules.elements[index].order = Int32(truncatingIfNeeded: place)
        }
    }
}

extension DetectionRule {
    /// The rule for those behind the matcher: the trees of conditions are most of what many rules take.
    fileprivate var withoutCondition: DetectionRule {
        var rule = self
        rule.condition = .all([])
        return rule
    }
}

extension TrafficFilter {
    /// Directions of a flow that the filter lets pass.
    fileprivate var directions: [Direction] {
        direction.map { [$0] } ?? [.toServer, .toClient]
    }

    /// Where to look for the payload, with what `flow` says of that.
    fileprivate var settledInspection: PayloadInspection {
        if flow.contains(.only_stream) { return .stream }
        return flow.contains(.no_stream) ? .packet : inspection
    }
}

extension FieldType {
    /// Values are bytes that can be searched.
    var isText: Bool { self == .text || self == .bytes }
}
