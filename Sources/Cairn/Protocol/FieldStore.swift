#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The field values of one event, by the index of the field in its table: numbers in place, bytes
/// in one growing buffer, but for values that grew large, such as bodies.
///
/// Memory grows to what an event needs and is used again, but for what few events need: that is
/// given back with the values. How much is stored is bounded by whoever fills it (body limits,
/// header limits).
///
/// Bytes that were handed out stay where they are until the values are forgotten, whatever is stored
/// after them: a buffer that became too small is given back only then. All of these together are less
/// than what replaced them. Only the bytes of a value that is made longer may move with it.
struct FieldStore: ~Copyable {
    private struct Slot {
        /// Values held: 0 if the event has no such field.
        var count: UInt32 = 0
        /// First and last value, as indices into `values`.
        var first: UInt32 = 0
        var last: UInt32 = 0
    }

    private struct Value {
        /// A number, or for bytes their offset in `bytes` or in the value's own memory.
        var payload: Int64
        /// Bytes; -1 marks a number.
        var byteCount: Int32
        /// Bytes set aside for a value that grows and has others behind it; 0 where it has just its
        /// bytes.
        var capacity: Int32 = 0
        /// Index into `large` of the memory that the bytes lie in; -1 for `bytes`.
        var memory: Int32 = -1
        /// The next value of the same field.
        var next: UInt32 = 0
    }

    private var slots: Slab<Slot>
    private var values: Slab<Value>
    private var bytes: UnsafeMutablePointer<UInt8>
    private var byteCount = 0
    private var byteCapacity = 0
    /// Buffers that became too small for this event.
    private var outgrown: [UnsafeMutablePointer<UInt8>] = []
    /// Memory of values that grew large, which the system can mostly make larger where it lies.
    private var large: [LargeBytes] = []

    private static let byteCapacityMin = 256
    /// Bytes that are kept for the next event.
    private static let keptByteCapacityMax = 16 * 1024
    /// A value that grows longer has memory of its own.
    private static let bufferedByteCountMax = 4 * 1024
    private static let largeByteCountMin = 2 * bufferedByteCountMax

    /// Room for a table of `fieldCount` fields.
    init(fieldCount: Int) {
        slots = Slab(capacity: fieldCount)
        values = Slab(capacity: fieldCount)
        for _ in 0..<fieldCount { slots.append(Slot()) }
        byteCapacity = Self.byteCapacityMin
        bytes = .allocate(capacity: byteCapacity)
    }

    deinit {
        bytes.deallocate()
        for memory in outgrown { memory.deallocate() }
    }

    /// Bytes held now: what memory limits count.
    var storedByteCount: Int { large.reduce(byteCount) { $0 &+ $1.byteCount } }

    /// Forgets all values, keeps the memory.
    mutating func removeAll() {
        for index in 0..<slots.count { slots[index] = Slot() }
        values.removeAll()
        byteCount = 0
        if !outgrown.isEmpty {
            for memory in outgrown { memory.deallocate() }
            outgrown.removeAll(keepingCapacity: true)
        }
        if !large.isEmpty { large.removeAll(keepingCapacity: true) }
        guard byteCapacity > Self.keptByteCapacityMax else { return }
        bytes.deallocate()
        byteCapacity = Self.byteCapacityMin
        bytes = .allocate(capacity: byteCapacity)
    }

    // MARK: Writing

    /// Adds a number to a field; the first call sets it, later ones make it a list.
    mutating func append(_ number: Int64, to field: Int) {
        link(Value(payload: number, byteCount: -1), to: field)
    }

    /// Adds a copy of bytes to a field; the first call sets it, later ones make it a list.
    mutating func append(_ span: RawSpan, to field: Int) {
        span.withUnsafeBytes { append($0, to: field) }
    }

    /// Adds a copy of bytes to a field.
    mutating func append(_ source: UnsafeRawBufferPointer, to field: Int) {
        link(
            Value(payload: Int64(byteCount), byteCount: Int32(truncatingIfNeeded: source.count)),
            to: field)
        store(source)
    }

    /// Adds a copy of text to a field.
    mutating func append(_ text: String, to field: Int) {
        text.withUTF8Bytes { append($0, to: field) }
    }

    /// Adds an address to a field; it is kept as 16 bytes.
    mutating func append(_ address: IPAddress, to field: Int) {
        withUnsafeBytes(of: (address.high.bigEndian, address.low.bigEndian)) {
            append($0, to: field)
        }
    }

    /// Stores a copy of bytes that several fields share, and says where it is; calls in a row store
    /// side by side.
    mutating func keep(_ source: UnsafeRawBufferPointer) -> Int {
        let offset = byteCount
        store(source)
        return offset
    }

    /// Stores a copy of bytes that several fields share, and says where it is; calls in a row store
    /// side by side.
    @discardableResult
    mutating func keep(_ span: RawSpan) -> Int {
        span.withUnsafeBytes { keep($0) }
    }

    /// Stores a copy of bytes that are in the store already.
    mutating func keep(from offset: Int, count: Int) -> Int {
        guard count > 0 else { return byteCount }
        reserve(count)
        (bytes + byteCount).update(from: bytes + offset, count: count)
        byteCount &+= count
        return byteCount &- count
    }

    /// Adds a value of one field to another, without a copy of its bytes; only a range of them, if
    /// one is given, cut to what is there.
    mutating func append(sharing value: Int, _ range: Range<Int> = 0..<Int.max, to field: Int) {
        let value = values[value]
        let count = max(0, Int(value.byteCount))
        let start = min(max(0, range.lowerBound), count)
        let end = min(range.upperBound, count)
        link(
            Value(
                payload: value.payload &+ Int64(start),
                byteCount: Int32(truncatingIfNeeded: max(0, end &- start)),
                memory: value.memory), to: field)
    }

    /// Adds a part of what `keep` stored to a field, without another copy.
    @inline(__always)
    mutating func append(keptAt offset: Int, count: Int, to field: Int) {
        link(Value(payload: Int64(offset), byteCount: Int32(truncatingIfNeeded: count)), to: field)
    }

    /// Makes the last value of a field longer. If others were stored behind it, it moves to the end
    /// of the buffer with room to double, so that values which grow in turns cost no more than
    /// their length.
    mutating func extend(_ field: Int, with source: UnsafeRawBufferPointer) {
        guard slots[field].count > 0 else { return append(source, to: field) }
        guard let start = source.baseAddress, source.count > 0 else { return }
        let index = Int(slots[field].last)
        let count = max(0, Int(values[index].byteCount))
        let needed = count &+ source.count
        let place =
            values[index].memory < 0 && needed <= Self.bufferedByteCountMax
            ? makeRoom(for: needed, index) : makeLarge(needed, index)
        UnsafeMutableRawPointer(place + count).copyMemory(from: start, byteCount: source.count)
        values[index].byteCount = Int32(truncatingIfNeeded: needed)
    }

    /// Sees to it that a value in the buffer can have so many bytes, and says where they are.
    private mutating func makeRoom(for needed: Int, _ index: Int) -> UnsafeMutablePointer<UInt8> {
        let count = max(0, Int(values[index].byteCount))
        let room = max(count, Int(values[index].capacity))
        let offset = Int(values[index].payload)
        guard needed > room else { return bytes + offset }
        if offset &+ room == byteCount {
            reserve(needed &- room)
            byteCount = offset &+ needed
            values[index].capacity = 0
            return bytes + offset
        }
        reserve(needed &* 2)
        let moved = byteCount
        (bytes + moved).update(from: bytes + offset, count: count)
        byteCount &+= needed &* 2
        values[index].payload = Int64(moved)
        values[index].capacity = Int32(truncatingIfNeeded: needed &* 2)
        return bytes + moved
    }

    /// The same in memory of the value's own. Where it was before its bytes stay.
    private mutating func makeLarge(_ needed: Int, _ index: Int) -> UnsafeMutablePointer<UInt8> {
        if !isLastInLarge(index) { moveToLarge(index) }
        let place = Int(values[index].memory)
        let offset = Int(values[index].payload)
        let end = offset &+ needed
        large[place].extend(to: end)
        return large[place].bytes + offset
    }

    /// Whether a value has the last bytes of large memory, so that more can follow them: one that
    /// shares a part of another's may not.
    private func isLastInLarge(_ index: Int) -> Bool {
        let value = values[index]
        guard value.memory >= 0 else { return false }
        return Int(value.payload) &+ Int(value.byteCount) == large[Int(value.memory)].byteCount
    }

    private mutating func moveToLarge(_ index: Int) {
        let source = bytes(index)
        large.append(LargeBytes(source, capacity: max(source.count, Self.largeByteCountMin)))
        values[index].memory = Int32(truncatingIfNeeded: large.count &- 1)
        values[index].payload = 0
    }

    /// The memory of a field's last value, if it grew large and has all of it.
    func largeBytes(of field: Int) -> LargeBytes? {
        guard slots[field].count > 0 else { return nil }
        let value = values[Int(slots[field].last)]
        guard value.memory >= 0, value.payload == 0 else { return nil }
        let memory = large[Int(value.memory)]
        return Int(value.byteCount) == memory.byteCount ? memory : nil
    }

    /// Makes bytes that another event has too the last value of a field, in the place of the one there was.
    mutating func share(_ memory: LargeBytes, as field: Int) {
        if slots[field].count == 0 { link(Value(payload: 0, byteCount: 0), to: field) }
        let place = large.firstIndex { $0 === memory } ?? large.count
        if place == large.count { large.append(memory) }
        let index = Int(slots[field].last)
        values[index].payload = 0
        values[index].byteCount = Int32(truncatingIfNeeded: memory.byteCount)
        values[index].capacity = 0
        values[index].memory = Int32(truncatingIfNeeded: place)
    }

    /// Forgets the values of one field.
    mutating func clear(_ field: Int) { slots[field] = Slot() }

    private mutating func link(_ value: Value, to field: Int) {
        let index = UInt32(truncatingIfNeeded: values.count)
        values.append(value)
        if slots[field].count == 0 {
            slots[field].first = index
        } else {
            values[Int(slots[field].last)].next = index
        }
        slots[field].last = index
        slots[field].count &+= 1
    }

    private mutating func store(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress, source.count > 0 else { return }
        reserve(source.count)
        UnsafeMutableRawPointer(bytes + byteCount).copyMemory(from: start, byteCount: source.count)
        byteCount &+= source.count
    }

    private mutating func reserve(_ count: Int) {
        guard byteCount &+ count > byteCapacity else { return }
        byteCapacity = max(byteCapacity * 2, byteCount + count)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: byteCapacity)
        larger.update(from: bytes, count: byteCount)
        outgrown.append(bytes)
        bytes = larger
    }

    // MARK: Reading

    /// Where `keep` will store next.
    @inline(__always) var keptEnd: Int { byteCount }

    /// Bytes that `keep` stored, valid until all values are forgotten.
    @inline(__always) func kept(at offset: Int, count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + offset, count: count)
    }

    /// Values that a field has.
    @inline(__always) func count(of field: Int) -> Int { Int(slots[field].count) }

    /// Where the values of a field begin, for `next(after:)`; nil if it has none.
    @inline(__always) func first(of field: Int) -> Int? {
        slots[field].count == 0 ? nil : Int(slots[field].first)
    }

    /// The value of the same field behind another, nil behind the last.
    @inline(__always) func next(after value: Int, of field: Int) -> Int? {
        value == Int(slots[field].last) ? nil : Int(values[value].next)
    }

    /// Whether a value is a number.
    @inline(__always) func isNumber(_ value: Int) -> Bool { values[value].byteCount < 0 }

    /// A number; for bytes meaningless.
    @inline(__always) func number(_ value: Int) -> Int64 { values[value].payload }

    /// The bytes of a value, valid until all values are forgotten; empty for a number.
    @inline(__always) func bytes(_ value: Int) -> UnsafeRawBufferPointer {
        let value = values[value]
        guard value.byteCount > 0 else { return UnsafeRawBufferPointer(start: bytes, count: 0) }
        let memory = value.memory < 0 ? bytes : large[Int(value.memory)].bytes
        return UnsafeRawBufferPointer(
            start: memory + Int(value.payload), count: Int(value.byteCount))
    }

    /// The first number of a field.
    func number(of field: Int) -> Int64? {
        guard let value = first(of: field), isNumber(value) else { return nil }
        return number(value)
    }

    /// The first value of a field as bytes, valid until all values are forgotten.
    func bytes(of field: Int) -> UnsafeRawBufferPointer? {
        guard let value = first(of: field), !isNumber(value) else { return nil }
        return bytes(value)
    }

    /// A copy of the first value of a field as text, broken UTF-8 repaired: for events and tests.
    func text(of field: Int) -> String? {
        bytes(of: field).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Copies of all values of a field as text: for events and tests.
    func texts(of field: Int) -> [String] {
        var texts: [String] = []
        var cursor = first(of: field)
        while let value = cursor {
            texts.append(
                isNumber(value)
                    ? String(number(value)) : String(decoding: bytes(value), as: UTF8.self))
            cursor = next(after: value, of: field)
        }
        return texts
    }
}

/// Memory of a value that grew large: of one event, or of several that have the same bytes, as a message and the file in it.
final class LargeBytes {
    fileprivate private(set) var bytes: UnsafeMutablePointer<UInt8>
    private(set) var byteCount: Int
    private var capacity: Int

    fileprivate init(_ source: UnsafeRawBufferPointer, capacity: Int) {
        bytes = Self.memory(nil, capacity)
        byteCount = source.count
        self.capacity = capacity
        UnsafeMutableRawBufferPointer(start: bytes, count: capacity).copyMemory(from: source)
    }

    deinit { free(bytes) }

    /// Makes room for bytes behind those there are, which may move.
    fileprivate func extend(to byteCount: Int) {
        if byteCount > capacity {
            capacity = max(capacity &* 2, byteCount)
            bytes = Self.memory(bytes, capacity)
        }
        self.byteCount = byteCount
    }

    /// Memory for so many bytes, with those of the memory that it is to replace.
    private static func memory(
        _ old: UnsafeMutablePointer<UInt8>?, _ byteCapacity: Int
    ) -> UnsafeMutablePointer<UInt8> {
        guard let memory = realloc(old, byteCapacity) else { preconditionFailure("out of memory") }
        return memory.assumingMemoryBound(to: UInt8.self)
    }
}

/// A growing run of plain values in memory of its own: what an array is, without reference counts
/// and checks for sharing.
private struct Slab<Element: BitwiseCopyable>: ~Copyable {
    private var start: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    @inline(__always) subscript(index: Int) -> Element {
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            return start[index]
        }
        _modify {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
            yield &start[index]
        }
    }

    @inline(__always) mutating func append(_ element: Element) {
        if count == capacity { grow() }
        (start + count).initialize(to: element)
        count &+= 1
    }

    /// Forgets the values, keeps the memory.
    mutating func removeAll() { count = 0 }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: start, count: count)
        start.deallocate()
        start = larger
        capacity *= 2
    }
}
