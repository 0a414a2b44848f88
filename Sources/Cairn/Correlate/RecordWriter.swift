/// The first twelve bytes of a SHA-256 that identify a firing or an incident, printed as 24
/// hexadecimal digits.
struct RecordID: Hashable, Comparable {
    var high: UInt64
    var low: UInt32

    static func < (a: RecordID, b: RecordID) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

/// What evidence and incidents say about an item: enough to find its packets again.
struct ItemReference {
    var time: Timestamp
    var identity: Int32
    var packet: Int64
    var flowID: Int64
    var hasPacket: Bool
    var hasFlowID: Bool
    /// Of a firing.
    var id: RecordID?

    init(_ item: ItemID, in store: ItemStore, _ catalog: RuleCatalog) {
        let header = store.header(item).pointee
        time = header.time
        identity = catalog.facts[Int(header.label.index)].identity
        packet = header.packet
        flowID = header.flowID
        hasPacket = header.hasPacket
        hasFlowID = header.hasFlowID
        id = store.detail(item)?.id
    }
}

/// Puts records into canonical JSON lines (CORRELATION.md §10) and hands them on in blocks of whole
/// lines.
final class RecordWriter {
    private static let blockByteCount = 1 << 16

    /// The record being written: keys in the order of their UTF-8 bytes, which is up to the caller.
    var json = JSONWriter()
    private let sink: (borrowing [UInt8]) -> Void
    private let capture: String?
    private let digest = Digest(.sha256)
    private var digestJSON = JSONWriter()
    private var timeText: [UInt8] = []
    private var timeTextSecond: Int64?

    /// - Parameters:
    ///   - capture: what each record names as its capture.
    ///   - sink: takes whole lines.
    init(capture: String?, sink: @escaping (borrowing [UInt8]) -> Void) {
        self.capture = capture
        self.sink = sink
    }

    /// Ends a record.
    func endRecord() {
        json.endLine()
        if json.bytes.count >= Self.blockByteCount { flush() }
    }

    /// Hands on what was written.
    func flush() {
        if json.bytes.isEmpty { return }
        sink(json.bytes)
        json.removeAll()
    }

    // MARK: Values

    /// Writes the member that names the capture, if all alerts are from one.
    func writeCapture() {
        if let capture { json.member("capture", capture) }
    }

    /// Writes millionths as a plain decimal number.
    func number(_ millionths: Int128) {
        json.raw(plainText(ofMillionths: millionths).utf8)
    }

    /// Writes a time with nine digits, so that text order is time order.
    func time(_ time: Timestamp) { self.time(time, to: &json) }

    /// Writes a time with nine digits.
    func time(_ time: Timestamp, to writer: inout JSONWriter) {
        var (second, nanosecond) = time.nanoseconds.quotientAndRemainder(
            dividingBy: nanosecondsPerSecond)
        if nanosecond < 0 {
            second -= 1
            nanosecond += nanosecondsPerSecond
        }
        if second != timeTextSecond {
            timeTextSecond = second
            timeText = Array("\"\(time)\"".utf8)
        }
        // The text ends with nine digits, a Z and a quote.
        var place = timeText.count - 3
        for _ in 0..<9 {
            timeText[place] = UInt8(truncatingIfNeeded: 48 + nanosecond % 10)
            nanosecond /= 10
            place -= 1
        }
        writer.raw(timeText)
    }

    /// Writes an identifier as 24 hexadecimal digits.
    func id(_ id: RecordID) {
        var text: [UInt8] = [UInt8(ascii: "\"")]
        text.reserveCapacity(26)
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            text.append(hexDigits.utf8Start[Int(id.high >> shift & 15)])
        }
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            text.append(hexDigits.utf8Start[Int(id.low >> shift & 15)])
        }
        text.append(UInt8(ascii: "\""))
        json.raw(text)
    }

    /// Writes the reference to an item.
    func reference(_ reference: ItemReference, _ catalog: RuleCatalog) {
        json.beginObject()
        if let id = reference.id {
            json.key("firing")
            self.id(id)
        } else {
            if reference.hasFlowID { json.member("flow_id", reference.flowID) }
            if reference.hasPacket { json.member("packet", reference.packet) }
        }
        json.key("rule")
        json.string(catalog.text(ofIdentity: reference.identity))
        json.key("time")
        time(reference.time)
        json.endObject()
    }

    // MARK: Identifiers

    /// The id that canonical JSON, as `write` writes it, gives.
    func makeID(_ write: (inout JSONWriter) -> Void) -> RecordID {
        digestJSON.removeAll()
        write(&digestJSON)
        digest.reset()
        digestJSON.bytes.withUnsafeBytes { digest.update($0) }
        return digest.finish().withUnsafeBytes { bytes in
            RecordID(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        }
    }
}

extension JSONWriter {
    /// Writes well-formed UTF-8 as a string.
    mutating func string(_ text: [UInt8]) {
        text.withUnsafeBytes { string($0) }
    }
}
