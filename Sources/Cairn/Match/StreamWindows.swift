#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The newest bytes of one direction of a stream, in one piece.
struct StreamWindow {
    fileprivate var memory: UnsafeMutableRawPointer?
    /// Which size its memory has: an index into the pool's sizes.
    fileprivate var size: Int8 = -1
    fileprivate(set) var byteCount = 0
    /// Bytes of the stream before those that are held.
    fileprivate(set) var base: UInt64 = 0

    /// The bytes, valid until the window is given to the pool again.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: byteCount) }
    /// Bytes of the stream up to the newest.
    var end: UInt64 { base &+ UInt64(byteCount) }
}

/// Memory for the windows of all streams of a shard, in few sizes, used again. Streams begin with the smallest size: most
/// never need another.
///
/// A window holds at least its last `keptByteCount` bytes. When the memory is used up windows grow no more and hold fewer.
final class StreamWindows {
    /// Bytes of a window that are always kept.
    let keptByteCount: Int
    /// Bytes that a window holds at most.
    var byteCountMax: Int { 2 * keptByteCount }
    private let sizes: [Int]
    private var free: [[UnsafeMutableRawPointer]]
    private let memoryByteCountMax: Int
    private var memoryByteCount = 0
    /// Times that a window could not grow.
    private(set) var limitCount: UInt64 = 0

    init(keptByteCount: Int, byteCountMax: Int) {
        self.keptByteCount = max(64, keptByteCount)
        memoryByteCountMax = byteCountMax
        var sizes = [2 * self.keptByteCount]
        while let last = sizes.last, last > 256 { sizes.append(last / 2) }
        self.sizes = sizes.reversed()
        free = Array(repeating: [], count: sizes.count)
    }

    deinit {
        for list in free { for memory in list { memory.deallocate() } }
    }

    /// Adds bytes behind those of a window, letting go of its oldest; at most `keptByteCount` at a time, or as many as there is room for.
    ///
    /// - Returns: false if there is no memory for them; the window is then empty and stands behind them.
    func append(_ bytes: UnsafeRawBufferPointer, to window: inout StreamWindow) -> Bool {
        precondition(bytes.count <= max(keptByteCount, byteCountMax &- window.byteCount))
        guard makeRoom(for: bytes.count, in: &window), let memory = window.memory else {
            reset(&window, to: window.end &+ UInt64(bytes.count))
            return false
        }
        if let start = bytes.baseAddress {
            memcpy(memory + window.byteCount, start, bytes.count)
        }
        window.byteCount &+= bytes.count
        return true
    }

    /// Empties a window: what follows stands at `offset` of the stream.
    func reset(_ window: inout StreamWindow, to offset: UInt64) {
        window.byteCount = 0
        window.base = offset
    }

    /// Takes the memory of a window back.
    func release(_ window: inout StreamWindow) {
        if let memory = window.memory { free[Int(window.size)].append(memory) }
        window = StreamWindow()
    }

    private func makeRoom(for count: Int, in window: inout StreamWindow) -> Bool {
        let needed = window.byteCount &+ count
        var capacity = window.size < 0 ? 0 : sizes[Int(window.size)]
        if needed <= capacity { return true }
        let wanted = sizes.firstIndex { $0 >= needed } ?? sizes.count - 1
        if wanted > Int(window.size) {
            grow(&window, to: wanted)
            capacity = window.size < 0 ? 0 : sizes[Int(window.size)]
        }
        if needed <= capacity { return true }
        guard count <= capacity, let memory = window.memory else { return false }
        let kept = min(window.byteCount, keptByteCount, capacity &- count)
        memmove(memory, memory + (window.byteCount &- kept), kept)
        window.base &+= UInt64(window.byteCount &- kept)
        window.byteCount = kept
        return true
    }

    private func grow(_ window: inout StreamWindow, to size: Int) {
        guard let memory = take(size) else {
            limitCount &+= 1
            return
        }
        if let old = window.memory {
            memcpy(memory, old, window.byteCount)
            free[Int(window.size)].append(old)
        }
        window.memory = memory
        window.size = Int8(truncatingIfNeeded: size)
    }

    private func take(_ size: Int) -> UnsafeMutableRawPointer? {
        if let memory = free[size].popLast() { return memory }
        guard memoryByteCount &+ sizes[size] <= memoryByteCountMax else { return nil }
        memoryByteCount &+= sizes[size]
        return .allocate(byteCount: sizes[size], alignment: 16)
    }
}
