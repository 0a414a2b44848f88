import Testing

@testable import Cairn

@Suite struct FlowTableTests {
    private let client: Endpoint = "10.0.0.1:1025"
    private let server: Endpoint = "10.0.0.2:80"

    @Test func `both directions are one flow, opened by the first sender`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let first = try #require(table.track(maker.udp(client, server, [1, 2, 3])))
        let answer = try #require(table.track(maker.udp(server, client, [4])))
        #expect(first.flow == answer.flow)
        #expect(first.direction == .toServer)
        #expect(answer.direction == .toClient)
        let flow = first.flow.pointee
        #expect(flow.client == client.address && flow.clientPort == 1025)
        #expect(flow.server == server.address && flow.serverPort == 80)
        #expect(flow.toServer.packetCount == 1 && flow.toServer.payloadByteCount == 3)
        #expect(flow.toClient.packetCount == 1 && flow.toClient.payloadByteCount == 1)
        #expect(flow.toServer.byteCount == 54 + 8 + 3)
        #expect(flow.toServer.timeToLiveMin == 64 && flow.toServer.timeToLiveMax == 64)
        #expect(flow.state == .established)
        #expect(flow.id < 1 << 53)
        #expect(table.flowCount == 1)
    }

    @Test func `every part of the tuple tells flows apart`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let base = maker.udp(client, server)
        var other: [Packet] = [
            maker.udp("10.0.0.3:1025", server), maker.udp("10.0.0.1:1026", server),
            maker.udp(client, "10.0.0.4:80"), maker.udp(client, "10.0.0.2:81"),
            maker.tcp(client, server, .syn, seq: 1),
            maker.udp("10.0.0.1:80", "10.0.0.2:1025"),
        ]
        var tagged = base
        tagged.vlanIDs = (7, 0, 0)
        tagged.vlanCount = 1
        other.append(tagged)
        var mapped = base
        mapped.ipVersion = 6
        other.append(mapped)
        let flow = try #require(table.track(base)).flow
        for packet in other { #expect(try #require(table.track(packet)).flow != flow) }
        #expect(table.flowCount == 9)
    }

    @Test func `VLANs can be left out of the tuple`() throws {
        var settings = FlowSettings()
        settings.usesVLAN = false
        let table = FlowTable(settings)
        let packet = PacketMaker().udp(client, server)
        var tagged = packet
        tagged.vlanIDs = (7, 0, 0)
        #expect(try #require(table.track(packet)).flow == #require(table.track(tagged)).flow)
    }

    @Test func `an answer that comes first is from the server`() throws {
        let table = FlowTable()
        let tracked = try #require(
            table.track(PacketMaker().tcp(server, client, [.syn, .ack], seq: 1)))
        #expect(tracked.direction == .toClient)
        #expect(tracked.flow.pointee.client == client.address)
        #expect(tracked.flow.pointee.toClient.packetCount == 1)
    }

    @Test func `packets without a flow`() {
        let maker = PacketMaker()
        let table = FlowTable()
        var packet = maker.udp(client, server)
        packet.flags = .fragment
        #expect(table.track(packet) == nil)
        packet.flags = .undecoded
        #expect(table.track(packet) == nil)
        packet.flags = []
        packet.transport = .none
        #expect(table.track(packet) == nil)
        packet.transport = .other
        packet.flags = .tunnel
        #expect(table.track(packet) == nil)
        #expect(table.track(maker.icmp(client, server, type: 3)) == nil)
        #expect(table.flowCount == 0)
    }

    @Test func `an echo and its reply are one flow, whatever their identifiers`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let request = try #require(table.track(maker.icmp(client, server, type: 8)))
        let reply = try #require(table.track(maker.icmp(server, client, type: 0, code: 0)))
        #expect(request.flow == reply.flow)
        #expect(reply.direction == .toClient)
        #expect(request.flow.pointee.icmpType == 8 && request.flow.pointee.icmpReplyType == 0)
        #expect(request.flow.pointee.clientPort == 0)
        // Time stamps are another conversation, and the other end's own echo is too.
        #expect(
            try #require(table.track(maker.icmp(client, server, type: 13))).flow != request.flow)
        #expect(try #require(table.track(maker.icmp(server, client, type: 8))).flow != request.flow)
    }

    @Test(arguments: [UInt8(3), 4, 5, 11, 12])
    func `an ICMP error belongs to the flow that it quotes`(type: UInt8) throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let flow = try #require(table.track(maker.udp(client, server))).flow
        let quote: [UInt8] =
            [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
            + [4, 1, 0, 80]
        let error = try #require(
            table.track(maker.icmp("10.0.0.9:0", client, type: type, payload: quote)))
        #expect(error.flow == flow)
        #expect(error.direction == .toClient)
        #expect(flow.pointee.toClient.packetCount == 0)
        #expect(flow.pointee.state == .new)
        let other = maker.icmp("10.0.0.9:0", client, type: type, payload: quote.dropLast() + [81])
        #expect(table.track(other) == nil)
        for count in 0..<quote.count {
            let cut = maker.icmp("10.0.0.9:0", client, type: type, payload: Array(quote[..<count]))
            #expect(table.track(cut) == nil)
        }
    }

    @Test func `an ICMPv6 error is found behind extension headers`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let client: Endpoint = "[2001:db8::1]:1025"
        let flow = try #require(table.track(maker.udp(client, "[2001:db8::2]:80"))).flow
        let source: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let quote =
            [0x60, 0, 0, 0, 0, 16, 60, 64] + source + [1] + source + [2]
            + [17, 0, 1, 4, 0, 0, 0, 0] + [4, 1, 0, 80]
        let error = try #require(
            table.track(maker.icmp("[2001:db8::9]:0", client, type: 1, payload: quote)))
        #expect(error.flow == flow)
    }
}

// MARK: - Ends

extension FlowTableTests {
    @Test(arguments: [
        (Transport.udp, 30, 300), (.icmp, 30, 300), (.tcp, 60, 600), (.other, 30, 300),
    ])
    func `a flow expires when its time-out has passed, by its state`(
        _ transport: Transport, _ new: Int64, _ established: Int64
    ) throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let packet = maker.packet(transport, from: client, to: server)
        let flow = try #require(table.track(packet)).flow
        let deadline = packet.clock.adding(nanoseconds: new * nanosecondsPerSecond)
        #expect(table.nextEnded(before: deadline) == nil)
        flow.pointee.state = .established
        table.settle(flow)
        let later = packet.clock.adding(nanoseconds: established * nanosecondsPerSecond)
        #expect(table.nextEnded(before: later) == nil)
        #expect(table.nextEnded(before: later.adding(nanoseconds: 1)) == flow)
        #expect(flow.pointee.endReason == .timeout)
        #expect(flow.pointee.end == later)
        #expect(table.nextEnded(before: .distantFuture) == nil)
        table.free(flow)
        #expect(table.flowCount == 0)
    }

    @Test func `flows end in the order of deadline and id`() throws {
        var random = SeededGenerator(seed: 1)
        let maker = PacketMaker()
        let table = FlowTable()
        var deadlines: [FlowPointer: Timestamp] = [:]
        for _ in 0..<2000 {
            // Few moments, so that many deadlines are the same.
            maker.step = Int64.random(in: 0...1, using: &random) * nanosecondsPerSecond
            let from = Endpoint(client.address, UInt16.random(in: 1...300, using: &random))
            let packet =
                Bool.random(using: &random)
                ? maker.udp(from, server) : maker.tcp(from, server, .ack, seq: 0)
            while table.nextEnded(before: packet.clock) != nil {}
            let flow = try #require(table.track(packet)).flow
            if Bool.random(using: &random) { flow.pointee.state = .established }
            table.settle(flow)
            let seconds: Int64 =
                (packet.transport == .udp ? 30 : 60) * (flow.pointee.state == .new ? 1 : 10)
            deadlines[flow] = packet.clock.adding(
                nanoseconds: min(seconds, packet.transport == .udp ? 300 : 600)
                    * nanosecondsPerSecond)
        }
        var order: [(Timestamp, UInt64)] = []
        while let flow = table.nextEnded(before: .distantFuture) {
            #expect(flow.pointee.end == deadlines[flow])
            order.append((flow.pointee.end, flow.pointee.id))
        }
        #expect(order.count > 300)
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 })
        #expect(table.flowCount == 0)
    }

    @Test func `at the end of input all flows are left to end`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let first = try #require(table.track(maker.udp(client, server))).flow
        let second = try #require(table.track(maker.tcp(client, server, .syn, seq: 1))).flow
        let clock = Timestamp(nanoseconds: maker.time)
        #expect(table.nextRemaining(at: clock) == first)
        #expect(table.nextRemaining(at: clock) == second)
        #expect(table.nextRemaining(at: clock) == nil)
        #expect(first.pointee.endReason == .shutdown)
        #expect(first.pointee.end == clock)
    }

    @Test(arguments: [TCPState.closeWait, .closing, .lastAck, .timeWait, .closed])
    func `a new SYN on ports that are closed opens a new flow`(state: TCPState) throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let old = try #require(table.track(maker.tcp(client, server, .syn, seq: 100))).flow
        old.pointee.tcpState = state
        old.pointee.clientInitialSequence = 100
        // The old SYN once more, and an answer, are still of the old flow.
        #expect(try #require(table.track(maker.tcp(client, server, .syn, seq: 100))).flow == old)
        #expect(
            try #require(table.track(maker.tcp(server, client, [.syn, .ack], seq: 7))).flow == old)
        let new = try #require(table.track(maker.tcp(client, server, .syn, seq: 101))).flow
        #expect(new != old)
        #expect(new.pointee.id != old.pointee.id)
        #expect(table.nextDisplaced() == old)
        #expect(table.nextDisplaced() == nil)
        #expect(old.pointee.endReason == .tcpReuse)
        table.free(old)
        #expect(try #require(table.track(maker.tcp(server, client, .ack, seq: 9))).flow == new)
    }

    @Test(arguments: [TCPFlags.ack, .rst, .psh])
    func `a SYN after something else opens a new flow, a repeated one does not`(first: TCPFlags)
        throws
    {
        for (from, to) in [(client, server), (server, client)] {
            let maker = PacketMaker()
            let table = FlowTable()
            let middle = try #require(table.track(maker.tcp(from, to, first, seq: 7))).flow
            let syn = try #require(table.track(maker.tcp(client, server, .syn, seq: 100)))
            #expect(syn.flow != middle && syn.direction == .toServer)
            let again = try #require(table.track(maker.tcp(client, server, .syn, seq: 200)))
            #expect(again.flow == syn.flow)
        }
    }

    @Test func `a new SYN on open ports is of the same flow`() throws {
        let maker = PacketMaker()
        let table = FlowTable()
        let flow = try #require(table.track(maker.tcp(client, server, .syn, seq: 100))).flow
        flow.pointee.tcpState = .established
        #expect(try #require(table.track(maker.tcp(client, server, .syn, seq: 9))).flow == flow)
    }
}

// MARK: - Limits

extension FlowTableTests {
    @Test func `at the memory limit the flow with the earliest deadline makes room`() throws {
        var settings = FlowSettings()
        settings.memcap = 100 * FlowTable.flowByteCount
        settings.prealloc = 0
        let table = FlowTable(settings)
        let maker = PacketMaker()
        let kept = try #require(table.track(maker.tcp(client, server, .syn, seq: 1))).flow
        kept.pointee.state = .established
        table.settle(kept)
        var evicted: [UInt16] = []
        for port in UInt16(1)...1000 {
            _ = table.track(maker.udp(Endpoint(client.address, port), server))
            while let flow = table.nextDisplaced() {
                #expect(flow.pointee.endReason == .evicted)
                evicted.append(flow.pointee.clientPort)
                table.free(flow)
            }
            #expect(table.flowCount <= 100)
        }
        #expect(evicted == Array(1...UInt16(evicted.count)))
        #expect(evicted.count == 901)
        #expect(try #require(table.track(maker.tcp(server, client, .ack, seq: 1))).flow == kept)
        var counters = Counters()
        table.report(into: &counters)
        #expect(counters["flow.memcap_evicted"] == UInt64(evicted.count))
        #expect(counters["flow.total"] == 1001)
        #expect(counters["flow.udp"] == 1000)
        #expect(counters["flow.end.state.new"] == UInt64(evicted.count))
    }

    @Test func `the limit is shared by the shards`() {
        var settings = FlowSettings()
        settings.memcap = 100 * FlowTable.flowByteCount
        settings.prealloc = 0
        let table = FlowTable(settings, shardCount: 10)
        let maker = PacketMaker()
        for port in UInt16(1)...100 {
            _ = table.track(maker.udp(Endpoint(client.address, port), server))
            while let flow = table.nextDisplaced() { table.free(flow) }
        }
        #expect(table.flowCount == 10)
    }

    @Test func `crafted collisions are bounded`() {
        let table = FlowTable()
        let maker = PacketMaker()
        var collisions: [Endpoint] = []
        var port: UInt16 = 1
        var address: UInt32 = 1
        while collisions.count < 200 {
            let from = Endpoint(IPAddress(v4: address), port)
            let packet = maker.udp(from, server)
            let hash = withUnsafePointer(to: packet) { FlowKey($0, usesVLAN: true).hash }
            if hash & 1023 == 0 { collisions.append(from) }
            port &+= 1
            address &+= port == 0 ? 1 : 0
        }
        for from in collisions {
            _ = table.track(maker.udp(from, server))
            while let flow = table.nextDisplaced() { table.free(flow) }
        }
        #expect(table.flowCount == FlowTable.chainLengthMax)
        var counters = Counters()
        table.report(into: &counters)
        #expect(counters["flow.collision_evicted"] == 200 - UInt64(FlowTable.chainLengthMax))
    }

    @Test func `a table grows with its flows`() throws {
        let table = FlowTable()
        let maker = PacketMaker()
        var flows: [FlowPointer] = []
        for port in UInt16(1)...5000 {
            flows.append(
                try #require(table.track(maker.udp(Endpoint(client.address, port), server))).flow)
        }
        for port in UInt16(1)...5000 {
            let known = table.track(maker.udp(server, Endpoint(client.address, port)))
            #expect(known?.flow == flows[Int(port) - 1])
        }
        #expect(table.flowCount == 5000)
    }

    @Test func `any packets keep the table in order`() {
        var random = SeededGenerator(seed: 7)
        var settings = FlowSettings()
        settings.memcap = 64 * FlowTable.flowByteCount
        settings.prealloc = 0
        let table = FlowTable(settings)
        let maker = PacketMaker()
        var live: Set<FlowPointer> = []
        func finish(_ flow: FlowPointer) {
            #expect(live.remove(flow) != nil)
            table.free(flow)
        }
        for _ in 0..<20_000 {
            maker.step = Int64.random(in: 0...(2 * nanosecondsPerSecond), using: &random)
            let ends = [client.address, server.address].map {
                Endpoint($0, UInt16.random(in: 0...40, using: &random))
            }
            let swapped = Bool.random(using: &random)
            let packet = maker.tcp(
                ends[swapped ? 1 : 0], ends[swapped ? 0 : 1],
                TCPFlags(rawValue: UInt8.random(in: 0...31, using: &random)),
                seq: UInt32.random(in: 0...3, using: &random))
            while let flow = table.nextEnded(before: packet.clock) { finish(flow) }
            guard let tracked = table.track(packet) else { continue }
            while let flow = table.nextDisplaced() { finish(flow) }
            live.insert(tracked.flow)
            tracked.flow.pointee.state =
                FlowState(rawValue: UInt8.random(in: 0...2, using: &random)) ?? .new
            tracked.flow.pointee.tcpState = Bool.random(using: &random) ? .closed : .established
            table.settle(tracked.flow)
            #expect(live.count == table.flowCount)
        }
        while let flow = table.nextRemaining(at: .epoch) { finish(flow) }
        #expect(live.isEmpty)
    }
}

extension FlowTable {
    fileprivate func track(_ packet: Packet) -> TrackedFlow? {
        withUnsafePointer(to: packet) { track($0) }
    }
}
