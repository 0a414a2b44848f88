/// Named counts of what happened and of what was not looked at, as the stages report them at the end of a run.
///
/// Names are dotted paths in the style of Suricata's statistics (`decoder.pkts`, `tcp.memcap.evicted`), so that they nest
/// in JSON. Stages count in plain stored integers on the hot path and only name them here.
public struct Counters: Equatable, Sendable {
    /// Every count that was reported, by name.
    public private(set) var values: [String: UInt64] = [:]

    /// Creates an empty set.
    public init() {}

    /// Adds to a count; the same name from several shards adds up.
    public mutating func add(_ name: String, _ value: UInt64) {
        values[name, default: 0] &+= value
    }

    /// The count of a name, zero if nobody reported it.
    public subscript(_ name: String) -> UInt64 { values[name] ?? 0 }
}
