/// The two tables that most positions of a text do not get past: eight bucket bits for each pair of bytes.
///
/// A position passes if some bucket holds both its pair and the pair two bytes behind it.
struct PairTables {
    /// A pair is told apart by its first byte and up to six bits of its second, so that both tables stay in the fastest
    /// cache. Most sets are small and do with less: what a scan does not bring into the cache costs it nothing.
    private let entryCount: Int
    private static let entryCounts = [1 << 11, 1 << 12, 1 << 13, 1 << 14]
    /// Sets with more views need the largest tables.
    private static let smallViewCountMax = 512

    /// By the pair at a position, and by the pair two bytes behind it.
    let first: UnsafeMutablePointer<UInt8>
    let second: UnsafeMutablePointer<UInt8>
    let stride: Int
    /// About what a byte of text costs: 1 for looking at each position, and what is spent on those that pass.
    private(set) var expectedCost = 0.0

    /// What a position that passes costs, as a multiple of one that does not.
    private static let passCost = 40.0
    /// What the largest tables cost each byte of a short text, because they have to come into the cache.
    private static let cacheCost = 1.0

    /// The tables of the size that is expected to cost the least.
    static func cheapest(_ plan: LiteralPlan) -> PairTables {
        let isSmall = plan.views.count <= smallViewCountMax
        let inView = plan.views.reduce(0) { $0 + frequency($1) }
        let candidates = (isSmall ? entryCounts : entryCounts.suffix(1)).map {
            PairTables(plan, entryCount: $0, inView: inView)
        }
        var best = candidates[0]
        for tables in candidates where tables.expectedCost < best.expectedCost { best = tables }
        for tables in candidates where tables.first != best.first { tables.deallocate() }
        return best
    }

    /// - Parameter inView: how often what is looked for occurs.
    private init(_ plan: LiteralPlan, entryCount: Int, inView: Double) {
        stride = plan.stride
        self.entryCount = entryCount
        first = .allocate(capacity: entryCount)
        second = .allocate(capacity: entryCount)
        first.initialize(repeating: 0, count: entryCount)
        second.initialize(repeating: 0, count: entryCount)
        let passes = min(1, fill(plan.views) + inView)
        let size = Double(entryCount) / Double(1 << 14)
        expectedCost = (1 + Self.passCost * passes) / Double(stride) + Self.cacheCost * size
    }

    /// Bytes of memory.
    var byteCount: Int { 2 * entryCount }
    /// The bits of a pair that count, the first byte lowest.
    var mask: Int { entryCount &- 1 }

    func deallocate() {
        first.deallocate()
        second.deallocate()
    }

    /// Half of a view, in the table where it belongs.
    private struct Half {
        let table: UnsafeMutablePointer<UInt8>
        let values: (UInt8, UInt8)
        let masks: (UInt8, UInt8)
        /// The bits of a second byte that count.
        let secondBits: Int
        /// How often what has its places occurs.
        let frequency: Double

        init(
            _ table: UnsafeMutablePointer<UInt8>, _ a: UInt8, _ aMask: UInt8, _ b: UInt8,
            _ bMask: UInt8, secondBits: Int
        ) {
            self.table = table
            self.secondBits = secondBits
            values = (a, b)
            masks = (aMask, bMask)
            let model = GramModel.shared
            guard bMask != 0 else {
                frequency = aMask == 0 ? 1 : model.frequency(of: a, followedBy: nil)
                return
            }
            let seconds = Swift.stride(from: Int(b) & secondBits, to: 256, by: secondBits + 1)
            frequency = seconds.reduce(0) { sum, second in
                let second = UInt8(second)
                return sum
                    + (aMask == 0
                        ? model.frequency(of: second, followedBy: nil)
                        : model.frequency(of: a, followedBy: second))
            }
        }

        /// Enters the pairs that the half stands for.
        func enter(_ bucket: UInt8) {
            _ = allPlaces {
                table[$0] |= bucket
                return true
            }
        }

        /// The buckets that hold all the pairs already.
        var buckets: UInt8 {
            var common: UInt8 = 0xff
            _ = allPlaces {
                common &= table[$0]
                return common != 0
            }
            return common
        }

        /// Whether `condition` holds for the place of each pair that the half stands for; stops at the first where it
        /// does not.
        @inline(__always) private func allPlaces(_ condition: (Int) -> Bool) -> Bool {
            // The bits that are free take all values by counting within them.
            let free = (Int(~masks.0), Int(~masks.1) & secondBits)
            let base = (Int(values.0 & masks.0), Int(values.1 & masks.1) & secondBits)
            var a = 0
            repeat {
                var b = 0
                repeat {
                    guard condition(base.0 | a | (base.1 | b) << 8) else { return false }
                    b = (b &- free.1) & free.1
                } while b != 0
                a = (a &- free.0) & free.0
            } while a != 0
            return true
        }
    }

    /// Gives each view the bucket that it makes least busier, the most frequent views first.
    ///
    /// A position passes a bucket about as often as the product of how often its pairs occur in either table. So a
    /// view that ends in a frequent pair (two zeros) must not meet one that begins with such a pair.
    ///
    /// - Returns: how often a position is expected to pass that is none of what is looked for.
    private func fill(_ views: [LiteralPlan.View]) -> Double {
        let halves = views.map { view in
            let (v, m) = (view.values, view.masks)
            return (
                Half(first, v.0, m.0, v.1, m.1, secondBits: mask >> 8),
                Half(second, v.2, m.2, v.3, m.3, secondBits: mask >> 8)
            )
        }
        let order = halves.indices
            .map { (index: $0, frequency: halves[$0].0.frequency + halves[$0].1.frequency) }
            .sorted { ($1.frequency, $0.index) < ($0.frequency, $1.index) }
        var busy = [(first: Double, second: Double)](repeating: (0, 0), count: 8)
        for (index, _) in order {
            let (front, back) = halves[index]
            let (frontBuckets, backBuckets) = (front.buckets, back.buckets)
            var best = (bucket: 0, cost: Double.infinity, first: 0.0, second: 0.0)
            for bucket in busy.indices {
                let bit: UInt8 = 1 << UInt8(bucket)
                let before = busy[bucket]
                let newFirst = before.first + (frontBuckets & bit == 0 ? front.frequency : 0)
                let newSecond = before.second + (backBuckets & bit == 0 ? back.frequency : 0)
                let cost = newFirst * newSecond - before.first * before.second
                if cost < best.cost { best = (bucket, cost, newFirst, newSecond) }
            }
            busy[best.bucket] = (best.first, best.second)
            front.enter(1 << UInt8(best.bucket))
            back.enter(1 << UInt8(best.bucket))
        }
        return busy.reduce(0) { $0 + min(1, $1.first) * min(1, $1.second) }
    }

    /// How often what is in view occurs.
    private static func frequency(_ view: LiteralPlan.View) -> Double {
        let (values, masks) = (view.values, view.masks)
        var seen = GramModel.Chain()
        func add(_ value: UInt8, _ mask: UInt8) {
            if mask != 0 { GramModel.shared.add(value, to: &seen) }
        }
        add(values.0, masks.0)
        add(values.1, masks.1)
        add(values.2, masks.2)
        add(values.3, masks.3)
        return 1 / Double(1 << seen.bits)
    }

    /// The place of the pair at an offset of a text; there must be two bytes.
    @inline(__always)
    static func index(_ text: UnsafeRawPointer, _ offset: Int, _ mask: Int) -> Int {
        let pair = text.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
        return Int(UInt16(littleEndian: pair)) & mask
    }
}
