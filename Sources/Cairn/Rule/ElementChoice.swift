/// Of which of a field's values a test must hold (Suricata's "multi-integers").
struct ElementChoice: Equatable, Sendable {
    enum Mode: Equatable, Sendable {
        /// Of one; of each, and there is one; of each, if there are any; of one, if there are any.
        case any, all, allOrAbsent, anyOrAbsent
        /// Of the one at a place, counted from the end below 0; or if nothing is there.
        case at(Int64)
        case atOrBeyond(Int64)
        /// Of so many.
        case count(IntegerTest)
    }

    let mode: Mode
    /// The part of the values that counts, from the first place to before the second; below 0 counted from the end.
    let slice: Slice?
    /// As both rule languages write it: `0`, `-1`, `all`, `nb>3,1:-1`.
    let text: String

    /// nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.drop { $0 == " " }
        }
        guard (1...2).contains(parts.count), let mode = Self.mode(parts[0]) else { return nil }
        self.mode = mode
        slice = parts.count > 1 ? Slice(parts[1]) : nil
        guard (slice != nil) == (parts.count > 1) else { return nil }
        self.text = parts.joined(separator: ",")
    }

    private static func mode(_ text: Substring) -> Mode? {
        func place(_ text: Substring) -> Int64? {
            Int64(text.filter { $0 != " " }).flatMap { (-65_535...65_535).contains($0) ? $0 : nil }
        }
        switch text {
        case "any": return .any
        case "all": return .all
        case "all_or_absent": return .allOrAbsent
        case "or_absent": return .anyOrAbsent
        default: break
        }
        if text.hasPrefix("nb") { return IntegerTest(String(text.dropFirst(2))).map { .count($0) } }
        if text.hasPrefix("oob_or") { return place(text.dropFirst(6)).map { .atOrBeyond($0) } }
        return place(text).map { .at($0) }
    }

    /// Places of the values of which the test is asked, of so many.
    func places(of count: Int) -> Range<Int> {
        let part = slice?.range(of: count) ?? 0..<count
        guard case .at(let place) = mode.place else { return part }
        let index = (place < 0 ? part.upperBound : part.lowerBound) &+ Int(clamping: place)
        return part.contains(index) ? index..<index &+ 1 : 0..<0
    }

    /// Whether it is enough that the test held of so many of those of which it was asked.
    func isMet(held: Int, of asked: Int) -> Bool {
        switch mode {
        case .any, .at: held > 0
        case .all: asked > 0 && held == asked
        case .allOrAbsent: held == asked
        case .anyOrAbsent, .atOrBeyond: asked == 0 || held > 0
        case .count(let test): test.holds(Int64(held))
        }
    }
}

extension ElementChoice.Mode {
    /// The place that is meant, if it is one.
    fileprivate var place: Self {
        if case .atOrBeyond(let place) = self { .at(place) } else { self }
    }
}

extension ElementChoice {
    /// `1:-1`: from a place to before another, below 0 counted from the end.
    struct Slice: Equatable, Sendable {
        let first: Int64
        let end: Int64

        init?(_ text: Substring) {
            let parts = text.filter { $0 != " " }
                .split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
            guard parts.count == 2, let first = parts[0], let end = parts[1],
                (-65_535...65_535).contains(first), (-65_535...65_535).contains(end)
            else { return nil }
            (self.first, self.end) = (first, end)
        }

        /// Nothing if one of them lies outside.
        func range(of count: Int) -> Range<Int> {
            let low = first < 0 ? first &+ Int64(count) : first
            let high = end < 0 ? end &+ Int64(count) : end
            guard 0 <= low, low < high, high <= Int64(count) else { return 0..<0 }
            return Int(low)..<Int(high)
        }
    }
}
