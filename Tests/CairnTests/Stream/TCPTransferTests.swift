import Testing

@testable import Cairn

@Suite struct TCPTransferTests {
    private let tcp = StreamHarness()

    init() { tcp.handshake() }

    private var state: TCPState? { tcp.flow?.pointee.tcpState }

    @Test func `the client closes first`() {
        tcp.c([.fin, .ack], 101, 501, "bye")
        #expect(state == .closeWait)
        tcp.s(.ack, 501, 105, "rest")
        #expect(tcp.toServer == "bye$")
        tcp.c(.ack, 105, 505)
        tcp.s([.fin, .ack], 505, 105)
        #expect(state == .lastAck)
        #expect(tcp.flow?.pointee.state == .closed)
        tcp.c(.ack, 105, 506)
        #expect(state == .closed)
        #expect(tcp.toClient == "rest$")
        #expect(tcp.anomalies == [])
        tcp.finish()
        #expect(tcp.toServer == "bye$" && tcp.toClient == "rest$")
    }

    @Test func `the server closes first`() {
        tcp.s([.fin, .ack], 501, 101)
        #expect(state == .finWait1)
        tcp.c(.ack, 101, 502, "more")
        #expect(state == .finWait2)
        #expect(tcp.toClient == "$")
        tcp.s(.ack, 502, 105)
        tcp.c([.fin, .ack], 105, 502)
        #expect(state == .timeWait)
        tcp.s(.ack, 502, 106)
        #expect(state == .closed)
        #expect(tcp.toServer == "more$")
    }

    @Test func `both close at once`() {
        tcp.s([.fin, .ack], 501, 101)
        tcp.c([.fin, .ack], 101, 501)
        #expect(state == .closing)
        tcp.s(.ack, 502, 102)
        tcp.c(.ack, 102, 502)
        #expect(state == .closed)
        #expect(tcp.toServer == "$" && tcp.toClient == "$")
    }

    @Test func `a FIN waits for the bytes before it`() {
        tcp.c([.fin, .ack], 105, 501)
        tcp.c(.ack, 101, 501, "abcd")
        tcp.s(.ack, 501, 106)
        #expect(tcp.toServer == "abcd$")
    }

    @Test func `bytes behind a FIN that is acknowledged show that it was none`() {
        tcp.c([.fin, .ack], 101, 501)
        tcp.c(.ack, 101, 501, "abcd")
        tcp.s(.ack, 501, 105)
        tcp.finish()
        #expect(tcp.toServer == "abcd$")
    }

    @Test func `a RST closes, and the rest is handed on at the end`() {
        tcp.c(.ack, 101, 501, "abcd")
        tcp.s([.rst, .ack], 501, 103)
        #expect(state == .closed)
        #expect(tcp.toServer == "ab")
        // What comes after it is nobody's.
        tcp.c(.ack, 105, 501, "late")
        tcp.s(.ack, 501, 101, "late")
        #expect(tcp.anomalies == [])
        tcp.finish()
        #expect(tcp.toServer == "abcd$")
        #expect(tcp.toClient == "$")
    }

    @Test func `a RST that the other end did not take is none`() {
        tcp.c([.rst, .ack], 101, 501)
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.toServer == "")
        tcp.s(.ack, 501, 105)
        #expect(tcp.anomalies == ["suspected_rst_inject"])
        #expect(state == .established)
        #expect(tcp.toServer == "abcd")
        tcp.s(.ack, 501, 105, "answer")
        tcp.c(.ack, 105, 507)
        #expect(tcp.toClient == "answer")
    }

    @Test(arguments: [
        ("windows", -1, false), ("windows", 0, true), ("windows", 1, false),
        ("linux", -1, false), ("linux", 0, true), ("linux", 100, true), ("linux", 65_535, false),
        ("hpux11", -1, false), ("hpux11", 70_000, true),
    ])
    func `a RST must be where its receiver expects it`(
        policy: String, position: Int, isTaken: Bool
    ) throws {
        var settings = StreamSettings()
        let policy = try #require(OverlapPolicy(name: policy))
        settings.hostPolicies.networks = [
            try #require(HostPolicies.Entry(network: IPNetwork("0.0.0.0/0"), policy: policy))
        ]
        let tcp = StreamHarness(settings)
        tcp.handshake()
        tcp.s(.rst, UInt32(501 + position))
        #expect((tcp.flow?.pointee.tcpState == .closed) == isTaken)
    }

    @Test func `a RST that acknowledges what cannot be is not taken`() {
        tcp.s([.rst, .ack], 501, 90_000)
        #expect(Set(tcp.anomalies) == ["rst_invalid_ack", "pkt_invalid_ack"])
        #expect(state == .established)
    }

    @Test func `a new SYN after the end opens a new flow`() {
        let old = tcp.flow?.pointee.id
        tcp.c([.fin, .ack], 101, 501)
        tcp.s([.fin, .ack], 501, 102)
        tcp.c(.ack, 102, 502)
        tcp.c(.syn, 9000)
        #expect(tcp.flow?.pointee.id != old)
        tcp.s([.syn, .ack], 8000, 9001)
        tcp.c(.ack, 9001, 8001, "again")
        tcp.s(.ack, 8001, 9006)
        #expect(tcp.toServer == "$again")
    }
}

// MARK: - What is not taken

extension TCPTransferTests {
    @Test(
        arguments: [
            (true, .ack, 101 + 65_533, 501, "abc", "est_packet_out_of_window"),
            (true, .ack, 101, 90_000, "abc", "est_invalid_ack pkt_invalid_ack"),
            (true, [.fin, .ack], 101 + 70_000, 501, "", "fin_out_of_window"),
            (true, [.fin, .ack], 101, 90_000, "", "fin_invalid_ack pkt_invalid_ack"),
            (true, .syn, 100, 0, "", "est_syn_resend"),
            (true, .syn, 9000, 0, "", "est_syn_resend_diff_seq"),
            (false, .syn, 500, 0, "", "est_syn_toclient"),
            (true, [.syn, .ack], 100, 501, "", "est_synack_toserver"),
            (false, [.syn, .ack], 500, 102, "", "est_synack_resend_with_different_ack"),
            (false, [.syn, .ack], 501, 101, "", "est_synack_resend_with_diff_seq"),
            (true, [.syn, .fin, .ack], 101, 501, "", "fin_syn"),
            (true, .psh, 101, 501, "abc", "pkt_broken_ack"),
            (true, [], 101, 0, "abc", ""),
        ] as [(Bool, TCPFlags, UInt32, UInt32, String, String)])
    func `what is wrong has a name and changes nothing`(
        isFromClient: Bool, flags: TCPFlags, seq: UInt32, ack: UInt32, payload: String,
        names: String
    ) {
        if isFromClient {
            tcp.c(flags, seq, ack, payload)
        } else {
            tcp.s(flags, seq, ack, payload)
        }
        #expect(Set(tcp.anomalies) == Set(names.split(separator: " ").map(String.init)))
        #expect(!tcp.isAccepted && tcp.isEstablished)
        #expect(state == .established)
        tcp.c(.ack, 101, 501, "x")
        tcp.s(.ack, 501, 102)
        #expect(tcp.toServer == "x")
    }

    /// In each closing state: an acknowledgement that cannot be, and a segment out of the window.
    @Test(arguments: [
        (TCPState.closeWait, false, "closewait_invalid_ack", "closewait_ack_out_of_window"),
        (.finWait1, true, "fin1_invalid_ack", "fin1_ack_wrong_seq"),
        (.finWait2, true, "fin2_invalid_ack", "fin2_ack_wrong_seq"),
        (.closing, true, "closing_invalid_ack", "closing_ack_wrong_seq"),
        (.lastAck, true, "lastack_invalid_ack", "lastack_ack_wrong_seq"),
        (.timeWait, false, "timewait_invalid_ack", "timewait_ack_wrong_seq"),
    ])
    func `closing states have their own names`(
        closing: TCPState, isFromClient: Bool, invalidAck: String, wrongSequence: String
    ) {
        switch closing {
        case .closeWait: tcp.c([.fin, .ack], 101, 501)
        case .lastAck:
            tcp.c([.fin, .ack], 101, 501)
            tcp.s([.fin, .ack], 501, 102)
        default: tcp.s([.fin, .ack], 501, 101)
        }
        switch closing {
        case .finWait2: tcp.c(.ack, 101, 502)
        case .closing: tcp.c([.fin, .ack], 101, 501)
        case .timeWait: tcp.c([.fin, .ack], 101, 502)
        default: break
        }
        #expect(state == closing)
        if isFromClient { tcp.c(.ack, 102, 90_000) } else { tcp.s(.ack, 502, 90_000) }
        #expect(Set(tcp.anomalies) == ["pkt_invalid_ack", invalidAck])
        if isFromClient { tcp.c(.ack, 80_000, 501) } else { tcp.s(.ack, 80_000, 101) }
        #expect(tcp.anomalies == [wrongSequence])
        #expect(state == closing)
        if closing == .finWait1 || closing == .finWait2 {
            tcp.c(.syn, 9000)
            #expect(tcp.anomalies == ["shutdown_syn_resend"])
            tcp.c([.fin, .ack], 80_000, 502)
            #expect(tcp.anomalies == [wrongSequence.replacing("ack", with: "fin")])
        }
    }

    @Test func `keep-alives are no retransmissions`() {
        tcp.c(.ack, 101, 501, "abcd")
        tcp.s(.ack, 501, 105)
        for payload in ["", "d", "x"] {
            tcp.c(.ack, 104, 501, payload)
            #expect(tcp.anomalies == [] && tcp.isAccepted)
            tcp.s(.ack, 501, 105)
        }
        tcp.c(.ack, 105, 501, "ef")
        tcp.s(.ack, 501, 107)
        #expect(tcp.toServer == "abcdef")
    }

    @Test func `one byte may probe a closed window`() {
        tcp.s(.ack, 501, 101, window: 0)
        tcp.c(.ack, 101, 501, String(repeating: "x", count: 65_535))
        tcp.s(.ack, 501, 101 + 65_535, window: 0)
        tcp.c(.ack, 101 + 65_535, 501, "ab")
        #expect(tcp.anomalies == ["est_packet_out_of_window"])
        tcp.c(.ack, 101 + 65_535, 501, "a")
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 101 + 65_536, window: 10)
        #expect(tcp.toServer.hasSuffix("xa"))
    }

    @Test func `repeated data that was acknowledged is a spurious retransmission`() {
        tcp.c(.ack, 101, 501, "abcd")
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 105)
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.anomalies == ["pkt_spurious_retransmission"])
        tcp.c(.ack, 103, 501, "cdef")
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 107)
        #expect(tcp.toServer == "abcdef")
    }

    @Test func `bytes from before the stream are called spurious and nothing else`() {
        tcp.c(.ack, 1, 501, "abcd")
        #expect(tcp.anomalies == ["pkt_spurious_retransmission"])
        #expect(!tcp.isAccepted)
    }

    @Test func `a keep-alive's byte is not part of the stream`() {
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.isInStream)
        tcp.c(.ack, 104, 501, "x")
        #expect(tcp.anomalies == [] && tcp.isAccepted && !tcp.isInStream)
        tcp.s(.ack, 501, 105)
        #expect(tcp.toServer == "abcd")
    }

    /// RFC 5961 §5.2.
    @Test(arguments: [(UInt32(100), "", true), (66, "", true), (66, "x", false), (67, "x", true)])
    func `an acknowledgement older than the window is not one, with data`(
        back: UInt32, payload: String, isTaken: Bool
    ) {
        tcp.c(.ack, 101, 501, String(repeating: "a", count: 35))
        tcp.s(.ack, 501, 136, window: 35 + 34)
        tcp.s(.ack, 501, back, payload, window: 69)
        #expect(tcp.isAccepted == isTaken)
        #expect(tcp.anomalies == (isTaken ? [] : ["est_invalid_ack", "pkt_invalid_ack"]))
    }

    @Test func `some send a FIN without ACK`() {
        tcp.c(.fin, 101)
        #expect(tcp.isAccepted && tcp.anomalies == [])
        #expect(tcp.flow?.pointee.tcpState == .closeWait)
        tcp.c(.fin, 99)
        #expect(tcp.anomalies == ["closewait_fin_out_of_window"])
    }

    @Test func `a FIN that comes again with its bytes is no retransmission`() {
        tcp.c(.ack, 101, 501, "abcd")
        tcp.c([.fin, .ack], 105, 501)
        tcp.c([.fin, .ack], 101, 501, "abcd")
        #expect(tcp.anomalies == ["pkt_retransmission"])
        tcp.s([.fin, .ack], 501, 101)
        #expect(tcp.flow?.pointee.tcpState == .lastAck)
        tcp.c([.fin, .ack], 101, 501, "abcd")
        #expect(tcp.anomalies == [])
        tcp.c(.ack, 101, 501, "abcd")
        #expect(tcp.anomalies == ["pkt_retransmission"])
    }

    @Test func `selectively acknowledged bytes widen the window`() {
        tcp.c(.ack, 101 + 1000, 501, String(repeating: "x", count: 64_000))
        let block: [UInt8] = [101 + 1000, 101 + 65_000].flatMap { (edge: UInt32) in
            withUnsafeBytes(of: edge.bigEndian) { Array($0) }
        }
        tcp.s(.ack, 501, 101, options: [1, 1, 5, 10] + block)
        tcp.c(.ack, 101 + 65_000, 501, String(repeating: "y", count: 2000))
        #expect(tcp.anomalies == [])
    }
}

// MARK: - Timestamps

extension TCPTransferTests {
    /// Relative to the last timestamp: whether a segment is taken by a Windows or Linux receiver,
    /// and by a BSD.
    @Test(
        arguments: [
            (0, true, true), (5, true, true), (-1, true, false), (-2, false, false),
            (-200, false, false), (0x7fff_fffe, true, true), (0x7fff_ffff, false, true),
            (-0x7fff_ffff, false, false),
        ] as [(Int64, Bool, Bool)])
    func `an old timestamp is not taken`(change: Int64, isTaken: Bool, isTakenByBSD: Bool) {
        for (networks, isTaken) in [(HostPolicies().networks, isTaken), ([], isTakenByBSD)] {
            var settings = StreamSettings()
            settings.hostPolicies.networks = networks
            let tcp = StreamHarness(settings)
            tcp.c(.syn, 100, options: Option.timestamp(1000))
            tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(50, 1000))
            tcp.c(.ack, 101, 501, options: Option.timestamp(1000, 50))
            tcp.c(
                .ack, 101, 501, "x",
                options: Option.timestamp(UInt32(truncatingIfNeeded: 1000 + change), 50))
            #expect(tcp.anomalies == (isTaken ? [] : ["pkt_invalid_timestamp"]))
            #expect(tcp.isAccepted == isTaken)
        }
    }

    @Test func `a segment out of order does not move the timestamp`() {
        let tcp = StreamHarness()
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(50, 1000))
        tcp.c(.ack, 101, 501, options: Option.timestamp(1000, 50))
        tcp.c(.ack, 103, 501, "cd", options: Option.timestamp(1010, 50))
        tcp.c(.ack, 101, 501, "ab", options: Option.timestamp(1005, 50))
        tcp.s(.ack, 501, 105, options: Option.timestamp(51, 1010))
        #expect(tcp.toServer == "abcd")
    }

    @Test func `only a bare acknowledgement moves the timestamp`() {
        let tcp = StreamHarness()
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(50, 1000))
        tcp.c(.ack, 101, 501, options: Option.timestamp(1001, 50))
        tcp.c(.ack, 101, 501, "ab", options: Option.timestamp(1050, 50))
        tcp.c(.ack, 103, 501, "cd", options: Option.timestamp(1010, 50))
        #expect(tcp.anomalies == [])
        tcp.c(.ack, 105, 501, options: Option.timestamp(1060, 50))
        tcp.c(.ack, 105, 501, "e", options: Option.timestamp(1050, 50))
        #expect(tcp.anomalies == ["pkt_invalid_timestamp"])
    }

    @Test func `a RST with an old timestamp is none`() {
        let tcp = StreamHarness()
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(50, 1000))
        tcp.c(.ack, 101, 501, options: Option.timestamp(1001, 50))
        tcp.s([.rst, .ack], 501, 101, options: Option.timestamp(0, 1001))
        #expect(tcp.anomalies == ["pkt_invalid_timestamp"])
        #expect(tcp.flow?.pointee.tcpState == .established)
    }

    @Test func `after twenty-four days every timestamp is taken`() {
        let tcp = StreamHarness()
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101, options: Option.timestamp(50, 1000))
        tcp.c(.ack, 101, 501, options: Option.timestamp(1000, 50))
        // Keep the flow alive without touching the client's timestamp.
        for _ in 0..<(25 * 24 * 6 + 1) {
            tcp.maker.time += 599 * nanosecondsPerSecond
            tcp.s(.ack, 501, 101)
        }
        tcp.c(.ack, 101, 501, "x", options: Option.timestamp(10, 50))
        #expect(tcp.anomalies == [] && tcp.isAccepted)
    }

    @Test func `timestamps of one end alone are not looked at`() {
        let tcp = StreamHarness()
        tcp.c(.syn, 100, options: Option.timestamp(1000))
        tcp.s([.syn, .ack], 500, 101)
        tcp.c(.ack, 101, 501, options: Option.timestamp(5))
        tcp.c(.ack, 101, 501, "x", options: Option.timestamp(1))
        #expect(tcp.anomalies == [] && tcp.isAccepted)
    }
}
