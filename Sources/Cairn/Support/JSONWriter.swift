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
    /// The minute since 1970 that was written last, and its text up to the colon before the second.
    private var minute: Int64 = -1
    private var minuteText: (UInt64, UInt64) = (0, 0)

    init() { start = .allocate(capacity: capacity) }
    deinit { start.deallocate() }

    /// A copy of the text written so far.
    var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: byteCount)) }

    /// The text written so far, where it lies.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: start, count: byteCount))
    }

    /// Forgets the text, keeps the memory.
    mutating func removeAll() {
        byteCount = 0
        needsComma = false
    }

    // MARK: Structure

    mutating func beginObject() { open(UInt8(ascii: "{")) }
    mutating func endObject() { close(UInt8(ascii: "}")) }
    mutating func beginArray() { open(UInt8(ascii: "[")) }
    mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Ends a record: one line a record.
    mutating func endLine() {
        append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Writes the key of an object's next member.
    mutating func key(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        reserve(count &+ 4)
        if needsComma { append(UInt8(ascii: ",")) }
        append(UInt8(ascii: "\""))
        // Keys are short: a call to copy one costs more than its bytes.
        for index in 0..<count { start[byteCount &+ index] = name.utf8Start[index] }
        byteCount &+= count
        append(UInt8(ascii: "\""))
        append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that is not known at compile time.
    mutating func key(_ name: String) {
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
        var text = text
        text.withUTF8 { appendQuoted(UnsafeRawBufferPointer($0)) }
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
        appendTime(time, fractionDigits)
        append(zone)
        append(UInt8(ascii: "\""))
    }

    /// Mostly a time is in the minute of the one before it.
    private mutating func appendTime(_ time: Timestamp, _ fractionDigits: Int) {
        let text = UnsafeMutableRawPointer(start + byteCount)
        let (second, fraction) = time.nanoseconds.quotientAndRemainder(
            dividingBy: nanosecondsPerSecond)
        let (minute, rest) = second.quotientAndRemainder(dividingBy: 60)
        if time.nanoseconds >= 0, minute == self.minute {
            text.storeBytes(of: minuteText.0, as: UInt64.self)
            text.storeBytes(of: minuteText.1, toByteOffset: 8, as: UInt64.self)
            byteCount &+= 16
            append(UInt8(ascii: ":"))
            appendDigits(rest, count: 2)
            append(UInt8(ascii: "."))
            var shown = fraction
            for _ in fractionDigits..<9 { shown /= 10 }
            appendDigits(shown, count: fractionDigits)
            return
        }
        byteCount &+= time.write(to: start + byteCount, fractionDigits: fractionDigits)
        guard time.nanoseconds >= 0 else { return }
        self.minute = minute
        minuteText = (
            text.loadUnaligned(as: UInt64.self),
            text.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
    }

    @inline(__always) private mutating func appendDigits(_ value: Int64, count: Int) {
        var rest = UInt64(bitPattern: value)
        for place in stride(from: byteCount &+ count &- 1, through: byteCount, by: -1) {
            start[place] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        byteCount &+= count
    }

    @inline(__always) mutating func integer(_ value: some BinaryInteger) {
        decimal(UInt64(truncatingIfNeeded: value.magnitude), isNegative: value < 0)
    }

    private mutating func decimal(_ magnitude: UInt64, isNegative: Bool) {
        separate()
        if isNegative { append(UInt8(ascii: "-")) }
        var digitCount = 1
        var rest = magnitude / 10
        while rest > 0 {
            digitCount &+= 1
            rest /= 10
        }
        reserve(digitCount)
        rest = magnitude
        for place in stride(from: byteCount &+ digitCount &- 1, through: byteCount, by: -1) {
            start[place] = 48 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        byteCount &+= digitCount
    }

    mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
    mutating func null() { raw("null") }

    mutating func address(_ value: IPAddress) {
        separate()
        append(UInt8(ascii: "\""))
        reserve(IPAddress.textByteCountMax)
        byteCount &+= value.write(to: start + byteCount)
        append(UInt8(ascii: "\""))
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: StaticString) {
        separate()
        append(text)
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: [UInt8]) {
        separate()
        text.withUnsafeBufferPointer { append($0) }
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: some Sequence<UInt8>) {
        separate()
        for byte in text { append(byte) }
    }

    // MARK: Members

    mutating func member(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }
    mutating func member(_ name: StaticString, _ value: some BinaryInteger) {
        key(name)
        integer(value)
    }
    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }
    mutating func member(_ name: StaticString, _ value: IPAddress) {
        key(name)
        address(value)
    }
    /// Writes a moment in the form of EVE records: microseconds and `+0000`.
    mutating func member(_ name: StaticString, eveTime time: Timestamp) {
        key(name)
        self.time(time, fractionDigits: 6, zone: "+0000")
    }
    mutating func member(_ name: StaticString, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    // MARK: Parts

    private mutating func open(_ bracket: UInt8) {
        separate()
        append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func appendQuoted(_ text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        let text = text.assumingMemoryBound(to: UInt8.self)
        var start = 0
        var index = 0
        while index < text.count {
            if index &+ 8 <= text.count {
                if Self.isPlain(text, at: index) {
                    index &+= 8
                    continue
                }
            } else if text.count >= 8, Self.isPlain(text, at: text.count &- 8) {
                // The last eight bytes, some of them looked at before.
                index = text.count
                continue
            }
            let byte = text[index]
            let length =
                byte < 0x80 ? 1 : utf8SequenceLength(UnsafeRawBufferPointer(text), at: index)
            if length > 0, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                index &+= length
                continue
            }
            append(UnsafeBufferPointer(rebasing: text[start..<index]))
            if length == 0 {
                append("\u{fffd}" as StaticString)
            } else {
                appendEscape(byte)
            }
            index &+= 1
            start = index
        }
        append(UnsafeBufferPointer(rebasing: text[start..<index]))
        append(UInt8(ascii: "\""))
    }

    /// Whether eight bytes are printable ASCII that needs no escape, looking at all of them at once.
    @inline(__always)
    private static func isPlain(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> Bool {
        guard let start = text.baseAddress else { return false }
        let word = UnsafeRawPointer(start).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops = ones &* 0x80
        /// A top bit is set for each byte below a limit; only right if none is above 0x7f.
        func below(_ word: UInt64, _ limit: UInt64) -> UInt64 { word &- ones &* limit }
        let quotes = below(word ^ ones &* 0x22, 1)
        let backslashes = below(word ^ ones &* 0x5c, 1)
        return (word | below(word, 0x20) | quotes | backslashes) & tops == 0
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
        if count > capacity &- byteCount { grow(count) }
    }

    private mutating func grow(_ count: Int) {
        capacity = max(2 * capacity, byteCount + count)
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
