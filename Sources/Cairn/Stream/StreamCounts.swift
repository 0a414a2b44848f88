/// What the TCP engine of a shard did and could not do, in plain integers.
struct StreamCounts {
    var syn: UInt64 = 0
    var synAck: UInt64 = 0
    var rst: UInt64 = 0
    var sessions: UInt64 = 0
    var midstreamPickups: UInt64 = 0
    var invalidChecksum: UInt64 = 0
    var withoutSession: UInt64 = 0
    var sessionMemcapDrop: UInt64 = 0
    var segmentMemcapDrop: UInt64 = 0
    var depthReached: UInt64 = 0
    var overlap: UInt64 = 0
    var overlapDifferentData: UInt64 = 0
    var gap: UInt64 = 0
    var ackUnseenData: UInt64 = 0

    @inline(__always) mutating func add(_ packet: UnsafePointer<Packet>) {
        let flags = packet.pointee.tcpFlags
        guard !flags.isDisjoint(with: [.syn, .rst]) else { return }
        if flags.contains(.syn) {
            if flags.contains(.ack) { synAck &+= 1 } else { syn &+= 1 }
        }
        if flags.contains(.rst) { rst &+= 1 }
    }

    /// Adds them under Suricata's names where it has them.
    func report(into counters: inout Counters) {
        counters.add("tcp.syn", syn)
        counters.add("tcp.synack", synAck)
        counters.add("tcp.rst", rst)
        counters.add("tcp.sessions", sessions)
        counters.add("tcp.midstream_pickups", midstreamPickups)
        counters.add("tcp.invalid_checksum", invalidChecksum)
        counters.add("tcp.pkt_without_session", withoutSession)
        counters.add("tcp.ssn_memcap_drop", sessionMemcapDrop)
        counters.add("tcp.segment_memcap_drop", segmentMemcapDrop)
        counters.add("tcp.stream_depth_reached", depthReached)
        counters.add("tcp.overlap", overlap)
        counters.add("tcp.overlap_diff_data", overlapDifferentData)
        counters.add("tcp.reassembly_gap", gap)
        counters.add("tcp.ack_unseen_data", ackUnseenData)
    }
}
