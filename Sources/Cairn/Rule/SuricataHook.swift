/// Where a rule of Suricata 8 is asked, said behind the protocol of its header: `tcp:flow_start`, `http1:request_line`.
struct SuricataHook: Equatable {
    enum Place: Equatable {
        /// Every packet, whatever the rule looks at.
        case everyPacket
        /// The first packet of each direction of a flow.
        case firstPackets
        /// What one side of a transaction has said, so far; nil for a state that is not known.
        case transaction(Direction, Progress?)
    }

    let place: Place
    let name: String
    /// Where the name stands in the rule.
    let offset: Int

    /// - Parameter proto: the protocol before the colon.
    init(_ word: SuricataValue, of proto: SuricataProtocol) throws(SuricataProblem) {
        name = word.text.lowercased()
        offset = word.offset
        let place =
            proto.applications.isEmpty
            ? Self.packets[name] : Self.transaction(name, proto.applications[0])
        guard let place else {
            throw word.error(
                "unknown hook '\(name)'; use "
                    + (proto.applications.isEmpty
                        ? alternatives(Self.packets.keys.sorted())
                        : "a state of the protocol, like request_complete or response_complete"))
        }
        self.place = place
    }

    private static let packets: [String: Place] = [
        "all": .everyPacket, "flow_start": .firstPackets,
    ]

    /// States are named after the side that reaches them.
    private static func transaction(_ name: String, _ application: String) -> Place? {
        guard let underscore = name.firstIndex(of: "_") else { return nil }
        let state = String(name[name.index(after: underscore)...])
        let direction: Direction
        switch name[..<underscore] {
        case "request", "client": direction = .toServer
        case "response", "server": direction = .toClient
        default: return nil
        }
        let own = states[application] ?? [:]
        return .transaction(direction, own[name] ?? own[state] ?? everywhere[state])
    }

    /// States that every protocol has.
    private static let everywhere: [String: Progress] = ["started": .line, "complete": .complete]

    /// What else protocols call how far a side has come, with or without the side's name.
    private static let states: [String: [String: Progress]] = [
        "http": [
            "line": .line, "headers": .headers, "body": .body, "trailer": .message,
        ],
        "tls": [
            "in_progress": .line, "client_hello_done": .headers, "server_hello": .headers,
            // The server's comes behind its certificates.
            "server_hello_done": .body, "cert_done": .body, "handshake_done": .complete,
            "finished": .complete,
        ],
        "ssh": [
            "in_progress": .line, "banner_wait_eol": .line, "banner_done": .line,
            "finished": .complete,
        ],
    ]

    /// The direction of the transaction's side; nil for packets.
    var direction: Direction? {
        if case .transaction(let direction, _) = place { direction } else { nil }
    }

    /// What is wrong with a rule that looks in some direction; nil if nothing is.
    func problem(looking direction: Direction?) -> SuricataProblem? {
        guard let own = self.direction, let direction, direction != own else { return nil }
        return SuricataProblem(
            offset: offset,
            message: "'\(name)' is seen \(own.words) only, the rule looks \(direction.words)")
    }

    /// A rule that is fine but for what is not supported with its hook.
    func problem(_ what: String) -> SuricataProblem {
        SuricataProblem(offset: offset, message: "the rule \(what)", isSkip: true)
    }

    /// What a rule waits for that looks at nothing of a transaction: how far its side must have come, and the subject of the
    /// transactions.
    func wait(for proto: SuricataProtocol) throws(SuricataProblem) -> (Progress, subject: Int) {
        guard case .transaction(_, let progress?) = place else {
            throw problem(
                "waits for '\(name)', which is no state of \(proto.applications[0]) that is known")
        }
        let definition = Protocols.parsed.first { $0.name == proto.applications[0] }
        guard let definition,
            let subject = FieldRegistry.subject(
                named: (definition.transactions ?? definition).name)
        else {
            throw problem(
                "waits for transactions of \(proto.applications[0]), which is recognised but not read"
            )
        }
        return (progress, subject)
    }
}
