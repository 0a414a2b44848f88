/// The header of generic routing encapsulation: version 0 (RFC 2784 §2.1 with key and sequence of
/// RFC 2890 §2, routing of RFC 1701) and version 1, which carries PPTP (RFC 2637 §4.1).
///
///      0 1 2 3 4 5     8       13    16                                32  bit
///     +-+-+-+-+-+-----+-+-----+-----+-------------------------------+
///     |C|R|K|S|s|recur|A|flags| ver |         protocol type         |
///     +-+-+-+-+-+-----+-+-----+-----+-------------------------------+
///     |  checksum, offset (C, R); key (K); sequence (S); acknowledgment (A); routing (R) |
///     +----------------------------------------------------------------------------------+
struct GREHeader: Equatable, Sendable {
    static let byteCountMin = 4
    /// Entries of a source route that are followed.
    static let sourceRouteCountMax = 32

    let byteCount: Int
    let protocolType: EtherType
    let version: UInt8
    let hasSequence: Bool
    /// Version 1: bytes behind the header.
    let payloadByteCount: Int?

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if the bytes end within the header, `.malformed` for
    ///   versions above 1 and for bits that a version must not have.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCountMin, else: .greTooSmall)
        let bits = bytes.bigEndian(UInt16.self, at: 0)
        version = UInt8(truncatingIfNeeded: bits & 7)
        protocolType = EtherType(rawValue: bytes.bigEndian(UInt16.self, at: 2))
        hasSequence = bits & 0x1000 != 0
        switch version {
        case 0:
            payloadByteCount = nil
            byteCount = try Self.version0ByteCount(bytes, bits)
        case 1:
            byteCount = try Self.version1ByteCount(bytes, bits)
            guard protocolType == .ppp else { throw .malformed(.greVersion1WrongProtocol) }
            payloadByteCount = Int(bytes.bigEndian(UInt16.self, at: 4))
        default: throw .malformed(.greWrongVersion)
        }
    }

    private static func version0ByteCount(
        _ bytes: RawSpan, _ bits: UInt16
    ) throws(DecodeError) -> Int {
        if bits & 0x0700 != 0 { throw .malformed(.greVersion0RecursionControl) }
        if bits & 0x00f8 != 0 { throw .malformed(.greVersion0Flags) }
        var byteCount = byteCountMin
        if bits & 0xc000 != 0 { byteCount &+= 4 }
        if bits & 0x2000 != 0 { byteCount &+= 4 }
        if bits & 0x1000 != 0 { byteCount &+= 4 }
        try bytes.require(byteCount, else: .greVersion0HeaderTooBig)
        guard bits & 0x4000 != 0 else { return byteCount }
        // Source route entries: family, offset, length; a zero family ends them (RFC 1701).
        for _ in 0..<sourceRouteCountMax {
            try bytes.require(byteCount &+ 4, else: .greVersion0MalformedSourceRoute)
            let family = bytes.bigEndian(UInt16.self, at: byteCount)
            let length = Int(bytes.byte(at: byteCount &+ 3))
            byteCount &+= 4 &+ length
            if family == 0, length == 0 { return byteCount }
        }
        throw .malformed(.greVersion0MalformedSourceRoute)
    }

    private static func version1ByteCount(
        _ bytes: RawSpan, _ bits: UInt16
    ) throws(DecodeError) -> Int {
        if bits & 0x8000 != 0 { throw .malformed(.greVersion1Checksum) }
        if bits & 0x4000 != 0 { throw .malformed(.greVersion1Route) }
        if bits & 0x0800 != 0 { throw .malformed(.greVersion1StrictSourceRoute) }
        if bits & 0x0700 != 0 { throw .malformed(.greVersion1RecursionControl) }
        if bits & 0x0078 != 0 { throw .malformed(.greVersion1Flags) }
        if bits & 0x2000 == 0 { throw .malformed(.greVersion1NoKey) }
        var byteCount = byteCountMin &+ 4
        if bits & 0x1000 != 0 { byteCount &+= 4 }
        if bits & 0x0080 != 0 { byteCount &+= 4 }
        try bytes.require(byteCount, else: .greVersion1HeaderTooBig)
        return byteCount
    }
}

extension PacketDecoder {
    func decodeGRE(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        let header = try GREHeader(decoding: bytes.extracting(position.range))
        count(.gre)
        let offset = position.offset &+ header.byteCount
        let end = min(position.end, offset &+ (header.payloadByteCount ?? position.byteCount))
        if header.version == 1 {
            // A PPTP packet without payload only acknowledges.
            guard end > offset else { return .done }
            return .inner(.ppp, from: offset, to: end)
        }
        switch header.protocolType {
        case .ipv4: return .inner(.ipv4, from: offset, to: end)
        case .ipv6: return .inner(.ipv6, from: offset, to: end)
        case .transparentEthernet: return .inner(.ethernet, from: offset, to: end)
        case .ppp: return .inner(.ppp, from: offset, to: end)
        case .vlan: return .inner(.vlan, from: offset, to: end)
        case .mpls, .mplsMulticast: return .inner(.mpls, from: offset, to: end)
        case .nsh: return .inner(.nsh, from: offset, to: end)
        case .erspan:
            // Type I has no header of its own, and no sequence number in GRE.
            if !header.hasSequence {
                count(.erspan)
                return .inner(.ethernet, from: offset, to: end)
            }
            return try decodeERSPAN(bytes, from: offset, to: end)
        case .erspan3: return try decodeERSPAN(bytes, from: offset, to: end)
        default:
            unknownEtherTypes.add(UInt32(header.protocolType.rawValue))
            return .done
        }
    }
}
