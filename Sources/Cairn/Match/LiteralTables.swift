/// What finds some of a matcher's literals: which positions may begin one, and which ones those are.
///
/// A handle on memory that `deallocate` gives back.
struct LiteralTables {
    let pairs: PairTables
    let windows: WindowTable
    let shortWindows: WindowTable
    let hasShortWindows: Bool
    /// Literals of one byte: no window begins at the last byte of a buffer.
    let singles: FlatList<Int32>
    /// How many literals are looked for.
    let literalCount: Int

    /// Builds the tables, to look at every position or at every second, whatever is expected to cost less: the latter halves
    /// the positions, but doubles the views.
    ///
    /// - Parameters:
    ///   - chosen: which of the literals are looked for.
    ///   - stride: 1 or 2 if that is settled.
    init(_ literals: [LiteralMatcher.Literal], _ chosen: [Int], stride: Int?) {
        literalCount = chosen.count
        let plans = (stride.map { [$0] } ?? [1, 2]).map { stride in
            let plan = LiteralPlan(literals, chosen, stride: stride)
            return (plan: plan, pairs: PairTables.cheapest(plan))
        }
        var best = plans[0]
        for other in plans.dropFirst() {
            let isBetter = other.pairs.expectedCost < best.pairs.expectedCost
            (isBetter ? best : other).pairs.deallocate()
            if isBetter { best = other }
        }
        pairs = best.pairs
        windows = WindowTable(best.plan.windows)
        shortWindows = WindowTable(best.plan.shortWindows)
        hasShortWindows = !best.plan.shortWindows.isEmpty
        singles = FlatList(
            chosen.filter { literals[$0].bytes.count == 1 }.map { Int32(truncatingIfNeeded: $0) })
    }

    func deallocate() {
        pairs.deallocate()
        windows.deallocate()
        shortWindows.deallocate()
        singles.deallocate()
    }

    /// Bytes of memory.
    var byteCount: Int { pairs.byteCount + windows.byteCount + shortWindows.byteCount }
}
