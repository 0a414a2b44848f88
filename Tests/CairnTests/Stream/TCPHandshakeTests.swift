import Testing

@testable import Cairn

@Suite struct TCPHandshakeTests {
    private let tcp = StreamHarness()

    @Test func `three ways`() {
        tcp.c(.syn, 100)
        #expect(tcp.flow?.pointee.tcpState == .synSent)
        tcp.s([.syn, .ack], 500, 101)
        #expect(tcp.flow?.pointee.tcpState == .synReceived)
        #expect(tcp.flow?.pointee.state == .new)
        tcp.c(.ack, 101, 501)
        #expect(tcp.flow?.pointee.tcpState == .established)
        #expect(tcp.flow?.pointee.state == .established)
        // The packet that ends the handshake is not yet of an established connection; the next one
        // is.
        #expect(!tcp.isEstablished)
        tcp.c(.ack, 101, 501, "x")
        #expect(tcp.isEstablished && tcp.isAccepted)
        #expect(tcp.anomalies == [])
        #expect(tcp.counter("tcp.sessions") == 1)
        #expect(tcp.counter("tcp.syn") == 1 && tcp.counter("tcp.synack") == 1)
    }

    @Test func `the acknowledgement of the handshake can carry data`() {
        tcp.c(.syn, 100)
        tcp.s([.syn, .ack], 500, 101)
        tcp.c(.ack, 101, 501, "GET")
        #expect(tcp.isEstablished)
        tcp.s(.ack, 501, 104)
        #expect(tcp.toServer == "GET")
    }

    @Test func `a lost acknowledgement is no loss`() {
        tcp.c(.syn, 100)
        tcp.s([.syn, .ack], 500, 101)
        tcp.s(.ack, 501, 101, "220")
        tcp.c(.ack, 101, 504)
        #expect(tcp.toClient == "220")
    }

    @Test func `both ends open at once`() {
        tcp.c(.syn, 100)
        tcp.s(.syn, 500)
        tcp.c([.syn, .ack], 100, 501)
        tcp.s([.syn, .ack], 500, 101)
        #expect(tcp.flow?.pointee.state == .established)
        tcp.c(.ack, 101, 501, "a")
        tcp.s(.ack, 501, 102, "b")
        tcp.c(.ack, 102, 502)
        #expect(tcp.toServer == "a" && tcp.toClient == "b")
        #expect(tcp.anomalies == [])
    }

    @Test func `the server splits its answer`() {
        tcp.c(.syn, 100)
        tcp.s(.syn, 500)
        tcp.c([.syn, .ack], 100, 501)
        tcp.s(.ack, 501, 101)
        #expect(tcp.flow?.pointee.state == .established)
        tcp.s(.ack, 501, 101, "b")
        tcp.c(.ack, 101, 502)
        #expect(tcp.toClient == "b")
    }

    @Test(arguments: [
        (true, UInt32(101), UInt32(501), "4whs_synack_with_wrong_syn"),
        (true, 100, 502, "4whs_synack_with_wrong_ack"),
        (false, 502, 101, "4whs_wrong_seq"),
        (false, 501, 102, "4whs_invalid_ack"),
    ])
    func `what is wrong with a four-way handshake has a name`(
        fromClient: Bool, seq: UInt32, ack: UInt32, name: String
    ) {
        tcp.c(.syn, 100)
        tcp.s(.syn, 500)
        if fromClient {
            tcp.c([.syn, .ack], seq, ack)
        } else {
            tcp.c([.syn, .ack], 100, 501)
            tcp.s(.ack, seq, ack)
        }
        #expect(tcp.anomalies == [name])
        #expect(tcp.flow?.pointee.state == .new)
    }

    @Test func `the server chooses one of several SYNs`() {
        tcp.c(.syn, 100)
        tcp.c(.syn, 200)
        tcp.c(.syn, 300)
        tcp.s([.syn, .ack], 500, 201)
        tcp.c(.ack, 201, 501, "x")
        tcp.s(.ack, 501, 202)
        #expect(tcp.toServer == "x")
        #expect(tcp.flow?.pointee.clientInitialSequence == 200)
    }

    @Test func `the client chooses one of several SYN/ACKs`() {
        tcp.c(.syn, 100)
        tcp.s([.syn, .ack], 500, 101)
        tcp.s([.syn, .ack], 700, 101)
        #expect(tcp.anomalies == [])
        tcp.c(.ack, 101, 701)
        tcp.s(.ack, 701, 101, "x")
        tcp.c(.ack, 101, 702)
        #expect(tcp.toClient == "x")
    }

    @Test func `too many SYNs and SYN/ACKs are a flood`() {
        for index in 0..<UInt32(11) {
            tcp.c(.syn, 100 + index)
            #expect(tcp.anomalies == [])
        }
        tcp.c(.syn, 111)
        #expect(tcp.anomalies == ["3whs_syn_flood"])
        // The latest one may be the one.
        tcp.s([.syn, .ack], 500, 112)
        for index in 1..<UInt32(6) {
            tcp.s([.syn, .ack], 500 + index, 112)
            #expect(tcp.anomalies == [])
        }
        tcp.s([.syn, .ack], 900, 112)
        #expect(tcp.anomalies == ["3whs_synack_flood"])
    }

    @Test func `window scale holds if both ends offer it`() {
        tcp.c(.syn, 100, options: Option.windowScale(2))
        tcp.s([.syn, .ack], 500, 101, window: 1000, options: Option.windowScale(2))
        tcp.c(.ack, 101, 501, window: 1000)
        // The window of the SYN/ACK itself is not scaled.
        tcp.c(.ack, 101 + 999, 501, "ab")
        #expect(tcp.anomalies == ["est_packet_out_of_window"])
        tcp.s(.ack, 501, 101, window: 1000)
        tcp.c(.ack, 101 + 3999, 501, "a")
        #expect(tcp.anomalies == [])
        tcp.c(.ack, 101 + 3999, 501, "ab")
        #expect(tcp.anomalies == ["est_packet_out_of_window"])
    }

    @Test func `window scale that one end offers does not hold`() {
        tcp.c(.syn, 100, options: Option.windowScale(2))
        tcp.s([.syn, .ack], 500, 101, window: 1000)
        tcp.c(.ack, 101, 501)
        tcp.s(.ack, 501, 101, window: 1000)
        tcp.c(.ack, 101 + 999, 501, "ab")
        #expect(tcp.anomalies == ["est_packet_out_of_window"])
    }

    @Test func `data on the SYN counts if the server takes it`() {
        tcp.c(.syn, 100, 0, "early", options: Option.fastOpen)
        tcp.s([.syn, .ack], 500, 106)
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 106, "reply")
        #expect(tcp.toServer == "early")
        tcp.c(.ack, 106, 506, "more")
        tcp.s(.ack, 506, 110)
        #expect(tcp.toServer == "earlymore")
        #expect(tcp.toClient == "reply")
    }

    @Test func `data on the SYN that the server does not take is sent again`() {
        tcp.c(.syn, 100, 0, "early", options: Option.fastOpen)
        tcp.s([.syn, .ack], 500, 101)
        #expect(tcp.anomalies == ["3whs_synack_tfo_data_ignored"])
        tcp.c(.ack, 101, 501, "later")
        tcp.s(.ack, 501, 106)
        #expect(tcp.toServer == "later")
    }

    @Test func `data on the SYN are no stream's to rules without Fast Open`() {
        tcp.c(.syn, 100, 0, "ab")
        #expect(!tcp.isAccepted)
        let quick = StreamHarness()
        quick.c(.syn, 100, 0, "ab", options: Option.fastOpen)
        #expect(quick.isAccepted)
    }

    @Test func `data on the SYN and the SYN/ACK counts without Fast Open too`() {
        tcp.c(.syn, 100, 0, "ab")
        tcp.s([.syn, .ack], 500, 103, "cd")
        #expect(tcp.toServer == "")
        tcp.c(.ack, 103, 503)
        #expect(tcp.toClient == "cd")
        #expect(tcp.toServer == "")
        tcp.s(.ack, 503, 103)
        #expect(tcp.toServer == "ab")
        #expect(tcp.anomalies == [])
    }

    /// One packet too many or too strange, after a SYN (`false`) or a SYN/ACK (`true`), from the
    /// client or the server.
    @Test(
        arguments: [
            (false, true, [.syn, .ack], 500, 101, "3whs_synack_in_wrong_direction"),
            (false, false, [.syn, .ack], 500, 99, "3whs_synack_with_wrong_ack"),
            (false, false, [.rst, .ack], 0, 300, "rst_invalid_ack pkt_invalid_ack"),
            (true, true, .ack, 101, 600, "3whs_right_seq_wrong_ack_evasion"),
            (true, true, .ack, 900, 600, "3whs_wrong_seq_wrong_ack"),
            (true, true, .syn, 300, 0, "3whs_syn_resend_diff_seq_on_syn_recv"),
            (true, false, .syn, 500, 0, "3whs_syn_toclient_on_syn_recv"),
            (true, true, [.syn, .ack], 100, 501, "3whs_synack_toserver_on_syn_recv"),
            (true, false, [.syn, .ack], 500, 151, "3whs_synack_resend_with_different_ack"),
            (true, false, .ack, 400, 101, "3whs_ack_in_wrong_dir"),
            (true, true, .psh, 101, 501, "pkt_broken_ack"),
        ] as [(Bool, Bool, TCPFlags, UInt32, UInt32, String)])
    func `what is wrong with a handshake has a name, and it still succeeds`(
        isAnswered: Bool, isFromClient: Bool, flags: TCPFlags, seq: UInt32, ack: UInt32,
        names: String
    ) {
        tcp.c(.syn, 100)
        if isAnswered { tcp.s([.syn, .ack], 500, 101) }
        if isFromClient { tcp.c(flags, seq, ack) } else { tcp.s(flags, seq, ack) }
        #expect(Set(tcp.anomalies) == Set(names.split(separator: " ").map(String.init)))
        #expect(!tcp.isAccepted)
        tcp.s([.syn, .ack], 500, 101)
        tcp.c(.ack, 101, 501)
        #expect(tcp.flow?.pointee.tcpState == .established)
    }

    @Test(
        arguments: [
            ([.fin, .ack], "fin_but_no_session"), ([.syn, .fin], "fin_but_no_session"),
            (.rst, "rst_but_no_session"), ([.syn, .rst], "rst_but_no_session"), (.ack, ""),
            ([], ""),
        ] as [(TCPFlags, String)])
    func `a connection does not begin like this`(flags: TCPFlags, name: String) {
        tcp.c(flags, 101)
        #expect(tcp.anomalies.joined() == name)
        #expect(tcp.flow?.pointee.tcpState == TCPState.none)
        #expect(tcp.counter("tcp.sessions") == 0)
    }

    @Test func `a refused connection is closed, and may be accepted after all`() {
        tcp.c(.syn, 100)
        tcp.s([.rst, .ack], 0, 101)
        #expect(tcp.flow?.pointee.state == .closed)
        tcp.c(.syn, 100)
        tcp.s([.syn, .ack], 500, 101)
        #expect(tcp.anomalies == ["suspected_rst_inject"])
        #expect(tcp.flow?.pointee.state == .new)
        tcp.c(.ack, 101, 501, "x")
        tcp.s(.ack, 501, 102)
        #expect(tcp.toServer == "x")
    }

    /// Whoever makes up an answer cannot know the timestamp; also not that there is none.
    @Test(arguments: [[.rst, .ack], [.fin, .ack], .syn] as [TCPFlags])
    func `every answer to a SYN must echo its timestamp`(flags: TCPFlags) {
        for options in [Option.timestamp(1000), []] {
            let tcp = StreamHarness()
            tcp.c(.syn, 100, options: options)
            tcp.s(flags, 500, flags.contains(.ack) ? 101 : 0, options: Option.timestamp(100, 100))
            #expect(tcp.anomalies == ["pkt_invalid_timestamp"])
            #expect(tcp.flow?.pointee.tcpState == .synSent)
        }
    }

    @Test(arguments: [(UInt32(1000), true), (2000, true), (3000, true), (1500, false)])
    func `of a SYN that was sent again any timestamp may be echoed`(echo: UInt32, isTaken: Bool) {
        for stamp in [UInt32(1000), 2000, 3000] {
            tcp.c(.syn, 100, options: Option.timestamp(stamp))
            #expect(tcp.anomalies == [])
        }
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(7, echo))
        #expect(tcp.anomalies == (isTaken ? [] : ["pkt_invalid_timestamp"]))
        #expect(tcp.isAccepted == isTaken)
    }

    @Test func `a SYN/ACK must echo the timestamp of the SYN`() {
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(7, 999))
        #expect(tcp.anomalies == ["pkt_invalid_timestamp"])
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(7, 1000))
        #expect(tcp.flow?.pointee.tcpState == .synReceived)
    }

    @Test(arguments: 0..<12)
    func `options cut short are no options`(count: Int) {
        let whole = Option.timestamp(5, 6)
        var packet = tcp.maker.tcp(
            tcp.client, tcp.server, .ack, seq: 1, options: whole)
        packet.payloadOffset = UInt32(20 + count)
        let options = withUnsafePointer(to: packet) { SegmentOptions($0) }
        #expect(!options.hasTimestamp)
    }

    @Test func `options are read whatever their order`() {
        let bytes: [UInt8] =
            [2, 4, 5, 0xb4, 3, 3, 200, 4, 2, 1] + Option.timestamp(5, 6).dropFirst(2)
            + [5, 10, 0, 0, 0, 10, 0, 0, 0, 40, 34, 2, 0, 9]
        let packet = tcp.maker.tcp(tcp.client, tcp.server, .syn, seq: 1, options: bytes)
        let options = withUnsafePointer(to: packet) { SegmentOptions($0) }
        #expect(options.windowScale == SegmentOptions.windowScaleMax)
        #expect(options.hasTimestamp && options.timestampValue == 5 && options.timestampEcho == 6)
        #expect(options.hasFastOpen)
        #expect(options.selectiveByteCount == 30)
    }
}
