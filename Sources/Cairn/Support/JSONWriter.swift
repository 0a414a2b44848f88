/// Writes JSON text (RFC 8259) into one growing buffer: no tree, no reflection, no allocation once the buffer has grown.
///
/// Keys come in the order of the calls. Text that is not valid UTF-8 is written with U+FFFD in place of each broken
/// byte, so that a line is always valid JSON.
struct JSONWriter {
    /// The text written so far.
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Forgets the text, keeps the memory.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    // MARK: Structure

    mutating func beginObject() { open(UInt8(ascii: "{")) }
    mutating func endObject() { close(UInt8(ascii: "}")) }
    mutating func beginArray() { open(UInt8(ascii: "[")) }
    mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Ends a record: one line a record.
    mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// Writes the key of an object's next member.
    mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that is not known at compile time.
    mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
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

    mutating func integer(_ value: some BinaryInteger) {
        separate()
        var magnitude = UInt64(truncatingIfNeeded: value.magnitude)
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var index = buffer.count
            repeat {
                index &-= 1
                buffer[index] = 48 &+ UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
            bytes.append(contentsOf: buffer[index...])
        }
    }

    mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
    mutating func null() { raw("null") }

    mutating func address(_ value: IPAddress) {
        guard value.isV4 else { return string(value.description) }
        separate()
        bytes.append(UInt8(ascii: "\""))
        for shift in [24, 16, 8, 0] as [UInt32] {
            appendDecimal(UInt8(truncatingIfNeeded: value.v4 >> shift))
            if shift > 0 { bytes.append(UInt8(ascii: ".")) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: StaticString) {
        separate()
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Writes a value that is JSON text already.
    mutating func raw(_ text: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: text)
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
    mutating func member(_ name: StaticString, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    // MARK: Parts

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func appendDecimal(_ value: UInt8) {
        if value >= 100 { bytes.append(48 &+ value / 100) }
        if value >= 10 { bytes.append(48 &+ value / 10 % 10) }
        bytes.append(48 &+ value % 10)
    }

    private mutating func appendQuoted(_ text: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        var start = 0
        var index = 0
        while index < text.count {
            let byte = text[index]
            let length = byte < 0x80 ? 1 : utf8SequenceLength(text, at: index)
            if length > 0, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                index &+= length
                continue
            }
            bytes.append(contentsOf: text[start..<index])
            if length == 0 {
                bytes.append(contentsOf: [0xef, 0xbf, 0xbd])
            } else {
                appendEscape(byte)
            }
            index &+= 1
            start = index
        }
        bytes.append(contentsOf: text[start..<index])
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0a: bytes.append(UInt8(ascii: "n"))
        case 0x0c: bytes.append(UInt8(ascii: "f"))
        case 0x0d: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: [UInt8(ascii: "u"), 48, 48, 48 &+ (byte >> 4)])
            bytes.append(hexDigits.utf8Start[Int(byte & 15)])
        }
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
