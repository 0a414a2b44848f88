/// A piece of one direction's ordered bytes, as the reassembler hands it on; each byte once.
struct StreamChunk {
    enum Kind: UInt8 {
        /// Bytes in order.
        case data
        /// `gapByteCount` bytes that were never captured and will not come.
        case gap
        /// The direction ended: its FIN was acknowledged, or its flow ended; no bytes.
        case end
    }

    var kind: Kind
    var direction: Direction
    /// Bytes of this direction before this chunk.
    var offset: UInt64
    /// Valid until the reassembler is called again.
    var bytes: UnsafeRawBufferPointer
    var gapByteCount: UInt64 = 0
}
