/// Where a rule of Suricata 8 is asked, said behind the protocol of its header: `tcp:flow_start`, `http1:request_line`.
struct SuricataHook: Equatable {
    enum Place: Equatable {
        /// Every packet, whatever the rule looks at.
        case everyPacket
        /// The first packet of each direction of a flow.
        case firstPackets
        /// What one side of a transaction has said.
        case transaction(Direction)
    }

    let place: Place
    let name: String
    /// Where the name stands in the rule.
    let offset: Int

    /// - Parameter proto: the protocol before the colon.
    init(_ word: SuricataValue, of proto: SuricataProtocol) throws(SuricataProblem) {
        name = word.text.lowercased()
        offset = word.offset
        let place = proto.applications.isEmpty ? Self.packets[name] : Self.transaction(name)
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

    /// States are named after the side that reaches them; what they are is told apart by what a rule looks at.
    private static func transaction(_ name: String) -> Place? {
        switch name.prefix(while: { $0 != "_" }) {
        case "request", "client": .transaction(.toServer)
        case "response", "server": .transaction(.toClient)
        default: nil
        }
    }

    /// The direction of the transaction's side; nil for packets.
    var direction: Direction? {
        if case .transaction(let direction) = place { direction } else { nil }
    }

    /// What is wrong with a rule that looks in some direction; nil if nothing is.
    func problem(looking direction: Direction?) -> SuricataProblem? {
        guard let own = self.direction, let direction, direction != own else { return nil }
        return SuricataProblem(
            offset: offset,
            message: "'\(name)' is seen \(own.words) only, the rule looks \(direction.words)")
    }

    /// What is left to say of a rule that looks at nothing of a transaction.
    var problem: SuricataProblem {
        SuricataProblem(
            offset: offset,
            message: "a rule that only waits for '\(name)' and looks at nothing is not supported",
            isSkip: true)
    }
}
