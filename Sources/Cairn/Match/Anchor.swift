/// A literal without which a rule cannot hold, and the field that must have it.
struct Anchor: Hashable {
    /// nil: any text or byte field of the subject.
    var field: FieldID?
    var literal: LiteralMatcher.Literal
    /// It ends within so many bytes of the field; anywhere if `.max`.
    var reach = Int.max

    /// Bytes of a literal that are looked for: what a stream carries from piece to piece is one less.
    static let byteCountMax = 32
    /// Literals more frequent than one in 2^10 positions gain nothing: looking for them finds them everywhere.
    private static let rarityMin = 10
    /// A literal that its writer calls fast counts as this much rarer.
    private static let fastBonus = 6

    /// An anchor for a literal, with how rare it is in bits; nil if it is too frequent or too short.
    ///
    /// - Parameter isFast: the writer of the rule meant it as the anchor.
    static func make(
        _ bytes: [UInt8], ignoresCase: Bool, field: FieldID?, isFast: Bool = false
    ) -> (anchor: Anchor, rarity: Int)? {
        guard bytes.count >= 2 else { return nil }
        let width = min(4, bytes.count)
        var best = (offset: 0, rarity: -1)
        for offset in 0...bytes.count - width {
            let rarity = GramModel.shared.rarity(of: bytes[offset..<offset + width])
            if rarity > best.rarity { best = (offset, rarity) }
        }
        guard best.rarity >= rarityMin else { return nil }
        // Of a long literal the part around its rarest window.
        let start = max(0, min(best.offset - 14, bytes.count - byteCountMax))
        let part = Array(bytes[start..<min(bytes.count, start + byteCountMax)])
        // More bytes make a hit rarer than its window, but say less and less.
        let rarity = best.rarity + min(8, part.count - width) + (isFast ? fastBonus : 0)
        let literal = LiteralMatcher.Literal(bytes: part, ignoresCase: ignoresCase)
        return (Anchor(field: field, literal: literal), rarity)
    }
}

/// Literals of which an event must have at least one for a condition to hold.
struct AnchorCover {
    var anchors: [Anchor]
    /// About how often a position of traffic has one of them.
    var frequency: Double

    /// Anchors of one condition; with more a rule is better asked every time.
    private static let anchorCountMax = 512

    /// The cheapest cover of a condition; nil if none was found.
    ///
    /// - Parameter isScanned: whether literals are looked for in a field.
    init?(_ condition: RuleCondition, isScanned: (FieldID) -> Bool) {
        switch condition {
        case .constant: return nil
        case .test(let match, let isNegated):
            guard !isNegated, match.field.map(isScanned) ?? true,
                let best = match.anchorCovers.min(by: { $0.frequency < $1.frequency })
            else { return nil }
            self = best
        case .all(let parts):
            let covers = parts.compactMap { AnchorCover($0, isScanned: isScanned) }
            guard let best = covers.min(by: { $0.frequency < $1.frequency }) else { return nil }
            self = best
        case .any(let parts):
            var covers: [AnchorCover] = []
            for part in parts {
                guard let cover = AnchorCover(part, isScanned: isScanned) else { return nil }
                covers.append(cover)
            }
            self.init(anyOf: covers)
        }
    }

    /// A cover by all anchors of others; nil if they are too many.
    fileprivate init?(anyOf covers: [AnchorCover]) {
        var known: Set<Anchor> = []
        anchors = []
        frequency = 0
        for cover in covers {
            frequency += cover.frequency
            for anchor in cover.anchors where known.insert(anchor).inserted {
                anchors.append(anchor)
            }
            guard anchors.count <= Self.anchorCountMax else { return nil }
        }
    }

    /// A cover by one anchor, which is so many bits rare.
    fileprivate init(_ anchor: Anchor, rarity: Int) {
        anchors = [anchor]
        frequency = 1 / Double(1 << min(62, rarity))
    }
}

extension FieldMatch {
    /// The sets of literals without one of which the test does not hold, as anchors.
    fileprivate var anchorCovers: [AnchorCover] {
        if elements != nil { return [] }
        switch predicate {
        case .text(let pattern):
            return pattern.parts.compactMap { part in
                guard case .literal(let bytes) = part else { return nil }
                return anchorCover(bytes, ignoresCase: !pattern.isCased)
            }
        case .regex(let pattern):
            let literals = RegexLiterals(pattern) { bytes in
                Anchor.make(bytes, ignoresCase: pattern.ignoresCase, field: field)?.rarity ?? 0
            }
            return literals.choices.compactMap { choice in
                let covers = choice.compactMap {
                    anchorCover($0, ignoresCase: pattern.ignoresCase)
                }
                return covers.count == choice.count ? AnchorCover(anyOf: covers) : nil
            }
        case .sequence(let steps):
            return zip(steps, steps.ends).compactMap { step, end in
                guard case .content(let step) = step, !step.isNegated else { return nil }
                return anchorCover(
                    step.bytes, ignoresCase: step.ignoresCase, isFast: step.isFast, reach: end)
            }
        default: return []
        }
    }

    private func anchorCover(
        _ bytes: [UInt8], ignoresCase: Bool, isFast: Bool = false, reach: Int = .max
    ) -> AnchorCover? {
        guard let original = beforeTransforms(bytes, ignoresCase),
            var made = Anchor.make(
                original.bytes, ignoresCase: original.ignoresCase, field: field, isFast: isFast)
        else { return nil }
        made.anchor.reach = reach
        return AnchorCover(made.anchor, rarity: made.rarity)
    }

    /// What the field itself must have for its changed bytes to have a literal; nil if that cannot be said.
    private func beforeTransforms(
        _ bytes: [UInt8], _ ignoresCase: Bool
    ) -> (bytes: [UInt8], ignoresCase: Bool)? {
        var bytes = bytes
        var ignoresCase = ignoresCase
        for transform in transforms.reversed() {
            switch transform {
            case .toLowercase, .toUppercase, .headerLowercase: ignoresCase = true
            // The first dot may be the one that was put in front.
            case .dotprefix: if bytes.first == UInt8(ascii: ".") { bytes.removeFirst() }
            default: return nil
            }
        }
        return (bytes, ignoresCase)
    }
}
