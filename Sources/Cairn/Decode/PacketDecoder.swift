/// What the user can set about decoding.
struct DecoderSettings: Sendable {
    var checksums: ChecksumMode = .auto
    var tunnelPorts = TunnelPorts()
    /// Whether IPv4 packets in IPv4 packets are decoded (`decoder.ipv4.ipip.enabled`).
    var decodesIPv4InIPv4 = true
    /// Packets that one frame may yield, each inside the one before (`decoder.max-layers`).
    var layerCountMax = 8
}

/// Decodes frames into packets: link layers, IP, transports, and the packets that tunnels carry.
///
/// Everything that was decoded before the first error is kept, nothing behind it is trusted. It
/// keeps no state between frames but counts, and what `ChecksumPolicy` has learnt about each
/// source; nothing is allocated per frame. Used by one thread at a time.
final class PacketDecoder {
    /// Headers that are followed in one frame, link headers and tags included.
    static let headerCountMax = 64

    let tunnelPorts: TunnelPortMap
    let decodesIPv4InIPv4: Bool
    private let layerCountMax: Int
    private let counts: UnsafeMutablePointer<UInt64>
    private let anomalyCounts: UnsafeMutablePointer<UInt64>
    /// IP packets of protocols that are not decoded, by protocol.
    let otherTransports: UnsafeMutablePointer<UInt64>
    private var unknownLinkTypes = Tally()
    var unknownEtherTypes = Tally()
    let checksums: ChecksumPolicy

    // About the frame at hand.
    /// A snap length cut it, so headers may announce more than there is.
    private(set) var frameIsCut = false
    /// Checksums cover addresses that the IP header does not show.
    var checksumAddressesDiffer = false
    private var hasVerified = false

    init(_ settings: DecoderSettings = DecoderSettings()) {
        func zeros(_ count: Int) -> UnsafeMutablePointer<UInt64> {
            let counts = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
            counts.initialize(repeating: 0, count: count)
            return counts
        }
        tunnelPorts = TunnelPortMap(settings.tunnelPorts)
        decodesIPv4InIPv4 = settings.decodesIPv4InIPv4
        layerCountMax = max(1, min(settings.layerCountMax, 255))
        checksums = ChecksumPolicy(settings.checksums)
        counts = zeros(DecoderCounter.allCases.count)
        anomalyCounts = zeros(DecodeAnomaly.allCases.count)
        otherTransports = zeros(256)
    }

    deinit {
        counts.deallocate()
        anomalyCounts.deallocate()
        otherTransports.deallocate()
    }

    /// Appends the packets of a frame, the outermost first: at least one, and one more for each
    /// tunnel.
    func decode(_ frame: Frame, clock: Timestamp, into packets: PacketBatch) {
        count(.frames)
        counts[DecoderCounter.bytes.rawValue] &+= UInt64(frame.bytes.count)
        checksums.settle()
        checksums.select(frame.source)
        frameIsCut = Int(frame.originalByteCount) > frame.bytes.count
        let packet = packets.append(
            Packet(
                bytes: frame.bytes, timestamp: frame.timestamp, clock: clock,
                frameNumber: frame.number, source: frame.source,
                originalByteCount: frame.originalByteCount, linkType: frame.linkType))
        guard let first = NextHeader(frame.linkType) else {
            unknownLinkTypes.add(frame.linkType.rawValue)
            let all = DecodePosition(.none, from: 0, to: frame.bytes.count)
            setNetworkPayload(all, &packet.pointee)
            return
        }
        run(DecodePosition(first, from: 0, to: frame.bytes.count), packet, into: packets)
    }

    /// Appends the packets of a datagram that was put together from fragments, of which `last` came
    /// last.
    ///
    /// - Returns: false if the frame has yielded as many packets as it may.
    func decodeDatagram(
        _ datagram: UnsafeRawBufferPointer, after last: UnsafeMutablePointer<Packet>,
        into packets: PacketBatch
    ) -> Bool {
        guard Int(last.pointee.layer) &+ 1 < layerCountMax else {
            note(.tooManyLayers, &last.pointee)
            return false
        }
        frameIsCut = false
        var packet = inner(of: last.pointee)
        packet.bytes = datagram
        packet.flags = .reassembled
        packet.etherType = last.pointee.etherType
        let next: NextHeader = last.pointee.ipVersion == 4 ? .ipv4 : .ipv6
        run(
            DecodePosition(next, from: 0, to: datagram.count), packets.append(packet),
            into: packets)
        return true
    }

    /// Follows headers until there are none, an error stops it, or the limit is met.
    @inline(__always)
    private func run(
        _ start: DecodePosition, _ first: UnsafeMutablePointer<Packet>, into packets: PacketBatch
    ) {
        var packet = first
        var position = start
        let bytes = first.pointee.bytes.bytes
        var remaining = Self.headerCountMax
        beginPacket(packet)
        do throws(DecodeError) {
            while position.next != .none {
                remaining &-= 1
                guard remaining >= 0 else { throw .malformed(.tooManyLayers) }
                if position.startsPacket {
                    packet = try openInner(packet, at: position, in: packets)
                    position.startsPacket = false
                }
                position = try decodeHeader(bytes, at: position, &packet.pointee)
            }
        } catch {
            note(error.anomaly, &packet.pointee)
            packet.pointee.flags.insert(.undecoded)
            if frameIsCut, case .truncated = error { packet.pointee.flags.insert(.truncated) }
            count(.invalid)
        }
        endPacket(packet)
    }

    @inline(__always)
    private func decodeHeader(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        switch position.next {
        case .ethernet: return try decodeEthernet(bytes, at: position, &packet)
        case .ipv4: return try decodeIPv4(bytes, at: position, &packet)
        case .ipv6: return try decodeIPv6(bytes, at: position, &packet)
        default: return try decodeRareHeader(bytes, at: position, &packet)
        }
    }

    @inline(never)
    private func decodeRareHeader(
        _ bytes: RawSpan, at position: DecodePosition, _ packet: inout Packet
    ) throws(DecodeError) -> DecodePosition {
        switch position.next {
        case .none, .ethernet, .ipv4, .ipv6: .done
        case .llc: try decodeLLC(bytes, at: position, &packet)
        case .linuxCooked: try decodeLinuxCooked(bytes, at: position, &packet)
        case .linuxCooked2: try decodeLinuxCooked2(bytes, at: position, &packet)
        case .null, .loop: try decodeLoopback(bytes, at: position, &packet)
        case .ppp: try decodePPP(bytes, at: position, &packet)
        case .ciscoHDLC: try decodeCiscoHDLC(bytes, at: position, &packet)
        case .ieee80211: try decodeIEEE80211(bytes, at: position, &packet)
        case .radiotap: try decodeRadiotap(bytes, at: position, &packet)
        case .vlan: try decodeVLAN(bytes, at: position, &packet)
        case .mpls: try decodeMPLS(bytes, at: position, &packet)
        case .pppoeSession: try decodePPPoESession(bytes, at: position, &packet)
        case .pppoeDiscovery: try decodePPPoEDiscovery(bytes, at: position, &packet)
        case .backboneTag: try decodeBackboneTag(bytes, at: position)
        case .vntag: try decodeVNTag(bytes, at: position, &packet)
        case .fabricPath: try decodeFabricPath(bytes, at: position)
        case .nsh: try decodeNSH(bytes, at: position)
        case .ip: try decodeRawIP(bytes, at: position)
        case .arp: try decodeARP(bytes, at: position, &packet)
        case .otherNetwork: noteUnknownNetwork(position, &packet)
        }
    }

    // MARK: Layers

    /// Appends the packet that a tunnel carries.
    ///
    /// - Throws: `DecodeError.malformed` if the frame has yielded as many packets as it may.
    @inline(never)
    private func openInner(
        _ outer: UnsafeMutablePointer<Packet>, at position: DecodePosition, in packets: PacketBatch
    ) throws(DecodeError) -> UnsafeMutablePointer<Packet> {
        guard Int(outer.pointee.layer) &+ 1 < layerCountMax else {
            throw .malformed(.tooManyLayers)
        }
        outer.pointee.flags.insert(.tunnel)
        endPacket(outer)
        var packet = inner(of: outer.pointee)
        packet.linkOffset = UInt32(truncatingIfNeeded: position.offset)
        packet.ipOffset = packet.linkOffset
        packet.ipEnd = packet.linkOffset
        packet.payloadOffset = packet.linkOffset
        switch position.next {
        case .ipv4: packet.etherType = EtherType.ipv4.rawValue
        case .ipv6: packet.etherType = EtherType.ipv6.rawValue
        default: break
        }
        let place = packets.append(packet)
        beginPacket(place)
        return place
    }

    /// A packet one layer further in, of the same frame, link and VLANs, with nothing decoded.
    private func inner(of outer: Packet) -> Packet {
        var packet = Packet(
            bytes: outer.bytes, timestamp: outer.timestamp, clock: outer.clock,
            frameNumber: outer.frameNumber, source: outer.source,
            originalByteCount: outer.originalByteCount, linkType: .raw)
        packet.layer = outer.layer &+ 1
        packet.vlanIDs = outer.vlanIDs
        packet.vlanCount = outer.vlanCount
        return packet
    }

    @inline(__always)
    private func beginPacket(_ packet: UnsafeMutablePointer<Packet>) {
        count(.packets)
        hasVerified = false
        checksumAddressesDiffer = false
        guard !checksums.verifies else { return }
        packet.pointee.flags.insert(.ignoreChecksums)
        if checksums.mode == .none { packet.pointee.flags.insert(.unverified) }
    }

    @inline(__always)
    private func endPacket(_ packet: UnsafeMutablePointer<Packet>) {
        if packet.pointee.flags.contains(.truncated) { count(.truncated) }
        if checksums.isTrial, hasVerified {
            checksums.record(
                isBad: packet.pointee.isChecksumBad, frameNumber: packet.pointee.frameNumber)
        }
    }

    // MARK: Counts

    @inline(__always) func count(_ counter: DecoderCounter) {
        counts[counter.rawValue] &+= 1
    }

    /// Gives a packet an anomaly and counts it, once for each packet.
    func note(_ anomaly: DecodeAnomaly, _ packet: inout Packet) {
        guard !packet.anomalies.contains(anomaly) else { return }
        packet.anomalies.insert(anomaly)
        anomalyCounts[Int(anomaly.rawValue)] &+= 1
    }

    func note(_ anomalies: DecodeAnomalySet, _ packet: inout Packet) {
        guard !anomalies.isEmpty else { return }
        var rest = anomalies
        while let anomaly = rest.popFirst() { note(anomaly, &packet) }
    }

    /// Adds everything that was counted.
    func report(into counters: inout Counters) {
        for counter in DecoderCounter.allCases {
            counters.add(counter.name, counts[counter.rawValue])
        }
        for anomaly in DecodeAnomaly.allCases where anomalyCounts[Int(anomaly.rawValue)] > 0 {
            counters.add(
                "decoder.event.\(anomaly.name)", anomalyCounts[Int(anomaly.rawValue)])
        }
        for number in 0..<256 where otherTransports[number] > 0 {
            counters.add("decoder.ip_protocol.\(number)", otherTransports[number])
        }
        unknownEtherTypes.report("decoder.unknown_ethertype", radix: 16, into: &counters)
        unknownLinkTypes.report("decoder.unknown_linktype", radix: 10, into: &counters)
    }

    // MARK: Checksums

    @inline(__always)
    func recordIPChecksum(isRight: Bool, _ packet: inout Packet) {
        hasVerified = true
        guard !isRight else { return }
        packet.flags.insert(.badIPChecksum)
        count(.badChecksumIPv4)
    }

    /// Verifies a checksum that covers addresses, protocol and length too (RFC 9293 §3.1, RFC 8200
    /// §8.1), unless parts of what it covers are missing.
    @inline(__always)
    func verifyTransportChecksum(
        _ segment: RawSpan, _ ipProtocol: UInt8, _ bytes: RawSpan, badCount: DecoderCounter,
        _ packet: inout Packet
    ) {
        guard !packet.flags.contains(.truncated), !checksumAddressesDiffer else { return }
        let ipOffset = Int(packet.ipOffset)
        let addresses =
            packet.ipVersion == 4
            ? ipOffset &+ 12..<ipOffset &+ 20 : ipOffset &+ 8..<ipOffset &+ 40
        let length = segment.byteCount
        let sum =
            InternetChecksum.sum(segment)
            &+ InternetChecksum.sum(bytes.extracting(addresses))
            &+ InternetChecksum.word(UInt16(ipProtocol))
            &+ InternetChecksum.word(UInt16(truncatingIfNeeded: length))
            &+ InternetChecksum.word(UInt16(truncatingIfNeeded: length >> 16))
        recordTransportChecksum(sum, badCount, &packet)
    }

    @inline(__always)
    func recordTransportChecksum(
        _ sum: UInt64, _ badCount: DecoderCounter, _ packet: inout Packet
    ) {
        hasVerified = true
        guard InternetChecksum.fold(sum) != 0xffff else { return }
        if checksums.mode == .auto, packet.originalByteCount > Self.ethernetByteCountMax {
            return count(.merged)
        }
        packet.flags.insert(.badTransportChecksum)
        count(badCount)
    }

    /// What a cable carries as one frame, a VLAN tag included and the check sequence not (IEEE 802.3 §3.2.7). What is
    /// longer was cut or merged by the capturing host, which leaves the checksum to the network card.
    static let ethernetByteCountMax = 1518

    /// Frames like that whose checksum is wrong.
    var mergedCount: UInt64 { counts[DecoderCounter.merged.rawValue] }
}
