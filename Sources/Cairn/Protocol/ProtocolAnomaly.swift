/// What is odd about what a flow speaks, before any parser looks: the two directions do not agree, or
/// do not speak what was announced. Names are those of Suricata's application-layer events.
enum ProtocolAnomaly: UInt8, CaseIterable, Sendable {
    /// Each direction speaks another protocol.
    case mismatchBothDirections
    /// One direction speaks a protocol, and nobody knows what the other speaks.
    case onlyOneDirection
    /// Much was sent one way and nothing the other, and nobody knows what it is.
    case detectionSkipped
    /// What follows STARTTLS is not TLS.
    case noTLSAfterSTARTTLS
    /// Another protocol than the one that was announced.
    case unexpectedProtocol
    /// Data first from the end that does not speak first. Every protocol here takes what it gets.
    case wrongDirectionFirstData

    /// The name in events and rules.
    var name: StaticString {
        switch self {
        case .mismatchBothDirections: "applayer_mismatch_protocol_both_directions"
        case .onlyOneDirection: "applayer_detect_protocol_only_one_direction"
        case .detectionSkipped: "applayer_proto_detection_skipped"
        case .noTLSAfterSTARTTLS: "applayer_no_tls_after_starttls"
        case .unexpectedProtocol: "applayer_unexpected_protocol"
        case .wrongDirectionFirstData: "applayer_wrong_direction_first_data"
        }
    }

    /// The anomaly of a name, as rules write it.
    init?(name: String) {
        guard let anomaly = Self.allCases.first(where: { $0.name.description == name }) else {
            return nil
        }
        self = anomaly
    }
}

/// A set of these anomalies in one byte.
struct ProtocolAnomalySet: Hashable, Sendable {
    private var bits: UInt8 = 0

    @inline(__always) var isEmpty: Bool { bits == 0 }

    @inline(__always) mutating func insert(_ anomaly: ProtocolAnomaly) {
        bits |= 1 << anomaly.rawValue
    }

    @inline(__always) func contains(_ anomaly: ProtocolAnomaly) -> Bool {
        bits >> anomaly.rawValue & 1 == 1
    }
}
