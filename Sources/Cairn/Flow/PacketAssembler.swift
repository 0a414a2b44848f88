/// Turns frames into packets: decodes them, puts fragmented datagrams together, and decodes these
/// again.
///
/// A datagram stands behind its last fragment, one layer further in, with the frame number of that
/// fragment; the fragments themselves stay in the batch, marked. Used by one thread at a time.
final class PacketAssembler {
    private let decoder: PacketDecoder
    private let defragmenter: Defragmenter

    init(
        _ decoderSettings: DecoderSettings = DecoderSettings(),
        _ defragmentationSettings: DefragmentationSettings = DefragmentationSettings()
    ) {
        decoder = PacketDecoder(decoderSettings)
        defragmenter = Defragmenter(defragmentationSettings)
    }

    /// Appends the packets of a frame, ordered by layer; none for a tick.
    ///
    /// - Parameters:
    ///   - clock: the event clock at this frame.
    ///   - arena: memory for datagrams, valid as long as the frame's bytes are.
    func decode(_ frame: Frame, clock: Timestamp, arena: Arena, into packets: PacketBatch) {
        if frame.isTick { return defragmenter.expire(before: clock) }
        decoder.decode(frame, clock: clock, into: packets)
        // Nothing is decoded behind a fragment, so only the last packet can be one. Each datagram
        // is one layer further in, which bounds the loop.
        while packets.packets[packets.count &- 1].flags.contains(.fragment) {
            guard reassemble(arena: arena, into: packets) else { return }
        }
    }

    /// Hands the last packet, a fragment, to the defragmenter, and appends the datagram that it
    /// completes.
    ///
    /// - Returns: whether there was one.
    private func reassemble(arena: Arena, into packets: PacketBatch) -> Bool {
        let last = packets.packets + (packets.count &- 1)
        let outcome = defragmenter.add(last.pointee, arena: arena)
        decoder.note(outcome.anomalies, &last.pointee)
        guard let datagram = outcome.datagram else { return false }
        return decoder.decodeDatagram(datagram, after: last, into: packets)
    }

    /// Sources found to be captured with checksum offload so far, in the order in which that was
    /// decided.
    var checksumOffloads: [ChecksumOffload] { decoder.checksums.offloads }

    /// Wrong checksums in frames that no cable carries.
    var mergedCount: UInt64 { decoder.mergedCount }

    /// Adds what was decoded, and what was not and why.
    func report(into counters: inout Counters) {
        decoder.report(into: &counters)
        defragmenter.report(into: &counters)
    }
}
