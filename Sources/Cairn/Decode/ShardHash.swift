extension Packet {
    /// A hash of the unordered address pair, by which packets are dealt out to shards: both
    /// directions of every flow between two hosts get the same. An ICMP error goes with the packet
    /// that it quotes.
    ///
    /// It only spreads load; who can choose addresses can load one shard, and finds its limits.
    var shardHash: UInt32 {
        guard ipVersion != 0 else { return 0 }
        if isICMPError, let quoted = quotedPacket {
            return Self.shardHash(quoted.source, quoted.destination)
        }
        return Self.shardHash(sourceAddress, destinationAddress)
    }

    /// Sums and differences of both addresses do not depend on their order; a multiplication
    /// spreads them.
    @inline(__always)
    static func shardHash(_ a: IPAddress, _ b: IPAddress) -> UInt32 {
        let sum = (a.low &+ b.low) ^ (a.high &+ b.high) &* 0x9e37_79b9_7f4a_7c15
        let difference = (a.low ^ b.low) &+ (a.high ^ b.high) &* 0xd1b5_4a32_d192_ed03
        let mixed = (sum ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(
            by: difference ^ 0xe703_7ed1_a0b4_28db)
        return UInt32(truncatingIfNeeded: (mixed.high ^ mixed.low) >> 32 ^ mixed.low)
    }
}
