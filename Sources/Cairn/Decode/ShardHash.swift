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

    /// The sum of the hashes of both addresses, which does not depend on their order.
    @inline(__always)
    static func shardHash(_ a: IPAddress, _ b: IPAddress) -> UInt32 {
        let sum = spread(a) &+ spread(b)
        return UInt32(truncatingIfNeeded: (sum ^ sum >> 32) &* 0x9e37_79b9_7f4a_7c15 >> 32)
    }

    @inline(__always)
    private static func spread(_ address: IPAddress) -> UInt64 {
        let product = (address.low ^ 0xa076_1d64_78bd_642f).multipliedFullWidth(
            by: address.high ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }
}
