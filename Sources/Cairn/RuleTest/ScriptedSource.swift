/// Frames that a test made, as a source for the engine.
final class ScriptedSource: FrameSource {
    let sourceNames = ["test"]
    private var frames: [TrafficWriter.TimedFrame]
    private var position = 0
    private var byteCount: UInt64 = 0

    private let batchFrameCount: Int

    init(
        _ frames: [TrafficWriter.TimedFrame], batchFrameCount: Int = FrameBatch.frameCountMax
    ) {
        self.frames = frames
        self.batchFrameCount = batchFrameCount
    }

    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
        batch.removeAll()
        while position < frames.count, batch.frames.count < batchFrameCount {
            let frame = frames[position]
            let memory = batch.arena.allocate(byteCount: frame.bytes.count)
            memory.copyBytes(from: frame.bytes)
            position += 1
            byteCount &+= UInt64(frame.bytes.count)
            batch.frames.append(
                Frame(
                    number: UInt64(position), timestamp: frame.timestamp, linkType: .ethernet,
                    source: 0,
                    originalByteCount: UInt32(truncatingIfNeeded: frame.bytes.count),
                    bytes: UnsafeRawBufferPointer(memory)))
        }
        return !batch.frames.isEmpty
    }

    func report(into counters: inout Counters) {
        counters.add("capture.frames", UInt64(position))
        counters.add("capture.bytes", byteCount)
    }
}
