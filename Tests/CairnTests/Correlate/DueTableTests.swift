import Testing

@testable import Cairn

@Suite struct DueTableTests {
    @Test(arguments: [1, 2, 3, 7, 64])
    func `the earliest is known whatever changes, the smallest number among equals`(count: Int) {
        let table = DueTable(count: count)
        var dues = [Timestamp](repeating: .distantFuture, count: count)
        var random = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let rule = Int.random(in: 0..<count, using: &random)
            let due = Timestamp(nanoseconds: Int64.random(in: 0..<8, using: &random))
            dues[rule] = Bool.random(using: &random) ? due : .distantFuture
            table.set(rule, to: dues[rule] == .distantFuture ? nil : due)
            let first = dues.min() ?? .distantFuture
            #expect(table.first == first)
            #expect(first == .distantFuture || table.firstRule == dues.firstIndex(of: first))
            var listed = PlainList<Int>()
            table.append(dueAt: due, to: &listed)
            #expect(Array(listed.elements) == dues.indices.filter { dues[$0] <= due })
        }
    }
}
