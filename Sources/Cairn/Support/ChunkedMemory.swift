/// Memory in chunks of one size that stay where they are. They are cut out of blocks that grow with what
/// is there already; large blocks lie in large pages, as what is looked up here and there in much memory
/// would else be looked up twice.
struct ChunkedMemory: ~Copyable {
    private static let blockByteCountMax = 1 << 23
    /// From here on a block is worth large pages.
    private static let largeByteCount = 1 << 21

    private let chunkByteCount: Int
    private var blocks = PlainList<UnsafeMutableRawPointer>(capacity: 1)
    private var chunks = PlainList<UnsafeMutableRawPointer>(capacity: 1)
    /// What of the last block is no chunk yet.
    private var rest: UnsafeMutableRawPointer?
    private var restChunkCount = 0

    /// - Parameter chunkByteCount: a multiple of 64: the first chunk of a block is aligned to a line of the
    ///   processor's cache, and so are all if that is what they are made of.
    init(chunkByteCount: Int) { self.chunkByteCount = chunkByteCount }

    deinit { for index in 0..<blocks.count { blocks[index].deallocate() } }

    /// Chunks that are there.
    var count: Int { chunks.count }

    @inline(__always) subscript(index: Int) -> UnsafeMutableRawPointer { chunks[index] }

    /// Adds a chunk, whatever is in it.
    mutating func append() {
        let chunk = restChunkCount > 0 ? rest ?? addBlock() : addBlock()
        chunks.append(chunk)
        rest = chunk + chunkByteCount
        restChunkCount -= 1
    }

    private mutating func addBlock() -> UnsafeMutableRawPointer {
        restChunkCount = max(1, min(chunks.count, Self.blockByteCountMax / chunkByteCount))
        let byteCount = restChunkCount * chunkByteCount
        let block =
            byteCount < Self.largeByteCount
            ? .allocate(byteCount: byteCount, alignment: 64) : Self.allocateLarge(byteCount)
        blocks.append(block)
        return block
    }

    private static func allocateLarge(_ byteCount: Int) -> UnsafeMutableRawPointer {
        guard let block = Cairn.allocateLarge(byteCount: byteCount).baseAddress else {
            preconditionFailure("memory that is not empty has a place")
        }
        return block
    }
}
