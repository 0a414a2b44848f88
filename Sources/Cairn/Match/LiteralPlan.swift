/// Where each literal of a set is looked for: chosen once, before the tables are filled.
struct LiteralPlan {
    /// A place within a literal that leads to it, found by its bytes.
    struct Window {
        var literal: Int
        /// Bytes of the literal.
        var byteCount: Int
        /// Where the window begins within the literal.
        var offset: Int
        /// Its bytes, each with bit 5 set so that case does not matter, the first lowest.
        var bytes: UInt32
        /// Another window of the literal that must be there too, and where; nil for short windows.
        var check: (bytes: UInt32, offset: Int)?
    }

    /// Four bytes that the pair tables let through: their values, and the bits that count.
    struct View {
        var values: (UInt8, UInt8, UInt8, UInt8)
        var masks: (UInt8, UInt8, UInt8, UInt8)
    }

    /// Windows of four bytes. Where every second position is looked at, one may also begin just before a position.
    private(set) var windows: [Window] = []
    /// Windows of two bytes, for what four bytes cannot reach.
    private(set) var shortWindows: [Window] = []
    private(set) var views: [View] = []
    /// 2 if each literal has views at two neighbouring places, so that every second position is enough.
    let stride: Int

    /// Windows begin within this many bytes of a literal, so that their offsets fit a byte.
    private static let offsetLimit = 252

    /// Plans for looking at every position, or at every second.
    ///
    /// - Parameter chosen: which of the literals are looked for.
    init(_ literals: [LiteralMatcher.Literal], _ chosen: [Int], stride: Int) {
        self.stride = stride
        windows.reserveCapacity(chosen.count)
        views.reserveCapacity(chosen.count * stride)
        for index in chosen {
            let literal = literals[index]
            switch literal.bytes.count {
            case 1: addSingle(literal, index)
            case 2...3: addShort(literal, index)
            case 4 where stride == 2: addFour(literal, index)
            default: addRarest(literal, index)
            }
        }
    }

    private mutating func addRarest(_ literal: LiteralMatcher.Literal, _ index: Int) {
        let rarities = Self.rarities(literal.bytes)
        let offset = Self.best(rarities, neighbours: stride)
        addWindow(literal, index, at: offset, rarities)
        for offset in offset..<offset + stride { views.append(Self.view(literal, from: offset)) }
    }

    private mutating func addWindow(
        _ literal: LiteralMatcher.Literal, _ index: Int, at offset: Int, _ rarities: [Int]
    ) {
        let checkOffset = Self.checkOffset(rarities, besides: offset)
        windows.append(
            Window(
                literal: index, byteCount: literal.bytes.count, offset: offset,
                bytes: Self.folded(literal.bytes, offset, byteCount: 4),
                check: (Self.folded(literal.bytes, checkOffset, byteCount: 4), checkOffset)))
    }

    /// Of four bytes three are in view at the second place.
    private mutating func addFour(_ literal: LiteralMatcher.Literal, _ index: Int) {
        addWindow(literal, index, at: 0, Self.rarities(literal.bytes))
        for offset in 0...1 { views.append(Self.view(literal, from: offset)) }
    }

    private mutating func addShort(_ literal: LiteralMatcher.Literal, _ index: Int) {
        shortWindows.append(
            Window(
                literal: index, byteCount: literal.bytes.count, offset: 0,
                bytes: Self.folded(literal.bytes, 0, byteCount: 2)))
        addViewsOfShort(literal)
    }

    /// A single byte is found by the pairs that it begins.
    private mutating func addSingle(_ literal: LiteralMatcher.Literal, _ index: Int) {
        let first = Self.folded(literal.bytes, 0, byteCount: 1)
        for second in 0..<256 as Range<UInt32> where second & 0x20 != 0 {
            shortWindows.append(
                Window(literal: index, byteCount: 1, offset: 0, bytes: first | second << 8))
        }
        addViewsOfShort(literal)
    }

    /// Where every second position is looked at, a short literal is seen from the position before it too.
    private mutating func addViewsOfShort(_ literal: LiteralMatcher.Literal) {
        for start in 0..<stride { views.append(Self.view(literal, from: -start)) }
    }

    /// What is seen of a literal from an offset, which may lie before it.
    private static func view(_ literal: LiteralMatcher.Literal, from offset: Int) -> View {
        func value(_ position: Int) -> UInt8 {
            literal.bytes.indices.contains(offset + position) ? literal.bytes[offset + position] : 0
        }
        func mask(_ position: Int) -> UInt8 {
            guard literal.bytes.indices.contains(offset + position) else { return 0 }
            return literal.ignoresCase && value(position).isASCIILetter ? 0xdf : 0xff
        }
        return View(
            values: (value(0), value(1), value(2), value(3)),
            masks: (mask(0), mask(1), mask(2), mask(3)))
    }

    /// How rare each window of a literal is.
    static func rarities(_ bytes: [UInt8]) -> [Int] {
        (0...min(bytes.count - 4, offsetLimit)).map {
            GramModel.shared.rarity(of: bytes[$0..<$0 + 4])
        }
    }

    /// The rarest window; with two neighbours the pair that is the rarest at its more frequent place.
    private static func best(_ rarities: [Int], neighbours: Int) -> Int {
        var best = (offset: 0, rarity: -1)
        for offset in 0...rarities.count - neighbours {
            let rarity = min(rarities[offset], rarities[offset + neighbours - 1])
            if rarity > best.rarity { best = (offset, rarity) }
        }
        return best.offset
    }

    /// The window that says most besides the one at `offset`: rare, and overlapping it little.
    private static func checkOffset(_ rarities: [Int], besides offset: Int) -> Int {
        var best = (offset: offset, rarity: -1)
        for other in rarities.indices where other != offset {
            let rarity = rarities[other] * min(4, abs(other - offset))
            if rarity > best.rarity { best = (other, rarity) }
        }
        return best.offset
    }

    private static func folded(_ bytes: [UInt8], _ offset: Int, byteCount: Int) -> UInt32 {
        var word: UInt32 = 0
        for position in 0..<byteCount {
            word |= UInt32(bytes[offset + position] | 0x20) << UInt32(8 * position)
        }
        return word
    }
}
