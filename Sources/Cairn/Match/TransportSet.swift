/// Some of the transports.
struct TransportSet: OptionSet {
    let rawValue: UInt8

    static let all = TransportSet(Self.order)
    private static let order: [Transport] = [
        .none, .tcp, .udp, .icmp, .icmpv6, .sctp, .other,
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ transports: [Transport]) {
        rawValue = transports.reduce(0) { $0 | 1 << $1.rawValue }
    }

    func contains(_ transport: Transport) -> Bool { rawValue >> transport.rawValue & 1 != 0 }

    /// Its members, in a fixed order.
    var transports: [Transport] { Self.order.filter(contains) }
}

extension TransportSet {
    /// The transports of packets, or of flows, on which a condition can hold: rules about ICMP need not be asked about every
    /// packet of TCP.
    static func of(_ condition: RuleCondition, _ subjects: [ProtocolDefinition]) -> TransportSet {
        switch condition {
        case .constant: .all
        case .test(let match, let isNegated): isNegated ? .all : of(match, subjects)
        case .all(let parts):
            parts.reduce(.all) { $0.intersection(of($1, subjects)) }
        case .any(let parts): parts.reduce([]) { $0.union(of($1, subjects)) }
        }
    }

    private static func of(
        _ match: FieldMatch, _ subjects: [ProtocolDefinition]
    ) -> TransportSet {
        guard let field = match.field, match.elements == nil, !match.predicate.isAbsence else {
            return .all
        }
        if Int(field.subject) == FieldRegistry.common { return of(common: match, field) }
        guard subjects[Int(field.subject)] === PacketFields.definition else { return .all }
        return PacketFields.transports(of: Int(field.index)).map { TransportSet($0) } ?? .all
    }

    private static func of(common match: FieldMatch, _ field: FieldID) -> TransportSet {
        guard match.transforms.isEmpty, case .text(let pattern) = match.predicate else {
            return .all
        }
        switch CommonField(rawValue: Int(field.index)) {
        // Streams and datagrams are asked what they speak, nothing else is.
        case .applicationProtocol, .originalProtocol, .senderProtocol:
            return TransportSet([.tcp, .udp])
        case .proto:
            guard pattern.parts.count == 1, case .literal(let name) = pattern.parts[0] else {
                return .all
            }
            return named(String(decoding: name.map(\.asciiLowercased), as: UTF8.self))
        default: return .all
        }
    }

    /// The transports that `proto` calls by a name.
    private static func named(_ name: String) -> TransportSet {
        switch name {
        case "tcp": TransportSet([.tcp])
        case "udp": TransportSet([.udp])
        case "icmp": TransportSet([.icmp])
        case "icmpv6": TransportSet([.icmpv6])
        case "sctp": TransportSet([.sctp])
        default: TransportSet([.none, .other])
        }
    }
}

extension PacketFields {
    /// The transports of packets that can have a field; nil if all can.
    fileprivate static func transports(of field: Int) -> [Transport]? {
        switch PacketField(rawValue: field) {
        case .tcpFlags, .tcpFlagsText, .tcpSequence, .tcpAcknowledgment, .tcpWindow, .tcpMSS,
            .tcpUrgent, .tcpHeader, .streamAnomaly:
            [.tcp]
        case .udpHeader: [.udp]
        case .icmpType, .icmpCode, .icmpID, .icmpSequence, .icmpMTU: [.icmp, .icmpv6]
        case .icmpHeader: [.icmp]
        case .icmpv6Header: [.icmpv6]
        default: nil
        }
    }
}
