/// A set of numbers as ranges in order, which do not overlap.
struct OrderedRanges<Bound: SteppableBound> {
    let ranges: [ClosedRange<Bound>]

    /// The included ranges (no ranges: everything) less the excluded ones.
    init(included: [ClosedRange<Bound>], excluded: [ClosedRange<Bound>]) {
        var ranges = included.isEmpty ? [Bound.least...Bound.greatest] : Self.union(included)
        for hole in Self.union(excluded) { ranges = Self.subtract(hole, from: ranges) }
        self.ranges = ranges
    }

    private static func union(_ ranges: [ClosedRange<Bound>]) -> [ClosedRange<Bound>] {
        var union: [ClosedRange<Bound>] = []
        for next in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = union.last, next.lowerBound <= last.upperBound {
                union[union.count - 1] =
                    last.lowerBound...max(last.upperBound, next.upperBound)
            } else {
                union.append(next)
            }
        }
        return union
    }

    private static func subtract(
        _ hole: ClosedRange<Bound>, from ranges: [ClosedRange<Bound>]
    ) -> [ClosedRange<Bound>] {
        ranges.flatMap { range -> [ClosedRange<Bound>] in
            guard range.overlaps(hole) else { return [range] }
            var rest: [ClosedRange<Bound>] = []
            if range.lowerBound < hole.lowerBound {
                rest.append(range.lowerBound...hole.lowerBound.predecessor)
            }
            if hole.upperBound < range.upperBound {
                rest.append(hole.upperBound.successor...range.upperBound)
            }
            return rest
        }
    }

    func contains(_ value: Bound) -> Bool {
        // The range before it is the last that begins at the value or before it.
        let next = partitionPoint(below: ranges.count) { ranges[$0].lowerBound > value }
        return next > 0 && value <= ranges[next &- 1].upperBound
    }
}

/// A number with neighbours. The neighbours of the ends of its range are never asked for.
protocol SteppableBound: Comparable {
    static var least: Self { get }
    static var greatest: Self { get }
    var successor: Self { get }
    var predecessor: Self { get }
}

extension UInt16: SteppableBound {
    static var least: UInt16 { .min }
    static var greatest: UInt16 { .max }
    var successor: UInt16 { self &+ 1 }
    var predecessor: UInt16 { self &- 1 }
}

extension IPAddress: SteppableBound {
    static var least: IPAddress { IPAddress(high: 0, low: 0) }
    static var greatest: IPAddress { IPAddress(high: .max, low: .max) }

    var successor: IPAddress {
        IPAddress(high: low == .max ? high &+ 1 : high, low: low &+ 1)
    }

    var predecessor: IPAddress {
        IPAddress(high: low == 0 ? high &- 1 : high, low: low &- 1)
    }
}

extension IPNetwork {
    /// The addresses of the block. Those of IPv4 lie among those of IPv6, but belong to no block of IPv6.
    var ranges: [ClosedRange<IPAddress>] {
        let bits = address.isV4 ? prefixLength + 96 : prefixLength
        let highMask = bits >= 64 ? 0 : UInt64.max >> UInt64(bits)
        let lowMask = bits <= 64 ? UInt64.max : bits >= 128 ? 0 : UInt64.max >> UInt64(bits - 64)
        let last = IPAddress(high: address.high | highMask, low: address.low | lowMask)
        guard !address.isV4 else { return [address...last] }
        let v4 = IPAddress(v4: 0)...IPAddress(v4: .max)
        return OrderedRanges(included: [address...last], excluded: [v4]).ranges
    }
}
