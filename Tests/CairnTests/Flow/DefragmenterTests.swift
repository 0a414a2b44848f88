import Testing

@testable import Cairn

@Suite struct DefragmenterTests {
    /// A fragment of a datagram: where it begins, and its bytes.
    struct Part {
        var offset: Int
        var bytes: [UInt8]
        var isLast = false
    }

    /// A frame with one fragment, IPv4 or IPv6.
    static func frame(
        _ part: Part, isV6: Bool = false, identification: UInt16 = 7, ipProtocol: UInt8 = 17,
        source: IPAddress? = nil
    ) -> [UInt8] {
        let flag: UInt16 = part.isLast ? 0 : 1
        if isV6 {
            let header =
                [ipProtocol, 0] + bigEndian(UInt16(part.offset) | flag)
                + bigEndian(UInt32(identification))
            return Wire.ethernet(
                0x86dd, Wire.ipv6(44, header + part.bytes, source: source ?? Wire.client6))
        }
        return Wire.ethernet(
            0x0800,
            Wire.ipv4(
                ipProtocol, part.bytes, fragment: UInt16(part.offset / 8) | flag << 13,
                identification: identification, source: source ?? Wire.client))
    }

    static func parts(_ bytes: [UInt8], every count: Int) -> [Part] {
        stride(from: 0, to: bytes.count, by: count).map { offset in
            let end = min(bytes.count, offset + count)
            return Part(
                offset: offset, bytes: Array(bytes[offset..<end]), isLast: end == bytes.count)
        }
    }

    static func datagram(_ count: Int, isV6: Bool) -> [UInt8] {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        return isV6
            ? Wire.udp(payload, from: Wire.client6, to: Wire.server6) : Wire.udp(payload)
    }

    @Test(arguments: [
        (false, 3000, 1480), (true, 3000, 1232), (false, 65_507, 1480), (true, 65_527, 8),
    ])
    func `a datagram in pieces is as if it had been whole`(
        isV6: Bool, byteCount: Int, size: Int
    ) throws {
        let bench = DecodeBench()
        let datagram = Self.datagram(byteCount, isV6: isV6)
        let frames = Self.parts(datagram, every: size).map { Self.frame($0, isV6: isV6) }
        for frame in frames.dropLast() {
            #expect(bench.decode(frame).map(\.flags) == [.fragment])
        }
        let packets = bench.decode(try #require(frames.last))
        try #require(packets.count == 2)
        #expect(packets.map(\.layer) == [0, 1] && packets[0].flags == [.fragment])
        let whole = packets[1]
        #expect(whole.flags == [.reassembled] && whole.anomalyNames == [])
        #expect(whole.transport == .udp && whole.destinationPort == 53)
        #expect(whole.payloadArray == Array(datagram.dropFirst(8)))
        #expect(whole.frameNumber == UInt64(frames.count) && whole.linkType == .raw)
        #expect(Int(whole.ipEnd) == whole.bytes.count)
        let version = isV6 ? "ipv6" : "ipv4"
        #expect(bench.counters["defrag.\(version).reassembled"] == 1)
        #expect(bench.counters["defrag.\(version).fragments"] == UInt64(frames.count))
        #expect(bench.counters["defrag.incomplete"] == 0)
    }

    @Test(arguments: 0..<12)
    func `any order and repetition gives the same datagram`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let isV6 = seed % 2 == 1
        let datagram = Self.datagram(Int.random(in: 500...4000, using: &generator), isV6: isV6)
        let size = Int.random(in: 3...60, using: &generator) * 8
        let parts = Self.parts(datagram, every: size)
        for policy in DefragmentationPolicy.allCases {
            var settings = DefragmentationSettings()
            settings.policies = []
            settings.defaultPolicy = policy
            let bench = DecodeBench(defragmentation: settings)
            var order = parts.dropLast() + parts.dropLast().shuffled(using: &generator).prefix(5)
            order.shuffle(using: &generator)
            order.append(try #require(parts.last))
            if Bool.random(using: &generator) { order.swapAt(0, order.count - 1) }
            let whole = order.flatMap { bench.decode(Self.frame($0, isV6: isV6)) }.filter {
                $0.flags.contains(.reassembled)
            }
            #expect(whole.count == 1)
            #expect(whole.first?.payloadArray == Array(datagram.dropFirst(8)))
            #expect(whole.first?.anomalyNames == [])
        }
    }

    /// Novak's test: fragments that overlap in every way, each filled with its own number; in units
    /// of eight bytes.
    static let overlapping: [(offset: Int, count: Int)] = [
        (0, 3), (4, 2), (6, 3), (1, 4), (6, 3), (9, 3), (9, 3), (7, 1), (10, 1),
    ]

    static let outcomes: [(DefragmentationPolicy, String)] = [
        (.first, "111422333666"), (.last, "144442585797"), (.bsd, "111442333666"),
        (.bsdRight, "144422585797"), (.linux, "111442555777"), (.windows, "111422333666"),
        (.solaris, "111422333666"),
    ]

    @Test(arguments: outcomes)
    func `every byte comes from the fragment that the policy prefers`(
        policy: DefragmentationPolicy, owners: String
    ) throws {
        var settings = DefragmentationSettings()
        settings.policies = []
        settings.defaultPolicy = policy
        let bench = DecodeBench(defragmentation: settings)
        var packets: [Packet] = []
        for (index, part) in Self.overlapping.enumerated() {
            let bytes = [UInt8](repeating: UInt8(index + 1), count: part.count * 8)
            packets += bench.decode(
                Self.frame(Part(offset: part.offset * 8, bytes: bytes), ipProtocol: 99))
        }
        packets += bench.decode(
            Self.frame(Part(offset: 96, bytes: [0], isLast: true), ipProtocol: 99))
        let whole = try #require(packets.last)
        #expect(whole.flags == [.reassembled])
        let expected = owners.utf8.flatMap { [UInt8](repeating: $0 - 48, count: 8) }
        #expect(whole.payloadArray == expected + [0])
        #expect(bench.counters["decoder.event.ipv4.frag_overlap"] == 5)
    }

    static let preferences: [(Range<UInt32>, Range<UInt32>, [DefragmentationPolicy])] = [
        // Older, newer, and who takes the newer.
        (0..<16, 0..<16, [.bsdRight, .linux, .last]),
        (0..<16, 8..<24, [.bsdRight, .last]),
        (0..<24, 8..<16, [.bsdRight, .last]),
        (8..<24, 0..<16, [.bsd, .linux, .last]),
        (8..<16, 0..<16, [.bsd, .linux, .last, .solaris]),
        (8..<16, 0..<24, [.bsd, .linux, .last, .windows, .solaris]),
        (0..<8, 0..<16, [.bsdRight, .linux, .last]),
    ]

    @Test(arguments: preferences)
    func `policies differ where fragments overlap`(
        older: Range<UInt32>, newer: Range<UInt32>, takers: [DefragmentationPolicy]
    ) {
        let found = DefragmentationPolicy.allCases.filter { $0.prefers(newer: newer, over: older) }
        #expect(Set(found) == Set(takers))
    }

    @Test func `policies and time-outs go by the longest prefix`() throws {
        var settings = DefragmentationSettings()
        #expect(settings.policy(for: Wire.server) == .windows)
        #expect(settings.policy(for: Wire.server6) == .bsd)
        settings.policies.append((try #require(IPNetwork("10.0.0.0/24")), .linux))
        settings.policies.append((try #require(IPNetwork("10.0.0.0/8")), .solaris))
        settings.timeouts = [(try #require(IPNetwork("10.0.0.2")), 5)]
        #expect(settings.policy(for: Wire.server) == .linux)
        #expect(settings.policy(for: IPAddress(v4: 0x0a01_0000)) == .solaris)
        #expect(settings.timeoutNanoseconds(for: Wire.server) == 5)
        #expect(settings.timeoutNanoseconds(for: Wire.client) == 60 * nanosecondsPerSecond)
        #expect(DefragmentationPolicy(operatingSystem: "hpux11") == .first)
        #expect(DefragmentationPolicy(operatingSystem: "beos") == nil)
    }

    static let rejected: [(Part, Bool, String)] = [
        (Part(offset: 65_528, bytes: [1, 2, 3, 4, 5, 6, 7, 8]), false, "ipv4.frag_pkt_too_large"),
        (Part(offset: 65_528, bytes: [1], isLast: true), false, "ipv4.frag_pkt_too_large"),
        (Part(offset: 65_528, bytes: [1, 2, 3, 4, 5, 6, 7, 8]), true, "ipv6.frag_pkt_too_large"),
        (Part(offset: 8, bytes: [1, 2, 3]), false, "ipv4.frag_invalid_length"),
        (Part(offset: 8, bytes: [1, 2, 3]), true, "ipv6.frag_invalid_length"),
        (Part(offset: 8, bytes: []), false, "ipv4.frag_invalid_length"),
    ]

    @Test(arguments: rejected)
    func `fragments that no host takes are named`(part: Part, isV6: Bool, name: String) {
        let bench = DecodeBench()
        let packets = bench.decode(Self.frame(part, isV6: isV6))
        #expect(packets.count == 1 && packets[0].anomalyNames == [name])
        #expect(bench.counters["defrag.ignored"] == 1)
        #expect(bench.counters["decoder.event.\(name)"] == 1)
    }

    @Test func `Linux cuts what is no multiple of eight bytes`() {
        var settings = DefragmentationSettings()
        settings.policies = []
        settings.defaultPolicy = .linux
        let bench = DecodeBench(defragmentation: settings)
        _ = bench.decode(Self.frame(Part(offset: 0, bytes: Array(1...19)), ipProtocol: 99))
        let packets = bench.decode(
            Self.frame(Part(offset: 16, bytes: [9], isLast: true), ipProtocol: 99))
        #expect(packets.last?.payloadArray == Array(1...16) + [9])
    }

    @Test func `fragments behind the end, or with another end, are named and left out`() {
        let bench = DecodeBench()
        let eight = [UInt8](repeating: 1, count: 8)
        _ = bench.decode(Self.frame(Part(offset: 8, bytes: [5], isLast: true), ipProtocol: 99))
        for part in [
            Part(offset: 16, bytes: eight), Part(offset: 8, bytes: [5, 6], isLast: true),
            Part(offset: 8, bytes: [], isLast: true),
        ] {
            let packets = bench.decode(Self.frame(part, ipProtocol: 99))
            #expect(packets.map(\.anomalyNames) == [["ipv4.frag_overlap"]])
        }
        let packets = bench.decode(Self.frame(Part(offset: 0, bytes: eight), ipProtocol: 99))
        #expect(packets.last?.payloadArray == eight + [5])
    }

    @Test func `an exact copy of a fragment is no overlap, a copy cut anew is one`() {
        let bench = DecodeBench()
        let bytes = [UInt8](repeating: 3, count: 16)
        _ = bench.decode(Self.frame(Part(offset: 0, bytes: bytes), ipProtocol: 99))
        let copy = bench.decode(Self.frame(Part(offset: 0, bytes: bytes), ipProtocol: 99))
        #expect(copy[0].anomalyNames == [])
        let half = bench.decode(
            Self.frame(Part(offset: 8, bytes: Array(bytes.prefix(8))), ipProtocol: 99))
        #expect(half[0].anomalyNames == ["ipv4.frag_overlap"])
    }

    @Test func `fragments of different datagrams do not meet`() {
        let part = Part(offset: 0, bytes: [UInt8](repeating: 1, count: 8))
        let last = Part(offset: 8, bytes: [2], isLast: true)
        let other = IPAddress(v4: 0x0a00_0009)
        let strangers = [
            Self.frame(last, identification: 8), Self.frame(last, ipProtocol: 99),
            Self.frame(last, source: other),
            Array(Self.frame(last).prefix(12)) + hex("8100 0001") + Self.frame(last).dropFirst(12),
        ]
        let bench = DecodeBench()
        _ = bench.decode(Self.frame(part))
        for frame in strangers { #expect(bench.decode(frame).count == 1) }
        #expect(bench.decode(Self.frame(last)).count == 2)
        #expect(bench.counters["defrag.incomplete"] == 4)
    }

    @Test func `tags are left out of the key on demand`() {
        var settings = DefragmentationSettings()
        settings.usesVLAN = false
        let bench = DecodeBench(defragmentation: settings)
        let last = Self.frame(Part(offset: 8, bytes: [2], isLast: true))
        _ = bench.decode(Self.frame(Part(offset: 0, bytes: [UInt8](repeating: 1, count: 8))))
        let tagged = Array(last.prefix(12)) + hex("8100 0001") + last.dropFirst(12)
        #expect(bench.decode(tagged).count == 2)
    }

    @Test func `an incomplete datagram is given up after its time`() {
        let bench = DecodeBench()
        let first = Self.frame(Part(offset: 0, bytes: [UInt8](repeating: 1, count: 8)))
        let last = Self.frame(Part(offset: 8, bytes: [2], isLast: true))
        _ = bench.decode(first, seconds: 100)
        #expect(bench.decode(last, seconds: 161).count == 1)
        #expect(bench.counters["defrag.mgr.tracker_timeout"] == 1)
        #expect(bench.decode(first, seconds: 221).count == 2)
    }

    @Test func `at the limit of datagrams the oldest goes`() {
        var settings = DefragmentationSettings()
        settings.trackerCountMax = 3
        let bench = DecodeBench(defragmentation: settings)
        let first = Part(offset: 0, bytes: [UInt8](repeating: 1, count: 8))
        let last = Part(offset: 8, bytes: [2], isLast: true)
        for id in 1...4 as ClosedRange<UInt16> {
            _ = bench.decode(Self.frame(first, identification: id))
        }
        #expect(bench.counters["defrag.max_trackers_reached"] == 1)
        #expect(bench.decode(Self.frame(last, identification: 2)).count == 2)
        #expect(bench.decode(Self.frame(last, identification: 1)).count == 1)
        #expect(bench.decode(Self.frame(last, identification: 4)).count == 2)
    }

    @Test func `at the limit of memory the oldest goes, and no more is kept`() {
        var settings = DefragmentationSettings()
        settings.memoryByteCountMax = 1
        let bench = DecodeBench(defragmentation: settings)
        let large = [UInt8](repeating: 1, count: 60_000)
        for id in 0..<100 as Range<UInt16> {
            _ = bench.decode(
                Self.frame(
                    Part(offset: 0, bytes: large), identification: id, ipProtocol: 99))
        }
        let kept = bench.counters["defrag.incomplete"]
        #expect(bench.counters["defrag.memcap.evicted"] == 100 - kept)
        #expect(kept >= 10 && kept <= 13)
        let packets = bench.decode(
            Self.frame(
                Part(offset: 60_000, bytes: [2], isLast: true), identification: 99, ipProtocol: 99))
        #expect(packets.last?.payloadByteCount == 60_001)
    }

    @Test func `fragments with a wrong checksum, or cut, are left out`() {
        let bench = DecodeBench(.all)
        let part = Part(offset: 0, bytes: [UInt8](repeating: 1, count: 16))
        var wrong = Self.frame(part)
        wrong[14 + 8] ^= 1
        #expect(bench.decode(wrong)[0].flags == [.fragment, .badIPChecksum])
        let whole = Self.frame(part)
        _ = bench.decode(Array(whole.dropLast()), wireByteCount: whole.count)
        #expect(bench.counters["defrag.bad_checksum"] == 1)
        #expect(bench.counters["defrag.truncated"] == 1)
        #expect(bench.counters["defrag.incomplete"] == 0)
    }

    @Test func `the first fragment decides on header and protocol`() throws {
        let bench = DecodeBench()
        let udp = Wire.udp(hex("6162636465666768"), from: Wire.client6, to: Wire.server6)
        let options = hex("2c00 0502 0000 0100")
        let first = hex("1100 0001 00000007") + udp.prefix(8)
        let last = hex("0600 0008 00000007") + udp.dropFirst(8)
        _ = bench.decode(Wire.ipv6(0, options + first), .raw)
        let packets = bench.decode(Wire.ipv6(44, last), .raw)
        let whole = try #require(packets.last)
        #expect(whole.flags == [.reassembled] && whole.transport == .udp)
        #expect(whole.payloadArray == hex("6162636465666768"))
        #expect(Array(whole.bytes[4..<8]) == hex("0018 00 40") && whole.bytes[40] == 17)
    }

    @Test func `fragments of a tunnelled packet, and a tunnel in fragments, are put together`() {
        let inner = Wire.ipv4(17, Self.datagram(200, isV6: false))
        let bench = DecodeBench()
        let tunnel = Wire.ipv4(47, hex("00000800") + inner)
        let body = Array(tunnel.dropFirst(20))
        var packets: [Packet] = []
        for part in Self.parts(body, every: 64) {
            packets = bench.decode(Self.frame(part, ipProtocol: 47))
        }
        #expect(packets.map(\.layer) == [0, 1, 2])
        #expect(packets.map(\.flags) == [.fragment, [.reassembled, .tunnel], []])
        #expect(packets.last?.payloadByteCount == 200)
        for part in Self.parts(Self.datagram(100, isV6: false), every: 64) {
            let fragment = Array(Self.frame(part).dropFirst(14))
            packets = bench.decode(Wire.ipv4(4, fragment), .raw)
        }
        #expect(packets.map(\.flags) == [.tunnel, .fragment, .reassembled])
        #expect(packets.last?.payloadByteCount == 100)
    }

    @Test(arguments: 0..<6)
    func `fragments at random leave nothing behind`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var settings = DefragmentationSettings()
        settings.policies = []
        settings.defaultPolicy =
            DefragmentationPolicy.allCases[Int(seed) % DefragmentationPolicy.allCases.count]
        settings.trackerCountMax = 8
        let bench = DecodeBench(.none, defragmentation: settings)
        for _ in 0..<1500 {
            let count = Int.random(in: 0...20, using: &generator) * 8
            let part = Part(
                offset: Int.random(in: 0...40, using: &generator) * 8,
                bytes: (0..<count).map { _ in UInt8.random(in: 0...3, using: &generator) },
                isLast: Int.random(in: 0..<10, using: &generator) == 0)
            _ = bench.decode(
                Self.frame(
                    part, isV6: Bool.random(using: &generator),
                    identification: UInt16.random(in: 0..<12, using: &generator), ipProtocol: 99))
        }
        _ = bench.decode(
            Self.frame(Part(offset: 0, bytes: [UInt8](repeating: 0, count: 8)), ipProtocol: 98),
            seconds: 1_800_000_000)
        #expect(bench.counters["defrag.incomplete"] == 1)
    }
}
