/// Which literals a scan has found: each once, in the order found. Used by one thread, again and again.
///
/// A literal is marked with the number of the scan that found it, so that starting a new scan costs nothing.
final class LiteralHits {
    /// Literals found since `begin`.
    private(set) var count = 0
    private let literalCountMax: Int
    private let found: UnsafeMutablePointer<Int32>
    private let stamps: UnsafeMutablePointer<UInt32>
    private var generation: UInt32 = 0

    /// Room for the hits of matchers with up to `literalCountMax` literals.
    init(literalCountMax: Int) {
        self.literalCountMax = literalCountMax
        found = .allocate(capacity: max(1, literalCountMax))
        stamps = .allocate(capacity: max(1, literalCountMax))
        stamps.initialize(repeating: 0, count: literalCountMax)
    }

    deinit {
        found.deallocate()
        stamps.deallocate()
    }

    /// Forgets what was found.
    @inline(__always) func begin() {
        count = 0
        generation &+= 1
        if generation == 0 { startOver() }
    }

    @inline(never) private func startOver() {
        stamps.update(repeating: 0, count: literalCountMax)
        generation = 1
    }

    /// The literal found as the `index`-th.
    @inline(__always) subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count)
        return Int(found[index])
    }

    @inline(__always) func contains(_ literal: Int) -> Bool {
        precondition(literal >= 0 && literal < literalCountMax)
        return stamps[literal] == generation
    }

    /// Notes a literal that has not been found since `begin`.
    @inline(__always) func insert(_ literal: Int) {
        guard !contains(literal) else { return }
        stamps[literal] = generation
        found[count] = Int32(truncatingIfNeeded: literal)
        count &+= 1
    }
}
