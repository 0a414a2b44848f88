/// The fragment header (RFC 8200 §4.5).
///
///      0               8               16                          29  31 32  bit
///     +---------------+---------------+---------------------------+---+-+
///     |  next header  |   reserved    |      fragment offset      |res|M|
///     +---------------+---------------+---------------------------+---+-+
///     |                         identification                          |
///     +-----------------------------------------------------------------+
struct IPv6FragmentHeader: Equatable, Sendable {
    static let byteCount = 8

    let nextHeader: UInt8
    let hasReservedBits: Bool
    /// Where the fragment belongs in the fragmentable part, in bytes: 0...65528.
    let offset: Int
    let hasMoreFragments: Bool
    let identification: UInt32

    /// Decodes the header at the start of `bytes`.
    ///
    /// - Throws: `DecodeError.truncated` if fewer than eight bytes are present.
    init(decoding bytes: RawSpan) throws(DecodeError) {
        try bytes.require(Self.byteCount, else: .ipv6ExtensionTruncated)
        nextHeader = bytes.byte(at: 0)
        let field = bytes.bigEndian(UInt16.self, at: 2)
        hasReservedBits = bytes.byte(at: 1) != 0 || field & 6 != 0
        offset = Int(field & 0xfff8)
        hasMoreFragments = field & 1 != 0
        identification = bytes.bigEndian(UInt32.self, at: 4)
    }
}

/// The options of a hop-by-hop or destination header (RFC 8200 §4.2): what is wrong with them, and
/// what decoding depends on.
struct IPv6Options: Equatable, Sendable {
    enum Header { case hopByHop, destination }

    private(set) var anomalies = DecodeAnomalySet()
    /// The source's home address stands in an option, and in the checksum (RFC 6275 §11.3.1).
    private(set) var hasHomeAddress = false

    /// Walks the options, which fill `bytes`.
    ///
    /// Every option takes a byte at least, so the header's 2 KiB bound the loop.
    init(decoding bytes: RawSpan, of header: Header) {
        var hasOnlyPadding = true
        var offset = 0
        while offset < bytes.byteCount {
            let type = bytes.byte(at: offset)
            if type == 0 {
                offset &+= 1
                continue
            }
            let available = bytes.byteCount &- offset
            let length = available >= 2 ? Int(bytes.byte(at: offset &+ 1)) : available
            guard length <= available &- 2 else {
                anomalies.insert(.ipv6InvalidOptionLength)
                return
            }
            if type == 1 {
                if length == 0 { anomalies.insert(.ipv6ZeroLengthPadN) }
            } else {
                hasOnlyPadding = false
                check(type, length: length, of: header)
            }
            offset &+= 2 &+ length
        }
        if hasOnlyPadding {
            anomalies.insert(
                header == .hopByHop ? .ipv6HopByHopOnlyPadding : .ipv6DestinationOnlyPadding)
        }
    }

    private mutating func check(_ type: UInt8, length: Int, of header: Header) {
        let lengthIsValid: Bool
        switch (type, header) {
        case (0x05, .hopByHop): lengthIsValid = length == 2  // router alert
        case (0xc2, .hopByHop): lengthIsValid = length == 4  // jumbo payload
        case (0x04, .destination): lengthIsValid = length == 1  // tunnel encapsulation limit
        case (0xc9, .destination):
            hasHomeAddress = true
            lengthIsValid = length == 16
        case (0x07, _), (0x08, _), (0x0f, _), (0x11, _), (0x23, _), (0x26, _), (0x30, _), (0x31, _),
            (0x63, _), (0x6d, _), (0x8a, _), (0x8b, _), (0x8c, _), (0xee, _):
            lengthIsValid = true  // others of the IANA registry
        default:
            anomalies.insert(
                header == .hopByHop ? .ipv6HopByHopUnknownOption : .ipv6DestinationUnknownOption)
            return
        }
        if !lengthIsValid { anomalies.insert(.ipv6InvalidOptionLength) }
    }
}

extension PacketDecoder {
    /// Extension headers that are followed in one packet.
    static let ipv6ExtensionCountMax = 16

    /// Walks the chain of extension headers (RFC 8200 §4) and decodes the transport behind it.
    func decodeIPv6Extensions(
        _ bytes: RawSpan, at start: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        var seen = IPv6ExtensionsSeen()
        var position = start
        var next = packet.ipProtocol
        for _ in 0..<Self.ipv6ExtensionCountMax {
            let header = bytes.extracting(position.range)
            if let anomaly = seen.insert(next) { note(anomaly, &packet) }
            let byteCount: Int
            switch next {
            case IPProtocol.hopByHop, IPProtocol.destinationOptions:
                byteCount = try extensionByteCount(header, unit: 8, extra: 1)
                noteOptions(header.extracting(2..<byteCount), of: next, &packet)
            case IPProtocol.routing:
                byteCount = try extensionByteCount(header, unit: 8, extra: 1)
                noteRouting(header, &packet)
            case IPProtocol.authentication:
                byteCount = try extensionByteCount(header, unit: 4, extra: 2)
                count(.authentication)
                if header.bigEndian(UInt16.self, at: 2) != 0 {
                    note(.ipv6AuthenticationReservedNotZero, &packet)
                }
            case IPProtocol.mobility, IPProtocol.hip, IPProtocol.shim6:
                byteCount = try extensionByteCount(header, unit: 8, extra: 1)
            case IPProtocol.fragment:
                let fragment = try IPv6FragmentHeader(decoding: header)
                byteCount = IPv6FragmentHeader.byteCount
                if noteFragment(fragment, at: position, &packet) { return .done }
            default: return try decodeBehindExtensions(next, bytes, at: position, &packet)
            }
            next = header.byte(at: 0)
            position.offset &+= byteCount
            packet.ipProtocol = next
            packet.payloadOffset = UInt32(truncatingIfNeeded: position.offset)
            packet.payloadByteCount = UInt32(truncatingIfNeeded: position.byteCount)
            guard position.byteCount >= 2 || next == IPProtocol.noNextHeader else {
                // No header is shorter, whatever it is of.
                throw .truncated(
                    .ipv6ExtensionTruncated, needed: 2, available: position.byteCount)
            }
        }
        throw .malformed(.ipv6TooManyExtensions)
    }

    private func decodeBehindExtensions(
        _ next: UInt8, _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        switch next {
        case IPProtocol.noNextHeader:
            packet.transport = .other
            packet.transportOffset = UInt32(truncatingIfNeeded: position.offset)
            if position.byteCount > 0 { note(.ipv6DataAfterNoNextHeader, &packet) }
            return .done
        // Unassigned numbers.
        case 147...252: note(.ipv6UnknownNextHeader, &packet)
        default: break
        }
        return try decodeTransport(next, bytes, at: position, &packet)
    }

    /// The length of a header that counts it in units, itself left out.
    private func extensionByteCount(
        _ header: RawSpan, unit: Int, extra: Int
    ) throws(DecodeError) -> Int {
        try header.require(8, else: .ipv6ExtensionTruncated)
        let byteCount = (Int(header.byte(at: 1)) &+ extra) &* unit
        try header.require(byteCount, else: .ipv6ExtensionTruncated)
        return byteCount
    }

    private func noteOptions(_ bytes: RawSpan, of header: UInt8, _ packet: inout Packet) {
        let options = IPv6Options(
            decoding: bytes, of: header == IPProtocol.hopByHop ? .hopByHop : .destination)
        note(options.anomalies, &packet)
        if options.hasHomeAddress { checksumAddressesDiffer = true }
    }

    /// Routing type 0 is deprecated (RFC 5095); with segments left, the header's destination is not
    /// the final one, which checksums use (RFC 8200 §8.1).
    private func noteRouting(_ header: RawSpan, _ packet: inout Packet) {
        if header.byte(at: 2) == 0 { note(.ipv6RoutingType0, &packet) }
        if header.byte(at: 3) != 0 { checksumAddressesDiffer = true }
    }

    /// - Returns: whether the packet is a part of a datagram. A fragment header on a whole one (RFC
    ///   6946) is only odd.
    private func noteFragment(
        _ fragment: IPv6FragmentHeader, at position: DecodePosition, _ packet: inout Packet
    ) -> Bool {
        if fragment.hasReservedBits { note(.ipv6FragmentReservedNotZero, &packet) }
        guard fragment.offset > 0 || fragment.hasMoreFragments else {
            note(.ipv6UselessFragment, &packet)
            return false
        }
        let offset = position.offset &+ IPv6FragmentHeader.byteCount
        packet.flags.insert(.fragment)
        packet.ipProtocol = fragment.nextHeader
        packet.transportOffset = UInt32(truncatingIfNeeded: position.offset)
        packet.payloadOffset = UInt32(truncatingIfNeeded: offset)
        packet.payloadByteCount = UInt32(truncatingIfNeeded: position.end &- offset)
        if fragment.hasMoreFragments,
            isTinyFragment(
                fragment.nextHeader, offset: fragment.offset, byteCount: position.end &- offset)
        {
            note(.ipv6FragmentTiny, &packet)
        }
        return true
    }
}

/// Which extension headers a packet has shown, to tell those that come too often (RFC 8200 §4.1).
private struct IPv6ExtensionsSeen {
    private var hopByHop = false
    private var routing = false
    private var fragment = false
    private var authentication = false
    /// Destination options may stand before a routing header and before the transport.
    private var destinationCount = 0

    /// - Returns: the name of one repetition too many.
    mutating func insert(_ header: UInt8) -> DecodeAnomaly? {
        switch header {
        case IPProtocol.hopByHop: return Self.repeats(&hopByHop) ? .ipv6DuplicateHopByHop : nil
        case IPProtocol.routing: return Self.repeats(&routing) ? .ipv6DuplicateRouting : nil
        case IPProtocol.fragment: return Self.repeats(&fragment) ? .ipv6DuplicateFragment : nil
        case IPProtocol.authentication:
            return Self.repeats(&authentication) ? .ipv6DuplicateAuthentication : nil
        case IPProtocol.destinationOptions:
            destinationCount &+= 1
            return destinationCount > 2 ? .ipv6DuplicateDestination : nil
        default: return nil
        }
    }

    private static func repeats(_ flag: inout Bool) -> Bool {
        defer { flag = true }
        return flag
    }
}
