/// A growing list of plain values in memory of its own: neither reference counts nor copies on
/// write, so that lists in hot loops cost what the loads and stores cost. Indices are checked.
struct PlainList<Element: BitwiseCopyable>: ~Copyable {
    fileprivate var base: UnsafeMutablePointer<Element>
    fileprivate var capacity: Int
    fileprivate(set) var count = 0

    /// An empty list with room for a number of values.
    init(capacity: Int = 16) {
        self.capacity = max(1, capacity)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    @inline(__always) var isEmpty: Bool { count == 0 }

    /// Bytes of memory.
    var byteCount: Int { capacity * MemoryLayout<Element>.stride }

    /// All values, where they lie until the next change.
    var elements: UnsafeBufferPointer<Element> { .init(start: base, count: count) }

    @inline(__always) subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index out of range")
            return base[index]
        }
        nonmutating _modify {
            precondition(index >= 0 && index < count, "index out of range")
            yield &base[index]
        }
    }

    @inline(__always) mutating func append(_ element: Element) {
        if count == capacity { grow() }
        base[count] = element
        count &+= 1
    }

    /// Takes the last value away; there must be one.
    @inline(__always) mutating func removeLast() -> Element {
        precondition(count > 0, "an empty list has no last value")
        count &-= 1
        return base[count]
    }

    /// Takes the first values away, moving the others.
    mutating func removeFirst(_ number: Int) {
        precondition(number >= 0 && number <= count, "there are fewer values")
        count &-= number
        base.update(from: base + number, count: count)
    }

    /// Forgets all values, keeps the memory.
    @inline(__always) mutating func removeAll() { count = 0 }

    /// Forgets all values, and gives the memory back if it is of more than a number of bytes.
    mutating func empty(keeping byteCountMax: Int = 1 << 12) {
        count = 0
        guard byteCount > byteCountMax else { return }
        base.deallocate()
        capacity = 16
        base = .allocate(capacity: capacity)
    }

    /// Asks for the first bytes of the values, which will be needed soon.
    @inline(__always) func prefetch() {
        Cairn.prefetch(
            UnsafeRawPointer(base), byteCount: min(256, count &* MemoryLayout<Element>.stride))
    }

    /// Asks for a value, which will be needed soon.
    @inline(__always) func prefetch(_ index: Int) { Cairn.prefetch(base + index) }

    /// Puts the values in order.
    mutating func sort(by areInIncreasingOrder: (Element, Element) -> Bool) {
        var values = UnsafeMutableBufferPointer(start: base, count: count)
        values.sort(by: areInIncreasingOrder)
    }

    /// Takes values away from the end until `number` are left.
    @inline(__always) mutating func truncate(to number: Int) {
        precondition(number >= 0 && number <= count, "there are fewer values")
        count = number
    }

    private mutating func grow() { grow(to: 2 * capacity) }

    private mutating func grow(to larger: Int) {
        let moved = Self.allocate(capacity: larger)
        moved.update(from: base, count: count)
        base.deallocate()
        base = moved
        capacity = larger
    }
}

extension PlainList {
    /// From here on a list lies in large pages.
    private static var largeByteCount: Int { 1 << 22 }

    fileprivate static func allocate(capacity: Int) -> UnsafeMutablePointer<Element> {
        let byteCount = capacity * MemoryLayout<Element>.stride
        guard byteCount >= largeByteCount,
            let base = allocateLarge(byteCount: byteCount).baseAddress
        else { return .allocate(capacity: capacity) }
        return base.bindMemory(to: Element.self, capacity: capacity)
    }
}

extension PlainList where Element: FixedWidthInteger {
    /// The first place of a value; nil if it is not there.
    @inline(__always) func firstIndex(of value: Element) -> Int? {
        var index = 0
        // Eight at a time without a branch between them, which the processor does at once.
        while index &+ 8 <= count {
            var found: Element = 0
            for offset in 0..<8 { found |= base[index &+ offset] == value ? 1 : 0 }
            if found != 0 { break }
            index &+= 8
        }
        while index < count {
            if base[index] == value { return index }
            index &+= 1
        }
        return nil
    }
}

extension PlainList where Element == UInt8 {
    /// The bytes from an offset on, valid until the next change.
    @inline(__always) func bytes(from offset: Int) -> UnsafeRawBufferPointer {
        precondition(offset >= 0 && offset <= count, "offset out of range")
        return UnsafeRawBufferPointer(start: base + offset, count: count &- offset)
    }

    /// Appends bytes.
    @inline(__always) mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        reserve(bytes.count)
        if let source = bytes.baseAddress {
            UnsafeMutableRawPointer(base + count).copyMemory(
                from: source, byteCount: bytes.count)
        }
        count &+= bytes.count
    }

    /// Appends bytes.
    mutating func append(contentsOf bytes: some Sequence<UInt8>) {
        for byte in bytes { append(byte) }
    }

    /// Appends the text of an address.
    mutating func append(_ address: IPAddress) {
        reserve(IPAddress.textByteCountMax)
        count &+= address.write(to: base + count)
    }

    /// Appends a number as decimal text.
    mutating func append(decimal number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        let start = count
        var rest = number.magnitude
        repeat {
            append(48 &+ UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        var digits = UnsafeMutableBufferPointer(start: base + start, count: count &- start)
        digits.reverse()
    }

    /// Appends millionths in plain decimal notation.
    mutating func append(millionths: Int128) {
        // Nearly all are whole and fit 64 bits, which divide many times faster.
        if let small = Int64(exactly: millionths), small % 1_000_000 == 0 {
            append(decimal: small / 1_000_000)
        } else {
            append(contentsOf: plainText(ofMillionths: millionths).utf8)
        }
    }

    @inline(__always) private mutating func reserve(_ number: Int) {
        if number > capacity &- count { grow(to: max(2 * capacity, count + number)) }
    }
}
