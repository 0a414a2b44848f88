/// The UDP ports at which tunnels are looked for.
struct TunnelPorts: Equatable, Sendable {
    /// VXLAN, by destination port.
    var vxlan: [UInt16] = [4789]
    /// Geneve, by destination port.
    var geneve: [UInt16] = [6081]
    /// Teredo, by either port.
    var teredo: [UInt16] = [3544]
}

/// The same as a bit map, since every datagram is held against it.
final class TunnelPortMap {
    private let words: UnsafeMutablePointer<UInt64>
    private let ports: TunnelPorts

    init(_ ports: TunnelPorts) {
        self.ports = ports
        words = .allocate(capacity: 1024)
        words.initialize(repeating: 0, count: 1024)
        for port in ports.vxlan + ports.geneve + ports.teredo {
            words[Int(port >> 6)] |= 1 << UInt64(port & 63)
        }
    }

    deinit { words.deallocate() }

    @inline(__always) func mayContain(_ source: UInt16, _ destination: UInt16) -> Bool {
        contains(source) || contains(destination)
    }

    @inline(__always) private func contains(_ port: UInt16) -> Bool {
        words[Int(port >> 6)] >> UInt64(port & 63) & 1 == 1
    }

    func isVXLAN(_ destination: UInt16) -> Bool { ports.vxlan.contains(destination) }
    func isGeneve(_ destination: UInt16) -> Bool { ports.geneve.contains(destination) }
    func isTeredo(_ source: UInt16, _ destination: UInt16) -> Bool {
        ports.teredo.contains(source) || ports.teredo.contains(destination)
    }
}

extension PacketDecoder {
    /// Looks for a tunnel in a datagram at one of the ports; what is none stays a plain datagram.
    @inline(never)
    func decodeUDPTunnel(
        _ bytes: RawSpan, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        let payload = bytes.extracting(offset..<end)
        let (source, destination) = (packet.sourcePort, packet.destinationPort)
        if tunnelPorts.isVXLAN(destination), VXLANHeader(decoding: payload) != nil {
            return decodeVXLAN(bytes, from: offset &+ VXLANHeader.byteCount, to: end, &packet)
        }
        if tunnelPorts.isGeneve(destination), let header = GeneveHeader(decoding: payload) {
            return decodeGeneve(header, from: offset, to: end, &packet)
        }
        if tunnelPorts.isTeredo(source, destination),
            let header = TeredoHeader(decoding: payload)
        {
            count(.teredo)
            return .inner(.ipv6, from: offset &+ header.byteCount, to: end)
        }
        return .done
    }
}
