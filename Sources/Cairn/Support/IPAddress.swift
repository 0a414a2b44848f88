/// An IPv4 or IPv6 address in sixteen bytes; an IPv4 address is kept as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so that
/// both compare, hash and sort as one kind of number.
public struct IPAddress: Hashable, Sendable {
    /// The first eight bytes, as a big-endian number.
    public var high: UInt64
    /// The last eight bytes, as a big-endian number.
    public var low: UInt64

    @inline(__always) init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The IPv4 address of a big-endian number: 0x0a000001 is 10.0.0.1.
    @inline(__always) public init(v4: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(v4))
    }

    /// 0.0.0.0, and the address of packets that have none.
    public static let zero = IPAddress(v4: 0)

    /// Whether this is an IPv4 address.
    @inline(__always) public var isV4: Bool { high == 0 && low >> 32 == 0xffff }
    /// The IPv4 address as a big-endian number; meaningless for IPv6.
    @inline(__always) public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The address in network byte order: 4 or 16 bytes.
    public var bytes: [UInt8] {
        if isV4 { return (0..<4).map { UInt8(truncatingIfNeeded: v4 >> (24 - 8 * UInt32($0))) } }
        return [high, low].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) }
        }
    }
}

extension IPAddress {
    /// Reads four bytes in network order.
    @inline(__always) init(v4In bytes: RawSpan, at offset: Int) {
        self.init(v4: bytes.bigEndian(UInt32.self, at: offset))
    }

    /// Reads sixteen bytes in network order.
    @inline(__always) init(v6In bytes: RawSpan, at offset: Int) {
        self.init(
            high: bytes.bigEndian(UInt64.self, at: offset),
            low: bytes.bigEndian(UInt64.self, at: offset &+ 8))
    }
}

extension IPAddress: Comparable {
    /// Orders by value.
    @inline(__always) public static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

extension IPAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Dotted decimal, or the canonical IPv6 text of RFC 5952.
    public var description: String {
        if isV4 { return dottedDecimal }
        let groups = (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> (48 - 16 * UInt64(index & 3)))
        }
        // RFC 5952 §4.2: the longest run of at least two zero groups becomes "::", the first of equals.
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty
            ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }

    private var dottedDecimal: String {
        String(unsafeUninitializedCapacity: 15) { text in
            var count = 0
            for place in 0..<4 as Range<UInt32> {
                let byte = UInt8(truncatingIfNeeded: v4 >> (24 &- 8 &* place))
                if byte >= 100 {
                    text[count] = 48 &+ byte / 100
                    count &+= 1
                }
                if byte >= 10 {
                    text[count] = 48 &+ byte / 10 % 10
                    count &+= 1
                }
                text[count] = 48 &+ byte % 10
                count &+= 1
                if place < 3 {
                    text[count] = UInt8(ascii: ".")
                    count &+= 1
                }
            }
            return count
        }
    }

    /// Parses dotted decimal or IPv6 text (RFC 4291 §2.2, an embedded IPv4 tail included); nil for anything else.
    public init?(_ text: String) {
        if !text.utf8.contains(UInt8(ascii: ":")) {
            guard let v4 = Self.parseV4(Substring(text)) else { return nil }
            self.init(v4: v4)
            return
        }
        let halves = text.components(separatedBy: "::")
        guard halves.count <= 2, let head = Self.parseGroups(halves[0]),
            let tail = halves.count == 2 ? Self.parseGroups(halves[1]) : [],
            halves.count == 2 ? head.count + tail.count < 8 : head.count == 8
        else { return nil }
        let groups = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        func half(_ range: Range<Int>) -> UInt64 {
            groups[range].reduce(0) { $0 << 16 | UInt64($1) }
        }
        self.init(high: half(0..<4), low: half(4..<8))
    }

    private static func parseV4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count),
                part.utf8.allSatisfy({ (48...57).contains($0) }),
                let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private static func parseGroups(_ text: String) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let v4 = parseV4(part) {
                groups += [UInt16(v4 >> 16), UInt16(v4 & 0xffff)]
            } else {
                guard (1...4).contains(part.utf8.count),
                    part.utf8.allSatisfy({ $0.hexDigitValue != nil }),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups.count <= 8 ? groups : nil
    }
}

extension String {
    /// The parts between occurrences of a separator, empty ones included.
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}

/// An address block in CIDR notation (RFC 4632): all addresses that share a prefix.
public struct IPNetwork: Hashable, Sendable {
    /// The first address of the block.
    public let address: IPAddress
    /// Bits that are shared: 0...32 for IPv4, 0...128 for IPv6.
    public let prefixLength: Int

    /// Creates the block that holds `address`; nil if the prefix is longer than the address.
    public init?(_ address: IPAddress, prefixLength: Int) {
        guard (0...(address.isV4 ? 32 : 128)).contains(prefixLength) else { return nil }
        let mask = Self.mask(address.isV4 ? prefixLength + 96 : prefixLength)
        self.address = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
        self.prefixLength = prefixLength
    }

    /// Parses `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or a single address.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefixLength: address.isV4 ? 32 : 128)
            return
        }
        if let length = Int(parts[1]) {
            self.init(address, prefixLength: length)
        } else if address.isV4, let mask = IPAddress(String(parts[1])), mask.isV4,
            mask.v4.leadingZeroBitCount == 0 || mask.v4 == 0, (~mask.v4 &+ 1).nonzeroBitCount <= 1
        {
            self.init(address, prefixLength: mask.v4.nonzeroBitCount)
        } else {
            return nil
        }
    }

    /// Whether the block holds an address. An IPv4 block holds no IPv6 address, and the other way round.
    public func contains(_ other: IPAddress) -> Bool {
        guard other.isV4 == address.isV4 else { return false }
        let mask = Self.mask(address.isV4 ? prefixLength + 96 : prefixLength)
        return other.high & mask.high == address.high && other.low & mask.low == address.low
    }

    private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        func ones(_ count: Int) -> UInt64 {
            count <= 0 ? 0 : count >= 64 ? .max : ~(.max >> UInt64(count))
        }
        return (ones(bits), ones(bits - 64))
    }
}
