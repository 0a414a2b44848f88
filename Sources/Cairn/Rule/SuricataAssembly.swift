/// What a rule looks at, and what must hold: made of the buffers that its options have filled.
extension SuricataDraft {
    /// The complete rule.
    mutating func rule() throws(SuricataProblem) -> DetectionRule {
        try checkBuffers()
        bringContentsToCase()
        try nestDecodedBuffers()
        splitFileBuffers()
        var subject = try subject()
        if subject == nil { subject = try awaitedSubject() }
        var rule: DetectionRule
        if let subject {
            let direction = try direction(of: subject)
            rule = DetectionRule(
                header: header, subject: subject,
                condition: try transactionCondition(subject, direction))
            traffic.isEachWay = direction == nil && !isTransactional && isTwoWay(subject)
            if isLookedForInHeaders { rule.trailers = .again }
            if subject == Self.file { rule.files = looksAgainAtFiles ? .again : .once }
        } else {
            rule = DetectionRule(header: header, subject: Self.packet, condition: packetCondition())
            // A packet whose transport cannot be decoded has none; what IP says of it counts.
            if looksAtDecoderEvents { traffic.protocols = [] }
            traffic.inspection = inspection()
            noteOccasion()
        }
        try checkPorts()
        try checkEnds()
        rule.traffic = traffic
        rule.state = state
        // All that a rule looks at must hold before it changes anything.
        rule.counters = counters.filter { !$0.action.isChange } + counters.filter(\.action.isChange)
        rule.threshold = threshold
        rule.detectionFilter = detectionFilter
        rule.alerts = alerts ?? (action != .pass)
        rule.action = action
        rule.bypasses = bypasses
        setRoles(of: &rule)
        return rule
    }

    /// Whether the content that Suricata looks for first is one in `http.header`, which it looks at twice, and whether it
    /// then knows all that the rule asks: the one that is marked, or else the longest. What there are few values of comes
    /// last.
    private var isLookedForInHeaders: Bool {
        let fewValued = ["http.method", "http.stat_code", "http.stat_msg"]
        var best = (rank: 0, byteCount: 0, isInHeaders: false)
        for buffer in buffers where !buffer.isEmpty {
            guard case .transaction(let sticky) = buffer.place,
                FieldRegistry.definition(of: sticky.field(nil)).available <= .headers
            else { return false }
            for case .content(let content) in buffer.steps
            where !content.isNegated || content.isFast {
                let rank = content.isFast ? 3 : fewValued.contains(sticky.keyword) ? 1 : 2
                guard (rank, content.bytes.count) > (best.rank, best.byteCount) else { continue }
                best = (rank, content.bytes.count, sticky.keyword == "http.header")
            }
        }
        return best.isInHeaders
    }

    /// Ports can be counted only where packets have some.
    private func checkPorts() throws(SuricataProblem) {
        guard let port = detectionFilter?.uniquePort else { return }
        let havePorts: [Transport] = [.tcp, .udp, .sctp]
        let isFine =
            proto.transports.isEmpty
            ? !proto.applications.isEmpty : proto.transports.allSatisfy(havePorts.contains)
        guard !isFine else { return }
        throw SuricataProblem(
            offset: 0, message: "'unique_on \(port.rawValue)' goes with tcp, udp and sctp only")
    }

    private mutating func checkBuffers() throws(SuricataProblem) {
        dropIdleTransforms()
        if current != 0, buffers[current].isEmpty {
            throw SuricataProblem(
                offset: buffers[current].offset,
                message: "nothing is looked for in this sticky buffer; a content must follow it")
        }
        for buffer in buffers.dropFirst() where buffer.isEmpty {
            throw SuricataProblem(
                offset: buffer.offset,
                message: "nothing is looked for in this sticky buffer; a content must follow it")
        }
    }

    /// Transforms behind the last content of a buffer change nothing that is looked for.
    private mutating func dropIdleTransforms() {
        let last = buffers[buffers.count - 1]
        guard current == buffers.count - 1, last.isEmpty, !last.transforms.isEmpty,
            let plain = buffers.dropLast().lastIndex(where: {
                $0.place == last.place && $0.transforms.isEmpty
            })
        else { return }
        buffers.removeLast()
        current = plain
    }

    private var stickies: [(sticky: SuricataSticky, offset: Int)] {
        buffers.compactMap { buffer in
            if case .transaction(let sticky) = buffer.place { (sticky, buffer.offset) } else { nil }
        }
    }

    /// The protocol whose transactions the rule is about; nil for packets.
    private mutating func subject() throws(SuricataProblem) -> Int? {
        let stickies = self.stickies
        guard let first = stickies.first else { return nil }
        let protocols = stickies.filter { $0.sticky.subject != Self.file }
        guard !requiresPacket else {
            throw SuricataProblem(
                offset: first.offset,
                message:
                    "'\(first.sticky.keyword)' looks at what a stream holds; 'dsize', 'flags' and"
                    + " the like, which look at single packets, cannot go with it")
        }
        guard let own = protocols.first ?? onlyHTTPFiles(stickies) else {
            try checkThatFilesAreCarried(first.offset)
            return Self.file
        }
        for (sticky, offset) in protocols where sticky.subject != own.sticky.subject {
            let names = [own.sticky, sticky].map { FieldRegistry.subjects[$0.subject].name }
            throw SuricataProblem(
                offset: offset,
                message: "'\(own.sticky.keyword)' and '\(sticky.keyword)' are about different"
                    + " protocols", isSkip: names.allSatisfy(["dcerpc", "smb"].contains))
        }
        let subject = own.sticky.subject
        let name = FieldRegistry.subjects[subject].name
        if !proto.applications.isEmpty, !isInPipes(name),
            Protocols.speaking(subject).isDisjoint(with: proto.applications)
        {
            throw SuricataProblem(
                offset: first.offset,
                message: "'\(own.sticky.keyword)' is about \(name), the rule about"
                    + " \(proto.applications[0])", isSkip: isInQUIC(name))
        }
        guard protocols.count < stickies.count else { return subject }
        return moveFilesToHTTP(subject) ? subject : Self.file
    }

    /// The protocol on whose transactions the rule waits that looks at nothing of them.
    private mutating func awaitedSubject() throws(SuricataProblem) -> Int? {
        guard let hook, let own = hook.direction else { return nil }
        let (progress, subject) = try hook.wait(for: proto)
        guard packetTests.isEmpty, buffers.allSatisfy(\.isEmpty), !requiresPacket else {
            throw hook.problem(
                "looks at packets or streams while it waits for a transaction, which is not supported"
            )
        }
        if let problem = hook.problem(looking: traffic.direction) { throw problem }
        if traffic.direction == nil {
            traffic.flow.append(own == .toServer ? .to_server : .to_client)
        }
        traffic.progress = progress
        return subject
    }

    /// Whether the rule is about DCE/RPC in the pipes of SMB.
    private func isInPipes(_ name: String) -> Bool {
        name == "dcerpc" && proto.applications == ["smb"]
    }

    /// Whether the rule is about the hellos of TLS in QUIC.
    private func isInQUIC(_ name: String) -> Bool {
        name == "tls" && proto.applications.contains("quic")
    }

    /// Rules on files can only be about protocols that carry some.
    private func checkThatFilesAreCarried(_ offset: Int) throws(SuricataProblem) {
        let carriers = ["http", "http2", "smtp", "ftp", "ftp-data", "smb", "nfs"]
        guard !proto.applications.isEmpty, !proto.applications.contains(where: carriers.contains)
        else { return }
        throw SuricataProblem(
            offset: offset, message: "\(proto.applications[0]) carries no files")
    }

    /// Which of the protocols that make the subject's transactions the rule means, unless it means all.
    private func speaking(on subject: Int) -> [Condition] {
        if isInPipes(FieldRegistry.subjects[subject].name) { return speaking() }
        let all = Protocols.speaking(subject)
        let meant = proto.applications.filter(all.contains)
        return meant.isEmpty || meant.count == all.count
            ? [] : [.anyOf(meant.map { Self.speaks($0) })]
    }

    /// A rule on HTTP that looks at nothing but `file.data` is about HTTP's bodies.
    private func onlyHTTPFiles(
        _ stickies: [(sticky: SuricataSticky, offset: Int)]
    ) -> (sticky: SuricataSticky, offset: Int)? {
        guard !Protocols.speaking(Self.http).isDisjoint(with: proto.applications),
            !looksAgainAtFiles,
            let field = SuricataBuffers.httpFileData,
            stickies.allSatisfy({ $0.sticky.keyword == "file.data" })
        else { return nil }
        return (field, stickies[0].offset)
    }

    /// What is looked for in nothing but names and contents of files, beside other buffers of HTTP, is looked for in those
    /// of its messages. Other rules are on the files, and look at the transaction that carries them.
    private mutating func moveFilesToHTTP(_ subject: Int) -> Bool {
        guard subject == Self.http, !looksAgainAtFiles,
            stickies.allSatisfy({
                $0.sticky.subject != Self.file
                    || ["file.data", "file.name"].contains($0.sticky.keyword)
            })
        else { return false }
        for index in buffers.indices {
            guard case .transaction(let sticky) = buffers[index].place,
                sticky.subject == Self.file
            else { continue }
            let own =
                sticky.keyword == "file.data"
                ? SuricataBuffers.httpFileData : SuricataBuffers.httpFileName
            if var own {
                own.side = sticky.side
                buffers[index].place = .transaction(own)
            }
        }
        return true
    }

    // MARK: Direction

    /// The direction that the rule is about: as `flow` says, or as its buffers do.
    private mutating func direction(of subject: Int) throws(SuricataProblem) -> Direction? {
        var direction = traffic.direction
        guard !isTransactional else { return direction }
        if let problem = hook?.problem(looking: direction) { throw problem }
        if direction == nil, let own = hook?.direction {
            traffic.flow.append(own == .toServer ? .to_server : .to_client)
            direction = own
        }
        for (sticky, offset) in stickies where sticky.subject != Self.file || sticky.side != nil {
            guard let own = sticky.direction else { continue }
            if let other = direction, other != own {
                throw SuricataProblem(
                    offset: offset,
                    message: "'\(sticky.keyword)' is seen \(own.words) only, the rule looks"
                        + " \(other.words)")
            }
            direction = own
        }
        if let direction, traffic.direction == nil {
            traffic.flow.append(direction == .toServer ? .to_server : .to_client)
        }
        return direction
    }

    /// Whether a field of the rule has values in both directions; those of files have not, nor what a data connection is
    /// for.
    private func isTwoWay(_ subject: Int) -> Bool {
        guard subject != Self.ftpData else { return false }
        return stickies.contains { $0.sticky.subject != Self.file } || looksAtEnds
    }

    // MARK: Conditions

    private func transactionCondition(
        _ subject: Int, _ direction: Direction?
    ) throws(SuricataProblem) -> Condition {
        var conditions = commonTests + protocolTests
        conditions += addressTests(isTransactional ? nil : direction)
        conditions = (subject == Self.file ? speaking() : speaking(on: subject)) + conditions
        for buffer in buffers {
            switch buffer.place {
            case .transaction(let sticky):
                conditions += buffer.matches(sticky.field(isTransactional ? nil : direction))
            case .payload: conditions += buffer.matches(Self.field("payload"))
            case .packet, .base64, .end: break
            }
        }
        return .allOf(conditions)
    }

    private func packetCondition() -> Condition {
        var conditions = speaking()
        if let version = proto.ipVersion {
            conditions.append(Self.test("ip.version", .number(.equal, version)))
        }
        switch proto.link {
        case .arp:
            conditions.append(
                Self.test("ether.type", .number(.equal, Int64(EtherType.arp.rawValue))))
        case .ether: conditions.append(Self.test("ether.hdr", .exists(true)))
        case nil: break
        }
        if looksAtDecoderEvents, !proto.transports.isEmpty {
            conditions.append(
                .anyOf(
                    proto.transports.compactMap(\.ipProtocol).map {
                        Self.test("ip.proto", .number(.equal, Int64($0)))
                    }))
        }
        if looksAtIPOnly { conditions.append(Self.test("ip.version", .exists(true))) }
        conditions += commonTests + protocolTests + addressTests(nil) + packetTests
        for buffer in buffers {
            switch buffer.place {
            case .payload: conditions += buffer.matches(Self.field("payload"))
            case .packet(let index):
                conditions += buffer.matches(
                    FieldID(
                        subject: UInt8(truncatingIfNeeded: Self.packet),
                        index: UInt16(truncatingIfNeeded: index)))
            case .transaction, .base64, .end: break
            }
        }
        return .allOf(conditions)
    }

    /// Frames that hold no IP packet are looked at by rules on decoder events alone.
    private var looksAtIPOnly: Bool {
        proto.transports.isEmpty && proto.applications.isEmpty && proto.ipVersion == nil
            && !proto.includesAllPackets && proto.link == nil && !looksAtDecoderEvents
    }

    /// The flow speaks the protocol of the rule's header.
    private func speaking() -> [Condition] {
        proto.applications.isEmpty ? [] : [.anyOf(proto.applications.map { Self.speaks($0) })]
    }

    /// Where payload is looked at. In TCP that is the stream, unless something is about single packets; contents that
    /// count from the start are looked for in both.
    private func inspection() -> PayloadInspection {
        guard proto.includesTCP, !buffers[0].isEmpty else { return .packet }
        if let own = proto.inspection { return own }
        if requiresPacket { return requiresStream ? [.packet, .stream] : .packet }
        if requiresStream { return .stream }
        let isAbsolute = buffers[0].steps.contains { step in
            guard case .content(let content) = step else { return false }
            return content.offset != nil || content.depth != nil || content.startsWith
        }
        return isAbsolute || looksAtStreamSize ? [.packet, .stream] : .stream
    }

    // MARK: Roles

    /// `target` says who suffers; the other end acts.
    private func setRoles(of rule: inout DetectionRule) {
        guard let targetIsSource else { return }
        let source: String
        let destination: String
        if rule.subject == Self.packet {
            (source, destination) = ("src.ip", "dst.ip")
        } else if rule.traffic.direction == .toClient {
            (source, destination) = ("server.ip", "client.ip")
        } else {
            (source, destination) = ("client.ip", "server.ip")
        }
        rule.victim = Self.field(targetIsSource ? source : destination, subject: rule.subject)
        rule.actor = Self.field(targetIsSource ? destination : source, subject: rule.subject)
    }
}

extension Transport {
    /// Its number in IP headers.
    fileprivate var ipProtocol: UInt8? {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .icmp: 1
        case .icmpv6: 58
        case .sctp: 132
        case .none, .other: nil
        }
    }
}

extension Direction {
    /// Whom it goes to.
    var words: String { self == .toServer ? "to the server" : "to the client" }
}

extension SuricataBuffer {
    /// The tests of one field. Contents whose place means nothing are plain texts, as a person
    /// would write them; others
    /// are steps of a sequence.
    func matches(_ field: FieldID) -> [Condition] {
        switch absence {
        case .only: [.match(FieldMatch(field: field, predicate: .isAbsent))]
        case .orElse:
            [
                .anyOf([
                    .match(FieldMatch(field: field, predicate: .isAbsent)),
                    .allOf(presentMatches(field)),
                ])
            ]
        case nil: presentMatches(field)
        }
    }

    private func presentMatches(_ field: FieldID) -> [Condition] {
        var conditions = self.conditions + numberTests.map { $0.condition(field) }
        conditions += predicates.map { predicate in
            Condition.match(FieldMatch(field: field, transforms: transforms, predicate: predicate))
        }
        guard !steps.isEmpty else { return conditions }
        for predicate in texts(field) ?? [.sequence(steps)] {
            conditions.append(
                .match(FieldMatch(field: field, transforms: transforms, predicate: predicate)))
        }
        return conditions
    }

    /// The steps as plain texts; nil if they are more than that.
    private func texts(_ field: FieldID) -> [Predicate]? {
        if let whole { return [.text(whole)] }
        // Several contents of a list must be found in the same element.
        if steps.count > 1,
            FieldRegistry.definition(of: field).isList || Int(field.subject) == SuricataDraft.file
        {
            return nil
        }
        var predicates: [Predicate] = []
        for step in steps {
            switch step {
            case .content(let content):
                guard let pattern = content.pattern else { return nil }
                predicates.append(.text(pattern))
            case .regex(let pattern, isRelative: false, isNegated: false, captures: let names):
                guard names.isEmpty, !pattern.isExtended, !pattern.isAnchored,
                    !pattern.dollarAtEndOnly, !pattern.isUngreedy
                else { return nil }
                predicates.append(.regex(pattern))
            default: return nil
            }
        }
        return predicates
    }

    /// One content that is as long as the value must be.
    private var whole: TextPattern? {
        guard steps.count == 2 else { return nil }
        let content: ContentStep
        let size: Int64
        switch (steps[0], steps[1]) {
        case (.content(let step), .size(.equal, let count)),
            (.size(.equal, let count), .content(let step)):
            (content, size) = (step, count)
        default: return nil
        }
        guard content.bytes.count == size, content.isPlain,
            String(validating: content.bytes, as: UTF8.self) != nil
        else { return nil }
        return TextPattern(parts: [.literal(content.bytes)], isCased: !content.ignoresCase)
    }
}

extension ContentStep {
    /// Without bounds that count in bytes.
    fileprivate var isPlain: Bool {
        !isNegated && offset == nil && depth == nil && distance == nil && within == nil
    }

    /// The content as a text anywhere in the value, at its start or end; nil if it is more than that.
    fileprivate var pattern: TextPattern? {
        guard isPlain, String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var parts: [TextPattern.Part] = []
        if !startsWith { parts.append(.anyMany) }
        parts.append(.literal(bytes))
        if !endsWith { parts.append(.anyMany) }
        return TextPattern(parts: parts, isCased: !ignoresCase)
    }
}
