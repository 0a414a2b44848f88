/// Numbers the frames of a run, and counts them.
struct FrameCounts {
    /// Frames so far: the number of the last one.
    private(set) var frames: UInt64 = 0
    private var ticks: UInt64 = 0
    private var truncated: UInt64 = 0

    /// Numbers frames in the order in which they are delivered. A tick is no packet: it has the
    /// number before it.
    mutating func number(_ list: inout [Frame]) {
        for index in list.indices {
            if list[index].isTick {
                ticks &+= 1
            } else {
                frames &+= 1
                if list[index].originalByteCount > list[index].bytes.count { truncated &+= 1 }
            }
            list[index].number = frames
        }
    }

    func report(into counters: inout Counters) {
        counters.add("capture.frames", frames)
        counters.add("capture.ticks", ticks)
        counters.add("capture.truncated", truncated)
    }
}
