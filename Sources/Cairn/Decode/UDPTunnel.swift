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

/// The header of a virtual extensible LAN (RFC 7348 §5).
///
///      0               8                                              32  bit
///     +---------------+-----------------------------------------------+
///     | flags, bit I  |                   reserved                    |
///     +---------------+-----------------------------------------------+
///     |             network identifier                |   reserved    |
///     +-----------------------------------------------+---------------+
struct VXLANHeader: Equatable, Sendable {
    static let byteCount = 8

    let networkID: UInt32

    /// Decodes the header at the start of `bytes`; nil if this is none: cut short, without its I
    /// bit, or with bits that must be zero. Any datagram may use the port.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.byte(at: 0) & 0x08 != 0,
            bytes.byte(at: 7) == 0
        else { return nil }
        networkID = bytes.bigEndian24(at: 4)
    }
}

/// The header of generic network virtualisation encapsulation (RFC 8926 §3.4).
///
///      0   2          8               16                              32  bit
///     +---+----------+---------------+-------------------------------+
///     |ver| options  |   O, C, zero  |         protocol type         |
///     +---+----------+---------------+---------------+---------------+
///     |             network identifier               |   reserved    |
///     +----------------------------------------------+---------------+
struct GeneveHeader: Equatable, Sendable {
    static let byteCountMin = 8

    let byteCount: Int
    let protocolType: EtherType
    let networkID: UInt32

    /// Decodes the header at the start of `bytes`; nil if this is none: cut short, of another
    /// version, or with bits that must be zero.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCountMin, bytes.byte(at: 0) >> 6 == 0,
            bytes.byte(at: 1) & 0x3f == 0, bytes.byte(at: 7) == 0
        else { return nil }
        byteCount = Self.byteCountMin &+ Int(bytes.byte(at: 0) & 0x3f) &* 4
        guard byteCount <= bytes.byteCount else { return nil }
        protocolType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 2))
        networkID = bytes.bigEndian24(at: 4)
    }
}

/// What Teredo puts between UDP and IPv6 (RFC 4380 §5.1.1): authentication, then the origin, both
/// optional.
struct TeredoHeader: Equatable, Sendable {
    let byteCount: Int

    /// Finds the IPv6 packet in a datagram; nil unless its length is exactly that of the datagram.
    /// Any datagram may use the port.
    init?(decoding bytes: RawSpan) {
        var offset = 0
        if bytes.byteCount >= 4, bytes.bigEndian(UInt16.self, at: 0) == 1 {
            offset = 13 &+ Int(bytes.byte(at: 2)) &+ Int(bytes.byte(at: 3))
        }
        if bytes.byteCount &- offset >= 8, bytes.bigEndian(UInt16.self, at: offset) == 0 {
            offset &+= 8
        }
        guard bytes.byteCount &- offset >= IPv6Header.byteCount,
            bytes.byte(at: offset) >> 4 == 6,
            Int(bytes.bigEndian(UInt16.self, at: offset &+ 4)) &+ IPv6Header.byteCount
                == bytes.byteCount &- offset
        else { return nil }
        byteCount = offset
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
            count(.geneve)
            let next = NextHeader(header.protocolType)
            guard next != .otherNetwork else {
                note(.geneveUnknownPayloadType, &packet)
                return .done
            }
            return .inner(next, from: offset &+ header.byteCount, to: end)
        }
        if tunnelPorts.isTeredo(source, destination),
            let header = TeredoHeader(decoding: payload)
        {
            count(.teredo)
            return .inner(.ipv6, from: offset &+ header.byteCount, to: end)
        }
        return .done
    }

    /// The frame inside says whether this can be a tunnel: its EtherType is one that is decoded.
    private func decodeVXLAN(
        _ bytes: RawSpan, from offset: Int, to end: Int, _ packet: inout Packet
    ) -> DecodePosition {
        count(.vxlan)
        let frame = try? EthernetHeader(decoding: bytes.extracting(offset..<end))
        guard let frame,
            frame.typeOrLength <= EtherType.lengthMax
                || NextHeader(EtherType(rawValue: frame.typeOrLength)) != .otherNetwork
        else {
            note(.vxlanUnknownPayloadType, &packet)
            return .done
        }
        return .inner(.ethernet, from: offset, to: end)
    }
}
