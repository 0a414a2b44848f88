/// Settings of the flow table under Suricata's names (`flow.*`, `flow-timeouts.*`,
/// `vlan.use-for-tracking`).
struct FlowSettings: Equatable, Sendable {
    /// `flow.memcap`: bytes for flows, of all shards together.
    var memcap = 128 << 20
    /// `flow.prealloc`: flows that memory is set aside for at the start, of all shards together.
    var prealloc = 10_000
    /// `vlan.use-for-tracking`: the same tuple in another VLAN is another flow.
    var usesVLAN = true
    /// `flow-timeouts.default` and so on. The `emergency-` variants have no counterpart: at the
    /// limit the flow with the earliest deadline makes room, at once and without a mode.
    var otherTimeouts = Timeouts(new: 30, established: 300, closed: 0)
    var tcpTimeouts = Timeouts(new: 60, established: 600, closed: 60)
    var udpTimeouts = Timeouts(new: 30, established: 300, closed: 0)
    var icmpTimeouts = Timeouts(new: 30, established: 300, closed: 0)

    /// Seconds without a packet after which a flow ends, by its state.
    struct Timeouts: Equatable, Sendable {
        var new: Int
        var established: Int
        var closed: Int
    }
}
