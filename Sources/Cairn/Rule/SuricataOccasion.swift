/// When a rule on packets is asked that looks neither at payload nor at headers.
extension SuricataDraft {
    /// A rule about nothing but who talks to whom holds once for each direction of a flow; one about nothing but what the
    /// flow speaks, once for each direction when that is known. Others hold on every packet.
    mutating func noteOccasion() {
        guard packetTests.isEmpty, buffers.allSatisfy(\.isEmpty) else { return }
        if !protocolTests.isEmpty {
            let looksAtState =
                !state.allSatisfy(\.isChange) || !counters.allSatisfy(\.action.isChange)
            if commonTests.isEmpty, !looksAtState { traffic.flow.append(.protocol_known) }
        } else if isAboutEndsOnly {
            traffic.flow.append(.first_packet)
        }
    }

    /// Groups of addresses that exclude some are looked at with every packet, as is what earlier packets have noted.
    private var isAboutEndsOnly: Bool {
        traffic.flow.isEmpty && proto.applications.isEmpty && proto.inspection == nil
            && proto.ipVersion == nil && proto.link == nil
            && commonTests.allSatisfy(Self.isAboutIPProtocol)
            && traffic.source.addresses.excluded.isEmpty
            && traffic.destination.addresses.excluded.isEmpty
            && counters.isEmpty
            && endTests.allSatisfy { if case .reputation = $0.predicate { true } else { false } }
            && state.allSatisfy { $0.action == .set || $0.scope != .flow }
    }

    private static func isAboutIPProtocol(_ condition: Condition) -> Bool {
        guard case .match(let match) = condition else { return false }
        return match.field == field("ip.proto", subject: FieldRegistry.common)
    }
}
