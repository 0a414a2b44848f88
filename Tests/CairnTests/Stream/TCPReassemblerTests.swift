import Testing

@testable import Cairn

@Suite struct TCPReassemblerTests {
    private let tcp = StreamHarness()

    @Test func `bytes are handed on when they are acknowledged`() {
        tcp.handshake()
        tcp.c([.psh, .ack], 101, 501, "hello ")
        #expect(tcp.toServer == "")
        tcp.c([.psh, .ack], 107, 501, "world")
        tcp.s(.ack, 501, 107)
        #expect(tcp.toServer == "hello ")
        tcp.s([.psh, .ack], 501, 112, "yes")
        #expect(tcp.toServer == "hello world")
        #expect(tcp.toClient == "")
        tcp.c(.ack, 112, 504)
        #expect(tcp.toClient == "yes")
        #expect(tcp.isContiguous)
    }

    @Test func `what lies next to each other is one chunk`() {
        tcp.handshake()
        for index in UInt32(0)..<5 { tcp.c(.ack, 101 + index * 4, 501, "abcd") }
        tcp.s(.ack, 501, 121)
        #expect(tcp.toServer == "abcdabcdabcdabcdabcd")
        #expect(tcp.chunkCount == 1)
    }

    @Test func `segments out of order wait for their turn`() {
        tcp.handshake()
        tcp.c(.ack, 109, 501, "cccc")
        tcp.c(.ack, 105, 501, "bbbb")
        tcp.c(.ack, 101, 501, "aaaa")
        tcp.s(.ack, 501, 113)
        #expect(tcp.toServer == "aaaabbbbcccc")
        #expect(tcp.anomalies == [])
    }

    @Test func `part of a segment can be acknowledged`() {
        tcp.handshake()
        tcp.c(.ack, 101, 501, "abcdef")
        tcp.s(.ack, 501, 103)
        #expect(tcp.toServer == "ab")
        tcp.s(.ack, 501, 107)
        #expect(tcp.toServer == "abcdef")
    }

    @Test func `a gap is one when bytes behind it are acknowledged`() {
        tcp.handshake()
        tcp.c(.ack, 105, 501, "bbbb")
        tcp.s(.ack, 501, 105)
        #expect(tcp.toServer == "")
        tcp.s(.ack, 501, 109)
        #expect(tcp.toServer == "[4]bbbb")
        #expect(tcp.anomalies == ["reassembly_seq_gap"])
        #expect(tcp.counter("tcp.reassembly_gap") == 1)
        // Too late now.
        tcp.c(.ack, 101, 501, "aaaa")
        #expect(tcp.anomalies == ["est_pkt_before_last_ack", "pkt_spurious_retransmission"])
        tcp.c(.ack, 109, 501, "cccc")
        tcp.s(.ack, 501, 113)
        #expect(tcp.toServer == "[4]bbbbcccc")
        #expect(tcp.isContiguous)
    }

    @Test func `an acknowledgement may come before its data`() {
        tcp.handshake()
        tcp.s(.ack, 501, 105)
        tcp.c(.ack, 101, 501, "aaaa")
        tcp.c(.ack, 105, 501, "bbbb")
        tcp.s(.ack, 501, 109)
        #expect(tcp.toServer == "aaaabbbb")
        #expect(tcp.counter("tcp.ack_unseen_data") == 1)
    }

    @Test func `sequence numbers wrap`() {
        tcp.c(.syn, 0xffff_fffd)
        tcp.s([.syn, .ack], 0xffff_ffff, 0xffff_fffe)
        tcp.c(.ack, 0xffff_fffe, 0)
        tcp.c(.ack, 2, 0, "efgh")
        tcp.c(.ack, 0xffff_fffe, 0, "abcd")
        tcp.s(.ack, 0, 6, "x")
        tcp.c([.fin, .ack], 6, 1)
        tcp.s([.fin, .ack], 1, 7)
        tcp.c(.ack, 7, 2)
        #expect(tcp.toServer == "abcdefgh$")
        #expect(tcp.toClient == "x$")
        #expect(tcp.flow?.pointee.tcpState == .closed)
    }

    @Test func `a long stream wraps and stays whole`() {
        var settings = StreamSettings()
        settings.depth = 0
        let tcp = StreamHarness(settings)
        tcp.c(.syn, 0xfffe_0000)
        tcp.s([.syn, .ack], 500, 0xfffe_0001)
        tcp.c(.ack, 0xfffe_0001, 501)
        var position: UInt32 = 0xfffe_0001
        let payload = String(repeating: "x", count: 60_000)
        for _ in 0..<4 {
            tcp.c(.ack, position, 501, payload)
            position &+= 60_000
            tcp.s(.ack, 501, position)
        }
        #expect(tcp.toServer.utf8.count == 4 * 60_000)
        #expect(tcp.isContiguous)
        #expect(tcp.anomalies == [])
    }

    @Test func `what was never acknowledged is handed on at the end`() {
        tcp.handshake()
        tcp.c(.ack, 101, 501, "abcd")
        tcp.c(.ack, 110, 501, "xyz")
        tcp.finish()
        #expect(tcp.toServer == "abcd[5]xyz$")
        #expect(tcp.toClient == "$")
    }

    @Test func `packets with a bad checksum do not count, unless checksums are ignored`() {
        tcp.handshake()
        var packet = tcp.maker.tcp(tcp.client, tcp.server, .ack, seq: 101, ack: 501, [0x78])
        packet.flags = .badTransportChecksum
        tcp.feed(packet)
        #expect(!tcp.isAccepted)
        tcp.s(.ack, 501, 102)
        #expect(tcp.toServer == "")
        #expect(tcp.counter("tcp.invalid_checksum") == 1)
        packet.flags.insert(.ignoreChecksums)
        tcp.feed(packet)
        tcp.s(.ack, 501, 102)
        #expect(tcp.toServer == "x")
    }
}

// MARK: - Limits and policies

extension TCPReassemblerTests {
    @Test func `beyond the depth bytes are only counted`() {
        var settings = StreamSettings()
        settings.depth = 6
        let tcp = StreamHarness(settings)
        tcp.handshake()
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.anomalies == [])
        tcp.c(.ack, 105, 501, "efgh")
        #expect(tcp.anomalies == ["reassembly_depth_reached"])
        tcp.s(.ack, 501, 109)
        tcp.c(.ack, 109, 501, "ijkl")
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 113)
        tcp.finish()
        #expect(tcp.toServer == "abcdef$")
        #expect(tcp.counter("tcp.stream_depth_reached") == 1)
    }

    @Test func `the end comes at its time beyond the depth, and where nobody wants the bytes`() {
        var settings = StreamSettings()
        settings.depth = 4
        let tcp = StreamHarness(settings)
        tcp.handshake()
        if let flow = tcp.flow { tcp.tcp.stop(flow, .toClient) }
        tcp.c([.fin, .ack], 101, 501, "abcdef")
        tcp.s([.fin, .ack], 501, 108, "ghi")
        tcp.c(.ack, 108, 505)
        #expect(tcp.toServer == "abcd$")
        #expect(tcp.toClient == "$")
    }

    @Test func `what waits for delivery is dropped when nobody wants it any more`() throws {
        tcp.handshake()
        tcp.c(.ack, 101, 501, "abcd")
        tcp.s(.ack, 501, 103)
        tcp.tcp.stop(try #require(tcp.flow), .toServer)
        tcp.s(.ack, 501, 105)
        tcp.c(.ack, 110, 501, "xyz")
        tcp.s(.ack, 501, 113)
        #expect(tcp.anomalies == [])
        tcp.finish()
        #expect(tcp.toServer == "ab$")
    }

    @Test func `segments beyond the memory limit leave a gap`() {
        var settings = StreamSettings()
        settings.depth = 0
        settings.reassemblyMemcap = 64 << 10
        let tcp = StreamHarness(settings)
        tcp.handshake()
        let payload = String(repeating: "x", count: 1000)
        // The first byte is missing, so everything has to wait.
        for index in 0..<60 { tcp.c(.ack, 102 + UInt32(index) * 1000, 501, payload) }
        let lost = tcp.counter("tcp.segment_memcap_drop")
        #expect(lost > 10 && lost < 60)
        #expect(tcp.tcp.pool.byteCount <= 64 << 10)
        tcp.c(.ack, 101, 501, "y")
        tcp.s(.ack, 501, 102 + 60_000)
        tcp.finish()
        #expect(tcp.toServer.hasSuffix("[\(lost * 1000)]$"))
        // What was given back can be used again.
        tcp.handshake()
        tcp.c(.ack, 101, 501, payload)
        tcp.s(.ack, 501, 1101)
        #expect(tcp.toServer.hasSuffix(payload))
    }

    @Test func `segments of one direction are bounded`() {
        var settings = StreamSettings()
        settings.depth = 0
        let tcp = StreamHarness(settings)
        tcp.handshake()
        for index in 0..<UInt32(SegmentQueue.segmentCountMax + 10) {
            tcp.c(.ack, 102 + index * 2, 501, "x")
        }
        #expect(tcp.counter("tcp.segment_memcap_drop") == 10)
    }

    @Test func `connections beyond the memory limit are not followed`() {
        var settings = StreamSettings()
        settings.memcap = MemoryLayout<TCPConnection>.stride * 3
        let tcp = StreamHarness(settings)
        for port in UInt16(1)...5 {
            tcp.feed(tcp.maker.tcp(Endpoint(tcp.client.address, port), tcp.server, .syn, seq: 1))
        }
        #expect(tcp.counter("tcp.ssn_memcap_drop") == 2)
        #expect(tcp.counter("tcp.sessions") == 3)
        tcp.finish()
        tcp.handshake()
        #expect(tcp.flow?.pointee.state == .established)
    }

    @Test func `limits are shared by the shards`() {
        var settings = StreamSettings()
        settings.memcap = MemoryLayout<TCPConnection>.stride * 10
        let tcp = StreamHarness(settings, shardCount: 5)
        for port in UInt16(1)...5 {
            tcp.feed(tcp.maker.tcp(Endpoint(tcp.client.address, port), tcp.server, .syn, seq: 1))
        }
        #expect(tcp.counter("tcp.ssn_memcap_drop") == 3)
    }

    @Test(arguments: [
        (UrgentPolicy.inline, "abXcdef"), (.drop, "abXcdef"), (.outOfBand, "abcdef"),
        (.gap, "ab[1]cdef"),
    ])
    func `urgent data`(policy: UrgentPolicy, stream: String) {
        var settings = StreamSettings()
        settings.urgentPolicy = policy
        let tcp = StreamHarness(settings)
        tcp.handshake()
        tcp.c([.urg, .ack], 101, 501, "abXcd", urgent: 3)
        // A pointer beyond the segment marks nothing in it.
        tcp.c([.urg, .ack], 106, 501, "e", urgent: 9)
        tcp.c([.urg, .ack], 107, 501, "f", urgent: 0)
        tcp.s(.ack, 501, 108)
        #expect(tcp.toServer == stream)
        #expect(tcp.isContiguous)
    }

    @Test func `a connection from one side only is handed on at once where that is asked for`() {
        var settings = StreamSettings()
        settings.asyncOneside = true
        let tcp = StreamHarness(settings)
        tcp.c(.syn, 100)
        tcp.c(.ack, 101, 501)
        #expect(tcp.flow?.pointee.state == .established)
        tcp.c(.ack, 101, 501, "ab")
        #expect(tcp.toServer == "ab")
        tcp.c(.ack, 105, 501, "ef")
        #expect(tcp.toServer == "ab")
        tcp.c(.ack, 103, 501, "cd")
        #expect(tcp.toServer == "abcdef")
        tcp.c(.ack, 110, 501, "xy")
        tcp.c([.fin, .ack], 112, 501)
        tcp.finish()
        #expect(tcp.toServer == "abcdef[3]xy$")
    }

    @Test func `a hole in a connection from one side only is given up when much follows it`() {
        var settings = StreamSettings()
        settings.asyncOneside = true
        let tcp = StreamHarness(settings)
        tcp.s([.syn, .ack], 500, 101)
        tcp.s(.ack, 501, 101, "x")
        for index in 0..<70 {
            tcp.s(.ack, 503 + UInt32(index) * 1000, 101, String(repeating: "y", count: 1000))
        }
        #expect(tcp.toClient.hasPrefix("x[1]yyyy"))
        #expect(tcp.toClient.utf8.count == 4 + 70_000)
    }

    @Test func `without the setting one side alone is not followed`() {
        tcp.c(.syn, 100)
        tcp.c(.ack, 101, 501)
        tcp.c(.ack, 101, 501, "ab")
        tcp.finish()
        #expect(tcp.toServer == "")
    }

    @Test func `a connection is picked up in the middle where that is asked for`() {
        tcp.c(.ack, 101, 501, "ab")
        #expect(tcp.flow?.pointee.connection == -1)
        #expect(tcp.counter("tcp.pkt_without_session") == 1)
        var settings = StreamSettings()
        settings.midstream = true
        let middle = StreamHarness(settings)
        middle.c(.ack, 101, 501, "ab")
        #expect(!middle.isEstablished)
        middle.s(.ack, 501, 103, "cd")
        #expect(middle.isEstablished)
        middle.c(.ack, 103, 503)
        #expect(middle.toServer == "ab")
        #expect(middle.toClient == "cd")
        #expect(middle.counter("tcp.midstream_pickups") == 1)
    }

    @Test func `a last segment with data is picked up, one without is not`() {
        var settings = StreamSettings()
        settings.midstream = true
        let tcp = StreamHarness(settings)
        tcp.c([.fin, .ack], 101, 501)
        #expect(tcp.anomalies == ["fin_but_no_session"])
        tcp.c([.fin, .ack], 101, 501, "ab")
        tcp.finish()
        #expect(tcp.toServer == "ab$")
    }

    @Test func `a connection is picked up at the server's answer`() {
        var settings = StreamSettings()
        settings.midstream = true
        let tcp = StreamHarness(settings)
        tcp.s([.syn, .ack], 500, 101)
        tcp.c(.ack, 101, 501)
        #expect(tcp.flow?.pointee.state == .established)
        tcp.c(.ack, 101, 501, "ab")
        tcp.s(.ack, 501, 103)
        #expect(tcp.toServer == "ab")
    }
}
