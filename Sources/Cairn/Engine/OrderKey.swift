/// Where something stands in the order of a run, whatever shard found it.
///
/// The order is that of the event clock; at equal clock what expired comes before packets, packets come by frame and
/// layer, and what one packet gave comes in the order in which its shard gave it.
struct OrderKey: Comparable {
    /// The event clock, or the deadline of what expired: nanoseconds since 1970.
    var clock: Int64
    /// 0 for what expired; the frame number of a packet.
    var frameNumber: UInt64
    var layer: UInt8
    /// The flow that expired; 0 for packets.
    var flowID: UInt64
    /// Counts what one packet or one expiry gave.
    var sequence: UInt32

    static func < (a: OrderKey, b: OrderKey) -> Bool {
        (a.clock, a.frameNumber, a.layer, a.flowID, a.sequence)
            < (b.clock, b.frameNumber, b.layer, b.flowID, b.sequence)
    }
}
