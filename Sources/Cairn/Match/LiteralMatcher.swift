/// Finds which of many literals occur in a buffer, in one pass. DESIGN.md explains the algorithm.
///
/// Immutable after `init`, so shards share one; what a scan finds goes into the `LiteralHits` of its caller. A handle on
/// memory that `deallocate` gives back: to use it touches no reference count.
struct LiteralMatcher: @unchecked Sendable {
    /// What is looked for.
    struct Literal: Hashable, Sendable {
        var bytes: [UInt8]
        /// ASCII letters match either case.
        var ignoresCase = false
    }

    /// A literal in the pool: where its bytes are, and how many.
    struct Pattern {
        var offset: UInt32
        var byteCount: UInt32
    }

    /// Literals are known by their position in the array they came in.
    let literalCount: Int
    /// Bytes of the longest literal.
    let byteCountMax: Int

    private let patterns: UnsafeMutablePointer<Pattern>
    /// Bytes of all literals, each from an offset that eight divides; letters of either case small.
    private let values: UnsafeMutablePointer<UInt8>
    /// 0x20 where a letter may have either case, else 0.
    private let folds: UnsafeMutablePointer<UInt8>
    private let poolByteCount: Int
    private let pairs: PairTables
    private let windows: WindowTable
    private let shortWindows: WindowTable
    private let hasShortWindows: Bool
    /// Literals of one byte: no window begins at the last byte of a buffer.
    private let singles: UnsafeMutableBufferPointer<Int32>

    /// Builds the tables. No literal may be empty.
    ///
    /// - Parameter stride: 1 to look at every position, 2 to look at every second; nil for what costs less.
    init(_ literals: [Literal], stride: Int? = nil) {
        precondition(literals.count < 1 << 24, "a window entry numbers literals with 24 bits")
        literalCount = literals.count
        byteCountMax = literals.lazy.map(\.bytes.count).max() ?? 0
        patterns = .allocate(capacity: max(1, literals.count))
        // Eight bytes are compared at a time, so the last literal is followed by eight that do not count.
        poolByteCount = literals.reduce(8) { $0 + ($1.bytes.count + 7) & ~7 }
        values = .allocate(capacity: poolByteCount)
        folds = .allocate(capacity: poolByteCount)
        values.initialize(repeating: 0, count: poolByteCount)
        folds.initialize(repeating: 0, count: poolByteCount)
        let (plan, tables) = Self.cheapestPlan(literals, strides: stride.map { [$0] } ?? [1, 2])
        pairs = tables
        windows = WindowTable(plan.windows)
        shortWindows = WindowTable(plan.shortWindows)
        hasShortWindows = !plan.shortWindows.isEmpty
        let ones = literals.indices.filter { literals[$0].bytes.count == 1 }
        singles = .allocate(capacity: ones.count)
        _ = singles.initialize(from: ones.map { Int32(truncatingIfNeeded: $0) })
        fillPool(literals)
    }

    func deallocate() {
        patterns.deallocate()
        values.deallocate()
        folds.deallocate()
        singles.deallocate()
        pairs.deallocate()
        windows.deallocate()
        shortWindows.deallocate()
    }

    /// Looks at every second position where that is expected to pay: it halves the positions, but doubles the views.
    private static func cheapestPlan(
        _ literals: [Literal], strides: [Int]
    ) -> (LiteralPlan, PairTables) {
        let plans = strides.map { stride in
            let plan = LiteralPlan(literals, stride: stride)
            return (plan, PairTables.cheapest(plan))
        }
        var best = plans[0]
        for plan in plans.dropFirst() {
            let isBetter = plan.1.expectedCost < best.1.expectedCost
            (isBetter ? best.1 : plan.1).deallocate()
            if isBetter { best = plan }
        }
        return best
    }

    private func fillPool(_ literals: [Literal]) {
        var offset = 0
        for (index, literal) in literals.enumerated() {
            precondition(!literal.bytes.isEmpty)
            (patterns + index).initialize(
                to: Pattern(
                    offset: UInt32(truncatingIfNeeded: offset),
                    byteCount: UInt32(truncatingIfNeeded: literal.bytes.count)))
            for (position, byte) in literal.bytes.enumerated() {
                let folds = literal.ignoresCase && byte.isASCIILetter
                values[offset + position] = folds ? byte | 0x20 : byte
                self.folds[offset + position] = folds ? 0x20 : 0
            }
            offset += (literal.bytes.count + 7) & ~7
        }
    }

    /// Bytes of memory that the tables take.
    var byteCount: Int {
        2 * poolByteCount + literalCount * MemoryLayout<Pattern>.stride + pairs.byteCount
            + windows.byteCount + shortWindows.byteCount
    }

    /// Adds the literals that occur in `bytes` to `hits`.
    ///
    /// - Parameter start: bytes before it were looked at earlier: occurrences that end there are not reported. So a
    ///   stream is scanned as it comes, given at least `byteCountMax - 1` bytes before each new piece.
    func scan(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, into hits: LiteralHits) {
        guard let text = bytes.baseAddress, bytes.count > start, literalCount > 0 else { return }
        let scan = Scan(
            text: text, byteCount: bytes.count, start: start, hits: hits)
        let first = max(0, start &- byteCountMax &+ 1)
        let rest =
            pairs.stride == 2 ? scanEverySecond(scan, from: first) : scanEvery(scan, from: first)
        scanEnd(scan, from: rest)
    }

    /// One call of `scan`: what its parts hand each other.
    private struct Scan {
        let text: UnsafeRawPointer
        let byteCount: Int
        let start: Int
        let hits: LiteralHits
    }

    /// Looks at every position up to the last few; gives back the first that is left.
    @inline(__always) private func scanEvery(_ scan: Scan, from first: Int) -> Int {
        let text = scan.text
        let firstPairs = pairs.first
        let secondPairs = pairs.second
        let mask = pairs.mask
        let end = scan.byteCount &- 11
        var position = first
        while position <= end {
            let p0 = PairTables.index(text, position, mask)
            let p1 = PairTables.index(text, position &+ 1, mask)
            let p2 = PairTables.index(text, position &+ 2, mask)
            let p3 = PairTables.index(text, position &+ 3, mask)
            let p4 = PairTables.index(text, position &+ 4, mask)
            let p5 = PairTables.index(text, position &+ 5, mask)
            let p6 = PairTables.index(text, position &+ 6, mask)
            let p7 = PairTables.index(text, position &+ 7, mask)
            let p8 = PairTables.index(text, position &+ 8, mask)
            let p9 = PairTables.index(text, position &+ 9, mask)
            let m0 = firstPairs[p0] & secondPairs[p2]
            let m1 = firstPairs[p1] & secondPairs[p3]
            let m2 = firstPairs[p2] & secondPairs[p4]
            let m3 = firstPairs[p3] & secondPairs[p5]
            if m0 | m1 | m2 | m3 != 0 {
                if m0 != 0 { check(scan, position) }
                if m1 != 0 { check(scan, position &+ 1) }
                if m2 != 0 { check(scan, position &+ 2) }
                if m3 != 0 { check(scan, position &+ 3) }
            }
            let m4 = firstPairs[p4] & secondPairs[p6]
            let m5 = firstPairs[p5] & secondPairs[p7]
            let m6 = firstPairs[p6] & secondPairs[p8]
            let m7 = firstPairs[p7] & secondPairs[p9]
            if m4 | m5 | m6 | m7 != 0 {
                if m4 != 0 { check(scan, position &+ 4) }
                if m5 != 0 { check(scan, position &+ 5) }
                if m6 != 0 { check(scan, position &+ 6) }
                if m7 != 0 { check(scan, position &+ 7) }
            }
            position &+= 8
        }
        return position
    }

    /// Looks at every second position: for sets whose literals are all in view from two neighbouring places.
    @inline(__always) private func scanEverySecond(_ scan: Scan, from first: Int) -> Int {
        let text = scan.text
        let firstPairs = pairs.first
        let secondPairs = pairs.second
        let mask = pairs.mask
        let end = scan.byteCount &- 18
        var position = first
        while position <= end {
            let p0 = PairTables.index(text, position, mask)
            let p1 = PairTables.index(text, position &+ 2, mask)
            let p2 = PairTables.index(text, position &+ 4, mask)
            let p3 = PairTables.index(text, position &+ 6, mask)
            let p4 = PairTables.index(text, position &+ 8, mask)
            let p5 = PairTables.index(text, position &+ 10, mask)
            let p6 = PairTables.index(text, position &+ 12, mask)
            let p7 = PairTables.index(text, position &+ 14, mask)
            let p8 = PairTables.index(text, position &+ 16, mask)
            let m0 = firstPairs[p0] & secondPairs[p1]
            let m1 = firstPairs[p1] & secondPairs[p2]
            let m2 = firstPairs[p2] & secondPairs[p3]
            let m3 = firstPairs[p3] & secondPairs[p4]
            if m0 | m1 | m2 | m3 != 0 {
                if m0 != 0 { check(scan, position) }
                if m1 != 0 { check(scan, position &+ 2) }
                if m2 != 0 { check(scan, position &+ 4) }
                if m3 != 0 { check(scan, position &+ 6) }
            }
            let m4 = firstPairs[p4] & secondPairs[p5]
            let m5 = firstPairs[p5] & secondPairs[p6]
            let m6 = firstPairs[p6] & secondPairs[p7]
            let m7 = firstPairs[p7] & secondPairs[p8]
            if m4 | m5 | m6 | m7 != 0 {
                if m4 != 0 { check(scan, position &+ 8) }
                if m5 != 0 { check(scan, position &+ 10) }
                if m6 != 0 { check(scan, position &+ 12) }
                if m7 != 0 { check(scan, position &+ 14) }
            }
            position &+= 16
        }
        return position
    }

    /// Looks at the positions that are too near the end for a full round.
    private func scanEnd(_ scan: Scan, from rest: Int) {
        var position = rest
        while position &+ 2 <= scan.byteCount {
            var mask = pairs.first[PairTables.index(scan.text, position, pairs.mask)]
            if position &+ 4 <= scan.byteCount {
                mask &= pairs.second[PairTables.index(scan.text, position &+ 2, pairs.mask)]
            }
            if mask != 0 { check(scan, position) }
            position &+= pairs.stride
        }
        for single in singles {
            verify(scan, Int(single), at: scan.byteCount &- 1)
        }
    }

    /// Looks for literals with a window at `position`, which the pair tables let through, and for short ones before the next.
    @inline(never) private func check(_ scan: Scan, _ position: Int) {
        let rest = scan.byteCount &- position
        if rest >= 4 {
            let window = scan.text.loadUnaligned(fromByteOffset: position, as: UInt32.self)
            lookUp(windows, UInt32(littleEndian: window) | 0x2020_2020, scan, position)
        }
        guard hasShortWindows else { return }
        for position in position..<position &+ pairs.stride where position &+ 2 <= scan.byteCount {
            let pair = scan.text.loadUnaligned(fromByteOffset: position, as: UInt16.self)
            lookUp(shortWindows, UInt32(UInt16(littleEndian: pair)) | 0x2020, scan, position)
        }
    }

    @inline(__always)
    private func lookUp(_ table: WindowTable, _ window: UInt32, _ scan: Scan, _ position: Int) {
        let slot = table.slot(of: window)
        var index = Int(table.starts[slot])
        let end = Int(table.starts[slot &+ 1])
        while index < end {
            let entry = table.entries[index]
            index &+= 1
            guard entry.window == window else { continue }
            let literal = Int(entry.literal)
            let start = position &- Int(entry.offset)
            let end = start &+ Int(patterns[literal].byteCount)
            guard start >= 0, end <= scan.byteCount else { continue }
            // The second check word lies within the literal, so within the text.
            if entry.hasCheck {
                let word =
                    scan.text.loadUnaligned(
                        fromByteOffset: start &+ Int(entry.checkOffset), as: UInt32.self)
                    | 0x2020_2020
                guard UInt32(littleEndian: word) == entry.check else { continue }
            }
            verify(scan, literal, at: start)
        }
    }

    /// Compares a literal with the text, eight bytes at a time, and notes it if it is there.
    @inline(__always) private func verify(_ scan: Scan, _ literal: Int, at start: Int) {
        let pattern = patterns[literal]
        let byteCount = Int(pattern.byteCount)
        guard start &+ byteCount > scan.start, !scan.hits.contains(literal) else { return }
        let value = UnsafeRawPointer(values + Int(pattern.offset))
        let fold = UnsafeRawPointer(folds + Int(pattern.offset))
        var done = 0
        while done < byteCount {
            var word = Self.load(scan.text, start &+ done, byteCount: scan.byteCount)
            word |= fold.load(fromByteOffset: done, as: UInt64.self).littleEndian
            let rest = byteCount &- done
            if rest < 8 { word &= 1 << UInt64(8 &* rest) &- 1 }
            guard word == value.load(fromByteOffset: done, as: UInt64.self).littleEndian else {
                return
            }
            done &+= 8
        }
        scan.hits.insert(literal)
    }

    /// Eight bytes in little-endian order, zeros behind the end of the text.
    @inline(__always)
    private static func load(_ text: UnsafeRawPointer, _ offset: Int, byteCount: Int) -> UInt64 {
        if offset &+ 8 <= byteCount {
            return UInt64(littleEndian: text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        var word: UInt64 = 0
        for index in offset..<byteCount {
            let byte = text.load(fromByteOffset: index, as: UInt8.self)
            word |= UInt64(byte) << UInt64(8 &* (index &- offset))
        }
        return word
    }
}

extension UInt8 {
    /// Whether the byte is an ASCII letter.
    @inline(__always) var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }
}
