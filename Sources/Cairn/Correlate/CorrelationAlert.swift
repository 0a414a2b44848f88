/// What correlation knows of one alert: a plain value, meant to be filled again and again so that
/// its buffers stay.
struct CorrelationAlert: ~Copyable {
    /// A piece of `text`, and what kind of scalar it was.
    struct Value {
        enum Kind: UInt8 {
            /// Missing, null, a list or an object.
            case none
            case text, number, bool
        }

        var kind = Kind.none
        var offset: UInt32 = 0
        var byteCount: UInt32 = 0

        /// Its text.
        @inline(__always) func bytes(in text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(
                rebasing: text[Int(offset)..<Int(offset) &+ Int(byteCount)])
        }
    }

    /// Event time.
    var time = Timestamp.epoch
    /// Number of the packet, if known.
    var packet: Int64?
    var flowID: Int64?
    /// Which rule, as the catalog of the correlator numbers it.
    var label: RuleLabelID = .none
    /// The host that acts and the one that suffers, where known.
    var actor = Value()
    var victim = Value()
    /// One value for each of the program's field names, in their order.
    var fields: PlainList<Value>
    /// The bytes of all values: well-formed UTF-8.
    private(set) var text = PlainList<UInt8>(capacity: 256)
    /// JSON text of the whole alert, where alerts that agree in time, packet, flow and rule are to
    /// be listed in the order of their canonical JSON; empty where what is carried here decides.
    var source = PlainList<UInt8>()

    /// An empty alert for a program with `fieldCount` carried fields.
    init(fieldCount: Int) {
        fields = PlainList(capacity: fieldCount)
        for _ in 0..<fieldCount { fields.append(Value()) }
    }

    /// Forgets everything but time and label, keeps the memory.
    mutating func removeValues() {
        packet = nil
        flowID = nil
        actor = Value()
        victim = Value()
        for index in 0..<fields.count { fields[index] = Value() }
        text.removeAll()
        source.removeAll()
    }

    /// Stores text and returns the value that stands for it; broken UTF-8 becomes U+FFFD byte by
    /// byte, as it does when alerts are written, so that reading written alerts gives the same
    /// values.
    mutating func store(_ bytes: UnsafeRawBufferPointer, kind: Value.Kind = .text) -> Value {
        let offset = text.count
        if isASCII(bytes) {
            text.append(contentsOf: bytes)
        } else {
            appendWellFormed(bytes)
        }
        return value(from: offset, kind: kind)
    }

    /// Stores text.
    mutating func store(_ string: String, kind: Value.Kind = .text) -> Value {
        let offset = text.count
        text.append(contentsOf: string.utf8)
        return value(from: offset, kind: kind)
    }

    /// Stores what `write` appends, which must be well-formed UTF-8.
    mutating func store(kind: Value.Kind, _ write: (inout PlainList<UInt8>) -> Void) -> Value {
        let offset = text.count
        write(&text)
        return value(from: offset, kind: kind)
    }

    /// Stores a whole number.
    mutating func store(_ integer: Int64) -> Value {
        store(kind: .number) { $0.append(decimal: integer) }
    }

    /// Stores the text of an address.
    mutating func store(_ address: IPAddress) -> Value {
        store(kind: .text) { $0.append(address) }
    }

    /// Stores a number; nothing if it is not finite or too large to be exact.
    mutating func store(_ number: Double) -> Value {
        guard let exact = ExactNumber(number) else { return Value() }
        return store(exact.text, kind: .number)
    }

    @inline(__always) private func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        return all < 0x80
    }

    private func value(from offset: Int, kind: Value.Kind) -> Value {
        Value(
            kind: kind, offset: UInt32(truncatingIfNeeded: offset),
            byteCount: UInt32(truncatingIfNeeded: text.count &- offset))
    }

    private mutating func appendWellFormed(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count {
            let length = utf8SequenceLength(bytes, at: index)
            if length > 0 {
                text.append(
                    contentsOf: UnsafeRawBufferPointer(rebasing: bytes[index..<index &+ length]))
            } else {
                text.append(contentsOf: [0xef, 0xbf, 0xbd])
            }
            index &+= max(1, length)
        }
    }
}
