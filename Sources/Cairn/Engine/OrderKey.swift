/// Where something stands in the order of a run, whatever shard found it.
///
/// The order is that of the event clock; at equal clock what expired comes before packets, packets come by frame and
/// layer, and what one packet gave comes in the order in which its shard gave it.
struct OrderKey: Comparable {
    /// The event clock, or the deadline of what expired: nanoseconds since 1970.
    var clock: Int64 = 0
    /// 0 for what expired; the frame number of a packet; behind all packets for what the end of the input ends.
    var frameNumber: UInt64 = 0
    var layer: UInt8 = 0
    /// The flow that expired; 0 for packets.
    var flowID: UInt64 = 0
    /// Counts what one packet or one expiry gave.
    var sequence: UInt32 = 0

    /// The place of what a packet gives.
    init(_ packet: UnsafePointer<Packet>) {
        clock = packet.pointee.clock.nanoseconds
        frameNumber = packet.pointee.frameNumber
        layer = packet.pointee.layer
    }

    /// The place of what the end of a flow gives.
    init(endOf flow: FlowPointer) {
        clock = flow.pointee.end.nanoseconds
        if flow.pointee.endReason == .shutdown { frameNumber = .max }
        flowID = flow.pointee.id
    }

    init() {}

    static func < (a: OrderKey, b: OrderKey) -> Bool {
        (a.clock, a.frameNumber, a.layer, a.flowID, a.sequence)
            < (b.clock, b.frameNumber, b.layer, b.flowID, b.sequence)
    }
}
