/// Writes the state of the correlation stage as bytes (CORRELATION.md §11): numbers in base 128,
/// the lowest digits first, texts with their lengths in front.
///
/// What several others share is written where it is first mentioned; later mentions are numbers.
struct CheckpointWriter: ~Copyable {
    /// What is shared.
    enum Shared: Int, CaseIterable { case item, label, identity, host }

    /// The numbers of things of one kind that were mentioned, by what they are called in memory.
    private struct Mentions {
        private var numbers: [UInt32] = []
        private var count: UInt32 = 0

        /// The number of a thing, counted from 0 in the order of first mentions; and whether this
        /// is its first.
        mutating func number(of thing: UInt32) -> (number: UInt32, isFirst: Bool) {
            let place = Int(thing)
            if place >= numbers.count {
                let missing = max(place + 1, 2 * numbers.count) - numbers.count
                numbers.append(contentsOf: repeatElement(.max, count: missing))
            }
            if numbers[place] != .max { return (numbers[place], false) }
            numbers[place] = count
            count &+= 1
            return (numbers[place], true)
        }
    }

    private static let blockByteCount = 1 << 16

    private var mentions = Shared.allCases.map { _ in Mentions() }
    private var block = PlainList<UInt8>(capacity: CheckpointWriter.blockByteCount + 64)
    private let digest = Digest(.sha256)
    private let sink: (UnsafeRawBufferPointer) -> Void

    /// - Parameter sink: takes the bytes, block by block.
    init(sink: @escaping (UnsafeRawBufferPointer) -> Void) {
        self.sink = sink
    }

    /// Hands on what is left and returns the SHA-256 of everything written.
    mutating func finish() -> [UInt8] {
        flush()
        return digest.finish()
    }

    private mutating func flush() {
        let bytes = block.bytes(from: 0)
        digest.update(bytes)
        sink(bytes)
        block.removeAll()
    }

    @inline(__always) private mutating func flushIfFull() {
        if block.count >= Self.blockByteCount { flush() }
    }

    // MARK: Values

    mutating func byte(_ value: UInt8) {
        block.append(value)
        flushIfFull()
    }

    mutating func flag(_ value: Bool) { byte(value ? 1 : 0) }

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            block.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    /// A number that is not negative.
    mutating func count(_ value: Int) { number(UInt64(truncatingIfNeeded: max(0, value))) }

    /// A number of either sign: the sign in the lowest bit.
    mutating func signed(_ value: Int64) {
        number(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
    }

    /// A moment; 8 bytes, as most are far from zero.
    mutating func time(_ time: Timestamp) {
        fixed(UInt64(bitPattern: time.nanoseconds))
    }

    mutating func id(_ id: RecordID) {
        fixed(id.high)
        fixed(id.low)
    }

    /// An integer in all of its bytes, the lowest first.
    mutating func fixed(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { block.append(contentsOf: $0) }
        flushIfFull()
    }

    mutating func text(_ bytes: UnsafeRawBufferPointer) {
        count(bytes.count)
        raw(bytes)
    }

    mutating func text(_ bytes: [UInt8]) { bytes.withUnsafeBytes { text($0) } }

    mutating func texts(_ list: [[UInt8]]) {
        count(list.count)
        for bytes in list { text(bytes) }
    }

    /// Bytes without their number.
    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        block.append(contentsOf: bytes)
        flushIfFull()
    }

    /// Writes whether there is a value, and the value.
    mutating func optional<Value>(
        _ value: Value?, _ write: (inout CheckpointWriter, Value) -> Void
    ) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    // MARK: Mentions

    /// Mentions a thing by its number; true if it is new and has to be described now.
    mutating func mention(_ thing: UInt32, _ kind: Shared) -> Bool {
        let (number, isFirst) = mentions[kind.rawValue].number(of: thing)
        self.number(UInt64(number))
        return isFirst
    }
}
