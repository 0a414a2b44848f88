/// Memory that is handed out in pieces and taken back all at once; addresses stay valid until then.
final class Arena {
    private var chunks: [UnsafeMutableRawBufferPointer] = []
    private var chunk = 0
    private var used = 0

    deinit { for chunk in chunks { chunk.deallocate() } }

    /// Takes everything back, keeping the memory for the next use.
    func removeAll() {
        chunk = 0
        used = 0
    }

    /// Hands out `byteCount` bytes, not initialised.
    func allocate(byteCount: Int) -> UnsafeMutableRawBufferPointer {
        while chunk < chunks.count {
            if chunks[chunk].count &- used >= byteCount {
                defer { used &+= byteCount }
                return UnsafeMutableRawBufferPointer(
                    rebasing: chunks[chunk][used..<used &+ byteCount])
            }
            chunk &+= 1
            used = 0
        }
        chunks.append(.allocate(byteCount: max(byteCount, 1 << 18), alignment: 16))
        return allocate(byteCount: byteCount)
    }
}
