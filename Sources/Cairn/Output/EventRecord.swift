/// What every EVE record begins with, whoever it speaks of.
struct EventHeader {
    var timestamp: Timestamp
    var frameNumber: UInt64?
    var source: UInt32
    var flowID: UInt64?
    var sourceAddress: IPAddress
    var destinationAddress: IPAddress
    var sourcePort: UInt16
    var destinationPort: UInt16
    var ipProtocol: UInt8
    var transport: Transport
    var hasAddresses = true
    var vlanIDs: [UInt16] = []
    var applicationProtocol: String?
    var transactionID: UInt64?
}

/// Writes records in the shape of Suricata's EVE, so that whatever reads eve.json reads them.
struct EventRecordWriter {
    /// The member that names a source, as JSON text; `Frame.source` refers to it.
    private let sourceMembers: [[UInt8]]

    /// - Parameters:
    ///   - sourceNames: what `Frame.source` refers to.
    ///   - isLive: sources are interfaces (`in_iface`), not capture files (`pcap_filename`).
    init(sourceNames: [String], isLive: Bool) {
        sourceMembers = sourceNames.map { name in
            var writer = JSONWriter()
            writer.member(isLive ? "in_iface" : "pcap_filename", name)
            return writer.bytes
        }
    }

    /// Writes the common members: time, flow, addresses, protocol.
    func writeHeader(_ header: EventHeader, type: String, into writer: inout JSONWriter) {
        writer.member("timestamp", eveTime: header.timestamp)
        if let flowID = header.flowID { writer.member("flow_id", flowID) }
        writeSource(header.source, into: &writer)
        if let frameNumber = header.frameNumber { writer.member("pcap_cnt", frameNumber) }
        writer.member("event_type", type)
        if !header.vlanIDs.isEmpty {
            writer.key("vlan")
            writer.beginArray()
            for identifier in header.vlanIDs { writer.integer(identifier) }
            writer.endArray()
        }
        if header.hasAddresses { writeAddresses(header, into: &writer) }
        if let name = header.applicationProtocol { writer.member("app_proto", name) }
        if let transactionID = header.transactionID { writer.member("tx_id", transactionID) }
    }

    private func writeSource(_ index: UInt32, into writer: inout JSONWriter) {
        guard Int(index) < sourceMembers.count else { return }
        writer.raw(sourceMembers[Int(index)])
    }

    private func writeAddresses(_ header: EventHeader, into writer: inout JSONWriter) {
        let hasPorts = [.tcp, .udp, .sctp].contains(header.transport)
        writer.member("src_ip", header.sourceAddress)
        if hasPorts { writer.member("src_port", header.sourcePort) }
        writer.member("dest_ip", header.destinationAddress)
        if hasPorts { writer.member("dest_port", header.destinationPort) }
        writer.member("proto", Self.protocolName(header.ipProtocol))
    }

    /// The name of an IP protocol as EVE writes it; its number where it has none here.
    static func protocolName(_ number: UInt8) -> String {
        switch number {
        case 1: "ICMP"
        case 2: "IGMP"
        case 6: "TCP"
        case 17: "UDP"
        case 47: "GRE"
        case 50: "ESP"
        case 51: "AH"
        case 58: "IPv6-ICMP"
        case 132: "SCTP"
        default: String(number)
        }
    }
}
