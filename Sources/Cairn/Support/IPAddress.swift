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
        String(unsafeUninitializedCapacity: Self.textByteCountMax) { text in
            text.baseAddress.map { write(to: $0) } ?? 0
        }
    }

    /// Bytes of the longest text: eight groups of four digits.
    static let textByteCountMax = 39

    /// Writes the text of `description` to memory with room for `textByteCountMax` bytes.
    ///
    /// - Returns: bytes written.
    func write(to text: UnsafeMutablePointer<UInt8>) -> Int {
        var count = 0
        if isV4 {
            for shift in stride(from: 24 as UInt32, through: 0, by: -8) {
                Self.write(decimal: UInt8(truncatingIfNeeded: v4 >> shift), to: text, &count)
                if shift > 0 { Self.write(UInt8(ascii: "."), to: text, &count) }
            }
            return count
        }
        let zeros = longestZeroRun
        var index = 0
        while index < 8 {
            if index > 0 || !zeros.isEmpty && zeros.lowerBound == 0 {
                Self.write(UInt8(ascii: ":"), to: text, &count)
            }
            if !zeros.isEmpty, index == zeros.lowerBound {
                index = zeros.upperBound
                if index == 8 { Self.write(UInt8(ascii: ":"), to: text, &count) }
            } else {
                Self.write(hexadecimal: group(index), to: text, &count)
                index += 1
            }
        }
        return count
    }

    private func group(_ index: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> (48 - 16 * UInt64(index & 3)))
    }

    /// RFC 5952 §4.2: the longest run of at least two zero groups becomes "::", the first of equals.
    private var longestZeroRun: Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        return best
    }

    @inline(__always)
    private static func write(
        _ byte: UInt8, to text: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) {
        text[count] = byte
        count &+= 1
    }

    private static func write(
        decimal byte: UInt8, to text: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) {
        if byte >= 100 { write(48 &+ byte / 100, to: text, &count) }
        if byte >= 10 { write(48 &+ byte / 10 % 10, to: text, &count) }
        write(48 &+ byte % 10, to: text, &count)
    }

    private static func write(
        hexadecimal group: UInt16, to text: UnsafeMutablePointer<UInt8>, _ count: inout Int
    ) {
        for shift in stride(from: 12 as UInt16, through: 0, by: -4)
        where shift == 0 || group >> shift != 0 {
            write(hexDigits.utf8Start[Int(group >> shift & 15)], to: text, &count)
        }
    }

    /// Parses dotted decimal or IPv6 text (RFC 4291 §2.2, an embedded IPv4 tail included); nil for anything else.
    public init?(_ text: String) {
        if !text.utf8.contains(UInt8(ascii: ":")) {
            guard let v4 = Self.parseV4(text.utf8) else { return nil }
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

    private static func parseV4(_ text: some Sequence<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var (number, digitCount, partCount): (UInt32, Int, Int) = (0, 0, 1)
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard digitCount > 0, partCount < 4 else { return nil }
                value = value << 8 | number
                (number, digitCount, partCount) = (0, 0, partCount + 1)
            } else {
                guard byte >= 48, byte <= 57, digitCount < 3 else { return nil }
                number = number * 10 + UInt32(byte - 48)
                digitCount += 1
                guard number <= 255 else { return nil }
            }
        }
        return partCount == 4 && digitCount > 0 ? value << 8 | number : nil
    }

    private static func parseGroups(_ text: String) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let v4 = parseV4(part.utf8) {
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
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, prefixLength: address.isV4 ? 32 : 128)
            return
        }
        let rest = String(text[text.utf8.index(after: slash)...])
        guard let address = IPAddress(String(text[..<slash])) else { return nil }
        if let length = Int(rest) {
            self.init(address, prefixLength: length)
        } else if address.isV4, let mask = IPAddress(rest), mask.isV4,
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

    /// All of IPv4, and all of IPv6.
    static let families = ["0.0.0.0/0", "::/0"].compactMap { IPNetwork($0) }

    /// What is left of the block without others: the fewest blocks.
    func without(_ others: [IPNetwork]) -> [IPNetwork] {
        let holes = others.filter { contains($0.address) || $0.contains(address) }
        guard !holes.isEmpty else { return [self] }
        guard holes.allSatisfy({ $0.prefixLength > prefixLength }) else { return [] }
        return halves.flatMap { $0.without(holes) }
    }

    /// The two blocks that it consists of; none if it is one address.
    private var halves: [IPNetwork] {
        let length = prefixLength &+ 1
        guard let low = IPNetwork(address, prefixLength: length) else { return [] }
        let bits = Self.mask(address.isV4 ? length &+ 96 : length)
        let outer = Self.mask(address.isV4 ? prefixLength &+ 96 : prefixLength)
        let upper = IPAddress(
            high: address.high | (bits.high ^ outer.high),
            low: address.low | (bits.low ^ outer.low))
        return [low] + (IPNetwork(upper, prefixLength: length).map { [$0] } ?? [])
    }

    private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        func ones(_ count: Int) -> UInt64 {
            count <= 0 ? 0 : count >= 64 ? .max : ~(.max >> UInt64(count))
        }
        return (ones(bits), ones(bits - 64))
    }
}
