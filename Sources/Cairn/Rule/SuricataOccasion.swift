/// When a rule on packets is asked that looks neither at payload nor at headers.
extension SuricataDraft {
    /// A rule about nothing but who talks to whom holds once for each direction of a flow; one about nothing but what the
    /// flow speaks, once for each direction when that is known. Others hold on every packet.
    ///
    /// The header may say it with a hook.
    ///
    /// Suricata ends a connection with a packet of its own for each direction, to look at what is left. On that hold rules
    /// which ask nothing of packets but whose they are.
    mutating func noteOccasion() {
        // A packet by itself is never a stream.
        if requiresStream, buffers[0].isEmpty { traffic.flow.append(.no_stream) }
        if looksForPayload { traffic.flow.append(.with_payload) }
        if !protocolTests.isEmpty {
            traffic.flow.append(isAboutProtocolOnly ? .protocol_known : .protocol_seen)
        } else if let hook {
            if hook.place == .firstPackets { traffic.flow.append(.first_packet) }
        } else if isAboutProtocolOnly, !proto.applications.isEmpty {
            traffic.inspection.insert(.end)
        } else if isAboutEndsOnly {
            if excludesAddresses {
                traffic.inspection.insert(.end)
            } else {
                traffic.flow.append(.first_packet)
            }
        }
    }

    /// Payload is looked at, and what is asked of it may hold on none: only where there is some it does.
    private var looksForPayload: Bool {
        guard !buffers[0].isEmpty, !traffic.flow.contains(.with_payload) else { return false }
        return !buffers[0].steps.contains { step in
            if case .content(let content) = step { !content.isNegated } else { false }
        }
    }

    private var looksAtNothing: Bool { packetTests.isEmpty && buffers.allSatisfy(\.isEmpty) }

    /// Which way a packet goes and what version of IP it is tells nothing about it; what it changes, it need not look at.
    private var isAboutProtocolOnly: Bool {
        let directions: [FlowCondition] = [.to_server, .to_client, .from_server, .from_client]
        return looksAtNothing && endTests.isEmpty && commonTests.allSatisfy(Self.isAboutIPVersion)
            && traffic.flow.allSatisfy(directions.contains)
            && state.allSatisfy(\.isChange) && counters.allSatisfy(\.action.isChange)
    }

    private var isAboutEndsOnly: Bool {
        looksAtNothing && traffic.flow.isEmpty && proto.applications.isEmpty
            && proto.link == nil
            && commonTests.allSatisfy { Self.isAboutIPProtocol($0) || Self.isAboutIPVersion($0) }
            && counters.isEmpty
            && endTests.allSatisfy { if case .reputation = $0.predicate { true } else { false } }
            && state.allSatisfy { $0.action == .set || $0.scope != .flow }
    }

    /// Groups of addresses that exclude some are looked at with every packet, as is what earlier packets have noted.
    private var excludesAddresses: Bool {
        !traffic.source.addresses.excluded.isEmpty
            || !traffic.destination.addresses.excluded.isEmpty
    }

    private static func isAboutIPProtocol(_ condition: Condition) -> Bool {
        isTest(condition, of: "ip.proto")
    }

    private static func isAboutIPVersion(_ condition: Condition) -> Bool {
        isTest(condition, of: "ip.version")
    }

    private static func isTest(_ condition: Condition, of name: String) -> Bool {
        guard case .match(let match) = condition else { return false }
        return match.field == field(name, subject: FieldRegistry.common)
    }
}
