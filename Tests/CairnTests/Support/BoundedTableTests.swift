import Testing

@testable import Cairn

struct BoundedTableTests {
    @Test func `a bounded table keeps what was added last`() {
        var random = SeededGenerator(seed: 41)
        var table = BoundedTable<Int, Int>(countMax: 8)
        var keys: [Int] = []
        for step in 0..<2_000 {
            let key = random.below(20)
            if random.oneIn(3) {
                table[key] = nil
                keys.removeAll { $0 == key }
            } else {
                table[key] = step
                if !keys.contains(key) { keys.append(key) }
                if keys.count > 8 { keys.removeFirst() }
            }
            for key in 0..<20 { #expect((table[key] != nil) == keys.contains(key)) }
        }
    }
}
