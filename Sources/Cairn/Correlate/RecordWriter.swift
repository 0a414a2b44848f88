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
    var label: RuleLabelID
    var packet: Int64
    var flowID: Int64
    var hasPacket: Bool
    var hasFlowID: Bool
    /// Of a firing.
    var id: RecordID?

    init(_ item: ItemID, in store: borrowing ItemStore) {
        let header = store.header(item)
        time = header.pointee.time
        label = header.pointee.label
        packet = header.pointee.packet
        flowID = header.pointee.flowID
        hasPacket = header.pointee.hasPacket
        hasFlowID = header.pointee.hasFlowID
        id = store.detail(item)?.id
    }
}

/// What all parts of the correlation stage work with.
struct CorrelationContext: ~Copyable {
    let catalog: RuleCatalog
    var items: ItemStore
    var records: RecordWriter
    /// Bytes that the groups of all rules take, apart from their items.
    var groupByteCount = 0
}

/// Puts records into canonical JSON lines (CORRELATION.md §10) and hands them on in blocks of whole
/// lines.
struct RecordWriter: ~Copyable {
    private static let blockByteCount = 1 << 16

    /// The record being written: keys in the order of their UTF-8 bytes, which is up to the caller.
    var json = JSONWriter()
    /// What the identifier being made is the hash of.
    var idSource = JSONWriter()
    /// A value that records will show later.
    private var part = JSONWriter()
    /// The lines that are handed on.
    private var block: [UInt8] = []
    private let capture: String?
    private let sink: (borrowing [UInt8]) -> Void
    private let digest = Digest(.sha256)

    /// - Parameters:
    ///   - capture: what each record names as its capture.
    ///   - sink: takes whole lines.
    init(capture: String?, sink: @escaping (borrowing [UInt8]) -> Void) {
        self.capture = capture
        self.sink = sink
    }

    /// Ends a record.
    mutating func endRecord() {
        json.endLine()
        if json.byteCount >= Self.blockByteCount { flush() }
    }

    /// Hands on what was written.
    mutating func flush() {
        if json.byteCount == 0 { return }
        block.removeAll(keepingCapacity: true)
        json.copy(to: &block)
        sink(block)
        json.removeAll()
    }

    // MARK: Values

    /// Writes the member that names the capture, if all alerts are from one.
    mutating func writeCapture() {
        if let capture { json.member("capture", capture) }
    }

    /// Appends the reference to an item to a list of such texts, separated by commas.
    mutating func append(
        _ reference: ItemReference, _ catalog: RuleCatalog, to list: inout PlainList<UInt8>
    ) {
        if !list.isEmpty { list.append(UInt8(ascii: ",")) }
        part.reference(reference, catalog)
        part.withBytes { list.append(contentsOf: $0) }
        part.removeAll()
    }

    // MARK: Identifiers

    /// The identifier that the text in `idSource` gives, which is then empty.
    mutating func makeID() -> RecordID {
        digest.reset()
        idSource.withBytes { digest.update($0) }
        idSource.removeAll()
        return digest.withFinished { bytes in
            RecordID(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        }
    }
}

extension JSONWriter {
    /// Writes the reference to an item.
    mutating func reference(_ reference: ItemReference, _ catalog: RuleCatalog) {
        beginObject()
        if let id = reference.id {
            key("firing")
            self.id(id)
        } else {
            if reference.hasFlowID { member("flow_id", reference.flowID) }
            if reference.hasPacket { member("packet", reference.packet) }
        }
        key("rule")
        raw(catalog[reference.label].idText)
        key("time")
        time(reference.time)
        endObject()
    }

    /// Writes well-formed UTF-8 as a string.
    mutating func string(_ text: [UInt8]) {
        text.withUnsafeBytes { string($0) }
    }

    /// Writes an identifier as 24 hexadecimal digits.
    mutating func id(_ id: RecordID) {
        let low = Self.hexadecimal(id.low)
        plainString(
            [
                Self.hexadecimal(UInt32(truncatingIfNeeded: id.high >> 32)),
                Self.hexadecimal(UInt32(truncatingIfNeeded: id.high)),
            ], low, byteCount: 24)
    }

    /// The eight hexadecimal digits of a number, the first one in the lowest byte: the bytes are taken
    /// apart into digits at once, then digits above nine move on to the letters.
    @inline(__always) private static func hexadecimal(_ number: UInt32) -> UInt64 {
        var digits = UInt64(number.byteSwapped)
        digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff
        digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff
        digits = (digits >> 4 | digits << 8) & 0x0f0f_0f0f_0f0f_0f0f
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (digits &+ 0x3030_3030_3030_3030 &+ letters &* 39).littleEndian
    }
}

extension Level {
    /// Its name as JSON text.
    var json: StaticString {
        switch self {
        case .informational: #""informational""#
        case .low: #""low""#
        case .medium: #""medium""#
        case .high: #""high""#
        case .critical: #""critical""#
        }
    }
}
