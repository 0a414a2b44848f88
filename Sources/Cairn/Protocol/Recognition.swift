/// Protocols that are recognised and not parsed: rules and flow events name them (`app_proto`), and
/// of their flows nothing is looked at but what decides.
///
/// What decides is what decides in Suricata 7: words that a direction begins with, on any port; or a
/// look at the first bytes of the client at the server's ports.
enum Recognition {
    static let definitions =
        [imap, rfb, bittorrent, telnet, mqtt, nfs]
        + probedDatagrams + industrial

    // MARK: By their first words

    private static let imap = ProtocolDefinition(
        name: "imap", summary: "IMAP (RFC 9051)", fields: [], overTCP: true,
        detect: { start, direction in
            guard direction == .toServer else { return .no }
            return start.opens(with: "1 capability", isCased: true)
        })

    private static let rfb = ProtocolDefinition(
        name: "rfb", summary: "Remote Framebuffer, VNC's protocol (RFC 6143 §7.1.1)",
        aliases: ["vnc"], fields: [], overTCP: true,
        detect: { start, _ in start.opens(with: "RFB ") })

    private static let bittorrent = ProtocolDefinition(
        name: "bittorrent-dht", summary: "distributed hash table of BitTorrent (BEP 5)",
        fields: [], overUDP: true,
        detect: { start, _ in start.opens(with: "d1:ad2:id20:", isCased: true) })

    // MARK: At their ports

    private static let telnet = ProtocolDefinition(
        name: "telnet", summary: "Telnet (RFC 854)", fields: [], overTCP: true, ports: [23],
        portUse: .lastResort,
        detect: { start, _ in start.byteCount >= 2 ? .yes : .needMore })

    private static let mqtt = ProtocolDefinition(
        name: "mqtt", summary: "MQTT (OASIS MQTT 5.0 §2.1)", fields: [], overTCP: true,
        ports: [1883], portUse: .lastResort,
        detect: { start, _ in RecognitionProbes.mqtt(start) })

    private static let nfs = ProtocolDefinition(
        name: "nfs", summary: "NFS (RFC 1813, RFC 7530)", fields: [], overTCP: true,
        overUDP: true, ports: [2049], portUse: .lastResort,
        detector: { start, context in RecognitionProbes.nfs(start, context) })

    private static let probedDatagrams = [
        datagrams("tftp", "TFTP (RFC 1350 §5)", at: [69]) { start in
            start.byteCount >= 4 && start.byte(at: 0) == 0
        },
        datagrams("snmp", "SNMP (RFC 1157 §4, RFC 3412 §6)", at: [161, 162]) {
            RecognitionProbes.snmp($0)
        },
        datagrams("ntp", "Network Time Protocol (RFC 5905 §7.3)", at: [123]) {
            RecognitionProbes.ntp($0)
        },
        // The fixed part and the cookie.
        datagrams("dhcp", "DHCP and BOOTP (RFC 2131 §2)", at: [67, 68]) { $0.byteCount >= 240 },
        datagrams("ike", "Internet Key Exchange (RFC 2408 §3.1, RFC 7296 §3.1)", at: [500]) {
            RecognitionProbes.ike($0)
        },
        datagrams("quic", "QUIC (RFC 9000 §17)", at: [80, 443]) { RecognitionProbes.quic($0) },
    ]

    private static func datagrams(
        _ name: String, _ summary: String, at ports: [UInt16],
        _ test: @escaping @Sendable (RawSpan) -> Bool
    ) -> ProtocolDefinition {
        ProtocolDefinition(
            name: name, summary: summary, fields: [], overUDP: true, ports: ports,
            portUse: .lastResort, detect: { start, _ in test(start) ? .yes : .no })
    }

    /// Looked for only if settings ask for it.
    private static let industrial = [
        streams("modbus", "Modbus (Modbus Messaging on TCP/IP §3.1.3)", at: 502) { start, _ in
            RecognitionProbes.modbus(start)
        },
        streams("dnp3", "DNP3 (IEEE 1815 §9)", at: 20000) { start, _ in
            RecognitionProbes.dnp3(start)
        },
        streams("enip", "EtherNet/IP (CIP volume 2 §2-3)", at: 44818) { start, _ in
            RecognitionProbes.enip(start)
        },
        streams("pgsql", "PostgreSQL (frontend and backend protocol 3.0)", at: 5432) {
            RecognitionProbes.pgsql($0, $1)
        },
    ]

    private static func streams(
        _ name: String, _ summary: String, at port: UInt16,
        _ detect: @escaping @Sendable (RawSpan, Direction) -> Detection
    ) -> ProtocolDefinition {
        ProtocolDefinition(
            name: name, summary: summary, fields: [], overTCP: true, ports: [port],
            portUse: .lastResort, detect: detect)
    }
}

extension RawSpan {
    /// Whether the bytes begin with a text, in capitals or small letters unless they are `isCased`;
    /// of too few bytes those that are there say whether they may.
    func opens(with text: StaticString, isCased: Bool = false) -> Detection {
        let count = min(byteCount, text.utf8CodeUnitCount)
        for index in 0..<count {
            let (found, wanted) = (byte(at: index), text.utf8Start[index])
            let isSame =
                isCased ? found == wanted : found.asciiLowercased == wanted.asciiLowercased
            guard isSame else { return .no }
        }
        return count == text.utf8CodeUnitCount ? .yes : .needMore
    }

    /// Whether the bytes begin with one of several texts.
    func opens(withOneOf texts: [StaticString]) -> Detection {
        var isOpen = false
        for text in texts {
            switch opens(with: text) {
            case .yes, .yesReversed: return .yes
            case .needMore: isOpen = true
            case .no: break
            }
        }
        return isOpen ? .needMore : .no
    }
}
