/// The header fields of one message, decoded: names and values side by side in one buffer.
final class HTTP2Fields {
    /// One header field, as offsets into `text`.
    struct Field {
        var name: Int
        var nameCount: Int
        var value: Int
        var valueCount: Int
    }

    let text = HTTPBuffer()
    fileprivate(set) var fields: [Field] = []
    /// Sizes that the dynamic table was set to (RFC 7541 §6.3).
    fileprivate(set) var sizeUpdates: [UInt64] = []
    fileprivate(set) var faults: HPACKFaults = []

    func removeAll() {
        text.removeAll()
        fields.removeAll(keepingCapacity: true)
        sizeUpdates.removeAll(keepingCapacity: true)
        faults = []
    }

    /// The name, or the value, of a field; valid until the text is changed.
    func name(_ field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: text.bytes[field.name..<field.name &+ field.nameCount])
    }

    func value(_ field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: text.bytes[field.value..<field.value &+ field.valueCount])
    }
}

/// What was wrong with a header block.
struct HPACKFaults: OptionSet {
    let rawValue: UInt8
    /// An index without entry, or a Huffman code that is none.
    static let invalidField = HPACKFaults(rawValue: 1)
    /// An integer that no 32 bits hold.
    static let integerOverflow = HPACKFaults(rawValue: 2)
    /// The block ends within a field.
    static let truncated = HPACKFaults(rawValue: 4)
    /// More fields, or bytes of them, than are kept.
    static let tooMuch = HPACKFaults(rawValue: 8)
}

/// Decodes the header blocks of one direction (HPACK, RFC 7541), whose dynamic table lives as long as the connection.
///
/// A wrong field is passed over: the next one is mostly right. Memory: the dynamic table is at most
/// `tableByteCountMax` bytes, counted as §4.1 does. One byte of a block may stand for a whole entry: so of a message as many
/// bytes and fields are kept as limits say, and a block that stands for `expansionMax` times as many is given up.
final class HPACKDecoder {
    /// What clients announce at most, in practice.
    static let tableByteCountMax = 65_536
    private static let expansionMax = 16
    /// Bytes that an entry counts for beside its name and value (§4.1).
    private static let entryOverhead = 32

    private struct Entry {
        /// Counted from the first byte that was ever stored.
        var start: Int
        var nameCount: Int
        var valueCount: Int
        var byteCount: Int { nameCount &+ valueCount &+ HPACKDecoder.entryOverhead }
    }

    /// Entries, oldest first, from `first` on, and their bytes; those before are gone.
    private var entries: [Entry] = []
    private var first = 0
    private let stored = HTTPBuffer()
    private var storedStart = 0
    private var tableByteCount = 0
    private var capacity = 4096
    /// Bytes that the block stands for up to here.
    private var expandedByteCount = 0

    func reset() {
        entries.removeAll(keepingCapacity: true)
        first = 0
        stored.removeAll()
        storedStart = 0
        tableByteCount = 0
        capacity = 4096
    }

    // MARK: Blocks

    /// Decodes a whole block, adding to `output`.
    func decode(_ block: RawSpan, limits: ProtocolLimits, into output: HTTP2Fields) {
        var position = 0
        expandedByteCount = 0
        while position < block.byteCount {
            guard expandedByteCount <= Self.expansionMax &* limits.headersByteCountMax else {
                output.faults.insert(.tooMuch)
                return
            }
            let byte = block.byte(at: position)
            let isWhole: Bool
            if byte & 0x80 != 0 {
                isWhole = takeIndexed(block, at: &position, limits, output)
            } else if byte & 0x60 == 0x20 {
                isWhole = takeSizeUpdate(block, at: &position, output)
            } else {
                isWhole = takeLiteral(
                    block, at: &position, isIndexed: byte & 0x40 != 0, limits, output)
            }
            guard isWhole else {
                output.faults.insert(.truncated)
                return
            }
        }
    }

    /// An entry of the tables as it is (§6.1). Whether all of it was there.
    private func takeIndexed(
        _ block: RawSpan, at position: inout Int, _ limits: ProtocolLimits, _ output: HTTP2Fields
    ) -> Bool {
        guard let index = integer(block, at: &position, prefix: 7, output) else { return false }
        let start = output.text.count
        guard let nameCount = appendName(index, to: output.text) else {
            output.faults.insert(.invalidField)
            return true
        }
        appendValue(index, to: output.text)
        keep(start, nameCount, limits, output)
        return true
    }

    /// A value beside a name that is an entry's or stands there too (§6.2).
    private func takeLiteral(
        _ block: RawSpan, at position: inout Int, isIndexed: Bool, _ limits: ProtocolLimits,
        _ output: HTTP2Fields
    ) -> Bool {
        let prefix: UInt8 = isIndexed ? 6 : 4
        guard let index = integer(block, at: &position, prefix: prefix, output) else {
            return false
        }
        let start = output.text.count
        var isRight = true
        if index == 0 {
            guard let isName = string(block, at: &position, limits, into: output) else {
                return false
            }
            isRight = isName
        } else if appendName(index, to: output.text) == nil {
            isRight = false
        }
        let nameCount = output.text.count &- start
        guard let isValue = string(block, at: &position, limits, into: output) else {
            output.text.truncate(to: start)
            return false
        }
        guard isRight, isValue else {
            output.faults.insert(.invalidField)
            output.text.truncate(to: start)
            return true
        }
        if isIndexed { insert(output.text, from: start, nameCount: nameCount) }
        keep(start, nameCount, limits, output)
        return true
    }

    /// A new size of the dynamic table (§6.3).
    private func takeSizeUpdate(
        _ block: RawSpan, at position: inout Int, _ output: HTTP2Fields
    ) -> Bool {
        guard let size = integer(block, at: &position, prefix: 5, output) else { return false }
        if output.sizeUpdates.count < 16 { output.sizeUpdates.append(size) }
        capacity = Int(min(size, UInt64(Self.tableByteCountMax)))
        evict(downTo: capacity)
        return true
    }

    /// Keeps the field that lies at the end of the text, if there is room for it.
    private func keep(
        _ start: Int, _ nameCount: Int, _ limits: ProtocolLimits, _ output: HTTP2Fields
    ) {
        expandedByteCount &+= output.text.count &- start
        guard output.fields.count < limits.headerCountMax,
            output.text.count <= limits.headersByteCountMax
        else {
            output.faults.insert(.tooMuch)
            return output.text.truncate(to: start)
        }
        let value = start &+ nameCount
        output.fields.append(
            HTTP2Fields.Field(
                name: start, nameCount: nameCount, value: value,
                valueCount: output.text.count &- value))
    }

    // MARK: Integers and strings

    /// An integer that begins in the last bits of a byte (§5.1); one that is too large counts as the largest. nil if its
    /// end is not there.
    private func integer(
        _ block: RawSpan, at position: inout Int, prefix: UInt8, _ output: HTTP2Fields
    ) -> UInt64? {
        guard position < block.byteCount else { return nil }
        let mask = UInt8(1) << prefix &- 1
        var value = UInt64(block.byte(at: position) & mask)
        position &+= 1
        guard value == UInt64(mask) else { return value }
        var shift: UInt64 = 0
        while position < block.byteCount {
            let byte = block.byte(at: position)
            position &+= 1
            if shift < 35 { value &+= UInt64(byte & 0x7f) << shift }
            if shift >= 35, byte & 0x7f != 0 { value = UInt64(UInt32.max) &+ 1 }
            shift = min(shift &+ 7, 63)
            guard byte & 0x80 == 0 else { continue }
            if value > UInt64(UInt32.max) {
                output.faults.insert(.integerOverflow)
                return UInt64(UInt32.max)
            }
            return value
        }
        return nil
    }

    /// Appends a string (§5.2) to the text. Whether it is one; nil if its end is not there.
    private func string(
        _ block: RawSpan, at position: inout Int, _ limits: ProtocolLimits,
        into output: HTTP2Fields
    ) -> Bool? {
        guard position < block.byteCount else { return nil }
        let isCoded = block.byte(at: position) & 0x80 != 0
        guard let byteCount = integer(block, at: &position, prefix: 7, output),
            byteCount <= UInt64(block.byteCount &- position)
        else { return nil }
        let range = position..<position &+ Int(byteCount)
        position = range.upperBound
        guard isCoded else {
            output.text.append(block.extracting(range))
            return true
        }
        return HPACKHuffman.decode(
            block, range, byteCountMax: limits.headersByteCountMax, into: output.text)
    }

    // MARK: Tables

    private var entryCount: Int { entries.count &- first }

    /// The entry of the dynamic table that has an index among all (§2.3.3).
    private func entry(_ index: UInt64) -> Entry? {
        let place = index &- UInt64(HPACKStaticTable.count) &- 1
        guard place < UInt64(entryCount) else { return nil }
        return entries[entries.count &- 1 &- Int(place)]
    }

    /// Appends the name of the entry with an index. Its length; nil if there is none.
    private func appendName(_ index: UInt64, to text: HTTPBuffer) -> Int? {
        if let name = HPACKStaticTable.name(index) {
            text.append(name)
            return name.utf8CodeUnitCount
        }
        guard index > 0, let entry = entry(index) else { return nil }
        append(entry.start, entry.nameCount, to: text)
        return entry.nameCount
    }

    private func appendValue(_ index: UInt64, to text: HTTPBuffer) {
        if let value = HPACKStaticTable.value(index) { return text.append(value) }
        guard index > 0, let entry = entry(index) else { return }
        append(entry.start &+ entry.nameCount, entry.valueCount, to: text)
    }

    private func append(_ start: Int, _ count: Int, to text: HTTPBuffer) {
        let offset = start &- storedStart
        text.append(UnsafeRawBufferPointer(rebasing: stored.bytes[offset..<offset &+ count]))
    }

    /// Adds the field at the end of a text to the table; one that is larger than the table empties it (§4.4).
    private func insert(_ text: HTTPBuffer, from start: Int, nameCount: Int) {
        let byteCount = text.count &- start
        let entry = Entry(
            start: storedStart &+ stored.count, nameCount: nameCount,
            valueCount: byteCount &- nameCount)
        evict(downTo: max(0, capacity &- entry.byteCount))
        guard entry.byteCount <= capacity else { return }
        stored.append(UnsafeRawBufferPointer(rebasing: text.bytes[start...]))
        entries.append(entry)
        tableByteCount &+= entry.byteCount
    }

    private func evict(downTo byteCountMax: Int) {
        while tableByteCount > byteCountMax, first < entries.count {
            tableByteCount &-= entries[first].byteCount
            first &+= 1
        }
        if first == entries.count {
            storedStart &+= stored.count
            stored.truncate(to: 0)
            entries.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 256 || entries[first].start &- storedStart > 2 &* Self.tableByteCountMax
        {
            let gone = entries[first].start &- storedStart
            stored.removeFirst(gone)
            storedStart &+= gone
            entries.removeFirst(first)
            first = 0
        }
    }
}

/// The static table (RFC 7541 appendix A).
enum HPACKStaticTable {
    static let count = entries.count

    static func name(_ index: UInt64) -> StaticString? {
        index &- 1 < UInt64(count) ? entries[Int(index) &- 1].name : nil
    }

    static func value(_ index: UInt64) -> StaticString? {
        index &- 1 < UInt64(count) ? entries[Int(index) &- 1].value : nil
    }

    private static let entries: [(name: StaticString, value: StaticString)] = [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
        (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
        (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
        (":status", "404"), (":status", "500"), ("accept-charset", ""),
        ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""),
        ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""),
        ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
        ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
        ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
        ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
        ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
        ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
        ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""),
        ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""),
        ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
        ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ]
}
