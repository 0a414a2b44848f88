/// When each of a fixed number of rules wants to be woken: a tournament of two at a time, so that the
/// earliest is known at once and a change costs as many steps as their number has binary digits.
struct DueTable: ~Copyable {
    /// The winner at place 1, the two that it comes from at 2 and 3, and so on; the rules last.
    private var dues = PlainList<Timestamp>()
    private let firstLeaf: Int

    init(count: Int) {
        var leafCount = 1
        while leafCount < count { leafCount *= 2 }
        firstLeaf = leafCount
        for _ in 0..<2 * leafCount { dues.append(.distantFuture) }
    }

    /// When the first one is due; the distant future if none is.
    @inline(__always) var first: Timestamp { dues[1] }

    /// The one that is due first, of equals the one with the smallest number.
    var firstRule: Int {
        var place = 1
        while place < firstLeaf {
            place = dues[2 &* place] <= dues[2 &* place &+ 1] ? 2 &* place : 2 &* place &+ 1
        }
        return place - firstLeaf
    }

    /// Says when a rule is due next; nil if it is not.
    @inline(__always) func set(_ rule: Int, to due: Timestamp?) {
        let due = due ?? .distantFuture
        var place = firstLeaf &+ rule
        guard dues[place] != due else { return }
        dues[place] = due
        while place > 1 {
            place >>= 1
            let earlier = min(dues[2 &* place], dues[2 &* place &+ 1])
            if dues[place] == earlier { return }
            dues[place] = earlier
        }
    }

    /// Appends each rule that is due at a time.
    func append(dueAt time: Timestamp, to rules: inout PlainList<Int>) {
        appendRules(below: 1, time, &rules)
    }

    private func appendRules(
        below place: Int, _ time: Timestamp, _ rules: inout PlainList<Int>
    ) {
        guard dues[place] <= time else { return }
        if place >= firstLeaf { return rules.append(place - firstLeaf) }
        appendRules(below: 2 * place, time, &rules)
        appendRules(below: 2 * place + 1, time, &rules)
    }
}
