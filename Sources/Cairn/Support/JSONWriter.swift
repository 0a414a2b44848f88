import CIntrinsics

/// Writes JSON text (RFC 8259) into one growing buffer: no tree, no reflection, no allocation once the buffer has grown.
///
/// Keys come in the order of the calls. Text that is not valid UTF-8 is written with U+FFFD in place of each broken
/// byte, so that a line is always valid JSON.
struct JSONWriter: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity = 512
    /// Bytes written so far.
    private(set) var byteCount = 0
    private var needsComma = false
    /// Minutes that were written, from the first time on.
    private var minutes: UnsafeMutablePointer<Minute>?

    /// A minute since 1970, and its text up to the colon before the second.
    private struct Minute {
        var number: Int64 = -1
        var text = SIMD2<UInt64>.zero
    }

    /// Of the minutes with the same rest by this the last one is kept.
    private static let minuteCount: Int64 = 64
    /// Room that is always left, so that text may be put down in pieces of sixteen bytes.
    private static let slackByteCount = 32

    init() { start = .allocate(capacity: capacity) }
    deinit {
        start.deallocate()
        minutes?.deallocate()
    }

    /// A copy of the text written so far.
    var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: byteCount)) }

    /// The text written so far, where it lies.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: start, count: byteCount))
    }

    /// Appends the text written so far to an array.
    func copy(to array: inout [UInt8]) {
        array.append(contentsOf: UnsafeBufferPointer(start: start, count: byteCount))
    }

    /// Forgets the text, keeps the memory.
    mutating func removeAll() {
        byteCount = 0
        needsComma = false
    }

    // MARK: Structure

    @inline(__always) mutating func beginObject() { open(UInt8(ascii: "{")) }
    @inline(__always) mutating func endObject() { close(UInt8(ascii: "}")) }
    @inline(__always) mutating func beginArray() { open(UInt8(ascii: "[")) }
    @inline(__always) mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Ends a record: one line a record.
    mutating func endLine() {
        append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Writes the key of an object's next member: no call, as its length is known where it is named.
    @inline(__always) mutating func key(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        reserve(count &+ 4)
        start[byteCount] = UInt8(ascii: ",")
        byteCount &+= needsComma ? 1 : 0
        start[byteCount] = UInt8(ascii: "\"")
        (start + byteCount + 1).update(from: name.utf8Start, count: count)
        start[byteCount &+ count &+ 1] = UInt8(ascii: "\"")
        start[byteCount &+ count &+ 2] = UInt8(ascii: ":")
        byteCount &+= count &+ 3
        needsComma = false
    }

    /// Writes a key that is not known at compile time. A literal is one that is, though the language
    /// would take it for a `String`.
    @_disfavoredOverload mutating func key(_ name: String) {
        string(name)
        append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that is JSON text already, with its colon.
    mutating func key(json text: [UInt8]) {
        raw(text)
        needsComma = false
    }

    // MARK: Values

    mutating func string(_ text: String) {
        separate()
        text.withUTF8Bytes { appendQuoted($0) }
    }

    /// Writes bytes of the wire as text.
    mutating func string(_ raw: UnsafeRawBufferPointer) {
        separate()
        appendQuoted(raw)
    }

    /// Writes bytes as a string of lower-case hexadecimal digits.
    mutating func hexadecimal(_ bytes: some Sequence<UInt8>) {
        separate()
        append(UInt8(ascii: "\""))
        for byte in bytes {
            append(hexDigits.utf8Start[Int(byte >> 4)])
            append(hexDigits.utf8Start[Int(byte & 15)])
        }
        append(UInt8(ascii: "\""))
    }

    /// Writes a moment with as many digits behind the second, and the zone.
    mutating func time(_ time: Timestamp, fractionDigits: Int = 9, zone: StaticString = "Z") {
        separate()
        append(UInt8(ascii: "\""))
        reserve(Timestamp.textByteCountMax)
        if time.nanoseconds >= 0 {
            appendTime(UInt64(time.nanoseconds), fractionDigits)
        } else {
            byteCount &+= time.write(to: start + byteCount, fractionDigits: fractionDigits)
        }
        append(zone)
        append(UInt8(ascii: "\""))
    }

    /// Mostly a time is in a minute that was written before.
    @inline(__always)
    private mutating func appendTime(_ nanoseconds: UInt64, _ fractionDigits: Int) {
        let (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let (minute, second) = seconds.quotientAndRemainder(dividingBy: 60)
        let text = UnsafeMutableRawPointer(start + byteCount)
        text.storeBytes(of: minuteText(Int64(minute)), as: SIMD2<UInt64>.self)
        start[byteCount &+ 16] = UInt8(ascii: ":")
        start[byteCount &+ 17] = 48 &+ UInt8(truncatingIfNeeded: second / 10)
        start[byteCount &+ 18] = 48 &+ UInt8(truncatingIfNeeded: second % 10)
        start[byteCount &+ 19] = UInt8(ascii: ".")
        start[byteCount &+ 20] = 48 &+ UInt8(truncatingIfNeeded: fraction / 100_000_000)
        let rest = Self.eightDigits(UInt32(truncatingIfNeeded: fraction % 100_000_000))
        text.storeBytes(of: rest, toByteOffset: 21, as: UInt64.self)
        byteCount &+= 20 &+ fractionDigits
    }

    private mutating func minuteText(_ minute: Int64) -> SIMD2<UInt64> {
        let minutes = minutes ?? makeMinutes()
        let place = Int(minute % Self.minuteCount)
        if minutes[place].number != minute {
            minutes[place].number = minute
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Timestamp.textByteCountMax) {
                guard let text = $0.baseAddress else { return }
                let time = Timestamp(nanoseconds: minute * 60 * nanosecondsPerSecond)
                _ = time.write(to: text, fractionDigits: 9)
                minutes[place].text = UnsafeRawPointer(text).loadUnaligned(
                    as: SIMD2<UInt64>.self)
            }
        }
        return minutes[place].text
    }

    private mutating func makeMinutes() -> UnsafeMutablePointer<Minute> {
        let minutes = UnsafeMutablePointer<Minute>.allocate(capacity: Int(Self.minuteCount))
        minutes.initialize(repeating: Minute(), count: Int(Self.minuteCount))
        self.minutes = minutes
        return minutes
    }

    @inline(__always) mutating func integer(_ value: some BinaryInteger) {
        decimal(UInt64(truncatingIfNeeded: value.magnitude), isNegative: value < 0)
    }

    private mutating func decimal(_ magnitude: UInt64, isNegative: Bool) {
        separate()
        reserve(24)
        if isNegative { append(UInt8(ascii: "-")) }
        if magnitude < 10 {
            append(48 &+ UInt8(truncatingIfNeeded: magnitude))
        } else {
            appendDigits(magnitude)
        }
    }

    /// Appends a number above zero.
    private mutating func appendDigits(_ number: UInt64) {
        let (upper, lower) = number.quotientAndRemainder(dividingBy: 100_000_000)
        if upper > 0 { appendDigits(upper) }
        let digits = Self.eightDigits(UInt32(truncatingIfNeeded: lower))
        let zeroes = digits ^ 0x3030_3030_3030_3030
        let skipped = upper > 0 ? 0 : zeroes.trailingZeroBitCount & ~7
        UnsafeMutableRawPointer(start + byteCount).storeBytes(
            of: digits >> UInt64(skipped), as: UInt64.self)
        byteCount &+= 8 &- skipped >> 3
    }

    /// The eight decimal digits of a number below 10^8, the first one in the lowest byte: two
    /// numbers of four digits are taken apart at once, then four of two, then eight of one.
    @inline(__always) private static func eightDigits(_ number: UInt32) -> UInt64 {
        let fours = UInt64(number / 10_000) | UInt64(number % 10_000) << 32
        let hundreds = (fours &* 10_486) >> 20 & 0x0000_007f_0000_007f
        let twos = (fours &- 100 &* hundreds) << 16 &+ hundreds
        let tens = (twos &* 103) >> 10 & 0x000f_000f_000f_000f
        return ((twos &- 10 &* tens) << 8 &+ tens &+ 0x3030_3030_3030_3030).littleEndian
    }

    @inline(__always) mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
    @inline(__always) mutating func null() { raw("null") }

    mutating func address(_ value: IPAddress) {
        separate()
        append(UInt8(ascii: "\""))
        reserve(IPAddress.textByteCountMax)
        byteCount &+= value.write(to: start + byteCount)
        append(UInt8(ascii: "\""))
    }

    /// Writes a value that is JSON text already.
    @inline(__always) mutating func raw(_ text: StaticString) {
        separate()
        append(text)
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: [UInt8]) {
        separate()
        text.withUnsafeBufferPointer { append($0) }
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: UnsafeRawBufferPointer) {
        separate()
        append(text.assumingMemoryBound(to: UInt8.self))
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: some Sequence<UInt8>) {
        separate()
        for byte in text { append(byte) }
    }

    // MARK: Fragments

    /// Goes on with JSON text as it is: its commas are the caller's, and so is the one behind it.
    @inline(__always) mutating func fragment(_ text: StaticString) {
        append(text)
        needsComma = false
    }

    /// Goes on with JSON text as it is.
    @inline(__always) mutating func fragment(_ text: UnsafeRawBufferPointer) {
        append(text.assumingMemoryBound(to: UInt8.self))
        needsComma = false
    }

    /// Writes a string of at most 24 bytes that stand for themselves.
    @inline(__always) mutating func plainString(
        _ text: SIMD2<UInt64>, _ rest: UInt64 = 0, byteCount count: Int
    ) {
        separate()
        reserve(2)
        start[byteCount] = UInt8(ascii: "\"")
        let place = UnsafeMutableRawPointer(start + byteCount + 1)
        place.storeBytes(of: text, as: SIMD2<UInt64>.self)
        place.storeBytes(of: rest, toByteOffset: 16, as: UInt64.self)
        start[byteCount &+ count &+ 1] = UInt8(ascii: "\"")
        byteCount &+= count &+ 2
    }

    /// Begins a text that will stand elsewhere, and says where: no comma comes before it.
    mutating func beginPart() -> Int {
        needsComma = false
        return byteCount
    }

    // MARK: Members

    @inline(__always) mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }
    @inline(__always) mutating func member(_ name: StaticString, _ value: some BinaryInteger) {
        key(name)
        integer(value)
    }
    @inline(__always) mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }
    @inline(__always) mutating func member(_ name: StaticString, _ value: IPAddress) {
        key(name)
        address(value)
    }
    /// Writes a moment in the form of EVE records: microseconds and `+0000`.
    @inline(__always) mutating func member(_ name: StaticString, eveTime time: Timestamp) {
        key(name)
        self.time(time, fractionDigits: 6, zone: "+0000")
    }
    @inline(__always) mutating func member(_ name: StaticString, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    // MARK: Parts

    @inline(__always) private mutating func open(_ bracket: UInt8) {
        separate()
        append(bracket)
        needsComma = false
    }

    @inline(__always) private mutating func close(_ bracket: UInt8) {
        append(bracket)
        needsComma = true
    }

    @inline(__always) private mutating func separate() {
        if needsComma { append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func appendQuoted(_ text: UnsafeRawBufferPointer) {
        reserve(text.count &+ 2)
        start[byteCount] = UInt8(ascii: "\"")
        if copyPlain(text, to: start + byteCount + 1) {
            start[byteCount &+ text.count &+ 1] = UInt8(ascii: "\"")
            byteCount &+= text.count &+ 2
        } else {
            byteCount &+= 1
            appendEscaped(text)
            append(UInt8(ascii: "\""))
        }
    }

    /// Copies text if all of it stands for itself, sixteen bytes at a time, the last of them perhaps
    /// for a second time; text that is shorter eight, four or one.
    @inline(__always)
    private func copyPlain(
        _ text: UnsafeRawBufferPointer, to place: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        guard let source = text.baseAddress else { return true }
        let target = UnsafeMutableRawPointer(place)
        let count = text.count
        if count >= 16 {
            var index = 0
            while index &+ 16 < count {
                guard Self.copySixteen(source + index, to: target + index) else { return false }
                index &+= 16
            }
            return Self.copySixteen(source + count - 16, to: target + count - 16)
        }
        if count >= 8 {
            return Self.copy(UInt64.self, source, to: target)
                && Self.copy(UInt64.self, source + count - 8, to: target + count - 8)
        }
        if count >= 4 {
            return Self.copy(UInt32.self, source, to: target)
                && Self.copy(UInt32.self, source + count - 4, to: target + count - 4)
        }
        for index in 0..<count {
            guard Self.copy(UInt8.self, source + index, to: target + index) else { return false }
        }
        return true
    }

    @inline(__always)
    private static func copySixteen(
        _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
    ) -> Bool {
        target.storeBytes(
            of: source.loadUnaligned(as: SIMD2<UInt64>.self), as: SIMD2<UInt64>.self)
        return cairn_count_plain(source) == 16
    }

    /// Copies a word of text; whether it is printable ASCII that needs no escape, which is seen of
    /// all its bytes at once.
    @inline(__always)
    private static func copy<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: Word.Type, _ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer
    ) -> Bool {
        let word = source.loadUnaligned(as: Word.self)
        target.storeBytes(of: word, as: Word.self)
        let ones = Word.max / 0xff
        /// A top bit is set for each byte below a limit; only right if none is above 0x7f.
        func below(_ word: Word, _ limit: Word) -> Word { word &- ones &* limit }
        let quotes = below(word ^ ones &* 0x22, 1)
        let backslashes = below(word ^ ones &* 0x5c, 1)
        return (word | below(word, 0x20) | quotes | backslashes) & (ones &* 0x80) == 0
    }

    /// Appends text with escapes and U+FFFD for what is none.
    private mutating func appendEscaped(_ text: UnsafeRawBufferPointer) {
        let bytes = text.assumingMemoryBound(to: UInt8.self)
        var start = 0
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let length = byte < 0x80 ? 1 : utf8SequenceLength(text, at: index)
            if length > 0, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                index &+= length
                continue
            }
            append(UnsafeBufferPointer(rebasing: bytes[start..<index]))
            if length == 0 {
                append("\u{fffd}" as StaticString)
            } else {
                appendEscape(byte)
            }
            index &+= 1
            start = index
        }
        append(UnsafeBufferPointer(rebasing: bytes[start..<index]))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0a: append(UInt8(ascii: "n"))
        case 0x0c: append(UInt8(ascii: "f"))
        case 0x0d: append(UInt8(ascii: "r"))
        default:
            append("u00")
            append(48 &+ (byte >> 4))
            append(hexDigits.utf8Start[Int(byte & 15)])
        }
    }

    // MARK: Memory

    @inline(__always) private mutating func append(_ byte: UInt8) {
        reserve(1)
        start[byteCount] = byte
        byteCount &+= 1
    }

    @inline(__always) private mutating func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always) private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        guard let source = text.baseAddress else { return }
        reserve(text.count)
        (start + byteCount).update(from: source, count: text.count)
        byteCount &+= text.count
    }

    @inline(__always) private mutating func reserve(_ count: Int) {
        if count &+ Self.slackByteCount > capacity &- byteCount { grow(count) }
    }

    private mutating func grow(_ count: Int) {
        capacity = max(2 * capacity, byteCount + count + Self.slackByteCount)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: byteCount)
        start.deallocate()
        start = larger
    }
}

/// Bytes of the well-formed UTF-8 sequence (RFC 3629 §4) at an offset, or 0 if there is none.
func utf8SequenceLength(_ text: UnsafeRawBufferPointer, at offset: Int) -> Int {
    func continuation(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xbf) -> Bool {
        offset &+ index < text.count && range.contains(text[offset &+ index])
    }
    switch text[offset] {
    case 0..<0x80: return 1
    case 0xc2...0xdf: return continuation(1) ? 2 : 0
    case 0xe0: return continuation(1, 0xa0...0xbf) && continuation(2) ? 3 : 0
    case 0xed: return continuation(1, 0x80...0x9f) && continuation(2) ? 3 : 0
    case 0xe1...0xef: return continuation(1) && continuation(2) ? 3 : 0
    case 0xf0: return continuation(1, 0x90...0xbf) && continuation(2) && continuation(3) ? 4 : 0
    case 0xf4: return continuation(1, 0x80...0x8f) && continuation(2) && continuation(3) ? 4 : 0
    case 0xf1...0xf3: return continuation(1) && continuation(2) && continuation(3) ? 4 : 0
    default: return 0
    }
}
