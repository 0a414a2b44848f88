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
    /// For all literals, and for those that may lie beyond the first `nearByteCount` bytes; one for both if that is no gain.
    private let tables: FlatList<LiteralTables>

    /// Bytes at the start of a buffer in which all literals are looked for.
    static let nearByteCount = 256

    /// Builds the tables. No literal may be empty.
    ///
    /// - Parameters:
    ///   - reaches: for each literal, in how many bytes at the start of a buffer it is looked for at least; nil for all.
    ///   - stride: 1 to look at every position, 2 to look at every second; nil for what costs less.
    init(_ literals: [Literal], reaches: [Int]? = nil, stride: Int? = nil) {
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
        tables = Self.tables(literals, reaches, stride)
        fillPool(literals)
    }

    func deallocate() {
        patterns.deallocate()
        values.deallocate()
        folds.deallocate()
        for index in 0..<tables.count { tables[index].pointee.deallocate() }
        tables.deallocate()
    }

    private static func tables(
        _ literals: [Literal], _ reaches: [Int]?, _ stride: Int?
    ) -> FlatList<LiteralTables> {
        let all = LiteralTables(literals, Array(literals.indices), stride: stride)
        let far = literals.indices.filter { (reaches?[$0] ?? .max) > nearByteCount }
        guard far.count < literals.count else { return FlatList([all]) }
        let tables = LiteralTables(literals, far, stride: stride)
        guard tables.pairs.expectedCost < all.pairs.expectedCost else {
            tables.deallocate()
            return FlatList([all])
        }
        return FlatList([all, tables])
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
        2 * poolByteCount + literalCount * MemoryLayout<Pattern>.stride
            + (0..<tables.count).reduce(0) { $0 + tables[$1].pointee.byteCount }
    }

    /// Adds the literals that occur in `bytes` to `hits`.
    ///
    /// - Parameter start: bytes before it were looked at earlier: occurrences that end there are not reported. So a
    ///   stream is scanned as it comes, given at least `byteCountMax - 1` bytes before each new piece.
    func scan(_ bytes: UnsafeRawBufferPointer, from start: Int = 0, into hits: LiteralHits) {
        guard start == 0, bytes.count > Self.nearByteCount, tables.count == 2 else {
            return scan(bytes, from: start, tables[0], hits)
        }
        let near = UnsafeRawBufferPointer(rebasing: bytes[..<Self.nearByteCount])
        scan(near, from: 0, tables[0], hits)
        scan(bytes, from: Self.nearByteCount, tables[1], hits)
    }

    private func scan(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ tables: UnsafePointer<LiteralTables>,
        _ hits: LiteralHits
    ) {
        guard let text = bytes.baseAddress, bytes.count > start, tables.pointee.literalCount > 0
        else { return }
        let scan = Scan(
            text: text, byteCount: bytes.count, start: start, tables: tables, hits: hits)
        let first = max(0, start &- byteCountMax &+ 1)
        let rest =
            tables.pointee.pairs.stride == 2
            ? scanByEight(scan, from: first, every: 2) : scanByEight(scan, from: first, every: 1)
        scanEnd(scan, from: rest)
    }

    /// One call of `scan`: what its parts hand each other.
    private struct Scan {
        let text: UnsafeRawPointer
        let byteCount: Int
        let start: Int
        let tables: UnsafePointer<LiteralTables>
        let hits: LiteralHits

        var pairs: PairTables { @inline(__always) get { tables.pointee.pairs } }
        var windows: WindowTable { @inline(__always) get { tables.pointee.windows } }
        var shortWindows: WindowTable { @inline(__always) get { tables.pointee.shortWindows } }
    }

    /// Looks at eight positions at a time, up to the last few; gives back the first that is left.
    ///
    /// The loop keeps nothing but what it adds up: whether one of the eight passed. Which did is found out behind it.
    @inline(__always)
    private func scanByEight(_ scan: Scan, from first: Int, every stride: Int) -> Int {
        let text = scan.text
        let firstPairs = scan.pairs.first
        let secondPairs = scan.pairs.second
        let mask = scan.pairs.mask
        let end = scan.byteCount &- 7 &* stride &- 4
        var position = first
        while position <= end {
            var passed: UInt8 = 0
            for index in 0..<8 {
                let offset = position &+ index &* stride
                passed |=
                    firstPairs[PairTables.index(text, offset, mask)]
                    & secondPairs[PairTables.index(text, offset &+ 2, mask)]
            }
            if _slowPath(passed != 0) {
                if stride == 1 {
                    checkEight(scan, position)
                } else {
                    checkEvenOfSixteen(scan, position)
                }
            }
            position &+= 8 &* stride
        }
        return position
    }

    @inline(never) private func checkEight(_ scan: Scan, _ first: Int) {
        checkEight(scan, first, every: 1)
    }

    @inline(never) private func checkEvenOfSixteen(_ scan: Scan, _ first: Int) {
        checkEight(scan, first, every: 2)
    }

    /// Checks those of eight positions that the pair tables let through.
    @inline(__always) private func checkEight(_ scan: Scan, _ first: Int, every stride: Int) {
        var passed: UInt32 = 0
        for index in 0..<8 {
            let mask = bucketMask(scan, first &+ index &* stride)
            passed |= (mask != 0 ? 1 : 0) &<< UInt32(index)
        }
        while passed != 0 {
            check(scan, first &+ passed.trailingZeroBitCount &* stride, every: stride)
            passed &= passed &- 1
        }
    }

    /// Looks for literals at a position, which the pair tables let through. Four bytes begin there.
    @inline(__always) private func check(_ scan: Scan, _ position: Int, every stride: Int) {
        checkWindow(scan, position)
        if stride == 2, position > 0 { checkWindow(scan, position &- 1) }
        guard scan.tables.pointee.hasShortWindows else { return }
        for offset in 0..<stride { checkPair(scan, position &+ offset) }
    }

    /// Looks for literals whose window begins at a position.
    @inline(__always) private func checkWindow(_ scan: Scan, _ position: Int) {
        let window = scan.text.loadUnaligned(fromByteOffset: position, as: UInt32.self)
        look(for: UInt32(littleEndian: window) | 0x2020_2020, scan.windows, scan, position)
    }

    /// Looks for short literals at a position.
    @inline(__always) private func checkPair(_ scan: Scan, _ position: Int) {
        let pair = scan.text.loadUnaligned(fromByteOffset: position, as: UInt16.self)
        look(for: UInt32(UInt16(littleEndian: pair)) | 0x2020, scan.shortWindows, scan, position)
    }

    @inline(__always)
    private func look(
        for window: UInt32, _ table: WindowTable, _ scan: Scan, _ position: Int
    ) {
        if table.mayHold(window) { lookUp(table, window, scan, position) }
    }

    /// Which buckets let a position through that has four bytes.
    @inline(__always) private func bucketMask(_ scan: Scan, _ position: Int) -> UInt8 {
        scan.pairs.first[PairTables.index(scan.text, position, scan.pairs.mask)]
            & scan.pairs.second[PairTables.index(scan.text, position &+ 2, scan.pairs.mask)]
    }

    /// Looks at the positions that are too near the end for a full round.
    private func scanEnd(_ scan: Scan, from rest: Int) {
        var position = rest
        while position &+ 2 <= scan.byteCount {
            let mask =
                position &+ 4 <= scan.byteCount
                ? bucketMask(scan, position)
                : scan.pairs.first[PairTables.index(scan.text, position, scan.pairs.mask)]
            if mask != 0 { checkNearEnd(scan, position) }
            position &+= scan.pairs.stride
        }
        for index in 0..<scan.tables.pointee.singles.count {
            let single = scan.tables.pointee.singles[index].pointee
            verify(scan, Int(single), at: scan.byteCount &- 1)
        }
    }

    /// `check` at a position at which fewer than four bytes may begin.
    private func checkNearEnd(_ scan: Scan, _ position: Int) {
        let rest = scan.byteCount &- position
        if rest >= 4 { checkWindow(scan, position) }
        if scan.pairs.stride == 2, position > 0, rest >= 3 { checkWindow(scan, position &- 1) }
        guard scan.tables.pointee.hasShortWindows else { return }
        for offset in 0..<scan.pairs.stride where rest &- offset >= 2 {
            checkPair(scan, position &+ offset)
        }
    }

    /// Looks for the literals of a window that stands at a position.
    @inline(never)
    private func lookUp(_ table: WindowTable, _ window: UInt32, _ scan: Scan, _ position: Int) {
        let slot = table.slot(of: window)
        var index = Int(table.starts[slot])
        let end = Int(table.starts[slot &+ 1])
        while index < end {
            let entry = table.entries[index]
            index &+= 1
            guard entry.window == window else { continue }
            let start = position &- Int(entry.offset)
            guard start >= 0, start &+ Int(entry.byteCount) <= scan.byteCount else { continue }
            // The second check word lies within the literal, so within the text.
            if entry.hasCheck {
                let word =
                    scan.text.loadUnaligned(
                        fromByteOffset: start &+ Int(entry.checkOffset), as: UInt32.self)
                    | 0x2020_2020
                guard UInt32(littleEndian: word) == entry.check else { continue }
            }
            verify(scan, Int(entry.literal), at: start)
        }
    }

    /// Compares a literal with the text, eight bytes at a time, and notes it if it is there.
    @inline(__always) private func verify(_ scan: Scan, _ literal: Int, at start: Int) {
        let pattern = patterns[literal]
        let byteCount = Int(pattern.byteCount)
        let end = start &+ byteCount
        guard end > scan.start, end <= scan.byteCount, !scan.hits.contains(literal) else { return }
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
