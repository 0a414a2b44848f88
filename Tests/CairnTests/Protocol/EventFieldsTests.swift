import Testing

@testable import Cairn

/// Packets made by hand, with the values of their fields.
@Suite struct EventFieldsTests {
    private static let tcp = [UInt8](
        hex: "00005e005301 00005e005302 0800"
            + "4600 0039 abcd 4000 40 06 0000 0a000001 c0000202 44040500"
            + "9c40 0050 00000001 00000002 7012 2000 0000 0007 020405b4 01010101"
            + "68656c6c6f")

    private static let echo = [UInt8](
        hex: "60000000 000c 3a 40 20010db8000000000000000000000001 20010db8000000000000000000000001"
            + "8000 0000 1234 0007 61626364")

    private func withTCP(_ body: (UnsafePointer<Packet>) -> Void) {
        withPacket(Self.tcp, .ethernet) { packet in
            packet.pointee.ipVersion = 4
            packet.pointee.etherType = 0x0800
            packet.pointee.ipProtocol = 6
            packet.pointee.timeToLive = 64
            packet.pointee.ipOffset = 14
            packet.pointee.ipEnd = UInt32(Self.tcp.count)
            packet.pointee.sourceAddress = IPAddress(v4: 0x0a00_0001)
            packet.pointee.destinationAddress = IPAddress(v4: 0xc000_0202)
            packet.pointee.transport = .tcp
            packet.pointee.transportOffset = 38
            packet.pointee.sourcePort = 40000
            packet.pointee.destinationPort = 80
            packet.pointee.tcpFlags = [.syn, .ack]
            packet.pointee.tcpSequence = 1
            packet.pointee.tcpAcknowledgment = 2
            packet.pointee.tcpWindow = 0x2000
            packet.pointee.payloadOffset = 66
            packet.pointee.payloadByteCount = 5
            packet.pointee.vlanIDs = (5, 6, 0)
            packet.pointee.vlanCount = 2
            packet.pointee.anomalies.insert(.ipv4Truncated)
            body(packet)
        }
    }

    private func withEcho(_ body: (UnsafePointer<Packet>) -> Void) {
        withPacket(Self.echo, .raw) { packet in
            packet.pointee.ipVersion = 6
            packet.pointee.ipProtocol = 58
            packet.pointee.ipEnd = UInt32(Self.echo.count)
            packet.pointee.transport = .icmpv6
            packet.pointee.transportOffset = 40
            packet.pointee.icmpType = 128
            packet.pointee.payloadOffset = 48
            packet.pointee.payloadByteCount = 4
            body(packet)
        }
    }

    private func withPacket(
        _ bytes: [UInt8], _ linkType: LinkType, _ body: (UnsafeMutablePointer<Packet>) -> Void
    ) {
        bytes.withUnsafeBytes {
            var packet = Packet(
                bytes: $0, timestamp: Timestamp(nanoseconds: 7), clock: .epoch, frameNumber: 1,
                source: 0, originalByteCount: 100, linkType: linkType)
            withUnsafeMutablePointer(to: &packet) { body($0) }
        }
    }

    /// All values of a packet's fields by name, bytes in hexadecimal.
    private func values(_ packet: UnsafePointer<Packet>) -> [String: String] {
        let text = TextBuffer()
        var values: [String: String] = [:]
        for (index, field) in PacketFields.definition.fields.enumerated() {
            switch field.type {
            case .integer, .bool:
                values[field.name] = PacketFields.number(index, packet).map { "\($0)" }
            case .ip: values[field.name] = PacketFields.address(index, packet)?.description
            case .bytes: values[field.name] = PacketFields.bytes(index, packet, text)?.hexText
            case .text:
                var texts: [String] = []
                while let bytes = PacketFields.bytes(index, packet, at: texts.count, text) {
                    texts.append(String(decoding: bytes, as: UTF8.self))
                    if !field.isList { break }
                }
                if !texts.isEmpty { values[field.name] = texts.joined(separator: ",") }
            }
        }
        return values
    }

    @Test func `a TCP packet over IPv4 has the values of its headers`() {
        withTCP { packet in
            let expected = [
                "payload": "68656c6c6f", "payload.size": "5", "packet.size": "100",
                "packet.anomaly": "ipv4.trunc_pkt", "packet.ip_checksum_valid": "1",
                "packet.checksum_valid": "1", "ether.src": "00:00:5e:00:53:02",
                "ether.dst": "00:00:5e:00:53:01", "ether.type": "2048",
                "ether.hdr": "00005e00530100005e0053020800", "ip.src": "10.0.0.1",
                "ip.dst": "192.0.2.2", "ip.ttl": "64", "ip.tos": "0", "ip.id": "43981",
                "ip.flags": "2", "ip.fragbits": "D", "ip.fragoffset": "0", "ip.is_fragment": "0",
                "ip.options": "ts", "ip.is_same": "0",
                "ipv4.hdr": "46000039abcd4000400600000a000001c000020244040500",
                "tcp.flags": "18", "tcp.flags.text": "SA", "tcp.seq": "1", "tcp.ack": "2",
                "tcp.window": "8192", "tcp.mss": "1460", "tcp.urgent": "7",
                "tcp.hdr": "9c40005000000001000000027012200000000007020405b401010101",
            ]
            #expect(values(packet) == expected)
        }
    }

    @Test func `an ICMPv6 echo over bare IPv6 has no fields of others`() {
        withEcho { packet in
            let expected = [
                "payload": "61626364", "payload.size": "4", "packet.size": "100",
                "packet.checksum_valid": "1", "ip.src": "0.0.0.0", "ip.dst": "0.0.0.0",
                "ip.ttl": "0", "ip.tos": "0", "ip.is_fragment": "0", "ip.is_same": "1",
                "icmp.type": "128", "icmp.code": "0", "icmp.id": "4660", "icmp.seq": "7",
                "icmpv6.hdr": "8000000012340007",
                "ipv6.hdr": Array(Self.echo.prefix(40)).hexText,
            ]
            #expect(values(packet) == expected)
        }
    }

    @Test func `offsets outside the bytes give no values and no harm`() {
        for count in 0..<Self.tcp.count {
            withTCP { packet in
                var cut = packet.pointee
                cut.bytes = UnsafeRawBufferPointer(rebasing: cut.bytes.prefix(count))
                cut.payloadOffset = min(cut.payloadOffset, UInt32(count))
                cut.payloadByteCount = min(5, UInt32(count) - cut.payloadOffset)
                withUnsafePointer(to: cut) { _ = values($0) }
            }
        }
    }

    // MARK: Common

    private func values(_ context: CommonFields.Context) -> [String: [String]] {
        var store = FieldStore(fieldCount: CommonFields.definition.fields.count)
        let text = TextBuffer()
        var values: [String: [String]] = [:]
        for (index, field) in CommonFields.definition.fields.enumerated() {
            CommonFields.append(index, context, to: &store, text)
            if field.type == .ip {
                values[field.name] = CommonFields.address(index, context).map { [$0.description] }
            } else if store.count(of: index) > 0 {
                values[field.name] = store.texts(of: index)
            }
        }
        return values
    }

    private func withFlow(_ body: (FlowPointer) -> Void) {
        var flow = Flow()
        flow.transport = .tcp
        flow.ipVersion = 4
        flow.ipProtocol = 6
        flow.client = IPAddress(v4: 0xc000_0202)
        flow.server = IPAddress(v4: 0x0a00_0001)
        flow.clientPort = 80
        flow.serverPort = 40000
        flow.id = 77
        withUnsafeMutablePointer(to: &flow) { body($0) }
    }

    @Test func `on a packet the source is the sender, elsewhere the client`() {
        withTCP { packet in
            withFlow { flow in
                var context = CommonFields.Context(packet: packet, flow: flow, isOfPacket: true)
                context.direction = .toClient
                context.timestamp = packet.pointee.timestamp
                context.applicationProtocol = DNS.definition
                let onPacket = values(context)
                #expect(
                    onPacket == [
                        "src.ip": ["10.0.0.1"], "src.port": ["40000"], "dst.ip": ["192.0.2.2"],
                        "dst.port": ["80"], "client.ip": ["192.0.2.2"], "client.port": ["80"],
                        "server.ip": ["10.0.0.1"], "server.port": ["40000"], "ip.version": ["4"],
                        "ip.is_v6": ["0"], "proto": ["tcp"], "ip.proto": ["6"],
                        "app_proto": ["dns"], "app_proto.original": ["dns"],
                        "app_proto.sender": ["dns"],
                        "vlan.id": ["5", "6"], "vlan.layers": ["2"], "direction": ["to_client"],
                        "flow.id": ["77"], "community_id": [flow.pointee.communityID()],
                        "time": ["7"], "flow.current.age": ["0"], "flow.current.pkts": ["0"],
                        "flow.current.pkts_toserver": ["0"],
                        "flow.current.pkts_toclient": ["0"], "flow.current.bytes": ["0"],
                        "flow.current.bytes_toserver": ["0"],
                        "flow.current.bytes_toclient": ["0"],
                    ])
                context.isOfPacket = false
                #expect(values(context)["src.ip"] == ["192.0.2.2"])
                #expect(values(context)["dst.port"] == ["40000"])
                context.isReversed = true
                context.applicationProtocol = nil
                context.hasFailed = true
                #expect(values(context)["src.ip"] == ["10.0.0.1"])
                #expect(values(context)["client.port"] == ["40000"])
                #expect(values(context)["app_proto"] == ["failed"])
            }
        }
    }

    @Test func `without a flow the packet's ends stand for it`() {
        withEcho { packet in
            let values = values(CommonFields.Context(packet: packet))
            #expect(values["client.ip"] == ["0.0.0.0"])
            #expect(values["client.port"] == nil)
            #expect(values["flow.id"] == nil)
            #expect(values["proto"] == ["icmpv6"])
            #expect(values["ip.is_v6"] == ["1"])
        }
    }

    // MARK: Flow

    @Test func `a flow that ended has counts, times and names`() {
        withFlow { flow in
            flow.pointee.toServer.packetCount = 3
            flow.pointee.toServer.byteCount = 300
            flow.pointee.toServer.payloadByteCount = 30
            flow.pointee.toServer.tcpFlags = [.syn, .ack, .fin]
            flow.pointee.toClient.packetCount = 2
            flow.pointee.toClient.byteCount = 200
            flow.pointee.toClient.tcpFlags = [.syn, .ack, .fin]
            flow.pointee.start = Timestamp(nanoseconds: 1_000_000_000)
            flow.pointee.last = Timestamp(nanoseconds: 3_500_000_000)
            flow.pointee.state = .closed
            let transaction = Transaction(FlowFields.definition)
            FlowFields.fill(
                &transaction.fields, flow,
                .init(
                    applicationProtocol: "tls", serverName: Array("WWW.Example".utf8),
                    hasAlerted: true), TextBuffer())
            #expect(
                ParserHarness.fields(of: transaction) == [
                    "flow.pkts_toserver": ["3"], "flow.pkts_toclient": ["2"], "flow.pkts": ["5"],
                    "flow.bytes_toserver": ["300"], "flow.bytes_toclient": ["200"],
                    "flow.bytes": ["500"], "flow.payload_toserver": ["30"],
                    "flow.payload_toclient": ["0"], "flow.start": ["1000000000"],
                    "flow.end": ["3500000000"], "flow.age": ["2"], "flow.duration_ms": ["2500"],
                    "flow.state": ["closed"], "flow.reason": ["timeout"],
                    "flow.conn_state": ["SF"], "flow.service": ["tls"],
                    "server.name": ["www.example"], "flow.alerted": ["1"],
                    "flow.tcp_flags": ["19"], "flow.tcp_flags_ts": ["19"],
                    "flow.tcp_flags_tc": ["19"],
                ])
        }
    }

    @Test(
        arguments: [
            (TCPFlags.syn, nil, "S0"), (.syn, [.rst, .ack], "REJ"), ([.syn, .rst], nil, "RSTOS0"),
            ([.syn, .fin], nil, "SH"), ([.syn, .ack], [.syn, .ack], "S1"),
            ([.syn, .ack, .fin], [.syn, .ack], "S2"), ([.syn, .ack], [.syn, .ack, .fin], "S3"),
            ([.syn, .ack, .fin], [.syn, .ack, .fin], "SF"),
            ([.syn, .fin, .rst], [.syn, .ack, .fin], "SF"), ([.syn, .rst], [.syn, .ack], "RSTO"),
            ([.syn, .ack], [.syn, .ack, .rst], "RSTR"), (.ack, .ack, "OTH"),
            (.ack, [.syn, .ack, .rst], "RSTRH"), (.ack, [.syn, .ack, .fin], "SHR"),
        ] as [(TCPFlags, TCPFlags?, String)])
    func `flags tell what became of a connection`(
        client: TCPFlags, server: TCPFlags?, state: String
    ) {
        withFlow { flow in
            flow.pointee.toServer.tcpFlags = client
            flow.pointee.toServer.packetCount = 1
            flow.pointee.toClient.tcpFlags = server ?? []
            flow.pointee.toClient.packetCount = server == nil ? 0 : 1
            #expect("\(FlowFields.connectionState(flow))" == state)
        }
    }
}
