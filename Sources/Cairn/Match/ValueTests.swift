#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension ASN1Test {
    /// Elements that are looked at, and how deep they may lie in each other.
    private static let elementCountMax = 256
    private static let depthMax = 16
    /// Room that readers of real numbers have for their text.
    private static let realByteCountMax = 256

    /// Whether one of the elements from an offset on is wrong in a way that is asked for.
    func holds(_ bytes: UnsafeRawBufferPointer, cursor: Int) -> Bool {
        let offset =
            switch origin {
            case .absolute(let offset): Int(clamping: offset)
            case .relative(let offset): cursor &+ SequenceRunner.bounded(offset)
            }
        guard offset >= 0, offset < bytes.count else { return false }
        var left = Self.elementCountMax
        return holds(bytes, offset..<bytes.count, depth: 0, &left)
    }

    private func holds(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, depth: Int, _ left: inout Int
    ) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound, left > 0 {
            left &-= 1
            guard let element = BERElement(bytes, position..<range.upperBound) else { return false }
            if isWrong(element, bytes) { return true }
            let end = min(range.upperBound, element.end)
            if element.isConstructed, depth < Self.depthMax,
                holds(bytes, element.start..<end, depth: depth &+ 1, &left)
            {
                return true
            }
            guard element.end > position, element.end <= range.upperBound else { return false }
            position = element.end
        }
        return false
    }

    private func isWrong(_ element: BERElement, _ bytes: UnsafeRawBufferPointer) -> Bool {
        if let oversizeLength, element.byteCount > Int(clamping: oversizeLength) { return true }
        guard element.isUniversal, !element.isConstructed else { return false }
        if bitstringOverflow, element.tag == 3, element.byteCount > 0, element.start < bytes.count,
            bytes[element.start] > 7
        {
            return true
        }
        return doubleOverflow && element.tag == 9 && element.byteCount > Self.realByteCountMax
    }
}

/// Tag and length of an element in the basic encoding rules (X.690 §8.1.2, §8.1.3), and where its content lies if the length
/// is true.
private struct BERElement {
    var tag: UInt32 = 0
    var isConstructed: Bool
    var isUniversal: Bool
    var start: Int
    var byteCount: Int
    var end: Int { start &+ byteCount }

    init?(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        var position = range.lowerBound
        let first = bytes[position]
        position &+= 1
        isConstructed = first & 0x20 != 0
        isUniversal = first & 0xc0 == 0
        tag = UInt32(first & 0x1f)
        if tag == 0x1f {
            tag = 0
            repeat {
                guard position < range.upperBound, tag < 1 << 24 else { return nil }
                tag = tag << 7 | UInt32(bytes[position] & 0x7f)
                position &+= 1
            } while bytes[position &- 1] & 0x80 != 0
        }
        guard position < range.upperBound else { return nil }
        let length = bytes[position]
        position &+= 1
        byteCount = Int(length)
        if length == 0x80 {
            byteCount = range.upperBound &- position
        } else if length > 0x80 {
            let count = Int(length & 0x7f)
            guard count <= 6, count <= range.upperBound &- position else { return nil }
            byteCount = 0
            for index in 0..<count { byteCount = byteCount << 8 | Int(bytes[position &+ index]) }
            position &+= count
        }
        start = position
    }
}

extension EntropyTest {
    func holds(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let start = Int(clamping: offset)
        guard start >= 0, start <= bytes.count else { return false }
        let wanted = Int(clamping: byteCount)
        guard wanted >= 0, wanted <= bytes.count &- start else { return false }
        let field = UnsafeRawBufferPointer(
            rebasing: bytes[start..<(wanted == 0 ? bytes.count : start &+ wanted)])
        return comparison.holds(Self.entropy(of: field), value)
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
