/// Bytes of one segment that wait for delivery: a run of one direction's stream with its copy of
/// the data.
///
/// A segment whose middle is replaced by a newer one splits; `origin` keeps where it began and
/// ended as it was sent, since overlap policies compare that.
struct Segment {
    /// Position of the first byte in the stream.
    var start: Int64 = 0
    var byteCount: Int64 = 0
    var originStart: Int64 = 0
    var originEnd: Int64 = 0
    /// The bytes; nil for the urgent byte that is not part of the stream.
    var bytes: UnsafeMutableRawPointer?
    var block: UnsafeMutablePointer<SegmentBlock>?
    var previous: SegmentPointer?
    /// The next of the direction (of the free list, while unused).
    var next: SegmentPointer?

    @inline(__always) var end: Int64 { start &+ byteCount }
}

typealias SegmentPointer = UnsafeMutablePointer<Segment>

/// The head of a block of memory that segments of one direction are copied into, one behind the
/// other.
struct SegmentBlock {
    var next: UnsafeMutablePointer<SegmentBlock>?
    var capacity: Int32
    var usedByteCount: Int32 = 0
    var segmentCount: Int32 = 0
    /// Index into the pool's size classes.
    var sizeClass: Int32

    static let headByteCount = MemoryLayout<SegmentBlock>.stride
}

/// The memory of all segments of a shard.
///
/// Blocks come in three sizes and are used again last in, first out, so that a bulk transfer stays
/// in the cache. All memory together is bounded; at the limit `copy` fails and the caller counts a
/// lost segment.
final class SegmentPool {
    private let byteCountMax: Int
    /// Memory taken from the system, in use or free.
    private(set) var byteCount = 0
    private let freeBlocks: UnsafeMutablePointer<UnsafeMutablePointer<SegmentBlock>?>
    private var freeSegments: SegmentPointer?
    private var segmentSlabs: [SegmentPointer] = []
    /// Blocks whose last segment was delivered: used again once the receiver is done with the
    /// bytes.
    private var retired: UnsafeMutablePointer<SegmentBlock>?

    /// Usable bytes of the sizes: one Ethernet frame, a run of them, and the longest IP datagram.
    private static let sizes: InlineArray<3, Int> = [2016, 16352, 65536]
    private static let segmentSlabCount = 256

    init(byteCountMax: Int) {
        self.byteCountMax = byteCountMax
        freeBlocks = .allocate(capacity: Self.sizes.count)
        freeBlocks.initialize(repeating: nil, count: Self.sizes.count)
    }

    deinit {
        releaseRetired()
        for index in 0..<Self.sizes.count { releaseFreeBlocks(index) }
        freeBlocks.deallocate()
        for slab in segmentSlabs { slab.deallocate() }
    }

    /// A segment for `byteCount` bytes, copied from `bytes` into the direction's current block or a
    /// new one; nil at the memory limit. Without `bytes` it is a place that holds none.
    func makeSegment(
        _ bytes: UnsafeRawPointer?, byteCount: Int64, for queue: inout SegmentQueue, isBulk: Bool
    ) -> SegmentPointer? {
        guard let segment = takeSegment() else { return nil }
        segment.initialize(to: Segment())
        segment.pointee.byteCount = byteCount
        guard let bytes else { return segment }
        let count = Int32(truncatingIfNeeded: byteCount)
        guard let block = block(with: count, for: &queue, isBulk: isBulk) else {
            giveBack(segment)
            return nil
        }
        let target =
            UnsafeMutableRawPointer(block) + SegmentBlock.headByteCount
            + Int(block.pointee.usedByteCount)
        target.copyMemory(from: bytes, byteCount: Int(count))
        block.pointee.usedByteCount &+= count
        block.pointee.segmentCount &+= 1
        segment.pointee.bytes = target
        segment.pointee.block = block
        return segment
    }

    /// A segment over bytes that another one holds already.
    func makeSegment(
        sharing other: SegmentPointer, from start: Int64, byteCount: Int64
    ) -> SegmentPointer? {
        guard let segment = takeSegment() else { return nil }
        segment.initialize(to: other.pointee)
        segment.pointee.start = start
        segment.pointee.byteCount = byteCount
        segment.pointee.bytes = other.pointee.bytes.map { $0 + Int(start &- other.pointee.start) }
        segment.pointee.block?.pointee.segmentCount &+= 1
        return segment
    }

    /// Takes back a segment. Its bytes stay until `releaseRetired`.
    @inline(__always) func release(_ segment: SegmentPointer, of queue: inout SegmentQueue) {
        if let block = segment.pointee.block {
            block.pointee.segmentCount &-= 1
            if block.pointee.segmentCount == 0 {
                if queue.fill == block { queue.fill = nil }
                block.pointee.next = retired
                retired = block
            }
        }
        giveBack(segment)
    }

    /// Lets the blocks of delivered segments be used again: their bytes are not looked at any more.
    @inline(__always) func releaseRetired() {
        while let block = retired {
            retired = block.pointee.next
            let sizeClass = Int(block.pointee.sizeClass)
            block.pointee.next = freeBlocks[sizeClass]
            freeBlocks[sizeClass] = block
        }
    }

    private func block(
        with byteCount: Int32, for queue: inout SegmentQueue, isBulk: Bool
    ) -> UnsafeMutablePointer<SegmentBlock>? {
        if let fill = queue.fill, fill.pointee.capacity &- fill.pointee.usedByteCount >= byteCount {
            return fill
        }
        let sizeClass =
            byteCount > Self.sizes[1] ? 2 : isBulk || byteCount > Self.sizes[0] ? 1 : 0
        guard let block = takeBlock(sizeClass) else { return nil }
        block.initialize(
            to: SegmentBlock(
                capacity: Int32(Self.sizes[sizeClass]), sizeClass: Int32(sizeClass)))
        queue.fill = block
        return block
    }

    private func takeBlock(_ sizeClass: Int) -> UnsafeMutablePointer<SegmentBlock>? {
        if let block = freeBlocks[sizeClass] {
            freeBlocks[sizeClass] = block.pointee.next
            return block
        }
        guard reserve(Self.blockByteCount(sizeClass)) else { return nil }
        return UnsafeMutableRawPointer.allocate(
            byteCount: Self.blockByteCount(sizeClass), alignment: 16
        ).bindMemory(to: SegmentBlock.self, capacity: 1)
    }

    private func takeSegment() -> SegmentPointer? {
        if freeSegments == nil, !addSegments() { return nil }
        let segment = freeSegments
        freeSegments = segment?.pointee.next
        return segment
    }

    private func giveBack(_ segment: SegmentPointer) {
        segment.pointee.next = freeSegments
        freeSegments = segment
    }

    private func addSegments() -> Bool {
        guard reserve(Self.segmentSlabCount * MemoryLayout<Segment>.stride) else { return false }
        let slab = SegmentPointer.allocate(capacity: Self.segmentSlabCount)
        slab.initialize(repeating: Segment(), count: Self.segmentSlabCount)
        for index in 0..<Self.segmentSlabCount { giveBack(slab + index) }
        segmentSlabs.append(slab)
        return true
    }

    /// Counts memory that is to be taken from the system, if the limit allows it; free blocks of
    /// other sizes are given back for it.
    private func reserve(_ count: Int) -> Bool {
        for sizeClass in 0..<Self.sizes.count where byteCount + count > byteCountMax {
            releaseFreeBlocks(sizeClass)
        }
        guard byteCount + count <= byteCountMax else { return false }
        byteCount += count
        return true
    }

    private func releaseFreeBlocks(_ sizeClass: Int) {
        while let block = freeBlocks[sizeClass] {
            freeBlocks[sizeClass] = block.pointee.next
            UnsafeMutableRawPointer(block).deallocate()
            byteCount -= Self.blockByteCount(sizeClass)
        }
    }

    private static func blockByteCount(_ sizeClass: Int) -> Int {
        SegmentBlock.headByteCount + sizes[sizeClass]
    }
}
