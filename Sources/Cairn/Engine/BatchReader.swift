/// The part of the engine that goes frame by frame: reads batches, decodes, puts fragments together, keeps the event
/// clock, and hands packets to shards.
final class BatchReader: @unchecked Sendable {
    private let source: EngineSource
    private let assembler: PacketAssembler
    private var clock = EventClock()
    private var isAtEnd = false
    /// The last frame of a batch whose stamp needs the next frame's word (see `EventClock`), with a copy of its bytes.
    private var held: (frame: Frame, bytes: [UInt8])?
    /// What ended the input early.
    private(set) var failure: CaptureError?
    private(set) var frameCount: UInt64 = 0

    init(_ source: EngineSource, _ options: EngineOptions) {
        self.source = source
        assembler = PacketAssembler(
            DecoderSettings(options.settings, options.checksums),
            DefragmentationSettings(options.settings))
    }

    /// Fills a batch with the next frames and their packets. After the end of the input batches stay empty; the first of
    /// them is marked as the last.
    func read(into batch: Batch) {
        guard !isAtEnd else { return }
        let isMore = fill(batch.frames)
        if let held {
            decode(
                restored(held, in: batch.frames), stamps(of: batch.frames.frames, from: 0),
                batch.frames.arena, batch.packets)
            batch.assign(packetsFrom: 0)
            self.held = nil
        }
        let frames = batch.frames.frames
        let (arena, packets) = (batch.frames.arena, batch.packets)
        for index in frames.indices {
            if index &+ Self.prefetchCount < frames.count {
                let ahead = frames[index &+ Self.prefetchCount].bytes
                prefetch(ahead.baseAddress, byteCount: min(ahead.count, Self.headersByteCount))
            }
            let following = stamps(of: frames, from: index &+ 1)
            if following.next == nil, isMore, isLeap(frames[index]) {
                held = (frames[index], Array(frames[index].bytes))
            } else {
                let first = packets.count
                decode(frames[index], following, arena, packets)
                batch.assign(packetsFrom: first)
            }
        }
        batch.orderShards()
        batch.clock = clock.now ?? .epoch
        batch.isLast = !isMore
        isAtEnd = !isMore
    }

    /// Frames that are asked for ahead, and bytes of each: mostly all of its headers.
    private static let prefetchCount = 8
    private static let headersByteCount = 128

    private func fill(_ frames: FrameBatch) -> Bool {
        do throws(CaptureError) {
            return try source.fill(frames)
        } catch {
            failure = error
            frames.removeAll()
            return false
        }
    }

    @inline(__always)
    private func decode(
        _ frame: Frame, _ following: (next: Timestamp?, afterNext: Timestamp?), _ arena: Arena,
        _ packets: PacketBatch
    ) {
        let now = clock.advance(
            to: frame.timestamp, next: following.next, afterNext: following.afterNext
        ).clock
        if !frame.isTick { frameCount &+= 1 }
        assembler.decode(frame, clock: now, arena: arena, into: packets)
    }

    /// The stamps of two frames, as far as they are there; of the second only while there is no clock.
    @inline(__always)
    private func stamps(
        of frames: [Frame], from index: Int
    ) -> (next: Timestamp?, afterNext: Timestamp?) {
        let isSecondAsked = clock.now == nil && index &+ 1 < frames.count
        return (
            index < frames.count ? frames[index].timestamp : nil,
            isSecondAsked ? frames[index &+ 1].timestamp : nil
        )
    }

    /// Whether the clock has to know the next frame to believe this one's stamp.
    private func isLeap(_ frame: Frame) -> Bool {
        clock.now.map { frame.timestamp.nanoseconds(since: $0) > EventClock.leapMax } ?? true
    }

    private func restored(_ held: (frame: Frame, bytes: [UInt8]), in batch: FrameBatch) -> Frame {
        let memory = batch.arena.allocate(byteCount: held.bytes.count)
        memory.copyBytes(from: held.bytes)
        var frame = held.frame
        frame.bytes = UnsafeRawBufferPointer(memory)
        return frame
    }

    /// What people should know about the input.
    var notes: [String] {
        source.notes + mergedNotes
            + assembler.checksumOffloads.map { offload in
                let names = source.frames.sourceNames
                let index = Int(offload.source)
                return offload.text(sourceName: index < names.count ? names[index] : "?")
            }
    }

    private var mergedNotes: [String] {
        guard assembler.mergedCount > 0 else { return [] }
        return [
            "\(assembler.mergedCount) frames are longer than Ethernet carries and have wrong checksums, a sign of "
                + "segmentation offload; these checksums are ignored"
        ]
    }

    /// Adds what was read and decoded.
    func report(into counters: inout Counters) {
        source.frames.report(into: &counters)
        assembler.report(into: &counters)
        counters.add("time.jump", clock.jumpCount)
    }

    /// The event clock behind everything that was read.
    var end: Timestamp? { clock.now }
}
