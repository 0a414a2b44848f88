@testable import Cairn

/// Frames to packets.
func decodeBenchmarks() {
    stage(
        "decode: mixed traffic", units: (14_876, "packet"),
        expected: Outcome(packets: 14_876, bytes: 5_340_598), allocates: false
    ) {
        let frames = Frames(Traffic.mixed(50))
        let assembler = PacketAssembler()
        let packets = PacketBatch()
        let arena = Arena()
        return {
            var outcome = Outcome()
            packets.removeAll()
            arena.removeAll()
            for frame in frames.frames {
                assembler.decode(frame, clock: frame.timestamp, arena: arena, into: packets)
            }
            outcome.packets = packets.count
            for index in 0..<packets.count {
                outcome.bytes += Int(packets.packets[index].payloadByteCount)
                outcome.problems += packets.packets[index].anomalies.isEmpty ? 0 : 1
            }
            return outcome
        }
    }
}

/// Packets to flows.
func flowBenchmarks() {
    stage(
        "flow: mixed traffic", units: (14_876, "packet"),
        expected: Outcome(packets: 14_876, flows: 2550, bytes: 5_888_502), allocates: false
    ) {
        flowPass(Packets(Frames(Traffic.mixed(50))))
    }
    stage(
        "flow: SYN scan", units: (50_000, "packet"),
        expected: Outcome(packets: 50_000, flows: 50_000, bytes: 2_900_000), allocates: false
    ) {
        var writer = TrafficWriter()
        for number in 0..<50_000 {
            writer.tcpAttempt(
                client: .init(address: IPAddress(v4: 0x0a00_0001), port: 40_000),
                server: .init(
                    address: IPAddress(v4: 0xc612_0000 + UInt32(number % 5000)),
                    port: UInt16(1 + number / 5000)),
                isRefused: false,
                at: testStart.adding(nanoseconds: Int64(number) * 100_000))
        }
        return flowPass(Packets(Frames(writer)))
    }
}

private func flowPass(_ packets: Packets) -> () -> Outcome {
    let table = FlowTable()
    return {
        var outcome = Outcome(packets: packets.count)
        func end(_ flow: FlowPointer) {
            outcome.flows += 1
            outcome.bytes += Int(flow.pointee.toServer.byteCount + flow.pointee.toClient.byteCount)
            table.free(flow)
        }
        var clock = Timestamp.epoch
        for index in 0..<packets.count {
            let packet = UnsafePointer(packets.pointers + index)
            clock = packet.pointee.clock
            while let flow = table.nextEnded(before: clock) { end(flow) }
            guard let tracked = table.track(packet) else { continue }
            while let flow = table.nextDisplaced() { end(flow) }
            table.settle(tracked.flow)
        }
        while let flow = table.nextRemaining(at: clock) { end(flow) }
        return outcome
    }
}

/// Segments to streams, flow table included.
func streamBenchmarks() {
    let expected = Outcome(packets: 17_163, flows: 500, bytes: 9_046_507)
    stage(
        "stream: in order", units: (17_163, "packet"), expected: expected, allocates: false
    ) {
        streamPass(Packets(Frames(Traffic.writer(Traffic.web(500)))))
    }
    stage(
        "stream: out of order", units: (17_163, "packet"), expected: expected, allocates: false
    ) {
        let frames = Frames(Traffic.writer(Traffic.web(500)))
        frames.disorder()
        return streamPass(Packets(frames))
    }
}

private func streamPass(_ packets: Packets) -> () -> Outcome {
    let table = FlowTable()
    let streams = TCPReassembler()
    return {
        var outcome = Outcome(packets: packets.count)
        func take() {
            for chunk in streams.deliveries {
                outcome.bytes += chunk.bytes.count
                outcome.problems += chunk.kind == .gap ? 1 : 0
            }
        }
        func end(_ flow: FlowPointer) {
            streams.finish(flow)
            take()
            outcome.flows += 1
            table.free(flow)
        }
        var clock = Timestamp.epoch
        for index in 0..<packets.count {
            let packet = UnsafePointer(packets.pointers + index)
            clock = packet.pointee.clock
            while let flow = table.nextEnded(before: clock) { end(flow) }
            guard let tracked = table.track(packet) else { continue }
            while let flow = table.nextDisplaced() { end(flow) }
            streams.process(packet, tracked.flow, tracked.direction)
            take()
            table.settle(tracked.flow)
        }
        while let flow = table.nextRemaining(at: clock) { end(flow) }
        return outcome
    }
}
