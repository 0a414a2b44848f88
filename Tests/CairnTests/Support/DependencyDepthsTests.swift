import Testing

@testable import Cairn

@Suite struct DependencyDepthsTests {
    @Test(
        arguments: [
            ([], []),
            ([[], [0], [0, 1], [0, 0]], [0, 1, 2, 1]),
            ([[1], [2], []], [2, 1, 0]),
            ([[0], [], [0, 1]], [nil, 0, nil]),
            ([[1], [0], [1], []], [nil, nil, nil, 0]),
        ] as [([[Int]], [Int?])])
    func `what needs others lies above them, circles nowhere`(needs: [[Int]], depths: [Int?]) {
        #expect(dependencyDepths(needs) == depths)
    }

    @Test func `a long chain takes as many steps as it has links`() {
        let needs = (0..<100_000).map { $0 == 0 ? [] : [$0 - 1] }
        #expect(dependencyDepths(needs) == Array(0..<100_000))
    }
}
