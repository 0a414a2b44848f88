#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension EntropyTest {
    func holds(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let start = Int(clamping: offset)
        guard start >= 0, start <= bytes.count else { return false }
        let wanted = Int(clamping: byteCount)
        guard wanted >= 0, wanted <= bytes.count &- start else { return false }
        let field = UnsafeRawBufferPointer(
            rebasing: bytes[start..<(wanted == 0 ? bytes.count : start &+ wanted)])
        let entropy = Self.entropy(of: field)
        guard let rangeEnd else { return comparison.holds(entropy, value) }
        return (entropy > value && entropy < rangeEnd) == (comparison == .equal)
    }

    /// Shannon's entropy in bits a byte; 0 of nothing.
    static func entropy(of bytes: UnsafeRawBufferPointer) -> Double {
        guard !bytes.isEmpty else { return 0 }
        return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { counts in
            counts.initialize(repeating: 0)
            for byte in bytes { counts[Int(byte)] &+= 1 }
            var sum = 0.0
            for count in counts where count > 0 {
                let share = Double(count) / Double(bytes.count)
                sum -= share * log2(share)
            }
            return sum
        }
    }
}
