/// A named oddity of a packet's headers. Names are those of Suricata's decoder events where it has one.
enum DecodeAnomaly: UInt8, CaseIterable, Sendable {
    case ethernetTruncated
    case ipv4Truncated

    /// The name in events, counters and rules: `ipv4.trunc_pkt`.
    var name: StaticString {
        switch self {
        case .ethernetTruncated: "ethernet.pkt_too_small"
        case .ipv4Truncated: "ipv4.trunc_pkt"
        }
    }
}

/// A set of decode anomalies in two words.
struct DecodeAnomalySet: Hashable, Sendable {
    private var bits: SIMD2<UInt64> = .zero

    @inline(__always) var isEmpty: Bool { bits == .zero }

    @inline(__always) mutating func insert(_ anomaly: DecodeAnomaly) {
        bits[Int(anomaly.rawValue >> 6)] |= 1 << UInt64(anomaly.rawValue & 63)
    }

    @inline(__always) func contains(_ anomaly: DecodeAnomaly) -> Bool {
        bits[Int(anomaly.rawValue >> 6)] >> UInt64(anomaly.rawValue & 63) & 1 == 1
    }
}
