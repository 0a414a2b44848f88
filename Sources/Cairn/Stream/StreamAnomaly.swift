/// A named oddity of a TCP connection. Names are those of Suricata's stream events.
enum StreamAnomaly: UInt8, CaseIterable, Sendable {
    // Handshake
    case handshakeAckInWrongDirection
    case handshakeAsyncWrongSequence
    case handshakeAckDataInject
    case handshakeRightSequenceWrongAck
    case handshakeWrongSequenceWrongAck
    case handshakeSYNFlood
    case handshakeSYNResentWithOtherSequence
    case handshakeSYNToClient
    case handshakeSYNACKFlood
    case handshakeSYNACKInWrongDirection
    case handshakeSYNACKResentWithOtherSequence
    case handshakeSYNACKResentWithOtherAck
    case handshakeSYNACKToServer
    case handshakeSYNACKWithWrongAck
    case handshakeFastOpenDataIgnored
    case fourWayInvalidAck
    case fourWaySYNACKWithWrongAck
    case fourWaySYNACKWithWrongSYN
    case fourWayWrongSequence
    // Established
    case establishedInvalidAck
    case establishedOutOfWindow
    case establishedBeforeLastAck
    case establishedSYNResent
    case establishedSYNResentWithOtherSequence
    case establishedSYNToClient
    case establishedSYNACKResent
    case establishedSYNACKResentWithOtherSequence
    case establishedSYNACKResentWithOtherAck
    case establishedSYNACKToServer
    // Closing
    case closeWaitAckOutOfWindow
    case closeWaitFINOutOfWindow
    case closeWaitInvalidAck
    case closeWaitBeforeLastAck
    case closingAckWrongSequence
    case closingInvalidAck
    case finWait1AckWrongSequence
    case finWait1FINWrongSequence
    case finWait1InvalidAck
    case finWait2AckWrongSequence
    case finWait2FINWrongSequence
    case finWait2InvalidAck
    case lastAckAckWrongSequence
    case lastAckInvalidAck
    case timeWaitAckWrongSequence
    case timeWaitInvalidAck
    case closingSYNResent
    // FIN and RST
    case finWithoutSession
    case finInvalidAck
    case finOutOfWindow
    case finWithSYN
    case rstWithoutSession
    case rstInvalidAck
    case suspectedRSTInjection
    // Any packet
    case invalidTimestamp
    case invalidAck
    case brokenAck
    case badWindowUpdate
    case retransmission
    case spuriousRetransmission
    // Reassembly
    case overlapWithOtherData
    case segmentBeforeBase
    case gap
    case depthReached

    /// The name in events, counters and rules: `stream.est_invalid_ack`.
    var name: StaticString {
        switch self {
        case .handshakeAckInWrongDirection: "stream.3whs_ack_in_wrong_dir"
        case .handshakeAsyncWrongSequence: "stream.3whs_async_wrong_seq"
        case .handshakeAckDataInject: "stream.3whs_ack_data_inject"
        case .handshakeRightSequenceWrongAck: "stream.3whs_right_seq_wrong_ack_evasion"
        case .handshakeWrongSequenceWrongAck: "stream.3whs_wrong_seq_wrong_ack"
        case .handshakeSYNFlood: "stream.3whs_syn_flood"
        case .handshakeSYNResentWithOtherSequence: "stream.3whs_syn_resend_diff_seq_on_syn_recv"
        case .handshakeSYNToClient: "stream.3whs_syn_toclient_on_syn_recv"
        case .handshakeSYNACKFlood: "stream.3whs_synack_flood"
        case .handshakeSYNACKInWrongDirection: "stream.3whs_synack_in_wrong_direction"
        case .handshakeSYNACKResentWithOtherSequence: "stream.3whs_synack_resend_with_diff_seq"
        case .handshakeSYNACKResentWithOtherAck: "stream.3whs_synack_resend_with_different_ack"
        case .handshakeSYNACKToServer: "stream.3whs_synack_toserver_on_syn_recv"
        case .handshakeSYNACKWithWrongAck: "stream.3whs_synack_with_wrong_ack"
        case .handshakeFastOpenDataIgnored: "stream.3whs_synack_tfo_data_ignored"
        case .fourWayInvalidAck: "stream.4whs_invalid_ack"
        case .fourWaySYNACKWithWrongAck: "stream.4whs_synack_with_wrong_ack"
        case .fourWaySYNACKWithWrongSYN: "stream.4whs_synack_with_wrong_syn"
        case .fourWayWrongSequence: "stream.4whs_wrong_seq"
        case .establishedInvalidAck: "stream.est_invalid_ack"
        case .establishedOutOfWindow: "stream.est_packet_out_of_window"
        case .establishedBeforeLastAck: "stream.est_pkt_before_last_ack"
        case .establishedSYNResent: "stream.est_syn_resend"
        case .establishedSYNResentWithOtherSequence: "stream.est_syn_resend_diff_seq"
        case .establishedSYNToClient: "stream.est_syn_toclient"
        case .establishedSYNACKResent: "stream.est_synack_resend"
        case .establishedSYNACKResentWithOtherSequence: "stream.est_synack_resend_with_diff_seq"
        case .establishedSYNACKResentWithOtherAck: "stream.est_synack_resend_with_different_ack"
        case .establishedSYNACKToServer: "stream.est_synack_toserver"
        case .closeWaitAckOutOfWindow: "stream.closewait_ack_out_of_window"
        case .closeWaitFINOutOfWindow: "stream.closewait_fin_out_of_window"
        case .closeWaitInvalidAck: "stream.closewait_invalid_ack"
        case .closeWaitBeforeLastAck: "stream.closewait_pkt_before_last_ack"
        case .closingAckWrongSequence: "stream.closing_ack_wrong_seq"
        case .closingInvalidAck: "stream.closing_invalid_ack"
        case .finWait1AckWrongSequence: "stream.fin1_ack_wrong_seq"
        case .finWait1FINWrongSequence: "stream.fin1_fin_wrong_seq"
        case .finWait1InvalidAck: "stream.fin1_invalid_ack"
        case .finWait2AckWrongSequence: "stream.fin2_ack_wrong_seq"
        case .finWait2FINWrongSequence: "stream.fin2_fin_wrong_seq"
        case .finWait2InvalidAck: "stream.fin2_invalid_ack"
        case .lastAckAckWrongSequence: "stream.lastack_ack_wrong_seq"
        case .lastAckInvalidAck: "stream.lastack_invalid_ack"
        case .timeWaitAckWrongSequence: "stream.timewait_ack_wrong_seq"
        case .timeWaitInvalidAck: "stream.timewait_invalid_ack"
        case .closingSYNResent: "stream.shutdown_syn_resend"
        case .finWithoutSession: "stream.fin_but_no_session"
        case .finInvalidAck: "stream.fin_invalid_ack"
        case .finOutOfWindow: "stream.fin_out_of_window"
        case .finWithSYN: "stream.fin_syn"
        case .rstWithoutSession: "stream.rst_but_no_session"
        case .rstInvalidAck: "stream.rst_invalid_ack"
        case .suspectedRSTInjection: "stream.suspected_rst_inject"
        case .invalidTimestamp: "stream.pkt_invalid_timestamp"
        case .invalidAck: "stream.pkt_invalid_ack"
        case .brokenAck: "stream.pkt_broken_ack"
        case .badWindowUpdate: "stream.pkt_bad_window_update"
        case .retransmission: "stream.pkt_retransmission"
        case .spuriousRetransmission: "stream.pkt_spurious_retransmission"
        case .overlapWithOtherData: "stream.reassembly_overlap_different_data"
        case .segmentBeforeBase: "stream.reassembly_segment_before_base_seq"
        case .gap: "stream.reassembly_seq_gap"
        case .depthReached: "stream.reassembly_depth_reached"
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

/// A set of stream anomalies in one word.
struct StreamAnomalySet: Hashable, Sendable {
    private var bits: UInt64 = 0

    @inline(__always) var isEmpty: Bool { bits == 0 }

    @inline(__always) mutating func insert(_ anomaly: StreamAnomaly) {
        bits |= 1 << UInt64(anomaly.rawValue)
    }

    @inline(__always) func contains(_ anomaly: StreamAnomaly) -> Bool {
        bits >> UInt64(anomaly.rawValue) & 1 == 1
    }
}
